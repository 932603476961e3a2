#include "cloud/backlog.h"

/*
 * A subscription with enable_message_ordering gives out one message of a key at a
 * time: the next one comes when the one before it is acknowledged, durably. A
 * message that comes again (nack, deadline) so comes before the later ones.
 */

bool cloud_key_join(struct cloud_sub *s, struct cloud_entry *e, struct bytes ordering_key)
{
    if (!s->conf.ordering || ordering_key.len == 0)
        return true;
    struct cloud_key *k = NULL;
    HASH_FIND(hh, s->keys, ordering_key.ptr, ordering_key.len, k);
    if (k == NULL) {
        k = mem_alloc(sizeof(*k));
        k->name = mem_dup(ordering_key);
        list_init(&k->blocked);
        HASH_ADD_KEYPTR(hh, s->keys, k->name, ordering_key.len, k);
    }
    e->key = k;
    if (k->head != NULL)
        return false;
    k->head = e;
    return true;
}

void cloud_key_leave(struct cloud_sub *s, struct cloud_entry *e)
{
    struct cloud_key *k = e->key;
    e->key = NULL;
    if (k == NULL || k->head != e)
        return;
    struct list_link *link = list_first(&k->blocked);
    if (link == NULL) {
        HASH_DEL(s->keys, k);
        mem_free(k->name);
        mem_free(k);
        return;
    }
    k->head = CONTAINER_OF(link, struct cloud_entry, link);
    cloud_entry_move(s, k->head, CLOUD_ENTRY_FRESH, 0);
}
