#include "cmd/dead_link.h"

static void on_token(struct auth_watcher *w, uint32_t gen UNUSED, const struct err *err)
{
    dead_link_answer(CONTAINER_OF(w, struct dead_link, watcher), err);
}

static bool wait_token(struct dead_link *l, struct err *err)
{
    if (l->a.auth == NULL)
        return true;
    dead_link_expect(l);
    auth_watch(l->a.auth, &l->watcher);
    auth_refresh(l->a.auth, 0);
    bool ok = dead_link_wait(l, err);
    auth_unwatch(l->a.auth, &l->watcher);
    return ok || err_wrap(err, "no access token");
}

bool dead_link_open(struct dead_link *l, const struct config *c, struct err *err)
{
    *l = (struct dead_link) { .a.conf = c, .watcher.fn = on_token };
    l->a.loop = loop_make(err);
    if (l->a.loop == NULL)
        return false;
    TRY(assembly_connect(&l->a, err));
    TRY(wait_token(l, err));
    l->endpoint = (struct pubsub_endpoint) { l->a.loop, l->a.pubsub_pool, l->a.auth };
    return true;
}

void dead_link_close(struct dead_link *l)
{
    if (l->a.loop == NULL)
        return;
    assembly_fini(&l->a);
    loop_free(l->a.loop);
}

void dead_link_answer(struct dead_link *l, const struct err *err)
{
    l->err = *err;
    l->done = true;
}

void dead_link_expect(struct dead_link *l)
{
    l->done = false;
}

bool dead_link_wait(struct dead_link *l, struct err *err)
{
    while (!l->done)
        loop_pass(l->a.loop, US_NEVER);
    if (l->err.class == ERR_OK)
        return true;
    *err = l->err;
    return false;
}
