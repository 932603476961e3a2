/*
 * parsedData: segments with their fields by place, in the three ways that parser versions have.
 *
 *   {"segmentId": "PID", "setId": "1", "fields": {"0": "PID", "1": "1", "3[0].1": "11111", "3[1].5": "MRN"}}
 *
 * Key: field, [repetition] from 0 where there are several, .component and .subcomponent from 1 where there
 * are several; "0" is the segment's id. Empty values are left out. V1 leaves MSH-1 out and counts MSH-2 as 1;
 * V2 has all; V3 is V2 with escaped separators undone.
 */
#ifndef CLOUD_PARSED_DATA_H
#define CLOUD_PARSED_DATA_H

#include "cloud/store_conf.h"

/* Appends the member "parsedData" to the open object. */
void cloud_parsed_data_write(struct bytes message, const struct cloud_store_conf *conf,
                             struct json_writer *w);

#endif
