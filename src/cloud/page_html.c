/* The page at /: what is in the local cloud, in the order in which a developer asks. No content of messages. */
#include "cloud/page.h"

#include "cloud/fault.h"
#include "cloud/seen.h"
#include "loop/clock.h"
#include "net/html.h"

#include <stdio.h>

enum { SEEN_SHOWN = 50 };

/* "projects/P/topics/T": the id, and in small print the project, unless there is only one. */
static void put_name(const char *name, struct buf *out)
{
    struct bytes rest = bytes_str(name);
    (void) bytes_cut(&rest, '/');
    CLEANUP(buf_fini) struct buf project = { 0 };
    buf_append(&project, bytes_cut(&rest, '/'));
    HTML(out, "<th scope=\"row\"><span class=\"id\" title=\"$\">$</span> <small>$</small></th>", name, cloud_page_last(name),
         buf_str(&project));
}

static void put_table(const char *id, const char *head, struct buf *out)
{
    HTML(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"h-$\"><table><thead><tr>", id);
    buf_append_str(out, head);
    buf_append_str(out, "</tr></thead><tbody>");
}

static void end_table(size_t count, size_t shown, struct buf *out)
{
    char more[CLOUD_PAGE_TEXT];
    buf_append_str(out, "</tbody></table></div>");
    if (count > shown)
        HTML(out, "<p class=\"none\">and $ more: <a href=\"/-/state\">/-/state</a> has them all</p>",
             cloud_page_number(count - shown, false, more));
}

/* --- top --- */

static void put_head(struct cloud *c, const struct cloud_page_view *view, struct buf *out)
{
    char up[CLOUD_PAGE_TEXT];
    bool failing = cloud_db_is_failing(c->db);
    HTML(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Local cloud &#183; $</title>"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">"
         "<link rel=\"icon\" href=\"/-/icon.svg\"><link rel=\"stylesheet\" href=\"/-/page.css\">"
         "<script src=\"/-/page.js\" defer></script><noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript></head><body>"
         "<a class=\"skip\" href=\"#main\">Skip to what is in it</a><header><img src=\"/-/icon.svg\" alt=\"\" width=\"40\" height=\"40\">"
         "<div class=\"title\"><h1>Local cloud</h1><p id=\"facts\" data-live><code>$</code> &#183; ", view->at, view->at);
    buf_append_str(out, cloud_db_is_durable(c->db) ? "kept on disk" : "in memory only");
    HTML(out, " &#183; up $ &#183; hl7relay $</p></div>", cloud_page_duration(loop_now(c->loop) - c->started_us, up), HL7RELAY_VERSION);
    buf_append_str(out, "<button id=\"pause\" class=\"plain\" aria-pressed=\"false\" hidden><span class=\"pulse\" aria-hidden=\"true\"></span>"
                        "<span id=\"pause-text\">Live</span></button></header><main id=\"main\"><div id=\"problem\" aria-live=\"polite\">");
    if (failing)
        buf_append_str(out, "<p class=\"problem\">The disk cannot be written: every change is answered UNAVAILABLE. "
                            "The program's standard error says why.</p>");
    if (view->problem != NULL)
        HTML(out, "<p class=\"problem\">$</p>", view->problem);
    buf_append_str(out, "</div>");
}

static void put_tile(const char *id, const char *label, const char *value, const char *note, const char *class, struct buf *out)
{
    HTML(out, "<li class=\"$\"><span class=\"label\">$</span> <b id=\"tile-$\">$</b> <span class=\"note\">$</span></li>", class, label, id, value,
         note);
}

static uint64_t faults_on(const struct cloud *c, uint64_t *ret_struck)
{
    const struct cloud_fault_rule *rule;
    enum cloud_fault_origin origin;
    uint64_t on = 0;
    *ret_struck = 0;
    for (size_t i = 0; (rule = cloud_fault_at(c->fault, i, &origin)) != NULL; i++) {
        on += !rule->off;
        *ret_struck += rule->struck;
    }
    return on;
}

