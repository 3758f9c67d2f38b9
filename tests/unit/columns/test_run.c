/* test_run.c - queries over a table of eight rows: every operator, fold, order, having and virtual
 * column, and every refusal. */
#include "columns/run.h"
#include "run_print.h"

#include "unit/cmocka_all.h"

#define ARENA_BYTES (64u << 20)

struct fixture {
    struct columns *columns;
    const struct columns_view *view;
};

static struct named_cell text(const char *name, const char *s)
{
    return (struct named_cell){ str_from_c(name), { .type = CELL_STRING, .s = { s, strlen(s) } } };
}
static struct named_cell number(const char *name, uint64_t u)
{
    return (struct named_cell){ str_from_c(name), { .type = CELL_UINT, .u = u } };
}
static struct named_cell whole(const char *name, int64_t i)
{
    return (struct named_cell){ str_from_c(name), { .type = CELL_INT, .i = i } };
}
static struct named_cell real(const char *name, double d)
{
    return (struct named_cell){ str_from_c(name), { .type = CELL_DOUBLE, .d = d } };
}
static struct named_cell truth(const char *name, bool b)
{
    return (struct named_cell){ str_from_c(name), { .type = CELL_BOOL, .b = b } };
}

static void put(struct columns *c, enum table_kind kind, uint64_t key,
                const struct named_cell *cells, size_t count)
{
    struct err e;
    size_t left_out = 0;
    assert_true(columns_put(c, STR("p"), kind, key, cells, count, &left_out, &e));
    assert_int_equal(left_out, 0);
}

/* Key: host, size, delta, load, debug, fingerprint, timestamp; what is not named is unset. */
static void put_rows(struct columns *c)
{
#define ROW(key, ...)                                                                              \
    do {                                                                                           \
        const struct named_cell cells[] = { __VA_ARGS__ };                                         \
        put(c, TABLE_OBJECTS, key, cells, COUNT_OF(cells));                                        \
    } while (0)
    ROW(1, text("host", "alpha"), number("size", 10), whole("delta", -5), real("load", 0.5),
        truth("debug", true), text("fingerprint", "f1"), number("timestamp", 1700000000));
    ROW(2, text("host", "beta"), number("size", 20), whole("delta", 7), real("load", -1.5),
        truth("debug", false), text("fingerprint", "f2"), number("timestamp", 1700086400));
    ROW(3, text("host", "Alpha"), number("size", UINT64_MAX), whole("delta", INT64_MIN),
        text("fingerprint", "f1"), number("timestamp", 1710000000));
    ROW(4, text("host", "gamma"), number("size", 10), truth("debug", true),
        text("fingerprint", "f3"), number("timestamp", 1690000000));
    ROW(5, text("host", "beta"), real("load", 2.25), text("fingerprint", "f1"),
        number("timestamp", 1699999999));
    ROW(6, number("size", 30), whole("delta", 0), real("load", 0.5), truth("debug", false));
    ROW(7, text("host", "gone"), number("size", 99));
    ROW(8, text("host", "\xc3\x84pfel"), number("size", 9007199254740993u),
        whole("delta", INT64_MAX), real("load", 1e300), text("fingerprint", "f2"),
        number("timestamp", 1731000000));
#undef ROW
}

static int set_up(void **state)
{
    static struct fixture f;
    static const uint64_t gone = 7;
    struct err e;
    const struct named_cell of_f1[] = { text("fingerprint", "f1"), text("state", "open"),
                                        number("votes", 3) };
    const struct named_cell of_f2[] = { text("fingerprint", "f2"), text("state", "muted"),
                                        truth("seen", true) };
    const struct named_cell of_other[] = { text("fingerprint", "f9"), text("state", "lost") };
    assert_true(columns_new(&f.columns, COLUMNS_MAX_DEFAULT, &e));
    put_rows(f.columns);
    put(f.columns, TABLE_ISSUES, 1, of_f1, COUNT_OF(of_f1));
    put(f.columns, TABLE_ISSUES, 2, of_f2, COUNT_OF(of_f2));
    put(f.columns, TABLE_ISSUES, 3, of_other, COUNT_OF(of_other));
    assert_true(columns_remove(f.columns, STR("p"), TABLE_OBJECTS, &gone, 1, &e));
    columns_publish(f.columns);
    f.view = columns_acquire(f.columns);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    columns_release(f->columns, f->view);
    columns_free(f->columns);
    return 0;
}

/* The outcome as text; or "! " and the message. */
static void answer(const struct fixture *f, const char *json, struct str project, struct buf *out)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct run_limits limits = { .until_us = INT64_MAX };
    const struct json *body;
    struct ask q;
    struct outcome o;
    struct err e = { 0 };
    struct json_limits json_limits = { .depth = 32, .nodes = 10000 };
    assert_true(json_parse(&body, str_from_c(json), json_limits, a, &e));
    buf_reset(out);
    if (!ask_read(&q, body, a, &e)) {
        fail_msg("%s: %s", json, e.msg);
    } else if (run_ask(&q, f->view, project, &limits, a, &o, &e)) {
        run_print(&q, &o, out);
        assert_int_equal(o.newest, str_eq(project, STR("p")) ? 8 : 0);
    } else {
        assert_int_not_equal(e.code, ERR_NONE);
        buf_printf(out, "! %s", e.msg);
    }
    buf_char(out, '\0');
    assert_true(buf_ok(out));
}

struct case_of {
    const char *ask, *want;
};

