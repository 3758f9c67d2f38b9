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
