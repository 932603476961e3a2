/*
 * Certificates for tests, made on the spot: a certificate authority in a
 * temporary folder, and leaves signed by it. Nothing here is good for anything else.
 */
#ifndef LIB_CERTS_H
#define LIB_CERTS_H

#include "base/def.h"

struct certs {
    char dir[64];
    char ca_file[96];
    void *ca_key, *ca;    /* OpenSSL's */
};

struct cert_files {
    char cert[128], key[128];
};

void certs_make(struct certs *c);
/* alt_names: "DNS:localhost,IP:127.0.0.1". days: how long it is good; below 0: it ended that long ago. */
struct cert_files certs_leaf(struct certs *c, const char *name, const char *alt_names, int days);
void certs_fini(struct certs *c);    /* removes the files */

#endif
