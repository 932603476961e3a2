/*
 * Pages of messages.list, for `verify` and `backfill`. The list is eventually
 * consistent: what it lacks proves nothing, a GET by name does.
 */
#ifndef STORE_LIST_PAGE_H
#define STORE_LIST_PAGE_H

#include "json/scan.h"
#include "store/store_client.h"

struct list_page_entry {
    struct bytes id;              /* checked: in this store */
    struct bytes data, labels;    /* view RAW_ONLY only; data is checked base64, or empty */
};

struct list_page {
    struct store_result result;
    struct json_cursor rest;          /* list_page_next() */
    struct bytes next_page_token;     /* raw; empty at the end */
    const struct store_names *names;
};

typedef void list_page_fn(void *ctx, struct list_page *page);

/* page_size 1..1000; raw: view RAW_ONLY, else BASIC (names). page_token: from the page before, or empty. */
struct store_call *list_page_get(struct store_client *c, const struct store_attempt *a, uint32_t page_size,
                                 bool raw,
                                 struct bytes page_token, list_page_fn *fn, void *ctx);
/* False: no more, or (result.class is then BAD_REPLY) an entry that is not what it must be. */
bool list_page_next(struct list_page *page, struct list_page_entry *ret_entry);

#endif
