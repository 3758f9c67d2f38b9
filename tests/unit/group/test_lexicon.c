/* lexicon: each string once, found again, and cut as tokens.h cuts. */
#include "group/lexicon.h"

#include "add_value.h"
#include "group/tokens.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool in_stack, grouped;
    } cases[] = {
        { "stacktrace.function", true, true },
        { "stacktrace", true, true },
        { "stacktrace_x", false, true },
        { "stacktrace.depth", true, false },
        { "stacktrace.logdf", true, false },
        { "stacktrace.address", true, false },
        { "Package", false, true },
        { "extra", false, false },
        { "extra.more", false, true },
        { "database_id", false, false },
        { "date", false, false },
        { "date.x", false, true },
        { "buckets", false, false },
        { "buckets.4_0", false, false },
        { "bucketsize", false, true },
        { "force_bucket", false, false },
        { "project", false, true },
        { "numbers.a", false, false },
        { "numbers.a.b", false, false },
        { "numbers.", false, false },
        { "numbers", false, true },
        { "numbers_a", false, true },
        { "stacktrace.registers.rax", true, false },
        { "stacktrace.registers", true, true },
        { "star*", false, false },
        { "starx", false, true },
    };
    const struct str ignored[] = { STR("stacktrace.address"), STR("extra"), STR("numbers.*"),
                                   STR("stacktrace.registers.*"), STR("star*") };
    CLEANUP(lexicon_free_p) struct lexicon *lx = lexicon_new(ignored, 5);
    assert_non_null(lx);
    struct err e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str name = str_from_c(cases[i].name);
        bool grouped_before = lexicon_is_grouped(lx, name);
        uint32_t id = lexicon_add_field(lx, name, &e);
        assert_int_not_equal(id, LEXICON_NONE);
        const struct lexicon_field *f = lexicon_field(lx, id);
        if (!str_eq(f->name, name) || f->in_stack != cases[i].in_stack ||
            f->grouped != cases[i].grouped || grouped_before != cases[i].grouped ||
            lexicon_is_grouped(lx, name) != cases[i].grouped ||
            lexicon_is_in_stack(name) != cases[i].in_stack)
            fail_msg("%s: in_stack %d, grouped %d", cases[i].name, f->in_stack, f->grouped);
        assert_int_equal(lexicon_find_field(lx, name), id);
        assert_int_equal(lexicon_add_field(lx, name, &e), id);
    }
    assert_int_equal(lexicon_find_field(lx, STR("no such field")), LEXICON_NONE);
}

static void test_too_many_fields(void **state)
{
    (void)state;
    CLEANUP(lexicon_free_p) struct lexicon *lx = lexicon_new(NULL, 0);
    struct err e;
    char name[20];
    for (unsigned i = 0; lexicon_field_count(lx) < LEXICON_FIELDS_MAX; i++) {
        int n = snprintf(name, sizeof name, "f%u", i);
        assert_int_not_equal(lexicon_add_field(lx, (struct str){ name, (size_t)n }, &e),
                             LEXICON_NONE);
    }
    assert_int_equal(lexicon_add_field(lx, STR("one more"), &e), LEXICON_NONE);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(lexicon_find_field(lx, STR("one more")), LEXICON_NONE);
    assert_int_not_equal(lexicon_add_field(lx, STR("f5"), &e), LEXICON_NONE);
}

static void test_value(void **state)
{
    (void)state;
    CLEANUP(lexicon_free_p) struct lexicon *lx = lexicon_new(NULL, 0);
    struct err e;
    uint32_t function = lexicon_add_field(lx, STR("stacktrace.function"), &e);
    uint32_t title = lexicon_add_field(lx, STR("Title"), &e);
    uint32_t v = add_value(lx, function, STR("Main::runMain"), &e);
    assert_int_not_equal(v, LEXICON_NONE);
    assert_int_equal(lexicon_value_count(lx), 1);
    assert_int_equal(lexicon_token_count(lx), 2);
    assert_int_equal(lexicon_term_count(lx), 2);
    const struct lexicon_value *value = lexicon_value(lx, v);
    assert_true(str_eq(lexicon_value_text(value), STR("Main::runMain")));
    assert_int_equal(value->field, function);
    assert_int_equal(value->df, 0);
    assert_int_equal(value->term_count, 3);
    assert_int_equal(value->terms[0], value->terms[2]);
    const struct lexicon_term *term = lexicon_term(lx, value->terms[1]);
    assert_int_equal(term->field, function);
    assert_true(str_eq(lexicon_token(lx, term->token), STR("run")));

    /* The same text in another field is another value, of the same tokens in other terms. */
    uint32_t w = add_value(lx, title, STR("Main::runMain"), &e);
    assert_int_not_equal(w, v);
    assert_int_equal(lexicon_token_count(lx), 2);
    assert_int_equal(lexicon_term_count(lx), 4);
    uint32_t run = lexicon_find_token(lx, STR("run"));
    assert_int_not_equal(lexicon_find_term(lx, function, run), lexicon_find_term(lx, title, run));

    assert_int_equal(lexicon_find_value(lx, title, STR("Main::runMain")), w);
    assert_int_equal(lexicon_find_value(lx, title, STR("Main::run")), LEXICON_NONE);
    assert_int_equal(lexicon_find_token(lx, STR("ru")), LEXICON_NONE);
    uint32_t empty = add_value(lx, title, STR(""), &e);
    assert_int_equal(lexicon_value(lx, empty)->term_count, 0);
    assert_int_equal(lexicon_find_value(lx, title, STR("")), empty);
}

