/*
 * Acting as another service account: its token is asked of iamcredentials
 * (projects.serviceAccounts.generateAccessToken) with a token of our own.
 *
 *   base ── token ──► POST .../serviceAccounts/EMAIL:generateAccessToken ──► token
 *
 * The address is built here from the account's e-mail; of the address in a file
 * nothing but that, and a host that is on the list, is taken (a file may come
 * from anywhere, and our own token goes there).
 */
#include "auth/source.h"
#include "base/check.h"
#include "base/limits.h"
#include "json/doc.h"
#include "json/write.h"
#include "loop/clock.h"

#define IAM_HOST   "https://iamcredentials.googleapis.com"
#define IAM_MIDDLE "/v1/projects/-/serviceAccounts/"
#define IAM_VERB   ":generateAccessToken"

enum { IAM_LIFE_S = 3600, DELEGATES_MAX = 8 };

static bool is_email(struct bytes s)
{
    size_t at = bytes_find(s, 0, '@');
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && c != '-' && c != '.' && i != at)
            return false;
    }
    return at > 0 && at + 1 < s.len && s.len < 256;
}

bool auth_source_impersonate(struct auth_source *a, struct bytes host, struct bytes email, struct err *err)
{
    if (!is_email(email))
        return FAIL(err, CONFIG, "the service account to act as must be an e-mail address such as relay@PROJECT.iam.gserviceaccount.com");
    buf_append(&a->email, email);
    if (host.len == 0)
        host = BYTES_LIT(IAM_HOST);
    buf_append(&a->iam_url, host);
    buf_append_str(&a->iam_url, IAM_MIDDLE);
    buf_append(&a->iam_url, email);
    buf_append_str(&a->iam_url, IAM_VERB);
    return true;
}

/* Google's host, or this machine: a stand-in of a test. */
static bool is_host_allowed(struct bytes host)
{
    return bytes_eq_str(host, IAM_HOST) || bytes_starts(host, BYTES_LIT("http://127.0.0.1:")) ||
           bytes_starts(host, BYTES_LIT("http://localhost:")) || bytes_starts(host, BYTES_LIT("http://[::1]:"));
}

static bool read_url(struct auth_source *a, struct bytes url, struct err *err)
{
    size_t middle = 0, verb = strlen(IAM_VERB);
    while (middle < url.len && !bytes_starts(bytes_sub(url, middle, SIZE_MAX), BYTES_LIT(IAM_MIDDLE)))
        middle++;
    struct bytes host = bytes_sub(url, 0, middle), email = bytes_sub(url, middle + strlen(IAM_MIDDLE), SIZE_MAX);
    if (!bytes_ends(url, BYTES_LIT(IAM_VERB)) || email.len < verb || !is_host_allowed(host))
        return FAIL(err, CONFIG, "%s: \"service_account_impersonation_url\" is not one of %s", buf_str(&a->path), IAM_HOST);
    return auth_source_impersonate(a, host, bytes_sub(email, 0, email.len - verb), err);
}

static bool read_delegates(struct auth_source *a, const struct json_node *list, struct err *err)
{
    size_t count = 0;
    struct json_writer w = json_write_to(&a->delegates);
    json_write_array(&w, NULL);
    for (const struct json_node *n = json_doc_first(list); n != NULL; n = json_doc_next(n)) {
        struct bytes name = bytes_str(json_doc_str(n, "")), rest = name;
        if (++count > DELEGATES_MAX || !bytes_starts(rest, BYTES_LIT("projects/-/serviceAccounts/")) ||
            !is_email(bytes_sub(rest, strlen("projects/-/serviceAccounts/"), SIZE_MAX)))
            return FAIL(err, CONFIG, "%s: \"delegates\" must be at most %d names such as projects/-/serviceAccounts/EMAIL",
                        buf_str(&a->path), DELEGATES_MAX);
        json_write_str(&w, NULL, name);
    }
    json_write_end(&w);
    return true;
}

bool auth_source_load_impersonated(struct auth_source *a, const struct json_node *root, struct err *err)
{
    TRY(read_url(a, bytes_str(json_doc_str(json_doc_get(root, "service_account_impersonation_url"), "")), err));
    TRY(read_delegates(a, json_doc_get(root, "delegates"), err));
    return a->quota_project.len > 0 || auth_source_take(root, "quota_project_id", false, &a->quota_project, buf_str(&a->path), err);
}

/* ---- the call ---- */

