#include "cloud/discovery.h"

#include "base/check.h"
#include "base/limits.h"
#include "cloud/healthcare_schema.h"
#include "cloud/http_format.h"
#include "json/write.h"

static const char *const HEALTHCARE_SCOPES[] = { "https://www.googleapis.com/auth/cloud-healthcare",
                                                 "https://www.googleapis.com/auth/cloud-platform", NULL };

static const struct cloud_discovery_api HEALTHCARE = { "healthcare", "Cloud Healthcare API (local cloud)",
                                                       cloud_healthcare_methods, CLOUD_HC_METHODS,
                                                       HEALTHCARE_SCOPES };

/* One document being written. */
struct writing {
    const struct cloud_discovery_api *api;
    struct bytes version;
    struct json_writer w;
    const struct cloud_rest_schema *seen[LIMIT_CLOUD_SCHEMAS];
    size_t seen_count;
};

static void text(struct writing *x, const char *key, const char *value)
{
    json_write_str(&x->w, key, bytes_str(value));
}

/* --- schemas --- */

static void write_type(struct writing *x, const struct cloud_rest_property *p)
{
    static const struct {
        const char *type, *format;
    } table[] = {
        [CLOUD_REST_STRING] = { "string", NULL },
        [CLOUD_REST_BYTES] = { "string", "byte" },
        [CLOUD_REST_BOOL] = { "boolean", NULL },
        [CLOUD_REST_INT32] = { "integer", "int32" },
        [CLOUD_REST_INT64] = { "string", "int64" },
        [CLOUD_REST_TIME] = { "string", "google-datetime" },
        [CLOUD_REST_DURATION] = { "string", "google-duration" },
        [CLOUD_REST_MAP] = { "object", NULL },
        [CLOUD_REST_ANY] = { "object", NULL },
    };
    if (p->type == CLOUD_REST_OBJECT) {
        text(x, "$ref", p->of->name);
        return;
    }
    text(x, "type", table[p->type].type);
    if (table[p->type].format != NULL)
        text(x, "format", table[p->type].format);
    if (p->type != CLOUD_REST_MAP && p->type != CLOUD_REST_ANY)
        return;
    json_write_object(&x->w, "additionalProperties");
    if (p->of != NULL)
        text(x, "$ref", p->of->name);
    else
        text(x, "type", p->type == CLOUD_REST_MAP ? "string" : "any");
    json_write_end(&x->w);
}

static void write_property(struct writing *x, const struct cloud_rest_property *p)
{
    json_write_object(&x->w, p->name);
    if (p->repeated) {
        text(x, "type", "array");
        json_write_object(&x->w, "items");
    }
    write_type(x, p);
    if (p->repeated)
        json_write_end(&x->w);
    json_write_end(&x->w);
}

/* Notes a schema and those that it is made of, each once. */
static void note(struct writing *x, const struct cloud_rest_schema *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < x->seen_count; i++)
        if (x->seen[i] == s)
            return;
    CHECK(x->seen_count < LIMIT_CLOUD_SCHEMAS);
    x->seen[x->seen_count++] = s;
    for (size_t i = 0; i < s->count; i++)
        note(x, s->at[i].of);
}

static bool is_meant(const struct writing *x, const struct cloud_rest_method *m)
{
    return bytes_eq_str(x->version, m->version);
}

static void write_schemas(struct writing *x)
{
    for (size_t i = 0; i < x->api->count; i++)
        if (is_meant(x, &x->api->methods[i])) {
            note(x, x->api->methods[i].request);
            note(x, x->api->methods[i].response);
        }
    json_write_object(&x->w, "schemas");
    for (size_t i = 0; i < x->seen_count; i++) {
        const struct cloud_rest_schema *s = x->seen[i];
        json_write_object(&x->w, s->name);
        text(x, "id", s->name);
        text(x, "type", "object");
        text(x, "description", s->about);
        json_write_object(&x->w, "properties");
        for (size_t k = 0; k < s->count; k++)
            write_property(x, &s->at[k]);
        json_write_end(&x->w);
        json_write_end(&x->w);
    }
    json_write_end(&x->w);
}

