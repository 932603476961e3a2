/* The page at /: one card after the other, in the order in which an operator asks at night. It needs no script. */
#include "admin/admin_view.h"

#include "net/html.h"

#include "status_assets.h"

#include <inttypes.h>
#include <stdio.h>

enum { TEXT = 64 };

static void put_head(const struct admin_view *v, struct buf *out);
static void put_ledger(const struct admin_view *v, struct buf *out);
static void put_endpoints(const struct admin_view *v, struct buf *out);
static void put_facts(const struct admin_view *v, struct buf *out);
static void put_notices(const struct admin_view *v, struct buf *out);
static void put_last(const struct admin_view *v, struct buf *out);
static const char *duration(us_t us, char text[TEXT]);

void admin_view_html(const struct admin_view *v, struct buf *out)
{
    put_head(v, out);
    put_ledger(v, out);
    buf_append_str(out, "<div class=\"columns\"><div>");
    put_notices(v, out);
    put_endpoints(v, out);
    put_last(v, out);
    buf_append_str(out, "</div><div>");
    put_facts(v, out);
    buf_append_str(out, "</div></div></main><footer><a href=\"/metrics\">/metrics</a> <a href=\"/status.json\">/status.json</a> "
                        "<a href=\"/readyz?verbose\">/readyz?verbose</a> <a href=\"/livez\">/livez</a></footer></body></html>\n");
}

const char *admin_view_style(void)
{
    return status_css;
}

