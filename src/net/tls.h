/*
 * TLS contexts. Certificates and host names are always checked: there is no
 * option to turn that off. TLS 1.2 at least.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"

struct tls_context;    /* shared by connections, counted */

/* ca_file "" : the system's certificate authorities. ALPN offers h2 only. */
struct tls_context *tls_client_make(const char *ca_file, struct err *err);
/* PEM files. ALPN: h2, then http/1.1. */
struct tls_context *tls_server_make(const char *cert_file, const char *key_file, struct err *err);
void tls_context_free(struct tls_context *t);

#endif
