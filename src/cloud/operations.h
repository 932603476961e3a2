/*
 * Long-running operations of a dataset, as google.longrunning has them. One that runs is a job in memory; its row
 * says that it began, and is written again when it ends. One that a stop or crash cut short is found at the next
 * start and ends there, ABORTED.
 */
#ifndef CLOUD_OPERATIONS_H
#define CLOUD_OPERATIONS_H

#include "cloud/call.h"
#include "cloud/jobs.h"

struct cloud_operation {
    struct cloud_job job; /* its drop is set by who makes the operation */
    struct cloud *c;
    char *name;         /* dataset/operations/NUMBER */
    const char *method; /* "hl7v2.Hl7V2Service.ExportMessages" */
    us_t create_wall_us;
    uint64_t success, failure;
    bool counts; /* metadata has a counter */
    bool cancelled;
};

/* Ends what a stop cut short. Class DISK. */
bool cloud_operations_load(struct cloud *c, struct err *err) MUST_USE;

/*
 * Answers the call with the operation, which begins: once that is durable go(op) is called. When the disk fails, or
 * too many jobs run, the call is answered so and op dropped. Until its end the operation is go's.
 */
void cloud_operations_begin(struct cloud_call *call, struct bytes dataset, const char *method,
                            struct cloud_operation *op, void (*go)(struct cloud_operation *op));
/* Each ends it and drops it. response: a type's name, "hl7v2.ExportMessagesResponse". */
void cloud_operations_done(struct cloud_operation *op, const char *response);
void cloud_operations_fail(struct cloud_operation *op, enum grpc_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void cloud_operations_fini(struct cloud_operation *op); /* for drop */

/* One that is done when it is answered: writes it into call->json and w. response: JSON with its @type. */
void cloud_operations_put_done(struct cloud_call *call, struct cloud_db_write *w, struct bytes dataset,
                               const char *method, struct bytes response);

/* --- handlers; each ends its call --- */

void cloud_operations_get(struct cloud_call *call);
void cloud_operations_list(struct cloud_call *call);
void cloud_operations_cancel(struct cloud_call *call);

/* Answers a page of the rows below prefix, under key; live (may be NULL) may write a row its own way. */
void cloud_rows_list(struct cloud_call *call, enum cloud_db_table table, struct bytes prefix, const char *key,
                     bool (*live)(struct cloud *c, struct bytes name, struct json_writer *w));
/* Answers with a row as it stands, or 404. */
void cloud_rows_get(struct cloud_call *call, enum cloud_db_table table, struct bytes name);

#endif
