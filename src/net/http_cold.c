#include "net/http_cold.h"

#include "base/limits.h"
#include "base/mem.h"
#include "loop/mailbox.h"
#include "net/curl_calls.h"
#include "net/header.h"
#include "net/proxy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static const struct curl_calls *curl;    /* NULL before the first call */

/*
 * A call belongs to the loop, then to the thread (from the queue until it is
 * mailed back), then to the loop again. `cancelled` is the one word that both
 * sides read and write.
 */
struct http_cold_call {
    struct http_cold *owner;
    struct list_link link;             /* queue, or active */
    http_cold_fn *fn;                  /* the loop's alone */
    void *ctx;
    atomic_bool cancelled;

    char *method, *url;
    struct curl_slist *headers;
    struct buf body, proxy;
    char host[HOST_MAX];               /* for what is told */
    size_t reply_max;
    us_t timeout_us;

    CURL *easy;                        /* the thread's */
    struct err err;
    bool too_large;
    uint16_t status;
    struct buf reply, flavor;
};

struct http_cold {
    struct loop *loop;
    struct mailbox *done;              /* of calls */
    struct loop_task task;             /* answers `refused` */
    struct list refused;
    char *ca_file, *proxy;
    size_t open;                       /* calls that are queued or active */
    bool has_thread;
    pthread_t thread;
    CURLM *multi;                      /* made with the thread; curl_multi_wakeup() alone may be called from the loop */
    struct list active;                /* the thread's */

    pthread_mutex_t lock;              /* guards what follows */
    struct list queue;
    bool stop;
};

static void call_free(struct http_cold_call *c)
{
    if (c->easy != NULL)
        curl->easy_cleanup(c->easy);
    if (c->headers != NULL)
        curl->slist_free_all(c->headers);
    mem_free(c->method);
    mem_free(c->url);
    buf_fini(&c->body);
    buf_fini(&c->proxy);
    buf_fini(&c->reply);
    buf_fini(&c->flavor);
    mem_free(c);
}

/* ---- on the thread ---------------------------------------------------- */

static size_t on_body(char *data, size_t one UNUSED, size_t len, void *ctx)
{
    struct http_cold_call *c = ctx;
    if (c->reply.len + len > c->reply_max) {
        c->too_large = true;
        return 0;
    }
    buf_append(&c->reply, bytes_of(data, len));
    return len;
}

static size_t on_header(char *data, size_t one UNUSED, size_t len, void *ctx)
{
    struct http_cold_call *c = ctx;
    struct bytes value = bytes_of(data, len);
    struct bytes name = bytes_cut(&value, ':');
    if (bytes_eq_nocase(name, BYTES_LIT("metadata-flavor"))) {
        buf_clear(&c->flavor);
        buf_append(&c->flavor, bytes_trim(value));
    }
    return len;
}

static int on_progress(void *ctx, curl_off_t a UNUSED, curl_off_t b UNUSED, curl_off_t d UNUSED,
                       curl_off_t e UNUSED)
{
    return atomic_load(&((struct http_cold_call *) ctx)->cancelled);
}

#define OPTION(name, value) CHECK(curl->easy_setopt(easy, CURLOPT_##name, (value)) == CURLE_OK)

static void set_request(struct http_cold_call *c, CURL *easy)
{
    OPTION(URL, c->url);
    if (c->body.len > 0 || strcmp(c->method, "POST") == 0) {
        OPTION(POSTFIELDSIZE, (long) c->body.len);
        OPTION(POSTFIELDS, buf_str(&c->body));
    }
    if (strcmp(c->method, "HEAD") == 0)
        OPTION(NOBODY, 1L);
    else
        OPTION(CUSTOMREQUEST, c->method);
    OPTION(HTTPHEADER, c->headers);
    OPTION(USERAGENT, "hl7relay/" HL7RELAY_VERSION);
    OPTION(TIMEOUT_MS, (long) MAX(c->timeout_us / US_PER_MS, (us_t) 1));
    OPTION(WRITEFUNCTION, on_body);
    OPTION(WRITEDATA, c);
    OPTION(HEADERFUNCTION, on_header);
    OPTION(HEADERDATA, c);
    OPTION(NOPROGRESS, 0L);
    OPTION(XFERINFOFUNCTION, on_progress);
    OPTION(XFERINFODATA, c);
    OPTION(PRIVATE, c);
}

static void set_rules(const struct http_cold *h, struct http_cold_call *c, CURL *easy)
{
    OPTION(NOSIGNAL, 1L);
    OPTION(QUICK_EXIT, 1L);    /* a resolver that hangs does not hold up our end */
    OPTION(FOLLOWLOCATION, 0L);
    OPTION(PROTOCOLS_STR, "http,https");
    OPTION(SSL_VERIFYPEER, 1L);
    OPTION(SSL_VERIFYHOST, 2L);
    OPTION(SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    if (h->ca_file[0] != 0)
        OPTION(CAINFO, h->ca_file);
    OPTION(PROXY, buf_str(&c->proxy));    /* "": none, whatever the environment says; that was looked at */
    OPTION(NOPROXY, "");
    OPTION(HTTPPROXYTUNNEL, 1L);
}

static enum err_class class_of(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return ERR_DNS;
    case CURLE_COULDNT_CONNECT:
        return ERR_REFUSED_CONNECT;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return ERR_PROXY;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return ERR_TLS;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ERR_CONFIG;
    case CURLE_ABORTED_BY_CALLBACK:
        return ERR_CANCELLED;
    default:
        return ERR_RESET;
    }
}

