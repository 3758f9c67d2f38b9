/* collection: against a plain list of reports, with undo at random points; and read by threads
 * while it grows. */
#include "group/collection.h"

#include "dice.h"
#include "group/collection_stacks.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define THRESHOLDS 3
#define TEXTS_MAX 16
#define REPORTS_MAX 600

/* A report that is made, whenever it is needed, from its number alone. */
struct made {
    struct report report;
    struct report_text texts[TEXTS_MAX];
    char chars[TEXTS_MAX + 2][32];
};

static struct str made_text(struct made *m, size_t at, const char *what, unsigned number)
{
    int n = snprintf(m->chars[at], sizeof m->chars[at], "%s%u", what, number);
    return (struct str){ m->chars[at], (size_t)n };
}

static void made_add(struct made *m, const char *field, const char *what, unsigned number)
{
    size_t at = m->report.text_count++;
    assert(at < TEXTS_MAX);
    m->texts[at] = (struct report_text){ str_from_c(field), made_text(m, at, what, number) };
}

static void make_report(struct made *m, unsigned number)
{
    unsigned x = number * 2654435761u; /* stands for everything random about it */
    m->report = (struct report){ .texts = m->texts, .date_ms = (int64_t)number * 1000 };
    m->report.database_id = made_text(m, TEXTS_MAX, "id:", number);
    m->report.project = made_text(m, TEXTS_MAX + 1, "project", (x >> 8) % 7);
    made_add(m, "database_id", "id:", number);
    made_add(m, "date", "2020-01-0", 1);
    if ((x >> 4) % 3)
        made_add(m, "Package", "package ", (x >> 16) % 20);
    unsigned stack = (x >> 12) % 40; /* reports with the same stack are common */
    for (unsigned i = 0; i < stack % 5; i++) {
        made_add(m, "stacktrace.function", "runMain", (stack * (i + 1)) % 11);
        made_add(m, "stacktrace.address", "0x", number * 16 + i);
    }
    made_add(m, (x >> 20) % 50 ? "Title" : "rare", "crash at ", (x >> 20) % 300);
}

static bool is_cold_field(struct str field)
{
    return str_eq(field, STR("database_id")) || str_eq(field, STR("date")) ||
           str_eq(field, STR("stacktrace.address"));
}

static struct collection *new_collection(void)
{
    const struct str ignored[] = { STR("stacktrace.address") };
    struct collection *c = collection_new(ignored, 1, THRESHOLDS);
    assert_non_null(c);
    return c;
}

/* What the bucket index would do: the first bucket is one of seven forced ones, the others are
 * called like a report. */
static bool add_made(struct collection *c, struct collection_lookup *l, unsigned number,
                     struct err *e)
{
    static struct made m, other;
    make_report(&m, number);
    make_report(&other, number - number % 3);
    char forced[] = { 'f', (char)('0' + number % 7) };
    if (!collection_lookup(c, &m.report, l, e))
        return false;
    uint32_t buckets[THRESHOLDS] = {
        collection_add_name(c, (struct str){ forced, 2 }, e),
        collection_add_name(c, other.report.database_id, e),
        collection_add_name(c, m.report.database_id, e),
    };
    uint32_t match = number ? number - 1 : COLLECTION_NONE;
    return collection_add(c, &m.report, l, match, (float)number / 4, buckets, e);
}

/* Plain bools from here, since threads use them, too. */

static bool value_is(const struct collection *c, uint32_t value, struct str field, struct str text)
{
    const struct lexicon *lx = collection_lexicon(c);
    const struct lexicon_value *v = lexicon_value(lx, value);
    return str_eq(lexicon_field(lx, v->field)->name, field) && str_eq(lexicon_value_text(v), text);
}

static bool values_are_right(const struct collection *c, const struct report *r, struct values v,
                             bool in_stack)
{
    uint32_t n = 0;
    for (size_t i = 0; i < r->text_count; i++) {
        struct str field = r->texts[i].field;
        if (is_cold_field(field) || lexicon_is_in_stack(field) != in_stack)
            continue;
        if (n == v.count || !value_is(c, v.at[n], field, r->texts[i].text))
            return false;
        n++;
    }
    if (in_stack)
        return n == v.count;
    return n + 1 == v.count && value_is(c, v.at[n], STR("project"), r->project);
}

