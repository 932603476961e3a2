/* The whole table of verdicts: what every class means at every stage. */
#include "relay_rig.h"

static const struct {
    const char *classes;    /* err.def's names, a space after each */
    enum verdict_stage stage;
    enum relay_deed deed;
} expected[] = {
#define EVERYWHERE(classes, deed) \
    { classes, STAGE_FETCH, deed }, { classes, STAGE_INGEST, deed }, { classes, STAGE_GONE, deed }, { classes, STAGE_COPY, deed }
    EVERYWHERE("OK ", DEED_PASS),
    { "OK ", STAGE_BURY, DEED_PASS },
    EVERYWHERE("UNAUTHENTICATED ", DEED_TOKEN),
    { "UNAUTHENTICATED ", STAGE_BURY, DEED_TOKEN },
    EVERYWHERE("THROTTLED ", DEED_THROTTLE),
    { "THROTTLED ", STAGE_BURY, DEED_THROTTLE },
    EVERYWHERE("TRANSIENT TIMEOUT RESET PROTOCOL BAD_REPLY WRONG_NAME ", DEED_RETRY),
    EVERYWHERE("CANCELLED ", DEED_AGAIN),
    EVERYWHERE("DNS REFUSED_CONNECT TLS PROXY NOT_API REDIRECTED PRECONDITION UNIMPLEMENTED CONFIG USAGE BAD_INPUT "
               "INTERNAL DISK LOST_LEASE ", DEED_FAULT),
    { "FORBIDDEN ", STAGE_FETCH, DEED_FAULT },
    { "FORBIDDEN ", STAGE_INGEST, DEED_FAULT },
    { "FORBIDDEN ", STAGE_GONE, DEED_ALONE },
    { "FORBIDDEN ", STAGE_COPY, DEED_ALONE },
    { "NOT_FOUND ", STAGE_FETCH, DEED_LOOK_AGAIN },
    { "NOT_FOUND ", STAGE_INGEST, DEED_FAULT },
    { "NOT_FOUND ", STAGE_GONE, DEED_FAULT },
    { "NOT_FOUND ", STAGE_COPY, DEED_REFUSAL },
    { "REFUSED ", STAGE_FETCH, DEED_PROVE },
    { "BAD_PAYLOAD ", STAGE_FETCH, DEED_ONCE_MORE },
    { "TOO_LARGE ", STAGE_FETCH, DEED_BURY },
    { "NACKED CONFLICT ALREADY_EXISTS NOT_ACCEPTED DIFFERENT ", STAGE_FETCH, DEED_FAULT },
    { "NACKED CONFLICT REFUSED NOT_ACCEPTED ", STAGE_INGEST, DEED_PROVE },
    { "ALREADY_EXISTS ", STAGE_INGEST, DEED_COPY },
    { "TOO_LARGE ", STAGE_INGEST, DEED_BURY },
    { "BAD_PAYLOAD DIFFERENT ", STAGE_INGEST, DEED_FAULT },
    { "REFUSED NACKED CONFLICT ALREADY_EXISTS BAD_PAYLOAD NOT_ACCEPTED TOO_LARGE DIFFERENT ", STAGE_GONE, DEED_FAULT },
    { "DIFFERENT TOO_LARGE ", STAGE_COPY, DEED_ALONE },
    { "BAD_PAYLOAD ", STAGE_COPY, DEED_RETRY },
    { "REFUSED NACKED CONFLICT ALREADY_EXISTS NOT_ACCEPTED ", STAGE_COPY, DEED_FAULT },
    { "TRANSIENT TIMEOUT RESET FORBIDDEN NOT_FOUND REFUSED NACKED CONFLICT ALREADY_EXISTS PRECONDITION UNIMPLEMENTED "
      "NOT_API REDIRECTED BAD_PAYLOAD BAD_REPLY WRONG_NAME NOT_ACCEPTED TOO_LARGE DIFFERENT DNS REFUSED_CONNECT TLS "
      "PROXY PROTOCOL CANCELLED DISK CONFIG USAGE BAD_INPUT LOST_LEASE INTERNAL ", STAGE_BURY, DEED_FAULT },
};

static bool names(const char *list, const char *class)
{
    char wanted[40];
    snprintf(wanted, sizeof(wanted), "%s ", class);
    for (const char *at = list; (at = strstr(at, wanted)) != NULL; at++) {
        if (at == list || at[-1] == ' ')
            return true;
    }
    return false;
}

