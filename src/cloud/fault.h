/*
 * Faults on command: seeded, so that a run can be repeated. The rules' language
 * is in docs/LOCAL-CLOUD.md. Each question takes one draw of the rules that match;
 * without rules every answer is "no fault".
 */
#ifndef CLOUD_FAULT_H
#define CLOUD_FAULT_H

#include "cloud/parts.h"
#include "grpc/grpc_status.h"

struct cloud_fault *cloud_fault_make(struct loop *l, const struct cloud_conf *conf, struct err *err);
void cloud_fault_free(struct cloud_fault *f);

/* Pub/Sub's questions. subscription: full resource name. */
enum cloud_fault_delivery { CLOUD_FAULT_DELIVER, CLOUD_FAULT_DELIVER_TWICE, CLOUD_FAULT_DELIVER_LATER };

enum cloud_fault_delivery cloud_fault_delivery(struct cloud_fault *f, struct bytes subscription);
/* True: the acknowledgement is answered OK and forgotten, as a lost one. */
bool cloud_fault_ack_lost(struct cloud_fault *f, struct bytes subscription);
/* True: the stream that is about to get a response ends now with UNAVAILABLE. */
bool cloud_fault_stream_closed(struct cloud_fault *f, struct bytes subscription);
/* A unary gRPC call: GRPC_OK, or the code to answer with instead. */
enum grpc_code cloud_fault_rpc(struct cloud_fault *f, struct bytes method_path);

#endif