static void run_cases(const struct fixture *f, const char *frame, const struct case_of *cases,
                      size_t count)
{
    struct buf json, got;
    int failed = 0;
    buf_init(&json, 1 << 16);
    buf_init(&got, 1 << 16);
    for (size_t i = 0; i < count; i++) {
        buf_reset(&json);
        for (const char *p = frame; *p; p++) {
            if (*p == '@')
                buf_str(&json, str_from_c(cases[i].ask));
            else
                buf_char(&json, *p);
        }
        buf_char(&json, '\0');
        answer(f, json.ptr, STR("p"), &got);
        if (strcmp(got.ptr, cases[i].want) != 0) {
            print_error("%s\n  got  %s\n  want %s\n", json.ptr, got.ptr, cases[i].want);
            failed++;
        }
    }
    buf_done(&json);
    buf_done(&got);
    assert_int_equal(failed, 0);
}

static void test_filters(void **state)
{
    static const struct case_of cases[] = {
        /* texts */
        { "{\"host\":[[\"equal\",\"beta\"]]}", "2: | 5:" },
        { "{\"host\":[[\"equal\",\"nowhere\"]]}", "" },
        { "{\"host\":[[\"not-equal\",\"beta\"]]}", "1: | 3: | 4: | 6: | 8:" },
        { "{\"host\":[[\"not-equal\",\"nowhere\"]]}", "1: | 2: | 3: | 4: | 5: | 6: | 8:" },
        { "{\"host\":[[\"equal\",\"ALPHA\",{\"case_insensitive\":true}]]}", "1: | 3:" },
        { "{\"host\":[[\"equal\",\"\xc3\xa4PFEL\",{\"case_insensitive\":true}]]}", "8:" },
        { "{\"host\":[[\"equal\",\"\xc3\xa4pfe\",{\"case_insensitive\":true}]]}", "" },
        { "{\"host\":[[\"not-equal\",\"ALPHA\",{\"case_insensitive\":true}]]}",
          "2: | 4: | 5: | 6: | 8:" },
        { "{\"host\":[[\"contains\",\"amm\"]]}", "4:" },
        { "{\"host\":[[\"contains\",\"\"]]}", "1: | 2: | 3: | 4: | 5: | 8:" },
        { "{\"host\":[[\"contains\",\"LPH\",{\"case_insensitive\":true}]]}", "1: | 3:" },
        { "{\"host\":[[\"contains\",\"\xc3\xa4P\",{\"case_insensitive\":true}]]}", "8:" },
        { "{\"host\":[[\"not-contains\",\"a\"]]}", "6: | 8:" },
        { "{\"host\":[[\"regular-expression\",\"^[ab]\"]]}", "1: | 2: | 5:" },
        { "{\"host\":[[\"regular-expression\",\"^.pfel$\"]]}", "8:" },
        { "{\"host\":[[\"regular-expression\",\"^ALPHA$\",{\"case_insensitive\":true}]]}",
          "1: | 3:" },
        { "{\"host\":[[\"inverse-regular-expression\",\"a$\"]]}", "6: | 8:" },
        { "{\"host\":[[\"at-least\",\"beta\"]]}", "2: | 4: | 5: | 8:" },
        { "{\"host\":[[\"greater-than\",\"beta\"]]}", "4: | 8:" },
        { "{\"host\":[[\"at-most\",\"alpha\"]]}", "1: | 3:" },
        { "{\"host\":[[\"less-than\",\"alpha\"]]}", "3:" },
        { "{\"host\":[[\"is-set\"]]}", "1: | 2: | 3: | 4: | 5: | 8:" },
        { "{\"host\":[[\"is-not-set\"]]}", "6:" },
        /* whole numbers */
        { "{\"size\":[[\"equal\",10]]}", "1: | 4:" },
        { "{\"size\":[[\"equal\",\"10.\"]]}", "1: | 4:" },
        { "{\"size\":[[\"equal\",\"0xa\"]]}", "1: | 4:" },
        { "{\"size\":[[\"equal\",\"ten\"]]}", "" },
        { "{\"size\":[[\"not-equal\",\"ten\"]]}", "1: | 2: | 3: | 4: | 5: | 6: | 8:" },
        { "{\"size\":[[\"equal\",10.5]]}", "" },
        { "{\"size\":[[\"not-equal\",10]]}", "2: | 3: | 5: | 6: | 8:" },
        { "{\"size\":[[\"greater-than\",10.5]]}", "2: | 3: | 6: | 8:" },
        { "{\"size\":[[\"at-least\",\"18446744073709551615\"]]}", "3:" },
        { "{\"size\":[[\"greater-than\",18446744073709551615]]}", "" },
        { "{\"size\":[[\"greater-than\",9007199254740992]]}", "3: | 8:" },
        { "{\"size\":[[\"greater-than\",9007199254740993]]}", "3:" },
        { "{\"size\":[[\"at-least\",-1]]}", "1: | 2: | 3: | 4: | 6: | 8:" },
        { "{\"size\":[[\"less-than\",0]]}", "" },
        { "{\"size\":[[\"at-least\",10],[\"at-most\",20]]}", "1: | 2: | 4:" },
        { "{\"size\":[[\"is-not-set\"]]}", "5:" },
        { "{\"delta\":[[\"less-than\",0]]}", "1: | 3:" },
        { "{\"delta\":[[\"at-most\",-5.5]]}", "3:" },
        { "{\"delta\":[[\"at-least\",1e30]]}", "" },
        { "{\"delta\":[[\"at-most\",1e30]]}", "1: | 2: | 3: | 6: | 8:" },
        { "{\"delta\":[[\"equal\",\"9223372036854775807\"]]}", "8:" },
        { "{\"delta\":[[\"at-most\",-9223372036854775808]]}", "3:" },
        { "{\"delta\":[[\"at-most\",-9223372036854775808.0]]}", "3:" },
        { "{\"delta\":[[\"equal\",\"-922337203685477580.8e1\"]]}", "3:" },
        { "{\"delta\":[[\"at-most\",-9223372036854775808.5]]}", "" },
        { "{\"delta\":[[\"less-than\",-9223372036854775807.5]]}", "3:" },
        { "{\"delta\":[[\"at-most\",-9223372036854775809]]}", "" },
        { "{\"delta\":[[\"equal\",\"-9223372036854775809\"]]}", "" },
        { "{\"delta\":[[\"greater-than\",-9223372036854775809]]}", "1: | 2: | 3: | 6: | 8:" },
        { "{\"delta\":[[\"less-than\",9223372036854775807.5]]}", "1: | 2: | 3: | 6: | 8:" },
        { "{\"delta\":[[\"at-least\",\"9223372036854775806.5\"]]}", "8:" },
        { "{\"delta\":[[\"at-least\",9223372036854775807.5]]}", "" },
        { "{\"delta\":[[\"at-least\",1e-300],[\"at-most\",70000e-4]]}", "2:" },
        { "{\"delta\":[[\"less-than\",-0.0]]}", "1: | 3:" },
        { "{\"delta\":[[\"greater-than\",-1e-300]]}", "2: | 6: | 8:" },
        { "{\"delta\":[[\"greater-than\",-12e200]]}", "1: | 2: | 3: | 6: | 8:" },
        { "{\"size\":[[\"at-most\",9007199254740993.5],[\"at-least\",9007199254740992.5]]}", "8:" },
        { "{\"size\":[[\"at-least\",9007199254740993.5]]}", "3:" },
        { "{\"size\":[[\"less-than\",18446744073709551615.5],[\"greater-than\",30]]}", "3: | 8:" },
        { "{\"size\":[[\"at-least\",18446744073709551615.5]]}", "" },
        { "{\"size\":[[\"at-least\",0.000000000000000000001e22],[\"less-than\",11]]}", "1: | 4:" },
        /* others */
        { "{\"load\":[[\"equal\",0.5]]}", "1: | 6:" },
        { "{\"load\":[[\"greater-than\",0.5]]}", "5: | 8:" },
        { "{\"load\":[[\"less-than\",\"0.5\"]]}", "2:" },
        { "{\"load\":[[\"not-equal\",0.5]]}", "2: | 3: | 4: | 5: | 8:" },
        { "{\"debug\":[[\"equal\",true]]}", "1: | 4:" },
        { "{\"debug\":[[\"equal\",\"1\"]]}", "1: | 4:" },
        { "{\"debug\":[[\"equal\",\"maybe\"]]}", "" },
        { "{\"debug\":[[\"not-equal\",\"true\"]]}", "2: | 3: | 5: | 6: | 8:" },
        { "{\"_tx\":[[\"equal\",\"3\"]]}", "3:" },
        { "{\"_tx\":[[\"at-most\",3]],\"host\":[[\"contains\",\"lpha\"]]}", "1: | 3:" },
        { "{\"object\":[[\"greater-than\",\"0x5\"]]}", "6: | 8:" },
        { "{\"object\":[[\"is-not-set\"]]}", "" },
        /* what rows of one fingerprint share */
        { "{\"fingerprint;first_seen\":[[\"equal\",1699999999]]}", "1: | 3: | 5:" },
        { "{\"fingerprint;first_seen\":[[\"is-not-set\"]]}", "6:" },
        { "{\"fingerprint;issues;state\":[[\"equal\",\"muted\"]]}", "2: | 8:" },
        { "{\"fingerprint;issues;state\":[[\"not-equal\",\"muted\"]]}", "1: | 3: | 4: | 5: | 6:" },
        { "{\"fingerprint;issues;state\":[[\"equal\",\"lost\"]]}", "" },
        { "{\"fingerprint;issues;votes\":[[\"at-least\",3]]}", "1: | 3: | 5:" },
        { "{\"fingerprint;issues;seen\":[[\"equal\",true]]}", "2: | 8:" },
        { "{\"fingerprint;issues;ticket\":[[\"is-set\"]]}", "" },
        /* standard attributes that no row has */
        { "{\"hostname\":[[\"equal\",\"x\"]]}", "" },
        { "{\"hostname\":[[\"not-contains\",\"x\"]]}", "1: | 2: | 3: | 4: | 5: | 6: | 8:" },
        { "{\"process.age\":[[\"is-set\"]]}", "" },
        /* alternatives */
        { "{\"host\":[[\"equal\",\"beta\"]]},{\"size\":[[\"equal\",10]]}", "1: | 2: | 4: | 5:" },
        { "{},{\"host\":[[\"equal\",\"beta\"]]}", "1: | 2: | 3: | 4: | 5: | 6: | 8:" },
        /* refusals */
        { "{\"nothing\":[[\"is-set\"]]}",
          "! Filter column not found: there is no attribute 'nothing'" },
        { "{\"fingerprint;issues;nothing\":[[\"is-set\"]]}",
          "! Filter column not found: there is no attribute 'fingerprint;issues;nothing'" },
        { "{\"size\":[[\"contains\",\"1\"]]}",
          "! filter[0].size[0]: the attribute holds numbers: 'contains' does not fit" },
        { "{\"debug\":[[\"at-least\",1]]}",
          "! filter[0].debug[0]: the attribute holds booleans: 'at-least' does not fit" },
        { "{\"size\":[[\"at-least\",\"ten\"]]}",
          "! filter[0].size[0]: the attribute holds numbers, and the value is none" },
        { "{},{\"host\":[[\"is-set\"]],\"size\":[[\"is-set\"],[\"less-than\",\"ten\"]]}",
          "! filter[1].size[1]: the attribute holds numbers, and the value is none" },
        { "{\"host\":[[\"regular-expression\",\"a(b\"]]}",
          "! filter[0].host[0]: the regular expression 'a(b' is wrong at character 4: missing "
          "closing "
          "parenthesis" },
        { "{\"host\":[[\"regular-expression\",\"\\\\C\"]]}",
          "! filter[0].host[0]: the regular expression '\\C' is wrong at character 3: using \\C is "
          "disabled by the application" },
    };
    run_cases(*state, "{\"select\":[],\"select_wildcard\":{\"derived\":false},\"filter\":[@]}",
              cases, COUNT_OF(cases));
}

