#include "cloud/message_arrival.h"

#include "base/b64.h"
#include "base/limits.h"
#include "base/sha256.h"
#include "cloud/notify.h"
#include "cloud/parsed_data.h"
#include "hl7/ack.h"
#include "hl7/validate.h"

void cloud_messages_key(const struct cloud_store *store, struct bytes sum, struct buf *out)
{
    cloud_db_key_u64(out, store->number);
    buf_append(out, sum);
}

void cloud_messages_index_key(const struct cloud_store *store, us_t send_us, struct bytes sum,
                              struct buf *out)
{
    cloud_db_key_u64(out, store->number);
    cloud_db_key_u64(out, (uint64_t) send_us ^ (uint64_t) 1 << 63);
    buf_append(out, sum);
}

void cloud_messages_name(const struct cloud_store *store, struct bytes sum, struct buf *out)
{
    buf_append_str(out, store->name);
    buf_append_str(out, "/messages/");
    b64_encode_url(sum, out);
}

size_t cloud_messages_body_max(const struct cloud_store *store)
{
    return store != NULL && store->accept_all ? LIMIT_CLOUD_ACCEPT_ALL : LIMIT_REQUEST_BODY;
}

/* --- refusing --- */

/* {"@type": ...IngestMessageErrorDetail, "hl7Nack": "..."} */
static void append_nack(struct cloud *c, const struct cloud_arrival *a, const char *why, struct buf *details)
{
    CLEANUP(buf_fini) struct buf nack = { 0 };
    char uuid[CLOUD_UUID_LEN];
    cloud_stores_uuid(c->stores, uuid);
    hl7_ack_refuse(a->header ? &a->msh : NULL, loop_wall(c->loop), uuid, why, &nack);
    struct json_writer w = json_write_to(details);
    json_write_object(&w, NULL);
    json_write_str(
        &w, "@type",
        BYTES_LIT("type.googleapis.com/google.cloud.healthcare.v1.hl7v2.IngestMessageErrorDetail"));
    json_write_b64(&w, "hl7Nack", buf_bytes(&nack));
    json_write_end(&w);
}

static void refuse_message(struct cloud_call *call, const struct cloud_arrival *a, bool ingest, const char *why)
{
    CLEANUP(buf_fini) struct buf details = { 0 };
    if (ingest)
        append_nack(call->c, a, why, &details);
    cloud_call_fail(call, GRPC_INVALID_ARGUMENT, buf_bytes(&details), "%s", why);
}

static void refuse_size(struct cloud_call *call)
{
    call->status = cloud_stores_facts(call->c->stores)->oversize_status;
    cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
                    "Request payload size exceeds the limit: %d bytes.", LIMIT_REQUEST_BODY);
}

/* --- storing --- */

enum { TAG_INGEST = 1, TAG_REJECT = 2 };

static void write_reply(struct cloud_call *call, const struct cloud_store *store,
                        const struct cloud_message_row *row)
{
    struct json_writer w = json_write_to(&call->json);
    buf_reserve(&call->json, row->data.len + row->ack.len * 2 + row->record.len * 2 + 512);
    if ((call->tag & TAG_INGEST) == 0) {
        cloud_messages_write(store, buf_bytes(&call->name), row, CLOUD_VIEW_RAW, &w, NULL);
        return;
    }
    json_write_object(&w, NULL);
    json_write_b64(&w, "hl7Ack", row->ack);
    cloud_messages_write(store, buf_bytes(&call->name), row, CLOUD_VIEW_RAW, &w, "message");
    json_write_end(&w);
}

/* After the barrier: what was there is durable. json holds the NACK's detail where duplicates are rejected.
 */
