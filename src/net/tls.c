#include "net/tls.h"

#include "base/check.h"
#include "base/mem.h"
#include "net/tls_internal.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct tls_context {
    SSL_CTX *ctx;
    bool is_server;
    atomic_uint owners;
};

static void openssl_reason(char *out, size_t len)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    snprintf(out, len, "%s", reason != NULL ? reason : "no reason given");
    ERR_clear_error();
}

static struct tls_context *context_make(const SSL_METHOD *method, bool is_server)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    CHECK(ctx != NULL);
    CHECK(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
    /* A write may take a part and be repeated from a buffer that moved. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Of many clients most are idle, and hold no record buffers then. Our own few connections are busy. */
    if (is_server)
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    struct tls_context *t = mem_alloc(sizeof(*t));
    t->ctx = ctx;
    t->is_server = is_server;
    t->owners = 1;
    return t;
}

struct tls_context *tls_client_make(const char *ca_file, struct err *err)
{
    static const unsigned char h2[] = "\x02h2";
    struct tls_context *t = context_make(TLS_client_method(), false);
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    CHECK(SSL_CTX_set_alpn_protos(t->ctx, h2, sizeof(h2) - 1) == 0);
    bool from_file = ca_file != NULL && ca_file[0] != 0;
    int ok = from_file ? SSL_CTX_load_verify_locations(t->ctx, ca_file, NULL)
                       : SSL_CTX_set_default_verify_paths(t->ctx);
    if (ok != 1) {
        char reason[128];
        openssl_reason(reason, sizeof(reason));
        FAIL(err, CONFIG, "%s cannot be used as certificate authorities: %s; it must be a PEM file with at "
             "least one certificate", from_file ? ca_file : "the system's store", reason);
        tls_context_free(t);
        return NULL;
    }
    return t;
}

/* RFC 7301: ours is the order. A client without ALPN speaks HTTP/1.1; one that wants neither is refused. */
static int choose_protocol(SSL *ssl UNUSED, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *ctx UNUSED)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;
    int how = SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, offered, offered_len);
    if (how != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool load_identity(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct err *err)
{
    char reason[128];
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
        openssl_reason(reason, sizeof(reason));
        return FAIL(err, CONFIG,
                    "%s cannot be used as the server's certificate: %s; it must be a PEM file, the "
                    "server's own certificate first",
                    cert_file, reason);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        openssl_reason(reason, sizeof(reason));
        return FAIL(err, CONFIG,
                    "%s cannot be used as the server's key: %s; it must be the unencrypted PEM key "
                    "of the certificate in %s",
                    key_file, reason, cert_file);
    }
    return true;
}

struct tls_context *tls_server_make(const char *cert_file, const char *key_file, struct err *err)
{
    struct tls_context *t = context_make(TLS_server_method(), true);
    SSL_CTX_set_alpn_select_cb(t->ctx, choose_protocol, NULL);
    if (!load_identity(t->ctx, cert_file, key_file, err)) {
        tls_context_free(t);
        return NULL;
    }
    return t;
}

struct tls_context *tls_context_share(struct tls_context *t)
{
    t->owners++;
    return t;
}

void tls_context_free(struct tls_context *t)
{
    if (t == NULL || --t->owners > 0)
        return;
    SSL_CTX_free(t->ctx);
    mem_free(t);
}

/* SNI takes names only (RFC 6066, 3); an address is checked against the certificate's addresses. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *tls_begin(struct tls_context *t, const char *host, struct err *err)
{
    SSL *ssl = SSL_new(t->ctx);
    CHECK(ssl != NULL);
    if (t->is_server) {
        SSL_set_accept_state(ssl);
        return ssl;
    }
    /* An empty name would switch the check off. */
    if (host == NULL || host[0] == 0 || !expect_host(ssl, host)) {
        FAIL(err, TLS,
             "there is no host name to check the certificate against; configure the endpoint by name");
        ERR_clear_error();
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

void tls_explain(const SSL *ssl, char *out, size_t len)
{
    long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK) {
        snprintf(out, len, "certificate: %s", X509_verify_cert_error_string(verdict));
        ERR_clear_error();
        return;
    }
    openssl_reason(out, len);
}

bool tls_is_h2(const SSL *ssl)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(ssl, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}
