/* Credentials of a person (`gcloud auth application-default login`): a refresh token (RFC 6749, 6). */
#include "auth/source.h"
#include "net/percent.h"

bool auth_source_load_authorized_user(struct auth_source *a, const struct json_node *root, struct err *err)
{
    const char *path = buf_str(&a->path);
    TRY(auth_source_take(root, "client_id", true, &a->client_id, path, err));
    TRY(auth_source_take(root, "client_secret", true, &a->client_secret, path, err));
    TRY(auth_source_take(root, "refresh_token", true, &a->refresh_token, path, err));
    return a->quota_project.len > 0 || auth_source_take(root, "quota_project_id", false, &a->quota_project, path, err);
}

void auth_source_fetch_authorized_user(struct auth_source *a)
{
    CLEANUP(buf_fini) struct buf form = { 0 };
    buf_append_str(&form, "grant_type=refresh_token&client_id=");
    percent_encode(buf_bytes(&a->client_id), &form);
    buf_append_str(&form, "&client_secret=");
    percent_encode(buf_bytes(&a->client_secret), &form);
    buf_append_str(&form, "&refresh_token=");
    percent_encode(buf_bytes(&a->refresh_token), &form);
    auth_source_post_form(a, buf_bytes(&form));
}
