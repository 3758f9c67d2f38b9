/* dump_walk.c - has the threads of a dump walked, the one that crashed first. */
#include "decode/dump_parts.h"

#include <stdlib.h>

static bool init_modules(struct dump_maker *k, struct walk *w)
{
    struct dump *d = k->dump;
    w->modules = arena_array(k->arena, d->module_count + 1, sizeof *w->modules);
    if (!w->modules)
        return false;
    for (size_t i = 0; i < d->module_count; i++) {
        const struct dump_module *from = &d->modules[i];
        struct walk_module *to = &w->modules[i];
        *to = (struct walk_module){ .base = from->base, .size = from->size };
        to->id = (struct module_id){ .debug_file = dump_base_name(from->debug_file),
                                     .debug_id = from->debug_id,
                                     .code_file = dump_base_name(from->code_file),
                                     .code_id = from->code_id };
    }
    w->module_count = d->module_count;
    return true;
}

static bool walk_one(struct dump_maker *k, struct walk *w, size_t i,
                     const struct walk_region *stack, size_t *frames_left, struct err *e)
{
    struct dump_thread *t = &k->dump->threads[i];
    struct walk_frame *frames = NULL;
    size_t count = 0;
    if (!t->has_registers || *frames_left == 0)
        return true;
    if (!walk_thread(w, &t->registers, stack, &frames, &count, e))
        return false;
    if (count > *frames_left)
        count = *frames_left;
    *frames_left -= count;
    if (*frames_left == 0)
        dump_error(k, "more than %d frames, of which the first are kept", DUMP_FRAMES_MAX);
    t->frames = frames;
    t->frame_count = count;
    return true;
}

static bool walk_threads(struct dump_maker *k, struct walk *w, const struct walk_region *stacks,
                         struct err *e)
{
    struct dump *d = k->dump;
    size_t first = d->crash_thread, left = DUMP_FRAMES_MAX;
    if (first < d->thread_count && !walk_one(k, w, first, stacks ? &stacks[first] : NULL, &left, e))
        return false;
    for (size_t i = 0; i < d->thread_count; i++)
        if (i != first && !walk_one(k, w, i, stacks ? &stacks[i] : NULL, &left, e))
            return false;
    return true;
}

bool dump_walk_begin(struct dump_maker *k, struct walk *w)
{
    w->cpu = k->dump->cpu;
    w->os = k->dump->os;
    w->arena = k->arena;
    return init_modules(k, w);
}

void dump_walk_end(struct dump_maker *k, struct walk *w)
{
    for (size_t i = 0; i < w->module_count; i++) {
        k->dump->modules[i].asked = w->modules[i].asked;
        k->dump->modules[i].missing = w->modules[i].missing;
    }
    walk_done(w);
}

bool dump_walk(struct dump_maker *k, struct walk *w, const struct walk_region *stacks,
               struct err *e)
{
    if (!dump_walk_begin(k, w))
        return err_set(e, ERR_NOMEM, 0, "no memory for the modules of a dump");
    bool ok = walk_threads(k, w, stacks, e);
    dump_walk_end(k, w);
    return ok;
}

const struct walk_region *dump_region(const struct walk_region *regions, size_t count,
                                      uint64_t address)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (regions[middle].base <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct walk_region *region = &regions[low - 1];
    return address - region->base < region->bytes.len ? region : NULL;
}

/* --- in order ------------------------------------------------------------------------------ */

static int by_base(const void *a, const void *b)
{
    const struct walk_region *x = a, *y = b;
    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    return x->bytes.ptr < y->bytes.ptr ? -1 : x->bytes.ptr > y->bytes.ptr;
}

void dump_sort_regions(struct walk_region *regions, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (by_base(&regions[i - 1], &regions[i]) > 0) {
            qsort(regions, count, sizeof *regions, by_base);
            return;
        }
}
