/*
 * Intrusive doubly linked list. A state is a list: an object's link is on the
 * list of the state it is in. A zeroed link is on no list.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/check.h"

struct list_link {
    struct list_link *prev, *next;
};

struct list {
    struct list_link head;    /* a ring; empty: points at itself */
    size_t count;
};

static inline void list_init(struct list *l)
{
    l->head.prev = l->head.next = &l->head;
    l->count = 0;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->count == 0;
}

static inline bool list_is_linked(const struct list_link *link)
{
    return link->next != NULL;
}

/* Puts link before `at` (an element, or &l->head for the end). */
static inline void list_insert_before(struct list *l, struct list_link *at, struct list_link *link)
{
    CHECK(!list_is_linked(link));
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
    l->count++;
}

static inline void list_push_back(struct list *l, struct list_link *link)
{
    list_insert_before(l, &l->head, link);
}

static inline void list_push_front(struct list *l, struct list_link *link)
{
    list_insert_before(l, l->head.next, link);
}

static inline void list_remove(struct list *l, struct list_link *link)
{
    CHECK(list_is_linked(link) && l->count > 0);
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
    l->count--;
}

static inline struct list_link *list_first(const struct list *l)
{
    return l->count > 0 ? l->head.next : NULL;
}

static inline struct list_link *list_last(const struct list *l)
{
    return l->count > 0 ? l->head.prev : NULL;
}

static inline struct list_link *list_next(const struct list *l, const struct list_link *link)
{
    return link->next != &l->head ? link->next : NULL;
}

static inline struct list_link *list_pop_front(struct list *l)
{
    struct list_link *link = list_first(l);
    if (link != NULL)
        list_remove(l, link);
    return link;
}

/* The body may remove the current element, and only that one. */
#define LIST_EACH(l, link, after)                                              \
    for (struct list_link *link = (l)->head.next, *after = link->next;         \
         link != &(l)->head; link = after, after = link->next)

#endif
