/*
 * Synthetic HL7v2 messages: made from a seed and an index alone, so that any message can be made again by
 * whoever checks what became of it. No person in them exists.
 *
 * Each message carries canaries: marks that stand nowhere else in the world, in the fields where real
 * messages have names, identifiers, addresses and results. Whoever finds one outside the stores has found a
 * leak.
 *
 *   CANARY <seed, 8 hex digits> <letter of the field> <index, 8 hex digits>      CANARY0000002AF0000270F
 */
#ifndef HL7_GEN_H
#define HL7_GEN_H

#include "base/buf.h"

struct hl7_gen {
    uint64_t seed;
    us_t start_wall_us; /* time stamps begin here; 0: 2026-01-01T00:00:00Z */
    size_t bytes_max;   /* results and notes are added up to a size between 400 bytes and this; 0: 8 KiB */
    uint32_t big_every; /* every so manieth message carries an embedded document; 0: none */
    size_t big_bytes;   /* of the document, before base64; 0: 1 MiB */
};

/* Appends message number `index`: segments end in CR, the last one too. */
void hl7_gen_message(const struct hl7_gen *g, uint64_t index, struct buf *out);
/* "ADT^A01": what hl7_gen_message() makes for this index. */
const char *hl7_gen_type(const struct hl7_gen *g, uint64_t index);

enum hl7_gen_canary {
    HL7_GEN_FAMILY_NAME, /* F: PID-5.1 */
    HL7_GEN_GIVEN_NAME,  /* G: PID-5.2 */
    HL7_GEN_PATIENT_ID,  /* M: PID-3.1 */
    HL7_GEN_STREET,      /* S: PID-11.1 */
    HL7_GEN_TEXT,        /* T: a note or result */
    HL7_GEN_CANARIES
};

enum { HL7_GEN_CANARY_LEN = 24 }; /* with NUL */

void hl7_gen_canary(uint64_t seed, uint64_t index, enum hl7_gen_canary which, char out[HL7_GEN_CANARY_LEN]);
/* What all canaries of a seed begin with: "CANARY0000002A". */
void hl7_gen_canary_prefix(uint64_t seed, char out[HL7_GEN_CANARY_LEN]);

/* Messages that a strict store refuses, of several kinds; they carry canaries too. */
void hl7_gen_malformed(const struct hl7_gen *g, uint64_t index, struct buf *out);

#endif
