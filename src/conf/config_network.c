/* Where things are: endpoints, emulator variables, proxies, connect addresses, the status port. */
#include "base/mem.h"
#include "conf/config_internal.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool endpoint(struct conf_work *w, struct config *c, enum opt key, const char *variable, const char *host,
                     struct conf_endpoint *ret);
static bool parse_url(struct conf_work *w, struct config *c, enum opt key, const char *variable, const char *url,
                      struct conf_endpoint *ret);
static void check_proxy(struct conf_work *w, struct config *c);
static void check_connect_to(struct conf_work *w, struct config *c);
static void check_allowed(struct conf_work *w, struct config *c, enum opt key, const struct conf_endpoint *e);
static void check_auth(struct conf_work *w, struct config *c);
static void check_status(struct conf_work *w, struct config *c);

static const char *env(const struct conf_work *w, const char *name)
{
    const char *text = w->in->env != NULL && name[0] != '\0' ? w->in->env(name) : NULL;
    return text != NULL ? text : "";
}

void conf_check_network(struct conf_work *w, struct config *c)
{
    check_proxy(w, c);
    check_connect_to(w, c);
    bool sound = endpoint(w, c, OPT_pubsub_endpoint, "PUBSUB_EMULATOR_HOST", "pubsub.googleapis.com", &c->pubsub);
    sound = endpoint(w, c, OPT_healthcare_endpoint, "HEALTHCARE_EMULATOR_HOST", "healthcare.googleapis.com", &c->healthcare) && sound;
    if (sound && c->pubsub.local != c->healthcare.local)
        conf_fault(w, CONF_EMULATOR_REAL, NULL, "%s is the local cloud and %s is not; both must be, or neither",
                   c->pubsub.local ? "Pub/Sub" : "Healthcare", c->pubsub.local ? "Healthcare" : "Pub/Sub");
    sound = endpoint(w, c, OPT_dataflow_endpoint, "", "dataflow.googleapis.com", &c->dataflow) && sound;
    sound = endpoint(w, c, OPT_storage_endpoint, "STORAGE_EMULATOR_HOST", "storage.googleapis.com", &c->storage) && sound;
    c->credentials = !c->pubsub.local && !c->healthcare.local;
    if (sound && c->credentials) {
        check_allowed(w, c, OPT_pubsub_endpoint, &c->pubsub);
        check_allowed(w, c, OPT_healthcare_endpoint, &c->healthcare);
        if (!c->dataflow.local)
            check_allowed(w, c, OPT_dataflow_endpoint, &c->dataflow);
        if (!c->storage.local)
            check_allowed(w, c, OPT_storage_endpoint, &c->storage);
    }
    check_auth(w, c);
    check_status(w, c);
}

bool conf_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool conf_host_port(struct config *c, struct bytes text, const char **ret_host, uint16_t *ret_port)
{
    struct bytes host, port;
    uint64_t n;
    if (bytes_starts(text, BYTES_LIT("["))) {
        size_t end = bytes_find(text, 0, ']');
        host = bytes_sub(text, 1, end - 1);
        port = bytes_sub(text, end + 1, text.len);
        if (!bytes_starts(port, BYTES_LIT(":")))
            return false;
        port = bytes_sub(port, 1, port.len);
    } else {
        port = text;
        host = bytes_cut(&port, ':');
    }
    if (host.len == 0 || host.len > 253 || !bytes_to_u64(port, &n) || n > 65535)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char ch = host.ptr[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || (ch != '\0' && strchr("-._:%", ch))))
            return false;
    }
    *ret_host = conf_own(c, host);
    *ret_port = (uint16_t) n;
    return true;
}

static bool endpoint(struct conf_work *w, struct config *c, enum opt key, const char *variable, const char *host,
                     struct conf_endpoint *ret)
{
    const char *url = opt_str(w->values, key), *emulator = env(w, variable);
    *ret = (struct conf_endpoint) { .host = host, .port = 443, .tls = true, .connect_to = "" };
    if (url[0] != '\0' && emulator[0] != '\0')
        return conf_fault_at(w, CONF_CONTRADICTION, key, "%s and the variable %s are both given", opt_info(key)->name, variable);
    if (url[0] != '\0') {
        TRY(parse_url(w, c, key, opt_info(key)->name, url, ret));
    } else if (emulator[0] != '\0') {
        CLEANUP(buf_fini) struct buf full = { 0 };
        buf_printf(&full, "%s%s", strstr(emulator, "://") != NULL ? "" : "http://", emulator);
        TRY(parse_url(w, c, OPTS, variable, conf_own(c, buf_bytes(&full)), ret));
    }
    for (size_t i = 0; i < c->connect_to.count; i++)
        if (strcmp(c->connect_to.key[i], ret->host) == 0)
            ret->connect_to = c->connect_to.value[i];
    return true;
}