static void test_folds(void **state)
{
    static const struct case_of cases[] = {
        { "{\"host\":[[\"head\"],[\"tail\"],[\"first\"],[\"last\"],[\"object\"]]}",
          "'f1' x3: 'alpha', 'beta', 'alpha', 'beta', 5, | 'f2' x2: 'beta', '\xc3\x84pfel', "
          "'beta', '\xc3\x84pfel', 8, | 'f3' x1: 'gamma', 'gamma', 'gamma', 'gamma', 4, | - "
          "x1:,,,, "
          "6," },
        { "{\"host\":[[\"unique\"],[\"count\"],[\"sum\"],[\"mean\"],[\"bin\"]]}",
          "'f1' x3: 3, 3,,,, | 'f2' x2: 2, 2,,,, | 'f3' x1: 1, 1,,,, | - x1: 0, 0,,,," },
        { "{\"host\":[[\"min\"],[\"max\"],[\"range\"]]}",
          "'f1' x3: 'Alpha', 'beta', 'Alpha' 'beta', | 'f2' x2: 'beta', '\xc3\x84pfel', 'beta' "
          "'\xc3\x84pfel', | 'f3' x1: 'gamma', 'gamma', 'gamma' 'gamma', | - x1:,,," },
        { "{\"size\":[[\"sum\"],[\"mean\"],[\"range\"],[\"unique\"],[\"count\"]]}",
          "'f1' x3: 1.8446744073709552e+19d, 9.2233720368547758e+18d, 10 18446744073709551615, 2, "
          "2, | 'f2' x2: 9007199254741013, 4503599627370506d, 20 9007199254740993, 2, 2, | 'f3' "
          "x1: 10, 10d, 10 10, 1, 1, | - x1: 30, 30d, 30 30, 1, 1," },
        { "{\"delta\":[[\"sum\"],[\"min\"],[\"max\"],[\"tail\"]]}",
          "'f1' x3: -9.2233720368547758e+18d, -9223372036854775808i, -5i, -9223372036854775808i, | "
          "'f2' x2: 9223372036854775814, 7i, 9223372036854775807i, 9223372036854775807i, | 'f3' "
          "x1:,,,, | - x1: 0, 0i, 0i, 0i," },
        { "{\"load\":[[\"sum\"],[\"mean\"],[\"range\"],[\"histogram\"]]}",
          "'f1' x3: 2.75d, 1.375d, 0.5d 2.25d, 0.5d*1 2.25d*1, | 'f2' x2: "
          "1.0000000000000001e+300d, 5.0000000000000003e+299d, -1.5d 1.0000000000000001e+300d, "
          "-1.5d*1 1.0000000000000001e+300d*1, | 'f3' x1:,,,, | - x1: 0.5d, 0.5d, 0.5d 0.5d, "
          "0.5d*1," },
        { "{\"debug\":[[\"sum\"],[\"mean\"],[\"range\"],[\"histogram\"],[\"unique\"]]}",
          "'f1' x3: 1, 1d, true true, true*1, 1, | 'f2' x2: 0, 0d, false false, false*1, 1, | 'f3' "
          "x1: 1, 1d, true true, true*1, 1, | - x1: 0, 0d, false false, false*1, 1," },
        { "{\"hostname\":[[\"unique\"],[\"head\"],[\"histogram\"],[\"range\"],[\"distribution\"]]}",
          "'f1' x3: 0,,,, (0+0), | 'f2' x2: 0,,,, (0+0), | 'f3' x1: 0,,,, (0+0), | - x1: 0,,,, "
          "(0+0)," },
        { "{\"fingerprint;issues;votes\":[[\"max\"]]}",
          "'f1' x3: 3, | 'f2' x2:, | 'f3' x1:, | - x1:," },
        { "{\"nothing\":[[\"max\"]]}",
          "! aggregation column not found: there is no attribute 'nothing'" },
    };
    run_cases(*state, "{\"group\":[\"fingerprint\"],\"fold\":@}", cases, COUNT_OF(cases));
}

