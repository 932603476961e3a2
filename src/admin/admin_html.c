/* The page at /: one table after the other, in the order in which an operator asks at night. */
#include "admin/admin_view.h"

#include <inttypes.h>

static void put_head(const struct admin_view *v, struct buf *out);
static void put_ledger(const struct admin_view *v, struct buf *out);
static void put_endpoints(const struct admin_view *v, struct buf *out);
static void put_facts(const struct admin_view *v, struct buf *out);
static void put_notices(const struct admin_view *v, struct buf *out);
static void put_last(const struct admin_view *v, struct buf *out);
static void text(const char *s, struct buf *out);

static const char style[] =
    "body{font:15px/1.5 ui-monospace,monospace;margin:1.5rem;max-width:76rem;color:#1b1f24;background:#fff}"
    "h1{font-size:1.1rem;margin:0}h2{font-size:1rem;margin:1.2rem 0 .3rem}"
    ".v{padding:.5rem .8rem;margin:.6rem 0;border-left:6px solid}.ok{border-color:#1a7f37;background:#eafbee}"
    ".warn{border-color:#9a6700;background:#fff8e0}.bad{border-color:#b42318;background:#fdecea}"
    "table{border-collapse:collapse}td,th{padding:.1rem .9rem .1rem 0;text-align:right}th{font-weight:600;color:#57606a}"
    "td:first-child,th:first-child{text-align:left}.t td{text-align:left}ul{margin:.2rem 0;padding-left:1.2rem}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}.ok{background:#0f2417}.warn{background:#2b2410}"
    ".bad{background:#2d1214}th{color:#9da7b1}a{color:#79b8ff}}";

void admin_view_html(const struct admin_view *v, struct buf *out)
{
    put_head(v, out);
    put_ledger(v, out);
    put_notices(v, out);
    put_endpoints(v, out);
    put_facts(v, out);
    put_last(v, out);
    buf_append_str(out, "<p><a href=\"/metrics\">/metrics</a> <a href=\"/status.json\">/status.json</a> "
                        "<a href=\"/readyz?verbose\">/readyz?verbose</a> <a href=\"/livez\">/livez</a></p></body></html>\n");
}

const char *admin_view_style(void)
{
    return style;
}

