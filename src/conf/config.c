#include "conf/config.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "conf/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_file(struct conf_work *w, const char *path, struct buf *out);
static void apply_sets(struct conf_work *w);
static void apply_environment(struct conf_work *w);
static void variable_name(enum opt o, struct buf *out);
static void set_given(struct conf_work *w, enum opt o, enum opt_source source, struct bytes text, const char *where);
static void fill(struct config *c);
static bool has_auth_secret(const struct opt_info *info, struct bytes text);

struct config *config_load(const struct conf_input *in, struct conf_faults *faults, struct err *err)
{
    const char *path = in->path;
    if (path == NULL && in->flags != NULL && opt_str(in->flags, OPT_config_path)[0] != '\0')
        path = opt_str(in->flags, OPT_config_path);
    if (path == NULL && in->env != NULL)
        path = in->env("HL7RELAY_CONFIG_PATH");
    struct conf_work w = { .in = in, .faults = faults, .path = path != NULL ? path : "" };
    *faults = (struct conf_faults) { 0 };
    CLEANUP(buf_fini) struct buf text = { 0 };
    if (path == NULL)
        conf_fault(&w, CONF_NO_PATH, NULL, "no configuration file was named");
    else if (read_file(&w, path, &text))
        return config_read(in, path, buf_bytes(&text), faults, err);
    return conf_end(&w, err), NULL;
}

struct config *config_read(const struct conf_input *in, const char *path, struct bytes text,
                           struct conf_faults *faults, struct err *err)
{
    struct conf_work w = { .in = in, .faults = faults, .path = path, .text = text, .values = opt_values_make() };
    *faults = (struct conf_faults) { 0 };
    conf_read_file(&w);
    apply_environment(&w);
    apply_sets(&w);
    if (in->flags != NULL)
        opt_merge(w.values, in->flags);
    struct config *c = mem_alloc(sizeof(*c));
    c->values = w.values;
    c->path = conf_own(c, bytes_str(path));
    struct sha256 sum = sha256_of(text);
    CLEANUP(buf_fini) struct buf hex = { 0 };
    sha256_hex(&sum, &hex);
    snprintf(c->sha256, sizeof(c->sha256), "%s", buf_str(&hex));
    fill(c);
    if (!w.unreadable)
        conf_check(&w, c);
    if (faults->count == 0)
        return c;
    conf_end(&w, err);
    config_free(c);
    return NULL;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->owned_count; i++)
        mem_free(c->owned[i]);
    mem_free(c->owned);
    opt_values_free((struct opt_values *) c->values);
    mem_free(c);
}

size_t config_restart_keys(const struct config *before, const struct config *after, const char **ret_names, size_t max)
{
    size_t count = 0;
    for (unsigned o = 0; o < OPTS; o++) {
        const struct opt_info *info = opt_info(o);
        if (!info->key || (info->attributes & OPT_RELOAD) != 0)
            continue;
        CLEANUP(buf_fini) struct buf a = { 0 }, b = { 0 };
        opt_show(before->values, o, &a);
        opt_show(after->values, o, &b);
        if (!bytes_eq(buf_bytes(&a), buf_bytes(&b)) && count < max)
            ret_names[count++] = info->name;
    }
    return count;
}

void *conf_keep(struct config *c, void *ptr)
{
    if (c->owned_count == c->owned_max) {
        c->owned_max = MAX(c->owned_max * 2, (size_t) 32);
        c->owned = mem_grow(c->owned, c->owned_max * sizeof(c->owned[0]));
    }
    c->owned[c->owned_count++] = ptr;
    return ptr;
}

const char *conf_own(struct config *c, struct bytes text)
{
    return conf_keep(c, mem_dup(text));
}

