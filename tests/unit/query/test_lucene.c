/* The Lucene syntax: what each query means, where bad ones are bad, and that a tree that is written
 * out reads back as the same tree. */
#include "lucene_print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARENA_BYTES (64u << 20)

/* A tree in a notation of its own, so that lucene_print is not judged by itself:
 *
 *     all   nothing   {+must should -not}   word   "a b"~3   wild(pa*)   fuzzy(text,2)
 *     range[low,high}   field:...   ...^2
 */
static void dump(const struct lucene_query *q, struct buf *out)
{
    if (q->field.len > 0)
        buf_printf(out, "%.*s:", STR_ARG(q->field));
    switch (q->type) {
    case LUCENE_ALL:
        buf_str(out, STR("all"));
        break;
    case LUCENE_NOTHING:
        buf_str(out, STR("nothing"));
        break;
    case LUCENE_BOOLEAN:
        buf_char(out, '{');
        for (const struct lucene_query *c = q->first; c; c = c->next) {
            buf_str(out, str_from_c(c->occur == LUCENE_MUST ? "+" : ""));
            buf_str(out, str_from_c(c->occur == LUCENE_MUST_NOT ? "-" : ""));
            dump(c, out);
            buf_str(out, str_from_c(c->next ? " " : ""));
        }
        buf_char(out, '}');
        break;
    case LUCENE_TERM:
        buf_str(out, q->text);
        break;
    case LUCENE_PHRASE:
        for (size_t i = 0; i < q->token_count; i++)
            buf_printf(out, "%s%.*s", i ? " " : "\"", STR_ARG(q->tokens[i]));
        buf_printf(out, q->slop ? "\"~%u" : "\"", q->slop);
        break;
    case LUCENE_WILDCARD:
        buf_printf(out, "wild(%.*s)", STR_ARG(q->text));
        break;
    case LUCENE_FUZZY:
        buf_printf(out, "fuzzy(%.*s,%.9g)", STR_ARG(q->text), q->fuzziness);
        break;
    case LUCENE_RANGE:
        buf_printf(out, "range%c%.*s,%.*s%c", q->include_low ? '[' : '{', STR_ARG(q->low),
                   STR_ARG(q->high), q->include_high ? ']' : '}');
        break;
    }
    if (q->boost < 1 || q->boost > 1)
        buf_printf(out, "^%.9g", q->boost);
}

static struct str dumped(const struct lucene_query *q, struct arena *a)
{
    struct buf b;
    struct str s = { 0 };
    buf_init(&b, 16 << 20);
    dump(q, &b);
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &s));
    buf_done(&b);
    return s;
}

static struct str printed(const struct lucene_query *q, struct arena *a)
{
    struct buf b;
    struct str s = { 0 };
    buf_init(&b, 16 << 20);
    lucene_print(q, &b);
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &s));
    buf_done(&b);
    return s;
}

/* Prints and parses: the tree must be the same. */
static void check_round_trip(const struct lucene_query *q, struct arena *a)
{
    struct str want = dumped(q, a), text = printed(q, a);
    const struct lucene_query *again;
    struct err e = { 0 };
    if (!lucene_parse(&again, text, a, &e))
        fail_msg("%s was printed as %s, which is refused: %s", want.ptr, text.ptr, e.msg);
    if (!str_eq(dumped(again, a), want))
        fail_msg("%s was printed as %s, which is %s", want.ptr, text.ptr, dumped(again, a).ptr);
}

