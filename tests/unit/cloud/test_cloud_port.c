/* The whole local cloud behind its port: gRPC and REST as clients speak them. */
#include "cloud_fixture.h"

#include "cloud/cloud.h"
#include "h2_peer.h"
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

static struct loop *loop;
static struct cloud *cloud;
static struct h2_peer *peer;

#define UNTIL(condition) RIG_UNTIL(loop, condition)
#define SEEN(id)         h2_peer_seen(peer, id)

static void start_with(const struct cloud_conf *conf)
{
    struct err err = { 0 };
    loop = loop_make(&err);
    cloud = cloud_start(loop, conf, &err);
    if (cloud == NULL)
        fail_msg("%s", err.text);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(cloud_port(cloud)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *) &to, sizeof(to)), 0);
    peer = h2_peer_make(loop, fd, &(struct h2_peer_conf) { 0 });
}

static void start(bool release_on_disconnect)
{
    start_with(&(struct cloud_conf) { .release_on_disconnect = release_on_disconnect });
}

static void stop(void)
{
    h2_peer_free(peer);
    cloud_free(cloud);
    loop_free(loop);
}

/* --- gRPC --- */

static void frame(struct buf *out, struct bytes message)
{
    char head[5] = { 0, (char) (message.len >> 24), (char) (message.len >> 16), (char) (message.len >> 8),
                     (char) message.len };
    buf_append(out, bytes_of(head, sizeof(head)));
    buf_append(out, message);
}

static int32_t rpc(const char *path, struct bytes message, bool end)
{
    static const struct net_header headers[] = {
        { { "content-type", 12 }, { "application/grpc", 16 } }, { { "te", 2 }, { "trailers", 8 } }
    };
    CLEANUP(buf_fini) struct buf body = { 0 };
    frame(&body, message);
    return h2_peer_request(peer, "POST", path, headers, ARRAY_LEN(headers), buf_bytes(&body), end);
}

static bool has_header(int32_t id, const char *line)
{
    return strstr(buf_str(&SEEN(id)->headers), line) != NULL;
}

/* The nth message of a reply; {NULL, 0}: not there (yet). */
static struct bytes reply(int32_t id, size_t n)
{
    struct bytes left = buf_bytes(&SEEN(id)->body);
    for (;;) {
        if (left.len < 5)
            return (struct bytes) { 0 };
        const uint8_t *o = (const uint8_t *) left.ptr;
        size_t len = (size_t) o[1] << 24 | (size_t) o[2] << 16 | (size_t) o[3] << 8 | o[4];
        if (left.len - 5 < len)
            return (struct bytes) { 0 };
        if (n-- == 0)
            return bytes_of(left.ptr + 5, len);
        left = bytes_of(left.ptr + 5 + len, left.len - 5 - len);
    }
}

static void assert_rpc(const char *path, const struct buf *request, const char *status)
{
    int32_t id = rpc(path, buf_bytes(request), true);
    UNTIL(SEEN(id)->ended);
    CLEANUP(buf_fini) struct buf line = { 0 };
    buf_printf(&line, "grpc-status: %s\n", status);
    if (!has_header(id, buf_str(&line)))
        fail_msg("%s: %s", path, buf_str(&SEEN(id)->headers));
}

#define PUBLISHER  "/google.pubsub.v1.Publisher/"
#define SUBSCRIBER "/google.pubsub.v1.Subscriber/"

static void make_both(void)
{
    CLEANUP(buf_fini) struct buf topic = { 0 }, sub = { 0 };
    put(&topic, 1, TOPIC);
    assert_rpc(PUBLISHER "CreateTopic", &topic, "0");
    put(&sub, 1, SUB);
    put(&sub, 2, TOPIC);
    assert_rpc(SUBSCRIBER "CreateSubscription", &sub, "0");
}

static void publish_one(const char *data)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    publish_request(&request, &data, 1);
    assert_rpc(PUBLISHER "Publish", &request, "0");
}