static bool report_is_right(const struct collection *c, uint32_t id, unsigned number)
{
    struct made m, other;
    make_report(&m, number);
    make_report(&other, number - number % 3);
    struct collected got = collection_report(c, id);
    char forced[] = { 'f', (char)('0' + number % 7) };
    return str_eq(collection_name(c, got.name), m.report.database_id) &&
           collection_find_name(c, m.report.database_id) == got.name &&
           collection_named_report(c, got.name) == id &&
           str_eq(collection_project(c, got.project), m.report.project) &&
           collection_find_project(c, m.report.project) == got.project &&
           got.top_match == (number ? number - 1 : COLLECTION_NONE) &&
           got.score == (float)number / 4 && got.date_ms == m.report.date_ms &&
           str_eq(collection_name(c, got.buckets[0]), (struct str){ forced, 2 }) &&
           str_eq(collection_name(c, got.buckets[1]), other.report.database_id) &&
           got.buckets[2] == got.name && got.stack < collection_stack_count(c) &&
           values_are_right(c, &m.report, collection_stack(c, got.stack), true) &&
           values_are_right(c, &m.report, got.other, false);
}

/* The model: the numbers of the reports that are there, in order; the first `published` of them are
 * to be seen. */
struct model {
    unsigned reports[REPORTS_MAX];
    size_t added, published;
    unsigned next; /* never given before */
};

static bool same_stack(const struct collection *c, uint32_t a, uint32_t b)
{
    struct values x = collection_stack(c, a), y = collection_stack(c, b);
    return x.count == y.count && memcmp(x.at, y.at, x.count * sizeof *x.at) == 0;
}

static uint32_t df_by_counting(const struct collection *c, size_t reports, uint32_t value)
{
    uint32_t df = 0;
    for (uint32_t i = 0; i < reports; i++) {
        struct collected r = collection_report(c, i);
        struct values v[] = { r.other, collection_stack(c, r.stack) };
        bool found = false;
        for (int k = 0; k < 2; k++)
            for (uint32_t j = 0; j < v[k].count; j++)
                found = found || v[k].at[j] == value;
        df += found;
    }
    return df;
}

static void check_model(const struct collection *c, const struct model *m)
{
    assert_int_equal(collection_count(c), m->published);
    assert_int_equal(collection_added(c), m->added);
    for (uint32_t i = 0; i < m->published; i++)
        if (!report_is_right(c, i, m->reports[i]))
            fail_msg("report %u, made from %u", i, m->reports[i]);
    for (uint32_t i = 0; i < collection_stack_count(c); i++) {
        struct values v = collection_stack(c, i);
        uint64_t hash = collection_stack_hash(v.at, v.count);
        assert_int_equal(collection_find_hashed(c, v.at, v.count, hash), i);
        for (uint32_t j = 0; j < i; j++)
            assert_false(same_stack(c, i, j));
    }
    struct made made;
    for (unsigned number = 0; number < m->next; number++) {
        uint32_t want = COLLECTION_NONE;
        for (uint32_t i = 0; i < m->added; i++)
            if (m->reports[i] == number)
                want = i;
        make_report(&made, number);
        struct str id = made.report.database_id;
        assert_int_equal(collection_find_added(c, id), want);
        uint32_t name = collection_find_name(c, id);
        uint32_t report =
            name == COLLECTION_NONE ? COLLECTION_NONE : collection_named_report(c, name);
        assert_int_equal(report, want < m->published ? want : COLLECTION_NONE);
    }
    const struct lexicon *lx = collection_lexicon(c);
    for (uint32_t i = 0; i < lexicon_value_count(lx); i++)
        assert_int_equal(lexicon_value(lx, i)->df, df_by_counting(c, m->added, i));
}

static void test_model(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    CLEANUP(collection_free_p) struct collection *c = new_collection();
    struct collection_lookup l = { 0 };
    static struct model m;
    m = (struct model){ 0 };
    struct err e = { 0 };
    while (m.added < REPORTS_MAX) {
        int what = rand() % 100;
        if (what < 90) {
            unsigned number = m.next++;
            assert_true(add_made(c, &l, number, &e));
            m.reports[m.added++] = number;
        } else if (what < 94) {
            collection_publish(c);
            m.published = m.added;
        } else if (what < 98) {
            collection_undo(c);
            m.added = m.published;
        } else if (m.added > 0) { /* again what is there already */
            assert_false(add_made(c, &l, m.reports[(size_t)rand() % m.added], &e));
            assert_int_equal(e.code, ERR_CONFLICT);
        }
        if (rand() % 40 == 0)
            check_model(c, &m);
    }
    check_model(c, &m);
    collection_lookup_done(&l);
}