static void fail(struct auth_source *a, uint16_t status)
{
    struct err err;
    const char *account = buf_str(&a->email);
    if (status == 403 || status == 404)
        err_set(&err, ERR_FORBIDDEN, "iamcredentials answered HTTP %u: %s is not there, or we may not act as it; grant us "
                "roles/iam.serviceAccountTokenCreator on it", status, account);
    else if (status == 401)
        err_set(&err, ERR_UNAUTHENTICATED, "iamcredentials does not accept our own token, with which we would act as %s", account);
    else
        err_set(&err, status == 429 ? ERR_THROTTLED : status == 408 || status >= 500 ? ERR_TRANSIENT : status >= 300 && status < 400 ?
                ERR_REDIRECTED : ERR_NOT_API, "iamcredentials answered HTTP %u when asked for a token of %s", status, account);
    err.reach = ANSWERED;
    err.http = status;
    auth_source_failed(a, &err);
}

static void on_reply(void *ctx, const struct http_cold_reply *reply)
{
    struct auth_source *a = ctx;
    struct json_field f[] = { { "accessToken", { 0 } }, { "expireTime", { 0 } } };
    struct err err;
    us_t ends_wall;
    a->call = NULL;
    if (reply->err.class != ERR_OK) {
        err = reply->err;
        err_wrap(&err, "acting as %s", buf_str(&a->email));
        auth_source_failed(a, &err);
    } else if (reply->status != 200) {
        if (reply->status == 401)
            a->base_refused = a->base_used;
        fail(a, reply->status);
    } else if (!json_scan_object(reply->body, f, 2, NULL) || f[0].value.kind != JSON_STRING || f[0].value.escaped ||
               f[1].value.kind != JSON_STRING || !clock_parse_rfc3339(f[1].value.raw.ptr, f[1].value.raw.len, &ends_wall)) {
        err_set(&err, ERR_BAD_REPLY, "the reply of iamcredentials holds no token with an end");
        err.reach = ANSWERED;
        auth_source_failed(a, &err);
    } else {
        auth_source_got(a, f[0].value.raw, (ends_wall - loop_wall(a->loop)) / US_PER_S, 0);
    }
}

static void put_body(const struct auth_source *a, struct buf *out)
{
    struct json_writer w = json_write_to(out);
    json_write_object(&w, NULL);
    if (a->delegates.len > 2)
        json_write_raw(&w, "delegates", buf_bytes(&a->delegates));
    json_write_array(&w, "scope");
    for (struct bytes rest = buf_bytes(&a->scope); rest.len > 0;)
        json_write_str(&w, NULL, bytes_cut(&rest, ' '));
    json_write_end(&w);
    json_write_str(&w, "lifetime", BYTES_LIT("3600s"));
    json_write_end(&w);
}

static void ask(struct auth_source *a, struct auth_token base)
{
    CLEANUP(buf_fini) struct buf body = { 0 }, bearer = { 0 };
    buf_printf(&bearer, "Authorization: Bearer %.*s", BYTES_FMT(base.bearer));
    put_body(a, &body);
    const char *const headers[] = { buf_str(&bearer), "Content-Type: application/json", "Accept: application/json", NULL };
    struct http_cold_request req = {
        .method = "POST", .url = buf_str(&a->iam_url), .headers = headers, .body = buf_bytes(&body),
        .reply_max = LIMIT_KEY_FILE, .timeout_us = AUTH_CALL_S * US_PER_S,
        .no_proxy = bytes_starts(buf_bytes(&a->iam_url), BYTES_LIT("http://")),
    };
    a->base_used = base.gen;
    a->call = http_cold_start(a->cold, &req, on_reply, a);
    auth_source_wipe(&bearer);
}

static void on_base(struct auth_watcher *w, uint32_t gen UNUSED, const struct err *err)
{
    struct auth_source *a = CONTAINER_OF(w, struct auth_source, base_watcher);
    struct auth_token base = auth_token_now(a->base);
    if (!a->waits_for_base)
        return;    /* it refreshed by itself */
    a->waits_for_base = false;
    if (err->class == ERR_OK && base.bearer.len > 0) {
        ask(a, base);
        return;
    }
    struct err end = *err;
    err_wrap(&end, "acting as %s", buf_str(&a->email));
    auth_source_failed(a, &end);
}

void auth_source_watch_base(struct auth_source *a)
{
    a->base_watcher.fn = on_base;
    auth_watch(a->base, &a->base_watcher);
}

void auth_source_fetch_impersonated(struct auth_source *a)
{
    struct auth_token base = auth_token_now(a->base);
    CHECK(a->cold != NULL);
    if (base.bearer.len > 0 && base.gen > a->base_refused) {
        ask(a, base);
        return;
    }
    a->waits_for_base = true;
    auth_refresh(a->base, base.gen);
}
