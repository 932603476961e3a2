/* The census as JSON, for tools: /-/state. */
#include "cloud/census.h"

#include "cloud/fault.h"
#include "cloud/seen.h"
#include "loop/clock.h"

static void write_count(struct json_writer *w, const char *key, const struct cloud_census_count *count)
{
    json_write_int(w, key, (int64_t) count->n);
    if (count->more)
        json_write_bool(w, "more", true);
}

static void write_pubsub(const struct cloud_census *census, struct json_writer *w)
{
    json_write_array(w, "topics");
    for (size_t i = 0; i < census->topics_count; i++) {
        json_write_object(w, NULL);
        json_write_str(w, "name", bytes_str(census->topics[i].name));
        json_write_int(w, "subscriptions", (int64_t) census->topics[i].subscriptions);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_array(w, "subscriptions");
    for (size_t i = 0; i < census->subs_count; i++) {
        const struct cloud_census_sub *s = &census->subs[i];
        json_write_object(w, NULL);
        json_write_str(w, "name", bytes_str(s->name));
        json_write_str(w, "topic", bytes_str(s->topic != NULL ? s->topic : "_deleted-topic_"));
        write_count(w, "unacked", &s->unacked);
        if (s->oldest_us >= 0)
            json_write_double(w, "oldestUnackedSeconds", (double) s->oldest_us / (double) US_PER_S);
        json_write_int(w, "leased", (int64_t) s->leased);
        json_write_int(w, "consumers", (int64_t) s->consumers);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_stores(const struct cloud_census *census, struct json_writer *w)
{
    json_write_array(w, "datasets");
    for (size_t i = 0; i < census->datasets_count; i++)
        json_write_str(w, NULL, bytes_str(census->datasets[i]));
    json_write_end(w);
    json_write_array(w, "hl7V2Stores");
    for (size_t i = 0; i < census->stores_count; i++) {
        json_write_object(w, NULL);
        json_write_str(w, "name", bytes_str(census->stores[i].name));
        write_count(w, "messages", &census->stores[i].messages);
        json_write_int(w, "notificationConfigs", (int64_t) census->stores[i].notifications);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_faults(struct cloud *c, struct json_writer *w)
{
    static const char *const origins[] = { "file", "flag", "page" };
    const struct cloud_fault_rule *rule;
    enum cloud_fault_origin origin;
    json_write_array(w, "faults");
    for (size_t i = 0; (rule = cloud_fault_at(c->fault, i, &origin)) != NULL; i++) {
        CLEANUP(buf_fini) struct buf line = { 0 };
        cloud_fault_rules_write(rule, &line);
        json_write_object(w, NULL);
        json_write_int(w, "number", rule->number);
        json_write_str(w, "rule", buf_bytes(&line));
        json_write_str(w, "from", bytes_str(origins[origin]));
        json_write_bool(w, "on", !rule->off);
        json_write_int(w, "matched", (int64_t) rule->matched);
        json_write_int(w, "struck", (int64_t) rule->struck);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_requests(struct cloud *c, struct json_writer *w)
{
    const struct cloud_seen_one *one;
    json_write_int(w, "requests", (int64_t) cloud_seen_count(c->seen));
    json_write_array(w, "recentRequests");
    for (size_t i = 0; (one = cloud_seen_at(c->seen, i)) != NULL; i++) {
        char when[CLOCK_RFC3339_LEN];
        clock_rfc3339(one->wall_us, when);
        json_write_object(w, NULL);
        json_write_str(w, "time", bytes_str(when));
        json_write_str(w, "method", bytes_str(one->method));
        json_write_str(w, "path", bytes_str(one->path));
        json_write_int(w, "status", one->status);
        if (one->grpc_status >= 0)
            json_write_int(w, "grpcStatus", one->grpc_status);
        json_write_double(w, "seconds", (double) one->took_us / (double) US_PER_S);
        json_write_end(w);
    }
    json_write_end(w);
}

void cloud_census_json(struct cloud *c, const struct cloud_census *census, struct buf *out)
{
    struct json_writer w = json_write_to(out);
    json_write_object(&w, NULL);
    json_write_str(&w, "version", BYTES_LIT(HL7RELAY_VERSION));
    json_write_double(&w, "upSeconds", (double) (loop_now(c->loop) - c->started_us) / (double) US_PER_S);
    json_write_bool(&w, "durable", cloud_db_is_durable(c->db));
    json_write_bool(&w, "failing", cloud_db_is_failing(c->db));
    write_pubsub(census, &w);
    write_stores(census, &w);
    write_faults(c, &w);
    write_requests(c, &w);
    json_write_end(&w);
    buf_append_char(out, '\n');
}
