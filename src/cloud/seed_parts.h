/* For seed*.c alone: one seeding, and what its parts do. */
#ifndef CLOUD_SEED_PARTS_H
#define CLOUD_SEED_PARTS_H

#include "cloud/seed.h"
#include "json/scan.h"

/* Made in this order, so that each finds what it refers to. */
enum cloud_seed_kind {
    CLOUD_SEED_TOPIC, CLOUD_SEED_SUBSCRIPTION, CLOUD_SEED_DATASET, CLOUD_SEED_STORE, CLOUD_SEED_MESSAGE, CLOUD_SEED_KINDS
};

struct cloud_seed {
    struct cloud *c;
    const char *file;
    struct bytes text;
    size_t under_way;
    uint64_t count[CLOUD_SEED_KINDS];
    struct err first;              /* class OK: nothing has gone wrong yet */
};

/* One thing to make; lives until it is made or refused. */
struct cloud_seed_item {
    struct cloud_seed *seed;
    enum cloud_seed_kind kind;
    struct json_value value;       /* of the seed's text */
    struct buf path;               /* "projects.P.topics.T" */
    struct buf name;               /* resource name; of messages: their store's */
    struct buf body;               /* the API's JSON */
    bool again;                    /* it was there: now it is patched */
};

/* --- seed_text.c --- */

/* Notes what is wrong at this place of the file, if it is the first; returns false. */
bool cloud_seed_wrong(struct cloud_seed *s, const char *at, const char *path, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The place within value that a sentence of the API is about: the deepest key that it names, else value itself. */
const char *cloud_seed_place(const struct json_value *value, const char *sentence, struct buf *path);
/* The object as the API takes it: topics by their full names, "messages" and "hl7V2Stores" left out. Appends. */
void cloud_seed_body(const struct json_value *object, struct bytes project, struct buf *out);
/* "labels,retryPolicy": the keys of the object that an update may name. Appends. */
void cloud_seed_mask(const struct json_value *object, enum cloud_seed_kind kind, struct buf *out);

/* --- seed_make.c --- */

/* Begins to make it. The item is given away; what goes wrong comes to seed->first. */
void cloud_seed_make(struct cloud_seed_item *item);
void cloud_seed_item_free(struct cloud_seed_item *item);

/* --- seed_messages.c --- */

/* The messages of a store: an array. */
bool cloud_seed_messages(struct cloud_seed *s, const struct json_value *list, const char *path, const char *store);
/* Runs passes until at most `left` things are under way. */
void cloud_seed_wait(struct cloud_seed *s, size_t left);

#endif
