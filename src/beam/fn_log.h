/*
 * Our log's lines to the runner's Logging service (beam_fn_api.proto), as well
 * as to stderr: what is queued goes out once a pass, LIMIT_BEAM_LOG lines at
 * most wait, more are dropped and counted. When the stream ends, stderr alone
 * is left; nothing waits for it.
 */
#ifndef BEAM_FN_LOG_H
#define BEAM_FN_LOG_H

#include "beam/endpoint.h"
#include "obs/log.h"

struct fn_log;

/* Lines may come before it is connected. */
struct fn_log *fn_log_make(struct loop *l);
void fn_log_connect(struct fn_log *f, struct beam_endpoints *e, struct h2_pool *pool);
/* log_conf.tap, with the fn_log as context. */
void fn_log_line(void *ctx, enum log_severity severity, struct bytes line);
/* Sends what waits. */
void fn_log_flush(struct fn_log *f);
/* The last lines, then the end of our side: OK to wait for fn_log_is_over(). */
void fn_log_end(struct fn_log *f);
bool fn_log_is_over(const struct fn_log *f);
void fn_log_free(struct fn_log *f);

#endif
