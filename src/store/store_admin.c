#include "store/store_admin.h"

#include "json/write.h"
#include "store/store_call.h"

static void read_resource(struct store_call *call, struct store_result *r, struct err *err)
{
    store_read_object(buf_bytes(call->reply), NULL, 0, ERR_BAD_REPLY, r, err);
}

static void admin_done(struct store_call *call, struct store_result *r)
{
    store_admin_fn *fn = (store_admin_fn *) call->fn;
    struct store_admin_reply reply = { .result = *r };
    if (r->class == ERR_OK)
        reply.json = buf_bytes(call->reply);
    fn(call->ctx, &reply);
}

static struct store_call *new_call(struct store_client *c, const char *what, store_admin_fn *fn, void *ctx)
{
    struct store_call *call = store_call_new(c, what, read_resource, NULL, ctx);
    call->done = admin_done;
    call->fn = (void (*)(void)) fn;
    call->reply_max = (size_t) 1 << 20;
    return call;
}

/* The store's name up to `end` parts of it: 2 "projects/p/locations/l", 3 with the dataset. */
static struct bytes name_up_to(const struct store_name *own, const struct bytes *last)
{
    return bytes_of(own->full.ptr, (size_t) (last->ptr + last->len - own->full.ptr));
}

struct store_call *store_admin_create_dataset(struct store_client *c, const struct store_attempt *a,
                                              store_admin_fn *fn, void *ctx)
{
    struct store_call *call = new_call(c, "create the dataset", fn, ctx);
    struct bytes parent = name_up_to(&c->names.own, &c->names.own.location), body = BYTES_LIT("{}");
    buf_printf(&call->url, "/v1/%.*s/datasets?datasetId=%.*s", BYTES_FMT(parent), BYTES_FMT(c->names.own.dataset));
    store_call_go(call, a, "POST", &body, 1);
    return call;
}

struct store_call *store_admin_create_store(struct store_client *c, const struct store_attempt *a,
                                            const struct store_admin_store *s, store_admin_fn *fn, void *ctx)
{
    struct store_call *call = new_call(c, "create the store", fn, ctx);
    struct bytes parent = name_up_to(&c->names.own, &c->names.own.dataset);
    buf_printf(&call->url, "/v1/%.*s/hl7V2Stores?hl7V2StoreId=%.*s", BYTES_FMT(parent),
               BYTES_FMT(c->names.own.store));
    buf_clear(&call->request);
    struct json_writer w = json_write_to(&call->request);
    json_write_object(&w, NULL);
    json_write_object(&w, "parserConfig");
    json_write_str(&w, "version", BYTES_LIT("V3"));
    json_write_end(&w);
    if (s->reject_duplicates)
        json_write_bool(&w, "rejectDuplicateMessage", true);
    if (s->notification_topic.len > 0) {
        json_write_array(&w, "notificationConfigs");
        json_write_object(&w, NULL);
        json_write_str(&w, "pubsubTopic", s->notification_topic);
        json_write_end(&w);
        json_write_end(&w);
    }
    json_write_end(&w);
    struct bytes body = buf_bytes(&call->request);
    store_call_go(call, a, "POST", &body, 1);
    return call;
}

struct store_call *store_admin_get_store(struct store_client *c, const struct store_attempt *a, store_admin_fn *fn,
                                         void *ctx)
{
    struct store_call *call = new_call(c, "look at the store", fn, ctx);
    store_path_url(&c->names.own, "", &call->url);
    store_call_go(call, a, "GET", NULL, 0);
    return call;
}

struct store_call *store_admin_get_operation(struct store_client *c, const struct store_attempt *a,
                                             struct bytes name, store_admin_fn *fn, void *ctx)
{
    struct store_call *call = new_call(c, "look at the operation", fn, ctx);
    struct bytes dataset = name_up_to(&c->names.own, &c->names.own.dataset);
    struct bytes rest = bytes_sub(name, dataset.len, name.len), word = BYTES_LIT("/operations/");
    struct bytes id = bytes_sub(rest, word.len, rest.len);
    if (!bytes_starts(name, dataset) || !bytes_starts(rest, word) || !store_path_id_ok(id)) {
        store_call_refuse(call, a, ERR_BAD_INPUT, "not the name of an operation of this dataset");
        return call;
    }
    buf_printf(&call->url, "/v1/%.*s/operations/%.*s", BYTES_FMT(dataset), BYTES_FMT(id));
    store_call_go(call, a, "GET", NULL, 0);
    return call;
}
