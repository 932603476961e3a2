/* Faults: where they are, what is shown of the place, what was probably meant, how they read. */
#include "base/check.h"
#include "conf/config_internal.h"
#include "conf/suggest.h"
#include "json/scan.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *code, *title, *fix;
} codes[] = {
#define CONF_FAULT(name, code, title, fix) { code, title, fix },
#include "conf/faults.def"
#undef CONF_FAULT
};

static void excerpt(struct bytes text, const char *at, char *out, size_t max);
static void mask_line(struct bytes line, struct buf *out);
static size_t string_end(struct bytes line, size_t from);
static struct conf_fault *last(struct conf_work *w);

const char *conf_code_text(enum conf_code code)
{
    return codes[code].code;
}

const char *conf_code_title(enum conf_code code)
{
    return codes[code].title;
}

const char *conf_code_fix(enum conf_code code)
{
    return codes[code].fix;
}

bool conf_fault(struct conf_work *w, enum conf_code code, const char *at, const char *fmt, ...)
{
    if (w->faults->count == CONF_FAULTS_MAX)
        return false;
    struct conf_fault *f = &w->faults->at[w->faults->count++];
    *f = (struct conf_fault) { .code = code, .path = w->path };
    va_list args;
    va_start(args, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, args);
    va_end(args);
    if (at != NULL) {
        json_place(w->text, at, &f->line, &f->column);
        excerpt(w->text, at, f->excerpt, sizeof(f->excerpt));
    }
    return false;
}

