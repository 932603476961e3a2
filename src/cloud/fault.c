#include "cloud/fault.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cloud/proto_wire.h"

#include <stdio.h>

struct cloud_fault {
    struct loop *loop;
    uint64_t seed;
    char *file;
    uint32_t last_number;
    struct rule_list {
        struct cloud_fault_rule rule[CLOUD_FAULT_RULES_MAX];
        size_t count;
    } lists[CLOUD_FAULT_ORIGINS];
};

/* Each rule draws from a stream of its own, so that one more rule does not change what the others do. */
static void begin_rules(struct cloud_fault *f, struct cloud_fault_rule *rules, size_t from, size_t count,
                        enum cloud_fault_origin origin)
{
    static const uint64_t salt[CLOUD_FAULT_ORIGINS] = {
        [CLOUD_FAULT_OF_FLAGS] = 0, [CLOUD_FAULT_OF_FILE] = 1, [CLOUD_FAULT_OF_PAGE] = 2
    };
    for (size_t i = from; i < count; i++) {
        rnd_seed(&rules[i].rnd, f->seed ^ (i + 1) * 0x9e3779b97f4a7c15u ^ salt[origin]);
        rules[i].begun_us = loop_now(f->loop);
        rules[i].number = ++f->last_number;
    }
}

static bool read_whole(const char *path, struct buf *out, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return FAIL(err, CONFIG, "fault file %s cannot be opened: %m", path);
    size_t n = fread(buf_reserve(out, LIMIT_CONFIG_FILE), 1, LIMIT_CONFIG_FILE, file);
    out->len = n;
    bool ok = ferror(file) == 0, whole = fgetc(file) == EOF;
    fclose(file);
    return ok && whole ? true
                       : FAIL(err, CONFIG, "fault file %s cannot be read, or is larger than %d bytes", path,
                              LIMIT_CONFIG_FILE);
}

bool cloud_fault_reload(struct cloud_fault *f, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct rule_list *list = &f->lists[CLOUD_FAULT_OF_FILE];
    CLEANUP(mem_free_ptr) struct cloud_fault_rule *rules = mem_alloc(sizeof(list->rule));
    size_t count;
    if (f->file == NULL)
        return true;
    TRY(read_whole(f->file, &text, err));
    TRY(cloud_fault_rules_file(buf_bytes(&text), rules, &count, err));
    begin_rules(f, rules, 0, count, CLOUD_FAULT_OF_FILE);
    memcpy(list->rule, rules, sizeof(list->rule));
    list->count = count;
    return true;
}

static bool read_flags(struct cloud_fault *f, const struct cloud_conf *conf, struct err *err)
{
    struct rule_list *list = &f->lists[CLOUD_FAULT_OF_FLAGS];
    if (conf->faults_count > CLOUD_FAULT_RULES_MAX)
        return FAIL(err, CONFIG, "more than %d fault rules", CLOUD_FAULT_RULES_MAX);
    for (size_t i = 0; i < conf->faults_count; i++)
        if (!cloud_fault_rules_line(bytes_str(conf->faults[i]), &list->rule[i], err))
            return false;
    list->count = conf->faults_count;
    begin_rules(f, list->rule, 0, list->count, CLOUD_FAULT_OF_FLAGS);
    return true;
}

struct cloud_fault *cloud_fault_make(struct loop *l, const struct cloud_conf *conf, struct err *err)
{
    struct cloud_fault *f = mem_alloc(sizeof(*f));
    f->loop = l;
    f->seed = conf->seed;
    f->file = conf->fault_file != NULL ? mem_dup(bytes_str(conf->fault_file)) : NULL;
    if (!read_flags(f, conf, err) || !cloud_fault_reload(f, err)) {
        cloud_fault_free(f);
        return NULL;
    }
    return f;
}

void cloud_fault_free(struct cloud_fault *f)
{
    if (f == NULL)
        return;
    mem_free(f->file);
    mem_free(f);
}

