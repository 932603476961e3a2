#include "admin/admin_view.h"

#include <inttypes.h>

/* What an operator does about a notice; its code is relay/notice.def's. held: nothing moves on that side meanwhile. */
static const struct {
    const char *code, *advice;
    bool held;
} advices[] = {
    { "STORM_GUARD", "look at `hl7relay dead list`, mend the cause (usually a wrong store or grant), then `hl7relay dead accept`", true },
    { "CREDENTIALS", "check the service account's key or token source; the relay goes on by itself once fresh credentials work", true },
    { "FORBIDDEN", "grant the permission that the log names; nothing is lost meanwhile", true },
    { "STORE_MISSING", "check the names of stores and subscription in the configuration, and that they exist", true },
    { "SINK_HELD", "free space or mend the disk of the dead-letter directory; the relay goes on by itself", true },
    { "NO_SINK", "set dead_letter.sink and restart: messages at fault are held until then", true },
    { "DIFFERENT", "compare the message named in the log in both stores: the destination holds other bytes under its name", false },
    { "PROOF_FORBIDDEN", "grant healthcare.hl7V2Messages.get on the destination store", false },
    { "FOREIGN_PROJECT", "add the store's name with the project number to source_store_aliases and restart", true },
    { "DEAD_ATTEMPTS", "the subscription's own dead-letter policy moves messages away after its attempts: raise or remove it", false },
    { "THROTTLED", "wait, ask for more quota, or lower flow.rate_limit", true },
    { "TARGET_HELD", "nothing to do here: the relay probes once a second and goes on by itself; look at the service named", true },
    { "QUIET_FEED", "wait: the message stays leased; look at it if it does not pass", false },
    { "WRONG_NAME", "check proxies and connect_to: a server answered for another message", false },
    { "MAX_HOLD", "look at what holds messages so long", false },
};

static uint64_t sum(const struct admin_view *v, enum metric_id id)
{
    return metric_sum(v->metrics, id);
}

int64_t admin_view_unaccounted(const struct admin_view *v)
{
    return (int64_t) (sum(v, METRIC_RECEIVED) - sum(v, METRIC_DELIVERED) - sum(v, METRIC_DEAD) - sum(v, METRIC_SKIPPED) -
                      sum(v, METRIC_COALESCED) - sum(v, METRIC_RELEASED) - sum(v, METRIC_IN_FLIGHT));
}

static int advice_of(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(advices); i++)
        if (strcmp(advices[i].code, code) == 0)
            return (int) i;
    return -1;
}

enum admin_verdict admin_view_verdict(const struct admin_view *v, struct buf *out)
{
    const struct admin_snapshot *s = &v->snapshot;
    if (admin_view_unaccounted(v) != 0) {
        buf_append_str(out, "the ledger does not balance: a fault of the relay itself; keep the log and report it");
        return ADMIN_FAULT;
    }
    for (size_t i = 0; i < s->notices_count; i++) {
        int a = advice_of(s->notice[i].code);
        if (a < 0 || !advices[a].held)
            continue;
        buf_append_str(out, s->notice[i].text);
        if (s->notice[i].target != NULL && s->notice[i].target[0] != '\0')
            buf_printf(out, " (%s)", s->notice[i].target);
        buf_append_str(out, "; all accounted for");
        return ADMIN_HELD;
    }
    if (s->draining) {
        buf_append_str(out, "stopping: work in flight is finished or given back");
        return ADMIN_DRAINING;
    }
    if (s->notices_count > 0) {
        buf_printf(out, "%s; all accounted for", s->notice[0].text);
        return ADMIN_DEGRADED;
    }
    for (size_t i = 0; i < s->checks_count; i++)
        if (!s->check[i].ok) {
            buf_printf(out, "%s: %s", s->check[i].name, s->check[i].text);
            return s->started ? ADMIN_DEGRADED : ADMIN_STARTING;
        }
    buf_append_str(out, s->started ? "messages move; all accounted for" : "starting");
    return s->started ? ADMIN_OK : ADMIN_STARTING;
}

void admin_view_advice(const struct admin_view *v, struct buf *out)
{
    const struct admin_snapshot *s = &v->snapshot;
    size_t before = out->len;
    for (size_t a = 0; a < ARRAY_LEN(advices); a++)
        for (size_t i = 0; i < s->notices_count; i++)
            if (strcmp(s->notice[i].code, advices[a].code) == 0) {
                buf_printf(out, "%s\n", advices[a].advice);
                break;
            }
    int64_t oldest = (int64_t) metric_get(v->metrics, METRIC_OLDEST_UNACKED, 0, 0);
    int64_t retention = (int64_t) metric_get(v->metrics, METRIC_RETENTION, 0, 0);
    if (retention > 0 && oldest > retention / 4)
        buf_append_str(out, "raise the subscription's retention: gcloud pubsub subscriptions update SUB --message-retention-duration=31d\n");
    if (out->len == before && admin_view_unaccounted(v) == 0)
        buf_append_str(out, "nothing: all is accounted for\n");
}

bool admin_view_live(const struct admin_view *v)
{
    return v->now_us - v->snapshot.tick_us < 10 * US_PER_S;
}

