#include "beam/job_options.h"

#include <stdlib.h>

struct options {
    struct keep *keep;
    Beam__Struct *out;
};

static Beam__Value *add(struct options *o, const char *name)
{
    CLEANUP(buf_fini) struct buf key = { 0 };
    buf_printf(&key, "beam:option:%s:v1", name);
    Beam__Struct__FieldsEntry *e = KEEP_NEW(o->keep, Beam__Struct__FieldsEntry, beam__struct__fields_entry);
    e->key = keep_text(o->keep, buf_bytes(&key));
    e->value = KEEP_NEW(o->keep, Beam__Value, beam__value);
    keep_push(o->keep, &o->out->fields, &o->out->n_fields, e);
    return e->value;
}

static void set_str(struct keep *k, Beam__Value *v, const char *text)
{
    v->kind_case = BEAM__VALUE__KIND_STRING_VALUE;
    v->string_value = keep_text(k, bytes_str(text));
}

static void add_str(struct options *o, const char *name, const char *text)
{
    if (text[0] != '\0')
        set_str(o->keep, add(o, name), text);
}

static void add_number(struct options *o, const char *name, int64_t n)
{
    Beam__Value *v = add(o, name);
    v->kind_case = BEAM__VALUE__KIND_NUMBER_VALUE;
    v->number_value = (double) n;
}

static void add_bool(struct options *o, const char *name, bool b)
{
    Beam__Value *v = add(o, name);
    v->kind_case = BEAM__VALUE__KIND_BOOL_VALUE;
    v->bool_value = b;
}

static void add_experiments(struct options *o, const struct opt_list *more)
{
    Beam__Value *v = add(o, "experiments");
    v->kind_case = BEAM__VALUE__KIND_LIST_VALUE;
    v->list_value = KEEP_NEW(o->keep, Beam__ListValue, beam__list_value);
    for (size_t i = 0; i <= more->count; i++) {
        const char *word = i == 0 ? "beam_fn_api" : more->at[i - 1];
        Beam__Value *item = KEEP_NEW(o->keep, Beam__Value, beam__value);
        if (i > 0 && strcmp(word, "beam_fn_api") == 0)
            continue;
        set_str(o->keep, item, word);
        keep_push(o->keep, &v->list_value->values, &v->list_value->n_values, item);
    }
}

/* What these are for, and what happens without them: docs/BEAM.md. */
static void add_flink(struct options *o, const struct config *c)
{
    add_str(o, "flink_master", c->flink_master);
    add_number(o, "parallelism", c->parallelism);
    add_number(o, "max_parallelism", c->max_parallelism);
    add_str(o, "state_backend", c->state_backend);
    add_str(o, "state_backend_storage_path", c->state_backend_storage_path);
    add_str(o, "savepoint_path", c->savepoint_path);
    if (c->bounded)
        return;
    add_number(o, "checkpointing_interval", c->checkpointing_interval);
    add_number(o, "checkpoint_timeout_millis", c->checkpoint_timeout_millis);
    add_bool(o, "finish_bundle_before_checkpointing", c->finish_bundle_before_checkpointing);
}

static int by_key(const void *a, const void *b)
{
    const Beam__Struct__FieldsEntry *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

Beam__Struct *job_options_build(struct keep *k, const struct config *c, enum beam_runner runner)
{
    struct options o = { k, KEEP_NEW(k, Beam__Struct, beam__struct) };
    add_str(&o, "job_name", c->job_name);
    add_bool(&o, "streaming", !c->bounded);
    add_experiments(&o, &c->experiments);
    if (runner == BEAM_RUNNER_FLINK)
        add_flink(&o, c);
    qsort(o.out->fields, o.out->n_fields, sizeof(o.out->fields[0]), by_key);
    return o.out;
}

static void write_value(struct json_writer *w, const char *key, const Beam__Value *v)
{
    switch (v->kind_case) {
    case BEAM__VALUE__KIND_STRING_VALUE:
        json_write_str(w, key, bytes_str(v->string_value));
        break;
    case BEAM__VALUE__KIND_NUMBER_VALUE:
        json_write_double(w, key, v->number_value);
        break;
    case BEAM__VALUE__KIND_BOOL_VALUE:
        json_write_bool(w, key, v->bool_value);
        break;
    case BEAM__VALUE__KIND_LIST_VALUE:
        json_write_array(w, key);
        for (size_t i = 0; i < v->list_value->n_values; i++)
            write_value(w, NULL, v->list_value->values[i]);
        json_write_end(w);
        break;
    case BEAM__VALUE__KIND_STRUCT_VALUE:
        job_options_write(w, key, v->struct_value);
        break;
    default:
        json_write_null(w, key);
    }
}

void job_options_write(struct json_writer *w, const char *key, const Beam__Struct *s)
{
    json_write_object(w, key);
    for (size_t i = 0; i < s->n_fields; i++)
        write_value(w, s->fields[i]->key, s->fields[i]->value);
    json_write_end(w);
}