static bool read_file(struct conf_work *w, const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return conf_fault(w, CONF_NO_FILE, NULL, "%s cannot be opened: %s", path, strerror(errno));
    for (;;) {
        char *at = buf_reserve(out, 16384);
        ssize_t n = read(fd, at, 16384);
        if (n < 0 && errno == EINTR)
            continue;
        int why = errno;
        if (n <= 0) {
            close(fd);
            return n == 0 || conf_fault(w, CONF_NO_FILE, NULL, "%s cannot be read: %s", path, strerror(why));
        }
        out->len += (size_t) n;
        if (out->len > LIMIT_CONFIG_FILE) {
            close(fd);
            return conf_fault(w, CONF_FILE_TOO_LARGE, NULL, "%s is larger than %d bytes", path, LIMIT_CONFIG_FILE);
        }
    }
}

static void apply_sets(struct conf_work *w)
{
    if (w->in->flags == NULL)
        return;
    const struct opt_list *sets = &opt_get(w->in->flags, OPT_set)->list;
    for (size_t i = 0; i < sets->count; i++) {
        struct bytes rest = bytes_str(sets->at[i]);
        struct bytes name = bytes_cut(&rest, '=');
        enum opt o = opt_find_key(name);
        if (o == OPTS) {
            conf_fault(w, strchr(sets->at[i], '=') == NULL ? CONF_SET : CONF_UNKNOWN_KEY, NULL, "--set: %s \"%.*s\"",
                       strchr(sets->at[i], '=') == NULL ? "no KEY=VALUE:" : "unknown key", (int) MIN(name.len, (size_t) 60),
                       name.ptr);
            conf_suggest_key(w, BYTES_LIT(""), name);
            continue;
        }
        set_given(w, o, OPT_FROM_FLAG, rest, "--set");
    }
}

/* HL7RELAY_FLOW_RATE_LIMIT. Others of that prefix (Kubernetes makes some for a service of our name) are let be. */
static void apply_environment(struct conf_work *w)
{
    if (w->in->env == NULL)
        return;
    for (unsigned o = 0; o < OPTS; o++) {
        if (!opt_info(o)->key)
            continue;
        CLEANUP(buf_fini) struct buf name = { 0 };
        variable_name(o, &name);
        const char *text = w->in->env(buf_str(&name));
        if (text != NULL)
            set_given(w, o, OPT_FROM_ENV, bytes_str(text), buf_str(&name));
    }
}

static void variable_name(enum opt o, struct buf *out)
{
    buf_append_str(out, "HL7RELAY_");
    for (const char *c = opt_info(o)->name; *c != '\0'; c++)
        buf_append_char(out, *c == '.' ? '_' : *c >= 'a' && *c <= 'z' ? (char) (*c - 'a' + 'A') : *c);
}

static void set_given(struct conf_work *w, enum opt o, enum opt_source source, struct bytes text, const char *where)
{
    struct err why = { 0 };
    enum opt_wrong wrong = opt_set_text(w->values, o, source, text, &why);
    if (wrong == OPT_RIGHT)
        return;
    conf_fault(w, source == OPT_FROM_ENV ? CONF_ENVIRONMENT : conf_code_of(wrong), NULL, "%s: %s", where, why.text);
    if (wrong == OPT_WRONG_CHOICE && !has_auth_secret(opt_info(o), text))
        conf_suggest_choice(w, opt_info(o)->range, text);
}

static bool has_auth_secret(const struct opt_info *info, struct bytes text)
{
    return (info->attributes & OPT_SECRET) != 0 || text.len > 64;
}

#define FILL_STR(o)      opt_get(c->values, o)->s
#define FILL_CHOICE(o)   opt_get(c->values, o)->s
#define FILL_BOOL(o)     opt_get(c->values, o)->b
#define FILL_INT(o)      opt_get(c->values, o)->i
#define FILL_DURATION(o) opt_get(c->values, o)->i
#define FILL_SIZE(o)     (uint64_t) opt_get(c->values, o)->i
#define FILL_REAL(o)     opt_get(c->values, o)->r
#define FILL_LIST(o)     opt_get(c->values, o)->list
#define FILL_MAP(o)      opt_get(c->values, o)->map

static void fill(struct config *c)
{
#define KEY(field, name, type, def, range, attributes, group, arg, help) c->field = FILL_##type(OPT_##field);
#define FLAG(field, name, type, def, range, attributes, commands, arg, help)
#include "conf/options.def"
#undef KEY
#undef FLAG
}
