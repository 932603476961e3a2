/*
 * Host names to addresses on a thread of its own. The last good answer of a
 * name is kept for five minutes and used when a look-up fails.
 */
#ifndef LOOP_RESOLVE_H
#define LOOP_RESOLVE_H

#include "loop/loop.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum { RESOLVE_ADDRESSES = 8 };

struct resolve_answer {
    bool ok;
    uint32_t count;
    struct sockaddr_storage address[RESOLVE_ADDRESSES];    /* families alternate */
    socklen_t address_len[RESOLVE_ADDRESSES];
    struct err err;    /* class DNS when not ok */
};

struct resolver;

struct resolver *resolver_make(struct loop *l);
/* No call may be open. A look-up that hangs in the system is left to end by itself. */
void resolver_free(struct resolver *r);

struct resolve_call {
    void (*fn)(struct resolve_call *c, const struct resolve_answer *a);

    struct list_link link;    /* from here on the resolver's */
    struct list *in;
    uint16_t port;
    struct sockaddr_storage literal;
    socklen_t literal_len;
};

/* Literal addresses (IPv6 without brackets) are answered without the thread, but never inside this call. */
void resolver_ask(struct resolver *r, struct resolve_call *c, const char *host, uint16_t port);
void resolver_cancel(struct resolver *r, struct resolve_call *c);    /* fn will not be called */

#endif