static void test_undo_takes_names_back(void **state)
{
    (void)state;
    CLEANUP(collection_free_p) struct collection *c = new_collection();
    struct collection_lookup l = { 0 };
    struct err e;
    assert_true(add_made(c, &l, 0, &e));
    assert_int_equal(collection_find_name(c, STR("id:0")), COLLECTION_NONE); /* not yet */
    assert_int_equal(collection_find_project(c, STR("project0")), COLLECTION_NONE);
    collection_undo(c);
    assert_int_equal(collection_find_added(c, STR("id:0")), COLLECTION_NONE);
    collection_publish(c);
    assert_int_equal(collection_find_name(c, STR("id:0")), COLLECTION_NONE);
    assert_int_equal(collection_find_name(c, STR("f0")), COLLECTION_NONE);
    assert_int_equal(collection_find_project(c, STR("project0")), COLLECTION_NONE);
    assert_int_equal(collection_stack_count(c), 0);

    /* A name that was published as a bucket's before its report came stays one. */
    assert_int_not_equal(collection_add_name(c, STR("id:0"), &e), COLLECTION_NONE);
    collection_publish(c);
    uint32_t name = collection_find_name(c, STR("id:0"));
    assert_int_equal(collection_named_report(c, name), COLLECTION_NONE);
    assert_true(add_made(c, &l, 0, &e));
    assert_int_equal(collection_named_report(c, name), COLLECTION_NONE);
    assert_int_equal(collection_find_added(c, STR("id:0")), 0);
    collection_undo(c);
    assert_int_equal(collection_find_added(c, STR("id:0")), COLLECTION_NONE);
    assert_true(add_made(c, &l, 0, &e));
    collection_publish(c);
    assert_int_equal(collection_named_report(c, name), 0);
    collection_lookup_done(&l);
}

static void test_lookup(void **state)
{
    (void)state;
    CLEANUP(collection_free_p) struct collection *c = new_collection();
    struct collection_lookup l = { 0 };
    struct err e;
    struct report_text texts[] = {
        { STR("stacktrace.function"), STR("known") }, { STR("stacktrace.address"), STR("0x1") },
        { STR("stacktrace.depth"), STR("0") },        { STR("Title"), STR("known") },
        { STR("new field"), STR("known") },           { STR("stacktrace.function"), STR("new") },
    };
    struct report r = { .database_id = STR("a"), .project = STR("p"), .texts = texts };
    r.text_count = 4;
    uint32_t buckets[THRESHOLDS] = { 0 };
    assert_true(collection_lookup(c, &r, &l, &e));
    assert_int_equal(lexicon_value_count(collection_lexicon(c)), 0); /* it adds nothing */
    assert_int_equal(collection_add_name(c, STR("a"), &e), 0);
    assert_true(collection_add(c, &r, &l, COLLECTION_NONE, 0, buckets, &e));

    assert_true(collection_lookup(c, &r, &l, &e)); /* seen though it is not published */
    assert_int_equal(l.stack.len, 1);
    assert_int_equal(l.other.len, 2);
    assert_int_equal(l.stack_number, 0);
    assert_true(value_is(c, l.stack.at[0].value, STR("stacktrace.function"), STR("known")));
    assert_true(value_is(c, l.other.at[0].value, STR("Title"), STR("known")));
    assert_true(value_is(c, l.other.at[1].value, STR("project"), STR("p")));

    r.text_count = 6;
    assert_true(collection_lookup(c, &r, &l, &e));
    assert_int_equal(l.stack.len, 2);
    assert_int_equal(l.stack_number, COLLECTION_NONE);
    assert_int_equal(l.stack.at[1].value, COLLECTION_NONE);
    assert_true(str_eq(l.stack.at[1].text, STR("new")));
    assert_int_equal(l.other.at[1].field, COLLECTION_NONE);
    assert_true(str_eq(l.other.at[1].field_name, STR("new field")));

    assert_true(collection_is_cold(c, STR("stacktrace.address")));
    assert_true(collection_is_cold(c, STR("stacktrace.depth")));
    assert_true(collection_is_cold(c, STR("database_id")));
    assert_false(collection_is_cold(c, STR("Title")));
    assert_false(collection_is_cold(c, STR("never seen")));
    collection_lookup_done(&l);
}

