/* run_value.c - values and their order. What is hard: numbers of 64 bits and doubles are compared
 * exactly, so a bound is first rounded to what the column's type can hold. */
#include "columns/run_value.h"

#include <math.h>

#define HEX_DIGITS_MAX 16
#define DIGITS_MAX 1000             /* an exponent beyond it is as good as any */
#define WHOLE_FAR ((int128)1 << 80) /* far beyond 64 bits */

static bool hex_number(struct str s, struct cell *out)
{
    uint64_t n = 0;
    if (s.len < 3 || s.len > 2 + HEX_DIGITS_MAX || s.ptr[0] != '0' || (s.ptr[1] | 0x20) != 'x')
        return false;
    for (size_t i = 2; i < s.len; i++) {
        char c = s.ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        n = n << 4 | digit;
    }
    *out = (struct cell){ .type = CELL_UINT, .u = n };
    return true;
}

bool value_number(struct cell c, struct cell *out)
{
    switch (c.type) {
    case CELL_UINT:
    case CELL_INT:
    case CELL_DOUBLE:
        *out = c;
        return true;
    case CELL_STRING:
        return hex_number(c.s, out) || ask_number(c.s, out);
    case CELL_BOOL:
    case CELL_UNSET:
        break;
    }
    return false;
}

bool value_bool(struct cell c, bool *out)
{
    struct cell number;
    if (c.type == CELL_BOOL) {
        *out = c.b;
        return true;
    }
    if (c.type == CELL_STRING && (str_is_word(c.s, "true") || str_is_word(c.s, "false"))) {
        *out = str_is_word(c.s, "true");
        return true;
    }
    if (!value_number(c, &number) || number.type != CELL_UINT || number.u > 1)
        return false;
    *out = number.u == 1;
    return true;
}

bool value_text(struct cell c, struct arena *a, struct str *out)
{
    struct json_writer w;
    struct buf b;
    switch (c.type) {
    case CELL_STRING:
        *out = c.s;
        return true;
    case CELL_BOOL:
        *out = c.b ? STR("true") : STR("false");
        return true;
    case CELL_UINT:
        return arena_printf(a, out, "%llu", (unsigned long long)c.u);
    case CELL_INT:
        return arena_printf(a, out, "%lld", (long long)c.i);
    case CELL_DOUBLE:
        buf_init(&b, 64);
        json_writer_init(&w, &b);
        json_double(&w, c.d == 0 ? 0 : c.d); /* -0 is 0, as in columns */
        bool ok = buf_ok(&b) && arena_str(a, buf_view(&b), out);
        buf_done(&b);
        return ok;
    case CELL_UNSET:
        break;
    }
    *out = STR("");
    return true;
}

/* Where the decimal point of a number stands, and its digits, as it was written. */
struct decimal {
    struct str text; /* digits, with one point among them or none */
    size_t whole;    /* digits before the point */
    int64_t shift;   /* places that the exponent moves the point to the right */
    bool negative;
};

/* `s` is what ask_number takes. */
static struct decimal decimal_of(struct str s)
{
    struct decimal d = { .negative = s.len > 0 && s.ptr[0] == '-' };
    size_t at = d.negative, end = at;
    while (end < s.len && (s.ptr[end] | 0x20) != 'e')
        end++;
    d.text = (struct str){ s.ptr + at, end - at };
    while (d.whole < d.text.len && d.text.ptr[d.whole] != '.')
        d.whole++;
    bool back = end + 1 < s.len && s.ptr[end + 1] == '-';
    for (size_t i = end + 1; i < s.len; i++)
        if (s.ptr[i] >= '0' && s.ptr[i] <= '9' && d.shift < DIGITS_MAX)
            d.shift = d.shift * 10 + (s.ptr[i] - '0');
    d.shift = back ? -d.shift : d.shift;
    return d;
}

/* Digits before the point, wherever the exponent moves it, add up; what is behind it is a fraction
 * or nothing. */
static struct whole_ends ends_of_digits(struct str s)
{
    struct decimal d = decimal_of(s);
    int64_t places = (int64_t)d.whole + d.shift; /* before the point */
    int128 n = 0;
    bool has_fraction = false;
    for (size_t i = 0; i < d.text.len; i++) {
        if (d.text.ptr[i] == '.')
            continue;
        int digit = d.text.ptr[i] - '0';
        if (places-- <= 0)
            has_fraction |= digit != 0;
        else
            n = n < WHOLE_FAR ? n * 10 + digit : n;
    }
    for (; places > 0 && n > 0 && n < WHOLE_FAR; places--)
        n *= 10;
    struct whole_ends ends = { n, n + has_fraction };
    return d.negative ? (struct whole_ends){ -ends.above, -ends.below } : ends;
}

