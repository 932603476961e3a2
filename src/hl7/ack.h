/*
 * What an HL7v2 store answers to a message: the bytes that Google's samples show.
 *
 *   MSH|^~\&|A|A|A|SEND_FACILITY|20200214212005||ACK|<uuid>|T|0.0 CR MSA|AA|20180101000000
 *
 * Separators, MSH-11 and MSH-12 are the request's; MSH-3/4 and MSH-5/6 changed places; MSH-7 is now in UTC;
 * MSH-10 is new. CR between the two segments, none at the end, no MLLP frame.
 */
#ifndef HL7_ACK_H
#define HL7_ACK_H

#include "base/buf.h"
#include "hl7/msh.h"

/* control_id: a fresh UUID, the caller's, since no entropy is read here. */
void hl7_ack_accept(const struct hl7_msh *request, us_t now_wall_us, const char *control_id, struct buf *out);

/* MSA-1 is AE, MSA-3 is why: one of our own sentences, never text of a message. request NULL: its header
 * could not be read; the usual separators then, and empty fields. */
void hl7_ack_refuse(const struct hl7_msh *request, us_t now_wall_us, const char *control_id, const char *why,
                    struct buf *out);

#endif
