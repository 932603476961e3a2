#include "cloud/page.h"

#include "base/mem.h"
#include "cloud/reset.h"

#include "page_assets.h"

static const char POLICY[] =
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'";

static const char TEXT[] = "text/plain; charset=utf-8", HTML_TYPE[] = "text/html; charset=utf-8",
                  JSON[] = "application/json; charset=utf-8";

static void answer(struct net_request *r, uint16_t status, const char *type, struct bytes body)
{
    const struct net_header headers[] = {
        { BYTES_LIT("content-type"), bytes_str(type) },
        { BYTES_LIT("cache-control"), BYTES_LIT("no-store") },
        { BYTES_LIT("content-security-policy"), bytes_str(POLICY) },
        { BYTES_LIT("x-content-type-options"), BYTES_LIT("nosniff") },
        { BYTES_LIT("x-frame-options"), BYTES_LIT("DENY") },
        { BYTES_LIT("referrer-policy"), BYTES_LIT("same-origin") },
        { BYTES_LIT("cross-origin-opener-policy"), BYTES_LIT("same-origin") },
        { BYTES_LIT("cross-origin-resource-policy"), BYTES_LIT("same-origin") },
    };
    net_reply(r, status, headers, ARRAY_LEN(headers), body);
}

static void answer_text(struct net_request *r, uint16_t status, const char *text)
{
    CLEANUP(buf_fini) struct buf body = { 0 };
    buf_printf(&body, "%s\n", text);
    answer(r, status, TEXT, buf_bytes(&body));
}

static bool wants_html(const struct net_request *r)
{
    struct bytes list = net_request_header(r, "accept");
    while (list.len > 0) {
        struct bytes item = bytes_cut(&list, ',');
        if (bytes_eq_nocase(bytes_trim(bytes_cut(&item, ';')), BYTES_LIT("text/html")))
            return true;
    }
    return false;
}

/* --- what is looked at --- */

static void answer_census(struct cloud *c, struct net_request *r, uint16_t status, const char *problem, bool html)
{
    CLEANUP(cloud_census_fini) struct cloud_census census;
    CLEANUP(buf_fini) struct buf out = { 0 }, at = { 0 };
    struct err err = { 0 };
    const char *why;
    if (!cloud_census_take(c, &census, &err)) {
        answer_text(r, 503, "The local cloud cannot read its disk.");
        return;
    }
    buf_append(&at, net_request_authority(r));
    struct cloud_page_view view = {
        .census = &census, .problem = problem, .at = buf_str(&at), .tls = net_request_is_tls(r),
        .may_change = cloud_page_guard(c, r, true, &why) == 0 || bytes_eq_str(net_request_method(r), "POST")
    };
    if (html)
        cloud_page_html(c, &view, &out);
    else
        cloud_census_json(c, &census, &out);
    net_reply_may_gzip(r);
    answer(r, status, html ? HTML_TYPE : JSON, buf_bytes(&out));
}

static void get_page(struct cloud *c, struct net_request *r)
{
    answer_census(c, r, 200, NULL, true);
}

static void get_state(struct cloud *c, struct net_request *r)
{
    answer_census(c, r, 200, NULL, false);
}

static void get_style(struct cloud *c UNUSED, struct net_request *r)
{
    answer(r, 200, "text/css; charset=utf-8", bytes_of(page_css, sizeof(page_css) - 1));
}

static void get_script(struct cloud *c UNUSED, struct net_request *r)
{
    answer(r, 200, "text/javascript; charset=utf-8", bytes_of(page_js, sizeof(page_js) - 1));
}

static void get_icon(struct cloud *c UNUSED, struct net_request *r)
{
    answer(r, 200, "image/svg+xml", bytes_of(page_icon_svg, sizeof(page_icon_svg) - 1));
}

/* --- health --- */

static void get_live(struct cloud *c UNUSED, struct net_request *r)
{
    answer_text(r, 200, "ok");
}

static void get_ready(struct cloud *c, struct net_request *r)
{
    if (c->draining)
        answer_text(r, 503, "the local cloud is stopping");
    else if (cloud_db_is_failing(c->db))
        answer_text(r, 503, "the local cloud's disk cannot be written; its standard error says why");
    else
        answer_text(r, 200, "ok");
}

/* --- what changes something --- */

