/* One authenticated call of JSON over the cold path; for beam/dataflow.c alone. */
#ifndef BEAM_DATAFLOW_CALL_H
#define BEAM_DATAFLOW_CALL_H

#include "base/buf.h"
#include "run/assemble.h"

struct dataflow_caller {
    struct assembly a;            /* cold client and credentials of it */
    const volatile int *stop;
    char params[300];             /* x-goog-request-params */
};

struct dataflow_ask {
    const char *method, *url, *content_type;
    struct bytes body;
    bool encrypted;               /* https: a token goes along */
};

/* 2xx, or an error of the status's class with Google's own message. Repeats what is late. */
bool dataflow_call(struct dataflow_caller *c, const struct dataflow_ask *ask, struct buf *ret_body, struct err *err) MUST_USE;

#endif
