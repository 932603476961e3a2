#include "cloud/pubsub.h"

#include "cloud/fault.h"
#include "cloud/backlog.h"
#include "cloud/proto_wire.h"

enum { ACK_ID_TEXT = 38 };      /* characters of an acknowledgement id: a response's size is known before it is made */
enum { LOAD_ROWS = 5000, LOAD_BYTES = 8 << 20 };

void cloud_backlog_key(uint64_t number, uint64_t seq, struct buf *out)
{
    cloud_db_key_u64(out, number);
    cloud_db_key_u64(out, seq);
}

struct cloud_body *cloud_body_make(struct bytes b)
{
    struct cloud_body *body = mem_alloc(sizeof(*body) + b.len);
    body->refs = 1;
    body->len = b.len;
    if (b.len > 0)
        memcpy(body->octets, b.ptr, b.len);
    return body;
}

void cloud_body_drop(struct cloud_body *b)
{
    if (b != NULL && --b->refs == 0)
        mem_free(b);
}

/* --- entries and their states --- */

struct cloud_entry *cloud_entry_find(struct cloud_sub *s, uint64_t seq)
{
    struct cloud_entry *e = NULL;
    HASH_FIND(hh, s->entries, &seq, sizeof(seq), e);
    return e;
}

static void let_go_of_body(struct cloud_sub *s, struct cloud_entry *e)
{
    if (e->body == NULL)
        return;
    s->pubsub->cached_bytes -= e->size;
    cloud_body_drop(TAKE(e->body));
}

/* Out of whatever list, heap or hands it is in. */
static void detach(struct cloud_sub *s, struct cloud_entry *e)
{
    if (list_is_linked(&e->link) && e->state == CLOUD_ENTRY_BLOCKED) {
        list_remove(&e->key->blocked, &e->link);
        s->blocked--;
    } else if (list_is_linked(&e->link)) {
        list_remove(e->state == CLOUD_ENTRY_AGAIN ? &s->again : &s->fresh, &e->link);
    }
    heap_remove(&s->due, &e->due);
    if (e->holder != NULL) {
        e->holder->messages--;
        e->holder->bytes -= e->size;
        list_remove(&e->holder->holds, &e->held);
        e->holder = NULL;
        cloud_sub_wake(s);
    }
}

static void set_timer(struct cloud_sub *s)
{
    us_t due = heap_due(&s->due);
    if (due == s->timer_us)
        return;
    s->timer_us = due;
    if (due == US_NEVER)
        loop_timer_stop(s->pubsub->cloud->loop, &s->timer);
    else
        loop_timer_set(s->pubsub->cloud->loop, &s->timer, due);
}

void cloud_entry_move(struct cloud_sub *s, struct cloud_entry *e, enum cloud_entry_state state, us_t at_us)
{
    detach(s, e);
    e->state = state;
    switch (state) {
    case CLOUD_ENTRY_FRESH:
        list_push_back(&s->fresh, &e->link);
        break;
    case CLOUD_ENTRY_AGAIN:
        list_push_back(&s->again, &e->link);
        break;
    case CLOUD_ENTRY_BLOCKED:
        list_push_back(&e->key->blocked, &e->link);
        s->blocked++;
        break;
    case CLOUD_ENTRY_LEASED:
    case CLOUD_ENTRY_WAITING:
        heap_set(&s->due, &e->due, at_us);
        break;
    case CLOUD_ENTRY_ACKED:
        let_go_of_body(s, e);
        break;
    }
    set_timer(s);
    if (state == CLOUD_ENTRY_FRESH || state == CLOUD_ENTRY_AGAIN)
        cloud_sub_wake(s);
}

void cloud_entry_extend(struct cloud_sub *s, struct cloud_entry *e, us_t at_us)
{
    CHECK(e->state == CLOUD_ENTRY_LEASED);
    heap_set(&s->due, &e->due, at_us);
    set_timer(s);
}

struct cloud_entry *cloud_entry_add(struct cloud_sub *s, uint64_t seq, size_t size)
{
    struct cloud_entry *e = mem_alloc(sizeof(*e));
    e->seq = seq;
    e->size = size;
    HASH_ADD(hh, s->entries, seq, sizeof(e->seq), e);
    return e;
}

void cloud_entry_free(struct cloud_sub *s, struct cloud_entry *e)
{
    detach(s, e);
    cloud_key_leave(s, e);
    let_go_of_body(s, e);
    HASH_DEL(s->entries, e);
    mem_free(e);
}