static void test_folds_of_all(void **state)
{
    static const struct case_of cases[] = {
        { "\"fold\":{\"host\":[[\"distribution\",2]]}", "- x7: 'beta'*2 'alpha'*1 (5+3)," },
        { "\"fold\":{\"size\":[[\"distribution\",1],[\"histogram\"]]}",
          "- x7: 10*2 (5+4), 10*2 20*1 18446744073709551615*1 30*1 9007199254740993*1," },
        { "\"fold\":{\"host\":[[\"histogram\"]]},\"filter\":[{\"_tx\":[[\"at-most\",3]]}]",
          "- x3: 'alpha'*1 'beta'*1 'Alpha'*1," },
        { "\"fold\":{\"size\":[[\"bin\",2]]},\"filter\":[{\"size\":[[\"at-most\",30]]}]",
          "- x4: 10..20*2 20..30*2," },
        { "\"fold\":{\"size\":[[\"bin\",3,0,25]]},\"filter\":[{\"size\":[[\"at-most\",30]]}]",
          "- x4: 9..18*2 18..27*1," },
        { "\"fold\":{\"size\":[[\"bin\",3,100,200]]},\"filter\":[{\"size\":[[\"at-most\",30]]}]",
          "- x4: 100..134*0," },
        { "\"fold\":{\"size\":[[\"bin\",10]]},\"filter\":[{\"size\":[[\"equal\",10]]}]",
          "- x2: 10..11*2," },
        { "\"fold\":{\"size\":[[\"bin\",1]]}", "- x7: 10..18446744073709551615*6," },
        { "\"fold\":{\"delta\":[[\"bin\",2]]}",
          "- x7: -9223372036854775808i..0i*2 0i..9223372036854775807i*3," },
        { "\"fold\":{\"load\":[[\"bin\",2]]},\"filter\":[{\"load\":[[\"less-than\",9]]}]",
          "- x4: -1.5d..0.375d*1 0.375d..2.25d*3," },
        { "\"fold\":{\"load\":[[\"bin\",4]]},\"filter\":[{\"load\":[[\"equal\",0.5]]}]",
          "- x2: 0.5d..0.5d*2," },
        { "\"fold\":{\"load\":[[\"bin\",2,0,1]]},\"filter\":[{\"load\":[[\"less-than\",9]]}]",
          "- x4: 0.5d..1d*2," },
        { "\"fold\":{\"load\":[[\"bin\",4,-1.7e308,1.7e308]]}",
          "- x7: -8.4999999999999997e+307d..0d*1 0d..8.4999999999999997e+307d*4," },
        { "\"fold\":{\"load\":[[\"bin\",10000,-1.7e308,1.7e308]]},\"filter\":[{\"load\":[["
          "\"greater-than\",9]]}]",
          "- x1: 0d..3.3999999999987489e+304d*1," },
        { "\"fold\":{\"load\":[[\"bin\",1,-1.7e308,1.7e308]]}",
          "- x7: -1.6999999999999999e+308d..1.6999999999999999e+308d*5," },
        { "\"fold\":{\"size\":[[\"bin\",3,18446744073709551614,18446744073709551615]]}",
          "- x7: 18446744073709551614..18446744073709551615*1," },
        { "\"fold\":{\"size\":[[\"bin\",2,9007199254740992,9007199254740994]]}",
          "- x7: 9007199254740993..9007199254740994*1," },
        { "\"fold\":{\"size\":[[\"bin\",3,-5,10]]}", "- x7: 5..10*2," },
        { "\"fold\":{\"size\":[[\"bin\",3,-20,10]]}", "- x7: 0..10*2," },
        { "\"fold\":{\"size\":[[\"bin\",2,-25,25]]}", "- x7: 0..25*3," },
        { "\"fold\":{\"size\":[[\"bin\",3,-24,24]]}", "- x7: 8..24*3," },
        { "\"fold\":{\"size\":[[\"bin\",5,-20,-10]]}", "- x7: -20i..-18i*0," },
        { "\"fold\":{\"size\":[[\"bin\",1,-1e300,1e300]]}",
          "- x7: -9223372036854775808i..18446744073709551615*6," },
        { "\"fold\":{\"delta\":[[\"bin\",2,0,18446744073709551615]]}",
          "- x7: 0i..9223372036854775808*3," },
        { "\"fold\":{\"delta\":[[\"bin\",2,9223372036854775808,18446744073709551615]]}",
          "- x7: 9223372036854775808..13835058055282163712*0," },
        { "\"fold\":{\"size\":[[\"count\"]]},\"filter\":[{\"size\":[[\"equal\",1]]}]", "" },
        { "\"filter\":[{}]", "- x7" },
    };
    run_cases(*state, "{@}", cases, COUNT_OF(cases));
}

