/* questions: which terms are asked for, in which order, and how they weigh together. */
#include "group/questions.h"

#include "../cmocka_all.h"
#include "add_value.h"

#include <math.h>
#include <stdio.h>

#define REPORTS 1000

/* A field's text in the report, and in how many reports each of its words is said to be. */
struct said {
    const char *field, *text;
    uint32_t df;
};

struct fixture {
    struct lexicon *lx;
    struct term_counts tc;
    struct question q;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){ .lx = lexicon_new(NULL, 0) };
    assert_non_null(f->lx);
    assert_true(term_counts_reset(&f->tc));
}

static void end(struct fixture *f)
{
    term_counts_done(&f->tc);
    question_done(&f->q);
    lexicon_free(f->lx);
}

static void say(struct fixture *f, struct said s)
{
    struct err e;
    uint32_t field = lexicon_add_field(f->lx, str_from_c(s.field), &e);
    uint32_t value = add_value(f->lx, field, str_from_c(s.text), &e);
    assert_int_not_equal(value, LEXICON_NONE);
    assert_true(term_counts_value(&f->tc, f->lx, value));
    const struct lexicon_value *v = lexicon_value(f->lx, value);
    for (uint32_t i = 0; i < v->term_count; i++)
        lexicon_term(f->lx, v->terms[i])->df = s.df;
}

/* `want` is "field:token field:token ...", in the order of asking. */
static void check_asked(struct fixture *f, uint32_t max, const char *want)
{
    char got[4096] = "";
    size_t len = 0;
    double squares = 0;
    assert_true(question_make(&f->q, f->lx, &f->tc, REPORTS, max));
    const struct query *q = &f->q.query;
    for (uint32_t i = 0; i < q->count; i++) {
        const struct lexicon_term *t = lexicon_term(f->lx, q->at[i].term);
        struct str field = lexicon_field(f->lx, t->field)->name;
        struct str token = lexicon_token(f->lx, t->token);
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s:%.*s", len ? " " : "",
                                STR_ARG(field), STR_ARG(token));
        assert_true(len < sizeof got);
        assert_true(q->at[i].idf == 1 + log(REPORTS / (t->df + 1.0)));
        squares += q->at[i].idf * q->at[i].idf;
    }
    assert_string_equal(got, want);
    assert_true(q->norm == (q->count ? 1 / sqrt(squares) : 0));
}

static void test_order(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    say(&f, (struct said){ "b", "zeta alpha Zeta", 3 });
    say(&f, (struct said){ "a", "omega 1 10 9", 5 });
    say(&f, (struct said){ "a.b", "x", 1 });
    say(&f, (struct said){ "Z", "x", 1 });
    say(&f, (struct said){ "b", "configuration configurations configura", 40 });
    check_asked(&f, 20,
                "Z:x a:1 a:10 a:9 a:omega a.b:x b:Zeta b:alpha b:configura b:configuration "
                "b:configurations b:zeta");
    end(&f);
}

static void test_best_of_each_field(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    say(&f, (struct said){ "a", "common common2 common3", 900 });
    say(&f, (struct said){ "a", "rare", 1 });
    say(&f, (struct said){ "a", "fair", 30 });
    say(&f, (struct said){ "b", "common", 900 });
    check_asked(&f, 2, "a:fair a:rare b:common");
    check_asked(&f, 1, "a:rare b:common");
    /* Often in the report beats rare in the collection: 7 * 1.1 > 1 + ln(1000/2) = 7.2. */
    say(&f, (struct said){ "a", "common, common, common, common, common, common", 900 });
    check_asked(&f, 1, "a:common b:common");
    end(&f);
}

/* Among equals the first by bytes: upper case before lower, shorter before longer. */
static void test_ties(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    say(&f, (struct said){ "a", "b abc ab a B Ab 12 2 abcdefghij abcdefghi abcdefgh", 7 });
    check_asked(&f, 1, "a:12");
    check_asked(&f, 4, "a:12 a:2 a:Ab a:B");
    check_asked(&f, 8, "a:12 a:2 a:Ab a:B a:a a:ab a:abc a:abcdefgh");
    check_asked(&f, 10, "a:12 a:2 a:Ab a:B a:a a:ab a:abc a:abcdefgh a:abcdefghi a:abcdefghij");
    end(&f);
}

/* The weights that choose are single precision: here they are equal, though the idf are not. */
static void test_choice_is_single_precision(void **state)
{
    (void)state;
    struct fixture f;
    uint32_t df = 20000000;
    double one = 1 + log(4e9 / (df + 1.0)), other = 1 + log(4e9 / (df + 2.0));
    assert_true(one > other && (float)one == (float)other);
    begin(&f);
    say(&f, (struct said){ "a", "later", df });
    say(&f, (struct said){ "a", "first", df + 1 });
    assert_true(question_make(&f.q, f.lx, &f.tc, 4000000000u, 1));
    assert_int_equal(f.q.query.count, 1);
    uint32_t token = lexicon_term(f.lx, f.q.query.at[0].term)->token;
    assert_true(str_eq(lexicon_token(f.lx, token), STR("first")));
    end(&f);
}

static void test_twenty_of_thirty(void **state)
{
    (void)state;
    struct fixture f;
    char text[8], want[1024] = "";
    size_t len = 0;
    begin(&f);
    for (uint32_t i = 0; i < 30; i++) { /* ten of them are in too many reports */
        snprintf(text, sizeof text, "%02u", i);
        say(&f, (struct said){ "a", text, i % 3 ? 5 : 500 });
        if (i % 3)
            len += (size_t)snprintf(want + len, sizeof want - len, "%sa:%s", len ? " " : "", text);
    }
    check_asked(&f, 20, want);
    end(&f);
}

static void test_unknown_terms_are_left_out(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    check_asked(&f, 20, "");
    say(&f, (struct said){ "a", "undone", 0 }); /* known to the lexicon, in no report any more */
    check_asked(&f, 20, "");
    say(&f, (struct said){ "b", "there", 2 });
    check_asked(&f, 20, "b:there");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_best_of_each_field),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_choice_is_single_precision),
        cmocka_unit_test(test_twenty_of_thirty),
        cmocka_unit_test(test_unknown_terms_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
