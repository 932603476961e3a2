/*
 * hl7V2Stores.getHL7v2StoreMetrics: how many messages of each type there are and what they take. The store is walked a
 * batch in each pass of the loop, while the call waits. "Structured storage" is here the bytes of the stored rows.
 */
#include "cloud/jobs.h"
#include "cloud/messages.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { TYPES_MAX = 1024 }; /* types of messages that are counted one by one; the rest is counted under "" */

struct tally {
    char *type;
    uint64_t count, bytes;
};

struct counting {
    struct cloud_job job;
    struct loop_timer timer;
    struct cloud_call *call;
    struct cloud *c;
    uint64_t number; /* of the store */
    struct buf after, sums; /* the index key gone by; digests of this batch */
    bool more;
    struct tally tallies[TYPES_MAX + 1];
    size_t count;
};

static void free_counting(struct counting *n)
{
    loop_timer_stop(n->c->loop, &n->timer);
    for (size_t i = 0; i < n->count; i++)
        mem_free(n->tallies[i].type);
    buf_fini(&n->after);
    buf_fini(&n->sums);
    mem_free(n);
}

static void drop(struct cloud_job *job)
{
    struct counting *n = CONTAINER_OF(job, struct counting, job);
    struct cloud_call *call = n->call;
    free_counting(n);
    cloud_call_fail(call, GRPC_UNAVAILABLE, (struct bytes) { 0 }, "The local cloud is stopping.");
}

static bool take_row(void *ctx, struct bytes key, struct bytes value UNUSED)
{
    struct counting *n = ctx;
    if (n->sums.len / SHA256_LEN == LIMIT_CLOUD_WALK) {
        n->more = true;
        return false;
    }
    buf_clear(&n->after);
    buf_append(&n->after, key);
    buf_append(&n->sums, bytes_sub(key, 16, SHA256_LEN));
    return true;
}

static void add(struct counting *n, struct bytes type, size_t bytes)
{
    struct tally *at = n->tallies;
    while (at < n->tallies + n->count && !bytes_eq_str(type, at->type))
        at++;
    if (at == n->tallies + ARRAY_LEN(n->tallies)) {
        at--;
    } else if (at == n->tallies + n->count) {
        at->type = mem_dup(n->count < TYPES_MAX ? type : BYTES_LIT(""));
        n->count++;
    }
    at->count++;
    at->bytes += bytes;
}

static bool count_batch(struct counting *n)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    CLEANUP(buf_fini) struct buf after = { 0 };
    struct err err;
    cloud_db_key_u64(&prefix, n->number);
    buf_append(&after, buf_bytes(&n->after));
    buf_clear(&n->sums);
    n->more = false;
    struct cloud_db_range range = { .table = CLOUD_DB_MESSAGE_INDEX,
                                    .prefix = buf_bytes(&prefix),
                                    .after = buf_bytes(&after),
                                    .keys_only = true };
    TRY(cloud_db_scan(n->c->db, &range, take_row, n, &err));
    for (size_t i = 0; i < n->sums.len; i += SHA256_LEN) {
        CLEANUP(buf_fini) struct buf key = { 0 };
        struct cloud_message_row row;
        struct bytes value;
        cloud_db_key_u64(&key, n->number);
        buf_append(&key, bytes_of(n->sums.ptr + i, SHA256_LEN));
        if (cloud_db_get(n->c->db, CLOUD_DB_MESSAGE, buf_bytes(&key), &value) == CLOUD_DB_FOUND &&
            cloud_messages_row(value, &row))
            add(n, row.facts.type, value.len);
    }
    return true;
}

static void answer(struct counting *n)
{
    struct cloud_call *call = n->call;
    struct json_writer w = json_write_to(&call->json);
    json_write_object(&w, NULL);
    json_write_str(&w, "name", buf_bytes(&call->name));
    if (n->count > 0)
        json_write_array(&w, "metrics");
    for (size_t i = 0; i < n->count; i++) {
        json_write_object(&w, NULL);
        if (n->tallies[i].type[0] != '\0')
            json_write_str(&w, "messageType", bytes_str(n->tallies[i].type));
        json_write_int_str(&w, "count", (int64_t) n->tallies[i].count);
        json_write_int_str(&w, "structuredStorageSizeBytes", (int64_t) n->tallies[i].bytes);
        json_write_end(&w);
    }
    if (n->count > 0)
        json_write_end(&w);
    json_write_end(&w);
    cloud_jobs_remove(n->c->jobs, &n->job);
    free_counting(n);
    cloud_call_end(call);
}

static void step(struct loop_timer *t)
{
    struct counting *n = CONTAINER_OF(t, struct counting, timer);
    if (!count_batch(n)) {
        struct cloud_call *call = n->call;
        cloud_jobs_remove(n->c->jobs, &n->job);
        free_counting(n);
        cloud_call_fail_disk(call);
    } else if (n->more) {
        loop_timer_set(n->c->loop, &n->timer, loop_now(n->c->loop));
    } else {
        answer(n);
    }
}

void cloud_stores_metrics(struct cloud_call *call)
{
    struct cloud_store *store = cloud_messages_store(call);
    if (store == NULL)
        return;
    if (!cloud_jobs_have_room(call->c->jobs)) {
        cloud_call_fail(call, GRPC_RESOURCE_EXHAUSTED, (struct bytes) { 0 },
                        "Too many operations run; wait until one has ended.");
        return;
    }
    struct counting *n = mem_alloc(sizeof(*n));
    n->job.drop = drop;
    n->timer.fn = step;
    n->call = call;
    n->c = call->c;
    n->number = store->number;
    call->ask = NULL;
    cloud_stores_name(call, 4, &call->name);
    cloud_jobs_add(n->c->jobs, &n->job);
    loop_timer_set(n->c->loop, &n->timer, loop_now(n->c->loop));
}
