#include "store/list_page.h"

#include "base/b64.h"
#include "base/check.h"
#include "base/limits.h"
#include "net/percent.h"
#include "store/store_call.h"

static void read_page(struct store_call *call, struct store_result *r, struct err *err)
{
    struct json_field f[] = { { "hl7V2Messages", { 0 } }, { "nextPageToken", { 0 } } };
    if (!store_read_object(buf_bytes(call->reply), f, ARRAY_LEN(f), ERR_BAD_REPLY, r, err))
        return;
    if ((f[0].value.kind != JSON_NONE && f[0].value.kind != JSON_ARRAY) ||
        (f[1].value.kind != JSON_NONE && f[1].value.kind != JSON_STRING))
        store_read_fail(r, err, ERR_BAD_REPLY, "the page is not one of messages");
}

static void page_done(struct store_call *call, struct store_result *r)
{
    list_page_fn *fn = (list_page_fn *) call->fn;
    struct list_page page = { .result = *r, .names = &call->client->names };
    struct json_field f[] = { { "hl7V2Messages", { 0 } }, { "nextPageToken", { 0 } } };
    if (r->class == ERR_OK && json_scan_object(buf_bytes(call->reply), f, ARRAY_LEN(f), NULL)) {
        page.rest = json_cursor_of(&f[0].value);
        /* Last: it may write into the text that was scanned. */
        if (store_read_string(&f[1].value))
            page.next_page_token = f[1].value.raw;
        else
            page.result.class = ERR_BAD_REPLY;
    }
    fn(call->ctx, &page);
}

struct store_call *list_page_get(struct store_client *c, const struct store_attempt *a, uint32_t page_size, bool raw,
                                 struct bytes page_token, list_page_fn *fn, void *ctx)
{
    struct store_call *call = store_call_new(c, "list", read_page, NULL, ctx);
    CHECK(page_size >= 1 && page_size <= 1000 && page_token.len <= LIMIT_HEADER_BYTES / 4);
    call->done = page_done;
    call->fn = (void (*)(void)) fn;
    call->reply_max = raw ? LIMIT_LIST_PAGE : LIMIT_REPLY_BODY;
    store_path_url(&c->names.own, "/messages", &call->url);
    buf_printf(&call->url, "?pageSize=%u&view=%s", page_size, raw ? "RAW_ONLY" : "BASIC");
    if (page_token.len > 0) {
        buf_append_str(&call->url, "&pageToken=");
        percent_encode(page_token, &call->url);
    }
    store_call_go(call, a, "GET", NULL, 0);
    return call;
}

static bool entry_of(const struct list_page *page, struct json_value *element, struct list_page_entry *ret)
{
    struct json_field f[] = { { "name", { 0 } }, { "data", { 0 } }, { "labels", { 0 } } };
    if (element->kind != JSON_OBJECT || !json_scan_object(element->raw, f, ARRAY_LEN(f), NULL))
        return false;
    struct json_value *name = &f[0].value, *data = &f[1].value;
    if (name->kind != JSON_STRING || name->escaped ||
        store_path_check(page->names, name->raw, &ret->id) != STORE_PATH_OK)
        return false;
    if (data->kind != JSON_NONE && (data->kind != JSON_STRING || data->escaped || !b64_is_valid(data->raw, NULL)))
        return false;
    ret->data = data->raw;
    ret->labels = f[2].value.kind == JSON_OBJECT ? f[2].value.raw : bytes_of(NULL, 0);
    return true;
}

bool list_page_next(struct list_page *page, struct list_page_entry *ret_entry)
{
    struct json_value element;
    struct list_page_entry entry;
    if (page->result.class != ERR_OK || !json_next(&page->rest, NULL, &element))
        return false;
    if (!entry_of(page, &element, &entry)) {
        page->result.class = ERR_BAD_REPLY;
        return false;
    }
    *ret_entry = entry;
    return true;
}
