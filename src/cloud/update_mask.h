/*
 * google.protobuf.FieldMask over the messages that can be updated: which paths a
 * resource knows, and the message that results from the one that is stored and the
 * one that was given.
 */
#ifndef CLOUD_UPDATE_MASK_H
#define CLOUD_UPDATE_MASK_H

#include "cloud/unary.h"

enum { CLOUD_MASK_FIELDS = 32 };

/* A path in snake_case; camelCase is understood too. */
struct cloud_mask_path {
    const char *path;
    uint32_t number;        /* 0: known, but cannot be changed */
    uint32_t part;          /* of a message field: this field of it alone; 0: the whole */
};

struct cloud_mask {
    bool whole[CLOUD_MASK_FIELDS];
    uint32_t parts[CLOUD_MASK_FIELDS];    /* bit n: field n of it */
};

/* mask: a FieldMask; request_name: for the sentence about an empty one. False: the call has been refused. */
bool cloud_mask_read(struct cloud_unary *u, struct bytes mask, const struct cloud_mask_path *paths, size_t count,
                     const char *request_name, struct cloud_mask *ret);
/* Masked fields from `given`, the others from `stored`. */
void cloud_mask_merge(const struct cloud_mask *m, struct bytes given, struct bytes stored, struct buf *out);

#endif
