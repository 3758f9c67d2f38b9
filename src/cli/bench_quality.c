/* bench_quality.c - `crumple bench quality`: whether reports of a bug come together, and no others.
 *
 * quality.h measures; here is what people and scripts see of it. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/quality.h"
#include "group/similarity.h"

#include <math.h>
#include <stdio.h>

#define JSON_BYTES_MAX ((size_t)64 << 20)
#define BAR_COLUMNS 40
#define NAME_COLUMNS 24

static const struct {
    const char *name;
    enum culprit_part part;
} parts[] = {
    { "platform", CULPRIT_PLATFORM }, { "memory", CULPRIT_MEMORY }, { "helpers", CULPRIT_HELPERS },
    { "deaths", CULPRIT_DEATHS },     { "words", CULPRIT_WORDS },   { "rest", CULPRIT_REST },
};
#define PARTS (sizeof parts / sizeof *parts)

static bool parts_read(const struct arg_texts *names, unsigned *out, struct err *e)
{
    for (size_t i = 0; i < names->count; i++) {
        size_t p = 0;
        while (p < PARTS && strcmp(parts[p].name, names->at[i]) != 0)
            p++;
        if (p == PARTS)
            return err_set(e, ERR_INPUT, 0,
                           "--without: there is no part \"%.40s\"; there are: platform, memory, "
                           "helpers, deaths, words, rest",
                           names->at[i]);
        *out |= parts[p].part;
    }
    return true;
}

/* --- what several figures come to ---------------------------------------------------------- */

struct spread {
    double mean, deviation, least, most;
};
static struct spread spread_of(double (*figure)(const void *all, size_t i), const void *all,
                               size_t count)
{
    struct spread s = { .least = INFINITY, .most = -INFINITY };
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        double d = figure(all, i);
        s.mean += d / (double)count;
        s.least = fmin(s.least, d);
        s.most = fmax(s.most, d);
    }
    for (size_t i = 0; i < count; i++)
        squares += (figure(all, i) - s.mean) * (figure(all, i) - s.mean);
    s.deviation = count > 1 ? sqrt(squares / (double)(count - 1)) : 0;
    return s;
}

static double program_f1(const void *all, size_t i)
{
    return ((const struct quality_program *)all)[i].score.f1;
}
static double program_first_f1(const void *all, size_t i)
{
    return ((const struct quality_program *)all)[i].first.f1;
}
static double order_f1(const void *all, size_t i)
{
    return ((const struct quality_order *)all)[i].score.f1;
}
static double order_precision(const void *all, size_t i)
{
    return ((const struct quality_order *)all)[i].score.precision;
}
static double order_recall(const void *all, size_t i)
{
    return ((const struct quality_order *)all)[i].score.recall;
}
static double order_buckets(const void *all, size_t i)
{
    return (double)((const struct quality_order *)all)[i].score.buckets;
}
static double order_programs(const void *all, size_t i)
{
    return ((const struct quality_order *)all)[i].programs_f1;
}
static double order_worst(const void *all, size_t i)
{
    return ((const struct quality_order *)all)[i].worst_f1;
}

/* The figures of shuffled orders that are told. */
static const struct {
    const char *name, *key;
    double (*figure)(const void *all, size_t i);
} order_figures[] = {
    { "F1", "f1", order_f1 },
    { "precision", "precision", order_precision },
    { "recall", "recall", order_recall },
    { "buckets", "buckets", order_buckets },
    { "mean F1 of programs", "programs_f1", order_programs },
    { "F1 of the worst", "worst_f1", order_worst },
};
#define ORDER_FIGURES (sizeof order_figures / sizeof *order_figures)

/* Purity of the largest buckets, all their reports together. */
static double largest_purity(const struct quality_found *f)
{
    double pure = 0;
    size_t reports = 0;
    for (size_t i = 0; i < f->largest_count; i++) {
        pure += f->largest[i].purity * (double)f->largest[i].reports;
        reports += f->largest[i].reports;
    }
    return reports ? pure / (double)reports : 0;
}

