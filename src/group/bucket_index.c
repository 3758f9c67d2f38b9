/* bucket_index.c - the writer's side: a report is asked about, placed, added, published or undone.
 *
 * What it holds is kept in step: the collection (what readers see), the neighbours (what is
 * searched) and, in the lexicon, how many reports have each term. */
#include "group/bucket_index.h"

#include "group/bucket_index_internal.h"
#include "group/similarity.h"

#include <assert.h>
#include <string.h>

/* What is counted of a report is what the neighbours take of it. */
static_assert(TERM_COUNTS_MAX <= NEIGHBOURS_TERMS_MAX, "a report may have more terms than fit");

static const double default_thresholds[SIMILARITY_THRESHOLDS] = {
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
};
/* What differs from crash to crash, or from machine to machine, and says nothing of the bug. The
 * groups are those that report/crash_report.h makes. */
static const struct str default_ignored[] = {
    STR_INIT("stacktrace.address"),
    STR_INIT("stacktrace.debug_id"),
    STR_INIT("stacktrace.registers.*"),
    STR_INIT("stacktrace.generated.*"),
    STR_INIT("stacktrace.source_lines.*"),
    STR_INIT("stacktrace.ignored"),
    STR_INIT("numbers.*"),
    STR_INIT("ids.*"),
    STR_INIT("objects.*"),
    STR_INIT("more.*"),
    STR_INIT("threads.*"),
    STR_INIT("annotations.*"),
    STR_INIT("arch.*"),
    STR_INIT("modules.*"),
    STR_INIT("hostname"),
    STR_INIT("process_cwd"),
    STR_INIT("processing_errors"),
};

struct bucket_index_config bucket_index_defaults(void)
{
    return (struct bucket_index_config){ .thresholds = default_thresholds,
                                         .threshold_count = SIMILARITY_THRESHOLDS,
                                         .similarity = "culprit",
                                         .max_query_terms = SIMILARITY_QUERY_TERMS,
                                         .ignored = default_ignored,
                                         .ignored_count =
                                             sizeof default_ignored / sizeof *default_ignored };
}

static bool similarity_check(const char *name, struct err *e)
{
    return strcmp(name, "culprit") == 0 || strcmp(name, "classic") == 0 ||
           err_set(e, ERR_INPUT, 0,
                   "similarity: there is no \"%.40s\"; there are: culprit, classic", name);
}

static bool config_check(const struct bucket_index_config *c, struct err *e)
{
    if (c->threshold_count < 1 || c->threshold_count > COLLECTION_THRESHOLDS_MAX)
        return err_set(e, ERR_INPUT, 0, "thresholds: 1 to %d are needed, not %zu",
                       COLLECTION_THRESHOLDS_MAX, c->threshold_count);
    for (size_t i = 0; i < c->threshold_count; i++)
        if (!(c->thresholds[i] > (i ? c->thresholds[i - 1] : 0)) || !isfinite(c->thresholds[i]))
            return err_set(e, ERR_INPUT, 0, "thresholds: must be above 0 and rise");
    if (!similarity_check(c->similarity, e))
        return false;
    for (size_t i = 0; i < c->project_count; i++)
        if (!similarity_check(c->projects[i].similarity, e))
            return false;
    if (c->max_query_terms < 1 || c->max_query_terms > TERM_COUNTS_MAX)
        return err_set(e, ERR_INPUT, 0, "max_query_terms: must be 1 to %d", TERM_COUNTS_MAX);
    return true;
}

const char *bucket_index_similarity(const struct bucket_index *ix, struct str project)
{
    for (size_t i = 0; i < ix->config.project_count; i++)
        if (str_eq(ix->config.projects[i].project, project))
            return ix->config.projects[i].similarity;
    return ix->config.similarity;
}

bool bucket_index_by_culprit(const struct bucket_index *ix, struct str project)
{
    return strcmp(bucket_index_similarity(ix, project), "culprit") == 0;
}

static bool is_used(const struct bucket_index_config *c, const char *similarity)
{
    bool used = strcmp(c->similarity, similarity) == 0;
    for (size_t i = 0; i < c->project_count; i++)
        used = used || strcmp(c->projects[i].similarity, similarity) == 0;
    return used;
}

static bool is_cold(const void *collection, struct str field)
{
    return collection_is_cold(collection, field);
}

