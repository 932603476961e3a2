/* Stores and datasets, for `check`, `send` and `demo`: one call each, never re-sent. */
#ifndef STORE_STORE_ADMIN_H
#define STORE_STORE_ADMIN_H

#include "store/store_client.h"

struct store_admin_reply {
    struct store_result result;
    /* the resource or operation as it came, sound JSON when OK; until the callback returns */
    struct bytes json;
};

typedef void store_admin_fn(void *ctx, const struct store_admin_reply *reply);

struct store_admin_store {
    struct bytes notification_topic;    /* projects/p/topics/t, or empty */
    bool reject_duplicates;
};

/* Answers an Operation, which goes on by itself: look with store_admin_get(its "name"). */
struct store_call *store_admin_create_dataset(struct store_client *c, const struct store_attempt *a,
                                              store_admin_fn *fn, void *ctx);
struct store_call *store_admin_create_store(struct store_client *c, const struct store_attempt *a,
                                            const struct store_admin_store *s, store_admin_fn *fn, void *ctx);
/* GET the store itself. */
struct store_call *store_admin_get_store(struct store_client *c, const struct store_attempt *a,
                                         store_admin_fn *fn,
                                         void *ctx);
/* GET an operation of this store's dataset: {dataset}/operations/{id}; else BAD_INPUT, NOT_SENT. */
struct store_call *store_admin_get_operation(struct store_client *c, const struct store_attempt *a,
                                             struct bytes name, store_admin_fn *fn, void *ctx);

#endif
