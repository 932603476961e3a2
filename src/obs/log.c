#include "obs/log.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "obs/log_line.h"

#include <stdio.h>

enum { LOG_MAGIC = 0x106106, FOLD_LINES = 10, LINE_TAIL = 48 };

/*
 * The ring: whole lines only. `head` and `tail` count bytes since the start and
 * never go back; place = count % size.
 *
 *      tail                 head                tail + size
 *       |  wait to be written |  free             |
 */
struct log {
    uint32_t magic;
    struct log_conf conf;
    char *ring;
    size_t ring_bytes;
    uint64_t head, tail;
    struct log_stats stats;
    uint64_t dropped_said;
    bool content_ended;
    struct {
        us_t second;
        uint32_t lines, folded;
    } fold[LOG_EVENTS];
    struct log_last last[LOG_LAST];
    size_t last_count;
    char *line;
    us_t stamp_second;     /* that stamp was made for */
    char stamp[28];
};

static const struct log_event_info events[] = {
#define EVENT(name, severity, code, sentence, doc) { #name, code, sentence, doc, LOG_##severity },
#include "obs/events.def"
#undef EVENT
};

static const char *const severities[] = { "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL" };
static const char *const colours[] = { "\033[2m", "", "\033[1m", "\033[33m", "\033[31m", "\033[1;31m" };

static bool is_per_message(enum log_event event);
static bool is_folded(struct log *l, enum log_event event, us_t wall);
static void say_folded(struct log *l, enum log_event event);
static void remember(struct log *l, enum log_event event, us_t wall, const struct log_field *fields, size_t count);
static struct log_line begin(struct log *l, enum log_event event, us_t wall, size_t max);
static void end(struct log *l, struct log_line *o);
static const char *stamp_of(struct log *l, us_t wall);
static void write_event(struct log *l, enum log_event event, us_t wall, const struct log_field *fields, size_t count);

const struct log_event_info *log_event_info(enum log_event event)
{
    CHECK(event < LOG_EVENTS);
    return &events[event];
}

const char *log_severity_name(enum log_severity severity)
{
    return severity <= LOG_CRITICAL ? severities[severity] : "DEFAULT";
}

struct log *log_make(const struct log_conf *conf)
{
    CHECK(conf->wall != NULL && conf->stamp != NULL);
    struct log *l = mem_alloc(sizeof(*l));
    l->magic = LOG_MAGIC;
    l->conf = *conf;
    l->ring_bytes = conf->ring_bytes != 0 ? conf->ring_bytes : LIMIT_LOG_RING;
    l->ring = mem_alloc(l->ring_bytes);
    l->line = mem_alloc(MAX(LIMIT_LOG_LINE, LIMIT_LOG_CONTENT));
    return l;
}

void log_free(struct log *l)
{
    if (l == NULL)
        return;
    CHECK_MAGIC(l, LOG_MAGIC);
    mem_free(l->ring);
    mem_free(l->line);
    mem_free(l);
}

bool log_wants(const struct log *l, enum log_event event)
{
    return l != NULL && events[event].severity >= l->conf.level && (l->conf.per_message || !is_per_message(event));
}

void log_event(struct log *l, enum log_event event, const struct log_field *fields, size_t count)
{
    if (!log_wants(l, event))
        return;
    us_t wall = l->conf.wall();
    remember(l, event, wall, fields, count);
    if (!is_folded(l, event, wall))
        write_event(l, event, wall, fields, count);
}

void log_message_content(struct log *l, struct bytes name, struct bytes base64, struct bytes decoded)
{
    if (l == NULL || l->conf.content_until_us == 0)
        return;
    us_t wall = l->conf.wall();
    if (wall >= l->conf.content_until_us) {
        if (!l->content_ended)
            LOG(l, PHI_LOGGING_ENDED);
        l->content_ended = true;
        return;
    }
    struct log_line o = begin(l, EVENT_MESSAGE_CONTENT, wall, LIMIT_LOG_CONTENT);
    const struct {
        const char *key;
        struct bytes value;
    } parts[] = { { "name", name }, { "raw", base64 }, { "decoded", decoded } };
    bool cut = false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        log_line_put_str(&o, o.json ? ",\"" : " ");
        log_line_put_str(&o, parts[i].key);
        log_line_put_str(&o, o.json ? "\":\"" : "=\"");
        size_t whole = o.max;
        if (i > 0)    /* half of the room for the raw form, so that something of both is seen */
            o.max = o.len + (whole - o.len) / (i == 1 ? 2 : 1) - 1;
        log_line_put_text(&o, parts[i].value);
        cut = cut || o.full;
        o.full = false;
        o.max = whole;
        log_line_put_str(&o, "\"");
    }
    o.full = cut;
    end(l, &o);
}

