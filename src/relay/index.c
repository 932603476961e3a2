/* Open addressing, linear probing, no tombstones: what stands behind a freed place moves up. */
#include "relay/engine.h"
#include "base/mem.h"

static uint32_t home(const struct relay_index *ix, uint64_t key)
{
    return (uint32_t) ((key * 0x9e3779b97f4a7c15u) >> 32) & (ix->cap - 1);
}

void relay_index_fini(struct relay_index *ix)
{
    mem_free(ix->entries);
    *ix = (struct relay_index) { 0 };
}

static void insert(struct relay_index *ix, uint64_t key, void *value)
{
    uint32_t i = home(ix, key);
    while (ix->entries[i].value != NULL)
        i = (i + 1) & (ix->cap - 1);
    ix->entries[i] = (struct relay_index_entry) { key, value };
}

static void grow(struct relay_index *ix)
{
    struct relay_index was = *ix;
    ix->cap = MAX(was.cap * 2, 64u);
    ix->entries = mem_alloc_n(ix->cap, sizeof(ix->entries[0]));
    for (uint32_t i = 0; i < was.cap; i++) {
        if (was.entries[i].value != NULL)
            insert(ix, was.entries[i].key, was.entries[i].value);
    }
    mem_free(was.entries);
}

void relay_index_put(struct relay_index *ix, uint64_t key, void *value)
{
    CHECK(value != NULL);
    if ((ix->count + 1) * 2 > ix->cap)
        grow(ix);
    insert(ix, key, value);
    ix->count++;
}

void relay_index_drop(struct relay_index *ix, uint64_t key, const void *value)
{
    CHECK(ix->count > 0);
    uint32_t mask = ix->cap - 1, hole = home(ix, key);
    while (ix->entries[hole].value != value) {
        CHECK(ix->entries[hole].value != NULL);
        hole = (hole + 1) & mask;
    }
    for (uint32_t i = (hole + 1) & mask; ix->entries[i].value != NULL; i = (i + 1) & mask) {
        /* An entry may fill the hole unless its home lies between the hole and it. */
        if (((i - home(ix, ix->entries[i].key)) & mask) >= ((i - hole) & mask)) {
            ix->entries[hole] = ix->entries[i];
            hole = i;
        }
    }
    ix->entries[hole].value = NULL;
    ix->count--;
}

void *relay_index_next(const struct relay_index *ix, uint64_t key, uint32_t *cursor)
{
    if (ix->cap == 0)
        return NULL;
    uint32_t mask = ix->cap - 1;
    uint32_t i = *cursor == UINT32_MAX ? home(ix, key) : (*cursor + 1) & mask;
    for (; ix->entries[i].value != NULL; i = (i + 1) & mask) {
        if (ix->entries[i].key == key) {
            *cursor = i;
            return ix->entries[i].value;
        }
    }
    return NULL;
}
