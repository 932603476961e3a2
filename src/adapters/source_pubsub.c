/*
 * Deliveries in, acknowledgements out. A name from the queue is judged here,
 * before anything else sees it (store/store_path.h); the engine hears only
 * what came of it.
 */
#include "adapters/driver_parts.h"
#include "base/mem.h"

enum relay_reason driver_judge(const struct driver *d, const struct pubsub_delivery *p)
{
    if (p->data.len == 0)
        return REASON_EMPTY_NOTIFICATION;
    struct bytes id;
    switch (store_path_check(d->conf.source_names, p->data, &id)) {
    case STORE_PATH_OK:              return REASON_NONE;
    case STORE_PATH_BAD:             return REASON_BAD_PATH;
    case STORE_PATH_FOREIGN_STORE:   return REASON_FOREIGN_STORE;
    case STORE_PATH_FOREIGN_PROJECT: return REASON_FOREIGN_PROJECT;
    }
    CHECK(!"a verdict that is not in the enum");
    return REASON_BAD_PATH;
}

static struct bytes ack_id_of(const struct lease *l)
{
    return bytes_of(l->ack_id_long != NULL ? l->ack_id_long : l->ack_id, l->ack_id_len);
}

struct lease *driver_lease_make(struct driver *d, const struct pubsub_delivery *p, relay_id *ret_id)
{
    struct lease *l = p->ack_id.len <= LIMIT_ACK_ID_LEN ? slots_take(&d->leases, ret_id) : NULL;
    if (l == NULL)
        return NULL;
    l->ack_id_len = (uint16_t) p->ack_id.len;
    if (p->ack_id.len > sizeof(l->ack_id))
        l->ack_id_long = mem_dup(p->ack_id);
    else if (p->ack_id.len > 0)    /* none: the lease is a runner's */
        memcpy(l->ack_id, p->ack_id.ptr, p->ack_id.len);
    l->message_id_len = (uint8_t) MIN(p->message_id.len, sizeof(l->message_id));
    if (l->message_id_len > 0)
        memcpy(l->message_id, p->message_id.ptr, l->message_id_len);
    l->published_wall_us = p->published_wall_us;
    list_push_back(&d->leases_by_age, &l->by_age);
    return l;
}

static void lease_end(struct driver *d, struct lease *l)
{
    list_remove(&d->leases_by_age, &l->by_age);
    mem_free(l->ack_id_long);
}

static void deliver(struct driver *d, const struct pubsub_delivery *p, us_t until_us)
{
    relay_id id;
    if (driver_lease_make(d, p, &id) == NULL)
        return;    /* it is redelivered */
    if (d->facts.enough) {
        driver_lease_give_back(d, id);
        return;
    }
    d->facts.enough = ++d->taken == d->conf.messages_max;
    driver_tell_received(d, p);
    uint64_t lane = 0;
    if (d->facts.ordered && p->ordering_key.len > 0)
        lane = bytes_hash(p->ordering_key, d->conf.seed) | 1;
    struct relay_event ev = {
        .kind = EV_DELIVERY, .lease = id, .reason = driver_judge(d, p), .lane = lane, .until_us = until_us,
        .name = bytes_sub(p->data, 0, LIMIT_NAME_LEN),
    };
    if (d->conf.bundles != NULL)
        driver_park(d, &ev);
    else
        driver_feed(d, &ev);
}

void driver_tell_received(struct driver *d, const struct pubsub_delivery *p)
{
    d->facts.last_activity_us = loop_now(d->conf.loop);
    if (p->attempt > d->facts.delivery_attempt_max) {
        if (d->facts.delivery_attempt_max == 0)
            LOG(d->conf.log, SUBSCRIPTION_POLICY, LOG_INT("delivery_attempt", p->attempt));
        d->facts.delivery_attempt_max = p->attempt;
    }
    if (p->attempt > 1)
        METRIC_INC(d->conf.metrics, REDELIVERED);
    METRIC_INC(d->conf.metrics, RECEIVED);
    if (log_wants(d->conf.log, EVENT_MESSAGE_RECEIVED))
        LOG(d->conf.log, MESSAGE_RECEIVED, LOG_NAME("message", driver_shown_name(d, p->data)), LOG_NAME("message_id", p->message_id));
}

static void on_deliveries(void *ctx, const struct pubsub_delivery *at, size_t count, us_t until_us)
{
    struct driver *d = ctx;
    for (size_t i = 0; i < count; i++)
        deliver(d, &at[i], until_us);
}

static void on_properties(void *ctx, bool exactly_once, bool ordered)
{
    struct driver *d = ctx;
    d->facts.exactly_once = exactly_once;
    d->facts.ordered = ordered;
    driver_set_policy(d, &d->policy[d->policies % 2]);
}

/* The stream's state is what the subscription's breaker lives on: told unasked, and as a probe's answer. */
static void on_state(void *ctx, enum pull_state state, const struct pubsub_answer *why, const struct err *err)
{
    struct driver *d = ctx;
    struct attempt *probe = &d->probe[AT_SUBSCRIPTION];
    struct relay_answer answer = { .class = ERR_OK, .reach = ANSWERED };
    if (state == PULL_OPEN) {
        LOG(d->conf.log, PULL_OPENED);
        METRIC_INC(d->conf.metrics, PULL_STREAMS);
        d->facts.ever_open = true;
    } else if (state == PULL_WAITING || state == PULL_FAULT) {
        answer = (struct relay_answer) { why->class, why->reach, why->http, why->grpc, why->token_gen, why->wait_us };
        if (state == PULL_FAULT) {
            d->facts.pull_fault = *err;
            LOG(d->conf.log, PULL_FAILED, LOG_ERR(err));
        } else {
            LOG(d->conf.log, PULL_CLOSED, LOG_CODE("cause", err_name(why->class)));
        }
    } else {
        return;
    }
    if (state == PULL_WAITING && !probe->open)
        return;    /* streams end by design */
    probe->open = false;
    driver_feed(d, &(struct relay_event) {
        .kind = EV_DONE, .op = OP_PROBE, .target = AT_SUBSCRIPTION, .answer = answer,
    });
}

