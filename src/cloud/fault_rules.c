#include "cloud/fault_rules.h"

#include "json/scan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { STORES = 1, PUBSUB = 2, VALUE_LEN = 300 };

static const struct {
    const char *word;
    uint32_t group;
} OPS[CLOUD_FAULT_OPS] = {
#define FAULT_OP(name, word, group, meaning) [CLOUD_FAULT_ON_##name] = { word, group },
#include "cloud/fault_kinds.def"
};

static const char *const KINDS[CLOUD_FAULT_KINDS] = {
    [CLOUD_FAULT_NONE] = "",
#define FAULT_KIND(name, word, when, meaning) [CLOUD_FAULT_##name] = word,
#include "cloud/fault_kinds.def"
};

/* Words of a rule are shown in errors; this keeps them short and printable. */
static const char *shown(struct bytes word, char out[40])
{
    size_t len = MIN(word.len, (size_t) 36);
    for (size_t i = 0; i < len; i++)
        out[i] = word.ptr[i] > ' ' && word.ptr[i] < 0x7f ? word.ptr[i] : '?';
    memcpy(out + len, word.len > len ? "..." : "", word.len > len ? 4 : 1);
    return out;
}

static bool read_ops(struct bytes word, uint32_t *ret_ops, struct err *err)
{
    char text[40];
    uint32_t ops = 0;
    for (int i = 0; i < CLOUD_FAULT_OPS; i++)
        if (bytes_eq_str(word, "any") || bytes_eq_str(word, OPS[i].word) ||
            (bytes_eq_str(word, "stores") && OPS[i].group == STORES) ||
            (bytes_eq_str(word, "pubsub") && OPS[i].group == PUBSUB))
            ops |= 1u << i;
    if (ops == 0)
        return FAIL(
            err, CONFIG,
            "fault rule: no operation is called \"%s\"; there are any, stores, pubsub, get, ingest, create, "
            "list, patch, delete, admin, publish, pull, stream, ack, extend, manage",
            shown(word, text));
    *ret_ops = ops;
    return true;
}

static bool read_kind(struct bytes word, struct cloud_fault_rule *rule, struct err *err)
{
    char text[40];
    uint64_t status;
    if (bytes_to_u64(word, &status) && status >= 400 && status <= 599) {
        rule->kind = CLOUD_FAULT_STATUS;
        rule->status = (uint16_t) status;
        return true;
    }
    for (int i = CLOUD_FAULT_STATUS + 1; i < CLOUD_FAULT_KINDS; i++)
        if (bytes_eq_str(word, KINDS[i])) {
            rule->kind = (enum cloud_fault_kind) i;
            return true;
        }
    return FAIL(
        err, CONFIG,
        "fault rule: no fault is called \"%s\"; there are 400 to 599, reset, disconnect, html, lost, cut, truncate, "
        "wrong_name, no_data, bad_base64, slow, duplicate, reorder, ack_lost, close",
        shown(word, text));
}

static bool read_number(struct bytes value, double max, double *ret_number)
{
    char text[VALUE_LEN], *end;
    if (value.len == 0 || value.len >= sizeof(text) || value.ptr[0] < '0' || value.ptr[0] > '9')
        return false;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    double number = strtod(text, &end);
    if (*end != '\0' || !isfinite(number) || number > max)
        return false;
    *ret_number = number;
    return true;
}

static bool read_range_ms(struct bytes value, struct cloud_fault_rule *rule)
{
    double low, high;
    struct bytes rest = value, first = bytes_cut(&rest, '-');
    if (!read_number(first, 3600e3, &low))
        return false;
    high = low;
    if (rest.len > 0 && (!read_number(rest, 3600e3, &high) || high < low))
        return false;
    rule->delay_min_us = (us_t) (low * (double) US_PER_MS);
    rule->delay_max_us = (us_t) (high * (double) US_PER_MS);
    return true;
}

