#include "cloud/reset.h"

#include "cloud/proto_wire.h"
#include "cloud/pubsub.h"
#include "cloud/stores.h"

struct reset {
    struct cloud *cloud;
    char *prefix;                  /* "projects/P/", or "projects/" */
    cloud_db_then_fn *fn;
    void *ctx;
    size_t waits;                  /* deletions under way, and one more while they are being begun */
    bool failed;
};

/* One deletion, as a client would ask for it. */
struct reset_call {
    struct cloud_unary unary;
    struct reset *reset;
};

static void one_less(struct reset *r)
{
    if (--r->waits > 0)
        return;
    struct err err = { 0 };
    if (r->failed)
        err_set(&err, ERR_DISK, "not everything could be removed: the local cloud's disk cannot be written");
    r->fn(r->ctx, r->failed ? &err : NULL);
    mem_free(r->prefix);
    mem_free(r);
}

static void answered(struct cloud_unary *u, enum grpc_code code, struct bytes message UNUSED, struct bytes details UNUSED,
                     struct bytes response UNUSED)
{
    struct reset_call *call = CONTAINER_OF(u, struct reset_call, unary);
    struct reset *r = call->reset;
    /* NOT_FOUND: somebody else is removing it. */
    r->failed = r->failed || (code != GRPC_OK && code != GRPC_NOT_FOUND);
    mem_free(call);
    one_less(r);
}

static void erase(struct reset *r, cloud_unary_fn *method, const char *name)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    if (!bytes_starts(bytes_str(name), bytes_str(r->prefix)))
        return;
    struct reset_call *call = mem_alloc(sizeof(*call));
    *call = (struct reset_call) { { .cloud = r->cloud, .deadline_us = US_NEVER, .answer = answered }, r };
    cloud_wire_put_text(&request, 1, bytes_str(name));
    r->waits++;
    method(&call->unary, buf_bytes(&request));
}

static void stores_gone(void *ctx, const struct err *err)
{
    struct reset *r = ctx;
    r->failed = r->failed || err != NULL;
    one_less(r);
}

static void erase_stores(struct reset *r)
{
    static const enum cloud_db_table named[] = { CLOUD_DB_DATASET, CLOUD_DB_OPERATION, CLOUD_DB_STORE,
                                                  CLOUD_DB_IAM };
    struct cloud_db_write *w = cloud_db_begin(r->cloud->db);
    cloud_stores_erase(r->cloud->stores, bytes_str(r->prefix), false, w);
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        cloud_db_erase_prefix(w, named[i], bytes_str(r->prefix));
    cloud_db_then(w, stores_gone, r);
    r->waits++;
    cloud_db_commit(w);
}

void cloud_reset(struct cloud *c, struct bytes project, cloud_db_then_fn *fn, void *ctx)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    buf_printf(&prefix, "projects/%.*s%s", BYTES_FMT(project), project.len > 0 ? "/" : "");
    struct reset *r = mem_alloc(sizeof(*r));
    *r = (struct reset) { .cloud = c, .prefix = mem_dup(buf_bytes(&prefix)), .fn = fn, .ctx = ctx, .waits = 1 };
    /* Topics first: deleting one writes its subscriptions and snapshots anew, without it. */
    for (struct cloud_topic *t = c->pubsub->topics; t != NULL; t = t->hh.next)
        if (t->durable)
            erase(r, cloud_topic_delete, t->name);
    for (struct cloud_sub *s = c->pubsub->subs; s != NULL; s = s->hh.next)
        if (s->durable)
            erase(r, cloud_sub_delete, s->name);
    for (struct cloud_snapshot *s = c->pubsub->snapshots; s != NULL; s = s->hh.next)
        if (s->durable && !s->going)
            erase(r, cloud_snapshot_delete, s->name);
    for (struct cloud_snapshot *s = c->pubsub->snapshots; s != NULL; s = s->hh.next)
        if (s->durable)
            erase(r, cloud_snapshot_delete, s->name);
    erase_stores(r);
    one_less(r);
}
