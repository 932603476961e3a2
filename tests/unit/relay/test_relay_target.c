/* Limit, throttling, breaker. */
#include "relay_rig.h"

/* Feeds n deliveries; the attempts that they start are in got. */
static void deliver_many(struct rig *g, uint32_t first, uint32_t n)
{
    static struct relay_action kept[RIG_ACTIONS];
    size_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        char name[40];
        snprintf(name, sizeof(name), "projects/p/messages/%u", first + i);
        rig_deliver_as(g, (struct relay_event) { .name = bytes_str(name) });
        for (size_t k = 0; k < g->count; k++) {
            if (g->got[k].kind == ACT_ATTEMPT)
                kept[count++] = g->got[k];
        }
    }
    memcpy(g->got, kept, count * sizeof(kept[0]));
    g->count = count;
}

/* Answers all attempts in got; those that start meanwhile are in got after. */
static size_t answer_all(struct rig *g, enum err_class class)
{
    static struct relay_action mine[RIG_ACTIONS], next[RIG_ACTIONS];
    size_t n = 0, count = 0;
    for (size_t i = 0; i < g->count; i++) {
        if (g->got[i].kind == ACT_ATTEMPT)
            mine[n++] = g->got[i];
    }
    for (size_t i = 0; i < n; i++) {
        rig_done(g, mine[i], class);
        for (size_t k = 0; k < g->count; k++) {
            if (g->got[k].kind == ACT_ATTEMPT)
                next[count++] = g->got[k];
        }
    }
    memcpy(g->got, next, count * sizeof(next[0]));
    g->count = count;
    return n;
}

static struct relay_policy small(uint32_t start, uint32_t most)
{
    struct relay_policy p = rig_policy();
    p.limit_start = start;
    p.limit_max[AT_SOURCE] = p.limit_max[AT_DEST] = most;
    return p;
}

static void the_limit_doubles_in_a_round_trip(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(4, 1000));
    deliver_many(&g, 0, 200);
    assert_int_equal(g.count, 4);
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].in_flight, 4);
    answer_all(&g, ERR_NOT_FOUND);    /* the source works: it grows; the jobs wait */
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 8);
    answer_all(&g, ERR_NOT_FOUND);
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 16);
    answer_all(&g, ERR_NOT_FOUND);
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 32);
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].in_flight, 32);
    rig_end(&g);
}

static void it_stops_at_the_configured_maximum(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(4, 10));
    deliver_many(&g, 0, 200);
    for (int i = 0; i < 5; i++)
        answer_all(&g, ERR_NOT_FOUND);
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 10);
    rig_end(&g);
}

static void it_shrinks_once_a_round_trip(void **state UNUSED)
{
    const enum err_class classes[] = { ERR_THROTTLED, ERR_TIMEOUT };
    for (size_t c = 0; c < ARRAY_LEN(classes); c++) {
        struct rig g;
        rig_start(&g, small(10, 1000));
        deliver_many(&g, 0, 50);
        assert_int_equal(g.count, 10);
        answer_all(&g, classes[c]);    /* ten bad answers of one round trip */
        assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 7);
        g.now += US_PER_MS;
        answer_all(&g, classes[c]);    /* begun in the instant of the shrink: the same round trip */
        assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 7);
        g.now += US_PER_MS;
        answer_all(&g, classes[c]);
        assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 4);
        rig_end(&g);
    }
}

static void after_a_shrink_it_grows_slowly(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(10, 1000));
    deliver_many(&g, 0, 400);
    rig_done(&g, g.got[0], ERR_THROTTLED);
    assert_int_equal(rig_stats(&g).target[AT_SOURCE].limit, 7);
    struct target *t = &g.r->target[AT_SOURCE];
    t->limit = 7;
    t->in_flight = 7;
    for (int i = 0; i < 7; i++)
        relay_limit_grow(g.r, AT_SOURCE);
    assert_in_range((int) (t->limit * 10), 79, 80);    /* a round trip of 7: +1, a little less */
    t->limit = 100;
    t->in_flight = 100;
    for (int i = 0; i < 100; i++)
        relay_limit_grow(g.r, AT_SOURCE);
    assert_in_range((int) t->limit, 101, 102);         /* 2 % */
    t->limit = 100;
    t->in_flight = 10;
    relay_limit_grow(g.r, AT_SOURCE);
    assert_int_equal((int) t->limit, 100);             /* not used: not shown to be too small */
    t->in_flight = 9;
    relay_free(g.r);
}