static void add_small(struct collection *c, const char *id, const char *os)
{
    struct report_text texts[] = { { STR("database_id"), str_from_c(id) },
                                   { STR("os"), str_from_c(os) },
                                   { STR("stacktrace.function"), STR("main") },
                                   { STR("title"), STR("boom") } };
    const struct report r = {
        .database_id = str_from_c(id), .project = STR("p"), .texts = texts, .text_count = 4
    };
    const uint32_t buckets[THRESHOLDS] = { 0 };
    struct collection_lookup l = { 0 };
    struct err e = { 0 };
    assert_true(collection_lookup(c, &r, &l, &e));
    assert_true(collection_add(c, &r, &l, COLLECTION_NONE, 0, buckets, &e));
    collection_lookup_done(&l);
}

/* Fields beyond the limits are left out, and the report is there with the rest. */

static struct str numbered(char out[20], const char *what, unsigned n)
{
    return (struct str){ out, (size_t)snprintf(out, 20, "%s%u", what, n) };
}

/* A report with `count` fields of new names, and a title. */
static void add_wide(struct collection *c, const char *project, unsigned id, unsigned first,
                     unsigned count)
{
    static struct report_text texts[20001];
    static char names[20001][20];
    char id_text[20];
    const uint32_t buckets[THRESHOLDS] = { 0 };
    struct collection_lookup l = { 0 };
    struct err e = { 0 };
    for (unsigned i = 0; i < count; i++)
        texts[i] = (struct report_text){ numbered(names[i], "f", first + i), STR("x") };
    texts[count] = (struct report_text){ STR("title"), STR("boom") };
    const struct report r = { .database_id = numbered(id_text, "wide", id),
                              .project = str_from_c(project),
                              .texts = texts,
                              .text_count = count + 1 };
    assert_true(collection_lookup(c, &r, &l, &e));
    assert_true(collection_add(c, &r, &l, COLLECTION_NONE, 0, buckets, &e));
    collection_lookup_done(&l);
    collection_publish(c);
}

static uint32_t width(const struct collection *c, uint32_t report)
{
    return collection_report(c, report).other.count;
}

static void test_too_many_fields(void **state)
{
    (void)state;
    CLEANUP(collection_free_p) struct collection *c = collection_new(NULL, 0, THRESHOLDS);
    const struct lexicon *lx = collection_lexicon(c);
    uint32_t before = lexicon_field_count(lx);
    add_small(c, "r0", "linux");
    add_wide(c, "p", 1, 0, 1500);
    assert_int_equal(width(c, 1), 1000 + 2); /* the title and the project are known */
    add_wide(c, "p", 2, 0, 1500);            /* it brings the rest */
    assert_int_equal(width(c, 2), 1500 + 2);
    for (unsigned i = 0; i < 12; i++) /* the project has had its share */
        add_wide(c, "p", 10 + i, 10000 + 1000 * i, 1000);
    assert_int_equal(lexicon_field_count(lx) - before, 10000);
    assert_int_equal(width(c, 14), 2);
    add_wide(c, "q", 100, 900000, 10); /* another one has not */
    assert_int_equal(width(c, 15), 12);
    /* And the whole server. */
    struct err e;
    char name[20];
    for (unsigned i = 0; lexicon_field_count(lx) < LEXICON_FIELDS_MAX; i++)
        assert_int_not_equal(
            lexicon_add_field(collection_lexicon_writer(c), numbered(name, "g", i), &e),
            LEXICON_NONE);
    add_wide(c, "q", 101, 910000, 10);
    assert_int_equal(width(c, 16), 2);
    add_wide(c, "q", 102, 900000, 10);
    assert_int_equal(width(c, 17), 12);
}

/* Reports with many fields, by a few numbers each: the same numbers, the same report. */
struct wide {
    unsigned id, project, first, step, count;
};
#define WIDE_MAX 1500

