#include "loop/huge_heap.h"

#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_uintptr_t advised;    /* the heap up to here was looked at */

/* The heap is one piece that grows at its end; what was added just now is untouched for the most part. */
static void advise_growth(void)
{
    uintptr_t from = atomic_load_explicit(&advised, memory_order_relaxed);
    uintptr_t end = (uintptr_t) sbrk(0);
    if (end < from + HUGE_HEAP_PAGE)
        return;
    end -= end % HUGE_HEAP_PAGE;
    /* Refused: the small ones do as well. */
    (void) madvise((void *) from, end - from, MADV_HUGEPAGE);
    atomic_store_explicit(&advised, end, memory_order_relaxed);
}

void huge_heap_use(void)
{
    /* It grows by many pages at a time then, of which only the last is not whole. Large buffers lie
     * outside of it, and go back to the system when they are freed. */
    if (mallopt(M_TOP_PAD, 8 * HUGE_HEAP_PAGE) != 1 || mallopt(M_TRIM_THRESHOLD, 16 * HUGE_HEAP_PAGE) != 1 ||
        mallopt(M_MMAP_THRESHOLD, HUGE_HEAP_PAGE / 4) != 1)
        return;
    uintptr_t from = (uintptr_t) sbrk(0) + HUGE_HEAP_SMALL;
    atomic_store_explicit(&advised, from + HUGE_HEAP_PAGE - from % HUGE_HEAP_PAGE, memory_order_relaxed);
    mem_watch(advise_growth);
}
