#include "cmd/verify.h"

#include "base/b64.h"
#include "base/mem.h"
#include "json/scan.h"

enum { VERIFY_WINDOW = 64 };

char verify_mark_char(enum verify_mark mark)
{
    return "=+-*!"[mark];
}

void verify_fini(struct verify *v)
{
    for (int i = 0; i < 2; i++) {
        struct verify_ids *ids = i == 0 ? &v->source : &v->dest;
        mem_free(ids->at);
        mem_free(ids->odd_at);
        buf_fini(&ids->odd);
    }
    mem_free(v->source_mark);
    mem_free(v->dest_mark);
    mem_free(v->seen);
    mem_free(v->seen_sides);
}

/* Both are sorted: one walk. */
static void merge(struct verify *v)
{
    size_t s = 0, d = 0;
    while (s < v->source.count || d < v->dest.count) {
        int order = s == v->source.count ? 1 : d == v->dest.count ? -1
            : memcmp(v->source.at[s].key, v->dest.at[d].key, SHA256_LEN);
        if (order < 0) {
            v->source_mark[s++] = VERIFY_MISSING;
        } else if (order > 0) {
            v->dest_mark[d++] = VERIFY_EXTRA;
        } else {
            v->source_mark[s++] = VERIFY_SAME;
            v->dest_mark[d++] = VERIFY_SAME;
        }
    }
}

static void message_path(const struct verify_ids *of, const char *store, size_t index, const char *view, struct buf *out)
{
    buf_printf(out, "/v1/%s/messages/", store);
    verify_id_text(of, index, out);
    buf_printf(out, "?view=%s", view);
}

/* ---- what a list lacked, by name ---- */

static bool confirm_make(void *ctx, struct rest_job *job)
{
    struct verify *v = ctx;
    size_t i = job->index;
    if (i < v->source.count) {
        if (v->source_mark[i] != VERIFY_MISSING)
            return false;
        message_path(&v->source, v->dest.store, i, "BASIC", &job->path);
        return true;
    }
    i -= v->source.count;
    if (v->dest_mark[i] != VERIFY_EXTRA)
        return false;
    message_path(&v->dest, v->source.store, i, "BASIC", &job->path);
    return true;
}

/* Another outcome than found or not found is said as unreadable: neither there nor missing is known. */
static void confirm_done(void *ctx, const struct rest_job *job, const struct rest_reply *reply)
{
    struct verify *v = ctx;
    bool of_source = job->index < v->source.count;
    uint8_t *mark = of_source ? &v->source_mark[job->index] : &v->dest_mark[job->index - v->source.count];
    if (reply->err.class == ERR_OK && reply->status == 200)
        *mark = VERIFY_SAME;
    else if (reply->err.class != ERR_OK || reply->status != 404)
        *mark = VERIFY_UNREADABLE;
    /* Found at the source by name alone, a message that only the destination listed is the same on both sides. */
    if (!of_source && *mark == VERIFY_SAME)
        v->count[VERIFY_SAME]++;
}

/* ---- the bytes ---- */

static bool deep_make(void *ctx, struct rest_job *job)
{
    struct verify *v = ctx;
    size_t i = job->index / 2;
    if (v->source_mark[i] != VERIFY_SAME)
        return false;
    message_path(&v->source, job->index % 2 == 0 ? v->source.store : v->dest.store, i, "RAW_ONLY", &job->path);
    return true;
}

static void deep_done(void *ctx, const struct rest_job *job, const struct rest_reply *reply)
{
    struct verify *v = ctx;
    size_t i = job->index / 2;
    struct json_field data = { .key = "data" };
    CLEANUP(buf_fini) struct buf bytes = { 0 };
    struct err why = { 0 };
    if (reply->err.class != ERR_OK || reply->status != 200 || !json_scan_object(reply->body, &data, 1, &why) ||
        data.value.kind != JSON_STRING || !b64_decode(data.value.raw, &bytes)) {
        v->source_mark[i] = VERIFY_UNREADABLE;
        return;
    }
    struct sha256 sum = sha256_of(buf_bytes(&bytes));
    if (v->seen_sides[i] == 0)
        v->seen[i] = sum;
    else if (!sha256_eq(&v->seen[i], &sum) && v->source_mark[i] == VERIFY_SAME)
        v->source_mark[i] = VERIFY_DIFFERENT;
    v->seen_sides[i]++;
}

static void confirm_tick(void *ctx, size_t done)
{
    struct verify *v = ctx;
    if (v->progress != NULL)
        v->progress(v->ctx, "asking by name", done, v->source.count + v->dest.count);
}

static void deep_tick(void *ctx, size_t done)
{
    struct verify *v = ctx;
    if (v->progress != NULL)
        v->progress(v->ctx, "comparing bytes", done / 2, v->source.count);
}

bool verify_compare(struct verify *v, struct err *err)
{
    v->source_mark = mem_alloc_n(v->source.count + 1, 1);
    v->dest_mark = mem_alloc_n(v->dest.count + 1, 1);
    merge(v);
    struct rest_crew crew = {
        .rest = &v->rest, .count = v->source.count + v->dest.count, .window = VERIFY_WINDOW, .attempts_max = 10,
        .make = confirm_make, .done = confirm_done, .tick = confirm_tick, .ctx = v
    };
    bool ok = rest_crew_run(&crew, v->stop);
    if (ok && v->deep) {
        v->seen = mem_alloc_n(v->source.count + 1, sizeof(*v->seen));
        v->seen_sides = mem_alloc_n(v->source.count + 1, 1);
        crew.count = 2 * v->source.count;
        crew.make = deep_make;
        crew.done = deep_done;
        crew.tick = deep_tick;
        ok = rest_crew_run(&crew, v->stop);
    }
    for (size_t i = 0; i < v->source.count; i++)
        v->count[v->source_mark[i]]++;
    for (size_t i = 0; i < v->dest.count; i++)
        if (v->dest_mark[i] != VERIFY_SAME)
            v->count[v->dest_mark[i]]++;
    return ok || FAIL(err, CANCELLED, "verify: interrupted");
}
