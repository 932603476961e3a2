/* Credential files of any content: loaded, or refused with a sentence that repeats nothing of them. */
#include "fuzz.h"

#include "auth/adc.h"
#include "auth/token.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const enum auth_kind kinds[] = { AUTH_SERVICE_ACCOUNT, AUTH_AUTHORIZED_USER };
    static struct loop *loop;
    struct err err;
    if (loop == NULL)
        loop = loop_make(&err);
    CHECK(loop != NULL);
    int fd = memfd_create("key", MFD_CLOEXEC);
    CHECK(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, len) == (ssize_t) len);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct auth_conf conf = { .kind = kinds[i], .path = path };
        err = (struct err) { 0 };
        struct auth_source *a = auth_source_make(loop, NULL, &conf, &err);
        CHECK(a != NULL || (err.class == ERR_CONFIG && err.text[0] != '\0' && strstr(err.text, "CANARY") == NULL));
        auth_source_free(a);
    }
    struct auth_env env = { .credentials = path };
    struct auth_found found;
    if (auth_adc_find(&env, "auto", 0, &found, &err))
        auth_found_fini(&found);
    close(fd);
    return 0;
}
