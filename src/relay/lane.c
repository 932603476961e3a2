/*
 * Lanes keep an ordering key's order: one message of a lane is at its head (a
 * queued delivery, then its job), the rest stands BEHIND. Settled, the next one
 * becomes the head; given back or lost, what stands behind goes with it, for the
 * subscription delivers all of that again, in order.
 *
 * A head may be stuck for reasons of its own: it waits for a person, or answers
 * count against it. Then what stands behind it takes no place from other lanes
 * (relay_admit_flow). To give it back would not help: it comes again at once.
 */
#include "relay/engine.h"

static struct lane *find(struct relay *r, uint64_t key)
{
    uint32_t cursor = UINT32_MAX;
    return relay_index_next(&r->lanes_by_key, key, &cursor);
}

bool relay_lane_enter(struct relay *r, struct delivery *d, uint64_t key)
{
    if (MUTANT(LANE_OUT_OF_ORDER))
        return true;
    struct lane *lane = find(r, key);
    if (lane != NULL) {
        d->lane = lane;
        list_push_back(&lane->tail, &d->lane_link);
        r->parked += lane->stuck;
        return false;
    }
    relay_id id;
    lane = slots_take(&r->lane_slots, &id);
    CHECK(lane != NULL);
    lane->id = id;
    lane->key = key;
    list_init(&lane->tail);
    relay_index_put(&r->lanes_by_key, key, lane);
    d->lane = lane;
    return true;
}

/* The head has gone. */
void relay_lane_next(struct relay *r, struct lane *lane)
{
    if (lane->stuck)
        r->parked -= (uint32_t) lane->tail.count;
    lane->stuck = false;
    struct list_link *link = list_pop_front(&lane->tail);
    if (link != NULL) {
        relay_delivery_move(r, CONTAINER_OF(link, struct delivery, lane_link), DELIVERY_QUEUED);
        return;
    }
    relay_index_drop(&r->lanes_by_key, lane->key, lane);
    slots_give(&r->lane_slots, lane->id);
}

void relay_lane_break(struct relay *r, struct lane *lane, const struct delivery *after, enum relay_reason why)
{
    struct list_link *link;
    while ((link = list_last(&lane->tail)) != NULL) {
        struct delivery *d = CONTAINER_OF(link, struct delivery, lane_link);
        if (d == after)
            break;
        relay_delivery_release(r, d, why);
    }
}

void relay_lane_leave(struct relay *r, struct delivery *d)
{
    struct lane *lane = d->lane;
    d->lane = NULL;
    if (d->state == DELIVERY_BEHIND) {
        list_remove(&lane->tail, &d->lane_link);
        r->parked -= lane->stuck;
    } else {
        relay_lane_next(r, lane);
    }
}

void relay_lane_stuck(struct relay *r, struct lane *lane)
{
    if (lane == NULL || lane->stuck)
        return;
    lane->stuck = true;
    r->parked += (uint32_t) lane->tail.count;
}