static void every_class_at_every_stage(void **state UNUSED)
{
    static const enum verdict_stage stages[] = { STAGE_FETCH, STAGE_INGEST, STAGE_GONE, STAGE_COPY, STAGE_BURY };
    for (size_t s = 0; s < ARRAY_LEN(stages); s++) {
        for (uint16_t class = 0; class < ERR_CLASSES; class++) {
            size_t said = 0;
            for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
                if (expected[i].stage != stages[s] || !names(expected[i].classes, err_name(class)))
                    continue;
                said++;
                if (relay_verdict_find(stages[s], class, ANSWERED)->deed != expected[i].deed)
                    fail_msg("stage %d class %s: deed %d", stages[s], err_name(class),
                             relay_verdict_find(stages[s], class, ANSWERED)->deed);
            }
            if (said != 1)
                fail_msg("stage %d class %s is expected %zu times", stages[s], err_name(class), said);
        }
    }
}

static void what_was_not_sent_is_nobodys_or_the_targets(void **state UNUSED)
{
    assert_int_equal(relay_verdict_find(STAGE_INGEST, ERR_RESET, NOT_SENT)->deed, DEED_AGAIN);
    assert_int_equal(relay_verdict_find(STAGE_INGEST, ERR_RESET, MAYBE_APPLIED)->deed, DEED_RETRY);
    assert_int_equal(relay_verdict_find(STAGE_INGEST, ERR_TIMEOUT, NOT_SENT)->deed, DEED_FAULT);
    assert_int_equal(relay_verdict_find(STAGE_INGEST, ERR_TIMEOUT, MAYBE_APPLIED)->deed, DEED_RETRY);
    assert_int_equal(relay_verdict_find(STAGE_FETCH, ERR_REFUSED, MAYBE_APPLIED)->deed, DEED_FAULT);
}

static void refusals_after_the_proof(void **state UNUSED)
{
    static const struct {
        enum verdict_stage stage;
        enum err_class class;
        enum relay_deed deed;
        enum relay_reason reason;
    } rows[] = {
        { STAGE_SOURCE_REFUSAL, ERR_NOT_FOUND, DEED_BURY, REASON_SOURCE_NOT_FOUND },
        { STAGE_SOURCE_REFUSAL, ERR_REFUSED, DEED_BURY, REASON_SOURCE_REFUSED },
        { STAGE_DEST_REFUSAL, ERR_NACKED, DEED_BURY, REASON_DEST_NACK },
        { STAGE_DEST_REFUSAL, ERR_REFUSED, DEED_BURY, REASON_DEST_REJECTED },
        { STAGE_DEST_REFUSAL, ERR_CONFLICT, DEED_BURY, REASON_DEST_REJECTED },
        { STAGE_DEST_REFUSAL, ERR_NOT_ACCEPTED, DEED_RETRY, REASON_NONE },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct verdict_row *row = relay_verdict_find(rows[i].stage, (uint16_t) rows[i].class, ANSWERED);
        assert_int_equal(row->deed, rows[i].deed);
        assert_int_equal(row->reason, rows[i].reason);
    }
}

/* Never: a dead letter for credentials, permissions, quota, the network, or what is merely late. */
static void no_system_fault_buries(void **state UNUSED)
{
    static const enum err_class system[] = { ERR_UNAUTHENTICATED, ERR_FORBIDDEN, ERR_THROTTLED, ERR_DNS, ERR_TLS,
        ERR_REFUSED_CONNECT, ERR_PROXY, ERR_NOT_API, ERR_REDIRECTED, ERR_TRANSIENT, ERR_TIMEOUT, ERR_RESET, ERR_DISK };
    for (size_t i = 0; i < ARRAY_LEN(system); i++) {
        for (int stage = STAGE_FETCH; stage <= STAGE_DEST_REFUSAL; stage++) {
            for (uint8_t reach = NOT_SENT; reach <= ANSWERED; reach++)
                assert_int_not_equal(relay_verdict_find((enum verdict_stage) stage, (uint16_t) system[i], reach)->deed,
                                     DEED_BURY);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_at_every_stage),
        cmocka_unit_test(what_was_not_sent_is_nobodys_or_the_targets),
        cmocka_unit_test(refusals_after_the_proof),
        cmocka_unit_test(no_system_fault_buries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
