#include "unit.h"

#include "base/mem.h"
#include "loop/huge_heap.h"

#include <stdio.h>
#include <unistd.h>

enum { PIECE = 64 << 10, PIECES = 640 };

static bool read_hex(const char **at, char end, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (; **at != end; ++*at) {
        if ((**at < '0' || **at > '9') && (**at < 'a' || **at > 'f'))
            return false;
        n = n * 16 + (uint64_t) (**at <= '9' ? **at - '0' : **at - 'a' + 10);
    }
    ++*at;
    *ret_n = n;
    return true;
}

/* Of /proc/self/smaps: is the page that this address lies on asked to be a huge one? */
static bool is_advised(const void *at)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    uint64_t from, to, here = (uintptr_t) at;
    bool inside = false, advised = false;
    char line[512];
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        const char *rest = line;
        if (read_hex(&rest, '-', &from) && read_hex(&rest, ' ', &to))
            inside = here >= from && here < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            advised = strstr(line, " hg") != NULL;
    }
    fclose(f);
    return advised;
}

static void what_a_large_heap_grows_by_is_advised(void **state UNUSED)
{
    static char *piece[PIECES];
    char *before = mem_alloc(PIECE);
    bool brk_heap = before < (char *) sbrk(0);    /* a sanitizer's allocator has its own places */
    huge_heap_use();
    for (int i = 0; i < PIECES; i++) {
        piece[i] = mem_alloc(PIECE);
        memset(piece[i], i, PIECE);
    }
    if (brk_heap && access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0)
        assert_true(is_advised(piece[PIECES / 2]));
    assert_false(is_advised(before));
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(piece[i][PIECE - 1], (char) i);
        mem_free(piece[i]);
    }
    mem_watch(NULL);
    mem_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_a_large_heap_grows_by_is_advised) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
