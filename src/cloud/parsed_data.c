#include "cloud/parsed_data.h"

#include "base/check.h"
#include "hl7/escape.h"


struct writing {
    struct json_writer *w;
    struct hl7_seps seps;
    enum cloud_parser version;
    struct buf text; /* of V3: a value with its escapes undone */
    char key[96];
};

static void write_value(struct writing *x, struct bytes value)
{
    if (value.len == 0)
        return;
    if (x->version == CLOUD_PARSER_V3) {
        buf_clear(&x->text);
        hl7_escape_undo(&x->seps, value, &x->text);
        value = buf_bytes(&x->text);
    }
    json_write_str(x->w, x->key, value);
}

static bool has(struct bytes b, char sep)
{
    return bytes_find(b, 0, sep) < b.len;
}

/* Appends a place to the key, "." before it or "[" and "]" around it; what the key was before is `len` long.
 */
static size_t put_key(struct writing *x, size_t len, const char *before, size_t place, const char *behind)
{
    char digits[20];
    size_t count = 0, before_len = strlen(before), behind_len = strlen(behind);
    do
        digits[count++] = (char) ('0' + place % 10);
    while ((place /= 10) > 0);
    CHECK(len + before_len + count + behind_len < sizeof(x->key));
    memcpy(x->key + len, before, before_len);
    len += before_len;
    while (count > 0)
        x->key[len++] = digits[--count];
    memcpy(x->key + len, behind, behind_len + 1);
    return len + behind_len;
}

static void write_component(struct writing *x, size_t key_len, struct bytes component)
{
    struct hl7_parse p = hl7_parse_of(component, x->seps.subcomponent);
    struct bytes one;
    if (!has(component, x->seps.subcomponent)) {
        write_value(x, component);
        return;
    }
    for (size_t place = 1; hl7_parse_next(&p, &one); place++) {
        put_key(x, key_len, ".", place, "");
        write_value(x, one);
    }
}

static void write_repetition(struct writing *x, size_t key_len, struct bytes repetition)
{
    struct hl7_parse p = hl7_parse_of(repetition, x->seps.component);
    struct bytes one;
    bool several = has(repetition, x->seps.component);
    if (!several && !has(repetition, x->seps.subcomponent)) {
        write_value(x, repetition);
        return;
    }
    for (size_t place = 1; hl7_parse_next(&p, &one); place++) {
        size_t len = put_key(x, key_len, ".", place, "");
        write_component(x, len, one);
    }
}

static void write_field(struct writing *x, size_t place, struct bytes field)
{
    struct hl7_parse p = hl7_parse_of(field, x->seps.repetition);
    struct bytes one;
    size_t key_len = put_key(x, 0, "", place, "");
    if (!has(field, x->seps.repetition)) {
        write_repetition(x, key_len, field);
        return;
    }
    for (size_t at = 0; hl7_parse_next(&p, &one); at++) {
        size_t len = put_key(x, key_len, "[", at, "]");
        write_repetition(x, len, one);
    }
}

/* MSH, and FHS and BHS of batches: their first two fields are separators and are not taken apart. */
static void write_header_fields(struct writing *x, struct bytes segment)
{
    bool v1 = x->version == CLOUD_PARSER_V1 || x->version == CLOUD_PARSER_UNSET;
    size_t place = v1 ? 1 : 2;
    struct hl7_parse p = hl7_parse_of(bytes_sub(segment, 4, segment.len), x->seps.field);
    struct bytes one;
    if (!v1)
        json_write_str(x->w, "1", bytes_sub(segment, 3, 1));
    for (bool first = true; hl7_parse_next(&p, &one); first = false, place++) {
        if (first && one.len > 0) {
            put_key(x, 0, "", place, "");
            json_write_str(x->w, x->key, one);
        } else {
            write_field(x, place, one);
        }
    }
}

static void write_fields(struct writing *x, struct bytes segment)
{
    struct hl7_parse p = hl7_parse_of(segment, x->seps.field);
    struct bytes one;
    for (size_t place = 0; hl7_parse_next(&p, &one); place++) {
        if (place > 0)
            write_field(x, place, one);
        else if (one.len > 0)
            json_write_str(x->w, "0", one);
    }
}

/* Segments whose first field is a set id (SI). */
static bool has_set_id(struct bytes id)
{
    static const char *const ids[] = { "PID", "NK1", "PV1", "OBR", "OBX", "NTE", "AL1", "DG1",
                                       "PR1", "GT1", "IN1", "IN3", "FT1", "TXA", "AIS", "AIG",
                                       "AIL", "AIP", "RGS", "TQ1", "TQ2", "SPM", "IAM" };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (bytes_eq_str(id, ids[i]))
            return true;
    return false;
}

static bool is_header(struct bytes segment)
{
    return segment.len > 3 &&
           (bytes_starts(segment, BYTES_LIT("MSH")) || bytes_starts(segment, BYTES_LIT("FHS")) ||
            bytes_starts(segment, BYTES_LIT("BHS")));
}

static void write_segment(struct writing *x, struct bytes segment)
{
    struct hl7_seps seps;
    if (is_header(segment) && hl7_msh_separators(segment, &seps))
        x->seps = seps;
    struct bytes id = is_header(segment) ? bytes_sub(segment, 0, 3) : hl7_parse_id(segment, &x->seps);
    struct bytes set_id = has_set_id(id) ? hl7_parse_part(segment, x->seps.field, 1) : bytes_of(NULL, 0);
    json_write_object(x->w, NULL);
    json_write_str(x->w, "segmentId", id);
    if (set_id.len > 0)
        json_write_str(x->w, "setId", set_id);
    json_write_object(x->w, "fields");
    if (is_header(segment)) {
        json_write_str(x->w, "0", id);
        write_header_fields(x, segment);
    } else {
        write_fields(x, segment);
    }
    json_write_end(x->w);
    json_write_end(x->w);
}

void cloud_parsed_data_write(struct bytes message, const struct cloud_store_conf *conf, struct json_writer *w)
{
    struct writing x = { .w = w, .seps = HL7_SEPS_USUAL, .version = conf->parser };
    struct bytes rest = message, segment, terminator = buf_bytes(&conf->terminator);
    json_write_object(w, "parsedData");
    json_write_array(w, "segments");
    while (hl7_parse_segment(&rest, terminator.len > 0 ? terminator : HL7_CR, &segment))
        if (segment.len > 0)
            write_segment(&x, segment);
    json_write_end(w);
    json_write_end(w);
    buf_fini(&x.text);
}
