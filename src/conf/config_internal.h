/* What the files of the configuration share. For conf/config*.c alone. */
#ifndef CONF_CONFIG_INTERNAL_H
#define CONF_CONFIG_INTERNAL_H

#include "conf/config.h"

/* One reading of a configuration. */
struct conf_work {
    const struct conf_input *in;
    struct conf_faults *faults;
    const char *path;
    struct bytes text;
    struct opt_values *values;
    bool unreadable;    /* no JSON object: nothing further can be said */
};

/* Adds a fault and returns false. at: a place in w->text, or NULL. */
bool conf_fault(struct conf_work *w, enum conf_code code, const char *at, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same, at the place where the file gives o, or where it came from. */
bool conf_fault_at(struct conf_work *w, enum conf_code code, enum opt o, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Puts a suggestion on the last fault: the key nearest to prefix + name; a word of "a|b|c" nearest to text. */
void conf_suggest_key(struct conf_work *w, struct bytes prefix, struct bytes name);
void conf_suggest_choice(struct conf_work *w, const char *choices, struct bytes text);
void conf_suggest_text(struct conf_work *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum conf_code conf_code_of(enum opt_wrong wrong);
/* err gets the first fault. */
void conf_end(struct conf_work *w, struct err *err);

/* config_read.c: w->text into w->values. */
void conf_read_file(struct conf_work *w);
/* config_check.c: what keys mean together; fills the derived fields. */
void conf_check(struct conf_work *w, struct config *c);
/* config_network.c: endpoints, proxies, addresses. */
void conf_check_network(struct conf_work *w, struct config *c);
/* config_runner.c: what a Beam runner needs, and what it cannot do. conf_set_runner() before all checks. */
void conf_set_runner(struct config *c);
void conf_check_runner(struct conf_work *w, struct config *c);
/* "host:port", "[v6]:port"; the host is the config's. */
bool conf_host_port(struct config *c, struct bytes text, const char **ret_host, uint16_t *ret_port);
bool conf_is_loopback(const char *host);

/* Memory of the config's life. */
void *conf_keep(struct config *c, void *ptr);
const char *conf_own(struct config *c, struct bytes text);

#endif
