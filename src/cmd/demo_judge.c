#include "cmd/demo.h"

#include "base/b64.h"
#include "base/check.h"
#include "json/scan.h"

/* ---- bytes from both stores ---- */

struct judging {
    struct demo *d;
    struct err *err;
};

/* Jobs 0 .. count-1 ask the source, the rest the destination. */
static bool fetch_make(void *ctx, struct rest_job *job)
{
    struct judging *j = ctx;
    const struct demo_message *m = &j->d->messages[job->index % j->d->count];
    if (m->kind == DEMO_EMPTY)
        return false;
    buf_append_str(&job->path, job->index < j->d->count ? "/v1/" DEMO_SOURCE "/messages/" : "/v1/" DEMO_DEST "/messages/");
    demo_message_id(m, &job->path);
    buf_append_str(&job->path, "?view=RAW_ONLY");
    return true;
}

static void fetch_done(void *ctx, const struct rest_job *job, const struct rest_reply *reply)
{
    struct judging *j = ctx;
    struct demo *d = j->d;
    bool source = job->index < d->count;
    struct demo_message *m = &d->messages[job->index % d->count];
    if (reply->err.class == ERR_OK && reply->status == 404)
        return;
    struct json_field data = { .key = "data" };
    CLEANUP(buf_fini) struct buf bytes = { 0 };
    struct err why = { 0 };
    if (reply->err.class != ERR_OK || reply->status != 200 || !json_scan_object(reply->body, &data, 1, &why) ||
        data.value.kind != JSON_STRING || !b64_decode(data.value.raw, &bytes)) {
        d->unreadable++;
        return;
    }
    struct sha256 sum = sha256_of(buf_bytes(&bytes));
    bool same = sha256_eq(&sum, &m->sum);
    if (source)
        m->at_source = same;
    else if (same)
        m->at_dest = true;
    else
        m->other_at_dest = true;
}

static void tick(void *ctx, size_t done)
{
    struct judging *j = ctx;
    demo_say_progress(j->d, "verify", done, 2 * j->d->count);
}

/* ---- the list of the destination ---- */

/* Ids of one page; each that is no message of ours is one from nowhere. */
static bool read_page(struct demo *d, struct bytes body, size_t *count, struct buf *token, struct err *err)
{
    struct json_field fields[] = { { .key = "hl7V2Messages" }, { .key = "nextPageToken" } };
    TRY(json_scan_object(body, fields, ARRAY_LEN(fields), err));
    struct json_cursor messages = json_cursor_of(&fields[0].value);
    for (struct json_value one; json_next(&messages, NULL, &one);) {
        struct json_field name = { .key = "name" };
        TRY(json_scan_object(one.raw, &name, 1, err));
        struct bytes id = name.value.raw;
        while (bytes_find(id, 0, '/') < id.len)
            bytes_cut(&id, '/');
        CLEANUP(buf_fini) struct buf octets = { 0 };
        struct sha256 sum;
        size_t index = SIZE_MAX;
        if (b64_decode(id, &octets) && octets.len == SHA256_LEN) {
            memcpy(sum.octet, octets.ptr, SHA256_LEN);
            index = demo_find(d, &sum);
        }
        if (index == SIZE_MAX)
            d->unexpected++;
        ++*count;
    }
    buf_clear(token);
    buf_append(token, fields[1].value.raw);
    return true;
}

static bool list_dest(struct demo *d, size_t *count, struct err *err)
{
    CLEANUP(buf_fini) struct buf token = { 0 };
    *count = 0;
    do {
        CLEANUP(buf_fini) struct buf path = { 0 }, body = { 0 };
        buf_append_str(&path, "/v1/" DEMO_DEST "/messages?view=BASIC&pageSize=1000");
        if (token.len > 0)
            buf_printf(&path, "&pageToken=%s", buf_str(&token));
        uint16_t status = rest_ask(&d->rest, "GET", buf_bytes(&path), BYTES_LIT(""), &body, err);
        if (status != 200)
            return status == 0 ? false : FAIL(err, INTERNAL, "demo: listing the destination was answered %u", status);
        TRY(read_page(d, buf_bytes(&body), count, &token, err));
    } while (token.len > 0);
    return true;
}

bool demo_judge_stores(struct demo *d, struct err *err)
{
    struct judging j = { .d = d, .err = err };
    const struct rest_crew crew = {
        .rest = &d->rest, .count = 2 * d->count, .window = 64, .make = fetch_make, .done = fetch_done, .tick = tick, .ctx = &j
    };
    rest_crew_run(&crew, NULL);
    size_t count;
    return list_dest(d, &count, err);
}

/* ---- what is still in the subscription: PullRequest and PullResponse by hand (field numbers of pubsub.proto) ---- */

static bool wire_varint(struct bytes *b, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 64 && b->len > 0; shift += 7) {
        uint8_t c = (uint8_t) b->ptr[0];
        *b = bytes_sub(*b, 1, SIZE_MAX);
        n |= (uint64_t) (c & 0x7f) << shift;
        if (c < 0x80) {
            *ret_n = n;
            return true;
        }
    }
    return false;
}