static void put_head(const struct admin_view *v, struct buf *out)
{
    static const char *const words[] = { "OK", "STARTING", "DRAINING", "DEGRADED", "HELD", "FAULT" };
    static const char *const classes[] = { "ok", "warn", "warn", "warn", "bad", "bad" };
    CLEANUP(buf_fini) struct buf sentence = { 0 };
    char up[TEXT];
    enum admin_verdict verdict = admin_view_verdict(v, &sentence);
    HTML(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>$ - hl7relay</title><style>", words[verdict]);
    buf_append_str(out, status_css);
    HTML(out, "</style></head><body><header><h1>hl7relay</h1><p>$ &middot; $ &middot; up $</p></header><main>"
         "<p class=\"v $\" role=\"status\"><b>$</b> $</p>", v->snapshot.version, v->snapshot.instance,
         duration(v->now_us - v->snapshot.started_us, up), classes[verdict], words[verdict], buf_str(&sentence));
}

/* --- the ledger --- */

static void tile(const char *class, const char *title, const char *word, int64_t n, const char *note, struct buf *out)
{
    char number[TEXT];
    snprintf(number, sizeof(number), "%" PRId64, n);
    HTML(out, "<li class=\"$\" title=\"$\"><span>$</span><b>$</b><span>$</span></li>", class, title, word, number, note);
}

static void term(const struct admin_view *v, const char *word, enum metric_id id, const char *note, struct buf *out)
{
    tile("", metric_info(id)->prom, word, (int64_t) metric_sum(v->metrics, id), note, out);
}

static void put_ledger(const struct admin_view *v, struct buf *out)
{
    char note[TEXT], age[TEXT], whole[TEXT];
    int64_t unaccounted = admin_view_unaccounted(v);
    snprintf(note, sizeof(note), "%" PRIu64 " dup", metric_get(v->metrics, METRIC_DELIVERED, LABEL_DUP_YES, 0));
    buf_append_str(out, "<ul class=\"tiles\" aria-label=\"Ledger: what was received, and what became of it\">");
    tile(unaccounted != 0 ? "bad" : "", "received less its terms, of this process", "UNACCOUNTED", unaccounted, "must be 0", out);
    term(v, "received", METRIC_RECEIVED, "is the sum of", out);
    term(v, "= delivered", METRIC_DELIVERED, note, out);
    term(v, "+ dead", METRIC_DEAD, "", out);
    term(v, "+ skipped", METRIC_SKIPPED, "", out);
    term(v, "+ coalesced", METRIC_COALESCED, "", out);
    term(v, "+ released", METRIC_RELEASED, "", out);
    term(v, "+ in flight", METRIC_IN_FLIGHT, "", out);
    int64_t oldest = (int64_t) metric_get(v->metrics, METRIC_OLDEST_UNACKED, 0, 0);
    int64_t retention = (int64_t) metric_get(v->metrics, METRIC_RETENTION, 0, 0);
    HTML(out, "</ul><section aria-labelledby=\"h-flow\"><h2 id=\"h-flow\">Flow</h2><div title=\"$\">oldest unacknowledged here $",
         metric_info(METRIC_OLDEST_UNACKED)->prom, duration(oldest, age));
    if (retention > 0) {
        HTML(out, " of $ retention", duration(retention, whole));
        buf_printf(out, " (%.2f %%)", 100.0 * (double) oldest / (double) retention);
    }
    buf_printf(out, " &middot; in %.0f/s &middot; out %.0f/s &middot; 1 h %.0f/s</div></section>", v->rates.in.now, v->rates.out.now, v->rates.out.hour);
}

/* --- what is wrong, what to do --- */

static void put_notices(const struct admin_view *v, struct buf *out)
{
    const struct admin_snapshot *s = &v->snapshot;
    CLEANUP(buf_fini) struct buf advice = { 0 };
    char age[TEXT];
    if (s->notices_count > 0)
        buf_append_str(out, "<section aria-labelledby=\"h-wrong\"><h2 id=\"h-wrong\">What is wrong</h2><ul class=\"list\">");
    for (size_t i = 0; i < s->notices_count; i++)
        HTML(out, "<li>$ $: $, for $</li>", s->notice[i].code, s->notice[i].target, s->notice[i].text,
             duration(v->now_us - s->notice[i].since_us, age));
    if (s->notices_count > 0)
        buf_append_str(out, "</ul></section>");
    admin_view_advice(v, &advice);
    buf_append_str(out, "<section aria-labelledby=\"h-next\"><h2 id=\"h-next\">Do next</h2><ul class=\"list\">");
    for (struct bytes rest = buf_bytes(&advice); rest.len > 0;) {
        buf_append_str(out, "<li>");
        html_text(out, bytes_cut(&rest, '\n'));
        buf_append_str(out, "</li>");
    }
    buf_append_str(out, "</ul></section>");
}

/* --- figures --- */

static void put_endpoint(const struct admin_view *v, unsigned e, struct buf *out)
{
    const struct admin_rate *r = &v->rates.requests[e];
    char half[TEXT], most[TEXT];
    HTML(out, "<tr><th scope=\"row\">$</th>", label_text(LABELS_ENDPOINT, e));
    buf_printf(out, "<td>%.0f/s</td><td>%.0f/s</td><td>%.0f/s</td><td>%.0f/s</td>", r->now, r->minute, r->five_minutes, r->hour);
    HTML(out, "<td>$</td><td>$</td>", duration((us_t) metric_quantile(v->metrics, METRIC_REQUEST_DURATION, (int) e, 0.5), half),
         duration((us_t) metric_quantile(v->metrics, METRIC_REQUEST_DURATION, (int) e, 0.99), most));
    buf_printf(out, "<td>%" PRIu64 "</td><td>%" PRIu64 "</td><td>%s</td></tr>", v->rates.errors_hour[e],
               metric_get(v->metrics, METRIC_CONCURRENCY_LIMIT, e, 0), metric_get(v->metrics, METRIC_BREAKER, e, 0) != 0 ? "open" : "closed");
}

static void put_endpoints(const struct admin_view *v, struct buf *out)
{
    HTML(out, "<section aria-labelledby=\"h-requests\"><h2 id=\"h-requests\" title=\"$\">Requests</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
         "aria-labelledby=\"h-requests\"><table><thead><tr><th scope=\"col\">to</th><th scope=\"col\">now</th><th scope=\"col\">1 m</th>"
         "<th scope=\"col\">5 m</th><th scope=\"col\">1 h</th><th scope=\"col\">p50</th><th scope=\"col\">p99</th><th scope=\"col\">errors (1 h)</th>"
         "<th scope=\"col\">limit</th><th scope=\"col\">breaker</th></tr></thead><tbody>", metric_info(METRIC_REQUESTS)->prom);
    for (unsigned e = 0; e < ADMIN_ENDPOINTS; e++)
        put_endpoint(v, e, out);
    buf_append_str(out, "</tbody></table></div><p>dead letters:");
    uint64_t dead = 0;
    for (unsigned r = 0; r < label_count(LABELS_REASON); r++) {
        uint64_t n = metric_get(v->metrics, METRIC_DEAD, r, 0);
        dead += n;
        if (n > 0)
            buf_printf(out, " %s %" PRIu64, label_text(LABELS_REASON, r), n);
    }
    buf_printf(out, "%s &middot; not durable yet %" PRIu64 "</p></section>", dead == 0 ? " none" : "", metric_sum(v->metrics, METRIC_DLQ_PENDING));
}

/* --- facts --- */

static void fact(const char *name, const char *value, struct buf *out)
{
    if (value != NULL)
        HTML(out, "<tr><th scope=\"row\">$</th><td>$</td></tr>", name, value);
}

static void put_facts(const struct admin_view *v, struct buf *out)
{
    const struct admin_snapshot *s = &v->snapshot;
    CLEANUP(buf_fini) struct buf token = { 0 }, leases = { 0 }, disk = { 0 };
    if (s->token_left_us < 0) {
        buf_append_str(&token, "none (local cloud)");
    } else {
        buf_append_str(&token, "ends in ");
        admin_view_duration(s->token_left_us, &token);
    }
    buf_printf(&leases, "%" PRIu64 " of %" PRIu64 "; extended %" PRIu64 ", expired by us %" PRIu64 ", redelivered %" PRIu64,
               metric_sum(v->metrics, METRIC_LEASES), s->leases_max, metric_sum(v->metrics, METRIC_LEASE_EXTENSIONS),
               metric_get(v->metrics, METRIC_LEASE_EXPIRED, LABEL_EXPIRED_US, 0), metric_sum(v->metrics, METRIC_REDELIVERED));
    buf_append_str(out, "<section aria-labelledby=\"h-facts\"><h2 id=\"h-facts\">Facts</h2><table class=\"t\"><tbody>");
    fact("source", s->source, out);
    fact("destination", s->dest, out);
    fact("subscription", s->subscription, out);
    fact("leases", buf_str(&leases), out);
    fact("token", buf_str(&token), out);
    if (s->disk_free >= 0) {
        buf_printf(&disk, "%.0f %% free", 100 * s->disk_free);
        fact("disk", buf_str(&disk), out);
    }
    if (s->subscription_policy)
        fact("subscription's policy", "it has a dead-letter policy of its own: Pub/Sub moves messages away after its attempts", out);
    fact("runner", s->runner, out);
    fact("configuration", s->config_path, out);
    fact("its SHA-256", s->config_sha256, out);
    fact("commit", s->commit, out);
    buf_append_str(out, "</tbody></table></section>");
}

static void put_last(const struct admin_view *v, struct buf *out)
{
    if (v->last_count == 0)
        return;
    buf_append_str(out, "<section aria-labelledby=\"h-last\"><h2 id=\"h-last\">Last warnings and errors</h2>"
                        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"h-last\"><table class=\"l\"><tbody>");
    for (size_t i = 0; i < v->last_count; i++) {
        const struct log_event_info *info = log_event_info(v->last[i].event);
        char age[TEXT], times[TEXT];
        snprintf(times, sizeof(times), "%" PRIu64, v->last[i].count);
        HTML(out, "<tr><td>$ ago</td><td>$</td><td>$</td><td>&times;$</td><td>$</td></tr>", duration(v->wall_us - v->last[i].wall_us, age),
             info->code, v->last[i].code, times, info->sentence);
    }
    buf_append_str(out, "</tbody></table></div></section>");
}

static const char *duration(us_t us, char text[TEXT])
{
    CLEANUP(buf_fini) struct buf words = { 0 };
    admin_view_duration(us, &words);
    snprintf(text, TEXT, "%s", buf_str(&words));
    return text;
}
