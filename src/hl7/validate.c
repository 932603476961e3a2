#include "hl7/validate.h"

#include "base/limits.h"

enum {
    CONTROL_ID_MAX = 199, /* MSH-10, HL7 2.8 chapter 2.14.9.10 */
    VT = 0x0b,
    FS = 0x1c /* MLLP's frame */
};

/* What has been seen so far, segment by segment. */
struct reading {
    const struct hl7_rules *rules;
    struct hl7_seps seps;
    uint32_t segments, messages, batches; /* messages since BHS; batches since FHS */
    bool in_file, in_batch, batch_framed, ended;
};

const char *hl7_defect_name(enum hl7_defect defect)
{
    static const char *const name[HL7_DEFECTS] = {
        [HL7_SOUND] = "SOUND",
#define HL7_DEFECT(name, text) [HL7_DEFECT_##name] = #name,
#include "hl7/defect.def"
#undef HL7_DEFECT
    };
    return name[defect];
}

const char *hl7_defect_text(enum hl7_defect defect)
{
    static const char *const text[HL7_DEFECTS] = {
        [HL7_SOUND] = "the message is sound",
#define HL7_DEFECT(name, text) [HL7_DEFECT_##name] = text,
#include "hl7/defect.def"
#undef HL7_DEFECT
    };
    return text[defect];
}

/* Length of the UTF-8 sequence at p, 0 if there is none (RFC 3629, section 4). */
static size_t utf8_sequence(const unsigned char *p, size_t len)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t need;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        need = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        need = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        need = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (len < need || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return need;
}

