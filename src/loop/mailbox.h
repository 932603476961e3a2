/*
 * The only way between threads: a bounded queue of pointers with an eventfd.
 * Any thread posts; the loop that owns the mailbox receives. Who posts gives
 * the object away; who receives owns it.
 */
#ifndef LOOP_MAILBOX_H
#define LOOP_MAILBOX_H

#include "loop/loop.h"

struct mailbox;

typedef void mailbox_fn(void *ctx, void *mail);

struct mailbox *mailbox_make(struct loop *l, size_t max, mailbox_fn *fn, void *ctx);
/* Must be empty, and nobody may post any more: join the threads that do, then mailbox_take() the
 * rest. Not from its own fn. */
void mailbox_free(struct mailbox *m);
bool mailbox_post(struct mailbox *m, void *mail) MUST_USE;    /* any thread; false: full, still the caller's */
void *mailbox_take(struct mailbox *m);                        /* the oldest mail, or NULL */

#endif
