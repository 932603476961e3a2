/* The connection of `dead` to Pub/Sub: one call at a time, waited for. */
#ifndef CMD_DEAD_LINK_H
#define CMD_DEAD_LINK_H

#include "run/assemble.h"

struct dead_link {
    struct assembly a;
    struct pubsub_endpoint endpoint;
    struct auth_watcher watcher;
    bool done;                /* of the call that is waited for: set by its callback, with err */
    struct err err;
};

/* Connects with the configuration's credentials. False: dead_link_close() is still the caller's. */
bool dead_link_open(struct dead_link *l, const struct config *c, struct err *err) MUST_USE;
void dead_link_close(struct dead_link *l);
/* For callbacks. */
void dead_link_answer(struct dead_link *l, const struct err *err);
/* Before a call that dead_link_wait() then waits for. */
void dead_link_expect(struct dead_link *l);
bool dead_link_wait(struct dead_link *l, struct err *err) MUST_USE;

#endif