static void first_request(struct buf *out, uint64_t messages_max)
{
    put(out, 1, SUB);
    cloud_wire_put_uint(out, 5, 10);
    put(out, 6, "client");
    cloud_wire_put_uint(out, 7, messages_max);
    cloud_wire_put_uint(out, 10, 1);
}

static int32_t open_stream(uint64_t messages_max)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    first_request(&request, messages_max);
    return rpc(SUBSCRIBER "StreamingPull", buf_bytes(&request), false);
}

static void stream_say(int32_t id, const struct buf *request)
{
    CLEANUP(buf_fini) struct buf body = { 0 };
    frame(&body, buf_bytes(request));
    h2_peer_data(peer, id, buf_bytes(&body), false);
}

static void test_unary_calls(void **state UNUSED)
{
    start(false);
    make_both();
    CLEANUP(buf_fini) struct buf topic = { 0 }, none = { 0 };
    put(&topic, 1, TOPIC);
    assert_rpc(PUBLISHER "CreateTopic", &topic, "6");
    assert_rpc(PUBLISHER "GetTopic", &topic, "0");
    assert_rpc(PUBLISHER "ListTopicSubscriptions", &topic, "0");
    assert_rpc("/google.pubsub.v1.SchemaService/GetSchema", &none, "12");
    assert_rpc("/google.pubsub.v1.SchemaService/ListSchemas", &none, "12");
    int32_t health = rpc("/grpc.health.v1.Health/Check", BYTES_LIT(""), true);
    UNTIL(SEEN(health)->ended);
    assert_true(bytes_eq(reply(health, 0), bytes_of("\x08\x01", 2)));    /* SERVING */
    put(&none, 1, "projects/p/topics/none");
    int32_t id = rpc(PUBLISHER "GetTopic", buf_bytes(&none), true);
    UNTIL(SEEN(id)->ended);
    assert_true(has_header(id, "grpc-status: 5\n"));
    assert_true(has_header(id, "grpc-message: Topic not found\n"));
    stop();
}

static void test_a_stream_delivers_and_takes_acknowledgements(void **state UNUSED)
{
    start(false);
    make_both();
    publish_one("one");
    int32_t id = open_stream(1);
    UNTIL(reply(id, 0).len > 0);
    struct bytes received = cloud_wire_find(reply(id, 0), 1);
    assert_bytes_equal(cloud_wire_find(cloud_wire_find(received, 2), 1), "one");
    assert_non_null(cloud_wire_find(reply(id, 0), 4).ptr);    /* subscription_properties */

    publish_one("two");    /* one is outstanding, and no more are wanted */
    CLEANUP(buf_fini) struct buf ping = { 0 }, nack = { 0 }, ack = { 0 };
    stream_say(id, &ping);
    UNTIL(reply(id, 1).ptr != NULL);
    assert_int_equal(cloud_wire_find(reply(id, 1), 1).len, 0);
    assert_non_null(cloud_wire_find(reply(id, 1), 4).ptr);

    received = cloud_wire_find(reply(id, 0), 1);    /* what was seen may have moved */
    cloud_wire_put_bytes(&nack, 3, BYTES_LIT("\0"));    /* packed, as clients send it */
    cloud_wire_put_text(&nack, 4, cloud_wire_find(received, 1));
    stream_say(id, &nack);
    UNTIL(cloud_wire_find(reply(id, 2), 1).len > 0);
    received = cloud_wire_find(reply(id, 2), 1);
    cloud_wire_put_text(&ack, 2, cloud_wire_find(received, 1));
    stream_say(id, &ack);
    UNTIL(cloud_wire_find(reply(id, 3), 1).len > 0);
    h2_peer_data(peer, id, BYTES_LIT(""), true);
    UNTIL(SEEN(id)->ended);
    assert_true(has_header(id, "grpc-status: 0\n"));
    stop();
}