/* True if the rule strikes now. It counts and draws only what it matches. */
static bool strikes(struct cloud_fault_rule *rule, enum cloud_fault_op op, struct bytes target, us_t now)
{
    us_t age = now - rule->begun_us;
    if (rule->off || !cloud_fault_rules_match(rule, op, target) || age < rule->from_us || age >= rule->until_us)
        return false;
    rule->matched++;
    if (rule->first > 0 && rule->matched > rule->first)
        return false;
    if (rule->every > 0 && rule->matched % rule->every != 0)
        return false;
    if (rule->p < 1 && !rnd_chance(&rule->rnd, rule->p))
        return false;
    rule->struck++;
    return true;
}

/* Calls fn with each rule of all lists until it returns false. */
typedef bool each_fn(void *ctx, struct cloud_fault_rule *rule, us_t now);

static void each_rule(struct cloud_fault *f, each_fn *fn, void *ctx)
{
    us_t now = loop_now(f->loop);
    for (int o = 0; o < CLOUD_FAULT_ORIGINS; o++)
        for (size_t i = 0; i < f->lists[o].count; i++)
            if (!fn(ctx, &f->lists[o].rule[i], now))
                return;
}

/* --- switched while it runs --- */

const struct cloud_fault_rule *cloud_fault_at(const struct cloud_fault *f, size_t place, enum cloud_fault_origin *ret_origin)
{
    for (int o = 0; o < CLOUD_FAULT_ORIGINS; o++) {
        if (place < f->lists[o].count) {
            *ret_origin = (enum cloud_fault_origin) o;
            return &f->lists[o].rule[place];
        }
        place -= f->lists[o].count;
    }
    return NULL;
}

bool cloud_fault_add(struct cloud_fault *f, struct bytes line, struct err *err)
{
    struct rule_list *list = &f->lists[CLOUD_FAULT_OF_PAGE];
    if (list->count == CLOUD_FAULT_RULES_MAX)
        return FAIL(err, CONFIG, "there are %d fault rules already: remove one first", CLOUD_FAULT_RULES_MAX);
    TRY(cloud_fault_rules_line(line, &list->rule[list->count], err));
    list->count++;
    begin_rules(f, list->rule, list->count - 1, list->count, CLOUD_FAULT_OF_PAGE);
    return true;
}

bool cloud_fault_switch(struct cloud_fault *f, uint64_t number, bool on)
{
    for (int o = 0; o < CLOUD_FAULT_ORIGINS; o++)
        for (size_t i = 0; i < f->lists[o].count; i++) {
            struct cloud_fault_rule *rule = &f->lists[o].rule[i];
            if (rule->number != number)
                continue;
            if (rule->off && on) {
                rule->begun_us = loop_now(f->loop);
                rule->matched = 0;
            }
            rule->off = !on;
            return true;
        }
    return false;
}

bool cloud_fault_remove(struct cloud_fault *f, uint64_t number)
{
    struct rule_list *list = &f->lists[CLOUD_FAULT_OF_PAGE];
    for (size_t i = 0; i < list->count; i++)
        if (list->rule[i].number == number) {
            memmove(&list->rule[i], &list->rule[i + 1], (--list->count - i) * sizeof(list->rule[0]));
            return true;
        }
    return false;
}

/* --- questions --- */

struct question {
    enum cloud_fault_op op;
    struct bytes target;
    enum cloud_fault_kind only; /* NONE: all that concern an answer */
    struct cloud_fault_plan plan;
};

