/*
 * The filter of a subscription (Pub/Sub's guide "Filter messages"): about the
 * attributes of a message alone.
 *
 *   attributes.msgType = "ADT" AND NOT hasPrefix(attributes.site, "test-")
 *   attributes:msgType      attributes."x.y" != "z"      (a OR b) AND -c
 *
 * At most 256 bytes, case-sensitive. AND and OR side by side need parentheses.
 * `!=` is true of a message that lacks the attribute. The filter is judged anew
 * for each message, straight from its text: there is nothing to keep.
 */
#ifndef CLOUD_ATTRIBUTE_FILTER_H
#define CLOUD_ATTRIBUTE_FILTER_H

#include "base/buf.h"
#include "base/err.h"

/* Class REFUSED, with the place. An empty filter is sound. */
bool cloud_attribute_filter_check(struct bytes filter, struct err *err) MUST_USE;
/* message: a google.pubsub.v1.PubsubMessage. The filter must be sound; an empty one matches all. */
bool cloud_attribute_filter_match(struct bytes filter, struct bytes message);

#endif