/* Sends what `more` says, as first or as second request of a stream; it must end so. */
static void assert_stream_refused(bool first, const struct buf *more, const char *status, const char *why)
{
    int32_t id = first ? rpc(SUBSCRIBER "StreamingPull", buf_bytes(more), false) : open_stream(0);
    if (!first)
        stream_say(id, more);
    UNTIL(SEEN(id)->ended);
    CLEANUP(buf_fini) struct buf line = { 0 };
    buf_printf(&line, "grpc-status: %s\n", status);
    if (!has_header(id, buf_str(&line)) || !has_header(id, why))
        fail_msg("%s: %s", why, buf_str(&SEEN(id)->headers));
}

static void test_streams_that_are_refused(void **state UNUSED)
{
    start(false);
    make_both();
    CLEANUP(buf_fini) struct buf r = { 0 }, id = { 0 };
    assert_stream_refused(true, &r, "3", "first message must set subscription");
    put(&r, 1, SUB);
    assert_stream_refused(true, &r, "3", "first message must set stream_ack_deadline_seconds");
    cloud_wire_put_uint(&r, 5, 9);
    assert_stream_refused(true, &r, "3", "stream_ack_deadline_seconds must be between 10 and 600 seconds");
    buf_clear(&r);
    put(&r, 1, "projects/p/subscriptions/none");
    cloud_wire_put_uint(&r, 5, 10);
    assert_stream_refused(true, &r, "5", "Subscription does not exist (resource=projects/p/subscriptions/none)");
    buf_clear(&r);
    put(&r, 1, SUB);
    assert_stream_refused(false, &r, "3", "subscription may only be set in first message");
    buf_clear(&r);
    cloud_wire_put_uint(&r, 7, 5);
    assert_stream_refused(false, &r, "3", "max_outstanding_messages");
    buf_clear(&r);
    cloud_wire_put_uint(&r, 10, 1);
    assert_stream_refused(false, &r, "3", "protocol_version");
    buf_clear(&r);
    put(&r, 2, "zzz");
    assert_stream_refused(false, &r, "3", "Invalid ack id (ack_id=zzz)");
    buf_clear(&r);
    cloud_ack_id_write(&(struct cloud_ack_id) { .number = 1 }, &id);
    put(&r, 4, buf_str(&id));
    assert_stream_refused(false, &r, "3", "ack IDs and deadlines must have the same size");
    cloud_wire_put_uint(&r, 3, (uint64_t) -1);
    assert_stream_refused(false, &r, "3", "Ack deadline cannot be negative");
    buf_clear(&r);
    buf_append(&r, BYTES_LIT("\x0a\x7f"));
    assert_stream_refused(false, &r, "3", "not a sound protobuf message");
    stop();
}

static void test_a_stream_ends_with_its_subscription_and_with_the_server(void **state UNUSED)
{
    start(false);
    make_both();
    int32_t first = open_stream(0);
    CLEANUP(buf_fini) struct buf sub = { 0 };
    put(&sub, 1, SUB);
    assert_rpc(SUBSCRIBER "DeleteSubscription", &sub, "0");
    UNTIL(SEEN(first)->ended);
    assert_true(has_header(first, "grpc-status: 5\n"));
    put(&sub, 2, TOPIC);
    assert_rpc(SUBSCRIBER "CreateSubscription", &sub, "0");
    int32_t second = open_stream(0);
    UNTIL(SEEN(second)->heads > 0);
    cloud_drain(cloud);
    UNTIL(SEEN(second)->ended);
    assert_true(has_header(second, "grpc-status: 14\n"));
    assert_true(has_header(second, "[code=8a75]"));
    UNTIL(cloud_is_drained(cloud));
    stop();
}

