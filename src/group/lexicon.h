/* lexicon.h - the strings of all reports, each kept once and known by a number.
 *
 *   field   "stacktrace.function"                       struct lexicon_field
 *   token   "Main"                                      a str
 *   term    token "Main" in field stacktrace.function   struct lexicon_term
 *   value   the whole string "QMainWindow::event" in that field, with its terms in order
 *
 * A report is a list of value numbers, which makes it small and lets a word be cut up once however
 * often it comes. Numbers are given in order of first appearance and never change or go away.
 *
 * Memory: everything belongs to the lexicon. Threads: one writer calls lexicon_add_*; any number
 * of readers call the others, without locks: what a find gives is complete. Counts of reports (df)
 * are the writer's latest and may run ahead of what was published. */
#ifndef CRUMPLE_GROUP_LEXICON_H
#define CRUMPLE_GROUP_LEXICON_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#include <stdatomic.h>

#define LEXICON_NONE UINT32_MAX
#define LEXICON_FIELDS_MAX 100000 /* different names of fields on one server */

struct lexicon_field {
    struct str name;
    bool in_stack; /* stacktrace and all below it */
    bool grouped;  /* its terms take part in grouping; else see lexicon_is_grouped */
};

struct lexicon_term {
    uint32_t field, token;
    /* Reports that hold it; kept for grouped fields by the bucket index, when it has `classic`. */
    _Atomic uint32_t df;
};

/* There are millions of these: 24 bytes. The text stands behind the terms: lexicon_value_text. */
struct lexicon_value {
    const uint32_t *terms; /* the numbers of its terms, in the order of the text */
    uint32_t term_count;
    uint32_t text_len;
    uint32_t field;
    _Atomic uint32_t df; /* reports that hold this value; kept by the collection */
};

struct lexicon;

/* ignored: names of fields that stay out of grouping beside those that always do; a name that ends
 * in ".*" stands for all fields below it ("numbers.*" for numbers.a and numbers.a.b, and not for
 * numbers). Borrowed only during the call. NULL: no memory. */
struct lexicon *lexicon_new(const struct str *ignored, size_t ignored_count);
void lexicon_free(struct lexicon *lx);
DEFINE_CLEANUP(struct lexicon, lexicon_free)

/* Writer only. LEXICON_NONE with *e: ERR_NOMEM, or ERR_LIMIT for too many fields. Adding what is
 * there already gives its number. */
uint32_t lexicon_add_field(struct lexicon *lx, struct str name, struct err *e);
uint32_t lexicon_add_hashed(struct lexicon *lx, uint32_t field, struct str text, uint64_t hash,
                            struct err *e); /* of a value: lexicon_value_hash(field, text) */

/* Any thread. LEXICON_NONE when there is none. */
uint32_t lexicon_find_field(const struct lexicon *lx, struct str name);
uint32_t lexicon_find_token(const struct lexicon *lx, struct str token);
uint32_t lexicon_find_term(const struct lexicon *lx, uint32_t field, uint32_t token);
uint32_t lexicon_find_value(const struct lexicon *lx, uint32_t field, struct str text);

/* The same for who looks for many values, or for one twice: the hash is most of the cost.
 * `hash` is lexicon_value_hash(field, text). */
uint64_t lexicon_value_hash(uint32_t field, struct str text);
uint32_t lexicon_find_hashed(const struct lexicon *lx, uint32_t field, struct str text,
                             uint64_t hash);

/* Any thread: how many there are. Every smaller number may be asked for. */
uint32_t lexicon_field_count(const struct lexicon *lx);
uint32_t lexicon_token_count(const struct lexicon *lx);
uint32_t lexicon_term_count(const struct lexicon *lx);
uint32_t lexicon_value_count(const struct lexicon *lx);
size_t lexicon_bytes(const struct lexicon *lx); /* memory it holds, about */

const struct lexicon_field *lexicon_field(const struct lexicon *lx, uint32_t field);
struct str lexicon_token(const struct lexicon *lx, uint32_t token);
struct lexicon_term *lexicon_term(const struct lexicon *lx, uint32_t term);
struct lexicon_value *lexicon_value(const struct lexicon *lx, uint32_t value);

static inline struct str lexicon_value_text(const struct lexicon_value *v)
{
    return (struct str){ (const char *)(v->terms + v->term_count), v->text_len };
}

/* Whether a field of this name takes part in grouping, known or not. Those that do not: the ones
 * named to lexicon_new, database_id, date, force_bucket, buckets and all below it,
 * stacktrace.depth and stacktrace.logdf. */
bool lexicon_is_grouped(const struct lexicon *lx, struct str name);
bool lexicon_is_in_stack(struct str name); /* see lexicon_field.in_stack */

#endif
