/*
 * Dead letters as somebody else would read them: from the page that describes
 * the format (docs/DEAD-LETTERS.md) alone, without a line of the code that
 * writes them.
 *
 *   000412 6fd1c1a09b3e4f52 {"v":1,"kind":"dead",...}
 *   length first 8 bytes of SHA-256
 */
#include "cmd/demo.h"

#include "base/b64.h"
#include "json/scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

static const char *const reasons[] = {
    "dest_nack", "source_not_found", "foreign_store", "bad_path", "too_large", "source_gone", "bad_source_payload", "dest_rejected",
    "attempts_exhausted", "decode_error"
};

const char *demo_dead_reason(size_t place)
{
    return place < ARRAY_LEN(reasons) ? reasons[place] : NULL;
}

enum { DEMO_LINE_HEAD = 6 + 1 + 16 + 1 };

static bool line_is_sound(struct bytes line)
{
    uint64_t len;
    if (line.len < DEMO_LINE_HEAD || line.ptr[6] != ' ' || line.ptr[23] != ' ' || !bytes_to_u64(bytes_sub(line, 0, 6), &len))
        return false;
    struct bytes json = bytes_sub(line, DEMO_LINE_HEAD, SIZE_MAX);
    struct sha256 sum = sha256_of(json);
    char hex[17];
    for (int i = 0; i < 8; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum.octet[i]);
    return json.len == len && bytes_eq_str(bytes_sub(line, 7, 16), hex);
}

static bool is_of(struct bytes name, const struct demo *d, size_t index)
{
    CLEANUP(buf_fini) struct buf own = { 0 };
    demo_message_name(d, index, &own);
    return bytes_eq(name, buf_bytes(&own));
}

static size_t find_name(const struct demo *d, struct bytes name)
{
    struct bytes id = name;
    while (bytes_find(id, 0, '/') < id.len)
        bytes_cut(&id, '/');
    CLEANUP(buf_fini) struct buf octets = { 0 };
    struct sha256 sum;
    if (!b64_decode(id, &octets) || octets.len != SHA256_LEN)
        return SIZE_MAX;
    memcpy(sum.octet, octets.ptr, SHA256_LEN);
    size_t index = demo_find(d, &sum);
    return index != SIZE_MAX && is_of(name, d, index) ? index : SIZE_MAX;
}

static size_t find_empty(const struct demo *d, struct bytes message_id)
{
    struct bytes ids = buf_bytes(&d->empty_ids);
    for (size_t i = 0; i < d->count && ids.len > 0; i++)
        if (d->messages[i].kind == DEMO_EMPTY && bytes_eq(bytes_cut(&ids, '\n'), message_id))
            return i;
    return SIZE_MAX;
}

static bool take_record(struct demo *d, struct bytes json, struct err *err)
{
    struct json_field f[] = { { .key = "kind" }, { .key = "reason" }, { .key = "name" }, { .key = "message_id" } };
    TRY(json_scan_object(json, f, ARRAY_LEN(f), err));
    bool dead = json_str_is(&f[0].value, "dead"), skipped = json_str_is(&f[0].value, "skipped");
    if (!dead && !skipped)
        return true;
    d->dead_records++;
    size_t index = dead ? find_name(d, f[2].value.raw) : find_empty(d, f[3].value.raw);
    if (index == SIZE_MAX) {
        d->dead_unknown++;
        return true;
    }
    struct demo_message *m = &d->messages[index];
    if (dead && !m->dead)
        for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
            d->reasons[i] += json_str_is(&f[1].value, reasons[i]);
    m->dead |= dead;
    m->skipped |= skipped;
    return true;
}

static uint64_t segment_of(const char *file)
{
    struct bytes rest = bytes_str(file);
    uint64_t number = 0;
    bytes_cut(&rest, '-');
    return bytes_starts(bytes_str(file), BYTES_LIT("segment-")) && bytes_to_u64(bytes_cut(&rest, '.'), &number) ? number : 0;
}

static bool read_segment(struct demo *d, const char *path, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    TRY(child_read_file(path, &text, err));
    struct bytes rest = buf_bytes(&text);
    for (size_t number = 1; rest.len > 0; number++) {
        bool whole = bytes_find(rest, 0, '\n') < rest.len;
        struct bytes line = bytes_cut(&rest, '\n');
        if (whole && line_is_sound(line))
            TRY(take_record(d, bytes_sub(line, DEMO_LINE_HEAD, SIZE_MAX), err));
        else if (rest.len > 0)
            return FAIL(err, BAD_INPUT, "demo: line %zu of %s is damaged", number, path);
        /* else: the last line, cut by the kill: it was never confirmed */
    }
    return true;
}

bool demo_dead_read(struct demo *d, struct err *err)
{
    CLEANUP(buf_fini) struct buf folder = { 0 };
    demo_path(d, "dead", &folder);
    d->dead_records = d->dead_unknown = d->records_after = 0;
    memset(d->reasons, 0, sizeof(d->reasons));
    for (size_t i = 0; i < d->count; i++)
        d->messages[i].dead = d->messages[i].skipped = false;
    DIR *dir = opendir(buf_str(&folder));
    if (dir == NULL)
        return FAIL(err, DISK, "demo: cannot look into %s: %s", buf_str(&folder), strerror(errno));
    bool ok = true;
    for (struct dirent *e = readdir(dir); ok && e != NULL; e = readdir(dir)) {
        if (!bytes_starts(bytes_str(e->d_name), BYTES_LIT("segment-")))
            continue;
        CLEANUP(buf_fini) struct buf path = { 0 };
        buf_printf(&path, "%s/%s", buf_str(&folder), e->d_name);
        size_t before = d->dead_records;
        ok = read_segment(d, buf_str(&path), err);
        if (segment_of(e->d_name) > d->segment_at_kill)
            d->records_after += d->dead_records - before;
    }
    closedir(dir);
    return ok;
}

bool demo_dead_last_segment(const struct demo *d, uint64_t *ret_number, struct err *err)
{
    CLEANUP(buf_fini) struct buf folder = { 0 };
    demo_path(d, "dead", &folder);
    DIR *dir = opendir(buf_str(&folder));
    if (dir == NULL)
        return FAIL(err, DISK, "demo: cannot look into %s: %s", buf_str(&folder), strerror(errno));
    *ret_number = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        *ret_number = MAX(*ret_number, segment_of(e->d_name));
    closedir(dir);
    return true;
}