/* clang-format off */
static const struct {
    const char *query, *want;
} good[] = {
    /* Terms and how they are cut. */
    { "main", "main" },
    { "  main\t", "main" },
    { "CamelCaseThing", "{+Camel +Case +Thing}" },
    { "f:CamelCase^3", "{+f:Camel +f:Case}^3" },
    { "g_main_loop_run", "{+g +main +loop +run}" },
    { "0xff99cd48", "{+0 +xff +99 +cd +48}" },
    { "/usr/lib/libc.so", "{+usr +lib +libc +so}" },
    { "don't", "{+don +t}" },
    { "a+b", "{+a +b}" },
    { "a-b", "{+a +b}" },
    { "a&&b", "{+a +b}" },
    { "a||b", "{+a +b}" },
    { "a&b", "{+a +b}" },
    { "ANDROID", "ANDROID" },
    { "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9" },
    { "a\xe3\x80\x80" "b", "{+a +b}" },
    { "a\n b\r\tc", "{+a +b +c}" },
    /* Nothing is left of these. */
    { "\"\"", "nothing" },
    { "...", "nothing" },
    { "f:\"--\"", "nothing" },
    { "( ... )", "nothing" },
    { "(... $ AND %)^2", "nothing" },
    { "- ", "nothing" },
    { "... a", "{+a}" },
    { "a ...", "a" },
    { "a OR ...", "a" },
    { "... OR a", "{a}" },
    { "a b OR ...", "{+a b}" },
    { "a AND ... OR b", "{a b}" },
    { "a - b", "{+a +b}" },
    { "+ a", "{+a}" },
    /* Fields. */
    { "function:main", "function:main" },
    { "stacktrace.function:main", "stacktrace.function:main" },
    { "f : a", "f:a" },
    { "f:a b", "{+f:a +b}" },
    { "f:(a b)", "{+f:a +f:b}" },
    { "f:(a OR g:b c)", "{f:a g:b +f:c}" },
    { "f:\"a b\"", "f:\"a b\"" },
    { "a\\:b:c", "a:b:c" },
    { "a\\ b:c", "a b:c" },
    { "f:((a) (b))", "{+f:a +f:b}" },
    { "*:a", "a" },
    { "f:(a *:b)", "{+f:a +b}" },
    { "\\u0066:a", "f:a" },
    { "NOTE:a", "NOTE:a" },
    { "date:2016-11-03", "date:2016-11-03" },
    { "date:\"2016-11-03 10:00\"", "date:2016-11-03 10:00" },
    { "date:\"\" a", "{+a}" },
    { "date:3-days-ago", "date:3-days-ago" },
    /* Everything, and whether a field is there. */
    { "*", "all" },
    { "*:*", "all" },
    { "* : *^2", "all^2" },
    { "f:*", "f:wild(*)" },
    { "f:(*)", "f:wild(*)" },
    { "f:(*:*)", "all" },
    { "a *", "{+a +all}" },
    { "*~2", "all" },
    /* Wildcards. */
    { "ma*", "wild(ma*)" },
    { "*in", "wild(*in)" },
    { "?ain", "wild(?ain)" },
    { "m?i*n", "wild(m?i*n)" },
    { "**", "wild(**)" },
    { "f:Gtk*^2", "f:wild(Gtk*)^2" },
    { "a\\*b*", "wild(a\\*b*)" },
    { "a\\\\*", "wild(a\\\\*)" },
    { "a\\:*", "wild(a:*)" },
    { "\\u0041\\u002a*", "wild(A\\**)" },
    { "ab*~1", "wild(ab*)" },
    { "a*b c", "{+wild(a*b) +c}" },
    { "a-*", "wild(a-*)" },
    { "AND*", "wild(AND*)" },
    /* Escapes. */
    { "\\AND", "AND" },
    { "a\\ b", "{+a +b}" },
    { "\\u0041bc", "Abc" },
    { "\\(a\\)", "a" },
    { "\\\\", "nothing" },
    { "\\\"a", "a" },
    { "\"a \\\" b\"", "\"a b\"" },
    { "\"a\\\\\"", "a" },
    { "\\ud801\\udc00\\ud801\\udc28", "\xf0\x90\x90\x80\xf0\x90\x90\xa8" },
    { "a\\ud801b", "{+a +b}" },
    { "\\u00e9", "\xc3\xa9" },
    { "x*\\u20ac", "wild(x*\xe2\x82\xac)" },
    /* Phrases. */
    { "\"a b\"", "\"a b\"" },
    { "\"main\"", "main" },
    { "\"CamelCase\"", "\"Camel Case\"" },
    { "\"a b\"~5", "\"a b\"~5" },
    { "\"a b\" ~5^2", "\"a b\"~5^2" },
    { "\"a b\"~", "\"a b\"" },
    { "\"a b\"~1.9", "\"a b\"~1" },
    { "\"a b\"~99999999999", "\"a b\"~2147483647" },
    { "\"a b\"^0.5", "\"a b\"^0.5" },
    { "\"a AND b\"", "\"a AND b\"" },
    { "\"a*\"", "a" },
    { "\"a\"\"b\"", "{+a +b}" },
    { "a\"b\"c", "{+a +b +c}" },
    /* Fuzzy terms. */
    { "main~", "fuzzy(main,2)" },
    { "main~1", "fuzzy(main,1)" },
    { "main~2", "fuzzy(main,2)" },
    { "main~9", "fuzzy(main,2)" },
    { "main~0", "fuzzy(main,0)" },
    { "main~0.5", "fuzzy(main,0.5)" },
    { "main~0.80", "fuzzy(main,0.800000012)" },
    { "main~1.0", "fuzzy(main,1)" },
    { "main~.5", "{+fuzzy(main,2) +5}" },
    { "main~1^2", "fuzzy(main,1)^2" },
    { "main^2~1", "fuzzy(main,1)^2" },
    { "main~2^2~1", "fuzzy(main,1)^2" },
    { "f:CamelCase~", "f:fuzzy(CamelCase,2)" },
    { "a ~", "fuzzy(a,2)" },
    { "a~b", "{+fuzzy(a,2) +b}" },
    { "\\~~", "fuzzy(~,2)" },
    { "- ~1", "fuzzy(-,1)" },
    /* Ranges. */
    { "[a TO b]", "range[a,b]" },
    { "{a TO b}", "range{a,b}" },
    { "[a TO b}", "range[a,b}" },
    { "{a TO b]", "range{a,b]" },
    { "f:[a TO *]", "f:range[a,]" },
    { "f:{* TO b}", "f:range{,b}" },
    { "[* TO *]", "range[,]" },
    { "[\\* TO \"*\"]", "range[*,*]" },
    { "[\"a b\" TO \"c\\\"d\"]", "range[a b,c\"d]" },
    { "[a b]", "range[a,b]" },
    { "[ a  TO  b ]^2", "range[a,b]^2" },
    { "[\"TO\" TO \"TO\"]", "range[TO,TO]" },
    { "[\"\" TO \"a\"b]", "range[\"\",\"a\"b]" },
    { "[a:(+ TO \\u0062]", "range[a:(+,b]" },
    { "[2007-06-18 TO 2007-06-19}", "range[2007-06-18,2007-06-19}" },
    { "date:[2016-01 TO 2017]", "date:range[2016-01,2017]" },
    { "f:([a TO b] OR c)", "{f:range[a,b] f:c}" },
    /* Boosts. */
    { "a^2", "a^2" },
    { "a^0", "a^0" },
    { "a^0.25 b", "{+a^0.25 +b}" },
    { "a ^2", "a^2" },
    { "a^2b", "{+a^2 +b}" },
    { "a^2.", "a^2" },
    { "(a b)^4", "{+a +b}^4" },
    { "(a^2)^3", "a^3" },
    { "(a)^2", "a^2" },
    { "((a b)^2)^3 c", "{+{+a +b}^3 +c}" },
    /* AND, OR, NOT, + and -: QueryParserBase.addClause, with AND as default operator. */
    { "a b", "{+a +b}" },
    { "a AND b", "{+a +b}" },
    { "a && b", "{+a +b}" },
    { "a &&b", "{+a +b}" },
    { "a OR b", "{a b}" },
    { "a || b", "{a b}" },
    { "a || !b", "{a -b}" },
    { "a AND b OR c", "{+a b c}" },
    { "a OR b AND c", "{a +b +c}" },
    { "a OR b c", "{a b +c}" },
    { "a b OR c", "{+a b c}" },
    { "a OR b OR c", "{a b c}" },
    { "(a OR b) AND c", "{+{a b} +c}" },
    { "a AND (b OR c)", "{+a +{b c}}" },
    { "+a OR b", "{a b}" },
    { "a OR +b", "{a b}" },
    { "+a -b", "{+a -b}" },
    { "-a OR b", "{-a b}" },
    { "-a AND b", "{-a +b}" },
    { "NOT a", "{-a}" },
    { "!a", "{-a}" },
    { "! a", "{+a}" },
    { "a!b", "{+a -b}" },
    { "a NOT b", "{+a -b}" },
    { "a AND NOT b", "{+a -b}" },
    { "a AND -b OR c", "{+a -b c}" },
    { "-(a b)", "{-{+a +b}}" },
    { "(-a)", "{-a}" },
    { "b (-a)", "{+b +{-a}}" },
    { "((a))", "a" },
    { "(+a)", "{+a}" },
    { "+CamelCase -f:x*", "{+{+Camel +Case} -f:wild(x*)}" },
    { "a AND b AND c NOT d", "{+a +b +c -d}" },
};

