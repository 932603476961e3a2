#include "beam/settings.h"

#include "net/host_port.h"

enum { DEPTH_MAX = 4, PART_MAX = 64 };

/* The objects that are open now: "dead_letter", "storm_guard". */
struct path {
    struct bytes part[DEPTH_MAX];
    size_t depth;
};

static struct path path_of(const char *name)
{
    struct path p = { 0 };
    for (struct bytes rest = bytes_str(name); bytes_find(rest, 0, '.') < rest.len && p.depth < DEPTH_MAX;)
        p.part[p.depth++] = bytes_cut(&rest, '.');
    return p;
}

static void go_to(struct json_writer *w, struct path *from, struct path to)
{
    size_t same = 0;
    while (same < from->depth && same < to.depth && bytes_eq(from->part[same], to.part[same]))
        same++;
    for (size_t i = from->depth; i > same; i--)
        json_write_end(w);
    for (size_t i = same; i < to.depth; i++) {
        char key[PART_MAX] = "";
        memcpy(key, to.part[i].ptr, MIN(to.part[i].len, sizeof(key) - 1));
        json_write_object(w, key);
    }
    *from = to;
}

static bool travels(const struct config *c, enum opt o)
{
    const struct opt_info *info = opt_info(o);
    bool required = (info->attributes & OPT_REQUIRED) != 0;
    if (!info->key || !opt_given(c->values, o) || o == OPT_status_listen || o == OPT_pubsub_endpoint || o == OPT_healthcare_endpoint)
        return false;
    return required || (info->group != OPT_G_RUNNER_GROUP && (info->attributes & (OPT_SECRET | OPT_NO_EFFECT | OPT_RUNNER)) == 0);
}

static void write_value(struct json_writer *w, const char *key, const struct config *c, enum opt o)
{
    const struct opt_value *v = opt_get(c->values, o);
    CLEANUP(buf_fini) struct buf text = { 0 };
    switch (opt_info(o)->type) {
    case OPT_BOOL:
        json_write_bool(w, key, v->b);
        return;
    case OPT_INT:
        json_write_int(w, key, v->i);
        return;
    case OPT_REAL:
        json_write_double(w, key, v->r);
        return;
    case OPT_LIST:
        json_write_array(w, key);
        for (size_t i = 0; i < v->list.count; i++)
            json_write_str(w, NULL, bytes_str(v->list.at[i]));
        json_write_end(w);
        return;
    case OPT_MAP:
        json_write_object(w, key);
        for (size_t i = 0; i < v->map.count; i++)
            json_write_str_key(w, bytes_str(v->map.key[i]), bytes_str(v->map.value[i]));
        json_write_end(w);
        return;
    case OPT_STR:
    case OPT_CHOICE:
    case OPT_DURATION:
    case OPT_SIZE:
        opt_show(c->values, o, &text);
        json_write_str(w, key, buf_bytes(&text));
    }
}

static void write_endpoint(struct json_writer *w, const char *key, const struct conf_endpoint *e, const char *usual)
{
    if (strcmp(e->host, usual) == 0 && e->port == 443)
        return;
    CLEANUP(buf_fini) struct buf url = { 0 };
    buf_append_str(&url, e->tls ? "https://" : "http://");
    host_port_write(e->host, e->port, &url);
    json_write_str(w, key, buf_bytes(&url));
}

void settings_write(const struct config *c, struct json_writer *w, const char *key)
{
    struct path at = { 0 };
    json_write_object(w, key);
    for (unsigned o = 0; o < OPTS; o++) {
        if (!travels(c, o))
            continue;
        const char *name = opt_info(o)->name, *last = strrchr(name, '.');
        go_to(w, &at, path_of(name));
        write_value(w, last != NULL ? last + 1 : name, c, o);
    }
    go_to(w, &at, (struct path) { 0 });
    write_endpoint(w, "pubsub_endpoint", &c->pubsub, "pubsub.googleapis.com");
    write_endpoint(w, "healthcare_endpoint", &c->healthcare, "healthcare.googleapis.com");
    json_write_end(w);
}
