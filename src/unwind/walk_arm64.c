/* walk_arm64.c - callers on ARM of 64 bits. */
#include "unwind/walk_internal.h"

/* Return addresses may carry an authentication code in their upper bits. How many bits an address
 * has is guessed from the highest module. */
static uint64_t strip(const struct thread_walk *t, uint64_t address)
{
    const struct walk *w = t->walk;
    if (w->module_count == 0)
        return address;
    const struct walk_module *last = &w->modules[w->module_count - 1];
    uint64_t highest = last->base + last->size;
    uint64_t mask = highest ? UINT64_MAX >> __builtin_clzll(highest) : 0;
    return module_at(w, address & mask) ? address & mask : address;
}

void context_arm64(const struct thread_walk *t, struct machine_frame *f)
{
    f->registers.at[ARM64_LR] = strip(t, f->registers.at[ARM64_LR]);
}

/* Rules often do not tell lr. When the frame pointers before and after agree, the link register was
 * saved between them. */
static void correct_lr(const struct thread_walk *t, struct machine_frame *f)
{
    uint64_t saved_fp = 0, saved_lr = 0;
    if (!t->previous || f->registers.at[ARM64_FP] <= f->registers.at[ARM64_SP])
        return;
    uint64_t fp = t->previous->registers.at[ARM64_FP];
    if (fp != 0 && (!stack_word(t, fp, &saved_fp) || !stack_word(t, fp + 8, &saved_lr)))
        return;
    if (f->registers.at[ARM64_FP] == saved_fp)
        f->registers.at[ARM64_LR] = strip(t, saved_lr);
}

/* x29 points to the caller's x29 and lr. The return address is in lr. */
static bool caller_by_frame_pointer(const struct thread_walk *t, struct machine_frame *f,
                                    struct machine_frame *caller)
{
    uint64_t caller_fp = 0, caller_lr = 0;
    if (!knows(&f->registers, ARM64_LR))
        correct_lr(t, f);
    uint64_t fp = f->registers.at[ARM64_FP];
    if (fp != 0 && (!stack_word(t, fp, &caller_fp) || !stack_word(t, fp + 8, &caller_lr)))
        return false;
    caller->registers = f->registers;
    caller->registers.at[ARM64_FP] = caller_fp;
    if (fp != 0)
        caller->registers.at[ARM64_SP] = fp + 16;
    caller->registers.at[ARM64_PC] = f->registers.at[ARM64_LR];
    caller->registers.at[ARM64_LR] = strip(t, caller_lr);
    caller->registers.known = bit(ARM64_PC) | bit(ARM64_LR) | bit(ARM64_FP) | bit(ARM64_SP);
    caller->trust = TRUST_FP;
    return true;
}

static bool caller_by_scan(const struct thread_walk *t, const struct machine_frame *f,
                           struct machine_frame *caller)
{
    uint64_t location, address;
    if (!scan_stack(t, f->registers.at[ARM64_SP], scan_words(f), &location, &address))
        return false;
    caller->registers = f->registers;
    caller->registers.at[ARM64_PC] = address;
    caller->registers.at[ARM64_SP] = location + 8;
    caller->registers.known = bit(ARM64_PC) | bit(ARM64_SP);
    caller->trust = TRUST_SCAN;
    return true;
}

bool caller_arm64(const struct thread_walk *t, struct machine_frame *f,
                  struct machine_frame *caller)
{
    enum cfi_result r = caller_by_cfi(t, f, caller);
    if (r == CFI_FOUND)
        caller->registers.at[ARM64_PC] = strip(t, caller->registers.at[ARM64_PC]);
    if (r != CFI_NONE)
        return r == CFI_FOUND;
    return caller_by_frame_pointer(t, f, caller) || caller_by_scan(t, f, caller);
}
