/*
 * The security parser against a regular expression of a dozen lines: what one takes the other takes.
 * What passes can be built into a URL that holds nothing but the configured name and the id.
 */
#include "fuzz.h"

#include "store/store_path.h"

#include <regex.h>

#define PART "([A-Za-z0-9_.:-]{1,255}[A-Za-z0-9_.:-]?)"
#define OWN  "projects/p/locations/l/datasets/d/hl7V2Stores/s"

static regex_t ours, any_message;
static struct store_names names;

__attribute__((constructor)) static void prepare(void)
{
    struct err err;
    CHECK(regcomp(&ours, "^(" OWN "|projects/123/locations/l/datasets/d/hl7V2Stores/s)"
                         "/messages/[A-Za-z0-9_=-]{1,255}[A-Za-z0-9_=-]?$", REG_EXTENDED | REG_NOSUB) == 0);
    CHECK(regcomp(&any_message, "^projects/" PART "/locations/" PART "/datasets/" PART "/hl7V2Stores/" PART
                                "/messages/[A-Za-z0-9_=-]{1,255}[A-Za-z0-9_=-]?$", REG_EXTENDED) == 0);
    CHECK(store_name_parse(BYTES_LIT(OWN), &names.own, &err));
    CHECK(store_name_parse(BYTES_LIT("projects/123/locations/l/datasets/d/hl7V2Stores/s"), &names.alias[0], &err));
    names.aliases_count = 1;
}

static bool only_dots(const char *text, const regmatch_t *m)
{
    for (regoff_t i = m->rm_so; i < m->rm_eo; i++)
        if (text[i] != '.')
            return false;
    return true;
}

static bool is_any_message(const char *text)
{
    regmatch_t m[5];
    if (regexec(&any_message, text, 5, m, 0) != 0)
        return false;
    for (int i = 1; i < 5; i++)
        if (only_dots(text, &m[i]))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes path = fuzz_bytes(data, len), id = { 0 };
    CLEANUP(buf_fini) struct buf text = { 0 }, url = { 0 };
    enum store_path_verdict v = store_path_check(&names, path, &id);
    buf_append(&text, path);
    bool plain = len <= 1024 && strlen(buf_str(&text)) == len && memchr(buf_str(&text), '\n', len) == NULL;
    bool ok = plain && regexec(&ours, buf_str(&text), 0, NULL, 0) == 0;
    CHECK((v == STORE_PATH_OK) == ok);
    CHECK((v != STORE_PATH_BAD) == (ok || (plain && is_any_message(buf_str(&text)))));
    if (v == STORE_PATH_OK) {
        CHECK(id.ptr >= path.ptr && id.ptr + id.len == path.ptr + path.len);
        store_path_message_url(&names.own, id, "?view=RAW_ONLY", &url);
        struct bytes rest = buf_bytes(&url);
        CHECK(bytes_starts(rest, BYTES_LIT("/v1/" OWN "/messages/")));
        rest = bytes_sub(rest, strlen("/v1/" OWN "/messages/"), rest.len);
        CHECK(bytes_eq(bytes_sub(rest, 0, id.len), id) && bytes_eq_str(bytes_sub(rest, id.len, rest.len), "?view=RAW_ONLY"));
    }
    return 0;
}
