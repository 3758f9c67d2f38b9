/* modules.c - which module an address lies in, whether there is code, and where to look it up. */
#include "unwind/walk_internal.h"

struct walk_module *module_at(const struct walk *w, uint64_t address)
{
    size_t low = 0, high = w->module_count; /* the first that begins behind the address */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->modules[middle].base > address)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == 0)
        return NULL;
    struct walk_module *m = &w->modules[low - 1];
    return address - m->base < m->size ? m : NULL;
}

void module_look_up(const struct walk *w, struct walk_module *m)
{
    if (m->looked_up)
        return;
    m->looked_up = true;
    if (!w->symbols || !w->symbols->find(w->symbols->ctx, &m->id, &m->found))
        m->found = (struct symbols_found){ 0 };
}

struct symcache_spot spot_of(const struct machine_frame *f)
{
    if (!f->module)
        return (struct symcache_spot){ 0 };
    return (struct symcache_spot){ .cache = f->module->found.names,
                                   .address = f->lookup - f->module->base };
}

bool code_at(const struct walk *w, uint64_t address)
{
    struct walk_module *m = module_at(w, address);
    struct symcache_frame f;
    if (!m)
        return false;
    module_look_up(w, m);
    return !m->found.names || symcache_find(m->found.names, address - m->base, &f, 1) > 0;
}
