/*
 * hl7V2Stores.export: the messages of a store whose send time lies in a range, in that order, as lines of JSON in a
 * file of the folder that stands in for Cloud Storage, or as names in a Pub/Sub topic. A batch at a time:
 *
 *   step: walk the index -> lines -> chore: append to FILE.part -> step ... -> chore: fsync, rename -> done
 *   step: walk the index -> notifications -> commit -> step ... -> done
 */
#include "cloud/messages.h"
#include "cloud/notify.h"
#include "cloud/operations.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "cloud/gcs_path.h"
#include "loop/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PLACE_LEN = 8 + SHA256_LEN,       /* of an index key, after the store's number */
    LOOKS_MAX = 16 * LIMIT_CLOUD_WALK /* rows that a filter may pass over in one pass of the loop */
};

struct export {
    struct cloud_operation op;
    struct cloud_chore chore;
    char *store;
    uint64_t number; /* of the store, so that another one of its name is none */
    us_t from_us, to_us;
    const struct cloud_zone *zone; /* the store's at this step */
    struct cloud_message_filter *filter;
    enum cloud_view view;
    char *topic;                    /* NULL: into a file */
    char *folder, *object, *part;   /* the bucket's folder; what is below it; the file while it grows */
    int fd;
    char why[256];                  /* what a chore met; "": nothing */
    enum grpc_code why_code;
    struct buf after, lines, places; /* places of this batch, PLACE_LEN each */
    size_t looked_at;               /* rows of the index, in this batch */
    bool walked, more;
};

static void drop(struct cloud_job *job)
{
    struct export *x = CONTAINER_OF(job, struct export, op.job);
    if (x->fd >= 0) {
        close(x->fd);
        unlink(x->part);
    }
    cloud_operations_fini(&x->op);
    cloud_message_filter_free(x->filter);
    mem_free(x->store);
    mem_free(x->topic);
    mem_free(x->folder);
    mem_free(x->object);
    mem_free(x->part);
    buf_fini(&x->after);
    buf_fini(&x->lines);
    buf_fini(&x->places);
    mem_free(x);
}

static struct export *of_chore(struct cloud_chore *chore)
{
    return CONTAINER_OF(chore, struct export, chore);
}

static void step(struct export *x);

/* --- what the jobs' thread does --- */

static void say(struct export *x, const char *what)
{
    x->why_code = GRPC_UNAVAILABLE;
    snprintf(x->why, sizeof(x->why), "gs://.../%s: %s: %s", x->object, what, strerror(errno));
}

/* Makes the folders on the way to a file. */
static bool make_folders(char *path, size_t from)
{
    for (size_t i = from; path[i] != '\0'; i++) {
        if (path[i] != '/')
            continue;
        path[i] = '\0';
        bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        path[i] = '/';
        if (!made)
            return false;
    }
    return true;
}

