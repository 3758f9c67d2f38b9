/* walk.c - drives the walk: a frame, its names, its caller, and when to stop. */
#include "unwind/walk_internal.h"

#define KEPT_TEXTS 64       /* copies of names that are found again */
#define FIRST_FRAMES 32     /* room at first */
#define INTERRUPTIONS_MAX 4 /* signals in signals */
#define LOWEST_CODE 4096    /* addresses in the first page: the end of the stack */

struct kept_text {
    const char *from; /* in a symbol cache, which stays open until walk_done */
    struct str copy;
};

/* What one struct walk needs for all its threads. In its arena. */
struct walk_own {
    struct region_index memory, unloaded;
    struct kept_text texts[KEPT_TEXTS];
    /* Of the present thread: the last that were walked, whose functions are looked up together. */
    struct machine_frame unnamed[SYMCACHE_TOGETHER];
    size_t unnamed_count;
    /* The frames of the present thread, before they are copied out. */
    struct walk_frame *frames;
    size_t count, room;
};

const char *walk_trust_name(enum walk_trust t)
{
    static const char *const names[] = { "none",      "scan", "cfi_scan", "fp",
                                         "prewalked", "leaf", "cfi",      "context" };
    return names[t];
}

static bool index_regions(struct walk *w, struct region_index *x, const struct walk_region *regions,
                          size_t count)
{
    uint64_t *ends = arena_array(w->arena, count ? count : 1, sizeof *ends);
    if (ends)
        region_index_init(x, regions, count, ends);
    return ends != NULL;
}

static bool own_new(struct walk *w)
{
    struct walk_own *own = arena_zalloc(w->arena, sizeof *own);
    if (!own || !index_regions(w, &own->memory, w->regions, w->region_count) ||
        !index_regions(w, &own->unloaded, w->unloaded, w->unloaded_count))
        return false;
    w->own = own;
    return true;
}

static bool keep_text(struct walk *w, struct str text, struct str *out)
{
    uintptr_t address = (uintptr_t)text.ptr;
    struct kept_text *k = &w->own->texts[(address ^ address >> 6 ^ address >> 12) % KEPT_TEXTS];
    *out = (struct str){ "", 0 };
    if (text.len == 0)
        return true;
    if (k->from != text.ptr || k->copy.len != text.len) {
        if (!arena_str(w->arena, text, &k->copy))
            return false;
        k->from = text.ptr;
    }
    *out = k->copy;
    return true;
}

static struct walk_frame *push_frame(struct walk *w)
{
    struct walk_own *own = w->own;
    if (own->count == own->room) {
        size_t room = own->room ? own->room * 2 : FIRST_FRAMES;
        struct walk_frame *more = arena_array(w->arena, room, sizeof *more);
        if (!more)
            return NULL;
        if (own->count)
            memcpy(more, own->frames, own->count * sizeof *more);
        own->frames = more;
        own->room = room;
    }
    return &own->frames[own->count++];
}

/* The number of the unloaded module that the address was in. */
static uint32_t unloaded_at(const struct walk *w, uint64_t address)
{
    const struct walk_region *r = region_index_find(&w->own->unloaded, address);
    return r ? (uint32_t)(r - w->unloaded) : WALK_NO_MODULE;
}

static struct registers only_known(const struct registers *r)
{
    struct registers out = { .known = r->known };
    for (unsigned i = 0; i < CPU_REGISTERS_MAX; i++)
        out.at[i] = r->known >> i & 1 ? r->at[i] : 0;
    return out;
}

/* Where a frame keeps its address; of a processor that is not known there are no other registers.
 */
static unsigned pc_number(enum cpu cpu)
{
    const struct cpu_facts *facts = cpu_facts(cpu);
    return facts ? facts->pc : 0;
}

/* The frames of source that one of the machine stands for; at least one. */
static bool add_frames(struct walk *w, const struct machine_frame *f,
                       const struct symcache_spot *spot)
{
    struct symcache_frame found[SYMCACHE_FRAMES_MAX];
    uint64_t pc = f->registers.at[pc_number(w->cpu)];
    size_t n = symcache_frames(spot, found, SYMCACHE_FRAMES_MAX), count = n ? n : 1;
    if (n == 0)
        found[0] = (struct symcache_frame){ 0 };
    for (size_t i = 0; i < count; i++) {
        struct walk_frame *out = push_frame(w);
        if (!out || !keep_text(w, found[i].function, &out->function) ||
            !keep_text(w, found[i].file, &out->file))
            return false;
        out->trust = f->trust;
        out->inlined = i + 1 < count;
        out->address = pc;
        out->module = f->module ? (uint32_t)(f->module - w->modules) : WALK_NO_MODULE;
        out->unloaded = f->module ? WALK_NO_MODULE : unloaded_at(w, f->lookup);
        out->line = found[i].line;
        out->function_offset = n ? pc - f->module->base - found[n - 1].start : 0;
        out->registers = out->inlined ? (struct registers){ 0 } : only_known(&f->registers);
    }
    if (f->module) {
        f->module->asked = true;
        f->module->missing = !f->module->found.names && !f->module->found.unwind;
    }
    return true;
}