static void test_a_cut_stream_gives_back_when_told_so(void **state UNUSED)
{
    start(true);
    make_both();
    publish_one("one");
    int32_t first = open_stream(0);
    UNTIL(reply(first, 0).len > 0);
    h2_peer_reset(peer, first, 8);
    int32_t second = open_stream(0);
    UNTIL(reply(second, 0).len > 0);
    stop();
}

/* One acknowledgement on a stream with exactly-once delivery: in which field of the confirmation it comes back. */
static void assert_confirmed(const char *data_dir, bool disk_fails, uint32_t field)
{
    start_with(&(struct cloud_conf) { .data_dir = data_dir });
    CLEANUP(buf_fini) struct buf topic = { 0 }, sub = { 0 }, ack = { 0 }, old = { 0 };
    put(&topic, 1, TOPIC);
    assert_rpc(PUBLISHER "CreateTopic", &topic, "0");
    put(&sub, 1, SUB);
    put(&sub, 2, TOPIC);
    cloud_wire_put_uint(&sub, 16, 1);
    assert_rpc(SUBSCRIBER "CreateSubscription", &sub, "0");
    publish_one("one");
    int32_t id = open_stream(0);
    UNTIL(reply(id, 0).len > 0);
    assert_int_equal(cloud_wire_find_uint(cloud_wire_find(reply(id, 0), 4), 1), 1);
    struct bytes ack_id = cloud_wire_find(cloud_wire_find(reply(id, 0), 1), 1);
    CLEANUP(mem_free_ptr) char *text = mem_dup(ack_id);
    put(&ack, 2, text);
    cloud_ack_id_write(&(struct cloud_ack_id) { .number = 1 }, &old);
    put(&ack, 2, buf_str(&old));
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = (struct rlimit) { disk_fails ? 1 : limit.rlim_cur, limit.rlim_max };
    setrlimit(RLIMIT_FSIZE, &small);
    stream_say(id, &ack);
    UNTIL(reply(id, 1).len > 0);
    struct bytes confirmed = cloud_wire_find(reply(id, 1), 5);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_bytes_equal(cloud_wire_find(confirmed, field), text);
    assert_bytes_equal(cloud_wire_find(confirmed, 2), buf_str(&old));
    stop();
}

static void test_exactly_once_confirms_on_the_stream(void **state UNUSED)
{
    char dir[64];
    assert_confirmed(NULL, false, 1);
    temp_dir_make(dir);
    signal(SIGXFSZ, SIG_IGN);
    assert_confirmed(dir, true, 4);    /* to be tried again */
    temp_dir_remove(dir);
}

/* --- REST --- */

/* The answer's body, not made pretty; it lives as long as the peer. */
static const char *rest(const char *method, const char *path, const char *body, int status)
{
    static const struct net_header headers[] = { { { "content-type", 12 }, { "application/json", 16 } } };
    CLEANUP(buf_fini) struct buf compact = { 0 };
    buf_printf(&compact, "%s%cprettyPrint=false", path, strchr(path, '?') != NULL ? '&' : '?');
    int32_t id = h2_peer_request(peer, method, buf_str(&compact), headers, 1, bytes_str(body), true);
    UNTIL(SEEN(id)->ended);
    if (SEEN(id)->status != status)
        fail_msg("%s %s: %d %s", method, path, SEEN(id)->status, buf_str(&SEEN(id)->body));
    return buf_str(&SEEN(id)->body);
}

