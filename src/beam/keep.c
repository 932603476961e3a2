#include "beam/keep.h"

#include "base/mem.h"

static void *own(struct keep *k, void *ptr)
{
    if (k->count == k->max) {
        k->max = MAX(k->max * 2, (size_t) 64);
        k->at = mem_grow(k->at, k->max * sizeof(k->at[0]));
    }
    k->at[k->count++] = ptr;
    return ptr;
}

void keep_fini(struct keep *k)
{
    for (size_t i = 0; i < k->count; i++)
        mem_free(k->at[i]);
    mem_free(k->at);
    *k = (struct keep) { 0 };
}

void *keep_room(struct keep *k, size_t len)
{
    return own(k, mem_alloc(len));
}

char *keep_text(struct keep *k, struct bytes text)
{
    return own(k, mem_dup(text));
}

void keep_push(struct keep *k, void *array_ptr, size_t *n, void *item)
{
    void **before, **after = keep_room(k, (*n + 1) * sizeof(*after));
    memcpy(&before, array_ptr, sizeof(before));
    if (*n > 0)
        memcpy(after, before, *n * sizeof(*after));
    after[(*n)++] = item;
    memcpy(array_ptr, &after, sizeof(after));
}
