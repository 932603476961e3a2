/*
 * Entries of a subscription's window: the one function that moves them between
 * states, and what acknowledging needs of them (backlog.c).
 */
#ifndef CLOUD_BACKLOG_H
#define CLOUD_BACKLOG_H

#include "cloud/pubsub.h"

struct cloud_entry *cloud_entry_find(struct cloud_sub *s, uint64_t seq);    /* NULL: not in the window */
struct cloud_entry *cloud_entry_add(struct cloud_sub *s, uint64_t seq, size_t size);    /* in no list yet */
void cloud_entry_free(struct cloud_sub *s, struct cloud_entry *e);
/* at_us: LEASED, the deadline; WAITING, when it may come again. */
void cloud_entry_move(struct cloud_sub *s, struct cloud_entry *e, enum cloud_entry_state state, us_t at_us);
/* A lease goes on until at_us, with whom it is. */
void cloud_entry_extend(struct cloud_sub *s, struct cloud_entry *e, us_t at_us);
/* Nacked or expired: again at once, or when the retry policy says. */
void cloud_entry_return(struct cloud_sub *s, struct cloud_entry *e);

/* The message of e, from memory or disk; borrowed until the next database call. ABSENT: it was erased. */
enum cloud_db_found cloud_entry_message(struct cloud_sub *s, struct cloud_entry *e, struct bytes *ret);

/* acknowledge.c: takes e out of everybody's hands and erases it within w. */
void cloud_entry_erase(struct cloud_sub *s, struct cloud_entry *e, struct cloud_db_write *w);

/* dead_letter_policy.c: forwards e to the dead-letter topic if its attempts are used up. False: they are not, or
 * there is no such topic (then it is delivered on). */
bool cloud_entry_bury(struct cloud_sub *s, struct cloud_entry *e);

/* ordering.c: an entry that is new in the window takes its place in its key's queue. True: it may be delivered. */
bool cloud_key_join(struct cloud_sub *s, struct cloud_entry *e, struct bytes ordering_key);
/* Before e is freed: the next of its key may be delivered. */
void cloud_key_leave(struct cloud_sub *s, struct cloud_entry *e);

#endif
