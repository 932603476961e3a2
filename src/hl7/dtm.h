/*
 * HL7 time stamps (DTM, and the first component of TS): YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ].
 * What is left out on the right is its least value: 2018 is 2018-01-01T00:00:00. Without an offset: UTC.
 */
#ifndef HL7_DTM_H
#define HL7_DTM_H

#include "base/bytes.h"

enum {
    HL7_DTM_LEN = 15,    /* "20180101000000" and NUL */
    HL7_RFC3339_LEN = 28 /* "2018-01-01T00:00:00.123456Z" and NUL */
};

/* False: no time stamp, or one outside the years 0001 to 9999 once its offset is undone. */
bool hl7_dtm_read(struct bytes b, us_t *ret_wall_us);
/* The same, and whether it has an offset: without one the clock is a local one, read as if it were UTC's. */
bool hl7_dtm_read_local(struct bytes b, us_t *ret_wall_us, bool *ret_has_offset);
/* Within those years, which is what the two below can write: CHECKed. */
bool hl7_dtm_in_range(us_t wall_us);
void hl7_dtm_write(us_t wall_us, char out[HL7_DTM_LEN]);
/* As proto3 JSON prints a Timestamp: UTC, with 0, 3 or 6 digits after the point. */
void hl7_dtm_rfc3339(us_t wall_us, char out[HL7_RFC3339_LEN]);

#endif
