/* What an attempt meets: the faults of the moment, then the store or the sink itself. */
#include "sim.h"

#include "base/limits.h"

static const struct sim_fault *fault_now(struct sim *s, enum relay_target target, enum relay_op op)
{
    if (sim_calm(s))
        return NULL;
    for (uint32_t i = 0; i < s->plan.faults; i++) {
        const struct sim_fault *f = &s->plan.fault[i];
        if (f->target != target || s->now_us < f->from_us || s->now_us >= f->to_us)
            continue;
        if (f->kind == FAULT_PROOF_FORBIDDEN && op != OP_PROVE)
            continue;
        if ((f->kind == FAULT_WORK_ONLY || f->kind == FAULT_WRONG_NAME) && (op == OP_PROBE || op == OP_PROVE))
            continue;
        if (f->kind == FAULT_NOT_ACCEPTED && op != OP_INGEST)
            continue;
        if (rnd_chance(&s->rnd, f->share))
            return f;
    }
    return NULL;
}

static void answer_at(struct sim *s, struct sim_event *e, struct relay_event ev, us_t at_us)
{
    struct sim_event *back = sim_event_new(s, SIM_FEED, at_us);
    back->relay = e->relay;
    back->generation = e->generation;
    back->feed = ev;
    back->feed.kind = EV_DONE;
    back->feed.op = e->action.op;
    back->feed.target = e->action.target;
    back->feed.job = e->action.job;
    back->feed.answer.token_gen = e->action.token_gen;
}

static void answer(struct sim *s, struct sim_event *e, enum err_class class, enum reach reach)
{
    struct relay_event ev = { .answer = { .class = (uint16_t) class, .reach = (uint8_t) reach } };
    answer_at(s, e, ev, s->now_us + sim_latency(s));
}

/* True: the fault answers. *ret_silent: it is applied all the same, and nobody hears of it. */
static bool meets_fault(struct sim *s, struct sim_event *e, bool *ret_silent)
{
    const struct sim_fault *f = fault_now(s, e->action.target, e->action.op);
    if (f == NULL)
        return false;
    struct relay_event ev = { 0 };
    struct relay_answer *a = &ev.answer;
    us_t at_us = s->now_us + sim_latency(s);
    a->reach = ANSWERED;
    switch (f->kind) {
    case FAULT_TRANSIENT:
    case FAULT_WORK_ONLY:
        *a = (struct relay_answer) { .class = ERR_TRANSIENT, .reach = ANSWERED, .http = 503 };
        break;
    case FAULT_TIMEOUT_APPLIED:
        *ret_silent = true;
        FALLTHROUGH;
    case FAULT_TIMEOUT:
        *a = (struct relay_answer) { .class = ERR_TIMEOUT, .reach = MAYBE_APPLIED };
        at_us = e->action.until_us;
        break;
    case FAULT_RESET:
        *ret_silent = rnd_chance(&s->rnd, 0.5);
        *a = (struct relay_answer) { .class = ERR_RESET, .reach = MAYBE_APPLIED };
        break;
    case FAULT_THROTTLE:
        *a = (struct relay_answer) { .class = ERR_THROTTLED, .reach = ANSWERED, .http = 429, .wait_us = f->wait_us };
        break;
    case FAULT_FORBIDDEN:
    case FAULT_PROOF_FORBIDDEN:
        *a = (struct relay_answer) { .class = ERR_FORBIDDEN, .reach = ANSWERED, .http = 403 };
        break;
    case FAULT_STORE_MISSING:
        *a = (struct relay_answer) { .class = ERR_NOT_FOUND, .reach = ANSWERED, .http = 404 };
        break;
    case FAULT_DNS:
        *a = (struct relay_answer) { .class = ERR_DNS, .reach = NOT_SENT };
        break;
    case FAULT_NOT_API:
        *a = (struct relay_answer) { .class = ERR_NOT_API, .reach = ANSWERED, .http = 404 };
        break;
    case FAULT_WRONG_NAME:
        a->class = ERR_WRONG_NAME;
        break;
    case FAULT_NOT_SENT:
        *a = (struct relay_answer) { .class = ERR_RESET, .reach = NOT_SENT };
        break;
    case FAULT_DISK:
        *a = (struct relay_answer) { .class = ERR_DISK, .reach = ANSWERED };
        break;
    case FAULT_NOT_ACCEPTED:
        *ret_silent = rnd_chance(&s->rnd, 0.5);
        a->class = ERR_NOT_ACCEPTED;
        break;
    case FAULT_KINDS:
        break;
    }
    if (f->kind == FAULT_WRONG_NAME && e->action.op == OP_FETCH && sim_is_current(s, e)) {
        ev.body = sim_body_make(s, &s->relay[e->relay], 0xbad, 500);
        ev.body_bytes = 500;
    }
    answer_at(s, e, ev, at_us);
    return true;
}

