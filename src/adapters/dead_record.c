#include "adapters/dead_record.h"

#include "base/limits.h"
#include "base/sha256.h"
#include "json/scan.h"
#include "json/write.h"
#include "loop/clock.h"

#include <stdio.h>

static const char *const reasons[] = {
#define REASON(name, code, storm, text) code,
#include "relay/reason.def"
#undef REASON
};

static void put_frame(struct bytes json, struct buf *out);
static void put_time(struct json_writer *w, const char *key, us_t wall_us);
static void put_id(struct json_writer *w, const char *kind, struct bytes key, const char *reason);
static void hex_of(struct bytes text, struct buf *out);

void dead_record_put(const struct sink_record *r, us_t written_us, struct buf *out)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    dead_record_put_json(r, written_us, &json);
    put_frame(buf_bytes(&json), out);
}

void dead_record_put_json(const struct sink_record *r, us_t written_us, struct buf *out)
{
    CLEANUP(buf_fini) struct buf sum = { 0 };
    struct json_writer w = json_write_to(out);
    const char *kind = r->skipped ? "skipped" : "dead", *reason = reasons[r->reason];
    bool named = dead_record_is_name(r->name);
    struct bytes key = named ? r->name : r->message_id;
    if (!named && r->name.len > 0) {
        hex_of(r->name, &sum);
        key = buf_bytes(&sum);
    }
    json_write_object(&w, NULL);
    json_write_int(&w, "v", 1);
    json_write_str(&w, "kind", bytes_str(kind));
    put_id(&w, kind, key, reason);
    if (!r->skipped)
        json_write_str(&w, "stage", bytes_str(r->stage == OP_FETCH ? "failed_fetch" : "failed_ingest"));
    json_write_str(&w, "reason", bytes_str(reason));
    json_write_str(&w, "class", bytes_str(err_name(r->answer.class)));
    json_write_int(&w, "http", r->answer.http);
    json_write_int(&w, "grpc", r->answer.grpc);
    json_write_int(&w, "attempts", r->attempts);
    put_time(&w, "first", r->first_wall_us);
    put_time(&w, "last", r->last_wall_us);
    put_time(&w, "written", written_us);
    if (named) {
        json_write_str(&w, "name", r->name);
    } else if (r->name.len > 0) {
        json_write_str(&w, "name_sha256", buf_bytes(&sum));
        json_write_int(&w, "name_bytes", (int64_t) r->name.len);
    }
    json_write_str(&w, "message_id", bytes_sub(r->message_id, 0, LIMIT_MESSAGE_ID_LEN));
    json_write_end(&w);
}

void dead_record_put_segment(unsigned segment, us_t written_us, struct buf *out)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    struct json_writer w = json_write_to(&json);
    json_write_object(&w, NULL);
    json_write_int(&w, "v", 1);
    json_write_str(&w, "kind", BYTES_LIT("segment"));
    json_write_int(&w, "segment", segment);
    put_time(&w, "written", written_us);
    json_write_end(&w);
    put_frame(buf_bytes(&json), out);
}

static void put_mark(const char *kind, struct bytes id, us_t at_us, struct buf *out)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    struct json_writer w = json_write_to(&json);
    json_write_object(&w, NULL);
    json_write_int(&w, "v", 1);
    json_write_str(&w, "kind", bytes_str(kind));
    json_write_str(&w, "id", id);
    put_time(&w, "written", at_us);
    json_write_end(&w);
    put_frame(buf_bytes(&json), out);
}

void dead_record_put_replayed(struct bytes id, us_t at_us, struct buf *out)
{
    put_mark("replayed", id, at_us, out);
}

void dead_record_put_delivered(struct bytes id, us_t at_us, struct buf *out)
{
    put_mark("delivered", id, at_us, out);
}

bool dead_record_is_name(struct bytes name)
{
    if (!bytes_starts(name, BYTES_LIT("projects/")) || name.len > LIMIT_NAME_LEN)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("/_-.:=~%+", c))))
            return false;
    }
    return true;
}

