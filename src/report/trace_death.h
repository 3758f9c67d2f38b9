/* trace_death.h - how a program died, in one spelling: "11", "segv" and "SIGSEGV /SEGV_MAPERR" are
 * all SIGSEGV. Used by trace.c alone.
 *
 * Threads: pure. */
#ifndef CRUMPLE_REPORT_TRACE_DEATH_H
#define CRUMPLE_REPORT_TRACE_DEATH_H

#include "report/trace.h"

/* What the text of a member is. */
enum trace_death_kind {
    TRACE_DEATH_SIGNAL, /* a signal by name, or by its number on Linux */
    TRACE_DEATH_REASON, /* the reason that a dump gives: a signal or an exception of the system */
    TRACE_DEATH_TYPE,   /* an error's class, perhaps with its message */
    TRACE_DEATH_SORT /* the same; but words that say only how the error was caught mean nothing */
};

/* *out is empty when the text does not tell, else a part of it, or the arena's. False: no memory.
 */
MUST_CHECK bool trace_death(struct str text, enum trace_death_kind kind, struct arena *a,
                            struct str *out);

#endif