static void test_groups(void **state)
{
    static const struct case_of cases[] = {
        { "\"group\":[\"host\"]",
          "'alpha' x1 | 'beta' x2 | 'Alpha' x1 | 'gamma' x1 | - x1 | '\xc3\x84pfel' x1" },
        { "\"group\":[\"size\"]",
          "10 x2 | 20 x1 | 18446744073709551615 x1 | - x1 | 30 x1 | 9007199254740993 x1" },
        { "\"group\":[\"debug\"]", "true x2 | false x2 | - x3" },
        { "\"group\":[\"load\"]",
          "0.5d x2 | -1.5d x1 | - x2 | 2.25d x1 | 1.0000000000000001e+300d x1" },
        { "\"group\":[\"hostname\"]", "- x7" },
        { "\"group\":[\"fingerprint;issues;state\"]", "'open' x3 | 'muted' x2 | - x2" },
        { "\"group\":[\"fingerprint;first_seen\"]",
          "1699999999 x3 | 1700086400 x2 | 1690000000 x1 | - x1" },
        { "\"group\":[\"nothing\"]", "! group: column not found: there is no attribute 'nothing'" },
        /* order */
        { "\"group\":[\"host\"],\"order\":[{\"name\":\";group\",\"ordering\":\"ascending\"}]",
          "'Alpha' x1 | 'alpha' x1 | 'beta' x2 | 'gamma' x1 | '\xc3\x84pfel' x1 | - x1" },
        { "\"group\":[\"host\"],\"order\":[{\"name\":\";group\",\"ordering\":\"descending\"}]",
          "'\xc3\x84pfel' x1 | 'gamma' x1 | 'beta' x2 | 'alpha' x1 | 'Alpha' x1 | - x1" },
        { "\"group\":[\"size\"],\"order\":[{\"name\":\";count\",\"ordering\":\"descending\"},{"
          "\"name\":\";group\",\"ordering\":\"descending\"}]",
          "10 x2 | 18446744073709551615 x1 | 9007199254740993 x1 | 30 x1 | 20 x1 | - x1" },
        { "\"group\":[\"fingerprint\"],\"fold\":{\"size\":[[\"head\"],[\"max\"]]},\"order\":[{"
          "\"name\":\"size;1\",\"ordering\":\"ascending\"}],\"limit\":3",
          "'f3' x1: 10, 10, | - x1: 30, 30, | 'f2' x2: 20, 9007199254740993," },
        { "\"group\":[\"fingerprint\"],\"fold\":{\"size\":[[\"head\"]]},\"offset\":1,\"limit\":2",
          "'f2' x2: 20, | 'f3' x1: 10," },
        { "\"group\":[\"fingerprint\"],\"offset\":9,\"limit\":2", "" },
        { "\"group\":[\"fingerprint\"],\"fold\":{\"host\":[[\"histogram\"]]},\"order\":[{\"name\":"
          "\"host;0\",\"ordering\":\"descending\"}],\"limit\":1",
          "'f1' x3: 'alpha'*1 'Alpha'*1 'beta'*1," },
        /* having */
        { "\"group\":[\"fingerprint\"],\"having\":[{\"op\":\">\",\"params\":[1],\"property\":[\""
          ";count\"]}]",
          "'f1' x3 | 'f2' x2" },
        { "\"group\":[\"fingerprint\"],\"fold\":{\"size\":[[\"range\"]]},\"having\":[{\"op\":\"=="
          "\",\"params\":[\"20\"],\"property\":[\"size;0;0\"]}]",
          "'f2' x2: 20 9007199254740993," },
        { "\"group\":[\"fingerprint\"],\"fold\":{\"size\":[[\"range\"]]},\"having\":[{\"op\":\"<="
          "\",\"params\":[9007199254740992],\"property\":[\"size;0;1\"]}]",
          "'f3' x1: 10 10, | - x1: 30 30," },
        { "\"group\":[\"fingerprint\"],\"fold\":{\"host\":[[\"head\"]]},\"having\":[{\"op\":\"!="
          "\",\"params\":[\"beta\"],\"property\":[\"host;0;0\"]}]",
          "'f1' x3: 'alpha', | 'f3' x1: 'gamma', | - x1:," },
        { "\"group\":[\"fingerprint\"],\"fold\":{\"host\":[[\"distribution\",1]]},\"having\":[{"
          "\"op\":\">=\",\"params\":[2],\"property\":[\"host;0;1\"]}]",
          "'f1' x3: 'alpha'*1 (3+2)," },
    };
    run_cases(*state, "{@}", cases, COUNT_OF(cases));
}

