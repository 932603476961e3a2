/* Files that hold credentials. */
#include "auth/source.h"
#include "base/limits.h"
#include "json/doc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(int fd, const char *path, bool secret, struct buf *out, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return FAIL(err, CONFIG, "%s: not a regular file", path);
    if (secret && (st.st_mode & 07) != 0)
        return FAIL(err, CONFIG, "%s: everybody on this machine may read it (mode %03o): chmod o-rwx, and think about "
                    "a new key", path, (unsigned) (st.st_mode & 0777));
    for (;;) {
        char *at = buf_reserve(out, 4096);
        ssize_t got = read(fd, at, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL(err, CONFIG, "%s: %s", path, strerror(errno));
        if (got == 0)
            return true;
        out->len += (size_t) got;
        if (out->len > LIMIT_KEY_FILE)
            return FAIL(err, CONFIG, "%s: larger than a credentials file can be", path);
    }
}

bool auth_source_read_file(const char *path, bool secret, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return FAIL(err, CONFIG, "%s: %s", path, strerror(errno));
    bool ok = read_all(fd, path, secret, out, err);
    close(fd);
    return ok;
}

bool auth_source_read_doc(const char *path, struct json_doc **ret_doc, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    TRY(auth_source_read_file(path, true, &text, err));
    *ret_doc = json_doc_parse(buf_bytes(&text), err);
    if (*ret_doc != NULL)
        return true;
    err->class = ERR_CONFIG;
    return err_wrap(err, "%s", path);
}

bool auth_source_take(const struct json_node *root, const char *key, bool needed, struct buf *out, const char *path, struct err *err)
{
    const char *text = json_doc_str(json_doc_get(root, key), "");
    if (needed && text[0] == '\0')
        return FAIL(err, CONFIG, "%s: \"%s\" is missing", path, key);
    buf_append_str(out, text);
    return true;
}

void auth_source_fetch_file(struct auth_source *a)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct err err;
    if (!auth_source_read_file(buf_str(&a->path), true, &text, &err))
        auth_source_failed(a, &err);
    else
        auth_source_got(a, bytes_trim(buf_bytes(&text)), AUTH_UNKNOWN_LIFE_S, 300);
}