void cloud_entry_return(struct cloud_sub *s, struct cloud_entry *e)
{
    if (cloud_entry_bury(s, e))
        return;
    if (!s->conf.has_retry) {
        cloud_entry_move(s, e, CLOUD_ENTRY_AGAIN, 0);
        return;
    }
    us_t wait_us = s->conf.retry_min_us;
    for (uint32_t i = 1; i < e->attempts && wait_us < s->conf.retry_max_us; i++)
        wait_us = MAX(2 * wait_us, US_PER_MS);
    wait_us = MIN(wait_us, s->conf.retry_max_us);
    cloud_entry_move(s, e, CLOUD_ENTRY_WAITING, loop_now(s->pubsub->cloud->loop) + wait_us);
}

static void came_due(struct loop_timer *t)
{
    struct cloud_sub *s = CONTAINER_OF(t, struct cloud_sub, timer);
    us_t now = loop_now(s->pubsub->cloud->loop);
    s->timer_us = US_NEVER;    /* it has run */
    while (heap_due(&s->due) <= now) {
        struct cloud_entry *e = CONTAINER_OF(heap_first(&s->due), struct cloud_entry, due);
        if (e->state == CLOUD_ENTRY_LEASED)
            cloud_entry_return(s, e);
        else
            cloud_entry_move(s, e, CLOUD_ENTRY_AGAIN, 0);
    }
    set_timer(s);
    cloud_sub_wake(s);
}

/* The disk could not be read: as long as somebody waits, again in a second. */
static void try_later(struct cloud_sub *s)
{
    s->timer_us = loop_now(s->pubsub->cloud->loop) + US_PER_S;
    loop_timer_set(s->pubsub->cloud->loop, &s->timer, s->timer_us);
}

/* --- the window --- */

static void keep_body(struct cloud_sub *s, struct cloud_entry *e, struct cloud_body *body)
{
    if (body == NULL || s->pubsub->cached_bytes + e->size > LIMIT_CLOUD_CACHE)
        return;
    s->pubsub->cached_bytes += e->size;
    body->refs++;
    e->body = body;
}

/* A new entry takes its place. */
static void enter(struct cloud_sub *s, struct cloud_entry *e, struct bytes ordering_key)
{
    bool free_to_go = cloud_key_join(s, e, ordering_key);
    cloud_entry_move(s, e, free_to_go ? CLOUD_ENTRY_FRESH : CLOUD_ENTRY_BLOCKED, 0);
}

void cloud_sub_arrived(struct cloud_sub *s, uint64_t seq, size_t size, struct bytes ordering_key,
                       struct cloud_body *body)
{
    if (seq <= s->loaded_to)
        return;    /* read from the database already */
    if (s->complete && s->fresh.count + s->blocked >= LIMIT_CLOUD_WINDOW)
        s->complete = false;
    if (!s->complete)
        return;    /* it will be read when its turn comes */
    struct cloud_entry *e = cloud_entry_add(s, seq, size);
    keep_body(s, e, body);
    s->loaded_to = seq;
    enter(s, e, ordering_key);
}

struct load {
    struct cloud_sub *sub;
    uint64_t cut;
    size_t rows, bytes;
};

static bool load_row(void *ctx, struct bytes key, struct bytes value)
{
    struct load *l = ctx;
    struct cloud_sub *s = l->sub;
    uint64_t seq = cloud_db_read_u64(bytes_sub(key, 8, 8));
    l->rows++;
    l->bytes += value.len;
    s->loaded_to = seq;
    if (seq >= l->cut && cloud_entry_find(s, seq) == NULL) {    /* else it is too old, is still held or was acknowledged before it was loaded */
        struct cloud_entry *e = cloud_entry_add(s, seq, value.len);
        if (cloud_db_is_durable(s->pubsub->cloud->db)) {
            struct cloud_body *body = cloud_body_make(value);
            keep_body(s, e, body);
            cloud_body_drop(body);
        }
        enter(s, e, cloud_wire_find(value, 5));
    }
    return l->bytes < LOAD_BYTES;
}

uint64_t cloud_sub_cut(const struct cloud_sub *s)
{
    us_t retention_us = s->conf.retention_us;
    if (s->topic != NULL)
        retention_us = MAX(retention_us, s->topic->retention_us);
    us_t cut = loop_wall(s->pubsub->cloud->loop) - retention_us;
    return cut > 0 ? (uint64_t) cut : 0;
}