/* --- methods --- */

/* "projects/{p}/locations/{l}" as a pattern "^projects/[^/]+/locations/[^/]+$", or as
 * "projects/{projectsId}/locations/{locationsId}". */
static void expand(struct bytes resource, bool pattern, struct buf *out)
{
    struct bytes word = { 0 };
    for (bool first = true; resource.len > 0; first = false) {
        struct bytes part = bytes_cut(&resource, '/');
        if (!first)
            buf_append_char(out, '/');
        if (part.ptr[0] != '{')
            buf_append(out, part);
        else if (pattern)
            buf_append_str(out, "[^/]+");
        else
            buf_printf(out, "{%.*sId}", BYTES_FMT(word));
        word = part;
    }
}

static void write_path_parameter(struct writing *x, const struct cloud_rest_method *m)
{
    CLEANUP(buf_fini) struct buf pattern = { 0 };
    buf_append_char(&pattern, '^');
    expand(bytes_str(m->resource), true, &pattern);
    buf_append_char(&pattern, '$');
    json_write_object(&x->w, m->param);
    text(x, "type", "string");
    text(x, "location", "path");
    json_write_bool(&x->w, "required", true);
    json_write_str(&x->w, "pattern", buf_bytes(&pattern));
    json_write_end(&x->w);
}

/* "pageSize:integer": a name and what it is, a string where nothing is said. */
static void write_query_parameter(struct writing *x, struct bytes word)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    struct bytes kind = word;
    buf_append(&name, bytes_cut(&kind, ':'));
    bool integer = bytes_eq_str(kind, "integer"), flag = bytes_eq_str(kind, "boolean");
    json_write_object(&x->w, buf_str(&name));
    text(x, "type", integer ? "integer" : flag ? "boolean" : "string");
    if (integer)
        text(x, "format", "int32");
    if (bytes_eq_str(kind, "mask"))
        text(x, "format", "google-fieldmask");
    if (bytes_eq_str(kind, "repeated"))
        json_write_bool(&x->w, "repeated", true);
    text(x, "location", "query");
    json_write_end(&x->w);
}

static void write_body(struct writing *x, const char *key, const struct cloud_rest_schema *s)
{
    if (s == NULL)
        return;
    json_write_object(&x->w, key);
    text(x, "$ref", s->name);
    json_write_end(&x->w);
}

static void write_paths(struct writing *x, const struct cloud_rest_method *m)
{
    CLEANUP(buf_fini) struct buf id = { 0 };
    CLEANUP(buf_fini) struct buf path = { 0 };
    CLEANUP(buf_fini) struct buf flat = { 0 };
    buf_printf(&id, "%s.%s.%s", x->api->name, m->place, m->name);
    buf_printf(&path, "%s/{+%s}%s", m->version, m->param, m->rest);
    buf_printf(&flat, "%s/", m->version);
    expand(bytes_str(m->resource), false, &flat);
    buf_append_str(&flat, m->rest);
    json_write_str(&x->w, "id", buf_bytes(&id));
    json_write_str(&x->w, "path", buf_bytes(&path));
    json_write_str(&x->w, "flatPath", buf_bytes(&flat));
}

static void write_method(struct writing *x, const struct cloud_rest_method *m)
{
    json_write_object(&x->w, m->name);
    write_paths(x, m);
    text(x, "httpMethod", m->verb);
    text(x, "description", m->about);
    json_write_array(&x->w, "parameterOrder");
    text(x, NULL, m->param);
    json_write_end(&x->w);
    json_write_object(&x->w, "parameters");
    write_path_parameter(x, m);
    struct bytes query = bytes_str(m->query);
    while (query.len > 0)
        write_query_parameter(x, bytes_cut(&query, ' '));
    json_write_end(&x->w);
    write_body(x, "request", m->request);
    write_body(x, "response", m->response);
    json_write_array(&x->w, "scopes");
    for (const char *const *s = x->api->scopes; *s != NULL; s++)
        text(x, NULL, *s);
    json_write_end(&x->w);
    json_write_end(&x->w);
}

