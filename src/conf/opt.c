#include "conf/opt.h"

#include "base/check.h"
#include "base/mem.h"
#include "conf/opt_text.h"

/* Words of the table. */
enum {
    SEED = OPT_SEED,
    REQUIRED = OPT_REQUIRED,
    NO_EFFECT = OPT_NO_EFFECT,
    RUNNER = OPT_RUNNER,
    RELOAD = OPT_RELOAD,
    LATER = OPT_LATER,
    SECRET = OPT_SECRET,
    WHOLE = OPT_WHOLE, SELDOM = OPT_SELDOM,
    BUILT = 0
};

static const struct opt_info infos[] = {
#define KEY(field, name, type, def, range, attributes, group, arg, help) \
    { name, def, range, arg, help, OPT_##type, attributes, OPT_G_##group, C_CONFIG, true },
#define FLAG(field, name, type, def, range, attributes, commands, arg, help) \
    { name, def, range, arg, help, OPT_##type, attributes, OPT_G_FLAG, commands, false },
#include "conf/options.def"
#undef KEY
#undef FLAG
};

static const struct opt_command commands_table[] = {
#define COMMAND(name, word, built, args, summary, examples) { word, args, summary, examples, (built) == LATER },
#include "conf/commands.def"
#undef COMMAND
};

struct opt_values {
    struct opt_value at[OPTS];
    void **owned;
    size_t owned_count, owned_max;
};

static void *own(struct opt_values *v, void *ptr);
static const char *own_str(struct opt_values *v, struct bytes text);
static void append_item(struct opt_values *v, struct opt_list *list, struct bytes text);
static void append_pair(struct opt_values *v, struct opt_map *map, struct bytes key, struct bytes value);
static enum opt_wrong set_list(struct opt_values *v, enum opt o, enum opt_source source, struct bytes text, struct err *err);

const struct opt_command *opt_command(unsigned command)
{
    CHECK(command < COMMANDS);
    return &commands_table[command];
}

const struct opt_info *opt_info(enum opt o)
{
    CHECK(o < OPTS);
    return &infos[o];
}

const char *opt_group_word(enum opt_group g)
{
    static const char *const words[] = {
#define GROUP(name, word, title) word,
        OPT_GROUPS_TABLE(GROUP)
#undef GROUP
    };
    return words[g];
}

const char *opt_group_title(enum opt_group g)
{
    static const char *const titles[] = {
#define GROUP(name, word, title) title,
        OPT_GROUPS_TABLE(GROUP)
#undef GROUP
    };
    return titles[g];
}

struct opt_values *opt_values_make(void)
{
    struct opt_values *v = mem_alloc(sizeof(*v));
    for (unsigned o = 0; o < OPTS; o++) {
        struct err err = { 0 };
        v->at[o].s = "";
        if (opt_set_text(v, o, OPT_DEFAULT, bytes_str(infos[o].def), &err) != OPT_RIGHT)
            CHECK(!"a default in options.def cannot be read");
    }
    return v;
}

void opt_values_free(struct opt_values *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->owned_count; i++)
        mem_free(v->owned[i]);
    mem_free(v->owned);
    mem_free(v);
}

const struct opt_value *opt_get(const struct opt_values *v, enum opt o)
{
    CHECK(o < OPTS);
    return &v->at[o];
}

enum opt_wrong opt_set_text(struct opt_values *v, enum opt o, enum opt_source source, struct bytes text,
                            struct err *err)
{
    const struct opt_info *info = opt_info(o);
    if (info->type == OPT_LIST || info->type == OPT_MAP)
        return set_list(v, o, source, text, err);
    struct opt_value new = v->at[o];
    enum opt_wrong wrong = opt_text_read(info, text, source == OPT_DEFAULT, &new, err);
    if (wrong != OPT_RIGHT)
        return wrong;
    if (info->type == OPT_STR || info->type == OPT_CHOICE)
        new.s = own_str(v, text);
    new.source = source;
    new.line = new.column = 0;
    v->at[o] = new;
    return OPT_RIGHT;
}

void opt_place(struct opt_values *v, enum opt o, uint32_t line, uint32_t column)
{
    v->at[o].line = line;
    v->at[o].column = column;
}

void opt_merge(struct opt_values *to, const struct opt_values *from)
{
    for (unsigned o = 0; o < OPTS; o++) {
        const struct opt_value *value = &from->at[o];
        if (value->source == OPT_DEFAULT || value->source < to->at[o].source)
            continue;
        struct opt_value copy = *value;
        copy.s = infos[o].type == OPT_STR || infos[o].type == OPT_CHOICE ? own_str(to, bytes_str(value->s)) : "";
        copy.list = (struct opt_list) { 0 };
        copy.map = (struct opt_map) { 0 };
        for (size_t i = 0; i < value->list.count; i++)
            append_item(to, &copy.list, bytes_str(value->list.at[i]));
        for (size_t i = 0; i < value->map.count; i++)
            append_pair(to, &copy.map, bytes_str(value->map.key[i]), bytes_str(value->map.value[i]));
        to->at[o] = copy;
    }
}

void opt_show(const struct opt_values *v, enum opt o, struct buf *out)
{
    const struct opt_value *value = opt_get(v, o);
    const struct opt_info *info = opt_info(o);
    if (info->type == OPT_LIST)
        for (size_t i = 0; i < value->list.count; i++)
            buf_printf(out, "%s%s", i > 0 ? "," : "", value->list.at[i]);
    else if (info->type == OPT_MAP)
        for (size_t i = 0; i < value->map.count; i++)
            buf_printf(out, "%s%s=%s", i > 0 ? "," : "", value->map.key[i], value->map.value[i]);
    else
        opt_text_show(info, value, out);
}

enum opt opt_find_key(struct bytes name)
{
    for (unsigned o = 0; o < OPTS; o++)
        if (infos[o].key && bytes_eq_str(name, infos[o].name))
            return o;
    return OPTS;
}

enum opt opt_find_flag(unsigned command, struct bytes name)
{
    for (unsigned o = 0; o < OPTS; o++) {
        size_t i = 0;
        if ((infos[o].commands & (1u << command)) == 0 || strlen(infos[o].name) != name.len)
            continue;
        while (i < name.len && (name.ptr[i] == '-' ? '_' : name.ptr[i]) == infos[o].name[i])
            i++;
        if (i == name.len)
            return o;
    }
    return OPTS;
}

/* "a,b" or "[...]" of the table ("[]" and "{}" are empty); a repeat from the same source adds. */
static enum opt_wrong set_list(struct opt_values *v, enum opt o, enum opt_source source, struct bytes text, struct err *err)
{
    struct opt_value new = v->at[o];
    bool is_map = infos[o].type == OPT_MAP;
    if (source == OPT_DEFAULT && bytes_starts(text, BYTES_LIT("[")))
        text = bytes_sub(text, 1, text.len - 2);
    if (source == OPT_DEFAULT && bytes_starts(text, BYTES_LIT("{")))
        text = bytes_sub(text, 1, text.len - 2);
    if (new.source != source) {
        new.list = (struct opt_list) { 0 };
        new.map = (struct opt_map) { 0 };
    }
    bool whole = (infos[o].attributes & OPT_WHOLE) != 0;
    while (text.len > 0) {
        struct bytes item = text;
        if (whole)
            text = (struct bytes) { 0 };
        else
            item = bytes_trim(bytes_cut(&text, ','));
        if (source == OPT_DEFAULT && item.len >= 2 && item.ptr[0] == '"')
            item = bytes_sub(item, 1, item.len - 2);
        if (!is_map) {
            if (item.len > 0)
                append_item(v, &new.list, item);
            continue;
        }
        size_t eq = bytes_find(item, 0, '=');
        if (eq == 0 || eq == item.len) {
            err_set(err, ERR_CONFIG, "%s wants KEY=VALUE", infos[o].name);
            return OPT_WRONG_TYPE;
        }
        append_pair(v, &new.map, bytes_sub(item, 0, eq), bytes_sub(item, eq + 1, item.len));
    }
    new.source = source;
    new.line = new.column = 0;
    v->at[o] = new;
    return OPT_RIGHT;
}

static void append_item(struct opt_values *v, struct opt_list *list, struct bytes text)
{
    const char **at = own(v, mem_alloc_n(list->count + 1, sizeof(*at)));
    if (list->count > 0)
        memcpy(at, list->at, list->count * sizeof(*at));
    at[list->count] = own_str(v, text);
    list->at = at;
    list->count++;
}

static void append_pair(struct opt_values *v, struct opt_map *map, struct bytes key, struct bytes value)
{
    struct opt_list keys = { map->key, map->count }, values = { map->value, map->count };
    append_item(v, &keys, key);
    append_item(v, &values, value);
    *map = (struct opt_map) { keys.at, values.at, keys.count };
}

static void *own(struct opt_values *v, void *ptr)
{
    if (v->owned_count == v->owned_max) {
        v->owned_max = MAX(v->owned_max * 2, (size_t) 64);
        v->owned = mem_grow(v->owned, v->owned_max * sizeof(v->owned[0]));
    }
    v->owned[v->owned_count++] = ptr;
    return ptr;
}

static const char *own_str(struct opt_values *v, struct bytes text)
{
    return text.len > 0 ? own(v, mem_dup(text)) : "";
}
