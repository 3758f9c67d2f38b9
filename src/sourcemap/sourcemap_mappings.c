/* sourcemap_mappings.c - the text of `mappings` to an array.
 *
 * Lines end with ';', segments with ','. A segment has 1, 4 or 5 numbers, each told as what it is
 * beyond the same number before: column (from the line's begin), source, line, column, name. */
#include "sourcemap/sourcemap_internal.h"
#include "sourcemap/vlq.h"

#include <stdarg.h>
#include <stdio.h>

enum { COLUMN, SOURCE, OLD_LINE, OLD_COLUMN, NAME, NUMBERS };
static const char *const number_names[NUMBERS] = { "column", "source", "line of the source",
                                                   "column of the source", "name" };

struct reading {
    struct map *m;
    const struct json *json; /* of mappings */
    struct str text;
    const struct map_part *part;
    size_t at, segment_at;
    size_t line, segment; /* from 0; of this part */
    int64_t now[NUMBERS];
    int64_t ends[NUMBERS]; /* what each must stay below */
    size_t line_first;     /* mapping of the line */
    bool sorted;           /* the line, so far */
    struct mapping *scratch;
    struct err *e;
    struct arena *arena;
};

size_t map_count_mappings(struct str mappings)
{
    size_t n = 0;
    bool between = true;
    for (size_t i = 0; i < mappings.len; i++) {
        bool separator = mappings.ptr[i] == ',' || mappings.ptr[i] == ';';
        n += between && !separator;
        between = separator;
    }
    return n;
}

/* At the byte `at` of the text. */
PRINTF_LIKE(3, 4) static bool fail(struct reading *r, size_t at, const char *fmt, ...)
{
    char why[120];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    return err_set(r->e, ERR_INPUT, r->json->begin + 1 + at,
                   "mappings: line %zu, segment %zu (byte %zu): %s", r->line + 1, r->segment + 1,
                   at, why);
}

/* Takes up to NUMBERS numbers, and tells how many. */
static bool take_numbers(struct reading *r, int32_t numbers[NUMBERS], unsigned *count)
{
    static const char *const why[VLQ_OUTCOMES] = {
        [VLQ_DIGIT] = "this is no base 64 digit",
        [VLQ_OPEN] = "the number's last digit says that one more follows",
        [VLQ_TOO_BIG] = "the number takes more than 32 bits",
    };
    for (*count = 0;; ++*count) {
        int32_t number;
        enum vlq_outcome outcome = vlq_take(r->text, &r->at, &number);
        if (outcome == VLQ_END)
            break;
        if (outcome != VLQ_NUMBER)
            return fail(r, r->at, "%s", why[outcome]);
        if (*count == NUMBERS)
            return fail(r, r->segment_at, "more than 5 numbers");
        numbers[*count] = number;
    }
    if (*count == 1 || *count == 4 || *count == 5)
        return true;
    return fail(r, r->segment_at, "%u numbers, and not 1, 4 or 5", *count);
}

static bool move(struct reading *r, const int32_t numbers[NUMBERS], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        r->now[i] += numbers[i];
        if (r->now[i] < 0)
            return fail(r, r->segment_at, "the %s is below 0", number_names[i]);
        if (r->now[i] < r->ends[i])
            continue;
        if (i == SOURCE || i == NAME)
            return fail(r, r->segment_at, "%s %lld, and there are %lld", number_names[i],
                        (long long)r->now[i], (long long)r->ends[i]);
        return fail(r, r->segment_at, "the %s takes more than 31 bits", number_names[i]);
    }
    return true;
}

static bool add(struct reading *r, unsigned count)
{
    struct map *m = r->m;
    int64_t column = r->now[COLUMN] + (r->line == 0 ? r->part->column : 0);
    if (column > MAP_NUMBER_MAX)
        return fail(r, r->segment_at, "the column takes more than 31 bits");
    struct mapping *to = &m->mappings[m->mappings_count];
    *to = (struct mapping){ .line = r->part->line + (uint32_t)r->line,
                            .column = (uint32_t)column,
                            .source = MAP_NONE,
                            .name = MAP_NONE };
    if (count > 1) {
        to->source = (uint32_t)(r->part->first_source + (size_t)r->now[SOURCE]);
        to->old_line = (uint32_t)r->now[OLD_LINE];
        to->old_column = (uint32_t)r->now[OLD_COLUMN];
    }
    if (count > 4)
        to->name = (uint32_t)(r->part->first_name + (size_t)r->now[NAME]);
    if (m->mappings_count > r->line_first && to[-1].column > to->column)
        r->sorted = false;
    m->mappings_count++;
    return true;
}

/* Merges the sorted runs [0, middle) and [middle, n), of equal columns the first run's first. */
static void merge(struct mapping *at, size_t middle, size_t n, struct mapping *scratch)
{
    size_t i = 0, k = middle, to = 0;
    memcpy(scratch, at, middle * sizeof *at);
    while (i < middle)
        at[to++] = k < n && at[k].column < scratch[i].column ? at[k++] : scratch[i++];
}

/* Once for the part, as large as its longest line may be. */
static bool take_scratch(struct reading *r)
{
    if (!r->scratch) {
        size_t most = map_count_mappings(r->text);
        r->scratch = arena_large(r->arena, most, sizeof *r->scratch);
        if (!r->scratch)
            return err_set(r->e, ERR_NOMEM, 0, "no memory to sort %zu mappings", most);
    }
    return true;
}

static bool end_line(struct reading *r)
{
    struct mapping *at = r->m->mappings + r->line_first;
    size_t n = r->m->mappings_count - r->line_first;
    if (!r->sorted) {
        if (!take_scratch(r))
            return false;
        for (size_t run = 1; run < n; run *= 2)
            for (size_t i = 0; i + run < n; i += 2 * run)
                merge(at + i, run, n - i < 2 * run ? n - i : 2 * run, r->scratch);
    }
    r->line_first = r->m->mappings_count;
    r->sorted = true;
    r->segment = 0;
    r->now[COLUMN] = 0;
    return true;
}

static bool read_segment(struct reading *r)
{
    int32_t numbers[NUMBERS];
    unsigned count;
    r->segment_at = r->at;
    return take_numbers(r, numbers, &count) && move(r, numbers, count) && add(r, count);
}

static bool read_line(struct reading *r)
{
    if (r->at == r->text.len || r->text.ptr[r->at] == ';')
        return true;
    for (;; r->at++, r->segment++) {
        if (!read_segment(r))
            return false;
        if (r->at == r->text.len || r->text.ptr[r->at] == ';')
            return end_line(r);
    }
}

bool map_read_mappings(struct map *m, const struct json *mappings, const struct map_part *part,
                       struct arena *a, struct err *e)
{
    struct reading r = { .m = m,
                         .json = mappings,
                         .text = mappings->text,
                         .part = part,
                         .line_first = m->mappings_count,
                         .sorted = true,
                         .e = e,
                         .arena = a };
    for (unsigned i = 0; i < NUMBERS; i++)
        r.ends[i] = (int64_t)MAP_NUMBER_MAX + 1;
    r.ends[SOURCE] = (int64_t)(m->sources_count - part->first_source);
    r.ends[NAME] = (int64_t)(m->names_count - part->first_name);
    for (;; r.at++, r.line++) {
        if (part->line + (uint64_t)r.line > MAP_NUMBER_MAX)
            return fail(&r, r.at, "the line takes more than 31 bits");
        if (!read_line(&r))
            return false;
        if (r.at == r.text.len)
            return true;
    }
}
