/* javascript.c - frames of scripts as places in their sources: see formats.h. */
#include "decode/formats.h"

bool javascript_map(struct crash *c, const struct symbol_source *symbols, struct arena *a,
                    struct err *e)
{
    (void)c, (void)symbols, (void)a, (void)e;
    return true;
}
