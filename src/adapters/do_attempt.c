/*
 * Attempts at the two stores: an action becomes one call, its end one event.
 * Nothing is judged: class and reach go to the engine as the client saw them.
 */
#include "adapters/driver_parts.h"
#include "base/b64.h"

/* The one, loud exception: log.log_message_content, which ends by itself (obs/log.h). */
static void log_content(const struct attempt *at)
{
    struct driver *d = at->driver;
    CLEANUP(buf_fini) struct buf name = { 0 }, decoded = { 0 };
    if (!d->conf.log_content || !b64_decode(at->body->data, &decoded))
        return;
    buf_append(&name, d->conf.source_names->own.full);
    buf_append_str(&name, "/messages/");
    buf_append(&name, bytes_of(at->source_id, at->source_id_len));
    log_message_content(d->conf.log, buf_bytes(&name), at->body->data, buf_bytes(&decoded));
}

/* OP_FETCH that brought no body the engine will hear of. */
static void give_body(struct attempt *at)
{
    if (at->op == OP_FETCH && at->body != NULL)
        store_body_give(at->driver->conf.bodies, at->body);
    at->body = NULL;
}

void driver_attempt_done(struct attempt *at, const struct relay_answer *answer)
{
    struct driver *d = at->driver;
    us_t took = loop_now(d->conf.loop) - at->started_us;
    struct relay_event ev = {
        .kind = EV_DONE, .job = at->job, .op = at->op, .target = at->target, .answer = *answer,
    };
    CHECK(at->open);
    at->open = false;
    at->call = NULL;
    driver_count_request(d, at, answer);
    if (answer->class == ERR_OK && at->op == OP_FETCH) {
        at->fetch_us = took;
        at->message_bytes = at->body->message_bytes;
        log_content(at);
        ev.body = at->fetched = at->body->id;
        ev.body_bytes = at->body->reply.len;
        at->body = NULL;    /* the engine's now, until ACT_DROP_BODY */
    } else if (answer->class == ERR_OK && at->op == OP_INGEST) {
        at->ingest_us = took;
        ev.other_id = at->other_id.len > 0;
    }
    give_body(at);
    driver_feed(d, &ev);
}

void driver_attempt_done_late(struct attempt *at, const struct relay_answer *answer)
{
    at->late_answer = *answer;
    list_push_back(&at->driver->late, &at->late);
}

static void on_done(void *ctx, const struct store_result *r)
{
    struct attempt *at = ctx;
    struct relay_answer answer = {
        .class = r->class, .reach = r->reach, .http = r->http, .token_gen = r->token_gen, .wait_us = r->wait_us,
    };
    if (at->op == OP_INGEST) {
        memcpy(at->ack, r->ack, sizeof(at->ack));
        memcpy(at->nack_where, r->nack_where, sizeof(at->nack_where));
        buf_clear(&at->other_id);
        if (r->class == ERR_OK && !bytes_eq(r->id, bytes_of(at->source_id, at->source_id_len)))
            buf_append(&at->other_id, r->id);
    }
    if (at->op == OP_PROVE)
        at->labels_differ = r->labels_differ;
    if (r->class != ERR_OK)
        LOG(at->driver->conf.log, ATTEMPT_FAILED,
            LOG_CODE("target", label_text(LABELS_ENDPOINT, (unsigned) at->target)), LOG_ERR(r->err));
    driver_attempt_done(at, &answer);
}

static void on_want(void *ctx, uint64_t total)
{
    struct attempt *at = ctx;
    uint64_t have = LIMIT_STREAM_WINDOW + at->granted;
    driver_feed(at->driver, &(struct relay_event) {
        .kind = EV_WANT, .job = at->job, .op = at->op, .body_bytes = total > have ? total - have : KIB(64),
    });
}

static void probe(struct attempt *at, const struct store_attempt *how)
{
    static const struct store_events events = { .on_done = on_done };
    struct driver *d = at->driver;
    switch (at->target) {
    case AT_SOURCE:
        at->call = store_probe_source(d->conf.source, how, &events, at);
        return;
    case AT_DEST:
        at->call = store_probe_dest(d->conf.dest, how, &events, at);
        return;
    case AT_SINK:
        driver_bury_probe(d, at);
        return;
    case AT_SUBSCRIPTION:
    case RELAY_TARGETS:
        break;
    }
    CHECK(!"the subscription is probed by its stream");
}

