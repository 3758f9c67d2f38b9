/* download.h - what senders uploaded, given back so that no browser ever shows it as a page of
 * ours.
 *
 * Threads: pure; memory: the arena. */
#ifndef CRUMPLE_API_DOWNLOAD_H
#define CRUMPLE_API_DOWNLOAD_H

#include "base/arena.h"
#include "base/buf.h"

#define DOWNLOAD_NAME_MAX 256 /* bytes; longer file names are cut */

/* attachment; filename="a b.txt", with filename*=UTF-8''... when the name has more than plain
 * characters. Quotes, control characters and folders cannot get in. */
MUST_CHECK bool download_disposition(struct str name, struct arena *a, struct str *out);
/* The type to answer with: what the sender said if it is one that a browser does not run, else
 * application/octet-stream. A literal. */
const char *download_type(struct str given);

/* Appends `text` as a gzip stream. ERR_NOMEM; out keeps its own failure. */
MUST_CHECK bool download_gzip(struct str text, struct buf *out, struct err *e);

#endif
