#include "cloud/unary.h"

#include "cloud/details.h"

void cloud_unary_ok(struct cloud_unary *u, struct bytes response)
{
    u->answer(u, GRPC_OK, BYTES_LIT(""), BYTES_LIT(""), response);
}

static void fail(struct cloud_unary *u, enum grpc_code code, struct bytes about, struct bytes text)
{
    CLEANUP(buf_fini) struct buf details = { 0 };
    cloud_details_write(code, text, about, &details);
    u->answer(u, code, text, buf_bytes(&details), BYTES_LIT(""));
}

void cloud_unary_fail(struct cloud_unary *u, enum grpc_code code, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    fail(u, code, BYTES_LIT(""), buf_bytes(&text));
}

void cloud_unary_fail_about(struct cloud_unary *u, enum grpc_code code, struct bytes about, const char *fmt, ...)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    fail(u, code, about, buf_bytes(&text));
}

void cloud_unary_fail_with(struct cloud_unary *u, enum grpc_code code, struct bytes message, struct bytes details)
{
    u->answer(u, code, message, details, BYTES_LIT(""));
}

void cloud_unary_disk(struct cloud_unary *u, const struct err *err)
{
    if (err->class == ERR_THROTTLED)
        cloud_unary_fail(u, GRPC_RESOURCE_EXHAUSTED, "Too many writes wait for the local cloud's disk.");
    else
        cloud_unary_fail(u, GRPC_UNAVAILABLE, "The local cloud could not write to its disk; nothing was changed. "
                         "It says on its standard error why.");
}

void cloud_unary_then_empty(void *ctx, const struct err *err)
{
    struct cloud_unary *u = ctx;
    if (err != NULL)
        cloud_unary_disk(u, err);
    else
        cloud_unary_ok(u, BYTES_LIT(""));
}