/* Looks the functions of the last frames up, as many as are wanted. */
static bool name_frames(struct walk *w)
{
    struct walk_own *own = w->own;
    struct symcache_spot spots[SYMCACHE_TOGETHER];
    for (size_t i = 0; i < own->unnamed_count; i++)
        spots[i] = spot_of(&own->unnamed[i]);
    symcache_find_many(spots, own->unnamed_count);
    for (size_t i = 0; i < own->unnamed_count && own->count < WALK_FRAMES_TOTAL_MAX; i++)
        if (!add_frames(w, &own->unnamed[i], &spots[i]))
            return false;
    own->unnamed_count = 0;
    return true;
}

/* The frame as it is now; it is named when there are enough to be looked up together. */
static bool keep_frame(struct walk *w, const struct machine_frame *f)
{
    struct walk_own *own = w->own;
    own->unnamed[own->unnamed_count++] = *f;
    return own->unnamed_count < SYMCACHE_TOGETHER || name_frames(w);
}

/* In which module the frame lies. */
static void locate(const struct walk *w, struct machine_frame *f)
{
    f->module = module_at(w, f->lookup);
    f->has_parameters = false;
    if (f->module)
        module_look_up(w, f->module);
}

static bool find_caller(const struct thread_walk *t, struct machine_frame *f,
                        struct machine_frame *caller)
{
    switch (t->walk->cpu) {
    case CPU_X86:
        return caller_x86(t, f, caller);
    case CPU_AMD64:
        return caller_amd64(t, f, caller);
    case CPU_ARM:
        return caller_arm(t, f, caller);
    case CPU_ARM64:
        return caller_arm64(t, f, caller);
    case CPU_UNKNOWN:
        break;
    }
    return false;
}

/* The stack pointer rises from frame to frame, so that walks end. Only the first, or one that a
 * signal came to, may be a leaf that has not moved it; and signals may have stacks of their own. */
static bool ends_walk(const struct thread_walk *t, const struct machine_frame *f,
                      const struct machine_frame *caller)
{
    uint64_t before = f->registers.at[t->cpu->sp], after = caller->registers.at[t->cpu->sp];
    if (caller->registers.at[t->cpu->pc] < LOWEST_CODE)
        return true;
    if (caller->interrupted && t->interruptions < INTERRUPTIONS_MAX)
        return false;
    bool may_be_leaf = f->trust == TRUST_CONTEXT || (f->interrupted && !caller->interrupted);
    return may_be_leaf ? after < before : after <= before;
}

/* From a return address to the call before it. */
static uint64_t call_bytes(enum cpu cpu)
{
    return cpu == CPU_ARM64 ? 4 : cpu == CPU_ARM ? 2 : 1;
}

/* The thread's stack: what the dump says it is, if the stack pointer is in there. */
static struct walk_region find_stack(const struct walk *w, const struct walk_region *given,
                                     uint64_t sp)
{
    static const struct walk_region nothing;
    bool has = given && given->bytes.len > 0;
    if (has && sp >= given->base && sp - given->base < given->bytes.len)
        return *given;
    const struct walk_region *around = region_index_find(&w->own->memory, sp);
    return around ? *around : has ? *given : nothing;
}

/* Fills in what is not the registers' and the trust of a caller. */
static void enter_caller(struct thread_walk *t, struct machine_frame *caller)
{
    uint64_t pc = caller->registers.at[t->cpu->pc], sp = caller->registers.at[t->cpu->sp];
    caller->lookup = caller->interrupted ? pc : (pc - call_bytes(t->walk->cpu)) & t->mask;
    if (caller->interrupted) {
        t->interruptions++;
        t->stack = find_stack(t->walk, &t->stack, sp);
    }
}

static bool find_next(struct thread_walk *t, struct machine_frame *f, struct machine_frame *caller)
{
    caller->interrupted = false;
    if (!knows(&f->registers, t->cpu->sp) || !find_caller(t, f, caller))
        return false;
    caller->interrupted = caller->interrupted && caller->trust == TRUST_CFI;
    if (ends_walk(t, f, caller))
        return false;
    enter_caller(t, caller);
    return true;
}

