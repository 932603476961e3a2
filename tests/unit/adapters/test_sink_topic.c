#define FAKE_GRPC_REAL_CLOCK
#include "../pubsub/fake_grpc.h"

#include "adapters/sink_topic.h"

static struct loop *loop;
static struct sink *sink;
static unsigned answers, durable;

static void on_done(void *ctx, const struct err *err)
{
    (void) ctx;
    answers++;
    durable += err->class == ERR_OK;
    if (err->class != ERR_OK)
        assert_int_equal(err->class, ERR_DISK);
}

static int setup(void **state)
{
    struct err err;
    (void) state;
    loop = loop_make(&err);
    fake_pass(loop, 0);
    sink = sink_topic_open(&(struct pubsub_endpoint) { .loop = loop }, BYTES_LIT("projects/p/topics/dead"));
    answers = durable = fake_calls = 0;
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    sink_close(sink);
    loop_free(loop);
    fake_fini();
    return 0;
}

static void put(const char *name)
{
    sink_put(sink, &(struct sink_record) {
        .stage = OP_INGEST, .reason = REASON_DEST_NACK, .answer = { .class = ERR_NACKED, .http = 400 }, .attempts = 3,
        .name = bytes_str(name), .message_id = BYTES_LIT("17"),
    }, on_done, NULL);
}

static bool sent(const struct grpc_call *c, const char *text)
{
    return memmem(c->sent[0].ptr, c->sent[0].len, text, strlen(text)) != NULL;
}

/* PublishResponse with that many ids. */
static void confirm(struct grpc_call *c, unsigned ids)
{
    CLEANUP(buf_fini) struct buf reply = { 0 };
    for (unsigned i = 0; i < ids; i++)
        buf_append(&reply, BYTES_LIT("\x0a\x01" "7"));
    fake_answer(c, buf_bytes(&reply));
}

static void records_of_one_pass_go_together(void **state)
{
    (void) state;
    put("projects/p/messages/1");
    put("projects/p/messages/2");
    assert_int_equal(fake_calls, 0);
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, 1);
    assert_string_equal(fake_last()->method, "/google.pubsub.v1.Publisher/Publish");
    assert_true(sent(fake_last(), "projects/p/topics/dead"));
    assert_true(sent(fake_last(), "\"name\":\"projects/p/messages/2\""));
    const char *const attributes[] = { "\x0a\x05stage\x12\x0d" "failed_ingest", "\x0a\x06reason\x12\x09" "dest_nack",
                                       "\x0a\x06status\x12\x03" "400", "\x0a\x08" "attempts\x12\x01" "3", "\x0a\x04kind\x12\x04" "dead" };
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        assert_true(sent(fake_last(), attributes[i]));
    assert_int_equal(sink_pending(sink), 2);
    confirm(fake_last(), 2);
    assert_int_equal(answers, 2);
    assert_int_equal(durable, 2);
    assert_int_equal(sink_pending(sink), 0);
}

static void a_hundred_are_one_publish_and_more_are_two(void **state)
{
    (void) state;
    for (unsigned i = 0; i < 101; i++)
        put("projects/p/messages/1");
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, 2);
}

static void what_was_not_confirmed_is_not_durable(void **state)
{
    (void) state;
    put("projects/p/messages/1");
    put("projects/p/messages/2");
    fake_pass(loop, 0);
    confirm(fake_last(), 1);    /* one id for two messages: which? */
    assert_int_equal(answers, 2);
    assert_int_equal(durable, 0);
    put("projects/p/messages/3");
    fake_pass(loop, 0);
    fake_end(fake_last(), GRPC_UNAVAILABLE, bytes_of(NULL, 0));
    assert_int_equal(answers, 3);
    assert_int_equal(durable, 0);
}

static void a_probe_publishes_what_could_not_be(void **state)
{
    (void) state;
    sink_probe(sink, on_done, NULL);
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, 0);    /* nothing has failed */
    assert_int_equal(durable, 1);
    put("projects/p/messages/1");
    fake_pass(loop, 0);
    fake_end(fake_last(), GRPC_PERMISSION_DENIED, bytes_of(NULL, 0));
    sink_probe(sink, on_done, NULL);
    fake_pass(loop, 0);
    assert_int_equal(fake_calls, 2);
    assert_true(sent(fake_last(), "projects/p/messages/1"));
    fake_end(fake_last(), GRPC_PERMISSION_DENIED, bytes_of(NULL, 0));
    assert_int_equal(durable, 1);
    sink_probe(sink, on_done, NULL);
    fake_pass(loop, 0);
    confirm(fake_last(), 1);
    assert_int_equal(durable, 2);
}

static void nobody_is_told_after_the_end(void **state)
{
    (void) state;
    put("projects/p/messages/1");
    fake_pass(loop, 0);
    put("projects/p/messages/2");
    sink_close(sink);
    assert_true(fake_last()->cancelled);
    fake_pass(loop, 0);
    assert_int_equal(answers, 0);
    sink = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_of_one_pass_go_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hundred_are_one_publish_and_more_are_two, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_not_confirmed_is_not_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(a_probe_publishes_what_could_not_be, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_is_told_after_the_end, setup, teardown),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