/* Entries that may leave without a look at the disk: nobody holds them, and nothing is known of them beyond it. */
static void free_untouched(struct cloud_sub *s, enum cloud_entry_state state)
{
    struct cloud_entry *e, *after;
    HASH_ITER(hh, s->entries, e, after)
        if (e->state == state)
            cloud_entry_free(s, e);
}

void cloud_sub_reread(struct cloud_sub *s)
{
    struct cloud_entry *e, *after;
    free_untouched(s, CLOUD_ENTRY_BLOCKED);    /* first: else they would move up as the others leave */
    free_untouched(s, CLOUD_ENTRY_FRESH);
    HASH_ITER(hh, s->entries, e, after) {
        CLEANUP(buf_fini) struct buf key = { 0 };
        struct bytes message;
        cloud_backlog_key(s->number, e->seq, &key);
        if (e->state != CLOUD_ENTRY_ACKED
            && cloud_db_get(s->pubsub->cloud->db, CLOUD_DB_BACKLOG, buf_bytes(&key), &message) == CLOUD_DB_ABSENT)
            cloud_entry_free(s, e);
    }
    s->loaded_to = 0;
    s->complete = false;
    cloud_sub_wake(s);
}

static bool window_is_low(const struct cloud_sub *s)
{
    return !s->complete && s->fresh.count + s->blocked <= LIMIT_CLOUD_WINDOW / 2;
}

/* Reads on in the backlog when the window runs low. False: the disk failed. */
static bool load_more(struct cloud_sub *s)
{
    if (!window_is_low(s))
        return true;
    CLEANUP(buf_fini) struct buf prefix = { 0 }, after = { 0 };
    cloud_db_key_u64(&prefix, s->number);
    cloud_backlog_key(s->number, s->loaded_to, &after);
    struct cloud_db_range range = { .table = CLOUD_DB_BACKLOG, .prefix = buf_bytes(&prefix),
                                    .after = buf_bytes(&after), .max = LOAD_ROWS };
    struct load l = { .sub = s, .cut = cloud_sub_cut(s) };
    if (!cloud_db_scan(s->pubsub->cloud->db, &range, load_row, &l, NULL))
        return false;
    s->complete = l.rows < LOAD_ROWS && l.bytes < LOAD_BYTES;
    return true;
}

/* --- handing out --- */

static struct cloud_entry *next_ready(struct cloud_sub *s)
{
    bool again = !list_is_empty(&s->again) && (list_is_empty(&s->fresh) || !s->again_last);
    struct list_link *link = list_first(again ? &s->again : &s->fresh);
    return link != NULL ? CONTAINER_OF(link, struct cloud_entry, link) : NULL;
}

/* received_messages = 1 { ack_id = 1; message = 2; delivery_attempt = 3 } of either kind of response */
static size_t response_len(size_t message_len)
{
    return message_len + ACK_ID_TEXT + 32;
}

static bool has_room(struct cloud_consumer *c, size_t size)
{
    if (c->blocked || (c->messages_max > 0 && c->messages >= c->messages_max))
        return false;
    if (c->bytes_max > 0 && c->messages > 0 && c->bytes + size > c->bytes_max)
        return false;
    bool full = c->out_count > 0
                && (c->out_count >= c->out_max || c->out.len + response_len(size) > LIMIT_GRPC_REPLY);
    if (full && !c->once) {
        c->flush(c);
        return !c->blocked;
    }
    return !full;
}

/* The next in turn that can take a message of that size; it goes to the end of the ring. */
static struct cloud_consumer *next_consumer(struct cloud_sub *s, size_t size)
{
    for (size_t left = s->consumers.count; left > 0; left--) {
        struct list_link *link = list_pop_front(&s->consumers);
        list_push_back(&s->consumers, link);
        struct cloud_consumer *c = CONTAINER_OF(link, struct cloud_consumer, link);
        if (has_room(c, size))
            return c;
    }
    return NULL;
}

