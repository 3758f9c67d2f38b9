/* Answers, byte for byte: what morgue and the query library unpack. */
#include "columns/answer.h"

#include "columns/attribute_formats.h"
#include "unit/cmocka_all.h"

#include <stdio.h>

#define TEXT(t)                                                                                    \
    {                                                                                              \
        .type = CELL_STRING, .s = STR_INIT(t)                                                      \
    }
#define UINT(n)                                                                                    \
    {                                                                                              \
        .type = CELL_UINT, .u = (n)                                                                \
    }
#define UNSET                                                                                      \
    {                                                                                              \
        .type = CELL_UNSET                                                                         \
    }

static const struct attribute_note notes_at[] = {
    { STR_INIT("build"), STR_INIT("uint64"), STR_INIT("unix_timestamp"), STR_INIT("When built.") },
    { STR_INIT("hostname"), STR_INIT(""), STR_INIT("ipv6"), STR_INIT("") },
};
static const struct answer_about about = {
    .user = STR_INIT("admin"),
    .universe = STR_INIT("acme"),
    .project = STR_INIT("demo"),
    .total_us = 152,
};

#define ABOUT(tx, rows, groups)                                                                    \
    ",\"_\":{\"user\":\"admin\",\"universe\":\"acme\",\"project\":\"demo\",\"tx\":" tx             \
    ",\"latency\":\"152 us\",\"runtime\":{\"filter\":{\"rows\":" rows                              \
    ",\"time\":1},\"group_by\":{\"groups\":" groups                                                \
    ",\"time\":2},\"aggregate\":{\"time\":3},\"sort\":{\"time\":4},\"set\":{\"time\":0},"          \
    "\"total_time\":152}}}"
#define RESPONSE(limit, offset)                                                                    \
    "{\"response\":{\"version\":\"1.2.0\",\"seq\":1,\"encoding\":\"rle\",\"pagination\":"          \
    "{\"limit\":" limit ",\"offset\":" offset "},"

static void check(const struct ask *q, struct outcome o, const struct answer_about *said,
                  const char *want)
{
    struct buf out;
    struct json_writer w;
    o.filter_us = 1;
    o.group_us = 2;
    o.fold_us = 3;
    o.sort_us = 4;
    buf_init(&out, 1 << 20);
    json_writer_init(&w, &out);
    answer_write(&w, q, &o, said);
    buf_char(&out, '\0');
    assert_true(buf_ok(&out));
    assert_string_equal(out.ptr, want);
    buf_done(&out);
}

/* --- select -------------------------------------------------------------------------------- */

static void test_select(void **state)
{
    (void)state;
    static const struct outcome_column columns[] = {
        { STR_INIT("fingerprint"), COLUMN_STRING },
        { STR_INIT("randomInt"), COLUMN_UINT },
    };
    static const struct cell cells[] = {
        TEXT("407c"),     TEXT("f9be"),   TEXT("f9be"),     TEXT("f9be"),     TEXT("f9be"),
        UINT(1765517764), UINT(16395388), UINT(2554929328), UINT(4108795268), UINT(651545726),
    };
    static const uint64_t keys[] = { 1, 2, 3, 4, 5 };
    const struct ask q = { .kind = ASK_SELECT };
    check(&q,
          (struct outcome){ .columns = columns,
                            .column_count = 2,
                            .keys = keys,
                            .row_count = 5,
                            .cells = cells,
                            .matched = 5,
                            .newest = 1234 },
          &about,
          RESPONSE("0", "0") "\"columns\":[[\"fingerprint\",\"sha256\"],[\"randomInt\",\"none\"]],"
                             "\"columns_desc\":[{\"name\":\"fingerprint\",\"format\":\"sha256\","
                             "\"type\":\"dictionary\"},{\"name\":\"randomInt\",\"format\":\"none\","
                             "\"type\":\"uint64\"}],\"objects\":[[\"*\",[[1,4]]]],"
                             "\"values\":[[\"*\",[\"407c\",1],[\"f9be\",4]],[\"*\",[1765517764,1],"
                             "[16395388,1],[2554929328,1],[4108795268,1],[651545726,1]]]}" ABOUT(
                                 "1234", "5", "0"));
}

