/*
 * The messages of HL7v2 stores: content-addressed, stored with the ACK that was given for them.
 *
 *   MESSAGE        be64 store number, SHA-256        -> be32 n, facts (n bytes) | be32 n, ack (n bytes) |
 * "base64" MESSAGE_INDEX  be64 store number, send time, SHA-256  -> facts
 *
 * The data stands in its quotation marks, ready to be sent. The send time is biased so that it sorts as a
 * number; a message without one comes first.
 */
#ifndef CLOUD_MESSAGES_H
#define CLOUD_MESSAGES_H

#include "cloud/facts.h"
#include "cloud/stores.h"

enum cloud_view {
    CLOUD_VIEW_BASIC,
    CLOUD_VIEW_RAW,
    CLOUD_VIEW_PARSED,
    CLOUD_VIEW_SCHEMATIZED,
    CLOUD_VIEW_FULL
};

/* Handlers; each ends its call. */
void cloud_messages_create(struct cloud_call *call);
void cloud_messages_ingest(struct cloud_call *call);
void cloud_messages_get(struct cloud_call *call);
void cloud_messages_list(struct cloud_call *call);
void cloud_messages_batch_get(struct cloud_call *call);
void cloud_messages_patch(struct cloud_call *call);
void cloud_messages_delete(struct cloud_call *call);

/* The largest request body that a store may have to read. */
size_t cloud_messages_body_max(const struct cloud_store *store);

/* --- shared by messages.c, message_change.c and message_list.c --- */

struct cloud_message_row {
    struct bytes record, ack, data; /* facts; the ACK's bytes; the data in quotation marks */
    struct cloud_facts facts;
};

/* False: not a row. */
bool cloud_messages_row(struct bytes value, struct cloud_message_row *ret_row);
/* The query's view; UNSPECIFIED and none are `otherwise`. False: answered 400. */
bool cloud_messages_view(struct cloud_call *call, enum cloud_view otherwise,
                         enum cloud_view *ret_view) MUST_USE;
/* A view by its name, whatever its case; UNSPECIFIED and none are `otherwise`. False: no view. */
bool cloud_messages_view_of(struct bytes text, enum cloud_view otherwise, enum cloud_view *ret_view) MUST_USE;
/* The Message resource. name: the whole resource name. */
void cloud_messages_write(const struct cloud_store *store, struct bytes name,
                          const struct cloud_message_row *row, enum cloud_view view, struct json_writer *w,
                          const char *key);
/* "A store's name/messages/ID" of a SHA-256. Appends. */
void cloud_messages_name(const struct cloud_store *store, struct bytes sum, struct buf *out);

void cloud_messages_key(const struct cloud_store *store, struct bytes sum, struct buf *out);
void cloud_messages_index_key(const struct cloud_store *store, us_t send_us, struct bytes sum,
                              struct buf *out);
/* A row up to its data. */
void cloud_messages_append(struct bytes facts, struct bytes ack, struct buf *row);
/* The store that the path names; NULL: answered 404. */
struct cloud_store *cloud_messages_store(struct cloud_call *call);
/* The digest that an id stands for; false: no id. Appends. */
bool cloud_messages_sum(struct bytes id, struct buf *out);
/* Fills call->key and call->name from the message that the path names. False: answered 404. */
bool cloud_messages_find(struct cloud_call *call, const struct cloud_store *store) MUST_USE;
/* What a look for call->key gave, as a row. False: answered 404 or 503. */
bool cloud_messages_found(struct cloud_call *call, enum cloud_db_found found, struct bytes value,
                          struct cloud_message_row *ret_row) MUST_USE;
/* The name that notifications have for a message: its own, or the same in a project named by its number. Appends. */
void cloud_messages_announced(struct cloud_stores *stores, struct bytes name, struct buf *out);
/* A field of Message that clients may send and that is passed over. */
bool cloud_messages_is_output(const struct json_value *key);

#endif
