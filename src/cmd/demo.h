/*
 * The demo's parts. It announces messages that it made itself, lets the relay
 * move them under faults and a kill, and then judges by what it knows and what
 * it fetches: its own list, the bytes in both stores, the dead letters as a
 * reader of its own reads them. The relay's counters stand beside that.
 *
 *   demo_world   folder, local cloud, relay, connections
 *   demo_fill    makes, plants, announces
 *   demo_relay   runs the relay, kills it half way, drains it
 *   demo_beam    the same with a Beam runner in between
 *   demo_judge   fetches every message from both stores, asks what is still waiting
 *   demo_dead    reads the dead letters
 *   demo_counters  the relay's own counters, held against all that
 *   demo_ledger  counts, LOST above all
 */
#ifndef CMD_DEMO_H
#define CMD_DEMO_H

#include "base/sha256.h"
#include "cmd/child.h"
#include "cmd/rest.h"
#include "cmd/sweep.h"
#include "hl7/gen.h"
#include "pubsub/pubsub_call.h"

#define DEMO_PARENT       "projects/demo/locations/us-central1/datasets/demo"
#define DEMO_SOURCE       DEMO_PARENT "/hl7V2Stores/source"
#define DEMO_DEST         DEMO_PARENT "/hl7V2Stores/destination"
#define DEMO_FOREIGN      DEMO_PARENT "/hl7V2Stores/other"
#define DEMO_TOPIC        "projects/demo/topics/hl7v2"
#define DEMO_SUBSCRIPTION "projects/demo/subscriptions/relay"
#define DEMO_CLOUD_DIR    "cloud"    /* below the work folder: the one thing not swept */

enum demo_kind {
    DEMO_GOOD,
    DEMO_MALFORMED,    /* the destination refuses it */
    DEMO_DELETED,      /* announced, then deleted at the source */
    DEMO_WRONG_STORE,  /* the name is of another store */
    DEMO_BAD_PATH,     /* the name tries to climb */
    DEMO_HUGE,         /* 11 MB */
    DEMO_EMPTY,        /* a notification that names nothing */
    DEMO_KINDS
};

/* One row of the generator's own list, and what was found out about it. */
struct demo_message {
    struct sha256 sum;
    uint32_t bytes;
    uint8_t kind;
    bool at_source, at_dest;        /* fetched, with exactly the bytes that were made */
    bool other_at_dest;             /* fetched under its name, with other bytes */
    bool dead, skipped, pending;
};

enum demo_break { DEMO_BREAK_NONE, DEMO_BREAK_LOSE, DEMO_BREAK_ALTER, DEMO_BREAK_LEAK };

struct demo_counters {    /* the relay's own, as its /metrics said last */
    uint64_t received, delivered, dead, skipped, coalesced, released, in_flight, retries, redelivered;
};

struct demo_ledger {
    size_t announced, identical, dead, skipped, pending, lost, altered, leaked, both, explained;
    bool counters_agree;
};

struct demo {
    /* asked for */
    size_t count;
    uint64_t seed;
    bool faults, keep, json, quiet, tty;
    enum demo_break plant;
    bool beam;                      /* --runner PrismRunner: a job of Prism is the relay */
    const char *prism;              /* --prism, or "" */
    /* the world */
    char dir[2048];                 /* absolute */
    struct child cloud, relay;      /* beam: relay is `submit` */
    struct child runner, workers;   /* beam: Prism, the pool */
    uint16_t job_port;
    char pool_place[64];
    uint16_t cloud_port, status_port;
    struct loop *loop;
    struct resolver *resolver;
    struct h2_pool *pool;
    struct rest rest;
    struct pubsub_endpoint pubsub;
    us_t began_us;
    /* the generator's own list */
    struct hl7_gen gen;
    struct demo_message *messages;
    uint32_t *by_sum;               /* indices in order of digest */
    size_t planted[DEMO_KINDS];
    uint64_t made_bytes;
    struct buf empty_ids;           /* message ids of the empty notifications, one a line */
    /* what the relay said */
    struct demo_counters before_kill, after;
    bool killed, final_known;       /* after: from the last line of its log */
    size_t unbalanced;              /* pages whose counters did not add up */
    /* what the local cloud and the disk said of that moment */
    size_t unacked_seen, unacked_at_kill;    /* before the last look at before_kill; once it was dead */
    uint64_t segment_at_kill;
    us_t relay_us, restart_us, drain_us;
    unsigned pages;
    int relay_exit;
    /* what was found */
    size_t unreadable, unexpected, pending_unknown;
    size_t dead_records, dead_unknown, reasons[32];
    size_t records_after;           /* of them, by the relay after the kill, or the only one */
    struct sweep sweep;
};