/* The next length-delimited field; others are passed over. False: no more. */
static bool wire_next(struct bytes *b, unsigned *ret_number, struct bytes *ret_value)
{
    uint64_t key, n;
    while (b->len > 0 && wire_varint(b, &key)) {
        unsigned type = key & 7;
        if (type == 2 && wire_varint(b, &n) && n <= b->len) {
            *ret_number = (unsigned) (key >> 3);
            *ret_value = bytes_sub(*b, 0, n);
            *b = bytes_sub(*b, n, SIZE_MAX);
            return true;
        }
        if (type == 0 && wire_varint(b, &n))
            continue;
        if (type != 1 && type != 5)
            return false;
        *b = bytes_sub(*b, type == 1 ? 8 : 4, SIZE_MAX);
    }
    return false;
}

struct pulling {
    struct demo *d;
    bool done;
    size_t got;
    struct err err;
};

static void mark_pending(struct demo *d, struct bytes data, struct bytes message_id)
{
    struct bytes id = data;
    while (bytes_find(id, 0, '/') < id.len)
        bytes_cut(&id, '/');
    CLEANUP(buf_fini) struct buf octets = { 0 };
    struct sha256 sum;
    size_t index = SIZE_MAX;
    if (b64_decode(id, &octets) && octets.len == SHA256_LEN) {
        memcpy(sum.octet, octets.ptr, SHA256_LEN);
        index = demo_find(d, &sum);
    }
    struct bytes ids = buf_bytes(&d->empty_ids);
    for (size_t i = 0; data.len == 0 && ids.len > 0 && i < d->count; i++)
        if (d->messages[i].kind == DEMO_EMPTY && bytes_eq(bytes_cut(&ids, '\n'), message_id))
            index = i;
    if (index == SIZE_MAX)
        d->pending_unknown++;
    else
        d->messages[index].pending = true;
}

static void on_pulled(void *ctx, const struct pubsub_reply *reply)
{
    struct pulling *p = ctx;
    p->done = true;
    if (reply->answer.class != ERR_OK) {
        p->err = *reply->err;
        return;
    }
    struct bytes response = reply->message, received, message, value;
    for (unsigned number; wire_next(&response, &number, &received);) {
        if (number != 1)
            continue;
        p->got++;
        for (unsigned inner; wire_next(&received, &inner, &message);) {
            if (inner != 2)
                continue;
            struct bytes data = { 0 }, id = { 0 };
            for (unsigned part; wire_next(&message, &part, &value);) {
                if (part == 1)
                    data = value;
                else if (part == 3)
                    id = value;
            }
            mark_pending(p->d, data, id);
        }
    }
}

bool demo_judge_pending(struct demo *d, struct err *err)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, routing = { 0 };
    struct bytes subscription = BYTES_LIT(DEMO_SUBSCRIPTION);
    buf_append_char(&request, 1 << 3 | 2);               /* subscription */
    buf_append_char(&request, (char) subscription.len);
    buf_append(&request, subscription);
    buf_append_str(&request, "\x10\x01\x18\xe8\x07");    /* return_immediately, max_messages 1000 */
    pubsub_call_routing("subscription", subscription, &routing);
    for (;;) {
        struct pulling p = { .d = d };
        pubsub_call_start(&d->pubsub, "/google.pubsub.v1.Subscriber/Pull", buf_bytes(&routing), buf_bytes(&request),
                          30 * US_PER_S, on_pulled, &p);
        while (!p.done)
            loop_pass(d->loop, US_NEVER);
        if (p.err.class != ERR_OK) {
            *err = p.err;
            return err_wrap(err, "demo: asking what is still in the subscription");
        }
        if (p.got == 0)
            return true;
    }
}

/* ---- breaking it on purpose ---- */

static bool ask(struct demo *d, const char *method, struct buf *path, struct bytes body, struct err *err)
{
    uint16_t status = rest_ask(&d->rest, method, buf_bytes(path), body, NULL, err);
    return status == 200 || FAIL(err, INTERNAL, "demo: --break could not break (%s answered %u)", method, status);
}

bool demo_judge_break(struct demo *d, struct err *err)
{
    size_t victim = d->count / 2;
    while (d->messages[victim].kind != DEMO_GOOD)
        victim++;
    CLEANUP(buf_fini) struct buf path = { 0 }, bytes = { 0 }, body = { 0 };
    buf_append_str(&path, "/v1/" DEMO_DEST "/messages/");
    demo_message_id(&d->messages[victim], &path);
    if (d->plant == DEMO_BREAK_LOSE || d->plant == DEMO_BREAK_ALTER)
        TRY(ask(d, "DELETE", &path, BYTES_LIT(""), err));
    if (d->plant == DEMO_BREAK_ALTER) {    /* a store names messages by their bytes: an altered copy has another name */
        demo_message_bytes(d, victim, &bytes);
        char *last = bytes.ptr + bytes.len - 2;
        *last = *last == 'x' ? 'y' : 'x';
        buf_clear(&path);
        buf_append_str(&path, "/v1/" DEMO_DEST "/messages");
        buf_append_str(&body, "{\"message\":{\"data\":\"");
        b64_encode(buf_bytes(&bytes), &body);
        buf_append_str(&body, "\"}}");
        TRY(ask(d, "POST", &path, buf_bytes(&body), err));
    }
    if (d->plant == DEMO_BREAK_LEAK) {
        char canary[HL7_GEN_CANARY_LEN];
        hl7_gen_canary(d->seed, victim, HL7_GEN_FAMILY_NAME, canary);
        sweep_plant(bytes_str(canary), (enum sweep_form) (d->seed % SWEEP_FORMS), d->seed % 2 == 1, &bytes);
        demo_path(d, "state/leak.bin", &path);
        TRY(child_write_file(buf_str(&path), buf_bytes(&bytes), err));
    }
    return true;
}
