/* walk_arm64.c - callers on ARM of 64 bits. */
#include "unwind/walk_internal.h"

/* Return addresses may carry an authentication code in their upper bits. How many bits an address
 * has is guessed from the highest module. */
uint64_t code_address_arm64(const struct walk *w, uint64_t address)
{
    if (w->module_count == 0)
        return address;
    const struct walk_module *last = &w->modules[w->module_count - 1];
    uint64_t highest = last->base + last->size;
    uint64_t mask = highest ? UINT64_MAX >> __builtin_clzll(highest) : 0;
    return module_at(w, address & mask) ? address & mask : address;
}

void context_arm64(const struct thread_walk *t, struct machine_frame *f)
{
    f->registers.at[ARM64_LR] = code_address_arm64(t->walk, f->registers.at[ARM64_LR]);
}

/* The first frame knows its lr. It may be of a function that has made no frame record: then lr is
 * the return address, and x29 points to the record of the caller. So all frames found in this way
 * have their caller's record in x29, and their return address, from the record before, in lr. */
static bool caller_by_lr(const struct thread_walk *t, const struct machine_frame *f,
                         struct machine_frame *caller)
{
    uint64_t fp = f->registers.at[ARM64_FP], caller_fp = 0, caller_lr = 0;
    if (fp != 0 && (!stack_word(t, fp, &caller_fp) || !stack_word(t, fp + 8, &caller_lr)))
        return false;
    caller->registers = f->registers;
    caller->registers.at[ARM64_FP] = caller_fp;
    if (fp != 0)
        caller->registers.at[ARM64_SP] = fp + 16;
    caller->registers.at[ARM64_PC] = f->registers.at[ARM64_LR];
    caller->registers.at[ARM64_LR] = code_address_arm64(t->walk, caller_lr);
    caller->registers.known = bit(ARM64_PC) | bit(ARM64_LR) | bit(ARM64_FP) | bit(ARM64_SP);
    return true;
}

/* A frame found by rules does not know its lr, and has its own record in x29. */
static bool caller_by_record(const struct thread_walk *t, const struct machine_frame *f,
                             struct machine_frame *caller)
{
    uint64_t fp = f->registers.at[ARM64_FP], caller_fp = 0, caller_pc = 0; /* of 0: the end */
    bool below = fp < f->registers.at[ARM64_SP];
    if (fp != 0 && (below || !stack_word(t, fp, &caller_fp) || !stack_word(t, fp + 8, &caller_pc)))
        return false;
    caller->registers = f->registers;
    caller->registers.at[ARM64_FP] = caller_fp;
    caller->registers.at[ARM64_SP] = fp + 16;
    caller->registers.at[ARM64_PC] = code_address_arm64(t->walk, caller_pc);
    caller->registers.known = bit(ARM64_PC) | bit(ARM64_FP) | bit(ARM64_SP);
    return true;
}

static bool caller_by_frame_pointer(const struct thread_walk *t, const struct machine_frame *f,
                                    struct machine_frame *caller)
{
    bool has_lr = knows(&f->registers, ARM64_LR);
    caller->trust = TRUST_FP;
    return has_lr ? caller_by_lr(t, f, caller) : caller_by_record(t, f, caller);
}

bool caller_arm64(const struct thread_walk *t, struct machine_frame *f,
                  struct machine_frame *caller)
{
    enum cfi_result r = caller_by_cfi(t, f, caller);
    if (r == CFI_FOUND) {
        caller->registers.at[ARM64_PC] =
            code_address_arm64(t->walk, caller->registers.at[ARM64_PC]);
        /* Rules of DWARF tell where lr was saved: that is the pc now, and not a return address of
         * the caller's, as what a signal has saved is. */
        if (!caller->interrupted)
            caller->registers.known &= ~bit(ARM64_LR);
    }
    if (r != CFI_NONE)
        return r == CFI_FOUND;
    uint64_t location;
    return caller_by_frame_pointer(t, f, caller) || caller_by_scan(t, f, caller, &location);
}
