/* The bucket index against the model that compares each report with all others: the same nearest
 * report, the same score to the last bit, the same buckets at every threshold, the same
 * explanations; with dry runs, undo, restarts, reports that are there already and reports that are
 * made again in between. */
#include "model.h"

#include "../cmocka_all.h"

#define ROUNDS 2
#define LINES_MAX 4000

struct config {
    const char *name;
    struct bucket_index_config config;
};

static const double usual[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
static const double low[] = { 0.01, 0.1, 0.5, 2.5 };
static const double one[] = { 4 };
static const struct str address[] = { STR_INIT("stacktrace.address") };
static const struct str several[] = { STR_INIT("stacktrace.address"), STR_INIT("stacktrace.dylib"),
                                      STR_INIT("project") };
static const struct str below[] = { STR_INIT("extra.*"), STR_INIT("stacktrace.args.*") };

static const struct config configs[] = {
    { "usual", { usual, 11, "classic", 20, address, 1, NULL, 0, 0 } },
    { "low thresholds", { low, 4, "classic", 20, address, 1, NULL, 0, 0 } },
    { "one threshold", { one, 1, "classic", 20, address, 1, NULL, 0, 0 } },
    { "three terms a field", { usual, 11, "classic", 3, address, 1, NULL, 0, 0 } },
    { "all terms", { usual, 11, "classic", 30000, address, 1, NULL, 0, 0 } },
    { "nothing ignored", { usual, 11, "classic", 20, NULL, 0, NULL, 0, 0 } },
    { "more ignored", { usual, 11, "classic", 20, several, 3, NULL, 0, 0 } },
    { "all below ignored", { usual, 11, "classic", 20, below, 2, NULL, 0, 0 } },
};

static const struct made_shape shapes[] = {
    { "usual", 350, 15, 5, 20, 400 },    { "near duplicates", 350, 3, 2, 30, 300 },
    { "few words", 200, 20, 10, 3, 12 }, { "all new", 150, 100, 10, 20, 500 },
    { "deep", 120, 15, 4, 150, 300 },
};

struct round {
    const struct bucket_index_config *config;
    const struct made_shape *shape;
    struct dice d;
    struct arena *arena;
    struct bucket_index *ix;
    struct model m;
    VEC(struct made) made; /* by number, as in both */
    VEC(uint32_t) instead; /* by number: the report that it took the place of, or COLLECTION_NONE */
    VEC(uint64_t) seeds;   /* of reports that were made, for some come again */
    VEC(uint32_t) bugs;
    VEC(uint32_t) removed, removed_since; /* reports, and how many there were then */
    size_t published;
    uint32_t ids;
    uint32_t matches, founders, explained, remade; /* what came to pass */
};

static void check_line(const struct explanation *x, const struct model_line *want)
{
    for (size_t i = 0; i < x->count; i++) {
        const struct term_weight *t = &x->terms[i];
        if (!str_eq(t->field, want->field) || !str_eq(t->token, want->token))
            continue;
        assert_true(fabs(t->value - want->value) <= 1e-12 * want->value);
        return;
    }
    fail_msg("%.*s:%.*s is not in the explanation", STR_ARG(want->field), STR_ARG(want->token));
}

static void check_explanation(struct round *r, const struct explanation *x,
                              const struct model_report *query, uint32_t other)
{
    static struct model_line lines[LINES_MAX];
    size_t count;
    double sum = 0;
    float score = model_compare(&r->m, query, other, lines, LINES_MAX, &count);
    assert_true(x->score == (double)score);
    assert_int_equal(x->count, count);
    for (size_t i = 0; i < count; i++) {
        check_line(x, &lines[i]);
        assert_true(i == 0 || x->terms[i].value <= x->terms[i - 1].value);
        sum += x->terms[i].value;
    }
    assert_true(fabs(sum - x->score) <= 1e-6 * x->score);
    r->explained++;
}

static void check_explain(struct round *r, const struct made *made, const struct placement *p,
                          const struct model_report *query)
{
    struct err e;
    struct explanation x;
    assert_true(bucket_index_explain(r->ix, &made->report, p, &x, r->arena, &e));
    assert_true((float)x.score == p->score);
    check_explanation(r, &x, query, p->top_match);
}

/* Both sides of all of the readers' questions, as of now; for published reports. */
static void check_readers(struct round *r)
{
    struct err e;
    struct explanation x;
    uint32_t count = (uint32_t)r->published;
    if (count == 0)
        return;
    uint32_t a = dice(&r->d, count), b = dice(&r->d, count);
    assert_true(bucket_index_compare(r->ix, a, b, NULL, NULL, &x, r->arena, &e));
    check_explanation(r, &x, &r->m.reports.at[a], b);
    assert_true(bucket_index_summary(r->ix, a, NULL, &x, r->arena, &e));
    check_explanation(r, &x, &r->m.reports.at[a], a);
}

static void check_added(struct round *r, uint32_t number)
{
    const struct collection *c = bucket_index_collection(r->ix);
    struct collected got = collection_report(c, number);
    const struct model_report *want = &r->m.reports.at[number];
    for (size_t t = 0; t < r->config->threshold_count; t++) {
        struct str bucket = collection_name(c, got.buckets[t]);
        if (!str_eq(bucket, want->buckets[t]))
            fail_msg("%.*s at %.3g: in %.*s, not %.*s", STR_ARG(want->id), r->config->thresholds[t],
                     STR_ARG(bucket), STR_ARG(want->buckets[t]));
    }
}

static void check_place(const struct round *r, const struct made *made,
                        const struct model_place *want, const struct placement *got)
{
    if (got->top_match != want->match || (want->match != MODEL_NONE && got->score != want->score))
        fail_msg("%.*s: found %u with %.9g, not %u with %.9g", STR_ARG(made->json), got->top_match,
                 (double)got->score, want->match, (double)want->score);
    assert_memory_equal(got->joins, want->joins, r->config->threshold_count * sizeof(bool));
}

/* A dry run leaves no trace. */
static void check_dry(struct round *r, const struct made *made, const struct placement *first)
{
    const struct collection *c = bucket_index_collection(r->ix);
    const struct lexicon *lx = collection_lexicon(c);
    uint32_t values = lexicon_value_count(lx), terms = lexicon_term_count(lx);
    struct placement again;
    struct err e;
    assert_true(bucket_index_place(r->ix, &made->report, &again, &e));
    assert_int_equal(again.top_match, first->top_match);
    assert_true(again.score == first->score);
    assert_int_equal(lexicon_value_count(lx), values);
    assert_int_equal(lexicon_term_count(lx), terms);
    assert_int_equal(bucket_index_added(r->ix), r->m.reports.len);
    assert_int_equal(collection_count(c), r->published);
}

static bool is_id_there(const struct round *r, struct str id)
{
    return collection_find_added(bucket_index_collection(r->ix), id) != COLLECTION_NONE;
}

/* That of a report that was removed, when no other has it by now. */
static struct str free_id(struct round *r, struct str otherwise)
{
    struct str id = r->made.at[r->removed.at[dice(&r->d, (uint32_t)r->removed.len)]].id;
    return is_id_there(r, id) ? otherwise : id;
}

/* instead: whose id it has; COLLECTION_NONE for a new one. */
static struct made next_report(struct round *r, uint32_t instead)
{
    struct made made;
    char id[32], forced[32];
    uint32_t bugs = 1 + (uint32_t)r->made.len * r->shape->new_bug / 100, bug = dice(&r->d, bugs);
    uint64_t seed = dice_bits(&r->d);
    int id_len = snprintf(id, sizeof id, "launchpad:%u", r->ids++), forced_len = 0;
    if (dice_percent(&r->d, 2))
        forced_len = snprintf(forced, sizeof forced, "forced:%u", dice(&r->d, 3));
    else if (dice_percent(&r->d, 2))
        forced_len = snprintf(forced, sizeof forced, "launchpad:%u", dice(&r->d, r->ids));
    if (r->seeds.len > 0 && dice_percent(&r->d, 15)) { /* the very same once more */
        uint32_t old = dice(&r->d, (uint32_t)r->seeds.len);
        bug = r->bugs.at[old];
        seed = r->seeds.at[old];
    }
    assert_true(VEC_PUSH(&r->bugs, bug) && VEC_PUSH(&r->seeds, seed));
    struct str name = { id, (size_t)id_len };
    if (instead != COLLECTION_NONE)
        name = r->made.at[instead].id;
    else if (r->removed.len > 0 && dice_percent(&r->d, 10))
        name = free_id(r, name);
    made_report(&made, r->shape, bug, seed, name, (struct str){ forced, (size_t)forced_len },
                r->arena);
    return made;
}

/* One that has not been superseded yet; or COLLECTION_NONE. */
static uint32_t choose_superseded(struct round *r)
{
    if (r->made.len == 0 || !dice_percent(&r->d, 12))
        return COLLECTION_NONE;
    uint32_t report = dice(&r->d, (uint32_t)r->made.len);
    return r->m.reports.at[report].superseded_by == SIZE_MAX ? report : COLLECTION_NONE;
}

static void supersede(struct round *r, uint32_t report)
{
    struct err e;
    assert_true(bucket_index_supersede(r->ix, report, &e));
    model_supersede(&r->m, report);
    r->remade++;
}

static void one_report(struct round *r)
{
    uint32_t instead = choose_superseded(r);
    struct made made = next_report(r, instead);
    if (instead != COLLECTION_NONE)
        supersede(r, instead);
    struct model_report counted = model_count(&r->m, &made);
    struct model_place want = model_nearest(&r->m, &counted);
    struct placement got;
    struct err e;
    assert_true(bucket_index_place(r->ix, &made.report, &got, &e));
    check_place(r, &made, &want, &got);
    if (want.match == MODEL_NONE)
        r->founders++;
    else
        r->matches++;
    if (want.match != MODEL_NONE && dice_percent(&r->d, 20))
        check_explain(r, &made, &got, &counted);
    if (dice_percent(&r->d, 10))
        check_dry(r, &made, &got);
    if (instead == COLLECTION_NONE && dice_percent(&r->d, 10)) {
        model_drop(&counted);
        return;
    }
    assert_true(bucket_index_add(r->ix, &made.report, &got, NULL, &e));
    model_add(&r->m, counted, &want);
    assert_true(VEC_PUSH(&r->made, made) && VEC_PUSH(&r->instead, instead));
    check_added(r, (uint32_t)r->made.len - 1);
}

/* Who sees the first `count` reports finds of each id the latest of them. */
static void check_superseded(const struct round *r, uint32_t count)
{
    const struct collection *c = bucket_index_collection(r->ix);
    for (uint32_t i = 0; i < count; i++) {
        size_t by = r->m.reports.at[i].superseded_by;
        uint32_t name = collection_find_name(c, r->made.at[i].id);
        assert_int_equal(collection_is_superseded(c, i, count), by < count);
        if (by >= count)
            assert_int_equal(collection_named_among(c, name, count), i);
    }
}

static void publish(struct round *r)
{
    bucket_index_publish(r->ix);
    r->published = r->made.len;
    assert_int_equal(collection_count(bucket_index_collection(r->ix)), r->published);
    if (dice_percent(&r->d, 20)) {
        check_superseded(r, (uint32_t)r->published);
        check_superseded(r, dice(&r->d, (uint32_t)r->published + 1));
    }
    check_readers(r);
}

static void undo(struct round *r)
{
    bucket_index_undo(r->ix);
    r->made.len = r->instead.len = r->published;
    model_undo(&r->m, r->published);
    assert_int_equal(bucket_index_added(r->ix), r->published);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Some published ones, or, if it is taken back, none. */
static void remove_some(struct round *r)
{
    uint32_t chosen[8];
    size_t count = 0;
    struct err e;
    publish(r);
    for (uint32_t tries = 1 + dice(&r->d, 8); tries > 0 && r->published > 0; tries--) {
        uint32_t report = dice(&r->d, (uint32_t)r->published);
        bool again = r->m.reports.at[report].superseded_by != SIZE_MAX;
        for (size_t i = 0; i < count; i++)
            again |= chosen[i] == report;
        if (!again)
            chosen[count++] = report;
    }
    qsort(chosen, count, sizeof *chosen, by_number);
    for (size_t i = 0; i < count; i++)
        assert_true(bucket_index_remove(r->ix, chosen[i], &e));
    if (dice_percent(&r->d, 25)) {
        undo(r);
        return;
    }
    bucket_index_publish(r->ix);
    for (size_t i = 0; i < count; i++) {
        model_remove(&r->m, chosen[i]);
        assert_true(VEC_PUSH(&r->removed, chosen[i]) &&
                    VEC_PUSH(&r->removed_since, (uint32_t)r->published));
        assert_true(collection_is_removed(bucket_index_collection(r->ix), chosen[i]));
        assert_false(is_id_there(r, r->made.at[chosen[i]].id));
    }
}

static bool is_removed_at(const struct round *r, uint32_t count)
{
    for (size_t i = 0; i < r->removed.len; i++)
        if (r->removed_since.at[i] == count)
            return true;
    return false;
}

/* Those that were removed when there were `count` reports, in that order. */
static void remove_again(const struct round *r, struct bucket_index *fresh, uint32_t count)
{
    struct err e;
    bucket_index_publish(fresh);
    for (size_t i = 0; i < r->removed.len; i++)
        if (r->removed_since.at[i] == count)
            assert_true(bucket_index_remove(fresh, r->removed.at[i], &e));
    bucket_index_publish(fresh);
}

/* Adds a report again with its values as numbers, as far as they are known. */
static bool restore(struct round *r, struct bucket_index *fresh, const struct report *report,
                    const struct placement *p, const struct str *buckets)
{
    const struct lexicon *lx = collection_lexicon(bucket_index_collection(fresh));
    uint32_t *known = arena_array(r->arena, report->text_count, sizeof *known);
    struct err e;
    assert_non_null(known);
    for (size_t i = 0; i < report->text_count; i++) {
        uint32_t field = lexicon_find_field(lx, report->texts[i].field);
        known[i] = field == LEXICON_NONE || dice_percent(&r->d, 5)
                       ? COLLECTION_NONE
                       : lexicon_find_value(lx, field, report->texts[i].text);
    }
    return bucket_index_restore(fresh, report, known, r->instead.at[bucket_index_added(fresh)], p,
                                buckets, &e);
}

static struct placement stored_placement(const struct round *r, uint32_t report)
{
    struct collected stored = collection_report(bucket_index_collection(r->ix), report);
    return (struct placement){ .top_match = stored.top_match, .score = stored.score };
}

/* The other half, for reports from *compared on. */
static void restore_compared(struct round *r, struct bucket_index *fresh, uint32_t *compared,
                             uint32_t end)
{
    struct err e;
    for (; *compared < end; ++*compared) {
        struct placement p = stored_placement(r, *compared);
        assert_true(bucket_index_restore_compared(fresh, &r->made.at[*compared].report, *compared,
                                                  r->instead.at[*compared], &p, &e));
    }
}

/* As at the start of the server: all reports in order, with the buckets that they were given. */
static void restart(struct round *r)
{
    struct bucket_index *fresh;
    const struct collection *c = bucket_index_collection(r->ix);
    struct err e;
    bool by_numbers = dice_percent(&r->d, 50);
    uint32_t compared = 0;
    undo(r);
    assert_true(bucket_index_new(&fresh, r->config, &e));
    for (uint32_t i = 0; i < r->published; i++) {
        struct collected stored = collection_report(c, i);
        struct placement p = stored_placement(r, i);
        struct str buckets[COLLECTION_THRESHOLDS_MAX];
        for (size_t t = 0; t < r->config->threshold_count; t++)
            buckets[t] = collection_name(c, stored.buckets[t]);
        const struct report *report = &r->made.at[i].report;
        if (!by_numbers || is_removed_at(r, i)) {
            restore_compared(r, fresh, &compared, by_numbers ? i : 0);
            remove_again(r, fresh, i);
        }
        if (by_numbers) { /* one half is any number of reports behind the other */
            assert_true(restore(r, fresh, report, &p, buckets));
            if (dice_percent(&r->d, 5))
                restore_compared(r, fresh, &compared, dice(&r->d, i + 2));
            continue;
        }
        assert_true(r->instead.at[i] == COLLECTION_NONE ||
                    bucket_index_supersede(fresh, r->instead.at[i], &e));
        assert_true(bucket_index_add(fresh, report, &p, buckets, &e));
    }
    if (by_numbers)
        restore_compared(r, fresh, &compared, (uint32_t)r->published);
    remove_again(r, fresh, (uint32_t)r->published);
    bucket_index_free(r->ix);
    r->ix = fresh;
    for (uint32_t i = 0; i < r->published; i++)
        check_added(r, i);
    check_superseded(r, (uint32_t)r->published);
    check_readers(r);
}

/* A report of an id that is there already changes nothing. */
static void add_again(struct round *r)
{
    struct made made;
    struct placement p;
    struct err e = { 0 };
    if (r->made.len == 0)
        return;
    struct str id = r->made.at[dice(&r->d, (uint32_t)r->made.len)].id;
    if (!is_id_there(r, id))
        return;
    made_report(&made, r->shape, 3, dice_bits(&r->d), id, STR(""), r->arena);
    assert_true(bucket_index_place(r->ix, &made.report, &p, &e));
    assert_false(bucket_index_add(r->ix, &made.report, &p, NULL, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(bucket_index_added(r->ix), r->made.len);
}

/* How many reports were removed in it. */
static size_t one_round(const struct config *config, const struct made_shape *shape, struct dice *d)
{
    static struct round r;
    struct err e;
    r = (struct round){ .config = &config->config, .shape = shape, .d = *d };
    r.arena = arena_new((size_t)1 << 30);
    assert_non_null(r.arena);
    assert_true(bucket_index_new(&r.ix, r.config, &e));
    model_begin(&r.m, r.config);
    for (uint32_t i = 0; i < shape->reports; i++) {
        one_report(&r);
        if (dice_percent(&r.d, 15))
            publish(&r);
        else if (dice_percent(&r.d, 3))
            undo(&r);
        else if (dice_percent(&r.d, 1))
            restart(&r);
        else if (dice_percent(&r.d, 3))
            add_again(&r);
        else if (dice_percent(&r.d, 3))
            remove_some(&r);
    }
    printf("%s, %s: %u with a match, %u without, %u explained, %u made again, %zu removed\n",
           config->name, shape->name, r.matches, r.founders, r.explained, r.remade, r.removed.len);
    assert_true(r.matches >= shape->reports / 10 && r.founders > 0 && r.explained > 0 &&
                r.remade > 0);
    size_t removed = r.removed.len;
    *d = r.d;
    bucket_index_free(r.ix);
    model_done(&r.m);
    VEC_FREE(&r.made);
    VEC_FREE(&r.instead);
    VEC_FREE(&r.seeds);
    VEC_FREE(&r.bugs);
    VEC_FREE(&r.removed);
    VEC_FREE(&r.removed_since);
    arena_free(r.arena);
    return removed;
}

static void test_against_model(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++) {
        size_t removed = 0;
        for (size_t k = 0; k < COUNT_OF(shapes); k++)
            removed += one_round(&configs[0], &shapes[k], &d);
        for (size_t k = 1; k < COUNT_OF(configs); k++)
            removed += one_round(&configs[k], &shapes[k % 2], &d);
        assert_true(removed > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
