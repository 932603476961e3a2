#include "beam/dofn.h"

#include "base/limits.h"

static const char *const names[] = { "shards", "pull", "create", "log", "fetch", "ingest", "dead_fetch", "dead_ingest" };

const char *beam_do_name(enum beam_do what)
{
    return names[what];
}

static bool find_do(struct bytes word, enum beam_do *ret_what, struct err *err)
{
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_eq_str(word, names[i])) {
            *ret_what = (enum beam_do) i;
            return true;
        }
    return FAIL(err, BAD_INPUT, "a step of the pipeline asks for a function that this version does not have; submit it with "
                                "this version of hl7relay");
}

static bool number(const struct json_value *v, const char *what, uint64_t least, uint64_t most, uint64_t *ret_n, struct err *err)
{
    uint64_t n;
    if (v->kind != JSON_NUMBER || !bytes_to_u64(v->raw, &n) || n < least || n > most)
        return FAIL(err, BAD_INPUT, "a step's `%s` is no whole number from %llu to %llu", what, (unsigned long long) least,
                    (unsigned long long) most);
    *ret_n = n;
    return true;
}

static bool strings(const struct json_value *array)
{
    struct json_cursor c = json_cursor_of(array);
    struct json_value v;
    if (array->kind != JSON_ARRAY)
        return false;
    while (json_next(&c, NULL, &v))
        if (v.kind != JSON_STRING)
            return false;
    return true;
}

bool beam_dofn_parse(struct bytes text, struct beam_dofn *ret_dofn, struct err *err)
{
    enum { DO, V, RUNNER, ATTRIBUTES, SETTINGS, SHARDS, NAMES, MESSAGES, OPEN };
    struct json_field f[] = {
        [DO] = { "do" }, [V] = { "v" }, [RUNNER] = { "runner" }, [ATTRIBUTES] = { "with_attributes" },
        [SETTINGS] = { "settings" }, [SHARDS] = { "shards" }, [NAMES] = { "names" }, [MESSAGES] = { "messages" },
        [OPEN] = { "open_ms" },
    };
    struct beam_dofn d = { 0 };
    uint64_t n = 0;
    if (!json_scan_object(text, f, ARRAY_LEN(f), err))
        return err_wrap(err, "what a step of the pipeline carries is not ours");
    TRY(find_do(f[DO].value.kind == JSON_STRING ? f[DO].value.raw : BYTES_LIT(""), &d.what, err));
    TRY(number(&f[V].value, "v", 1, 1, &n, err));
    if (f[RUNNER].value.kind != JSON_STRING || !beam_runner_find(f[RUNNER].value.raw, &d.runner))
        return FAIL(err, BAD_INPUT, "a step of the pipeline names a runner that this version does not know");
    d.with_attributes = f[ATTRIBUTES].value.kind == JSON_TRUE;
    if (f[SETTINGS].value.kind == JSON_OBJECT)
        d.settings = f[SETTINGS].value.raw;
    if (f[MESSAGES].value.kind != JSON_NONE)
        TRY(number(&f[MESSAGES].value, "messages", 0, UINT64_MAX, &d.messages, err));
    if (f[OPEN].value.kind != JSON_NONE)
        TRY(number(&f[OPEN].value, "open_ms", 1, INT32_MAX, &d.open_ms, err));
    if (d.what == BEAM_DO_SHARDS) {
        TRY(number(&f[SHARDS].value, "shards", 1, BEAM_SHARDS_MAX, &n, err));
        d.shards = (uint32_t) n;
    }
    if (d.what == BEAM_DO_CREATE && !strings(&f[NAMES].value))
        return FAIL(err, BAD_INPUT, "the step `create` has no list of names");
    d.names = f[NAMES].value;
    bool moves = d.what == BEAM_DO_FETCH || d.what == BEAM_DO_INGEST || d.what == BEAM_DO_PULL;
    if (moves && d.settings.len == 0)
        return FAIL(err, BAD_INPUT, "the step `%s` carries no settings", beam_do_name(d.what));
    *ret_dofn = d;
    return true;
}
