/* crash.c - what can be done with any crash, whatever it was decoded from. */
#include "report/crash.h"

#include <stdarg.h>
#include <stdio.h>

#define ERROR_BYTES 300 /* of one sentence; longer ones are cut */

void crash_error(struct crash *c, const char *fmt, ...)
{
    if (c->error_count == CRASH_ERRORS_MAX)
        return;
    char text[ERROR_BYTES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    /* A sentence that finds no memory is forgotten: it must not cost the crash. */
    if (n >= 0 && arena_str(c->attributes.arena, str_from_c(text), &c->errors[c->error_count]))
        c->error_count++;
}
