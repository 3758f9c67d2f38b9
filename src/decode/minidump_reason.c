/* minidump_reason.c - the exception in the words of Breakpad, letter for letter: reports of the two
 * are compared. */
#include "decode/minidump_parts.h"

bool minidump_reason(struct minidump *m, struct str *reason, uint64_t *address)
{
    const struct minidump_exception *x = &m->exception;
    *address = x->address;
    return arena_printf(m->arena, reason, "0x%08x / 0x%08x", x->code, x->flags);
}
