/* plcrash_threads.c - threads with their registers and stacks.
 *
 * The reporter has walked the stacks; what is left is to name the frames: by symbols, else as the
 * report does. The thread that crashed comes first. Behind it stands the stack of the exception
 * that nobody caught: it is of no thread any more (the thread that crashed is in abort by then),
 * but it is where the program went wrong, so it is the stack that the report is grouped by. */
#include "decode/plcrash_parts.h"

#include "report/demangle.h"

#define EXCEPTION_STACK "Last Exception Backtrace" /* as Apple's reports call it */
#define NOTED_REGISTERS_MAX 100

struct naming {
    struct plcrash *p;
    struct walk walk;
    size_t frames_left;
    bool has_deep; /* a thread with more frames than are kept of one */
};

/* --- registers ----------------------------------------------------------------------------- */

static void read_registers(const struct plcrash *p, const Plcrash__Thread *from,
                           struct dump_thread *to)
{
    for (size_t i = 0; i < from->n_registers; i++) {
        const Plcrash__RegisterValue *r = from->registers[i];
        int number = cpu_register(p->dump->cpu, str_from_c(r->name));
        if (number < 0)
            continue;
        to->registers.at[number] = r->value;
        to->registers.known |= UINT64_C(1) << number;
        to->has_registers = true;
    }
}

/* All registers of the thread that crashed, also those that stacks are not made of (flags). */
static bool note_registers(struct plcrash *p, const Plcrash__Thread *t)
{
    if (t->n_registers == 0)
        return true;
    struct json_writer *w = dump_note(&p->make, "registers");
    json_object(w);
    for (size_t i = 0; i < t->n_registers && i < NOTED_REGISTERS_MAX; i++) {
        struct str name;
        if (!plcrash_text(p, t->registers[i]->name, &name))
            return false;
        json_key(w, name);
        plcrash_write_hex(w, t->registers[i]->value);
    }
    json_object_end(w);
    return true;
}

/* --- frames -------------------------------------------------------------------------------- */

/* Names as linkers of Apple's systems write them begin with one underscore more. */
static struct str linker_name(const struct plcrash *p, struct str name)
{
    bool apple = p->dump->os == WALK_OS_MAC || p->dump->os == WALK_OS_IOS;
    bool has = apple && name.len > 1 && name.ptr[0] == '_';
    return has ? (struct str){ name.ptr + 1, name.len - 1 } : name;
}

static bool use_own_symbol(struct plcrash *p, const Plcrash__Symbol *symbol, struct walk_frame *f)
{
    struct str name;
    if (!symbol || f->function.len > 0)
        return true;
    if (!plcrash_text(p, symbol->name, &name) ||
        !demangle_full(linker_name(p, name), p->make.arena, &f->function))
        return false;
    f->function_offset =
        f->address > symbol->start_address ? f->address - symbol->start_address : 0;
    return true;
}

/* Calls that were inlined have no frame in the report: each frame that is not inlined is the next
 * one of the report. */
static bool use_own_symbols(struct plcrash *p, Plcrash__StackFrame *const *from,
                            struct walk_frame *frames, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        if (!frames[i].inlined && !use_own_symbol(p, from[at++]->symbol, &frames[i]))
            return false;
    return true;
}

/* Told once: such threads are seldom alone. */
static void tell_deep(struct naming *n, const struct dump_thread *t, size_t count)
{
    if (count > WALK_FRAMES_MAX && !n->has_deep)
        dump_error(&n->p->make, "thread %llu has %zu frames, of which the first %d are kept",
                   (unsigned long long)t->id, count, WALK_FRAMES_MAX);
    n->has_deep = n->has_deep || count > WALK_FRAMES_MAX;
}

/* The first frame has the registers of its thread; a stack without is no thread's. */
static void use_registers(const struct dump_thread *t, struct walk_frame *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!t->has_registers)
            frames[i].trust = frames[i].trust == TRUST_CONTEXT ? TRUST_PREWALKED : frames[i].trust;
        else if (!frames[i].inlined)
            frames[i].registers = t->registers;
        if (!frames[i].inlined)
            return;
    }
}