static void judge(struct http_cold_call *c, CURLcode code)
{
    long status = 0, tunnel = 0;
    curl_off_t sent_us = 0;
    curl->easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl->easy_getinfo(c->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
    curl->easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
    c->status = (uint16_t) status;
    if (code == CURLE_OK) {
        c->err.reach = ANSWERED;
        return;
    }
    if (c->too_large)
        FAIL(&c->err, TOO_LARGE, "%s: the answer is larger than %zu bytes; is this the right host?", c->host,
             c->reply_max);
    else if (tunnel != 0 && tunnel / 100 != 2)
        FAIL(&c->err, PROXY,
             "%s: the proxy opened no tunnel (status %ld); check its credentials and its rules", c->host,
             tunnel);
    else
        err_set(&c->err, class_of(code), "%s: %s", c->host, curl->easy_strerror(code));
    c->err.reach = sent_us > 0 ? MAYBE_APPLIED : NOT_SENT;
    c->err.http = c->status;
}

static void mail_back(struct http_cold *h, struct http_cold_call *c)
{
    CHECK(mailbox_post(h->done, c));    /* there is room for as many as may be open */
}

static void begin(struct http_cold *h, struct http_cold_call *c)
{
    c->easy = curl->easy_init();
    CHECK(c->easy != NULL);
    set_request(c, c->easy);
    set_rules(h, c, c->easy);
    list_push_back(&h->active, &c->link);
    CHECK(curl->multi_add_handle(h->multi, c->easy) == CURLM_OK);
}

static void begin_queued(struct http_cold *h)
{
    for (;;) {
        pthread_mutex_lock(&h->lock);
        struct list_link *link = list_pop_front(&h->queue);
        pthread_mutex_unlock(&h->lock);
        if (link == NULL)
            return;
        begin(h, CONTAINER_OF(link, struct http_cold_call, link));
    }
}

static void end_finished(struct http_cold *h)
{
    int left;
    for (CURLMsg *m; (m = curl->multi_info_read(h->multi, &left)) != NULL;) {
        struct http_cold_call *c = NULL;
        CURLcode code = m->data.result;
        curl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
        judge(c, code);
        curl->multi_remove_handle(h->multi, c->easy);
        curl->easy_cleanup(c->easy);
        c->easy = NULL;
        list_remove(&h->active, &c->link);
        mail_back(h, c);
    }
}

static bool is_stopped(struct http_cold *h)
{
    pthread_mutex_lock(&h->lock);
    bool stop = h->stop;
    pthread_mutex_unlock(&h->lock);
    return stop;
}

static void *thread_main(void *arg)
{
    struct http_cold *h = arg;
    while (!is_stopped(h)) {
        int running = 0;
        begin_queued(h);
        CHECK(curl->multi_perform(h->multi, &running) == CURLM_OK);
        end_finished(h);
        /* Woken by curl_multi_wakeup() when there is something new; libcurl's own timers count too. */
        CHECK(curl->multi_poll(h->multi, NULL, 0, INT32_MAX, NULL) == CURLM_OK);
    }
    for (struct list_link *link; (link = list_pop_front(&h->active)) != NULL;) {
        struct http_cold_call *c = CONTAINER_OF(link, struct http_cold_call, link);
        curl->multi_remove_handle(h->multi, c->easy);
        call_free(c);
    }
    return NULL;
}

/* ---- on the loop ------------------------------------------------------ */

static void answer(struct http_cold_call *c)
{
    struct http_cold_reply reply = { .err = c->err, .status = c->status, .body = buf_bytes(&c->reply),
                                     .metadata_flavor = buf_bytes(&c->flavor) };
    if (!atomic_load(&c->cancelled))
        c->fn(c->ctx, &reply);
    call_free(c);
}

static void on_done(void *ctx, void *mail)
{
    struct http_cold *h = ctx;
    h->open--;
    answer(mail);
}

static void on_refused(struct loop_task *t)
{
    struct http_cold *h = CONTAINER_OF(t, struct http_cold, task);
    for (struct list_link *link; (link = list_pop_front(&h->refused)) != NULL;)
        answer(CONTAINER_OF(link, struct http_cold_call, link));
}

struct http_cold *http_cold_make(struct loop *l, const struct http_cold_conf *conf)
{
    struct http_cold *h = mem_alloc(sizeof(*h));
    h->loop = l;
    h->done = mailbox_make(l, LIMIT_COLD_CALLS, on_done, h);
    h->task.fn = on_refused;
    h->ca_file = mem_dup(bytes_str(conf->ca_file));
    h->proxy = mem_dup(bytes_str(conf->proxy));
    CHECK(pthread_mutex_init(&h->lock, NULL) == 0);
    list_init(&h->refused);
    list_init(&h->active);
    list_init(&h->queue);
    return h;
}

static void wake(struct http_cold *h)
{
    if (h->multi != NULL)
        curl->multi_wakeup(h->multi);
}

static void stop_thread(struct http_cold *h)
{
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_mutex_unlock(&h->lock);
    wake(h);
    if (h->has_thread)
        pthread_join(h->thread, NULL);
}

void http_cold_free(struct http_cold *h)
{
    if (h == NULL)
        return;
    stop_thread(h);
    for (struct list_link *link; (link = list_pop_front(&h->queue)) != NULL;)
        call_free(CONTAINER_OF(link, struct http_cold_call, link));
    for (struct list_link *link; (link = list_pop_front(&h->refused)) != NULL;)
        call_free(CONTAINER_OF(link, struct http_cold_call, link));
    for (void *mail; (mail = mailbox_take(h->done)) != NULL;)
        call_free(mail);
    loop_task_cancel(h->loop, &h->task);
    mailbox_free(h->done);
    if (h->multi != NULL)
        curl->multi_cleanup(h->multi);
    pthread_mutex_destroy(&h->lock);
    mem_free(h->ca_file);
    mem_free(h->proxy);
    mem_free(h);
}

/* Host and port of the URL: for the choice of the proxy, and for what is told. */
static bool read_url(struct http_cold_call *c, uint16_t *ret_port)
{
    char *host = NULL, *port = NULL;
    CURLU *u = curl->url();
    CHECK(u != NULL);
    bool ok = curl->url_set(u, CURLUPART_URL, c->url, 0) == CURLUE_OK &&
              curl->url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl->url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    uint64_t number = 0;
    ok = ok && bytes_to_u64(bytes_str(port), &number) && number <= UINT16_MAX &&
         strlen(host) < sizeof(c->host);
    struct bytes name = bytes_str(ok ? host : "the URL");
    if (bytes_starts(name, BYTES_LIT("[")))    /* IPv6 comes in brackets */
        name = bytes_sub(name, 1, name.len - 2);
    snprintf(c->host, sizeof(c->host), "%.*s", BYTES_FMT(name));
    *ret_port = (uint16_t) number;
    curl->free(host);
    curl->free(port);
    curl->url_cleanup(u);
    return ok;
}

static bool copy_headers(struct http_cold_call *c, const char *const *headers)
{
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
        if (!net_header_value_ok(bytes_str(headers[i])))
            return FAIL(&c->err, INTERNAL, "%s: a header field holds a control character; nothing was sent",
                        c->host);
        c->headers = curl->slist_append(c->headers, headers[i]);
        CHECK(c->headers != NULL);
    }
    /* libcurl would wait a second for a "100 Continue" that many servers never send. */
    c->headers = curl->slist_append(c->headers, "Expect:");
    CHECK(c->headers != NULL);
    return true;
}

