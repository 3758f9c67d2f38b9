/* scan.c - looks for a return address on the stack, when nothing else says where it is. */
#include "unwind/walk_internal.h"

unsigned scan_words(const struct machine_frame *f)
{
    return f->trust == TRUST_CONTEXT ? SCAN_WORDS_OF_CONTEXT : SCAN_WORDS;
}

bool scan_stack(const struct thread_walk *t, uint64_t start, unsigned words, uint64_t *location,
                uint64_t *address)
{
    for (unsigned i = 0; i <= words; i++) {
        uint64_t at = (start + i * (uint64_t)t->cpu->word) & t->mask, value;
        if (!stack_word(t, at, &value))
            return false;
        /* Behind a call that does not return another function may begin: the call itself counts. */
        if (code_at(t->walk, (value - 1) & t->mask)) {
            *location = at;
            *address = value;
            return true;
        }
    }
    return false;
}

/* Where the pushed return address was found, the stack of the caller begins above it. */
bool caller_by_scan(const struct thread_walk *t, const struct machine_frame *f,
                    struct machine_frame *caller, uint64_t *location)
{
    uint64_t address;
    if (!scan_stack(t, f->registers.at[t->cpu->sp], scan_words(f), location, &address))
        return false;
    caller->registers = f->registers;
    caller->registers.at[t->cpu->pc] = address;
    caller->registers.at[t->cpu->sp] = (*location + t->cpu->word) & t->mask;
    caller->registers.known = bit(t->cpu->pc) | bit(t->cpu->sp);
    caller->trust = TRUST_SCAN;
    return true;
}
