/* lucene_lex.h - cuts a query's text into the words of the grammar, and takes escapes out of them.
 *
 * Only lucene.c uses this. As in Lucene's QueryParser.jj the longest match wins ("a&&b" is one
 * term), and a range is read whole, for within its brackets other rules hold.
 * Threads: pure. */
#ifndef CRUMPLE_QUERY_LUCENE_LEX_H
#define CRUMPLE_QUERY_LUCENE_LEX_H

#include "base/arena.h"

enum lex_type {
    LEX_END,
    LEX_AND,
    LEX_OR,
    LEX_NOT,
    LEX_PLUS,
    LEX_MINUS,
    LEX_OPEN,  /* ( */
    LEX_CLOSE, /* ) */
    LEX_COLON,
    LEX_TERM,
    LEX_STAR, /* a * that stands alone */
    LEX_WILD, /* a term with a * or ? that is not escaped */
    LEX_BARE, /* + - ! with white space behind it: Lucene takes it for a term */
    LEX_QUOTED,
    LEX_TILDE, /* ~ and perhaps a number */
    LEX_BOOST, /* ^ and a number */
    LEX_RANGE
};

struct lex_range {
    struct str low, high;     /* as written, without quotes */
    bool low_open, high_open; /* a * that is neither quoted nor escaped */
    bool include_low, include_high;
};

struct lex_token {
    enum lex_type type;
    size_t at;       /* where it begins */
    struct str text; /* QUOTED: without the quotes; TILDE, BOOST: the number */
    struct lex_range range;
};

struct lexer {
    struct str text;
    size_t pos;
};

/* The next token. ERR_INPUT with e->offset for text that no token begins with. */
MUST_CHECK bool lex_next(struct lexer *lx, struct lex_token *out, struct err *e);

/* Takes the escapes out of a piece of the text: \c is c, \uXXXX the character with that number.
 * pattern: leaves a backslash before the * ? and \ that were escaped. */
MUST_CHECK bool lex_unescape(const struct lexer *lx, struct str raw, bool pattern, struct arena *a,
                             struct str *out, struct err *e);

/* How long the white space at the front of s is: space, tab, line ends, U+3000; 0: there is none.
 */
size_t lex_space(struct str s);

/* Whether a byte has a meaning in the grammar, and must be escaped in a term. */
bool lex_is_special(char c);

#endif