static void add_random_wide(struct collection *c, const struct wide *w, bool known_values)
{
    static struct report_text texts[WIDE_MAX];
    static uint32_t known[WIDE_MAX];
    static char names[WIDE_MAX][20];
    char id[20], project[20];
    const uint32_t buckets[THRESHOLDS] = { 0 };
    const struct lexicon *lx = collection_lexicon(c);
    struct collection_lookup l = { 0 };
    struct err e = { 0 };
    for (unsigned i = 0; i < w->count; i++) {
        unsigned n = w->first + i * w->step;
        texts[i].field = numbered(names[i], n % 5 == 0 ? "stacktrace.f" : "f", n);
        texts[i].text = n % 3 == 0 ? STR("x") : STR("y");
        uint32_t field = lexicon_find_field(lx, texts[i].field);
        known[i] =
            field == LEXICON_NONE ? COLLECTION_NONE : lexicon_find_value(lx, field, texts[i].text);
    }
    const struct report r = { .database_id = numbered(id, "wide", w->id),
                              .project = numbered(project, "p", w->project),
                              .texts = texts,
                              .text_count = w->count };
    assert_true(collection_lookup_known(c, &r, known_values ? known : NULL, &l, &e));
    assert_true(collection_add(c, &r, &l, COLLECTION_NONE, 0, buckets, &e));
    collection_lookup_done(&l);
}

static void assert_same_values(const struct collection *a, struct values x,
                               const struct collection *b, struct values y)
{
    const struct lexicon *la = collection_lexicon(a), *lb = collection_lexicon(b);
    assert_int_equal(x.count, y.count);
    for (uint32_t i = 0; i < x.count; i++) {
        const struct lexicon_value *v = lexicon_value(la, x.at[i]), *w = lexicon_value(lb, y.at[i]);
        assert_true(str_eq(lexicon_field(la, v->field)->name, lexicon_field(lb, w->field)->name));
        assert_true(str_eq(lexicon_value_text(v), lexicon_value_text(w)));
        assert_int_equal(v->df, w->df);
    }
}

static void assert_same(const struct collection *a, const struct collection *b)
{
    assert_int_equal(collection_count(a), collection_count(b));
    for (uint32_t i = 0; i < collection_count(a); i++) {
        struct collected x = collection_report(a, i), y = collection_report(b, i);
        assert_int_equal(x.stack, y.stack);
        assert_same_values(a, x.other, b, y.other);
        assert_same_values(a, collection_stack(a, x.stack), b, collection_stack(b, y.stack));
    }
}

/* What an undone report brought counts for nobody: a collection with undone reports keeps what one
 * that has never seen them keeps, by texts and by known values. */
static void test_fields_are_those_of_a_restart(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, 3); round++) {
        CLEANUP(collection_free_p) struct collection *c = new_collection();
        CLEANUP(collection_free_p) struct collection *by_text = new_collection();
        CLEANUP(collection_free_p) struct collection *by_value = new_collection();
        struct wide kept[90];
        size_t count = 0, published = 0;
        for (unsigned i = 0; i < 90; i++) {
            const struct wide w = { .id = i,
                                    .project = dice(&d, 3),
                                    .first = dice(&d, 40000),
                                    .step = 1 + dice(&d, 3),
                                    .count = dice(&d, WIDE_MAX) };
            add_random_wide(c, &w, dice_percent(&d, 50));
            kept[count++] = w;
            if (dice_percent(&d, 20)) {
                collection_undo_last(c);
                count--;
            }
            if (dice_percent(&d, 30)) {
                collection_publish(c);
                published = count;
            } else if (dice_percent(&d, 20)) {
                collection_undo(c);
                count = published;
            }
        }
        collection_publish(c);
        for (size_t i = 0; i < count; i++) {
            add_random_wide(by_text, &kept[i], false);
            add_random_wide(by_value, &kept[i], true);
        }
        collection_publish(by_text);
        collection_publish(by_value);
        assert_true(collection_left_out(by_text) > 0);
        assert_same(by_text, c);
        assert_same(by_text, by_value);
    }
}

