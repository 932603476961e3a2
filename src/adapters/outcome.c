/*
 * The one place where outcomes and notices become counters and log lines, so
 * that the ledger cannot drift from what was done.
 */
#include "adapters/driver_parts.h"

/* What made the attempt after this answer necessary. */
static unsigned cause_of(enum err_class class)
{
    switch (class) {
    case ERR_TRANSIENT:       return LABEL_CAUSE_TRANSIENT;
    case ERR_TIMEOUT:         return LABEL_CAUSE_TIMEOUT;
    case ERR_RESET:
    case ERR_DNS:
    case ERR_REFUSED_CONNECT:
    case ERR_TLS:
    case ERR_PROXY:
    case ERR_PROTOCOL:        return LABEL_CAUSE_TRANSPORT;
    case ERR_THROTTLED:       return LABEL_CAUSE_THROTTLED;
    case ERR_UNAUTHENTICATED:
    case ERR_FORBIDDEN:       return LABEL_CAUSE_CREDENTIALS;
    case ERR_NOT_FOUND:       return LABEL_CAUSE_NOT_FOUND;
    case ERR_NACKED:
    case ERR_CONFLICT:        return LABEL_CAUSE_PROOF;
    default:                  return LABEL_CAUSE_OTHER;
    }
}

void driver_count_request(struct driver *d, const struct attempt *at, const struct relay_answer *answer)
{
    struct metrics *m = d->conf.metrics;
    unsigned endpoint = (unsigned) at->target;
    us_t took = loop_now(d->conf.loop) - at->started_us;
    if (at->op == OP_BURY)
        return;
    METRIC_ADD(m, REQUESTS, endpoint, label_http_code(answer->http), 1);
    METRIC_OBSERVE(m, REQUEST_DURATION, endpoint, label_http_class(answer->http), (uint64_t) MAX(took, 0));
    if (answer->class != ERR_OK && (at->op == OP_FETCH || at->op == OP_INGEST))
        METRIC_ADD(m, RETRIES, endpoint, cause_of(answer->class), 1);
    if (answer->class == ERR_OK && at->op == OP_FETCH) {
        METRIC_INC(m, FETCHED);
        METRIC_OBSERVE(m, MESSAGE_BYTES, 0, 0, at->body->message_bytes);
    }
}

/* The Python pipeline's name of the stage. */
static const char *stage_name(enum relay_op stage)
{
    return stage == OP_INGEST ? "failed_ingest" : "failed_fetch";
}

static const char *reason_code(enum relay_reason reason)
{
    return label_text(LABELS_REASON, (unsigned) reason);
}

static void delivered(struct driver *d, const struct relay_action *a)
{
    struct attempt *at = driver_attempt(d, a->job);
    METRIC_ADD(d->conf.metrics, DELIVERED, a->dup ? LABEL_DUP_YES : LABEL_DUP_NO, 0, 1);
    METRIC_INC(d->conf.metrics, INGESTED);
    if (a->dup && at->labels_differ) {
        METRIC_INC(d->conf.metrics, LABELS_DIFFER);
        LOG(d->conf.log, LABELS_DIFFER, LOG_NAME("message", a->name));
    }
    if (log_wants(d->conf.log, EVENT_MESSAGE_DELIVERED))
        LOG(d->conf.log, MESSAGE_DELIVERED, LOG_NAME("message", a->name), LOG_INT("bytes", at->message_bytes),
            LOG_INT("attempts", a->attempts), LOG_BOOL("dup", a->dup), LOG_US("fetch_s", at->fetch_us),
            LOG_US("ingest_s", at->ingest_us), LOG_US("total_s", loop_now(d->conf.loop) - a->first_us));
}

static void dead(struct driver *d, const struct relay_action *a)
{
    const struct attempt *at = slot_id_is_none(a->job) ? NULL : driver_attempt(d, a->job);
    bool ingest = a->stage == OP_INGEST;
    METRIC_ADD(d->conf.metrics, DEAD, (unsigned) a->reason, 0, 1);
    metric_add(d->conf.metrics, ingest ? METRIC_FAILED_INGEST : METRIC_FAILED_FETCH, 0, 0, 1);
    d->facts.dead++;
    LOG(d->conf.log, MESSAGE_DEAD, LOG_NAME("message", driver_shown_name(d, a->name)), LOG_CODE("stage", stage_name(a->stage)),
        LOG_CODE("reason", reason_code(a->reason)), LOG_INT("attempts", a->attempts),
        LOG_INT("status", a->answer.http), LOG_CODE("class", err_name(a->answer.class)),
        LOG_CODE("hl7_ack", at != NULL && at->ack[0] != '\0' ? at->ack : "none"),
        LOG_NAME_STR("hl7_location", at != NULL ? at->nack_where : ""),
        LOG_NAME("message_id", driver_lease_message_id(d, a->lease)));
}

