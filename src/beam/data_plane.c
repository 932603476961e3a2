#include "beam/worker_parts.h"

#include "base/limits.h"
#include "base/mem.h"

struct beam_data {
    struct list_link link;    /* of w->data */
    struct beam_worker *worker;
    char *url;
    struct grpc_call *call;   /* NULL: over */
    bool held;
};

/* Input of a bundle that nobody asked for yet counts; the oldest goes when there is too much. */
static void bound_early(struct beam_worker *w, struct beam_bundle *b, size_t came)
{
    if (b->asked)
        return;
    w->early_bytes += came;
    LIST_EACH(&w->bundles, link, after) {
        struct beam_bundle *old = CONTAINER_OF(link, struct beam_bundle, link);
        if (w->early_bytes <= LIMIT_BEAM_EARLY)
            return;
        if (old->asked || old == b)
            continue;
        LOG(w->log, EARLY_DATA_DROPPED, LOG_NAME_STR("instruction", old->instruction));
        beam_bundle_free(old);
    }
}

static void take(struct beam_worker *w, const Beam__Elements__Data *data)
{
    struct beam_bundle *b = beam_bundle_get(w, data->instruction_id);
    if (b == NULL)
        return;    /* too many are open: its instruction is answered with an error */
    bound_early(w, b, data->data.len);
    beam_bundle_data(b, bytes_of((const char *) data->data.data, data->data.len), data->is_last);
}

static void on_message(void *ctx, struct bytes message)
{
    struct beam_data *d = ctx;
    Beam__Elements *e = beam__elements__unpack(NULL, message.len, (const uint8_t *) message.ptr);
    if (e == NULL) {
        struct err err;
        FAIL(&err, PROTOCOL, "the runner's data stream brought what cannot be read");
        beam_worker_leave(d->worker, &err);
        return;
    }
    for (size_t i = 0; i < e->n_data; i++)
        take(d->worker, e->data[i]);
    beam__elements__free_unpacked(e, NULL);
}

/* Runners close it with the job, before the control stream or after it; else it is lost, and so are open bundles. */
static void on_done(void *ctx, const struct grpc_result *result)
{
    struct beam_data *d = ctx;
    struct beam_worker *w = d->worker;
    d->call = NULL;
    list_remove(&w->data, &d->link);
    mem_free(d->url);
    mem_free(d);
    if (result->err.class == ERR_OK && list_is_empty(&w->bundles))
        return;
    struct err err = result->err;
    if (err.class == ERR_OK)
        FAIL(&err, RESET, "the runner ended the data stream while bundles were open");
    beam_worker_leave(w, &err);
}

struct beam_data *beam_data_open(struct beam_worker *w, const char *url, struct err *err)
{
    static const struct grpc_call_events events = { .on_message = on_message, .on_done = on_done };
    LIST_EACH(&w->data, link, after) {
        struct beam_data *d = CONTAINER_OF(link, struct beam_data, link);
        if (strcmp(d->url, url) == 0)
            return d;
    }
    struct h2_pool *pool = beam_endpoint(w->endpoints, url, err);
    if (pool == NULL)
        return NULL;
    struct beam_data *d = mem_alloc(sizeof(*d));
    d->worker = w;
    d->url = mem_dup(bytes_str(url));
    list_push_back(&w->data, &d->link);
    struct grpc_call_conf conf =
        beam_endpoint_call(w->endpoints, "/org.apache.beam.model.fn_execution.v1.BeamFnData/Data", US_NEVER);
    d->call = grpc_call_stream(pool, &conf, &events, d);
    return d;
}

void beam_data_send(struct beam_data *d, const char *instruction, const char *transform, struct bytes data, bool last)
{
    if (d->call == NULL)
        return;
    Beam__Elements__Data parts[2] = { BEAM__ELEMENTS__DATA__INIT, BEAM__ELEMENTS__DATA__INIT };
    Beam__Elements__Data *at[2];
    Beam__Elements e = BEAM__ELEMENTS__INIT;
    e.data = at;
    if (data.len > 0) {
        parts[e.n_data].data = (ProtobufCBinaryData) { data.len, (uint8_t *) data.ptr };
        at[e.n_data] = &parts[e.n_data];
        e.n_data++;
    }
    if (last) {    /* a part of its own, empty: the form that every runner takes */
        parts[e.n_data].is_last = true;
        at[e.n_data] = &parts[e.n_data];
        e.n_data++;
    }
    for (size_t i = 0; i < e.n_data; i++) {
        parts[i].instruction_id = (char *) instruction;
        parts[i].transform_id = (char *) transform;
    }
    if (e.n_data == 0)
        return;
    CLEANUP(buf_fini) struct buf out = { 0 };
    size_t len = beam__elements__get_packed_size(&e);
    beam__elements__pack(&e, (uint8_t *) buf_reserve(&out, len));
    grpc_call_send(d->call, bytes_of(out.ptr, len));
}

/* Only of what the runner pushes: messages that wait for finalization need a data stream to get on. */
void beam_data_hold(struct beam_worker *w)
{
    struct driver *driver = w->mover.a.driver;
    bool hold = driver != NULL && w->mover.a.pushed && driver_under_way(driver) > LIMIT_BEAM_PUSHED;
    LIST_EACH(&w->data, link, after) {
        struct beam_data *d = CONTAINER_OF(link, struct beam_data, link);
        if (d->call == NULL || d->held == hold)
            continue;
        d->held = hold;
        grpc_call_hold(d->call, hold);
    }
}

void beam_data_free_all(struct beam_worker *w)
{
    for (struct list_link *link; (link = list_pop_front(&w->data)) != NULL;) {
        struct beam_data *d = CONTAINER_OF(link, struct beam_data, link);
        if (d->call != NULL)
            grpc_call_cancel(d->call);
        mem_free(d->url);
        mem_free(d);
    }
}
