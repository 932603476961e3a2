#include "cmd/dry_run.h"

#include "base/b64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cmd/dead_link.h"
#include "cmd/print.h"
#include "hl7/validate.h"
#include "json/write.h"
#include "obs/metrics.h"
#include "pubsub/pull_once.h"
#include "relay/ports.h"
#include "store/store_client.h"

#include <stdio.h>

enum { DRY_AT_ONCE = 16, DRY_PULL = 1000, DRY_LEASE_S = 600, DRY_EMPTY = 2 };

static const us_t call_timeout_us = 30 * US_PER_S;
/* How long an empty subscription lets us wait: it may answer late rather than with nothing. */
static const us_t pull_timeout_us = 5 * US_PER_S;

enum dry_verdict { DRY_DELIVER, DRY_DOUBT, DRY_DEAD, DRY_SKIP, DRY_HOLD, DRY_LATER, DRY_VERDICTS };

static const struct {
    const char *word, *plural;
} verdicts[DRY_VERDICTS] = {
    [DRY_DELIVER] = { "deliver", "would be delivered" },
    [DRY_DOUBT] = { "doubt", "would be tried, and refused by a destination that looks at the form" },
    [DRY_DEAD] = { "dead", "would end in a dead letter" },
    [DRY_SKIP] = { "skip", "would be skipped, on record" },
    [DRY_HOLD] = { "hold", "would be held" },
    [DRY_LATER] = { "later", "failed now, and would be tried again" },
};

struct dry {
    struct dead_link link;
    const struct config *config;
    bool json;
    uint32_t max;
    struct dry_row {
        char *ack_id, *name, *message_id;
        enum relay_reason reason;
    } *row;
    size_t rows, rows_max, pulled;
    size_t next, open;                /* rows: to be fetched next; being fetched */
    struct store_bodies *bodies;
    struct store_attempt how;
    struct buf bearer;
    size_t count[DRY_VERDICTS];
};

struct dry_fetch {
    struct dry *d;
    struct store_body *body;
    size_t row;
};

static enum relay_reason judge(const struct dry *d, struct bytes name)
{
    struct bytes id;
    if (name.len == 0)
        return REASON_EMPTY_NOTIFICATION;
    switch (store_path_check(d->link.a.source_names, name, &id)) {
    case STORE_PATH_OK:              return REASON_NONE;
    case STORE_PATH_FOREIGN_STORE:   return REASON_FOREIGN_STORE;
    case STORE_PATH_FOREIGN_PROJECT: return REASON_FOREIGN_PROJECT;
    case STORE_PATH_BAD:             break;
    }
    return REASON_BAD_PATH;
}

/* What is no name may be anything, and is not shown. */
static void tell(struct dry *d, size_t row, enum dry_verdict verdict, const char *why, struct bytes type, size_t bytes)
{
    const struct dry_row *r = &d->row[row];
    CLEANUP(buf_fini) struct buf out = { 0 };
    bool is_name = r->reason != REASON_BAD_PATH && r->name[0] != '\0';
    d->count[verdict]++;
    if (d->json) {
        struct json_writer w = json_write_to(&out);
        json_write_object(&w, NULL);
        json_write_str(&w, "type", BYTES_LIT("dry_run"));
        json_write_str(&w, "would", bytes_str(verdicts[verdict].word));
        json_write_str(&w, "why", bytes_str(why));
        json_write_str(&w, "name", bytes_str(is_name ? r->name : ""));
        json_write_str(&w, "message_id", bytes_str(r->message_id));
        json_write_str(&w, "hl7_type", type);
        json_write_int(&w, "bytes", (int64_t) bytes);
        json_write_end(&w);
        buf_append_char(&out, '\n');
    } else {
        buf_printf(&out, "%-8s %s", verdicts[verdict].word, is_name ? r->name : "(no name; notification ");
        if (!is_name)
            buf_printf(&out, "%s)", r->message_id);
        if (verdict == DRY_DELIVER || verdict == DRY_DOUBT)
            buf_printf(&out, "  %zu bytes  %.*s", bytes, BYTES_FMT(type));
        buf_printf(&out, "%s%s\n", why[0] != '\0' ? "  " : "", why);
    }
    print_out(&out);
}

/* ---- one look at each message ---- */

