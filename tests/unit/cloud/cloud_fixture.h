/*
 * The parts of the local cloud without its port: methods are called as a transport
 * would, consumers are fakes that note what they are given.
 */
#ifndef CLOUD_FIXTURE_H
#define CLOUD_FIXTURE_H

#include "cloud/fault.h"
#include "cloud/proto_wire.h"
#include "cloud/pubsub.h"
#include "temp_dir.h"
#include "unit.h"

struct fixture {
    struct cloud cloud;
    struct cloud_conf conf;
    char dir[64];
    bool on_disk;
};

static inline void fixture_open(struct fixture *f)
{
    struct err err = { 0 };
    f->cloud.fault = cloud_fault_make(f->cloud.loop, &f->conf, &err);
    f->cloud.db = cloud_db_open(f->cloud.loop, f->on_disk ? f->dir : NULL, &err);
    if (f->cloud.db != NULL)
        f->cloud.pubsub = cloud_pubsub_make(&f->cloud, &err);
    if (f->cloud.fault == NULL || f->cloud.pubsub == NULL)
        fail_msg("%s", err.text);
}

/* As after a crash, but for what SIGKILL alone can show: nothing in memory is kept. */
static inline void fixture_close(struct fixture *f)
{
    cloud_db_settle(f->cloud.db);
    cloud_pubsub_free(f->cloud.pubsub);
    cloud_db_close(f->cloud.db);
    cloud_fault_free(f->cloud.fault);
}

static inline void fixture_make(struct fixture *f, bool on_disk)
{
    *f = (struct fixture) { .on_disk = on_disk };
    temp_dir_make(f->dir);
    f->cloud.loop = loop_make(NULL);
    assert_non_null(f->cloud.loop);
    fixture_open(f);
}

static inline void fixture_end(struct fixture *f)
{
    fixture_close(f);
    loop_free(f->cloud.loop);
    temp_dir_remove(f->dir);
}

/* --- calls --- */

struct call {
    struct cloud_unary unary;
    bool done;
    enum grpc_code code;
    struct buf message, details, response;
};

static inline void call_fini(struct call *c)
{
    buf_fini(&c->message);
    buf_fini(&c->details);
    buf_fini(&c->response);
}

static inline void call_answered(struct cloud_unary *u, enum grpc_code code, struct bytes message,
                                 struct bytes details, struct bytes response)
{
    struct call *c = CONTAINER_OF(u, struct call, unary);
    assert_false(c->done);
    c->done = true;
    c->code = code;
    buf_append(&c->message, message);
    buf_append(&c->details, details);
    buf_append(&c->response, response);
}

static inline void call_start(struct fixture *f, struct call *c, cloud_unary_fn *fn, struct bytes request)
{
    *c = (struct call) { .unary = { .cloud = &f->cloud, .deadline_us = US_NEVER, .answer = call_answered } };
    fn(&c->unary, request);
}

static inline void call_wait(struct fixture *f, struct call *c)
{
    while (!c->done)
        loop_pass(f->cloud.loop, US_PER_S);
}

static inline void call_run(struct fixture *f, struct call *c, cloud_unary_fn *fn, struct bytes request)
{
    call_start(f, c, fn, request);
    call_wait(f, c);
}

/* Runs it and looks at the code only. */
static inline void assert_code(struct fixture *f, enum grpc_code code, cloud_unary_fn *fn, const struct buf *request)
{
    CLEANUP(call_fini) struct call c;
    call_run(f, &c, fn, buf_bytes(request));
    if (c.code != code)
        fail_msg("%s instead of %s: %s", grpc_code_name(c.code), grpc_code_name(code), buf_str(&c.message));
}

#define TOPIC "projects/p/topics/top"
#define SUB "projects/p/subscriptions/sub"

static inline void put(struct buf *b, uint32_t number, const char *text)
{
    cloud_wire_put_text(b, number, bytes_str(text));
}

static inline void make_topic(struct fixture *f, const char *name)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, name);
    assert_code(f, GRPC_OK, cloud_topic_create, &request);
}

/* more: further fields of Subscription */
static inline void make_sub_with(struct fixture *f, const char *name, const struct buf *more)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, name);
    put(&request, 2, TOPIC);
    if (more != NULL)
        buf_append(&request, buf_bytes(more));
    assert_code(f, GRPC_OK, cloud_sub_create, &request);
}

