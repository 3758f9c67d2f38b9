/* quality.c - see the header.
 *
 * The file stays in memory as text, and each report is parsed anew for each pass over it: parsed
 * forms of a large file would not fit, and parsing costs less than placing. */
#include "cli/quality.h"

#include "cli/text.h"
#include "group/names.h"
#include "group/similarity.h"

#define ARENA_BYTES ((size_t)4 << 30) /* for one report */
#define JSON_NODES_MAX 10000000
#define NONE UINT32_MAX

struct line {
    uint32_t bug, program; /* NONE: the report has no label */
};
struct quality {
    const struct quality_config *config;
    double thresholds[COLLECTION_THRESHOLDS_MAX]; /* of the sweep, and the default one */
    size_t threshold_count, usual;                /* usual: which is the default */
    struct arena *arena;                          /* for the report at hand */
    struct text text;
    struct names ids, bugs, programs; /* ids: those with labels come first */
    VEC(uint32_t) bug_of;             /* by number of the id */
    VEC(struct line) lines;           /* by number in `text` */

    /* Of the latest pass: its order, and, by place in that order, what was found. */
    VEC(uint32_t) order;       /* numbers of lines */
    VEC(uint32_t) all_buckets; /* for each report its bucket at each threshold */
    VEC(uint32_t) buckets;     /* at one threshold */
    VEC(struct bcubed_item) items;

    VEC(struct quality_point) sweep;
    VEC(struct quality_program) by_program;
    VEC(struct quality_order) orders;
    struct quality_found found;
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory");
}

/* --- reading ------------------------------------------------------------------------------- */

static bool read_label(struct quality *q, struct str line, struct err *e)
{
    const char *tab = memchr(line.ptr, '\t', line.len);
    if (!tab || tab == line.ptr || tab + 1 == line.ptr + line.len)
        return err_set(e, ERR_INPUT, 0, "not a database_id, a tab and a bug");
    struct str id = { line.ptr, (size_t)(tab - line.ptr) };
    struct str bug = { tab + 1, line.len - id.len - 1 };
    const char *end = memchr(bug.ptr, '\t', bug.len);
    if (end)
        bug.len = (size_t)(end - bug.ptr);
    if (names_find_added(&q->ids, id) != NAMES_NONE)
        return err_set(e, ERR_INPUT, 0, "\"%.*s\" has a label already", STR_ARG(id));
    uint32_t number = names_add(&q->bugs, bug, e);
    if (number == NAMES_NONE || names_add(&q->ids, id, e) == NAMES_NONE)
        return false;
    return VEC_PUSH(&q->bug_of, number) || no_memory(e);
}

static bool read_labels(struct quality *q, const char *path, struct err *e)
{
    struct text labels = { 0 };
    bool ok = text_read(&labels, path, e);
    for (size_t i = 0; ok && i < labels.lines.len; i++)
        ok = read_label(q, labels.lines.at[i], e) || err_prefix(e, "label %zu: ", i + 1);
    text_free(&labels);
    return ok;
}

/* The report stays until the next call. */
static bool parse(struct quality *q, size_t line, struct report *out, struct err *e)
{
    const struct json_limits limits = { REPORT_DEPTH_MAX + 1, JSON_NODES_MAX };
    const struct json *json;
    struct str text = q->text.lines.at[line];
    arena_reset(q->arena);
    return (json_parse(&json, text, limits, q->arena, e) &&
            report_from_json(out, json, text, q->arena, e) &&
            report_set_project(out, out->project.len ? STR("") : STR("bench"), e)) ||
           err_prefix(e, "report %zu: ", line + 1);
}

static struct str program_of(const struct quality *q, const struct report *r)
{
    struct str field = str_from_c(q->config->program_field);
    if (str_eq(field, STR("project")))
        return r->project;
    for (size_t i = 0; i < r->text_count; i++)
        if (str_eq(r->texts[i].field, field))
            return r->texts[i].text;
    return STR("");
}

static bool read_report(struct quality *q, size_t line, struct err *e)
{
    struct report r;
    if (!parse(q, line, &r, e))
        return false;
    uint32_t id = names_add(&q->ids, r.database_id, e);
    if (id == NAMES_NONE)
        return false;
    if (names_report(&q->ids, id) != NAMES_NONE)
        return err_set(e, ERR_INPUT, 0, "report %zu: \"%.*s\" was there before", line + 1,
                       STR_ARG(r.database_id));
    names_set_report(&q->ids, id, (uint32_t)line);
    struct line l = { NONE, NONE };
    if (id < q->bug_of.len) {
        l.bug = q->bug_of.at[id];
        l.program = names_add(&q->programs, program_of(q, &r), e);
        if (l.program == NAMES_NONE)
            return false;
    } else {
        q->found.unlabelled++;
    }
    return VEC_PUSH(&q->lines, l) || no_memory(e);
}

