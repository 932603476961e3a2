/*
 * Datasets and HL7v2 stores. All of them are in memory; what a
 * request needs to know of its store is found by name, without the database.
 */
#ifndef CLOUD_STORES_H
#define CLOUD_STORES_H

#include "cloud/call.h"
#include "cloud/store_conf.h"

struct cloud_store {
    struct cloud_store *next; /* of the same bucket */
    char *name;               /* projects/P/locations/L/datasets/D/hl7V2Stores/S */
    uint64_t number;          /* never given out twice: the key of its messages */
    struct cloud_store_conf conf;
    const struct cloud_zone *zone; /* of its dataset; NULL: UTC */
    bool accept_all;
    uint64_t going; /* number of the deletion that is on the way to the disk; 0: none */
};

/* Reads what the database has. Class DISK or CONFIG. */
struct cloud_stores *cloud_stores_make(struct cloud *c, const struct cloud_conf *conf, struct err *err);
void cloud_stores_free(struct cloud_stores *s);
const struct cloud_conf *cloud_stores_facts(const struct cloud_stores *s); /* the answers to open questions */

/* A fresh UUID for an ACK's MSH-10: random, not secret. */
enum { CLOUD_UUID_LEN = 37 };
void cloud_stores_uuid(struct cloud_stores *s, char out[CLOUD_UUID_LEN]);

/* NULL: no such store, or on its way out. Borrowed until the next pass of the loop. */
struct cloud_store *cloud_stores_find(struct cloud_stores *s, struct bytes name);

/* For stores_methods.c: a store that is durable. conf is taken. */
void cloud_stores_add(struct cloud_stores *s, struct bytes name, uint64_t number,
                      struct cloud_store_conf *conf);

/* The time zone of a dataset, for its stores; takes the zone (NULL: UTC). For datasets.c, once it is durable. */
void cloud_stores_set_zone(struct cloud_stores *s, struct bytes dataset, struct cloud_zone *zone);

/* The name in a call's path: its first `params` parameters joined. Appends. */
void cloud_stores_name(const struct cloud_call *call, size_t params, struct buf *out);
/* An id as Google allows it: 1 to 256 letters, digits, _ - and . */
bool cloud_stores_id_ok(struct bytes id);
/* Answers 400, with a fieldViolation where there is one; 501 for what is not in this version. The call is
 * gone. */
void cloud_stores_refuse(struct cloud_call *call, const struct cloud_json_fault *fault);
/* Answers 404 in the words of Google's APIs. The call is gone. */
void cloud_stores_missing(struct cloud_call *call, struct bytes name);
/* pageSize within 1 and max (0 or none: otherwise); false: negative or no number, and answered. */
bool cloud_stores_page_size(struct cloud_call *call, size_t otherwise, size_t max, size_t *ret_size) MUST_USE;

/* The time zone that a dataset's row names. Appends. */
void cloud_datasets_zone_of(struct bytes row, struct buf *out);

/* --- handlers; each ends its call --- */

void cloud_stores_create(struct cloud_call *call);
void cloud_stores_get(struct cloud_call *call);
void cloud_stores_list(struct cloud_call *call);
void cloud_stores_patch(struct cloud_call *call);
void cloud_stores_delete(struct cloud_call *call);
void cloud_stores_export(struct cloud_call *call);
void cloud_stores_import(struct cloud_call *call);
void cloud_stores_metrics(struct cloud_call *call);
void cloud_stores_get_policy(struct cloud_call *call);
void cloud_stores_set_policy(struct cloud_call *call);
void cloud_stores_test_policy(struct cloud_call *call);

void cloud_datasets_create(struct cloud_call *call);
void cloud_datasets_get(struct cloud_call *call);
void cloud_datasets_list(struct cloud_call *call);
void cloud_datasets_patch(struct cloud_call *call);
void cloud_datasets_delete(struct cloud_call *call);
void cloud_datasets_get_policy(struct cloud_call *call);
void cloud_datasets_set_policy(struct cloud_call *call);
void cloud_datasets_test_policy(struct cloud_call *call);

/*
 * For datasets.c too: puts the deletion of every store whose name begins with prefix into w (with exact: of
 * the one store that has this name), and hides them. Once w is durable or has failed, they are gone or come
 * back by themselves.
 */
void cloud_stores_erase(struct cloud_stores *s, struct bytes prefix, bool exact, struct cloud_db_write *w);

#endif
