/* stackwalk.h - what `crumple stackwalk` prints of a dump, and of a report.
 *
 * Threads: pure. Texts of a dump are foreign: for people, control characters become ?. */
#ifndef CRUMPLE_CLI_STACKWALK_H
#define CRUMPLE_CLI_STACKWALK_H

#include "decode/dump.h"

/* For people, in the manner of minidump_stackwalk: the thread that crashed first. */
void stackwalk_print(struct buf *out, const struct dump *d);
/* For programs: one JSON object and a newline. */
void stackwalk_print_json(struct buf *out, const struct dump *d);

/* The same for an error report that came as JSON. */
void stackwalk_print_report(struct buf *out, const struct crash *c);
void stackwalk_print_report_json(struct buf *out, const struct crash *c);

#endif
