/*
 * HL7v2 bytes from outside: whatever they are, they are judged, acknowledged or refused without a crash; a
 * message that is sound has a readable header, and its ACK and NACK are sound messages themselves.
 */
#include "fuzz.h"

#include "hl7/ack.h"
#include "hl7/dtm.h"
#include "hl7/escape.h"
#include "hl7/validate.h"

static void check_answer(const struct hl7_msh *msh, bool accept)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    CLEANUP(buf_fini) struct buf plain = { 0 };
    const char *id = "00000000-0000-4000-8000-000000000000";
    struct hl7_msh answer;
    if (accept)
        hl7_ack_accept(msh, 0, id, &out);
    else
        hl7_ack_refuse(msh, 0, id, "why, and what to do", &out);
    CHECK(hl7_msh_read(buf_bytes(&out), HL7_CR, &answer));
    hl7_escape_undo(&answer.seps, answer.field[HL7_MSH_CONTROL_ID], &plain);
    CHECK(bytes_eq_str(buf_bytes(&plain), id));
    CHECK(bytes_eq(answer.field[HL7_MSH_RECEIVING_APP], msh->field[HL7_MSH_SENDING_APP]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes message = fuzz_bytes(data, len);
    CLEANUP(buf_fini) struct buf plain = { 0 };
    struct hl7_msh msh;
    us_t at;
    bool read = hl7_msh_read(message, HL7_CR, &msh);
    bool sound = hl7_validate(message, &(struct hl7_rules) { 0 }) == HL7_SOUND;
    CHECK(read || !sound);
    (void) hl7_validate(message, &(struct hl7_rules) { .terminator = BYTES_LIT("\r\n"), .null_header = true });
    if (hl7_dtm_read(bytes_sub(message, 0, 30), &at)) {
        char text[HL7_RFC3339_LEN];
        hl7_dtm_rfc3339(at, text);
    }
    if (!read)
        return 0;
    check_answer(&msh, true);
    check_answer(&msh, false);
    hl7_escape_undo(&msh.seps, message, &plain);
    CHECK(plain.len <= message.len);
    return 0;
}
