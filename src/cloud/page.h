/*
 * The page at / and the local cloud's own paths:
 *
 *   GET  /                       for browsers (Accept: text/html): what is in it; else "Ok", as emulators say
 *   GET  /healthz /livez /readyz /startupz         for orchestrators, from anywhere
 *   GET  /-/state                the same as JSON
 *   GET  /-/page.css /-/page.js /-/icon.svg        what the page needs; nothing comes from elsewhere
 *   POST /-/faults               action=add|on|off|remove        (form fields)
 *   POST /-/reset                project=ID, or all=yes
 *
 * Who may: pages are given to those who name this port by an address, localhost or the name it was told to
 * listen on (a DNS name that somebody pointed here is refused: 421). What changes something must come from
 * this machine (403 otherwise) and, if a browser sends it, from this very page (Origin, Sec-Fetch-Site).
 */
#ifndef CLOUD_PAGE_H
#define CLOUD_PAGE_H

#include "cloud/census.h"
#include "net/route.h"

/* False: not one of these paths. */
bool cloud_page_route(struct cloud *c, const struct net_request *r, struct net_route *ret_route);
bool cloud_page_is_own(struct bytes path);    /* requests that the page does not count */

/* --- page_guard.c --- */

/* 0: may go on; else the status to answer with, and the sentence. */
uint16_t cloud_page_guard(const struct cloud *c, const struct net_request *r, bool changes, const char **ret_why);

/* --- page_html.c --- */

/* problem NULL: none. at: how the browser calls us, "127.0.0.1:8085". may_change: the switches work for who asks. */
struct cloud_page_view {
    const struct cloud_census *census;
    const char *problem;
    const char *at;
    bool tls, may_change;
};
void cloud_page_html(struct cloud *c, const struct cloud_page_view *view, struct buf *out);

/* --- page_faults.c --- */

void cloud_page_faults(struct cloud *c, bool may_change, struct buf *out);
/* What the form asks for. Class USAGE or CONFIG: cannot be done. */
bool cloud_page_faults_change(struct cloud *c, const struct query *form, struct err *err) MUST_USE;

/* --- page_text.c --- */

enum { CLOUD_PAGE_TEXT = 48 };

/* "12,345", "10,000+"; "3 m 12 s". They return text. */
const char *cloud_page_number(uint64_t n, bool more, char text[CLOUD_PAGE_TEXT]);
const char *cloud_page_duration(us_t us, char text[CLOUD_PAGE_TEXT]);
/* What stands after the last '/'. */
const char *cloud_page_last(const char *name);

#endif
