/* minidump.c - to come. */
#include "decode/minidump.h"

bool minidump_is(struct bytes first)
{
    return first.len >= 4 && (!memcmp(first.ptr, "MDMP", 4) || !memcmp(first.ptr, "PMDM", 4));
}
bool minidump_read(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                   struct arena *a, struct err *e)
{
    (void)file;
    (void)symbols;
    (void)out;
    (void)a;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