static void open_part(struct cloud_chore *chore)
{
    struct export *x = of_chore(chore);
    struct stat at;
    if (stat(x->folder, &at) != 0 || !S_ISDIR(at.st_mode)) {
        x->why_code = GRPC_NOT_FOUND;
        snprintf(x->why, sizeof(x->why), "the bucket does not exist");
        return;
    }
    if (make_folders(x->part, strlen(x->folder) + 1))
        x->fd = open(x->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (x->fd < 0)
        say(x, "cannot be written");
}

static void append_lines(struct cloud_chore *chore)
{
    struct export *x = of_chore(chore);
    for (size_t at = 0; at < x->lines.len;) {
        ssize_t n = write(x->fd, x->lines.ptr + at, x->lines.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            say(x, "writing failed");
            return;
        }
        at += (size_t) n;
    }
}

/* The file appears whole, or not at all. */
static void finish_part(struct cloud_chore *chore)
{
    struct export *x = of_chore(chore);
    CLEANUP(buf_fini) struct buf whole = { 0 };
    buf_append(&whole, bytes_of(x->part, strlen(x->part) - strlen(".part")));
    bool kept = fsync(x->fd) == 0;
    kept = close(x->fd) == 0 && kept;
    x->fd = -1;
    if (kept && rename(x->part, buf_str(&whole)) == 0)
        return;
    say(x, "writing failed");
    unlink(x->part);
}

/* --- a batch --- */

static bool take_row(void *ctx, struct bytes key, struct bytes value)
{
    struct export *x = ctx;
    struct cloud_facts facts;
    struct bytes place = bytes_sub(key, 8, key.len);
    if (place.len != PLACE_LEN || !cloud_facts_read(value, &facts))
        return true;
    facts.zone = x->zone;
    if (facts.send_us >= x->to_us)
        return false;
    if (x->places.len / PLACE_LEN == LIMIT_CLOUD_WALK || x->looked_at++ == LOOKS_MAX) {
        x->more = true;
        return false;
    }
    buf_clear(&x->after);
    buf_append(&x->after, key);
    if (cloud_message_filter_match(x->filter, &facts))
        buf_append(&x->places, place);
    return true;
}

/* False: the operation has ended. */
static bool walk(struct export *x)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    CLEANUP(buf_fini) struct buf after = { 0 };
    struct err err = { 0 };
    cloud_db_key_u64(&prefix, x->number);
    buf_append(&after, buf_bytes(&x->after));
    buf_clear(&x->places);
    x->more = false;
    x->looked_at = 0;
    x->walked = true;
    struct cloud_db_range range = { .table = CLOUD_DB_MESSAGE_INDEX,
                                    .prefix = buf_bytes(&prefix),
                                    .after = buf_bytes(&after) };
    if (cloud_db_scan(x->op.c->db, &range, take_row, x, &err))
        return true;
    cloud_operations_fail(&x->op, GRPC_UNAVAILABLE, "The local cloud's disk failed.");
    return false;
}

/* The messages at x->places as lines. Large ones end the batch early: the next one begins there. */
static void write_lines(struct export *x, const struct cloud_store *store)
{
    struct bytes places = buf_bytes(&x->places);
    buf_clear(&x->lines);
    for (; places.len > 0; places = bytes_sub(places, PLACE_LEN, places.len)) {
        CLEANUP(buf_fini) struct buf key = { 0 };
        CLEANUP(buf_fini) struct buf name = { 0 };
        struct cloud_message_row row;
        struct bytes value, sum = bytes_sub(places, 8, SHA256_LEN);
        if (x->lines.len > LIMIT_CLOUD_PAGE) {
            buf_clear(&x->after);
            cloud_db_key_u64(&x->after, x->number);
            buf_append(&x->after, bytes_of(places.ptr - PLACE_LEN, PLACE_LEN));
            x->more = true;
            break;
        }
        cloud_messages_key(store, sum, &key);
        cloud_messages_name(store, sum, &name);
        /* Deleted since the walk: it is not there to be exported. */
        if (cloud_db_get(x->op.c->db, CLOUD_DB_MESSAGE, buf_bytes(&key), &value) != CLOUD_DB_FOUND ||
            !cloud_messages_row(value, &row))
            continue;
        struct json_writer w = json_write_to(&x->lines);
        cloud_messages_write(store, buf_bytes(&name), &row, x->view, &w, NULL);
        buf_append_char(&x->lines, '\n');
        x->op.success++;
    }
}

static void after_chore(struct cloud_chore *chore)
{
    struct export *x = of_chore(chore);
    if (x->why[0] != '\0')
        cloud_operations_fail(&x->op, x->why_code, "%s", x->why);
    else
        step(x);
}

static void after_finish(struct cloud_chore *chore)
{
    struct export *x = of_chore(chore);
    if (x->why[0] != '\0')
        cloud_operations_fail(&x->op, x->why_code, "%s", x->why);
    else
        cloud_operations_done(&x->op, "hl7v2.ExportMessagesResponse");
}

static void chore(struct export *x, void (*work)(struct cloud_chore *), void (*then)(struct cloud_chore *))
{
    x->chore = (struct cloud_chore) { .work = work, .then = then };
    cloud_jobs_chore(x->op.c->jobs, &x->chore);
}

