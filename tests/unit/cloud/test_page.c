/* The local cloud's own paths over its port: who may what, health, counts, faults, emptying. */
#include "cloud_fixture.h"

#include "cloud/cloud.h"
#include "cloud/page.h"
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATASETS "/v1/projects/p/locations/l/datasets"

static struct loop *loop;
static struct cloud *cloud;
static struct buf reply;
static char authority[32];

static int setup(void **state UNUSED)
{
    struct err err = { 0 };
    loop = loop_make(&err);
    cloud = cloud_start(loop, &(struct cloud_conf) { 0 }, &err);
    if (cloud == NULL)
        return -1;
    snprintf(authority, sizeof(authority), "127.0.0.1:%u", cloud_port(cloud));
    return 0;
}

static int teardown(void **state UNUSED)
{
    cloud_free(cloud);
    loop_free(loop);
    buf_fini(&reply);
    return 0;
}

/* True at the end of the reply. */
static bool received(int fd)
{
    char piece[4096];
    ssize_t len = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
    if (len > 0)
        buf_append(&reply, bytes_of(piece, (size_t) len));
    return len == 0;
}

/* One request over HTTP/1.1 by a connection of its own: the status; `reply` has all of it. headers: whole lines. */
static int ask(const char *method, const char *path, const char *headers, const char *body)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(cloud_port(cloud)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *) &to, sizeof(to)), 0);
    buf_printf(&request, "%s %s HTTP/1.1\r\n%s%s%s%sConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method, path,
               strstr(headers, "Host:") == NULL ? "Host: " : "", strstr(headers, "Host:") == NULL ? authority : "",
               strstr(headers, "Host:") == NULL ? "\r\n" : "", headers, strlen(body), body);
    assert_int_equal(send(fd, request.ptr, request.len, 0), (ssize_t) request.len);
    buf_clear(&reply);
    RIG_UNTIL(loop, received(fd));
    close(fd);
    assert_true(reply.len > 12);
    return (reply.ptr[9] - '0') * 100 + (reply.ptr[10] - '0') * 10 + reply.ptr[11] - '0';
}

#define assert_says(text)                                                   \
    do {                                                                    \
        if (strstr(buf_str(&reply), (text)) == NULL)                        \
            fail_msg("%s is not in %s", (text), buf_str(&reply));           \
    } while (0)

static const char PAGE[] = "Accept: text/html,*/*;q=0.8\r\n";

static void the_root_is_a_page_for_browsers_alone(void **state UNUSED)
{
    assert_int_equal(ask("GET", "/", "", ""), 200);
    assert_says("\r\n\r\nOk\n");
    assert_int_equal(ask("GET", "/", PAGE, ""), 200);
    assert_says("<h1>Local cloud</h1>");
    assert_says("content-security-policy: default-src 'none'; ");
    assert_says("Nothing in it yet");
    assert_int_equal(ask("HEAD", "/", PAGE, ""), 200);
    for (const char *const *path = (const char *const[]) { "/-/page.css", "/-/page.js", "/-/icon.svg", NULL }; *path != NULL; path++)
        assert_int_equal(ask("GET", *path, "", ""), 200);
    assert_int_equal(ask("GET", "/-/nothing", "", ""), 404);
    assert_int_equal(ask("PUT", "/-/faults", "", ""), 405);
    assert_int_equal(ask("GET", "/-/reset", "", ""), 405);
}

static void health_is_told_to_whoever_asks(void **state UNUSED)
{
    const char *const paths[] = { "/healthz", "/readyz", "/livez", "/startupz" };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_int_equal(ask("GET", paths[i], "Host: pod-7.cluster.internal\r\n", ""), 200);
        assert_says("\r\n\r\nok\n");
    }
}