static bool walk_frames(struct thread_walk *t, struct machine_frame f)
{
    struct machine_frame previous, caller;
    for (unsigned depth = 1;; depth++) {
        locate(t->walk, &f);
        if (!keep_frame(t->walk, &f))
            return false;
        if (depth == WALK_FRAMES_MAX || t->walk->own->count >= WALK_FRAMES_TOTAL_MAX ||
            !find_next(t, &f, &caller))
            return name_frames(t->walk);
        previous = f;
        t->previous = &previous;
        f = caller;
    }
}

static struct machine_frame context_frame(const struct thread_walk *t,
                                          const struct registers *context)
{
    struct machine_frame f = { .registers = { .known = context->known }, .trust = TRUST_CONTEXT };
    for (unsigned i = 0; i < t->cpu->registers; i++)
        f.registers.at[i] = knows(context, i) ? context->at[i] & t->mask : 0;
    f.registers.known &= UINT64_MAX >> (64 - t->cpu->registers);
    f.lookup = f.registers.at[t->cpu->pc];
    if (t->walk->cpu == CPU_ARM64)
        context_arm64(t, &f);
    return f;
}

static bool copy_out(struct walk *w, struct walk_frame **frames, size_t *count)
{
    size_t n = w->own->count;
    struct walk_frame *out = arena_array(w->arena, n, sizeof *out);
    if (!out)
        return false;
    memcpy(out, w->own->frames, n * sizeof *out);
    *frames = out;
    *count = n;
    return true;
}

bool walk_thread(struct walk *w, const struct registers *context, const struct walk_region *stack,
                 struct walk_frame **frames, size_t *count, struct err *e)
{
    const struct cpu_facts *cpu = cpu_facts(w->cpu);
    *frames = NULL;
    *count = 0;
    if (!cpu || !knows(context, cpu->pc))
        return true;
    if (!w->own && !own_new(w))
        return err_set(e, ERR_NOMEM, 0, "stack walk");
    struct thread_walk t = {
        .walk = w, .cpu = cpu, .mask = UINT64_MAX >> (64 - cpu->word * 8), .memory = &w->own->memory
    };
    struct machine_frame first = context_frame(&t, context);
    t.stack = find_stack(w, stack, first.registers.at[cpu->sp]);
    w->own->count = w->own->unnamed_count = 0;
    if (!walk_frames(&t, first) || !copy_out(w, frames, count))
        return err_set(e, ERR_NOMEM, 0, "stack walk: frames");
    return true;
}

/* A frame at an address that somebody else has found. */
static struct machine_frame given_frame(const struct walk *w, uint64_t address, bool first)
{
    const struct cpu_facts *cpu = cpu_facts(w->cpu);
    struct machine_frame f = { .trust = first ? TRUST_CONTEXT : TRUST_PREWALKED };
    if (w->cpu == CPU_ARM64)
        address = code_address_arm64(w, address);
    if (cpu) {
        address &= UINT64_MAX >> (64 - cpu->word * 8);
        f.registers.known = bit(cpu->pc);
    }
    f.registers.at[pc_number(w->cpu)] = address;
    f.lookup = first || address == 0 ? address : address - call_bytes(w->cpu);
    locate(w, &f);
    return f;
}

bool walk_addresses(struct walk *w, const uint64_t *addresses, size_t n, struct walk_frame **frames,
                    size_t *count, struct err *e)
{
    *frames = NULL;
    *count = 0;
    if (n == 0)
        return true;
    if (!w->own && !own_new(w))
        return err_set(e, ERR_NOMEM, 0, "stack walk");
    w->own->count = w->own->unnamed_count = 0;
    for (size_t i = 0; i < n && i < WALK_FRAMES_MAX; i++) {
        const struct machine_frame f = given_frame(w, addresses[i], i == 0);
        if (!keep_frame(w, &f))
            return err_set(e, ERR_NOMEM, 0, "stack walk: frames");
    }
    if (!name_frames(w) || !copy_out(w, frames, count))
        return err_set(e, ERR_NOMEM, 0, "stack walk: frames");
    return true;
}

void walk_done(struct walk *w)
{
    for (size_t i = 0; i < w->module_count; i++) {
        struct walk_module *m = &w->modules[i];
        if (m->looked_up && (m->found.names || m->found.unwind))
            w->symbols->release(w->symbols->ctx, &m->found);
        m->found = (struct symbols_found){ 0 };
    }
    w->own = NULL; /* goes with the arena */
}
