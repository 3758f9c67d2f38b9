/* walk_cfi.c - the caller by the rules of the symbol file. */
#include "unwind/rules.h"
#include "unwind/walk_internal.h"

/* What rules leave alone: registers that every function gives back keep their values, and the stack
 * pointer before the call is the CFA. */
static void fill_in(const struct thread_walk *t, const struct machine_frame *f,
                    const struct rules_out *rules, struct registers *caller)
{
    uint64_t kept = f->registers.known & t->cpu->callee_saved & ~rules->set.known & ~rules->cleared;
    *caller = rules->set;
    for (unsigned i = 0; i < t->cpu->registers; i++) {
        if (kept >> i & 1)
            caller->at[i] = f->registers.at[i];
    }
    caller->known |= kept;
    if (!knows(caller, t->cpu->sp))
        caller->at[t->cpu->sp] = rules->cfa;
    caller->known |= bit(t->cpu->sp);
}

enum cfi_result caller_by_cfi(const struct thread_walk *t, const struct machine_frame *f,
                              struct machine_frame *caller)
{
    const struct symcache *symbols = f->module ? f->module->found.unwind : NULL;
    struct bytes program;
    struct rules_out rules;
    if (!symbols || !symcache_cfi(symbols, f->lookup - f->module->base, &program))
        return CFI_NONE;
    struct rules_in in = {
        .cpu = t->cpu, .callee = &f->registers, .read = memory_number, .memory = t
    };
    if (!rules_run(program, &in, &rules) || !rules.has_cfa)
        return CFI_NONE;
    if (rules.cleared >> t->cpu->pc & 1)
        return CFI_TOP;
    if (!knows(&rules.set, t->cpu->pc))
        return CFI_NONE;
    fill_in(t, f, &rules, &caller->registers);
    caller->interrupted = rules.interrupted;
    caller->trust = TRUST_CFI;
    return CFI_FOUND;
}
