/* A dead-letter segment of any bytes: every byte is in a record or in a place that is named; records keep their rules. */
#include "fuzz.h"

#include "adapters/dead_reader.h"
#include "base/buf.h"

struct seen {
    struct bytes text;
    size_t records, places;
};

static bool on_record(void *ctx, const struct dead_record *r, struct dead_place at)
{
    struct seen *seen = ctx;
    CHECK(at.offset < seen->text.len && r->kind.len > 0);
    CHECK(r->name.len == 0 || (r->name.ptr >= seen->text.ptr && r->name.ptr + r->name.len <= seen->text.ptr + seen->text.len));
    seen->records++;
    return true;
}

static void on_damage(void *ctx, struct dead_place at, bool torn UNUSED, const struct err *why)
{
    struct seen *seen = ctx;
    CHECK(at.offset < seen->text.len && why->text[0] != '\0');
    seen->places++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct dead_reader_events events = { on_record, on_damage };
    struct seen seen = { .text = fuzz_bytes(data, len) };
    CHECK(dead_reader_lines("segment", seen.text, &events, &seen));
    size_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += data[i] == '\n' || i + 1 == len;
    CHECK(seen.records + seen.places == lines);

    /* The bytes as what a notification held: one line comes out, and reads back. */
    CLEANUP(buf_fini) struct buf line = { 0 };
    const struct sink_record r = { .reason = REASON_BAD_PATH, .name = bytes_sub(seen.text, 0, 1200), .message_id = bytes_sub(seen.text, 0, 40) };
    struct dead_record back;
    struct err err;
    dead_record_put(&r, 0, &line);
    CHECK(bytes_find(buf_bytes(&line), 0, '\n') == line.len - 1);
    CHECK(dead_record_read(bytes_sub(buf_bytes(&line), 0, line.len - 1), &back, &err));
    CHECK(back.name.len == 0 || dead_record_is_name(back.name));
    return 0;
}