bool bucket_index_new(struct bucket_index **out, const struct bucket_index_config *config,
                      struct err *e)
{
    if (!config_check(config, e))
        return false;
    CLEANUP(bucket_index_free_p) struct bucket_index *ix = calloc(1, sizeof *ix);
    if (!ix)
        return err_set(e, ERR_NOMEM, 0, "no memory for an index");
    ix->config = *config;
    ix->collection =
        collection_new(config->ignored, config->ignored_count, config->threshold_count);
    bool classic = is_used(config, "classic"), culprit = is_used(config, "culprit");
    ix->neighbours = classic ? neighbours_new() : NULL;
    ix->culprit = culprit ? culprit_new(config->without, is_cold, ix->collection) : NULL;
    if (!ix->collection || (classic && !ix->neighbours) || (culprit && !ix->culprit))
        return err_set(e, ERR_NOMEM, 0, "no memory for an index");
    ix->lexicon = collection_lexicon_writer(ix->collection);
    *out = ix;
    ix = NULL;
    return true;
}

void bucket_index_free(struct bucket_index *ix)
{
    if (!ix)
        return;
    collection_free(ix->collection);
    neighbours_free(ix->neighbours);
    culprit_free(ix->culprit);
    collection_lookup_done(&ix->lookup);
    term_counts_done(&ix->counts);
    question_done(&ix->question);
    VEC_FREE(&ix->stack_bag);
    VEC_FREE(&ix->other_bag);
    VEC_FREE(&ix->counted);
    free(ix);
}

/* Whether the last lookup was of this very report. */
static bool is_looked_up(const struct bucket_index *ix, const struct report *r)
{
    return ix->looked_up.texts == r->texts && ix->looked_up.text_count == r->text_count &&
           ix->looked_up.database_id.ptr == r->database_id.ptr &&
           ix->looked_up.number == collection_added(ix->collection);
}

static bool look_up(struct bucket_index *ix, const struct report *r, struct err *e)
{
    ix->looked_up.texts = NULL;
    if (!collection_lookup(ix->collection, r, &ix->lookup, e))
        return false;
    ix->looked_up.texts = r->texts;
    ix->looked_up.text_count = r->text_count;
    ix->looked_up.database_id = r->database_id;
    ix->looked_up.number = collection_added(ix->collection);
    return true;
}

static bool count_sought(struct bucket_index *ix, const struct sought_value *v, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (v[i].field == COLLECTION_NONE)
            continue;
        bool ok = v[i].value == COLLECTION_NONE
                      ? term_counts_text(&ix->counts, ix->lexicon, v[i].field, v[i].text)
                      : term_counts_value(&ix->counts, ix->lexicon, v[i].value);
        if (!ok)
            return false;
    }
    return true;
}

bool bucket_index_ask(struct bucket_index *ix, const struct report *r, struct err *e)
{
    if (!look_up(ix, r, e))
        return false;
    if (!term_counts_reset(&ix->counts) ||
        !count_sought(ix, ix->lookup.stack.at, ix->lookup.stack.len) ||
        !count_sought(ix, ix->lookup.other.at, ix->lookup.other.len) ||
        !question_make(&ix->question, ix->lexicon, &ix->counts, collection_added(ix->collection),
                       ix->config.max_query_terms))
        return err_set(e, ERR_NOMEM, 0, "no memory to place a report");
    return true;
}

static bool place_by_culprit(struct bucket_index *ix, const struct report *r, float least,
                             struct placement *out, struct err *e)
{
    struct culprit_match nearest;
    if (!culprit_nearest(ix->culprit, r, least, &nearest, e))
        return false;
    *out = (struct placement){ .top_match = nearest.report, .score = nearest.score };
    return true;
}

static bool place_by_classic(struct bucket_index *ix, const struct report *r, float least,
                             struct placement *out, struct err *e)
{
    struct neighbour nearest;
    if (!bucket_index_ask(ix, r, e) ||
        !neighbours_nearest(ix->neighbours, &ix->question.query, least, ix->lookup.stack_number,
                            &nearest, e))
        return false;
    *out = (struct placement){ .top_match = nearest.report, .score = nearest.score };
    return true;
}

bool bucket_index_place(struct bucket_index *ix, const struct report *r, struct placement *out,
                        struct err *e)
{
    float least = (float)ix->config.thresholds[0];
    ix->looked_up.texts = NULL; /* a report that was placed before and never added */
    if (ix->culprit)
        culprit_forget_asked(ix->culprit);
    bool ok = bucket_index_by_culprit(ix, r->project) ? place_by_culprit(ix, r, least, out, e)
                                                      : place_by_classic(ix, r, least, out, e);
    for (size_t t = 0; ok && t < ix->config.threshold_count; t++)
        out->joins[t] =
            out->top_match != COLLECTION_NONE && out->score >= (float)ix->config.thresholds[t];
    return ok;
}

