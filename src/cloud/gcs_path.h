/*
 * gs://BUCKET/OBJECT in the folder that stands in for Cloud Storage: FOLDER/BUCKET/OBJECT. Nothing leads out of the
 * bucket's folder by its name: no empty part, no "." and no "..".
 */
#ifndef CLOUD_GCS_PATH_H
#define CLOUD_GCS_PATH_H

#include "base/buf.h"

/* Cuts a URI. False: it is none. object may be empty, and end in '/'. */
bool cloud_gcs_parse(struct bytes uri, struct bytes *ret_bucket, struct bytes *ret_object);

/* Does the name match the pattern? '*' takes what has no '/', '?' one character but '/', '**' takes all. */
bool cloud_gcs_match(struct bytes pattern, struct bytes name);
bool cloud_gcs_is_pattern(struct bytes object);

/* Blocks; for the jobs' thread. The objects of a bucket's folder that match, sorted, each ended by NUL. False: `why` is a
 * sentence. */
bool cloud_gcs_list(const char *bucket_folder, struct bytes pattern, struct buf *names, char why[256]) MUST_USE;

#endif
