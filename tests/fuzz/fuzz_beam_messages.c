/* The other messages that a runner sends, as the worker reads them; and the text that a step carries. */
#include "fuzz.h"

#include "beam/beam_metrics.h"
#include "beam/dofn.h"

static void instruction(const uint8_t *data, size_t len)
{
    Beam__InstructionRequest *r = beam__instruction_request__unpack(NULL, len, data);
    if (r == NULL)
        return;
    CHECK(r->instruction_id != NULL);
    if (r->request_case == BEAM__INSTRUCTION_REQUEST__REQUEST_MONITORING_INFOS) {
        struct beam_metrics *m = beam_metrics_make();
        Beam__MonitoringInfosMetadataResponse answer;
        beam_metrics_answer(m, r->monitoring_infos, &answer);
        CHECK(answer.n_monitoring_info == 0);
        beam_metrics_answer_fini(&answer);
        beam_metrics_free(m);
    }
    beam__instruction_request__free_unpacked(r, NULL);
}

static void elements(const uint8_t *data, size_t len)
{
    Beam__Elements *e = beam__elements__unpack(NULL, len, data);
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->n_data; i++)
        CHECK(e->data[i]->instruction_id != NULL && e->data[i]->transform_id != NULL);
    beam__elements__free_unpacked(e, NULL);
}

static void provision(const uint8_t *data, size_t len)
{
    Beam__GetProvisionInfoResponse *p = beam__get_provision_info_response__unpack(NULL, len, data);
    if (p != NULL)
        beam__get_provision_info_response__free_unpacked(p, NULL);
    Beam__StartWorkerRequest *s = beam__start_worker_request__unpack(NULL, len, data);
    if (s != NULL)
        beam__start_worker_request__free_unpacked(s, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct beam_dofn dofn;
    struct err err = { 0 };
    if (len == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
        instruction(data + 1, len - 1);
        return 0;
    case 1:
        elements(data + 1, len - 1);
        return 0;
    case 2:
        provision(data + 1, len - 1);
        return 0;
    default:
        if (beam_dofn_parse(fuzz_bytes(data + 1, len - 1), &dofn, &err))
            CHECK(dofn.runner < BEAM_RUNNERS && (dofn.what != BEAM_DO_SHARDS || dofn.shards > 0));
        else
            CHECK(err.text[0] != '\0');
        return 0;
    }
}
