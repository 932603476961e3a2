#include "cloud/stores.h"

#include "base/b64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rand.h"
#include "hl7/validate.h"
#include "loop/entropy.h"

enum { BUCKETS = 256 };

struct cloud_stores {
    struct cloud *c;
    struct cloud_conf conf; /* of its strings only the two below, which are copies */
    char *accept_ids, *notify_project;
    uint64_t deletions;
    struct rnd uuids; /* seeded by the kernel at every start */
    struct dataset *zones;
    struct cloud_store *buckets[BUCKETS];
};

/* A dataset that has a time zone other than UTC. */
struct dataset {
    struct dataset *next;
    char *prefix; /* of the names of its stores: "its name/" */
    struct cloud_zone *zone;
};

static struct cloud_store **bucket_of(struct cloud_stores *s, struct bytes name)
{
    return &s->buckets[bytes_hash(name, 0) % BUCKETS];
}

static void free_store(struct cloud_store *store)
{
    cloud_store_conf_fini(&store->conf);
    mem_free(store->name);
    mem_free(store);
}

static bool accepts_all(const struct cloud_stores *s, struct bytes name)
{
    if (!s->conf.accept_all || s->accept_ids == NULL)
        return s->conf.accept_all;
    struct bytes ids = bytes_str(s->accept_ids);
    while (ids.len > 0) {
        struct bytes id = bytes_trim(bytes_cut(&ids, ','));
        if (id.len > 0 && name.len > id.len && bytes_ends(name, id) && name.ptr[name.len - id.len - 1] == '/')
            return true;
    }
    return false;
}

void cloud_stores_add(struct cloud_stores *s, struct bytes name, uint64_t number,
                      struct cloud_store_conf *conf)
{
    struct cloud_store *store = mem_alloc(sizeof(*store)), **bucket = bucket_of(s, name);
    store->name = mem_dup(name);
    store->number = number;
    store->conf = *conf;
    store->accept_all = accepts_all(s, name);
    for (const struct dataset *d = s->zones; d != NULL; d = d->next)
        if (bytes_starts(name, bytes_str(d->prefix)))
            store->zone = d->zone;
    *conf = (struct cloud_store_conf) { 0 };
    store->next = *bucket;
    *bucket = store;
}

static bool load_store(void *ctx, struct bytes key, struct bytes value)
{
    struct cloud_stores *s = ctx;
    struct cloud_store_conf conf;
    struct cloud_json_fault fault;
    struct json_value json;
    if (value.len >= 8 && json_scan(bytes_sub(value, 8, value.len), &json, &fault.err) &&
        cloud_store_conf_read(&json, false, &conf, &fault))
        cloud_stores_add(s, key, cloud_db_read_u64(value), &conf);
    return true;
}

void cloud_stores_set_zone(struct cloud_stores *s, struct bytes dataset, struct cloud_zone *zone)
{
    CLEANUP(buf_fini) struct buf prefix = { 0 };
    struct dataset **at = &s->zones, *d;
    buf_append(&prefix, dataset);
    buf_append_char(&prefix, '/');
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct cloud_store *store = s->buckets[i]; store != NULL; store = store->next)
            if (bytes_starts(bytes_str(store->name), buf_bytes(&prefix)))
                store->zone = zone;
    while (*at != NULL && !bytes_eq_str(buf_bytes(&prefix), (*at)->prefix))
        at = &(*at)->next;
    d = *at;
    if (d != NULL && zone == NULL) {
        *at = d->next;
        cloud_zone_free(d->zone);
        mem_free(d->prefix);
        mem_free(d);
    } else if (d != NULL) {
        cloud_zone_free(d->zone);
        d->zone = zone;
    } else if (zone != NULL) {
        d = mem_alloc(sizeof(*d));
        *d = (struct dataset) { s->zones, mem_dup(buf_bytes(&prefix)), zone };
        s->zones = d;
    }
}

/* A zone that the machine does not know any more counts as UTC; its dataset goes on naming it. */
static bool load_zone(void *ctx, struct bytes key, struct bytes value)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    struct cloud_zone *zone = NULL;
    struct err err = { 0 };
    cloud_datasets_zone_of(value, &name);
    if (cloud_zone_load(buf_bytes(&name), &zone, &err))
        cloud_stores_set_zone(ctx, key, zone);
    return true;
}

struct cloud_stores *cloud_stores_make(struct cloud *c, const struct cloud_conf *conf, struct err *err)
{
    struct cloud_stores *s = mem_alloc(sizeof(*s));
    s->c = c;
    s->conf = *conf;
    s->accept_ids = conf->accept_all_stores != NULL ? mem_dup(bytes_str(conf->accept_all_stores)) : NULL;
    s->notify_project = conf->notify_project != NULL ? mem_dup(bytes_str(conf->notify_project)) : NULL;
    s->conf.notify_project = s->notify_project;
    rnd_seed(&s->uuids, entropy_u64());
    struct cloud_db_range datasets = { .table = CLOUD_DB_DATASET }, all = { .table = CLOUD_DB_STORE };
    if (!cloud_db_scan(c->db, &datasets, load_zone, s, err) || !cloud_db_scan(c->db, &all, load_store, s, err)) {
        cloud_stores_free(s);
        return NULL;
    }
    return s;
}

void cloud_stores_free(struct cloud_stores *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (s->buckets[i] != NULL) {
            struct cloud_store *store = s->buckets[i];
            s->buckets[i] = store->next;
            free_store(store);
        }
    while (s->zones != NULL) {
        struct dataset *d = s->zones;
        s->zones = d->next;
        cloud_zone_free(d->zone);
        mem_free(d->prefix);
        mem_free(d);
    }
    mem_free(s->accept_ids);
    mem_free(s->notify_project);
    mem_free(s);
}

