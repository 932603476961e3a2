#include "cloud/pubsub.h"

#include "base/b64.h"

/*
 * 28 octets in URL-safe base64:
 *   subscription number (8) | seq (8) | delivery (4) | boot (4) | check (4)
 * The check tells an id of ours from one that a client made up or cut.
 */
enum { ID_OCTETS = 28, CHECKED = 24 };

static char *put(char *at, uint64_t n, int octets)
{
    for (int i = 0; i < octets; i++)
        at[i] = (char) (n >> (8 * (octets - 1 - i)));
    return at + octets;
}

static uint32_t read_u32(const char *at)
{
    const uint8_t *o = (const uint8_t *) at;
    return (uint32_t) o[0] << 24 | (uint32_t) o[1] << 16 | (uint32_t) o[2] << 8 | o[3];
}

static uint32_t check_of(struct bytes octets)
{
    return (uint32_t) bytes_hash(bytes_sub(octets, 0, CHECKED), 0x6163);
}

void cloud_ack_id_write(const struct cloud_ack_id *id, struct buf *out)
{
    char octets[ID_OCTETS], *at = octets;
    at = put(at, id->number, 8);
    at = put(at, id->seq, 8);
    at = put(at, id->delivery, 4);
    at = put(at, id->boot, 4);
    put(at, check_of(bytes_of(octets, CHECKED)), 4);
    b64_encode_url_bare(bytes_of(octets, sizeof(octets)), out);
}

bool cloud_ack_id_read(struct bytes text, struct cloud_ack_id *ret)
{
    CLEANUP(buf_fini) struct buf octets = { 0 };
    if (text.len > 64 || !b64_decode(text, &octets) || octets.len != ID_OCTETS
        || read_u32(octets.ptr + CHECKED) != check_of(buf_bytes(&octets)))
        return false;
    *ret = (struct cloud_ack_id) { cloud_db_read_u64(buf_bytes(&octets)),
                                   cloud_db_read_u64(bytes_sub(buf_bytes(&octets), 8, 8)),
                                   read_u32(octets.ptr + 16), read_u32(octets.ptr + 20) };
    return true;
}
