#include "cmd/sweep.h"

#include "base/b64.h"
#include "base/check.h"
#include "cmd/child.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <zlib.h>

enum { SWEEP_GZIP_DEPTH = 3, SWEEP_INFLATED_MAX = 256 << 20 };

const char *sweep_form_name(enum sweep_form form)
{
    static const char *const names[SWEEP_FORMS] = {
        "plain", "base64 (alignment 0)", "base64 (alignment 1)", "base64 (alignment 2)", "hex", "percent-escaped",
        "JSON-escaped", "UTF-16"
    };
    CHECK(form < SWEEP_FORMS);
    return names[form];
}

void sweep_init(struct sweep *s, const char *mark)
{
    *s = (struct sweep) { 0 };
    CHECK(strlen(mark) >= 8 && strlen(mark) < sizeof(s->mark));
    memcpy(s->mark, mark, strlen(mark) + 1);
}

static void note(struct sweep *s, const char *where, enum sweep_form form, unsigned depth)
{
    if (s->found < SWEEP_FINDS) {
        struct sweep_find *f = &s->first[s->found];
        *f = (struct sweep_find) { .form = form, .gzip_depth = depth };
        snprintf(f->path, sizeof(f->path), "%s", where);
    }
    s->found++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t occurrences(struct bytes text, struct bytes needle, bool any_case)
{
    size_t count = 0;
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (needle.len > 0 && (size_t) (end - at) >= needle.len) {
        const char *hit = NULL;
        if (!any_case) {
            hit = memmem(at, (size_t) (end - at), needle.ptr, needle.len);
        } else {
            for (const char *p = at; hit == NULL && p + needle.len <= end; p++)
                if ((*p | 0x20) == (needle.ptr[0] | 0x20) && strncasecmp(p, needle.ptr, needle.len) == 0)
                    hit = p;
        }
        if (hit == NULL)
            break;
        count++;
        at = hit + needle.len;
    }
    return count;
}

/* What base64 of any text that holds the mark at 3n + shift must hold: the groups that the mark fills alone. */
static void b64_core(struct bytes mark, unsigned shift, struct buf *out)
{
    CLEANUP(buf_fini) struct buf padded = { 0 }, coded = { 0 };
    for (unsigned i = 0; i < shift; i++)
        buf_append_char(&padded, 0);
    buf_append(&padded, mark);
    b64_encode(buf_bytes(&padded), &coded);
    size_t from = shift == 0 ? 0 : 4, whole = padded.len / 3 * 4;
    buf_append(out, bytes_sub(buf_bytes(&coded), from, whole - from));
}

/* %43%41... and %5C... : one pass that takes both escapes away; what is left alone stays. */
static size_t unescape_at(struct bytes text, size_t at, bool json, char *ret_c)
{
    const char *p = text.ptr + at;
    size_t left = text.len - at;
    if (!json && left >= 3 && p[0] == '%' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
        *ret_c = (char) (hex_digit(p[1]) << 4 | hex_digit(p[2]));
        return 3;
    }
    if (json && left >= 6 && p[0] == '\\' && (p[1] | 0x20) == 'u' && p[2] == '0' && p[3] == '0' &&
        hex_digit(p[4]) >= 0 && hex_digit(p[5]) >= 0) {
        *ret_c = (char) (hex_digit(p[4]) << 4 | hex_digit(p[5]));
        return 6;
    }
    return 0;
}

static size_t unescaped_occurrences(struct bytes text, struct bytes mark, bool json)
{
    if (occurrences(text, json ? BYTES_LIT("\\u00") : BYTES_LIT("%"), json) == 0)
        return 0;
    CLEANUP(buf_fini) struct buf plain = { 0 };
    buf_reserve(&plain, text.len);
    for (size_t i = 0; i < text.len;) {
        char c = text.ptr[i];
        size_t used = unescape_at(text, i, json, &c);
        plain.ptr[plain.len++] = c;
        i += used > 0 ? used : 1;
    }
    size_t all = occurrences(buf_bytes(&plain), mark, true), as_is = occurrences(text, mark, true);
    return all > as_is ? all - as_is : 0;
}

static void look(struct sweep *s, struct bytes text, const char *where, unsigned depth);

/* Every place that begins like gzip is tried; a member that breaks off is looked through as far as it goes. */
static void look_in_gzip(struct sweep *s, struct bytes text, const char *where, unsigned depth)
{
    if (depth >= SWEEP_GZIP_DEPTH)
        return;
    for (size_t at = 0; at + 18 <= text.len; at++) {
        const char *hit = memmem(text.ptr + at, text.len - at, "\x1f\x8b\x08", 3);
        if (hit == NULL)
            return;
        at = (size_t) (hit - text.ptr);
        z_stream z = { .next_in = (Bytef *) (uintptr_t) hit, .avail_in = (uInt) MIN(text.len - at, (size_t) UINT32_MAX) };
        if (inflateInit2(&z, 15 + 16) != Z_OK)
            return;
        CLEANUP(buf_fini) struct buf plain = { 0 };
        int rc = Z_OK;
        while (rc == Z_OK && plain.len < SWEEP_INFLATED_MAX) {
            z.next_out = (Bytef *) buf_reserve(&plain, 65536);
            z.avail_out = 65536;
            rc = inflate(&z, Z_NO_FLUSH);
            plain.len += 65536 - z.avail_out;
        }
        inflateEnd(&z);
        if (plain.len > 0)
            look(s, buf_bytes(&plain), where, depth + 1);
    }
}

static void look(struct sweep *s, struct bytes text, const char *where, unsigned depth)
{
    struct bytes mark = bytes_str(s->mark);
    size_t count[SWEEP_FORMS] = { 0 };
    CLEANUP(buf_fini) struct buf needle = { 0 };
    count[SWEEP_PLAIN] = occurrences(text, mark, true);
    for (unsigned shift = 0; shift < 3; shift++) {
        buf_clear(&needle);
        b64_core(mark, shift, &needle);
        count[SWEEP_BASE64_0 + shift] = occurrences(text, buf_bytes(&needle), false);
    }
    buf_clear(&needle);
    for (size_t i = 0; i < mark.len; i++)
        buf_printf(&needle, "%02x", (unsigned char) mark.ptr[i]);
    count[SWEEP_HEX] = occurrences(text, buf_bytes(&needle), true);
    count[SWEEP_PERCENT] = unescaped_occurrences(text, mark, false);
    count[SWEEP_JSON] = unescaped_occurrences(text, mark, true);
    buf_clear(&needle);
    for (size_t i = 0; i < mark.len; i++) {
        buf_append_char(&needle, mark.ptr[i]);
        if (i + 1 < mark.len)
            buf_append_char(&needle, '\0');
    }
    count[SWEEP_UTF16] = occurrences(text, buf_bytes(&needle), false);
    for (int form = 0; form < SWEEP_FORMS; form++)
        for (size_t i = 0; i < count[form]; i++)
            note(s, where, (enum sweep_form) form, depth);
    look_in_gzip(s, text, where, depth);
}

void sweep_text(struct sweep *s, struct bytes text, const char *where)
{
    s->bytes += text.len;
    look(s, text, where, 0);
}

static bool sweep_entry(struct sweep *s, const char *root, const char *path, const char *except, struct err *err);

static bool sweep_below(struct sweep *s, const char *root, const char *folder, const char *except, struct err *err)
{
    DIR *d = opendir(folder);
    if (d == NULL)
        return FAIL(err, DISK, "cannot look into %s: %s", folder, strerror(errno));
    bool ok = true;
    for (struct dirent *e = readdir(d); ok && e != NULL; e = readdir(d)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        look(s, bytes_str(e->d_name), "(name of a file)", 0);
        CLEANUP(buf_fini) struct buf path = { 0 };
        buf_printf(&path, "%s/%s", folder, e->d_name);
        ok = sweep_entry(s, root, buf_str(&path), except, err);
    }
    closedir(d);
    return ok;
}

static bool sweep_entry(struct sweep *s, const char *root, const char *path, const char *except, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT || FAIL(err, DISK, "cannot look at %s: %s", path, strerror(errno));
    const char *inside = path + strlen(root) + 1;
    if (S_ISDIR(st.st_mode))
        return (except != NULL && strcmp(inside, except) == 0) || sweep_below(s, root, path, except, err);
    if (!S_ISREG(st.st_mode))
        return true;
    CLEANUP(buf_fini) struct buf text = { 0 };
    TRY(child_read_file(path, &text, err));
    s->files++;
    sweep_text(s, buf_bytes(&text), inside);
    return true;
}

bool sweep_folder(struct sweep *s, const char *folder, const char *except, struct err *err)
{
    return sweep_below(s, folder, folder, except, err);
}

static void gzip(struct bytes text, struct buf *out)
{
    z_stream z = { .next_in = (Bytef *) (uintptr_t) text.ptr, .avail_in = (uInt) text.len };
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    uLong bound = deflateBound(&z, text.len) + 64;
    z.next_out = (Bytef *) buf_reserve(out, bound);
    z.avail_out = (uInt) bound;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->len += bound - z.avail_out;
    deflateEnd(&z);
}

void sweep_plant(struct bytes text, enum sweep_form form, bool zipped, struct buf *out)
{
    CLEANUP(buf_fini) struct buf formed = { 0 }, before = { 0 };
    buf_append_str(&formed, "{\"note\":\"");
    unsigned shift = form >= SWEEP_BASE64_0 && form <= SWEEP_BASE64_2 ? form - SWEEP_BASE64_0 : 0;
    for (unsigned i = 0; i < 3 + shift; i++)
        buf_append_char(&before, '^');
    buf_append(&before, text);
    buf_append_str(&before, "^|");
    if (form == SWEEP_BASE64_0 || form == SWEEP_BASE64_1 || form == SWEEP_BASE64_2)
        b64_encode(buf_bytes(&before), &formed);
    for (size_t i = 0; i < text.len && (form < SWEEP_BASE64_0 || form > SWEEP_BASE64_2); i++) {
        unsigned char c = (unsigned char) text.ptr[i];
        switch (form) {
        case SWEEP_HEX: buf_printf(&formed, "%02X", c); break;
        case SWEEP_PERCENT: buf_printf(&formed, i % 2 == 0 ? "%%%02x" : "%c", c); break;
        case SWEEP_JSON: buf_printf(&formed, i % 3 == 0 ? "\\u%04x" : "%c", c); break;
        case SWEEP_UTF16: buf_append_char(&formed, (char) c); buf_append_char(&formed, '\0'); break;
        default: buf_append_char(&formed, (char) c); break;
        }
    }
    buf_append_str(&formed, "\"}\n");
    if (zipped)
        gzip(buf_bytes(&formed), out);
    else
        buf_append(out, buf_bytes(&formed));
}
