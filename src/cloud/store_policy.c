/* IAM policies of datasets and HL7v2 stores: cloud/iam.c keeps them; here is what they belong to. */
#include "cloud/iam.h"
#include "cloud/messages.h"

/* A resource that is not there has no permissions, and is not told to be missing (google/iam/v1/iam_policy.proto). */
static void serve(struct cloud_call *call, struct bytes name, bool there, enum cloud_iam_method method)
{
    if (there) {
        cloud_iam_serve(call, name, method);
    } else if (method == CLOUD_IAM_TEST) {
        buf_append_str(&call->json, "{}");
        cloud_call_end(call);
    } else {
        cloud_stores_missing(call, name);
    }
}

static void dataset(struct cloud_call *call, enum cloud_iam_method method)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    struct bytes row;
    cloud_stores_name(call, 3, &name);
    serve(call, buf_bytes(&name),
          cloud_db_get(call->c->db, CLOUD_DB_DATASET, buf_bytes(&name), &row) == CLOUD_DB_FOUND, method);
}

static void store(struct cloud_call *call, enum cloud_iam_method method)
{
    CLEANUP(buf_fini) struct buf name = { 0 };
    cloud_stores_name(call, 4, &name);
    serve(call, buf_bytes(&name), cloud_stores_find(call->c->stores, buf_bytes(&name)) != NULL, method);
}

void cloud_datasets_get_policy(struct cloud_call *call)
{
    dataset(call, CLOUD_IAM_GET);
}

void cloud_datasets_set_policy(struct cloud_call *call)
{
    dataset(call, CLOUD_IAM_SET);
}

void cloud_datasets_test_policy(struct cloud_call *call)
{
    dataset(call, CLOUD_IAM_TEST);
}

void cloud_stores_get_policy(struct cloud_call *call)
{
    store(call, CLOUD_IAM_GET);
}

void cloud_stores_set_policy(struct cloud_call *call)
{
    store(call, CLOUD_IAM_SET);
}

void cloud_stores_test_policy(struct cloud_call *call)
{
    store(call, CLOUD_IAM_TEST);
}
