#include "hl7/gen_segments.h"

#include "base/b64.h"
#include "hl7/dtm.h"

#include <inttypes.h>

struct coded {
    const char *code, *text, *unit;
    unsigned low, high;
};

static const struct coded LAB[] = {
    { "2345-7", "Glucose", "mg/dL", 60, 180 },
    { "2951-2", "Sodium", "mmol/L", 130, 150 },
    { "2823-3", "Potassium", "mmol/L", 3, 6 },
    { "718-7", "Hemoglobin", "g/dL", 9, 18 },
    { "6690-2", "Leukocytes", "10*3/uL", 3, 15 },
    { "777-3", "Platelets", "10*3/uL", 120, 450 },
    { "2160-0", "Creatinine", "umol/L", 45, 130 },
    { "1975-2", "Bilirubin", "umol/L", 3, 25 },
    { "1742-6", "Alanine aminotransferase", "U/L", 5, 60 },
};
static const char *const WORD[] = { "stable",    "overnight", "reviewed",  "sample",   "repeat",
                                    "fasting",   "within",    "reference", "interval", "clinic",
                                    "follow-up", "advised",   "no change", "seen" };
static const char *const WARD[] = { "NORTH", "SOUTH", "EAST", "WEST", "SURG", "MATERN", "PAEDS", "ICU" };
static const char *const DOCTOR[] = { "1001^Synthetic^Ada", "1002^Synthetic^Ben", "1003^Synthetic^Cleo",
                                      "1004^Synthetic^Dan" };

#define PICK(m, table) ((table)[rnd_below(&(m)->rnd, ARRAY_LEN(table))])

static const char *canary(const struct hl7_making *m, enum hl7_gen_canary which, char out[HL7_GEN_CANARY_LEN])
{
    hl7_gen_canary(m->seed, m->index, which, out);
    return out;
}

static const char *stamp(us_t wall_us, char out[HL7_DTM_LEN])
{
    hl7_dtm_write(wall_us, out);
    return out;
}

bool hl7_gen_wants_more(const struct hl7_making *m)
{
    return m->out->len - m->began < m->bytes_wanted;
}

void hl7_gen_msh(struct hl7_making *m, const char *type, const char *structure, const char *version)
{
    char at[HL7_DTM_LEN];
    buf_printf(m->out,
               "MSH|^~\\&|SYNTHAPP|SYNTHFAC%" PRIu64 "|RELAY|DEST|%s||%s%s%s|G%08" PRIX32 "-%08" PRIX64
               "|T|%s\r",
               rnd_below(&m->rnd, 4) + 1, stamp(m->at_wall_us, at), type, structure[0] != '\0' ? "^" : "",
               structure, (uint32_t) m->seed, m->index, version);
}

void hl7_gen_evn(struct hl7_making *m, const char *event)
{
    char at[HL7_DTM_LEN];
    buf_printf(m->out, "EVN|%s|%s\r", event, stamp(m->at_wall_us, at));
}

void hl7_gen_pid(struct hl7_making *m)
{
    char family[HL7_GEN_CANARY_LEN], given[HL7_GEN_CANARY_LEN], id[HL7_GEN_CANARY_LEN],
        street[HL7_GEN_CANARY_LEN];
    buf_printf(m->out, "PID|1||%s^^^SYNTHFAC^MR||%s^%s||%04d%02d%02d|%c|||%s^^Nowhere^^%05" PRIu64 "\r",
               canary(m, HL7_GEN_PATIENT_ID, id), canary(m, HL7_GEN_FAMILY_NAME, family),
               canary(m, HL7_GEN_GIVEN_NAME, given), 1925 + (int) rnd_below(&m->rnd, 100),
               1 + (int) rnd_below(&m->rnd, 12), 1 + (int) rnd_below(&m->rnd, 28),
               rnd_below(&m->rnd, 2) ? 'F' : 'M', canary(m, HL7_GEN_STREET, street),
               rnd_below(&m->rnd, 100000));
}

