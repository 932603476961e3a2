#include "loop/resolve.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/mailbox.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { HOST_LEN = 256 };    /* RFC 1035, 2.3.4: at most 253 characters */

/* One host name: who waits for it, and its last good answer. */
struct name {
    struct list_link link;
    char host[HOST_LEN];
    bool asked;                    /* a look-up is under way */
    struct list waiting;           /* of resolve_call */
    struct resolve_answer good;
    us_t good_until_us;            /* 0: none */
};

/* Travels to the thread and back. */
struct lookup {
    struct list_link link;
    char host[HOST_LEN];
    struct resolve_answer answer;
};

/*
 * What both threads see. The thread may hang in the system's resolver for
 * half a minute: then nobody joins it, and it frees this when it comes back.
 */
struct shared {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list queue;             /* of lookup */
    struct mailbox *answers;
    bool stop, busy;
};

struct resolver {
    struct loop *loop;
    struct shared *shared;
    struct mailbox *answers;
    bool has_thread;
    pthread_t thread;
    struct list names;             /* the one that was asked for last is at the end */
    struct list literal;           /* of resolve_call: waiting for the task */
    struct list delivering;        /* of resolve_call: being answered now */
    struct loop_task task;
};

/* ---- on the thread ---------------------------------------------------- */

static void add_address(struct resolve_answer *a, const struct addrinfo *info)
{
    if (a->count == RESOLVE_ADDRESSES || info->ai_addrlen > sizeof(a->address[0]))
        return;
    memcpy(&a->address[a->count], info->ai_addr, info->ai_addrlen);
    a->address_len[a->count++] = info->ai_addrlen;
}

static const struct addrinfo *next_of(const struct addrinfo *info, int family, bool same)
{
    while (info != NULL && (info->ai_family == family) != same)
        info = info->ai_next;
    return info;
}

/* RFC 8305, 4: the families alternate, so that a broken one costs one attempt. */
static void alternate(struct resolve_answer *a, const struct addrinfo *list)
{
    int family = list->ai_family;
    const struct addrinfo *first = next_of(list, family, true), *other = next_of(list, family, false);
    while (first != NULL || other != NULL) {
        if (first != NULL) {
            add_address(a, first);
            first = next_of(first->ai_next, family, true);
        }
        if (other != NULL) {
            add_address(a, other);
            other = next_of(other->ai_next, family, false);
        }
    }
}

static void look_up(struct lookup *l)
{
    struct addrinfo *list = NULL, hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    int code = getaddrinfo(l->host, NULL, &hints, &list);
    struct resolve_answer *a = &l->answer;
    if (code == 0 && list != NULL)
        alternate(a, list);
    a->ok = a->count > 0;
    if (!a->ok)
        FAIL(&a->err, DNS, "host %s could not be resolved: %s; check the name and the DNS servers", l->host,
             code != 0 ? gai_strerror(code) : "it has no address");
    if (list != NULL)
        freeaddrinfo(list);
}

static void shared_free(struct shared *s)
{
    for (struct list_link *link; (link = list_pop_front(&s->queue)) != NULL;)
        mem_free(CONTAINER_OF(link, struct lookup, link));
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

static void *thread_main(void *arg)
{
    struct shared *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        struct list_link *link = list_pop_front(&s->queue);
        if (link == NULL) {
            pthread_cond_wait(&s->work, &s->lock);
            continue;
        }
        s->busy = true;
        pthread_mutex_unlock(&s->lock);
        struct lookup *l = CONTAINER_OF(link, struct lookup, link);
        look_up(l);
        pthread_mutex_lock(&s->lock);
        /* There is room: the mailbox holds as many as there are names. */
        if (s->stop)
            mem_free(l);
        else
            CHECK(mailbox_post(s->answers, l));
        if (s->stop) {    /* told to go while busy: nobody joins, all is ours */
            pthread_mutex_unlock(&s->lock);
            shared_free(s);
            return NULL;
        }
        s->busy = false;
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- on the loop ------------------------------------------------------ */

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *) (void *) address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *) (void *) address)->sin_port = htons(port);
}

static void call_remove(struct resolve_call *c)
{
    list_remove(c->in, &c->link);
    c->in = NULL;
}

static void call_put(struct list *in, struct resolve_call *c)
{
    list_push_back(in, &c->link);
    c->in = in;
}

static void answer_one(struct resolve_call *c, const struct resolve_answer *from)
{
    struct resolve_answer a = *from;
    for (uint32_t i = 0; i < a.count; i++)
        set_port(&a.address[i], c->port);
    c->fn(c, &a);
}

/* A callback may ask again or cancel others: who is to be answered now stands on a list of its own. */
static void answer_all(struct resolver *r, struct list *waiting, const struct resolve_answer *a)
{
    for (struct list_link *link; (link = list_first(waiting)) != NULL;) {
        struct resolve_call *c = CONTAINER_OF(link, struct resolve_call, link);
        call_remove(c);
        call_put(&r->delivering, c);
    }
    for (struct list_link *link; (link = list_first(&r->delivering)) != NULL;) {
        struct resolve_call *c = CONTAINER_OF(link, struct resolve_call, link);
        call_remove(c);
        if (a != NULL) {
            answer_one(c, a);
            continue;
        }
        struct resolve_answer literal = { .ok = true, .count = 1, .address = { c->literal },
                                          .address_len = { c->literal_len } };
        answer_one(c, &literal);
    }
}

