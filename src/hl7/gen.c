#include "hl7/gen.h"

#include "hl7/gen_segments.h"

#include <inttypes.h>
#include <stdio.h>

enum { BYTES_MIN = 400, BYTES_MAX = 8192, BIG_BYTES = 1 << 20 };

/* 2026-01-01T00:00:00Z */
static const us_t START_WALL_US = 1767225600 * US_PER_S;

struct kind {
    const char *type, *structure, *version;
    unsigned weight; /* of 100 */
    void (*make)(struct hl7_making *m, const struct kind *k);
};

static void make_visit(struct hl7_making *m, const struct kind *k);
static void make_merge(struct hl7_making *m, const struct kind *k);
static void make_result(struct hl7_making *m, const struct kind *k);
static void make_order(struct hl7_making *m, const struct kind *k);
static void make_appointment(struct hl7_making *m, const struct kind *k);
static void make_document(struct hl7_making *m, const struct kind *k);
static void make_vaccination(struct hl7_making *m, const struct kind *k);
static void make_pharmacy(struct hl7_making *m, const struct kind *k);
static void make_charge(struct hl7_making *m, const struct kind *k);

/* About what a hospital's feed looks like: admissions and results lead. */
static const struct kind KINDS[] = {
    { "ADT^A01", "ADT_A01", "2.5.1", 10, make_visit },
    { "ADT^A03", "ADT_A03", "2.5.1", 6, make_visit },
    { "ADT^A04", "ADT_A01", "2.5.1", 8, make_visit },
    { "ADT^A08", "ADT_A01", "2.5.1", 14, make_visit },
    { "ADT^A08", "", "2.3", 4, make_visit },
    { "ADT^A28", "ADT_A05", "2.5.1", 3, make_visit },
    { "ADT^A31", "ADT_A05", "2.5.1", 3, make_visit },
    { "ADT^A40", "ADT_A39", "2.5.1", 2, make_merge },
    { "ORU^R01", "ORU_R01", "2.5.1", 24, make_result },
    { "ORM^O01", "ORM_O01", "2.4", 8, make_order },
    { "SIU^S12", "SIU_S12", "2.5.1", 5, make_appointment },
    { "MDM^T02", "MDM_T02", "2.5.1", 5, make_document },
    { "VXU^V04", "VXU_V04", "2.5.1", 2, make_vaccination },
    { "RDE^O11", "RDE_O11", "2.5.1", 3, make_pharmacy },
    { "DFT^P03", "DFT_P03", "2.5.1", 3, make_charge },
};

/* Each index has a stream of random numbers of its own. */
static void seed_of(struct rnd *r, const struct hl7_gen *g, uint64_t index)
{
    rnd_seed(r, g->seed ^ (index + 1) * 0x9e3779b97f4a7c15u);
}

static const struct kind *pick_kind(struct rnd *r)
{
    uint64_t place = rnd_below(r, 100);
    const struct kind *k = KINDS;
    for (uint64_t seen = k->weight; seen <= place; seen += k->weight)
        k++;
    return k;
}

/* Small ones are common, large ones rare: the cube of an even spread. */
static size_t pick_size(struct rnd *r, size_t max)
{
    double x = rnd_unit(r);
    return BYTES_MIN + (size_t) (x * x * x * (double) (max - BYTES_MIN));
}

void hl7_gen_message(const struct hl7_gen *g, uint64_t index, struct buf *out)
{
    struct hl7_making m = { .out = out, .seed = g->seed, .index = index, .began = out->len };
    us_t start = g->start_wall_us != 0 ? g->start_wall_us : START_WALL_US;
    seed_of(&m.rnd, g, index);
    m.at_wall_us = start + (us_t) (index % 31536000u) * US_PER_S;
    const struct kind *k = pick_kind(&m.rnd);
    m.bytes_wanted = pick_size(&m.rnd, g->bytes_max > BYTES_MIN ? g->bytes_max : BYTES_MAX);
    if (g->big_every > 0 && index % g->big_every == g->big_every - 1) {
        hl7_gen_msh(&m, "ORU^R01", "ORU_R01", "2.5.1");
        hl7_gen_pid(&m);
        hl7_gen_pv1(&m);
        hl7_gen_obr(&m, 1);
        hl7_gen_obx_document(&m, 1, g->big_bytes > 0 ? g->big_bytes : BIG_BYTES);
        return;
    }
    hl7_gen_msh(&m, k->type, k->structure, k->version);
    k->make(&m, k);
}

const char *hl7_gen_type(const struct hl7_gen *g, uint64_t index)
{
    struct rnd r;
    seed_of(&r, g, index);
    if (g->big_every > 0 && index % g->big_every == g->big_every - 1)
        return "ORU^R01";
    return pick_kind(&r)->type;
}

void hl7_gen_canary(uint64_t seed, uint64_t index, enum hl7_gen_canary which, char out[HL7_GEN_CANARY_LEN])
{
    snprintf(out, HL7_GEN_CANARY_LEN, "CANARY%08" PRIX32 "%c%08" PRIX32, (uint32_t) seed, "FGMST"[which],
             (uint32_t) index);
}

