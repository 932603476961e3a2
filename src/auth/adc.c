#include "auth/adc.h"

#include "auth/source.h"
#include "json/doc.h"

#include <stdlib.h>
#include <unistd.h>

struct auth_env auth_env_read(void)
{
    const char *host = getenv("GCE_METADATA_HOST");
    return (struct auth_env) {
        .credentials = getenv("GOOGLE_APPLICATION_CREDENTIALS"),
        .cloudsdk_config = getenv("CLOUDSDK_CONFIG"),
        .home = getenv("HOME"),
        .metadata_host = host != NULL && host[0] != '\0' ? host : getenv("GCE_METADATA_ROOT"),
        .quota_project = getenv("GOOGLE_CLOUD_QUOTA_PROJECT"),
    };
}

void auth_found_fini(struct auth_found *f)
{
    if (f != NULL)
        buf_fini(&f->path);
}

static bool is_set(const char *s)
{
    return s != NULL && s[0] != '\0';
}

/* What a credentials file says that it is; ret_base: of the credentials within it, AUTH_KINDS: none. */
static bool kind_of_file(const char *path, enum auth_kind *ret_kind, enum auth_kind *ret_base, struct err *err)
{
    static const char *const later[] = { "external_account", "external_account_authorized_user", "gdch_service_account" };
    CLEANUP(json_doc_free_ptr) struct json_doc *doc = NULL;
    TRY(auth_source_read_doc(path, &doc, err));
    const struct json_node *root = json_doc_root(doc), *inner = json_doc_get(root, "source_credentials");
    const char *type = json_doc_str(json_doc_get(root, "type"), "");
    const char *inner_type = json_doc_str(json_doc_get(inner, "type"), "");
    for (size_t i = 0; i < ARRAY_LEN(later); i++)
        if (strcmp(type, later[i]) == 0)
            return FAIL(err, CONFIG, "%s: credentials of type %s: not in this version", path, later[i]);
    *ret_base = AUTH_KINDS;
    if (strcmp(type, "service_account") == 0)
        *ret_kind = AUTH_SERVICE_ACCOUNT;
    else if (strcmp(type, "authorized_user") == 0)
        *ret_kind = AUTH_AUTHORIZED_USER;
    else if (strcmp(type, "impersonated_service_account") == 0 && strcmp(inner_type, "service_account") == 0)
        *ret_kind = AUTH_IMPERSONATED, *ret_base = AUTH_SERVICE_ACCOUNT;
    else if (strcmp(type, "impersonated_service_account") == 0 && strcmp(inner_type, "authorized_user") == 0)
        *ret_kind = AUTH_IMPERSONATED, *ret_base = AUTH_AUTHORIZED_USER;
    else if (strcmp(type, "impersonated_service_account") == 0)
        return FAIL(err, CONFIG, "%s: \"source_credentials\" of another type than service_account or authorized_user: not in this version",
                    path);
    else
        return FAIL(err, CONFIG, "%s: no credentials file that is known (its \"type\")", path);
    return true;
}

/* Where `gcloud auth application-default login` leaves its file. */
static bool well_known(const struct auth_env *env, struct buf *out)
{
    if (is_set(env->cloudsdk_config))
        buf_printf(out, "%s/application_default_credentials.json", env->cloudsdk_config);
    else if (is_set(env->home))
        buf_printf(out, "%s/.config/gcloud/application_default_credentials.json", env->home);
    return out->len > 0 && access(buf_str(out), F_OK) == 0;
}

static bool find_file(const struct auth_env *env, struct auth_found *f, bool *ret_found, struct err *err)
{
    *ret_found = true;
    if (is_set(env->credentials))
        buf_append_str(&f->path, env->credentials);
    else if (!well_known(env, &f->path))
        *ret_found = false;
    return !*ret_found || kind_of_file(buf_str(&f->path), &f->conf.kind, &f->base, err);
}

static bool find_by_mode(const struct auth_env *env, struct bytes mode, struct auth_found *f, struct err *err)
{
    static const enum auth_kind with_path[] = { AUTH_TOKEN_FILE, AUTH_TOKEN_COMMAND };
    bool found, any = mode.len == 0 || bytes_eq_str(mode, "auto");
    if (bytes_eq_str(mode, "none") || bytes_eq_str(mode, "metadata")) {
        f->conf.kind = bytes_eq_str(mode, "none") ? AUTH_NONE : AUTH_METADATA;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(with_path); i++) {
        struct bytes rest = mode, head = bytes_cut(&rest, ':');
        if (bytes_eq_str(head, auth_kind_name(with_path[i])) && rest.len > 0) {
            f->conf.kind = with_path[i];
            buf_append(&f->path, rest);
            return true;
        }
    }
    if (!any && !bytes_eq_str(mode, "service_account") && !bytes_eq_str(mode, "authorized_user"))
        return FAIL(err, CONFIG, "auth.mode must be auto, none, metadata, service_account, authorized_user, "
                                 "token_file:/path or token_command:/program");
    TRY(find_file(env, f, &found, err));
    if (!found && !any)
        return FAIL(err, CONFIG, "auth.mode wants a credentials file: set GOOGLE_APPLICATION_CREDENTIALS");
    if (!found)
        f->conf.kind = AUTH_METADATA;
    if (found && !any && !bytes_eq_str(mode, auth_kind_name(f->conf.kind)))
        return FAIL(err, CONFIG, "%s: of type %s, which is not what auth.mode asks for", buf_str(&f->path),
                    auth_kind_name(f->conf.kind));
    return true;
}

bool auth_adc_find(const struct auth_env *env, const char *mode, unsigned allow, struct auth_found *ret_found,
                   struct err *err)
{
    struct auth_found f = { .base = AUTH_KINDS };
    bool ok = find_by_mode(env, bytes_str(mode), &f, err);
    if (ok && allow != 0 && ((allow & 1u << f.conf.kind) == 0 || (f.base < AUTH_KINDS && (allow & 1u << f.base) == 0)))
        ok = FAIL(err, CONFIG, "the credentials found are of type %s, which auth.allow_types does not allow",
                  auth_kind_name((allow & 1u << f.conf.kind) == 0 ? f.conf.kind : f.base));
    if (!ok) {
        auth_found_fini(&f);
        return false;
    }
    f.conf.metadata_host = is_set(env->metadata_host) ? env->metadata_host : NULL;
    f.conf.quota_project = is_set(env->quota_project) ? env->quota_project : NULL;
    f.conf.path = buf_str(&f.path);
    *ret_found = f;
    return true;
}
