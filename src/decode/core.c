/* core.c - see the header. */
#include "decode/core.h"

bool core_is(struct bytes first)
{
    (void)first;
    return false;
}

bool core_read(struct bytes file, const struct symbol_source *symbols, struct dump *out,
               struct arena *a, struct err *e)
{
    (void)file, (void)symbols, (void)out, (void)a;
    return err_set(e, ERR_INPUT, 0, "not read yet");
}
