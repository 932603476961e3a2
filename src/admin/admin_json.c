/* /status.json: the figures of the page, for programs. */
#include "admin/admin_view.h"
#include "json/write.h"

static void put_rate(struct json_writer *w, const char *key, const struct admin_rate *r)
{
    json_write_object(w, key);
    json_write_double(w, "now", r->now);
    json_write_double(w, "1m", r->minute);
    json_write_double(w, "5m", r->five_minutes);
    json_write_double(w, "1h", r->hour);
    json_write_end(w);
}

static void put_ledger(const struct admin_view *v, struct json_writer *w)
{
    static const struct {
        const char *key;
        enum metric_id id;
    } terms[] = {
        { "received", METRIC_RECEIVED },   { "delivered", METRIC_DELIVERED }, { "dead", METRIC_DEAD },         { "skipped", METRIC_SKIPPED },
        { "coalesced", METRIC_COALESCED }, { "released", METRIC_RELEASED },   { "in_flight", METRIC_IN_FLIGHT },
    };
    json_write_object(w, "ledger");
    for (size_t i = 0; i < ARRAY_LEN(terms); i++)
        json_write_int(w, terms[i].key, (int64_t) metric_sum(v->metrics, terms[i].id));
    json_write_int(w, "delivered_dup", (int64_t) metric_get(v->metrics, METRIC_DELIVERED, LABEL_DUP_YES, 0));
    json_write_int(w, "unaccounted", admin_view_unaccounted(v));
    json_write_end(w);
    json_write_object(w, "HL7v2");
    for (unsigned id = METRIC_FETCHED; id <= METRIC_FAILED_INGEST; id++)
        json_write_int(w, metric_info(id)->beam, (int64_t) metric_sum(v->metrics, id));
    json_write_end(w);
}

static void put_endpoints(const struct admin_view *v, struct json_writer *w)
{
    json_write_object(w, "endpoints");
    for (unsigned e = 0; e < ADMIN_ENDPOINTS; e++) {
        json_write_object(w, label_text(LABELS_ENDPOINT, e));
        put_rate(w, "per_second", &v->rates.requests[e]);
        json_write_double(w, "p50_seconds", (double) metric_quantile(v->metrics, METRIC_REQUEST_DURATION, (int) e, 0.5) / 1e6);
        json_write_double(w, "p99_seconds", (double) metric_quantile(v->metrics, METRIC_REQUEST_DURATION, (int) e, 0.99) / 1e6);
        json_write_int(w, "errors_1h", (int64_t) v->rates.errors_hour[e]);
        json_write_int(w, "limit", (int64_t) metric_get(v->metrics, METRIC_CONCURRENCY_LIMIT, e, 0));
        json_write_bool(w, "breaker_open", metric_get(v->metrics, METRIC_BREAKER, e, 0) != 0);
        json_write_end(w);
    }
    json_write_end(w);
}

static void put_state(const struct admin_view *v, struct json_writer *w)
{
    const struct admin_snapshot *s = &v->snapshot;
    json_write_array(w, "notices");
    for (size_t i = 0; i < s->notices_count; i++) {
        json_write_object(w, NULL);
        json_write_str(w, "code", bytes_str(s->notice[i].code));
        json_write_str(w, "target", bytes_str(s->notice[i].target));
        json_write_str(w, "text", bytes_str(s->notice[i].text));
        json_write_double(w, "for_seconds", (double) (v->now_us - s->notice[i].since_us) / 1e6);
        json_write_end(w);
    }
    json_write_end(w);
    CLEANUP(buf_fini) struct buf advice = { 0 };
    admin_view_advice(v, &advice);
    json_write_array(w, "do_next");
    for (struct bytes rest = buf_bytes(&advice); rest.len > 0;)
        json_write_str(w, NULL, bytes_cut(&rest, '\n'));
    json_write_end(w);
    json_write_array(w, "checks");
    for (size_t i = 0; i < s->checks_count; i++) {
        json_write_object(w, NULL);
        json_write_str(w, "name", bytes_str(s->check[i].name));
        json_write_bool(w, "ok", s->check[i].ok);
        json_write_str(w, "text", bytes_str(s->check[i].text));
        json_write_end(w);
    }
    json_write_end(w);
}

void admin_view_json(const struct admin_view *v, struct buf *out)
{
    static const char *const words[] = { "OK", "STARTING", "DRAINING", "DEGRADED", "HELD", "FAULT" };
    const struct admin_snapshot *s = &v->snapshot;
    CLEANUP(buf_fini) struct buf sentence = { 0 };
    enum admin_verdict verdict = admin_view_verdict(v, &sentence);
    struct json_writer w = json_write_to(out);
    json_write_object(&w, NULL);
    json_write_str(&w, "version", bytes_str(s->version));
    json_write_str(&w, "commit", bytes_str(s->commit));
    json_write_str(&w, "instance", bytes_str(s->instance));
    json_write_double(&w, "up_seconds", (double) (v->now_us - s->started_us) / 1e6);
    json_write_str(&w, "verdict", bytes_str(words[verdict]));
    json_write_str(&w, "verdict_text", buf_bytes(&sentence));
    json_write_bool(&w, "live", admin_view_live(v));
    json_write_bool(&w, "ready", admin_view_ready(v));
    put_ledger(v, &w);
    put_rate(&w, "in_per_second", &v->rates.in);
    put_rate(&w, "out_per_second", &v->rates.out);
    json_write_double(&w, "oldest_unacked_seconds", (double) metric_get(v->metrics, METRIC_OLDEST_UNACKED, 0, 0) / 1e6);
    json_write_double(&w, "retention_seconds", (double) metric_get(v->metrics, METRIC_RETENTION, 0, 0) / 1e6);
    json_write_int(&w, "leases", (int64_t) metric_sum(v->metrics, METRIC_LEASES));
    json_write_int(&w, "leases_max", (int64_t) s->leases_max);
    json_write_int(&w, "dlq_pending", (int64_t) metric_sum(v->metrics, METRIC_DLQ_PENDING));
    json_write_str(&w, "source", bytes_str(s->source));
    json_write_str(&w, "destination", bytes_str(s->dest));
    json_write_str(&w, "subscription", bytes_str(s->subscription));
    json_write_str(&w, "runner", bytes_str(s->runner));
    json_write_str(&w, "config_sha256", bytes_str(s->config_sha256));
    put_endpoints(v, &w);
    put_state(v, &w);
    json_write_end(&w);
    buf_append_char(out, '\n');
}
