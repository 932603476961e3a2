/*
 * Time zones by their IANA names, from the machine's own database (RFC 8536 files below /usr/share/zoneinfo, or
 * $TZDIR). What a dataset's timeZone means: MSH-7 without an offset is local time there.
 */
#ifndef CLOUD_TIME_ZONE_H
#define CLOUD_TIME_ZONE_H

#include "base/bytes.h"
#include "base/err.h"

struct cloud_zone;

/* Reads the zone's file. Empty, UTC and its kin: *ret_zone is NULL, which stands for UTC. Class BAD_INPUT: there is no
 * such zone; UNIMPLEMENTED: this machine has no database. */
bool cloud_zone_load(struct bytes name, struct cloud_zone **ret_zone, struct err *err) MUST_USE;
void cloud_zone_free(struct cloud_zone *z); /* NULL: no effect */

/* Seconds that local time is ahead of UTC at that moment. zone NULL: 0. */
int32_t cloud_zone_offset(const struct cloud_zone *z, us_t wall_us);
/* The moment at which a clock there shows local_us (written as if it were UTC). An hour that comes twice is the first of
 * the two; one that is left out is taken as before the change. */
us_t cloud_zone_to_utc(const struct cloud_zone *z, us_t local_us);

/* For tests: from the bytes of a file. */
bool cloud_zone_read(struct bytes file, struct cloud_zone **ret_zone, struct err *err) MUST_USE;

#endif
