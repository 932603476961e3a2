/*
 * Allocation. Out of memory for small, bounded things ends the process (exit
 * 70 through CHECK): nothing has been acknowledged that was not durable. What
 * a far side can make large is bounded by limits.h before it is asked for.
 *
 * mem_count() is the number of allocations made through here so far: the test
 * of "no allocation per message in steady state" reads it.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/bytes.h"

void *mem_alloc(size_t len) MUST_USE;               /* zeroed, never NULL */
void *mem_alloc_n(size_t n, size_t each) MUST_USE;  /* zeroed, overflow CHECKed */
void *mem_grow(void *ptr, size_t len) MUST_USE;     /* realloc, never NULL; new part not zeroed */
void mem_free(void *ptr);
char *mem_dup(struct bytes b) MUST_USE;             /* terminated copy */
uint64_t mem_count(void);
/* fn runs after each allocation, before its memory is touched; NULL: none (loop/huge_heap.c) */
void mem_watch(void (*fn)(void));

/* CLEANUP(mem_free_ptr) char *s = NULL; */
static inline void mem_free_ptr(void *ptr_to_ptr)
{
    mem_free(*(void **) ptr_to_ptr);
}

#endif
