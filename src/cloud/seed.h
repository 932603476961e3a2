/*
 * Furnishes the local cloud from a file, so that a CI job needs one line: `emulate --seed FILE`.
 *
 *   {"projects": {"P": {
 *       "topics":        {"T": {fields of Topic}},
 *       "subscriptions": {"S": {"topic": "T", fields of Subscription}},
 *       "locations": {"L": {"datasets": {"D": {fields of Dataset, "hl7V2Stores": {"H": {
 *           fields of Hl7V2Store, "messages": ["FILE", "FOLDER", {"file": "FILE", "labels": {}}]}}}}}}}}}
 *
 * Fields are those of Google's REST APIs, checked by the methods that clients call. Topics may be named by their id
 * alone: they are then of the same project. Files are looked for beside the seed file.
 *
 * Idempotent: what is there already gets the fields that the file gives (what cannot be changed any more must be the
 * same); a message that is there stays one. Nothing is ever removed.
 */
#ifndef CLOUD_SEED_H
#define CLOUD_SEED_H

#include "cloud/parts.h"

/* Before the port is open: runs passes of the loop until everything is durable. tell (may be NULL) gets a sentence on
 * what there is now. Class BAD_INPUT: "FILE: line 3, column 7: projects.P.topics.T: why". */
bool cloud_seed(struct cloud *c, const char *path, void (*tell)(void *ctx, const char *sentence), void *ctx,
                struct err *err) MUST_USE;

#endif
