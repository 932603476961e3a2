#include "base/mem.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_uint_fast64_t allocations;
static void (*_Atomic watch)(void);

void mem_watch(void (*fn)(void))
{
    atomic_store_explicit(&watch, fn, memory_order_relaxed);
}

static void tell_watch(void)
{
    void (*fn)(void) = atomic_load_explicit(&watch, memory_order_relaxed);
    if (fn != NULL)
        fn();
}

void *mem_alloc(size_t len)
{
    return mem_alloc_n(1, len);
}

void *mem_alloc_n(size_t n, size_t each)
{
    size_t len;
    CHECK(!__builtin_mul_overflow(n, each, &len));
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    void *ptr = malloc(len > 0 ? len : 1);
    CHECK(ptr != NULL);
    tell_watch();
    return memset(ptr, 0, len);
}

void *mem_grow(void *ptr, size_t len)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    void *grown = realloc(ptr, len > 0 ? len : 1);
    CHECK(grown != NULL);
    tell_watch();
    return grown;
}

void mem_free(void *ptr)
{
    free(ptr);
}

char *mem_dup(struct bytes b)
{
    char *copy = mem_alloc(b.len + 1);
    if (b.len > 0)
        memcpy(copy, b.ptr, b.len);
    return copy;
}

uint64_t mem_count(void)
{
    return atomic_load_explicit(&allocations, memory_order_relaxed);
}
