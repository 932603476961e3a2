#include "unit.h"

#include "loop/mailbox.h"

#include <pthread.h>
#include <sched.h>

enum { MAILS = 20000, ROOM = 64 };

static size_t received;
static uintptr_t last;

static void on_mail(void *ctx, void *mail)
{
    assert_ptr_equal(ctx, &received);
    assert_int_equal((uintptr_t) mail, last + 1);    /* in order, none lost */
    last = (uintptr_t) mail;
    received++;
}

static void *post_all(void *arg)
{
    struct mailbox *m = arg;
    for (uintptr_t i = 1; i <= MAILS; i++) {
        while (!mailbox_post(m, (void *) i))
            sched_yield();
    }
    return NULL;
}

static void mail_from_another_thread_comes_in_order(void **state UNUSED)
{
    struct err err;
    struct loop *loop = loop_make(&err);
    struct mailbox *m = mailbox_make(loop, ROOM, on_mail, &received);
    pthread_t thread;
    received = last = 0;
    assert_int_equal(pthread_create(&thread, NULL, post_all, m), 0);
    while (received < MAILS)
        loop_pass(loop, US_NEVER);
    pthread_join(thread, NULL);
    mailbox_free(m);
    loop_free(loop);
}

static void a_full_mailbox_refuses(void **state UNUSED)
{
    struct err err;
    struct loop *loop = loop_make(&err);
    struct mailbox *m = mailbox_make(loop, 2, on_mail, &received);
    received = last = 0;
    assert_true(mailbox_post(m, (void *) 1));
    assert_true(mailbox_post(m, (void *) 2));
    assert_false(mailbox_post(m, (void *) 3));
    loop_pass(loop, US_NEVER);
    assert_int_equal(received, 2);
    assert_true(mailbox_post(m, (void *) 9));
    assert_ptr_equal(mailbox_take(m), (void *) 9);
    assert_null(mailbox_take(m));
    loop_pass(loop, 0);    /* the bell rings for mail that was taken: nothing happens */
    assert_int_equal(received, 2);
    mailbox_free(m);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_from_another_thread_comes_in_order),
        cmocka_unit_test(a_full_mailbox_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
