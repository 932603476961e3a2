/* Service-account key files: self-signed JWT (google.aip.dev/auth/4111), or one exchanged for a token (RFC 7523). */
#include "auth/jwt.h"
#include "auth/source.h"
#include "json/doc.h"

bool auth_source_load_service_account(struct auth_source *a, const struct json_node *root, struct err *err)
{
    const char *path = buf_str(&a->path);
    const char *universe = json_doc_str(json_doc_get(root, "universe_domain"), "googleapis.com");
    if (strcmp(universe, "googleapis.com") != 0)
        return FAIL(err, CONFIG, "%s: universe_domain other than googleapis.com: not in this version", path);
    TRY(auth_source_take(root, "client_email", true, &a->email, path, err));
    TRY(auth_source_take(root, "private_key_id", false, &a->key_id, path, err));
    if (a->quota_project.len == 0)
        TRY(auth_source_take(root, "quota_project_id", false, &a->quota_project, path, err));
    a->key = jwt_key_parse(bytes_str(json_doc_str(json_doc_get(root, "private_key"), "")), err);
    return a->key != NULL || err_wrap(err, "%s", path);
}

enum { JWT_LIFE_S = 3600 };    /* the longest that is accepted */

static bool make_jwt(struct auth_source *a, struct bytes audience, struct bytes scope, bool self_signed,
                     struct buf *out, struct err *err)
{
    int64_t now_s = loop_wall(a->loop) / US_PER_S;
    struct jwt_claims claims = {
        .key_id = buf_bytes(&a->key_id), .issuer = buf_bytes(&a->email), .audience = audience, .scope = scope,
        .issued_s = now_s, .ends_s = now_s + JWT_LIFE_S,
    };
    if (self_signed)
        claims.subject = claims.issuer;
    return jwt_sign(a->key, &claims, out, err);
}

static void fetch_self_signed(struct auth_source *a)
{
    CLEANUP(buf_fini) struct buf token = { 0 };
    struct err err;
    struct bytes none = { 0 }, audience = buf_bytes(&a->audience);
    if (make_jwt(a, audience, audience.len > 0 ? none : buf_bytes(&a->scope), true, &token, &err))
        auth_source_got(a, buf_bytes(&token), JWT_LIFE_S, 0);
    else
        auth_source_failed(a, &err);
}

void auth_source_fetch_service_account(struct auth_source *a)
{
    if (!a->exchange) {
        fetch_self_signed(a);
        return;
    }
    CLEANUP(buf_fini) struct buf form = { 0 };
    struct err err;
    buf_append_str(&form, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    /* aud is the constant address, wherever the call goes (as google-auth has it). */
    if (make_jwt(a, BYTES_LIT("https://oauth2.googleapis.com/token"), buf_bytes(&a->scope), false, &form, &err))
        auth_source_post_form(a, buf_bytes(&form));
    else
        auth_source_failed(a, &err);
}
