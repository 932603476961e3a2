/*
 * libcurl, loaded when it is first needed. It brings some thirty libraries along:
 * a relay whose token comes from a file, and every command that asks nobody for
 * one, starts without them and keeps some 6 MB less in memory.
 */
#ifndef NET_CURL_CALLS_H
#define NET_CURL_CALLS_H

#include "base/err.h"

#include <curl/curl.h>

/* Of libcurl.so.4, whose interface has been kept since 2006. */
#define CURL_CALLS(CALL)                                                                                              \
    CALL(easy_cleanup) CALL(easy_getinfo) CALL(easy_init) CALL(easy_setopt) CALL(easy_strerror) CALL(free)            \
    CALL(global_init) CALL(multi_add_handle) CALL(multi_cleanup) CALL(multi_info_read) CALL(multi_init)               \
    CALL(multi_perform) CALL(multi_poll) CALL(multi_remove_handle) CALL(multi_wakeup) CALL(slist_append)              \
    CALL(slist_free_all) CALL(url) CALL(url_cleanup) CALL(url_get) CALL(url_set)

struct curl_calls {
#define CALL(name) __typeof__(&curl_##name) name;
    CURL_CALLS(CALL)
#undef CALL
};

/* Loaded and initialised once, and never unloaded. NULL, class CONFIG: libcurl is not there. Any thread. */
const struct curl_calls *curl_calls(struct err *err);

#endif
