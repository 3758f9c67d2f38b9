/* run_text.h - one condition on texts: equal, contains, regular expression, order by bytes.
 *
 * Letters are compared without their case where the condition says so: a value of ASCII alone only
 * knows the case of ASCII letters, others that of all of Unicode.
 *
 * Regular expressions are PCRE2's, over UTF-8, unanchored, without \C, and with limits: one that
 * goes back and forth too often over some text is refused (ERR_INPUT).
 *
 * Threads: belongs to one query. Memory: the arena, which frees what PCRE2 holds too. */
#ifndef CRUMPLE_COLUMNS_RUN_TEXT_H
#define CRUMPLE_COLUMNS_RUN_TEXT_H

#include "columns/ask.h"

#define TEXT_PATTERN_MAX 8192      /* bytes of a regular expression */
#define TEXT_MATCH_LIMIT 1000000u  /* steps back that a match may take */
#define TEXT_HEAP_LIMIT_KIB 16384u /* for a match */
#define TEXT_JIT_FROM 500          /* texts for which a regular expression is compiled to code */

struct regex;
struct text_test {
    enum ask_op op; /* the negative ones mean their positive */
    bool folds;     /* ASCII letters without their case: `value` is in small letters */
    struct str value;
    struct regex *regex; /* NULL: none is needed */
};
/* `texts`: how many it will be asked about, about. ERR_INPUT: a bad regular expression. */
MUST_CHECK bool text_test_init(struct text_test *t, enum ask_op op, struct str value,
                               bool ignore_case, uint32_t texts, struct arena *a, struct err *e);
/* Fails where a match goes over its limits (ERR_INPUT). */
MUST_CHECK bool text_test_holds(const struct text_test *t, struct str text, bool *holds,
                                struct err *e);

#endif
