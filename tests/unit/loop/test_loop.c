#include "unit.h"

#include "loop/clock.h"
#include "loop/loop.h"

#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static char told[64];    /* one letter for each callback, in order */

static void tell(char c)
{
    size_t len = strlen(told);
    assert_true(len + 1 < sizeof(told));
    told[len] = c;
}

static int set_up(void **state UNUSED)
{
    struct err err;
    memset(told, 0, sizeof(told));
    loop = loop_make(&err);
    return loop == NULL;
}

static int tear_down(void **state UNUSED)
{
    loop_free(loop);
    return 0;
}

static struct loop_timer timer_a, timer_b;
static struct loop_task task_a, task_b;
static struct loop_hook hook_a, hook_b;

static void on_timer_a(struct loop_timer *t UNUSED)
{
    tell('a');
    loop_timer_set(loop, &timer_a, 0);    /* again and again: the others still get their turn */
}

static void on_timer_b(struct loop_timer *t UNUSED)
{
    tell('b');
    loop_timer_stop(loop, &timer_a);
}

static void a_greedy_timer_starves_nobody(void **state UNUSED)
{
    timer_a = (struct loop_timer) { .fn = on_timer_a };
    timer_b = (struct loop_timer) { .fn = on_timer_b };
    loop_timer_set(loop, &timer_a, 0);
    loop_timer_set(loop, &timer_b, loop_now(loop) + 2000);
    while (strchr(told, 'b') == NULL) {
        memset(told, 0, sizeof(told));
        loop_pass(loop, US_NEVER);
    }
    assert_int_equal(told[strlen(told) - 1], 'b');
}

static void on_timer_once(struct loop_timer *t UNUSED)
{
    tell('t');
}

static void a_timer_is_not_early(void **state UNUSED)
{
    timer_a = (struct loop_timer) { .fn = on_timer_once };
    us_t due = clock_now() + 3000;
    loop_timer_set(loop, &timer_a, due);
    while (told[0] == 0)
        loop_pass(loop, US_NEVER);
    assert_true(loop_now(loop) >= due);
}

static void on_task_again(struct loop_task *t)
{
    tell('A');
    if (strlen(told) < 4)
        loop_task_post(loop, t);
    loop_task_cancel(loop, &task_b);
}

static void on_task(struct loop_task *t UNUSED)
{
    tell('B');
}

static void a_task_from_a_task_waits_for_the_next_pass(void **state UNUSED)
{
    task_a = (struct loop_task) { .fn = on_task_again };
    task_b = (struct loop_task) { .fn = on_task };
    loop_task_post(loop, &task_a);
    loop_task_post(loop, &task_a);    /* once is enough */
    loop_task_post(loop, &task_b);    /* and is cancelled by the first */
    loop_pass(loop, US_NEVER);
    assert_string_equal(told, "A");
    loop_pass(loop, US_NEVER);    /* does not wait */
    assert_string_equal(told, "AA");
    loop_task_cancel(loop, &task_a);
}

static void on_hook_a(struct loop_hook *h UNUSED)
{
    tell('1');
    loop_hook_remove(loop, &hook_b);
}

static void on_hook_b(struct loop_hook *h)
{
    tell('2');
    loop_hook_remove(loop, h);
}

static void a_hook_may_remove_any_hook(void **state UNUSED)
{
    hook_a = (struct loop_hook) { .fn = on_hook_a };
    hook_b = (struct loop_hook) { .fn = on_hook_b };
    loop_hook_add(loop, &hook_a);
    loop_hook_add(loop, &hook_b);
    loop_pass(loop, 0);
    assert_string_equal(told, "1");
    loop_hook_remove(loop, &hook_a);
    loop_hook_remove(loop, &hook_a);
    loop_hook_add(loop, &hook_b);
    loop_pass(loop, 0);
    assert_string_equal(told, "12");
}

static struct loop_io io_a, io_b;

static void on_io(struct loop_io *io, unsigned ready)
{
    assert_true(ready & LOOP_READ);
    tell(io == &io_a ? 'x' : 'y');
    loop_io_remove(loop, &io_a);
    loop_io_remove(loop, &io_b);
}

