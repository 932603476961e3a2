#include "hl7/ack.h"

#include "hl7/dtm.h"
#include "hl7/escape.h"

static void append_field(struct buf *out, char sep, struct bytes value)
{
    buf_append_char(out, sep);
    buf_append(out, value);
}

static void append_both_segments(const struct hl7_msh *m, us_t now_wall_us, const char *control_id,
                                 const char *code, struct buf *out)
{
    char now[HL7_DTM_LEN], sep = m->seps.field;
    hl7_dtm_write(now_wall_us, now);
    buf_append_str(out, "MSH");
    append_field(out, sep, m->field[2]);
    append_field(out, sep, m->field[HL7_MSH_RECEIVING_APP]);
    append_field(out, sep, m->field[HL7_MSH_RECEIVING_FACILITY]);
    append_field(out, sep, m->field[HL7_MSH_SENDING_APP]);
    append_field(out, sep, m->field[HL7_MSH_SENDING_FACILITY]);
    append_field(out, sep, bytes_str(now));
    append_field(out, sep, bytes_of(NULL, 0)); /* MSH-8, security: empty in the samples */
    append_field(out, sep, BYTES_LIT("ACK"));
    buf_append_char(out, sep);
    hl7_escape_put(&m->seps, bytes_str(control_id), out); /* a message may separate by the UUID's hyphen */
    append_field(out, sep, m->field[HL7_MSH_PROCESSING_ID]);
    append_field(out, sep, m->field[HL7_MSH_VERSION]);
    buf_append_str(out, "\rMSA");
    append_field(out, sep, bytes_str(code));
    append_field(out, sep, m->field[HL7_MSH_CONTROL_ID]);
}

void hl7_ack_accept(const struct hl7_msh *request, us_t now_wall_us, const char *control_id, struct buf *out)
{
    append_both_segments(request, now_wall_us, control_id, "AA", out);
}

void hl7_ack_refuse(const struct hl7_msh *request, us_t now_wall_us, const char *control_id, const char *why,
                    struct buf *out)
{
    const struct hl7_msh none = { .seps = HL7_SEPS_USUAL, .field[2] = BYTES_LIT("^~\\&") };
    const struct hl7_msh *m = request != NULL ? request : &none;
    append_both_segments(m, now_wall_us, control_id, "AE", out);
    buf_append_char(out, m->seps.field);
    hl7_escape_put(&m->seps, bytes_str(why), out);
}
