/*
 * What a store knows about a message without reading it again: the metadata of the API's Message, in a flat
 * record that stands in the message's row and in the list's index.
 *
 *   be64 create time | be64 send time | type | facility | be32 count (id, id type)... | be32 count (label,
 * value)...
 *
 * Texts are be32 length and bytes. Labels stand last, so that new ones replace the tail.
 */
#ifndef CLOUD_FACTS_H
#define CLOUD_FACTS_H

#include "base/buf.h"
#include "cloud/time_zone.h"
#include "hl7/msh.h"
#include "json/write.h"

static const us_t CLOUD_FACTS_NO_TIME = INT64_MIN;

struct cloud_facts {
    us_t create_us, send_us;     /* wall clock; send_us may be CLOUD_FACTS_NO_TIME */
    struct bytes type, facility; /* MSH-9.1, MSH-4.1 */
    struct bytes ids, labels;    /* pairs of texts; cloud_facts_pair() walks them */
    struct bytes before_labels;  /* of the record */
    const struct cloud_zone *zone; /* whose days send_date compares; not in the record: set by who reads it */
};

/* Reads the record of a message off its bytes (all of PID-2, PID-3 and PID-4) and appends it without labels. zone: of
 * an MSH-7 without offset.
 * msh NULL: no header, hence no metadata. */
void cloud_facts_append(struct bytes message, struct bytes terminator, const struct hl7_msh *msh,
                        const struct cloud_zone *zone, us_t create_us, struct buf *out);
void cloud_facts_append_labels_count(struct buf *out, uint32_t count);
void cloud_facts_append_pair(struct buf *out, struct bytes first, struct bytes second);

/* False: not a record. The slices are the record's. */
bool cloud_facts_read(struct bytes record, struct cloud_facts *ret_facts);
/* Takes the next pair off *pairs; false at the end. */
bool cloud_facts_pair(struct bytes *pairs, struct bytes *ret_first, struct bytes *ret_second);

/* createTime, sendTime, messageType, sendFacility, patientIds, labels: members of the object that is open. */
void cloud_facts_write(const struct cloud_facts *facts, struct json_writer *w);

#endif