static bool ask(void *ctx, struct cloud_fault_rule *rule, us_t now)
{
    struct question *q = ctx;
    bool delivery = rule->kind >= CLOUD_FAULT_DUPLICATE;
    if (q->only != CLOUD_FAULT_NONE ? rule->kind != q->only : delivery)
        return true;
    if (!strikes(rule, q->op, q->target, now))
        return true;
    if (rule->kind == CLOUD_FAULT_SLOW) {
        us_t spread = rule->delay_max_us - rule->delay_min_us;
        q->plan.delay_us += rule->delay_min_us + (us_t) rnd_below(&rule->rnd, (uint64_t) spread + 1);
        return true;
    }
    q->plan.kind = rule->kind;
    q->plan.status = rule->status;
    q->plan.retry_after_s = rule->retry_after_s;
    return false; /* the first that strikes is the one */
}

struct cloud_fault_plan cloud_fault_http(struct cloud_fault *f, enum cloud_fault_op op, struct bytes target)
{
    struct question q = { .op = op, .target = target };
    each_rule(f, ask, &q);
    return q.plan;
}

static bool asked(struct cloud_fault *f, enum cloud_fault_op op, struct bytes target,
                  enum cloud_fault_kind only)
{
    struct question q = { .op = op, .target = target, .only = only };
    each_rule(f, ask, &q);
    return q.plan.kind != CLOUD_FAULT_NONE;
}

enum cloud_fault_delivery cloud_fault_delivery(struct cloud_fault *f, struct bytes subscription)
{
    /* Deliveries go by streams and by pulls; a rule for either, or for any, means them. */
    if (asked(f, CLOUD_FAULT_ON_STREAM, subscription, CLOUD_FAULT_DUPLICATE))
        return CLOUD_FAULT_DELIVER_TWICE;
    if (asked(f, CLOUD_FAULT_ON_STREAM, subscription, CLOUD_FAULT_REORDER))
        return CLOUD_FAULT_DELIVER_LATER;
    return CLOUD_FAULT_DELIVER;
}

bool cloud_fault_ack_lost(struct cloud_fault *f, struct bytes subscription)
{
    return asked(f, CLOUD_FAULT_ON_ACK, subscription, CLOUD_FAULT_ACK_LOST);
}

bool cloud_fault_stream_closed(struct cloud_fault *f, struct bytes subscription)
{
    return asked(f, CLOUD_FAULT_ON_STREAM, subscription, CLOUD_FAULT_CLOSE);
}

enum grpc_code cloud_fault_code(uint16_t status)
{
    switch (status) {
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_NOT_FOUND;
    case 409:
        return GRPC_ABORTED;
    case 429:
        return GRPC_RESOURCE_EXHAUSTED;
    case 499:
        return GRPC_CANCELLED;
    case 500:
        return GRPC_INTERNAL;
    case 501:
        return GRPC_UNIMPLEMENTED;
    case 408:
    case 504:
        return GRPC_DEADLINE_EXCEEDED;
    default:
        return status >= 500 || status == 425 ? GRPC_UNAVAILABLE : GRPC_INVALID_ARGUMENT;
    }
}

static enum cloud_fault_op op_of(const char *method)
{
    static const struct {
        const char *method;
        enum cloud_fault_op op;
    } table[] = {
        { "Publish", CLOUD_FAULT_ON_PUBLISH },
        { "Pull", CLOUD_FAULT_ON_PULL },
        { "Acknowledge", CLOUD_FAULT_ON_ACK },
        { "ModifyAckDeadline", CLOUD_FAULT_ON_EXTEND },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(method, table[i].method) == 0)
            return table[i].op;
    return CLOUD_FAULT_ON_MANAGE;
}

/* Field 1, which clients write first: what follows is not read through. */
static struct bytes first_field(struct bytes message)
{
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (f.number == 1 && f.type == CLOUD_WIRE_LEN)
            return f.octets;
    return BYTES_LIT("");
}

struct cloud_fault_plan cloud_fault_pubsub(struct cloud_fault *f, const char *method, struct bytes request)
{
    struct bytes target = first_field(request);
    /* Of an update: a message whose field 1 is the name. */
    if (!bytes_starts(target, BYTES_LIT("projects/")) && first_field(target).len > 0)
        target = first_field(target);
    return cloud_fault_http(f, op_of(method), target);
}
