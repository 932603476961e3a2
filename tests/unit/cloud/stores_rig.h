/*
 * The stores of the local cloud without a socket: a memory database, no faults, notifications noted instead
 * of published.
 */
#ifndef STORES_RIG_H
#define STORES_RIG_H

#include "unit.h"

#include "cloud/http_store.h"
#include "cloud/messages.h"

#define DATASET "projects/p/locations/l/datasets/d"
#define STORE   DATASET "/hl7V2Stores/s"

struct stores_rig {
    struct cloud c;
    struct cloud_conf conf;
    uint16_t status;
    struct buf json;
    struct cloud_fault_plan plan;
    bool answered;
};

void stores_rig_begin(struct stores_rig *rig); /* with dataset d and store s; conf as it stands in rig */
void stores_rig_end(struct stores_rig *rig);
/* Asks and waits for the answer: rig->status, rig->json. path without "/v1/". */
void stores_rig_ask(struct stores_rig *rig, const char *method, const char *path, struct bytes body);
void stores_rig_ask_str(struct stores_rig *rig, const char *method, const char *path, const char *body);
/* The same with all of the request given. */
void stores_rig_override(struct stores_rig *rig, const struct cloud_ask *ask);
/* Ingests or creates ("messages:ingest", "messages") these bytes in store s. */
void stores_rig_put(struct stores_rig *rig, const char *method, struct bytes message);

/* What was announced: topic, name, type; joined with spaces, a line each. */
extern struct buf stores_rig_notes;

#define assert_json_has(rig, text)                                                                           \
    do {                                                                                                     \
        if (strstr(buf_str(&(rig)->json), (text)) == NULL)                                                   \
            fail_msg("%s is not in %s", (text), buf_str(&(rig)->json));                                      \
    } while (0)
#define assert_json_lacks(rig, text) assert_null(strstr(buf_str(&(rig)->json), (text)))

#endif
