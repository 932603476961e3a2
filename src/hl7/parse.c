#include "hl7/parse.h"

#include "base/check.h"

bool hl7_parse_segment(struct bytes *rest, struct bytes terminator, struct bytes *ret_segment)
{
    CHECK(terminator.len > 0);
    if (rest->len == 0)
        return false;
    size_t end = rest->len, skip = 0;
    if (terminator.len == 1) {
        end = bytes_find(*rest, 0, terminator.ptr[0]);
        skip = end < rest->len ? 1 : 0;
    } else {
        const char *at = memmem(rest->ptr, rest->len, terminator.ptr, terminator.len);
        if (at != NULL) {
            end = (size_t) (at - rest->ptr);
            skip = terminator.len;
        }
    }
    *ret_segment = bytes_of(rest->ptr, end);
    *rest = bytes_of(rest->ptr + end + skip, rest->len - end - skip);
    return true;
}

struct bytes hl7_parse_id(struct bytes segment, const struct hl7_seps *seps)
{
    return bytes_sub(segment, 0, bytes_find(segment, 0, seps->field));
}

struct hl7_parse hl7_parse_of(struct bytes whole, char sep)
{
    return (struct hl7_parse) { whole, sep, true };
}

bool hl7_parse_next(struct hl7_parse *p, struct bytes *ret_part)
{
    if (!p->more)
        return false;
    size_t at = bytes_find(p->rest, 0, p->sep);
    *ret_part = bytes_sub(p->rest, 0, at);
    p->more = at < p->rest.len;
    p->rest = bytes_sub(p->rest, at + 1, p->rest.len);
    return true;
}

struct bytes hl7_parse_part(struct bytes whole, char sep, size_t place)
{
    struct hl7_parse p = hl7_parse_of(whole, sep);
    struct bytes part;
    while (hl7_parse_next(&p, &part))
        if (place-- == 0)
            return part;
    return bytes_of(NULL, 0);
}
