/* scopes.h - which function is where in a JavaScript or TypeScript text.
 *
 * A scanner, not a parser: it knows tokens (strings, templates, comments, regular expressions) and
 * braces, and what stands in front of a function's body. It accepts any text in linear time; where
 * it is misled it gives wrong names, or none, but never fails. Names are those that V8 prints in
 * stack traces (scopes_names.c has a table).
 *
 * Threads: pure. */
#ifndef CRUMPLE_SOURCEMAP_SCOPES_H
#define CRUMPLE_SOURCEMAP_SCOPES_H

#include "base/arena.h"

/* One function: from its parameters (its name, in a declaration) to the end of its body. Lines and
 * columns count from 1, columns are UTF-16 code units; `end` is the place behind the last
 * character. */
struct scope {
    uint32_t line, column, end_line, end_column;
    struct str name; /* "charge", "Cart.total"; empty: it has none; in the arena or the text */
    uint32_t name_line, name_column; /* where its name stands: its own, or that of what it is
                                        assigned to (the last part of it); 0: nowhere */
};

/* All functions, sorted by where they begin; they nest. The initial values of class fields and
 * static blocks count as functions, as they do in stack traces ("<static_initializer>"). What lies
 * in more than some thousand brackets is not looked into. ERR_LIMIT: 4 GB of text; ERR_NOMEM. */
MUST_CHECK bool scopes_find(struct str text, struct arena *a, struct scope **out, size_t *count,
                            struct err *e);

#endif
