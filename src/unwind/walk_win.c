/* walk_win.c - the caller by STACK WIN records, which PDB files hold for x86.
 *
 * Functions without a frame pointer need these. Where they come from, %esp of a frame is the value
 * just before the call, with what was pushed for the callee still there. So the record of the
 * callee has its part in finding the return address:
 *
 *     %esp -> | parameters of the callee | saved registers | locals | return address | parameters
 *
 * The records are often wrong by a few words, so that the result is held against the stack, and
 * scans mend it. */
#include "unwind/rules.h"
#include "unwind/walk_internal.h"

#define RECORD_SCAN_WORDS 3 /* the stack may have been aligned to 16 */
/* Bytes in which the saved %ebp is looked for: nobody saves more, though records may say so. */
#define SAVED_BYTES_MAX 4096

struct win_walk {
    const struct thread_walk *t;
    const struct machine_frame *f;
    const struct symcache_win *record;
    uint32_t callee_parameters; /* bytes */
    uint32_t search;            /* where the return address should be */
    uint32_t set;               /* bit r: the program has set register r */
    uint32_t eip, esp, ebp;
    enum walk_trust trust;
};

static uint32_t frame_register(const struct machine_frame *f, unsigned number)
{
    return (uint32_t)f->registers.at[number];
}

static bool scan(const struct win_walk *x, uint32_t start, unsigned words, uint32_t *location,
                 uint32_t *address)
{
    uint64_t at, value;
    if (!scan_stack(x->t, start, words, &at, &value))
        return false;
    *location = (uint32_t)at;
    *address = (uint32_t)value;
    return true;
}

/* Where the return address should be: as the sizes say, or a little above. */
static uint32_t search_start(const struct win_walk *x)
{
    const struct symcache_win *r = x->record;
    uint32_t computed = frame_register(x->f, X86_ESP) + x->callee_parameters + r->local_bytes +
                        r->saved_register_bytes;
    uint32_t start = computed, found = 0;
    /* A system call that has returned leaves its return address, which is where we are, on the
     * stack: the one above is meant. */
    if (scan(x, computed, RECORD_SCAN_WORDS, &start, &found) && start == computed &&
        x->f->trust == TRUST_CONTEXT && !r->frame_data && found == frame_register(x->f, X86_EIP)) {
        start += 4;
        (void)scan(x, start, RECORD_SCAN_WORDS, &start, &found);
    }
    return start;
}

/* The record has a program. */
static bool run_program(struct win_walk *x, struct registers *caller)
{
    const struct symcache_win *r = x->record;
    struct registers callee = x->f->registers;
    callee.known = bit(X86_EBP) | bit(X86_ESP) | (callee.known & bit(X86_EBX));
    struct rules_in in = { .cpu = x->t->cpu,
                           .callee = &callee,
                           .read = memory_number,
                           .memory = x->t,
                           .variables = { [UNWIND_VAR_PARAMS] = r->parameter_bytes,
                                          [UNWIND_VAR_CALLEE_PARAMS] = x->callee_parameters,
                                          [UNWIND_VAR_SAVED_REGISTERS] = r->saved_register_bytes,
                                          [UNWIND_VAR_LOCALS] = r->local_bytes,
                                          [UNWIND_VAR_SEARCH] = x->search,
                                          [UNWIND_VAR_SEARCH_START] = x->search },
                           .variables_known = ((uint32_t)1 << UNWIND_VAR_TEMPORARY) - 1 };
    struct rules_out out;
    bool ok = rules_run(r->program, &in, &out);
    x->set = (uint32_t)out.set.known;
    for (unsigned i = 0; i < x->t->cpu->registers; i++) {
        if (out.set.known >> i & 1)
            caller->at[i] = out.set.at[i];
    }
    return ok && knows(&out.set, X86_EIP) && knows(&out.set, X86_ESP);
}

/* The record is of the older kind: only sizes. */
static bool use_sizes(struct win_walk *x, struct registers *caller)
{
    uint64_t eip, ebp;
    if (!stack_word(x->t, x->search, &eip))
        return false;
    caller->at[X86_EIP] = eip;
    x->set |= 1u << X86_EIP;
    if (x->record->allocates_base_pointer) {
        /* %ebp is a general register here, and was the first to be saved. */
        uint32_t saved = frame_register(x->f, X86_ESP) + x->callee_parameters +
                         x->record->saved_register_bytes - 8;
        if (!stack_word(x->t, saved, &ebp))
            return false;
        caller->at[X86_EBP] = ebp;
        x->set |= 1u << X86_EBP;
    } else if (knows(&x->f->registers, X86_EBX)) {
        x->set |= 1u << X86_EBX; /* small functions of ntdll leave it alone */
    }
    caller->at[X86_ESP] = x->search + 4;
    x->set |= 1u << X86_ESP;
    return true;
}