void log_tick(struct log *l)
{
    if (l == NULL)
        return;
    us_t second = l->conf.wall() / US_PER_S;
    for (unsigned e = 0; e < LOG_EVENTS; e++)
        if (l->fold[e].folded > 0 && l->fold[e].second != second)
            say_folded(l, e);
    if (l->stats.dropped > l->dropped_said && l->ring_bytes - (l->head - l->tail) > 2 * LIMIT_LOG_LINE) {
        uint64_t dropped = l->stats.dropped - l->dropped_said;
        l->dropped_said = l->stats.dropped;
        LOG(l, LOG_DROPPED, LOG_INT("lines", dropped));
    }
}

void log_set_level(struct log *l, enum log_severity level)
{
    if (l != NULL)
        l->conf.level = level;
}

void log_set_per_message(struct log *l, bool on)
{
    if (l != NULL)
        l->conf.per_message = on;
}

void log_untap(struct log *l)
{
    l->conf.tap = NULL;
}

enum log_severity log_level(const struct log *l)
{
    return l != NULL ? l->conf.level : LOG_CRITICAL;
}

struct bytes log_peek(const struct log *l)
{
    size_t at = (size_t) (l->tail % l->ring_bytes), waiting = (size_t) (l->head - l->tail);
    return bytes_of(l->ring + at, MIN(waiting, l->ring_bytes - at));
}

void log_consume(struct log *l, size_t n)
{
    CHECK(n <= l->head - l->tail);
    l->tail += n;
}

struct log_stats log_stats(const struct log *l)
{
    struct log_stats stats = l->stats;
    stats.waiting_bytes = (size_t) (l->head - l->tail);
    return stats;
}

size_t log_last(const struct log *l, struct log_last out[LOG_LAST])
{
    if (l == NULL)
        return 0;
    memcpy(out, l->last, l->last_count * sizeof(out[0]));
    return l->last_count;
}

static void write_event(struct log *l, enum log_event event, us_t wall, const struct log_field *fields, size_t count)
{
    struct log_line o = begin(l, event, wall, LIMIT_LOG_LINE);
    for (size_t i = 0; i < count; i++)
        log_line_field(&o, &fields[i]);
    end(l, &o);
    if (l->conf.tap != NULL)
        l->conf.tap(l->conf.tap_ctx, events[event].severity, bytes_of(o.at, o.len - 1));
}

static struct log_line begin(struct log *l, enum log_event event, us_t wall, size_t max)
{
    const struct log_event_info *info = &events[event];
    struct log_line o = { .at = l->line, .max = max - LINE_TAIL, .json = l->conf.format == LOG_JSON };
    const char *stamp = stamp_of(l, wall);
    if (o.json) {
        log_line_put_str(&o, "{\"severity\":\"");
        log_line_put_str(&o, severities[info->severity]);
        log_line_put_str(&o, "\",\"time\":\"");
        log_line_put_str(&o, stamp);
        log_line_put_str(&o, "\",\"message\":\"");
        log_line_put_str(&o, info->sentence);    /* our own words, which need no escape: tested */
        log_line_put_str(&o, "\",\"event\":\"");
        log_line_put_str(&o, info->code);
        log_line_put_str(&o, "\"");
        if (l->conf.instance != NULL) {
            log_line_put_str(&o, ",\"logging.googleapis.com/labels\":{\"instance\":\"");
            log_line_put_name(&o, bytes_str(l->conf.instance));
            log_line_put_str(&o, "\"}");
        }
        return o;
    }
    log_line_put(&o, bytes_sub(bytes_str(stamp), 11, 12));    /* hh:mm:ss.mmm */
    log_line_put_str(&o, "Z ");
    const char *colour = l->conf.colour ? colours[info->severity] : "";
    log_line_put_str(&o, colour);
    log_line_put_str(&o, severities[info->severity]);
    log_line_put_str(&o, " ");
    log_line_put_text(&o, bytes_str(info->sentence));
    log_line_put_str(&o, *colour != '\0' ? "\033[0m" : "");
    log_line_put_str(&o, "  event=");
    log_line_put_str(&o, info->code);
    return o;
}