static void test_the_same_over_rest(void **state UNUSED)
{
    start(false);
    assert_string_equal(rest("PUT", "/v1/projects/p/topics/top?$alt=json%3Benum-encoding=int",
                             "{\"labels\":{},\"tags\":{}}", 200),
                        "{\"name\":\"projects/p/topics/top\",\"state\":\"ACTIVE\"}");
    assert_string_equal(rest("PUT", "/v1/projects/p/topics/top", "{}", 409),
                        "{\"error\":{\"code\":409,\"message\":\"Topic already exists\",\"status\":\"ALREADY_EXISTS\","
                        "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ResourceInfo\","
                        "\"resourceType\":\"google.pubsub.v1.Topic\",\"resourceName\":\"projects/p/topics/top\","
                        "\"description\":\"Topic already exists\"}]}}");
    const char *sub = rest("PUT", "/v1/projects/p/subscriptions/sub", "{\"topic\": \"" TOPIC "\"}", 200);
    assert_non_null(strstr(sub, "\"pushConfig\":{},\"ackDeadlineSeconds\":10,\"messageRetentionDuration\":\"604800s\""));
    assert_non_null(strstr(sub, "\"expirationPolicy\":{\"ttl\":\"2678400s\"}"));
    assert_non_null(strstr(rest("POST", "/v1/projects/p/topics/top:publish",
                                "{\"messages\":[{\"data\":\"aGk=\",\"attributes\":{\"k\":\"v\"}}]}", 200),
                           "{\"messageIds\":[\""));
    const char *pulled = rest("POST", "/v1/projects/p/subscriptions/sub:pull", "{\"maxMessages\":10}", 200);
    assert_non_null(strstr(pulled, "\"message\":{\"data\":\"aGk=\",\"attributes\":{\"k\":\"v\"},\"messageId\":\""));
    char ack[200], modify_body[200];
    const char *ack_id = strstr(pulled, "\"ackId\":\"") + 9;
    snprintf(ack, sizeof(ack), "{\"ackIds\":[\"%.38s\"]}", ack_id);
    snprintf(modify_body, sizeof(modify_body), "{\"ackIds\":[\"%.38s\"],\"ackDeadlineSeconds\":30}", ack_id);
    rest("POST", "/v1/projects/p/subscriptions/sub:modifyAckDeadline", modify_body, 200);
    assert_string_equal(rest("GET", "/v1/projects/p/subscriptions/sub:backlog", "", 200),
                        "{\"unacked\":\"1\",\"leased\":\"1\"}");
    assert_string_equal(rest("POST", "/v1/projects/p/subscriptions/sub:acknowledge", ack, 200), "{}");
    assert_string_equal(rest("POST", "/v1/projects/p/subscriptions/sub:pull",
                             "{\"maxMessages\":10,\"returnImmediately\":true}", 200), "{}");
    assert_string_equal(rest("GET", "/v1/projects/p/topics/top/subscriptions", "", 200),
                        "{\"subscriptions\":[\"projects/p/subscriptions/sub\"]}");
    rest("PATCH", "/v1/projects/p/topics/top", "{\"topic\":{\"labels\":{\"a\":\"b\"}},\"updateMask\":\"labels\"}", 200);
    assert_string_equal(rest("GET", "/v1/projects/p/topics?fields=topics(name),nextPageToken", "", 200),
                        "{\"topics\":[{\"name\":\"projects/p/topics/top\"}]}");
    rest("GET", "/v1/projects/p/topics?fields=nom", "", 400);
    rest("HEAD", "/v1/projects/p/topics", "", 200);
    assert_string_equal(rest("GET", "/v1/projects/p/topics?pageSize=1&alt=json", "", 200),
                        "{\"topics\":[{\"name\":\"projects/p/topics/top\",\"labels\":{\"a\":\"b\"},\"state\":\"ACTIVE\"}]}");
    rest("DELETE", "/v1/projects/p/subscriptions/sub", "", 200);
    rest("DELETE", "/v1/projects/p/topics/top", "", 200);
    stop();
}

