/* Faults on the page: what is in force and how often it struck, switches, and a form for one more. */
#include "cloud/page.h"

#include "cloud/fault.h"
#include "net/html.h"

#include <inttypes.h>
#include <stdio.h>

static void put_rule(const struct cloud_fault_rule *rule, enum cloud_fault_origin origin, bool may_change, struct buf *out)
{
    static const char *const origins[] = { "file", "flag", "page" };
    char number[24], struck[CLOUD_PAGE_TEXT], matched[CLOUD_PAGE_TEXT];
    CLEANUP(buf_fini) struct buf line = { 0 };
    cloud_fault_rules_write(rule, &line);
    snprintf(number, sizeof(number), "%" PRIu32, rule->number);
    HTML(out, "<tr><td><form method=\"post\" action=\"/-/faults\" data-quiet><input type=\"hidden\" name=\"number\" value=\"$\">"
         "<button class=\"switch\" id=\"switch-$\" role=\"switch\" aria-checked=\"$\" name=\"action\" value=\"$\" "
         "aria-label=\"Fault $\"$><span>$</span></button></form></td>", number, number, rule->off ? "false" : "true",
         rule->off ? "on" : "off", buf_str(&line), may_change ? "" : " disabled", rule->off ? "off" : "on");
    HTML(out, "<th scope=\"row\"><code>$</code></th><td class=\"n\" title=\"of $ requests that matched since it was switched on\">$</td>"
         "<td class=\"wide\">$</td><td>", buf_str(&line), cloud_page_number(rule->matched, false, matched),
         cloud_page_number(rule->struck, false, struck), origins[origin]);
    if (origin == CLOUD_FAULT_OF_PAGE)
        HTML(out, "<form method=\"post\" action=\"/-/faults\" data-quiet><input type=\"hidden\" name=\"number\" value=\"$\">"
             "<button class=\"plain\" id=\"remove-$\" name=\"action\" value=\"remove\" aria-label=\"Remove fault $\"$>Remove</button></form>",
             number, number, buf_str(&line), may_change ? "" : " disabled");
    buf_append_str(out, "</td></tr>");
}

static void put_list(const struct cloud *c, bool may_change, struct buf *out)
{
    const struct cloud_fault_rule *rule;
    enum cloud_fault_origin origin;
    size_t count = 0;
    buf_append_str(out, "<div id=\"fault-list\" data-live>");
    while ((rule = cloud_fault_at(c->fault, count, &origin)) != NULL) {
        if (count++ == 0)
            buf_append_str(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"h-faults\"><table><thead><tr>"
                                "<th scope=\"col\">Switch</th><th scope=\"col\">Rule</th><th scope=\"col\" class=\"n\">Struck</th>"
                                "<th scope=\"col\" class=\"wide\">From</th><th scope=\"col\"><span class=\"hidden\">Remove</span></th>"
                                "</tr></thead><tbody>");
        put_rule(rule, origin, may_change, out);
    }
    buf_append_str(out, count > 0 ? "</tbody></table></div>" : "<p class=\"none\">No faults: every request is answered as it should be.</p>");
    buf_append_str(out, "</div>");
}

static void put_form(bool may_change, struct buf *out)
{
    static const char *const statuses[][2] = {
        { "503", "503 unavailable" }, { "429", "429 throttled" }, { "500", "500 internal error" }, { "504", "504 timed out" },
        { "403", "403 forbidden" }, { "401", "401 unauthenticated" }, { "404", "404 not found" },
    };
    static const char *const ops[] = {
        "any", "stores", "pubsub",
#define FAULT_OP(name, word, group, meaning) word,
#include "cloud/fault_kinds.def"
    };
    static const char *const kinds[] = {
#define FAULT_KIND(name, word, when, meaning) word,
#include "cloud/fault_kinds.def"
    };
    HTML(out, "<form class=\"add\" id=\"fault-form\" method=\"post\" action=\"/-/faults\" data-quiet><fieldset$>"
         "<legend class=\"hidden\">Switch a fault on</legend><input type=\"hidden\" name=\"action\" value=\"add\">"
         "<label>Requests<select name=\"on\" id=\"fault-on\">", may_change ? "" : " disabled");
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        HTML(out, "<option>$</option>", ops[i]);
    buf_append_str(out, "</select></label><label class=\"large\">Fault<select name=\"fault\" id=\"fault-kind\">");
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        HTML(out, "<option value=\"$\">$</option>", statuses[i][0], statuses[i][1]);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (*kinds[i] != '\0')
            HTML(out, "<option>$</option>", kinds[i]);
    HTML(out, "</select></label><label>To<input name=\"target\" id=\"fault-target\" autocomplete=\"off\" placeholder=\"any store, topic&#8230;\" "
         "size=\"10\"></label><label class=\"large\">How often<input name=\"keys\" id=\"fault-keys\" autocomplete=\"off\" placeholder=\"p=0.05,ms=100-500\" "
         "size=\"10\" list=\"fault-examples\"></label><datalist id=\"fault-examples\"><option value=\"p=0.05\"><option value=\"every=10\">"
         "<option value=\"first=3\"><option value=\"until=60\"><option value=\"p=0.1,retry_after=1\"><option value=\"ms=100-500\"></datalist>"
         "<button id=\"fault-add\">Switch on</button></fieldset></form>");
    if (!may_change)
        buf_append_str(out, "<p class=\"none\">Switches work from the local cloud's own machine only.</p>");
}

void cloud_page_faults(struct cloud *c, bool may_change, struct buf *out)
{
    buf_append_str(out, "<section aria-labelledby=\"h-faults\"><h2 id=\"h-faults\">Faults on command</h2>");
    put_list(c, may_change, out);
    put_form(may_change, out);
    buf_append_str(out, "</section>");
}

/* The line that the form's fields, or its field "rule", spell. */
static void line_of(const struct query *form, struct buf *line)
{
    struct bytes rule = query_get(form, "rule"), target = bytes_trim(query_get(form, "target"));
    struct bytes keys = bytes_trim(query_get(form, "keys"));
    if (rule.len > 0) {
        buf_append(line, rule);
        return;
    }
    buf_append(line, query_get(form, "on"));
    if (target.len > 0) {
        buf_append_char(line, '@');
        buf_append(line, target);
    }
    buf_append_char(line, ':');
    buf_append(line, query_get(form, "fault"));
    if (keys.len > 0) {
        buf_append_char(line, ':');
        buf_append(line, keys);
    }
}

bool cloud_page_faults_change(struct cloud *c, const struct query *form, struct err *err)
{
    struct bytes action = query_get(form, "action");
    uint64_t number = 0;
    bool found;
    if (bytes_eq_str(action, "add")) {
        CLEANUP(buf_fini) struct buf line = { 0 };
        line_of(form, &line);
        return cloud_fault_add(c->fault, buf_bytes(&line), err);
    }
    bool numbered = bytes_to_u64(query_get(form, "number"), &number);
    if (bytes_eq_str(action, "on") || bytes_eq_str(action, "off"))
        found = numbered && cloud_fault_switch(c->fault, number, bytes_eq_str(action, "on"));
    else if (bytes_eq_str(action, "remove"))
        found = numbered && cloud_fault_remove(c->fault, number);
    else
        return FAIL(err, USAGE, "action must be add, on, off or remove");
    return found || FAIL(err, USAGE, "there is no such fault rule any more");
}
