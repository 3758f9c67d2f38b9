/* directory.h - the data directory itself. Inside the store only. Threads: any. */
#ifndef CRUMPLE_STORE_DIRECTORY_H
#define CRUMPLE_STORE_DIRECTORY_H

#include "base/err.h"

/* Makes DIR (not its parents) when it is not there, readable by its owner alone, and makes sure
 * that it is still there after a power cut. ERR_IO, ERR_FULL, ERR_NOT_FOUND (no parent). */
MUST_CHECK bool directory_make(const char *dir, struct err *e);
/* Makes the names of the files in DIR durable. */
MUST_CHECK bool directory_sync(const char *dir, struct err *e);

/* ERR_FULL for the errnos that mean "no room", ERR_BUSY for want of descriptors, ERR_IO for the
 * others. */
enum err_code directory_err_code(int errnum);

#endif