/* The word of a place that follows prefix ("projects.locations" of "projects."); empty: the place ends there, or is
 * another one. */
static struct bytes word_after(const struct cloud_rest_method *m, struct bytes prefix)
{
    struct bytes place = bytes_str(m->place);
    if (!bytes_starts(place, prefix))
        return bytes_of(NULL, 0);
    struct bytes rest = bytes_sub(place, prefix.len, place.len);
    return bytes_cut(&rest, '.');
}

static bool was_before(const struct writing *x, size_t at, struct bytes prefix, struct bytes word)
{
    for (size_t i = 0; i < at; i++)
        if (is_meant(x, &x->api->methods[i]) && bytes_eq(word_after(&x->api->methods[i], prefix), word))
            return true;
    return false;
}

static void write_methods(struct writing *x, struct bytes place)
{
    bool any = false;
    for (size_t i = 0; i < x->api->count; i++) {
        const struct cloud_rest_method *m = &x->api->methods[i];
        if (!is_meant(x, m) || !bytes_eq_str(place, m->place))
            continue;
        if (!any)
            json_write_object(&x->w, "methods");
        any = true;
        write_method(x, m);
    }
    if (any)
        json_write_end(&x->w);
}

/* The resources below prefix ("" or "projects."), each with its methods and what is below it. */
static void write_resources(struct writing *x, struct bytes prefix)
{
    bool any = false;
    for (size_t i = 0; i < x->api->count; i++) {
        CLEANUP(buf_fini) struct buf below = { 0 };
        CLEANUP(buf_fini) struct buf name = { 0 };
        struct bytes word = word_after(&x->api->methods[i], prefix);
        if (!is_meant(x, &x->api->methods[i]) || word.len == 0 || was_before(x, i, prefix, word))
            continue;
        if (!any)
            json_write_object(&x->w, "resources");
        any = true;
        buf_append(&name, word);
        buf_append(&below, prefix);
        buf_append(&below, word);
        json_write_object(&x->w, buf_str(&name));
        write_methods(x, buf_bytes(&below));
        buf_append_char(&below, '.');
        write_resources(x, buf_bytes(&below));
        json_write_end(&x->w);
    }
    if (any)
        json_write_end(&x->w);
}

/* --- the whole --- */

static void write_common_parameters(struct writing *x)
{
    static const char *const names[] = { "$.xgafv", "access_token", "alt",       "callback",   "fields",
                                         "key",     "oauth_token",  "quotaUser", "uploadType", "upload_protocol" };
    json_write_object(&x->w, "parameters");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_write_object(&x->w, names[i]);
        text(x, "type", "string");
        text(x, "location", "query");
        json_write_end(&x->w);
    }
    json_write_object(&x->w, "prettyPrint");
    text(x, "type", "boolean");
    text(x, "default", "true");
    text(x, "location", "query");
    json_write_end(&x->w);
    json_write_end(&x->w);
}

static void write_auth(struct writing *x)
{
    json_write_object(&x->w, "auth");
    json_write_object(&x->w, "oauth2");
    json_write_object(&x->w, "scopes");
    for (const char *const *s = x->api->scopes; *s != NULL; s++) {
        json_write_object(&x->w, *s);
        text(x, "description", "Any token, or none, is taken here.");
        json_write_end(&x->w);
    }
    for (int i = 0; i < 3; i++)
        json_write_end(&x->w);
}

static void write_document(struct writing *x, struct bytes root)
{
    CLEANUP(buf_fini) struct buf id = { 0 };
    buf_printf(&id, "%s:%.*s", x->api->name, BYTES_FMT(x->version));
    json_write_object(&x->w, NULL);
    text(x, "kind", "discovery#restDescription");
    text(x, "discoveryVersion", "v1");
    json_write_str(&x->w, "id", buf_bytes(&id));
    text(x, "name", x->api->name);
    json_write_str(&x->w, "version", x->version);
    text(x, "title", x->api->title);
    text(x, "description", "What the local cloud has of this API.");
    text(x, "protocol", "rest");
    json_write_str(&x->w, "rootUrl", root);
    json_write_str(&x->w, "baseUrl", root);
    text(x, "servicePath", "");
    text(x, "basePath", "");
    json_write_bool(&x->w, "version_module", true);
    json_write_bool(&x->w, "fullyEncodeReservedExpansion", true);
    write_auth(x);
    write_common_parameters(x);
    write_resources(x, bytes_of("", 0));
    write_schemas(x);
    json_write_end(&x->w);
}

