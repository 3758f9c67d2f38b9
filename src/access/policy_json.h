/* policy_json.h - reading the JSON of rules. Inside the room only.
 *
 * Threads: pure. */
#ifndef CRUMPLE_ACCESS_POLICY_JSON_H
#define CRUMPLE_ACCESS_POLICY_JSON_H

#include "access/policy.h"

#define POLICY_SECONDS_MAX ((uint64_t)100 * 366 * 86400) /* a hundred years */

MUST_CHECK bool policy_json(struct str text, struct arena *a, const struct json **out,
                            struct err *e);
/* It is an object, and has these members only. `what` begins a sentence. */
MUST_CHECK bool policy_members(const struct json *j, const char *what, const char *const *known,
                               size_t count, struct err *e);
/* A whole number; false also when j is NULL. */
MUST_CHECK bool policy_number(const struct json *j, bool as_text, const char *what, uint64_t max,
                              uint64_t *out, struct err *e);
/* It is this string. */
bool policy_word(const struct json *j, const char *word);

#endif