static void put_tiles(struct cloud *c, const struct cloud_census *census, struct buf *out)
{
    char value[CLOUD_PAGE_TEXT], small[CLOUD_PAGE_TEXT], note[2 * CLOUD_PAGE_TEXT];
    uint64_t struck, on = faults_on(c, &struck);
    us_t oldest = -1;
    for (size_t i = 0; i < census->subs_count; i++)
        oldest = MAX(oldest, census->subs[i].oldest_us);
    buf_append_str(out, "<ul class=\"tiles\" id=\"tiles\" data-live aria-label=\"In short\">");
    snprintf(note, sizeof(note), "%s%s", oldest < 0 ? "nothing waits" : "oldest ", oldest < 0 ? "" : cloud_page_duration(oldest, small));
    put_tile("unacked", "Unacknowledged", cloud_page_number(census->unacked.n, census->unacked.more, value), note, "", out);
    snprintf(note, sizeof(note), "%s %s", cloud_page_number(census->consumers, false, small),
             census->consumers == 1 ? "consumer" : "consumers");
    put_tile("leased", "Leases out", cloud_page_number(census->leased, false, value), note, "", out);
    snprintf(note, sizeof(note), "%s %s", cloud_page_number(census->subs_count, false, small),
             census->subs_count == 1 ? "subscription" : "subscriptions");
    put_tile("topics", "Topics", cloud_page_number(census->topics_count, false, value), note, "", out);
    snprintf(note, sizeof(note), "%s %s", cloud_page_number(census->stores_count, false, small),
             census->stores_count == 1 ? "store" : "stores");
    put_tile("messages", "HL7v2 messages", cloud_page_number(census->messages.n, census->messages.more, value), note, "", out);
    snprintf(note, sizeof(note), "struck %s times", cloud_page_number(struck, false, small));
    put_tile("faults", "Faults on", cloud_page_number(on, false, value), note, on > 0 ? "alert" : "", out);
    put_tile("requests", "Requests", cloud_page_number(cloud_seen_count(c->seen), false, value), "since the start", "", out);
    buf_append_str(out, "</ul>");
}

/* Nothing in it yet: what to do. */
static void put_welcome(const struct cloud_page_view *view, struct buf *out)
{
    const struct cloud_census *census = view->census;
    buf_append_str(out, "<div id=\"welcome\" data-live>");
    if (census->topics_count + census->subs_count + census->datasets_count == 0)
        HTML(out, "<section class=\"welcome\" aria-labelledby=\"h-welcome\"><h2 id=\"h-welcome\">Nothing in it yet</h2>"
             "<p>Point clients here, then make topics and stores as you would in Google Cloud:</p>"
             "<pre tabindex=\"0\"><code>eval \"&#36;(hl7relay emulate env-init --host-port $)\"</code></pre>"
             "<p>Or have it furnished at every start: <code>hl7relay emulate --seed cloud.json</code></p></section>", view->at);
    buf_append_str(out, "</div>");
}

/* --- Pub/Sub --- */

static void put_subs(const struct cloud_census *census, struct buf *out)
{
    size_t shown = MIN(census->subs_count, (size_t) LIMIT_CLOUD_ROWS);
    buf_append_str(out, "<section aria-labelledby=\"h-subs\" id=\"subs\" data-live><h2 id=\"h-subs\">Subscriptions</h2>");
    if (shown == 0) {
        buf_append_str(out, "<p class=\"none\">None.</p></section>");
        return;
    }
    put_table("subs", "<th scope=\"col\">Subscription</th><th scope=\"col\" class=\"n\">Unacknowledged</th><th scope=\"col\" class=\"n\">Oldest</th>"
                      "<th scope=\"col\" class=\"n\">Leased</th><th scope=\"col\" class=\"n wide\">Consumers</th>"
                      "<th scope=\"col\" class=\"wide\">Topic</th>", out);
    for (size_t i = 0; i < shown; i++) {
        const struct cloud_census_sub *s = &census->subs[i];
        char unacked[CLOUD_PAGE_TEXT], age[CLOUD_PAGE_TEXT], leased[CLOUD_PAGE_TEXT], consumers[CLOUD_PAGE_TEXT];
        buf_append_str(out, "<tr>");
        put_name(s->name, out);
        HTML(out, "<td class=\"n$\">$</td><td class=\"n\">$</td><td class=\"n\">$</td><td class=\"n wide\">$</td><td class=\"wide\">$</td></tr>",
             s->unacked.n > 0 ? " some" : "", cloud_page_number(s->unacked.n, s->unacked.more, unacked),
             s->oldest_us < 0 ? "\xe2\x80\x93" : cloud_page_duration(s->oldest_us, age), cloud_page_number(s->leased, false, leased),
             cloud_page_number(s->consumers, false, consumers), s->topic != NULL ? cloud_page_last(s->topic) : "(deleted)");
    }
    end_table(census->subs_count, shown, out);
    buf_append_str(out, "</section>");
}

