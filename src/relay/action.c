/*
 * The ring of actions:
 *
 *     released          taken            put
 *        | read by driver | not taken yet | free ...
 *
 * The names of actions that the driver has taken are let go at the next feed or
 * take, so that it may read them until then.
 */
#include "relay/engine.h"
#include "base/mem.h"

static void grow(struct relay *r)
{
    uint32_t cap = MAX(r->actions_cap * 2, 256u);
    struct queued_action *grown = mem_alloc_n(cap, sizeof(grown[0]));
    for (uint64_t i = r->released; i < r->put; i++)
        grown[i & (cap - 1)] = r->actions[i & (r->actions_cap - 1)];
    mem_free(r->actions);
    r->actions = grown;
    r->actions_cap = cap;
}

struct relay_action *relay_act(struct relay *r, enum relay_action_kind kind)
{
    if (r->put - r->released == r->actions_cap)
        grow(r);
    struct queued_action *q = &r->actions[r->put++ & (r->actions_cap - 1)];
    memset(q, 0, sizeof(*q));
    q->action.kind = kind;
    return &q->action;
}

struct relay_action *relay_act_named(struct relay *r, enum relay_action_kind kind, struct relay_name *name)
{
    struct relay_action *a = relay_act(r, kind);
    CONTAINER_OF(a, struct queued_action, action)->name = relay_names_ref(name);
    a->name = bytes_of(name->text, name->len);
    return a;
}

struct relay_action *relay_act_lease(struct relay *r, enum relay_action_kind kind, const struct delivery *d)
{
    struct relay_action *a = relay_act(r, kind);
    a->lease = d->lease;
    a->group = d->group->id;
    return a;
}

void relay_act_release_taken(struct relay *r)
{
    if (r->released == r->taken)
        return;
    for (; r->released < r->taken; r->released++) {
        struct queued_action *q = &r->actions[r->released & (r->actions_cap - 1)];
        relay_names_unref(&r->names, q->name);
        q->name = NULL;
    }
    /* Empty: from the front again, which is in the cache. A ring that once held thousands is never round. */
    if (r->released == r->put)
        r->released = r->taken = r->put = 0;
}

size_t relay_take(struct relay *r, struct relay_action *out, size_t max)
{
    relay_act_release_taken(r);
    size_t n = 0;
    while (n < max && r->taken < r->put)
        out[n++] = r->actions[r->taken++ & (r->actions_cap - 1)].action;
    return n;
}