static const struct {
    const char *query;
    enum err_code code;
    uint64_t position;
} bad[] = {
    { "", ERR_INPUT, 0 },
    { "   ", ERR_INPUT, 3 },
    { "(", ERR_INPUT, 1 },
    { "(a", ERR_INPUT, 2 },
    { "a (b c", ERR_INPUT, 6 },
    { "()", ERR_INPUT, 1 },
    { ")", ERR_INPUT, 0 },
    { "a)", ERR_INPUT, 1 },
    { "a) b", ERR_INPUT, 1 },
    { "(a))", ERR_INPUT, 3 },
    { "AND", ERR_INPUT, 0 },
    { "AND a", ERR_INPUT, 0 },
    { "a AND", ERR_INPUT, 5 },
    { "a OR  ", ERR_INPUT, 6 },
    { "a OR OR b", ERR_INPUT, 5 },
    { "a && || b", ERR_INPUT, 5 },
    { "NOT", ERR_INPUT, 3 },
    { "a NOT NOT b", ERR_INPUT, 6 },
    { "+", ERR_INPUT, 1 },
    { "a -", ERR_INPUT, 3 },
    { "+-a", ERR_INPUT, 1 },
    { "!!a", ERR_INPUT, 1 },
    { "f:", ERR_INPUT, 2 },
    { ":a", ERR_INPUT, 0 },
    { "f::a", ERR_INPUT, 2 },
    { "f:g:a", ERR_INPUT, 3 },
    { "f:-a", ERR_INPUT, 2 },
    { "f:AND", ERR_INPUT, 2 },
    { "f*:a", ERR_INPUT, 2 },
    { "\"a\":b", ERR_INPUT, 3 },
    { "\"a", ERR_INPUT, 0 },
    { "a \"b c", ERR_INPUT, 2 },
    { "\"a\\\"", ERR_INPUT, 0 },
    { "a\"", ERR_INPUT, 1 },
    { "^2", ERR_INPUT, 0 },
    { "a^", ERR_INPUT, 2 },
    { "a^b", ERR_INPUT, 2 },
    { "a^ 2", ERR_INPUT, 2 },
    { "a^-1", ERR_INPUT, 2 },
    { "a^2^3", ERR_INPUT, 3 },
    { "a^9999999999999999999999999999999999999999", ERR_INPUT, 1 },
    { "~2", ERR_INPUT, 0 },
    { "a~1~2", ERR_INPUT, 3 },
    { "main~1.5", ERR_INPUT, 4 },
    { "(a)~2", ERR_INPUT, 3 },
    { "[a TO b]~2", ERR_INPUT, 8 },
    { "\"a b\"^2~1", ERR_INPUT, 7 },
    { "[", ERR_INPUT, 1 },
    { "[a TO", ERR_INPUT, 5 },
    { "[a TO b", ERR_INPUT, 7 },
    { "[a]", ERR_INPUT, 2 },
    { "[]", ERR_INPUT, 1 },
    { "[TO TO b]", ERR_INPUT, 1 },
    { "[a TO TO]", ERR_INPUT, 6 },
    { "[a TO]", ERR_INPUT, 5 },
    { "f:[a TO b c]", ERR_INPUT, 10 },
    { "]", ERR_INPUT, 0 },
    { "a }", ERR_INPUT, 2 },
    { "a\\", ERR_INPUT, 1 },
    { "\\", ERR_INPUT, 0 },
    { "[a\\ TO b]", ERR_INPUT, 2 },
    { "ab\\u12", ERR_INPUT, 2 },
    { "\\u12g4", ERR_INPUT, 0 },
    { "\"x \\u12\"", ERR_INPUT, 3 },
    { "w*\\uzzzz", ERR_INPUT, 2 },
    { "f\\u1:a", ERR_INPUT, 1 },
};
/* clang-format on */

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        const struct lucene_query *q;
        struct err e = { 0 };
        if (!lucene_parse(&q, str_from_c(good[i].query), a, &e))
            fail_msg("%s: %s", good[i].query, e.msg);
        if (!str_eq(dumped(q, a), str_from_c(good[i].want)))
            fail_msg("%s: %s instead of %s", good[i].query, dumped(q, a).ptr, good[i].want);
        check_round_trip(q, a);
    }
}

