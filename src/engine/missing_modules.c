/* missing_modules.c - which modules a report remembers as missing: see missing_modules.h. */
#include "engine/missing_modules.h"

#include "symbols/library.h"

#include <stdlib.h>

/* Those that are worth it, by base. */
struct candidates {
    const struct crash_module **at;
    bool *taken;
    size_t count;
    struct stored_module *out;
    size_t chosen;
};

static bool is_worth_it(const struct crash_module *m)
{
    const struct module_id id = { m->debug_file, m->debug_id, m->code_file, m->code_id };
    return m->missing && library_could_match(&id);
}

static int by_base(const void *a, const void *b)
{
    const struct crash_module *x = *(const struct crash_module *const *)a;
    const struct crash_module *y = *(const struct crash_module *const *)b;
    return (x->base > y->base) - (x->base < y->base);
}

static void add(struct candidates *c, const struct crash_module *m)
{
    if (c->chosen < MISSING_MODULES_MAX)
        c->out[c->chosen++] = (struct stored_module){ library_file_name(m->debug_file), m->debug_id,
                                                      library_file_name(m->code_file), m->code_id };
}

static void take(struct candidates *c, size_t i)
{
    if (!c->taken[i])
        add(c, c->at[i]);
    c->taken[i] = true;
}

static void take_of_thread(struct candidates *c, const struct crash_thread *t)
{
    for (size_t i = 0; i < t->frame_count; i++) {
        const struct crash_frame *f = &t->frames[i];
        const struct crash_module key = { .base = f->address - f->offset }, *wanted = &key;
        const struct crash_module **found = NULL;
        if (f->has_address && f->has_offset)
            found = bsearch(&wanted, c->at, c->count, sizeof *c->at, by_base);
        if (found)
            take(c, (size_t)(found - c->at));
    }
}

bool missing_modules(const struct crash *crash, struct arena *a, const struct stored_module **out,
                     size_t *count, struct err *e)
{
    struct candidates c = { .at = arena_array(a, crash->module_count + 1, sizeof *c.at),
                            .taken = arena_array(a, crash->module_count + 1, sizeof *c.taken),
                            .out = arena_array(a, MISSING_MODULES_MAX, sizeof *c.out) };
    if (!c.at || !c.taken || !c.out)
        return err_set(e, ERR_NOMEM, 0, "missing symbols");
    for (size_t i = 0; i < crash->module_count; i++)
        if (is_worth_it(&crash->modules[i])) {
            c.taken[c.count] = false;
            c.at[c.count++] = &crash->modules[i];
        }
    if (c.count > 0)
        qsort(c.at, c.count, sizeof *c.at, by_base);
    if (c.count > 0 && crash->main_thread < crash->thread_count)
        take_of_thread(&c, &crash->threads[crash->main_thread]);
    for (size_t i = 0; i < c.count; i++)
        take(&c, i);
    for (size_t i = 0; i < crash->script_count; i++)
        if (is_worth_it(&crash->scripts[i]))
            add(&c, &crash->scripts[i]);
    *out = c.out;
    *count = c.chosen;
    return true;
}