/* Made once a second; the fraction is put in. */
static const char *stamp_of(struct log *l, us_t wall)
{
    if (wall / US_PER_S != l->stamp_second || l->stamp[0] == '\0' || wall < 0) {
        l->conf.stamp(wall, l->stamp);
        l->stamp[sizeof(l->stamp) - 1] = '\0';
        l->stamp_second = wall / US_PER_S;
        return l->stamp;
    }
    uint64_t fraction = (uint64_t) (wall % US_PER_S);
    for (unsigned i = 0; i < 6; i++, fraction /= 10)
        l->stamp[25 - i] = (char) ('0' + fraction % 10);
    return l->stamp;
}

static void end(struct log *l, struct log_line *o)
{
    bool cut = o->full;
    o->max += LINE_TAIL;
    o->full = false;
    if (cut)
        log_line_put_str(o, o->json ? ",\"cut\":true" : " cut=true");
    log_line_put_str(o, o->json ? "}\n" : "\n");
    CHECK(!o->full);
    if (o->len > l->ring_bytes - (size_t) (l->head - l->tail)) {
        l->stats.dropped++;
        return;
    }
    size_t at = (size_t) (l->head % l->ring_bytes), first = MIN(o->len, l->ring_bytes - at);
    memcpy(l->ring + at, o->at, first);
    memcpy(l->ring, o->at + first, o->len - first);
    l->head += o->len;
    l->stats.lines++;
}

static bool is_per_message(enum log_event event)
{
    return event == EVENT_MESSAGE_DELIVERED || event == EVENT_MESSAGE_RELEASED;
}

/* Repeats of one event beyond ten in a second are counted instead of written; the per-message line never. */
static bool is_folded(struct log *l, enum log_event event, us_t wall)
{
    if (is_per_message(event) || events[event].severity < LOG_INFO)
        return false;
    us_t second = wall / US_PER_S;
    if (l->fold[event].second != second) {
        if (l->fold[event].folded > 0)
            say_folded(l, event);
        l->fold[event].second = second;
        l->fold[event].lines = 0;
    }
    if (++l->fold[event].lines <= FOLD_LINES)
        return false;
    l->fold[event].folded++;
    l->stats.folded++;
    return true;
}

static void say_folded(struct log *l, enum log_event event)
{
    uint32_t folded = l->fold[event].folded;
    l->fold[event].folded = 0;
    const struct log_field fields[] = { LOG_CODE("folded_event", events[event].code), LOG_INT("lines", folded) };
    write_event(l, EVENT_LOG_SUPPRESSED, l->conf.wall(), fields, ARRAY_LEN(fields));
}

static void remember(struct log *l, enum log_event event, us_t wall, const struct log_field *fields, size_t count)
{
    if (events[event].severity < LOG_WARNING)
        return;
    struct log_last now = { .wall_us = wall, .event = event, .count = 1 };
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == LOG_F_CODE) {
            snprintf(now.code, sizeof(now.code), "%.*s", BYTES_FMT(fields[i].bytes));
            break;
        }
    if (l->last_count > 0 && l->last[0].event == event && strcmp(l->last[0].code, now.code) == 0) {
        now.count += l->last[0].count;
    } else {
        memmove(&l->last[1], &l->last[0], (LOG_LAST - 1) * sizeof(now));
        l->last_count = MIN(l->last_count + 1, (size_t) LOG_LAST);
    }
    l->last[0] = now;
}