/* A project may bring as much as ever after an undo; its number may have been another one's. */
static void test_fields_after_undo(void **state)
{
    (void)state;
    CLEANUP(collection_free_p) struct collection *c = new_collection();
    for (unsigned i = 0; i < 10; i++)
        add_random_wide(c, &(struct wide){ i, 1, i * 1000, 1, 1000 }, false);
    assert_int_equal(collection_left_out(c), 0);
    collection_undo(c);
    for (unsigned i = 0; i < 10; i++)
        add_random_wide(c, &(struct wide){ i, 2, 5000 + i * 1000, 1, 1000 }, i % 2);
    collection_publish(c);
    assert_int_equal(collection_left_out(c), 0);
    add_random_wide(c, &(struct wide){ 10, 2, 1, 1, 2 }, true); /* in the lexicon, and not kept */
    assert_int_equal(collection_left_out(c), 2);
    add_random_wide(c, &(struct wide){ 11, 1, 1, 1, 2 }, true);
    assert_int_equal(collection_left_out(c), 2);
    add_random_wide(c, &(struct wide){ 12, 2, 1, 1, 2 }, false);
    assert_int_equal(collection_left_out(c), 2);
}

/* Attributes that are set later have no more room than those that a report comes with. */
static void test_amended_fields(void **state)
{
    (void)state;
    CLEANUP(collection_free_p) struct collection *c = new_collection();
    struct err e = { 0 };
    for (unsigned i = 0; i < 10; i++)
        add_random_wide(c, &(struct wide){ i, 1, i * 1000, 1, i < 9 ? 1000 : 999 }, false);
    add_random_wide(c, &(struct wide){ 10, 2, 1, 1, 3 }, false);
    collection_publish(c);
    const struct report_text one[] = { { STR("new.a"), STR("x") }, { STR("f1"), STR("z") } };
    const struct report_text two[] = { { STR("new.b"), STR("x") }, { STR("f2"), STR("z") } };
    assert_true(collection_amend(c, 0, one, 2, &e));
    assert_int_equal(collection_left_out(c), 0);
    assert_true(collection_amend(c, 0, two, 2, &e));
    assert_int_equal(collection_left_out(c), 1);
    const struct lexicon *lx = collection_lexicon(c);
    assert_int_not_equal(lexicon_find_field(lx, STR("new.a")), LEXICON_NONE);
    assert_int_equal(lexicon_find_field(lx, STR("new.b")), LEXICON_NONE);
    uint32_t f2 = lexicon_find_field(lx, STR("f2"));
    assert_int_equal(lexicon_value(lx, lexicon_find_value(lx, f2, STR("z")))->df, 1);
    collection_undo(c); /* what was amended stays */
    assert_true(collection_amend(c, 10, two, 2, &e));
    assert_int_equal(collection_left_out(c), 1);
}

struct readers {
    const struct collection *c;
    _Atomic bool done;
    _Atomic unsigned wrong;
};

static void *read_all(void *arg)
{
    struct readers *r = arg;
    bool last;
    do {
        last = atomic_load(&r->done);
        uint32_t count = collection_count(r->c);
        for (uint32_t i = 0; i < count; i++)
            r->wrong += !report_is_right(r->c, i, i);
        for (unsigned number = count; number < count + 50; number++) { /* may come, or be undone */
            struct made m;
            make_report(&m, number);
            uint32_t name = collection_find_name(r->c, m.report.database_id);
            if (name == COLLECTION_NONE)
                continue;
            r->wrong += !str_eq(collection_name(r->c, name), m.report.database_id);
            uint32_t report = collection_named_report(r->c, name);
            r->wrong += report != COLLECTION_NONE && report != number;
        }
    } while (!last);
    return NULL;
}

/* Batches are published, or undone and added again: readers see only what was published. */
static void test_readers(void **state)
{
    (void)state;
    CLEANUP(collection_free_p) struct collection *c = new_collection();
    struct collection_lookup l = { 0 };
    struct err e;
    struct readers r = { .c = c };
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &r), 0);
    bool ok = true;
    for (unsigned batch = 0; batch < 60; batch++) {
        for (unsigned i = 0; i < 20; i++)
            ok = add_made(c, &l, batch * 20 + i, &e) && ok;
        collection_undo(c);
        for (unsigned i = 0; i < 20; i++)
            ok = add_made(c, &l, batch * 20 + i, &e) && ok;
        collection_publish(c);
    }
    atomic_store(&r.done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(ok);
    assert_int_equal(r.wrong, 0);
    assert_int_equal(collection_count(c), 1200);
    collection_lookup_done(&l);
}

