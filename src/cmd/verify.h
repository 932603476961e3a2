/*
 * Comparing two stores by listing both. A message's id is a digest of its
 * bytes, so equal ids are equal messages; --deep fetches both and looks.
 * A list may lag behind: what it lacks is asked for by name before it is
 * called missing.
 *
 *   verify_list      all ids of one store, sorted
 *   verify_compare   one mark for each id
 *   verify_dead      which dead letters have a copy after all
 *   verify           the command: connections, progress, report
 */
#ifndef CMD_VERIFY_H
#define CMD_VERIFY_H

#include "base/sha256.h"
#include "cmd/rest.h"

/* 36 bytes a message: ten million of them twice fit in a GiB. */
struct verify_id {
    uint8_t key[SHA256_LEN];    /* what the id stands for; of an id that is no digest: the digest of the id */
    uint32_t odd;               /* 0: a digest; else its place in `odd`, plus 1 */
};

struct verify_ids {
    const char *store;          /* full name */
    struct verify_id *at;
    size_t count, cap;
    struct buf odd;             /* texts of ids that are no digests, NUL after each */
    uint32_t *odd_at;
    uint32_t odd_count;
    bool listed;
};

enum verify_mark { VERIFY_SAME, VERIFY_MISSING, VERIFY_EXTRA, VERIFY_DIFFERENT, VERIFY_UNREADABLE, VERIFY_MARKS };

struct verify {
    struct rest rest;
    struct verify_ids source, dest;
    uint8_t *source_mark, *dest_mark;    /* dest_mark: VERIFY_SAME is counted at the source's */
    struct sha256 *seen;                 /* deep: what the source's bytes are */
    uint8_t *seen_sides;                 /* bit 0: source fetched, bit 1: destination fetched */
    size_t count[VERIFY_MARKS];
    bool deep;
    const volatile int *stop;
    void (*progress)(void *ctx, const char *what, size_t done, size_t of);    /* of 0: not known */
    void *ctx;
};

/* Both stores, at once. False: err says which store and why, or *stop. */
bool verify_list(struct verify *v, struct err *err);
/* Fills the marks and counts. */
bool verify_compare(struct verify *v, struct err *err);
/* Dead letters of a directory whose copy is at the destination: counted, and marked for `dead list`. */
bool verify_mark_dead(const struct verify *v, const char *dir, size_t *ret_count, struct err *err);
/* The id as the store spells it. */
void verify_id_text(const struct verify_ids *ids, size_t index, struct buf *out);
char verify_mark_char(enum verify_mark mark);    /* '=', '+', '-', '*', '!' */
void verify_fini(struct verify *v);

#endif
