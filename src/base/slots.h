/*
 * A table of equal objects addressed by slot and generation, so that an answer
 * to an object that is gone finds nothing instead of its successor.
 *
 * The table never shrinks and objects never move: blocks are added up to
 * `max` objects and reused from a free list.
 */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include "base/def.h"

struct slot_id {
    uint32_t slot, gen;    /* gen 0 is no object */
};

struct slots {
    size_t object_len;
    uint32_t max, made, used, free_first;
    void **blocks;
    uint32_t blocks_count;
};

void slots_init(struct slots *s, size_t object_len, uint32_t max);
void slots_fini(struct slots *s);
/* A zeroed object and its id; NULL when all `max` are taken. */
void *slots_take(struct slots *s, struct slot_id *ret_id);
void *slots_find(const struct slots *s, struct slot_id id);    /* NULL: gone or never was */
void slots_give(struct slots *s, struct slot_id id);           /* CHECKs that it was taken */

static inline bool slot_id_eq(struct slot_id a, struct slot_id b)
{
    return a.slot == b.slot && a.gen == b.gen;
}

static inline bool slot_id_is_none(struct slot_id id)
{
    return id.gen == 0;
}

#endif
