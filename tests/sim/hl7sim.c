/*
 * hl7sim: runs seeds. A seed that fails prints the one command that replays it.
 *
 *   hl7sim --seed N [--seeds COUNT] [--mutant NAME] [--verbose]
 *   hl7sim --mutants [--seeds COUNT]      each planted bug must be caught
 *   hl7sim --twice ...                    each seed twice: the same actions
 *   hl7sim --load                         requests a message at error rates, recovery after an outage
 */
#include "sim.h"

#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum relay_mutant relay_mutant;

static const struct {
    const char *name, *text;
} mutants[] = {
    { "NONE", "" },
#define MUTANT_ROW(name, text) { #name, text },
#include "relay/mutant.def"
#undef MUTANT_ROW
};

void sim_finish(struct sim *s)
{
    for (uint32_t i = 0; i < SIM_RELAYS; i++)
        sim_relay_stop(s, i);
    for (uint32_t i = 0; i < s->event_blocks_count; i++)
        mem_free(s->event_blocks[i]);
    mem_free(s->event_blocks);
    for (int i = 0; i < SIM_LANES; i++)
        mem_free(s->lane_members[i]);
    mem_free(s->messages);
    mem_free(s->deliveries);
    mem_free(s->group_permitted);
    heap_fini(&s->events);
}

/* I7: how long after the trouble the last message may take. */
static us_t patience(const struct sim *s)
{
    us_t us = 25 * US_PER_MIN;
    if (s->plan.has_poison)
        us += 2 * s->plan.policy.give_up_after_us + 40 * US_PER_MIN;
    if (s->plan.policy.storm_on)
        us += 30 * US_PER_MIN;
    return us;
}

void sim_run_events(struct sim *s)
{
    us_t until_us = s->plan.calm_us + patience(s);
    bool fillers = false;
    while (!s->failed && s->open > 0) {
        struct heap_entry *first = heap_first(&s->events);
        if (first == NULL || first->at_us > until_us) {
            const struct sim_message *m = s->messages;
            while (m->acked || sim_is_held_kind(m->kind))
                m++;
            sim_fail(s, "I7: %u messages have not ended, the first is %u (%s)", s->open,
                     (unsigned) (m - s->messages), sim_kind_name(m->kind));
            break;
        }
        struct sim_event *e = CONTAINER_OF(first, struct sim_event, timer);
        heap_remove(&s->events, first);
        s->now_us = MAX(s->now_us, first->at_us);
        sim_world_step(s, e);
        sim_event_free(s, e);
        if (!fillers && sim_calm(s) && s->plan.has_poison) {
            fillers = true;
            sim_event_new(s, SIM_FILLER, s->now_us);
        }
    }
}

static void show(const struct sim *s)
{
    static const char *const targets[] = { "subscription", "source", "dest", "sink" };
    const struct relay_policy *p = &s->plan.policy;
    printf("plan: %u relays, groups %d, lanes %d, deliveries_max %u, jobs_max %u, bodies %llu, poison %d\n",
           s->plan.relays, s->plan.groups, s->plan.lanes, p->deliveries_max, p->jobs_max,
           (unsigned long long) p->body_bytes_max, s->plan.has_poison);
    for (uint32_t i = 0; i < s->plan.relays; i++) {
        if (s->relay[i].r == NULL)
            continue;
        struct relay_stats st;
        relay_stats(s->relay[i].r, &st);
        printf("relay %u: leases %u (behind %u queued %u joined %u settled %u acking %u), jobs %u (ready %u running %u "
               "waiting %u held %u), bodies %llu, wants %u, flow %u, storm %d\n", i, st.leases, st.behind, st.queued,
               st.joined, st.settled, st.acking, st.jobs, st.ready, st.running, st.waiting, st.held,
               (unsigned long long) st.body_bytes, st.wants, st.flow, st.storm_held);
        for (int t = AT_SOURCE; t < RELAY_TARGETS; t++)
            printf("  %s: limit %u in flight %u ready %u held %u open %d throttled %d token_wait %d\n", targets[t],
                   st.target[t].limit, st.target[t].in_flight, st.target[t].ready, st.target[t].held,
                   st.target[t].breaker_open, st.target[t].throttled, st.target[t].token_wait);
    }
}

