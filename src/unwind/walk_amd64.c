/* walk_amd64.c - callers on x86-64. */
#include "unwind/walk_internal.h"

static bool is_canonical(uint64_t address)
{
    return address <= UINT64_C(0x7fffffffffff) || address >= UINT64_C(0xffff800000000000);
}

/* A function that calls nothing and saves nothing has no rules on Windows, and needs none. */
static bool caller_of_leaf(const struct thread_walk *t, const struct machine_frame *f,
                           struct machine_frame *caller)
{
    uint64_t location, address;
    if (!scan_stack(t, f->registers.at[AMD64_RSP], 1, &location, &address))
        return false;
    caller->registers = f->registers;
    caller->registers.at[AMD64_RIP] = address;
    caller->registers.at[AMD64_RSP] = location + 8;
    caller->trust = TRUST_LEAF;
    return true;
}

/* At %rbp: the caller's %rbp, then the return address. */
static bool caller_by_rbp(const struct thread_walk *t, const struct machine_frame *f,
                          struct machine_frame *caller)
{
    uint64_t rbp = f->registers.at[AMD64_RBP], caller_rbp, caller_rip, value;
    if (rbp % 8 != 0 || !stack_word(t, rbp + 8, &caller_rip) || !stack_word(t, rbp, &caller_rbp))
        return false;
    uint64_t caller_rsp = rbp + 16;
    if (!is_canonical(caller_rip) || caller_rsp <= rbp || caller_rbp < caller_rsp ||
        !stack_word(t, caller_rbp, &value))
        return false;
    caller->registers = f->registers;
    caller->registers.at[AMD64_RIP] = caller_rip;
    caller->registers.at[AMD64_RSP] = caller_rsp;
    caller->registers.at[AMD64_RBP] = caller_rbp;
    caller->registers.known = bit(AMD64_RIP) | bit(AMD64_RSP) | bit(AMD64_RBP);
    caller->trust = TRUST_FP;
    return true;
}

/* The caller's %rbp when its return address was found at `location`. */
static void recover_rbp(const struct thread_walk *t, const struct machine_frame *f,
                        uint64_t location, struct registers *caller)
{
    uint64_t rbp = f->registers.at[AMD64_RBP], saved;
    if (!knows(&f->registers, AMD64_RBP))
        return;
    if (location - 8 == rbp) { /* %rbp points to where it was saved, right below */
        if (!stack_word(t, rbp, &saved) || saved <= location)
            return;
        caller->at[AMD64_RBP] = saved;
    } else if (rbp < location + 8) { /* else it can be the caller's, unchanged */
        return;
    }
    caller->known |= bit(AMD64_RBP);
}

bool caller_amd64(const struct thread_walk *t, struct machine_frame *f,
                  struct machine_frame *caller)
{
    bool windows = t->walk->os == WALK_OS_WINDOWS;
    switch (caller_by_cfi(t, f, caller)) {
    case CFI_TOP:
        return false;
    case CFI_FOUND:
        if (caller->registers.at[AMD64_RIP] != 0 && caller->registers.at[AMD64_RSP] != 0)
            return true;
        break;
    case CFI_NONE:
        break;
    }
    if (windows && f->trust == TRUST_CONTEXT && caller_of_leaf(t, f, caller))
        return true;
    /* Compilers for Windows put no chain of frame pointers onto the stack. */
    if (!windows && caller_by_rbp(t, f, caller))
        return true;
    uint64_t location;
    if (!caller_by_scan(t, f, caller, &location))
        return false;
    recover_rbp(t, f, location, &caller->registers);
    return true;
}