void hl7_gen_mrg(struct hl7_making *m)
{
    char id[HL7_GEN_CANARY_LEN];
    buf_printf(m->out, "MRG|%sOLD^^^SYNTHFAC^MR\r", canary(m, HL7_GEN_PATIENT_ID, id));
}

void hl7_gen_pv1(struct hl7_making *m)
{
    buf_printf(m->out, "PV1|1|%s|%s^%03" PRIu64 "^%c||||%s||||||||||||V%08" PRIX64 "\r",
               rnd_below(&m->rnd, 3) ? "I" : "O", PICK(m, WARD), 100 + rnd_below(&m->rnd, 100),
               'A' + (char) rnd_below(&m->rnd, 4), PICK(m, DOCTOR), m->index);
}

void hl7_gen_orc(struct hl7_making *m, const char *control)
{
    char at[HL7_DTM_LEN];
    buf_printf(m->out, "ORC|%s|P%08" PRIX64 "|F%08" PRIX64 "||||||%s|||%s\r", control, m->index, m->index,
               stamp(m->at_wall_us, at), PICK(m, DOCTOR));
}

void hl7_gen_obr(struct hl7_making *m, unsigned set_id)
{
    char at[HL7_DTM_LEN];
    buf_printf(m->out,
               "OBR|%u|P%08" PRIX64 "|F%08" PRIX64
               "|24323-8^Comprehensive panel^LN|||%s|||||||||%s||||||%s||LAB|F\r",
               set_id, m->index, m->index, stamp(m->at_wall_us - 3600 * US_PER_S, at), PICK(m, DOCTOR),
               stamp(m->at_wall_us, (char[HL7_DTM_LEN]) { 0 }));
}

void hl7_gen_obx_number(struct hl7_making *m, unsigned set_id)
{
    const struct coded *lab = &PICK(m, LAB);
    uint64_t value = lab->low + rnd_below(&m->rnd, lab->high - lab->low + 1);
    char at[HL7_DTM_LEN];
    buf_printf(m->out, "OBX|%u|NM|%s^%s^LN||%" PRIu64 ".%" PRIu64 "|%s|%u-%u|N|||F|||%s\r", set_id, lab->code,
               lab->text, value, rnd_below(&m->rnd, 10), lab->unit, lab->low, lab->high,
               stamp(m->at_wall_us, at));
}

static void append_words(struct hl7_making *m, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buf_printf(m->out, "%s%s", i > 0 ? " " : "", PICK(m, WORD));
}

void hl7_gen_obx_text(struct hl7_making *m, unsigned set_id)
{
    char text[HL7_GEN_CANARY_LEN];
    buf_printf(m->out, "OBX|%u|TX|8251-1^Comment^LN||%s ", set_id, canary(m, HL7_GEN_TEXT, text));
    append_words(m, 4 + (unsigned) rnd_below(&m->rnd, 10));
    buf_append_str(m->out, " \\T\\ noted||||||F\r");
}

void hl7_gen_obx_document(struct hl7_making *m, unsigned set_id, size_t bytes)
{
    CLEANUP(buf_fini) struct buf document = { 0 };
    char text[HL7_GEN_CANARY_LEN];
    buf_printf(&document, "%%PDF-1.4 synthetic %s ", canary(m, HL7_GEN_TEXT, text));
    while (document.len < bytes) {
        uint64_t word = rnd_u64(&m->rnd);
        buf_append(&document, bytes_of((const char *) &word, sizeof(word)));
    }
    buf_printf(m->out, "OBX|%u|ED|18842-5^Document^LN||SYNTHAPP^application^pdf^Base64^", set_id);
    b64_encode(buf_bytes(&document), m->out);
    buf_append_str(m->out, "||||||F\r");
}

void hl7_gen_nte(struct hl7_making *m, unsigned set_id)
{
    char text[HL7_GEN_CANARY_LEN];
    buf_printf(m->out, "NTE|%u|L|%s ", set_id, canary(m, HL7_GEN_TEXT, text));
    append_words(m, 5 + (unsigned) rnd_below(&m->rnd, 8));
    buf_append_str(m->out, "\r");
}

