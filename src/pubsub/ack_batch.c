#include "pubsub/ack_batch.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "pubsub/pubsub_codec.h"

/*
 * A batch is its request, written as ids come:
 *
 *     request  subscription | seconds | id | id | id ...
 *     entry[i]                          ^at, len, lease
 *
 * gathering -> (full or 10 ms) -> ready -> (a call is free) -> sent -> results -> spare
 */
struct entry {
    struct slot_id lease;
    uint32_t at, len;
    uint8_t failed;    /* enum id_state */
};

enum id_state { ID_AS_CALL, ID_AGAIN, ID_LOST };

struct batch {
    struct list_link link;
    struct ack_batch *owner;
    enum ack_op op;
    uint32_t seconds;
    us_t send_us;
    struct pubsub_call *call;
    struct buf request;
    uint32_t count;
    struct entry entry[LIMIT_ACK_BATCH];
};

struct ack_batch {
    struct ack_batch_conf conf;
    struct buf subscription, routing;
    ack_batch_fn *fn;
    void *ctx;
    struct list gathering, ready, sent, refused, spare;
    size_t open;
    struct loop_timer timer;
    struct loop_task task;    /* sends what is ready, answers what is refused */
    struct ack_result results[LIMIT_ACK_BATCH];
};

static struct batch *first_of(struct list *l)
{
    return list_is_empty(l) ? NULL : CONTAINER_OF(l->head.next, struct batch, link);
}

static void move(struct batch *b, struct list *from, struct list *to)
{
    list_remove(from, &b->link);
    list_push_back(to, &b->link);
}

/* ---- results ---- */

static void on_ack_error(void *ctx, struct bytes ack_id, bool permanent)
{
    struct batch *b = ctx;
    for (uint32_t i = 0; i < b->count; i++)
        if (bytes_eq(ack_id, bytes_of(b->request.ptr + b->entry[i].at, b->entry[i].len)))
            b->entry[i].failed = permanent ? ID_LOST : ID_AGAIN;
}

/*
 * With exactly-once the call as a whole fails when one id does. The ids named are lost or to be asked
 * again; of the others nothing is said, so they are to be asked again too.
 */
static void set_result(const struct batch *b, uint32_t i, const struct pubsub_reply *r, bool by_id,
                       struct ack_result *out)
{
    *out = (struct ack_result) { .lease = b->entry[i].lease, .op = b->op, .answer = r->answer };
    if (by_id) {
        out->answer.class = b->entry[i].failed == ID_LOST ? ERR_LOST_LEASE : ERR_TRANSIENT;
        out->answer.reach = b->entry[i].failed == ID_AS_CALL ? MAYBE_APPLIED : ANSWERED;
    }
    if (out->answer.class == ERR_OK && b->op == ACK_EXTEND)
        out->until_us = r->sent_us + (us_t) b->seconds * US_PER_S;
}

static void tell(struct batch *b, struct list *from, const struct pubsub_reply *r, bool by_id)
{
    struct ack_batch *a = b->owner;
    uint32_t count = b->count;
    for (uint32_t i = 0; i < count; i++)
        set_result(b, i, r, by_id, &a->results[i]);
    a->open -= count;
    move(b, from, &a->spare);
    a->fn(a->ctx, a->results, count);
}

static void on_reply(void *ctx, const struct pubsub_reply *r)
{
    struct batch *b = ctx;
    struct ack_batch *a = b->owner;
    bool by_id = false;
    b->call = NULL;
    if (r->answer.class != ERR_OK && r->details.len > 0)
        pubsub_cold_details(r->details, on_ack_error, b, &by_id);
    if (!list_is_empty(&a->ready))
        loop_task_post(a->conf.endpoint.loop, &a->task);
    tell(b, &a->sent, r, by_id);
}

/* ---- sending ---- */

static const char *const methods[ACK_OPS] = {
    [ACK_DONE] = "/google.pubsub.v1.Subscriber/Acknowledge",
    [ACK_EXTEND] = "/google.pubsub.v1.Subscriber/ModifyAckDeadline",
    [ACK_RELEASE] = "/google.pubsub.v1.Subscriber/ModifyAckDeadline",
};

static void send_ready(struct ack_batch *a)
{
    struct batch *b;
    while (a->sent.count < LIMIT_ACK_CALLS && (b = first_of(&a->ready)) != NULL) {
        struct pubsub_call_conf conf = {
            .method = methods[b->op], .routing = buf_bytes(&a->routing), .request = buf_bytes(&b->request),
            .timeout_us = a->conf.timeout_us, .fn = on_reply, .ctx = b,
        };
        move(b, &a->ready, &a->sent);
        b->call = pubsub_call_begin(&a->conf.endpoint, &conf);
    }
}

static void set_timer(struct ack_batch *a)
{
    struct batch *b = first_of(&a->gathering);
    loop_timer_set(a->conf.endpoint.loop, &a->timer, b != NULL ? b->send_us : US_NEVER);
}

/* Leases come first: an extension that is late loses work that is under way. */
static void make_ready(struct ack_batch *a, struct batch *b)
{
    list_remove(&a->gathering, &b->link);
    if (b->op == ACK_EXTEND)
        list_push_front(&a->ready, &b->link);
    else
        list_push_back(&a->ready, &b->link);
    loop_task_post(a->conf.endpoint.loop, &a->task);
}

static void on_timer(struct loop_timer *t)
{
    struct ack_batch *a = CONTAINER_OF(t, struct ack_batch, timer);
    struct batch *b;
    us_t now = loop_now(a->conf.endpoint.loop);
    while ((b = first_of(&a->gathering)) != NULL && b->send_us <= now)
        make_ready(a, b);
    set_timer(a);
}

