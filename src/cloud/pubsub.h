/*
 * The state of Pub/Sub on the loop thread. What is durable is in db.h; this is
 * what deciding and delivering need at once:
 *
 *   topics by name ---- subscriptions by name and number ---- consumers (streams, waiting pulls)
 *                               |
 *                               +-- entries by seq: a window into the backlog
 *
 * An entry is FRESH or AGAIN (may be delivered), BLOCKED (behind an earlier one of
 * its ordering key), LEASED (with a consumer, until its deadline), WAITING (for its
 * retry time) or ACKED (its erasure is on the way to the disk). Leases are not durable:
 * after a restart everything that was not acknowledged may be delivered at once.
 *
 * A message's seq is its id and its time of publishing in microseconds (later ones
 * of the same moment count on), so that times are places in every table of messages:
 * retention, seek and snapshots are ranges of keys.
 */
#ifndef CLOUD_PUBSUB_H
#define CLOUD_PUBSUB_H

#include "base/heap.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cloud/unary.h"

#define uthash_malloc(len) mem_alloc(len)
#define uthash_free(ptr, len) mem_free(ptr)
#include <uthash.h>

struct cloud_topic {
    UT_hash_handle hh;
    char *name;
    uint64_t number;               /* never given out twice: the key of its log */
    us_t retention_us;             /* 0: none */
    size_t snapshots;              /* of it, those being made included: while there are any, its log is kept */
    struct buf proto;              /* google.pubsub.v1.Topic, as it is answered */
    struct list subs;
    bool durable;                  /* else it is being made or deleted, and is not seen */
};

/* What a Subscription asks for, checked (subscription_conf.c). */
struct cloud_sub_conf {
    us_t ack_deadline_us, retention_us, expiration_us;    /* expiration 0: never */
    us_t retry_min_us, retry_max_us;                       /* 0, 0: no policy, again at once */
    uint32_t attempts_max;                                 /* 0: no dead-letter policy */
    bool has_expiration, has_retry, retain_acked, ordering, exactly_once;
    bool detached, push;           /* push: has an endpoint, so nobody may pull */
    struct bytes name, topic, dead_topic, filter, push_config;    /* borrowed from what was parsed */
};

/* Message bytes shared by the entries of several subscriptions. */
struct cloud_body {
    uint32_t refs;
    size_t len;
    char octets[];
};

enum cloud_entry_state {
    CLOUD_ENTRY_FRESH, CLOUD_ENTRY_AGAIN, CLOUD_ENTRY_BLOCKED, CLOUD_ENTRY_LEASED, CLOUD_ENTRY_WAITING,
    CLOUD_ENTRY_ACKED
};

/* One ordering key of a subscription that keeps order: only its first message may be out (ordering.c). */
struct cloud_key {
    UT_hash_handle hh;
    char *name;
    struct cloud_entry *head;      /* whatever its state */
    struct list blocked;           /* the later ones, by seq */
};

struct cloud_entry {
    UT_hash_handle hh;
    uint64_t seq;
    struct list_link link;         /* FRESH, AGAIN, BLOCKED */
    struct heap_entry due;         /* LEASED: the deadline; WAITING: when to come again */
    struct list_link held;         /* LEASED: on holder->holds, while there is a holder */
    struct cloud_consumer *holder;
    struct cloud_key *key;         /* NULL: has none, or the subscription keeps no order */
    struct cloud_body *body;       /* NULL: read it from the database */
    size_t size;
    uint32_t attempts, delivery;
    enum cloud_entry_state state;
    bool deferred;                 /* a fault on command has let later ones pass */
};

struct cloud_sub {
    UT_hash_handle hh, hh_number;
    struct cloud_pubsub *pubsub;
    char *name;
    uint64_t number;
    struct cloud_topic *topic;     /* NULL: deleted */
    struct list_link topic_link;
    struct buf proto;              /* google.pubsub.v1.Subscription, as it is answered */
    struct cloud_sub_conf conf;    /* borrows from proto */
    bool durable;                  /* else it is being made or deleted, and is not seen */
    bool going;                    /* it is being deleted */

