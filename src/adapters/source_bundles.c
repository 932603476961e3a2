/*
 * Deliveries that belong to groups.
 *
 *      pull stream --> parked --> driver_take(group) --> engine
 *                        |
 *                        +-- nobody within park_us: given back
 *      driver_push(group) ------------------------------> engine
 *
 * A parked message counts against what the engine allows (ACT_FLOW), so what
 * waits here and what the engine holds stay within one bound.
 */
#include "adapters/driver_parts.h"
#include "base/mem.h"

struct parked {
    struct list_link link;     /* of d->parked, oldest first */
    us_t came_us;
    struct relay_event ev;     /* its name points behind */
    char name[];
};

static struct parked *oldest(const struct driver *d)
{
    struct list_link *link = list_first(&d->parked);
    return link != NULL ? CONTAINER_OF(link, struct parked, link) : NULL;
}

static void watch(struct driver *d)
{
    struct parked *p = oldest(d);
    if (p != NULL)
        loop_timer_set(d->conf.loop, &d->park_timer, p->came_us + d->conf.bundles->park_us);
    else
        loop_timer_stop(d->conf.loop, &d->park_timer);
}

static void allow(struct driver *d)
{
    uint32_t parked = (uint32_t) d->parked.count;
    if (d->pull != NULL)
        pull_stream_flow(d->pull, d->flow > parked ? d->flow - parked : 0);
}

static void give_back(struct driver *d, struct parked *p)
{
    list_remove(&d->parked, &p->link);
    METRIC_ADD(d->conf.metrics, RELEASED, REASON_GROUP_ABANDONED, 0, 1);
    driver_lease_give_back(d, p->ev.lease);
    mem_free(p);
}

static void on_park_timer(struct loop_timer *t)
{
    struct driver *d = CONTAINER_OF(t, struct driver, park_timer);
    for (struct parked *p; (p = oldest(d)) != NULL && p->came_us + d->conf.bundles->park_us <= loop_now(d->conf.loop);)
        give_back(d, p);
    watch(d);
    allow(d);
}

static void on_park_task(struct loop_task *t)
{
    struct driver *d = CONTAINER_OF(t, struct driver, park_task);
    d->conf.bundles->on_parked(d->conf.bundles->ctx);
}

void driver_bundles_open(struct driver *d)
{
    list_init(&d->parked);
    d->park_timer.fn = on_park_timer;
    d->park_task.fn = on_park_task;
}

void driver_bundles_close(struct driver *d)
{
    LIST_EACH(&d->parked, link, after)
        mem_free(CONTAINER_OF(link, struct parked, link));
    list_init(&d->parked);
    loop_timer_stop(d->conf.loop, &d->park_timer);
    loop_task_cancel(d->conf.loop, &d->park_task);
}

void driver_flow(struct driver *d, uint32_t count)
{
    d->flow = count;
    allow(d);
}

void driver_park(struct driver *d, const struct relay_event *delivery)
{
    if (d->stopping) {
        METRIC_ADD(d->conf.metrics, RELEASED, REASON_DRAINING, 0, 1);
        driver_lease_give_back(d, delivery->lease);
        return;
    }
    struct parked *p = mem_alloc(sizeof(*p) + delivery->name.len);
    p->ev = *delivery;
    if (delivery->name.len > 0)
        memcpy(p->name, delivery->name.ptr, delivery->name.len);
    p->ev.name = bytes_of(p->name, delivery->name.len);
    p->came_us = loop_now(d->conf.loop);
    list_push_back(&d->parked, &p->link);
    if (d->parked.count == 1)
        watch(d);
    loop_task_post(d->conf.loop, &d->park_task);
}

void driver_unpark_all(struct driver *d)
{
    d->stopping = true;
    for (struct parked *p; (p = oldest(d)) != NULL;)
        give_back(d, p);
    watch(d);
}

uint32_t driver_parked(const struct driver *d)
{
    return (uint32_t) d->parked.count;
}

uint32_t driver_under_way(const struct driver *d)
{
    return d->leases.used;
}

uint32_t driver_take(struct driver *d, uint32_t group, uint32_t max)
{
    uint32_t taken = 0;
    for (struct parked *p; taken < max && (p = oldest(d)) != NULL; taken++) {
        list_remove(&d->parked, &p->link);
        p->ev.group = group;
        driver_feed(d, &p->ev);
        d->flow -= d->flow > 0;
        mem_free(p);
    }
    if (taken > 0) {
        watch(d);
        allow(d);
    }
    return taken;
}

bool driver_push(struct driver *d, uint32_t group, const struct pubsub_delivery *element, uint32_t mark)
{
    struct pubsub_delivery p = *element;
    p.ack_id = bytes_of(NULL, 0);
    relay_id id;
    struct lease *l = driver_lease_make(d, &p, &id);
    if (l == NULL)
        return false;
    l->mark = mark;
    driver_tell_received(d, &p);
    driver_feed(d, &(struct relay_event) {
        .kind = EV_DELIVERY, .lease = id, .reason = driver_judge(d, &p), .group = group, .until_us = US_NEVER,
        .name = bytes_sub(p.data, 0, LIMIT_NAME_LEN),
    });
    return true;
}

void driver_group_open(struct driver *d, uint32_t group, bool runner_leases)
{
    CHECK(d->conf.bundles != NULL && group != 0);
    driver_feed(d, &(struct relay_event) { .kind = EV_GROUP, .group = group, .runner_leases = runner_leases });
}

void driver_group_full(struct driver *d, uint32_t group)
{
    driver_feed(d, &(struct relay_event) { .kind = EV_GROUP_FULL, .group = group });
}

void driver_group_permit(struct driver *d, uint32_t group)
{
    driver_feed(d, &(struct relay_event) { .kind = EV_PERMIT, .group = group });
}

void driver_group_abandon(struct driver *d, uint32_t group)
{
    driver_feed(d, &(struct relay_event) { .kind = EV_ABANDON, .group = group });
}
