/* collection_lookup.c - the values of a report that may not be there yet: hashed once, here, for
 * the search and for the add that follows. This and the search are most of what a report costs
 * before it is compared with any other. */
#include "group/collection_stacks.h"

/* The field of a text. A report has hundreds of texts in a dozen fields, so the lookup remembers
 * the latest by something cheaper than a keyed hash; a wrong guess costs only time. */
static uint32_t lookup_field(const struct lexicon *lx, struct collection_lookup *l, struct str name)
{
    unsigned last = name.len ? (unsigned char)name.ptr[name.len - 1] : 0;
    uint32_t *seen = &l->fields_seen[(name.len * 7 + last) % 64];
    if (*seen && *seen <= lexicon_field_count(lx) &&
        str_eq(lexicon_field(lx, *seen - 1)->name, name))
        return *seen - 1;
    uint32_t field = lexicon_find_field(lx, name);
    if (field != LEXICON_NONE)
        *seen = field + 1;
    return field;
}

static bool lookup_text(const struct lexicon *lx, struct collection_lookup *l, struct str field,
                        struct str text)
{
    struct sought_value v = { .text = text, .field_name = field, .value = COLLECTION_NONE };
    bool in_stack, grouped;
    v.field = lookup_field(lx, l, field);
    if (v.field == LEXICON_NONE) {
        in_stack = lexicon_is_in_stack(field);
        grouped = lexicon_is_grouped(lx, field);
    } else {
        const struct lexicon_field *f = lexicon_field(lx, v.field);
        in_stack = f->in_stack;
        grouped = f->grouped;
    }
    if (!grouped)
        return true;
    if (v.field != LEXICON_NONE) {
        v.hash = lexicon_value_hash(v.field, text);
        v.value = lexicon_find_hashed(lx, v.field, text, v.hash);
    }
    return in_stack ? VEC_PUSH(&l->stack, v) : VEC_PUSH(&l->other, v);
}

static bool lookup_known(const struct lexicon *lx, struct collection_lookup *l, uint32_t value)
{
    struct sought_value v = { .field = lexicon_value(lx, value)->field, .value = value };
    const struct lexicon_field *f = lexicon_field(lx, v.field);
    return f->in_stack ? VEC_PUSH(&l->stack, v) : VEC_PUSH(&l->other, v);
}

/* Numbers of the values, as far as they are known; false: one is not. */
static bool known_numbers(const struct sought_value *v, size_t count, uint32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (v[i].value == COLLECTION_NONE)
            return false;
        out[i] = v[i].value;
    }
    return true;
}

bool collection_lookup(const struct collection *c, const struct report *r,
                       struct collection_lookup *l, struct err *e)
{
    return collection_lookup_known(c, r, NULL, l, e);
}

bool collection_lookup_known(const struct collection *c, const struct report *r,
                             const uint32_t *known, struct collection_lookup *l, struct err *e)
{
    const struct lexicon *lx = collection_lexicon(c);
    l->stack.len = l->other.len = l->numbers.len = 0;
    l->stack_number = COLLECTION_NONE;
    for (size_t i = 0; i < r->text_count; i++) {
        bool ok = known && known[i] != COLLECTION_NONE
                      ? lookup_known(lx, l, known[i])
                      : lookup_text(lx, l, r->texts[i].field, r->texts[i].text);
        if (!ok)
            return err_set(e, ERR_NOMEM, 0, "no memory for a report of %zu texts", r->text_count);
    }
    if (!lookup_text(lx, l, STR("project"), r->project) ||
        !VEC_RESERVE(&l->numbers, l->stack.len + l->other.len))
        return err_set(e, ERR_NOMEM, 0, "no memory for a report of %zu texts", r->text_count);
    l->stack_known = known_numbers(l->stack.at, l->stack.len, l->numbers.at);
    if (l->stack_known) {
        uint32_t count = (uint32_t)l->stack.len;
        l->stack_hash = collection_stack_hash(l->numbers.at, count);
        l->stack_number = collection_find_hashed(c, l->numbers.at, count, l->stack_hash);
    }
    return true;
}

void collection_lookup_done(struct collection_lookup *l)
{
    VEC_FREE(&l->stack);
    VEC_FREE(&l->other);
    VEC_FREE(&l->numbers);
}
