/*
 * Heap of timers (four children each), least time first. Intrusive: an entry knows its place,
 * so that it can be moved and taken out in O(log n). Ties go in order of `seq`,
 * which the heap gives out, so that runs repeat exactly.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/def.h"

struct heap_entry {
    us_t at_us;
    uint64_t seq;
    uint32_t place;    /* index + 1; 0: not in a heap */
};

/* The key stands beside the pointer: comparing must not touch the entries, which lie all over memory. */
struct heap_slot {
    us_t at_us;
    uint64_t seq;
    struct heap_entry *entry;
};

struct heap {
    struct heap_slot *slots;
    uint32_t count, cap;
    uint64_t next_seq;
};

void heap_fini(struct heap *h);    /* the entries are not the heap's */
/* Puts the entry in, or moves it if it is in already. US_NEVER takes it out. */
void heap_set(struct heap *h, struct heap_entry *e, us_t at_us);
void heap_remove(struct heap *h, struct heap_entry *e);    /* not in: no effect */
struct heap_entry *heap_first(const struct heap *h);       /* NULL: empty */

static inline us_t heap_due(const struct heap *h)
{
    return h->count > 0 ? h->slots[0].at_us : US_NEVER;
}

#endif