static void test_virtual_columns(void **state)
{
    static const struct case_of cases[] = {
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":"
          "\"size\",\"size\":16,\"offset\":0}}",
          "0 x2 | 16 x2 | 18446744073709551600 x1 | - x1 | 9007199254740992 x1" },
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":"
          "\"size\",\"size\":16,\"offset\":4}}",
          "-4i x2 | 12i x1 | 9223372036854775807i x1 | - x1 | 28i x1 | 9007199254740988i x1" },
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":"
          "\"delta\",\"size\":10,\"offset\":0}}",
          "-10i x1 | 0i x2 | -9223372036854775808i x1 | - x2 | 9223372036854775800i x1" },
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":"
          "\"load\",\"size\":1,\"offset\":0}}",
          "0d x2 | -2d x1 | - x2 | 2d x1 | 1.0000000000000001e+300d x1" },
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":"
          "\"_tx\",\"size\":4,\"offset\":0}}",
          "0 x3 | 4 x3 | 8 x1" },
        { "{\"name\":\"v\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":{\"backing_"
          "column\":\"timestamp\",\"granularity\":\"day\"}}",
          "1699920000 x2 | 1700006400 x1 | 1709942400 x1 | 1689984000 x1 | - x1 | 1730937600 x1" },
        { "{\"name\":\"v\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":{\"backing_"
          "column\":\"timestamp\",\"granularity\":\"month\"}}",
          "1698796800 x3 | 1709251200 x1 | 1688169600 x1 | - x1 | 1730419200 x1" },
        { "{\"name\":\"v\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":{\"backing_"
          "column\":\"timestamp\",\"granularity\":\"quarter\"}}",
          "1696118400 x3 | 1704067200 x1 | 1688169600 x1 | - x1 | 1727740800 x1" },
        { "{\"name\":\"v\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":{\"backing_"
          "column\":\"timestamp\",\"granularity\":\"year\"}}",
          "1672531200 x4 | 1704067200 x2 | - x1" },
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":\"w\","
          "\"size\":5,\"offset\":0}},{\"name\":\"w\",\"type\":\"quantize_uint\",\"quantize_uint\":"
          "{\"backing_column\":\"_tx\",\"size\":4,\"offset\":3}}",
          "0i x4 | 5i x3" },
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":"
          "\"process.age\",\"size\":10,\"offset\":0}}",
          "- x7" },
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":"
          "\"nothing\",\"size\":10,\"offset\":0}}",
          "! virtual column 'v': quantize_uint backing column not found: 'nothing'" },
        { "{\"name\":\"v\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":{\"backing_"
          "column\":\"nothing\",\"granularity\":\"day\"}}",
          "! virtual column 'v': truncate_timestamp backing column not found: 'nothing'" },
        { "{\"name\":\"v\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":"
          "\"host\",\"size\":10,\"offset\":0}}",
          "! virtual column 'v': quantize_uint backing column not found: 'host' holds no numbers" },
    };
    run_cases(*state, "{\"group\":[\"v\"],\"virtual_columns\":[@]}", cases, COUNT_OF(cases));
}

