/* elf_symbols.c - to come. */
#include "symbols/elf_symbols.h"

bool elf_is(struct bytes first)
{
    (void)first;
    return false;
}
bool elf_identify(struct bytes file, struct str name, struct arena *a, struct symcache_about *out,
                  struct err *e)
{
    (void)file;
    (void)name;
    (void)a;
    (void)out;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
bool elf_read(struct bytes file, struct str name, struct symcache_builder *b, struct err *e)
{
    (void)file;
    (void)name;
    (void)b;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