static void past_half_of_100_throttled_answers_the_target_is_held(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(200, 200));
    deliver_many(&g, 0, 150);
    assert_int_equal(g.count, 150);
    static struct relay_action mine[150];
    memcpy(mine, g.got, sizeof(mine));
    for (int i = 0; i < 50; i++)
        rig_done(&g, mine[i], ERR_THROTTLED);
    assert_false(rig_stats(&g).target[AT_SOURCE].throttled);
    rig_done(&g, mine[50], ERR_THROTTLED);
    assert_true(rig_stats(&g).target[AT_SOURCE].throttled);
    assert_true(rig_stats(&g).notice[NOTICE_THROTTLED]);
    assert_int_equal(rig_stats(&g).flow, 0);
    rig_pass(&g, 29 * US_PER_S);
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    rig_pass(&g, 2 * US_PER_S);
    assert_true(rig_count(&g, ACT_ATTEMPT) > 0);
    assert_false(rig_stats(&g).notice[NOTICE_THROTTLED]);
    rig_end(&g);
}

static void a_row_of_faults_opens_the_breaker(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(64, 1000));
    deliver_many(&g, 0, 64);
    static struct relay_action mine[64];
    memcpy(mine, g.got, sizeof(mine));
    for (int i = 0; i < 19; i++)
        rig_done(&g, mine[i], ERR_REFUSED_CONNECT);
    assert_false(rig_stats(&g).target[AT_SOURCE].breaker_open);
    rig_done(&g, mine[19], ERR_NOT_FOUND);    /* it answered: the row begins anew */
    for (int i = 20; i < 40; i++)
        rig_done(&g, mine[i], ERR_REFUSED_CONNECT);
    assert_true(rig_stats(&g).target[AT_SOURCE].breaker_open);
    struct relay_action *notice = rig_nth(&g, ACT_NOTICE, 0);
    assert_int_equal(notice->notice, NOTICE_TARGET_HELD);
    assert_int_equal(notice->target, AT_SOURCE);
    assert_int_equal(rig_nth(&g, ACT_FLOW, 0)->count, 0);
    rig_end(&g);
}

static void open_breaker(struct rig *g, enum err_class class)
{
    deliver_many(g, 0, 64);
    for (int i = 0; i < 2 && !rig_stats(g).target[AT_SOURCE].breaker_open; i++)
        answer_all(g, class);
    assert_true(rig_stats(g).target[AT_SOURCE].breaker_open);
}

static void an_open_breaker_probes_once_a_second_and_keeps_leases(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(64, 1000));
    open_breaker(&g, ERR_DNS);
    uint32_t probes = 0;
    us_t until_us = g.now + 300 * US_PER_S;
    while (g.now < until_us) {
        rig_pass(&g, US_PER_S);
        assert_true(rig_count(&g, ACT_ATTEMPT) <= 1);
        struct relay_action *probe = rig_attempt(&g, OP_PROBE);
        assert_null(rig_attempt(&g, OP_FETCH));
        if (probe == NULL)
            continue;
        probes++;
        struct relay_action p = *probe;
        rig_done(&g, p, ERR_DNS);
    }
    assert_in_range(probes, 290, 301);
    struct relay_stats s = rig_stats(&g);
    assert_int_equal(s.leases, 64);
    assert_int_equal(s.leases_lost, 0);
    assert_true(s.extensions >= 64);
    assert_int_equal(s.ledger.dead, 0);
    rig_end(&g);
}

static void a_probe_closes_it_into_the_slow_start(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(64, 1000));
    open_breaker(&g, ERR_DNS);
    rig_pass(&g, US_PER_S);
    rig_done(&g, rig_want_attempt(&g, OP_PROBE), ERR_OK);
    assert_false(rig_stats(&g).target[AT_SOURCE].breaker_open);
    while (rig_attempt(&g, OP_FETCH) == NULL)
        rig_pass(&g, 10 * US_PER_MS);
    struct relay_action first = rig_want_attempt(&g, OP_FETCH);
    rig_pass(&g, 33 * US_PER_S);    /* the backoff of the others */
    assert_int_equal(rig_count(&g, ACT_ATTEMPT), 0);
    g.got[0] = first;
    g.count = 1;
    size_t expected = 1;
    for (int i = 0; i < 6; i++, expected *= 2)
        assert_int_equal(answer_all(&g, ERR_NOT_FOUND), expected);
    rig_end(&g);
}

static void a_fault_before_any_success_opens_it_again(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(64, 1000));
    open_breaker(&g, ERR_FORBIDDEN);
    assert_true(rig_stats(&g).notice[NOTICE_FORBIDDEN]);
    for (int i = 0; i < 10; i++) {    /* the probe is allowed, the work is not */
        rig_pass(&g, US_PER_S);
        while (rig_attempt(&g, OP_PROBE) == NULL)
            rig_pass(&g, US_PER_S);
        rig_done(&g, rig_want_attempt(&g, OP_PROBE), ERR_OK);
        while (rig_attempt(&g, OP_FETCH) == NULL)
            rig_pass(&g, US_PER_S);
        assert_int_equal(rig_count(&g, ACT_ATTEMPT), 1);
        rig_done(&g, rig_want_attempt(&g, OP_FETCH), ERR_FORBIDDEN);
        assert_true(rig_stats(&g).target[AT_SOURCE].breaker_open);
    }
    assert_int_equal(rig_stats(&g).ledger.dead, 0);
    rig_end(&g);
}