static void check_refused(const char *name, struct str text, enum err_code code, uint64_t position)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct lucene_query *q;
    struct err e = { 0 };
    char want[40];
    if (lucene_parse(&q, text, a, &e))
        fail_msg("%s: taken as %s", name, dumped(q, a).ptr);
    snprintf(want, sizeof want, "at position %d", (int)position);
    size_t n = strlen(e.msg), m = strlen(want);
    assert_string_equal(e.word, "bad_query");
    if (e.code != code || e.offset != position || n < m || strcmp(e.msg + n - m, want) != 0)
        fail_msg("%s: code %d, offset %d, not %d: %s", name, (int)e.code, (int)e.offset,
                 (int)position, e.msg);
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(bad[i].query, str_from_c(bad[i].query), bad[i].code, bad[i].position);
}

static struct str repeated(const char *unit, size_t times, const char *tail, struct buf *b)
{
    buf_init(b, 1 << 20);
    for (size_t i = 0; i < times; i++)
        buf_str(b, str_from_c(unit));
    buf_str(b, str_from_c(tail));
    assert_true(buf_ok(b));
    return buf_view(b);
}

static void test_limits(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct buf b;
    const struct lucene_query *q;
    struct err e = { 0 };
    check_refused("too deep", repeated("(", 65, "", &b), ERR_LIMIT, 64);
    buf_done(&b);
    repeated("(", 64, "a", &b);
    for (int i = 0; i < 64; i++)
        buf_char(&b, ')');
    assert_true(lucene_parse(&q, buf_view(&b), a, &e));
    buf_done(&b);
    /* Each clause is one, and so is the query around them. */
    assert_true(lucene_parse(&q, repeated("a ", 1023, "", &b), a, &e));
    buf_done(&b);
    check_refused("too many clauses", repeated("a ", 1024, "", &b), ERR_LIMIT, 2048);
    buf_done(&b);
    check_refused("too many words in a phrase", repeated("a.", 1024, "b", &b), ERR_LIMIT, 2049);
    buf_done(&b);
    assert_false(lucene_parse(&q, repeated("x", LUCENE_TEXT_MAX, "x", &b), a, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    buf_done(&b);
}

static void test_memory(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 10);
    const struct lucene_query *q;
    struct buf b;
    struct err e = { 0 };
    assert_false(lucene_parse(&q, repeated("a ", 500, "", &b), a, &e));
    assert_int_equal(e.code, ERR_NOMEM);
    buf_done(&b);
}

/* Random trees of the shape that the parser makes. */

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static struct str pick(const char *const *from, uint32_t n)
{
    return str_from_c(from[rnd(n)]);
}

static const char *const words[] = { "a", "main", "AND", "OR", "NOT", "TO", "42", "\xc3\xa9" };
static const char *const texts[] = { "a",  "*",   "a b",  "TO", "\"",           "a\"b", "\\",
                                     "]}", "+-&", "\t\n", "~^", "\xe3\x80\x80", "AND" };
static const char *const patterns[] = { "a*", "?", "*a\\*", "\\\\?", "- *", "?:(", "**", "AND*" };
static const char *const fields[] = { "", "", "f", "a.b", "x y", "AND", "*", "a:b", "\\u" };
static const double numbers[] = { 1, 1, 2, 0, 0.5, (double)0.1f, (double)1e-20f, (double)1e30f };

static void random_leaf(struct lucene_query *q, struct arena *a)
{
    static const enum lucene_type types[] = { LUCENE_ALL,   LUCENE_TERM,     LUCENE_PHRASE,
                                              LUCENE_FUZZY, LUCENE_WILDCARD, LUCENE_RANGE };
    q->type = types[rnd(6)];
    if (q->type != LUCENE_ALL)
        q->field = pick(fields, 9);
    if (q->type == LUCENE_TERM)
        q->text = pick(words, 8);
    if (q->type == LUCENE_WILDCARD)
        q->text = pick(patterns, 8);
    if (q->type == LUCENE_FUZZY) {
        q->text = pick(texts, 13);
        q->fuzziness = (double[]){ 0, (double)0.3f, 1, 2 }[rnd(4)];
    }
    if (q->type == LUCENE_PHRASE) {
        q->token_count = 2 + rnd(3);
        struct str *tokens = arena_array(a, q->token_count, sizeof *tokens);
        assert_non_null(tokens);
        for (size_t i = 0; i < q->token_count; i++)
            tokens[i] = pick(words, 8);
        q->tokens = tokens;
        q->slop = rnd(3);
    }
    if (q->type == LUCENE_RANGE) {
        q->low = rnd(4) ? pick(texts, 13) : (struct str){ 0 };
        q->high = rnd(4) ? pick(texts, 13) : (struct str){ 0 };
        q->include_low = rnd(2);
        q->include_high = rnd(2);
    }
}

static struct lucene_query *random_tree(int depth, struct arena *a)
{
    struct lucene_query *q = arena_zalloc(a, sizeof *q);
    assert_non_null(q);
    q->boost = numbers[rnd(8)];
    if (depth == 0 || rnd(3) == 0) {
        random_leaf(q, a);
        return q;
    }
    q->type = LUCENE_BOOLEAN;
    struct lucene_query **tail = &q->first;
    for (uint32_t n = 1 + rnd(5); n > 0; n--) {
        *tail = random_tree(depth - 1, a);
        (*tail)->occur = (enum lucene_occur)rnd(3);
        tail = &(*tail)->next;
    }
    return q;
}

static void test_random_trees(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 20000; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        seed = i; /* the failing tree's number, for its dump is in the message */
        check_round_trip(random_tree((int)rnd(5), a), a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),         cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_memory),
        cmocka_unit_test(test_random_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
