/*
 * The language of fault rules, as text and as a file. docs/LOCAL-CLOUD.md explains it to people.
 *
 *   OPERATION[@TARGET]:FAULT[:KEY=VALUE,...]
 *   ingest@dst:429:p=0.05,retry_after=1        get:slow:p=0.01,ms=100-500        any:503:from=10,until=20
 *
 *   file:  {"rules": ["get:503:every=10", {"on": "ingest@dst", "fault": "429", "p": 0.05}]}
 */
#ifndef CLOUD_FAULT_RULES_H
#define CLOUD_FAULT_RULES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"

enum cloud_fault_op {
#define FAULT_OP(name, word, group, meaning) CLOUD_FAULT_ON_##name,
#include "cloud/fault_kinds.def"
    CLOUD_FAULT_OPS
};

enum cloud_fault_kind {
    CLOUD_FAULT_NONE,
#define FAULT_KIND(name, word, when, meaning) CLOUD_FAULT_##name,
#include "cloud/fault_kinds.def"
    CLOUD_FAULT_KINDS
};

enum { CLOUD_FAULT_TARGET_LEN = 256, CLOUD_FAULT_RULES_MAX = 256 };

struct cloud_fault_rule {
    uint32_t ops;                        /* one bit an operation */
    char target[CLOUD_FAULT_TARGET_LEN]; /* last id or full name of a store, topic or subscription; "": any */
    enum cloud_fault_kind kind;
    uint16_t status;        /* of kind STATUS */
    double p;               /* of the matching requests that are chosen by the keys below */
    uint64_t every, first;  /* each Nth, the first N; 0: not asked */
    us_t from_us, until_us; /* since begun_us */
    uint32_t retry_after_s; /* 0: no such header */
    us_t delay_min_us, delay_max_us;
    /* what it has seen so far */
    struct rnd rnd;
    us_t begun_us;    /* start of the cloud, last reading of the file, or when it was switched on */
    uint64_t matched; /* since then */
    uint64_t struck;  /* ever */
    bool off;         /* switched off: as if it were not there */
    uint32_t number;  /* tells it from all rules that ever were */
};

/* Class CONFIG, with the word that is wrong. */
bool cloud_fault_rules_line(struct bytes text, struct cloud_fault_rule *ret_rule, struct err *err) MUST_USE;
/* At most CLOUD_FAULT_RULES_MAX rules; rules must have that many. */
bool cloud_fault_rules_file(struct bytes json, struct cloud_fault_rule *rules, size_t *ret_count,
                            struct err *err) MUST_USE;

/* The rule as a line, in the words of the language. Appends. */
void cloud_fault_rules_write(const struct cloud_fault_rule *rule, struct buf *out);

/* True if the rule is about this operation and target (a full resource name, or empty). */
bool cloud_fault_rules_match(const struct cloud_fault_rule *rule, enum cloud_fault_op op,
                             struct bytes target);

#endif
