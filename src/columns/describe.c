/* describe.c - what attributes there are: the columns of a table, the standard attributes that it
 * has no column for, and those that only an operator knows of, as one list sorted by name. */
#include "columns/answer_internal.h"
#include "columns/attribute_formats.h"

#include <stdlib.h>

/* --- one attribute ------------------------------------------------------------------------- */

static bool takes_numbers(enum column_type t)
{
    return t != COLUMN_STRING && t != COLUMN_BOOL;
}

/* Operators that suit the type. */
static void write_filters(struct json_writer *w, enum column_type t)
{
    json_key(w, STR("filter"));
    json_list(w);
    for (int op = ASK_EQUAL; op <= ASK_IS_NOT_SET; op++) {
        bool orders = op >= ASK_AT_LEAST && op <= ASK_LESS;
        bool textual = op >= ASK_CONTAINS && op <= ASK_NOT_MATCHES;
        if ((!orders || t != COLUMN_BOOL) && (!textual || t == COLUMN_STRING))
            json_str(w, ask_op_name((enum ask_op)op));
    }
    json_list_end(w);
}

static void write_folds(struct json_writer *w, enum column_type t)
{
    json_key(w, STR("aggregate"));
    json_list(w);
    for (int op = FOLD_HEAD; op <= FOLD_BIN; op++) {
        bool adds = op == FOLD_SUM || op == FOLD_MEAN;
        if ((!adds || t != COLUMN_STRING) && (op != FOLD_BIN || takes_numbers(t)))
            json_str(w, fold_op_name((enum fold_op)op));
    }
    json_list_end(w);
}

/* An attribute of the description, whatever list it is from. */
struct described {
    struct str name;
    enum column_type type;
    bool custom, used;
};

static void write_described(struct json_writer *w, enum table_kind kind, const struct described *d,
                            const struct attribute_notes *notes)
{
    const struct attribute_note *note = answer_note(notes, d->name);
    const struct standard_attribute *standard = attribute_standard(kind, d->name);
    struct str description = note && note->description.len > 0 ? note->description
                             : standard                        ? standard->description
                                                               : d->name;
    json_object(w);
    json_member(w, "name", d->name);
    json_member(w, "description", description);
    json_member(w, "type", answer_type(kind, d->name, d->type, notes));
    json_member(w, "format", answer_format(kind, d->name, notes));
    json_key(w, STR("custom"));
    json_bool(w, d->custom);
    json_member(w, "state", STR("enabled"));
    json_key(w, STR("group"));
    json_bool(w, true);
    write_filters(w, d->type);
    write_folds(w, d->type);
    json_key(w, STR("statistics"));
    json_object(w);
    json_key(w, STR("used"));
    json_bool(w, d->used);
    json_object_end(w);
    json_object_end(w);
}

/* --- all of them --------------------------------------------------------------------------- */

static bool column_is_used(const struct table *t, struct str name)
{
    const struct column *c = table_column(t, name);
    for (uint32_t block = 0; c && block < table_blocks(t); block++)
        if (!column_is_unset(t, c, block))
            return true;
    return false;
}

/* Whether a standard attribute that is no column of its own has values. */
static bool derived_is_used(const struct table *objects, const struct table *issues,
                            struct str name)
{
    const struct str join = STR("fingerprint;issues;");
    if (str_eq(name, STR("_tx")) || str_eq(name, STR("object")))
        return objects->rows > 0;
    if (str_eq(name, STR("fingerprint;first_seen")))
        return column_is_used(objects, STR("fingerprint")) &&
               column_is_used(objects, STR("timestamp"));
    if (str_starts(name, join))
        return column_is_used(issues, (struct str){ name.ptr + join.len, name.len - join.len });
    return false;
}

/* The type of column that a note of an operator speaks of. */
static enum column_type type_named(struct str type)
{
    if (str_starts(type, STR("uint")))
        return COLUMN_UINT;
    return str_eq(type, STR("bitmap")) ? COLUMN_BOOL : COLUMN_STRING;
}

/* Fills `out`, which has room for all three lists: columns, standard attributes that are no column,
 * and what only an operator knows of. How many. */
static size_t gather(struct described *out, const struct table *t, const struct table *issues,
                     enum table_kind kind, const struct attribute_notes *notes)
{
    size_t n = 0, standard_count;
    const struct standard_attribute *standard = attributes_standard(kind, &standard_count);
    for (size_t i = 0; i < table_column_count(t); i++) {
        const struct column *c = table_column_at(t, i);
        struct str name = column_name(c);
        out[n++] = (struct described){ name, column_type(c), !attribute_standard(kind, name),
                                       column_is_used(t, name) };
    }
    for (size_t i = 0; i < standard_count; i++)
        if (!table_column(t, standard[i].name))
            out[n++] = (struct described){ standard[i].name, standard[i].type, false,
                                           derived_is_used(t, issues, standard[i].name) };
    for (size_t i = 0; kind == TABLE_OBJECTS && i < notes->count; i++) {
        const struct attribute_note *note = &notes->at[i];
        if (!table_column(t, note->name) && !attribute_standard(kind, note->name))
            out[n++] = (struct described){ note->name, type_named(note->type), true, false };
    }
    return n;
}

static int by_name(const void *a, const void *b)
{
    const struct described *one = a, *other = b;
    return str_cmp(one->name, other->name);
}

void answer_write_description(struct json_writer *w, const struct columns_view *v,
                              struct str project, enum table_kind kind,
                              const struct attribute_notes *notes)
{
    struct table t, issues;
    size_t standard_count;
    (void)columns_table(v, project, kind, &t);
    (void)columns_table(v, project, TABLE_ISSUES, &issues);
    (void)attributes_standard(kind, &standard_count);
    size_t most = table_column_count(&t) + standard_count + notes->count;
    struct described *all = reallocarray(NULL, most, sizeof *all);
    if (!all) {
        w->out->failed = true; /* as any write that found no memory */
        return;
    }
    size_t count = gather(all, &t, &issues, kind, notes);
    qsort(all, count, sizeof *all, by_name);
    json_object(w);
    json_key(w, STR("describe"));
    json_list(w);
    for (size_t i = 0; i < count; i++)
        write_described(w, kind, &all[i], notes);
    json_list_end(w);
    json_object_end(w);
    free(all);
}
