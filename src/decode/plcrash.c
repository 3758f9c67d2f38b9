/* plcrash.c - see the header. */
#include "decode/plcrash.h"

bool plcrash_is(struct bytes first)
{
    (void)first;
    return false;
}

bool plcrash_read(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                  struct arena *a, struct err *e)
{
    (void)file, (void)symbols, (void)out, (void)a;
    return err_set(e, ERR_INPUT, 0, "not read yet");
}