static void a_share_of_faults_opens_it_too(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    const struct relay_answer tls = { .class = ERR_TLS, .reach = NOT_SENT };
    for (int i = 0; i < 99; i++) {
        g.r->now_us++;
        relay_breaker_success(g.r, AT_DEST);
        relay_breaker_fault(g.r, AT_DEST, &tls);
    }
    assert_false(g.r->target[AT_DEST].open);
    relay_breaker_success(g.r, AT_DEST);
    g.r->now_us++;
    relay_breaker_fault(g.r, AT_DEST, &tls);    /* the 200th answer, and half of them */
    assert_true(g.r->target[AT_DEST].open);
    rig_end(&g);
}

/* A hundred streams on one connection end in one instant: one fault. */
static void a_cut_connection_is_one_fault(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, small(100, 1000));
    deliver_many(&g, 0, 100);
    struct relay_event ev = { 0 };
    static struct relay_action mine[100];
    memcpy(mine, g.got, sizeof(mine));
    for (int i = 0; i < 100; i++) {
        ev = rig_answer(&mine[i], ERR_RESET);
        ev.answer.reach = i % 2 == 0 ? MAYBE_APPLIED : NOT_SENT;
        rig_feed(&g, ev);
    }
    struct relay_stats s = rig_stats(&g);
    assert_false(s.target[AT_SOURCE].breaker_open);
    assert_int_equal(s.target[AT_SOURCE].limit, 100);
    assert_int_equal(g.r->target[AT_SOURCE].row, 1);
    size_t soon = 0;
    for (int i = 0; i < 10; i++) {    /* the retries are spread over the backoff */
        rig_pass(&g, 25 * US_PER_MS);
        size_t now = rig_count(&g, ACT_ATTEMPT);
        assert_true(now < 30);
        soon += now;
    }
    assert_int_equal(soon, 100);
    rig_end(&g);
}

/* The pull stream tells unasked how it fares. */
static void the_pull_stream_opens_and_closes_its_breaker(void **state UNUSED)
{
    struct rig g;
    rig_start(&g, rig_policy());
    struct relay_event ev = { .kind = EV_DONE, .op = OP_PROBE, .target = AT_SUBSCRIPTION };
    rig_feed(&g, ev);    /* opened: nothing to do */
    assert_int_equal(rig_stats(&g).strays, 0);
    ev.answer = (struct relay_answer) { .class = ERR_FORBIDDEN, .reach = ANSWERED, .grpc = 7 };
    rig_feed(&g, ev);
    assert_true(rig_stats(&g).target[AT_SUBSCRIPTION].breaker_open);
    struct relay_action *notice = rig_nth(&g, ACT_NOTICE, 0);
    assert_int_equal(notice->notice, NOTICE_FORBIDDEN);
    assert_int_equal(notice->answer.class, ERR_FORBIDDEN);
    for (int i = 0; i < 5; i++) {
        rig_pass(&g, US_PER_S);
        struct relay_action probe = rig_want_attempt(&g, OP_PROBE);
        assert_int_equal(probe.target, AT_SUBSCRIPTION);
        rig_done(&g, probe, i < 4 ? ERR_FORBIDDEN : ERR_OK);
    }
    assert_false(rig_stats(&g).target[AT_SUBSCRIPTION].breaker_open);
    assert_false(rig_stats(&g).notice[NOTICE_FORBIDDEN]);
    rig_move_one(&g, 1);
    rig_end(&g);
}

static void the_configured_rate_is_kept(void **state UNUSED)
{
    struct rig g;
    struct relay_policy p = small(500, 500);
    p.rate_per_s = 100;
    rig_start(&g, p);
    deliver_many(&g, 0, 400);
    answer_all(&g, ERR_OK);
    size_t started = g.count;
    us_t began_us = g.now;
    while (g.now < began_us + 2 * US_PER_S) {
        rig_pass(&g, 10 * US_PER_MS);
        started += rig_count(&g, ACT_ATTEMPT);
    }
    assert_in_range(started, 195, 210);
    rig_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_doubles_in_a_round_trip),
        cmocka_unit_test(it_stops_at_the_configured_maximum),
        cmocka_unit_test(it_shrinks_once_a_round_trip),
        cmocka_unit_test(after_a_shrink_it_grows_slowly),
        cmocka_unit_test(past_half_of_100_throttled_answers_the_target_is_held),
        cmocka_unit_test(a_row_of_faults_opens_the_breaker),
        cmocka_unit_test(an_open_breaker_probes_once_a_second_and_keeps_leases),
        cmocka_unit_test(a_probe_closes_it_into_the_slow_start),
        cmocka_unit_test(a_fault_before_any_success_opens_it_again),
        cmocka_unit_test(a_share_of_faults_opens_it_too),
        cmocka_unit_test(a_cut_connection_is_one_fault),
        cmocka_unit_test(the_pull_stream_opens_and_closes_its_breaker),
        cmocka_unit_test(the_configured_rate_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
