/* For the connection code of net/ alone: what is inside a TLS context. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include "net/tls.h"

#include <openssl/ssl.h>

/* One more owner; each calls tls_context_free(). */
struct tls_context *tls_context_share(struct tls_context *t);

/* A handshake that has not begun. Client: host (a name or a literal address) is sent as SNI and
 * must be in the certificate. Server: host is NULL. */
SSL *tls_begin(struct tls_context *t, const char *host, struct err *err) MUST_USE;

/* Why the last call on ssl failed, in OpenSSL's fixed words (never text from the far side). */
void tls_explain(const SSL *ssl, char *out, size_t len);

/* The protocol that ALPN chose is h2. */
bool tls_is_h2(const SSL *ssl);

#endif
