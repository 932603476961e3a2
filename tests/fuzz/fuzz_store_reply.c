/*
 * Replies of a hostile source, destination and list, through the whole client: whatever comes, each call
 * ends once, what is called OK is what it must be, and no text of the reply is in an error.
 */
#include "fuzz.h"

#include "base/b64.h"
#include "base/mem.h"
#include "net/h2_client.h"
#include "store/list_page.h"
#include "store/store_admin.h"

#define STORE "projects/p/locations/l/datasets/d/hl7V2Stores/s"

/* net/h2_client.h, played by the fuzzer. */
static const struct h2_call_events *events;
static void *call_ctx;
static bool cancelled;

struct h2_call *h2_call_start(struct h2_pool *p, const struct h2_request *req, const struct h2_call_events *ev, void *ctx)
{
    (void) p;
    (void) req;
    events = ev;
    call_ctx = ctx;
    cancelled = false;
    return (struct h2_call *) (void *) &events;
}

void h2_call_grant(struct h2_call *c, uint64_t bytes_more)
{
    (void) c;
    (void) bytes_more;
}

void h2_call_cancel(struct h2_call *c)
{
    (void) c;
    cancelled = true;
}

static unsigned ends;
static struct store_result result;
static struct store_body *body;

static void on_done(void *ctx, const struct store_result *r)
{
    struct bytes id;
    (void) ctx;
    ends++;
    result = *r;
    CHECK(r->class == ERR_OK || r->err->text[0] != '\0');
    CHECK(strstr(r->err->text, "CANARY") == NULL && strlen(r->ack) <= 2 && strlen(r->nack_where) < 24);
    if (r->class == ERR_OK && r->name.len > 0)
        CHECK(bytes_starts(r->name, BYTES_LIT(STORE "/messages/")) && store_path_id_ok(r->id));
    (void) id;
}

static void on_page(void *ctx, struct list_page *page)
{
    struct list_page_entry e;
    (void) ctx;
    while (list_page_next(page, &e))
        CHECK(store_path_id_ok(e.id) && (e.data.len == 0 || b64_is_valid(e.data, NULL)));
    ends++;
}

static void on_admin(void *ctx, const struct store_admin_reply *reply)
{
    (void) ctx;
    (void) reply;
    ends++;
}

/* The reply in two pieces, so that nothing depends on how it was cut. */
static void play(uint16_t status, struct bytes reply)
{
    struct h2_result done = { .err = { .class = ERR_OK } };
    size_t half = reply.len / 2;
    events->on_headers(call_ctx, status, (struct net_headers) { 0 });
    events->on_data(call_ctx, bytes_sub(reply, 0, half));
    events->on_data(call_ctx, bytes_sub(reply, half, reply.len));
    events->on_done(call_ctx, &done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct loop *loop;
    static struct store_client *client;
    static struct store_bodies *bodies;
    static const struct store_events ev = { NULL, on_done };
    static const struct store_attempt attempt = { .token_gen = 1 };
    struct bytes reply = fuzz_bytes(data, len);
    struct err err;
    if (client == NULL) {
        static struct store_names names;
        loop = loop_make(&err);
        CHECK(loop != NULL && store_name_parse(BYTES_LIT(STORE), &names.own, &err));
        struct store_client_conf conf = { .names = &names };
        client = store_client_make(loop, &conf);
        bodies = store_bodies_make(4);
    }
    for (int status = 200; status <= 400; status += 200) {
        ends = 0;
        body = store_body_take(bodies);
        store_fetch(client, &attempt, BYTES_LIT("x"), body, &ev, NULL);
        play((uint16_t) status, reply);
        if (result.class == ERR_OK) {
            struct json_value v;
            CHECK(b64_is_valid(body->data, NULL) && body->data.len > 0);
            CHECK(body->labels.len == 0 || (json_scan(body->labels, &v, &err) && v.kind == JSON_OBJECT));
        }
        store_body_give(bodies, body);
        store_ingest(client, &attempt, BYTES_LIT("TVNI"), bytes_of(NULL, 0), &ev, NULL);
        play((uint16_t) status, reply);
        CHECK(result.class != ERR_OK || strcmp(result.ack, "AA") == 0);
        store_compare(client, &attempt, BYTES_LIT("x"), BYTES_LIT("TVNI"), &BYTES_LIT("{\"a\":\"1\"}"), &ev, NULL);
        play((uint16_t) status, reply);
        if (ends == 2)
            play((uint16_t) status, reply);
        store_prove_alive(client, &attempt, &ev, NULL);
        play((uint16_t) status, reply);
        list_page_get(client, &attempt, 10, true, bytes_of(NULL, 0), on_page, NULL);
        play((uint16_t) status, reply);
        store_admin_get_store(client, &attempt, on_admin, NULL);
        play((uint16_t) status, reply);
        CHECK(ends == 6);
    }
    return 0;
}