static void fetch(struct attempt *at, const struct store_attempt *how)
{
    static const struct store_events events = { on_want, on_done };
    struct driver *d = at->driver;
    at->body = store_body_take(d->conf.bodies);
    CHECK(at->body != NULL);    /* there are as many as the engine runs jobs */
    at->call = store_fetch(d->conf.source, how, bytes_of(at->source_id, at->source_id_len), at->body, &events, at);
}

static void ingest(struct attempt *at, const struct store_attempt *how)
{
    static const struct store_events events = { .on_done = on_done };
    struct driver *d = at->driver;
    struct bytes labels = d->conf.copy_labels ? at->body->labels : bytes_of(NULL, 0);
    at->call = store_ingest(d->conf.dest, how, at->body->data, labels, &events, at);
}

/* At the source: does the store itself answer? At the destination: is the copy there, with these bytes? */
static void prove(struct attempt *at, const struct store_attempt *how)
{
    static const struct store_events events = { .on_done = on_done };
    struct driver *d = at->driver;
    if (at->target == AT_SOURCE) {
        at->call = store_prove_alive(d->conf.source, how, &events, at);
        return;
    }
    struct bytes id = at->other_id.len > 0 ? buf_bytes(&at->other_id) : bytes_of(at->source_id, at->source_id_len);
    at->call = store_compare(d->conf.dest, how, id, at->body->data, d->conf.copy_labels ? &at->body->labels : NULL, &events, at);
}

static void keep_id(struct attempt *at, struct bytes name)
{
    size_t from = name.len;
    while (from > 0 && name.ptr[from - 1] != '/')
        from--;
    struct bytes id = bytes_sub(name, from, name.len);
    CHECK(store_path_id_ok(id) && id.len <= sizeof(at->source_id));    /* it was judged when it was delivered */
    memcpy(at->source_id, id.ptr, id.len);
    at->source_id_len = (uint16_t) id.len;
}

void driver_attempt_start(struct driver *d, const struct relay_action *a)
{
    if (a->op == OP_PROBE && a->target == AT_SUBSCRIPTION) {
        driver_source_probe(d);
        return;
    }
    struct attempt *at = a->op == OP_PROBE ? &d->probe[a->target] : driver_attempt(d, a->job);
    CHECK(!at->open);
    at->open = true;
    at->op = a->op;
    at->target = a->target;
    at->started_us = loop_now(d->conf.loop);
    at->granted = 0;
    if (a->op == OP_BURY) {
        driver_bury(d, at, a);
        return;
    }
    struct store_attempt how = { .deadline_us = a->until_us };
    if (d->conf.auth != NULL) {
        struct auth_token token = auth_token_now(d->conf.auth);
        how.token = token.bearer;
        how.token_gen = token.gen;
        if (token.bearer.len == 0) {    /* never without credentials to a place that wants them */
            driver_attempt_done_late(at, &(struct relay_answer) {
                .class = ERR_UNAUTHENTICATED, .reach = NOT_SENT, .token_gen = token.gen,
            });
            return;
        }
    }
    if (a->op == OP_PROBE) {
        probe(at, &how);
        return;
    }
    keep_id(at, a->name);
    if (a->op == OP_FETCH) {
        fetch(at, &how);
        return;
    }
    at->body = store_body_find(d->conf.bodies, a->body);
    CHECK(at->body != NULL || (a->op == OP_PROVE && a->target == AT_SOURCE));
    if (a->op == OP_INGEST)
        ingest(at, &how);
    else
        prove(at, &how);
}

void driver_attempt_grant(struct driver *d, const struct relay_action *a)
{
    struct attempt *at = driver_attempt(d, a->job);
    if (!at->open || at->op != OP_FETCH || at->call == NULL)
        return;    /* it ended in the same pass */
    if (a->body_bytes == 0) {
        store_cancel(at->call);
        LOG(d->conf.log, ATTEMPT_FAILED, LOG_CODE("target", "source"), LOG_CODE("cause", "TOO_LARGE"));
        at->call = NULL;
        driver_attempt_done_late(at, &(struct relay_answer) {
            .class = ERR_TOO_LARGE, .reach = ANSWERED, .http = 200,
        });
        return;
    }
    at->granted += a->body_bytes;
    store_grant(at->call, a->body_bytes);
}

void driver_attempt_cancel(struct attempt *at)
{
    if (at->open && at->call != NULL)
        store_cancel(at->call);
    give_body(at);
    if (list_is_linked(&at->late))
        list_remove(&at->driver->late, &at->late);
    at->open = false;
}