void driver_outcome(struct driver *d, const struct relay_action *a)
{
    d->facts.last_activity_us = loop_now(d->conf.loop);
    if (d->conf.bundles != NULL) {
        struct relay_action shown = *a;    /* a runner gets no name that may be something else */
        shown.name = driver_shown_name(d, a->name);
        d->conf.bundles->on_outcome(d->conf.bundles->ctx, &shown, driver_lease_mark(d, a->lease));
    }
    switch (a->outcome) {
    case OUTCOME_DELIVERED:
        delivered(d, a);
        return;
    case OUTCOME_DEAD:
        dead(d, a);
        return;
    case OUTCOME_SKIPPED:
        METRIC_ADD(d->conf.metrics, SKIPPED, (unsigned) a->reason, 0, 1);
        LOG(d->conf.log, MESSAGE_SKIPPED, LOG_CODE("reason", reason_code(a->reason)),
            LOG_NAME("message_id", driver_lease_message_id(d, a->lease)));
        return;
    case OUTCOME_RELEASED:
        METRIC_ADD(d->conf.metrics, RELEASED, (unsigned) a->reason, 0, 1);
        LOG(d->conf.log, MESSAGE_RELEASED, LOG_NAME("message", driver_shown_name(d, a->name)), LOG_CODE("reason", reason_code(a->reason)));
        return;
    case OUTCOME_COALESCED:
        METRIC_INC(d->conf.metrics, COALESCED);
        LOG(d->conf.log, MESSAGE_COALESCED, LOG_NAME("message", driver_shown_name(d, a->name)));
        return;
    case OUTCOME_NONE:
    case RELAY_OUTCOMES:
        break;
    }
    CHECK(!"an outcome that is none");
}

static const struct {
    const char *code, *text;
} notices[] = {
#define NOTICE(name, text) { #name, text },
#include "relay/notice.def"
#undef NOTICE
};

const char *driver_notice_code(enum relay_notice notice)
{
    return notices[notice].code;
}

const char *driver_notice_text(enum relay_notice notice)
{
    return notices[notice].text;
}

size_t driver_notices(const struct driver *d, struct driver_notice *out, size_t max)
{
    size_t count = 0;
    for (unsigned t = 0; t < RELAY_TARGETS; t++)
        for (unsigned n = 0; n < RELAY_NOTICES && count < max; n++)
            if (d->notice_since_us[t][n] != 0)
                out[count++] = (struct driver_notice) {
                    (enum relay_notice) n, (enum relay_target) t, d->notice_since_us[t][n],
                };
    return count;
}

static void storm(struct driver *d, bool held)
{
    if (held)
        LOG(d->conf.log, STORM_GUARD_HELD);
    else
        LOG(d->conf.log, STORM_GUARD_RELEASED);
    if (d->conf.on_storm != NULL)
        d->conf.on_storm(d->conf.ctx, held);
}

void driver_notice(struct driver *d, const struct relay_action *a)
{
    d->notice_since_us[a->target][a->notice] = a->on ? loop_now(d->conf.loop) : 0;
    if (a->notice == NOTICE_STORM_GUARD) {
        storm(d, a->on);
        return;
    }
    struct log_field notice = LOG_CODE("notice", driver_notice_code(a->notice));
    struct log_field target = LOG_CODE("target", label_text(LABELS_ENDPOINT, (unsigned) a->target));
    if (!a->on)
        LOG(d->conf.log, NOTICE_OFF, notice, target);
    else if (a->name.len > 0)
        LOG(d->conf.log, NOTICE_ON, notice, target, LOG_NAME("message", driver_shown_name(d, a->name)));
    else
        LOG(d->conf.log, NOTICE_ON, notice, target, LOG_CODE("class", err_name(a->answer.class)),
            LOG_INT("status", a->answer.http));
}

static void publish_targets(struct metrics *m, const struct relay_stats *s)
{
    static const unsigned held[RELAY_TARGETS] = {
        LABEL_HELD_SUBSCRIPTION, LABEL_HELD_SOURCE, LABEL_HELD_DEST, LABEL_HELD_SINK,
    };
    for (unsigned t = 0; t < RELAY_TARGETS; t++) {
        const struct relay_target_stats *target = &s->target[t];
        METRIC_SET(m, BREAKER, t, 0, target->breaker_open);
        METRIC_SET(m, CONCURRENCY_LIMIT, t, 0, target->limit);
        METRIC_SET(m, HELD, held[t], 0, target->breaker_open || target->throttled || target->token_wait);
    }
    METRIC_SET(m, HELD, LABEL_HELD_STORM_GUARD, 0, s->storm_held);
}

void driver_publish_metrics(struct driver *d)
{
    struct metrics *m = d->conf.metrics;
    struct relay_stats s;
    struct driver_facts f;
    driver_act(d);    /* else the gauges would be ahead of the counters, and the sum would not balance */
    relay_stats(d->relay, &s);
    driver_facts(d, &f);
    const struct relay_ledger *l = &s.ledger;
    publish_targets(m, &s);
    METRIC_SET(m, IN_FLIGHT, 0, 0, (int64_t) l->in_flight);
    METRIC_SET(m, LEDGER_BALANCED, 0, 0, l->received == l->delivered + l->dead + l->skipped + l->coalesced +
               l->released + l->in_flight);
    METRIC_SET(m, LEASES, 0, 0, s.leases);
    METRIC_SET(m, BODY_BYTES, 0, 0, (int64_t) s.body_bytes);
    METRIC_SET(m, DELIVERY_ATTEMPT_MAX, 0, 0, f.delivery_attempt_max);
    us_t age = f.oldest_published_wall_us == US_NEVER ? 0 : loop_wall(d->conf.loop) - f.oldest_published_wall_us;
    METRIC_SET(m, OLDEST_UNACKED, 0, 0, MAX(age, 0));
    METRIC_SET(m, DLQ_PENDING, 0, 0, d->conf.sink != NULL ? (int64_t) sink_pending(d->conf.sink) : 0);
    METRIC_ADD(m, LEASE_EXTENSIONS, 0, 0, s.extensions - d->extensions_seen);
    METRIC_ADD(m, LEASE_EXPIRED, LABEL_EXPIRED_SERVER, 0, s.leases_lost - d->leases_lost_seen);
    d->extensions_seen = s.extensions;
    d->leases_lost_seen = s.leases_lost;
}
