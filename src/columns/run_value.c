/* run_value.c - values and their order. What is hard: numbers of 64 bits and doubles are compared
 * exactly, so a bound is first rounded to what the column's type can hold. */
#include "columns/run_value.h"

#include <math.h>

__extension__ typedef __int128 int128;

#define HEX_DIGITS_MAX 16

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
        json_double(&w, c.d);
        bool ok = buf_ok(&b) && arena_str(a, buf_view(&b), out);
        buf_done(&b);
        return ok;
    case CELL_UNSET:
        break;
    }
    *out = STR("");
    return true;
}

/* The whole numbers next to a number, below and above; both are the number itself if it is one.
 * Beyond what 64 bits may hold, any number out there will do. */
static void whole_around(struct cell n, int128 *below, int128 *above)
{
    if (n.type == CELL_UINT) {
        *below = *above = n.u;
    } else if (n.type == CELL_INT) {
        *below = *above = n.i;
    } else {
        double d = n.d > 1e30 ? 1e30 : n.d < -1e30 ? -1e30 : n.d;
        *below = (int128)floor(d);
        *above = (int128)ceil(d);
    }
}

static struct number_span whole_span(enum column_type t, enum ask_op op, struct cell number)
{
    const int128 least = t == COLUMN_INT ? INT64_MIN : 0;
    const int128 greatest = t == COLUMN_INT ? (int128)INT64_MAX : (int128)UINT64_MAX;
    int128 below, above, from = least, to = greatest;
    whole_around(number, &below, &above);
    switch (op) {
    case ASK_AT_LEAST:
        from = above;
        break;
    case ASK_GREATER:
        from = below + 1;
        break;
    case ASK_AT_MOST:
        to = below;
        break;
    case ASK_LESS:
        to = above - 1;
        break;
    default: /* a fraction lies between: from > to */
        from = above;
        to = below;
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

struct number_span value_span(enum column_type t, enum ask_op op, struct cell number)
{
    if (t != COLUMN_DOUBLE)
        return whole_span(t, op, number);
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
    int128 a_below, a_above, b_below, b_above;
    whole_around(*a, &a_below, &a_above);
    whole_around(*b, &b_below, &b_above);
    /* At most one of them is a double: where the other stands against the whole numbers about it
     * decides. */
    if (a_above != b_above)
        return a_above < b_above ? -1 : 1;
    return (a_below > b_below) - (a_below < b_below);
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