static bool read_key(struct bytes key, struct bytes value, struct cloud_fault_rule *rule, struct err *err)
{
    char text[40];
    double n = 0;
    bool ok;
    if (bytes_eq_str(key, "p")) {
        ok = read_number(value, 1, &rule->p);
    } else if (bytes_eq_str(key, "every")) {
        ok = read_number(value, 1e15, &n) && n >= 1;
        rule->every = ok ? (uint64_t) n : 0;
    } else if (bytes_eq_str(key, "first")) {
        ok = read_number(value, 1e15, &n) && n >= 1;
        rule->first = ok ? (uint64_t) n : 0;
    } else if (bytes_eq_str(key, "from")) {
        ok = read_number(value, 1e9, &n);
        rule->from_us = (us_t) (n * (double) US_PER_S);
    } else if (bytes_eq_str(key, "until")) {
        ok = read_number(value, 1e9, &n);
        rule->until_us = ok ? (us_t) (n * (double) US_PER_S) : US_NEVER;
    } else if (bytes_eq_str(key, "retry_after")) {
        ok = read_number(value, 86400, &n);
        rule->retry_after_s = (uint32_t) n;
    } else if (bytes_eq_str(key, "ms")) {
        ok = read_range_ms(value, rule);
    } else {
        return FAIL(
            err, CONFIG,
            "fault rule: no key is called \"%s\"; there are p, every, first, from, until, retry_after, ms",
            shown(key, text));
    }
    return ok || FAIL(err, CONFIG, "fault rule: the value of \"%s\" cannot be read or is out of range",
                      shown(key, text));
}

static bool read_on(struct bytes on, struct cloud_fault_rule *rule, struct err *err)
{
    struct bytes op = bytes_cut(&on, '@');
    if (on.len >= sizeof(rule->target))
        return FAIL(err, CONFIG, "fault rule: the target after \"@\" is too long");
    if (on.len > 0)
        memcpy(rule->target, on.ptr, on.len);
    return read_ops(op, &rule->ops, err);
}

static bool is_complete(const struct cloud_fault_rule *rule, struct err *err)
{
    if (rule->kind == CLOUD_FAULT_SLOW && rule->delay_max_us == 0)
        return FAIL(err, CONFIG, "fault rule: \"slow\" needs ms=FROM-TO");
    return true;
}

bool cloud_fault_rules_line(struct bytes text, struct cloud_fault_rule *ret_rule, struct err *err)
{
    struct cloud_fault_rule rule = { .p = 1, .until_us = US_NEVER };
    struct bytes rest = bytes_trim(text), on = bytes_cut(&rest, ':'), kind = bytes_cut(&rest, ':');
    TRY(read_on(on, &rule, err));
    TRY(read_kind(kind, &rule, err));
    while (rest.len > 0) {
        struct bytes value = bytes_cut(&rest, ','), key = bytes_cut(&value, '=');
        TRY(read_key(key, value, &rule, err));
    }
    TRY(is_complete(&rule, err));
    *ret_rule = rule;
    return true;
}

/* {"on": "ingest@dst", "fault": "429", "p": 0.05}: strings and numbers alike. */
static bool read_object(const struct json_value *object, struct cloud_fault_rule *ret_rule, struct err *err)
{
    struct cloud_fault_rule rule = { .p = 1, .until_us = US_NEVER };
    struct json_cursor cursor = json_cursor_of(object);
    struct json_value key, value;
    while (json_next(&cursor, &key, &value)) {
        if (key.escaped || value.escaped || (value.kind != JSON_STRING && value.kind != JSON_NUMBER))
            return FAIL(err, CONFIG, "fault rule: keys are plain words, values are strings or numbers");
        if (bytes_eq_str(key.raw, "on"))
            TRY(read_on(value.raw, &rule, err));
        else if (bytes_eq_str(key.raw, "fault"))
            TRY(read_kind(value.raw, &rule, err));
        else
            TRY(read_key(key.raw, value.raw, &rule, err));
    }
    if (rule.ops == 0 || rule.kind == CLOUD_FAULT_NONE)
        return FAIL(err, CONFIG, "fault rule: \"on\" and \"fault\" must be there");
    TRY(is_complete(&rule, err));
    *ret_rule = rule;
    return true;
}