static void on_task(struct loop_task *t)
{
    struct resolver *r = CONTAINER_OF(t, struct resolver, task);
    answer_all(r, &r->literal, NULL);
}

static struct name *name_find(struct resolver *r, const char *host)
{
    LIST_EACH(&r->names, link, after) {
        struct name *n = CONTAINER_OF(link, struct name, link);
        if (strcmp(n->host, host) == 0)
            return n;
    }
    return NULL;
}

static void on_answer(void *ctx, void *mail)
{
    struct resolver *r = ctx;
    struct lookup *l = mail;
    struct name *n = name_find(r, l->host);
    CHECK(n != NULL && n->asked);
    n->asked = false;
    struct resolve_answer a = l->answer;
    mem_free(l);
    if (a.ok) {
        n->good = a;
        n->good_until_us = loop_now(r->loop) + (us_t) LIMIT_RESOLVE_KEPT_S * US_PER_S;
    } else if (n->good_until_us > loop_now(r->loop)) {
        a = n->good;
    }
    answer_all(r, &n->waiting, &a);
}

/* The least recently used name that nobody waits for makes room. */
static void make_room(struct resolver *r)
{
    if (r->names.count < LIMIT_RESOLVE_NAMES)
        return;
    LIST_EACH(&r->names, link, after) {
        struct name *n = CONTAINER_OF(link, struct name, link);
        if (n->asked || !list_is_empty(&n->waiting))
            continue;
        list_remove(&r->names, link);
        mem_free(n);
        return;
    }
    CHECK(!"more host names in one process than LIMIT_RESOLVE_NAMES");
}

static struct name *name_of(struct resolver *r, const char *host)
{
    struct name *n = name_find(r, host);
    if (n == NULL) {
        make_room(r);
        n = mem_alloc(sizeof(*n));
        snprintf(n->host, sizeof(n->host), "%s", host);
        list_init(&n->waiting);
    } else {
        list_remove(&r->names, &n->link);
    }
    list_push_back(&r->names, &n->link);
    return n;
}

static void ask_thread(struct resolver *r, struct name *n)
{
    struct lookup *l = mem_alloc(sizeof(*l));
    memcpy(l->host, n->host, sizeof(l->host));
    n->asked = true;
    pthread_mutex_lock(&r->shared->lock);
    list_push_back(&r->shared->queue, &l->link);
    pthread_cond_signal(&r->shared->work);
    pthread_mutex_unlock(&r->shared->lock);
    if (!r->has_thread) {
        CHECK(pthread_create(&r->thread, NULL, thread_main, r->shared) == 0);
        r->has_thread = true;
    }
}

static bool parse_literal(struct resolve_call *c, const char *host)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(&c->literal, &v4, sizeof(v4));
        c->literal_len = sizeof(v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(&c->literal, &v6, sizeof(v6));
        c->literal_len = sizeof(v6);
        return true;
    }
    return false;
}

void resolver_ask(struct resolver *r, struct resolve_call *c, const char *host, uint16_t port)
{
    CHECK(c->fn != NULL && c->in == NULL);
    c->port = port;
    if (parse_literal(c, host)) {
        call_put(&r->literal, c);
        loop_task_post(r->loop, &r->task);
        return;
    }
    struct name *n = name_of(r, host);
    call_put(&n->waiting, c);
    if (!n->asked)
        ask_thread(r, n);
}

void resolver_cancel(struct resolver *r UNUSED, struct resolve_call *c)
{
    if (c->in != NULL)
        call_remove(c);
}

struct resolver *resolver_make(struct loop *l)
{
    struct resolver *r = mem_alloc(sizeof(*r));
    r->loop = l;
    r->task.fn = on_task;
    list_init(&r->names);
    list_init(&r->literal);
    list_init(&r->delivering);
    r->answers = mailbox_make(l, LIMIT_RESOLVE_NAMES, on_answer, r);
    r->shared = mem_alloc(sizeof(*r->shared));
    r->shared->answers = r->answers;
    list_init(&r->shared->queue);
    CHECK(pthread_mutex_init(&r->shared->lock, NULL) == 0);
    CHECK(pthread_cond_init(&r->shared->work, NULL) == 0);
    return r;
}

static void stop_thread(struct resolver *r)
{
    struct shared *s = r->shared;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    s->answers = NULL;
    bool busy = s->busy;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    if (busy) {
        pthread_detach(r->thread);
        return;
    }
    if (r->has_thread)
        pthread_join(r->thread, NULL);
    shared_free(s);
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    CHECK(list_is_empty(&r->literal) && list_is_empty(&r->delivering));
    stop_thread(r);
    for (void *mail; (mail = mailbox_take(r->answers)) != NULL;)
        mem_free(mail);
    mailbox_free(r->answers);
    for (struct list_link *link; (link = list_pop_front(&r->names)) != NULL;) {
        struct name *n = CONTAINER_OF(link, struct name, link);
        CHECK(list_is_empty(&n->waiting));
        mem_free(n);
    }
    loop_task_cancel(r->loop, &r->task);
    mem_free(r);
}
