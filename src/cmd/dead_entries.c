#include "cmd/dead_entries.h"

#include "adapters/dead_reader.h"
#include "base/limits.h"
#include "base/mem.h"
#include "conf/opt_text.h"
#include "json/scan.h"
#include "loop/clock.h"

#include <stdio.h>
#include <stdlib.h>

static bool on_record(void *ctx, const struct dead_record *r, struct dead_place at);
static void add_mark(struct dead_entries *e, const struct dead_record *r);
static void add_entry(struct dead_entries *e, const struct dead_record *r);
static us_t time_of(struct bytes stamp);
static void on_damage(void *ctx, struct dead_place at, bool torn, const struct err *why);
static char *text_of(struct bytes raw);
static void merge(struct dead_entries *e);
static void apply_marks(struct dead_entries *e);
static int by_mark(const void *a, const void *b);
static int by_id(const void *a, const void *b);
static int by_time(const void *a, const void *b);
static void entry_fini(struct dead_entry *entry);
static bool is_named(const struct dead_entry *entry, const char *name);

bool dead_entries_load(struct dead_entries *e, const char *dir, struct err *err)
{
    static const struct dead_reader_events events = { on_record, on_damage };
    *e = (struct dead_entries) { 0 };
    TRY(dead_reader_run(dir, &events, e, err));
    dead_entries_settle(e);
    return true;
}

void dead_entries_add(struct dead_entries *e, const struct dead_record *r)
{
    if (bytes_eq_str(r->kind, "replayed") || bytes_eq_str(r->kind, "delivered"))
        add_mark(e, r);
    else if (bytes_eq_str(r->kind, "dead") || bytes_eq_str(r->kind, "skipped"))
        add_entry(e, r);
}

void dead_entries_settle(struct dead_entries *e)
{
    merge(e);
    apply_marks(e);
}

void dead_entries_fini(struct dead_entries *e)
{
    for (size_t i = 0; i < e->count; i++)
        entry_fini(&e->at[i]);
    mem_free(e->at);
    mem_free(e->mark);
    *e = (struct dead_entries) { 0 };
}

bool dead_entries_fit(const struct dead_entry *entry, const struct dead_filter *filter)
{
    if (filter->reason[0] != '\0' && strcmp(entry->reason, filter->reason) != 0)
        return false;
    if (filter->since_us != 0 && entry->written_us < filter->since_us)
        return false;
    for (size_t i = 0; i < filter->names_count; i++)
        if (is_named(entry, filter->names[i]))
            return true;
    return filter->names_count == 0;
}

bool dead_entries_since(const char *text, us_t wall_us, us_t *ret_since_us)
{
    us_t ago;
    if (clock_parse_rfc3339(text, strlen(text), ret_since_us))
        return true;
    if (text[0] == '\0' || strchr("0123456789", text[strlen(text) - 1]) != NULL || !opt_text_duration(bytes_str(text), &ago))
        return false;
    *ret_since_us = MAX(wall_us - ago, 1);
    return true;
}

static bool is_named(const struct dead_entry *entry, const char *name)
{
    size_t len = strlen(name), whole = strlen(entry->name);
    return strcmp(entry->name, name) == 0 || strcmp(entry->id, name) == 0 ||
           (entry->message_id[0] != '\0' && strcmp(entry->message_id, name) == 0) ||
           (len >= 4 && whole > len && entry->name[whole - len - 1] == '/' && strcmp(entry->name + whole - len, name) == 0);
}

static bool on_record(void *ctx, const struct dead_record *r, struct dead_place at UNUSED)
{
    dead_entries_add(ctx, r);
    return true;
}

static void add_mark(struct dead_entries *e, const struct dead_record *r)
{
    if (e->marks == e->marks_max) {
        e->marks_max = MAX(e->marks_max * 2, (size_t) 64);
        e->mark = mem_grow(e->mark, e->marks_max * sizeof(e->mark[0]));
    }
    struct dead_mark *mark = &e->mark[e->marks++];
    *mark = (struct dead_mark) { .delivered = bytes_eq_str(r->kind, "delivered"), .written_us = time_of(r->written) };
    snprintf(mark->id, sizeof(mark->id), "%.*s", BYTES_FMT(r->id));
}

