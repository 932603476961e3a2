/*
 * Replays a fuzzer's corpus without libFuzzer: each file of the folders named, and each of
 * its prefixes at a few lengths. Prints TAP: one result a folder; a crash ends the program,
 * which the test runner counts.
 */
#include "fuzz.h"

#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>

static bool read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    for (;;) {
        char *end = buf_reserve(out, 65536);
        size_t got = fread(end, 1, 65536, f);
        out->len += got;
        if (got == 0)
            break;
    }
    fclose(f);
    return true;
}

static void replay(struct bytes input)
{
    static const unsigned eighths[] = { 8, 7, 5, 4, 1, 0 };
    for (size_t i = 0; i < ARRAY_LEN(eighths); i++) {
        /* A copy of exactly that length, so that a read past the end is seen. */
        struct buf part = { 0 };
        buf_append(&part, bytes_sub(input, 0, input.len / 8 * eighths[i] + (eighths[i] == 8 ? input.len % 8 : 0)));
        LLVMFuzzerTestOneInput((const uint8_t *) (part.ptr != NULL ? part.ptr : ""), part.len);
        buf_fini(&part);
    }
}

static int replay_folder(const char *folder)
{
    DIR *d = opendir(folder);
    if (d == NULL)
        return -1;
    int count = 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (e->d_name[0] == '.')
            continue;
        struct buf path = { 0 }, input = { 0 };
        buf_printf(&path, "%s/%s", folder, e->d_name);
        if (read_file(buf_str(&path), &input)) {
            replay(buf_bytes(&input));
            count++;
        }
        buf_fini(&path);
        buf_fini(&input);
    }
    closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    int failed = 0;
    printf("1..%d\n", argc - 1);
    LLVMFuzzerTestOneInput((const uint8_t *) "", 0);
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count > 0) {
            printf("ok %d - %d inputs replayed\n", i, count);
        } else {
            printf("not ok %d - no seeds in %s\n", i, argv[i]);
            failed = 1;
        }
    }
    return failed;
}