static void test_runs(void **state)
{
    (void)state;
    static const struct outcome_column columns[] = { { STR_INIT("a"), COLUMN_DOUBLE } };
    static const uint64_t keys[] = { 8, 7, 8, 9, UINT64_MAX, 0, 1 };
    static const struct cell cells[] = {
        UNSET,
        UNSET,
        { .type = CELL_DOUBLE, .d = 0.5 },
        { .type = CELL_DOUBLE, .d = 0.5 },
        UNSET,
        { .type = CELL_DOUBLE, .d = 2 },
        { .type = CELL_DOUBLE, .d = -2 },
    };
    const struct ask q = { .kind = ASK_SELECT, .limit = 7, .offset = 3 };
    check(&q,
          (struct outcome){
              .columns = columns, .column_count = 1, .keys = keys, .row_count = 7, .cells = cells },
          &about,
          RESPONSE("7", "3") "\"columns\":[[\"a\",\"none\"]],\"columns_desc\":[{\"name\":\"a\","
                             "\"format\":\"none\",\"type\":\"double\"}],"
                             "\"objects\":[[\"*\",[[8],[7,2],[18446744073709551615],[0,1]]]],"
                             "\"values\":[[\"*\",[null,2],[0.5,2],[null,1],[2,1],[-2,1]]]}" ABOUT(
                                 "0", "0", "0"));
}

/* Ids of which the next after the greatest would be 0. */
static void test_keys_do_not_wrap(void **state)
{
    (void)state;
    static const uint64_t keys[] = { UINT64_MAX, 0, 1, 2 };
    const struct ask q = { .kind = ASK_SELECT };
    check(&q, (struct outcome){ .keys = keys, .row_count = 4 }, &about,
          RESPONSE("0", "0") "\"columns\":[],\"columns_desc\":[],"
                             "\"objects\":[[\"*\",[[18446744073709551615],[0,2]]]],"
                             "\"values\":[]}" ABOUT("0", "0", "0"));
}

static void test_values(void **state)
{
    (void)state;
    static const struct outcome_column columns[] = {
        { STR_INIT("u"), COLUMN_UINT },
        { STR_INIT("i"), COLUMN_INT },
        { STR_INIT("b"), COLUMN_BOOL },
        { STR_INIT("s"), COLUMN_STRING },
    };
    static const uint64_t keys[] = { 3 };
    static const struct cell cells[] = {
        UINT(UINT64_MAX),
        { .type = CELL_INT, .i = INT64_MIN },
        { .type = CELL_BOOL, .b = true },
        TEXT("\"\n\xff"),
    };
    const struct ask q = { .kind = ASK_SELECT };
    check(&q,
          (struct outcome){
              .columns = columns, .column_count = 4, .keys = keys, .row_count = 1, .cells = cells },
          &about,
          RESPONSE("0", "0") "\"columns\":[[\"u\",\"none\"],[\"i\",\"none\"],[\"b\",\"none\"],"
                             "[\"s\",\"none\"]],\"columns_desc\":["
                             "{\"name\":\"u\",\"format\":\"none\",\"type\":\"uint64\"},"
                             "{\"name\":\"i\",\"format\":\"none\",\"type\":\"int64\"},"
                             "{\"name\":\"b\",\"format\":\"none\",\"type\":\"bitmap\"},"
                             "{\"name\":\"s\",\"format\":\"none\",\"type\":\"dictionary\"}],"
                             "\"objects\":[[\"*\",[[3]]]],\"values\":["
                             "[\"*\",[18446744073709551615,1]],[\"*\",[-9223372036854775808,1]],"
                             "[\"*\",[true,1]],[\"*\",[\"\\\"\\n\xef\xbf\xbd\",1]]]}" ABOUT(
                                 "0", "0", "0"));
}