/* What the record said led to no code: a return address further up is better. Gives how far. */
static uint32_t mend_eip(struct win_walk *x)
{
    uint32_t start = x->search + 4, location;
    if (module_at(x->t->walk, x->eip) || !scan(x, start, scan_words(x->f), &location, &x->eip))
        return 0;
    x->esp = location + 4;
    x->trust = TRUST_CFI_SCAN;
    return location - start;
}

/* %ebp must point into the stack. If not, whatever was saved and does is taken, the upper first: it
 * is saved early. */
static void mend_ebp(struct win_walk *x, uint32_t offset)
{
    uint64_t ebp, value;
    bool skipped = x->trust != TRUST_CFI && x->ebp <= x->search + offset;
    uint64_t bytes = (uint64_t)x->record->saved_register_bytes + offset;
    if (bytes > SAVED_BYTES_MAX || (!skipped && stack_word(x->t, x->ebp, &value)))
        return;
    uint32_t low = frame_register(x->f, X86_ESP) + x->callee_parameters;
    for (uint64_t at = low + bytes; at >= low; at -= 4) {
        if (!stack_word(x->t, at, &ebp))
            return;
        if (stack_word(x->t, ebp, &value)) {
            x->ebp = (uint32_t)ebp;
            return;
        }
        if (at < 4)
            return;
    }
}

/* Registers as the record says, or as a scan does when it fails. */
static bool apply_record(struct win_walk *x, struct registers *caller)
{
    bool ok = x->record->has_program ? run_program(x, caller) : use_sizes(x, caller);
    x->eip = (uint32_t)caller->at[X86_EIP];
    x->esp = (uint32_t)caller->at[X86_ESP];
    x->ebp = (uint32_t)caller->at[X86_EBP];
    x->trust = TRUST_CFI;
    if (ok)
        return true;
    uint32_t location;
    if (!scan(x, frame_register(x->f, X86_ESP), scan_words(x->f), &location, &x->eip))
        return false;
    x->esp = location + 4;
    x->trust = TRUST_SCAN;
    return true;
}

static bool walk_record(struct win_walk *x, struct machine_frame *caller)
{
    bool ebp_is_used = x->record->has_program || x->record->allocates_base_pointer;
    caller->registers = x->f->registers;
    x->search = search_start(x);
    /* An aligned stack pointer cannot be counted back from; the frame pointer then is sure. */
    if (x->record->has_program && rules_mention(x->record->program, UNWIND_ALIGN) &&
        knows(&x->f->registers, X86_EBP))
        x->search = frame_register(x->f, X86_EBP) + 4;
    if (!apply_record(x, &caller->registers))
        return false;
    if (x->eip != 0 || x->ebp != 0) { /* else the top of the stack */
        uint32_t offset = mend_eip(x);
        if (ebp_is_used)
            mend_ebp(x, offset);
    }
    caller->registers.at[X86_EIP] = x->eip;
    caller->registers.at[X86_ESP] = x->esp;
    caller->registers.at[X86_EBP] = x->ebp;
    caller->registers.known = bit(X86_EIP) | bit(X86_ESP) | bit(X86_EBP) |
                              (x->set & (bit(X86_EBX) | bit(X86_ESI) | bit(X86_EDI)));
    caller->trust = x->trust;
    return true;
}

/* How much was pushed for the frame that this one called: as that one's record says, or its
 * function. */
static uint32_t callee_parameters(const struct thread_walk *t)
{
    const struct machine_frame *callee = t->previous;
    struct symcache_frame function;
    if (!callee)
        return 0;
    if (callee->has_parameters)
        return callee->parameter_bytes;
    struct symcache_spot spot = spot_of(callee);
    symcache_find_many(&spot, 1);
    bool known = symcache_frames(&spot, &function, 1) > 0 && !function.is_public;
    return known ? function.parameter_bytes : 0;
}

bool caller_by_win(const struct thread_walk *t, struct machine_frame *f,
                   struct machine_frame *caller)
{
    const struct symcache *symbols = f->module ? f->module->found.unwind : NULL;
    struct symcache_win record;
    if (!symbols || !symcache_win(symbols, f->lookup - f->module->base, &record))
        return false;
    f->has_parameters = true;
    f->parameter_bytes = record.parameter_bytes;
    struct win_walk x = {
        .t = t, .f = f, .record = &record, .callee_parameters = callee_parameters(t)
    };
    return walk_record(&x, caller);
}