static void done(struct cloud *c, struct net_request *r, const struct err *err)
{
    CLEANUP(buf_fini) struct buf json = { 0 };
    bool html = wants_html(r);
    if (err != NULL && html) {
        answer_census(c, r, 400, err->text, true);
    } else if (html) {
        static const struct net_header back[] = { { { "location", 8 }, { "/", 1 } } };
        net_reply(r, 303, back, 1, BYTES_LIT(""));
    } else {
        struct json_writer w = json_write_to(&json);
        json_write_object(&w, NULL);
        if (err != NULL)
            json_write_str(&w, "error", bytes_str(err->text));
        json_write_end(&w);
        answer(r, err != NULL ? 400 : 200, JSON, buf_bytes(&json));
    }
}

static void post_faults(struct cloud *c, struct net_request *r, const struct query *form)
{
    struct err err = { 0 };
    done(c, r, cloud_page_faults_change(c, form, &err) ? NULL : &err);
}

/* A reset is answered once it is durable; the browser may be gone by then. */
struct resetting {
    struct cloud *c;
    struct net_request *r;
};

static void reset_gone(void *ctx)
{
    ((struct resetting *) ctx)->r = NULL;
}

static void reset_done(void *ctx, const struct err *err)
{
    struct resetting *reset = ctx;
    if (reset->r != NULL && err != NULL)
        answer_text(reset->r, 503, "The local cloud could not write to its disk; nothing was emptied.");
    else if (reset->r != NULL)
        done(reset->c, reset->r, NULL);
    mem_free(reset);
}

static void post_reset(struct cloud *c, struct net_request *r, const struct query *form)
{
    static const struct net_request_events events = { .on_gone = reset_gone };
    struct bytes project = query_get(form, "project");
    bool all = bytes_eq_str(query_get(form, "all"), "yes");
    struct err err = { 0 };
    if (all == (project.len > 0) || bytes_find(project, 0, '/') < project.len) {
        err_set(&err, ERR_USAGE, "say what to empty: project=ID, or all=yes");
        done(c, r, &err);
        return;
    }
    struct resetting *reset = mem_alloc(sizeof(*reset));
    *reset = (struct resetting) { c, r };
    net_request_watch(r, &events, reset);
    cloud_reset(c, project, reset_done, reset);
}

/* --- the table of paths --- */

static const struct row {
    const char *path;
    void (*get)(struct cloud *c, struct net_request *r);
    void (*post)(struct cloud *c, struct net_request *r, const struct query *form);
    bool open;    /* for whoever asks, by whatever name */
} rows[] = {
    { "/", get_page, NULL, false },
    { "/-/state", get_state, NULL, false },
    { "/-/page.css", get_style, NULL, false },
    { "/-/page.js", get_script, NULL, false },
    { "/-/icon.svg", get_icon, NULL, false },
    { "/-/faults", NULL, post_faults, false },
    { "/-/reset", NULL, post_reset, false },
    { "/healthz", get_ready, NULL, true },
    { "/readyz", get_ready, NULL, true },
    { "/livez", get_live, NULL, true },
    { "/startupz", get_live, NULL, true },
};

static const struct row *find(struct bytes path)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bytes_eq_str(path, rows[i].path))
            return &rows[i];
    return NULL;
}

static void post(struct cloud *c, struct net_request *r, const struct row *row)
{
    CLEANUP(query_fini) struct query form = { 0 };
    struct err err = { 0 };
    if (query_parse(net_request_body(r), &form)) {
        row->post(c, r, &form);
        return;
    }
    err_set(&err, ERR_USAGE, "the body of this request is no form");
    done(c, r, &err);
}

static void serve(void *ctx, struct net_request *r)
{
    struct cloud *c = ctx;
    const struct row *row = find(net_request_path(r));
    struct bytes method = net_request_method(r);
    bool get = bytes_eq_str(method, "GET") || bytes_eq_str(method, "HEAD"), posted = bytes_eq_str(method, "POST");
    const char *why = "";
    uint16_t status = row != NULL && row->open ? 0 : cloud_page_guard(c, r, !get, &why);
    if (status == 0 && row == NULL) {
        status = 404;
        why = "There is no such page; GET / has them all.";
    }
    if (status != 0)
        answer_text(r, status, why);
    else if (get && row->get != NULL)
        row->get(c, r);
    else if (posted && row->post != NULL)
        post(c, r, row);
    else
        answer_text(r, 405, "This path does not take that method.");
}

bool cloud_page_is_own(struct bytes path)
{
    return bytes_starts(path, BYTES_LIT("/-/")) || find(path) != NULL;
}

bool cloud_page_route(struct cloud *c, const struct net_request *r, struct net_route *ret_route)
{
    struct bytes path = net_request_path(r);
    if (!cloud_page_is_own(path) || (path.len == 1 && !wants_html(r)))
        return false;
    *ret_route = (struct net_route) { NET_BUFFERED, LIMIT_CLOUD_ADMIN_BODY, serve, c };
    return true;
}