static void on_announced(void *ctx, const struct err *err)
{
    struct export *x = ctx;
    if (cloud_jobs_are_over(x->op.c->jobs))
        return;
    if (err != NULL)
        cloud_operations_fail(&x->op, GRPC_UNAVAILABLE, "The local cloud's disk failed.");
    else
        step(x);
}

/* The topic may go while the export runs; what was announced stays announced. */
static void announce(struct export *x, const struct cloud_store *store)
{
    struct bytes places = buf_bytes(&x->places);
    struct cloud_db_write *w = cloud_db_begin(x->op.c->db);
    bool there = true;
    for (; there && places.len > 0; places = bytes_sub(places, PLACE_LEN, places.len)) {
        CLEANUP(buf_fini) struct buf key = { 0 };
        CLEANUP(buf_fini) struct buf name = { 0 };
        CLEANUP(buf_fini) struct buf type = { 0 };
        CLEANUP(buf_fini) struct buf announced = { 0 };
        struct cloud_message_row row;
        struct bytes value, sum = bytes_sub(places, 8, SHA256_LEN);
        cloud_messages_key(store, sum, &key);
        cloud_messages_name(store, sum, &name);
        if (cloud_db_get(x->op.c->db, CLOUD_DB_MESSAGE, buf_bytes(&key), &value) != CLOUD_DB_FOUND ||
            !cloud_messages_row(value, &row))
            continue;
        buf_append(&type, row.facts.type);
        cloud_messages_announced(x->op.c->stores, buf_bytes(&name), &announced);
        there = cloud_notify(x->op.c, w, bytes_str(x->topic), buf_bytes(&announced), buf_bytes(&type));
        x->op.success += there;
    }
    if (!there) {
        /* All or nothing within a batch, and the topic is looked up the same way each time: nothing is in w. */
        cloud_db_abandon(w);
        cloud_operations_fail(&x->op, GRPC_NOT_FOUND, "the topic %s does not exist", x->topic);
        return;
    }
    cloud_db_then(w, on_announced, x);
    cloud_db_commit(w);
}

static void step(struct export *x)
{
    const struct cloud_store *store = cloud_stores_find(x->op.c->stores, bytes_str(x->store));
    if (x->op.cancelled) {
        cloud_operations_fail(&x->op, GRPC_CANCELLED, "The operation was cancelled.");
    } else if (store == NULL || store->number != x->number) {
        cloud_operations_fail(&x->op, GRPC_NOT_FOUND, "the store was deleted while it was exported");
    } else if (x->walked && !x->more) {
        if (x->topic != NULL)
            cloud_operations_done(&x->op, "hl7v2.ExportMessagesResponse");
        else
            chore(x, finish_part, after_finish);
    } else if (x->zone = store->zone, walk(x)) {
        if (x->topic != NULL) {
            announce(x, store);
        } else {
            write_lines(x, store);
            chore(x, append_lines, after_chore);
        }
    }
}

/* --- the request --- */

struct asked {
    struct buf start, end, filter, uri, view, structure, topic;
    bool gcs, pubsub;
};

static void asked_fini(struct asked *a)
{
    struct buf *all[] = { &a->start, &a->end, &a->filter, &a->uri, &a->view, &a->structure, &a->topic };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_fini(all[i]);
}

struct text_field {
    const char *camel, *snake;
    struct buf *to;
};

