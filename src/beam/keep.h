/*
 * Memory of one call's life for message trees of protobuf-c that we build:
 * everything taken here goes at once, with keep_fini(). Zeroed is empty.
 */
#ifndef BEAM_KEEP_H
#define BEAM_KEEP_H

#include "base/bytes.h"

struct keep {
    void **at;
    size_t count, max;
};

void keep_fini(struct keep *k);
void *keep_room(struct keep *k, size_t len);              /* zeroed */
char *keep_text(struct keep *k, struct bytes text);       /* terminated copy */
/* Puts item behind the *n pointers of the array that *array_ptr points to: a repeated field. */
void keep_push(struct keep *k, void *array_ptr, size_t *n, void *item);

/* A message of its type, initialised. prefix: beam__coder */
#define KEEP_NEW(k, type, prefix)                       \
    ({                                                  \
        type *new_ = keep_room((k), sizeof(*new_));     \
        prefix##__init(new_);                           \
        new_;                                           \
    })

#endif
