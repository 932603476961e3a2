/* `hl7relay gen`: synthetic messages, to stdout as a JSON line each (or raw), or a file each into a folder. */
#include "cmd/child.h"
#include "cmd/command.h"

#include "base/b64.h"
#include "hl7/gen.h"
#include "json/write.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

struct gen_work {
    struct hl7_gen gen;
    const char *type, *folder;
    bool malformed, raw;
    uint64_t count;
};

static void put_line(const struct gen_work *w, uint64_t index, struct bytes message, struct buf *out)
{
    struct json_writer json = json_write_to(out);
    json_write_object(&json, NULL);
    json_write_int(&json, "index", (int64_t) index);
    if (!w->malformed)
        json_write_str(&json, "type", bytes_str(hl7_gen_type(&w->gen, index)));
    json_write_b64(&json, "data", message);
    json_write_end(&json);
    buf_append_char(out, '\n');
}

static bool put(const struct gen_work *w, uint64_t index, struct bytes message, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    if (w->folder[0] != '\0') {
        buf_printf(&text, "%s/%08llu.hl7", w->folder, (unsigned long long) index);
        return child_write_file(buf_str(&text), message, err);
    }
    if (!w->raw) {
        put_line(w, index, message, &text);
        message = buf_bytes(&text);
    }
    if (fwrite(message.ptr, 1, message.len, stdout) != message.len)
        return FAIL(err, DISK, "gen: cannot write to standard output: %s", strerror(errno));
    return true;
}

/* Indices are tried in order; a wanted type is found among the first thousand or not at all. */
static bool gen_all(const struct gen_work *w, struct err *err)
{
    uint64_t made = 0;
    for (uint64_t index = 0; made < w->count; index++) {
        if (w->type[0] != '\0' && strcmp(hl7_gen_type(&w->gen, index), w->type) != 0) {
            if (made == 0 && index > 1000)
                return FAIL(err, USAGE, "gen: no messages of type \"%s\" are made here; without --type you see which are", w->type);
            continue;
        }
        CLEANUP(buf_fini) struct buf message = { 0 };
        if (w->malformed)
            hl7_gen_malformed(&w->gen, index, &message);
        else
            hl7_gen_message(&w->gen, index, &message);
        TRY(put(w, index, buf_bytes(&message), err));
        made++;
    }
    if (fflush(stdout) != 0)
        return FAIL(err, DISK, "gen: cannot write to standard output: %s", strerror(errno));
    return true;
}

int cmd_gen(const struct invocation *in)
{
    struct err err = { 0 };
    struct gen_work w = {
        .gen = { .seed = (uint64_t) opt_int(in->values, OPT_seed) },
        .type = opt_str(in->values, OPT_type),
        .folder = opt_str(in->values, OPT_out),
        .malformed = opt_bool(in->values, OPT_malformed),
        .raw = strcmp(opt_str(in->values, OPT_format), "hl7") == 0,
        .count = (uint64_t) opt_int(in->values, OPT_count),
    };
    bool ok = in->args_count == 0 ||
        FAIL(&err, USAGE, "gen: \"%s\" is not expected here; see `hl7relay gen --help`", in->args[0]);
    if (ok && w.folder[0] != '\0' && mkdir(w.folder, 0700) != 0 && errno != EEXIST)
        ok = FAIL(&err, DISK, "gen: cannot make the folder %s: %s", w.folder, strerror(errno));
    ok = ok && gen_all(&w, &err);
    if (!ok)
        fprintf(stderr, "error: %s\n", err.text);
    else if (w.folder[0] != '\0' && !opt_bool(in->values, OPT_quiet))
        fprintf(stderr, "%llu messages written to %s\n", (unsigned long long) w.count, w.folder);
    return ok ? CMD_EXIT_OK : exit_for(&err);
}