static void put_topics(const struct cloud_census *census, struct buf *out)
{
    size_t shown = MIN(census->topics_count, (size_t) LIMIT_CLOUD_ROWS);
    buf_append_str(out, "<section aria-labelledby=\"h-topics\" id=\"topics\" data-live><h2 id=\"h-topics\">Topics</h2>");
    if (shown == 0) {
        buf_append_str(out, "<p class=\"none\">None.</p></section>");
        return;
    }
    put_table("topics", "<th scope=\"col\">Topic</th><th scope=\"col\" class=\"n\">Subscriptions</th>", out);
    for (size_t i = 0; i < shown; i++) {
        char n[CLOUD_PAGE_TEXT];
        buf_append_str(out, "<tr>");
        put_name(census->topics[i].name, out);
        HTML(out, "<td class=\"n\">$</td></tr>", cloud_page_number(census->topics[i].subscriptions, false, n));
    }
    end_table(census->topics_count, shown, out);
    buf_append_str(out, "</section>");
}

/* --- stores --- */

/* "projects/P/locations/L/datasets/D/hl7V2Stores/S" without its words: "P / L / D". */
static void dataset_of(const char *name, struct buf *out)
{
    struct bytes rest = bytes_str(name);
    for (int i = 0; i < 3; i++) {
        (void) bytes_cut(&rest, '/');
        buf_append_str(out, i > 0 ? " / " : "");
        buf_append(out, bytes_cut(&rest, '/'));
    }
}

static void put_stores(const struct cloud_census *census, struct buf *out)
{
    size_t shown = MIN(census->stores_count, (size_t) LIMIT_CLOUD_ROWS);
    buf_append_str(out, "<section aria-labelledby=\"h-stores\" id=\"stores\" data-live><h2 id=\"h-stores\">HL7v2 stores</h2>");
    if (shown == 0) {
        HTML(out, "<p class=\"none\">None$.</p></section>", census->datasets_count > 0 ? ", but datasets for them" : "");
        return;
    }
    put_table("stores", "<th scope=\"col\">Store</th><th scope=\"col\" class=\"n\">Messages</th><th scope=\"col\" class=\"n wide\">Announced to</th>"
                        "<th scope=\"col\" class=\"wide\">Takes</th>", out);
    for (size_t i = 0; i < shown; i++) {
        const struct cloud_census_store *s = &census->stores[i];
        char messages[CLOUD_PAGE_TEXT], topics[2 * CLOUD_PAGE_TEXT], n[CLOUD_PAGE_TEXT];
        CLEANUP(buf_fini) struct buf dataset = { 0 };
        dataset_of(s->name, &dataset);
        snprintf(topics, sizeof(topics), "%s %s", s->notifications > 0 ? cloud_page_number(s->notifications, false, n) : "no",
                 s->notifications == 1 ? "topic" : "topics");
        HTML(out, "<tr><th scope=\"row\"><span class=\"id\" title=\"$\">$</span> <small>$</small></th><td class=\"n\">$</td>"
             "<td class=\"n wide\">$</td><td class=\"wide\">$</td></tr>", s->name, cloud_page_last(s->name), buf_str(&dataset),
             cloud_page_number(s->messages.n, s->messages.more, messages), topics,
             s->accepts_all ? "any bytes" : s->rejects_duplicates ? "HL7v2, no duplicates" : "HL7v2");
    }
    end_table(census->stores_count, shown, out);
    buf_append_str(out, "</section>");
}

/* --- requests --- */

static const char *class_of(const struct cloud_seen_one *one)
{
    if (one->status == 0 || one->status >= 500)
        return "bad";
    if (one->grpc_status > 0)
        return "warn";
    return one->status >= 400 ? "warn" : "good";
}

static void status_of(const struct cloud_seen_one *one, char text[CLOUD_PAGE_TEXT])
{
    if (one->status == 0)
        snprintf(text, CLOUD_PAGE_TEXT, "no answer");
    else if (one->grpc_status >= 0)
        snprintf(text, CLOUD_PAGE_TEXT, "gRPC %d", one->grpc_status);
    else
        snprintf(text, CLOUD_PAGE_TEXT, "%u", one->status);
}