static void append_message(struct cloud_sub *s, struct cloud_entry *e, struct cloud_consumer *c, struct bytes message)
{
    e->delivery = ++s->pubsub->deliveries;
    struct cloud_ack_id id = { s->number, e->seq, e->delivery, s->pubsub->boot };
    size_t len = 1 + 1 + ACK_ID_TEXT + 1 + cloud_wire_varint_len(message.len) + message.len;
    bool counted = s->conf.attempts_max > 0;
    if (counted)
        len += 1 + cloud_wire_varint_len(e->attempts);
    cloud_wire_put_varint(&c->out, 1 << 3 | CLOUD_WIRE_LEN);
    cloud_wire_put_varint(&c->out, len);
    cloud_wire_put_varint(&c->out, 1 << 3 | CLOUD_WIRE_LEN);
    cloud_wire_put_varint(&c->out, ACK_ID_TEXT);
    cloud_ack_id_write(&id, &c->out);
    cloud_wire_put_bytes(&c->out, 2, message);
    if (counted)
        cloud_wire_put_uint(&c->out, 3, e->attempts);
    c->out_count++;
}

static void hand_out(struct cloud_sub *s, struct cloud_entry *e, struct cloud_consumer *c, struct bytes message,
                     bool twice)
{
    s->again_last = e->state == CLOUD_ENTRY_AGAIN;
    cloud_entry_move(s, e, CLOUD_ENTRY_LEASED, loop_now(s->pubsub->cloud->loop) + c->lease_us);
    e->attempts++;
    append_message(s, e, c, message);
    if (twice)
        append_message(s, e, c, message);
    if (!c->once) {    /* a pull holds nothing: its leases are the subscription's */
        e->holder = c;
        list_push_back(&c->holds, &e->held);
    }
    c->messages++;
    c->bytes += e->size;
}

enum cloud_db_found cloud_entry_message(struct cloud_sub *s, struct cloud_entry *e, struct bytes *ret)
{
    if (e->body != NULL) {
        *ret = bytes_of(e->body->octets, e->body->len);
        return CLOUD_DB_FOUND;
    }
    CLEANUP(buf_fini) struct buf key = { 0 };
    cloud_backlog_key(s->number, e->seq, &key);
    return cloud_db_get(s->pubsub->cloud->db, CLOUD_DB_BACKLOG, buf_bytes(&key), ret);
}

/* One message to one consumer; false: nothing more can be handed out now. */
static bool pump_one(struct cloud_sub *s)
{
    struct cloud_fault *fault = s->pubsub->cloud->fault;
    struct cloud_entry *e = next_ready(s);
    if (e == NULL)
        return false;
    struct cloud_consumer *c = next_consumer(s, e->size);
    if (c == NULL)
        return false;
    if (e->seq < cloud_sub_cut(s)) {
        cloud_entry_free(s, e);    /* the sweep erases it */
        return true;
    }
    struct bytes message;
    switch (cloud_entry_message(s, e, &message)) {
    case CLOUD_DB_ABSENT:
        cloud_entry_free(s, e);
        return true;
    case CLOUD_DB_FAILED:
        try_later(s);
        return false;
    case CLOUD_DB_FOUND:
        break;
    }
    enum cloud_fault_delivery deed = cloud_fault_delivery(fault, bytes_str(s->name));
    if (deed == CLOUD_FAULT_DELIVER_LATER && !e->deferred && s->fresh.count + s->again.count > 1) {
        e->deferred = true;    /* once: else nothing would go out where every message is to be late */
        cloud_entry_move(s, e, e->state, 0);
        return true;
    }
    hand_out(s, e, c, message, deed == CLOUD_FAULT_DELIVER_TWICE);
    return true;
}

static void flush_all(struct cloud_sub *s)
{
    LIST_EACH(&s->consumers, link, after) {
        struct cloud_consumer *c = CONTAINER_OF(link, struct cloud_consumer, link);
        if (c->out_count > 0)
            c->flush(c);    /* a pull leaves the list by it */
    }
}

static void pump(struct loop_task *task)
{
    struct cloud_sub *s = CONTAINER_OF(task, struct cloud_sub, pump);
    if (list_is_empty(&s->consumers) || !s->durable)
        return;
    if (!load_more(s)) {
        try_later(s);
        return;
    }
    size_t handed = 0;
    while (handed < LIMIT_CLOUD_PASS && pump_one(s))
        handed++;
    flush_all(s);
    /* Also when all that was read had been acknowledged meanwhile: there may be more behind it. */
    if (handed == LIMIT_CLOUD_PASS || (list_is_empty(&s->fresh) && window_is_low(s)))
        cloud_sub_wake(s);
}

