#include "unit.h"

#include "rig.h"

#include "loop/resolve.h"

#include <arpa/inet.h>

static struct loop *loop;

struct asked {
    struct resolve_call call;
    struct resolver *resolver;
    struct asked *cancels;
    int answers;
    struct resolve_answer answer;
};

static void on_answer(struct resolve_call *c, const struct resolve_answer *a)
{
    struct asked *q = CONTAINER_OF(c, struct asked, call);
    q->answers++;
    q->answer = *a;
    if (q->cancels != NULL)
        resolver_cancel(q->resolver, &q->cancels->call);
}

static void ask(struct resolver *r, struct asked *q, const char *host, uint16_t port)
{
    q->call.fn = on_answer;
    q->resolver = r;
    resolver_ask(r, &q->call, host, port);
    assert_int_equal(q->answers, 0);    /* never inside the call */
}

static void literals_need_no_server(void **state UNUSED)
{
    struct resolver *r = resolver_make(loop);
    struct asked v4 = { 0 }, v6 = { 0 };
    ask(r, &v4, "192.0.2.7", 4711);
    ask(r, &v6, "2001:db8::7", 4711);
    loop_pass(loop, 0);
    assert_int_equal(v4.answers, 1);
    assert_true(v4.answer.ok && v4.answer.count == 1 && v6.answer.ok);
    struct sockaddr_in *in = (struct sockaddr_in *) (void *) &v4.answer.address[0];
    assert_int_equal(in->sin_family, AF_INET);
    assert_int_equal(ntohs(in->sin_port), 4711);
    assert_int_equal(v6.answer.address[0].ss_family, AF_INET6);
    resolver_free(r);
}

static void names_are_looked_up_once_for_all_who_wait(void **state UNUSED)
{
    struct resolver *r = resolver_make(loop);
    struct asked a = { 0 }, b = { 0 }, c = { 0 };
    ask(r, &a, "localhost", 1);
    ask(r, &b, "localhost", 2);
    ask(r, &c, "localhost", 3);
    a.cancels = &b;
    RIG_UNTIL(loop, c.answers == 1);
    assert_true(a.answers == 1 && a.answer.ok && a.answer.count >= 1);
    assert_int_equal(b.answers, 0);
    assert_true(c.answer.ok);
    resolver_free(r);
}

static void what_cannot_be_resolved_is_told(void **state UNUSED)
{
    struct resolver *r = resolver_make(loop);
    struct asked a = { 0 };
    ask(r, &a, "no such host", 1);
    RIG_UNTIL(loop, a.answers == 1);
    assert_false(a.answer.ok);
    assert_int_equal(a.answer.err.class, ERR_DNS);
    assert_non_null(strstr(a.answer.err.text, "no such host"));
    resolver_free(r);
}

static void a_look_up_under_way_does_not_hold_up_the_end(void **state UNUSED)
{
    struct resolver *r = resolver_make(loop);
    struct asked a = { 0 };
    ask(r, &a, "localhost", 1);
    resolver_cancel(r, &a.call);
    resolver_cancel(r, &a.call);
    resolver_free(r);
    assert_int_equal(a.answers, 0);
}

static int set_up(void **state UNUSED)
{
    struct err err;
    loop = loop_make(&err);
    return loop == NULL;
}

static int tear_down(void **state UNUSED)
{
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_need_no_server),
        cmocka_unit_test(names_are_looked_up_once_for_all_who_wait),
        cmocka_unit_test(what_cannot_be_resolved_is_told),
        cmocka_unit_test(a_look_up_under_way_does_not_hold_up_the_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