static void test_select(void **state)
{
    static const struct case_of cases[] = {
        { "\"select\":[\"host\",\"size\",\"debug\",\"object\",\"hostname\"],\"filter\":[{\"_tx\":[["
          "\""
          "at-least\",6]]}]",
          "6: - 30 false 6 - | 8: '\xc3\x84pfel' 9007199254740993 - 8 -" },
        { "\"select\":[\"host\"],\"order\":[{\"name\":\"host\",\"ordering\":\"descending\"}]",
          "8: '\xc3\x84pfel' | 4: 'gamma' | 2: 'beta' | 5: 'beta' | 1: 'alpha' | 3: 'Alpha' | 6: "
          "-" },
        { "\"select\":[\"size\"],\"order\":[{\"name\":\"size\",\"ordering\":\"ascending\"},{"
          "\"name\":"
          "\"_tx\",\"ordering\":\"descending\"}]",
          "4: 10 | 1: 10 | 2: 20 | 6: 30 | 8: 9007199254740993 | 3: 18446744073709551615 | 5: -" },
        { "\"select\":[\"load\"],\"order\":[{\"name\":\"load\",\"ordering\":\"descending\"}],"
          "\"limit\":1",
          "8: 1.0000000000000001e+300d" },
        { "\"select\":[\"delta\"],\"order\":[{\"name\":\"delta\",\"ordering\":\"ascending\"}],"
          "\"limit\":1,\"offset\":0",
          "3: -9223372036854775808i" },
        { "\"select\":[\"_tx\"],\"offset\":2,\"limit\":2", "3: 3 | 4: 4" },
        { "\"select\":[\"_tx\"],\"offset\":20", "" },
        { "\"select\":[\"timestamp\",\"fingerprint;first_seen\",\"fingerprint;issues;state\",\""
          "fingerprint;issues;votes\"],\"limit\":2",
          "1: 1700000000 1699999999 'open' 3 | 2: 1700086400 1700086400 'muted' -" },
        { "\"select_wildcard\":{\"physical\":true,\"derived\":true,\"virtual\":true},\"limit\":1",
          "1: 'alpha' 10 -5i 0.5d true 'f1' 1700000000 1699999999 'open' 3 -" },
        { "\"select\":[\"nothing\"]",
          "! select: column not found: there is no attribute 'nothing'" },
        { "\"select\":[\"_tx\"],\"order\":[{\"name\":\"nothing\",\"ordering\":\"ascending\"}]",
          "! order: column not found: there is no attribute 'nothing'" },
    };
    run_cases(*state, "{@}", cases, COUNT_OF(cases));
}

static void test_no_data(void **state)
{
    static const struct case_of cases[] = {
        { "{\"group\":[\"fingerprint\"],\"fold\":{\"timestamp\":[[\"range\"]]},\"filter\":[{"
          "\"timestamp\":[[\"at-least\",1]]}]}",
          "" },
        { "{\"select\":[\"hostname\"],\"order\":[{\"name\":\"timestamp\",\"ordering\":"
          "\"descending\"}],\"limit\":5}",
          "" },
        { "{\"select\":[\"mine\"]}", "! select: column not found: there is no attribute 'mine'" },
    };
    struct buf got;
    buf_init(&got, 1 << 16);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        answer(*state, cases[i].ask, STR("empty"), &got);
        assert_string_equal(got.ptr, cases[i].want);
    }
    buf_done(&got);
}