static const struct quality_point *best_point(const struct quality_found *f)
{
    const struct quality_point *best = f->sweep;
    for (size_t i = 1; i < f->sweep_count; i++)
        if (f->sweep[i].score.f1 > best->score.f1)
            best = &f->sweep[i];
    return best;
}

/* The greatest difference of F1 between neighbouring thresholds. */
static double largest_step(const struct quality_found *f)
{
    double most = 0;
    for (size_t i = 1; i < f->sweep_count; i++)
        most = fmax(most, fabs(f->sweep[i].score.f1 - f->sweep[i - 1].score.f1));
    return most;
}

/* --- for people ---------------------------------------------------------------------------- */

static void print_scores(const struct bcubed *s)
{
    printf("  %9.4f  %6.4f  %6.4f  %6.4f  %9.4f  %7zu", s->precision, s->recall, s->f1, s->purity,
           s->inverse_purity, s->buckets);
}

static void print_sweep(const struct quality_found *f)
{
    printf("threshold  precision  recall      F1  purity  inv. pur.  buckets\n");
    for (size_t i = 0; i < f->sweep_count; i++) {
        static const char bar[] = "========================================";
        const struct quality_point *p = &f->sweep[i];
        int columns = (int)(p->score.f1 * BAR_COLUMNS + .5);
        printf("%9.2f", p->threshold);
        print_scores(&p->score);
        printf("  %.*s\n", columns, bar);
    }
    const struct quality_point *best = best_point(f);
    printf("\nThe best F1 is %.4f at %.2f; it is %.4f at %.2f. The largest step is %.4f.\n",
           best->score.f1, best->threshold, f->given.score.f1, SIMILARITY_DEFAULT_THRESHOLD,
           largest_step(f));
}

static void print_program(struct str name, const struct quality_program *p)
{
    printf("%-*.*s  %7zu  %4zu  %7zu  %9.4f  %6.4f  %6.4f  %8.4f\n", NAME_COLUMNS,
           (int)(name.len < NAME_COLUMNS ? name.len : NAME_COLUMNS), name.ptr, p->score.reports,
           p->score.bugs, p->score.buckets, p->score.precision, p->score.recall, p->score.f1,
           p->first.f1);
}

static void print_programs(const struct quality_found *f)
{
    struct spread all = spread_of(program_f1, f->programs, f->program_count);
    struct spread first = spread_of(program_first_f1, f->programs, f->program_count);
    printf("\n%-*s  reports  bugs  buckets  precision  recall      F1  first %d\n", NAME_COLUMNS,
           "program", QUALITY_FIRST);
    for (size_t i = 0; i < f->program_count; i++)
        print_program(f->programs[i].name, &f->programs[i]);
    printf("%-*s  %49.4f  %8.4f\n", NAME_COLUMNS, "mean", all.mean, first.mean);
    printf("%-*s  %49.4f  %8.4f\n", NAME_COLUMNS, "worst", all.least, first.least);
    printf("\nfirst %d: F1 of the first labelled reports of the program, with nothing before.\n",
           QUALITY_FIRST);
}

static void print_largest(const struct quality_found *f)
{
    printf("\nThe largest buckets have purity %.4f:", largest_purity(f));
    for (size_t i = 0; i < f->largest_count; i++)
        printf("%s %zu at %.2f", i ? "," : "", f->largest[i].reports, f->largest[i].purity);
    printf(".\n");
}

static void print_orders(const struct quality_found *f)
{
    printf("\n%zu shuffled orders%*smean  deviation      least       most\n", f->order_count, 10,
           "");
    for (size_t i = 0; i < ORDER_FIGURES; i++) {
        struct spread s = spread_of(order_figures[i].figure, f->orders, f->order_count);
        printf("%-20s  %10.4f %10.4f %10.4f %10.4f\n", order_figures[i].name, s.mean, s.deviation,
               s.least, s.most);
    }
}

