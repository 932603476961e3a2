#include "conf/suggest.h"

enum { SUGGEST_LEN = 64 };

static char fold(char c)
{
    return c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Damerau-Levenshtein, restricted (neighbours swap once); three rows are enough. */
unsigned suggest_distance(struct bytes a, struct bytes b, unsigned max)
{
    unsigned rows[3][SUGGEST_LEN + 1];
    unsigned *two_ago = rows[0], *ago = rows[1], *now = rows[2];
    if (a.len > SUGGEST_LEN || b.len > SUGGEST_LEN)
        return max + 1;
    for (unsigned j = 0; j <= b.len; j++)
        ago[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        now[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            char ca = fold(a.ptr[i - 1]), cb = fold(b.ptr[j - 1]);
            unsigned best = MIN(MIN(ago[j], now[j - 1]) + 1, ago[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == fold(b.ptr[j - 2]) && fold(a.ptr[i - 2]) == cb)
                best = MIN(best, two_ago[j - 2] + 1);
            now[j] = best;
        }
        unsigned *free_row = two_ago;
        two_ago = ago;
        ago = now;
        now = free_row;
    }
    return MIN(ago[b.len], max + 1);
}

bool suggest_is_near(struct bytes a, struct bytes b, unsigned *ret_distance)
{
    unsigned max = MAX((unsigned) MAX(a.len, b.len) / 3, 1u);
    size_t same = 0;
    while (same < a.len && same < b.len && fold(a.ptr[same]) == fold(b.ptr[same]))
        same++;
    if (same == a.len && same >= 3) {    /* cut short: "warn" */
        *ret_distance = 1;
        return true;
    }
    *ret_distance = suggest_distance(a, b, max);
    return *ret_distance <= max;
}