static void test_no_rows(void **state)
{
    (void)state;
    static const struct outcome_column columns[] = { { STR_INIT("object"), COLUMN_UINT },
                                                     { STR_INIT("timestamp"), COLUMN_UINT } };
    const struct ask q = { .kind = ASK_SELECT, .limit = 5 };
    check(&q, (struct outcome){ .columns = columns, .column_count = 2 }, &about,
          RESPONSE("5", "0") "\"columns\":[[\"object\",\"none\"],[\"timestamp\","
                             "\"unix_timestamp\"]],\"columns_desc\":[{\"name\":\"object\","
                             "\"format\":\"none\",\"type\":\"uint64\"},{\"name\":\"timestamp\","
                             "\"format\":\"unix_timestamp\",\"type\":\"uint64\"}],"
                             "\"objects\":[[\"*\",[]]],\"values\":[[\"*\"],[\"*\"]]}" ABOUT(
                                 "0", "0", "0"));
}

/* --- folds --------------------------------------------------------------------------------- */

static void test_groups(void **state)
{
    (void)state;
    static const struct ask_fold folds[] = {
        { .column = STR_INIT("timestamp"), .op = FOLD_RANGE },
        { .column = STR_INIT("timestamp"), .op = FOLD_BIN, .index = 1, .bins = 32 },
        { .column = STR_INIT("classifiers"), .op = FOLD_HISTOGRAM },
        { .column = STR_INIT("hostname"), .op = FOLD_UNIQUE },
    };
    static const struct outcome_column columns[] = {
        { STR_INIT("timestamp"), COLUMN_UINT },
        { STR_INIT("timestamp"), COLUMN_UINT },
        { STR_INIT("classifiers"), COLUMN_STRING },
        { STR_INIT("hostname"), COLUMN_STRING },
    };
    static const struct folded_value range[] = { { .value = UINT(1795200594) },
                                                 { .value = UINT(1795200608) } };
    static const struct folded_value bins[] = { { UINT(1795119613), UINT(1795200613), 5 },
                                                { UINT(1795200613), UINT(1795281613), 1 } };
    static const struct folded_value errors[] = { { .value = TEXT("TypeError"), .count = 4 },
                                                  { .value = TEXT("x"), .count = 2 } };
    static const struct folded_value zero[] = { { .value = UINT(0) } };
    static const struct folded full[] = {
        { range, 2, 0, 0 }, { bins, 2, 0, 0 }, { errors, 2, 0, 0 }, { zero, 1, 0, 0 }
    };
    static const struct folded empty[] = {
        { NULL, 0, 0, 0 }, { NULL, 0, 0, 0 }, { NULL, 0, 0, 0 }, { zero, 1, 0, 0 }
    };
    static const struct outcome_group groups[] = { { TEXT("e3b0"), 6, full }, { UNSET, 3, empty } };
    const struct ask q = { .kind = ASK_FOLD,
                           .has_group = true,
                           .group = STR("fingerprint"),
                           .folds = folds,
                           .fold_count = 4 };
    check(&q,
          (struct outcome){ .columns = columns,
                            .column_count = 4,
                            .group = { STR("fingerprint"), COLUMN_STRING },
                            .groups = groups,
                            .group_count = 2,
                            .matched = 20,
                            .groups_found = 7,
                            .groups_had = 4,
                            .rows_had = 15,
                            .newest = 9 },
          &about,
          RESPONSE("0", "0") "\"columns\":[[\"range(timestamp)\",\"unix_timestamp\"],"
                             "[\"bin(timestamp)\",\"unix_timestamp\"],"
                             "[\"histogram(classifiers)\",\"labels\"],"
                             "[\"unique(hostname)\",\"hostname\"]],"
                             "\"columns_desc\":[{\"name\":\"timestamp\","
                             "\"format\":\"unix_timestamp\",\"type\":\"uint64\",\"op\":\"range\"},"
                             "{\"name\":\"timestamp\",\"format\":\"unix_timestamp\","
                             "\"type\":\"uint64\",\"op\":\"bin\"},"
                             "{\"name\":\"classifiers\",\"format\":\"labels\","
                             "\"type\":\"dictionary\",\"op\":\"histogram\"},"
                             "{\"name\":\"hostname\",\"format\":\"hostname\","
                             "\"type\":\"dictionary\",\"op\":\"unique\"}],"
                             "\"factors_desc\":[{\"name\":\"fingerprint\",\"format\":\"sha256\","
                             "\"type\":\"dictionary\"}],"
                             "\"values\":[[\"e3b0\",[[1795200594,1795200608],"
                             "[[1795119613,1795200613,5],[1795200613,1795281613,1]],"
                             "[[\"TypeError\",4],[\"x\",2]],[0]],6],[\"*\",[[],[],[],[0]],3]],"
                             "\"cardinalities\":{\"initial\":{\"rows\":20,\"groups\":7},"
                             "\"having\":{\"rows\":15,\"groups\":4},"
                             "\"pagination\":{\"rows\":15,\"groups\":4}}}" ABOUT("9", "20", "7"));
}

