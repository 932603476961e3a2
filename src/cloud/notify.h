/*
 * Notifications of HL7v2 stores: one Pub/Sub message (data: the full resource
 * name; attribute msgType) in every subscription of a topic, within the
 * transaction that stores the HL7v2 message.
 */
#ifndef CLOUD_NOTIFY_H
#define CLOUD_NOTIFY_H

#include "cloud/parts.h"

/*
 * Adds the notification to w. Nothing may lie between this call and
 * cloud_db_commit(w) but further puts: sequence numbers are given out here and
 * must become durable in their order.
 *
 * topic: "projects/P/topics/T" of one notificationConfig. False: there is no such
 * topic (the store decides what that means); w is unchanged then.
 */
bool cloud_notify(struct cloud *c, struct cloud_db_write *w, struct bytes topic, struct bytes resource_name,
                  struct bytes msg_type);

#endif
