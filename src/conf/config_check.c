/* What keys mean together, and what follows from them. */
#include "base/mem.h"
#include "conf/config_internal.h"

#include <stdio.h>

static void check_later(struct conf_work *w);
static void check_required(struct conf_work *w);
static void check_stores(struct conf_work *w, struct config *c);
static bool parse_store(struct conf_work *w, enum opt o, const char *name, struct conf_store *ret_store);
static void check_subscription(struct conf_work *w, struct config *c);
static void check_retry(struct conf_work *w, struct config *c);
static void check_order(struct conf_work *w, struct config *c);
static void check_sink(struct conf_work *w, struct config *c);
static void check_topic_sink(struct conf_work *w, struct config *c);
static void check_phi_logging(struct conf_work *w, struct config *c);
static void make_notes(struct config *c);

void conf_check(struct conf_work *w, struct config *c)
{
    check_later(w);
    check_required(w);
    check_stores(w, c);
    check_subscription(w, c);
    conf_set_runner(c);
    check_retry(w, c);
    check_order(w, c);
    check_sink(w, c);
    check_phi_logging(w, c);
    conf_check_network(w, c);
    conf_check_runner(w, c);
    make_notes(c);
}

/* A key that is not built may say only what its absence says. */
static void check_later(struct conf_work *w)
{
    for (unsigned o = 0; o < OPTS; o++) {
        const struct opt_info *info = opt_info(o);
        if (!info->key || (info->attributes & OPT_LATER) == 0 || !opt_given(w->values, o))
            continue;
        CLEANUP(buf_fini) struct buf text = { 0 };
        bool many = info->type == OPT_LIST || info->type == OPT_MAP;    /* by default empty */
        opt_show(w->values, o, &text);
        if (!bytes_eq_str(buf_bytes(&text), many ? "" : info->def))
            conf_fault_at(w, CONF_LATER, o, "\"%s\" is not in this version", info->name);
    }
}

static void check_required(struct conf_work *w)
{
    for (unsigned o = 0; o < OPTS; o++) {
        const struct opt_info *info = opt_info(o);
        if ((info->attributes & OPT_REQUIRED) == 0 || opt_str(w->values, o)[0] != '\0')
            continue;
        bool misspelt = false;
        for (size_t i = 0; i < w->faults->count; i++)
            misspelt = misspelt || (w->faults->at[i].did_you_mean[0] == '"' && strlen(w->faults->at[i].did_you_mean) ==
                       strlen(info->name) + 2 && strstr(w->faults->at[i].did_you_mean, info->name) != NULL);
        if (misspelt)
            continue;
        if (opt_given(w->values, o))
            conf_fault_at(w, CONF_MISSING, o, "\"%s\" is empty: %s", info->name, info->help);
        else
            conf_fault(w, CONF_MISSING, NULL, "\"%s\" is missing: %s", info->name, info->help);
    }
}

static void check_stores(struct conf_work *w, struct config *c)
{
    bool source = parse_store(w, OPT_source_hl7v2_store, c->source_hl7v2_store, &c->source);
    bool dest = parse_store(w, OPT_dest_hl7v2_store, c->dest_hl7v2_store, &c->dest);
    if (source && dest && strcmp(c->source.name, c->dest.name) == 0)
        conf_fault_at(w, CONF_SAME_STORE, OPT_dest_hl7v2_store, "source_hl7v2_store and dest_hl7v2_store name the same store");
    const struct opt_list *list = &c->source_store_aliases;
    struct conf_store *aliases = conf_keep(c, mem_alloc_n(list->count + 1, sizeof(*aliases)));
    for (size_t i = 0; i < list->count; i++) {
        if (!parse_store(w, OPT_source_store_aliases, list->at[i], &aliases[i]))
            continue;
        if (dest && strcmp(list->at[i], c->dest.name) == 0)
            conf_fault_at(w, CONF_SAME_STORE, OPT_source_store_aliases, "source_store_aliases names the destination store");
        else if (source && (!bytes_eq(aliases[i].dataset, c->source.dataset) || !bytes_eq(aliases[i].store, c->source.store) ||
                            !bytes_eq(aliases[i].location, c->source.location)))
            conf_fault_at(w, CONF_STORE_NAME, OPT_source_store_aliases,
                          "source_store_aliases: an alias may differ from source_hl7v2_store in the project only (its number)");
    }
    if (list->count > 8)
        conf_fault_at(w, CONF_RANGE, OPT_source_store_aliases, "source_store_aliases holds more than 8 names");
    c->aliases = aliases;
    c->aliases_count = list->count;
}