static void test_rest_errors(void **state UNUSED)
{
    start(false);
    assert_string_equal(rest("GET", "/v1/projects/p/topics/top", "", 404),
                        "{\"error\":{\"code\":404,\"message\":\"Topic not found\",\"status\":\"NOT_FOUND\","
                        "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ResourceInfo\","
                        "\"resourceType\":\"google.pubsub.v1.Topic\",\"resourceName\":\"projects/p/topics/top\","
                        "\"description\":\"Topic not found\"}]}}");
    rest("GET", "/v1/projects/p/subscriptions/sub:backlog", "", 404);
    rest("PUT", "/v1/projects/p/topics/1", "{}", 400);
    rest("PUT", "/v1/projects/p/topics/top", "{", 400);
    rest("PUT", "/v1/projects/p/topics/top", "{\"nmae\":1}", 400);
    rest("POST", "/v1/projects/p/subscriptions/sub:seek", "{\"time\":\"2026-01-01T00:00:00Z\"}", 404);
    rest("POST", "/v1/projects/p/schemas:validate", "{\"schema\":{\"type\":\"AVRO\"}}", 501);
    rest("POST", "/v1/projects/p/topics/top", "{}", 404);
    rest("GET", "/nowhere", "", 404);
    assert_string_equal(rest("GET", "/", "", 200), "Ok\n");
    stop();
}

/* The same rules strike the same methods, however they are called. */
static void test_faults_strike_grpc_and_rest_alike(void **state UNUSED)
{
    static const char *const rules[] = { "publish:429:every=2", "manage@top:503:first=1", "ack:slow:ms=1-2",
                                         "extend:reset", "pull:lost" };
    start_with(&(struct cloud_conf) { .faults = rules, .faults_count = ARRAY_LEN(rules) });
    CLEANUP(buf_fini) struct buf topic = { 0 }, publish = { 0 }, sub = { 0 };
    cloud_wire_put_text(&topic, 1, BYTES_LIT(TOPIC));
    assert_rpc(PUBLISHER "CreateTopic", &topic, "14");
    rest("PUT", "/v1/projects/p/topics/top", "{}", 200);
    rest("PUT", "/v1/projects/p/subscriptions/sub", "{\"topic\":\"" TOPIC "\"}", 200);
    static const char body[] = "{\"messages\":[{\"data\":\"aGk=\"}]}";
    rest("POST", "/v1/projects/p/topics/top:publish", body, 200);
    const char *struck = rest("POST", "/v1/projects/p/topics/top:publish", body, 429);
    assert_non_null(strstr(struck, "RESOURCE_EXHAUSTED"));
    cloud_wire_put_text(&publish, 1, BYTES_LIT(TOPIC));
    cloud_wire_put_bytes(&publish, 2, BYTES_LIT("\x0a\x02hi"));
    assert_rpc(PUBLISHER "Publish", &publish, "0");
    assert_rpc(PUBLISHER "Publish", &publish, "8");
    /* Slow, reset, and an answer that is lost after the work. */
    cloud_wire_put_text(&sub, 1, BYTES_LIT("projects/p/subscriptions/sub"));
    assert_rpc(SUBSCRIBER "Acknowledge", &sub, "3");
    int32_t id = rpc(SUBSCRIBER "ModifyAckDeadline", buf_bytes(&sub), true);
    UNTIL(SEEN(id)->closed);
    assert_false(SEEN(id)->ended);
    cloud_wire_put_uint(&sub, 3, 10);
    id = rpc(SUBSCRIBER "Pull", buf_bytes(&sub), true);
    UNTIL(SEEN(id)->closed);
    assert_false(SEEN(id)->ended);
    assert_non_null(strstr(rest("GET", "/v1/projects/p/subscriptions/sub:backlog", "", 200), "\"2\""));
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary_calls),
        cmocka_unit_test(test_a_stream_delivers_and_takes_acknowledgements),
        cmocka_unit_test(test_streams_that_are_refused),
        cmocka_unit_test(test_a_stream_ends_with_its_subscription_and_with_the_server),
        cmocka_unit_test(test_a_cut_stream_gives_back_when_told_so),
        cmocka_unit_test(test_exactly_once_confirms_on_the_stream),
        cmocka_unit_test(test_the_same_over_rest),
        cmocka_unit_test(test_rest_errors),
        cmocka_unit_test(test_faults_strike_grpc_and_rest_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
