/* A configuration from text, with an environment and a clock of the test's own. */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include "unit.h"

#include "conf/config.h"
#include "loop/clock.h"

#define SOURCE_STORE "projects/p/locations/l/datasets/d/hl7V2Stores/src"
#define DEST_STORE   "projects/p/locations/l/datasets/d/hl7V2Stores/dst"
#define FIVE                                                     \
    "\"project_id\": \"p\", \"region\": \"us-central1\",\n"      \
    "\"source_hl7v2_store\": \"" SOURCE_STORE "\",\n"            \
    "\"dest_hl7v2_store\": \"" DEST_STORE "\",\n"                \
    "\"pubsub_subscription\": \"projects/p/subscriptions/s\""

/* "NAME=value" of the test's environment; NULL-terminated. */
static const char *const *fixture_env;

static const char *fixture_getenv(const char *name)
{
    for (size_t i = 0; fixture_env != NULL && fixture_env[i] != NULL; i++) {
        size_t len = strlen(name);
        if (strncmp(fixture_env[i], name, len) == 0 && fixture_env[i][len] == '=')
            return fixture_env[i] + len + 1;
    }
    return NULL;
}

static inline struct config *fixture_read(const char *text, const struct opt_values *flags, struct conf_faults *faults)
{
    struct conf_input in = { .flags = flags, .env = fixture_getenv, .wall_us = (us_t) 1767225600 * US_PER_S,
                             .parse_time = clock_parse_rfc3339 };
    return config_read(&in, "config.json", bytes_str(text), faults, NULL);
}

#endif
