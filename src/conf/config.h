/*
 * The configuration: read, checked, typed, immutable.
 *
 * struct config has a field for each KEY row of options.def, and after them
 * what follows from several keys together, so that nobody works it out twice.
 * Strings are the config's and never NULL.
 *
 * config_load() collects every fault it finds (at most CONF_FAULTS_MAX), each
 * with code, place, source line and, where there is one, the nearest name.
 */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include "base/buf.h"
#include "conf/opt.h"

#define CONF_TYPE_STR      const char *
#define CONF_TYPE_BOOL     bool
#define CONF_TYPE_INT      int64_t
#define CONF_TYPE_REAL     double
#define CONF_TYPE_DURATION us_t
#define CONF_TYPE_SIZE     uint64_t
#define CONF_TYPE_CHOICE   const char *
#define CONF_TYPE_LIST     struct opt_list
#define CONF_TYPE_MAP      struct opt_map

/* "projects/P/locations/L/datasets/D/hl7V2Stores/S", taken apart; parts point into the name. */
struct conf_store {
    const char *name;
    struct bytes project, location, dataset, store;
};

/* Where a service is reached. */
struct conf_endpoint {
    const char *host;
    uint16_t port;
    bool tls;               /* false: cleartext on loopback */
    bool local;             /* the local cloud: no credentials are loaded or sent */
    const char *connect_to; /* "address:port", or "" : host:port */
};

enum conf_sink { CONF_SINK_NONE, CONF_SINK_FILE, CONF_SINK_TOPIC };

/* What the log says once at start. */
struct conf_note {
    enum { CONF_NOTE_NO_EFFECT, CONF_NOTE_DEFAULT_DIFFERS, CONF_NOTE_PHI_ENDED } kind;
    const char *key, *text;
};

struct config {
#define KEY(field, name, type, def, range, attributes, group, arg, help) CONF_TYPE_##type field;
#define FLAG(field, name, type, def, range, attributes, commands, arg, help)
#include "conf/options.def"
#undef KEY
#undef FLAG

    const char *path;                 /* of the file, or "" */
    char sha256[65];                  /* of the file's bytes, in hex */
    const struct opt_values *values;  /* every value with where it came from */

    struct conf_store source, dest;
    const struct conf_store *aliases; /* of the source */
    size_t aliases_count;
    struct conf_endpoint pubsub, healthcare;
    struct conf_endpoint dataflow, storage;
    bool credentials;                 /* false: the local cloud, no tokens at all */
    bool direct;                      /* runner: this process; else a Beam runner's name */
    bool bounded;                     /* submit --names: the job ends by itself */
    const char *environment;          /* environment_type with its default: LOOPBACK EXTERNAL PROCESS DOCKER; "" when direct */

    bool retry_config_given;
    uint32_t attempts_max;            /* decision 26 */
    us_t backoff_initial_us, backoff_max_us;
    double backoff_factor;
    us_t fetch_timeout_us, ingest_timeout_us, attempt_timeout_us, give_up_after_us;

    enum conf_sink sink;
    const char *sink_dir;             /* CONF_SINK_FILE: an absolute path; else "" */
    const char *storm_dir;            /* where the storm guard's state is: sink_dir, or state_dir */
    const char *status_host;          /* "" : no status page */
    uint16_t status_port;
    us_t content_until_us;            /* wall; 0: content logging is off */

    const struct conf_note *notes;
    size_t notes_count;

    void **owned;                     /* conf/'s own */
    size_t owned_count, owned_max;
};

enum { CONF_FAULTS_MAX = 20 };

enum conf_code {
#define CONF_FAULT(name, code, title, fix) CONF_##name,
#include "conf/faults.def"
#undef CONF_FAULT
    CONF_CODES
};

struct conf_fault {
    enum conf_code code;
    char text[360];        /* what is wrong */
    char did_you_mean[96]; /* or "" */
    char excerpt[160];     /* the source line, its value masked; or "" */
    const char *path;      /* the file, "flag", "environment" */
    uint32_t line, column; /* 0: not in the file */
};

struct conf_faults {
    size_t count;
    struct conf_fault at[CONF_FAULTS_MAX];
};

/* What the outside gives: the tests give their own. */
struct conf_input {
    const struct opt_values *flags;          /* may be NULL; from opt_parse_args */
    const char *path;                        /* NULL: the flags' config_path */
    const char *(*env)(const char *name);    /* getenv; NULL: no environment */
    us_t wall_us;                            /* for phi_logging_until */
    bool (*parse_time)(const char *s, size_t len, us_t *ret_wall_us);    /* clock_parse_rfc3339 */
};

/* NULL: at least one fault. err (may be NULL) gets the first, class CONFIG. */
struct config *config_load(const struct conf_input *in, struct conf_faults *faults, struct err *err);
/* The same from memory; path is what messages say. */
struct config *config_read(const struct conf_input *in, const char *path, struct bytes text,
                           struct conf_faults *faults, struct err *err);
void config_free(struct config *c);

/* As people read it: ux of error[E-CFG-014] with place, excerpt, suggestion and help line. */
void conf_fault_render(const struct conf_fault *f, struct buf *out);
const char *conf_code_text(enum conf_code code);     /* "E-CFG-014" */
const char *conf_code_title(enum conf_code code);
const char *conf_code_fix(enum conf_code code);

/* Differences that SIGHUP cannot bring into force: the names of such keys; count at most max. */
size_t config_restart_keys(const struct config *before, const struct config *after, const char **ret_names, size_t max);

#endif
