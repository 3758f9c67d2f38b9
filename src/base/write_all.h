/* write_all.h - all of some bytes to a descriptor.
 *
 * Threads: pure. */
#ifndef CRUMPLE_BASE_WRITE_ALL_H
#define CRUMPLE_BASE_WRITE_ALL_H

#include "base/err.h"
#include "base/str.h"

/* ERR_FULL (the disk is, or the user's part of it), ERR_IO: "<what>: <the system's word>". */
MUST_CHECK bool write_all(int fd, struct str bytes, const char *what, struct err *e);

#endif
