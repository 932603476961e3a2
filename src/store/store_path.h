/*
 * THE security check of a name that came from the queue (threat S1).
 *
 * A notification must be, byte for byte, the configured store's name (or an
 * alias of it: the same store by project number), "/messages/" and one id of
 * [A-Za-z0-9_=-]{1,256}. Nothing is decoded, trimmed or joined: requests are
 * built from the configured name and the id that passed.
 */
#ifndef STORE_STORE_PATH_H
#define STORE_STORE_PATH_H

#include "base/buf.h"
#include "base/err.h"

/* projects/{project}/locations/{location}/datasets/{dataset}/hl7V2Stores/{store} */
struct store_name {
    struct bytes full, project, location, dataset, store;    /* slices of full */
};

/* For configured names: class CONFIG, saying which part is wrong. Parts: [A-Za-z0-9_.:-]{1,256}, not only
 * dots. */
bool store_name_parse(struct bytes full, struct store_name *ret_name, struct err *err) MUST_USE;

enum { STORE_ALIASES = 8 };

/* The own name first, which requests are built from; then its aliases. */
struct store_names {
    struct store_name own, alias[STORE_ALIASES];
    size_t aliases_count;
};

enum store_path_verdict {
    STORE_PATH_OK,
    STORE_PATH_BAD,               /* no name of an HL7v2 message at all */
    STORE_PATH_FOREIGN_STORE,     /* a message of another store */
    STORE_PATH_FOREIGN_PROJECT    /* differs only in the project (its number?): see source_store_aliases */
};

/* ret_id (a slice of path) is set when OK. */
enum store_path_verdict store_path_check(const struct store_names *names, struct bytes path,
                                         struct bytes *ret_id);
/* One id of a message, alone. */
bool store_path_id_ok(struct bytes id);
/* "/v1/projects/.../hl7V2Stores/s" ++ rest; rest is ours, a constant or built from checked parts. */
void store_path_url(const struct store_name *own, const char *rest, struct buf *out);
/* "/v1/.../messages/{id}" ++ query. CHECKs the id. */
void store_path_message_url(const struct store_name *own, struct bytes id, const char *query,
                            struct buf *out);

#endif