static bool prepare(struct http_cold *h, struct http_cold_call *c, const struct http_cold_request *req)
{
    uint16_t port = 0;
    if (curl == NULL && (curl = curl_calls(&c->err)) == NULL)
        return false;
    if (!read_url(c, &port))
        return FAIL(&c->err, CONFIG,
                    "a URL that was configured or received is not valid; it must be http or https");
    TRY(copy_headers(c, req->headers));
    if (h->open >= LIMIT_COLD_CALLS)
        return FAIL(&c->err, INTERNAL, "%s: too many requests wait on the cold path", c->host);
    const char *proxy = req->no_proxy ? NULL : proxy_for_host(h->proxy, c->host, port);
    buf_append_str(&c->proxy, proxy != NULL ? proxy : "");
    return true;
}

struct http_cold_call *http_cold_start(struct http_cold *h, const struct http_cold_request *req,
                                       http_cold_fn *fn, void *ctx)
{
    CHECK(fn != NULL && req->timeout_us > 0 && req->reply_max > 0);
    struct http_cold_call *c = mem_alloc(sizeof(*c));
    c->owner = h;
    c->fn = fn;
    c->ctx = ctx;
    c->method = mem_dup(bytes_str(req->method));
    c->url = mem_dup(bytes_str(req->url));
    c->reply_max = req->reply_max;
    c->timeout_us = req->timeout_us;
    buf_append(&c->body, req->body);
    if (!prepare(h, c, req)) {
        c->err.reach = NOT_SENT;
        list_push_back(&h->refused, &c->link);
        loop_task_post(h->loop, &h->task);
        return c;
    }
    h->open++;
    pthread_mutex_lock(&h->lock);
    list_push_back(&h->queue, &c->link);
    pthread_mutex_unlock(&h->lock);
    if (!h->has_thread) {
        h->multi = curl->multi_init();
        CHECK(h->multi != NULL);
        CHECK(pthread_create(&h->thread, NULL, thread_main, h) == 0);
        h->has_thread = true;
    }
    wake(h);
    return c;
}

void http_cold_cancel(struct http_cold_call *c)
{
    atomic_store(&c->cancelled, true);
    wake(c->owner);
}
