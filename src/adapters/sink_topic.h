/*
 * The Pub/Sub sink: each record is published to a topic, as its JSON text
 * (docs/DEAD-LETTERS.md) with kind, id, stage, reason, status and attempts as
 * attributes. Durable when Publish was answered OK, provided that the topic has
 * a subscription: run/sink_proof.h asks at start. Serves any number of relays.
 */
#ifndef ADAPTERS_SINK_TOPIC_H
#define ADAPTERS_SINK_TOPIC_H

#include "adapters/sink.h"
#include "pubsub/pubsub_call.h"

/*
 * What endpoint points at outlives the sink; topic is copied. Records of one loop
 * pass go together. A record whose publication failed may have arrived: the engine
 * puts it again, and readers count an id once. close: what is under way is given up.
 */
struct sink *sink_topic_open(const struct pubsub_endpoint *endpoint, struct bytes topic);

#endif
