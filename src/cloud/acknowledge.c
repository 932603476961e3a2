#include "cloud/backlog.h"

#include "cloud/fault.h"

/* One transaction of erasures. */
struct ack {
    struct cloud_pubsub *pubsub;
    uint64_t number;
    cloud_db_then_fn *fn;
    void *ctx;
    size_t count;
    uint64_t seqs[];
};

static void settle(struct cloud_sub *s, uint64_t seq, bool ok)
{
    struct cloud_entry *e = cloud_entry_find(s, seq);
    if (e == NULL)
        return;
    if (ok || (e->state == CLOUD_ENTRY_ACKED && seq > s->loaded_to))
        cloud_entry_free(s, e);    /* gone, or never loaded and still on disk */
    else if (e->state == CLOUD_ENTRY_ACKED)
        cloud_entry_move(s, e, e->key == NULL || e->key->head == e ? CLOUD_ENTRY_AGAIN : CLOUD_ENTRY_BLOCKED, 0);
}

static void erased(void *ctx, const struct err *err)
{
    struct ack *a = ctx;
    struct cloud_sub *s = cloud_sub_by_number(a->pubsub, a->number);
    for (size_t i = 0; s != NULL && i < a->count; i++)
        settle(s, a->seqs[i], err == NULL);
    if (a->fn != NULL)
        a->fn(a->ctx, err);
    mem_free(a);
}

static bool is_newest(const struct cloud_sub *s, const struct cloud_entry *e, const struct cloud_ack_id *id)
{
    return e != NULL && e->state == CLOUD_ENTRY_LEASED && e->delivery == id->delivery
           && id->boot == s->pubsub->boot && id->number == s->number;
}

/* True: the row must be erased. The entry is out of everybody's hands then. */
static bool take_acked(struct cloud_sub *s, const struct cloud_ack_id *id)
{
    if (id->number != s->number)
        return false;
    struct cloud_entry *e = cloud_entry_find(s, id->seq);
    if (e == NULL && (id->seq <= s->loaded_to || s->complete))
        return false;    /* acknowledged before */
    /* Not loaded yet (an id from before a restart): an entry that only says so, for load_more(). */
    if (e == NULL)
        e = cloud_entry_add(s, id->seq, 0);
    cloud_entry_move(s, e, CLOUD_ENTRY_ACKED, 0);
    return true;
}

/* Out of the backlog; kept for a seek where the subscription asks for it. */
static void put_erasure(const struct cloud_sub *s, uint64_t seq, struct cloud_db_write *w)
{
    CLEANUP(buf_fini) struct buf key = { 0 };
    cloud_backlog_key(s->number, seq, &key);
    if (s->conf.retain_acked) {
        struct cloud_db_copy copy = { .from = CLOUD_DB_BACKLOG, .to = CLOUD_DB_ACKED, .from_prefix = buf_bytes(&key),
                                      .to_prefix = buf_bytes(&key) };
        cloud_db_copy(w, &copy);
    }
    cloud_db_erase(w, CLOUD_DB_BACKLOG, buf_bytes(&key));
}

void cloud_sub_ack(struct cloud_sub *s, const struct cloud_ack_id *ids, size_t count, bool *invalid,
                   cloud_db_then_fn *fn, void *ctx)
{
    struct ack *a = mem_alloc(sizeof(*a) + count * sizeof(a->seqs[0]));
    *a = (struct ack) { .pubsub = s->pubsub, .number = s->number, .fn = fn, .ctx = ctx };
    struct cloud_db_write *w = cloud_db_begin(s->pubsub->cloud->db);
    for (size_t i = 0; i < count; i++) {
        if (s->conf.exactly_once && !is_newest(s, cloud_entry_find(s, ids[i].seq), &ids[i])) {
            invalid[i] = true;
            continue;
        }
        if (cloud_fault_ack_lost(s->pubsub->cloud->fault, bytes_str(s->name)) || !take_acked(s, &ids[i]))
            continue;
        put_erasure(s, ids[i].seq, w);
        a->seqs[a->count++] = ids[i].seq;
    }
    cloud_db_then(w, erased, a);
    cloud_db_commit(w);
}

void cloud_entry_erase(struct cloud_sub *s, struct cloud_entry *e, struct cloud_db_write *w)
{
    struct ack *a = mem_alloc(sizeof(*a) + sizeof(a->seqs[0]));
    *a = (struct ack) { .pubsub = s->pubsub, .number = s->number, .count = 1 };
    a->seqs[0] = e->seq;
    cloud_entry_move(s, e, CLOUD_ENTRY_ACKED, 0);
    put_erasure(s, e->seq, w);
    cloud_db_then(w, erased, a);
}

void cloud_sub_extend(struct cloud_sub *s, const struct cloud_ack_id *ids, size_t count, us_t deadline_us,
                      bool *invalid)
{
    us_t now = loop_now(s->pubsub->cloud->loop);
    for (size_t i = 0; i < count; i++) {
        struct cloud_entry *e = cloud_entry_find(s, ids[i].seq);
        if (!is_newest(s, e, &ids[i]))
            invalid[i] = s->conf.exactly_once;
        else if (deadline_us == 0)
            cloud_entry_return(s, e);
        else
            cloud_entry_extend(s, e, now + deadline_us);
    }
}
