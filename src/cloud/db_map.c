#include "cloud/db_map.h"

#include "base/mem.h"
#include "base/rand.h"

/* 4^-level of the nodes reach a level: 12 levels serve 16 million keys. */
enum { LEVELS = 12 };

struct node {
    struct node *prev;        /* on level 0; the head for the first */
    char *value;
    size_t value_len;
    uint32_t key_len, levels;
    struct node *next[];      /* `levels` of them, then the key */
};

struct cloud_db_map {
    struct node *head;        /* has all levels and no key */
    struct node *last;        /* the head when empty */
    struct rnd rnd;
};

static char *key_place(const struct node *n)
{
    return (char *) &n->next[n->levels];
}

static struct bytes node_key(const struct node *n)
{
    return bytes_of(key_place(n), n->key_len);
}

static int compare(struct bytes a, struct bytes b)
{
    size_t len = MIN(a.len, b.len);
    int diff = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return diff != 0 ? diff : (a.len > b.len) - (a.len < b.len);
}

static struct node *node_make(struct bytes key, uint32_t levels)
{
    struct node *n = mem_alloc(sizeof(*n) + levels * sizeof(n->next[0]) + key.len);
    n->levels = levels;
    n->key_len = (uint32_t) key.len;
    if (key.len > 0)
        memcpy(key_place(n), key.ptr, key.len);
    return n;
}

static void node_free(struct node *n)
{
    mem_free(n->value);
    mem_free(n);
}

/* The last node before key on each level. */
static void find_before(const struct cloud_db_map *m, struct bytes key, struct node *before[LEVELS])
{
    struct node *n = m->head;
    for (int level = LEVELS - 1; level >= 0; level--) {
        while (n->next[level] != NULL && compare(node_key(n->next[level]), key) < 0)
            n = n->next[level];
        before[level] = n;
    }
}

struct cloud_db_map *cloud_db_map_make(void)
{
    struct cloud_db_map *m = mem_alloc(sizeof(*m));
    m->head = m->last = node_make(BYTES_LIT(""), LEVELS);
    rnd_seed(&m->rnd, 1);
    return m;
}

void cloud_db_map_free(struct cloud_db_map *m)
{
    if (m == NULL)
        return;
    for (struct node *n = m->head, *after; n != NULL; n = after) {
        after = n->next[0];
        node_free(n);
    }
    mem_free(m);
}

static void set_value(struct node *n, struct bytes value)
{
    mem_free(n->value);
    n->value = mem_dup(value);
    n->value_len = value.len;
}

void cloud_db_map_put(struct cloud_db_map *m, struct bytes key, struct bytes value)
{
    struct node *before[LEVELS];
    find_before(m, key, before);
    struct node *n = before[0]->next[0];
    if (n != NULL && bytes_eq(node_key(n), key)) {
        set_value(n, value);
        return;
    }
    uint32_t levels = 1;
    while (levels < LEVELS && rnd_below(&m->rnd, 4) == 0)
        levels++;
    n = node_make(key, levels);
    set_value(n, value);
    for (uint32_t level = 0; level < levels; level++) {
        n->next[level] = before[level]->next[level];
        before[level]->next[level] = n;
    }
    n->prev = before[0];
    if (n->next[0] != NULL)
        n->next[0]->prev = n;
    else
        m->last = n;
}

/* Takes out the node after before[0] and frees it; `before` stays right. */
static void take_out(struct cloud_db_map *m, struct node *before[LEVELS])
{
    struct node *n = before[0]->next[0];
    for (uint32_t level = 0; level < n->levels; level++)
        before[level]->next[level] = n->next[level];
    if (n->next[0] != NULL)
        n->next[0]->prev = n->prev;
    else
        m->last = n->prev;
    node_free(n);
}

void cloud_db_map_erase(struct cloud_db_map *m, struct bytes key)
{
    struct node *before[LEVELS];
    find_before(m, key, before);
    struct node *n = before[0]->next[0];
    if (n != NULL && bytes_eq(node_key(n), key))
        take_out(m, before);
}

void cloud_db_map_erase_prefix(struct cloud_db_map *m, struct bytes prefix)
{
    struct node *before[LEVELS];
    find_before(m, prefix, before);
    while (before[0]->next[0] != NULL && bytes_starts(node_key(before[0]->next[0]), prefix))
        take_out(m, before);
}

void cloud_db_map_erase_range(struct cloud_db_map *m, struct bytes low, struct bytes high)
{
    struct node *before[LEVELS];
    find_before(m, low, before);
    while (before[0]->next[0] != NULL && (high.len == 0 || compare(node_key(before[0]->next[0]), high) < 0))
        take_out(m, before);
}

bool cloud_db_map_get(const struct cloud_db_map *m, struct bytes key, struct bytes *ret_value)
{
    struct node *before[LEVELS];
    find_before(m, key, before);
    const struct node *n = before[0]->next[0];
    if (n == NULL || !bytes_eq(node_key(n), key))
        return false;
    *ret_value = bytes_of(n->value, n->value_len);
    return true;
}

/* The first node beyond everything that begins with prefix; NULL: none. */
static struct node *beyond_prefix(const struct cloud_db_map *m, struct bytes prefix)
{
    struct node *n = m->head;
    for (int level = LEVELS - 1; level >= 0; level--)
        while (n->next[level] != NULL) {
            struct bytes key = node_key(n->next[level]);
            if (compare(key, prefix) >= 0 && !bytes_starts(key, prefix))
                break;
            n = n->next[level];
        }
    return n->next[0];
}

static struct node *scan_first(const struct cloud_db_map *m, const struct cloud_db_range *range)
{
    struct node *before[LEVELS];
    if (range->descending) {
        if (range->after.len > 0) {
            find_before(m, range->after, before);
            return before[0];
        }
        struct node *beyond = beyond_prefix(m, range->prefix);
        return beyond != NULL ? beyond->prev : m->last;
    }
    bool from_after = range->after.len > 0 && compare(range->after, range->prefix) >= 0;
    find_before(m, from_after ? range->after : range->prefix, before);
    struct node *n = before[0]->next[0];
    if (n != NULL && from_after && bytes_eq(node_key(n), range->after))
        n = n->next[0];
    return n;
}

void cloud_db_map_scan(const struct cloud_db_map *m, const struct cloud_db_range *range, cloud_db_row_fn *fn,
                       void *ctx)
{
    struct node *n = scan_first(m, range);
    for (size_t rows = 0; n != NULL && n != m->head; rows++) {
        if (!bytes_starts(node_key(n), range->prefix) || (range->max > 0 && rows == range->max))
            return;
        if (range->below.len > 0 && !range->descending && compare(node_key(n), range->below) >= 0)
            return;
        struct bytes value = range->keys_only ? BYTES_LIT("") : bytes_of(n->value, n->value_len);
        if (!fn(ctx, node_key(n), value))
            return;
        n = range->descending ? n->prev : n->next[0];
    }
}
