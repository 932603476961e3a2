/* JSON Web Tokens signed with RS256 (RFC 7515, RFC 7518 3.3), by libcrypto. */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "base/buf.h"
#include "base/err.h"

struct evp_pkey_st;

/* PEM, not encrypted, RSA of at least 2,048 bits; else NULL and class CONFIG. Ended with EVP_PKEY_free. */
struct evp_pkey_st *jwt_key_parse(struct bytes pem, struct err *err);

struct jwt_claims {
    struct bytes key_id;      /* header "kid"; empty: none */
    struct bytes issuer;      /* iss */
    struct bytes subject;     /* sub; empty: none */
    struct bytes audience;    /* aud; empty: none */
    struct bytes scope;       /* scope; empty: none */
    int64_t issued_s, ends_s; /* since 1970 */
};

/* Appends header.claims.signature. */
bool jwt_sign(struct evp_pkey_st *key, const struct jwt_claims *claims, struct buf *out, struct err *err) MUST_USE;

#endif
