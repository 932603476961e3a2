#include "base/slots.h"

#include "base/check.h"
#include "base/mem.h"

/* Each object is preceded by a header; blocks of BLOCK objects are never moved or freed. */
enum { BLOCK = 256 };
#define NONE UINT32_MAX

struct header {
    uint32_t gen;          /* odd while taken, so that a taken id is never 0 */
    uint32_t next_free;
    _Alignas(max_align_t) char object[];
};

static size_t stride(const struct slots *s)
{
    size_t align = _Alignof(max_align_t);
    return (sizeof(struct header) + s->object_len + align - 1) / align * align;
}

static struct header *at(const struct slots *s, uint32_t slot)
{
    return (struct header *) (void *) ((char *) s->blocks[slot / BLOCK] +
                                       stride(s) * (slot % BLOCK));
}

void slots_init(struct slots *s, size_t object_len, uint32_t max)
{
    CHECK(object_len > 0 && max > 0 && max < NONE - BLOCK);
    *s = (struct slots) { .object_len = object_len, .max = max, .free_first = NONE };
}

void slots_fini(struct slots *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->blocks_count; i++)
        mem_free(s->blocks[i]);
    mem_free(s->blocks);
    *s = (struct slots) { 0 };
}

static uint32_t make(struct slots *s)
{
    if (s->made == s->max)
        return NONE;
    if (s->made % BLOCK == 0) {
        s->blocks = mem_grow(s->blocks, (s->blocks_count + 1) * sizeof(s->blocks[0]));
        s->blocks[s->blocks_count++] = mem_alloc_n(BLOCK, stride(s));
    }
    return s->made++;
}

void *slots_take(struct slots *s, struct slot_id *ret_id)
{
    uint32_t slot = s->free_first;
    if (slot == NONE)
        slot = make(s);
    else
        s->free_first = at(s, slot)->next_free;
    if (slot == NONE)
        return NULL;
    struct header *h = at(s, slot);
    h->gen++;
    s->used++;
    *ret_id = (struct slot_id) { slot, h->gen };
    return memset(h->object, 0, s->object_len);
}

void *slots_find(const struct slots *s, struct slot_id id)
{
    if (id.gen % 2 == 0 || id.slot >= s->made)
        return NULL;
    struct header *h = at(s, id.slot);
    return h->gen == id.gen ? h->object : NULL;
}

void slots_give(struct slots *s, struct slot_id id)
{
    CHECK(slots_find(s, id) != NULL);
    struct header *h = at(s, id.slot);
    h->gen++;
    h->next_free = s->free_first;
    s->free_first = id.slot;
    s->used--;
}