void hl7_gen_canary_prefix(uint64_t seed, char out[HL7_GEN_CANARY_LEN])
{
    snprintf(out, HL7_GEN_CANARY_LEN, "CANARY%08" PRIX32, (uint32_t) seed);
}

/* Puts `with` in place of all `from` in the message that begins at `began`. */
static void replace_all(struct buf *out, size_t began, char from, const char *with)
{
    CLEANUP(buf_fini) struct buf old = { 0 };
    buf_append(&old, bytes_sub(buf_bytes(out), began, out->len));
    out->len = began;
    for (size_t i = 0; i < old.len; i++) {
        if (old.ptr[i] == from)
            buf_append_str(out, with);
        else
            buf_append_char(out, old.ptr[i]);
    }
}

void hl7_gen_malformed(const struct hl7_gen *g, uint64_t index, struct buf *out)
{
    size_t began = out->len;
    hl7_gen_message(g, index, out);
    switch (index % 5) {
    case 0: /* LF for CR */
        replace_all(out, began, '\r', "\n");
        break;
    case 1: /* the header is gone: what is left begins with EVN, SCH or PID */
        out->ptr[began] = 'X';
        break;
    case 2: /* a NUL in the middle */
        out->ptr[began + (out->len - began) / 2] = '\0';
        break;
    case 3: /* the separators are no separators */
        memcpy(out->ptr + began + 4, "abcd", 4);
        break;
    default: /* a byte that is no UTF-8 */
        out->ptr[began + (out->len - began) / 2] = (char) 0xff;
        break;
    }
}

/* "A01" of "ADT^A01" */
static const char *event_of(const struct kind *k)
{
    return k->type + 4;
}

static void make_visit(struct hl7_making *m, const struct kind *k)
{
    hl7_gen_evn(m, event_of(k));
    hl7_gen_pid(m);
    hl7_gen_pv1(m);
    bool discharge = strcmp(event_of(k), "A03") == 0;
    /* A03 has its observations last, the others have them before the allergies. */
    unsigned observations = 0;
    if (!discharge)
        while (hl7_gen_wants_more(m))
            hl7_gen_obx_text(m, ++observations);
    hl7_gen_al1(m, 1);
    hl7_gen_dg1(m, 1);
    if (discharge)
        while (hl7_gen_wants_more(m))
            hl7_gen_obx_text(m, ++observations);
}

static void make_merge(struct hl7_making *m, const struct kind *k)
{
    hl7_gen_evn(m, event_of(k));
    hl7_gen_pid(m);
    hl7_gen_mrg(m);
    hl7_gen_pv1(m);
}

static void make_result(struct hl7_making *m, const struct kind *k UNUSED)
{
    hl7_gen_pid(m);
    hl7_gen_pv1(m);
    hl7_gen_orc(m, "RE");
    hl7_gen_obr(m, 1);
    unsigned observations = 0;
    do
        hl7_gen_obx_number(m, ++observations);
    while (hl7_gen_wants_more(m));
    hl7_gen_nte(m, 1);
}

static void make_order(struct hl7_making *m, const struct kind *k UNUSED)
{
    hl7_gen_pid(m);
    hl7_gen_pv1(m);
    hl7_gen_orc(m, "NW");
    hl7_gen_obr(m, 1);
    unsigned notes = 0;
    do
        hl7_gen_nte(m, ++notes);
    while (hl7_gen_wants_more(m));
}

static void make_appointment(struct hl7_making *m, const struct kind *k UNUSED)
{
    hl7_gen_sch(m);
    unsigned notes = 0;
    do
        hl7_gen_nte(m, ++notes);
    while (hl7_gen_wants_more(m));
    hl7_gen_pid(m);
    hl7_gen_pv1(m);
    hl7_gen_resources(m);
}

static void make_document(struct hl7_making *m, const struct kind *k)
{
    hl7_gen_evn(m, event_of(k));
    hl7_gen_pid(m);
    hl7_gen_pv1(m);
    hl7_gen_txa(m);
    unsigned lines = 0;
    do
        hl7_gen_obx_text(m, ++lines);
    while (hl7_gen_wants_more(m));
}

static void make_vaccination(struct hl7_making *m, const struct kind *k UNUSED)
{
    hl7_gen_pid(m);
    hl7_gen_orc(m, "RE");
    hl7_gen_rxa(m);
    unsigned observations = 0;
    while (hl7_gen_wants_more(m))
        hl7_gen_obx_text(m, ++observations);
}

static void make_pharmacy(struct hl7_making *m, const struct kind *k UNUSED)
{
    hl7_gen_pid(m);
    hl7_gen_pv1(m);
    unsigned orders = 0;
    do {
        hl7_gen_orc(m, orders++ == 0 ? "NW" : "CH");
        hl7_gen_rxe(m);
    } while (hl7_gen_wants_more(m));
}

static void make_charge(struct hl7_making *m, const struct kind *k)
{
    hl7_gen_evn(m, event_of(k));
    hl7_gen_pid(m);
    hl7_gen_pv1(m);
    unsigned charges = 0;
    do
        hl7_gen_ft1(m, ++charges);
    while (hl7_gen_wants_more(m));
}
