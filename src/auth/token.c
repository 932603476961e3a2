#include "auth/token.h"

#include "auth/source.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "json/doc.h"
#include "net/header.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define DEFAULT_SCOPE     "https://www.googleapis.com/auth/cloud-platform"
#define DEFAULT_TOKEN_URL "https://oauth2.googleapis.com/token"
#define DEFAULT_METADATA  "metadata.google.internal"

static const char *const names[AUTH_KINDS] = {
    [AUTH_NONE] = "none", [AUTH_TOKEN_FILE] = "token_file", [AUTH_TOKEN_COMMAND] = "token_command",
    [AUTH_SERVICE_ACCOUNT] = "service_account", [AUTH_METADATA] = "metadata",
    [AUTH_AUTHORIZED_USER] = "authorized_user", [AUTH_IMPERSONATED] = "impersonated_service_account",
};

static void nothing_to_fetch(struct auth_source *a);

static void (*const fetch[AUTH_KINDS])(struct auth_source *a) = {
    [AUTH_NONE] = nothing_to_fetch,
    [AUTH_TOKEN_FILE] = auth_source_fetch_file,
    [AUTH_TOKEN_COMMAND] = auth_source_fetch_command,
    [AUTH_SERVICE_ACCOUNT] = auth_source_fetch_service_account,
    [AUTH_METADATA] = auth_source_fetch_metadata,
    [AUTH_AUTHORIZED_USER] = auth_source_fetch_authorized_user,
    [AUTH_IMPERSONATED] = auth_source_fetch_impersonated,
};

const char *auth_kind_name(enum auth_kind k)
{
    CHECK((unsigned) k < AUTH_KINDS);
    return names[k];
}

/* ---- refreshing ---- */

/* Watchers hear it from the task, never inside the call that asked. */
static void tell_later(struct auth_source *a, const struct err *end)
{
    a->end = *end;
    a->told = true;
    loop_task_post(a->loop, &a->task);
}

static void tell(struct loop_task *t)
{
    struct auth_source *a = CONTAINER_OF(t, struct auth_source, task);
    struct err end = a->end;
    a->told = false;
    for (struct list_link *l = a->watchers.head.next, *next; l != &a->watchers.head; l = next) {
        struct auth_watcher *w = CONTAINER_OF(l, struct auth_watcher, link);
        next = l->next;
        w->fn(w, a->gen, &end);
    }
}

static void nothing_to_fetch(struct auth_source *a)
{
    static const struct err fine = { .class = ERR_OK };
    a->refreshing = false;
    tell_later(a, &fine);
}

static bool is_good(const struct auth_source *a)
{
    return a->bearer.len > 0 && loop_now(a->loop) < a->ends_us;
}

static void begin(struct auth_source *a)
{
    if (a->refreshing)
        return;
    a->refreshing = true;
    fetch[a->kind](a);
}

void auth_refresh(struct auth_source *a, uint32_t gen)
{
    static const struct err fine = { .class = ERR_OK };
    if (a->gen > gen && is_good(a))
        tell_later(a, &fine);
    else
        begin(a);
}

static void on_timer(struct loop_timer *t)
{
    begin(CONTAINER_OF(t, struct auth_source, timer));
}

void auth_source_wipe(struct buf *b)
{
    if (b->ptr != NULL)
        OPENSSL_cleanse(b->ptr, b->cap);
    buf_fini(b);
}

void auth_source_got(struct auth_source *a, struct bytes token, int64_t life_s, int64_t look_s)
{
    struct err end = { .class = ERR_OK };
    us_t now = loop_now(a->loop);
    bool same = bytes_eq(token, buf_bytes(&a->bearer));
    token = bytes_trim(token);
    if (token.len == 0 || token.len > LIMIT_TOKEN_LEN || !net_header_value_ok(token) ||
        bytes_find(token, 0, ' ') < token.len || life_s <= 0) {
        FAIL(&end, BAD_REPLY, "%s: what came is no token", auth_kind_name(a->kind));
        auth_source_failed(a, &end);
        return;
    }
    a->refreshing = false;
    a->ends_us = now + MIN(life_s, (int64_t) 86400) * US_PER_S;
    if (!same) {
        auth_source_wipe(&a->bearer);
        buf_append(&a->bearer, token);
        a->gen++;
    }
    /* A metadata server may hand out a token that is nearly over: not to be asked in a tight circle. */
    us_t look_us = look_s > 0 ? now + look_s * US_PER_S : a->ends_us - AUTH_EARLY_S * US_PER_S;
    loop_timer_set(a->loop, &a->timer, MAX(look_us, now + LIMIT_TOKEN_AGAIN_S * US_PER_S));
    if (same)
        FAIL(&end, UNAUTHENTICATED, "%s: the token is still the one that there was", auth_kind_name(a->kind));
    tell_later(a, &end);
}