static bool name_frames(struct naming *n, Plcrash__StackFrame *const *from, size_t count,
                        struct dump_thread *to, struct err *e)
{
    struct plcrash *p = n->p;
    struct walk_frame *frames;
    if (n->frames_left == 0)
        return true;
    uint64_t *addresses = arena_array(p->make.arena, count + 1, sizeof *addresses);
    if (!addresses)
        return err_set(e, ERR_NOMEM, 0, "no memory for the frames of a report");
    for (size_t i = 0; i < count; i++)
        addresses[i] = from[i]->pc;
    if (!walk_addresses(&n->walk, addresses, count, &frames, &to->frame_count, e))
        return false;
    if (to->frame_count > n->frames_left)
        to->frame_count = n->frames_left;
    n->frames_left -= to->frame_count;
    tell_deep(n, to, count);
    use_registers(to, frames, to->frame_count);
    to->frames = frames;
    return use_own_symbols(p, from, frames, to->frame_count) ||
           err_set(e, ERR_NOMEM, 0, "no memory for the names of frames");
}

/* --- threads ------------------------------------------------------------------------------- */

static size_t find_crashed(const Plcrash__CrashReport *r)
{
    for (size_t i = 0; i < r->n_threads; i++)
        if (r->threads[i]->crashed)
            return i;
    return SIZE_MAX;
}

static struct dump_thread *add(struct dump *d, uint64_t id, const char *name)
{
    struct dump_thread *t = &d->threads[d->thread_count++];
    *t = (struct dump_thread){ .id = id, .name = str_from_c(name) };
    return t;
}

static bool add_thread(struct naming *n, const Plcrash__Thread *from, struct err *e)
{
    struct dump_thread *t = add(n->p->dump, from->thread_number, "");
    read_registers(n->p, from, t);
    return name_frames(n, from->frames, from->n_frames, t, e);
}

/* Its number is one that no thread has. */
static bool add_exception(struct naming *n, struct err *e)
{
    const Plcrash__CrashReport *r = n->p->report;
    struct dump *d = n->p->dump;
    uint64_t id = 0;
    if (!r->exception || r->exception->n_frames == 0)
        return true;
    for (size_t i = 0; i < r->n_threads; i++)
        if (r->threads[i]->thread_number >= id)
            id = (uint64_t)r->threads[i]->thread_number + 1;
    d->has_main_thread = true;
    d->main_thread = d->thread_count;
    struct dump_thread *t = add(d, id, EXCEPTION_STACK);
    return name_frames(n, r->exception->frames, r->exception->n_frames, t, e) &&
           (dump_number(&n->p->make, "process.thread.count", r->n_threads) ||
            err_set(e, ERR_NOMEM, 0, "no memory for a number"));
}

static bool add_crashed(struct naming *n, size_t crashed, struct err *e)
{
    const Plcrash__CrashReport *r = n->p->report;
    if (crashed == SIZE_MAX) {
        if (n->p->dump->has_crash)
            dump_error(&n->p->make, "no thread is said to have crashed");
        return true;
    }
    n->p->dump->crash_thread = 0;
    return (note_registers(n->p, r->threads[crashed]) ||
            err_set(e, ERR_NOMEM, 0, "no memory for registers")) &&
           add_thread(n, r->threads[crashed], e);
}

static bool add_all(struct naming *n, struct err *e)
{
    const Plcrash__CrashReport *r = n->p->report;
    size_t crashed = find_crashed(r);
    if (!add_crashed(n, crashed, e) || !add_exception(n, e))
        return false;
    for (size_t i = 0; i < r->n_threads; i++)
        if (i != crashed && !add_thread(n, r->threads[i], e))
            return false;
    if (n->frames_left == 0)
        dump_error(&n->p->make, "more than %d frames, of which the first are kept",
                   DUMP_FRAMES_MAX);
    return true;
}

bool plcrash_read_threads(struct plcrash *p, const struct symbol_source *symbols, struct err *e)
{
    struct naming n = { .p = p, .walk = { .symbols = symbols }, .frames_left = DUMP_FRAMES_MAX };
    struct dump *d = p->dump;
    d->threads = arena_array(p->make.arena, p->report->n_threads + 1, sizeof *d->threads);
    if (!d->threads)
        return err_set(e, ERR_NOMEM, 0, "no memory for the threads of a report");
    if (!dump_walk_begin(&p->make, &n.walk))
        return err_set(e, ERR_NOMEM, 0, "no memory for the images of a report");
    bool ok = add_all(&n, e);
    dump_walk_end(&p->make, &n.walk);
    return ok;
}
