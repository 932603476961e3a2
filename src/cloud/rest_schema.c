#include "cloud/rest_schema.h"

/* True if key is name, or name in snake_case. */
static bool is_named(const char *name, struct bytes key)
{
    size_t at = 0;
    if (bytes_eq_str(key, name))
        return true;
    for (const char *c = name; *c != '\0'; c++) {
        bool upper = *c >= 'A' && *c <= 'Z';
        if (upper && (at >= key.len || key.ptr[at++] != '_'))
            return false;
        if (at >= key.len || key.ptr[at++] != (upper ? *c - 'A' + 'a' : *c))
            return false;
    }
    return at == key.len;
}

const struct cloud_rest_property *cloud_rest_find(const struct cloud_rest_schema *schema, struct bytes name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (is_named(schema->at[i].name, name))
            return &schema->at[i];
    return NULL;
}