static bool id_ok(struct bytes id)
{
    bool only_dots = true;
    for (size_t i = 0; i < id.len; i++) {
        char ch = id.ptr[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || (ch != '\0' && strchr("_.:-", ch))))
            return false;
        only_dots = only_dots && ch == '.';
    }
    return id.len > 0 && id.len <= 256 && !only_dots;
}

static bool parse_store(struct conf_work *w, enum opt o, const char *name, struct conf_store *ret_store)
{
    static const char *const words[] = { "projects", "locations", "datasets", "hl7V2Stores" };
    const char *key = opt_info(o)->name;
    struct bytes rest = bytes_str(name), ids[4];
    if (name[0] == '\0')
        return false;
    if (strstr(name, "://") != NULL)
        return conf_fault_at(w, CONF_STORE_NAME, o, "%s is a URL; a store is named without https:// and host", key);
    if (name[0] == '/' || name[strlen(name) - 1] == '/')
        return conf_fault_at(w, CONF_STORE_NAME, o, "%s begins or ends with a slash", key);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct bytes word = bytes_cut(&rest, '/');
        ids[i] = bytes_cut(&rest, '/');
        if (!bytes_eq_str(word, words[i])) {
            conf_fault_at(w, CONF_STORE_NAME, o, "%s: part %zu must be \"%s\"", key, 2 * i + 1, words[i]);
            conf_suggest_choice(w, words[i], bytes_sub(word, 0, 64));
            return false;
        }
        if (!id_ok(ids[i]))
            return conf_fault_at(w, CONF_STORE_NAME, o, "%s: the id after \"%s/\" is %s", key, words[i],
                                 ids[i].len == 0 ? "missing" : "not one that Google allows (letters, digits, - _ . :)");
    }
    if (rest.len > 0 || strlen(name) > 1000)
        return conf_fault_at(w, CONF_STORE_NAME, o, "%s goes on after the store's id; name the store, not something in it", key);
    *ret_store = (struct conf_store) { name, ids[0], ids[1], ids[2], ids[3] };
    return true;
}

static void check_subscription(struct conf_work *w, struct config *c)
{
    enum opt o = OPT_pubsub_subscription;
    struct bytes rest = bytes_str(c->pubsub_subscription), name = rest;
    if (name.len == 0)
        return;
    struct bytes projects = bytes_cut(&rest, '/'), project = bytes_cut(&rest, '/');
    struct bytes subscriptions = bytes_cut(&rest, '/');
    if (bytes_find(name, 0, '/') == name.len) {
        conf_fault_at(w, CONF_SUBSCRIPTION_NAME, o, "pubsub_subscription is only the last part of a name");
        if (id_ok(name) && id_ok(bytes_str(c->project_id)) && strlen(c->project_id) + name.len < 60)
            conf_suggest_text(w, "\"projects/%s/subscriptions/%s\"", c->project_id, c->pubsub_subscription);
    } else if (bytes_eq_str(projects, "projects") && bytes_eq_str(subscriptions, "topics")) {
        conf_fault_at(w, CONF_SUBSCRIPTION_NAME, o, "pubsub_subscription names a topic; the relay reads from a subscription of it");
    } else if (!bytes_eq_str(projects, "projects") || !bytes_eq_str(subscriptions, "subscriptions") || !id_ok(project) ||
               !id_ok(rest)) {
        conf_fault_at(w, CONF_SUBSCRIPTION_NAME, o, "pubsub_subscription is not of the form projects/P/subscriptions/S");
    }
}