const struct cloud_conf *cloud_stores_facts(const struct cloud_stores *s)
{
    return &s->conf;
}

void cloud_stores_uuid(struct cloud_stores *s, char out[CLOUD_UUID_LEN])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t word[2] = { rnd_u64(&s->uuids), rnd_u64(&s->uuids) };
    uint8_t b[16];
    memcpy(b, word, sizeof(b));
    b[6] = (uint8_t) (0x40 | (b[6] & 0x0f)); /* RFC 4122, 4.4: version 4 and its variant */
    b[8] = (uint8_t) (0x80 | (b[8] & 0x3f));
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
    *out = '\0';
}

struct cloud_store *cloud_stores_find(struct cloud_stores *s, struct bytes name)
{
    for (struct cloud_store *store = *bucket_of(s, name); store != NULL; store = store->next)
        if (store->going == 0 && bytes_eq_str(name, store->name))
            return store;
    return NULL;
}

struct deletion {
    struct cloud_stores *stores;
    uint64_t number;
    char *prefix;
    bool exact;
};

static bool is_meant(const struct cloud_store *store, struct bytes prefix, bool exact)
{
    struct bytes name = bytes_str(store->name);
    return exact ? bytes_eq(name, prefix) : bytes_starts(name, prefix);
}

/* Stores that were born while the deletion was on its way are older than it, since callbacks come in the
 * order of the commits: they go too. */
static void on_deleted(void *ctx, const struct err *err)
{
    struct deletion *d = ctx;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct cloud_store **at = &d->stores->buckets[i]; *at != NULL;) {
            struct cloud_store *store = *at;
            if (err == NULL && is_meant(store, bytes_str(d->prefix), d->exact)) {
                *at = store->next;
                free_store(store);
                continue;
            }
            if (store->going == d->number)
                store->going = 0;
            at = &store->next;
        }
    mem_free(d->prefix);
    mem_free(d);
}

static void erase_one(struct cloud_store *store, uint64_t deletion, struct cloud_db_write *w)
{
    CLEANUP(buf_fini) struct buf key = { 0 };
    cloud_db_key_u64(&key, store->number);
    cloud_db_erase_prefix(w, CLOUD_DB_MESSAGE, buf_bytes(&key));
    cloud_db_erase_prefix(w, CLOUD_DB_MESSAGE_INDEX, buf_bytes(&key));
    cloud_db_erase(w, CLOUD_DB_STORE, bytes_str(store->name));
    store->going = deletion;
}

void cloud_stores_erase(struct cloud_stores *s, struct bytes prefix, bool exact, struct cloud_db_write *w)
{
    struct deletion *d = mem_alloc(sizeof(*d));
    *d = (struct deletion) { s, ++s->deletions, mem_dup(prefix), exact };
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct cloud_store *store = s->buckets[i]; store != NULL; store = store->next)
            if (store->going == 0 && is_meant(store, prefix, exact))
                erase_one(store, d->number, w);
    cloud_db_then(w, on_deleted, d);
}

/* --- what handlers share --- */

void cloud_stores_name(const struct cloud_call *call, size_t params, struct buf *out)
{
    static const char *const before[] = { "projects/", "/locations/", "/datasets/", "/hl7V2Stores/",
                                          "/messages/" };
    CHECK(params <= call->hit.params && params <= ARRAY_LEN(before));
    for (size_t i = 0; i < params; i++) {
        buf_append_str(out, before[i]);
        buf_append(out, call->hit.param[i]);
    }
}

bool cloud_stores_id_ok(struct bytes id)
{
    size_t chars = 0;
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char) id.ptr[i];
        bool ascii = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                     c == '-' || c == '.';
        if (!ascii && c < 0x80)
            return false;
        chars += (c & 0xc0) != 0x80;
    }
    return chars >= 1 && chars <= 256 && hl7_validate_utf8(id);
}

void cloud_stores_refuse(struct cloud_call *call, const struct cloud_json_fault *fault)
{
    CLEANUP(buf_fini) struct buf details = { 0 };
    if (fault->err.class == ERR_UNIMPLEMENTED) {
        cloud_call_fail(call, GRPC_UNIMPLEMENTED, (struct bytes) { 0 }, "%s", fault->err.text);
        return;
    }
    struct json_writer w = json_write_to(&details);
    json_write_object(&w, NULL);
    json_write_str(&w, "@type", BYTES_LIT("type.googleapis.com/google.rpc.BadRequest"));
    json_write_array(&w, "fieldViolations");
    json_write_object(&w, NULL);
    if (fault->field[0] != '\0')
        json_write_str(&w, "field", bytes_str(fault->field));
    json_write_str(&w, "description", bytes_str(fault->err.text));
    json_write_end(&w);
    json_write_end(&w);
    json_write_end(&w);
    cloud_call_fail(call, GRPC_INVALID_ARGUMENT, buf_bytes(&details), "%s", fault->err.text);
}

void cloud_stores_missing(struct cloud_call *call, struct bytes name)
{
    cloud_call_fail(call, GRPC_NOT_FOUND, (struct bytes) { 0 }, "resource not found: %.*s", BYTES_FMT(name));
}

bool cloud_stores_page_size(struct cloud_call *call, size_t otherwise, size_t max, size_t *ret_size)
{
    struct bytes text = query_get2(&call->query, "pageSize", "page_size");
    uint64_t n = 0;
    if (text.len > 0 && !bytes_to_u64(text, &n)) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 },
                        "invalid pageSize: it must be a number from 0");
        return false;
    }
    *ret_size = n == 0 ? otherwise : (size_t) MIN(n, (uint64_t) max);
    return true;
}