static void a_removed_io_is_not_called(void **state UNUSED)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(write(pair[0], "1", 1), 1);
    assert_int_equal(write(pair[1], "1", 1), 1);
    io_a = (struct loop_io) { .fd = pair[0], .fn = on_io };
    io_b = (struct loop_io) { .fd = pair[1], .fn = on_io };
    loop_io_add(loop, &io_a, LOOP_READ);
    loop_io_add(loop, &io_b, LOOP_READ);
    loop_pass(loop, US_NEVER);    /* both are ready; the first takes both out */
    loop_pass(loop, 0);
    assert_int_equal(strlen(told), 1);
    close(pair[0]);
    close(pair[1]);
}

static void on_hangup(struct loop_io *io UNUSED, unsigned ready)
{
    assert_true(ready & LOOP_HANGUP);
    tell('h');
}

static void a_hangup_is_told_unasked(void **state UNUSED)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    io_a = (struct loop_io) { .fd = pair[0], .fn = on_hangup };
    loop_io_add(loop, &io_a, 0);
    loop_pass(loop, 0);
    assert_string_equal(told, "");
    close(pair[1]);
    loop_pass(loop, US_NEVER);
    assert_string_equal(told, "h");
    loop_io_remove(loop, &io_a);
    close(pair[0]);
}

static void on_answers(struct loop_io *io, unsigned ready UNUSED)
{
    char c;
    assert_int_equal(read(io->fd, &c, 1), 1);
    loop_count_answers(loop, c == 'm' ? 5 : 0);
}

/* Time from one pass to the next, when the next finds its descriptor ready at once. */
static us_t pause_after(int fd, char answers)
{
    assert_int_equal(write(fd, &answers, 1), 1);
    loop_pass(loop, US_NEVER);
    us_t before = loop_now(loop);
    assert_int_equal(write(fd, "1", 1), 1);
    loop_pass(loop, US_NEVER);
    return loop_now(loop) - before;
}

static void the_tick_waits_only_after_several_answers(void **state UNUSED)
{
    enum { TICK = 30000 };
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    io_a = (struct loop_io) { .fd = pair[0], .fn = on_answers };
    loop_io_add(loop, &io_a, LOOP_READ);
    loop_set_tick(loop, TICK);
    assert_true(pause_after(pair[1], 'm') >= TICK);
    us_t quick = TICK;    /* a busy machine may be slow once, not five times */
    for (int i = 0; i < 5; i++)
        quick = MIN(quick, pause_after(pair[1], '1'));
    assert_true(quick < TICK);
    loop_io_remove(loop, &io_a);
    close(pair[0]);
    close(pair[1]);
}

static unsigned served;

static void on_served(struct loop_io *io, unsigned ready UNUSED)
{
    char c;
    assert_int_equal(read(io->fd, &c, 1), 1);
    served++;
}

/* A pass serves a few; the rest is ready already, so that nothing waits for more. */
static void more_than_a_pass_serves_is_not_kept_waiting(void **state UNUSED)
{
    enum { PAIRS = 40, TICK = 500000 };
    struct loop_io io[PAIRS];
    int pair[PAIRS][2];
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]), 0);
        io[i] = (struct loop_io) { .fd = pair[i][0], .fn = on_served };
        loop_io_add(loop, &io[i], LOOP_READ);
        assert_int_equal(write(pair[i][1], "x", 1), 1);
    }
    loop_set_tick(loop, TICK);
    us_t from = clock_now();
    served = 0;
    while (served < PAIRS)
        loop_pass(loop, US_PER_S);
    assert_true(clock_now() - from < TICK);
    for (int i = 0; i < PAIRS; i++) {
        loop_io_remove(loop, &io[i]);
        close(pair[i][0]);
        close(pair[i][1]);
    }
}

static void on_stop(struct loop_timer *t UNUSED)
{
    loop_stop(loop);
}

static void it_runs_until_stopped(void **state UNUSED)
{
    timer_a = (struct loop_timer) { .fn = on_stop };
    loop_timer_set(loop, &timer_a, loop_now(loop) + 100);
    loop_run(loop);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_greedy_timer_starves_nobody),
        TEST(a_timer_is_not_early),
        TEST(a_task_from_a_task_waits_for_the_next_pass),
        TEST(a_hook_may_remove_any_hook),
        TEST(a_removed_io_is_not_called),
        TEST(a_hangup_is_told_unasked),
        TEST(the_tick_waits_only_after_several_answers),
        TEST(more_than_a_pass_serves_is_not_kept_waiting),
        TEST(it_runs_until_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