    struct cloud_entry *entries;
    struct cloud_key *keys;
    size_t blocked;                /* entries of that state */
    struct list fresh, again;
    bool again_last;               /* the two take turns */
    struct heap due;
    struct loop_timer timer;
    us_t timer_us;
    uint64_t loaded_to;            /* everything up to this seq is in entries or was acknowledged */
    bool complete;                 /* and there is nothing beyond it */

    struct list consumers;         /* in turn */
    struct loop_task pump;
};

/* What was not acknowledged in a subscription at some moment, and all that its topic got since. */
struct cloud_snapshot {
    UT_hash_handle hh;
    struct cloud_pubsub *pubsub;
    char *name;
    uint64_t number, topic_number;
    uint64_t after_seq;            /* what is later is in the topic's log */
    us_t expire_us;                /* wall clock */
    struct buf proto;              /* google.pubsub.v1.Snapshot */
    bool durable;                  /* else it is being made, and is not seen */
    bool going;                    /* its deletion is on the way to the disk: not seen either */
};

struct cloud_pubsub {
    struct cloud *cloud;
    struct cloud_topic *topics;
    struct cloud_sub *subs, *subs_by_number;
    struct cloud_snapshot *snapshots;
    struct loop_timer sweep;       /* message_retention.c */
    uint64_t last_seq, last_number, last_topic, last_snapshot;
    uint32_t boot;                 /* of this run: acknowledgement ids of earlier ones are told apart */
    uint32_t deliveries;
    uint64_t streams;              /* ever begun */
    size_t cached_bytes;
};

/* --- pubsub.c: the whole --- */

struct cloud_pubsub *cloud_pubsub_make(struct cloud *c, struct err *err);    /* loads names, no backlog */
void cloud_pubsub_free(struct cloud_pubsub *p);
/* Open streams end with UNAVAILABLE, waiting pulls are answered. */
void cloud_pubsub_drain(struct cloud_pubsub *p);

struct cloud_topic *cloud_topic_find(struct cloud_pubsub *p, struct bytes name);
struct cloud_sub *cloud_sub_find(struct cloud_pubsub *p, struct bytes name);
struct cloud_sub *cloud_sub_by_number(struct cloud_pubsub *p, uint64_t number);
struct cloud_topic *cloud_topic_add(struct cloud_pubsub *p, uint64_t number, struct bytes name, struct bytes proto);
void cloud_topic_set_proto(struct cloud_topic *t, struct bytes proto);
void cloud_topic_store(struct cloud_db_write *w, const struct cloud_topic *t, struct bytes proto);
void cloud_topic_remove(struct cloud_pubsub *p, struct cloud_topic *t);
/* proto must hold what cloud_sub_conf_parse() accepts. */
struct cloud_sub *cloud_sub_add(struct cloud_pubsub *p, uint64_t number, struct bytes proto);
void cloud_sub_set_proto(struct cloud_sub *s, struct bytes proto);
void cloud_sub_store(struct cloud_db_write *w, const struct cloud_sub *s, struct bytes proto);
void cloud_sub_end_consumers(struct cloud_sub *s, enum grpc_code code, const char *why);
/* The Subscription as it is answered: with what its topic says of it. */
void cloud_sub_answer(const struct cloud_sub *s, struct buf *out);
void cloud_sub_answer_ok(struct cloud_unary *u, const struct cloud_sub *s);
/* Answers what cloud_sub_conf_parse() found wrong. */
void cloud_sub_refuse(struct cloud_unary *u, const struct err *err);
bool cloud_sub_dead_topic_exists(struct cloud_pubsub *p, const struct cloud_sub_conf *conf);
/* Consumers must have been ended. */
void cloud_sub_remove(struct cloud_pubsub *p, struct cloud_sub *s);

/* "projects/P/<kind>/ID" with an id as documented. */
bool cloud_pubsub_name_ok(struct bytes name, const char *kind);
struct bytes cloud_pubsub_project(struct bytes name);    /* "projects/P" of a sound name */

