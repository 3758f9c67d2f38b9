/* breakpad.c - to come. */
#include "symbols/breakpad.h"

bool breakpad_is(struct bytes first)
{
    (void)first;
    return false;
}
bool breakpad_identify(struct bytes file, struct symcache_about *out, struct err *e)
{
    (void)file;
    (void)out;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
bool breakpad_read(struct bytes file, struct symcache_builder *b, struct err *e)
{
    (void)file;
    (void)b;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