static void test_limits(void **state)
{
    const struct fixture *f = *state;
    const struct ask everything = { .kind = ASK_FOLD };
    struct run_limits limits = { .until_us = 1 };
    struct outcome o;
    struct err e = { 0 };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    assert_false(run_ask(&everything, f->view, STR("p"), &limits, a, &o, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.word, "query_too_slow");
    limits.until_us = INT64_MAX;
    CLEANUP(arena_free_p) struct arena *small = arena_new(100000);
    assert_false(run_ask(&everything, f->view, STR("p"), &limits, small, &o, &e));
    assert_int_equal(e.code, ERR_NOMEM);
    assert_string_equal(e.msg, "the query needs more memory than a request may take");
    assert_true(run_ask(&everything, f->view, STR("p"), &limits, a, &o, &e));
    assert_int_equal(o.matched, 7);
}

static void test_slow_expression(void **state)
{
    struct columns *c;
    struct err e;
    struct buf got;
    struct fixture f;
    const struct named_cell cell =
        text("host", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    (void)state;
    assert_true(columns_new(&c, COLUMNS_MAX_DEFAULT, &e));
    put(c, TABLE_OBJECTS, 8, &cell, 1);
    columns_publish(c);
    f = (struct fixture){ c, columns_acquire(c) };
    buf_init(&got, 1 << 16);
    answer(&f, "{\"filter\":[{\"host\":[[\"regular-expression\",\"(a+)+$\"]]}]}", STR("p"), &got);
    assert_string_equal(got.ptr,
                        "! filter[0].host[0]: the regular expression tries too many ways on "
                        "one text: make it simpler");
    buf_done(&got);
    columns_release(c, f.view);
    columns_free(c);
}

/* -0 is 0, whether it came as a number, before the column held texts or after. */
static void test_negative_zero(void **state)
{
    const struct named_cell cells[] = { real("load", -0.0), text("load", "high"),
                                        real("load", -0.0), number("load", 0) };
    struct columns *c;
    struct err e;
    struct buf got;
    struct fixture f;
    (void)state;
    assert_true(columns_new(&c, COLUMNS_MAX_DEFAULT, &e));
    for (size_t i = 0; i < COUNT_OF(cells); i++)
        put(c, TABLE_OBJECTS, 5 + i, &cells[i], 1);
    columns_publish(c);
    f = (struct fixture){ c, columns_acquire(c) };
    buf_init(&got, 1 << 16);
    answer(&f, "{\"select\":[\"load\"],\"filter\":[{\"load\":[[\"equal\",-0.0]]}]}", STR("p"),
           &got);
    assert_string_equal(got.ptr, "5: '0' | 7: '0' | 8: '0'");
    buf_done(&got);
    columns_release(c, f.view);
    columns_free(c);
}

/* The keys of a match rise, also where the rows were not put in that order. */
static void test_match(void **state)
{
    static const uint64_t put_order[] = { 5, 300, 2, 70000, 9 }, want[] = { 2, 5, 9, 70000 };
    const struct ask_term term = { .column = STR_INIT("size"),
                                   .op = ASK_NOT_EQUAL,
                                   .value = { .type = CELL_UINT, .u = 300 } };
    const struct ask_all all = { &term, 1 };
    const struct ask q = { .kind = ASK_SELECT, .any = &all, .any_count = 1 };
    const struct run_limits limits = { .until_us = INT64_MAX };
    struct columns *c;
    struct err e;
    const uint64_t *keys;
    size_t count;
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    assert_true(columns_new(&c, COLUMNS_MAX_DEFAULT, &e));
    for (size_t i = 0; i < COUNT_OF(put_order); i++) {
        const struct named_cell cell = number("size", put_order[i]);
        put(c, TABLE_OBJECTS, put_order[i], &cell, 1);
    }
    columns_publish(c);
    const struct columns_view *v = columns_acquire(c);
    assert_true(run_match(&q, v, STR("p"), &limits, a, &keys, &count, &e));
    assert_int_equal(count, COUNT_OF(want));
    assert_memory_equal(keys, want, sizeof want);
    columns_release(c, v);
    columns_free(c);
}

/* Three blocks, of which every second row is removed; row r has the value r * 7919 % MANY. */
#define MANY 140000u

static void put_many(struct columns *c)
{
    struct err e;
    for (uint64_t r = 0; r < MANY; r++) {
        const struct named_cell cells[] = { number("value", r * 7919 % MANY),
                                            text("part", r % 3 ? "most" : "third") };
        put(c, TABLE_OBJECTS, r + 1, cells, COUNT_OF(cells));
    }
    for (uint64_t r = 0; r < MANY; r += 2) {
        const uint64_t key = r + 1;
        assert_true(columns_remove(c, STR("p"), TABLE_OBJECTS, &key, 1, &e));
    }
    columns_publish(c);
}

/* Pages of rows in the order of `value`, short ones and long ones. */
static void check_many_rows(const struct columns_view *v, bool descends, uint64_t limit)
{
    static const struct str select[] = { STR_INIT("value"), STR_INIT("part") };
    static uint32_t row_of[MANY];
    const struct ask_order order = { .by = ORDER_COLUMN,
                                     .column = STR_INIT("value"),
                                     .descends = descends };
    const struct ask q = { .kind = ASK_SELECT,
                           .select = select,
                           .select_count = 2,
                           .order = &order,
                           .order_count = 1,
                           .limit = limit,
                           .offset = 3 };
    const struct run_limits limits = { .until_us = INT64_MAX };
    struct outcome o;
    struct err e;
    size_t seen = 0;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (uint32_t r = 0; r < MANY; r++)
        row_of[(uint64_t)r * 7919 % MANY] = r; /* 7919 is prime, so each value comes once */
    assert_true(run_ask(&q, v, STR("p"), &limits, a, &o, &e));
    assert_int_equal(o.matched, MANY / 2);
    assert_int_equal(o.row_count, limit);
    for (uint32_t i = 0; i < MANY && seen < limit + 3; i++) {
        uint32_t value = descends ? MANY - 1 - i : i, row = row_of[value];
        if (row % 2 == 0 || seen++ < 3)
            continue;
        assert_int_equal(o.keys[seen - 4], row + 1);
        assert_int_equal(o.cells[seen - 4].u, value);
        assert_int_equal(o.cells[limit + seen - 4].s.len, row % 3 ? 4 : 5);
    }
}

static void test_many_rows(void **state)
{
    struct columns *c;
    struct err e;
    (void)state;
    assert_true(columns_new(&c, COLUMNS_MAX_DEFAULT, &e));
    put_many(c);
    const struct columns_view *v = columns_acquire(c);
    for (int descends = 0; descends < 2; descends++) {
        check_many_rows(v, descends, 50);
        check_many_rows(v, descends, 5000);
        check_many_rows(v, descends, 60000);
    }
    columns_release(c, v);
    columns_free(c);
}

static void test_many_groups(void **state)
{
    static const struct ask_fold folds[] = {
        { .column = STR_INIT("value"), .op = FOLD_UNIQUE },
        { .column = STR_INIT("value"), .op = FOLD_SUM },
        { .column = STR_INIT("part"), .op = FOLD_HISTOGRAM },
    };
    const struct ask by_value = { .kind = ASK_FOLD,
                                  .has_group = true,
                                  .group = STR_INIT("value"),
                                  .folds = folds,
                                  .fold_count = 3,
                                  .limit = 1000,
                                  .offset = 60000 };
    const struct ask all = { .kind = ASK_FOLD, .folds = folds, .fold_count = 3 };
    const struct run_limits limits = { .until_us = INT64_MAX };
    struct columns *c;
    struct outcome o;
    struct err e;
    uint64_t sum = 0;
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    assert_true(columns_new(&c, COLUMNS_MAX_DEFAULT, &e));
    put_many(c);
    const struct columns_view *v = columns_acquire(c);
    assert_true(run_ask(&all, v, STR("p"), &limits, a, &o, &e));
    for (uint64_t r = 1; r < MANY; r += 2)
        sum += r * 7919 % MANY;
    assert_int_equal(o.groups[0].folds[0].values[0].value.u, MANY / 2);
    assert_int_equal(o.groups[0].folds[1].values[0].value.u, sum);
    assert_int_equal(o.groups[0].folds[2].count, 2);
    assert_true(run_ask(&by_value, v, STR("p"), &limits, a, &o, &e));
    assert_int_equal(o.groups_found, MANY / 2);
    assert_int_equal(o.group_count, 1000);
    for (uint64_t g = 0; g < 1000; g++) { /* in the order of their rows */
        uint64_t row = 2 * (60000 + g) + 1;
        assert_int_equal(o.groups[g].key.u, row * 7919 % MANY);
        assert_int_equal(o.groups[g].folds[1].values[0].value.u, row * 7919 % MANY);
        assert_int_equal(o.groups[g].folds[2].values[0].value.s.len, row % 3 ? 4 : 5);
    }
    columns_release(c, v);
    columns_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),         cmocka_unit_test(test_folds),
        cmocka_unit_test(test_folds_of_all),    cmocka_unit_test(test_groups),
        cmocka_unit_test(test_virtual_columns), cmocka_unit_test(test_select),
        cmocka_unit_test(test_no_data),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_slow_expression), cmocka_unit_test(test_match),
        cmocka_unit_test(test_negative_zero),   cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_many_groups),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
