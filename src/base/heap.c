#include "base/heap.h"

#include "base/check.h"
#include "base/mem.h"

enum { CHILDREN = 4 };    /* half as deep as a binary heap, and the children share a cache line or two */

static bool before(const struct heap_slot *a, const struct heap_slot *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void put(struct heap *h, uint32_t i, struct heap_slot s)
{
    h->slots[i] = s;
    s.entry->place = i + 1;
}

static void sift_up(struct heap *h, uint32_t i, struct heap_slot s)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / CHILDREN;
        if (!before(&s, &h->slots[parent]))
            break;
        put(h, i, h->slots[parent]);
        i = parent;
    }
    put(h, i, s);
}

static void sift_down(struct heap *h, uint32_t i, struct heap_slot s)
{
    for (;;) {
        uint32_t first = CHILDREN * i + 1, end = MIN(first + CHILDREN, h->count), least = first;
        if (first >= h->count)
            break;
        for (uint32_t child = first + 1; child < end; child++) {
            if (before(&h->slots[child], &h->slots[least]))
                least = child;
        }
        if (!before(&h->slots[least], &s))
            break;
        put(h, i, h->slots[least]);
        i = least;
    }
    put(h, i, s);
}

/* Finds the place for s, starting from the hole at i. */
static void settle(struct heap *h, uint32_t i, struct heap_slot s)
{
    if (i > 0 && before(&s, &h->slots[(i - 1) / CHILDREN]))
        sift_up(h, i, s);
    else
        sift_down(h, i, s);
}

void heap_fini(struct heap *h)
{
    if (h == NULL)
        return;
    mem_free(h->slots);
    *h = (struct heap) { 0 };
}

void heap_set(struct heap *h, struct heap_entry *e, us_t at_us)
{
    if (at_us == US_NEVER) {
        heap_remove(h, e);
        return;
    }
    e->at_us = at_us;
    e->seq = h->next_seq++;
    if (e->place == 0) {
        if (h->count == h->cap) {
            h->cap = MAX(h->cap * 2, 64u);
            h->slots = mem_grow(h->slots, h->cap * sizeof(h->slots[0]));
        }
        e->place = ++h->count;
    }
    settle(h, e->place - 1, (struct heap_slot) { at_us, e->seq, e });
}

void heap_remove(struct heap *h, struct heap_entry *e)
{
    if (e->place == 0)
        return;
    uint32_t i = e->place - 1;
    CHECK(i < h->count && h->slots[i].entry == e);
    struct heap_slot last = h->slots[--h->count];
    e->place = 0;
    if (last.entry != e)
        settle(h, i, last);
}

struct heap_entry *heap_first(const struct heap *h)
{
    return h->count > 0 ? h->slots[0].entry : NULL;
}