struct sim_result sim_run(uint64_t seed, bool verbose)
{
    struct sim s = { .seed = seed, .verbose = verbose, .hash = 0xcbf29ce484222325u };
    sim_plan_make(&s);
    us_t began_us = s.now_us;
    for (uint32_t i = 0; i < s.plan.relays; i++)
        sim_relay_start(&s, i);
    sim_run_events(&s);
    if (verbose)
        show(&s);
    struct sim_result result = { .failed = s.failed, .hash = s.hash, .steps = s.steps,
                                 .messages = s.messages_len, .took_us = s.now_us - began_us };
    memcpy(result.failure, s.failure, sizeof(result.failure));
    sim_finish(&s);
    return result;
}

struct options {
    uint64_t seed, seeds;
    bool verbose, twice, all_mutants, load;
};

static void complain(uint64_t seed, const char *failure)
{
    printf("FAILED seed %llu: %s\n", (unsigned long long) seed, failure);
    printf("replay: hl7sim --seed %llu%s%s --verbose\n", (unsigned long long) seed,
           relay_mutant != MUTANT_NONE ? " --mutant " : "",
           relay_mutant != MUTANT_NONE ? mutants[relay_mutant].name : "");
}

static bool run_seeds(const struct options *o)
{
    uint64_t steps = 0, messages = 0;
    us_t virtual_us = 0;
    for (uint64_t i = 0; i < o->seeds; i++) {
        struct sim_result r = sim_run(o->seed + i, o->verbose);
        if (!r.failed && o->twice && sim_run(o->seed + i, false).hash != r.hash) {
            complain(o->seed + i, "I16: a second run of the seed took other actions");
            return false;
        }
        if (r.failed) {
            complain(o->seed + i, r.failure);
            return false;
        }
        steps += r.steps;
        messages += r.messages;
        virtual_us += r.took_us;
    }
    printf("%llu seeds from %llu passed: %llu messages, %llu events, %.1f hours of virtual time\n",
           (unsigned long long) o->seeds, (unsigned long long) o->seed, (unsigned long long) messages,
           (unsigned long long) steps, (double) virtual_us / 3.6e9);
    return true;
}

static bool run_mutants(const struct options *o)
{
    bool ok = true;
    for (size_t i = 1; i < ARRAY_LEN(mutants); i++) {
        relay_mutant = (enum relay_mutant) i;
        struct sim_result r = { 0 };
        uint64_t n = 0;
        while (n < o->seeds && !(r = sim_run(o->seed + n, false)).failed)
            n++;
        relay_mutant = MUTANT_NONE;    /* a seed that fails without the bug proves nothing */
        if (r.failed && sim_run(o->seed + n, false).failed) {
            complain(o->seed + n, "it fails without any planted bug");
            return false;
        }
        if (r.failed)
            printf("caught %-22s by seed %4llu: %s\n", mutants[i].name, (unsigned long long) (o->seed + n), r.failure);
        else
            printf("MISSED %-22s in %llu seeds: %s\n", mutants[i].name, (unsigned long long) o->seeds, mutants[i].text);
        fflush(stdout);
        ok = ok && r.failed;
    }
    return ok;
}

static bool take_number(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0';
}

static bool take_mutant(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(mutants); i++) {
        if (strcmp(mutants[i].name, name) == 0) {
            relay_mutant = (enum relay_mutant) i;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct options o = { .seed = 1, .seeds = 0 };
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool ok = true;
        if (strcmp(argv[i], "--verbose") == 0)
            o.verbose = true;
        else if (strcmp(argv[i], "--twice") == 0)
            o.twice = true;
        else if (strcmp(argv[i], "--mutants") == 0)
            o.all_mutants = true;
        else if (strcmp(argv[i], "--load") == 0)
            o.load = true;
        else if (strcmp(argv[i], "--seed") == 0)
            ok = take_number(value, &o.seed), i++;
        else if (strcmp(argv[i], "--seeds") == 0)
            ok = take_number(value, &o.seeds), i++;
        else if (strcmp(argv[i], "--mutant") == 0)
            ok = take_mutant(value), i++;
        else
            ok = false;
        if (!ok) {
            fprintf(stderr, "usage: hl7sim --seed N [--seeds COUNT] [--mutant NAME] [--twice] [--verbose]\n"
                            "       hl7sim --mutants [--seeds COUNT]\n"
                            "       hl7sim --load\n");
            return 64;
        }
    }
    if (o.load)
        return sim_load(0) && sim_load(0.1) && sim_load(0.3) && sim_load(0.5) && sim_outage() ? 0 : 1;
    if (o.seeds == 0)
        o.seeds = o.all_mutants ? 1000 : 1;
    return (o.all_mutants ? run_mutants(&o) : run_seeds(&o)) ? 0 : 1;
}
