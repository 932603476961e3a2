/* The segments that hl7/gen.c puts together. Each appends one segment (or one group) and its CR. */
#ifndef HL7_GEN_SEGMENTS_H
#define HL7_GEN_SEGMENTS_H

#include "base/rand.h"
#include "hl7/gen.h"

/* One message being made. */
struct hl7_making {
    struct buf *out;
    struct rnd rnd;
    uint64_t seed, index;
    us_t at_wall_us;
    size_t bytes_wanted; /* results and notes are added until the message has about so many */
    size_t began;        /* out->len when this message began */
};

void hl7_gen_msh(struct hl7_making *m, const char *type, const char *structure, const char *version);
void hl7_gen_evn(struct hl7_making *m, const char *event);
void hl7_gen_pid(struct hl7_making *m);
void hl7_gen_mrg(struct hl7_making *m);
void hl7_gen_pv1(struct hl7_making *m);
void hl7_gen_orc(struct hl7_making *m, const char *control);
void hl7_gen_obr(struct hl7_making *m, unsigned set_id);
void hl7_gen_obx_number(struct hl7_making *m, unsigned set_id);
void hl7_gen_obx_text(struct hl7_making *m, unsigned set_id);
/* An encapsulated document of `bytes` bytes in base64. */
void hl7_gen_obx_document(struct hl7_making *m, unsigned set_id, size_t bytes);
void hl7_gen_nte(struct hl7_making *m, unsigned set_id);
void hl7_gen_al1(struct hl7_making *m, unsigned set_id);
void hl7_gen_dg1(struct hl7_making *m, unsigned set_id);
void hl7_gen_txa(struct hl7_making *m);
void hl7_gen_sch(struct hl7_making *m);
/* RGS, AIS, AIL: one service and one place of a schedule. */
void hl7_gen_resources(struct hl7_making *m);
/* RXA and RXR: one vaccination. */
void hl7_gen_rxa(struct hl7_making *m);
/* RXE, TQ1, RXR: one pharmacy order. */
void hl7_gen_rxe(struct hl7_making *m);
void hl7_gen_ft1(struct hl7_making *m, unsigned set_id);

/* True while the message has fewer bytes than wanted. */
bool hl7_gen_wants_more(const struct hl7_making *m);

#endif
