/* similarity: against tables and against definitions written in another way. */
#include "group/similarity.h"

#include "../cmocka_all.h"

#include <stdlib.h>

/* Lucene's table of norms, as explain() of its searches shows them. */
static const struct {
    uint32_t tokens;
    uint8_t byte;
    double norm;
} norms[] = {
    { 1, 124, 1.0 },           { 2, 121, 0.625 },      { 3, 120, 0.5 },
    { 4, 120, 0.5 },           { 5, 119, 0.4375 },     { 6, 118, 0.375 },
    { 7, 118, 0.375 },         { 8, 117, 0.3125 },     { 10, 117, 0.3125 },
    { 11, 116, 0.25 },         { 16, 116, 0.25 },      { 17, 115, 0.21875 },
    { 20, 115, 0.21875 },      { 21, 114, 0.1875 },    { 28, 114, 0.1875 },
    { 29, 113, 0.15625 },      { 40, 113, 0.15625 },   { 41, 112, 0.125 },
    { 64, 112, 0.125 },        { 65, 111, 0.109375 },  { 100, 110, 0.09375 },
    { 256, 108, 0.0625 },      { 1000, 104, 0.03125 }, { 10000, 97, 0.009765625 },
    { 65536, 92, 0.00390625 },
};

static void test_norm_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(norms); i++) {
        uint8_t byte = similarity_norm_byte(norms[i].tokens);
        if (byte != norms[i].byte || (double)similarity_norm(byte) != norms[i].norm)
            fail_msg("%u tokens: byte %u, norm %.9g; not %u, %.9g", norms[i].tokens, byte,
                     (double)similarity_norm(byte), norms[i].byte, norms[i].norm);
    }
    assert_int_equal(similarity_norm_byte(0), 0);
}

/* What a byte stands for: its upper six bits are an exponent, its lower two the quarters above
 * one; 0 is zero. */
static void test_norm_of_each_byte(void **state)
{
    (void)state;
    assert_true(similarity_norm(0) == 0.0f);
    for (int b = 1; b < 256; b++)
        assert_true((double)similarity_norm((uint8_t)b) == ldexp(1 + (b & 3) / 4.0, b / 4 - 31));
}

/* The byte of a length stands for the greatest value that is not above 1/sqrt(length). */
static void test_norm_rounds_down(void **state)
{
    (void)state;
    for (uint32_t tokens = 1; tokens < 3000000; tokens += tokens < 100000 ? 1 : 97) {
        float exact = (float)(1 / sqrt((double)tokens));
        uint8_t byte = similarity_norm_byte(tokens);
        if (similarity_norm(byte) > exact || similarity_norm((uint8_t)(byte + 1)) <= exact)
            fail_msg("%u tokens: byte %u", tokens, byte);
    }
}

static void test_min_match(void **state)
{
    (void)state;
    static const uint32_t least[][2] = {
        { 1, 1 },    { 2, 1 },    { 3, 1 },        { 6, 1 },
        { 7, 2 },    { 9, 2 },    { 10, 3 },       { 13, 3 },
        { 14, 4 },   { 20, 6 },   { 33, 9 },       { 34, 10 },
        { 100, 30 }, { 200, 60 }, { 30000, 9000 }, { UINT32_MAX, 1288490188 },
    };
    for (size_t i = 0; i < COUNT_OF(least); i++)
        assert_int_equal(similarity_min_match(least[i][0]), least[i][1]);
}

static void test_idf(void **state)
{
    (void)state;
    static const struct {
        uint32_t reports, df;
        double idf;
    } idfs[] = {
        { 1, 1, 0.30685281944005469 },  { 2, 1, 1.0 },
        { 10, 4, 1.6931471805599453 },  { 100, 99, 1.0 },
        { 100, 0, 5.6051701859880914 }, { 1000000, 1, 14.122363377404326 },
        { 3, 3, 0.71231792754821912 },
    };
    for (size_t i = 0; i < COUNT_OF(idfs); i++)
        if (fabs(similarity_idf(idfs[i].reports, idfs[i].df) - idfs[i].idf) > 1e-14)
            fail_msg("%u of %u reports: %.17g", idfs[i].df, idfs[i].reports,
                     similarity_idf(idfs[i].reports, idfs[i].df));
}

static void test_parts_and_score(void **state)
{
    (void)state;
    assert_true(similarity_part(4, 3.0, 120) == 2 * 9 * 0.5);
    assert_true(similarity_part(1, 2.0, 124) == 4.0);
    assert_true(similarity_part(7, 2.0, 0) == 0.0);
    assert_true(similarity_score(9.0, 0.5, 3, 4) == 3.375f);
    assert_true(similarity_choice(3, 0.1) == 3.0f * 0.1f); /* in single precision throughout */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm_table),
        cmocka_unit_test(test_norm_of_each_byte),
        cmocka_unit_test(test_norm_rounds_down),
        cmocka_unit_test(test_min_match),
        cmocka_unit_test(test_idf),
        cmocka_unit_test(test_parts_and_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
