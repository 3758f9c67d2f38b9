/* trace.c - see the header. */
#include "report/trace.h"

bool trace_collect(struct trace *out, const struct json *report, struct arena *a)
{
    (void)report;
    (void)a;
    *out = (struct trace){ 0 };
    return true;
}
