/* The filter language of message lists: any text is a filter or is refused; what was read can be asked. */
#include "fuzz.h"

#include "cloud/message_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CLEANUP(buf_fini) struct buf record = { 0 };
    struct cloud_message_filter *filter = NULL;
    struct cloud_facts facts;
    struct hl7_msh msh;
    struct err err = { 0 };
    struct bytes text = fuzz_bytes(data, len);
    struct bytes message = BYTES_LIT("MSH|^~\\&|A|EAST|C|D|20260101||ADT^A01|1|P|2.5\rPID|1||7^^^H^MR\r");
    CHECK(hl7_msh_read(message, HL7_CR, &msh));
    cloud_facts_append(message, HL7_CR, &msh, NULL, 0, &record);
    cloud_facts_append_labels_count(&record, 1);
    cloud_facts_append_pair(&record, BYTES_LIT("k"), BYTES_LIT("v"));
    CHECK(cloud_facts_read(buf_bytes(&record), &facts));
    if (cloud_message_filter_make(text, &filter, &err))
        (void) cloud_message_filter_match(filter, &facts);
    else
        CHECK(err.class == ERR_BAD_INPUT || err.class == ERR_UNIMPLEMENTED);
    cloud_message_filter_free(filter);
    /* Any bytes are a record or are refused. */
    if (cloud_facts_read(text, &facts)) {
        CLEANUP(buf_fini) struct buf json = { 0 };
        struct json_writer w = json_write_to(&json);
        json_write_object(&w, NULL);
        cloud_facts_write(&facts, &w);
        json_write_end(&w);
    }
    return 0;
}