/* Reads texts off an object; what is no text goes to `other`. */
static bool read_texts(const struct json_value *object, const char *at, const struct text_field *fields,
                       size_t count, bool strict, bool (*other)(struct asked *, const struct json_value *key,
                                                                const struct json_value *v, bool strict,
                                                                struct cloud_json_fault *),
                       struct asked *a, struct cloud_json_fault *fault)
{
    struct json_cursor members = json_cursor_of(object);
    struct json_value key, v;
    if (object->kind != JSON_OBJECT)
        return cloud_json_bad(fault, at, "it must be an object");
    while (json_next(&members, &key, &v)) {
        CLEANUP(buf_fini) struct buf scratch = { 0 };
        const struct text_field *f = NULL;
        struct bytes text;
        for (size_t i = 0; i < count; i++)
            if (json_str_is(&key, fields[i].camel) || json_str_is(&key, fields[i].snake))
                f = &fields[i];
        if (f == NULL && other != NULL)
            TRY(other(a, &key, &v, strict, fault));
        else if (f == NULL && strict)
            return cloud_json_unknown(&key, at, fault);
        if (f == NULL)
            continue;
        TRY(cloud_json_text(&v, f->camel, &scratch, &text, fault));
        buf_clear(f->to);
        buf_append(f->to, text);
    }
    return true;
}

static bool read_destination(struct asked *a, const struct json_value *key, const struct json_value *v,
                             bool strict, struct cloud_json_fault *fault)
{
    const struct text_field gcs[] = { { "uriPrefix", "uri_prefix", &a->uri },
                                      { "messageView", "message_view", &a->view },
                                      { "contentStructure", "content_structure", &a->structure } };
    const struct text_field pubsub[] = { { "pubsubTopic", "pubsub_topic", &a->topic } };
    if (json_str_is(key, "gcsDestination") || json_str_is(key, "gcs_destination")) {
        a->gcs = true;
        return read_texts(v, "gcsDestination", gcs, ARRAY_LEN(gcs), strict, NULL, a, fault);
    }
    if (json_str_is(key, "pubsubDestination") || json_str_is(key, "pubsub_destination")) {
        a->pubsub = true;
        return read_texts(v, "pubsubDestination", pubsub, ARRAY_LEN(pubsub), strict, NULL, a, fault);
    }
    return !strict || json_str_is(key, "name") || cloud_json_unknown(key, "", fault);
}

static bool read_time(const struct buf *text, const char *field, us_t otherwise, us_t *ret,
                      struct cloud_json_fault *fault)
{
    *ret = otherwise;
    return text->len == 0 || clock_parse_rfc3339(text->ptr, text->len, ret) ||
           cloud_json_bad(fault, field, "a time is written as RFC 3339 has it: 2026-01-31T23:59:59Z");
}

static bool set_gcs(struct export *x, const struct asked *a, const char *folder, struct cloud_json_fault *fault)
{
    struct bytes bucket, object;
    bool known = a->structure.len == 0 || bytes_eq_str(buf_bytes(&a->structure), "MESSAGE_JSON") ||
                 bytes_eq_str(buf_bytes(&a->structure), "CONTENT_STRUCTURE_UNSPECIFIED");
    if (!cloud_gcs_parse(buf_bytes(&a->uri), &bucket, &object))
        return cloud_json_bad(fault, "gcsDestination.uriPrefix", "it must be gs://BUCKET/PATH/OF/A/DIRECTORY");
    if (!known)
        return cloud_json_bad(fault, "gcsDestination.contentStructure", "it must be MESSAGE_JSON");
    if (!cloud_messages_view_of(buf_bytes(&a->view), CLOUD_VIEW_FULL, &x->view))
        return cloud_json_bad(fault, "gcsDestination.messageView",
                              "it must be BASIC, RAW_ONLY, PARSED_ONLY, SCHEMATIZED_ONLY or FULL");
    if (folder == NULL)
        return FAIL(&fault->err, UNIMPLEMENTED,
                    "gcsDestination: start the local cloud with --gcs-folder DIR, and gs://BUCKET/... is "
                    "DIR/BUCKET/...");
    CLEANUP(buf_fini) struct buf path = { 0 };
    buf_printf(&path, "%s/%.*s", folder, BYTES_FMT(bucket));
    x->folder = mem_dup(buf_bytes(&path));
    x->object = mem_dup(object);
    return true;
}

static bool set_topic(struct export *x, const struct asked *a, struct cloud_json_fault *fault)
{
    if (!cloud_store_conf_is_topic(buf_bytes(&a->topic)))
        return cloud_json_bad(fault, "pubsubDestination.pubsubTopic", "it must be projects/P/topics/T");
    x->topic = mem_dup(buf_bytes(&a->topic));
    return true;
}