bool admin_view_ready(const struct admin_view *v)
{
    const struct admin_snapshot *s = &v->snapshot;
    bool ready = s->started && !s->draining && admin_view_live(v);
    for (size_t i = 0; i < s->checks_count; i++)
        ready = ready && s->check[i].ok;
    for (size_t i = 0; i < s->notices_count; i++) {
        int a = advice_of(s->notice[i].code);
        ready = ready && (a < 0 || !advices[a].held);
    }
    return ready;
}

void admin_view_ready_text(const struct admin_view *v, bool verbose, struct buf *out)
{
    const struct admin_snapshot *s = &v->snapshot;
    for (size_t i = 0; i < s->checks_count && verbose; i++)
        buf_printf(out, "[%s] %s%s%s\n", s->check[i].ok ? "+" : "-", s->check[i].name, s->check[i].ok ? "" : ": ",
                   s->check[i].ok ? "" : s->check[i].text);
    for (size_t i = 0; i < s->notices_count && verbose; i++)
        buf_printf(out, "[!] %s %s: %s\n", s->notice[i].code, s->notice[i].target != NULL ? s->notice[i].target : "", s->notice[i].text);
    if (verbose && !s->started)
        buf_append_str(out, "[-] started\n");
    if (verbose && s->draining)
        buf_append_str(out, "[-] draining\n");
    buf_append_str(out, admin_view_ready(v) ? "ok\n" : "not ready\n");
}

void admin_view_duration(us_t us, struct buf *out)
{
    int64_t s = MAX(us, 0) / US_PER_S, days = s / 86400;
    if (days > 0)
        buf_printf(out, "%" PRId64 "d %02d:%02d", days, (int) (s / 3600 % 24), (int) (s / 60 % 60));
    else if (s >= 3600)
        buf_printf(out, "%d h %d m", (int) (s / 3600), (int) (s / 60 % 60));
    else if (s >= 60)
        buf_printf(out, "%d m %d s", (int) (s / 60), (int) (s % 60));
    else if (us >= US_PER_S || us == 0)
        buf_printf(out, "%.1f s", (double) MAX(us, 0) / 1e6);
    else
        buf_printf(out, "%.1f ms", (double) MAX(us, 0) / 1e3);
}

void admin_view_text(const struct admin_view *v, size_t width, struct buf *out)
{
    static const char *const words[] = { "OK", "STARTING", "DRAINING", "DEGRADED", "HELD", "FAULT" };
    CLEANUP(buf_fini) struct buf sentence = { 0 }, all = { 0 };
    enum admin_verdict verdict = admin_view_verdict(v, &sentence);
    buf_printf(&all, "%s  %s\n", words[verdict], buf_str(&sentence));
    buf_printf(&all, "received %" PRIu64 " = delivered %" PRIu64 " (%" PRIu64 " dup) + dead %" PRIu64 " + skipped %" PRIu64, sum(v, METRIC_RECEIVED),
               sum(v, METRIC_DELIVERED), metric_get(v->metrics, METRIC_DELIVERED, LABEL_DUP_YES, 0), sum(v, METRIC_DEAD), sum(v, METRIC_SKIPPED));
    buf_printf(&all, " + coalesced %" PRIu64 " + released %" PRIu64 " + in flight %" PRIu64 "\n", sum(v, METRIC_COALESCED),
               sum(v, METRIC_RELEASED), sum(v, METRIC_IN_FLIGHT));
    buf_printf(&all, "in %.0f/s  out %.0f/s  1 min %.0f/s  unaccounted %" PRId64 "\n", v->rates.in.now, v->rates.out.now, v->rates.out.minute,
               admin_view_unaccounted(v));
    for (unsigned e = LABEL_ENDPOINT_SOURCE; e <= LABEL_ENDPOINT_DEST; e++) {
        buf_printf(&all, "%-7s %.0f/s  p50 ", label_text(LABELS_ENDPOINT, e), v->rates.requests[e].now);
        admin_view_duration((us_t) metric_quantile(v->metrics, METRIC_REQUEST_DURATION, (int) e, 0.5), &all);
        buf_append_str(&all, "  p99 ");
        admin_view_duration((us_t) metric_quantile(v->metrics, METRIC_REQUEST_DURATION, (int) e, 0.99), &all);
        buf_printf(&all, "  errors %" PRIu64 "  limit %" PRIu64 "\n", v->rates.errors_hour[e], metric_get(v->metrics, METRIC_CONCURRENCY_LIMIT, e, 0));
    }
    buf_printf(&all, "leases %" PRIu64 " of %" PRIu64 "  dead letters waiting %" PRIu64 "  oldest ", sum(v, METRIC_LEASES), v->snapshot.leases_max,
               sum(v, METRIC_DLQ_PENDING));
    admin_view_duration((us_t) metric_get(v->metrics, METRIC_OLDEST_UNACKED, 0, 0), &all);
    buf_append_char(&all, '\n');
    for (struct bytes rest = buf_bytes(&all); rest.len > 0;) {
        buf_append(out, bytes_sub(bytes_cut(&rest, '\n'), 0, width));
        buf_append_char(out, '\n');
    }
}
