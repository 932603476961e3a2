#include "cloud/listing.h"

#include "base/b64.h"
#include "base/mem.h"
#include "cloud/proto_wire.h"

#include <stdlib.h>

enum { PAGE_MAX = 1000 };

/* Tells a token of ours from what a client made up. */
#define TOKEN_MARK "after "

void cloud_listing_add(struct cloud_listing *l, const char *name)
{
    if (l->count == l->room) {
        l->room = l->room == 0 ? 64 : 2 * l->room;
        l->names = mem_grow(l->names, l->room * sizeof(l->names[0]));
    }
    l->names[l->count++] = name;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static void write_token(const char *name, struct buf *response)
{
    CLEANUP(buf_fini) struct buf plain = { 0 }, token = { 0 };
    buf_append_str(&plain, TOKEN_MARK);
    buf_append_str(&plain, name);
    b64_encode_url_bare(buf_bytes(&plain), &token);
    cloud_wire_put_text(response, 2, buf_bytes(&token));
}

/* The name in the token, empty for none; false: not one of ours. */
static bool read_token(struct bytes token, struct buf *name)
{
    CLEANUP(buf_fini) struct buf plain = { 0 };
    if (token.len == 0)
        return true;
    if (!b64_decode(token, &plain) || !bytes_starts(buf_bytes(&plain), BYTES_LIT(TOKEN_MARK)))
        return false;
    buf_append(name, bytes_sub(buf_bytes(&plain), sizeof(TOKEN_MARK) - 1, SIZE_MAX));
    return true;
}

static void answer_page(struct cloud_listing *l, struct cloud_unary *u, const char *after, size_t size,
                        void (*fn)(struct cloud_unary *u, const char *name, struct buf *response))
{
    CLEANUP(buf_fini) struct buf response = { 0 };
    size_t given = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->names[i], after) <= 0)
            continue;
        if (given++ == size) {
            write_token(l->names[i - 1], &response);
            break;
        }
        fn(u, l->names[i], &response);
    }
    cloud_unary_ok(u, buf_bytes(&response));
}

void cloud_listing_answer(struct cloud_listing *l, struct cloud_unary *u, struct bytes request,
                          void (*fn)(struct cloud_unary *u, const char *name, struct buf *response))
{
    CLEANUP(buf_fini) struct buf after = { 0 };
    int32_t size = (int32_t) cloud_wire_find_uint(request, 2);
    if (l->count > 0)
        qsort(l->names, l->count, sizeof(l->names[0]), by_text);
    if (size < 0)
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("page_size"),
                               "Invalid page_size: it must not be negative (page_size=%d).", (int) size);
    else if (!read_token(cloud_wire_find(request, 3), &after))
        cloud_unary_fail_about(u, GRPC_INVALID_ARGUMENT, BYTES_LIT("page_token"),
                               "Invalid page_token: it is none that a list gave out.");
    else
        answer_page(l, u, buf_str(&after), size == 0 || size > PAGE_MAX ? PAGE_MAX : (size_t) size, fn);
    mem_free(l->names);
    *l = (struct cloud_listing) { 0 };
}

void cloud_listing_put_name(struct cloud_unary *u UNUSED, const char *name, struct buf *response)
{
    cloud_wire_put_text(response, 1, bytes_str(name));
}
