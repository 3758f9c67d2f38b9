/* term_counts: terms and tokens of values and of texts that are no values. */
#include "group/term_counts.h"

#include "../cmocka_all.h"
#include "add_value.h"

#include <stdio.h>

static uint32_t value(struct lexicon *lx, const char *field, const char *text)
{
    struct err e;
    uint32_t f = lexicon_add_field(lx, str_from_c(field), &e);
    uint32_t v = add_value(lx, f, str_from_c(text), &e);
    assert_int_not_equal(v, LEXICON_NONE);
    return v;
}

static uint32_t field(const struct lexicon *lx, const char *name)
{
    uint32_t f = lexicon_find_field(lx, str_from_c(name));
    assert_int_not_equal(f, LEXICON_NONE);
    return f;
}

static uint32_t tf(const struct term_counts *tc, const struct lexicon *lx, const char *in,
                   const char *token)
{
    uint32_t term = lexicon_find_term(lx, field(lx, in), lexicon_find_token(lx, str_from_c(token)));
    assert_int_not_equal(term, LEXICON_NONE);
    return term_counts_find(tc, term);
}

static void test_values(void **state)
{
    (void)state;
    CLEANUP(lexicon_free_p) struct lexicon *lx = lexicon_new((struct str[]){ STR("cpu") }, 1);
    struct term_counts tc = { 0 };
    uint32_t main_loop = value(lx, "stacktrace.function", "gtkMainLoop");
    uint32_t gtk_loop = value(lx, "stacktrace.function", "gtk_loop_Loop");
    uint32_t title = value(lx, "Title", "gtk Loop 3");
    uint32_t ignored = value(lx, "cpu", "GenuineIntel");
    assert_true(term_counts_reset(&tc));
    assert_true(term_counts_value(&tc, lx, main_loop));
    assert_true(term_counts_value(&tc, lx, gtk_loop));
    assert_true(term_counts_value(&tc, lx, title));
    assert_true(term_counts_value(&tc, lx, ignored));
    assert_int_equal(tf(&tc, lx, "stacktrace.function", "gtk"), 2);
    assert_int_equal(tf(&tc, lx, "stacktrace.function", "Loop"), 2);
    assert_int_equal(tf(&tc, lx, "stacktrace.function", "loop"), 1);
    assert_int_equal(tf(&tc, lx, "Title", "gtk"), 1); /* another field, another term */
    assert_int_equal(tf(&tc, lx, "cpu", "Genuine"), 0);
    assert_int_equal(tc.terms.len, 7);
    assert_int_equal(tc.fields.len, 2);
    assert_int_equal(tc.tokens.at[field(lx, "stacktrace.function")], 6);
    assert_int_equal(tc.tokens.at[field(lx, "Title")], 3);

    assert_true(term_counts_reset(&tc)); /* forgets */
    assert_true(term_counts_value(&tc, lx, title));
    assert_int_equal(tf(&tc, lx, "stacktrace.function", "gtk"), 0);
    assert_int_equal(tc.tokens.at[field(lx, "stacktrace.function")], 0);
    assert_int_equal(tc.tokens.at[field(lx, "Title")], 3);
    assert_int_equal(tc.terms.len, 3);
    term_counts_done(&tc);
}

/* A text that no report has had: its known words count, the others only lengthen the field. */
static void test_text(void **state)
{
    (void)state;
    CLEANUP(lexicon_free_p) struct lexicon *lx = lexicon_new(NULL, 0);
    struct term_counts tc = { 0 };
    value(lx, "Title", "gtkLoop");
    value(lx, "Package", "Kernel");
    value(lx, "date", "2016");
    assert_true(term_counts_reset(&tc));
    assert_true(term_counts_text(&tc, lx, field(lx, "Title"), STR("gtk of the Kernel, gtk")));
    assert_true(term_counts_text(&tc, lx, field(lx, "Package"), STR("   ")));
    assert_true(term_counts_text(&tc, lx, field(lx, "date"), STR("2016")));
    assert_int_equal(tc.terms.len, 1);
    assert_int_equal(tf(&tc, lx, "Title", "gtk"), 2);
    assert_int_equal(tc.tokens.at[field(lx, "Title")], 5);
    assert_int_equal(tc.fields.len, 1);
    term_counts_done(&tc);
}

/* Over the most that are compared, further terms are left out; those there go on counting. */
static void test_many(void **state)
{
    (void)state;
    CLEANUP(lexicon_free_p) struct lexicon *lx = lexicon_new(NULL, 0);
    struct term_counts tc = { 0 };
    char text[16];
    for (int round = 0; round < 2; round++) {
        assert_true(term_counts_reset(&tc));
        for (uint32_t i = 0; i < TERM_COUNTS_MAX + 50; i++) {
            snprintf(text, sizeof text, "%u word", i);
            assert_true(term_counts_value(&tc, lx, value(lx, "Title", text)));
        }
        assert_int_equal(tc.terms.len, TERM_COUNTS_MAX);
        assert_int_equal(tf(&tc, lx, "Title", "word"), TERM_COUNTS_MAX + 50);
        for (uint32_t i = 0; i < TERM_COUNTS_MAX + 50; i++) {
            snprintf(text, sizeof text, "%u", i);
            assert_int_equal(tf(&tc, lx, "Title", text), i + 1 < TERM_COUNTS_MAX);
        }
        assert_int_equal(tc.tokens.at[field(lx, "Title")], 2 * (TERM_COUNTS_MAX + 50));
    }
    term_counts_done(&tc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