static bool token_refused(struct sim *s, struct sim_event *e)
{
    if (!s->plan.tokens || (e->action.target != AT_SOURCE && e->action.target != AT_DEST))
        return false;
    bool broken = s->now_us >= s->broken_from_us && s->now_us < s->broken_to_us;
    if (!broken && e->action.token_gen >= s->oldest_good_token)
        return false;
    answer(s, e, ERR_UNAUTHENTICATED, ANSWERED);
    return true;
}

/* The reply to a fetch: up to its first window at once, the rest as it is granted. */
static void send_body(struct sim *s, struct sim_event *e, const struct sim_message *m)
{
    struct sim_event *step = sim_event_new(s, SIM_WANT, s->now_us + sim_latency(s));
    struct heap_entry timer = step->timer;
    *step = *e;
    step->timer = timer;
    step->kind = SIM_WANT;
    step->message = e->message;
    step->body_left = m->bytes > LIMIT_STREAM_WINDOW ? m->bytes - LIMIT_STREAM_WINDOW : 0;
}

void sim_body_step(struct sim *s, struct sim_event *e)
{
    struct sim_relay *sr = &s->relay[e->relay];
    struct sim_job *job = &sr->jobs[e->action.job.slot];
    if (job->gen != e->action.job.gen || !job->out)
        return;
    const struct sim_message *m = &s->messages[e->message];
    if (e->body_left > job->granted) {
        if (s->now_us >= e->action.until_us) {    /* nobody granted: the attempt's time is over */
            job->wanting = NULL;
            answer(s, e, ERR_TIMEOUT, MAYBE_APPLIED);
            return;
        }
        struct sim_event *later = sim_event_new(s, SIM_WANT, e->action.until_us);
        struct heap_entry timer = later->timer;
        *later = *e;
        later->timer = timer;
        bool asked = job->wanting != NULL;
        job->wanting = later;
        if (!asked)
            sim_feed(s, e->relay, (struct relay_event) { .kind = EV_WANT, .job = e->action.job,
                                                         .body_bytes = e->body_left });
        return;
    }
    job->wanting = NULL;
    struct relay_event ev = { .body = sim_body_make(s, sr, m->content, m->bytes), .body_bytes = m->bytes,
                              .answer = { .class = ERR_OK, .reach = ANSWERED, .http = 200 } };
    answer_at(s, e, ev, s->now_us);
}

static void fetch(struct sim *s, struct sim_event *e)
{
    struct sim_message *m = &s->messages[e->message];
    bool late = m->kind == KIND_LATE && s->now_us < m->publish_us + 3 * US_PER_S;
    if (m->kind == KIND_GONE || m->kind == KIND_GONE_410 || late) {
        m->refused_us = s->now_us;
        struct relay_event ev = { .answer = { .class = ERR_NOT_FOUND, .reach = ANSWERED, .http = 404 } };
        if (m->kind == KIND_GONE_410)
            ev.answer.http = 410;
        answer_at(s, e, ev, s->now_us + sim_latency(s));
    } else if (m->kind == KIND_BAD_PAYLOAD) {
        answer(s, e, ERR_BAD_PAYLOAD, ANSWERED);
    } else if (m->kind == KIND_TOO_LARGE) {
        answer(s, e, ERR_TOO_LARGE, ANSWERED);
    } else if (m->kind == KIND_POISON_FETCH) {
        struct relay_event ev = { .answer = { .class = ERR_TRANSIENT, .reach = ANSWERED, .http = 500 } };
        answer_at(s, e, ev, s->now_us + 25 * US_PER_S);
    } else {
        send_body(s, e, m);
    }
}

/* True if the store took or has it; what it answers is in ev. */
static void ingest(struct sim *s, struct sim_event *e, struct relay_event *ev)
{
    struct sim_message *m = &s->messages[e->message];
    uint64_t content = e->body_left;    /* captured when the attempt left */
    struct relay_answer *a = &ev->answer;
    *a = (struct relay_answer) { .class = ERR_OK, .reach = ANSWERED, .http = 200 };
    if (m->kind == KIND_NACK) {
        a->class = ERR_NACKED;
        m->refused_us = s->now_us;
        return;
    }
    if (m->kind == KIND_REJECT) {
        a->class = ERR_REFUSED;
        m->refused_us = s->now_us;
        return;
    }
    bool different = m->in_dest && m->dest_content != m->content;
    if (m->in_dest && (s->plan.reject_duplicates || different)) {
        static const enum err_class ways[] = { ERR_NACKED, ERR_CONFLICT, ERR_REFUSED, ERR_ALREADY_EXISTS };
        a->class = (uint16_t) ways[rnd_below(&s->rnd, different ? 3 : 4)];
        return;
    }
    sim_check_stored(s, e->message, content);
    m->in_dest = true;
    m->dest_content = content;
    if (m->kind == KIND_OTHER_ID_DIFFERENT)
        m->dest_content = content + 2;
    ev->other_id = m->kind == KIND_OTHER_ID || m->kind == KIND_OTHER_ID_DIFFERENT;
}

