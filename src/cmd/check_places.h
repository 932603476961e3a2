/*
 * What `check` can say of this machine without asking anybody: are there
 * credentials, can dead letters be written, is there room?
 */
#ifndef CMD_CHECK_PLACES_H
#define CMD_CHECK_PLACES_H

#include "cmd/exit.h"
#include "conf/config.h"

struct check_place {
    const char *name;      /* "credentials", "sink", "disk" */
    int exit;              /* CMD_EXIT_OK, or what `run` would end with */
    char text[400];
};

enum { CHECK_PLACES = 3 };

/* Fills at most CHECK_PLACES; returns how many have a meaning here. Makes nothing. */
size_t check_places(const struct config *c, struct check_place *out);

#endif
