/*
 * A token source from inside: what the kinds share. For the files of auth/ alone.
 *
 * A kind's fetch begins to get a token and ends, now or later, in exactly one
 * auth_source_got() or auth_source_failed().
 */
#ifndef AUTH_SOURCE_H
#define AUTH_SOURCE_H

#include "auth/token.h"
#include "base/buf.h"

struct auth_command;
struct json_doc;
struct json_node;
struct evp_pkey_st;

struct auth_source {
    struct loop *loop;
    struct http_cold *cold;
    enum auth_kind kind;
    bool exchange;

    /* of the configuration and the file */
    struct buf path, scope, audience, token_url, metadata_host, quota_project;
    struct buf email, key_id, client_id, client_secret, refresh_token;
    struct evp_pkey_st *key;

    struct buf bearer;
    uint32_t gen;
    us_t ends_us;

    bool refreshing, told;      /* told: an end waits for the task to tell it */
    struct err end;
    struct list watchers;
    struct loop_timer timer;    /* the next refresh by itself */
    struct loop_task task;
    struct http_cold_call *call;
    struct auth_command *command;

    /* impersonated */
    struct auth_source *base;       /* owned: whose token asks for ours */
    struct auth_watcher base_watcher;
    bool waits_for_base;
    uint32_t base_used, base_refused;    /* generations of its token */
    struct buf iam_url, delegates;       /* delegates: a JSON array */
};

enum {
    AUTH_EARLY_S = 225,             /* refreshed this long before the end (as google-auth does) */
    AUTH_UNKNOWN_LIFE_S = 3600,     /* a token whose end nobody told */
    AUTH_CALL_S = 10                /* one call to a token server, one run of a command */
};

/* life_s: from now; look_s: when to look again by itself (0: by the end). Ends a refresh. */
void auth_source_got(struct auth_source *a, struct bytes token, int64_t life_s, int64_t look_s);
void auth_source_failed(struct auth_source *a, const struct err *err);

/* A file of ours: whole, at most LIMIT_KEY_FILE. secret: refused when others may read it. */
bool auth_source_read_file(const char *path, bool secret, struct buf *out, struct err *err) MUST_USE;
/* A credentials file as JSON; class CONFIG. */
bool auth_source_read_doc(const char *path, struct json_doc **ret_doc, struct err *err) MUST_USE;
/* Appends a text field; needed: CONFIG when it is missing or empty. */
bool auth_source_take(const struct json_node *root, const char *key, bool needed, struct buf *out, const char *path, struct err *err) MUST_USE;
void auth_source_wipe(struct buf *b);
/* {"access_token", "expires_in"} of a reply of a token server: got, or failed. */
void auth_source_reply(struct auth_source *a, const struct http_cold_reply *reply);
/* POST of a form to token_url. */
void auth_source_post_form(struct auth_source *a, struct bytes form);

/* The kinds. load: at make, from the file or a part of it, class CONFIG. */
bool auth_source_load_service_account(struct auth_source *a, const struct json_node *root, struct err *err) MUST_USE;
void auth_source_fetch_service_account(struct auth_source *a);
bool auth_source_load_authorized_user(struct auth_source *a, const struct json_node *root, struct err *err) MUST_USE;
void auth_source_fetch_authorized_user(struct auth_source *a);
bool auth_source_load_impersonated(struct auth_source *a, const struct json_node *root, struct err *err) MUST_USE;
/* host: "https://...", or empty for Google's. */
bool auth_source_impersonate(struct auth_source *a, struct bytes host, struct bytes email, struct err *err) MUST_USE;
void auth_source_watch_base(struct auth_source *a);
void auth_source_fetch_impersonated(struct auth_source *a);
void auth_source_fetch_metadata(struct auth_source *a);
void auth_source_fetch_file(struct auth_source *a);
void auth_source_fetch_command(struct auth_source *a);
void auth_source_stop_command(struct auth_source *a);

#endif
