/* Paths and queries: decoding is bounded and undone by encoding; a hit's parameters hold what a name may hold. */
#include "fuzz.h"

#include "net/percent.h"
#include "net/route.h"

static void check_route(struct bytes path)
{
    static const struct route_row rows[] = {
        { "GET", "/v1/{a}", 1 },        { "GET", "/v1/{a}/b/{c}:do", 2 }, { "GET", "/{a}/{b}/{c}", 3 },
        { NULL, "/v1/x:do", 4 },        { "GET", "/", 5 },                { "POST", "/v1/{a}", 6 },
    };
    struct router *r = router_make(rows, ARRAY_LEN(rows));
    struct route_hit hit;
    if (route_find(r, BYTES_LIT("GET"), path, &hit) == ROUTE_FOUND) {
        CHECK(hit.params <= 3);
        for (size_t i = 0; i < hit.params; i++) {
            CHECK(hit.param[i].len > 0);
            for (size_t k = 0; k < hit.param[i].len; k++)
                CHECK((unsigned char) hit.param[i].ptr[k] >= 0x20 && hit.param[i].ptr[k] != '/');
        }
    }
    router_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes text = fuzz_bytes(data, len);
    CLEANUP(buf_fini) struct buf plain = { 0 }, coded = { 0 }, again = { 0 };
    if (percent_decode(text, false, &plain)) {
        CHECK(plain.len <= text.len);
        percent_encode(buf_bytes(&plain), &coded);
        CHECK(percent_decode(buf_bytes(&coded), true, &again));
        CHECK(bytes_eq(buf_bytes(&plain), buf_bytes(&again)));
    }
    struct query q;
    if (query_parse(text, &q)) {
        size_t sum = 0;
        for (size_t i = 0; i < q.count; i++)
            sum += q.at[i].name.len + q.at[i].value.len;
        CHECK(q.count <= QUERY_FIELDS && sum <= text.len);
        (void) query_get2(&q, "pageSize", "page_size");
        query_fini(&q);
    }
    check_route(text);
    return 0;
}
