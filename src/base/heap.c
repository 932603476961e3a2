#include "base/heap.h"

#include "base/check.h"
#include "base/mem.h"

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void put(struct heap *h, uint32_t i, struct heap_entry *e)
{
    h->entries[i] = e;
    e->place = i + 1;
}

static void sift_up(struct heap *h, uint32_t i)
{
    struct heap_entry *e = h->entries[i];
    while (i > 0) {
        uint32_t parent = (i - 1) / 2;
        if (!before(e, h->entries[parent]))
            break;
        put(h, i, h->entries[parent]);
        i = parent;
    }
    put(h, i, e);
}

static void sift_down(struct heap *h, uint32_t i)
{
    struct heap_entry *e = h->entries[i];
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && before(h->entries[child + 1], h->entries[child]))
            child++;
        if (!before(h->entries[child], e))
            break;
        put(h, i, h->entries[child]);
        i = child;
    }
    put(h, i, e);
}

void heap_fini(struct heap *h)
{
    if (h == NULL)
        return;
    mem_free(h->entries);
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
            h->entries = mem_grow(h->entries, h->cap * sizeof(h->entries[0]));
        }
        put(h, h->count++, e);
    }
    sift_up(h, e->place - 1);
    sift_down(h, e->place - 1);
}

void heap_remove(struct heap *h, struct heap_entry *e)
{
    if (e->place == 0)
        return;
    uint32_t i = e->place - 1;
    CHECK(i < h->count && h->entries[i] == e);
    struct heap_entry *last = h->entries[--h->count];
    e->place = 0;
    if (last == e)
        return;
    put(h, i, last);
    sift_up(h, i);
    sift_down(h, last->place - 1);
}

struct heap_entry *heap_first(const struct heap *h)
{
    return h->count > 0 ? h->entries[0] : NULL;
}
