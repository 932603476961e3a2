/*
 * Brings the database of an older program to today's schema, within the transaction
 * that is open: after a crash it is what it was.
 *
 *   1 -> 2  a topic's row begins with a number; a message's seq is its time in
 *           microseconds. Messages of before get the time of the upgrade, in their
 *           order: their retention begins anew, acknowledgement ids of before are
 *           without effect.
 */
#ifndef CLOUD_DB_UPGRADE_H
#define CLOUD_DB_UPGRADE_H

#include "base/err.h"

struct sqlite3;

bool cloud_db_upgrade(struct sqlite3 *s, int64_t version, struct err *err);

#endif
