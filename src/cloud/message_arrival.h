/* A message on its way into a store: read from JSON, judged, made a row. By request or by import alike. */
#ifndef CLOUD_MESSAGE_ARRIVAL_H
#define CLOUD_MESSAGE_ARRIVAL_H

#include "base/sha256.h"
#include "cloud/messages.h"
#include "hl7/validate.h"

/* Zeroed is empty. The slices are the request's or the buffers' below. */
struct cloud_arrival {
    struct bytes data; /* base64 as it came */
    bool has_data;
    struct buf scratch, bytes, labels;
    uint32_t labels_count;
    struct hl7_msh msh;
    bool header; /* msh was read */
    struct sha256 sum;
};

void cloud_arrival_fini(struct cloud_arrival *a);
/* Reads {"message": <Message>}, with its data. */
bool cloud_arrival_read(struct bytes body, const struct cloud_store *store, bool strict,
                        struct cloud_arrival *a, struct cloud_json_fault *fault) MUST_USE;
/* Reads a Message alone; a->bytes is filled by cloud_arrival_decode(). */
bool cloud_arrival_read_message(const struct json_value *message, bool strict, struct cloud_arrival *a,
                                struct cloud_json_fault *fault) MUST_USE;
bool cloud_arrival_decode(const struct cloud_store *store, struct cloud_arrival *a,
                          struct cloud_json_fault *fault) MUST_USE;
/* Reads the header and tells what is wrong for this store; fills msh, header and sum. */
enum hl7_defect cloud_arrival_judge(struct cloud_arrival *a, const struct cloud_store *store);
struct bytes cloud_arrival_sum(const struct cloud_arrival *a);
/* The row as messages.h draws it, with a fresh ACK. Appends. */
void cloud_arrival_row(struct cloud *c, const struct cloud_store *store, const struct cloud_arrival *a,
                       struct buf *row);

#endif