void auth_source_failed(struct auth_source *a, const struct err *err)
{
    us_t again_us = loop_now(a->loop) + LIMIT_TOKEN_AGAIN_S * US_PER_S;
    a->refreshing = false;
    loop_timer_set(a->loop, &a->timer, is_good(a) && again_us < a->ends_us ? again_us : US_NEVER);
    tell_later(a, err);
}

struct auth_token auth_token_now(const struct auth_source *a)
{
    return (struct auth_token) {
        .bearer = is_good(a) ? buf_bytes(&a->bearer) : bytes_of(NULL, 0),
        .gen = a->gen,
        .ends_us = a->ends_us,
    };
}

/* ---- watching ---- */

void auth_watch(struct auth_source *a, struct auth_watcher *w)
{
    list_push_back(&a->watchers, &w->link);
}

void auth_unwatch(struct auth_source *a, struct auth_watcher *w)
{
    if (list_is_linked(&w->link))
        list_remove(&a->watchers, &w->link);
}

/* ---- life ---- */

/* https, or http to this machine: a token server of a test. */
static bool is_url_allowed(struct bytes url)
{
    static const char *const heads[] = { "https://", "http://127.0.0.1:", "http://[::1]:", "http://localhost:" };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (bytes_starts(url, bytes_str(heads[i])))
            return net_header_value_ok(url) && bytes_find(url, 0, ' ') == url.len;
    return false;
}

/* A host, and a port perhaps: nothing that could turn the URL made from it into another. */
static bool is_host_allowed(struct bytes host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && c != '.' && c != '-' && c != ':' && c != '[' && c != ']')
            return false;
    }
    return host.len > 0 && host.len < 256;
}

static void set(struct buf *b, const char *text, const char *otherwise)
{
    buf_append_str(b, text != NULL && text[0] != '\0' ? text : otherwise);
}

static struct auth_source *make(struct loop *l, struct http_cold *cold, const struct auth_conf *conf, const struct json_node *root,
                                struct err *err);

static bool load_doc(struct auth_source *a, const struct auth_conf *conf, const struct json_node *root, struct err *err)
{
    const char *type = json_doc_str(json_doc_get(root, "type"), "");
    if (strcmp(type, auth_kind_name(a->kind)) != 0)
        return FAIL(err, CONFIG, "%s: not credentials of type %s", buf_str(&a->path), auth_kind_name(a->kind));
    if (a->kind == AUTH_SERVICE_ACCOUNT)
        return auth_source_load_service_account(a, root, err);
    if (a->kind == AUTH_AUTHORIZED_USER)
        return auth_source_load_authorized_user(a, root, err);
    struct auth_conf own = *conf;
    const struct json_node *inner = json_doc_get(root, "source_credentials");
    bool is_key = strcmp(json_doc_str(json_doc_get(inner, "type"), ""), "service_account") == 0;
    own.kind = is_key ? AUTH_SERVICE_ACCOUNT : AUTH_AUTHORIZED_USER;
    a->base = make(a->loop, a->cold, &own, inner, err);
    return a->base != NULL && auth_source_load_impersonated(a, root, err);
}