void cloud_sub_wake(struct cloud_sub *s)
{
    if (!list_is_empty(&s->consumers))
        loop_task_post(s->pubsub->cloud->loop, &s->pump);
}

/* --- consumers --- */

void cloud_consumer_add(struct cloud_consumer *c, struct cloud_sub *s)
{
    c->sub = s;
    list_init(&c->holds);
    list_push_back(&s->consumers, &c->link);
    cloud_sub_wake(s);
}

void cloud_consumer_remove(struct cloud_consumer *c)
{
    if (!list_is_linked(&c->link))
        return;
    list_remove(&c->sub->consumers, &c->link);
    struct list_link *link;
    while ((link = list_pop_front(&c->holds)) != NULL)
        CONTAINER_OF(link, struct cloud_entry, held)->holder = NULL;
    buf_fini(&c->out);
}

void cloud_consumer_give_back(struct cloud_consumer *c)
{
    struct list_link *link;
    while ((link = list_first(&c->holds)) != NULL)
        cloud_entry_move(c->sub, CONTAINER_OF(link, struct cloud_entry, held), CLOUD_ENTRY_AGAIN, 0);
}

/* --- subscriptions as objects --- */

struct cloud_sub *cloud_sub_add(struct cloud_pubsub *p, uint64_t number, struct bytes proto)
{
    struct cloud_sub *s = mem_alloc(sizeof(*s));
    s->pubsub = p;
    s->number = number;
    list_init(&s->fresh);
    list_init(&s->again);
    list_init(&s->consumers);
    s->timer.fn = came_due;
    s->timer_us = US_NEVER;
    s->pump.fn = pump;
    cloud_sub_set_proto(s, proto);
    s->name = mem_dup(s->conf.name);
    HASH_ADD_KEYPTR(hh, p->subs, s->name, s->conf.name.len, s);
    HASH_ADD(hh_number, p->subs_by_number, number, sizeof(s->number), s);
    s->topic = s->conf.detached ? NULL : cloud_topic_find(p, s->conf.topic);
    if (s->topic != NULL)
        list_push_back(&s->topic->subs, &s->topic_link);
    return s;
}

void cloud_sub_remove(struct cloud_pubsub *p, struct cloud_sub *s)
{
    CHECK(list_is_empty(&s->consumers));
    while (s->entries != NULL)
        cloud_entry_free(s, s->entries);
    heap_fini(&s->due);
    loop_timer_stop(p->cloud->loop, &s->timer);
    loop_task_cancel(p->cloud->loop, &s->pump);
    if (s->topic != NULL)
        list_remove(&s->topic->subs, &s->topic_link);
    HASH_DEL(p->subs, s);
    HASH_DELETE(hh_number, p->subs_by_number, s);
    buf_fini(&s->proto);
    mem_free(s->name);
    mem_free(s);
}

static bool count_row(void *ctx, struct bytes key UNUSED, struct bytes value UNUSED)
{
    ++*(uint64_t *) ctx;
    return true;
}

/* What is durable and not acknowledged, and how much of it is out with a consumer: for tests and people.
 * Always both, so 0 is written as a field too. */
void cloud_sub_backlog(struct cloud_unary *u, struct bytes request)
{
    struct cloud_sub *s = cloud_sub_named(u, request, 1);
    if (s == NULL)
        return;
    CLEANUP(buf_fini) struct buf prefix = { 0 }, response = { 0 };
    cloud_db_key_u64(&prefix, s->number);
    struct cloud_db_range range = { .table = CLOUD_DB_BACKLOG, .prefix = buf_bytes(&prefix), .keys_only = true };
    uint64_t counts[2] = { 0 };
    struct err err = { 0 };
    if (!cloud_db_scan(u->cloud->db, &range, count_row, &counts[0], &err)) {
        cloud_unary_disk(u, &err);
        return;
    }
    for (uint32_t i = 0; i < s->due.count; i++)
        if (CONTAINER_OF(s->due.slots[i].entry, struct cloud_entry, due)->state == CLOUD_ENTRY_LEASED)
            counts[1]++;
    for (uint32_t i = 0; i < 2; i++) {
        cloud_wire_put_varint(&response, (uint64_t) (i + 1) << 3 | CLOUD_WIRE_VARINT);
        cloud_wire_put_varint(&response, counts[i]);
    }
    cloud_unary_ok(u, buf_bytes(&response));
}