bool hl7_validate_utf8(struct bytes b)
{
    const unsigned char *p = (const unsigned char *) b.ptr;
    for (size_t i = 0; i < b.len;) {
        /* Eight ASCII bytes at a time: nearly all there is. */
        uint64_t eight;
        if (b.len - i >= sizeof(eight)) {
            memcpy(&eight, p + i, sizeof(eight));
            if ((eight & 0x8080808080808080u) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t len = p[i] < 0x80 ? 1 : utf8_sequence(p + i, b.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

/* True if every repetition of MSH-18 names ASCII or UTF-8, or nothing. */
static bool charset_is_utf8(struct bytes charset, const struct hl7_seps *seps)
{
    static const char *const known[] = {
        "", "ASCII", "US-ASCII", "UNICODE UTF-8", "UTF-8", "UTF8", "UNICODE"
    };
    struct hl7_parse p = hl7_parse_of(charset, seps->repetition);
    struct bytes one;
    while (hl7_parse_next(&p, &one)) {
        size_t i = 0;
        while (i < ARRAY_LEN(known) && !bytes_eq_nocase(bytes_trim(one), bytes_str(known[i])))
            i++;
        if (i == ARRAY_LEN(known))
            return false;
    }
    return true;
}

static enum hl7_defect judge_encoding(struct bytes message, const struct hl7_msh *msh,
                                      const struct hl7_rules *rules)
{
    bool utf8 = msh == NULL || charset_is_utf8(msh->field[HL7_MSH_CHARSET], &msh->seps);
    if (!utf8 && !rules->any_charset)
        return HL7_DEFECT_ENCODING;
    if (memchr(message.ptr, 0, message.len) != NULL || memchr(message.ptr, VT, message.len) != NULL ||
        memchr(message.ptr, FS, message.len) != NULL)
        return HL7_DEFECT_CONTROL;
    return utf8 && !hl7_validate_utf8(message) ? HL7_DEFECT_ENCODING : HL7_SOUND;
}

static bool has_line_end(struct bytes segment)
{
    return memchr(segment.ptr, '\r', segment.len) != NULL || memchr(segment.ptr, '\n', segment.len) != NULL;
}

static bool is_word(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        char c = b.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return b.len > 0;
}

/* "2.3.1", "2.5.1^USA": two or three numbers. 0.0 is what Google's own samples carry. */
static bool is_version(struct bytes b)
{
    size_t numbers = 0;
    struct hl7_parse p = hl7_parse_of(bytes_trim(b), '.');
    struct bytes part;
    uint64_t n;
    for (; hl7_parse_next(&p, &part); numbers++)
        if (!bytes_to_u64(part, &n))
            return false;
    return numbers == 2 || numbers == 3;
}

static bool is_control_id(struct bytes b)
{
    if (b.len == 0 || b.len > CONTROL_ID_MAX)
        return false;
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char) b.ptr[i] < ' ' || b.ptr[i] == 0x7f)
            return false;
    return true;
}

static enum hl7_defect judge_header(const struct hl7_msh *msh)
{
    /* ACK alone needs no trigger event. */
    if (!is_word(hl7_msh_component(msh, HL7_MSH_TYPE, 0)) ||
        (!bytes_eq_str(hl7_msh_component(msh, HL7_MSH_TYPE, 0), "ACK") &&
         hl7_msh_component(msh, HL7_MSH_TYPE, 1).len == 0 &&
         hl7_msh_component(msh, HL7_MSH_TYPE, 2).len == 0))
        return HL7_DEFECT_TYPE;
    if (!is_control_id(msh->field[HL7_MSH_CONTROL_ID]))
        return HL7_DEFECT_CONTROL_ID;
    return is_version(hl7_msh_component(msh, HL7_MSH_VERSION, 0)) ? HL7_SOUND : HL7_DEFECT_VERSION;
}

/* BTS-1 and FTS-1 may be empty; if they are not, they must be the count. */
static bool count_agrees(const struct reading *r, struct bytes segment, uint32_t count)
{
    struct bytes written = bytes_trim(hl7_parse_part(segment, r->seps.field, 1));
    uint64_t n;
    return written.len == 0 || (bytes_to_u64(written, &n) && n == count);
}

/* FHS, BHS, BTS and FTS must nest, and nothing may follow the end. */
static enum hl7_defect judge_batch_segment(struct reading *r, struct bytes segment)
{
    bool first = r->segments == 0, header = segment.ptr[1] == 'H', ok;
    if (header && !hl7_msh_separators(segment, &r->seps))
        return HL7_DEFECT_SEPARATORS;
    if (segment.ptr[0] == 'F' && header) {
        ok = first;
        r->in_file = true;
    } else if (segment.ptr[0] == 'F') {
        ok = r->in_file && !r->in_batch && count_agrees(r, segment, r->batches);
        r->ended = true;
    } else if (header) {
        ok = (first || r->in_file || r->batches > 0) && !r->in_batch;
        r->in_batch = r->batch_framed = true;
        r->batches++;
        r->messages = 0;
    } else {
        ok = r->in_batch && count_agrees(r, segment, r->messages);
        r->in_batch = false;
    }
    return ok ? HL7_SOUND : HL7_DEFECT_BATCH;
}

static enum hl7_defect judge_member(struct reading *r, struct bytes message_from_here)
{
    struct hl7_msh msh;
    bool framed = r->in_batch || r->in_file;
    if (r->segments > 0 && !framed)
        return r->batch_framed ? HL7_DEFECT_BATCH : HL7_DEFECT_SECOND_MSH;
    if (!hl7_msh_read(message_from_here, r->rules->terminator, &msh))
        return HL7_DEFECT_SEPARATORS;
    r->seps = msh.seps;
    r->messages++;
    return judge_header(&msh);
}

static bool is_segment_id(struct bytes id)
{
    if (id.len != 3 || id.ptr[0] < 'A' || id.ptr[0] > 'Z')
        return false;
    for (size_t i = 1; i < 3; i++)
        if (!((id.ptr[i] >= 'A' && id.ptr[i] <= 'Z') || (id.ptr[i] >= '0' && id.ptr[i] <= '9')))
            return false;
    return true;
}

static bool is_batch_id(struct bytes id)
{
    return bytes_eq_str(id, "FHS") || bytes_eq_str(id, "BHS") || bytes_eq_str(id, "BTS") ||
           bytes_eq_str(id, "FTS");
}

static enum hl7_defect judge_segment(struct reading *r, struct bytes segment, struct bytes message_from_here)
{
    struct bytes id = bytes_sub(segment, 0, 3);
    if (r->ended)
        return HL7_DEFECT_BATCH;
    if (has_line_end(segment))
        return HL7_DEFECT_LINE_END;
    if (!is_segment_id(id))
        return HL7_DEFECT_SEGMENT;
    if (is_batch_id(id))
        return judge_batch_segment(r, segment);
    if (bytes_eq_str(id, "MSH"))
        return judge_member(r, message_from_here);
    if (segment.len > 3 && segment.ptr[3] != r->seps.field)
        return HL7_DEFECT_SEGMENT;
    /* In a batch every other segment belongs to a message. */
    return (r->in_batch || r->in_file) && r->messages == 0 ? HL7_DEFECT_BATCH : HL7_SOUND;
}

static enum hl7_defect judge_segments(struct bytes message, const struct hl7_rules *rules)
{
    struct reading r = { .rules = rules, .seps = HL7_SEPS_USUAL };
    struct bytes rest = message, here = message, segment;
    for (; hl7_parse_segment(&rest, rules->terminator, &segment); here = rest) {
        enum hl7_defect defect = judge_segment(&r, segment, here);
        if (defect != HL7_SOUND)
            return defect;
        if (++r.segments > LIMIT_HL7_SEGMENTS)
            return HL7_DEFECT_SEGMENTS;
    }
    return r.in_batch || (r.in_file && !r.ended) ? HL7_DEFECT_BATCH : HL7_SOUND;
}

enum hl7_defect hl7_validate(struct bytes message, const struct hl7_rules *given)
{
    struct hl7_rules rules = *given;
    struct hl7_msh msh;
    if (rules.terminator.len == 0)
        rules.terminator = HL7_CR;
    if (message.len == 0)
        return HL7_DEFECT_EMPTY;
    bool header = bytes_starts(message, BYTES_LIT("MSH")) || bytes_starts(message, BYTES_LIT("FHS")) ||
                  bytes_starts(message, BYTES_LIT("BHS"));
    if (!header)
        return rules.null_header ? judge_encoding(message, NULL, &rules) : HL7_DEFECT_NO_HEADER;
    if (!hl7_msh_read(message, rules.terminator, &msh)) {
        struct bytes rest = message, first = { 0 };
        struct hl7_seps seps;
        bool read = hl7_parse_segment(&rest, rules.terminator, &first) && hl7_msh_separators(first, &seps);
        return read ? HL7_DEFECT_NO_HEADER : HL7_DEFECT_SEPARATORS;
    }
    enum hl7_defect defect = judge_encoding(message, &msh, &rules);
    return defect != HL7_SOUND ? defect : judge_segments(message, &rules);
}
