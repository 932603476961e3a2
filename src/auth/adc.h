/*
 * Which credentials: the search of Application Default Credentials (AIP-4110),
 * bounded by the kinds that the operator allows. A file that is named and
 * missing or wrong is an error, never a reason to look further.
 */
#ifndef AUTH_ADC_H
#define AUTH_ADC_H

#include "auth/token.h"

/* The environment, read once at start (auth_env_read); tests make their own. NULL: not set. */
struct auth_env {
    const char *credentials;         /* GOOGLE_APPLICATION_CREDENTIALS */
    const char *cloudsdk_config;     /* CLOUDSDK_CONFIG */
    const char *home;                /* HOME */
    const char *metadata_host;       /* GCE_METADATA_HOST, else GCE_METADATA_ROOT */
    const char *quota_project;       /* GOOGLE_CLOUD_QUOTA_PROJECT */
};

struct auth_env auth_env_read(void);

/* What was found; its strings are in `path`, which the caller ends with buf_fini. */
struct auth_found {
    struct auth_conf conf;
    enum auth_kind base;    /* AUTH_IMPERSONATED: kind of the credentials that ask; else AUTH_KINDS */
    struct buf path;
};

/*
 * mode: "auto" (the search), "none", "metadata", "service_account",
 * "authorized_user", "token_file:/path", "token_command:/program arg ...".
 * allow: bit 1 << kind of each kind allowed; 0: all. external_account and its
 * like: CONFIG, "not in this version".
 */
bool auth_adc_find(const struct auth_env *env, const char *mode, unsigned allow, struct auth_found *ret_found,
                   struct err *err) MUST_USE;
void auth_found_fini(struct auth_found *f);

#endif
