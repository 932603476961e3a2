/*
 * Looks for a mark (the common beginning of all canaries) in everything that a
 * run has written: names and contents of files, whatever they are.
 *
 * Each text is looked through as it is and in the forms that a careless writer
 * gives it: the three alignments of base64, hex, percent-escaped and
 * JSON-escaped (in whole or in part), UTF-16, and inside gzip, in which all
 * of these are looked for again. Nothing of what surrounds a find is shown.
 */
#ifndef CMD_SWEEP_H
#define CMD_SWEEP_H

#include "base/buf.h"
#include "base/err.h"

enum sweep_form {
    SWEEP_PLAIN, SWEEP_BASE64_0, SWEEP_BASE64_1, SWEEP_BASE64_2, SWEEP_HEX, SWEEP_PERCENT, SWEEP_JSON, SWEEP_UTF16,
    SWEEP_FORMS
};

const char *sweep_form_name(enum sweep_form form);

struct sweep_find {
    char path[256];            /* relative to the folder swept; "(name of a file)" when it was in a name */
    enum sweep_form form;
    unsigned gzip_depth;       /* 0: not in gzip */
};

enum { SWEEP_FINDS = 8 };

struct sweep {
    char mark[64];
    size_t files, bytes, found;           /* found: occurrences, one a form and place */
    struct sweep_find first[SWEEP_FINDS];
};

/* mark: letters and digits, at least 8. */
void sweep_init(struct sweep *s, const char *mark);
void sweep_text(struct sweep *s, struct bytes text, const char *where);
/* All files below the folder, except the sub-folder `except` (NULL: none). */
bool sweep_folder(struct sweep *s, const char *folder, const char *except, struct err *err);
/* text as a careless writer would write it: what `demo --break leak` and the tests plant. */
void sweep_plant(struct bytes text, enum sweep_form form, bool gzip, struct buf *out);

#endif
