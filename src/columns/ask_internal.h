/* ask_internal.h - what the files of ask_read share; nobody else includes it.
 *
 *     ask.c           the request as a whole: kind, table, template, page, select, order
 *     ask_value.c     scalars, numbers, names, refusals
 *     ask_filter.c    filter
 *     ask_fold.c      fold
 *     ask_virtual.c   virtual_columns
 *     ask_having.c    having, and which fold "attribute;index" means */
#ifndef CRUMPLE_COLUMNS_ASK_INTERNAL_H
#define CRUMPLE_COLUMNS_ASK_INTERNAL_H

#include "columns/ask.h"

struct ask_reader {
    struct ask *ask; /* what has been read so far */
    struct arena *arena;
    struct err *e;
    bool recognised; /* e->msg is one that clients look for: no place comes before it */
};

/* A name in a message: not more of it than leaves room for the sentence. */
#define ASK_NAME_ARG(s) (int)((s).len < 60 ? (s).len : 60), (s).ptr

/* ERR_INPUT at a place in the request. `word`: NULL for "bad_query"; else the message is one that
 * clients recognise. Returns false, as all of these. */
PRINTF_LIKE(4, 5)
bool ask_refuse(struct ask_reader *r, const struct json *at, const char *word, const char *fmt,
                ...);
/* "a list of names is wanted, not a number" */
bool ask_refuse_type(struct ask_reader *r, const struct json *at, const char *wanted);
bool ask_refuse_many(struct ask_reader *r, const struct json *at, const char *what, size_t most);
/* Says the place before the message. */
PRINTF_LIKE(2, 3) bool ask_place(struct ask_reader *r, const char *fmt, ...);
bool ask_no_memory(struct ask_reader *r);
/* Room for `count` elements; false: no memory, and that is said. */
#define ASK_ARRAY(r, out, count)                                                                   \
    (((out) = arena_array((r)->arena, (count) ? (count) : 1, sizeof *(out))) != NULL ||            \
     ask_no_memory(r))

static inline bool ask_is_given(const struct json *j)
{
    return j && j->type != JSON_NULL;
}

/* A text, number or boolean. */
bool ask_scalar(struct ask_reader *r, const struct json *j, struct cell *out);
/* A number, or its text. */
bool ask_numeric(struct ask_reader *r, const struct json *j, struct cell *out);
/* A whole number that is not negative, or its text. */
bool ask_count(struct ask_reader *r, const struct json *j, uint64_t *out);
bool ask_text(struct ask_reader *r, const struct json *j, const char *wanted, struct str *out);
double ask_double(const struct cell *number);

bool ask_read_filter(struct ask_reader *r, const struct json *filter);
bool ask_read_fold(struct ask_reader *r, const struct json *fold);
bool ask_read_virtual(struct ask_reader *r, const struct json *columns);
bool ask_read_having(struct ask_reader *r, const struct json *having);

/* Takes ";<digits>" off the end of *name; false, and nothing is taken, when there is none. */
bool ask_take_index(struct str *name, uint64_t *index);
/* The fold that "attribute;index" means, by its place in r->ask->folds. */
bool ask_find_fold(struct ask_reader *r, const struct json *at, struct str column, uint64_t index,
                   size_t *fold);

#endif
