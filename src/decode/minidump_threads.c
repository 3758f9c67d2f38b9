/* minidump_threads.c - threads: their registers, stacks and names. */
#include "decode/minidump_parts.h"

#include <stdlib.h>

#define THREAD_SIZE 48
#define LOCATION_SIZE 8 /* where the registers are: the end of an entry */
#define NAME_SIZE 12

/* --- names --------------------------------------------------------------------------------- */

struct thread_name {
    uint32_t id;
    uint64_t offset;
};

static int by_id(const void *a, const void *b)
{
    const struct thread_name *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static bool read_names(struct minidump *m, struct thread_name **out, size_t *count)
{
    struct bytes entries = minidump_entries(m, STREAM_THREAD_NAMES, "thread names", NAME_SIZE,
                                            MINIDUMP_THREADS_MAX, count);
    struct reader r = minidump_reader(m, entries);
    struct thread_name *names = arena_array(m->arena, *count + 1, sizeof *names);
    if (!names)
        return false;
    for (size_t i = 0; i < *count; i++) {
        names[i].id = reader_u32(&r);
        names[i].offset = reader_u64(&r);
    }
    qsort(names, *count, sizeof *names, by_id);
    *out = names;
    return true;
}

static bool set_name(struct minidump *m, struct dump_thread *t, const struct thread_name *names,
                     size_t count)
{
    struct thread_name key = { .id = (uint32_t)t->id };
    const struct thread_name *found = bsearch(&key, names, count, sizeof *names, by_id);
    t->name = STR("");
    if (!found || found->offset > UINT32_MAX)
        return true;
    return minidump_string(m, (uint32_t)found->offset, &t->name);
}

/* --- threads ------------------------------------------------------------------------------- */

/* What the thread itself says of its stack, if the file has it; else the region of memory at the
 * beginning of the stack, or where its stack pointer points to. */
static void set_stack(struct minidump *m, const struct dump_thread *t, uint64_t start,
                      struct bytes own, struct walk_region *stack)
{
    const struct cpu_facts *facts = cpu_facts(m->dump->cpu);
    const struct walk_region *region = NULL;
    *stack = (struct walk_region){ 0 };
    if (own.len > 0 && own.len - 1 <= UINT64_MAX - start) {
        *stack = (struct walk_region){ start, own };
        return;
    }
    if (start)
        region = dump_region(m->regions, m->region_count, start);
    if (!region && facts && t->has_registers)
        region = dump_region(m->regions, m->region_count, t->registers.at[facts->sp]);
    if (region)
        *stack = *region;
}

static void read_thread(struct minidump *m, struct reader *r, struct dump_thread *t,
                        struct walk_region *stack_memory)
{
    *t = (struct dump_thread){ .id = reader_u32(r) };
    reader_skip(r, 20); /* how often it is suspended, priorities, environment block */
    uint64_t start = reader_u64(r);
    struct bytes stack = minidump_location(m, r), context = minidump_location(m, r);
    t->has_registers = context.len > 0 && minidump_context(m, context, &t->registers);
    if (!t->has_registers && m->dump->cpu != CPU_UNKNOWN)
        dump_error(&m->make, "thread %llu has no registers", (unsigned long long)t->id);
    set_stack(m, t, start, stack, stack_memory);
}

/* Without a system stream, the processor is that of the first record of registers that tells. */
static void find_cpu(struct minidump *m, struct bytes entries, size_t count)
{
    struct reader r = minidump_reader(m, entries);
    enum cpu cpu = CPU_UNKNOWN;
    for (size_t i = 0; i < count && cpu == CPU_UNKNOWN; i++) {
        reader_skip(&r, THREAD_SIZE - LOCATION_SIZE);
        cpu = minidump_context_cpu(m, minidump_location(m, &r));
    }
    if (cpu == CPU_UNKNOWN) {
        dump_error(&m->make, "nothing tells the processor: stacks cannot be walked");
        return;
    }
    minidump_set_cpu(m, cpu);
    dump_error(&m->make, "the processor is told by the registers only: %.*s",
               STR_ARG(m->dump->cpu_name));
}

bool minidump_read_threads(struct minidump *m)
{
    struct dump *d = m->dump;
    struct thread_name *names;
    size_t count, name_count, n = 0;
    struct bytes entries = minidump_entries(m, STREAM_THREADS, "thread list", THREAD_SIZE,
                                            MINIDUMP_THREADS_MAX, &count);
    d->threads = arena_array(m->arena, count + 1, sizeof *d->threads);
    m->stacks = arena_array(m->arena, count + 1, sizeof *m->stacks);
    if (!d->threads || !m->stacks || !read_names(m, &names, &name_count))
        return false;
    if (!m->has_system)
        find_cpu(m, entries, count);
    struct reader r = minidump_reader(m, entries);
    for (size_t i = 0; i < count; i++) {
        struct dump_thread *t = &d->threads[n];
        read_thread(m, &r, t, &m->stacks[n]);
        /* The thread that wrote the dump is in the middle of doing so: its stack tells nothing. */
        if (m->has_dump_thread && t->id == m->dump_thread)
            continue;
        if (!set_name(m, t, names, name_count))
            return false;
        n++;
    }
    d->thread_count = n;
    return true;
}