static void answer_duplicate(struct cloud_call *call)
{
    struct cloud_message_row row;
    struct bytes value;
    enum cloud_db_found found = cloud_db_get(call->c->db, CLOUD_DB_MESSAGE, buf_bytes(&call->key), &value);
    if (found != CLOUD_DB_FOUND || !cloud_messages_row(value, &row)) {
        cloud_call_fail_disk(call);
        return;
    }
    if ((call->tag & TAG_REJECT) != 0) {
        CLEANUP(buf_fini) struct buf details = call->json;
        call->json = (struct buf) { 0 };
        bool conflict = cloud_stores_facts(call->c->stores)->duplicate_status != 400;
        cloud_call_fail(call, conflict ? GRPC_ALREADY_EXISTS : GRPC_INVALID_ARGUMENT, buf_bytes(&details),
                        "a message with the same bytes is already in the store, which rejects duplicates");
        return;
    }
    write_reply(call, NULL, &row);
    cloud_call_end(call);
}

static void begin_duplicate(struct cloud_call *call, const struct cloud_store *store, const struct cloud_arrival *a)
{
    if (store->conf.reject_duplicates) {
        call->tag |= TAG_REJECT;
        if ((call->tag & TAG_INGEST) != 0)
            append_nack(call->c, a, "duplicate message", &call->json);
    }
    cloud_call_after_barrier(call, answer_duplicate);
}

void cloud_messages_announced(struct cloud_stores *stores, struct bytes name, struct buf *out)
{
    const char *project = cloud_stores_facts(stores)->notify_project;
    if (project == NULL) {
        buf_append(out, name);
        return;
    }
    (void) bytes_cut(&name, '/');
    (void) bytes_cut(&name, '/');
    buf_printf(out, "projects/%s/", project);
    buf_append(out, name);
}

/* False: a topic is missing, and that is told to matter: the call is gone. */
static bool topics_are_there(struct cloud_call *call, const struct cloud_store *store,
                             const struct cloud_facts *facts)
{
    struct bytes row;
    if (!cloud_stores_facts(call->c->stores)->missing_topic_fails)
        return true;
    for (size_t i = 0; i < store->conf.notifications_count; i++) {
        const struct cloud_notification *n = &store->conf.notifications[i];
        if (!cloud_message_filter_match(n->filter, facts) ||
            cloud_db_get_latest(call->c->db, CLOUD_DB_TOPIC, bytes_str(n->topic), &row) == CLOUD_DB_FOUND)
            continue;
        buf_clear(&call->json);
        cloud_call_fail(call, GRPC_FAILED_PRECONDITION, (struct bytes) { 0 },
                        "the notification topic %s does not exist", n->topic);
        return false;
    }
    return true;
}

static void announce(struct cloud_call *call, const struct cloud_store *store,
                     const struct cloud_facts *facts, struct cloud_db_write *w)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    cloud_messages_announced(call->c->stores, buf_bytes(&call->name), &name);
    for (size_t i = 0; i < store->conf.notifications_count; i++) {
        const struct cloud_notification *n = &store->conf.notifications[i];
        /* A topic that does not exist: the message is stored, nothing is announced. What Google does is not
         * settled. */
        if (cloud_message_filter_match(n->filter, facts))
            (void) cloud_notify(call->c, w, bytes_str(n->topic), buf_bytes(&name), facts->type);
    }
}

static void store_message(struct cloud_call *call, const struct cloud_store *store, const struct cloud_arrival *a)
{
    CLEANUP(buf_fini) struct buf value = { 0 };
    CLEANUP(buf_fini) struct buf index = { 0 };
    struct cloud_message_row row;
    cloud_arrival_row(call->c, store, a, &value);
    CHECK(cloud_messages_row(buf_bytes(&value), &row));
    row.facts.zone = store->zone;
    if (!topics_are_there(call, store, &row.facts))
        return;
    cloud_messages_index_key(store, row.facts.send_us, cloud_arrival_sum(a), &index);
    write_reply(call, store, &row);
    struct cloud_db_write *w = cloud_db_begin(call->c->db);
    cloud_db_put(w, CLOUD_DB_MESSAGE, buf_bytes(&call->key), buf_bytes(&value));
    cloud_db_put(w, CLOUD_DB_MESSAGE_INDEX, buf_bytes(&index), row.record);
    announce(call, store, &row.facts, w);
    cloud_call_commit(call, w);
}