void hl7_gen_al1(struct hl7_making *m, unsigned set_id)
{
    static const char *const what[] = { "PEN^Penicillin", "NUT^Peanut", "LAT^Latex", "DUST^House dust" };
    buf_printf(m->out, "AL1|%u|DA|%s|MO|", set_id, PICK(m, what));
    append_words(m, 2);
    buf_append_str(m->out, "\r");
}

void hl7_gen_dg1(struct hl7_making *m, unsigned set_id)
{
    static const char *const what[] = { "I10^Essential hypertension^I10", "E11.9^Type 2 diabetes^I10",
                                        "J45.909^Asthma^I10", "M54.5^Low back pain^I10" };
    char at[HL7_DTM_LEN];
    buf_printf(m->out, "DG1|%u||%s||%s|A\r", set_id, PICK(m, what), stamp(m->at_wall_us, at));
}

void hl7_gen_txa(struct hl7_making *m)
{
    char at[HL7_DTM_LEN];
    buf_printf(m->out, "TXA|1|DS|TX|%s|%s|||||||D%08" PRIX64 "|||||AU\r", stamp(m->at_wall_us, at),
               PICK(m, DOCTOR), m->index);
}

void hl7_gen_sch(struct hl7_making *m)
{
    char at[HL7_DTM_LEN], end[HL7_DTM_LEN];
    us_t start = m->at_wall_us + 24 * 3600 * US_PER_S;
    buf_printf(
        m->out,
        "SCH|A%08" PRIX64 "|||||ROUTINE^Routine|CHECKUP^Check-up|NORMAL^Normal|30|MIN|^^^%s^%s|||||%s||||%s"
        "|||||BOOKED\r",
        m->index, stamp(start, at), stamp(start + 1800 * US_PER_S, end), PICK(m, DOCTOR), PICK(m, DOCTOR));
}

void hl7_gen_resources(struct hl7_making *m)
{
    char at[HL7_DTM_LEN];
    stamp(m->at_wall_us + 24 * 3600 * US_PER_S, at);
    buf_printf(m->out, "RGS|1|A\rAIS|1|A|CHECKUP^Check-up|%s|||30|MIN\rAIL|1|A|%s^201^A|||%s|||30|MIN\r", at,
               PICK(m, WARD), at);
}

void hl7_gen_rxa(struct hl7_making *m)
{
    char at[HL7_DTM_LEN];
    stamp(m->at_wall_us, at);
    buf_printf(m->out,
               "RXA|0|1|%s|%s|140^Influenza^CVX|0.5|mL||00^New record^NIP001|%s|||||LOT%04" PRIu64
               "|||||CP|A\r",
               at, at, PICK(m, DOCTOR), rnd_below(&m->rnd, 10000));
    buf_append_str(m->out, "RXR|IM^Intramuscular^HL70162|LA^Left arm^HL70163\r");
}

void hl7_gen_rxe(struct hl7_making *m)
{
    static const char *const what[] = { "617314^Atorvastatin 20 MG^RXNORM", "860975^Metformin 500 MG^RXNORM",
                                        "197361^Amlodipine 5 MG^RXNORM" };
    char at[HL7_DTM_LEN];
    buf_printf(m->out, "RXE||%s|1||TAB|TAB|", PICK(m, what));
    append_words(m, 3);
    buf_printf(m->out, "|||30|TAB\rTQ1|1|1|QD^Daily|||||%s\rRXR|PO^Oral^HL70162\r", stamp(m->at_wall_us, at));
}

void hl7_gen_ft1(struct hl7_making *m, unsigned set_id)
{
    char at[HL7_DTM_LEN];
    buf_printf(m->out, "FT1|%u|T%08" PRIX64 "||%s||CG|%05" PRIu64 "^Service|||1|||||||||%s\r", set_id,
               m->index, stamp(m->at_wall_us, at), 90000 + rnd_below(&m->rnd, 9999),
               "I10^Essential hypertension^I10");
}
