#include "cmd/demo.h"

#include "base/b64.h"
#include "base/check.h"
#include "base/mem.h"
#include "json/scan.h"
#include "pubsub/publisher.h"

#include <stdlib.h>

enum { DEMO_HUGE_BYTES = 11000000, DEMO_CREATE_WINDOW = 64 };

/* What is planted, spread evenly over the list. */
static const enum demo_kind plants[] = {
    DEMO_MALFORMED, DEMO_DELETED, DEMO_WRONG_STORE, DEMO_MALFORMED, DEMO_EMPTY, DEMO_BAD_PATH, DEMO_HUGE, DEMO_DELETED,
    DEMO_MALFORMED, DEMO_EMPTY, DEMO_WRONG_STORE, DEMO_DELETED, DEMO_BAD_PATH, DEMO_MALFORMED, DEMO_EMPTY
};

static bool is_stored(enum demo_kind kind)
{
    return kind == DEMO_GOOD || kind == DEMO_MALFORMED || kind == DEMO_DELETED || kind == DEMO_HUGE;
}

void demo_message_bytes(const struct demo *d, size_t index, struct buf *out)
{
    size_t began = out->len;
    switch ((enum demo_kind) d->messages[index].kind) {
    case DEMO_EMPTY:
        return;
    case DEMO_MALFORMED:
        hl7_gen_malformed(&d->gen, index, out);
        return;
    case DEMO_HUGE:
        hl7_gen_message(&d->gen, index, out);
        while (out->len - began < DEMO_HUGE_BYTES)
            buf_append_str(out, "NTE|9|L|A note that goes on and on, as scanned documents in notes do, until no store takes it\r");
        return;
    default:
        hl7_gen_message(&d->gen, index, out);
        return;
    }
}

void demo_message_id(const struct demo_message *m, struct buf *out)
{
    b64_encode_url(bytes_of((const char *) m->sum.octet, SHA256_LEN), out);
}

void demo_message_name(const struct demo *d, size_t index, struct buf *out)
{
    const struct demo_message *m = &d->messages[index];
    if (m->kind == DEMO_EMPTY)
        return;
    buf_append_str(out, m->kind == DEMO_WRONG_STORE ? DEMO_FOREIGN "/messages/" : DEMO_SOURCE "/messages/");
    if (m->kind == DEMO_BAD_PATH)
        buf_append_str(out, "../../destination/messages/");
    demo_message_id(m, out);
}

static int compare_sums(const void *a, const void *b, void *ctx)
{
    const struct demo_message *messages = ctx;
    return memcmp(messages[*(const uint32_t *) a].sum.octet, messages[*(const uint32_t *) b].sum.octet, SHA256_LEN);
}