/* The resource as its last change made it, which may not be durable yet: what the next change is laid over. head:
 * octets of the row before it. False: the call has been refused (it is being deleted, or the disk fails). */
bool cloud_pubsub_latest(struct cloud_unary *u, enum cloud_db_table t, const char *name, size_t head, struct buf *out);
/* "projects/P"; false: the call has been refused. */
bool cloud_pubsub_project_ok(struct cloud_unary *u, struct bytes project);
/* A counter of table META that is one higher, put into w. */
uint64_t cloud_pubsub_count(struct cloud_db_write *w, const char *name, uint64_t *counter);
/* What is wrong with the labels in field `number` of message; NULL: nothing (resource_labels.c). */
const char *cloud_labels_wrong(struct bytes message, uint32_t number);

/* The durable topic that field `number` of the request names; NULL: the call has been refused. */
struct cloud_topic *cloud_topic_named(struct cloud_unary *u, struct bytes request, uint32_t number);
/* The durable subscription that field `number` of the request names; NULL: the call has been refused. */
struct cloud_sub *cloud_sub_named(struct cloud_unary *u, struct bytes request, uint32_t number);
/* Why nobody may take messages from s: NULL if one may. */
const char *cloud_sub_closed(const struct cloud_sub *s);

/* --- subscription_conf.c --- */

/* True, or the sentence in err (its grpc field says the code). */
bool cloud_sub_conf_parse(struct bytes proto, struct cloud_sub_conf *ret, struct err *err);
/* The same, and what only requests are held to: labels, and that push and exactly-once delivery exclude each other. */
bool cloud_sub_conf_accept(struct bytes proto, struct cloud_sub_conf *ret, struct err *err);
/* The Subscription with all defaults filled in. labels and the like are copied from `given`. */
void cloud_sub_conf_write(const struct cloud_sub_conf *conf, struct bytes given, struct buf *out);

/* --- backlog.c: who gets what, and until when --- */

/* One that takes messages: a stream or a waiting pull. */
struct cloud_consumer {
    struct list_link link;         /* sub->consumers */
    struct cloud_sub *sub;
    us_t lease_us;
    uint64_t messages_max, bytes_max;          /* outstanding; 0: no bound */
    uint64_t messages, bytes;                  /* outstanding now */
    struct list holds;
    struct buf out;                /* received_messages put together in this pass */
    uint32_t out_count, out_max;   /* out_max: messages in one response */
    bool blocked;                  /* takes nothing now */
    bool once;                     /* one response, then it is done: a pull */
    void (*flush)(struct cloud_consumer *c);                      /* send `out`; it is cleared after */
    void (*end)(struct cloud_consumer *c, enum grpc_code code, const char *why);    /* the subscription or server goes */
};

void cloud_consumer_add(struct cloud_consumer *c, struct cloud_sub *s);
/* Its leases go on until their deadlines. Not added: no effect. */
void cloud_consumer_remove(struct cloud_consumer *c);
void cloud_consumer_give_back(struct cloud_consumer *c);    /* what it holds may go to others at once */
void cloud_sub_wake(struct cloud_sub *s);    /* something changed that may let messages flow */

/* The backlog on disk was changed behind the window: what is gone leaves it, what came is read when its turn comes.
 * Leases of what is still there go on. */
void cloud_sub_reread(struct cloud_sub *s);
/* Messages with a seq below this are older than anyone asked to keep them. */
uint64_t cloud_sub_cut(const struct cloud_sub *s);

/* A message is durable in s: it may be delivered. body may be NULL, ordering_key empty. */
void cloud_sub_arrived(struct cloud_sub *s, uint64_t seq, size_t size, struct bytes ordering_key,
                       struct cloud_body *body);
struct cloud_body *cloud_body_make(struct bytes b);
void cloud_body_drop(struct cloud_body *b);

void cloud_backlog_key(uint64_t number, uint64_t seq, struct buf *out);

/* --- ack_id.c, acknowledge.c: acknowledgements and deadlines by id --- */

struct cloud_ack_id {
    uint64_t number, seq;
    uint32_t delivery, boot;
};

