/*
 * Google credentials to a bearer token.
 *
 * One source a process serves all loops' targets (scope cloud-platform). It
 * holds the current token with its generation (1, 2, ...; 0: none yet). One
 * refresh is in flight at a time: asked for by auth_refresh(), and by itself
 * 225 s before the token ends. A stale token is kept and given out until its
 * hard end. Nothing is ever re-sent with it here: who got a 401 says so with
 * the generation it used, and decides.
 *
 * A refresh by itself that fails is asked again every LIMIT_TOKEN_AGAIN_S while
 * the old token lives (a schedule, not a retry: each time a token is due).
 *
 * Tokens, keys and what token servers say are never in an error's text.
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "base/list.h"
#include "loop/loop.h"
#include "net/http_cold.h"

enum auth_kind {
    AUTH_NONE,               /* emulator: no token, never */
    AUTH_TOKEN_FILE,         /* a file that holds a token; read again at each refresh */
    AUTH_TOKEN_COMMAND,      /* a program that prints a token */
    AUTH_SERVICE_ACCOUNT,    /* key file: self-signed JWT (AIP-4111), or exchanged at the token server */
    AUTH_METADATA,           /* metadata server */
    AUTH_AUTHORIZED_USER,    /* gcloud auth application-default login */
    AUTH_IMPERSONATED,       /* another service account, by iamcredentials, with the credentials in the file */
    AUTH_KINDS
};

const char *auth_kind_name(enum auth_kind k);    /* "service_account", as in auth.mode and auth.allow_types */

struct auth_conf {
    enum auth_kind kind;
    /* Key, credentials or token file. AUTH_TOKEN_COMMAND: program and arguments, split at blanks, no
     * shell. NULL or "" when not used */
    const char *path;
    const char *scope;            /* space-separated; NULL: cloud-platform */
    /* self-signed JWT with aud instead of scope ("https://pubsub.googleapis.com/"); NULL: scope */
    const char *audience;
    /* service account: take a token from the token server, no self-signed JWT */
    bool exchange;
    const char *token_url;        /* NULL: https://oauth2.googleapis.com/token. http:// for loopback only */
    const char *metadata_host;    /* "host[:port]"; NULL: metadata.google.internal */
    /* e-mail of a service account to act as, with the credentials above as our own; NULL or "": as ourselves */
    const char *impersonate;
    const char *quota_project;    /* overrides the file's quota_project_id; NULL: the file's */
};

struct auth_source;

/*
 * Reads what the kind needs (class CONFIG when a file is missing, wrong, or
 * readable by all). Makes no call; the first refresh is the owner's to ask for.
 * Strings of conf are copied. cold may be NULL for kinds that make no call.
 */
struct auth_source *auth_source_make(struct loop *l, struct http_cold *cold, const struct auth_conf *conf,
                                     struct err *err);
void auth_source_free(struct auth_source *a);    /* watchers must be gone */

enum auth_kind auth_source_kind(const struct auth_source *a);
/* for x-goog-user-project, or empty */
struct bytes auth_source_quota_project(const struct auth_source *a);
/* e-mail of a service account, or "" */
const char *auth_source_account(const struct auth_source *a);

struct auth_token {
    struct bytes bearer;    /* until the next pass of the loop; empty: none that is still good */
    uint32_t gen;           /* of the last token got, good or ended; 0: none yet */
    us_t ends_us;           /* loop time of its hard end */
};

/* What to send now. AUTH_NONE: empty, gen 0. */
struct auth_token auth_token_now(const struct auth_source *a);

/*
 * A token newer than gen is wanted. There is one already, or a refresh is in
 * flight: joined. Every watcher hears the end, later, never inside this call.
 */
void auth_refresh(struct auth_source *a, uint32_t gen);

struct auth_watcher {
    struct list_link link;    /* the source's */
    /* A refresh ended, or there was one already. err class OK: gen is the newest; else why there is none
     * newer. */
    void (*fn)(struct auth_watcher *w, uint32_t gen, const struct err *err);
};

void auth_watch(struct auth_source *a, struct auth_watcher *w);
void auth_unwatch(struct auth_source *a, struct auth_watcher *w);    /* not watching: no effect */

#endif
