#include "cmd/verify.h"

#include "base/b64.h"
#include "base/mem.h"
#include "json/scan.h"

#include <stdlib.h>

enum { VERIFY_PAGE = 1000, VERIFY_ATTEMPTS = 12 };

struct lister {
    struct verify *v;
    struct verify_ids *ids;
    struct buf path, token;
    unsigned attempt;
    bool done, failed;
    struct err err;
    struct loop_timer again;
};

static void ask_page(struct lister *l);

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
}

static void append_percent(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i]))
            buf_append_char(out, text.ptr[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char) text.ptr[i]);
    }
}

static void add_id(struct verify_ids *ids, struct bytes id)
{
    if (ids->count == ids->cap) {
        ids->cap = MAX(ids->cap * 2, (size_t) 4096);
        ids->at = mem_grow(ids->at, ids->cap * sizeof(*ids->at));
    }
    struct verify_id *one = &ids->at[ids->count++];
    *one = (struct verify_id) { .odd = 0 };
    CLEANUP(buf_fini) struct buf octets = { 0 }, back = { 0 };
    if (b64_decode(id, &octets) && octets.len == SHA256_LEN) {
        b64_encode_url(buf_bytes(&octets), &back);
        if (bytes_eq(buf_bytes(&back), id)) {
            memcpy(one->key, octets.ptr, SHA256_LEN);
            return;
        }
    }
    struct sha256 sum = sha256_of(id);
    memcpy(one->key, sum.octet, SHA256_LEN);
    ids->odd_at = mem_grow(ids->odd_at, (ids->odd_count + 1) * sizeof(*ids->odd_at));
    ids->odd_at[ids->odd_count++] = (uint32_t) ids->odd.len;
    buf_append(&ids->odd, id);
    buf_append_char(&ids->odd, '\0');
    one->odd = ids->odd_count;
}

void verify_id_text(const struct verify_ids *ids, size_t index, struct buf *out)
{
    const struct verify_id *one = &ids->at[index];
    if (one->odd != 0)
        buf_append_str(out, ids->odd.ptr + ids->odd_at[one->odd - 1]);
    else
        b64_encode_url(bytes_of((const char *) one->key, SHA256_LEN), out);
}

static bool id_is_sound(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!is_unreserved(id.ptr[i]) && id.ptr[i] != '=')
            return false;
    return id.len > 0 && id.len <= 256;
}

/* Every name must be of the store that was asked. */
static bool read_page(struct lister *l, struct bytes body)
{
    struct json_field fields[] = { { .key = "hl7V2Messages" }, { .key = "nextPageToken" } };
    TRY(json_scan_object(body, fields, ARRAY_LEN(fields), &l->err));
    struct json_cursor messages = json_cursor_of(&fields[0].value);
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    buf_printf(&prefix, "%s/messages/", l->ids->store);
    for (struct json_value one; json_next(&messages, NULL, &one);) {
        struct json_field name = { .key = "name" };
        TRY(json_scan_object(one.raw, &name, 1, &l->err));
        struct bytes id = bytes_sub(name.value.raw, prefix.len, SIZE_MAX);
        if (!bytes_starts(name.value.raw, buf_bytes(&prefix)) || !id_is_sound(id))
            return FAIL(&l->err, BAD_REPLY, "the list of %s names a message that is not in it", l->ids->store);
        add_id(l->ids, id);
    }
    buf_clear(&l->token);
    return fields[1].value.kind != JSON_STRING || json_unescape(fields[1].value.raw, &l->token);
}

static bool is_late(const struct rest_reply *reply)
{
    uint16_t s = reply->status;
    return reply->err.class != ERR_OK ? reply->err.class != ERR_TOO_LARGE
                                      : s == 401 || s == 408 || s == 425 || s == 429 || (s >= 500 && s != 501);
}

