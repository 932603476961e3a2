/*
 * Memory for bodies.
 *
 *   a fetch starts         reserves its first window (16 KiB)
 *   its reply is longer    EV_WANT: waits, oldest first, until so much is free
 *   it is there            the reservation becomes its true size
 *   settled, dropped       free again
 *
 * What is short is made: bodies of HELD and WAITING jobs are dropped, youngest
 * first, and fetched again later. If that is not enough one job, the oldest that asks, may
 * go beyond the budget up to the message limit: so something always moves, and
 * the whole stays below body_bytes_max + message_bytes_max.
 */
#include "relay/engine.h"

static void drop_idle(struct relay *r, struct job *job)
{
    r->counters.bodies_dropped++;
    relay_job_drop_body(r, job);
    if (job->op != OP_BURY)
        relay_job_aim(r, job, OP_FETCH, AT_SOURCE);
}

static bool make_room(struct relay *r, uint64_t bytes)
{
    struct heap_entry *e;
    while (r->body_bytes + bytes > r->policy->body_bytes_max && (e = heap_first(&r->droppable)) != NULL)
        drop_idle(r, CONTAINER_OF(e, struct job, memory));
    return r->body_bytes + bytes <= r->policy->body_bytes_max;
}

bool relay_budget_reserve(struct relay *r, struct job *job, uint64_t bytes)
{
    if (!make_room(r, bytes)) {
        if ((r->exempt != NULL && r->exempt != job) || MUTANT(NO_GRANT_FOR_OLDEST))
            return false;
        r->exempt = job;
    }
    job->reserved += bytes;
    r->body_bytes += bytes;
    return true;
}

void relay_budget_correct(struct relay *r, struct job *job, uint64_t bytes)
{
    CHECK(r->body_bytes >= job->reserved);
    r->body_bytes = r->body_bytes - job->reserved + bytes;
    job->reserved = bytes;
    if (bytes == 0 && r->exempt == job)
        r->exempt = NULL;
}

void relay_budget_want(struct relay *r, struct job *job, uint64_t bytes)
{
    if (job->reserved + bytes > r->policy->message_bytes_max + LIMIT_STREAM_WINDOW) {
        relay_act(r, ACT_GRANT)->job = job->id;
        return;
    }
    job->want = bytes;
    heap_set(&r->wants, &job->memory, (us_t) job->seq);
}

void relay_budget_pump(struct relay *r)
{
    struct heap_entry *e;
    while ((e = heap_first(&r->wants)) != NULL) {
        struct job *job = CONTAINER_OF(e, struct job, memory);
        if (!relay_budget_reserve(r, job, job->want))
            break;
        heap_remove(&r->wants, e);
        struct relay_action *a = relay_act(r, ACT_GRANT);
        a->job = job->id;
        a->body_bytes = job->want;
        job->want = 0;
    }
}

void relay_budget_fit(struct relay *r)
{
    make_room(r, 0);
}
