#include "unit.h"

#include "net/proxy.h"

#include <stdlib.h>

static void host_and_port_are_read(void **state UNUSED)
{
    struct host_port hp;
    assert_true(host_port_parse(BYTES_LIT("example.com:8443"), 0, &hp));
    assert_string_equal(hp.host, "example.com");
    assert_int_equal(hp.port, 8443);
    assert_true(host_port_parse(BYTES_LIT("[::1]:80"), 0, &hp));
    assert_string_equal(hp.host, "::1");
    assert_true(host_port_parse(BYTES_LIT("example.com"), 443, &hp));
    assert_int_equal(hp.port, 443);
    static const char *const bad[] = { "", ":80", "a:", "a:0", "a:65536", "a:x", "a b:1", "[::1", "[::1]80", "[]:80",
                                       "a/b:80", "u@h:80", "::1" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(host_port_parse(bytes_str(bad[i]), 0, &hp));
    CLEANUP(buf_fini) struct buf out = { 0 };
    host_port_write("::1", 80, &out);
    host_port_write("h", 1, &out);
    assert_string_equal(buf_str(&out), "[::1]:80h:1");
}

/* tidy: banned: the environment is what is tested here */
#define ENV(name, value) assert_int_equal(setenv(name, value, 1), 0)

static void the_environment_names_a_proxy(void **state UNUSED)
{
    unsetenv("https_proxy");
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    unsetenv("HTTPS_PROXY");
    assert_null(proxy_for_host("", "healthcare.googleapis.com", 443));
    ENV("HTTPS_PROXY", "http://p:3128");
    assert_string_equal(proxy_for_host("", "healthcare.googleapis.com", 443), "http://p:3128");
    assert_string_equal(proxy_for_host(NULL, "10.1.2.3", 443), "http://p:3128");
    assert_string_equal(proxy_for_host("http://own:1", "a.example", 443), "http://own:1");
}

static void loopback_and_metadata_go_directly(void **state UNUSED)
{
    static const char *const local[] = { "localhost", "LocalHost", "localhost.", "a.localhost", "127.0.0.1",
                                         "127.9.9.9", "::1", "metadata.google.internal", "metadata.google.internal.",
                                         "metadata", "169.254.169.254", "fd20:ce::254" };
    for (size_t i = 0; i < ARRAY_LEN(local); i++)
        assert_null(proxy_for_host("http://own:1", local[i], 443));
    assert_non_null(proxy_for_host("http://own:1", "128.0.0.1", 443));
    assert_non_null(proxy_for_host("http://own:1", "notlocalhost", 443));
}

static bool is_direct(const char *no_proxy, const char *host)
{
    ENV("NO_PROXY", no_proxy);
    return proxy_for_host("http://own:1", host, 443) == NULL;
}

static void exemptions_hold(void **state UNUSED)
{
    unsetenv("no_proxy");
    assert_true(is_direct("*", "a.example"));
    assert_true(is_direct("b, a.example ,c", "a.example"));
    assert_true(is_direct("example", "a.EXAMPLE"));
    assert_true(is_direct(".example", "a.example"));
    assert_true(is_direct("a.example:443", "a.example"));
    assert_false(is_direct("a.example:444", "a.example"));
    assert_false(is_direct("xample", "a.example"));
    assert_false(is_direct("a.example", "example"));
    assert_false(is_direct("", "a.example"));
    assert_true(is_direct("10.0.0.0/8", "10.1.2.3"));
    assert_true(is_direct("10.1.2.0/23", "10.1.3.9"));
    assert_false(is_direct("10.1.2.0/23", "10.1.4.0"));
    assert_false(is_direct("10.0.0.0/8", "ten.example"));
    assert_false(is_direct("10.0.0.0/33", "10.0.0.0"));
    assert_true(is_direct("fd00::/8", "fd12::1"));
    unsetenv("NO_PROXY");
}

static void a_url_is_taken_apart(void **state UNUSED)
{
    struct proxy p = { 0 };
    struct err err;
    assert_true(proxy_parse("http://us%65r:p%40ss@w@proxy.example:3128/", &p, &err));
    assert_string_equal(p.at.host, "proxy.example");
    assert_int_equal(p.at.port, 3128);
    assert_string_equal(buf_str(&p.authorization), "Basic dXNlcjpwQHNzQHc=");    /* user:p@ss@w */
    CLEANUP(buf_fini) struct buf out = { 0 };
    proxy_write_connect(&p, "h.example", 443, &out);
    assert_string_equal(buf_str(&out), "CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n"
                                       "Proxy-Authorization: Basic dXNlcjpwQHNzQHc=\r\n\r\n");
    proxy_fini(&p);
    assert_true(proxy_parse("http://proxy.example", &p, &err));
    assert_int_equal(p.at.port, 80);
    assert_int_equal(p.authorization.len, 0);
    proxy_fini(&p);
    static const char *const bad[] = { "", "proxy:80", "https://proxy:80", "socks5://p:1", "http://", "http://a%4:b@h",
                                       "http://user:secret@h:99999" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(proxy_parse(bad[i], &p, &err));
        assert_int_equal(err.class, ERR_CONFIG);
        assert_null(strstr(err.text, "secret"));
    }
}

static enum proxy_reply reply(const char *text, uint16_t *status, size_t *len)
{
    return proxy_read_reply(bytes_str(text), status, len);
}

static void replies_are_read(void **state UNUSED)
{
    uint16_t status = 0;
    size_t len = 0;
    const char *whole = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
    assert_int_equal(reply(whole, &status, &len), PROXY_COMPLETE);
    assert_int_equal(status, 200);
    assert_int_equal(len, strlen(whole));
    for (size_t i = 0; i < strlen(whole); i++)    /* however it comes in pieces */
        assert_int_equal(proxy_read_reply(bytes_of(whole, i), &status, &len), PROXY_MORE);
    assert_int_equal(reply("HTTP/1.0 407\n\nmore", &status, &len), PROXY_COMPLETE);
    assert_int_equal(status, 407);
    assert_int_equal(len, 14);
    static const char *const bad[] = { "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
                                       "HTTP/1.1 099 x\r\n\r\n", "\x15\x03\x01", "SSH-2.0", "HTTP/1.12200 \r\n\r\n",
                                       "\r\n\r\n" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(reply(bad[i], &status, &len), PROXY_BAD);
    static char flood[20000] = "HTTP/1.1 200 ";
    memset(flood + 13, 'x', sizeof(flood) - 14);
    assert_int_equal(reply(flood, &status, &len), PROXY_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_port_are_read),
        cmocka_unit_test(the_environment_names_a_proxy),
        cmocka_unit_test(loopback_and_metadata_go_directly),
        cmocka_unit_test(exemptions_hold),
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(replies_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
