/* scopes_lex.h - the tokens of a JavaScript, TypeScript or JSX text, one after the other: what
 * scopes.c sees of it. Accepts any text; every byte is looked at a bounded number of times.
 *
 * Whether a slash begins a regular expression, and a brace ends a part of a template, depends on
 * what stood before: the caller knows, and says so. Lines end as ECMA-262 says: \n, \r, \r\n,
 * U+2028, U+2029. Threads: a lexer belongs to whoever made it. */
#ifndef CRUMPLE_SOURCEMAP_SCOPES_LEX_H
#define CRUMPLE_SOURCEMAP_SCOPES_LEX_H

#include "base/str.h"

enum lex_kind {
    LEX_END,
    LEX_WORD,          /* an identifier or a keyword; #private names, too */
    LEX_STRING,        /* also a template without parts */
    LEX_LITERAL,       /* a number, a regular expression */
    LEX_TEMPLATE_OPEN, /* up to ${ */
    LEX_MARK           /* anything else: see `mark` */
};

/* One character stands for itself; longer ones have names. Operators that nobody asks for are one:
 * LEX_OPERATOR. `>` always comes alone, since types end by it. */
enum lex_mark {
    LEX_OPERATOR = 1,
    LEX_ARROW,    /* => */
    LEX_INCREASE, /* ++ and -- */
    LEX_SPREAD,   /* ... */
    LEX_CHAIN,    /* ?. */
    LEX_ASSIGN_IF /* ||= &&= ??= */
};

struct lex_place {
    uint32_t line, column; /* from 1; UTF-16 */
};

struct lex_token {
    enum lex_kind kind;
    int mark;        /* of LEX_MARK: a character or enum lex_mark; else 0 */
    struct str text; /* of a string: what is between its quotes */
    size_t start;    /* byte in the text */
    struct lex_place from, to;
    bool after_line; /* a line ended between this and the token before */
};

struct lexer {
    struct str text;
    size_t pos;
    struct lex_place at;
    size_t no_regex_until; /* no regular expression that begins before this byte ends in its line */
};

void lex_init(struct lexer *l, struct str text);
/* `value`: the token before ended a value, so that a slash divides. */
void scopes_lex_next(struct lexer *l, bool value, struct lex_token *out);
/* Goes on in a template whose part has just ended by a brace. True: another part begins. */
bool lex_template_on(struct lexer *l);
/* Skips the text between JSX elements; stands at `<` or `{` then, or at the end. */
void lex_jsx_text(struct lexer *l);
/* The next token inside a JSX tag: strings there have no escapes, names may have dashes. */
void lex_jsx_tag(struct lexer *l, struct lex_token *out);
/* The first byte behind white space and comments, without taking anything; 0 at the end. */
char lex_peek(const struct lexer *l);

bool lex_is(const struct lex_token *t, int mark);
/* Whether the text could be an identifier. */
bool lex_is_identifier(struct str text);

#endif
