/* collection_fields.c - which names of fields are kept, and who brought them.
 *
 * The lexicon keeps them for good, and there may be only so many; so that nobody can use them up
 * for others, a report and a project may bring only so many. Values in fields beyond are not kept:
 * the report is grouped and found by what it has otherwise.
 *
 * A field that only undone reports had is in the lexicon, and yet it is new to whoever has it next:
 * so who brought what, and what is kept, is the same after a restart. */
#include "group/collection_internal.h"

#define OF_ALL (COLLECTION_NONE - 1) /* a field that no project brought: it was there at first */

static bool is_kept(const struct collection *c, uint32_t field)
{
    return field < c->brought_by.len && c->brought_by.at[field] != COLLECTION_NONE;
}

/* Fields that the lexicon knows from the start are everybody's; so is "project", which every report
 * has, and which must not be one too many. */
bool collection_keep_first_fields(struct collection *c)
{
    struct err e;
    if (lexicon_add_field(c->lexicon, STR("project"), &e) == LEXICON_NONE)
        return false;
    while (c->brought_by.len < lexicon_field_count(c->lexicon))
        if (!VEC_PUSH(&c->brought_by, OF_ALL))
            return false;
    return true;
}

void collection_rewind_fields(struct collection *c, size_t count)
{
    while (c->brought.len > count) {
        uint32_t *by = &c->brought_by.at[c->brought.at[--c->brought.len]];
        c->brings.at[*by]--;
        *by = COLLECTION_NONE;
    }
}

/* Lets fields of a report in. */
struct door {
    struct collection *c;
    uint32_t project;
    size_t brought, left_out; /* new fields of this report; values that are not kept */
};

static bool may_bring(const struct door *d, uint32_t field)
{
    const struct collection *c = d->c;
    return d->brought < COLLECTION_FIELDS_A_REPORT &&
           c->brings.at[d->project] < COLLECTION_FIELDS_A_PROJECT &&
           (field != LEXICON_NONE || lexicon_field_count(c->lexicon) < LEXICON_FIELDS_MAX);
}

/* field: may be in the lexicon already; its number. */
static uint32_t bring(struct door *d, struct str name, uint32_t field, struct err *e)
{
    struct collection *c = d->c;
    if (field == LEXICON_NONE)
        field = lexicon_add_field(c->lexicon, name, e);
    if (field == LEXICON_NONE)
        return LEXICON_NONE;
    bool ok = VEC_RESERVE(&c->brought, 1);
    while (ok && c->brought_by.len <= field)
        ok = VEC_PUSH(&c->brought_by, COLLECTION_NONE);
    if (!ok) {
        collection_no_memory(e);
        return LEXICON_NONE;
    }
    c->brought.at[c->brought.len++] = field;
    c->brought_by.at[field] = d->project;
    c->brings.at[d->project]++;
    d->brought++;
    return field;
}

/* *kept: whether the value's field is, as from now on it may be. */
static bool let_in(struct door *d, struct sought_value *v, bool *kept, struct err *e)
{
    bool anew = v->field == COLLECTION_NONE;
    uint32_t field = anew ? lexicon_find_field(d->c->lexicon, v->field_name) : v->field;
    *kept = is_kept(d->c, field); /* an earlier value may have brought it */
    if (!*kept && may_bring(d, field)) {
        field = bring(d, v->field_name, field, e);
        if (field == LEXICON_NONE)
            return false;
        *kept = true;
    }
    if (*kept && anew) {
        v->field = field;
        v->hash = lexicon_value_hash(field, v->text);
    }
    return true;
}

/* Takes out the values that are not kept; *count becomes what is left. */
static bool let_all_in(struct door *d, struct sought_value *values, size_t *count, struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < *count; i++) {
        bool kept = is_kept(d->c, values[i].field);
        if (!kept && !let_in(d, &values[i], &kept, e))
            return false;
        if (kept)
            values[n++] = values[i];
    }
    d->left_out += *count - n;
    *count = n;
    return true;
}

bool collection_keep_fields(struct collection *c, struct collection_lookup *l, uint32_t project,
                            struct err *e)
{
    struct door d = { .c = c, .project = project };
    while (c->brings.len <= project)
        if (!VEC_PUSH(&c->brings, 0))
            return collection_no_memory(e);
    if (!let_all_in(&d, l->stack.at, &l->stack.len, e))
        return false;
    if (d.left_out > 0)
        l->stack_known = false; /* it is another stack now */
    if (!let_all_in(&d, l->other.at, &l->other.len, e))
        return false;
    atomic_fetch_add_explicit(&c->left_out, d.left_out, memory_order_relaxed);
    return true;
}