static inline void make_sub(struct fixture *f, const char *name)
{
    make_sub_with(f, name, NULL);
}

static inline void publish_request(struct buf *out, const char *const *data, size_t count)
{
    put(out, 1, TOPIC);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_fini) struct buf message = { 0 };
        put(&message, 1, data[i]);
        cloud_wire_put_bytes(out, 2, buf_bytes(&message));
    }
}

static inline void publish(struct fixture *f, const char *data)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    publish_request(&request, &data, 1);
    assert_code(f, GRPC_OK, cloud_topic_publish, &request);
}

/* --- a consumer that notes --- */

enum { TAKEN_MAX = 4096 };

struct taker {
    struct cloud_consumer consumer;
    size_t count, responses, largest;
    char *ack_id[TAKEN_MAX], *data[TAKEN_MAX];
    uint64_t attempt[TAKEN_MAX];
    bool ended;
    enum grpc_code code;
};

static inline void taker_flush(struct cloud_consumer *c)
{
    struct taker *t = CONTAINER_OF(c, struct taker, consumer);
    struct cloud_wire w = cloud_wire_of(buf_bytes(&c->out));
    struct cloud_wire_field v;
    while (cloud_wire_next(&w, &v)) {
        assert_int_equal(v.number, 1);
        assert_true(t->count < TAKEN_MAX);
        t->ack_id[t->count] = mem_dup(cloud_wire_find(v.octets, 1));
        t->data[t->count] = mem_dup(cloud_wire_find(cloud_wire_find(v.octets, 2), 1));
        t->attempt[t->count++] = cloud_wire_find_uint(v.octets, 3);
    }
    assert_false(w.broken);
    t->responses++;
    t->largest = MAX(t->largest, c->out.len);
    buf_clear(&c->out);
    c->out_count = 0;
}

static inline void taker_end(struct cloud_consumer *c, enum grpc_code code, const char *why UNUSED)
{
    struct taker *t = CONTAINER_OF(c, struct taker, consumer);
    t->ended = true;
    t->code = code;
    cloud_consumer_remove(c);
}

static inline struct taker *taker_make(struct fixture *f, const char *sub, uint64_t messages_max)
{
    struct taker *t = mem_alloc(sizeof(*t));
    t->consumer = (struct cloud_consumer) { .lease_us = 10 * US_PER_S, .messages_max = messages_max, .out_max = 1000,
                                            .flush = taker_flush, .end = taker_end };
    struct cloud_sub *s = cloud_sub_find(f->cloud.pubsub, bytes_str(sub));
    assert_non_null(s);
    cloud_consumer_add(&t->consumer, s);
    return t;
}

static inline void taker_free(struct taker *t)
{
    cloud_consumer_remove(&t->consumer);
    for (size_t i = 0; i < t->count; i++) {
        mem_free(t->ack_id[i]);
        mem_free(t->data[i]);
    }
    mem_free(t);
}

static inline void taker_wait(struct fixture *f, struct taker *t, size_t count)
{
    while (t->count < count)
        loop_pass(f->cloud.loop, US_PER_S);
}

/* Passes without a wait, until nothing more can come of itself. */
static inline void idle(struct fixture *f)
{
    cloud_db_settle(f->cloud.db);
    for (int i = 0; i < 10; i++)
        loop_pass(f->cloud.loop, 0);
}

/* A row function: the last value. */
static inline bool keep_value(void *ctx, struct bytes key UNUSED, struct bytes value)
{
    buf_clear(ctx);
    buf_append(ctx, value);
    return true;
}

static inline void ack_request(struct buf *out, uint32_t number, const char *ack_id)
{
    put(out, 1, SUB);
    put(out, number, ack_id);
}

static inline void acknowledge(struct fixture *f, const char *ack_id)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    ack_request(&request, 2, ack_id);
    assert_code(f, GRPC_OK, cloud_sub_acknowledge, &request);
}

static inline void modify(struct fixture *f, const char *ack_id, uint64_t seconds)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    ack_request(&request, 4, ack_id);
    cloud_wire_put_uint(&request, 3, seconds);
    assert_code(f, GRPC_OK, cloud_sub_modify_deadline, &request);
}

#endif