/* Where the walk begins: before the first place of that time. */
static void set_begin(struct export *x)
{
    static const char zeros[SHA256_LEN] = { 0 };
    cloud_db_key_u64(&x->after, x->number);
    cloud_db_key_u64(&x->after, (uint64_t) x->from_us ^ (uint64_t) 1 << 63);
    buf_append(&x->after, bytes_of(zeros, sizeof(zeros)));
}

static bool read_export(struct cloud_call *call, struct export *x, struct cloud_json_fault *fault)
{
    CLEANUP(asked_fini) struct asked a = { 0 };
    struct json_value root;
    bool strict = !cloud_stores_facts(call->c->stores)->lenient_json;
    const struct text_field top[] = { { "startTime", "start_time", &a.start },
                                      { "endTime", "end_time", &a.end },
                                      { "filter", "filter", &a.filter } };
    TRY(json_scan(call->ask->body.len > 0 ? call->ask->body : BYTES_LIT("{}"), &root, &fault->err));
    TRY(read_texts(&root, "", top, ARRAY_LEN(top), strict, read_destination, &a, fault));
    TRY(read_time(&a.start, "startTime", 0, &x->from_us, fault));
    TRY(read_time(&a.end, "endTime", loop_wall(call->c->loop), &x->to_us, fault));
    if (x->from_us >= x->to_us)
        return cloud_json_bad(fault, "startTime", "it must come before endTime");
    if (a.gcs == a.pubsub)
        return cloud_json_bad(fault, "destination", "give either gcsDestination or pubsubDestination");
    TRY(cloud_message_filter_make(buf_bytes(&a.filter), &x->filter, &fault->err));
    return a.gcs ? set_gcs(x, &a, call->c->gcs_folder, fault) : set_topic(x, &a, fault);
}

/* gs://BUCKET/PREFIX/hl7v2-messages-OPERATION.ndjson: known once the operation has its name. */
static void name_file(struct export *x)
{
    CLEANUP(buf_fini) struct buf object = { 0 };
    CLEANUP(buf_fini) struct buf part = { 0 };
    const char *number = strrchr(x->op.name, '/') + 1;
    size_t len = strlen(x->object);
    buf_printf(&object, "%s%shl7v2-messages-%s.ndjson", x->object, len > 0 && x->object[len - 1] != '/' ? "/" : "",
               number);
    buf_printf(&part, "%s/%s.part", x->folder, buf_str(&object));
    mem_free(x->object);
    x->object = mem_dup(buf_bytes(&object));
    x->part = mem_dup(buf_bytes(&part));
}

static void go(struct cloud_operation *op)
{
    struct export *x = CONTAINER_OF(op, struct export, op);
    struct bytes row;
    if (x->topic == NULL) {
        name_file(x);
        chore(x, open_part, after_chore);
    } else if (cloud_db_get(op->c->db, CLOUD_DB_TOPIC, bytes_str(x->topic), &row) != CLOUD_DB_FOUND) {
        cloud_operations_fail(op, GRPC_NOT_FOUND, "the topic %s does not exist", x->topic);
    } else {
        step(x);
    }
}

void cloud_stores_export(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf dataset = { 0 };
    struct cloud_json_fault fault = { 0 };
    struct cloud_store *store = cloud_messages_store(call);
    if (store == NULL)
        return;
    struct export *x = mem_alloc(sizeof(*x));
    x->op.job.drop = drop;
    x->fd = -1;
    x->store = mem_dup(bytes_str(store->name));
    x->number = store->number;
    if (!read_export(call, x, &fault)) {
        drop(&x->op.job);
        cloud_stores_refuse(call, &fault);
        return;
    }
    set_begin(x);
    cloud_stores_name(call, 3, &dataset);
    cloud_operations_begin(call, buf_bytes(&dataset), "hl7v2.Hl7V2Service.ExportMessages", &x->op, go);
}