static void prove(struct sim *s, struct sim_event *e)
{
    const struct sim_message *m = &s->messages[e->message];
    if (e->action.target == AT_SOURCE)
        answer(s, e, ERR_OK, ANSWERED);
    else if (!m->in_dest)
        answer(s, e, ERR_NOT_FOUND, ANSWERED);
    else
        answer(s, e, m->dest_content == m->content ? ERR_OK : ERR_DIFFERENT, ANSWERED);
}

/* The sink has it in hand; it is durable only after its fsync, and a crash before loses it. */
static void bury(struct sim *s, struct sim_event *e)
{
    struct sim_event *later = sim_event_new(s, SIM_DURABLE, s->now_us + 1000 + (us_t) rnd_below(&s->rnd, 200000));
    struct heap_entry timer = later->timer;
    *later = *e;
    later->timer = timer;
    later->kind = SIM_DURABLE;
}

void sim_durable(struct sim *s, struct sim_event *e)
{
    if (!sim_is_current(s, e))
        return;
    struct sim_message *m = &s->messages[e->message];
    if (e->action.outcome == OUTCOME_SKIPPED)
        m->skipped = true;
    else
        m->dead = true;
    answer(s, e, ERR_OK, ANSWERED);
}

void sim_arrive(struct sim *s, struct sim_event *e)
{
    bool silent = false;
    enum relay_op op = e->action.op;
    if (op == OP_INGEST && s->messages[e->message].kind == KIND_POISON_INGEST) {
        struct relay_event ev = { .answer = { .class = ERR_TRANSIENT, .reach = ANSWERED, .http = 500 } };
        answer_at(s, e, ev, s->now_us + 25 * US_PER_S);
        return;
    }
    if (token_refused(s, e))
        return;
    struct relay_event ev = { 0 };
    if (meets_fault(s, e, &silent)) {
        if (silent && op == OP_INGEST)
            ingest(s, e, &ev);
        return;
    }
    switch (op) {
    case OP_FETCH:
        fetch(s, e);
        return;
    case OP_INGEST:
        ingest(s, e, &ev);
        answer_at(s, e, ev, s->now_us + sim_latency(s));
        return;
    case OP_PROVE:
        prove(s, e);
        return;
    case OP_BURY:
        bury(s, e);
        return;
    default:
        answer(s, e, ERR_OK, ANSWERED);
    }
}

/* A connection is cut: all that it carries ends in one instant, on its way or answered and not yet heard of. */
void sim_cut(struct sim *s, uint32_t relay, enum relay_target target)
{
    for (uint32_t i = 0; i < s->events.count; i++) {
        struct sim_event *e = CONTAINER_OF(s->events.slots[i].entry, struct sim_event, timer);
        bool arriving = e->kind == SIM_ARRIVE && e->action.target == target;
        bool answered = e->kind == SIM_FEED && e->feed.kind == EV_DONE && e->feed.target == target &&
                        slot_id_is_none(e->feed.body);
        if (e->relay != relay || (!arriving && !answered) || !sim_is_current(s, e))
            continue;
        if (arriving) {
            e->kind = SIM_FEED;
            e->feed = (struct relay_event) { .kind = EV_DONE, .op = e->action.op, .target = target,
                                             .job = e->action.job, .answer.token_gen = e->action.token_gen };
        }
        e->feed.other_id = false;
        e->feed.answer.class = ERR_RESET;
        e->feed.answer.reach = arriving ? NOT_SENT : MAYBE_APPLIED;
        e->until_us = 1;    /* marked: moved below, for moving changes the order of the heap */
    }
    for (uint32_t i = 0; i < s->events.count; i++) {
        struct sim_event *e = CONTAINER_OF(s->events.slots[i].entry, struct sim_event, timer);
        if (e->kind == SIM_FEED && e->feed.kind == EV_DONE && e->until_us == 1 && e->timer.at_us > s->now_us) {
            e->until_us = 0;
            heap_set(&s->events, &e->timer, s->now_us);
            i = UINT32_MAX;    /* from the start again */
        }
    }
}