size_t demo_find(const struct demo *d, const struct sha256 *sum)
{
    size_t low = 0, high = d->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(d->messages[d->by_sum[middle]].sum.octet, sum->octet, SHA256_LEN);
        if (order == 0)
            return d->by_sum[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* ---- the list ---- */

static void make_list(struct demo *d)
{
    d->gen = (struct hl7_gen) { .seed = d->seed, .bytes_max = 3072 };
    d->messages = mem_alloc_n(d->count, sizeof(*d->messages));
    d->by_sum = mem_alloc_n(d->count, sizeof(*d->by_sum));
    for (size_t i = 0; i < ARRAY_LEN(plants); i++)
        d->messages[(2 * i + 1) * d->count / (2 * ARRAY_LEN(plants))].kind = (uint8_t) plants[i];
    for (size_t i = 0; i < d->count; i++) {
        struct demo_message *m = &d->messages[i];
        CLEANUP(buf_fini) struct buf bytes = { 0 };
        demo_message_bytes(d, i, &bytes);
        if (m->kind == DEMO_EMPTY)
            buf_printf(&bytes, "empty notification %zu", i);    /* so that its row has a digest of its own */
        else
            d->made_bytes += bytes.len;
        m->sum = sha256_of(buf_bytes(&bytes));
        m->bytes = (uint32_t) bytes.len;
        d->planted[m->kind]++;
        d->by_sum[i] = (uint32_t) i;
    }
    qsort_r(d->by_sum, d->count, sizeof(*d->by_sum), compare_sums, d->messages);
}

/* ---- into the source ---- */

struct filling {
    struct demo *d;
    bool deleting, failed;
    struct err *err;
};

static bool create_make(void *ctx, struct rest_job *job)
{
    struct filling *f = ctx;
    if (!is_stored((enum demo_kind) f->d->messages[job->index].kind) || f->failed)
        return false;
    job->method = "POST";
    buf_append_str(&job->path, "/v1/" DEMO_SOURCE "/messages");
    CLEANUP(buf_fini) struct buf bytes = { 0 };
    demo_message_bytes(f->d, job->index, &bytes);
    buf_append_str(&job->body, "{\"message\":{\"data\":\"");
    b64_encode(buf_bytes(&bytes), &job->body);
    buf_append_str(&job->body, "\",\"labels\":{\"made_by\":\"demo\"}}}");
    return true;
}

static void create_done(void *ctx, const struct rest_job *job, const struct rest_reply *reply)
{
    struct filling *f = ctx;
    if (f->failed)
        return;
    if (reply->err.class != ERR_OK || reply->status != 200) {
        f->failed = !FAIL(f->err, INTERNAL, "demo: the source did not take message %zu (%s, HTTP %u)", job->index,
                          err_name(reply->err.class), reply->status);
        return;
    }
    struct json_field name = { .key = "name" };
    CLEANUP(buf_fini) struct buf wanted = { 0 };
    demo_message_name(f->d, job->index, &wanted);
    if (!json_scan_object(reply->body, &name, 1, f->err) || !bytes_eq(name.value.raw, buf_bytes(&wanted)))
        f->failed = !FAIL(f->err, INTERNAL, "demo: the source gave message %zu another name than its digest", job->index);
}

static bool delete_make(void *ctx, struct rest_job *job)
{
    struct filling *f = ctx;
    if (f->d->messages[job->index].kind != DEMO_DELETED)
        return false;
    job->method = "DELETE";
    buf_append_str(&job->path, "/v1/");
    demo_message_name(f->d, job->index, &job->path);
    return true;
}

static void delete_done(void *ctx, const struct rest_job *job, const struct rest_reply *reply)
{
    struct filling *f = ctx;
    if (reply->err.class != ERR_OK || reply->status != 200)
        f->failed = !FAIL(f->err, INTERNAL, "demo: message %zu cannot be deleted at the source (%s, HTTP %u)", job->index,
                          err_name(reply->err.class), reply->status);
}

static void tick(void *ctx, size_t done)
{
    struct filling *f = ctx;
    demo_say_progress(f->d, "generate", done, f->d->count);
}

/* ---- what no store announces ---- */

struct publishing {
    struct demo *d;
    bool done;
    struct err err;
};

static void on_published(void *ctx, const struct publisher_reply *reply)
{
    struct publishing *p = ctx;
    p->done = true;
    if (reply->answer.class != ERR_OK) {
        p->err = *reply->err;
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < p->d->count; i++) {
        enum demo_kind kind = (enum demo_kind) p->d->messages[i].kind;
        if (kind != DEMO_WRONG_STORE && kind != DEMO_BAD_PATH && kind != DEMO_EMPTY)
            continue;
        if (kind == DEMO_EMPTY && at < reply->ids_count) {
            buf_append(&p->d->empty_ids, reply->ids[at]);
            buf_append_char(&p->d->empty_ids, '\n');
        }
        at++;
    }
}

static bool publish(struct demo *d, struct err *err)
{
    static const struct pubsub_attribute attribute = { BYTES_LIT("made_by"), BYTES_LIT("demo") };
    struct pubsub_message messages[ARRAY_LEN(plants)];
    struct buf names[ARRAY_LEN(plants)];
    size_t count = 0;
    memset(names, 0, sizeof(names));
    for (size_t i = 0; i < d->count; i++) {
        enum demo_kind kind = (enum demo_kind) d->messages[i].kind;
        if (kind != DEMO_WRONG_STORE && kind != DEMO_BAD_PATH && kind != DEMO_EMPTY)
            continue;
        CHECK(count < ARRAY_LEN(plants));
        demo_message_name(d, i, &names[count]);
        messages[count] = (struct pubsub_message) { .data = buf_bytes(&names[count]) };
        if (kind == DEMO_EMPTY)
            messages[count].attributes = &attribute, messages[count].attributes_count = 1;
        count++;
    }
    struct publishing p = { .d = d };
    publisher_publish(&d->pubsub, BYTES_LIT(DEMO_TOPIC), messages, count, 30 * US_PER_S, on_published, &p);
    while (!p.done)
        loop_pass(d->loop, US_NEVER);
    for (size_t i = 0; i < ARRAY_LEN(plants); i++)
        buf_fini(&names[i]);
    if (p.err.class == ERR_OK)
        return true;
    *err = p.err;
    return err_wrap(err, "demo: publishing what no store announces");
}

bool demo_fill(struct demo *d, struct err *err)
{
    make_list(d);
    struct filling f = { .d = d, .err = err };
    struct rest_crew crew = {
        .rest = &d->rest, .count = d->count, .window = DEMO_CREATE_WINDOW, .make = create_make, .done = create_done,
        .tick = tick, .ctx = &f
    };
    rest_crew_run(&crew, NULL);
    if (f.failed)
        return false;
    crew.make = delete_make;
    crew.done = delete_done;
    crew.tick = NULL;
    rest_crew_run(&crew, NULL);
    return !f.failed && publish(d, err);
}
