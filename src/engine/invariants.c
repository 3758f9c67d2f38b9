/* invariants.c - see the header. */
#include "engine/invariants.h"

#include "base/json.h"
#include "columns/run_text.h"

#include <inttypes.h>
#include <stdlib.h>

#define NUMBER_TEXT_MAX 64

/* Versions. */

static struct str take_until(struct str *rest, char end)
{
    const char *p = rest->len > 0 ? memchr(rest->ptr, end, rest->len) : NULL;
    size_t n = p ? (size_t)(p - rest->ptr) : rest->len;
    struct str part = { rest->ptr, n };
    *rest = p ? (struct str){ p + 1, rest->len - n - 1 } : STR("");
    return part;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

static struct str without_zeros(struct str s)
{
    while (s.len > 1 && s.ptr[0] == '0')
        s = (struct str){ s.ptr + 1, s.len - 1 };
    return s;
}

static int bytes_order(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Numbers of any length by their value, before words. */
static int part_order(struct str a, struct str b)
{
    if (is_number(a) != is_number(b))
        return is_number(a) ? -1 : 1;
    if (!is_number(a))
        return bytes_order(a, b);
    a = without_zeros(a);
    b = without_zeros(b);
    return a.len != b.len ? (a.len > b.len) - (a.len < b.len) : bytes_order(a, b);
}

/* missing: what a part that only the other has is compared with; empty: nothing is less. */
static int parts_order(struct str a, struct str b, struct str missing)
{
    int order = 0;
    while (order == 0 && (a.len > 0 || b.len > 0)) {
        bool has_a = a.len > 0, has_b = b.len > 0;
        if (missing.len == 0 && has_a != has_b)
            return has_a ? 1 : -1;
        struct str x = has_a ? take_until(&a, '.') : missing;
        struct str y = has_b ? take_until(&b, '.') : missing;
        order = part_order(x, y);
    }
    return order;
}

int version_order(struct str a, struct str b)
{
    struct str x = take_until(&a, '+'), y = take_until(&b, '+');
    struct str core_x = take_until(&x, '-'), core_y = take_until(&y, '-'); /* x, y: pre-releases */
    int order = parts_order(core_x, core_y, STR("0"));
    if (order != 0)
        return order;
    if ((x.len == 0) != (y.len == 0))
        return x.len == 0 ? 1 : -1;
    return parts_order(x, y, STR(""));
}

/* Reading. */

static struct str text_of(const struct json *j, const char *member)
{
    const struct json *found = json_get(j, str_from_c(member));
    return found && found->type == JSON_STRING ? found->text : STR("");
}

static bool has_type(const struct json *j, const char *type)
{
    return str_eq(text_of(j, "type"), str_from_c(type));
}

static bool is_version(const struct json *j)
{
    return has_type(j, "version_gt") || has_type(j, "version_ge");
}

static bool read_time(const struct json *j, double *out)
{
    const struct json *t = json_get(j, STR("timestamp"));
    char text[NUMBER_TEXT_MAX];
    char *end;
    if (!t || (t->type != JSON_NUMBER && t->type != JSON_STRING) || t->text.len == 0 ||
        t->text.len >= sizeof text)
        return false;
    memcpy(text, t->text.ptr, t->text.len);
    text[t->text.len] = '\0';
    *out = strtod(text, &end);
    return *end == '\0';
}

static bool bad(struct err *e, const char *why)
{
    return err_word(e, ERR_INPUT, "bad_invariants", "invariants: %s", why);
}

static bool pattern_init(struct text_test *t, const struct json *j, struct arena *a, struct err *e)
{
    return text_test_init(t, ASK_MATCHES, text_of(j, "pattern"), false, 1, a, e);
}

static bool check_simple(const struct json *j, struct arena *a, struct err *e)
{
    struct text_test t;
    double time;
    if (has_type(j, "timestamp_gt"))
        return read_time(j, &time) || bad(e, "timestamp_gt takes a timestamp in seconds");
    if (!is_version(j) && !has_type(j, "regular_expression"))
        return bad(e, "there are the types version_gt, version_ge, timestamp_gt, "
                      "regular_expression and and");
    if (text_of(j, "field").len == 0)
        return bad(e, "a field is missing");
    if (is_version(j))
        return text_of(j, "version").len > 0 || bad(e, "a version is missing");
    return pattern_init(&t, j, a, e);
}

/* An `and` holds no other. */
static bool check_one(const struct json *j, struct arena *a, struct err *e)
{
    if (!has_type(j, "and"))
        return check_simple(j, a, e);
    const struct json *children = json_get(j, STR("children"));
    if (!children || children->type != JSON_LIST || children->count == 0)
        return bad(e, "and takes a list of children");
    for (const struct json *c = children->first; c; c = c->next)
        if (!check_simple(c, a, e))
            return false;
    return true;
}

static bool parse(struct str text, struct arena *a, const struct json **out, struct err *e)
{
    const struct json_limits limits = { INVARIANTS_DEPTH_MAX, 16 * INVARIANTS_MAX };
    return json_parse(out, text, limits, a, e) &&
           (((*out)->type == JSON_LIST && (*out)->count <= INVARIANTS_MAX) ||
            bad(e, "they are a list of at most 64"));
}

bool invariants_check(struct str text, struct arena *a, struct err *e)
{
    const struct json *list;
    if (!parse(text, a, &list, e))
        return false;
    for (const struct json *j = list->first; j; j = j->next)
        if (!check_one(j, a, e))
            return false;
    return true;
}

/* Matching. */

static const struct cell *find_cell(const struct row *row, struct str name)
{
    for (size_t i = ROW_DECIDED; i < row->count; i++)
        if (str_eq(row->cells[i].name, name))
            return &row->cells[i].value;
    return NULL;
}

static bool cell_number(const struct cell *c, double *out)
{
    switch (c->type) {
    case CELL_UINT:
        *out = (double)c->u;
        return true;
    case CELL_INT:
        *out = (double)c->i;
        return true;
    case CELL_DOUBLE:
        *out = c->d;
        return true;
    case CELL_UNSET:
    case CELL_BOOL:
    case CELL_STRING:
        break;
    }
    return false;
}

/* The text of a cell; false: it has none, or memory is short (and *ok is false). */
static bool cell_text(const struct cell *c, struct arena *a, struct str *out, bool *ok)
{
    *ok = true;
    switch (c->type) {
    case CELL_UINT:
        return *ok = arena_printf(a, out, "%" PRIu64, c->u);
    case CELL_INT:
        return *ok = arena_printf(a, out, "%" PRId64, c->i);
    case CELL_DOUBLE:
        return *ok = arena_printf(a, out, "%.15g", c->d);
    case CELL_BOOL:
        *out = c->b ? STR("true") : STR("false");
        return true;
    case CELL_STRING:
        *out = c->s;
        return true;
    case CELL_UNSET:
        break;
    }
    return false;
}

static bool match_text(const struct json *j, struct str text, struct arena *a, bool *match,
                       struct err *e)
{
    struct text_test t;
    if (is_version(j)) {
        int order = version_order(text, text_of(j, "version"));
        *match = order > 0 || (order == 0 && has_type(j, "version_ge"));
        return true;
    }
    return pattern_init(&t, j, a, e) && text_test_holds(&t, text, match, e);
}

static bool match_simple(const struct json *j, const struct row *row, struct arena *a, bool *match,
                         struct err *e)
{
    bool is_time = has_type(j, "timestamp_gt"), ok;
    const struct cell *c = find_cell(row, is_time ? STR("timestamp") : text_of(j, "field"));
    struct str text;
    double limit, now;
    *match = false;
    if (!c)
        return true;
    if (is_time) {
        *match = cell_number(c, &now) && read_time(j, &limit) && now > limit;
        return true;
    }
    if (!cell_text(c, a, &text, &ok))
        return ok || err_set(e, ERR_NOMEM, 0, "invariants");
    return match_text(j, text, a, match, e);
}

static bool match_one(const struct json *j, const struct row *row, struct arena *a, bool *match,
                      struct err *e)
{
    if (!has_type(j, "and"))
        return match_simple(j, row, a, match, e);
    const struct json *children = json_get(j, STR("children"));
    *match = true;
    for (const struct json *c = children ? children->first : NULL; c && *match; c = c->next)
        if (!match_simple(c, row, a, match, e))
            return false;
    return true;
}

bool invariants_match(struct str text, const struct row *row, struct arena *a, bool *match,
                      struct err *e)
{
    const struct json *list;
    *match = false;
    if (!parse(text, a, &list, e))
        return false;
    for (const struct json *j = list->first; j && !*match; j = j->next)
        if (!match_one(j, row, a, match, e))
            return false;
    return true;
}