/* MSH-9 as "ADT^A01", when it is such a thing. */
static struct bytes type_of(struct bytes message)
{
    struct hl7_msh msh;
    if (!hl7_msh_read(message, HL7_CR, &msh) || msh.field[HL7_MSH_TYPE].len > 15)
        return bytes_of("", 0);
    struct bytes type = msh.field[HL7_MSH_TYPE];
    for (size_t i = 0; i < type.len; i++)
        if (!((type.ptr[i] >= 'A' && type.ptr[i] <= 'Z') || (type.ptr[i] >= '0' && type.ptr[i] <= '9') || type.ptr[i] == '^' ||
              type.ptr[i] == '_'))
            return bytes_of("", 0);
    return type;
}

static void tell_fetched(struct dry *d, size_t row, const struct store_body *body)
{
    CLEANUP(buf_fini) struct buf plain = { 0 };
    CHECK(b64_decode(body->data, &plain));
    enum hl7_defect defect = hl7_validate(buf_bytes(&plain), &(struct hl7_rules) { 0 });
    tell(d, row, defect == HL7_SOUND ? DRY_DELIVER : DRY_DOUBT, defect == HL7_SOUND ? "" : hl7_defect_text(defect),
         type_of(buf_bytes(&plain)), plain.len);
}

static void tell_failed(struct dry *d, size_t row, const struct store_result *r)
{
    struct bytes none = bytes_of("", 0);
    switch ((enum err_class) r->class) {
    case ERR_NOT_FOUND:
        tell(d, row, DRY_DEAD, "source_not_found, if the store gives proof that it is gone", none, 0);
        return;
    case ERR_BAD_PAYLOAD:
        tell(d, row, DRY_DEAD, "bad_source_payload, if it comes like that once more", none, 0);
        return;
    case ERR_TOO_LARGE:
        tell(d, row, DRY_DEAD, "too_large", none, 0);
        return;
    case ERR_UNAUTHENTICATED:
    case ERR_FORBIDDEN:
        tell(d, row, DRY_HOLD, err_name((enum err_class) r->class), none, 0);
        return;
    default:
        tell(d, row, DRY_LATER, err_name((enum err_class) r->class), none, 0);
        return;
    }
}

static void fetch_more(struct dry *d);

static void on_fetched(void *ctx, const struct store_result *r)
{
    struct dry_fetch *f = ctx;
    struct dry *d = f->d;
    if (r->class == ERR_OK)
        tell_fetched(d, f->row, f->body);
    else
        tell_failed(d, f->row, r);
    store_body_give(d->bodies, f->body);
    mem_free(f);
    d->open--;
    fetch_more(d);
}

/* The reply may be as long as a message can be: sixteen of these at once are no danger. */
static void on_want(void *ctx UNUSED, uint64_t total UNUSED)
{
}

static void fetch_more(struct dry *d)
{
    static const struct store_events events = { on_want, on_fetched };
    for (; d->open < DRY_AT_ONCE && d->next < d->rows; d->next++) {
        const struct dry_row *r = &d->row[d->next];
        struct bytes id;
        if (r->reason != REASON_NONE) {
            enum dry_verdict v = r->reason == REASON_EMPTY_NOTIFICATION ? DRY_SKIP : r->reason == REASON_FOREIGN_PROJECT ? DRY_HOLD : DRY_DEAD;
            tell(d, d->next, v, label_text(LABELS_REASON, (unsigned) r->reason), bytes_of("", 0), 0);
            continue;
        }
        struct dry_fetch *f = mem_alloc(sizeof(*f));
        *f = (struct dry_fetch) { d, store_body_take(d->bodies), d->next };
        CHECK(store_path_check(d->link.a.source_names, bytes_str(r->name), &id) == STORE_PATH_OK);
        d->how.deadline_us = loop_now(d->link.a.loop) + d->config->attempt_timeout_us;
        d->open++;
        store_grant(store_fetch(d->link.a.source, &d->how, id, f->body, &events, f), LIMIT_REPLY_BODY);
    }
}