/* The names of the report's buckets, by threshold. */
static bool bucket_names(struct bucket_index *ix, const struct report *r, const struct placement *p,
                         const struct str *buckets, uint32_t *names, struct err *e)
{
    struct str before = { NULL, 0 };
    for (size_t t = 0; t < ix->config.threshold_count; t++) {
        struct str name = buckets               ? buckets[t]
                          : r->force_bucket.len ? r->force_bucket
                                                : r->database_id;
        if (!buckets && !r->force_bucket.len && p->joins[t]) {
            names[t] = collection_report(ix->collection, p->top_match).buckets[t];
            before = (struct str){ NULL, 0 };
            continue;
        }
        names[t] = t > 0 && before.ptr && str_eq(before, name)
                       ? names[t - 1]
                       : collection_add_name(ix->collection, name, e);
        if (names[t] == COLLECTION_NONE)
            return false;
        before = name;
    }
    return true;
}

/* Counts the report's terms, and makes room for them in `counted`. */
static bool terms_count(struct bucket_index *ix, uint32_t number, struct err *e)
{
    return (term_counts_report(&ix->counts, ix->collection, number) &&
            VEC_RESERVE(&ix->counted, ix->counts.terms.len)) ||
           err_set(e, ERR_NOMEM, 0, "no memory for report %u in the index", number);
}

/* The counted terms in the form that neighbours.h wants. */
static bool bags_make(struct bucket_index *ix)
{
    const struct term_counts *tc = &ix->counts;
    ix->stack_bag.len = ix->other_bag.len = 0;
    if (!VEC_RESERVE(&ix->stack_bag, tc->terms.len) || !VEC_RESERVE(&ix->other_bag, tc->terms.len))
        return false;
    for (size_t i = 0; i < tc->terms.len; i++) {
        const struct term_count *t = &tc->terms.at[i];
        struct bag_term b = { t->term, t->tf, similarity_norm_byte(tc->tokens.at[t->field]) };
        if (lexicon_field(ix->lexicon, t->field)->in_stack)
            ix->stack_bag.at[ix->stack_bag.len++] = b;
        else
            ix->other_bag.at[ix->other_bag.len++] = b;
    }
    return true;
}

static bool add_neighbour(struct bucket_index *ix, uint32_t number, const struct placement *p,
                          struct err *e)
{
    if (!bags_make(ix))
        return err_set(e, ERR_NOMEM, 0, "no memory for report %u in the index", number);
    struct bag stack = { ix->stack_bag.at, (uint32_t)ix->stack_bag.len };
    struct bag other = { ix->other_bag.at, (uint32_t)ix->other_bag.len };
    struct neighbour near = { p->top_match, p->score };
    return neighbours_add(ix->neighbours, number, collection_report(ix->collection, number).stack,
                          stack, other, near, e);
}

