#include "cmd/tokens.h"

struct first_token {
    struct auth_watcher watcher;
    bool done;
    struct err err;
};

static void on_token(struct auth_watcher *w, uint32_t gen UNUSED, const struct err *err)
{
    struct first_token *t = CONTAINER_OF(w, struct first_token, watcher);
    t->done = true;
    t->err = *err;
}

bool tokens_wait(struct assembly *a, const char *command, const volatile int *stop, struct err *err)
{
    if (a->auth == NULL)
        return true;
    struct first_token t = { .watcher.fn = on_token };
    auth_watch(a->auth, &t.watcher);
    auth_refresh(a->auth, 0);
    while (!t.done && (stop == NULL || !*stop))
        loop_pass(a->loop, 100 * US_PER_MS);
    auth_unwatch(a->auth, &t.watcher);
    if (t.done && t.err.class == ERR_OK)
        return true;
    if (!t.done)
        return FAIL(err, CANCELLED, "%s: interrupted", command);
    *err = t.err;
    return err_wrap(err, "%s: no access token", command);
}
