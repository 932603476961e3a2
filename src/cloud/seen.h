/*
 * The last requests that the local cloud answered: what the page at / shows. Method, path, status and time,
 * never a query or a body.
 */
#ifndef CLOUD_SEEN_H
#define CLOUD_SEEN_H

#include "net/listen.h"

enum { CLOUD_SEEN_METHOD = 12, CLOUD_SEEN_PATH = 280 };

struct cloud_seen_one {
    us_t wall_us, took_us;
    uint16_t status;                /* 0: no answer */
    int grpc_status;                /* -1: not gRPC */
    char method[CLOUD_SEEN_METHOD];
    char path[CLOUD_SEEN_PATH];     /* as it came; the middle of a longer one is left out */
};

struct cloud_seen;

struct cloud_seen *cloud_seen_make(void);
void cloud_seen_free(struct cloud_seen *s);
void cloud_seen_note(struct cloud_seen *s, const struct net_request *r, const struct net_answer *answer);
/* The nth back, 0 is the newest; NULL: there are no more. */
const struct cloud_seen_one *cloud_seen_at(const struct cloud_seen *s, size_t back);
uint64_t cloud_seen_count(const struct cloud_seen *s);    /* ever */

#endif
