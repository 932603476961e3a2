#include "cmd/status_show.h"

#include "json/doc.h"

#include <inttypes.h>

struct show {
    const struct json_node *root;
    size_t width;
    bool colour;
    struct buf *out;
};

static const char *str(const struct json_node *n, const char *key)
{
    return json_doc_str(json_doc_get(n, key), "");
}

static double num(const struct json_node *n, const char *key)
{
    return json_doc_number(json_doc_get(n, key), 0);
}

/* What came from elsewhere is cut to the width, and a terminal obeys none of it. */
static void put_line(struct show *s, struct buf *line)
{
    for (size_t i = 0; i < MIN(line->len, s->width); i++) {
        unsigned char c = (unsigned char) line->ptr[i];
        buf_append_char(s->out, c < 0x20 || c == 0x7f ? '?' : (char) c);
    }
    buf_append_char(s->out, '\n');
    buf_clear(line);
}

static void put_seconds(double s, struct buf *out)
{
    if (s < 1)
        buf_printf(out, "%.1f ms", s * 1000);
    else if (s < 60)
        buf_printf(out, "%.1f s", s);
    else if (s < 3600)
        buf_printf(out, "%.0f m %02.0f s", (double) ((int64_t) s / 60), (double) ((int64_t) s % 60));
    else if (s < 86400)
        buf_printf(out, "%" PRId64 " h %02" PRId64 " m", (int64_t) s / 3600, (int64_t) s / 60 % 60);
    else
        buf_printf(out, "%" PRId64 " d %02" PRId64 ":%02" PRId64, (int64_t) s / 86400, (int64_t) s / 3600 % 24, (int64_t) s / 60 % 60);
}

static void put_head(struct show *s)
{
    CLEANUP(buf_fini) struct buf line = { 0 };
    const char *verdict = str(s->root, "verdict");
    const char *paint = strcmp(verdict, "OK") == 0 ? "\033[1;32m" : strcmp(verdict, "HELD") == 0 || strcmp(verdict, "FAULT") == 0 ? "\033[1;31m"
                                                                                                                                : "\033[1;33m";
    buf_printf(&line, "hl7relay %s  %s  up ", str(s->root, "version"), str(s->root, "instance"));
    put_seconds(num(s->root, "up_seconds"), &line);
    put_line(s, &line);
    buf_printf(&line, "%s  %s", verdict, str(s->root, "verdict_text"));
    buf_append_str(s->out, s->colour ? paint : "");
    put_line(s, &line);
    buf_append_str(s->out, s->colour ? "\033[0m" : "");
}

static void put_ledger(struct show *s)
{
    const struct json_node *l = json_doc_get(s->root, "ledger");
    CLEANUP(buf_fini) struct buf line = { 0 };
    buf_printf(&line, "UNACCOUNTED %.0f   received %.0f = delivered %.0f (%.0f dup)", num(l, "unaccounted"), num(l, "received"), num(l, "delivered"),
               num(l, "delivered_dup"));
    put_line(s, &line);
    buf_printf(&line, "  + dead %.0f + skipped %.0f + coalesced %.0f + released %.0f + in flight %.0f", num(l, "dead"), num(l, "skipped"),
               num(l, "coalesced"), num(l, "released"), num(l, "in_flight"));
    put_line(s, &line);
    buf_append_str(&line, "OLDEST UNACKED ");
    put_seconds(num(s->root, "oldest_unacked_seconds"), &line);
    double retention = num(s->root, "retention_seconds");
    if (retention > 0) {
        buf_append_str(&line, " of ");
        put_seconds(retention, &line);
    }
    buf_printf(&line, "   in %.0f/s   out %.0f/s   leases %.0f of %.0f", num(json_doc_get(s->root, "in_per_second"), "now"),
               num(json_doc_get(s->root, "out_per_second"), "now"), num(s->root, "leases"), num(s->root, "leases_max"));
    put_line(s, &line);
}

static void put_endpoints(struct show *s)
{
    CLEANUP(buf_fini) struct buf line = { 0 };
    buf_printf(&line, "%-8s%8s%8s%8s%8s%10s%10s%7s%6s %s", "", "now", "1 m", "5 m", "1 h", "p50", "p99", "errors", "limit", "breaker");
    put_line(s, &line);
    const struct json_node *all = json_doc_get(s->root, "endpoints");
    for (const struct json_node *e = json_doc_first(all); e != NULL; e = json_doc_next(e)) {
        const struct json_node *r = json_doc_get(e, "per_second");
        CLEANUP(buf_fini) struct buf half = { 0 }, most = { 0 };
        put_seconds(num(e, "p50_seconds"), &half);
        put_seconds(num(e, "p99_seconds"), &most);
        buf_printf(&line, " %-7.7s%6.0f/s%6.0f/s%6.0f/s%6.0f/s%10s%10s%7.0f%6.0f %s", json_doc_key(e), num(r, "now"), num(r, "1m"), num(r, "5m"),
                   num(r, "1h"), buf_str(&half), buf_str(&most), num(e, "errors_1h"), num(e, "limit"),
                   json_doc_bool(json_doc_get(e, "breaker_open"), false) ? "open" : "closed");
        put_line(s, &line);
    }
}

static void put_state(struct show *s)
{
    CLEANUP(buf_fini) struct buf line = { 0 };
    for (const struct json_node *n = json_doc_first(json_doc_get(s->root, "notices")); n != NULL; n = json_doc_next(n)) {
        buf_printf(&line, "WRONG    %s %s: %s, for ", str(n, "code"), str(n, "target"), str(n, "text"));
        put_seconds(num(n, "for_seconds"), &line);
        put_line(s, &line);
    }
    for (const struct json_node *n = json_doc_first(json_doc_get(s->root, "do_next")); n != NULL; n = json_doc_next(n)) {
        buf_printf(&line, "DO NEXT  %s", json_doc_str(n, ""));
        put_line(s, &line);
    }
}

bool status_show(struct bytes json, size_t width, bool colour, struct buf *out, struct err *err)
{
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = json_doc_parse(json, err);
    struct show s = { .width = width, .colour = colour, .out = out };
    if (doc == NULL || json_doc_kind(json_doc_get(json_doc_root(doc), "ledger")) != JSON_OBJECT)
        return FAIL(err, BAD_INPUT, "the answer is not that of a relay's status port");
    s.root = json_doc_root(doc);
    put_head(&s);
    put_ledger(&s);
    put_endpoints(&s);
    put_state(&s);
    return true;
}
