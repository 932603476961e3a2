#include "json/doc.h"

#include "base/check.h"
#include "base/mem.h"

#include <cjson/cJSON.h>

/* A node is a cJSON under another name: the library's type stays in this file. */
struct json_doc {
    cJSON *root;
};

static const cJSON *of(const struct json_node *n)
{
    return (const cJSON *) (const void *) n;
}

static const struct json_node *node(const cJSON *c)
{
    return (const struct json_node *) (const void *) c;
}

/* cJSON's strings end at NUL: a text with \u0000 would be cut in silence. */
static bool has_nul_escape(struct bytes text, const char **ret_at)
{
    for (size_t i = bytes_find(text, 0, '\\'); i + 1 < text.len; i = bytes_find(text, i + 2, '\\')) {
        if (bytes_starts(bytes_sub(text, i, text.len), BYTES_LIT("\\u0000"))) {
            *ret_at = text.ptr + i;
            return true;
        }
    }
    return false;
}

struct json_doc *json_doc_parse(struct bytes text, struct err *err)
{
    struct json_value root;
    const char *at;
    unsigned line, column;
    if (!json_scan(text, &root, err))
        return NULL;
    if (has_nul_escape(text, &at)) {
        json_place(text, at, &line, &column);
        FAIL(err, BAD_INPUT, "line %u, column %u: a NUL in a string", line, column);
        return NULL;
    }
    cJSON *tree = cJSON_ParseWithLength(text.ptr, text.len);
    if (tree == NULL) {
        FAIL(err, BAD_INPUT, "a string holds half of a surrogate pair");
        return NULL;
    }
    struct json_doc *d = mem_alloc(sizeof(*d));
    d->root = tree;
    return d;
}

void json_doc_free(struct json_doc *d)
{
    if (d == NULL)
        return;
    cJSON_Delete(d->root);
    mem_free(d);
}

const struct json_node *json_doc_root(const struct json_doc *d)
{
    return node(d->root);
}

enum json_kind json_doc_kind(const struct json_node *n)
{
    const cJSON *c = of(n);
    return c == NULL           ? JSON_NONE
           : cJSON_IsObject(c) ? JSON_OBJECT
           : cJSON_IsArray(c)  ? JSON_ARRAY
           : cJSON_IsString(c) ? JSON_STRING
           : cJSON_IsNumber(c) ? JSON_NUMBER
           : cJSON_IsTrue(c)   ? JSON_TRUE
           : cJSON_IsFalse(c)  ? JSON_FALSE
                               : JSON_NULL;
}

const struct json_node *json_doc_get(const struct json_node *n, const char *key)
{
    return cJSON_IsObject(of(n)) ? node(cJSON_GetObjectItemCaseSensitive(of(n), key)) : NULL;
}

const struct json_node *json_doc_first(const struct json_node *n)
{
    return n != NULL ? node(of(n)->child) : NULL;
}

const struct json_node *json_doc_next(const struct json_node *child)
{
    return node(of(child)->next);
}

const char *json_doc_key(const struct json_node *child)
{
    return of(child)->string;
}

const char *json_doc_str(const struct json_node *n, const char *otherwise)
{
    return cJSON_IsString(of(n)) ? of(n)->valuestring : otherwise;
}

bool json_doc_bool(const struct json_node *n, bool otherwise)
{
    return cJSON_IsBool(of(n)) ? cJSON_IsTrue(of(n)) != 0 : otherwise;
}

double json_doc_number(const struct json_node *n, double otherwise)
{
    return cJSON_IsNumber(of(n)) ? of(n)->valuedouble : otherwise;
}
