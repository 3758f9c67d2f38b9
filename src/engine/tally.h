/* tally.h - what the writer counts: which fingerprints a project has had, and how often each
 * combination of a submission bucket was submitted for. Inside src/engine only.
 *
 * Like the index: changes of a batch are kept when it is stored, or taken back.
 * Threads: one at a time (at start the opener, then the writer). */
#ifndef CRUMPLE_ENGINE_TALLY_H
#define CRUMPLE_ENGINE_TALLY_H

#include "engine/fingerprints.h"
#include "report/upload.h"

struct tally_count {
    uint8_t key[32];
    uint64_t now, kept; /* with and without the batch under way */
};
struct tally {
    struct fingerprints fingerprints;
    size_t fingerprints_kept;
    VEC(struct tally_count) counts;
    struct idmap count_map;
    size_t counts_kept;
    VEC(uint32_t) changed; /* places in `counts` that the batch has changed */
};

MUST_CHECK bool tally_init(struct tally *t);
void tally_done(struct tally *t);
void tally_keep(struct tally *t);
void tally_undo(struct tally *t);
MUST_CHECK bool tally_clear(struct tally *t); /* as if nothing had ever come */

/* Notes a report of this fingerprint; *first: the project had none before. */
MUST_CHECK bool tally_fingerprint(struct tally *t, struct str project,
                                  const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], bool *first,
                                  struct err *e);

/* Whether the project has had one. */
bool tally_has(const struct tally *t, struct str project,
               const uint8_t fingerprint[STORE_FINGERPRINT_BYTES]);

/* A combination of values: its key, and the same for people as JSON. */
struct combination {
    uint8_t key[32];
    struct str json; /* {"fingerprint":"6238...","uname.sysname":null} */
};
/* value(): that of an attribute; false when it has none, which is a value of its own. */
MUST_CHECK bool combination_make(struct combination *c, const struct upload_bucket *b,
                                 bool (*value)(const void *ctx, struct str attribute,
                                               struct str *out),
                                 const void *ctx, struct arena *a, struct err *e);
uint64_t tally_count(const struct tally *t, const uint8_t key[32]);
/* Adds one; what it has become. */
MUST_CHECK bool tally_add(struct tally *t, const uint8_t key[32], uint64_t *now, struct err *e);
MUST_CHECK bool tally_restore(struct tally *t, const uint8_t key[32], uint64_t count,
                              struct err *e);

#endif
