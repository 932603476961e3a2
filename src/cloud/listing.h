/*
 * The lists of Pub/Sub: names in order, a page at a time. All of them have the same
 * request{ parent = 1; page_size = 2; page_token = 3 } and response{ repeated = 1;
 * next_page_token = 2 }. A token holds the last name that was given, so that what
 * comes and goes meanwhile shifts nothing.
 */
#ifndef CLOUD_LISTING_H
#define CLOUD_LISTING_H

#include "cloud/unary.h"

struct cloud_listing {
    const char **names;    /* borrowed: whoever lists them does not go away meanwhile */
    size_t count, room;
};

void cloud_listing_add(struct cloud_listing *l, const char *name);
/* Answers u with the page that the request asks for (or refuses the call) and frees the list.
 * fn appends field 1 of the response for one name. */
void cloud_listing_answer(struct cloud_listing *l, struct cloud_unary *u, struct bytes request,
                          void (*fn)(struct cloud_unary *u, const char *name, struct buf *response));
/* For lists of names alone. */
void cloud_listing_put_name(struct cloud_unary *u, const char *name, struct buf *response);

#endif