/* What one fold of a group without `group` is written as. */
static void check_fold(enum fold_op op, struct folded folded, const char *want)
{
    const struct ask_fold fold = { .column = STR("pid"), .op = op };
    const struct outcome_column column = { STR("pid"), COLUMN_UINT };
    const struct outcome_group group = { UNSET, 4, &folded };
    const struct ask q = { .kind = ASK_FOLD, .folds = &fold, .fold_count = 1 };
    char text[1000], name[40];
    (void)snprintf(name, sizeof name, "%.*s", STR_ARG(fold_op_name(op)));
    (void)snprintf(
        text, sizeof text,
        RESPONSE("0", "0") "\"columns\":[[\"%s(pid)\",\"none\"]],"
                           "\"columns_desc\":[{\"name\":\"pid\",\"format\":\"none\","
                           "\"type\":\"uint32\",\"op\":\"%s\"}],"
                           "\"values\":[[\"*\",[%s],4]],"
                           "\"cardinalities\":{\"initial\":{\"rows\":4,\"groups\":1},"
                           "\"having\":{\"rows\":4,\"groups\":1},"
                           "\"pagination\":{\"rows\":4,\"groups\":1}}}" ABOUT("4", "4", "1"),
        name, name, want);
    check(&q,
          (struct outcome){ .columns = &column,
                            .column_count = 1,
                            .groups = &group,
                            .group_count = 1,
                            .matched = 4,
                            .groups_found = 1,
                            .groups_had = 1,
                            .rows_had = 4,
                            .newest = 4 },
          &about, text);
}

static void test_folds(void **state)
{
    (void)state;
    static const struct folded_value one[] = { { .value = UINT(3913) } };
    static const struct folded_value object[] = { { .value = UINT(206) } };
    static const struct folded_value mean[] = { { .value = { .type = CELL_DOUBLE, .d = 2.5 } } };
    static const struct folded_value edges[] = {
        { { .type = CELL_INT, .i = -5 }, UINT(INT64_MAX), 2 },
        { UINT(INT64_MAX), UINT(UINT64_MAX), 1 },
    };
    static const struct folded_value kept[] = { { .value = TEXT("vm"), .count = 4 },
                                                { .value = TEXT("pc"), .count = 2 } };
    static const enum fold_op single[] = { FOLD_HEAD, FOLD_TAIL,   FOLD_FIRST,
                                           FOLD_LAST, FOLD_UNIQUE, FOLD_COUNT,
                                           FOLD_SUM,  FOLD_MIN,    FOLD_MAX };
    for (size_t i = 0; i < COUNT_OF(single); i++) {
        check_fold(single[i], (struct folded){ one, 1, 0, 0 }, "[3913]");
        check_fold(single[i], (struct folded){ NULL, 0, 0, 0 }, "[]");
    }
    check_fold(FOLD_MEAN, (struct folded){ mean, 1, 0, 0 }, "[2.5]");
    check_fold(FOLD_OBJECT, (struct folded){ object, 1, 0, 0 }, "[\"ce\"]");
    check_fold(FOLD_OBJECT, (struct folded){ NULL, 0, 0, 0 }, "[]");
    check_fold(FOLD_RANGE, (struct folded){ NULL, 0, 0, 0 }, "[]");
    check_fold(FOLD_BIN, (struct folded){ NULL, 0, 0, 0 }, "[]");
    check_fold(FOLD_BIN, (struct folded){ edges, 2, 0, 0 },
               "[[-5,9223372036854775807,2],[9223372036854775807,18446744073709551615,1]]");
    check_fold(FOLD_HISTOGRAM, (struct folded){ kept, 2, 0, 0 }, "[[\"vm\",4],[\"pc\",2]]");
    check_fold(FOLD_DISTRIBUTION, (struct folded){ kept, 2, 5, 3 },
               "[{\"keys\":5,\"vals\":[[\"vm\",4],[\"pc\",2]],\"tail\":3}]");
    check_fold(FOLD_DISTRIBUTION, (struct folded){ NULL, 0, 0, 0 },
               "[{\"keys\":0,\"vals\":[],\"tail\":0}]");
}