static void put_requests(struct cloud *c, struct buf *out)
{
    const struct cloud_seen_one *one;
    buf_append_str(out, "<section aria-labelledby=\"h-requests\" id=\"requests\" data-live><h2 id=\"h-requests\">Recent requests</h2>");
    if (cloud_seen_count(c->seen) == 0) {
        buf_append_str(out, "<p class=\"none\">None yet.</p></section>");
        return;
    }
    put_table("requests", "<th scope=\"col\">Time (UTC)</th><th scope=\"col\">Method</th><th scope=\"col\">Path</th><th scope=\"col\">Status</th>"
                          "<th scope=\"col\" class=\"n wide\">Took</th>", out);
    for (size_t i = 0; i < SEEN_SHOWN && (one = cloud_seen_at(c->seen, i)) != NULL; i++) {
        char when[CLOCK_RFC3339_LEN], took[CLOUD_PAGE_TEXT], status[CLOUD_PAGE_TEXT];
        clock_rfc3339(one->wall_us, when);
        when[sizeof("2006-01-02T15:04:05") - 1] = '\0';
        status_of(one, status);
        HTML(out, "<tr><td><time datetime=\"$Z\">$</time></td><td>$</td><td class=\"path\"><code>$</code></td>"
             "<td><span class=\"status $\">$</span></td><td class=\"n wide\">$</td></tr>", when, when + sizeof("2006-01-02T") - 1, one->method,
             one->path, class_of(one), status, cloud_page_duration(one->took_us, took));
    }
    buf_append_str(out, "</tbody></table></div></section>");
}

/* --- bottom --- */

/* Projects that own something, each once: names are sorted, so that the same ones stand together in each list. */
static void put_projects(const struct cloud_census *census, struct buf *out)
{
    CLEANUP(buf_fini) struct buf seen = { 0 };
    size_t total = census->topics_count + census->subs_count + census->datasets_count;
    for (size_t i = 0; i < MIN(total, (size_t) LIMIT_CLOUD_ROWS); i++) {
        const char *name = i < census->topics_count ? census->topics[i].name
                           : i < census->topics_count + census->subs_count ? census->subs[i - census->topics_count].name
                           : census->datasets[i - census->topics_count - census->subs_count];
        CLEANUP(buf_fini) struct buf project = { 0 }, mark = { 0 };
        struct bytes rest = bytes_str(name);
        (void) bytes_cut(&rest, '/');
        buf_append(&project, bytes_cut(&rest, '/'));
        buf_printf(&mark, "/%s/", buf_str(&project));
        if (strstr(buf_str(&seen), buf_str(&mark)) != NULL)
            continue;
        buf_append(&seen, buf_bytes(&mark));
        HTML(out, "<option value=\"$\">", buf_str(&project));
    }
}

static void put_foot(const struct cloud_page_view *view, struct buf *out)
{
    HTML(out, "<details id=\"empty\"><summary>Empty it&#8230;</summary><form method=\"post\" action=\"/-/reset\" data-quiet><fieldset$>"
         "<legend>Topics, subscriptions, datasets, stores and messages are removed at once, for good.</legend>"
         "<label>Project<input name=\"project\" id=\"empty-project\" autocomplete=\"off\" placeholder=\"my-project\" list=\"projects\" required></label>"
         "<datalist id=\"projects\">", view->may_change ? "" : " disabled");
    put_projects(view->census, out);
    HTML(out, "</datalist><button class=\"danger\" id=\"empty-one\">Empty this project</button></fieldset></form>"
         "<form method=\"post\" action=\"/-/reset\" data-quiet><fieldset$><label class=\"check\"><input type=\"checkbox\" name=\"all\" value=\"yes\" "
         "id=\"empty-sure\" required> All projects, I am sure</label><button class=\"danger\" id=\"empty-all\">Empty everything</button></fieldset>"
         "</form></details></main>", view->may_change ? "" : " disabled");
    buf_append_str(out, "<footer><a href=\"/-/state\">As JSON</a> <a href=\"/healthz\">Health</a> "
                        "<span>Names and numbers only: no content of messages is shown here.</span></footer></body></html>\n");
}

void cloud_page_html(struct cloud *c, const struct cloud_page_view *view, struct buf *out)
{
    put_head(c, view, out);
    put_tiles(c, view->census, out);
    put_welcome(view, out);
    buf_append_str(out, "<div class=\"columns\"><div>");
    put_subs(view->census, out);
    put_topics(view->census, out);
    buf_append_str(out, "</div><div>");
    put_stores(view->census, out);
    cloud_page_faults(c, view->may_change, out);
    buf_append_str(out, "</div></div>");
    put_requests(c, out);
    put_foot(view, out);
}
