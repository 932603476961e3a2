#include "relay/engine.h"

/* A usual name has about 130 bytes; 400,000 of the longest would be 400 MB, hence sizes. */
static const uint16_t sizes[NAME_SIZES] = { 144, 256, 512, LIMIT_NAME_LEN };

void relay_names_init(struct relay_names *n)
{
    for (int i = 0; i < NAME_SIZES; i++)
        slots_init(&n->size[i], sizeof(struct relay_name) + sizes[i], 4u * LIMIT_OUTSTANDING);
}

void relay_names_fini(struct relay_names *n)
{
    for (int i = 0; i < NAME_SIZES; i++)
        slots_fini(&n->size[i]);
}

struct relay_name *relay_names_add(struct relay_names *n, struct bytes text)
{
    text.len = MIN(text.len, (size_t) LIMIT_NAME_LEN);
    uint8_t size = 0;
    while (sizes[size] < text.len)
        size++;
    struct slot_id id;
    struct relay_name *name = slots_take(&n->size[size], &id);
    CHECK(name != NULL);
    name->id = id;
    name->refs = 1;
    name->len = (uint16_t) text.len;
    name->size = size;
    if (text.len > 0)
        memcpy(name->text, text.ptr, text.len);
    return name;
}

struct relay_name *relay_names_ref(struct relay_name *name)
{
    name->refs++;
    return name;
}

void relay_names_unref(struct relay_names *n, struct relay_name *name)
{
    if (name == NULL)
        return;
    CHECK(name->refs > 0);
    if (--name->refs == 0)
        slots_give(&n->size[name->size], name->id);
}

/* Eight bytes at a step: names are long and every delivery is hashed once. */
uint64_t relay_names_hash(struct bytes text, uint64_t seed)
{
    uint64_t h = seed ^ (text.len * 0x9e3779b97f4a7c15u);
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;
        memcpy(&word, text.ptr + i, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    uint64_t rest = 0;
    for (; i < text.len; i++)
        rest = rest << 8 | (uint8_t) text.ptr[i];
    h = (h ^ rest) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 29;
}
