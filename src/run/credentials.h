/* From the configuration's words to the credentials that it means: files are read, nobody is asked. */
#ifndef RUN_CREDENTIALS_H
#define RUN_CREDENTIALS_H

#include "auth/adc.h"
#include "conf/config.h"

/* Class CONFIG: none, wrong, or of a kind that is not allowed. auth_found_fini() ends it. Not for the local cloud. */
bool run_credentials_find(const struct config *c, struct auth_found *ret_found, struct err *err) MUST_USE;

#endif