#define FIELDS 3
#define WORDS 5000

static struct str word_text(unsigned word, char out[64])
{
    int n = snprintf(out, 64, "Word%u::is_%u%s", word, word * 7 % 1000, word % 3 ? "HTMLPage" : "");
    return (struct str){ out, (size_t)n };
}

/* Plain bool, since threads use it, too, and a failed assert may not leave a thread. */
static bool value_is_right(const struct lexicon *lx, uint32_t id, uint32_t field, struct str text)
{
    const struct lexicon_value *v = lexicon_value(lx, id);
    struct tokens t = tokens_of(text);
    struct str token;
    uint32_t i = 0;
    for (; tokens_next(&t, &token); i++) {
        if (i == v->term_count)
            return false;
        const struct lexicon_term *term = lexicon_term(lx, v->terms[i]);
        if (term->field != field || !str_eq(lexicon_token(lx, term->token), token) ||
            lexicon_find_token(lx, token) != term->token ||
            lexicon_find_term(lx, field, term->token) != v->terms[i])
            return false;
    }
    return i == v->term_count && v->field == field && str_eq(lexicon_value_text(v), text);
}

/* Against a plain table of what was given which number. */
static void test_model(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    CLEANUP(lexicon_free_p) struct lexicon *lx = lexicon_new(NULL, 0);
    struct err e;
    uint32_t field[FIELDS], count = 0;
    static uint32_t model[FIELDS][WORDS];
    char text[64];
    for (unsigned f = 0; f < FIELDS; f++)
        field[f] = lexicon_add_field(lx, (struct str){ &"abc"[f], 1 }, &e);
    memset(model, 0xff, sizeof model); /* LEXICON_NONE */
    for (int i = 0; i < 40000; i++) {
        unsigned f = (unsigned)rand() % FIELDS, w = (unsigned)rand() % WORDS;
        struct str s = word_text(w, text);
        assert_int_equal(lexicon_find_value(lx, field[f], s), model[f][w]);
        uint32_t id = add_value(lx, field[f], s, &e);
        if (model[f][w] == LEXICON_NONE)
            model[f][w] = count++;
        assert_int_equal(id, model[f][w]);
        assert_int_equal(lexicon_value_count(lx), count);
    }
    for (unsigned f = 0; f < FIELDS; f++)
        for (unsigned w = 0; w < WORDS; w++)
            if (model[f][w] != LEXICON_NONE)
                assert_true(value_is_right(lx, model[f][w], field[f], word_text(w, text)));
}

struct readers {
    struct lexicon *lx;
    uint32_t field;
    _Atomic bool done;
    _Atomic unsigned wrong;
};

static void *read_all(void *arg)
{
    struct readers *r = arg;
    char text[64];
    bool last;
    do {
        last = atomic_load(&r->done);
        uint32_t count = lexicon_value_count(r->lx);
        for (uint32_t i = 0; i < count; i += 1 + count / 500)
            r->wrong += !value_is_right(r->lx, i, r->field, word_text(i, text));
        for (unsigned w = 0; w < WORDS; w += 97) {
            struct str s = word_text(w, text);
            uint32_t id = lexicon_find_value(r->lx, r->field, s);
            if (id == LEXICON_NONE)
                r->wrong += w < count;
            else
                r->wrong += id != w || !value_is_right(r->lx, id, r->field, s);
        }
    } while (!last);
    return NULL;
}

static void test_readers(void **state)
{
    (void)state;
    CLEANUP(lexicon_free_p) struct lexicon *lx = lexicon_new(NULL, 0);
    struct err e;
    char text[64];
    struct readers r = { .lx = lx, .field = lexicon_add_field(lx, STR("f"), &e) };
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &r), 0);
    for (unsigned w = 0; w < WORDS; w++)
        assert_int_equal(add_value(lx, r.field, word_text(w, text), &e), w);
    atomic_store(&r.done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(r.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_too_many_fields),
        cmocka_unit_test(test_value),   cmocka_unit_test(test_model),
        cmocka_unit_test(test_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
