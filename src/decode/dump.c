/* dump.c - from a dump to a crash. */
#include "decode/dump.h"

bool dump_crash(const struct dump *d, struct crash *out, struct arena *a, struct err *e)
{
    (void)d;
    (void)out;
    (void)a;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
