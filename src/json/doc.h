/*
 * A JSON tree (cJSON's), for configuration and cold answers. The text is
 * checked by scan.h first, so what cJSON lets pass does not get here. Nodes and
 * strings live as long as the tree. Strings with NUL inside (\u0000) are refused.
 */
#ifndef JSON_DOC_H
#define JSON_DOC_H

#include "json/scan.h"

struct json_doc;
struct json_node;    /* borrowed from its tree */

/* Class BAD_INPUT with line and column. */
struct json_doc *json_doc_parse(struct bytes text, struct err *err);
void json_doc_free(struct json_doc *d);
/* For CLEANUP(). */
static inline void json_doc_free_ptr(struct json_doc **d)
{
    json_doc_free(*d);
}

const struct json_node *json_doc_root(const struct json_doc *d);
enum json_kind json_doc_kind(const struct json_node *n);                             /* NULL: JSON_NONE */
const struct json_node *json_doc_get(const struct json_node *n, const char *key);    /* NULL: not there */
/* First and next child of an object or array; key (NULL in arrays) of a child. */
const struct json_node *json_doc_first(const struct json_node *n);
const struct json_node *json_doc_next(const struct json_node *child);
const char *json_doc_key(const struct json_node *child);

/* The string, or `otherwise` when n is NULL or no string. */
const char *json_doc_str(const struct json_node *n, const char *otherwise);
bool json_doc_bool(const struct json_node *n, bool otherwise);
double json_doc_number(const struct json_node *n, double otherwise);

#endif
