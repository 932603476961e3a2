#include "cloud/unary.h"

#include "cloud/details.h"

void cloud_unary_ok(struct cloud_unary *u, struct bytes response)
{
    u->answer(u, GRPC_OK, BYTES_LIT(""), BYTES_LIT(""), response);
}

static void fail(struct cloud_unary *u, enum grpc_code code, struct bytes about, const char *fmt, va_list args)
{
    CLEANUP(buf_fini) struct buf text = { 0 }, details = { 0 };
    buf_vprintf(&text, fmt, args);
    cloud_details_write(code, buf_bytes(&text), about, &details);
    u->answer(u, code, buf_bytes(&text), buf_bytes(&details), BYTES_LIT(""));
}

void cloud_unary_fail(struct cloud_unary *u, enum grpc_code code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(u, code, BYTES_LIT(""), fmt, args);
    va_end(args);
}

void cloud_unary_fail_about(struct cloud_unary *u, enum grpc_code code, struct bytes about, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(u, code, about, fmt, args);
    va_end(args);
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
