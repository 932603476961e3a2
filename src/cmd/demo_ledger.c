#include "cmd/demo.h"

#include "json/write.h"

#include <stdio.h>

void demo_ledger_make(const struct demo *d, struct demo_ledger *ret_ledger)
{
    struct demo_ledger l = { .announced = d->count, .altered = d->unexpected, .leaked = d->sweep.found };
    for (size_t i = 0; i < d->count; i++) {
        const struct demo_message *m = &d->messages[i];
        /* What was deleted at the source can only be compared with what we made; the rest also with the source. */
        bool identical = m->at_dest && (m->at_source || m->kind == DEMO_DELETED);
        if (identical)
            l.identical++;
        else if (m->dead)
            l.dead++;
        else if (m->skipped)
            l.skipped++;
        else if (m->pending)
            l.pending++;
        else
            l.lost++;
        if (m->at_dest && m->dead)
            l.both++;
        if (m->other_at_dest || (m->at_dest && !identical))
            l.altered++;
        if (m->at_source && !m->at_dest && m->dead)
            l.explained++;
    }
    l.counters_agree = d->beam ? demo_beam_counters_agree(d, &l) : demo_counters_agree(d, &l);
    *ret_ledger = l;
}

bool demo_ledger_is_clean(const struct demo_ledger *l)
{
    return l->lost == 0 && l->altered == 0 && l->leaked == 0 && l->pending == 0 && l->counters_agree;
}

static void print_json(const struct demo *d, const struct demo_ledger *l)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct json_writer w = json_write_to(&out);
    json_write_object(&w, NULL);
    json_write_str(&w, "type", BYTES_LIT("ledger"));
    const struct {
        const char *key;
        uint64_t n;
    } rows[] = {
        { "announced", l->announced }, { "identical", l->identical }, { "dead", l->dead }, { "skipped", l->skipped },
        { "pending", l->pending }, { "lost", l->lost }, { "altered", l->altered }, { "leaked", l->leaked },
        { "dead_and_delivered", l->both }, { "unexpected", d->unexpected }, { "unreadable", d->unreadable },
        { "files_swept", d->sweep.files }, { "bytes_swept", d->sweep.bytes }, { "relay_us", (uint64_t) d->relay_us },
        { "redelivered", d->after.redelivered }, { "retries", d->before_kill.retries + d->after.retries },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        json_write_int(&w, rows[i].key, (int64_t) rows[i].n);
    json_write_bool(&w, "killed", d->killed);
    json_write_bool(&w, "counters_agree", l->counters_agree);
    json_write_object(&w, "dead_by_reason");
    for (size_t i = 0; demo_dead_reason(i) != NULL; i++)
        if (d->reasons[i] > 0)
            json_write_int(&w, demo_dead_reason(i), (int64_t) d->reasons[i]);
    json_write_end(&w);
    json_write_end(&w);
    printf("%s\n", buf_str(&out));
}

void demo_ledger_print(const struct demo *d, const struct demo_ledger *l)
{
    if (d->json) {
        print_json(d, l);
        return;
    }
    printf("\n  %s announced = ", demo_number(l->announced));
    printf("%s identical + ", demo_number(l->identical));
    printf("%zu dead letters (each with a reason) + %zu skipped (empty) + %zu still in the subscription\n", l->dead, l->skipped,
           l->pending);
    printf("  both dead and delivered: %zu        counted from stores and dead letters, the relay's own counters %s        LOST: %zu\n",
           l->both, l->counters_agree ? "agree" : "DO NOT AGREE", l->lost);
    printf("  dead letters:");
    size_t shown = 0;
    for (size_t i = 0; demo_dead_reason(i) != NULL; i++)
        if (d->reasons[i] > 0 && ++shown > 0)
            printf("  %zu %s", d->reasons[i], demo_dead_reason(i));
    printf("%s        see: ./hl7relay dead list --config_path %s/config.json\n", shown == 0 ? "  none" : "", d->dir);
    if (!demo_ledger_is_clean(l)) {
        printf("\n  FAILED: ");
        if (l->lost > 0)
            printf("%zu lost. ", l->lost);
        if (l->altered > 0)
            printf("%zu at the destination with other bytes than were made. ", l->altered);
        if (l->leaked > 0)
            printf("patient data in %zu places. ", l->leaked);
        if (l->pending > 0)
            printf("%zu still waiting in the subscription. ", l->pending);
        if (!l->counters_agree)
            printf("the relay's own counters say something else. ");
        printf("\n");
    }
}
