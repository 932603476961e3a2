#include "cloud/iam.h"

#include "cloud/parts.h"
#include "cloud/proto_wire.h"
#include "cloud/transcode.h"

static bool read_request(struct cloud_call *call, struct bytes resource, enum cloud_iam_method method,
                         struct buf *out, struct err *err)
{
    static const enum cloud_message messages[] = {
        [CLOUD_IAM_GET] = CLOUD_MESSAGE_get_policy, [CLOUD_IAM_SET] = CLOUD_MESSAGE_set_policy,
        [CLOUD_IAM_TEST] = CLOUD_MESSAGE_test_permissions
    };
    if (method != CLOUD_IAM_GET)
        TRY(cloud_transcode_read(messages[method], call->ask->body, out, err));
    for (size_t i = 0; i < call->query.count; i++) {
        CLEANUP(buf_fini) struct buf field = { 0 };
        buf_append(&field, call->query.at[i].name);
        if (bytes_starts(buf_bytes(&field), BYTES_LIT("options."))
            && !cloud_transcode_read_field(messages[method], buf_str(&field), call->query.at[i].value, out))
            return FAIL(err, BAD_INPUT, "Invalid value at '%s'.", buf_str(&field));
    }
    /* Last, so that a name in the body does not count. */
    cloud_wire_put_text(out, 1, resource);
    return true;
}

void cloud_iam_serve(struct cloud_call *call, struct bytes resource, enum cloud_iam_method method)
{
    CLEANUP(buf_fini) struct buf request = { 0 }, answer = { 0 };
    struct err err = { 0 };
    struct cloud_db_write *w = NULL;
    bool ok = false;
    if (!read_request(call, resource, method, &request, &err)) {
        cloud_call_fail(call, GRPC_INVALID_ARGUMENT, (struct bytes) { 0 }, "%s", err.text);
        return;
    }
    switch (method) {
    case CLOUD_IAM_GET:
        ok = cloud_iam_get(call->c, buf_bytes(&request), &answer, &err);
        break;
    case CLOUD_IAM_SET:
        w = cloud_db_begin(call->c->db);
        ok = cloud_iam_set(call->c, w, buf_bytes(&request), &answer, &err);
        break;
    case CLOUD_IAM_TEST:
        ok = cloud_iam_test(buf_bytes(&request), &answer, &err);
        break;
    }
    if (!ok) {
        cloud_db_abandon(w);
        cloud_call_fail(call, (enum grpc_code) err.grpc, (struct bytes) { 0 }, "%s", err.text);
        return;
    }
    cloud_transcode_write(method == CLOUD_IAM_TEST ? CLOUD_MESSAGE_permissions : CLOUD_MESSAGE_policy,
                          buf_bytes(&answer), &call->json);
    if (w != NULL)
        cloud_call_commit(call, w);
    else
        cloud_call_end(call);
}
