/*
 * The log: typed, and free of patient data by construction.
 *
 * A line is an event of events.def with fields. A field is a resource name, an
 * enumerated code, a number, a duration, or text of our own; there is no field
 * that takes a far side's bytes. Lines are rendered at once into a bounded ring
 * (LIMIT_LOG_RING); the program drains it to a descriptor without ever blocking
 * the loop (adapters/log_writer.h). A full ring drops whole lines and counts
 * them. Every line is valid UTF-8 without control characters; a JSON line is one
 * valid JSON object with the fields of Cloud Logging.
 *
 *     LOG(log, STREAM_CLOSED, LOG_CODE("cause", err_name(e->class)), LOG_INT("grpc", e->grpc));
 *
 * One thread: the loop's. A NULL log takes everything and says nothing.
 */
#ifndef OBS_LOG_H
#define OBS_LOG_H

#include "base/err.h"

enum log_severity { LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERROR, LOG_CRITICAL };

enum log_event {
#define EVENT(name, severity, code, sentence, doc) EVENT_##name,
#include "obs/events.def"
#undef EVENT
    LOG_EVENTS
};

struct log_event_info {
    const char *name, *code, *sentence, *doc;
    enum log_severity severity;
};

const struct log_event_info *log_event_info(enum log_event event);
const char *log_severity_name(enum log_severity severity);    /* "WARNING", as Cloud Logging spells it */

enum log_format { LOG_JSON, LOG_HUMAN };

struct log_conf {
    enum log_format format;
    enum log_severity level;                  /* events below are not rendered */
    bool per_message;                         /* false: no MESSAGE_* line per message */
    bool colour;                              /* human format only */
    size_t ring_bytes;                        /* 0: LIMIT_LOG_RING */
    us_t (*wall)(void);                       /* the clock is the caller's: clock_wall */
    void (*stamp)(us_t wall_us, char out[28]);    /* clock_rfc3339 */
    const char *instance;                     /* a label of every JSON line, or NULL */
    us_t content_until_us;                    /* wall; log_message_content() works until then; 0: never */
    /* Hears each line as well, but never content; it must only take a copy. NULL: nobody does. */
    void (*tap)(void *ctx, enum log_severity severity, struct bytes line);
    void *tap_ctx;
};

struct log;

struct log *log_make(const struct log_conf *conf);
void log_free(struct log *l);

enum log_field_kind { LOG_F_NONE, LOG_F_NAME, LOG_F_CODE, LOG_F_INT, LOG_F_US, LOG_F_TEXT, LOG_F_ERR, LOG_F_BOOL };

struct log_field {
    const char *key;
    enum log_field_kind kind;
    struct bytes bytes;
    int64_t n;
    const struct err *err;
};

/* A resource name, host name, file path or id: other characters than those of names become '?', cut at LIMIT_NAME_LEN. */
#define LOG_NAME(key, b)     ((struct log_field) { (key), LOG_F_NAME, .bytes = (b) })
#define LOG_NAME_STR(key, s) LOG_NAME((key), bytes_str(s))
/* One word of a closed set: [A-Za-z0-9_.:-]; anything else is rendered "invalid". */
#define LOG_CODE(key, s)     ((struct log_field) { (key), LOG_F_CODE, .bytes = bytes_str(s) })
#define LOG_INT(key, i)      ((struct log_field) { (key), LOG_F_INT, .n = (int64_t) (i) })
#define LOG_BOOL(key, b)     ((struct log_field) { (key), LOG_F_BOOL, .n = (b) })
#define LOG_US(key, us)      ((struct log_field) { (key), LOG_F_US, .n = (us) })     /* rendered in seconds */
#define LOG_TEXT(key, lit)   ((struct log_field) { (key), LOG_F_TEXT, .bytes = BYTES_LIT("" lit "") })
#define LOG_ERR(e)           ((struct log_field) { "error", LOG_F_ERR, .err = (e) }) /* class, statuses and our text */

#define LOG(log, NAME, ...)                                                            \
    do {                                                                               \
        const struct log_field log_fields_[] = { { 0 }, ##__VA_ARGS__ };               \
        log_event((log), EVENT_##NAME, log_fields_ + 1, ARRAY_LEN(log_fields_) - 1);   \
    } while (0)

void log_event(struct log *l, enum log_event event, const struct log_field *fields, size_t count);
/* True if the event would be rendered: to spare the work of making its fields. */
bool log_wants(const struct log *l, enum log_event event);

/*
 * The one, loud exception: writes a message's base64 and its decoded bytes.
 * Only while conf.content_until_us lies ahead; after that it says once that it
 * ended and writes no content. Never call it but for the key
 * log.log_message_content.
 */
void log_message_content(struct log *l, struct bytes name, struct bytes base64, struct bytes decoded);

/* Once a second: says how many repeated lines were folded and how many were dropped. */
void log_tick(struct log *l);
void log_set_level(struct log *l, enum log_severity level);
void log_set_per_message(struct log *l, bool on);
/* Before what tap_ctx points at goes: folded lines are written as late as the last drain. */
void log_untap(struct log *l);
enum log_severity log_level(const struct log *l);

/* What waits to be written: the longest run in one piece, until the next call. Empty: nothing. */
struct bytes log_peek(const struct log *l);
void log_consume(struct log *l, size_t n);

struct log_stats {
    uint64_t lines, dropped, folded;
    size_t waiting_bytes;
};
struct log_stats log_stats(const struct log *l);

/* The last few events at WARNING and above, newest first, for the status page. */
struct log_last {
    us_t wall_us;
    enum log_event event;
    uint64_t count;       /* in a row */
    char code[32];        /* the first CODE field, or "" */
};
enum { LOG_LAST = 8 };
size_t log_last(const struct log *l, struct log_last out[LOG_LAST]);

#endif