/* Decision 26: without retry_config our own numbers; with it, its own. */
static void check_retry(struct conf_work *w, struct config *c)
{
    const struct {
        enum opt theirs, ours;
    } pairs[] = { { OPT_retry_config_max_retries, OPT_retry_max_retries },
                  { OPT_retry_config_max_wait_time, OPT_retry_backoff_max },
                  { OPT_retry_config_backoff_base, OPT_retry_backoff_initial } };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        c->retry_config_given = c->retry_config_given || opt_given(w->values, pairs[i].theirs);
        if (opt_given(w->values, pairs[i].theirs) && opt_given(w->values, pairs[i].ours))
            conf_fault_at(w, CONF_CONTRADICTION, pairs[i].ours, "%s and %s are both given; they say the same thing",
                          opt_info(pairs[i].theirs)->name, opt_info(pairs[i].ours)->name);
    }
    bool theirs = c->retry_config_given;
    c->attempts_max = (uint32_t) (theirs && !opt_given(w->values, OPT_retry_max_retries) ? c->retry_config_max_retries : c->retry_max_retries);
    c->backoff_factor = theirs ? c->retry_config_backoff_base : 2;
    c->backoff_max_us = theirs && !opt_given(w->values, OPT_retry_backoff_max) ? c->retry_config_max_wait_time : c->retry_backoff_max;
    /* The Python pipeline waited backoff_base^0 = 1 second first. */
    c->backoff_initial_us = theirs && !opt_given(w->values, OPT_retry_backoff_initial) ? US_PER_S : c->retry_backoff_initial;
    c->backoff_initial_us = MIN(c->backoff_initial_us, MAX(c->backoff_max_us, 1));
    c->fetch_timeout_us = c->fetch_timeout_sec;
    c->ingest_timeout_us = c->ingest_timeout_sec;
    c->attempt_timeout_us = c->retry_timeout;
    c->give_up_after_us = c->retry_give_up_after;
    if (c->retry_backoff_initial > c->retry_backoff_max && !theirs)
        conf_fault_at(w, CONF_CONTRADICTION, OPT_retry_backoff_initial, "retry.backoff_initial is longer than retry.backoff_max");
}

static void check_order(struct conf_work *w, struct config *c)
{
    if (c->lease_min_extension > c->lease_max_extension)
        conf_fault_at(w, CONF_CONTRADICTION, OPT_lease_min_extension, "lease.min_extension is longer than lease.max_extension");
    if (c->dead_letter_storm_guard_min > c->dead_letter_storm_guard_window)
        conf_fault_at(w, CONF_CONTRADICTION, OPT_dead_letter_storm_guard_min,
                      "dead_letter.storm_guard.min is larger than dead_letter.storm_guard.window");
}

static void check_sink(struct conf_work *w, struct config *c)
{
    const char *url = c->dead_letter_sink;
    c->sink_dir = "";
    c->storm_dir = c->state_dir;
    if (c->state_dir[0] != '/' || c->state_dir[1] == '\0') {
        conf_fault_at(w, CONF_SINK, OPT_state_dir, "state_dir must be an absolute directory, and not the root directory");
        return;
    }
    if (c->dead_letter_topic[0] != '\0' || c->dead_letter_subscription[0] != '\0') {
        check_topic_sink(w, c);
        return;
    }
    if (url[0] == '\0') {
        CLEANUP(buf_fini) struct buf dir = { 0 };
        buf_printf(&dir, "%s/dead", c->state_dir);
        c->sink = CONF_SINK_FILE;
        c->storm_dir = c->sink_dir = conf_own(c, buf_bytes(&dir));
        return;
    }
    if (strcmp(url, "none") == 0)
        return;
    if (strncmp(url, "pubsub:", 7) == 0 || strncmp(url, "projects/", 9) == 0) {
        conf_fault_at(w, CONF_SINK, OPT_dead_letter_sink, "dead_letter.sink takes a directory; a Pub/Sub topic is named by dead_letter.topic");
    } else if (strncmp(url, "file://", 7) != 0) {
        conf_fault_at(w, CONF_SINK, OPT_dead_letter_sink, "dead_letter.sink is not a file:// URL");
        if (url[0] == '/' && strlen(url) < 64)
            conf_suggest_text(w, "\"file://%s\"", url);
    } else if (url[7] != '/') {
        conf_fault_at(w, CONF_SINK, OPT_dead_letter_sink, "dead_letter.sink must name an absolute directory: file:/// with three slashes");
    } else if (url[8] == '\0') {
        conf_fault_at(w, CONF_SINK, OPT_dead_letter_sink, "dead_letter.sink is the root directory; give it one of its own");
    } else {
        c->sink = CONF_SINK_FILE;
        c->storm_dir = c->sink_dir = url + 7;
    }
}

/* "projects/P/KIND/ID" */
static bool is_pubsub_name(const char *name, const char *kind)
{
    struct bytes rest = bytes_str(name);
    struct bytes projects = bytes_cut(&rest, '/'), project = bytes_cut(&rest, '/'), word = bytes_cut(&rest, '/');
    return bytes_eq_str(projects, "projects") && id_ok(project) && bytes_eq_str(word, kind) && id_ok(rest);
}

