#include "certs.h"

#include "base/check.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_cert(const char *path, X509 *cert)
{
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && PEM_write_X509(f, cert) == 1 && fclose(f) == 0);
}

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CHECK(e != NULL && X509_add_ext(cert, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static X509 *make_cert(const char *name, EVP_PKEY *key, X509 *issuer, int days)
{
    static long serial;
    X509 *cert = X509_new();
    CHECK(cert != NULL);
    long day = 24L * 60 * 60;
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), days < 0 ? (days - 1) * day : -day);
    X509_gmtime_adj(X509_getm_notAfter(cert), days * day);
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *) name, -1, -1, 0);
    X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    X509_set_pubkey(cert, key);
    return cert;
}

void certs_make(struct certs *c)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(c->dir, sizeof(c->dir), "%s/hl7relay-certs-XXXXXX", tmp != NULL && strlen(tmp) < 30 ? tmp : "/tmp");
    CHECK(mkdtemp(c->dir) != NULL);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *ca = make_cert("test authority", key, NULL, 2);
    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign");
    CHECK(X509_sign(ca, key, EVP_sha256()) > 0);
    snprintf(c->ca_file, sizeof(c->ca_file), "%s/ca.pem", c->dir);
    write_cert(c->ca_file, ca);
    c->ca_key = key;
    c->ca = ca;
}

struct cert_files certs_leaf(struct certs *c, const char *name, const char *alt_names, int days)
{
    struct cert_files files;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(name, key, c->ca, days);
    add_extension(cert, c->ca, NID_subject_alt_name, alt_names);
    CHECK(X509_sign(cert, c->ca_key, EVP_sha256()) > 0);
    snprintf(files.cert, sizeof(files.cert), "%s/%s.pem", c->dir, name);
    snprintf(files.key, sizeof(files.key), "%s/%s.key", c->dir, name);
    write_cert(files.cert, cert);
    write_key(files.key, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return files;
}

void certs_fini(struct certs *c)
{
    DIR *dir = opendir(c->dir);
    CHECK(dir != NULL);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[sizeof(c->dir) + sizeof(e->d_name) + 1];
        snprintf(path, sizeof(path), "%s/%s", c->dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    closedir(dir);
    rmdir(c->dir);
    X509_free(c->ca);
    EVP_PKEY_free(c->ca_key);
}