void cloud_ack_id_write(const struct cloud_ack_id *id, struct buf *out);
bool cloud_ack_id_read(struct bytes text, struct cloud_ack_id *ret);    /* false: malformed */

/*
 * Removes what the ids name, durably; fn is called when that is so (or failed).
 * With exactly-once delivery, invalid[i] is set where ids[i] is not the newest id
 * of a message whose lease goes on; otherwise nothing is invalid. invalid: zeroed.
 */
void cloud_sub_ack(struct cloud_sub *s, const struct cloud_ack_id *ids, size_t count, bool *invalid,
                   cloud_db_then_fn *fn, void *ctx);
/* deadline_us from now; 0: give back. Ids that are not the newest of a held message have no effect. */
void cloud_sub_extend(struct cloud_sub *s, const struct cloud_ack_id *ids, size_t count, us_t deadline_us,
                      bool *invalid);

/* --- snapshots.c, seek.c, message_retention.c --- */

/* NULL: there is none, or it is not seen. */
struct cloud_snapshot *cloud_snapshot_find(struct cloud_pubsub *p, struct bytes name);
/* value: a row of the table. False: it cannot be read. */
bool cloud_snapshot_load(struct cloud_pubsub *p, struct bytes name, struct bytes value);
void cloud_snapshot_remove(struct cloud_pubsub *p, struct cloud_snapshot *s);
/* It goes: it and its messages leave the database within w. */
void cloud_snapshot_erase(struct cloud_db_write *w, struct cloud_snapshot *s);
struct cloud_topic *cloud_topic_by_number(struct cloud_pubsub *p, uint64_t number);    /* NULL: deleted */
/* Its topic has gone: what it is answered with says so. */
void cloud_snapshot_orphan(struct cloud_pubsub *p, struct cloud_db_write *w, uint64_t topic_number);

/* True: what is published to t goes into its log too. */
bool cloud_topic_is_logged(const struct cloud_topic *t);
/* Looks now and then for what is older than it may be. */
void cloud_retention_start(struct cloud_pubsub *p);
void cloud_retention_sweep(struct cloud_pubsub *p);    /* now: for tests */
/* What of the topic's log nobody can ask for any more is erased within w. */
void cloud_retention_trim_log(struct cloud_pubsub *p, uint64_t topic_number, struct cloud_db_write *w);

/* --- publish.c --- */

/*
 * Puts one message (a PubsubMessage without id and time) into every subscription of
 * t, within w; returns its id. cloud_publish_seal() must follow after the last one,
 * and cloud_db_commit(w) in the same breath.
 */
uint64_t cloud_publish_into(struct cloud_pubsub *p, struct cloud_topic *t, struct cloud_db_write *w,
                            struct bytes message);
void cloud_publish_seal(struct cloud_pubsub *p, struct cloud_db_write *w);

/* --- the methods; the request is a protobuf message --- */

cloud_unary_fn cloud_topic_create, cloud_topic_update, cloud_topic_get, cloud_topic_list, cloud_topic_list_subs,
    cloud_topic_list_snapshots, cloud_topic_delete, cloud_topic_publish;
cloud_unary_fn cloud_pubsub_not_offered;
cloud_unary_fn cloud_sub_create, cloud_sub_get, cloud_sub_update, cloud_sub_list, cloud_sub_delete,
    cloud_sub_pull, cloud_sub_backlog, cloud_sub_acknowledge, cloud_sub_modify_deadline, cloud_sub_detach,
    cloud_sub_modify_push, cloud_sub_seek;
cloud_unary_fn cloud_snapshot_create, cloud_snapshot_get, cloud_snapshot_list, cloud_snapshot_update,
    cloud_snapshot_delete;

/* iam_methods.c: over topics, subscriptions and snapshots */
cloud_unary_fn cloud_pubsub_iam_get, cloud_pubsub_iam_set, cloud_pubsub_iam_test;

/* streaming_pull.c */
struct grpc_stream;
void cloud_streaming_pull(void *cloud, struct grpc_stream *s);

#endif