/* morgue says "No results found" to this, and lists nothing. */
static void test_no_groups(void **state)
{
    (void)state;
    static const struct ask_fold fold = { .column = STR_INIT("callstack"), .op = FOLD_HISTOGRAM };
    static const struct outcome_column column = { STR_INIT("callstack"), COLUMN_STRING };
    const struct ask q = { .kind = ASK_FOLD, .folds = &fold, .fold_count = 1 };
    check(&q, (struct outcome){ .columns = &column, .column_count = 1, .newest = 3 }, &about,
          RESPONSE("0", "0") "\"columns\":[[\"histogram(callstack)\",\"callstack\"]],"
                             "\"columns_desc\":[{\"name\":\"callstack\",\"format\":\"callstack\","
                             "\"type\":\"dictionary\",\"op\":\"histogram\"}],\"values\":[],"
                             "\"cardinalities\":{\"initial\":{\"rows\":0,\"groups\":0},"
                             "\"having\":{\"rows\":0,\"groups\":0},"
                             "\"pagination\":{\"rows\":0,\"groups\":0}}}" ABOUT("3", "0", "0"));
}

/* A virtual column is formatted as what it is made of; group keys keep their type. */
static void test_virtual_group(void **state)
{
    (void)state;
    static const struct ask_virtual day = { .name = STR_INIT("ts.day"),
                                            .backing = STR_INIT("timestamp"),
                                            .size = 86400 };
    static const struct outcome_group groups[] = { { UINT(1795147200), 9, NULL },
                                                   { { .type = CELL_BOOL, .b = false }, 1, NULL } };
    const struct ask q = { .kind = ASK_FOLD,
                           .has_group = true,
                           .group = STR("ts.day"),
                           .virtuals = &day,
                           .virtual_count = 1 };
    check(&q,
          (struct outcome){ .group = { STR("ts.day"), COLUMN_UINT },
                            .groups = groups,
                            .group_count = 2,
                            .matched = 10,
                            .groups_found = 2,
                            .groups_had = 2,
                            .rows_had = 10 },
          &about,
          RESPONSE("0", "0") "\"columns\":[],\"columns_desc\":[],\"factors_desc\":["
                             "{\"name\":\"ts.day\",\"format\":\"unix_timestamp\","
                             "\"type\":\"uint64\"}],"
                             "\"values\":[[1795147200,[],9],[false,[],1]],"
                             "\"cardinalities\":{\"initial\":{\"rows\":10,\"groups\":2},"
                             "\"having\":{\"rows\":10,\"groups\":2},"
                             "\"pagination\":{\"rows\":10,\"groups\":2}}}" ABOUT("0", "10", "2"));
}

/* --- the rest ------------------------------------------------------------------------------ */

