/* sampler.h - which objects keep their bytes: of crashes that come again and again, a few are
 * enough. All are indexed and counted.
 *
 * The rules are a project's sampling configuration (access/policy.h). A group is a fingerprint with
 * the values of some attributes. Each backoff lets `count` objects of a group be kept, at least
 * `interval` seconds apart; when all backoffs are used up nothing is kept until `reset_interval`
 * has passed since the last kept one, and then it begins anew. docs/sampling.md is this for users.
 *
 * Counts are in memory alone: after a restart they begin anew. Of more groups than a project may
 * have, the one that came first is forgotten.
 * Threads: any; one lock. Memory: its own. */
#ifndef CRUMPLE_ENGINE_SAMPLER_H
#define CRUMPLE_ENGINE_SAMPLER_H

#include "access/policy.h"
#include "report/attributes.h"

struct sampler;
MUST_CHECK bool sampler_new(struct sampler **out, struct err *e);
void sampler_free(struct sampler *s); /* NULL is fine */

/* A project's configuration from now on; NULL: it has none any more. What was counted stays as long
 * as the text is the same. ERR_INPUT, ERR_NOMEM: it keeps what it had. */
MUST_CHECK bool sampler_configure(struct sampler *s, struct str project, const struct str *text,
                                  struct err *e);
/* An object has come. False: its bytes need not be kept, and sampler_take will name it. True for a
 * project without rules, and when memory is short. */
bool sampler_keeps(struct sampler *s, struct str project, struct str fingerprint,
                   const struct attributes *attributes, uint64_t object, int64_t now_ms);
/* Objects of one project whose bytes need not be kept, and that were not named before; some of
 * them. How many; *project is the arena's. */
size_t sampler_take(struct sampler *s, struct arena *a, struct str *project, uint64_t *objects,
                    size_t room);
/* Forgets what was counted: of the groups of a fingerprint (its beginning will do), or (NULL) of
 * all of the project. */
void sampler_reset(struct sampler *s, struct str project, const struct str *fingerprint);

bool sampler_has_rules(struct sampler *s, struct str project);
/* What there is, for people: the members backoffs, reset_interval and groups of an object that the
 * caller has begun. False, and nothing is written: the project has no rules. */
bool sampler_write(struct sampler *s, struct str project, struct json_writer *w);

#endif