static bool refuse(struct lister *l, const struct rest_reply *reply)
{
    if (reply->err.class != ERR_OK) {
        l->err = reply->err;
        return err_wrap(&l->err, "verify: listing %s", l->ids->store);
    }
    const char *store = l->ids->store;
    switch (reply->status) {
    case 401:
        return FAIL(&l->err, UNAUTHENTICATED, "verify: the credentials were not accepted for %s", store);
    case 403:
        return FAIL(&l->err, FORBIDDEN, "verify: %s may not be listed; grant healthcare.hl7V2Messages.list on it", store);
    case 404:
        return FAIL(&l->err, CONFIG, "verify: there is no store %s; look at the configuration", store);
    default:
        return FAIL(&l->err, TRANSIENT, "verify: listing %s was answered with HTTP %u", store, reply->status);
    }
}

static void on_page(void *ctx, const struct rest_reply *reply)
{
    struct lister *l = ctx;
    struct loop *loop = l->v->rest.loop;
    if (is_late(reply) && l->attempt < VERIFY_ATTEMPTS) {
        if (reply->status == 401 && l->v->rest.auth != NULL)
            auth_refresh(l->v->rest.auth, auth_token_now(l->v->rest.auth).gen);
        loop_timer_set(loop, &l->again, loop_now(loop) + MIN(100 * US_PER_MS << l->attempt, 5 * US_PER_S));
        return;
    }
    l->attempt = 0;
    if (reply->err.class != ERR_OK || reply->status != 200) {
        refuse(l, reply);
        l->failed = true;
    } else if (!read_page(l, reply->body)) {
        err_wrap(&l->err, "verify: a page of the list of %s", l->ids->store);
        l->failed = true;
    }
    if (l->failed || l->token.len == 0)
        l->done = true;
    else
        ask_page(l);
}

static void on_again(struct loop_timer *t)
{
    ask_page(CONTAINER_OF(t, struct lister, again));
}

static void ask_page(struct lister *l)
{
    l->attempt++;
    buf_clear(&l->path);
    buf_printf(&l->path, "/v1/%s/messages?view=BASIC&pageSize=%d", l->ids->store, VERIFY_PAGE);
    if (l->token.len > 0) {
        buf_append_str(&l->path, "&pageToken=");
        append_percent(&l->path, buf_bytes(&l->token));
    }
    rest_start(&l->v->rest, "GET", buf_bytes(&l->path), BYTES_LIT(""), on_page, l);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(((const struct verify_id *) a)->key, ((const struct verify_id *) b)->key, SHA256_LEN);
}

/* A list that changes while it is read may show a message twice. */
static void sort_ids(struct verify_ids *ids)
{
    if (ids->count == 0)
        return;
    qsort(ids->at, ids->count, sizeof(*ids->at), compare_ids);
    size_t kept = 1;
    for (size_t i = 1; i < ids->count; i++)
        if (compare_ids(&ids->at[i], &ids->at[kept - 1]) != 0)
            ids->at[kept++] = ids->at[i];
    ids->count = kept;
}

bool verify_list(struct verify *v, struct err *err)
{
    struct lister side[2] = {
        { .v = v, .ids = &v->source, .again.fn = on_again }, { .v = v, .ids = &v->dest, .again.fn = on_again }
    };
    us_t shown = 0;
    for (int i = 0; i < 2; i++)
        ask_page(&side[i]);
    while (!side[0].done || !side[1].done) {
        loop_pass(v->rest.loop, 100 * US_PER_MS);
        if (loop_now(v->rest.loop) - shown > 200 * US_PER_MS && v->progress != NULL) {
            shown = loop_now(v->rest.loop);
            v->progress(v->ctx, "listing", v->source.count + v->dest.count, 0);
        }
        for (int i = 0; i < 2 && v->stop != NULL && *v->stop; i++)
            buf_clear(&side[i].token);    /* the page under way is the last */
    }
    bool ok = true;
    for (int i = 0; i < 2; i++) {
        if (ok && side[i].failed) {
            *err = side[i].err;
            ok = false;
        }
        buf_fini(&side[i].path);
        buf_fini(&side[i].token);
        sort_ids(side[i].ids);
    }
    if (ok && v->stop != NULL && *v->stop)
        return FAIL(err, CANCELLED, "verify: interrupted");
    return ok;
}
