#include "cloud/cloud.h"

static const char *value_of(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncmp(text, word, len) == 0 && text[len] == '=' ? text + len + 1 : NULL;
}

/* 0 or 1: which of the two the value is; -1: neither. */
static int choice(const char *value, const char *first, const char *second)
{
    return strcmp(value, first) == 0 ? 0 : strcmp(value, second) == 0 ? 1 : -1;
}

bool cloud_answers_set(struct cloud_conf *conf, const char *text, struct err *err)
{
    const char *value;
    int way = 0;
    if ((value = value_of(text, "duplicate")) != NULL) {
        way = choice(value, "409", "400");
        conf->duplicate_status = way == 1 ? 400 : 409;
    } else if ((value = value_of(text, "oversize")) != NULL) {
        way = choice(value, "400", "413");
        conf->oversize_status = way == 1 ? 413 : 400;
    } else if ((value = value_of(text, "topic")) != NULL) {
        way = choice(value, "store", "fail");
        conf->missing_topic_fails = way == 1;
    } else if ((value = value_of(text, "field")) != NULL) {
        way = choice(value, "refuse", "ignore");
        conf->lenient_json = way == 1;
    } else if ((value = value_of(text, "project")) != NULL) {
        way = *value != '\0' && strpbrk(value, "/ \t\r\n") == NULL ? 0 : -1;
        conf->notify_project = value;
    } else {
        way = -1;
    }
    return way >= 0 ||
           FAIL(err, USAGE,
                "--answer knows duplicate=409|400, oversize=400|413, topic=store|fail, field=refuse|ignore "
                "and project=ID; see docs/LOCAL-CLOUD.md for what each means");
}