static void print_tables(const struct quality_found *f, const struct quality_config *c)
{
    const struct bcubed *s = &f->given.score;
    printf("%zu reports of %zu bugs in %zu programs, and %zu without a label; %s", s->reports,
           s->bugs, f->program_count, f->unlabelled, c->index.similarity);
    for (size_t i = 0; i < PARTS; i++)
        if (c->index.without & parts[i].part)
            printf(", without %s", parts[i].name);
    printf("\n\n");
    print_sweep(f);
    printf("\nAt %.2f:\n", SIMILARITY_DEFAULT_THRESHOLD);
    print_programs(f);
    print_largest(f);
    if (f->order_count)
        print_orders(f);
}

/* --- for scripts --------------------------------------------------------------------------- */

static void member_double(struct json_writer *w, const char *key, double d)
{
    json_key(w, str_from_c(key));
    json_double(w, d);
}

static void member_count(struct json_writer *w, const char *key, size_t n)
{
    json_key(w, str_from_c(key));
    json_int(w, (int64_t)n);
}

static void write_scores(struct json_writer *w, const struct bcubed *s)
{
    member_count(w, "reports", s->reports);
    member_count(w, "bugs", s->bugs);
    member_count(w, "buckets", s->buckets);
    member_double(w, "precision", s->precision);
    member_double(w, "recall", s->recall);
    member_double(w, "f1", s->f1);
    member_double(w, "purity", s->purity);
    member_double(w, "inverse_purity", s->inverse_purity);
}

static void write_sweep(struct json_writer *w, const struct quality_found *f)
{
    const struct quality_point *best = best_point(f);
    member_double(w, "best_threshold", best->threshold);
    member_double(w, "best_f1", best->score.f1);
    member_double(w, "largest_step", largest_step(f));
    json_key(w, STR("sweep"));
    json_list(w);
    for (size_t i = 0; i < f->sweep_count; i++) {
        json_object(w);
        member_double(w, "threshold", f->sweep[i].threshold);
        write_scores(w, &f->sweep[i].score);
        json_object_end(w);
    }
    json_list_end(w);
}

static void write_programs(struct json_writer *w, const struct quality_found *f)
{
    struct spread all = spread_of(program_f1, f->programs, f->program_count);
    struct spread first = spread_of(program_first_f1, f->programs, f->program_count);
    member_double(w, "programs_f1", all.mean);
    member_double(w, "worst_f1", all.least);
    member_double(w, "first_f1", first.mean);
    member_double(w, "worst_first_f1", first.least);
    json_key(w, STR("programs"));
    json_list(w);
    for (size_t i = 0; i < f->program_count; i++) {
        json_object(w);
        json_member(w, "program", f->programs[i].name);
        write_scores(w, &f->programs[i].score);
        json_key(w, STR("first"));
        json_object(w);
        write_scores(w, &f->programs[i].first);
        json_object_end(w);
        json_object_end(w);
    }
    json_list_end(w);
}

static void write_largest(struct json_writer *w, const struct quality_found *f)
{
    member_double(w, "largest_purity", largest_purity(f));
    json_key(w, STR("largest"));
    json_list(w);
    for (size_t i = 0; i < f->largest_count; i++) {
        json_object(w);
        member_count(w, "reports", f->largest[i].reports);
        member_double(w, "purity", f->largest[i].purity);
        json_object_end(w);
    }
    json_list_end(w);
}

static void write_orders(struct json_writer *w, const struct quality_found *f)
{
    member_count(w, "orders", f->order_count);
    json_key(w, STR("shuffled"));
    json_object(w);
    for (size_t i = 0; f->order_count && i < ORDER_FIGURES; i++) {
        struct spread s = spread_of(order_figures[i].figure, f->orders, f->order_count);
        json_key(w, str_from_c(order_figures[i].key));
        json_object(w);
        member_double(w, "mean", s.mean);
        member_double(w, "deviation", s.deviation);
        member_double(w, "least", s.least);
        member_double(w, "most", s.most);
        json_object_end(w);
    }
    json_object_end(w);
}

