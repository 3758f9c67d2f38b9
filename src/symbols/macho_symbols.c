/* macho_symbols.c - see the header. */
#include "symbols/macho_symbols.h"

bool macho_is(struct bytes first)
{
    (void)first;
    return false;
}

bool macho_read(struct bytes file, struct str name, struct symcache_builder *b, struct err *e)
{
    (void)file, (void)name, (void)b;
    return err_set(e, ERR_INPUT, 0, "not read yet");
}
