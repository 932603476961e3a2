/* Each way in which the relay's own counters can be at odds with what others counted is found. */
#include "unit.h"

#include "cmd/demo.h"

/* 100 announced: 95 good, 3 dead, 2 skipped. Killed when 40 were acknowledged: 38 at the last look, 2 since. */
static struct demo killed_half_way(void)
{
    return (struct demo) {
        .count = 100, .killed = true, .final_known = true, .unacked_seen = 62, .unacked_at_kill = 60,
        .before_kill = { .received = 60, .delivered = 39, .dead = 1, .in_flight = 20 },
        .after = { .received = 65, .delivered = 58, .dead = 2, .skipped = 2, .coalesced = 3 },
        .dead_records = 6, .records_after = 4,
    };
}

static struct demo unharmed(void)
{
    return (struct demo) {
        .count = 100, .final_known = true, .after = { .received = 100, .delivered = 95, .dead = 3, .skipped = 2 },
        .dead_records = 5, .records_after = 5,
    };
}

static const struct demo_ledger ledger = { .announced = 100, .identical = 95, .dead = 3, .skipped = 2 };

static void what_agrees_agrees(void **state UNUSED)
{
    struct demo d = killed_half_way();
    assert_true(demo_counters_agree(&d, &ledger));
    d = unharmed();
    assert_true(demo_counters_agree(&d, &ledger));
}

static void one_off_is_found(void **state UNUSED)
{
    struct demo d;
#define FOUND(make, change)                               \
    do {                                                  \
        d = make();                                       \
        change;                                           \
        if (demo_counters_agree(&d, &ledger))             \
            fail_msg("not found: %s", #make ": " #change); \
    } while (0)
    FOUND(killed_half_way, d.unbalanced = 1);
    FOUND(killed_half_way, d.final_known = false);
    FOUND(killed_half_way, d.after.received++);
    FOUND(killed_half_way, (d.after.received++, d.after.in_flight++));
    FOUND(killed_half_way, d.before_kill.delivered = 36);                            /* 38 were acknowledged by then */
    FOUND(killed_half_way, (d.after.delivered -= 3, d.after.coalesced += 3));        /* 60 were left to it */
    FOUND(killed_half_way, (d.before_kill.delivered = 34, d.unacked_seen = 65, d.unacked_at_kill = 64));    /* 95 are there */
    FOUND(killed_half_way, (d.after.dead--, d.after.delivered++));                   /* 4 records by it */
    FOUND(killed_half_way, (d.after.dead++, d.after.coalesced--));
    FOUND(killed_half_way, (d.before_kill.dead = 3, d.before_kill.delivered = 37));  /* told, and not on the disk */
    FOUND(unharmed, (d.after.delivered--, d.after.coalesced++));
    FOUND(unharmed, (d.after.dead++, d.after.delivered--, d.records_after++, d.dead_records++));
    FOUND(unharmed, (d.after.dead--, d.after.skipped++));
#undef FOUND
}

static void they_are_read(void **state UNUSED)
{
    struct demo_counters c = { 0 };
    demo_counters_of_page(BYTES_LIT("# HELP hl7relay_messages_received_total x 7\nhl7relay_messages_received_total 12\n"
                                    "hl7relay_messages_delivered_total{dup=\"0\"} 3\nhl7relay_messages_delivered_total{dup=\"1\"} 4\n"
                                    "hl7relay_messages_deadly_total 9\nhl7relay_in_flight 5\n"), &c);
    assert_true(c.received == 12 && c.delivered == 7 && c.dead == 0 && c.in_flight == 5);
    assert_true(demo_counters_add_up(&c));
    assert_false(demo_counters_of_log(BYTES_LIT("{\"event\":\"started\"}\nnonsense\n"), &c));
    assert_true(demo_counters_of_log(BYTES_LIT("{\"event\":\"x\"}\n{\"event\":\"stopped\",\"received\":9,\"delivered\":1,\"dead\":2,"
        "\"skipped\":3,\"coalesced\":1,\"released\":1,\"in_flight\":1}\n"), &c));
    assert_true(c.received == 9 && c.delivered == 1 && c.dead == 2 && c.skipped == 3 && demo_counters_add_up(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_agrees_agrees), cmocka_unit_test(one_off_is_found), cmocka_unit_test(they_are_read)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