/* key OPTS: a variable of the environment. */
static bool parse_url(struct conf_work *w, struct config *c, enum opt key, const char *variable, const char *url,
                      struct conf_endpoint *ret)
{
    struct bytes rest = bytes_str(url);
    enum conf_code code = CONF_ENDPOINT;
    const char *why = NULL;
    bool tls = bytes_starts(rest, BYTES_LIT("https://"));
    if (!tls && !bytes_starts(rest, BYTES_LIT("http://"))) {
        why = "must begin with https:// (or http:// for loopback)";
    } else {
        rest = bytes_sub(rest, tls ? 8 : 7, rest.len);
        if (bytes_ends(rest, BYTES_LIT("/")))
            rest.len--;
        CLEANUP(buf_fini) struct buf authority = { 0 };
        buf_append(&authority, rest);
        bool v6 = bytes_starts(rest, BYTES_LIT("["));
        bool bare = v6 ? bytes_ends(rest, BYTES_LIT("]")) : bytes_find(rest, 0, ':') == rest.len;
        if (bare)
            buf_append_str(&authority, tls ? ":443" : ":80");
        if (bytes_find(rest, 0, '/') < rest.len)
            why = "must end after host and port; paths are the relay's own";
        else if (bytes_find(rest, 0, '@') < rest.len)
            why = "must not hold a user or password";
        else if (!conf_host_port(c, buf_bytes(&authority), &ret->host, &ret->port) || ret->port == 0)
            why = "does not name a host and port";
        else if (!tls && !conf_is_loopback(ret->host)) {
            why = "is http:// to a host that is not loopback";
            code = CONF_PLAIN_HTTP;
        }
    }
    ret->tls = tls;
    ret->local = !tls;
    if (why == NULL)
        return true;
    if (key == OPTS)
        return conf_fault(w, code, NULL, "the variable %s %s", variable, why);
    return conf_fault_at(w, code, key, "%s %s", variable, why);
}

static void check_proxy(struct conf_work *w, struct config *c)
{
    if (c->proxy[0] == '\0')
        return;
    struct bytes rest = bytes_str(c->proxy);
    const char *host;
    uint16_t port;
    bool http = bytes_starts(rest, BYTES_LIT("http://"));
    rest = bytes_sub(rest, 7, rest.len);
    size_t at = rest.len;
    while (at > 0 && rest.ptr[at - 1] != '@')
        at--;
    rest = bytes_sub(rest, at, rest.len);
    if (bytes_ends(rest, BYTES_LIT("/")))
        rest.len--;
    if (!http || !conf_host_port(c, rest, &host, &port) || port == 0)
        conf_fault_at(w, CONF_ENDPOINT, OPT_proxy, "proxy must be http://[user:password@]HOST:PORT");
}

static void check_connect_to(struct conf_work *w, struct config *c)
{
    for (size_t i = 0; i < c->connect_to.count; i++) {
        const char *host;
        uint16_t port;
        if (!conf_host_port(c, bytes_str(c->connect_to.value[i]), &host, &port) || port == 0)
            conf_fault_at(w, CONF_ENDPOINT, OPT_connect_to, "connect_to: the address must be ADDRESS:PORT");
    }
}

/* A token goes to Google's hosts and to those that the operator names. */
static void check_allowed(struct conf_work *w, struct config *c, enum opt key, const struct conf_endpoint *e)
{
    struct bytes host = bytes_str(e->host);
    if (bytes_ends(host, BYTES_LIT(".googleapis.com")) || bytes_ends(host, BYTES_LIT(".p.googleapis.com")))
        return;
    for (size_t i = 0; i < c->allow_hosts.count; i++)
        if (bytes_eq_nocase(host, bytes_str(c->allow_hosts.at[i])))
            return;
    conf_fault_at(w, CONF_ENDPOINT, key, "%s: this host is not Google's and would be given an access token; name it in allow_hosts",
                  opt_info(key)->name);
}

static void check_auth(struct conf_work *w, struct config *c)
{
    static const char modes[] = "auto|none|metadata|service_account|authorized_user|token_file|token_command";
    struct bytes mode = bytes_str(c->auth_mode), rest = mode;
    struct bytes word = bytes_cut(&rest, ':');
    bool takes = bytes_eq_str(word, "token_file") || bytes_eq_str(word, "token_command"), known = false;
    for (struct bytes all = bytes_str(modes); all.len > 0 && !known;)
        known = bytes_eq(bytes_cut(&all, '|'), word);
    if (!known) {
        conf_fault_at(w, CONF_CREDENTIALS, OPT_auth_mode, "auth.mode is not one of %s", modes);
        conf_suggest_choice(w, modes, bytes_sub(word, 0, 64));
    } else if (takes != (bytes_find(mode, 0, ':') < mode.len) || (takes && !bytes_starts(rest, BYTES_LIT("/")))) {
        conf_fault_at(w, CONF_CREDENTIALS, OPT_auth_mode, takes ? "auth.mode: %s wants an absolute path after the colon" :
                      "auth.mode: %s takes nothing after it", conf_own(c, word));
    }
    static const char types[] = "service_account|authorized_user|metadata|external_account|impersonated_service_account|token_file|token_command";
    for (size_t i = 0; i < c->auth_allow_types.count; i++) {
        struct bytes type = bytes_str(c->auth_allow_types.at[i]);
        known = false;
        for (struct bytes all = bytes_str(types); all.len > 0 && !known;)
            known = bytes_eq(bytes_cut(&all, '|'), type);
        if (!known) {
            conf_fault_at(w, CONF_CHOICE, OPT_auth_allow_types, "auth.allow_types holds something else than %s", types);
            conf_suggest_choice(w, types, bytes_sub(type, 0, 64));
        }
    }
}

static void check_status(struct conf_work *w, struct config *c)
{
    c->status_host = "";
    if (c->status_listen[0] == '\0')
        return;
    uint64_t port;
    if (conf_host_port(c, bytes_str(c->status_listen), &c->status_host, &c->status_port))
        return;
    bool only_port = bytes_to_u64(bytes_str(c->status_listen + (c->status_listen[0] == ':')), &port);
    conf_fault_at(w, CONF_ENDPOINT, OPT_status_listen, "status_listen must be ADDRESS:PORT");
    if (only_port && port < 65536)
        conf_suggest_text(w, "\"127.0.0.1:%u\"", (unsigned) port);
}
