/* ask_fold.c - the folds of a query, in the order in which it names them:
 *
 *     {"timestamp":[["range"],["bin",32,1700000000,1700086400]],"hostname":[["unique"]]} */
#include "columns/ask_internal.h"
#include "columns/run_value.h"

#include <inttypes.h>

static const struct str operators[] = {
    [FOLD_HEAD] = STR_INIT("head"),
    [FOLD_TAIL] = STR_INIT("tail"),
    [FOLD_FIRST] = STR_INIT("first"),
    [FOLD_LAST] = STR_INIT("last"),
    [FOLD_OBJECT] = STR_INIT("object"),
    [FOLD_UNIQUE] = STR_INIT("unique"),
    [FOLD_COUNT] = STR_INIT("count"),
    [FOLD_SUM] = STR_INIT("sum"),
    [FOLD_MEAN] = STR_INIT("mean"),
    [FOLD_MIN] = STR_INIT("min"),
    [FOLD_MAX] = STR_INIT("max"),
    [FOLD_RANGE] = STR_INIT("range"),
    [FOLD_HISTOGRAM] = STR_INIT("histogram"),
    [FOLD_DISTRIBUTION] = STR_INIT("distribution"),
    [FOLD_BIN] = STR_INIT("bin"),
};
#define OPERATORS (sizeof operators / sizeof *operators)

struct str fold_op_name(enum fold_op op)
{
    return operators[op];
}

static bool find_operator(struct ask_reader *r, const struct json *j, enum fold_op *op)
{
    struct str name;
    if (!ask_text(r, j, "the name of a fold", &name))
        return false;
    for (size_t i = 0; i < OPERATORS; i++) {
        if (str_eq(name, operators[i])) {
            *op = (enum fold_op)i;
            return true;
        }
    }
    return ask_refuse(r, j, NULL, "there is no fold '%.*s'", ASK_NAME_ARG(name));
}

/* How many of something: from 1 to `most`. */
static bool read_how_many(struct ask_reader *r, const struct json *j, const char *what,
                          uint32_t most, uint32_t *out)
{
    uint64_t n;
    if (!ask_count(r, j, &n))
        return false;
    if (n == 0)
        return ask_refuse(r, j, NULL, "the number of %s must be positive", what);
    if (n > most)
        return ask_refuse_many(r, j, what, most);
    *out = (uint32_t)n;
    return true;
}

/* ["bin"], ["bin",32], ["bin",32,start,end] */
static bool read_bin(struct ask_reader *r, const struct json *count, struct ask_fold *f)
{
    if (!count)
        return true;
    if (!read_how_many(r, count, "bins", ASK_BINS_MAX, &f->bins))
        return false;
    const struct json *from = count->next;
    if (!from)
        return true;
    if (!from->next || from->next->next)
        return ask_refuse(r, from, NULL, "bin takes a number of bins, a start and an end");
    if (!ask_numeric(r, from, &f->start) || !ask_numeric(r, from->next, &f->end))
        return false;
    f->has_bounds = true;
    return value_compare(&f->start, &f->end) < 0 ||
           ask_refuse(r, from->next, NULL, "the end of bin must be greater than its start");
}

/* ["distribution"], ["distribution",5] */
static bool read_distribution(struct ask_reader *r, const struct json *kept, struct ask_fold *f)
{
    if (!kept)
        return true;
    if (kept->next)
        return ask_refuse(r, kept->next, NULL, "distribution takes one number of values");
    return read_how_many(r, kept, "values", ASK_LIMIT_MAX, &f->kept);
}

static bool read_one(struct ask_reader *r, const struct json *j, struct ask_fold *f)
{
    if (j->type != JSON_LIST)
        return ask_refuse_type(r, j, "[fold, arguments...]");
    if (j->count == 0)
        return ask_refuse(r, j, NULL, "there is no fold");
    if (!find_operator(r, j->first, &f->op))
        return false;
    const struct json *args = j->first->next;
    if (f->op == FOLD_BIN)
        return read_bin(r, args, f);
    if (f->op == FOLD_DISTRIBUTION)
        return read_distribution(r, args, f);
    return !args ||
           ask_refuse(r, args, NULL, "'%.*s' takes no arguments", STR_ARG(operators[f->op]));
}

static bool check_fold(struct ask_reader *r, const struct json *fold, size_t *count)
{
    if (fold->type != JSON_OBJECT)
        return ask_refuse_type(r, fold, "an object of attributes and their folds") ||
               ask_place(r, "fold: ");
    for (const struct json *a = fold->first; a; a = a->next) {
        if (a->type != JSON_LIST)
            return ask_refuse_type(r, a, "a list of folds") ||
                   ask_place(r, "fold.%.*s: ", ASK_NAME_ARG(a->key));
        *count += a->count;
    }
    if (*count > ASK_COLUMNS_MAX)
        return ask_refuse_many(r, fold, "folds", ASK_COLUMNS_MAX) || ask_place(r, "fold: ");
    return true;
}

bool ask_read_fold(struct ask_reader *r, const struct json *fold)
{
    struct ask_fold *folds;
    size_t count = 0, at = 0;
    if (!ask_is_given(fold))
        return true;
    if (!check_fold(r, fold, &count) || !ASK_ARRAY(r, folds, count))
        return false;
    for (const struct json *a = fold->first; a; a = a->next) {
        uint32_t i = 0;
        for (const struct json *one = a->first; one; one = one->next, i++) {
            folds[at] = (struct ask_fold){
                .column = a->key, .index = i, .kept = ASK_DEFAULT_KEPT, .bins = ASK_DEFAULT_BINS
            };
            if (!read_one(r, one, &folds[at++]))
                return ask_place(r, "fold.%.*s[%" PRIu32 "]: ", ASK_NAME_ARG(a->key), i);
        }
    }
    r->ask->folds = folds;
    r->ask->fold_count = count;
    return true;
}