struct whole_ends value_whole_ends(struct cell number, struct str digits)
{
    if (number.type == CELL_UINT)
        return (struct whole_ends){ number.u, number.u };
    if (number.type == CELL_INT)
        return (struct whole_ends){ number.i, number.i };
    if (digits.len > 0)
        return ends_of_digits(digits);
    double d = number.d > 1e30 ? 1e30 : number.d < -1e30 ? -1e30 : number.d;
    return (struct whole_ends){ (int128)floor(d), (int128)ceil(d) };
}

static struct number_span whole_span(enum column_type t, enum ask_op op, struct whole_ends number)
{
    const int128 least = t == COLUMN_INT ? INT64_MIN : 0;
    const int128 greatest = t == COLUMN_INT ? (int128)INT64_MAX : (int128)UINT64_MAX;
    int128 from = least, to = greatest;
    switch (op) {
    case ASK_AT_LEAST:
        from = number.above;
        break;
    case ASK_GREATER:
        from = number.below + 1;
        break;
    case ASK_AT_MOST:
        to = number.below;
        break;
    case ASK_LESS:
        to = number.above - 1;
        break;
    default: /* a fraction lies between: from > to */
        from = number.above;
        to = number.below;
        break;
    }
    from = from < least ? least : from;
    to = to > greatest ? greatest : to;
    if (from > to)
        return (struct number_span){ .empty = true };
    return (struct number_span){ .from = (uint64_t)from, .to = (uint64_t)to };
}

static double as_double(struct cell n)
{
    return n.type == CELL_UINT ? (double)n.u : n.type == CELL_INT ? (double)n.i : n.d;
}

/* The double next to d in their order, behind it or (steps -1) before it; d is not the last.
 * nextafter would do, but is not among the functions that base/late_math.h has. */
static double double_beside(double d, int64_t steps)
{
    const uint64_t sign = UINT64_C(1) << 63;
    uint64_t rank = value_rank(COLUMN_DOUBLE, value_bits(d)) + (uint64_t)steps;
    if (d == 0 && steps < 0)
        rank--; /* past -0.0, which is the same number */
    return value_double(rank & sign ? rank & ~sign : ~rank);
}

struct number_span value_span(enum column_type t, enum ask_op op, struct cell number,
                              struct str digits)
{
    if (t != COLUMN_DOUBLE)
        return whole_span(t, op, value_whole_ends(number, digits));
    double d = as_double(number), from = -INFINITY, to = INFINITY;
    if ((op == ASK_GREATER && d == INFINITY) || (op == ASK_LESS && d == -INFINITY))
        return (struct number_span){ .empty = true };
    switch (op) {
    case ASK_AT_LEAST:
        from = d;
        break;
    case ASK_GREATER:
        from = double_beside(d, 1);
        break;
    case ASK_AT_MOST:
        to = d;
        break;
    case ASK_LESS:
        to = double_beside(d, -1);
        break;
    default:
        from = to = d;
        break;
    }
    return (struct number_span){ .from = value_bits(from), .to = value_bits(to) };
}

static int class_of(const struct cell *c)
{
    return c->type == CELL_UNSET ? 3 : c->type == CELL_STRING ? 2 : c->type == CELL_BOOL ? 0 : 1;
}

static int compare_numbers(const struct cell *a, const struct cell *b)
{
    if (a->type == CELL_DOUBLE && b->type == CELL_DOUBLE)
        return (a->d > b->d) - (a->d < b->d);
    const struct whole_ends x = value_whole_ends(*a, (struct str){ 0 });
    const struct whole_ends y = value_whole_ends(*b, (struct str){ 0 });
    /* At most one of them is a double: where the other stands against the whole numbers about it
     * decides. */
    if (x.above != y.above)
        return x.above < y.above ? -1 : 1;
    return (x.below > y.below) - (x.below < y.below);
}

int value_compare(const struct cell *a, const struct cell *b)
{
    int ca = class_of(a), cb = class_of(b);
    if (ca != cb)
        return ca < cb ? -1 : 1;
    switch (ca) {
    case 0:
        return (int)a->b - (int)b->b;
    case 1:
        return compare_numbers(a, b);
    case 2:
        return str_cmp(a->s, b->s);
    default:
        return 0;
    }
}
