/*
 * Dead letters and skip records. The engine hears of a burial only once it is
 * durable; what the sink cannot write it answers with class DISK, and the
 * engine holds and asks again.
 */
#include "adapters/driver_parts.h"

static void on_durable(void *ctx, const struct err *err)
{
    struct attempt *at = ctx;
    if (err->class != ERR_OK)
        LOG(at->driver->conf.log, SINK_FAILED, LOG_ERR(err));
    driver_attempt_done(at, &(struct relay_answer) { .class = err->class, .reach = ANSWERED });
}

void driver_bury(struct driver *d, struct attempt *at, const struct relay_action *a)
{
    if (d->conf.sink == NULL) {
        driver_attempt_done_late(at, &(struct relay_answer) { .class = ERR_CONFIG, .reach = NOT_SENT });
        return;
    }
    us_t wall = loop_wall(d->conf.loop), now = loop_now(d->conf.loop);
    sink_put(d->conf.sink, &(struct sink_record) {
        .skipped = a->outcome == OUTCOME_SKIPPED, .stage = a->stage == OP_INGEST ? OP_INGEST : OP_FETCH,
        .reason = a->reason, .answer = a->answer, .attempts = a->attempts,
        .first_wall_us = wall - (now - a->first_us), .last_wall_us = wall,
        .name = a->name, .message_id = driver_lease_message_id(d, a->lease),
    }, on_durable, at);
}

void driver_bury_probe(struct driver *d, struct attempt *at)
{
    if (d->conf.sink == NULL)
        driver_attempt_done_late(at, &(struct relay_answer) { .class = ERR_CONFIG, .reach = NOT_SENT });
    else
        sink_probe(d->conf.sink, on_durable, at);
}
