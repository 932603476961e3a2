#include "hl7/msh.h"

static bool is_punctuation(char c)
{
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

bool hl7_msh_separators(struct bytes segment, struct hl7_seps *ret_seps)
{
    if (segment.len < 8 || !is_punctuation(segment.ptr[3]))
        return false;
    char field = segment.ptr[3];
    struct bytes chars = bytes_sub(segment, 4, bytes_find(segment, 4, field) - 4);
    if (chars.len < 4 || chars.len > 5)
        return false;
    for (size_t i = 0; i < chars.len; i++)
        if (!is_punctuation(chars.ptr[i]) || memchr(chars.ptr, chars.ptr[i], i) != NULL)
            return false;
    *ret_seps = (struct hl7_seps) { field,        chars.ptr[0], chars.ptr[1],
                                   chars.ptr[2], chars.ptr[3], chars.len == 5 ? chars.ptr[4] : (char) 0 };
    return true;
}

static bool is_batch_header(struct bytes segment)
{
    return bytes_starts(segment, BYTES_LIT("FHS")) || bytes_starts(segment, BYTES_LIT("BHS"));
}

bool hl7_msh_read(struct bytes message, struct bytes terminator, struct hl7_msh *ret_msh)
{
    struct bytes rest = message, segment = { 0 };
    do {
        if (!hl7_parse_segment(&rest, terminator, &segment))
            return false;
    } while (is_batch_header(segment));
    struct hl7_msh msh = { .segment = segment };
    if (!bytes_starts(segment, BYTES_LIT("MSH")) || !hl7_msh_separators(segment, &msh.seps))
        return false;
    msh.field[0] = bytes_sub(segment, 0, 3);
    msh.field[1] = bytes_sub(segment, 3, 1);
    struct hl7_parse p = hl7_parse_of(bytes_sub(segment, 4, segment.len), msh.seps.field);
    for (size_t n = 2; n <= HL7_MSH_FIELDS && hl7_parse_next(&p, &msh.field[n]); n++)
        continue;
    *ret_msh = msh;
    return true;
}

struct bytes hl7_msh_component(const struct hl7_msh *msh, enum hl7_msh_field field, size_t place)
{
    return hl7_parse_part(msh->field[field], msh->seps.component, place);
}
