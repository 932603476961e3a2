/*
 * The filter language of messages.list and of notificationConfigs, as far as Google documents it:
 *
 *   message_type = "ADT" AND NOT (send_facility = "EAST" OR labels."priority" = "high")
 *   send_time >= "2026-01-01T00:00:00Z"     send_date = "2026-01-01"     create_time < "..."
 *   PatientId("123456", "MRN")              labels."priority":*
 *
 * Text is searched within the field (=), times compare (= < <= > >=). Names also in camelCase. AND and OR
 * side by side need parentheses, since no document says which binds more. What is not documented is refused,
 * not guessed at.
 */
#ifndef CLOUD_MESSAGE_FILTER_H
#define CLOUD_MESSAGE_FILTER_H

#include "base/err.h"
#include "cloud/facts.h"

struct cloud_message_filter;

/* Empty text: *ret_filter is NULL, which matches all. Class BAD_INPUT, or UNIMPLEMENTED. */
bool cloud_message_filter_make(struct bytes text, struct cloud_message_filter **ret_filter,
                               struct err *err) MUST_USE;
void cloud_message_filter_free(struct cloud_message_filter *f);
bool cloud_message_filter_match(const struct cloud_message_filter *f, const struct cloud_facts *facts);

#endif