/* True if the message may go in; else it has been refused and the call is gone. */
static bool admit(struct cloud_call *call, const struct cloud_store *store, struct cloud_arrival *a)
{
    struct cloud_json_fault fault = { 0 };
    bool strict = !cloud_stores_facts(call->c->stores)->lenient_json;
    if (call->ask->body.len > cloud_messages_body_max(store)) {
        refuse_size(call);
        return false;
    }
    if (!cloud_arrival_read(call->ask->body, store, strict, a, &fault)) {
        cloud_stores_refuse(call, &fault);
        return false;
    }
    enum hl7_defect defect = cloud_arrival_judge(a, store);
    if (defect != HL7_SOUND) {
        refuse_message(call, a, (call->tag & TAG_INGEST) != 0, hl7_defect_text(defect));
        return false;
    }
    return true;
}

/* The store that the path names; NULL: answered 404. */
struct cloud_store *cloud_messages_store(struct cloud_call *call)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    cloud_stores_name(call, 4, &name);
    struct cloud_store *store = cloud_stores_find(call->c->stores, buf_bytes(&name));
    if (store == NULL)
        cloud_stores_missing(call, buf_bytes(&name));
    return store;
}

static void take_message(struct cloud_call *call)
{
    CLEANUP(cloud_arrival_fini) struct cloud_arrival a = { 0 };
    struct bytes old;
    struct cloud_store *store = cloud_messages_store(call);
    if (store == NULL || !admit(call, store, &a))
        return;
    cloud_messages_key(store, cloud_arrival_sum(&a), &call->key);
    cloud_messages_name(store, cloud_arrival_sum(&a), &call->name);
    switch (cloud_db_get_latest(call->c->db, CLOUD_DB_MESSAGE, buf_bytes(&call->key), &old)) {
    case CLOUD_DB_ABSENT:
        store_message(call, store, &a);
        break;
    case CLOUD_DB_FOUND:
        begin_duplicate(call, store, &a);
        break;
    default:
        cloud_call_fail_disk(call);
    }
}

void cloud_messages_create(struct cloud_call *call)
{
    take_message(call);
}

void cloud_messages_ingest(struct cloud_call *call)
{
    call->tag = TAG_INGEST;
    take_message(call);
}

/* --- reading --- */

static bool take_part(struct bytes *rest, struct bytes *ret)
{
    const unsigned char *p = (const unsigned char *) rest->ptr;
    if (rest->len < 4)
        return false;
    size_t len = (size_t) p[0] << 24 | (size_t) p[1] << 16 | (size_t) p[2] << 8 | p[3];
    if (rest->len - 4 < len)
        return false;
    *ret = bytes_of(rest->ptr + 4, len);
    *rest = bytes_sub(*rest, 4 + len, rest->len);
    return true;
}

bool cloud_messages_row(struct bytes value, struct cloud_message_row *ret_row)
{
    struct cloud_message_row row;
    row.data = value;
    if (!take_part(&row.data, &row.record) || !take_part(&row.data, &row.ack) || row.data.len < 2 ||
        !cloud_facts_read(row.record, &row.facts))
        return false;
    *ret_row = row;
    return true;
}

#define NO_SCHEMA "The local cloud keeps schemas and parses no message by them."