/* Amending. */

static struct str value_text(const struct collection *c, uint32_t value)
{
    return lexicon_value_text(lexicon_value(collection_lexicon(c), value));
}

/* The values outside the stack as "a|b|c". */
static void assert_other(const struct collection *c, uint32_t report, const char *want)
{
    char got[256] = "";
    size_t len = 0;
    struct values other = collection_report(c, report).other;
    for (uint32_t i = 0; i < other.count; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s", i ? "|" : "",
                                STR_ARG(value_text(c, other.at[i])));
    assert_string_equal(got, want);
}

static uint32_t df_of(const struct collection *c, const char *field, const char *text)
{
    const struct lexicon *lx = collection_lexicon(c);
    uint32_t f = lexicon_find_field(lx, str_from_c(field));
    uint32_t v = f == LEXICON_NONE ? f : lexicon_find_value(lx, f, str_from_c(text));
    return v == LEXICON_NONE ? 0 : atomic_load(&lexicon_value(lx, v)->df);
}

static void test_amend(void **state)
{
    (void)state;
    struct collection *c = collection_new(NULL, 0, THRESHOLDS);
    struct err e = { 0 };
    add_small(c, "r0", "linux");
    add_small(c, "r1", "linux");
    collection_publish(c);
    struct values before = collection_report(c, 0).other;
    const struct report_text set[] = { { STR("os"), STR("plan9") },
                                       { STR("flag"), STR("1") },
                                       { STR("flag"), STR("2") },
                                       { STR("stacktrace.depth"), STR("7") } };
    assert_true(collection_amend(c, 0, set, sizeof set / sizeof *set, &e));
    assert_other(c, 0, "boom|plan9|1|2|p");
    assert_other(c, 1, "linux|boom|p");
    assert_int_equal(df_of(c, "os", "linux"), 1);
    assert_int_equal(df_of(c, "os", "plan9"), 1);
    assert_int_equal(df_of(c, "flag", "1"), 1);
    assert_int_equal(df_of(c, "title", "boom"), 2);
    assert_int_equal(df_of(c, "stacktrace.function", "main"), 2);
    /* An empty text only takes away. */
    const struct report_text unset[] = { { STR("flag"), STR("") } };
    assert_true(collection_amend(c, 1, set, sizeof set / sizeof *set, &e));
    assert_true(collection_amend(c, 1, unset, 1, &e));
    assert_other(c, 1, "boom|plan9|p");
    assert_int_equal(df_of(c, "os", "linux"), 0);
    assert_int_equal(df_of(c, "os", "plan9"), 2);
    assert_int_equal(df_of(c, "flag", "2"), 1);
    /* One who is ready for fewer values sees the latest list that has no others. */
    uint32_t f = lexicon_find_field(collection_lexicon(c), STR("flag"));
    uint32_t two = lexicon_find_value(collection_lexicon(c), f, STR("2"));
    assert_true(collection_report(c, 0).amended);
    assert_int_equal(collection_other_before(c, 0, two + 1).count, 5);
    assert_int_equal(collection_other_before(c, 0, two).count, 3);
    assert_int_equal(collection_other_before(c, 1, two).count, 3); /* flag was taken away again */
    assert_int_equal(collection_other_before(c, 0, 0).count, 3);
    /* A reader from before has what there was. */
    assert_int_equal(before.count, 3);
    assert_true(str_eq(value_text(c, before.at[0]), STR("linux")));
    /* What is added and taken back afterwards does not touch it, nor does the same once more. */
    add_small(c, "r2", "beos");
    collection_undo(c);
    assert_true(collection_amend(c, 0, set, sizeof set / sizeof *set, &e));
    add_small(c, "r2", "beos");
    collection_publish(c);
    assert_other(c, 0, "boom|plan9|1|2|p");
    assert_other(c, 2, "beos|boom|p");
    assert_int_equal(df_of(c, "flag", "1"), 1);
    collection_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amend),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_undo_takes_names_back),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_too_many_fields),
        cmocka_unit_test(test_fields_are_those_of_a_restart),
        cmocka_unit_test(test_fields_after_undo),
        cmocka_unit_test(test_amended_fields),
        cmocka_unit_test(test_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
