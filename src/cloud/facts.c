#include "cloud/facts.h"

#include "cloud/db.h"
#include "hl7/dtm.h"

static void append_u32(struct buf *out, uint32_t n)
{
    char octets[4] = { (char) (n >> 24), (char) (n >> 16), (char) (n >> 8), (char) n };
    buf_append(out, bytes_of(octets, sizeof(octets)));
}

static void append_text(struct buf *out, struct bytes text)
{
    append_u32(out, (uint32_t) text.len);
    buf_append(out, text);
}

void cloud_facts_append_labels_count(struct buf *out, uint32_t count)
{
    append_u32(out, count);
}

void cloud_facts_append_pair(struct buf *out, struct bytes first, struct bytes second)
{
    append_text(out, first);
    append_text(out, second);
}

/* CX.1 is the id, CX.5 its type; a repetition without an id is none. */
static uint32_t append_ids_of(struct bytes field, const struct hl7_seps *seps, struct buf *out)
{
    uint32_t count = 0;
    struct hl7_parse p = hl7_parse_of(field, seps->repetition);
    struct bytes one;
    while (hl7_parse_next(&p, &one)) {
        struct bytes id = hl7_parse_part(one, seps->component, 0);
        if (id.len == 0)
            continue;
        cloud_facts_append_pair(out, id, hl7_parse_part(one, seps->component, 4));
        count++;
    }
    return count;
}

static uint32_t append_ids(struct bytes message, struct bytes terminator, const struct hl7_seps *seps,
                           struct buf *out)
{
    uint32_t count = 0;
    struct bytes rest = message, segment;
    while (hl7_parse_segment(&rest, terminator, &segment)) {
        if (!bytes_starts(segment, BYTES_LIT("PID")) || segment.len < 4 || segment.ptr[3] != seps->field)
            continue;
        for (size_t field = 2; field <= 4; field++)
            count += append_ids_of(hl7_parse_part(segment, seps->field, field), seps, out);
    }
    return count;
}

void cloud_facts_append(struct bytes message, struct bytes terminator, const struct hl7_msh *msh,
                        const struct cloud_zone *zone, us_t create_us, struct buf *out)
{
    us_t send_us = CLOUD_FACTS_NO_TIME;
    cloud_db_key_u64(out, (uint64_t) create_us);
    if (msh == NULL) {
        cloud_db_key_u64(out, (uint64_t) send_us);
        append_text(out, (struct bytes) { 0 });
        append_text(out, (struct bytes) { 0 });
        append_u32(out, 0);
        return;
    }
    bool has_offset;
    if (!hl7_dtm_read_local(bytes_trim(hl7_msh_component(msh, HL7_MSH_TIME, 0)), &send_us, &has_offset))
        send_us = CLOUD_FACTS_NO_TIME;
    else if (!has_offset)
        send_us = cloud_zone_to_utc(zone, send_us);
    if (!hl7_dtm_in_range(send_us))
        send_us = CLOUD_FACTS_NO_TIME;
    cloud_db_key_u64(out, (uint64_t) send_us);
    append_text(out, hl7_msh_component(msh, HL7_MSH_TYPE, 0));
    append_text(out, hl7_msh_component(msh, HL7_MSH_SENDING_FACILITY, 0));
    size_t count_at = out->len;
    append_u32(out, 0);
    uint32_t count = append_ids(message, terminator, &msh->seps, out);
    for (int i = 0; i < 4; i++)
        out->ptr[count_at + (size_t) i] = (char) (count >> (24 - 8 * i));
}

static bool take_u64(struct bytes *b, us_t *ret)
{
    if (b->len < 8)
        return false;
    *ret = (us_t) cloud_db_read_u64(*b);
    *b = bytes_sub(*b, 8, b->len);
    return true;
}

static bool take_u32(struct bytes *b, uint32_t *ret)
{
    if (b->len < 4)
        return false;
    const unsigned char *p = (const unsigned char *) b->ptr;
    *ret = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
    *b = bytes_sub(*b, 4, b->len);
    return true;
}

static bool take_text(struct bytes *b, struct bytes *ret)
{
    uint32_t len;
    if (!take_u32(b, &len) || b->len < len)
        return false;
    *ret = bytes_of(b->ptr, len);
    *b = bytes_sub(*b, len, b->len);
    return true;
}

bool cloud_facts_pair(struct bytes *pairs, struct bytes *ret_first, struct bytes *ret_second)
{
    return pairs->len > 0 && take_text(pairs, ret_first) && take_text(pairs, ret_second);
}

/* Takes a count and so many pairs off b; what they span is *ret_pairs. */
static bool take_pairs(struct bytes *b, struct bytes *ret_pairs)
{
    uint32_t count;
    if (!take_u32(b, &count))
        return false;
    struct bytes all = *b, first, second;
    for (uint32_t i = 0; i < count; i++)
        if (!cloud_facts_pair(b, &first, &second))
            return false;
    *ret_pairs = bytes_of(all.ptr, all.len - b->len);
    return true;
}

bool cloud_facts_read(struct bytes record, struct cloud_facts *ret_facts)
{
    struct cloud_facts f = { 0 };
    struct bytes rest = record;
    if (!take_u64(&rest, &f.create_us) || !take_u64(&rest, &f.send_us) || !take_text(&rest, &f.type) ||
        !take_text(&rest, &f.facility) || !take_pairs(&rest, &f.ids))
        return false;
    if (!hl7_dtm_in_range(f.create_us) || (f.send_us != CLOUD_FACTS_NO_TIME && !hl7_dtm_in_range(f.send_us)))
        return false;
    f.before_labels = bytes_of(record.ptr, record.len - rest.len);
    if (!take_pairs(&rest, &f.labels))
        return false;
    *ret_facts = f;
    return true;
}

static void write_time(struct json_writer *w, const char *key, us_t wall_us)
{
    char text[HL7_RFC3339_LEN];
    hl7_dtm_rfc3339(wall_us, text);
    json_write_str(w, key, bytes_str(text));
}

/* proto3 JSON leaves empty members out, so these do too. */
void cloud_facts_write(const struct cloud_facts *facts, struct json_writer *w)
{
    struct bytes pairs = facts->ids, first, second;
    write_time(w, "createTime", facts->create_us);
    if (facts->send_us != CLOUD_FACTS_NO_TIME)
        write_time(w, "sendTime", facts->send_us);
    if (facts->type.len > 0)
        json_write_str(w, "messageType", facts->type);
    if (facts->facility.len > 0)
        json_write_str(w, "sendFacility", facts->facility);
    if (pairs.len > 0) {
        json_write_array(w, "patientIds");
        while (cloud_facts_pair(&pairs, &first, &second)) {
            json_write_object(w, NULL);
            json_write_str(w, "value", first);
            if (second.len > 0)
                json_write_str(w, "type", second);
            json_write_end(w);
        }
        json_write_end(w);
    }
    pairs = facts->labels;
    if (pairs.len > 0) {
        json_write_object(w, "labels");
        while (cloud_facts_pair(&pairs, &first, &second))
            json_write_str_key(w, first, second);
        json_write_end(w);
    }
}