/* Only `classic` weighs terms. */
static void count_terms(struct bucket_index *ix)
{
    for (size_t i = 0; i < ix->counts.terms.len; i++) {
        uint32_t term = ix->counts.terms.at[i].term;
        _Atomic uint32_t *df = &lexicon_term(ix->lexicon, term)->df;
        /* Nobody else changes it, so this need not be one step. */
        atomic_store_explicit(df, atomic_load_explicit(df, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        ix->counted.at[ix->counted.len++] = term;
    }
}

/* To whichever similarities are used. */
static bool add_compared(struct bucket_index *ix, const struct report *r, uint32_t number,
                         const struct placement *p, struct err *e)
{
    const struct culprit_match near = { p->top_match, p->score };
    if (ix->culprit && !culprit_add(ix->culprit, r, number, near, e))
        return false;
    if (!ix->neighbours)
        return true;
    if (terms_count(ix, number, e) && add_neighbour(ix, number, p, e)) {
        count_terms(ix);
        return true;
    }
    if (ix->culprit)
        culprit_undo_last(ix->culprit);
    return false;
}

/* Adds the report that was looked up last to the collection. */
static bool add_looked_up(struct bucket_index *ix, const struct report *r,
                          const struct placement *p, const struct str *buckets, struct err *e)
{
    uint32_t names[COLLECTION_THRESHOLDS_MAX];
    ix->looked_up.texts = NULL;
    return bucket_names(ix, r, p, buckets, names, e) &&
           collection_add(ix->collection, r, &ix->lookup, p->top_match, p->score, names, e);
}

bool bucket_index_add(struct bucket_index *ix, const struct report *r, const struct placement *p,
                      const struct str *buckets, struct err *e)
{
    uint32_t number = collection_added(ix->collection);
    if ((!is_looked_up(ix, r) && !look_up(ix, r, e)) || !add_looked_up(ix, r, p, buckets, e))
        return false;
    if (!add_compared(ix, r, number, p, e)) {
        collection_undo_last(ix->collection);
        return false;
    }
    return true;
}

/* Whom a report saw superseded that was added as this number. */
struct superseded_before {
    const struct collection *collection;
    uint32_t number;
};

static bool is_superseded(const void *ctx, uint32_t report)
{
    const struct superseded_before *before = ctx;
    return collection_is_superseded(before->collection, report, before->number);
}

/* No search finds it any more. before: see struct superseded_before. */
static bool take_out(struct bucket_index *ix, uint32_t report, uint32_t before, struct err *e)
{
    const struct superseded_before ctx = { ix->collection, before };
    return (!ix->neighbours || neighbours_supersede(ix->neighbours, report, e)) &&
           (!ix->culprit || culprit_supersede(ix->culprit, report, is_superseded, &ctx, e));
}

static void keep_compared(struct bucket_index *ix)
{
    ix->counted.len = 0;
    if (ix->neighbours)
        neighbours_keep(ix->neighbours);
    if (ix->culprit)
        culprit_keep(ix->culprit);
}

bool bucket_index_restore(struct bucket_index *ix, const struct report *r, const uint32_t *known,
                          uint32_t instead, const struct placement *p, const struct str *buckets,
                          struct err *e)
{
    collection_supersede(ix->collection, instead);
    return collection_lookup_known(ix->collection, r, known, &ix->lookup, e) &&
           add_looked_up(ix, r, p, buckets, e);
}

/* By now the collection may hold many more reports, and have superseded others by them. */
bool bucket_index_restore_compared(struct bucket_index *ix, const struct report *r, uint32_t number,
                                   uint32_t instead, const struct placement *p, struct err *e)
{
    if ((instead != COLLECTION_NONE && !take_out(ix, instead, number, e)) ||
        !add_compared(ix, r, number, p, e))
        return false;
    keep_compared(ix);
    return true;
}

bool bucket_index_supersede(struct bucket_index *ix, uint32_t report, struct err *e)
{
    if (!take_out(ix, report, COLLECTION_NONE, e))
        return false;
    collection_supersede(ix->collection, report);
    return true;
}

bool bucket_index_remove(struct bucket_index *ix, uint32_t report, struct err *e)
{
    return take_out(ix, report, COLLECTION_NONE, e) && collection_remove(ix->collection, report, e);
}

uint32_t bucket_index_added(const struct bucket_index *ix)
{
    return collection_added(ix->collection);
}

static void publish_costs(struct bucket_index *ix)
{
    size_t bytes = collection_bytes(ix->collection);
    uint64_t searches = 0, postings = 0, candidates = 0, cut_short = 0;
    if (ix->neighbours) {
        const struct neighbours_cost *cost = neighbours_cost(ix->neighbours);
        bytes += neighbours_bytes(ix->neighbours);
        searches += cost->searches;
        postings += cost->postings;
        candidates += cost->families + cost->stacks;
    }
    if (ix->culprit) {
        struct culprit_cost cost = culprit_cost(ix->culprit);
        bytes += culprit_bytes(ix->culprit);
        searches += cost.searches;
        postings += cost.postings;
        candidates += cost.candidates;
        cut_short += cost.cut_short;
    }
    atomic_store_explicit(&ix->bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&ix->searches, searches, memory_order_relaxed);
    atomic_store_explicit(&ix->postings, postings, memory_order_relaxed);
    atomic_store_explicit(&ix->candidates, candidates, memory_order_relaxed);
    atomic_store_explicit(&ix->cut_short, cut_short, memory_order_relaxed);
}

void bucket_index_publish(struct bucket_index *ix)
{
    keep_compared(ix);
    publish_costs(ix);
    collection_publish(ix->collection);
}

void bucket_index_undo(struct bucket_index *ix)
{
    for (size_t i = 0; i < ix->counted.len; i++)
        atomic_fetch_sub_explicit(&lexicon_term(ix->lexicon, ix->counted.at[i])->df, 1,
                                  memory_order_relaxed);
    ix->counted.len = 0;
    ix->looked_up.texts = NULL;
    if (ix->neighbours)
        neighbours_undo(ix->neighbours);
    if (ix->culprit)
        culprit_undo(ix->culprit);
    collection_undo(ix->collection);
}

bool bucket_index_amend(struct bucket_index *ix, uint32_t report, const struct report_text *texts,
                        size_t count, struct err *e)
{
    return collection_amend(ix->collection, report, texts, count, e);
}

struct bucket_index_cost bucket_index_cost(const struct bucket_index *ix)
{
    return (struct bucket_index_cost){
        .searches = atomic_load_explicit(&ix->searches, memory_order_relaxed),
        .postings_touched = atomic_load_explicit(&ix->postings, memory_order_relaxed),
        .candidates_checked = atomic_load_explicit(&ix->candidates, memory_order_relaxed),
        .cut_short = atomic_load_explicit(&ix->cut_short, memory_order_relaxed)
    };
}

const struct collection *bucket_index_collection(const struct bucket_index *ix)
{
    return ix->collection;
}

const struct bucket_index_config *bucket_index_config(const struct bucket_index *ix)
{
    return &ix->config;
}

size_t bucket_index_bytes(const struct bucket_index *ix)
{
    return atomic_load_explicit(&ix->bytes, memory_order_relaxed);
}