static bool load(struct auth_source *a, const struct auth_conf *conf, const struct json_node *root, struct err *err)
{
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = NULL;
    if (!is_url_allowed(buf_bytes(&a->token_url)))
        return FAIL(err, CONFIG, "the token server must be an https:// address");
    if (!is_host_allowed(buf_bytes(&a->metadata_host)))
        return FAIL(err, CONFIG, "the metadata server (GCE_METADATA_HOST) must be host or host:port");
    if (a->kind == AUTH_SERVICE_ACCOUNT || a->kind == AUTH_AUTHORIZED_USER || a->kind == AUTH_IMPERSONATED) {
        if (root == NULL && !auth_source_read_doc(buf_str(&a->path), &doc, err))
            return false;
        return load_doc(a, conf, root != NULL ? root : json_doc_root(doc), err);
    }
    if ((a->kind == AUTH_TOKEN_FILE || a->kind == AUTH_TOKEN_COMMAND) && a->path.len == 0)
        return FAIL(err, CONFIG, "%s: the path is missing", auth_kind_name(a->kind));
    return true;
}

static struct auth_source *begin_source(struct loop *l, struct http_cold *cold, const struct auth_conf *conf, enum auth_kind kind)
{
    struct auth_source *a = mem_alloc(sizeof(*a));
    a->loop = l;
    a->cold = cold;
    a->kind = kind;
    a->exchange = conf->exchange;
    a->timer.fn = on_timer;
    a->task.fn = tell;
    list_init(&a->watchers);
    set(&a->path, conf->path, "");
    set(&a->scope, conf->scope, DEFAULT_SCOPE);
    set(&a->audience, conf->audience, "");
    set(&a->token_url, conf->token_url, DEFAULT_TOKEN_URL);
    set(&a->metadata_host, conf->metadata_host, DEFAULT_METADATA);
    set(&a->quota_project, conf->quota_project, "");
    return a;
}

static struct auth_source *make(struct loop *l, struct http_cold *cold, const struct auth_conf *conf, const struct json_node *root,
                                struct err *err)
{
    struct auth_source *a = begin_source(l, cold, conf, conf->kind);
    bool ok = load(a, conf, root, err);
    if (a->base != NULL)
        auth_source_watch_base(a);
    if (ok)
        return a;
    auth_source_free(a);
    return NULL;
}

struct auth_source *auth_source_make(struct loop *l, struct http_cold *cold, const struct auth_conf *conf, struct err *err)
{
    if (conf->impersonate == NULL || conf->impersonate[0] == '\0' || conf->kind == AUTH_NONE)
        return make(l, cold, conf, NULL, err);
    struct auth_source *base = make(l, cold, conf, NULL, err);
    if (base == NULL)
        return NULL;
    struct auth_source *a = begin_source(l, cold, conf, AUTH_IMPERSONATED);
    a->base = base;
    auth_source_watch_base(a);
    if (a->quota_project.len == 0)
        buf_append(&a->quota_project, buf_bytes(&base->quota_project));
    if (auth_source_impersonate(a, bytes_of(NULL, 0), bytes_str(conf->impersonate), err))
        return a;
    auth_source_free(a);
    return NULL;
}

void auth_source_free(struct auth_source *a)
{
    if (a == NULL)
        return;
    CHECK(list_is_empty(&a->watchers));
    if (a->call != NULL)
        http_cold_cancel(a->call);
    auth_source_stop_command(a);
    if (a->base != NULL)
        auth_unwatch(a->base, &a->base_watcher);
    auth_source_free(a->base);
    loop_timer_stop(a->loop, &a->timer);
    loop_task_cancel(a->loop, &a->task);
    EVP_PKEY_free(a->key);
    struct buf *const all[] = {
        &a->path, &a->scope, &a->audience, &a->token_url, &a->metadata_host, &a->quota_project, &a->email,
        &a->key_id, &a->client_id, &a->client_secret, &a->refresh_token, &a->bearer, &a->iam_url, &a->delegates,
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        auth_source_wipe(all[i]);
    mem_free(a);
}

enum auth_kind auth_source_kind(const struct auth_source *a)
{
    return a->kind;
}

struct bytes auth_source_quota_project(const struct auth_source *a)
{
    return buf_bytes(&a->quota_project);
}

const char *auth_source_account(const struct auth_source *a)
{
    return a->email.ptr != NULL ? a->email.ptr : "";
}
