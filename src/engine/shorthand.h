/* shorthand.h - what the index needs of a report, in a form that the start need not parse.
 *
 * Beside its payload each report is stored as the list of its values (struct collected), by number.
 * A value is spelt out the first time and gets the next number (its code); so a shorthand is read
 * only after all that came before it, in order of commit: they make a chain.
 *
 *     first byte      1: begins a chain; length, key        0: goes on with it
 *     then            how many values; each value:
 *     value           code + 1                              or 0, field, length, text
 *     field           code + 1                              or 0, length, name
 *     at the end      the stack trace, as shorthand_trace.h writes it
 *
 * Numbers are as base/leb128.h writes them. The key says which fields are values at all; when the
 * configuration has changed, the chain is not ours. A chain that is not ours, or is damaged, cannot
 * be read: then reports are parsed from their payloads, and the next report that is stored begins a
 * new chain. So shorthands save time and decide nothing.
 *
 * Threads: one at a time (at start the opener, then the writer). */
#ifndef CRUMPLE_ENGINE_SHORTHAND_H
#define CRUMPLE_ENGINE_SHORTHAND_H

#include "base/buf.h"
#include "base/vec.h"
#include "engine/shorthand_trace.h"
#include "group/bucket_index.h"

/* Codes for things that the lexicon knows by numbers. */
struct codes {
    VEC(uint32_t) numbers; /* by code */
    VEC(uint32_t) codes;   /* by number: code + 1, or 0 */
};

struct shorthand {
    struct buf key;
    bool begun; /* what is written next goes on with the chain */
    struct codes values, fields;
    struct trace_codes traces;
    /* What shorthand_undo goes back to. */
    bool kept_begun;
    size_t kept_values, kept_fields;
};

MUST_CHECK bool shorthand_init(struct shorthand *s, const struct bucket_index_config *grouping,
                               struct err *e);
void shorthand_done(struct shorthand *s);
/* The chain is over; the next report that is written begins another. */
void shorthand_reset(struct shorthand *s);
bool shorthand_is_empty(const struct shorthand *s); /* as after a reset */

/* Appends the shorthand of a report that is in the collection, published or not; out keeps the
 * failure when it is over its limit. False: no memory. */
MUST_CHECK bool shorthand_write(struct shorthand *s, const struct collection *c, uint32_t report,
                                const struct trace *trace, struct buf *out);
/* Takes back the codes of what was written since shorthand_keep. */
void shorthand_undo(struct shorthand *s);
void shorthand_keep(struct shorthand *s);

/* A report's values as texts; known[i] as in bucket_index_restore. */
struct shorthand_report {
    struct report_text *texts;
    uint32_t *known;
    size_t count;
    struct trace trace; /* good until shorthand_reset, or until something is written */
};

/* Whether the form begins a chain: shorthand_reset comes before it is read. */
bool shorthand_begins(struct str form);
/* The texts are the form's, the lexicon's and the arena's. False: it does not go on with the chain,
 * is damaged, or memory is short; the chain is over then: shorthand_reset comes next. */
MUST_CHECK bool shorthand_read(struct shorthand *s, const struct collection *c, struct str form,
                               struct arena *a, struct shorthand_report *out);
/* After the report that was read last has been added to the collection under this number. False: no
 * memory; the chain is over. */
MUST_CHECK bool shorthand_learn(struct shorthand *s, const struct collection *c, uint32_t report);

#endif