void cloud_messages_write(const struct cloud_store *store, struct bytes name,
                          const struct cloud_message_row *row, enum cloud_view view, struct json_writer *w,
                          const char *key)
{
    json_write_object(w, key);
    json_write_str(w, "name", name);
    if (view == CLOUD_VIEW_RAW || view == CLOUD_VIEW_FULL)
        json_write_raw(w, "data", row->data);
    if (view != CLOUD_VIEW_BASIC)
        cloud_facts_write(&row->facts, w);
    if (view == CLOUD_VIEW_PARSED || view == CLOUD_VIEW_FULL) {
        CLEANUP(buf_fini) struct buf bytes = { 0 };
        CHECK(b64_decode(bytes_sub(row->data, 1, row->data.len - 2), &bytes));
        cloud_parsed_data_write(buf_bytes(&bytes), &store->conf, w);
    }
    if ((view == CLOUD_VIEW_SCHEMATIZED || view == CLOUD_VIEW_FULL) && store->conf.schema.len > 0) {
        json_write_object(w, "schematizedData");
        json_write_str(w, "error", BYTES_LIT(NO_SCHEMA));
        json_write_end(w);
    }
    json_write_end(w);
}

bool cloud_messages_view_of(struct bytes text, enum cloud_view otherwise, enum cloud_view *ret_view)
{
    static const struct {
        const char *name;
        enum cloud_view view;
    } table[] = { { "BASIC", CLOUD_VIEW_BASIC },
                  { "RAW_ONLY", CLOUD_VIEW_RAW },
                  { "PARSED_ONLY", CLOUD_VIEW_PARSED },
                  { "SCHEMATIZED_ONLY", CLOUD_VIEW_SCHEMATIZED },
                  { "FULL", CLOUD_VIEW_FULL } };
    *ret_view = otherwise;
    if (text.len == 0 || bytes_eq_nocase(text, BYTES_LIT("MESSAGE_VIEW_UNSPECIFIED")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (bytes_eq_nocase(text, bytes_str(table[i].name))) {
            *ret_view = table[i].view;
            return true;
        }
    return false;
}

bool cloud_messages_view(struct cloud_call *call, enum cloud_view otherwise, enum cloud_view *ret_view)
{
    if (cloud_messages_view_of(query_get(&call->query, "view"), otherwise, ret_view))
        return true;
    cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
                    "invalid view: BASIC, RAW_ONLY, PARSED_ONLY, SCHEMATIZED_ONLY or FULL");
    return false;
}

bool cloud_messages_sum(struct bytes id, struct buf *out)
{
    size_t before = out->len;
    return b64_decode(id, out) && out->len - before == SHA256_LEN;
}

/* The key of the message that the path names, and its canonical name. False: answered 404. */
bool cloud_messages_find(struct cloud_call *call, const struct cloud_store *store)
{
    CLEANUP(buf_fini) struct buf sum = { 0 };
    if (!cloud_messages_sum(call->hit.param[4], &sum)) {
        cloud_stores_name(call, 5, &call->name);
        cloud_stores_missing(call, buf_bytes(&call->name));
        return false;
    }
    cloud_messages_key(store, buf_bytes(&sum), &call->key);
    cloud_messages_name(store, buf_bytes(&sum), &call->name);
    return true;
}

bool cloud_messages_found(struct cloud_call *call, enum cloud_db_found found, struct bytes value,
                          struct cloud_message_row *row)
{
    if (found == CLOUD_DB_ABSENT)
        cloud_stores_missing(call, buf_bytes(&call->name));
    else if (found == CLOUD_DB_FAILED || !cloud_messages_row(value, row))
        cloud_call_fail_disk(call);
    else
        return true;
    return false;
}

void cloud_messages_get(struct cloud_call *call)
{
    struct cloud_message_row row;
    struct bytes value = { 0 };
    enum cloud_view view;
    struct cloud_store *store = cloud_messages_store(call);
    if (store == NULL || !cloud_messages_view(call, CLOUD_VIEW_FULL, &view) ||
        !cloud_messages_find(call, store))
        return;
    enum cloud_db_found found = cloud_db_get(call->c->db, CLOUD_DB_MESSAGE, buf_bytes(&call->key), &value);
    if (!cloud_messages_found(call, found, value, &row))
        return;
    struct json_writer w = json_write_to(&call->json);
    buf_reserve(&call->json, row.data.len + row.record.len * 2 + 512);
    cloud_messages_write(store, buf_bytes(&call->name), &row, view, &w, NULL);
    cloud_call_end(call);
}
