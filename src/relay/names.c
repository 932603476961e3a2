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