bool cloud_discovery_write(struct bytes api, struct bytes version, struct bytes root, struct buf *out)
{
    const struct cloud_discovery_api *known[] = { &HEALTHCARE, &cloud_pubsub_api };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        for (size_t k = 0; bytes_eq_str(api, known[i]->name) && k < known[i]->count; k++)
            if (bytes_eq_str(version, known[i]->methods[k].version)) {
                struct writing x = { .api = known[i], .version = version, .w = json_write_to(out) };
                write_document(&x, root);
                return true;
            }
    return false;
}

/* --- over HTTP --- */

/* Which API and version a request asks for. */
static void asked(const struct net_request *r, const struct query *q, struct bytes *ret_api,
                  struct bytes *ret_version)
{
    struct bytes rest = net_request_path(r), prefix = BYTES_LIT("/discovery/v1/apis/");
    if (bytes_starts(rest, prefix)) {
        rest = bytes_sub(rest, prefix.len, rest.len);
        *ret_api = bytes_cut(&rest, '/');
        *ret_version = bytes_cut(&rest, '/');
        return;
    }
    *ret_version = query_get(q, "version");
    *ret_api = query_get(q, "api");
    if (ret_api->len == 0)
        *ret_api = bytes_starts(net_request_authority(r), BYTES_LIT("pubsub")) ? BYTES_LIT("pubsub")
                                                                               : BYTES_LIT("healthcare");
}

static void handle(void *ctx UNUSED, struct net_request *r)
{
    static const struct net_header headers[] = {
        { { "content-type", 12 }, { "application/json; charset=UTF-8", 31 } }
    };
    CLEANUP(query_fini) struct query q = { 0 };
    CLEANUP(buf_fini) struct buf root = { 0 };
    CLEANUP(buf_fini) struct buf json = { 0 };
    CLEANUP(buf_fini) struct buf pretty = { 0 };
    struct bytes api, version, at = net_request_authority(r);
    bool readable = query_parse(net_request_query(r), &q);
    asked(r, &q, &api, &version);
    buf_printf(&root, "%s://%.*s/", net_request_is_tls(r) ? "https" : "http", BYTES_FMT(at));
    bool found = readable && cloud_discovery_write(api, version, buf_bytes(&root), &json);
    if (!found)
        buf_append_str(&json, "{\"error\":{\"code\":404,\"message\":\"There is no discovery document of this API "
                              "and version.\",\"status\":\"NOT_FOUND\"}}");
    if (!cloud_http_format_compact(&q))
        cloud_http_pretty(buf_bytes(&json), &pretty);
    net_reply_may_gzip(r);
    net_reply(r, found ? 200 : 404, headers, ARRAY_LEN(headers),
              buf_bytes(pretty.len > 0 ? &pretty : &json));
}

bool cloud_discovery_route(const struct net_request *r, struct net_route *ret_route)
{
    struct bytes path = net_request_path(r);
    bool own = bytes_eq_str(path, "/$discovery/rest") || bytes_eq_str(path, "/%24discovery/rest");
    bool all = bytes_starts(path, BYTES_LIT("/discovery/v1/apis/")) && bytes_ends(path, BYTES_LIT("/rest"));
    bool get = bytes_eq_str(net_request_method(r), "GET") || bytes_eq_str(net_request_method(r), "HEAD");
    if (!get || (!own && !all))
        return false;
    *ret_route = (struct net_route) { .kind = NET_BUFFERED, .body_max = LIMIT_SMALL_REPLY, .fn = handle };
    return true;
}