/* ---- demo_world.c ---- */
bool demo_world_make(struct demo *d, const char *work_dir, struct err *err);
/* Stores, topic and subscription. */
bool demo_world_furnish(struct demo *d, struct err *err);
bool demo_world_start_relay(struct demo *d, struct err *err);
/* From here on the local cloud behaves. */
bool demo_world_end_faults(struct demo *d, struct err *err);
void demo_world_end(struct demo *d);
void demo_path(const struct demo *d, const char *inside, struct buf *out);

/* ---- demo_fill.c ---- */
bool demo_fill(struct demo *d, struct err *err);
void demo_message_bytes(const struct demo *d, size_t index, struct buf *out);
/* The id of a message in a store: base64url of the SHA-256 of its bytes. */
void demo_message_id(const struct demo_message *m, struct buf *out);
/* What its notification says. */
void demo_message_name(const struct demo *d, size_t index, struct buf *out);

/* ---- demo_relay.c ---- */
bool demo_relay_run(struct demo *d, struct err *err);
bool demo_relay_drain(struct demo *d, struct err *err);

/* ---- demo_beam.c ---- */
bool demo_beam_start(struct demo *d, const char *config, struct err *err);
void demo_beam_counters(const struct demo *d, struct demo_counters *ret);
bool demo_beam_is_half_way(struct demo *d, bool *ret_half, struct err *err);
bool demo_beam_kill(struct demo *d, struct err *err);
bool demo_beam_counters_agree(const struct demo *d, const struct demo_ledger *l);
void demo_beam_end(struct demo *d);

/* ---- demo_judge.c ---- */
bool demo_judge_break(struct demo *d, struct err *err);    /* --break lose, alter */
bool demo_judge_stores(struct demo *d, struct err *err);
bool demo_judge_pending(struct demo *d, struct err *err);
/* Index of the message with that digest; SIZE_MAX: none was made. */
size_t demo_find(const struct demo *d, const struct sha256 *sum);

/* ---- demo_dead.c ---- */
bool demo_dead_read(struct demo *d, struct err *err);
/* The highest number among the segments that are there now; 0: none. */
bool demo_dead_last_segment(const struct demo *d, uint64_t *ret_number, struct err *err);
const char *demo_dead_reason(size_t place);    /* "dest_nack" for reasons[place]; NULL: no more */

/* ---- demo_counters.c ---- */
void demo_counters_of_page(struct bytes metrics_page, struct demo_counters *ret);
/* The last words of a relay that ended in order; false: there are none. */
bool demo_counters_of_log(struct bytes log, struct demo_counters *ret);
bool demo_counters_add_up(const struct demo_counters *c);
bool demo_counters_agree(const struct demo *d, const struct demo_ledger *l);

/* ---- demo_ledger.c ---- */
void demo_ledger_make(const struct demo *d, struct demo_ledger *ret_ledger);
void demo_ledger_print(const struct demo *d, const struct demo_ledger *l);
bool demo_ledger_is_clean(const struct demo_ledger *l);

/* ---- demo.c: what is said on the way ---- */
void demo_say(struct demo *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Overwrites itself on a terminal; says nothing elsewhere. */
void demo_say_progress(struct demo *d, const char *what, size_t done, size_t of);
/* "12,345" */
const char *demo_number(uint64_t n);
bool demo_interrupted(void);

#endif