static void check_topic_sink(struct conf_work *w, struct config *c)
{
    if (c->dead_letter_topic[0] == '\0')
        conf_fault_at(w, CONF_CONTRADICTION, OPT_dead_letter_subscription, "dead_letter.subscription is given without dead_letter.topic");
    else if (c->dead_letter_sink[0] != '\0')
        conf_fault_at(w, CONF_CONTRADICTION, OPT_dead_letter_topic, "dead_letter.sink and dead_letter.topic are both given; there is one sink");
    else if (!is_pubsub_name(c->dead_letter_topic, "topics"))
        conf_fault_at(w, CONF_SINK, OPT_dead_letter_topic, "dead_letter.topic is not of the form projects/P/topics/T");
    else if (c->dead_letter_subscription[0] != '\0' && !is_pubsub_name(c->dead_letter_subscription, "subscriptions"))
        conf_fault_at(w, CONF_SINK, OPT_dead_letter_subscription, "dead_letter.subscription is not of the form projects/P/subscriptions/S");
    else if (strcmp(c->dead_letter_subscription, c->pubsub_subscription) == 0)
        conf_fault_at(w, CONF_CONTRADICTION, OPT_dead_letter_subscription,
                      "dead_letter.subscription is pubsub_subscription: dead letters would come back as notifications, without end");
    else
        c->sink = CONF_SINK_TOPIC;
}

/* An end that has passed turns content logging off: a restart must not fail for it. */
static void check_phi_logging(struct conf_work *w, struct config *c)
{
    us_t until = 0;
    const char *text = c->log_phi_logging_until;
    if (text[0] != '\0' && (w->in->parse_time == NULL || !w->in->parse_time(text, strlen(text), &until))) {
        conf_fault_at(w, CONF_PHI_LOGGING, OPT_log_phi_logging_until,
                      "log.phi_logging_until is no RFC 3339 time such as 2026-01-31T18:00:00Z");
        return;
    }
    if (!c->log_message_content)
        return;
    if (text[0] == '\0')
        conf_fault_at(w, CONF_PHI_LOGGING, OPT_log_message_content,
                      "log.log_message_content writes patient data to the log and needs log.phi_logging_until");
    else if (until > w->in->wall_us + 24 * 60 * US_PER_MIN)
        conf_fault_at(w, CONF_PHI_LOGGING, OPT_log_phi_logging_until, "log.phi_logging_until is more than 24 hours ahead");
    else if (until > w->in->wall_us)
        c->content_until_us = until;
}

static void make_notes(struct config *c)
{
    struct conf_note *notes = conf_keep(c, mem_alloc_n(OPTS + 8, sizeof(*notes)));
    size_t count = 0;
    bool python = false;
    for (unsigned o = 0; o < OPTS; o++) {
        const struct opt_info *info = opt_info(o);
        unsigned idle = info->attributes & (c->direct ? OPT_NO_EFFECT | OPT_RUNNER : OPT_NO_EFFECT);
        if (!opt_given(c->values, o) || (info->attributes & OPT_SEED) == 0)
            continue;
        python = python || (idle != 0 && (info->attributes & OPT_REQUIRED) == 0);
        if (idle != 0)
            notes[count++] = (struct conf_note) { CONF_NOTE_NO_EFFECT, info->name, info->help };
    }
    if (python) {
        if (!c->retry_config_given)
            notes[count++] = (struct conf_note) { CONF_NOTE_DEFAULT_DIFFERS, "retry.max_retries",
                "8 counted attempts and 15 minutes before a dead letter; the Python pipeline gave up after 5 attempts" };
        notes[count++] = (struct conf_note) { CONF_NOTE_DEFAULT_DIFFERS, "copy_labels",
            "labels are copied; the Python pipeline dropped them" };
        notes[count++] = (struct conf_note) { CONF_NOTE_DEFAULT_DIFFERS, "retry.timeout",
            "one attempt ends after 60 s; the Python pipeline's attempts were not bounded" };
    }
    if (c->log_message_content && c->content_until_us == 0)
        notes[count++] = (struct conf_note) { CONF_NOTE_PHI_ENDED, "log.log_message_content",
            "log.phi_logging_until has passed: no message content is written" };
    c->notes = notes;
    c->notes_count = count;
}
