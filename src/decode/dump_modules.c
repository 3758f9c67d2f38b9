/* dump_modules.c - what was loaded, sorted and without overlaps.
 *
 * What is hard: lists hold modules twice, one within another (the Android linker and its memory
 * files). As Breakpad, of two modules that overlap the one that begins lower ends where the other
 * begins. */
#include "decode/dump_parts.h"

#include <stdlib.h>

static int by_base(const void *a, const void *b)
{
    const struct numbered_module *x = a, *y = b;
    if (x->module.base != y->module.base)
        return x->module.base < y->module.base ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static bool is_same(const struct dump_module *a, const struct dump_module *b)
{
    return a->size == b->size && str_eq(a->code_file, b->code_file) &&
           str_eq(a->code_id, b->code_id);
}

/* Memory that programs share on Android; it is listed as often as it is mapped. */
static bool is_shared_memory(const struct dump_module *module)
{
    return str_starts(module->code_file, STR("/dev/ashmem/"));
}

static void add_module(struct dump_maker *k, const struct numbered_module *from)
{
    struct dump *d = k->dump;
    struct dump_module *last = d->module_count ? &d->modules[d->module_count - 1] : NULL;
    const struct dump_module *module = &from->module;
    if (module->size == 0 || module->size - 1 > UINT64_MAX - module->base) {
        dump_error(k, "module %zu has no size or too large a one", from->number);
        return;
    }
    if (last && last->base == module->base) {
        if (!is_same(last, module) && !is_shared_memory(module))
            dump_error(k, "two modules begin at 0x%llx", (unsigned long long)module->base);
        return;
    }
    if (last && last->size > module->base - last->base)
        last->size = module->base - last->base;
    if (from->number == 0)
        d->main_module = d->module_count;
    d->modules[d->module_count++] = *module;
}

bool dump_set_modules(struct dump_maker *k, struct numbered_module *all, size_t count)
{
    k->dump->modules = arena_array(k->arena, count + 1, sizeof *k->dump->modules);
    if (!k->dump->modules)
        return false;
    qsort(all, count, sizeof *all, by_base);
    for (size_t i = 0; i < count; i++)
        add_module(k, &all[i]);
    return true;
}
