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
void mailbox_free(struct mailbox *m);              /* must be empty or its mail is lost to a leak: drain first */
bool mailbox_post(struct mailbox *m, void *mail) MUST_USE;    /* any thread; false: full */

#endif