static void add_entry(struct dead_entries *e, const struct dead_record *r)
{
    if (e->count == e->max) {
        e->max = MAX(e->max * 2, (size_t) 64);
        e->at = mem_grow(e->at, e->max * sizeof(e->at[0]));
    }
    struct dead_entry *entry = &e->at[e->count++];
    *entry = (struct dead_entry) { .skipped = bytes_eq_str(r->kind, "skipped"), .times = 1, .http = r->http, .grpc = r->grpc,
                                   .attempts = r->attempts, .name_bytes = r->name_bytes, .written_us = time_of(r->written) };
    snprintf(entry->id, sizeof(entry->id), "%.*s", BYTES_FMT(r->id));
    entry->stage = text_of(r->stage);
    entry->reason = text_of(r->reason);
    entry->class = text_of(r->class);
    entry->first = text_of(r->first);
    entry->last = text_of(r->last);
    entry->written = text_of(r->written);
    entry->name = text_of(r->name);
    entry->name_sha256 = text_of(r->name_sha256);
    entry->message_id = text_of(r->message_id);
}

static us_t time_of(struct bytes stamp)
{
    us_t wall_us;
    return stamp.len > 0 && clock_parse_rfc3339(stamp.ptr, stamp.len, &wall_us) ? wall_us : 0;
}

static void on_damage(void *ctx, struct dead_place at, bool torn, const struct err *why)
{
    struct dead_entries *e = ctx;
    if (torn) {
        e->torn++;
    } else if (e->damaged++ == 0) {
        snprintf(e->first_damage, sizeof(e->first_damage), "%s, byte %llu: %.120s", at.file, (unsigned long long) at.offset, why->text);
    }
}

static char *text_of(struct bytes raw)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    if (!json_unescape(raw, &text))
        buf_append_char(&text, '?');
    for (size_t i = 0; i < text.len; i++)    /* nothing of it may move the terminal's cursor */
        if ((unsigned char) text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            text.ptr[i] = '?';
    return mem_dup(buf_bytes(&text));
}

/* One entry for each id: the last written, with the count. */
static void merge(struct dead_entries *e)
{
    if (e->count < 2)
        return;
    qsort(e->at, e->count, sizeof(e->at[0]), by_id);
    size_t kept = 0;
    for (size_t i = 1; i < e->count; i++) {
        if (strcmp(e->at[kept].id, e->at[i].id) != 0) {
            e->at[++kept] = e->at[i];
            continue;
        }
        e->at[i].times += e->at[kept].times;
        entry_fini(&e->at[kept]);
        e->at[kept] = e->at[i];
    }
    e->count = kept + 1;
    qsort(e->at, e->count, sizeof(e->at[0]), by_time);
}

/* A message that is dead again since its replay counts as not replayed; a copy that was seen stays seen. */
static void apply_marks(struct dead_entries *e)
{
    if (e->marks > 1)
        qsort(e->mark, e->marks, sizeof(e->mark[0]), by_mark);
    for (size_t i = 0; i < e->count; i++) {
        size_t low = 0, high = e->marks;
        while (low < high) {    /* the first mark of a later id */
            size_t middle = (low + high) / 2;
            if (strcmp(e->mark[middle].id, e->at[i].id) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        for (; low > 0 && strcmp(e->mark[low - 1].id, e->at[i].id) == 0; low--) {
            const struct dead_mark *mark = &e->mark[low - 1];
            e->at[i].delivered |= mark->delivered;
            e->at[i].replayed |= !mark->delivered && mark->written_us >= e->at[i].written_us;
        }
    }
}

static int by_mark(const void *a, const void *b)
{
    const struct dead_mark *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : x->written_us < y->written_us ? -1 : x->written_us > y->written_us;
}

static int by_id(const void *a, const void *b)
{
    const struct dead_entry *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : by_time(a, b);
}

static int by_time(const void *a, const void *b)
{
    const struct dead_entry *x = a, *y = b;
    return x->written_us != y->written_us ? (x->written_us < y->written_us ? -1 : 1) : strcmp(x->id, y->id);
}

static void entry_fini(struct dead_entry *entry)
{
    char *const texts[] = { entry->stage, entry->reason, entry->class, entry->first, entry->last, entry->written, entry->name,
                            entry->name_sha256, entry->message_id };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        mem_free(texts[i]);
}
