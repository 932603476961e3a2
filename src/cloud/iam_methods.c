#include "cloud/iam.h"
#include "cloud/proto_wire.h"
#include "cloud/pubsub.h"

/* Field 1 of the three requests. */
static bool resource_exists(const struct cloud_unary *u, struct bytes name)
{
    struct cloud_pubsub *p = u->cloud->pubsub;
    const struct cloud_topic *t = cloud_topic_find(p, name);
    const struct cloud_sub *s = cloud_sub_find(p, name);
    return (t != NULL && t->durable) || (s != NULL && s->durable) || cloud_snapshot_find(p, name) != NULL;
}

/* False: the call has been refused. */
static bool check_resource(struct cloud_unary *u, struct bytes name)
{
    if (!cloud_pubsub_name_ok(name, "topics") && !cloud_pubsub_name_ok(name, "subscriptions")
        && !cloud_pubsub_name_ok(name, "snapshots"))
        cloud_unary_fail(u, GRPC_INVALID_ARGUMENT, "Invalid resource name given (name=%.*s).", BYTES_FMT(name));
    else if (!resource_exists(u, name))
        cloud_unary_fail(u, GRPC_NOT_FOUND, "Resource not found (resource=%.*s).", BYTES_FMT(name));
    else
        return true;
    return false;
}

static void answer(struct cloud_unary *u, bool ok, const struct buf *response, const struct err *err)
{
    if (ok)
        cloud_unary_ok(u, buf_bytes(response));
    else
        cloud_unary_fail(u, (enum grpc_code) err->grpc, "%s", err->text);
}

void cloud_pubsub_iam_get(struct cloud_unary *u, struct bytes request)
{
    CLEANUP(buf_fini) struct buf policy = { 0 };
    struct err err = { 0 };
    if (!check_resource(u, cloud_wire_find(request, 1)))
        return;
    bool ok = cloud_iam_get(u->cloud, request, &policy, &err);
    answer(u, ok, &policy, &err);
}

/* A policy on its way to the disk. */
struct change {
    struct cloud_unary *call;
    struct buf policy;
};

static void change_free(struct change *change)
{
    buf_fini(&change->policy);
    mem_free(change);
}

static void changed(void *ctx, const struct err *err)
{
    struct change *change = ctx;
    if (err != NULL)
        cloud_unary_disk(change->call, err);
    else
        cloud_unary_ok(change->call, buf_bytes(&change->policy));
    change_free(change);
}

void cloud_pubsub_iam_set(struct cloud_unary *u, struct bytes request)
{
    struct err err = { 0 };
    if (!check_resource(u, cloud_wire_find(request, 1)))
        return;
    struct change *change = mem_alloc(sizeof(*change));
    struct cloud_db_write *w = cloud_db_begin(u->cloud->db);
    change->call = u;
    if (!cloud_iam_set(u->cloud, w, request, &change->policy, &err)) {
        cloud_db_abandon(w);
        answer(u, false, &change->policy, &err);
        change_free(change);
        return;
    }
    cloud_db_then(w, changed, change);
    cloud_db_commit(w);
}

/* Of a resource that does not exist nothing is granted, and that is no error (documented). */
void cloud_pubsub_iam_test(struct cloud_unary *u, struct bytes request)
{
    CLEANUP(buf_fini) struct buf response = { 0 };
    struct err err = { 0 };
    bool ok = cloud_iam_test(request, &response, &err);
    if (ok && !resource_exists(u, cloud_wire_find(request, 1)))
        buf_clear(&response);
    answer(u, ok, &response, &err);
}
