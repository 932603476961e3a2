#include "base/b64.h"
#include "base/check.h"
#include "base/mem.h"
#include "store/store_client.h"

/* A pooled body keeps a buffer of at most this: 8,000 of them stay in memory. */
enum { BODY_KEEP = 64 << 10 };

/*
 * Buffers outlive the slots they were used in: slots_give() forgets its object, so the buffer of a
 * body that is given back waits here for the next one.
 */
struct store_bodies {
    struct slots slots;
    struct buf *spare;
    uint32_t spares, spares_max;
};

struct store_bodies *store_bodies_make(uint32_t max)
{
    struct store_bodies *b = mem_alloc(sizeof(*b));
    slots_init(&b->slots, sizeof(struct store_body), max);
    return b;
}

void store_bodies_free(struct store_bodies *b)
{
    if (b == NULL)
        return;
    CHECK(b->slots.used == 0);
    for (uint32_t i = 0; i < b->spares; i++)
        buf_fini(&b->spare[i]);
    mem_free(b->spare);
    slots_fini(&b->slots);
    mem_free(b);
}

struct store_body *store_body_take(struct store_bodies *b)
{
    struct slot_id id;
    struct store_body *body = slots_take(&b->slots, &id);
    if (body == NULL)
        return NULL;
    body->id = id;
    if (b->spares > 0)
        body->reply = b->spare[--b->spares];
    return body;
}

struct store_body *store_body_find(const struct store_bodies *b, struct slot_id id)
{
    return slots_find(&b->slots, id);
}

void store_body_give(struct store_bodies *b, struct store_body *body)
{
    if (body->reply.cap > BODY_KEEP) {
        buf_fini(&body->reply);
    } else if (body->reply.ptr != NULL) {
        if (b->spares == b->spares_max) {
            b->spares_max = MAX(b->spares_max * 2, 64);
            b->spare = mem_grow(b->spare, b->spares_max * sizeof(*b->spare));
        }
        buf_clear(&body->reply);
        b->spare[b->spares++] = body->reply;
    }
    slots_give(&b->slots, body->id);
}

void store_body_content_id(const struct store_body *body, struct buf *out)
{
    CLEANUP(buf_fini) struct buf plain = { 0 };
    CHECK(b64_decode(body->data, &plain));
    struct sha256 sum = sha256_of(buf_bytes(&plain));
    b64_encode_url(bytes_of((const char *) sum.octet, SHA256_LEN), out);
}