static void fetch_all(struct dry *d)
{
    struct assembly *a = &d->link.a;
    if (a->auth != NULL) {
        struct auth_token token = auth_token_now(a->auth);
        buf_append(&d->bearer, token.bearer);
        d->how = (struct store_attempt) { .token = buf_bytes(&d->bearer), .token_gen = token.gen };
    }
    d->bodies = store_bodies_make(DRY_AT_ONCE);
    fetch_more(d);
    while (d->open > 0)
        loop_pass(a->loop, US_NEVER);
}

/* ---- leases ---- */

static void on_pulled(void *ctx, const struct pull_once_reply *reply)
{
    struct dry *d = ctx;
    const struct err ok = { 0 };
    d->pulled = reply->count;
    for (size_t i = 0; i < reply->count; i++) {
        const struct pubsub_delivery *p = &reply->at[i];
        if (d->rows == d->rows_max) {
            d->rows_max = MAX(d->rows_max * 2, (size_t) 64);
            d->row = mem_grow(d->row, d->rows_max * sizeof(d->row[0]));
        }
        d->row[d->rows++] = (struct dry_row) { mem_dup(p->ack_id), mem_dup(bytes_sub(p->data, 0, LIMIT_NAME_LEN)), mem_dup(p->message_id),
                                               judge(d, p->data) };
    }
    dead_link_answer(&d->link, reply->answer.class == ERR_TIMEOUT ? &ok : reply->err);
}

static void on_extended(void *ctx, const struct pull_once_reply *reply)
{
    dead_link_answer(ctx, reply->err);
}

/* Those from `from` on: kept for so many seconds; 0: given back. */
static bool extend(struct dry *d, size_t from, uint32_t seconds, struct err *err)
{
    struct bytes ids[LIMIT_ACK_BATCH];
    while (from < d->rows) {
        size_t count = 0;
        for (; from < d->rows && count < LIMIT_ACK_BATCH; from++)
            ids[count++] = bytes_str(d->row[from].ack_id);
        dead_link_expect(&d->link);
        pull_once_extend(&d->link.endpoint, bytes_str(d->config->pubsub_subscription), seconds, ids, count, call_timeout_us, on_extended,
                         &d->link);
        TRY(dead_link_wait(&d->link, err));
    }
    return true;
}

static bool pull_all(struct dry *d, struct err *err)
{
    for (unsigned empty = 0; d->rows < d->max && empty < DRY_EMPTY;) {
        size_t before = d->rows;
        dead_link_expect(&d->link);
        pull_once(&d->link.endpoint, bytes_str(d->config->pubsub_subscription), (uint32_t) MIN(d->max - d->rows, (size_t) DRY_PULL),
                  pull_timeout_us, on_pulled, d);
        if (!dead_link_wait(&d->link, err))
            return err_wrap(err, "cannot read the subscription");
        TRY(extend(d, before, DRY_LEASE_S, err));
        empty = d->pulled == 0 ? empty + 1 : 0;
    }
    return true;
}

static void summary(const struct dry *d)
{
    if (d->json)
        return;
    printf("%zu messages were looked at", d->rows);
    for (int v = 0; v < DRY_VERDICTS; v++)
        if (d->count[v] > 0)
            printf("; %zu %s", d->count[v], verdicts[v].plural);
    printf(". Nothing was ingested or acknowledged; all are given back.\n");
}

static void fini(struct dry *d)
{
    for (size_t i = 0; i < d->rows; i++) {
        mem_free(d->row[i].ack_id);
        mem_free(d->row[i].name);
        mem_free(d->row[i].message_id);
    }
    mem_free(d->row);
    dead_link_close(&d->link);
    if (d->bodies != NULL)
        store_bodies_free(d->bodies);
    buf_fini(&d->bearer);
}

int dry_run_command(const struct invocation *in, const struct config *c, uint32_t max)
{
    struct dry d = { .config = c, .json = opt_bool(in->values, OPT_json), .max = max };
    struct err err = { 0 }, back = { 0 };
    bool ok = dead_link_open(&d.link, c, &err) && pull_all(&d, &err);
    if (ok)
        fetch_all(&d);
    if (d.rows > 0 && !extend(&d, 0, 0, &back))
        fprintf(stderr, "note: the messages looked at stay hidden for ten minutes: %s\n", back.text);
    if (ok)
        summary(&d);
    else
        print_error(&err);
    fini(&d);
    return ok ? CMD_EXIT_OK : exit_for(&err);
}