static void on_task(struct loop_task *t)
{
    struct ack_batch *a = CONTAINER_OF(t, struct ack_batch, task);
    struct batch *b;
    static const struct err no_id = { .class = ERR_LOST_LEASE };
    static const struct pubsub_reply r = { .answer = { .class = ERR_LOST_LEASE, .reach = NOT_SENT }, .err = &no_id };
    send_ready(a);
    while ((b = first_of(&a->refused)) != NULL)
        tell(b, &a->refused, &r, false);
}

/* ---- life ---- */

struct ack_batch *ack_batch_make(const struct ack_batch_conf *conf, ack_batch_fn *fn, void *ctx)
{
    struct ack_batch *a = mem_alloc(sizeof(*a));
    a->conf = *conf;
    buf_append(&a->subscription, conf->subscription);
    a->conf.subscription = buf_bytes(&a->subscription);
    pubsub_call_routing("subscription", conf->subscription, &a->routing);
    a->fn = fn;
    a->ctx = ctx;
    list_init(&a->gathering);
    list_init(&a->ready);
    list_init(&a->sent);
    list_init(&a->refused);
    list_init(&a->spare);
    a->timer.fn = on_timer;
    a->task.fn = on_task;
    return a;
}

static void free_all(struct list *l)
{
    struct batch *b;
    while ((b = first_of(l)) != NULL) {
        list_remove(l, &b->link);
        if (b->call != NULL)
            pubsub_call_cancel(b->call);
        buf_fini(&b->request);
        mem_free(b);
    }
}

void ack_batch_free(struct ack_batch *a)
{
    if (a == NULL)
        return;
    loop_timer_stop(a->conf.endpoint.loop, &a->timer);
    loop_task_cancel(a->conf.endpoint.loop, &a->task);
    free_all(&a->gathering);
    free_all(&a->ready);
    free_all(&a->sent);
    free_all(&a->refused);
    free_all(&a->spare);
    buf_fini(&a->subscription);
    buf_fini(&a->routing);
    mem_free(a);
}

/* ---- gathering ---- */

static struct batch *take_batch(struct ack_batch *a, enum ack_op op)
{
    struct batch *b = first_of(&a->spare);
    CHECK(a->ready.count + a->sent.count <= LIMIT_ACK_BATCHES);
    if (b != NULL)
        list_remove(&a->spare, &b->link);
    else
        b = mem_alloc(sizeof(*b));
    b->owner = a;
    b->op = op;
    b->count = 0;
    return b;
}

static struct batch *new_batch(struct ack_batch *a, enum ack_op op, uint32_t seconds)
{
    struct batch *b = take_batch(a, op);
    b->seconds = seconds;
    b->send_us = loop_now(a->conf.endpoint.loop) + a->conf.gather_us;
    buf_clear(&b->request);
    if (op == ACK_DONE)
        pubsub_codec_ack_head(a->conf.subscription, &b->request);
    else
        pubsub_codec_modack_head(a->conf.subscription, seconds, &b->request);
    list_push_back(&a->gathering, &b->link);
    if (a->gathering.count == 1)
        set_timer(a);
    return b;
}

static struct batch *batch_for(struct ack_batch *a, enum ack_op op, uint32_t seconds)
{
    for (struct list_link *l = a->gathering.head.next; l != &a->gathering.head; l = l->next) {
        struct batch *b = CONTAINER_OF(l, struct batch, link);
        if (b->op == op && b->seconds == seconds)
            return b;
    }
    return new_batch(a, op, seconds);
}

/* An id that is none: its result comes by the task. */
static void refuse(struct ack_batch *a, struct slot_id lease, enum ack_op op)
{
    struct batch *b = take_batch(a, op);
    b->entry[b->count++] = (struct entry) { .lease = lease };
    list_push_back(&a->refused, &b->link);
    loop_task_post(a->conf.endpoint.loop, &a->task);
}

static void add(struct ack_batch *a, enum ack_op op, uint32_t seconds, struct slot_id lease, struct bytes ack_id)
{
    a->open++;
    if (ack_id.len == 0 || ack_id.len > LIMIT_ACK_ID_LEN) {
        refuse(a, lease, op);
        return;
    }
    struct batch *b = batch_for(a, op, seconds);
    if (op == ACK_DONE)
        pubsub_codec_ack_id(ack_id, &b->request);
    else
        pubsub_codec_modack_id(ack_id, &b->request);
    b->entry[b->count++] = (struct entry) {
        .lease = lease, .at = (uint32_t) (b->request.len - ack_id.len), .len = (uint32_t) ack_id.len,
    };
    if (b->count == LIMIT_ACK_BATCH || b->request.len + LIMIT_ACK_ID_LEN + 8 > LIMIT_ACK_REQUEST_BYTES) {
        make_ready(a, b);
        set_timer(a);
    }
}

void ack_batch_ack(struct ack_batch *a, struct slot_id lease, struct bytes ack_id)
{
    add(a, ACK_DONE, 0, lease, ack_id);
}

void ack_batch_extend(struct ack_batch *a, struct slot_id lease, struct bytes ack_id, uint32_t seconds)
{
    CHECK(seconds >= 1 && seconds <= 600);
    add(a, ACK_EXTEND, seconds, lease, ack_id);
}

void ack_batch_release(struct ack_batch *a, struct slot_id lease, struct bytes ack_id)
{
    add(a, ACK_RELEASE, 0, lease, ack_id);
}

void ack_batch_flush(struct ack_batch *a)
{
    struct batch *b;
    while ((b = first_of(&a->gathering)) != NULL)
        make_ready(a, b);
    set_timer(a);
}

size_t ack_batch_open(const struct ack_batch *a)
{
    return a->open;
}
