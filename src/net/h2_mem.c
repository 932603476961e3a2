#include "net/h2_mem.h"

#include "base/mem.h"

/*
 * Sizes 32, 64, ... 4096. Each piece is preceded by a head that names its size:
 *
 *      | size class, 16 bytes |  what nghttp2 sees ...            |
 *
 * While a piece is free, a pointer to the next free one stands behind the head.
 */
enum { SMALLEST_BITS = 5, CLASSES = 8, LARGE = CLASSES, CHUNK = 32 << 10 };

struct head {
    _Alignas(16) size_t class;    /* LARGE: not ours to keep */
    size_t len;                   /* of what follows */
};

struct chunk {
    _Alignas(16) struct chunk *next;
};

struct h2_mem {
    nghttp2_mem functions;
    void *free[CLASSES];           /* pieces, linked */
    struct chunk *chunks;
    char *at, *end;                /* what is left of the newest chunk */
};

static size_t class_of(size_t len)
{
    size_t class = 0;
    while (class < CLASSES && len > (size_t) 1 << (SMALLEST_BITS + class))
        class++;
    return class;
}

static void *carve(struct h2_mem *m, size_t class)
{
    size_t len = (size_t) 1 << (SMALLEST_BITS + class);
    size_t whole = sizeof(struct head) + len;
    if ((size_t) (m->end - m->at) < whole) {
        struct chunk *chunk = mem_grow(NULL, CHUNK);
        chunk->next = m->chunks;
        m->chunks = chunk;
        m->at = (char *) (chunk + 1);
        m->end = (char *) chunk + CHUNK;
    }
    struct head *head = (struct head *) (void *) m->at;
    m->at += whole;
    *head = (struct head) { class, len };
    return head + 1;
}

static void *take(size_t len, void *ctx)
{
    struct h2_mem *m = ctx;
    size_t class = class_of(len);
    if (class == LARGE) {
        struct head *head = mem_grow(NULL, sizeof(*head) + len);
        *head = (struct head) { LARGE, len };
        return head + 1;
    }
    void *piece = m->free[class];
    if (piece == NULL)
        return carve(m, class);
    memcpy(&m->free[class], piece, sizeof(void *));
    return piece;
}

static void give(void *piece, void *ctx)
{
    struct h2_mem *m = ctx;
    if (piece == NULL)
        return;
    struct head *head = (struct head *) piece - 1;
    if (head->class == LARGE) {
        mem_free(head);
        return;
    }
    memcpy(piece, &m->free[head->class], sizeof(void *));
    m->free[head->class] = piece;
}

static void *take_zeroed(size_t n, size_t each, void *ctx)
{
    size_t len;
    if (__builtin_mul_overflow(n, each, &len))
        return NULL;
    return memset(take(len, ctx), 0, len);
}

static void *resize(void *piece, size_t len, void *ctx)
{
    if (piece == NULL)
        return take(len, ctx);
    size_t had = ((struct head *) piece - 1)->len;
    if (len <= had)
        return piece;
    void *larger = take(len, ctx);
    memcpy(larger, piece, had);
    give(piece, ctx);
    return larger;
}

struct h2_mem *h2_mem_make(void)
{
    struct h2_mem *m = mem_alloc(sizeof(*m));
    m->functions = (nghttp2_mem) { m, take, give, take_zeroed, resize };
    return m;
}

void h2_mem_free(struct h2_mem *m)
{
    if (m == NULL)
        return;
    for (struct chunk *next; m->chunks != NULL; m->chunks = next) {
        next = m->chunks->next;
        mem_free(m->chunks);
    }
    mem_free(m);
}

nghttp2_mem *h2_mem_functions(struct h2_mem *m)
{
    return &m->functions;
}
