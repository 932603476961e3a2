#include "beam/worker_parts.h"

#include "base/limits.h"
#include "base/mem.h"

struct answered {
    struct list_link link;
    uint32_t group;
    us_t until_us;
    char instruction[];
};

void beam_answered_init(struct beam_answered *a)
{
    list_init(&a->list);
}

static struct answered *oldest(const struct beam_answered *a)
{
    struct list_link *link = list_first(&a->list);
    return link != NULL ? CONTAINER_OF(link, struct answered, link) : NULL;
}

static void forget(struct beam_answered *a, struct answered *one)
{
    list_remove(&a->list, &one->link);
    mem_free(one);
}

void beam_answered_fini(struct beam_answered *a)
{
    for (struct answered *one; (one = oldest(a)) != NULL;)
        forget(a, one);
}

static void prune(struct beam_answered *a, us_t now_us)
{
    for (struct answered *one; (one = oldest(a)) != NULL && one->until_us <= now_us;)
        forget(a, one);
}

void beam_answered_add(struct beam_answered *a, const char *instruction, uint32_t group, us_t now_us, us_t cap_us)
{
    prune(a, now_us);
    if (a->list.count >= LIMIT_BEAM_ANSWERED)
        forget(a, oldest(a));    /* the engine gives its group up at the cap */
    size_t len = strlen(instruction) + 1;
    struct answered *one = mem_alloc(sizeof(*one) + len);
    one->group = group;
    one->until_us = now_us + cap_us;
    memcpy(one->instruction, instruction, len);
    list_push_back(&a->list, &one->link);
}

uint32_t beam_answered_take(struct beam_answered *a, const char *instruction, us_t now_us)
{
    prune(a, now_us);
    LIST_EACH(&a->list, link, after) {
        struct answered *one = CONTAINER_OF(link, struct answered, link);
        if (instruction[0] != '\0' && strcmp(one->instruction, instruction) != 0)
            continue;
        uint32_t group = one->group;
        forget(a, one);
        return group;
    }
    return 0;
}