bool conf_fault_at(struct conf_work *w, enum conf_code code, enum opt o, const char *fmt, ...)
{
    const struct opt_value *value = opt_get(w->values, o);
    const char *at = NULL;
    char text[sizeof(w->faults->at[0].text)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (value->source == OPT_FROM_FILE && value->line > 0) {
        uint32_t line = 1;
        for (at = w->text.ptr; line < value->line; at++)
            line += *at == '\n';
        at += value->column - 1;
    }
    return conf_fault(w, code, at, "%s", text);
}

enum conf_code conf_code_of(enum opt_wrong wrong)
{
    static const enum conf_code of[] = { CONF_TYPE, CONF_TYPE, CONF_UNIT, CONF_RANGE, CONF_CHOICE };
    return of[wrong];
}

/* In the same group a key's last part is compared; else whole names, and the last part with all others. */
void conf_suggest_key(struct conf_work *w, struct bytes prefix, struct bytes name)
{
    unsigned best = 1000, distance;
    for (unsigned o = 0; o < OPTS; o++) {
        struct bytes full = bytes_str(opt_info(o)->name);
        if (!opt_info(o)->key)
            continue;
        if (bytes_starts(full, prefix)) {
            struct bytes rest = bytes_sub(full, prefix.len, full.len);
            struct bytes part = bytes_sub(rest, 0, bytes_find(rest, 0, '.'));
            if (suggest_is_near(name, part, &distance) && distance < best) {
                best = distance;
                conf_suggest_text(w, "\"%.*s\"", BYTES_FMT(part));
            }
        }
        size_t dot = full.len;
        while (dot > 0 && full.ptr[dot - 1] != '.')
            dot--;
        struct bytes leaf = bytes_sub(full, dot, full.len);
        if (dot > 0 && suggest_is_near(name, leaf, &distance) && distance + 1 < best) {
            best = distance + 1;
            conf_suggest_text(w, "\"%.*s\" inside \"%.*s\"", BYTES_FMT(leaf), (int) dot - 1, full.ptr);
        }
        if (suggest_is_near(name, full, &distance) && distance < best) {
            best = distance;
            conf_suggest_text(w, "\"%s\"", opt_info(o)->name);
        }
    }
}

void conf_suggest_choice(struct conf_work *w, const char *choices, struct bytes text)
{
    unsigned best = 1000, distance;
    for (struct bytes rest = bytes_str(choices); rest.len > 0;) {
        struct bytes word = bytes_cut(&rest, '|');
        if (suggest_is_near(text, word, &distance) && distance < best) {
            best = distance;
            conf_suggest_text(w, "\"%.*s\"", BYTES_FMT(word));
        }
    }
}

void conf_suggest_text(struct conf_work *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(last(w)->did_you_mean, sizeof(last(w)->did_you_mean), fmt, args);
    va_end(args);
}

void conf_end(struct conf_work *w, struct err *err)
{
    CHECK(w->faults->count > 0);
    const struct conf_fault *f = &w->faults->at[0];
    if (f->line > 0)
        err_set(err, ERR_CONFIG, "%s:%u:%u: %s", f->path, f->line, f->column, f->text);
    else
        err_set(err, ERR_CONFIG, "%s", f->text);
}

void conf_fault_render(const struct conf_fault *f, struct buf *out)
{
    buf_printf(out, "error[%s]: %s\n", conf_code_text(f->code), f->text);
    if (f->line > 0) {
        buf_printf(out, "  --> %s:%u:%u\n", f->path, f->line, f->column);
        buf_printf(out, "   | %u | %s\n", f->line, f->excerpt);
    }
    if (f->did_you_mean[0] != '\0')
        buf_printf(out, "  did you mean %s?\n", f->did_you_mean);
    buf_printf(out, "  fix   %s\n", conf_code_fix(f->code));
    buf_printf(out, "  help  hl7relay help %s\n", conf_code_text(f->code));
}

static struct conf_fault *last(struct conf_work *w)
{
    CHECK(w->faults->count > 0);
    return &w->faults->at[w->faults->count - 1];
}

/* The source line at `at`: keys, numbers and literals as they stand, everything else masked. */
static void excerpt(struct bytes text, const char *at, char *out, size_t max)
{
    size_t here = (size_t) (at - text.ptr), from = here;
    while (from > 0 && text.ptr[from - 1] != '\n')
        from--;
    struct bytes line = bytes_sub(text, from, bytes_find(text, here, '\n') - from);
    CLEANUP(buf_fini) struct buf masked = { 0 };
    mask_line(line, &masked);
    snprintf(out, max, "%s", buf_str(&masked));
}

static void mask_line(struct bytes line, struct buf *out)
{
    bool value = false;    /* after a colon */
    for (size_t i = 0; i < line.len && out->len < 140;) {
        char c = line.ptr[i];
        if (c == '"' || c == '\'') {
            size_t end = string_end(line, i), after = end;
            while (after < line.len && (line.ptr[after] == ' ' || line.ptr[after] == '\t'))
                after++;
            bool key = !value && end - i > 2 && end - i < 66 && after < line.len && line.ptr[after] == ':';
            for (size_t k = i; k < end && key; k++)
                buf_append_char(out, line.ptr[k] >= 0x20 && line.ptr[k] < 0x7f ? line.ptr[k] : '?');
            if (!key)
                buf_append_str(out, "\"...\"");
            i = end;
        } else if (strchr("{}[]:,\t ", c) != NULL && c != '\0') {
            value = c == ':' || (value && (c == ' ' || c == '\t' || c == '['));
            buf_append_char(out, c == '\t' ? ' ' : c);
            i++;
        } else {
            size_t end = i;
            while (end < line.len && strchr("{}[]:,\t \"", line.ptr[end]) == NULL)
                end++;
            end = MAX(end, i + 1);
            struct bytes word = bytes_sub(line, i, end - i);
            bool plain = word.len <= 20;
            for (size_t k = 0; k < word.len; k++)
                plain = plain && strchr("0123456789.+-eE", word.ptr[k]) != NULL;
            plain = plain || bytes_eq_str(word, "true") || bytes_eq_str(word, "false") || bytes_eq_str(word, "null") ||
                    bytes_eq_str(word, "True") || bytes_eq_str(word, "False") || bytes_eq_str(word, "None");
            buf_append(out, plain ? word : c == '/' || c == '#' ? BYTES_LIT("//...") : BYTES_LIT("..."));
            i = end;
            if (c == '/' || c == '#')
                break;    /* a comment: nothing of it is shown */
        }
    }
}

static size_t string_end(struct bytes line, size_t from)
{
    for (size_t i = from + 1; i < line.len; i++) {
        if (line.ptr[i] == '\\')
            i++;
        else if (line.ptr[i] == line.ptr[from])
            return i + 1;
    }
    return line.len;
}
