/*
 * Groups: the deliveries that a driver wants an answer for together (a bundle).
 *
 *   ours       settled deliveries wait, extended, for EV_PERMIT; without one within finalize_cap_us
 *              of the answer the group is abandoned, and the subscription delivers again
 *   runner's   the answer is the acknowledgement: failed unless every delivery was settled by an
 *              outcome that is durable (delivered, dead, skipped on record)
 *   group 0    the direct run: ours, permitted, always open, never answered
 */
#include "relay/engine.h"

struct group *relay_group_find(struct relay *r, uint32_t id)
{
    uint32_t cursor = UINT32_MAX;
    return relay_index_next(&r->groups_by_id, id, &cursor);
}

void relay_group_open(struct relay *r, const struct relay_event *ev)
{
    if (relay_group_find(r, ev->group) != NULL) {
        r->counters.strays += ev->group != 0;
        return;
    }
    relay_id slot;
    struct group *g = slots_take(&r->group_slots, &slot);
    CHECK(g != NULL);
    g->slot = slot;
    g->id = ev->group;
    g->runner_leases = ev->runner_leases;
    g->permitted = ev->permit_now;
    g->always = ev->group == 0;
    list_init(&g->deliveries);
    relay_index_put(&r->groups_by_id, g->id, g);
}

static void end(struct relay *r, struct group *g)
{
    heap_remove(&r->group_caps, &g->cap);
    relay_index_drop(&r->groups_by_id, g->id, g);
    slots_give(&r->group_slots, g->slot);
}

/* Answers the group when it is complete, ends it when nothing is left to do. */
void relay_group_look(struct relay *r, struct group *g)
{
    if (g->always || g->abandoning || !g->full || g->unsettled > 0)
        return;
    if (!g->done) {
        g->done = true;
        struct relay_action *a = relay_act(r, ACT_GROUP_DONE);
        a->group = g->id;
        a->failed = g->failed;
        if (!g->runner_leases && !g->permitted)
            heap_set(&r->group_caps, &g->cap, r->now_us + r->policy->finalize_cap_us);
    }
    if ((g->runner_leases || g->permitted) && list_is_empty(&g->deliveries))
        end(r, g);
}

void relay_group_full(struct relay *r, uint32_t id)
{
    struct group *g = relay_group_find(r, id);
    if (g == NULL || g->always || g->full) {
        r->counters.strays++;
        return;
    }
    g->full = true;
    relay_group_look(r, g);
}

void relay_group_permit(struct relay *r, uint32_t id)
{
    struct group *g = relay_group_find(r, id);
    if (g == NULL || g->always || g->runner_leases || g->permitted) {
        r->counters.strays++;
        return;
    }
    g->permitted = true;
    heap_remove(&r->group_caps, &g->cap);
    LIST_EACH(&g->deliveries, link, after) {
        struct delivery *d = CONTAINER_OF(link, struct delivery, group_link);
        if (d->state == DELIVERY_SETTLED)
            relay_settle_ack(r, d);
    }
    relay_group_look(r, g);
}

/* No acknowledgement, no extension, no release: the leases lapse, or are the runner's. */
void relay_group_abandon(struct relay *r, struct group *g)
{
    if (g->always)
        return;
    g->abandoning = true;
    struct list_link *link;
    while ((link = list_first(&g->deliveries)) != NULL) {
        struct delivery *d = CONTAINER_OF(link, struct delivery, group_link);
        if (d->state == DELIVERY_QUEUED || d->state == DELIVERY_BEHIND) {
            relay_delivery_release(r, d, REASON_GROUP_ABANDONED);
            continue;
        }
        struct job *job = d->job;
        bool was_live = job != NULL && !d->lost;
        relay_delivery_end(r, d);
        if (was_live && job->live == 0)
            relay_job_orphaned(r, job, REASON_GROUP_ABANDONED);
    }
    end(r, g);
}
