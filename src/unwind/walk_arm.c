/* walk_arm.c - callers on ARM of 32 bits. */
#include "unwind/walk_internal.h"

/* On iOS, r7 points to the caller's r7 and lr. The return address is in lr. */
static bool caller_by_frame_pointer(const struct thread_walk *t, const struct machine_frame *f,
                                    struct machine_frame *caller)
{
    uint64_t fp = f->registers.at[ARM_R7], caller_fp = 0, caller_lr = 0;
    if (!knows(&f->registers, ARM_R7))
        return false;
    if (fp != 0 && (!stack_word(t, fp, &caller_fp) || !stack_word(t, fp + 4, &caller_lr)))
        return false;
    caller->registers = f->registers;
    caller->registers.at[ARM_R7] = caller_fp;
    if (fp != 0)
        caller->registers.at[ARM_SP] = (fp + 8) & t->mask;
    caller->registers.at[ARM_PC] = f->registers.at[ARM_LR];
    caller->registers.at[ARM_LR] = caller_lr;
    caller->registers.known = bit(ARM_PC) | bit(ARM_LR) | bit(ARM_R7) | bit(ARM_SP);
    caller->trust = TRUST_FP;
    return true;
}

bool caller_arm(const struct thread_walk *t, struct machine_frame *f, struct machine_frame *caller)
{
    if (t->walk->os == WALK_OS_IOS) {
        /* Rules of iOS symbol files were never good, so there is only the chain. */
        if (caller_by_frame_pointer(t, f, caller))
            return true;
    } else {
        enum cfi_result r = caller_by_cfi(t, f, caller);
        if (r != CFI_NONE)
            return r == CFI_FOUND;
    }
    uint64_t location;
    return caller_by_scan(t, f, caller, &location);
}