static void write_json(struct json_writer *w, const struct quality_found *f,
                       const struct quality_config *c)
{
    json_object(w);
    json_member(w, "similarity", str_from_c(c->index.similarity));
    json_key(w, STR("without"));
    json_list(w);
    for (size_t i = 0; i < PARTS; i++)
        if (c->index.without & parts[i].part)
            json_str(w, str_from_c(parts[i].name));
    json_list_end(w);
    member_count(w, "unlabelled", f->unlabelled);
    member_double(w, "threshold", SIMILARITY_DEFAULT_THRESHOLD);
    write_scores(w, &f->given.score);
    write_sweep(w, f);
    write_programs(w, f);
    write_largest(w, f);
    write_orders(w, f);
    json_object_end(w);
}

static bool print_json(const struct quality_found *f, const struct quality_config *c, struct err *e)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, JSON_BYTES_MAX);
    json_writer_init(&w, &out);
    write_json(&w, f, c);
    bool ok = buf_ok(&out) || err_set(e, ERR_NOMEM, 0, "no memory for the results");
    if (ok)
        printf("%.*s\n", STR_ARG(buf_view(&out)));
    buf_done(&out);
    return ok;
}

/* ------------------------------------------------------------------------------------------- */

static int run(const struct command *command, int argc, char **argv)
{
    struct quality_config c = { .program_field = "project",
                                .index = bucket_index_defaults(),
                                .step = 0.5 };
    struct arg_texts without = { .count = 0 };
    bool json = false;
    const struct arg args[] = {
        { "REPORTS", ARG_OPERAND, &c.reports },
        { "LABELS", ARG_OPERAND, &c.labels },
        { "--similarity", ARG_TEXT, &c.index.similarity },
        { "--without", ARG_TEXTS, &without },
        { "--orders", ARG_COUNT, &c.orders },
        { "--step", ARG_REAL, &c.step },
        { "--program-field", ARG_TEXT, &c.program_field },
        { "--json", ARG_FLAG, &json },
    };
    int status;
    if (!cli_args(command, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    CLEANUP(quality_free_p) struct quality *q = NULL;
    if (!parts_read(&without, &c.index.without, &e) || !quality_config_check(&c, &e))
        return cli_wrong(command, &e);
    if (!quality_measure(&q, &c, &e))
        return cli_fail(command, &e);
    const struct quality_found *f = quality_found(q);
    if (json)
        return print_json(f, &c, &e) ? CLI_OK : cli_fail(command, &e);
    print_tables(f, &c);
    return CLI_OK;
}

const struct command command_bench_quality = {
    .name = "bench quality",
    .summary = "measure how well reports of known bugs are grouped",
    .help =
        "Usage: crumple bench quality REPORTS LABELS [OPTION]...\n\n"
        "REPORTS (\"-\": standard input) are JSON lines, LABELS has a line for each report whose\n"
        "bug is known: database_id, a tab, and the bug. Places the reports in their order, each\n"
        "after those before it, in memory, and holds the buckets against the bugs at thresholds\n"
        "from 1.0 to 11.0: BCubed precision, recall and F1, purity and inverse purity. At 4.0,\n"
        "the default, it also tells of each program, of the first 100 reports of each with "
        "nothing\n"
        "before them, and of the largest buckets. Reports without a label are placed and not\n"
        "counted.\n\n"
        "  --similarity NAME     how alike two reports are: culprit or classic\n"
        "  --without PART        leave this part of culprit out, to see what it brings: platform,\n"
        "                        memory, helpers, deaths, words or rest; may be given again\n"
        "  --orders N            also shuffle the stream N times, the same way each time that "
        "this\n"
        "                        is run, and tell how much the order matters\n"
        "  --step STEP           between thresholds (default: 0.5)\n"
        "  --program-field NAME  the field that tells programs apart (default: project)\n"
        "  --json                print one line of JSON instead of tables\n\n"
        "Example:\n\n"
        "  crumple bench quality reports.jsonl labels.tsv --similarity classic --orders 8\n",
    .run = run,
};
