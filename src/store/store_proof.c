/*
 * Calls that prove something instead of moving something: does the store
 * answer, may we use it, is the copy there and the same?
 */
#include "base/b64.h"
#include "base/limits.h"
#include "store/store_call.h"

/* ---- is the copy the same? ---- */

/* What a copy may be longer than its data: name, labels, the other fields, escapes of '+' and '/'. */
enum { COPY_ROOM = 256 << 10 };

static void content_id(struct bytes b64, struct buf *out)
{
    CLEANUP(buf_fini) struct buf plain = { 0 };
    if (!b64_decode(b64, &plain))
        return;
    struct sha256 sum = sha256_of(buf_bytes(&plain));
    b64_encode_url(bytes_of((const char *) sum.octet, SHA256_LEN), out);
}

/* Not there under the source's id: a store names a message by its bytes, whatever the source called it. */
static bool look_by_content(struct store_call *call, struct store_result *r)
{
    CLEANUP(buf_fini) struct buf id = { 0 };
    if (r->class != ERR_NOT_FOUND)
        return false;
    content_id(call->want, &id);
    if (id.len == 0 || bytes_eq(buf_bytes(&id), bytes_of(call->id, call->id_len)))
        return false;
    struct store_attempt none = { 0 };
    if (!store_call_message(call, &none, buf_bytes(&id)))
        return false;
    call->reply_max = MIN(call->want.len * 2 + COPY_ROOM, (size_t) LIMIT_REPLY_BODY);
    store_call_again(call, "GET", NULL, 0);
    return true;
}

struct store_call *store_compare(struct store_client *c, const struct store_attempt *a, struct bytes id,
                                 struct bytes want, const struct bytes *labels, const struct store_events *ev, void *ctx)
{
    struct store_call *call = store_call_new(c, "compare", store_read_compare, ev, ctx);
    call->want = want;
    call->labels_too = labels != NULL;
    call->labels = labels != NULL ? *labels : bytes_of(NULL, 0);
    call->reply_max = MIN(want.len * 2 + COPY_ROOM, (size_t) LIMIT_REPLY_BODY);
    if (store_call_message(call, a, id)) {
        store_call_then(call, a, look_by_content);
        store_call_go(call, a, "GET", NULL, 0);
    }
    return call;
}

/* ---- does the store answer? ---- */

static void read_list(struct store_call *call, struct store_result *r, struct err *err)
{
    struct json_field f[] = { { "hl7V2Messages", { 0 } } };
    if (!store_read_object(buf_bytes(call->reply), f, 1, ERR_BAD_REPLY, r, err))
        return;
    if (f[0].value.kind != JSON_NONE && f[0].value.kind != JSON_ARRAY)
        store_read_fail(r, err, ERR_BAD_REPLY, "hl7V2Messages is no array");
}

static struct store_call *list_one(struct store_client *c, const char *what, const struct store_events *ev, void *ctx)
{
    struct store_call *call = store_call_new(c, what, read_list, ev, ctx);
    store_path_url(&c->names.own, "/messages?pageSize=1", &call->url);
    return call;
}

struct store_call *store_prove_alive(struct store_client *c, const struct store_attempt *a,
                                     const struct store_events *ev, void *ctx)
{
    struct store_call *call = list_one(c, "look at the store", ev, ctx);
    store_call_go(call, a, "GET", NULL, 0);
    return call;
}

/* ---- may we use it? ---- */

/* A well-formed id of the usual length that no message has: its SHA-256 would be all zero bits. */
static const char no_id[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

static bool missing_is_fine(struct store_call *call, struct store_result *r)
{
    (void) call;
    if (r->class == ERR_NOT_FOUND)
        r->class = ERR_OK;
    return false;
}

static bool get_instead_of_list(struct store_call *call, struct store_result *r)
{
    struct store_attempt none = { 0 };
    if (r->class != ERR_FORBIDDEN || !store_call_message(call, &none, BYTES_LIT(no_id)))
        return false;
    call->then = missing_is_fine;
    call->read = store_read_compare;
    call->want = bytes_of(NULL, 0);
    store_call_again(call, "GET", NULL, 0);
    return true;
}

struct store_call *store_probe_source(struct store_client *c, const struct store_attempt *a,
                                      const struct store_events *ev, void *ctx)
{
    struct store_call *call = list_one(c, "probe", ev, ctx);
    store_call_then(call, a, get_instead_of_list);
    store_call_go(call, a, "GET", NULL, 0);
    return call;
}

static bool refusal_is_fine(struct store_call *call, struct store_result *r)
{
    (void) call;
    if (r->class == ERR_REFUSED || r->class == ERR_NACKED)
        r->class = ERR_OK;
    return false;
}

struct store_call *store_probe_dest(struct store_client *c, const struct store_attempt *a,
                                    const struct store_events *ev, void *ctx)
{
    static const struct bytes body = { "{\"message\":{}}", 14 };
    struct store_call *call = store_call_new(c, "probe", store_read_ingest, ev, ctx);
    store_path_url(&c->names.own, "/messages:ingest", &call->url);
    store_call_then(call, a, refusal_is_fine);
    store_call_go(call, a, "POST", &body, 1);
    return call;
}