static void put_head(const struct admin_view *v, struct buf *out)
{
    static const char *const words[] = { "OK", "STARTING", "DRAINING", "DEGRADED", "HELD", "FAULT" };
    static const char *const classes[] = { "ok", "warn", "warn", "warn", "bad", "bad" };
    CLEANUP(buf_fini) struct buf sentence = { 0 }, up = { 0 };
    enum admin_verdict verdict = admin_view_verdict(v, &sentence);
    admin_view_duration(v->now_us - v->snapshot.started_us, &up);
    buf_append_str(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">"
                        "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    buf_printf(out, "%s - hl7relay</title><style>%s</style></head><body><h1>hl7relay ", words[verdict], style);
    text(v->snapshot.version, out);
    buf_append_str(out, " &middot; ");
    text(v->snapshot.instance, out);
    buf_printf(out, " &middot; up %s</h1><p class=\"v %s\"><b>%s</b> ", buf_str(&up), classes[verdict], words[verdict]);
    text(buf_str(&sentence), out);
    buf_append_str(out, "</p>");
}

static void term(const struct admin_view *v, const char *word, enum metric_id id, struct buf *out)
{
    buf_printf(out, "<td title=\"%s\">%s %" PRIu64 "</td>", metric_info(id)->prom, word, metric_sum(v->metrics, id));
}

static void put_ledger(const struct admin_view *v, struct buf *out)
{
    buf_printf(out, "<h2>Ledger: <span title=\"received less its terms, of this process\">UNACCOUNTED %" PRId64 "</span></h2><table><tr>",
               admin_view_unaccounted(v));
    term(v, "received", METRIC_RECEIVED, out);
    term(v, "= delivered", METRIC_DELIVERED, out);
    buf_printf(out, "<td>(%" PRIu64 " dup)</td>", metric_get(v->metrics, METRIC_DELIVERED, LABEL_DUP_YES, 0));
    term(v, "+ dead", METRIC_DEAD, out);
    term(v, "+ skipped", METRIC_SKIPPED, out);
    term(v, "+ coalesced", METRIC_COALESCED, out);
    term(v, "+ released", METRIC_RELEASED, out);
    term(v, "+ in flight", METRIC_IN_FLIGHT, out);
    buf_append_str(out, "</tr></table>");
    int64_t oldest = (int64_t) metric_get(v->metrics, METRIC_OLDEST_UNACKED, 0, 0);
    int64_t retention = (int64_t) metric_get(v->metrics, METRIC_RETENTION, 0, 0);
    buf_printf(out, "<p title=\"%s\">oldest unacknowledged here ", metric_info(METRIC_OLDEST_UNACKED)->prom);
    admin_view_duration(oldest, out);
    if (retention > 0) {
        buf_append_str(out, " of ");
        admin_view_duration(retention, out);
        buf_printf(out, " retention (%.2f %%)", 100.0 * (double) oldest / (double) retention);
    }
    buf_printf(out, " &middot; in %.0f/s &middot; out %.0f/s &middot; 1 h %.0f/s</p>", v->rates.in.now, v->rates.out.now, v->rates.out.hour);
}

static void put_notices(const struct admin_view *v, struct buf *out)
{
    const struct admin_snapshot *s = &v->snapshot;
    CLEANUP(buf_fini) struct buf advice = { 0 };
    if (s->notices_count > 0)
        buf_append_str(out, "<h2>What is wrong</h2><ul>");
    for (size_t i = 0; i < s->notices_count; i++) {
        buf_append_str(out, "<li>");
        text(s->notice[i].code, out);
        buf_append_char(out, ' ');
        text(s->notice[i].target != NULL ? s->notice[i].target : "", out);
        buf_append_str(out, ": ");
        text(s->notice[i].text, out);
        buf_append_str(out, ", for ");
        admin_view_duration(v->now_us - s->notice[i].since_us, out);
        buf_append_str(out, "</li>");
    }
    if (s->notices_count > 0)
        buf_append_str(out, "</ul>");
    admin_view_advice(v, &advice);
    buf_append_str(out, "<h2>Do next</h2><ul>");
    for (struct bytes rest = buf_bytes(&advice); rest.len > 0;) {
        CLEANUP(buf_fini) struct buf line = { 0 };
        buf_append(&line, bytes_cut(&rest, '\n'));
        buf_append_str(out, "<li>");
        text(buf_str(&line), out);
        buf_append_str(out, "</li>");
    }
    buf_append_str(out, "</ul>");
}

static void put_endpoints(const struct admin_view *v, struct buf *out)
{
    buf_printf(out, "<h2 title=\"%s\">Requests</h2><table><tr><th></th><th>now</th><th>1 m</th><th>5 m</th><th>1 h</th><th>p50</th><th>p99</th>"
               "<th>errors (1 h)</th><th>limit</th><th>breaker</th></tr>", metric_info(METRIC_REQUESTS)->prom);
    for (unsigned e = 0; e < ADMIN_ENDPOINTS; e++) {
        const struct admin_rate *r = &v->rates.requests[e];
        buf_printf(out, "<tr><td>%s</td><td>%.0f/s</td><td>%.0f/s</td><td>%.0f/s</td><td>%.0f/s</td><td>", label_text(LABELS_ENDPOINT, e), r->now,
                   r->minute, r->five_minutes, r->hour);
        admin_view_duration((us_t) metric_quantile(v->metrics, METRIC_REQUEST_DURATION, (int) e, 0.5), out);
        buf_append_str(out, "</td><td>");
        admin_view_duration((us_t) metric_quantile(v->metrics, METRIC_REQUEST_DURATION, (int) e, 0.99), out);
        buf_printf(out, "</td><td>%" PRIu64 "</td><td>%" PRIu64 "</td><td>%s</td></tr>", v->rates.errors_hour[e],
                   metric_get(v->metrics, METRIC_CONCURRENCY_LIMIT, e, 0), metric_get(v->metrics, METRIC_BREAKER, e, 0) != 0 ? "open" : "closed");
    }
    buf_append_str(out, "</table><p>dead letters:");
    uint64_t dead = 0;
    for (unsigned r = 0; r < label_count(LABELS_REASON); r++) {
        uint64_t n = metric_get(v->metrics, METRIC_DEAD, r, 0);
        dead += n;
        if (n > 0)
            buf_printf(out, " %s %" PRIu64, label_text(LABELS_REASON, r), n);
    }
    buf_printf(out, "%s &middot; not durable yet %" PRIu64 "</p>", dead == 0 ? " none" : "", metric_sum(v->metrics, METRIC_DLQ_PENDING));
}

static void fact(const char *name, const char *value, struct buf *out)
{
    if (value == NULL)
        return;
    buf_printf(out, "<tr><td>%s</td><td>", name);
    text(value, out);
    buf_append_str(out, "</td></tr>");
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
    buf_append_str(out, "<h2>Facts</h2><table class=\"t\">");
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
    buf_append_str(out, "</table>");
}

static void put_last(const struct admin_view *v, struct buf *out)
{
    if (v->last_count == 0)
        return;
    buf_append_str(out, "<h2>Last warnings and errors</h2><table class=\"t\">");
    for (size_t i = 0; i < v->last_count; i++) {
        const struct log_event_info *info = log_event_info(v->last[i].event);
        buf_append_str(out, "<tr><td>");
        admin_view_duration(v->wall_us - v->last[i].wall_us, out);
        buf_printf(out, " ago</td><td>%s</td><td>", info->code);
        text(v->last[i].code, out);
        buf_printf(out, "</td><td>&times;%" PRIu64 "</td><td>", v->last[i].count);
        text(info->sentence, out);
        buf_append_str(out, "</td></tr>");
    }
    buf_append_str(out, "</table>");
}

static void text(const char *s, struct buf *out)
{
    for (; s != NULL && *s != '\0'; s++) {
        if (*s == '<')
            buf_append_str(out, "&lt;");
        else if (*s == '>')
            buf_append_str(out, "&gt;");
        else if (*s == '&')
            buf_append_str(out, "&amp;");
        else if (*s == '"')
            buf_append_str(out, "&quot;");
        else
            buf_append_char(out, (unsigned char) *s < 0x20 || *s == 0x7f ? '?' : *s);
    }
}
