/*
 * A message may be dead and delivered: a relay was killed behind its burial, or
 * somebody mended and sent it again. Whoever has listed the destination knows.
 */
#include "cmd/verify.h"

#include "adapters/dead_record.h"
#include "base/b64.h"
#include "cmd/dead_entries.h"
#include "cmd/dead_marks.h"
#include "loop/clock.h"

#include <stdlib.h>
#include <unistd.h>

static int by_key(const void *a, const void *b)
{
    return memcmp(((const struct verify_id *) a)->key, ((const struct verify_id *) b)->key, SHA256_LEN);
}

static const struct verify_id *find(const struct verify_ids *ids, const struct verify_id *wanted)
{
    const struct verify_id *at = ids->count > 0 ? bsearch(wanted, ids->at, ids->count, sizeof(*ids->at), by_key) : NULL;
    return at != NULL && at->odd == 0 ? at : NULL;
}

/* A message of this source, under the digest of its bytes, that the destination has, and with no others. */
static bool is_delivered(const struct verify *v, const struct dead_entry *e)
{
    struct bytes name = bytes_str(e->name), store = bytes_str(v->source.store);
    CLEANUP(buf_fini) struct buf octets = { 0 };
    struct verify_id wanted = { .odd = 0 };
    if (e->skipped || !bytes_starts(name, store))
        return false;
    struct bytes rest = bytes_sub(name, store.len, SIZE_MAX);
    if (!bytes_starts(rest, BYTES_LIT("/messages/")) || !b64_decode(bytes_sub(rest, 10, SIZE_MAX), &octets) || octets.len != SHA256_LEN)
        return false;
    memcpy(wanted.key, octets.ptr, SHA256_LEN);
    const struct verify_id *at_source = find(&v->source, &wanted);
    return find(&v->dest, &wanted) != NULL && (at_source == NULL || v->source_mark[at_source - v->source.at] == VERIFY_SAME);
}

static bool mark(const struct verify *v, const char *dir, const struct dead_entries *e, size_t *ret_count, struct err *err)
{
    CLEANUP(buf_fini) struct buf lines = { 0 };
    us_t now = clock_wall();
    for (size_t i = 0; i < e->count; i++) {
        bool delivered = e->at[i].delivered || is_delivered(v, &e->at[i]);
        *ret_count += delivered;
        if (delivered && !e->at[i].delivered)
            dead_record_put_delivered(bytes_str(e->at[i].id), now, &lines);
    }
    if (lines.len == 0)
        return true;
    int fd = dead_marks_open(dir, err);
    bool ok = fd >= 0 && dead_marks_write(fd, buf_bytes(&lines), err);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool verify_mark_dead(const struct verify *v, const char *dir, size_t *ret_count, struct err *err)
{
    struct dead_entries e;
    *ret_count = 0;
    bool ok = dead_entries_load(&e, dir, err) && mark(v, dir, &e, ret_count, err);
    dead_entries_fini(&e);
    return ok;
}