static bool read_reports(struct quality *q, const char *path, struct err *e)
{
    if (!text_read(&q->text, path, e))
        return false;
    for (size_t i = 0; i < q->text.lines.len; i++)
        if (!read_report(q, i, e))
            return false;
    for (uint32_t id = 0; id < q->bug_of.len; id++)
        if (names_report(&q->ids, id) == NAMES_NONE)
            return err_set(e, ERR_INPUT, 0, "\"%.*s\" has a label, and there is no such report",
                           STR_ARG(names_text(&q->ids, id)));
    q->found.reports = q->lines.len;
    return true;
}

/* --- placing ------------------------------------------------------------------------------- */

static bool place_line(struct quality *q, struct bucket_index *ix, uint32_t line, struct err *e)
{
    struct report r;
    struct placement p;
    if (!parse(q, line, &r, e))
        return false;
    if (!bucket_index_place(ix, &r, &p, e) || !bucket_index_add(ix, &r, &p, NULL, e))
        return err_prefix(e, "%.*s: ", STR_ARG(r.database_id));
    bucket_index_publish(ix);
    const struct collection *c = bucket_index_collection(ix);
    struct collected added = collection_report(c, collection_count(c) - 1);
    if (!VEC_RESERVE(&q->all_buckets, q->threshold_count))
        return no_memory(e);
    for (size_t t = 0; t < q->threshold_count; t++)
        q->all_buckets.at[q->all_buckets.len++] = added.buckets[t];
    return true;
}

/* Places the lines of q->order, one after another, in an empty index. */
static bool place_order(struct quality *q, struct err *e)
{
    CLEANUP(bucket_index_free_p) struct bucket_index *ix = NULL;
    struct bucket_index_config config = q->config->index;
    config.thresholds = q->thresholds;
    config.threshold_count = q->threshold_count;
    if (!bucket_index_new(&ix, &config, e))
        return false;
    q->all_buckets.len = q->buckets.len = q->items.len = 0;
    for (size_t i = 0; i < q->order.len; i++)
        if (!place_line(q, ix, q->order.at[i], e))
            return false;
    return (VEC_RESERVE(&q->buckets, q->order.len) && VEC_RESERVE(&q->items, q->order.len)) ||
           no_memory(e);
}

/* --- scores -------------------------------------------------------------------------------- */

/* The buckets of the latest pass at a threshold. */
static void take_buckets(struct quality *q, size_t threshold)
{
    q->buckets.len = q->order.len;
    for (size_t i = 0; i < q->order.len; i++)
        q->buckets.at[i] = q->all_buckets.at[i * q->threshold_count + threshold];
}

/* The labelled reports of a program (NONE: of all), in their buckets. */
static void take_items(struct quality *q, uint32_t program)
{
    q->items.len = 0;
    for (size_t i = 0; i < q->order.len; i++) {
        struct line l = q->lines.at[q->order.at[i]];
        if (l.bug != NONE && (program == NONE || l.program == program))
            q->items.at[q->items.len++] = (struct bcubed_item){ l.bug, q->buckets.at[i] };
    }
}

static struct bcubed score_program(struct quality *q, uint32_t program)
{
    take_items(q, program);
    return bcubed_score(q->items.at, q->items.len);
}

static struct quality_order score_order(struct quality *q)
{
    size_t programs = q->programs.names.len;
    take_buckets(q, q->usual);
    struct quality_order o = { .score = score_program(q, NONE), .worst_f1 = 1 };
    for (uint32_t p = 0; p < programs; p++) {
        double f1 = score_program(q, p).f1;
        o.programs_f1 += f1 / (double)programs;
        o.worst_f1 = f1 < o.worst_f1 ? f1 : o.worst_f1;
    }
    return o;
}

static bool score_sweep(struct quality *q, struct err *e)
{
    for (size_t i = 0; i < q->threshold_count; i++) {
        struct quality_point p = { .threshold = q->thresholds[i] };
        take_buckets(q, i);
        p.score = score_program(q, NONE);
        if (!VEC_PUSH(&q->sweep, p))
            return no_memory(e);
    }
    return true;
}

static bool score_programs(struct quality *q, struct err *e)
{
    for (uint32_t i = 0; i < q->programs.names.len; i++) {
        struct quality_program p = { .name = names_text(&q->programs, i),
                                     .score = score_program(q, i) };
        if (!VEC_PUSH(&q->by_program, p))
            return no_memory(e);
    }
    return true;
}

static bool measure_given(struct quality *q, struct err *e)
{
    for (uint32_t i = 0; i < q->lines.len; i++)
        if (!VEC_PUSH(&q->order, i))
            return no_memory(e);
    if (!place_order(q, e) || !score_sweep(q, e))
        return false;
    q->found.given = score_order(q);
    take_items(q, NONE);
    q->found.largest_count =
        bcubed_largest(q->items.at, q->items.len, q->found.largest, QUALITY_LARGEST);
    return score_programs(q, e);
}

