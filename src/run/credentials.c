#include "run/credentials.h"

static unsigned allowed_kinds(const struct opt_list *types)
{
    unsigned allow = 0;
    for (size_t i = 0; i < types->count; i++)
        for (unsigned k = 0; k < AUTH_KINDS; k++)
            if (strcmp(types->at[i], auth_kind_name((enum auth_kind) k)) == 0)
                allow |= 1u << k;
    /* These two are named in the configuration itself, never found by a search. */
    return allow | 1u << AUTH_TOKEN_FILE | 1u << AUTH_TOKEN_COMMAND;
}

bool run_credentials_find(const struct config *c, struct auth_found *ret_found, struct err *err)
{
    struct auth_env env = auth_env_read();
    struct auth_found found = { 0 };
    if (!auth_adc_find(&env, c->auth_mode, allowed_kinds(&c->auth_allow_types), &found, err))
        return false;
    if (c->auth_quota_project[0] != '\0')
        found.conf.quota_project = c->auth_quota_project;
    if (c->auth_impersonate[0] != '\0')
        found.conf.impersonate = c->auth_impersonate;
    *ret_found = found;
    return true;
}
