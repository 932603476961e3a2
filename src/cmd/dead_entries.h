/*
 * The dead letters of a directory as an operator sees them: each message and
 * reason once, with how often it was written and whether it was replayed.
 */
#ifndef CMD_DEAD_ENTRIES_H
#define CMD_DEAD_ENTRIES_H

#include "adapters/dead_record.h"
#include "base/buf.h"
#include "base/err.h"

struct dead_entry {
    char id[17];
    bool skipped, replayed;      /* replayed: sent again since it was last written */
    bool delivered;              /* `verify` has seen its copy at the destination */
    uint32_t times;              /* written: more than once after a crash or a failed fsync */
    int64_t http, grpc, attempts, name_bytes;
    us_t written_us;             /* wall */
    /* The entries' own; "" when the record has none. */
    char *stage, *reason, *class, *first, *last, *written, *name, *name_sha256, *message_id;
};

struct dead_mark {
    char id[17];
    bool delivered;
    us_t written_us;
};

struct dead_entries {
    struct dead_entry *at;
    struct dead_mark *mark;      /* of replays and copies, as read */
    size_t count, max, marks, marks_max;
    size_t torn, damaged;
    char first_damage[200];      /* file, offset and why; "" when none */
};

/* Which of them: every field that is set must fit. */
struct dead_filter {
    const char *reason;          /* "" : any */
    us_t since_us;               /* wall; 0: any */
    const char *const *names;    /* names, ids, message ids, or what ends a name after '/'; names_count 0: any */
    size_t names_count;
};

/* From elsewhere than a directory: each record, then once settle. */
void dead_entries_add(struct dead_entries *e, const struct dead_record *r);
void dead_entries_settle(struct dead_entries *e);

bool dead_entries_load(struct dead_entries *e, const char *dir, struct err *err) MUST_USE;
void dead_entries_fini(struct dead_entries *e);
bool dead_entries_fit(const struct dead_entry *entry, const struct dead_filter *filter);
/* "2h", "3d" before now, or RFC 3339. */
bool dead_entries_since(const char *text, us_t wall_us, us_t *ret_since_us);

#endif
