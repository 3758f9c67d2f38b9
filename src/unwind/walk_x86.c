/* walk_x86.c - callers on x86 of 32 bits. */
#include "unwind/walk_internal.h"

/* No frame that is common in programs is larger. */
#define FRAME_BYTES_MAX (128 * 1024)

/* At %ebp: the caller's %ebp, then the return address. */
static bool caller_by_ebp(const struct thread_walk *t, const struct machine_frame *f,
                          struct machine_frame *caller)
{
    uint64_t ebp = f->registers.at[X86_EBP], caller_eip, caller_ebp;
    if (!stack_word(t, ebp + 4, &caller_eip) || !stack_word(t, ebp, &caller_ebp))
        return false;
    caller->registers = f->registers;
    caller->registers.at[X86_EIP] = caller_eip;
    caller->registers.at[X86_ESP] = (ebp + 8) & t->mask;
    caller->registers.at[X86_EBP] = caller_ebp;
    caller->trust = TRUST_FP;
    return true;
}

/* The usual function begins by saving %ebp, right below the return address that was found. If
 * nothing good is there, %ebp is taken to be unchanged. */
static void recover_ebp(const struct thread_walk *t, uint64_t location, struct registers *caller)
{
    uint64_t below = (location - 4) & t->mask, saved;
    if (stack_word(t, below, &saved) && saved > below && saved - below <= FRAME_BYTES_MAX)
        caller->at[X86_EBP] = saved;
}

bool caller_x86(const struct thread_walk *t, struct machine_frame *f, struct machine_frame *caller)
{
    if (caller_by_win(t, f, caller))
        return true;
    switch (caller_by_cfi(t, f, caller)) {
    case CFI_TOP:
        return false;
    case CFI_FOUND:
        if (knows(&caller->registers, X86_EBP))
            return true;
        break;
    case CFI_NONE:
        break;
    }
    if (!caller_by_ebp(t, f, caller)) {
        uint64_t location;
        if (!caller_by_scan(t, f, caller, &location))
            return false;
        recover_ebp(t, location, &caller->registers);
    }
    caller->registers.known = bit(X86_EIP) | bit(X86_ESP) | bit(X86_EBP);
    return true;
}
