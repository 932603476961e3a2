#include "auth/jwt.h"

#include "base/b64.h"
#include "json/write.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* An encrypted key must fail, not ask the terminal. */
static int no_password(char *buf, int size, int writing, void *ctx)
{
    (void) buf;
    (void) size;
    (void) writing;
    (void) ctx;
    return -1;
}

EVP_PKEY *jwt_key_parse(struct bytes pem, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr != NULL ? pem.ptr : "", (int) MIN(pem.len, (size_t) 1 << 20));
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (key == NULL) {
        FAIL(err, CONFIG, "the private key cannot be read: it must be PEM without a password");
        return NULL;
    }
    if (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < 2048) {
        EVP_PKEY_free(key);
        FAIL(err, CONFIG, "the private key must be RSA of 2,048 bits or more");
        return NULL;
    }
    return key;
}

static void put_part(const struct buf *json, struct buf *out)
{
    b64_encode_url_bare(buf_bytes(json), out);
}

static void put_header(const struct jwt_claims *c, struct buf *out)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    struct json_writer w = json_write_to(&json);
    json_write_object(&w, NULL);
    json_write_str(&w, "alg", BYTES_LIT("RS256"));
    json_write_str(&w, "typ", BYTES_LIT("JWT"));
    if (c->key_id.len > 0)
        json_write_str(&w, "kid", c->key_id);
    json_write_end(&w);
    put_part(&json, out);
}

static void put_claims(const struct jwt_claims *c, struct buf *out)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    struct json_writer w = json_write_to(&json);
    json_write_object(&w, NULL);
    json_write_str(&w, "iss", c->issuer);
    if (c->subject.len > 0)
        json_write_str(&w, "sub", c->subject);
    if (c->audience.len > 0)
        json_write_str(&w, "aud", c->audience);
    if (c->scope.len > 0)
        json_write_str(&w, "scope", c->scope);
    json_write_int(&w, "iat", c->issued_s);
    json_write_int(&w, "exp", c->ends_s);
    json_write_end(&w);
    put_part(&json, out);
}

static bool sign(EVP_PKEY *key, struct bytes text, struct buf *out)
{
    CLEANUP(buf_fini) struct buf signature = { 0 };
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t len = 0;
    bool ok = md != NULL && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(md, NULL, &len, (const unsigned char *) text.ptr, text.len) == 1;
    if (ok) {
        unsigned char *at = (unsigned char *) buf_reserve(&signature, len);
        ok = EVP_DigestSign(md, at, &len, (const unsigned char *) text.ptr, text.len) == 1;
        signature.len = ok ? len : 0;
    }
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    if (ok)
        b64_encode_url_bare(buf_bytes(&signature), out);
    return ok;
}

bool jwt_sign(EVP_PKEY *key, const struct jwt_claims *claims, struct buf *out, struct err *err)
{
    CLEANUP(buf_fini) struct buf token = { 0 };
    put_header(claims, &token);
    buf_append_char(&token, '.');
    put_claims(claims, &token);
    struct bytes text = bytes_of(token.ptr, token.len);
    CLEANUP(buf_fini) struct buf signature = { 0 };
    if (!sign(key, text, &signature))
        return FAIL(err, INTERNAL, "libcrypto could not sign a token");
    buf_append(out, text);
    buf_append_char(out, '.');
    buf_append(out, buf_bytes(&signature));
    return true;
}
