/* Credentials of a person (`gcloud auth application-default login`): a refresh token (RFC 6749, 6). */
#include "auth/source.h"
#include "json/doc.h"
#include "net/percent.h"

static bool get(const struct json_node *root, const char *key, struct buf *out, const char *path, struct err *err)
{
    const char *text = json_doc_str(json_doc_get(root, key), "");
    if (text[0] == '\0')
        return FAIL(err, CONFIG, "%s: \"%s\" is missing", path, key);
    buf_append_str(out, text);
    return true;
}

bool auth_source_load_authorized_user(struct auth_source *a, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    const char *path = buf_str(&a->path);
    TRY(auth_source_read_file(path, true, &text, err));
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = json_doc_parse(buf_bytes(&text), err);
    if (doc == NULL) {
        err->class = ERR_CONFIG;
        return err_wrap(err, "%s", path);
    }
    const struct json_node *root = json_doc_root(doc);
    if (strcmp(json_doc_str(json_doc_get(root, "type"), ""), "authorized_user") != 0)
        return FAIL(err, CONFIG, "%s: not the credentials of a user", path);
    TRY(get(root, "client_id", &a->client_id, path, err));
    TRY(get(root, "client_secret", &a->client_secret, path, err));
    TRY(get(root, "refresh_token", &a->refresh_token, path, err));
    if (a->quota_project.len == 0)
        buf_append_str(&a->quota_project, json_doc_str(json_doc_get(root, "quota_project_id"), ""));
    return true;
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
