/* Whatever comes into a line, it is one line of valid JSON, or of plain text without control characters. */
#include "fuzz.h"

#include "base/limits.h"
#include "json/scan.h"
#include "loop/clock.h"
#include "obs/log.h"

static us_t wall(void)
{
    return (us_t) 1767225600 * US_PER_S;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes text = fuzz_bytes(data, len);
    struct err err;
    err_set(&err, ERR_INTERNAL, "%.*s", (int) MIN(len, (size_t) 300), text.ptr);
    for (int format = LOG_JSON; format <= LOG_HUMAN; format++) {
        struct log *l = log_make(&(struct log_conf) { .format = (enum log_format) format, .per_message = true,
                                                      .ring_bytes = 3 * LIMIT_LOG_CONTENT, .wall = wall,
                                                      .stamp = clock_rfc3339, .content_until_us = US_NEVER });
        LOG(l, STATS, LOG_NAME("name", text), LOG_CODE("code", "ok"), LOG_ERR(&err), LOG_INT("n", len));
        log_message_content(l, text, text, text);
        for (struct bytes rest = log_peek(l); rest.len > 0;) {
            struct bytes line = bytes_cut(&rest, '\n');
            struct json_value root;
            CHECK(line.len <= LIMIT_LOG_CONTENT);
            for (size_t i = 0; i < line.len; i++)
                CHECK((unsigned char) line.ptr[i] >= 0x20 && line.ptr[i] != 0x7f);
            CHECK(format == LOG_HUMAN || (json_scan(line, &root, &err) && root.kind == JSON_OBJECT));
        }
        log_free(l);
    }
    return 0;
}
