/*
 * What clients send to the local cloud's Pub/Sub: protobuf, JSON, acknowledgement
 * ids, filters. What JSON becomes is sound protobuf, and what is sound comes out
 * as JSON; a filter that was accepted can be judged.
 */
#include "fuzz.h"

#include "cloud/attribute_filter.h"
#include "cloud/proto_wire.h"
#include "cloud/pubsub.h"
#include "cloud/transcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    enum cloud_message m = data[0] % CLOUD_MESSAGES;
    struct bytes input = fuzz_bytes(data + 1, len - 1);
    CLEANUP(buf_fini) struct buf wire = { 0 }, json = { 0 }, again = { 0 };
    if (cloud_transcode_read(m, input, &wire, NULL)) {
        CHECK(cloud_wire_is_sound(buf_bytes(&wire)));
        cloud_transcode_write(m, buf_bytes(&wire), &json);
    }
    cloud_transcode_write(m, input, &again);
    struct cloud_sub_conf conf;
    struct err err = { 0 };
    if (cloud_sub_conf_parse(input, &conf, &err)) {
        buf_clear(&wire);
        cloud_sub_conf_write(&conf, input, &wire);
        CHECK(cloud_sub_conf_parse(buf_bytes(&wire), &conf, &err));
    }
    struct cloud_ack_id id;
    if (cloud_ack_id_read(input, &id)) {
        buf_clear(&again);
        cloud_ack_id_write(&id, &again);
        CHECK(cloud_ack_id_read(buf_bytes(&again), &id));
    }
    if (cloud_attribute_filter_check(input, NULL))
        (void) cloud_attribute_filter_match(input, input);
    return 0;
}
