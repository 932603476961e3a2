/* Calls to token servers, and what they answer: {"access_token":"...","expires_in":3599,"token_type":"Bearer"}. */
#include "auth/source.h"
#include "base/check.h"
#include "base/limits.h"
#include "json/scan.h"
#include "net/percent.h"

/* The error codes of RFC 6749 (5.2) and their kin; anything else a server says is not repeated. */
static const char *const known_errors[] = {
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "access_denied", "invalid_rapt", "org_internal", "admin_policy_enforced",
};

static const char *known_error(struct bytes body)
{
    struct json_field f[] = { { "error", { 0 } } };
    if (json_scan_object(body, f, 1, NULL))
        for (size_t i = 0; i < ARRAY_LEN(known_errors); i++)
            if (json_str_is(&f[0].value, known_errors[i]))
                return known_errors[i];
    return NULL;
}

static enum err_class class_of(uint16_t status, const char *code)
{
    if (status == 429)
        return ERR_THROTTLED;
    if (status == 408 || status >= 500)
        return ERR_TRANSIENT;
    if (status >= 300 && status < 400)
        return ERR_REDIRECTED;
    if (code != NULL || status == 401)
        return ERR_UNAUTHENTICATED;
    return status == 403 ? ERR_FORBIDDEN : ERR_NOT_API;
}

static void fail_with_status(struct auth_source *a, const struct http_cold_reply *reply)
{
    struct err err;
    const char *code = known_error(reply->body);
    err_set(&err, class_of(reply->status, code), "%s: the token server answered HTTP %u%s%s",
            auth_kind_name(a->kind), reply->status, code != NULL ? ", " : "", code != NULL ? code : "");
    err.reach = ANSWERED;
    err.http = reply->status;
    auth_source_failed(a, &err);
}

void auth_source_reply(struct auth_source *a, const struct http_cold_reply *reply)
{
    struct json_field f[] = { { "access_token", { 0 } }, { "expires_in", { 0 } } };
    struct err err;
    int64_t life_s;
    if (reply->err.class != ERR_OK) {
        err = reply->err;
        err_wrap(&err, "%s", auth_kind_name(a->kind));
        auth_source_failed(a, &err);
        return;
    }
    if (reply->status != 200) {
        fail_with_status(a, reply);
        return;
    }
    if (!json_scan_object(reply->body, f, 2, NULL) || f[0].value.kind != JSON_STRING || f[0].value.escaped ||
        !json_to_i64(&f[1].value, &life_s)) {
        FAIL(&err, BAD_REPLY, "%s: the reply of the token server holds no token", auth_kind_name(a->kind));
        err.reach = ANSWERED;
        auth_source_failed(a, &err);
        return;
    }
    auth_source_got(a, f[0].value.raw, life_s, 0);
}

static void on_reply(void *ctx, const struct http_cold_reply *reply)
{
    struct auth_source *a = ctx;
    a->call = NULL;
    auth_source_reply(a, reply);
}

void auth_source_post_form(struct auth_source *a, struct bytes form)
{
    static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded",
                                           "Accept: application/json", NULL };
    struct http_cold_request req = {
        .method = "POST", .url = buf_str(&a->token_url), .headers = headers, .body = form,
        .reply_max = LIMIT_KEY_FILE, .timeout_us = AUTH_CALL_S * US_PER_S,
        .no_proxy = bytes_starts(buf_bytes(&a->token_url), BYTES_LIT("http://")),
    };
    CHECK(a->cold != NULL);
    a->call = http_cold_start(a->cold, &req, on_reply, a);
}

/* ---- the metadata server of Google's machines ---- */

static void on_metadata(void *ctx, const struct http_cold_reply *reply)
{
    struct auth_source *a = ctx;
    a->call = NULL;
    if (reply->err.class == ERR_OK && !bytes_eq_str(reply->metadata_flavor, "Google")) {
        struct err err;
        FAIL(&err, NOT_API, "metadata: what answered at the metadata server's address is not one");
        err.reach = ANSWERED;
        auth_source_failed(a, &err);
        return;
    }
    auth_source_reply(a, reply);
}

void auth_source_fetch_metadata(struct auth_source *a)
{
    static const char *const headers[] = { "Metadata-Flavor: Google", NULL };
    CLEANUP(buf_fini) struct buf url = { 0 };
    buf_printf(&url, "http://%s/computeMetadata/v1/instance/service-accounts/default/token?scopes=",
               buf_str(&a->metadata_host));
    /* Scopes stand there separated by commas. */
    struct bytes rest = buf_bytes(&a->scope);
    for (bool first = true; rest.len > 0; first = false) {
        if (!first)
            buf_append_str(&url, "%2C");
        percent_encode(bytes_cut(&rest, ' '), &url);
    }
    struct http_cold_request req = {
        .method = "GET", .url = buf_str(&url), .headers = headers, .reply_max = LIMIT_KEY_FILE,
        .timeout_us = AUTH_CALL_S * US_PER_S, .no_proxy = true,
    };
    CHECK(a->cold != NULL);
    a->call = http_cold_start(a->cold, &req, on_metadata, a);
}