static void acked(struct driver *d, const struct ack_result *r)
{
    struct lease *l = slots_find(&d->leases, r->lease);
    if (l != NULL && r->answer.class == ERR_OK) {
        METRIC_INC(d->conf.metrics, ACKS);
        us_t wall = loop_wall(d->conf.loop);
        if (l->published_wall_us > 0 && wall > l->published_wall_us)
            METRIC_OBSERVE(d->conf.metrics, END_TO_END, 0, 0, (uint64_t) (wall - l->published_wall_us));
    }
    const struct pubsub_answer *a = &r->answer;
    driver_feed(d, &(struct relay_event) {
        .kind = EV_ACKED, .lease = r->lease,
        .answer = { a->class, a->reach, a->http, a->grpc, a->token_gen, a->wait_us },
    });
}

static void extended(struct driver *d, const struct ack_result *r)
{
    if (r->answer.class == ERR_OK)
        driver_feed(d, &(struct relay_event) { .kind = EV_LEASE, .lease = r->lease, .until_us = r->until_us });
    else if (r->answer.class == ERR_LOST_LEASE)
        driver_feed(d, &(struct relay_event) { .kind = EV_LEASE, .lease = r->lease, .until_us = 0 });
    /* anything else: the lease ends when it ended; the engine asks again before that */
}

static void on_acks(void *ctx, const struct ack_result *results, size_t count)
{
    struct driver *d = ctx;
    for (size_t i = 0; i < count; i++) {
        if (results[i].op == ACK_DONE)
            acked(d, &results[i]);
        else if (results[i].op == ACK_EXTEND)
            extended(d, &results[i]);
    }
}

void driver_source_open(struct driver *d)
{
    static const struct pull_stream_events events = { on_deliveries, on_properties, on_state };
    uint32_t outstanding_max = d->conf.outstanding_max;
    if (d->conf.subscription.len == 0)
        return;
    if (d->conf.messages_max > 0)
        outstanding_max = (uint32_t) MIN(outstanding_max, d->conf.messages_max);
    d->acks = ack_batch_make(&(struct ack_batch_conf) {
        .endpoint = d->conf.pubsub, .subscription = d->conf.subscription,
        .gather_us = 10 * US_PER_MS, .timeout_us = 10 * US_PER_S,
    }, on_acks, d);
    d->pull = pull_stream_make(&(struct pull_stream_conf) {
        .endpoint = d->conf.pubsub, .subscription = d->conf.subscription, .lease_s = 60,
        .outstanding_max = outstanding_max, .outstanding_bytes = d->conf.outstanding_bytes, .seed = d->conf.seed,
    }, &events, d);
}

void driver_source_close(struct driver *d)
{
    if (d->pull != NULL)
        pull_stream_free(d->pull);
    if (d->acks != NULL)
        ack_batch_free(d->acks);
    LIST_EACH(&d->leases_by_age, link, after)
        lease_end(d, CONTAINER_OF(link, struct lease, by_age));
}

void driver_source_extend(struct driver *d, const struct relay_action *a)
{
    struct lease *l = slots_find(&d->leases, a->lease);
    CHECK(l != NULL);
    us_t seconds = (a->until_us - loop_now(d->conf.loop) + US_PER_S - 1) / US_PER_S;
    ack_batch_extend(d->acks, a->lease, ack_id_of(l), (uint32_t) MIN(MAX(seconds, 1), 600));
}

void driver_source_ack(struct driver *d, const struct relay_action *a)
{
    struct lease *l = slots_find(&d->leases, a->lease);
    CHECK(l != NULL);
    ack_batch_ack(d->acks, a->lease, ack_id_of(l));
}

void driver_source_release(struct driver *d, const struct relay_action *a)
{
    struct lease *l = slots_find(&d->leases, a->lease);
    CHECK(l != NULL);
    ack_batch_release(d->acks, a->lease, ack_id_of(l));
}

void driver_source_forget(struct driver *d, relay_id lease)
{
    struct lease *l = slots_find(&d->leases, lease);
    CHECK(l != NULL);
    lease_end(d, l);
    slots_give(&d->leases, lease);
}

void driver_lease_give_back(struct driver *d, relay_id lease)
{
    struct lease *l = slots_find(&d->leases, lease);
    CHECK(l != NULL);
    ack_batch_release(d->acks, lease, ack_id_of(l));
    driver_source_forget(d, lease);
}

void driver_source_probe(struct driver *d)
{
    d->probe[AT_SUBSCRIPTION].open = true;
    pull_stream_open_now(d->pull);
}

struct bytes driver_shown_name(const struct driver *d, struct bytes announced)
{
    struct bytes id;
    bool is_name = announced.len == 0 || store_path_check(d->conf.source_names, announced, &id) != STORE_PATH_BAD;
    return is_name ? announced : BYTES_LIT("not-a-name");
}

struct bytes driver_lease_message_id(const struct driver *d, relay_id lease)
{
    const struct lease *l = slots_find(&d->leases, lease);
    return l != NULL ? bytes_of(l->message_id, l->message_id_len) : bytes_of(NULL, 0);
}

uint32_t driver_lease_mark(const struct driver *d, relay_id lease)
{
    const struct lease *l = slots_find(&d->leases, lease);
    return l != NULL ? l->mark : 0;
}
