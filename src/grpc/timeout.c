#include "grpc/timeout.h"

bool grpc_timeout_parse(struct bytes text, us_t *ret_us)
{
    static const struct {
        char unit;
        us_t us;
    } units[] = { { 'H', 60 * US_PER_MIN }, { 'M', US_PER_MIN }, { 'S', US_PER_S }, { 'm', US_PER_MS }, { 'u', 1 } };
    uint64_t n;
    if (text.len < 2 || text.len > 9 || !bytes_to_u64(bytes_sub(text, 0, text.len - 1), &n))
        return false;
    char unit = text.ptr[text.len - 1];
    if (unit == 'n') {
        *ret_us = (us_t) (n + 999) / 1000;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].unit == unit) {
            *ret_us = (us_t) n * units[i].us;
            return true;
        }
    return false;
}