bool dead_record_read(struct bytes line, struct dead_record *ret_record, struct err *err)
{
    uint64_t len;
    CLEANUP(buf_fini) struct buf sum = { 0 };
    struct bytes json = bytes_sub(line, DEAD_FRAME_LEN, line.len);
    if (line.len < DEAD_FRAME_LEN || line.ptr[6] != ' ' || line.ptr[DEAD_FRAME_LEN - 1] != ' ' ||
        !bytes_to_u64(bytes_sub(line, 0, 6), &len) || len > LIMIT_DEAD_RECORD)
        return FAIL(err, BAD_INPUT, "the line does not begin with length and checksum");
    if (json.len != len)
        return FAIL(err, BAD_INPUT, "the line's length does not fit");
    hex_of(json, &sum);
    if (!bytes_eq(bytes_sub(buf_bytes(&sum), 0, DEAD_ID_LEN), bytes_sub(line, 7, DEAD_ID_LEN)))
        return FAIL(err, BAD_INPUT, "the line's checksum does not fit");
    return dead_record_read_json(json, ret_record, err);
}

bool dead_record_read_json(struct bytes json, struct dead_record *ret_record, struct err *err)
{
    enum { V, KIND, ID, STAGE, REASON, CLASS, HTTP, GRPC, ATTEMPTS, FIRST, LAST, WRITTEN, NAME, SUM, BYTES, MESSAGE, FIELDS };
    struct json_field f[FIELDS] = { { "v" },     { "kind" },    { "id" },   { "stage" },       { "reason" },     { "class" },
                                    { "http" },  { "grpc" },    { "attempts" }, { "first" },   { "last" },       { "written" },
                                    { "name" },  { "name_sha256" }, { "name_bytes" }, { "message_id" } };
    int64_t version;
    TRY(json_scan_object(json, f, FIELDS, err));
    if (!json_to_i64(&f[V].value, &version) || version != 1)
        return FAIL(err, BAD_INPUT, "the record is of a version of the format that this program does not know");
    if (f[KIND].value.kind != JSON_STRING)
        return FAIL(err, BAD_INPUT, "the record has no kind");
    struct dead_record r = { .kind = f[KIND].value.raw,       .id = f[ID].value.raw,          .stage = f[STAGE].value.raw,
                             .reason = f[REASON].value.raw,   .class = f[CLASS].value.raw,    .first = f[FIRST].value.raw,
                             .last = f[LAST].value.raw,       .written = f[WRITTEN].value.raw, .name = f[NAME].value.raw,
                             .name_sha256 = f[SUM].value.raw, .message_id = f[MESSAGE].value.raw };
    (void) (json_to_i64(&f[HTTP].value, &r.http) && json_to_i64(&f[GRPC].value, &r.grpc));
    (void) json_to_i64(&f[ATTEMPTS].value, &r.attempts);
    (void) json_to_i64(&f[BYTES].value, &r.name_bytes);
    *ret_record = r;
    return true;
}

static void put_frame(struct bytes json, struct buf *out)
{
    CLEANUP(buf_fini) struct buf sum = { 0 };
    hex_of(json, &sum);
    buf_printf(out, "%06zu %.*s ", json.len, DEAD_ID_LEN, buf_str(&sum));
    buf_append(out, json);
    buf_append_char(out, '\n');
}

static void put_time(struct json_writer *w, const char *key, us_t wall_us)
{
    char stamp[CLOCK_RFC3339_LEN];
    clock_rfc3339(wall_us, stamp);
    json_write_str(w, key, bytes_str(stamp));
}

static void put_id(struct json_writer *w, const char *kind, struct bytes key, const char *reason)
{
    CLEANUP(buf_fini) struct buf text = { 0 }, sum = { 0 };
    buf_printf(&text, "%s\n", kind);
    buf_append(&text, key);
    buf_printf(&text, "\n%s", reason);
    hex_of(buf_bytes(&text), &sum);
    json_write_str(w, "id", bytes_sub(buf_bytes(&sum), 0, DEAD_ID_LEN));
}

static void hex_of(struct bytes text, struct buf *out)
{
    struct sha256 sum = sha256_of(text);
    sha256_hex(&sum, out);
}
