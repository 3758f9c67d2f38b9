/* run_value.h - values of a query beside those of columns: what a condition's value means for a
 * column of a type, and the order of cells. Threads: pure. */
#ifndef CRUMPLE_COLUMNS_RUN_VALUE_H
#define CRUMPLE_COLUMNS_RUN_VALUE_H

#include "columns/ask.h"

__extension__ typedef __int128 int128;

static inline bool type_has_codes(enum column_type t)
{
    return t == COLUMN_STRING || t == COLUMN_BOOL;
}

/* The number that a cell is or spells: "12", "12.", "0x1f", 1.5. False: it is none. */
bool value_number(struct cell c, struct cell *out);
/* The same for booleans: true, "true", "1", 1. */
bool value_bool(struct cell c, bool *out);
/* The text of a cell, as a column that became STRING has it. False: no memory. */
MUST_CHECK bool value_text(struct cell c, struct arena *a, struct str *out);

/* The numbers of a column that a comparison lets through: from..to, both in, as column_numbers
 * gives them. */
struct number_span {
    bool empty;
    uint64_t from, to;
};
/* `op` is ASK_EQUAL or one of the four that order. `digits`: a number of type DOUBLE as it was
 * written, which columns of whole numbers are compared with; empty: it is what the double is. */
struct number_span value_span(enum column_type t, enum ask_op op, struct cell number,
                              struct str digits);

/* The whole numbers next to a number, below and above; both are the number itself if it is one. */
struct whole_ends {
    int128 below, above; /* far beyond 64 bits any number out there will do */
};
struct whole_ends value_whole_ends(struct cell number, struct str digits);

static inline double value_double(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}
static inline uint64_t value_bits(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}
/* A number of a column as a cell. */
static inline struct cell value_of_bits(enum column_type t, uint64_t bits)
{
    if (t == COLUMN_DOUBLE)
        return (struct cell){ .type = CELL_DOUBLE, .d = value_double(bits) };
    if (t == COLUMN_INT)
        return (struct cell){ .type = CELL_INT, .i = (int64_t)bits };
    return (struct cell){ .type = CELL_UINT, .u = bits };
}
/* A number of a column as 64 bits that are in order: least first. */
static inline uint64_t value_rank(enum column_type t, uint64_t bits)
{
    const uint64_t sign = UINT64_C(1) << 63;
    if (t == COLUMN_UINT)
        return bits;
    if (t == COLUMN_INT)
        return bits ^ sign;
    if (bits == sign)
        bits = 0; /* -0.0 is 0.0 */
    return bits & sign ? ~bits : bits | sign;
}

/* Cells of one column in order: booleans, numbers by their exact value, then texts by bytes; unset
 * ones last. */
int value_compare(const struct cell *a, const struct cell *b);

#endif
