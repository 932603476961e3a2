/*
 * The scan against cJSON: what the scan takes cJSON takes too (it is the laxer of the two), with the
 * same top-level members and the same strings. What comes out of the writer is read back unchanged.
 */
#include "fuzz.h"

#include "json/scan.h"
#include "json/write.h"

#include <cjson/cJSON.h>

static void same_string(const struct json_value *v, const char *text)
{
    CLEANUP(buf_fini) struct buf plain = { 0 };
    if (json_unescape(v->raw, &plain))
        CHECK(strncmp(buf_str(&plain), text, plain.len + 1) == 0 || memchr(plain.ptr, '\0', plain.len) != NULL);
}

static bool holds(struct bytes text, const char *what)
{
    return memmem(text.ptr, text.len, what, strlen(what)) != NULL;
}

static void compare(const struct json_value *root, const cJSON *tree)
{
    struct json_value key, value;
    struct json_cursor c = json_cursor_of(root);
    const cJSON *child = tree->child;
    for (; json_next(&c, &key, &value); child = child->next) {
        CHECK(child != NULL);
        if (c.object)
            same_string(&key, child->string);
        CHECK((value.kind == JSON_STRING) == (cJSON_IsString(child) != 0));
        CHECK((value.kind == JSON_NUMBER) == (cJSON_IsNumber(child) != 0));
        CHECK((value.kind == JSON_OBJECT) == (cJSON_IsObject(child) != 0));
        if (value.kind == JSON_STRING)
            same_string(&value, child->valuestring);
    }
    CHECK(child == NULL);
}

static void write_and_read(struct bytes text)
{
    CLEANUP(buf_fini) struct buf out = { 0 }, plain = { 0 }, again = { 0 };
    struct json_writer w = json_write_to(&out);
    json_write_str(&w, NULL, text);
    struct json_value v;
    struct err err;
    CHECK(json_scan(buf_bytes(&out), &v, &err) && v.kind == JSON_STRING);
    CHECK(json_unescape(v.raw, &plain));
    /* Text that was mended once needs no mending any more. */
    json_write_escaped(&again, buf_bytes(&plain));
    CHECK(bytes_eq(buf_bytes(&again), v.raw));
    size_t len = v.raw.len;
    CHECK(json_unescape_in_place(out.ptr + 1, &len) && bytes_eq(bytes_of(out.ptr + 1, len), buf_bytes(&plain)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes text = fuzz_bytes(data, len);
    struct json_value root;
    struct err err;
    struct json_field fields[] = { { "name", { 0 } }, { "data", { 0 } }, { "labels", { 0 } } };
    bool taken = json_scan(text, &root, &err);
    bool object = json_scan_object(text, fields, ARRAY_LEN(fields), &err);
    CHECK(!object || (taken && root.kind == JSON_OBJECT));
    /* Numbers too long for cJSON and half surrogate pairs are the two things that it refuses and the scan does not. */
    if (taken && !holds(text, "\\u") && len < 4000) {
        cJSON *tree = cJSON_ParseWithLength(text.ptr, text.len);
        if (tree != NULL)
            compare(&root, tree);
        else
            CHECK(root.kind != JSON_STRING);
        cJSON_Delete(tree);
    }
    write_and_read(text);
    return 0;
}
