#include "net/curl_calls.h"

#include "base/check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static struct curl_calls calls;
static bool loaded;
static char why[160];

static void load(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        snprintf(why, sizeof(why), "%s", dlerror());
        return;
    }
    const struct {
        const char *name;
        void *at;
    } wanted[] = {
#define CALL(call) { "curl_" #call, &calls.call },
        CURL_CALLS(CALL)
#undef CALL
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        void *found = dlsym(library, wanted[i].name);
        if (found == NULL) {
            snprintf(why, sizeof(why), "it has no %s", wanted[i].name);
            return;
        }
        memcpy(wanted[i].at, &found, sizeof(found));    /* ISO C knows no other way from an object to a function */
    }
    CHECK(calls.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    loaded = true;
}

const struct curl_calls *curl_calls(struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, load) == 0);
    if (loaded)
        return &calls;
    err_set(err, ERR_CONFIG, "libcurl.so.4, which fetches access tokens, cannot be loaded (%s): install Debian's package libcurl4", why);
    return NULL;
}