bool cloud_fault_rules_file(struct bytes json, struct cloud_fault_rule *rules, size_t *ret_count,
                            struct err *err)
{
    struct json_value root, key, list, item;
    size_t count = 0;
    TRY(json_scan(json, &root, err));
    struct json_cursor members = json_cursor_of(&root);
    if (root.kind != JSON_OBJECT || !json_next(&members, &key, &list) || !json_str_is(&key, "rules") ||
        list.kind != JSON_ARRAY || json_next(&members, NULL, &item))
        return FAIL(err, CONFIG, "fault file: it must be {\"rules\": [...]} and nothing else");
    struct json_cursor items = json_cursor_of(&list);
    while (json_next(&items, NULL, &item)) {
        if (count == CLOUD_FAULT_RULES_MAX)
            return FAIL(err, CONFIG, "fault file: more than %d rules", CLOUD_FAULT_RULES_MAX);
        bool ok = item.kind == JSON_OBJECT ? read_object(&item, &rules[count], err)
                  : item.kind == JSON_STRING && !item.escaped
                      ? cloud_fault_rules_line(item.raw, &rules[count], err)
                      : FAIL(err, CONFIG, "a rule is a string or an object");
        if (!ok)
            return err_wrap(err, "fault file, rule %zu", count + 1);
        count++;
    }
    *ret_count = count;
    return true;
}

/* The shortest name of these operations: a rule was read from one word. */
static const char *word_of(uint32_t ops)
{
    uint32_t all = (1u << CLOUD_FAULT_OPS) - 1, stores = 0;
    for (int i = 0; i < CLOUD_FAULT_OPS; i++)
        if (OPS[i].group == STORES)
            stores |= 1u << i;
    if (ops == all)
        return "any";
    if (ops == stores)
        return "stores";
    if (ops == (all & ~stores))
        return "pubsub";
    int first = 0;
    while (first < CLOUD_FAULT_OPS - 1 && (ops & 1u << first) == 0)
        first++;
    return OPS[first].word;
}

/* ":" before the first key, "," before the others. */
static char next_sep(char *sep)
{
    char now = *sep;
    *sep = ',';
    return now;
}

void cloud_fault_rules_write(const struct cloud_fault_rule *rule, struct buf *out)
{
    char sep = ':';
    buf_printf(out, "%s%s%s:", word_of(rule->ops), rule->target[0] != '\0' ? "@" : "", rule->target);
    if (rule->kind == CLOUD_FAULT_STATUS)
        buf_printf(out, "%u", rule->status);
    else
        buf_append_str(out, KINDS[rule->kind]);
    if (rule->p < 1)
        buf_printf(out, "%cp=%g", next_sep(&sep), rule->p);
    if (rule->every > 0)
        buf_printf(out, "%cevery=%" PRIu64, next_sep(&sep), rule->every);
    if (rule->first > 0)
        buf_printf(out, "%cfirst=%" PRIu64, next_sep(&sep), rule->first);
    if (rule->from_us > 0)
        buf_printf(out, "%cfrom=%g", next_sep(&sep), (double) rule->from_us / (double) US_PER_S);
    if (rule->until_us != US_NEVER)
        buf_printf(out, "%cuntil=%g", next_sep(&sep), (double) rule->until_us / (double) US_PER_S);
    if (rule->retry_after_s > 0)
        buf_printf(out, "%cretry_after=%u", next_sep(&sep), rule->retry_after_s);
    if (rule->delay_max_us > 0)
        buf_printf(out, "%cms=%g-%g", next_sep(&sep), (double) rule->delay_min_us / (double) US_PER_MS,
                   (double) rule->delay_max_us / (double) US_PER_MS);
}

bool cloud_fault_rules_match(const struct cloud_fault_rule *rule, enum cloud_fault_op op, struct bytes target)
{
    if ((rule->ops & 1u << op) == 0)
        return false;
    struct bytes want = bytes_str(rule->target);
    if (want.len == 0 || bytes_eq(want, target))
        return true;
    return target.len > want.len && bytes_ends(target, want) && target.ptr[target.len - want.len - 1] == '/';
}
