/* attachment_name.h - the name that an attachment gets, from whatever its sender wrote.
 *
 * Threads: pure. */
#ifndef CRUMPLE_API_ATTACHMENT_NAME_H
#define CRUMPLE_API_ATTACHMENT_NAME_H

#include "base/arena.h"

/* The last element of a path, control characters made '_', at most UPLOAD_NAME_MAX bytes; never
 * empty, "." or "..": then it is "attachment". `s` is valid UTF-8. False: no memory. */
MUST_CHECK bool attachment_name(struct str s, struct arena *a, struct str *out);

/* The same for a part of a multipart body: attachment_<name> is called <name>; others by their
 * filename, or if they have none, by their field. */
MUST_CHECK bool attachment_part_name(struct str field, struct str filename, struct arena *a,
                                     struct str *out);
/* Whether the field's name says that it is an attachment: attachment_<name>, attachment.<ext>. */
bool attachment_is_field(struct str field);

/* A Content-Type as it is kept: empty unless it is short and plain enough to be sent back. */
struct str attachment_type(struct str s);

#endif