static void foreign_names_and_foreign_pages_are_refused(void **state UNUSED)
{
    assert_int_equal(ask("GET", "/", "Host: evil.example\r\nAccept: text/html\r\n", ""), 421);
    assert_int_equal(ask("GET", "/-/state", "Host: 127.0.0.1.evil.example:80\r\n", ""), 421);
    assert_int_equal(ask("POST", "/-/faults", "Host: evil.example\r\n", "action=add&rule=any:503"), 421);
    assert_int_equal(ask("GET", "/-/state", "Host: localhost:1\r\n", ""), 200);
    assert_int_equal(ask("GET", "/-/state", "Host: cloud.localhost\r\n", ""), 200);
    assert_int_equal(ask("GET", "/-/state", "Host: [::1]:8085\r\n", ""), 200);
    assert_int_equal(ask("GET", "/-/state", "Host: 192.168.7.7\r\n", ""), 200);
    const char *const foreign[] = { "Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin: http://127.0.0.1:1\r\n",
                                    "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n" };
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        assert_int_equal(ask("POST", "/-/faults", foreign[i], "action=add&rule=any:503"), 403);
    char own[100];
    snprintf(own, sizeof(own), "Origin: http://%s\r\nSec-Fetch-Site: same-origin\r\n", authority);
    assert_int_equal(ask("POST", "/-/faults", own, "action=add&rule=any:503"), 200);
}

static void faults_are_switched(void **state UNUSED)
{
    assert_int_equal(ask("POST", "/-/faults", "", "action=add&on=manage&fault=503&target=&keys=first%3D2"), 200);
    assert_int_equal(ask("GET", "/v1/projects/p/topics", "", ""), 503);    /* REST as gRPC */
    assert_int_equal(ask("POST", "/-/faults", "", "action=add&on=admin&fault=503&keys=first%3D2"), 200);
    assert_int_equal(ask("GET", DATASETS, "", ""), 503);
    assert_int_equal(ask("GET", "/-/state", "", ""), 200);
    assert_says("{\"number\":2,\"rule\":\"admin:503:first=2\",\"from\":\"page\",\"on\":true,\"matched\":1,\"struck\":1}");
    assert_int_equal(ask("POST", "/-/faults", "", "action=off&number=2"), 200);
    assert_int_equal(ask("GET", DATASETS, "", ""), 200);
    assert_int_equal(ask("POST", "/-/faults", "", "action=on&number=2"), 200);
    assert_int_equal(ask("GET", DATASETS, "", ""), 503);
    assert_int_equal(ask("GET", DATASETS, "", ""), 503);    /* its count began anew */
    assert_int_equal(ask("GET", DATASETS, "", ""), 200);
    assert_int_equal(ask("POST", "/-/faults", "", "action=remove&number=2"), 200);
    assert_int_equal(ask("POST", "/-/faults", "", "action=off&number=2"), 400);
    assert_int_equal(ask("POST", "/-/faults", "", "action=add&on=admin&fault=nonsense"), 400);
    assert_says("no fault is called");
    assert_int_equal(ask("POST", "/-/faults", PAGE, "action=add&rule=%3Cb%3E"), 400);
    assert_says("&lt;b&gt;");
    assert_int_equal(ask("POST", "/-/faults", "", "action=nonsense"), 400);
    assert_int_equal(ask("POST", "/-/faults", "", "%zz"), 400);
    assert_int_equal(ask("POST", "/-/faults", PAGE, "action=remove&number=1"), 303);
    assert_says("location: /\r\n");
}

static void furnish(const char *project)
{
    char path[200], body[200];
    snprintf(path, sizeof(path), "/v1/projects/%s/topics/top", project);
    assert_int_equal(ask("PUT", path, "", "{}"), 200);
    snprintf(path, sizeof(path), "/v1/projects/%s/subscriptions/sub", project);
    snprintf(body, sizeof(body), "{\"topic\":\"projects/%s/topics/top\"}", project);
    assert_int_equal(ask("PUT", path, "", body), 200);
    snprintf(path, sizeof(path), "/v1/projects/%s/topics/top:publish", project);
    assert_int_equal(ask("POST", path, "", "{\"messages\":[{\"data\":\"aGk=\"},{\"data\":\"aG8=\"}]}"), 200);
    snprintf(path, sizeof(path), "/v1/projects/%s/snapshots/snap", project);
    snprintf(body, sizeof(body), "{\"subscription\":\"projects/%s/subscriptions/sub\"}", project);
    assert_int_equal(ask("PUT", path, "", body), 200);
    snprintf(path, sizeof(path), "/v1/projects/%s/locations/l/datasets?datasetId=d", project);
    assert_int_equal(ask("POST", path, "", "{}"), 200);
    snprintf(path, sizeof(path), "/v1/projects/%s/locations/l/datasets/d/hl7V2Stores?hl7V2StoreId=s", project);
    assert_int_equal(ask("POST", path, "", "{}"), 200);
}