/* A program's first reports, as if there were nothing else. */
static bool measure_first(struct quality *q, uint32_t program, struct err *e)
{
    q->order.len = 0;
    for (uint32_t i = 0; i < q->lines.len && q->order.len < QUALITY_FIRST; i++)
        if (q->lines.at[i].program == program && !VEC_PUSH(&q->order, i))
            return no_memory(e);
    if (!place_order(q, e))
        return false;
    take_buckets(q, q->usual);
    q->by_program.at[program].first = score_program(q, program);
    return true;
}

/* SplitMix64: the same shuffles on every machine. Source: Steele, Lea, Flood 2014. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static bool measure_shuffled(struct quality *q, uint64_t seed, struct err *e)
{
    q->order.len = 0;
    for (uint32_t i = 0; i < q->lines.len; i++)
        if (!VEC_PUSH(&q->order, i))
            return no_memory(e);
    for (size_t i = q->order.len; i > 1; i--) {
        size_t other = (size_t)(random_next(&seed) % i);
        uint32_t line = q->order.at[i - 1];
        q->order.at[i - 1] = q->order.at[other];
        q->order.at[other] = line;
    }
    return place_order(q, e) && (VEC_PUSH(&q->orders, score_order(q)) || no_memory(e));
}

static bool measure_all(struct quality *q, struct err *e)
{
    if (!measure_given(q, e))
        return false;
    for (uint32_t p = 0; p < q->by_program.len; p++)
        if (!measure_first(q, p, e))
            return false;
    for (size_t i = 0; i < q->config->orders; i++)
        if (!measure_shuffled(q, i + 1, e))
            return false;
    q->found.sweep = q->sweep.at;
    q->found.sweep_count = q->sweep.len;
    q->found.programs = q->by_program.at;
    q->found.program_count = q->by_program.len;
    q->found.orders = q->orders.at;
    q->found.order_count = q->orders.len;
    return true;
}

/* ------------------------------------------------------------------------------------------- */

bool quality_config_check(const struct quality_config *c, struct err *e)
{
    CLEANUP(bucket_index_free_p) struct bucket_index *ix = NULL;
    if (!(c->step >= QUALITY_STEP_LEAST && c->step <= QUALITY_SWEEP_TO - QUALITY_SWEEP_FROM))
        return err_set(e, ERR_INPUT, 0, "a step is %g to %g", QUALITY_STEP_LEAST,
                       QUALITY_SWEEP_TO - QUALITY_SWEEP_FROM);
    if (c->orders > QUALITY_ORDERS)
        return err_set(e, ERR_INPUT, 0, "at most %d orders", QUALITY_ORDERS);
    return bucket_index_new(&ix, &c->index, e);
}

static void set_thresholds(struct quality *q)
{
    double step = q->config->step, usual = SIMILARITY_DEFAULT_THRESHOLD;
    size_t last = (size_t)((QUALITY_SWEEP_TO - QUALITY_SWEEP_FROM) / step + 1e-6);
    for (size_t i = 0; i <= last; i++) {
        double next = QUALITY_SWEEP_FROM + (double)i * step;
        double before = q->threshold_count ? q->thresholds[q->threshold_count - 1] : 0;
        if (next > usual + 1e-6 && before < usual - 1e-6)
            q->thresholds[q->threshold_count++] = usual; /* which the steps pass over */
        bool is_usual = next > usual - 1e-6 && next < usual + 1e-6;
        q->thresholds[q->threshold_count++] = is_usual ? usual : next;
    }
    while (q->thresholds[q->usual] < usual)
        q->usual++;
}

bool quality_measure(struct quality **out, const struct quality_config *config, struct err *e)
{
    CLEANUP(quality_free_p) struct quality *q = calloc(1, sizeof *q);
    if (!q)
        return no_memory(e);
    q->config = config;
    set_thresholds(q);
    q->arena = arena_new(ARENA_BYTES);
    bool ids = names_init(&q->ids), bugs = names_init(&q->bugs);
    if (!names_init(&q->programs) || !ids || !bugs || !q->arena)
        return no_memory(e);
    if (!read_labels(q, config->labels, e) || !read_reports(q, config->reports, e) ||
        !measure_all(q, e))
        return false;
    *out = q;
    q = NULL;
    return true;
}

void quality_free(struct quality *q)
{
    if (!q)
        return;
    names_done(&q->ids);
    names_done(&q->bugs);
    names_done(&q->programs);
    arena_free(q->arena);
    text_free(&q->text);
    VEC_FREE(&q->bug_of);
    VEC_FREE(&q->lines);
    VEC_FREE(&q->order);
    VEC_FREE(&q->all_buckets);
    VEC_FREE(&q->buckets);
    VEC_FREE(&q->items);
    VEC_FREE(&q->sweep);
    VEC_FREE(&q->by_program);
    VEC_FREE(&q->orders);
    free(q);
}

const struct quality_found *quality_found(const struct quality *q)
{
    return &q->found;
}
