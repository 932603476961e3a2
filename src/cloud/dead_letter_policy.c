#include "cloud/backlog.h"

#include "cloud/proto_wire.h"
#include "loop/clock.h"

#include <stdio.h>

/* google/pubsub/v1/pubsub.proto, message PubsubMessage */
enum { F_DATA = 1, F_ATTRIBUTE = 2, F_TIME = 4, F_ORDERING_KEY = 5 };

/* The attributes that Pub/Sub adds when it forwards; there is no document but what the emulator sends. */
static void put_source(const struct cloud_sub *s, const struct cloud_entry *e, us_t published_us, struct buf *out)
{
    char count[16], time[CLOCK_RFC3339_LEN];
    int len = snprintf(count, sizeof(count), "%u", e->attempts);
    clock_rfc3339(published_us, time);
    struct bytes project = bytes_str(s->name), id;
    bytes_cut(&project, '/');
    id = project;
    project = bytes_cut(&id, '/');
    bytes_cut(&id, '/');
    cloud_wire_put_pair(out, F_ATTRIBUTE, BYTES_LIT("CloudPubSubDeadLetterSourceDeliveryCount"),
                        bytes_of(count, (size_t) len));
    cloud_wire_put_pair(out, F_ATTRIBUTE, BYTES_LIT("CloudPubSubDeadLetterSourceSubscription"), id);
    cloud_wire_put_pair(out, F_ATTRIBUTE, BYTES_LIT("CloudPubSubDeadLetterSourceSubscriptionProject"), project);
    cloud_wire_put_pair(out, F_ATTRIBUTE, BYTES_LIT("CloudPubSubDeadLetterSourceTopicPublishTime"), bytes_str(time));
}

static void forwarded_message(const struct cloud_sub *s, const struct cloud_entry *e, struct bytes message,
                              struct buf *out)
{
    us_t published_us = 0;
    struct cloud_wire w = cloud_wire_of(message);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.number == F_DATA || f.number == F_ATTRIBUTE || f.number == F_ORDERING_KEY)
            cloud_wire_put_bytes(out, f.number, f.octets);
        else if (f.number == F_TIME)
            (void) cloud_wire_read_time(f.octets, &published_us);
    }
    put_source(s, e, published_us, out);
}

bool cloud_entry_bury(struct cloud_sub *s, struct cloud_entry *e)
{
    if (s->conf.attempts_max == 0 || e->attempts < s->conf.attempts_max)
        return false;
    struct cloud_pubsub *p = s->pubsub;
    struct cloud_topic *t = cloud_topic_find(p, s->conf.dead_topic);
    struct bytes message;
    if (t == NULL || !t->durable || cloud_entry_message(s, e, &message) != CLOUD_DB_FOUND)
        return false;
    CLEANUP(buf_fini) struct buf forwarded = { 0 };
    forwarded_message(s, e, message, &forwarded);
    struct cloud_db_write *w = cloud_db_begin(p->cloud->db);
    cloud_publish_into(p, t, w, buf_bytes(&forwarded));
    cloud_publish_seal(p, w);
    cloud_entry_erase(s, e, w);
    cloud_db_commit(w);
    return true;
}
