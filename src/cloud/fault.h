/*
 * Faults on command: seeded, so that a run can be repeated. The rules' language
 * is in docs/LOCAL-CLOUD.md. Each question takes one draw of the rules that match;
 * without rules every answer is "no fault".
 */
#ifndef CLOUD_FAULT_H
#define CLOUD_FAULT_H

#include "cloud/fault_rules.h"
#include "cloud/parts.h"
#include "grpc/grpc_status.h"

/* Rules of the file first, then those of the flags. Class CONFIG: a rule cannot be read. */
struct cloud_fault *cloud_fault_make(struct loop *l, const struct cloud_conf *conf, struct err *err);
void cloud_fault_free(struct cloud_fault *f);
/* Reads the file again: its rules begin anew, those of the flags go on. False: the old rules stay. */
bool cloud_fault_reload(struct cloud_fault *f, struct err *err);

/* Where a rule comes from; asked in this order. */
enum cloud_fault_origin { CLOUD_FAULT_OF_FILE, CLOUD_FAULT_OF_FLAGS, CLOUD_FAULT_OF_PAGE, CLOUD_FAULT_ORIGINS };

/* The rules in order, place 0 is the first; NULL: no more. Borrowed until rules change. */
const struct cloud_fault_rule *cloud_fault_at(const struct cloud_fault *f, size_t place,
                                              enum cloud_fault_origin *ret_origin);
/* A rule more, on at once. Class CONFIG: it cannot be read. */
bool cloud_fault_add(struct cloud_fault *f, struct bytes line, struct err *err) MUST_USE;
/* On again: its clock and counts begin anew (not `struck`). False: no such rule any more. */
bool cloud_fault_switch(struct cloud_fault *f, uint64_t number, bool on);
/* Of CLOUD_FAULT_OF_PAGE alone: the others come back with the file or the next start, and are switched off instead. */
bool cloud_fault_remove(struct cloud_fault *f, uint64_t number);

/* What shall happen to one REST request. Kinds of DELIVERY never come here. */
struct cloud_fault_plan {
    enum cloud_fault_kind kind; /* CLOUD_FAULT_NONE: nothing but the delay */
    uint16_t status;
    uint32_t retry_after_s;
    us_t delay_us; /* before the answer, also before a faulty one */
};

/* target: full name of the store, topic or subscription; empty if there is none. */
struct cloud_fault_plan cloud_fault_http(struct cloud_fault *f, enum cloud_fault_op op, struct bytes target);

/* The canonical code that Google's APIs give with an HTTP status (google/rpc/code.proto read backwards). */
enum grpc_code cloud_fault_code(uint16_t status);

/* Pub/Sub's questions. subscription: full resource name. */
enum cloud_fault_delivery { CLOUD_FAULT_DELIVER, CLOUD_FAULT_DELIVER_TWICE, CLOUD_FAULT_DELIVER_LATER };

enum cloud_fault_delivery cloud_fault_delivery(struct cloud_fault *f, struct bytes subscription);
/* True: the acknowledgement is answered OK and forgotten, as a lost one. */
bool cloud_fault_ack_lost(struct cloud_fault *f, struct bytes subscription);
/* True: the stream that is about to get a response ends now with UNAVAILABLE. */
bool cloud_fault_stream_closed(struct cloud_fault *f, struct bytes subscription);
/* What shall happen to one unary call of Pub/Sub, over gRPC or REST. The target is what the first field of the
 * request names (or, of an update, what its resource is called). */
struct cloud_fault_plan cloud_fault_pubsub(struct cloud_fault *f, const char *method, struct bytes request);

#endif
