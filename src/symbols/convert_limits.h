/* convert_limits.h - what the helper process gives up before it looks at an upload.
 *
 * Threads: one; before others are started. */
#ifndef CRUMPLE_SYMBOLS_CONVERT_LIMITS_H
#define CRUMPLE_SYMBOLS_CONVERT_LIMITS_H

#include "base/err.h"

#include <stddef.h>

struct process_limits {
    uint64_t address_space_bytes; /* files that are mapped, too */
    uint64_t memory_bytes;        /* that is not a file's */
    uint64_t file_bytes;          /* of one that is written */
    unsigned cpu_seconds;
    unsigned files; /* open at once */
};
struct process_limits process_limits(void);

/* For good: the limits; no core file; a low priority; no rights beyond those that it has (as by
 * programs with the set-user-id bit); no network, no other programs, no signals to others; no
 * files but those that are open, libraries to read, and what is in `scratch`; and its end when the
 * server ends, but not by SIGINT, SIGTERM or SIGHUP. What this system cannot do of those on calls
 * and files is left out. ERR_IO. */
MUST_CHECK bool process_limits_set(const struct process_limits *limits, int scratch, struct err *e);
/* False in builds with a sanitizer: memory, calls and files are not limited. */
bool process_limits_are_whole(void);

#endif
