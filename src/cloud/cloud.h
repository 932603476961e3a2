/*
 * The local cloud: Pub/Sub and Healthcare HL7v2 stores on one port (HTTP/1.1 and
 * HTTP/2, REST and gRPC), durable in a directory or in memory only.
 *
 * Also when embedded it is reached only over its socket, so that nothing works in
 * `demo` that would not work between two machines.
 */
#ifndef CLOUD_CLOUD_H
#define CLOUD_CLOUD_H

#include "loop/loop.h"
#include "net/tls.h"

struct cloud_conf {
    const char *host;                /* NULL: "127.0.0.1" */
    uint16_t port;                   /* 0: any free one */
    struct tls_context *tls;         /* NULL: cleartext; stays the caller's */
    const char *data_dir;            /* NULL: memory only */
    bool accept_all;                 /* stores take any bytes, so that bad sources can be played */
    const char *accept_all_stores;   /* "src,old": only stores with these ids do; NULL: all */
    /* Facts that Google's documents leave open (docs/LOCAL-CLOUD.md); 0: the first of each. */
    uint16_t duplicate_status;       /* a duplicate that is rejected: 409 or 400 */
    uint16_t oversize_status;        /* a request over 10 MB: 400 or 413 */
    bool lenient_json;               /* unknown JSON fields are passed over instead of refused */
    bool missing_topic_fails;        /* a message that cannot be announced is refused instead of only stored */
    const char *notify_project;      /* what notifications call a store's project (its number); NULL: as it is */
    bool release_on_disconnect;      /* leases of a stream that was cut come back at once, not at their deadlines */
    const char *gcs_folder;          /* gs://BUCKET/... of exports and imports is BUCKET/... in it; NULL: refused */
    void (*tell)(void *ctx, const char *sentence);    /* trouble with disk and imports, for people; NULL: nobody is told */
    void *tell_ctx;
    const char *seed_file;           /* what to make before the port opens (seed.h); NULL: nothing */
    uint64_t seed;                   /* of the fault plan; 0 is a seed too */
    const char *fault_file;          /* NULL: none */
    const char *const *faults;       /* rules as on a line of the file */
    size_t faults_count;
};

/*
 * Sets one of the open facts of conf by word: duplicate=409|400, oversize=400|413, topic=store|fail (one that is
 * missing), project=ID (in notifications), field=refuse|ignore (an unknown one in JSON). The text must outlive conf.
 * Class USAGE.
 */
bool cloud_answers_set(struct cloud_conf *conf, const char *text, struct err *err) MUST_USE;

struct cloud;

/* With a seed_file: runs passes of the loop. */
struct cloud *cloud_start(struct loop *l, const struct cloud_conf *conf, struct err *err);
uint16_t cloud_port(const struct cloud *c);
/* Reads the fault file again. False: it cannot be read, the old rules stay. */
bool cloud_reload_faults(struct cloud *c, struct err *err);
/* Ends open streams with UNAVAILABLE, takes no more connections. */
void cloud_drain(struct cloud *c);
bool cloud_is_drained(const struct cloud *c);    /* after cloud_drain(): the last connection has ended */
/* Cuts what is left and waits for the disk (runs passes of the loop). Not from a callback. NULL: no effect. */
void cloud_free(struct cloud *c);

#endif