static void everything_is_counted(void **state UNUSED)
{
    furnish("p");
    assert_int_equal(ask("POST", "/v1/projects/p/subscriptions/sub:pull", "", "{\"maxMessages\":1}"), 200);
    assert_int_equal(ask("GET", "/-/state?whatever", "", ""), 200);
    assert_says("\"name\":\"projects/p/subscriptions/sub\",\"topic\":\"projects/p/topics/top\",\"unacked\":2,\"oldestUnackedSeconds\":");
    assert_says("\"leased\":1,\"consumers\":0");
    assert_says("\"hl7V2Stores\":[{\"name\":\"projects/p/locations/l/datasets/d/hl7V2Stores/s\",\"messages\":0,");
    assert_says("\"method\":\"POST\",\"path\":\"/v1/projects/p/subscriptions/sub:pull\",\"status\":200,");
    assert_null(strstr(buf_str(&reply), "/-/state"));
    assert_int_equal(ask("GET", "/", PAGE, ""), 200);
    assert_says("<b id=\"tile-unacked\">2</b>");
    assert_says("<b id=\"tile-requests\">7</b>");
}

static void one_project_or_all_are_emptied(void **state UNUSED)
{
    furnish("p");
    furnish("pp");
    assert_int_equal(ask("POST", "/-/reset", "", ""), 400);
    assert_int_equal(ask("POST", "/-/reset", "", "project=p&all=yes"), 400);
    assert_int_equal(ask("POST", "/-/reset", "", "project=p%2Fx"), 400);
    assert_int_equal(ask("POST", "/-/reset", "", "project=p"), 200);
    assert_int_equal(ask("GET", "/v1/projects/p/topics/top", "", ""), 404);
    assert_int_equal(ask("GET", "/v1/projects/p/subscriptions/sub", "", ""), 404);
    assert_int_equal(ask("GET", "/v1/projects/p/snapshots/snap", "", ""), 404);
    assert_int_equal(ask("GET", DATASETS "/d", "", ""), 404);
    assert_int_equal(ask("GET", DATASETS "/d/hl7V2Stores/s", "", ""), 404);
    assert_int_equal(ask("GET", "/v1/projects/pp/subscriptions/sub:backlog?prettyPrint=false", "", ""), 200);
    assert_says("\"unacked\":\"2\"");
    furnish("p");    /* the same names again */
    assert_int_equal(ask("POST", "/-/reset", "", "all=yes"), 200);
    assert_int_equal(ask("GET", "/-/state", "", ""), 200);
    assert_says("\"topics\":[],\"subscriptions\":[],\"datasets\":[],\"hl7V2Stores\":[],");
}

static void numbers_and_times_are_for_people(void **state UNUSED)
{
    char text[CLOUD_PAGE_TEXT];
    assert_string_equal(cloud_page_number(0, false, text), "0");
    assert_string_equal(cloud_page_number(999, false, text), "999");
    assert_string_equal(cloud_page_number(10000, true, text), "10,000+");
    assert_string_equal(cloud_page_number(UINT64_MAX, true, text), "18,446,744,073,709,551,615+");
    assert_string_equal(cloud_page_duration(10, text), "< 1 ms");
    assert_string_equal(cloud_page_duration(59 * US_PER_S, text), "59 s");
    assert_string_equal(cloud_page_duration(192 * US_PER_S, text), "3 m 12 s");
    assert_string_equal(cloud_page_duration(3 * 86400 * US_PER_S, text), "3 d 0 h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_root_is_a_page_for_browsers_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(health_is_told_to_whoever_asks, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_names_and_foreign_pages_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_are_switched, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(one_project_or_all_are_emptied, setup, teardown),
        cmocka_unit_test(numbers_and_times_are_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
