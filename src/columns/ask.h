/* ask.h - a Backtrace query, read from its JSON and checked as far as it goes without the data.
 *
 * Place in the story: src/api gets the body of POST /api/query; ask_read makes a struct ask of it,
 * run.h answers it from the columns, answer.h writes the JSON. docs/query-api.md is the language.
 *
 * Threads: pure. Memory: the arena; texts borrow the JSON. */
#ifndef CRUMPLE_COLUMNS_ASK_H
#define CRUMPLE_COLUMNS_ASK_H

#include "base/json.h"
#include "columns/columns.h"

#define ASK_TERMS_MAX 1000   /* conditions of one query */
#define ASK_COLUMNS_MAX 1000 /* of select; folds */
#define ASK_VIRTUAL_MAX 100  /* virtual columns */
#define ASK_ORDER_MAX 32
#define ASK_HAVING_MAX 32
#define ASK_LIMIT_MAX 1000000 /* rows or groups in one answer */
#define ASK_BINS_MAX 10000
#define ASK_DEFAULT_BINS 32
#define ASK_DEFAULT_KEPT 32 /* values that a distribution shows */

enum ask_op {
    ASK_EQUAL,
    ASK_NOT_EQUAL,
    ASK_AT_LEAST,
    ASK_AT_MOST,
    ASK_GREATER,
    ASK_LESS,
    ASK_CONTAINS,
    ASK_NOT_CONTAINS,
    ASK_MATCHES,     /* regular-expression */
    ASK_NOT_MATCHES, /* inverse-regular-expression */
    ASK_IS_SET,
    ASK_IS_NOT_SET
};
struct str ask_op_name(enum ask_op op); /* "equal", ... */

/* A number from its text: 12, -3, 1.5e3, and "12.", as the query library writes whole numbers. What
 * is whole and fits is UINT or INT (INT is negative), the rest DOUBLE. False, with *out untouched:
 * it is none, or none that is finite. */
bool ask_number(struct str text, struct cell *out);

/* One condition. A value is a scalar, as it came; a number or boolean may come as its text, and the
 * column's type decides what it is compared as (ask_number). Of CONTAINS, MATCHES and their
 * opposites it is always a text. "equal null" has become IS_NOT_SET, "not-equal null" IS_SET. */
struct ask_term {
    struct str column; /* a column; or virtual; or "fingerprint;issues;state" */
    enum ask_op op;
    struct cell value; /* CELL_UNSET when the operator takes none */
    struct str digits; /* of a value of type DOUBLE: the number as it was written, which may be none
                        * that a double holds; empty: not known */
    bool ignore_case;  /* only of EQUAL, CONTAINS, MATCHES and their opposites */
    uint32_t index;    /* among the conditions of this column, from 0 */
};
/* All of them must hold. */
struct ask_all {
    const struct ask_term *terms;
    size_t count;
};

enum fold_op {
    FOLD_HEAD,
    FOLD_TAIL,
    FOLD_FIRST,
    FOLD_LAST,
    FOLD_OBJECT,
    FOLD_UNIQUE,
    FOLD_COUNT,
    FOLD_SUM,
    FOLD_MEAN,
    FOLD_MIN,
    FOLD_MAX,
    FOLD_RANGE,
    FOLD_HISTOGRAM,
    FOLD_DISTRIBUTION,
    FOLD_BIN
};
struct str fold_op_name(enum fold_op op); /* "head", ... */
struct ask_fold {
    struct str column;
    enum fold_op op;
    uint32_t index;  /* among the folds of this column, from 0 */
    uint32_t kept;   /* FOLD_DISTRIBUTION: values shown */
    uint32_t bins;   /* FOLD_BIN */
    bool has_bounds; /* FOLD_BIN: from start to end; else from the group's least to its greatest */
    struct cell start, end; /* numbers; start < end */
};

enum virtual_type { VIRTUAL_QUANTIZE, VIRTUAL_TRUNCATE };
enum granularity { BY_DAY, BY_MONTH, BY_QUARTER, BY_YEAR };
struct ask_virtual {
    struct str name, backing;
    enum virtual_type type;
    /* QUANTIZE: ((v + offset) / size) * size - offset, rounded down. size > 0. */
    int64_t size, offset;
    enum granularity granularity; /* TRUNCATE: to the first second of it, in UTC */
};

enum order_by { ORDER_COLUMN, ORDER_GROUP, ORDER_COUNT, ORDER_FOLD };
struct ask_order {
    enum order_by by;
    struct str column; /* ORDER_COLUMN */
    size_t fold;       /* ORDER_FOLD: a place in `folds` */
    bool descends;
};

enum having_op {
    HAVING_EQUAL,
    HAVING_NOT_EQUAL,
    HAVING_LESS,
    HAVING_GREATER,
    HAVING_AT_LEAST,
    HAVING_AT_MOST
};
/* What groups must be like; all of them must hold. */
struct ask_having {
    enum having_op op;
    struct cell value;
    bool is_count;     /* of the rows of a group; else: */
    size_t fold;       /* a place in `folds` */
    uint32_t value_at; /* 0, 1: the ends of a range; the keys and the tail of a distribution */
};

enum ask_kind {
    ASK_SELECT,
    ASK_FOLD /* with or without group; also a query without select, fold and group */
};

struct ask {
    enum ask_kind kind;
    enum table_kind table;
    const struct ask_all *any; /* one of them must hold; none: every row will do */
    size_t any_count;
    bool has_group;
    struct str group;
    const struct ask_fold *folds; /* in the order of the request */
    size_t fold_count;
    const struct str *select;
    size_t select_count;
    struct {
        bool physical, derived, virtual_; /* select_wildcard */
    } all;
    const struct ask_virtual *virtuals;
    size_t virtual_count;
    const struct ask_order *order;
    size_t order_count;
    const struct ask_having *having;
    size_t having_count;
    uint64_t limit; /* 0: none was given */
    uint64_t offset;
    /* What is to be done with the rows; NULL: nothing. They are looked at by src/api. */
    const struct json *set;     /* an object: attribute -> scalar or null */
    const struct json *actions; /* {"fingerprint":[{"type":"merge","arguments":[...]}]} */
};

/* ERR_INPUT: the message names the place ("filter[0].hostname[1]: ..."), but where the query
 * library recognises a message it is that one and nothing else; e->word is "bad_query" or tells one
 * of the latter (docs/query-api.md), e->offset is where it stands in the text of the request.
 * ERR_LIMIT with "query_too_large"; ERR_NOMEM. */
MUST_CHECK bool ask_read(struct ask *out, const struct json *body, struct arena *a, struct err *e);

#endif