static void test_changed(void **state)
{
    (void)state;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 1 << 20);
    json_writer_init(&w, &out);
    answer_write_changed(&w, 3, 9, &about);
    buf_char(&out, '\0');
    assert_string_equal(
        out.ptr, "{\"response\":{\"result\":\"success\"},\"_\":{\"user\":\"admin\","
                 "\"universe\":\"acme\",\"project\":\"demo\",\"tx\":9,\"latency\":\"152 us\","
                 "\"runtime\":{\"filter\":{\"rows\":3,\"time\":0},\"group_by\":{\"groups\":0,"
                 "\"time\":0},\"aggregate\":{\"time\":0},\"sort\":{\"time\":0},"
                 "\"set\":{\"time\":0},\"total_time\":152}}}");
    buf_done(&out);
}

/* An answer that is too large is no answer. */
static void test_too_large(void **state)
{
    (void)state;
    static const struct ask_fold fold = { .column = STR_INIT("callstack"), .op = FOLD_HEAD };
    static const struct outcome_column column = { STR_INIT("callstack"), COLUMN_STRING };
    const struct ask q = { .kind = ASK_FOLD, .folds = &fold, .fold_count = 1 };
    const struct outcome o = { .columns = &column, .column_count = 1 };
    for (size_t most = 0; most < 300; most += 7) {
        struct buf out;
        struct json_writer w;
        buf_init(&out, most);
        json_writer_init(&w, &out);
        answer_write(&w, &q, &o, &about);
        assert_false(buf_ok(&out));
        buf_done(&out);
    }
}

static void test_types_and_formats(void **state)
{
    (void)state;
    static const struct attribute_notes notes = { notes_at, COUNT_OF(notes_at) };
    static const struct {
        const char *name;
        enum column_type type;
        const char *shown, *format;
    } cases[] = {
        { "timestamp", COLUMN_UINT, "uint64", "unix_timestamp" },
        { "timestamp", COLUMN_STRING, "dictionary", "unix_timestamp" },
        { "fingerprint", COLUMN_STRING, "dictionary", "sha256" },
        { "fingerprint;original", COLUMN_STRING, "dictionary", "sha256" },
        { "pid", COLUMN_UINT, "uint32", "none" },
        { "application.session", COLUMN_STRING, "uuid", "uuid" },
        { "vm.rss.size", COLUMN_UINT, "uint64", "bytes" },
        { "custom", COLUMN_INT, "int64", "none" },
        { "custom", COLUMN_DOUBLE, "double", "none" },
        { "custom", COLUMN_BOOL, "bitmap", "none" },
        { "build", COLUMN_STRING, "uint64", "unix_timestamp" }, /* an operator's word */
        { "hostname", COLUMN_STRING, "dictionary", "ipv6" },    /* on the format only */
        { "aaa", COLUMN_STRING, "dictionary", "none" },
        { "zzz", COLUMN_STRING, "dictionary", "none" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str name = str_from_c(cases[i].name);
        struct str shown = attribute_type_shown(name, cases[i].type, &notes);
        struct str format = attribute_format_shown(name, &notes);
        if (!str_eq(shown, str_from_c(cases[i].shown)) ||
            !str_eq(format, str_from_c(cases[i].format)))
            fail_msg("%s: %.*s, %.*s", cases[i].name, STR_ARG(shown), STR_ARG(format));
    }
}

static void test_standard_attributes(void **state)
{
    (void)state;
    static const enum table_kind kinds[] = { TABLE_OBJECTS, TABLE_ISSUES };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        size_t count;
        const struct standard_attribute *at = attributes_standard(kinds[k], &count);
        for (size_t i = 0; i < count; i++) {
            if (i > 0 && str_cmp(at[i - 1].name, at[i].name) >= 0)
                fail_msg("%.*s is out of order", STR_ARG(at[i].name));
            assert_ptr_equal(attribute_standard(kinds[k], at[i].name), &at[i]);
            assert_true(at[i].description.ptr[at[i].description.len - 1] == '.');
        }
        assert_null(attribute_standard(kinds[k], STR("custom")));
        assert_null(attribute_standard(kinds[k], STR("")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_keys_do_not_wrap),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_no_groups),
        cmocka_unit_test(test_virtual_group),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_types_and_formats),
        cmocka_unit_test(test_standard_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
