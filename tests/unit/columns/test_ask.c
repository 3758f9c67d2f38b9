/* What a query means, and what is said of one that is wrong. */
#include "ask_print.h"

#include "unit/cmocka_all.h"

#include <stdio.h>

#define ARENA_BYTES (64u << 20)
#define WHERE_DAYS "\"filter\":[{\"timestamp\":[[\"at-least\",1792608612]]}]"
#define FP "3fa8e5de5be2c3b2560c698b018c9a2b66207645332c7e378bcda6f840138718"

static bool read_text(struct str text, struct arena *a, struct ask *q, struct err *e)
{
    const struct json_limits limits = { 32, 1000000 };
    const struct json *body;
    if (!json_parse(&body, text, limits, a, e))
        fail_msg("no JSON: %s", e->msg);
    return ask_read(q, body, a, e);
}

/* --- queries that are right ---------------------------------------------------------------- */

struct good {
    const char *name, *body, *want;
};

static void check_good(const struct good *c)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct ask q;
    struct err e = { 0 };
    struct buf out;
    buf_init(&out, ARENA_BYTES);
    if (!read_text(str_from_c(c->body), a, &q, &e))
        fail_msg("%s: refused: %s", c->name, e.msg);
    ask_print(&q, &out);
    if (!str_eq(buf_view(&out), str_from_c(c->want)))
        fail_msg("%s: %.*s\nwanted: %s", c->name, STR_ARG(buf_view(&out)), c->want);
    buf_done(&out);
}

/* As morgue 1.24.11 sends them. */
static void test_of_morgue(void **state)
{
    (void)state;
    static const struct good cases[] = {
        { "list --select",
          "{\"limit\":3," WHERE_DAYS ",\"virtual_columns\":[],"
          "\"select\":[\"timestamp\",\"callstack\",\"error.message\"]}",
          "select timestamp,callstack,error.message where (timestamp at-least 1792608612) limit "
          "3" },
        { "list --factor",
          "{\"filter\":[{\"timestamp\":[[\"at-least\",1792608613]]}],"
          "\"order\":[{\"name\":\";count\",\"ordering\":\"descending\"}],"
          "\"group\":[\"fingerprint\"],\"virtual_columns\":[],"
          "\"fold\":{\"timestamp\":[[\"range\"],[\"bin\",32,1792608613,1795200613]],"
          "\"callstack\":[[\"head\"]],\"classifiers\":[[\"histogram\"]],"
          "\"hostname\":[[\"unique\"]]}}",
          "fold by fingerprint range(timestamp;0) bin(timestamp;1)32 from 1792608613 to 1795200613 "
          "head(callstack;0) histogram(classifiers;0) unique(hostname;0) "
          "where (timestamp at-least 1792608613) order -;count" },
        { "list with every fold",
          "{\"filter\":[{\"error.message\":[[\"contains\",\"capture\"]],"
          "\"_tx\":[[\"at-least\",1]],\"timestamp\":[[\"at-least\",1792608615]]}],"
          "\"virtual_columns\":[],\"fold\":{\"timestamp\":[[\"range\"],"
          "[\"bin\",32,1792608615,1795200615]],\"pid\":[[\"last\"],[\"first\"],[\"mean\"],"
          "[\"min\"],[\"max\"],[\"sum\"],[\"bin\"],[\"range\"]],\"hostname\":[[\"tail\"],"
          "[\"distribution\"]],\"fingerprint\":[[\"object\"],[\"count\"]]}}",
          "fold range(timestamp;0) bin(timestamp;1)32 from 1792608615 to 1795200615 last(pid;0) "
          "first(pid;1) mean(pid;2) min(pid;3) max(pid;4) sum(pid;5) bin(pid;6)32 range(pid;7) "
          "tail(hostname;0) distribution(hostname;1)32 object(fingerprint;0) "
          "count(fingerprint;1) where (error.message contains 'capture', _tx at-least 1, "
          "timestamp at-least 1792608615)" },
        { "list --sort --limit --offset",
          "{\"limit\":2,\"offset\":1," WHERE_DAYS
          ",\"order\":[{\"name\":\"_tx\",\"ordering\":\"descending\"}],\"virtual_columns\":[],"
          "\"select\":[\"uname.sysname\"]}",
          "select uname.sysname where (timestamp at-least 1792608612) order -_tx limit 2 "
          "offset 1" },
        { "list --select-wildcard",
          "{\"limit\":1," WHERE_DAYS
          ",\"virtual_columns\":[],\"select_wildcard\":{\"physical\":true}}",
          "select *physical where (timestamp at-least 1792608612) limit 1" },
        { "list --quantize-uint",
          "{\"filter\":[{\"timestamp\":[[\"at-least\",1763664623]]}],\"group\":[\"ts.day\"],"
          "\"virtual_columns\":[{\"name\":\"ts.day\",\"type\":\"quantize_uint\","
          "\"quantize_uint\":{\"backing_column\":\"timestamp\",\"size\":86400,"
          "\"offset\":-14400}}],\"fold\":{\"timestamp\":[[\"range\"],"
          "[\"bin\",32,1763664623,1795200623]],\"fingerprint\":[[\"count\"]]}}",
          "fold by ts.day range(timestamp;0) bin(timestamp;1)32 from 1763664623 to 1795200623 "
          "count(fingerprint;0) with ts.day=timestamp/86400-14400 "
          "where (timestamp at-least 1763664623)" },
        { "list --fingerprint --time",
          "{\"filter\":[{\"timestamp\":[[\"at-least\",1795027825],[\"less-than\",1795200625]],"
          "\"fingerprint\":[[\"regular-expression\",\"^3fa8\"]]}],\"virtual_columns\":[],"
          "\"fold\":{\"timestamp\":[[\"range\"],[\"bin\"]]}}",
          "fold range(timestamp;0) bin(timestamp;1)32 where (timestamp at-least 1795027825, "
          "timestamp less-than 1795200625 #1, fingerprint regular-expression '^3fa8')" },
        { "set",
          "{\"filter\":[{\"_tx\":[[\"equal\",\"1\"]]}],\"virtual_columns\":[],"
          "\"set\":{\"reason\":\"oom\"},\"table\":\"objects\"}",
          "fold where (_tx equal '1') set 1" },
        { "list --clear",
          "{\"filter\":[{\"reason\":[[\"equal\",\"oom\"]],"
          "\"timestamp\":[[\"at-least\",1792608651]]}],\"virtual_columns\":[],"
          "\"select\":[\"reason\"],\"set\":{\"reason\":null}}",
          "select reason where (reason equal 'oom', timestamp at-least 1792608651) set 1" },
        { "delete and reprocess by query",
          "{\"filter\":[{\"_tx\":[[\"equal\",\"3\"]]}],\"virtual_columns\":[],"
          "\"select\":[\"object\"]}",
          "select object where (_tx equal '3')" },
        { "merge",
          "{\"actions\":{\"fingerprint\":[{\"type\":\"merge\",\"arguments\":[\"" FP "\"]}]}}",
          "fold actions 1" },
        { "flamegraph",
          "{\"filter\":[{}],\"virtual_columns\":[],\"fold\":{\"callstack\":[[\"histogram\"]]}}",
          "fold histogram(callstack;0) where ()" },
        { "clean",
          "{\"filter\":[{\"timestamp\":[[\"greater-than\",0]],\"_deleted\":[[\"equal\",\"0\"]],"
          "\"fingerprint\":[[\"equal\",\"" FP "\"]],\"_tx\":[[\"less-than\",\"17\"]]}],"
          "\"virtual_columns\":[],\"limit\":10000,"
          "\"order\":[{\"name\":\"_tx\",\"ordering\":\"descending\"}],"
          "\"select\":[\"object.size\"]}",
          "select object.size where (timestamp greater-than 0, _deleted equal '0', "
          "fingerprint equal '" FP "', _tx less-than '17') order -_tx limit 10000" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_good(&cases[i]);
}

static void test_parts(void **state)
{
    (void)state;
    static const struct good cases[] = {
        { "nothing", "{}", "fold" },
        { "nulls",
          "{\"filter\":null,\"fold\":null,\"group\":null,\"select\":null,\"order\":null,"
          "\"limit\":null,\"offset\":null,\"having\":null,\"virtual_columns\":null,"
          "\"table\":null,\"template\":null,\"set\":null,\"actions\":null,"
          "\"select_wildcard\":null}",
          "fold" },
        { "members that nobody knows", "{\"action\":\"x\",\"pool\":[1],\"filter\":[]}", "fold" },
        { "alternatives",
          "{\"filter\":[{\"a\":[[\"equal\",1]]},{},{\"b\":[],\"c\":[[\"is-set\"]]}]}",
          "fold where (a equal 1) or () or (c is-set)" },
        { "every operator",
          "{\"filter\":[{\"a\":[[\"equal\",1],[\"not-equal\",-1],[\"at-least\",1.5],"
          "[\"at-most\",true],[\"greater-than\",\"1792608613.\"],[\"less-than\",\"x\"],"
          "[\"contains\",\"x\"],[\"not-contains\",\"x\"],[\"regular-expression\",\"x\"],"
          "[\"inverse-regular-expression\",\"x\"],[\"is-set\"],[\"is-not-set\"]]}]}",
          "fold where (a equal 1, a not-equal -1 #1, a at-least 1.5d=1.5 #2, a at-most true #3, "
          "a greater-than '1792608613.' #4, a less-than 'x' #5, a contains 'x' #6, "
          "a not-contains 'x' #7, a regular-expression 'x' #8, "
          "a inverse-regular-expression 'x' #9, a is-set #10, a is-not-set #11)" },
        { "no case",
          "{\"filter\":[{\"a\":[[\"contains\",\"x\",{\"case_insensitive\":true}],"
          "[\"regular-expression\",\"x\",{\"case_insensitive\":false}],[\"equal\",\"x\",{}],[\"not-"
          "equal\",\"x\",{\"case_insensitive\":true}]]}]}",
          "fold where (a contains 'x' i, a regular-expression 'x' #1, a equal 'x' #2, "
          "a not-equal 'x' #3 i)" },
        { "null as a value", "{\"filter\":[{\"a\":[[\"equal\",null],[\"not-equal\",null]]}]}",
          "fold where (a is-not-set, a is-set #1)" },
        { "textual operators have texts",
          "{\"filter\":[{\"a\":[[\"contains\",1.50],[\"regular-expression\",true],"
          "[\"not-contains\",false]]}]}",
          "fold where (a contains '1.50', a regular-expression 'true' #1, "
          "a not-contains 'false' #2)" },
        { "whole numbers at their ends",
          "{\"filter\":[{\"a\":[[\"equal\",18446744073709551615],"
          "[\"equal\",18446744073709551616],[\"equal\",-9223372036854775808],"
          "[\"equal\",-9223372036854775809],[\"equal\",-0],[\"equal\",0]]}]}",
          "fold where (a equal 18446744073709551615, "
          "a equal 1.8446744073709552e+19d=18446744073709551616 #1, "
          "a equal -9223372036854775808 #2, "
          "a equal -9.2233720368547758e+18d=-9223372036854775809 #3, a equal 0 #4, "
          "a equal 0 #5)" },
        { "bins between whole numbers that no double holds",
          "{\"fold\":{\"a\":[[\"bin\",2,-9223372036854775808,-9223372036854775807],"
          "[\"bin\",2,9007199254740992.0,\"9007199254740993\"]]}}",
          "fold bin(a;0)2 from -9223372036854775808 to -9223372036854775807 "
          "bin(a;1)2 from 9007199254740992d to 9007199254740993" },
        { "numbers as texts",
          "{\"limit\":\"5\",\"offset\":\"7.\",\"fold\":{\"a\":[[\"bin\",\"4\",\"1.\",\"2.5\"],"
          "[\"distribution\",\"3\"],[\"bin\",6]]}}",
          "fold bin(a;0)4 from 1 to 2.5d distribution(a;1)3 bin(a;2)6 limit 5 offset 7" },
        { "order of folds",
          "{\"fold\":{\"a\":[[\"min\"],[\"max\"]],\"b;c\":[[\"sum\"]]},\"order\":["
          "{\"name\":\"a;1\"},{\"name\":\"b;c;0\",\"ordering\":\"descending\"},"
          "{\"name\":\";group\",\"ordering\":\"ascending\"}]}",
          "fold min(a;0) max(a;1) sum(b;c;0) order max(a;1), -sum(b;c;0), ;group" },
        { "order of columns",
          "{\"select\":[],\"order\":[{\"name\":\"fingerprint;original\"},{\"name\":\"a;0\"}]}",
          "select order fingerprint;original, a;0" },
        { "empty group and fold do not hinder select",
          "{\"select\":[\"a\"],\"group\":[],\"fold\":{}}", "select a" },
        { "wildcards",
          "{\"select\":[\"a\"],\"select_wildcard\":{\"derived\":true,\"virtual\":true,"
          "\"physical\":false}}",
          "select a *derived *virtual" },
        { "issues", "{\"table\":\"issues\",\"select\":[\"state\"]}", "select state from issues" },
        { "virtual columns",
          "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"quantize_uint\",\"quantize_uint\":"
          "{\"backing_column\":\"t\",\"size\":\"10\"}},"
          "{\"name\":\"b\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":"
          "{\"backing_column\":\"t\",\"granularity\":\"day\"}},"
          "{\"name\":\"c\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":"
          "{\"backing_column\":\"t\",\"granularity\":\"month\"}},"
          "{\"name\":\"d\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":"
          "{\"backing_column\":\"t\",\"granularity\":\"quarter\"}},"
          "{\"name\":\"e\",\"type\":\"truncate_timestamp\",\"truncate_timestamp\":"
          "{\"backing_column\":\"b\",\"granularity\":\"year\"}}]}",
          "fold with a=t/10+0, b=t/day, c=t/month, d=t/quarter, e=b/year" },
        { "having",
          "{\"fold\":{\"a;b\":[[\"min\"],[\"range\"],[\"distribution\"]]},\"having\":["
          "{\"op\":\">=\",\"params\":[5],\"property\":[\";count\"]},"
          "{\"op\":\"==\",\"params\":[\"x\"],\"property\":[\"a;b;0;0\"]},"
          "{\"op\":\"boolean\",\"params\":[\"and\"]},"
          "{\"op\":\"!=\",\"params\":[-1],\"property\":[\"a;b;1;1\"]},"
          "{\"op\":\"boolean\",\"params\":[\"and\"]},"
          "{\"op\":\"<\",\"params\":[1.5],\"property\":[\"a;b;1;0\"]},"
          "{\"op\":\"boolean\",\"params\":[\"and\"]},"
          "{\"op\":\">\",\"params\":[true],\"property\":[\"a;b;2;1\"]},"
          "{\"op\":\"<=\",\"params\":[1],\"property\":[\"a;b;2;0\"]},"
          "{\"op\":\"boolean\",\"params\":[\"and\"]},"
          "{\"op\":\"boolean\",\"params\":[\"and\"]}]}",
          "fold min(a;b;0) range(a;b;1) distribution(a;b;2)32 having ;count >= 5, "
          "min(a;b;0) == 'x', range(a;b;1)[1] != -1, range(a;b;1) < 1.5d, "
          "distribution(a;b;2)[1] > true, distribution(a;b;2) <= 1" },
        { "having without a place of the value",
          "{\"fold\":{\"a\":[[\"min\"],[\"max\"]]},\"having\":["
          "{\"op\":\"==\",\"params\":[5],\"property\":[\"a;1\"]}]}",
          "fold min(a;0) max(a;1) having max(a;1) == 5" },
        { "template select", "{\"template\":\"select\",\"limit\":1}",
          "select timestamp,fingerprint,callstack,classifiers,error.message,application,version,"
          "hostname,uname.sysname limit 1" },
        { "template workflow", "{\"template\":\"workflow\",\"order\":[{\"name\":\"timestamp;0\"}]}",
          "fold by fingerprint range(timestamp;0) head(callstack;0) head(classifiers;0) "
          "head(error.message;0) unique(hostname;0) head(fingerprint;issues;state;0) "
          "head(fingerprint;issues;tags;0) head(fingerprint;issues;ticket;0) "
          "order range(timestamp;0)" },
        { "a template adds only what is left open",
          "{\"template\":\"workflow\",\"fold\":{\"a\":[[\"head\"]]}}",
          "fold by fingerprint head(a;0)" },
        { "a template leaves select", "{\"template\":\"workflow\",\"select\":[\"a\"]}",
          "select a" },
        { "a template leaves folds", "{\"template\":\"select\",\"group\":[\"a\"]}", "fold by a" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_good(&cases[i]);
}

/* --- queries that are wrong ---------------------------------------------------------------- */

struct bad {
    const char *body, *msg;
};

static void check_bad(const char *body, enum err_code code, const char *word, const char *msg)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct ask q = { .limit = 77 };
    struct err e = { 0 };
    if (read_text(str_from_c(body), a, &q, &e))
        fail_msg("taken: %s", body);
    if (strcmp(e.msg, msg) != 0)
        fail_msg("%s: %s\nwanted: %s", body, e.msg, msg);
    assert_int_equal(e.code, code);
    assert_non_null(e.word);
    assert_string_equal(e.word, word);
    assert_true(e.offset < strlen(body));
    assert_int_equal(q.limit, 77); /* untouched */
}

static void test_bad_filters(void **state)
{
    (void)state;
    static const struct bad cases[] = {
        { "[]", "an object is wanted here, not a list" },
        { "{\"filter\":{}}", "filter: a list of objects is wanted here, not an object" },
        { "{\"filter\":[{},1]}",
          "filter[1]: an object of attributes and their conditions is wanted here, "
          "not a number" },
        { "{\"filter\":[{\"a\":[],\"host\":\"x\"}]}",
          "filter[0].host: a list of conditions is wanted here, not a text" },
        { "{\"filter\":[{\"host\":[[\"is-set\"],\"equal\"]}]}",
          "filter[0].host[1]: [operator, value] is wanted here, not a text" },
        { "{\"filter\":[{\"host\":[[]]}]}", "filter[0].host[0]: there is no operator" },
        { "{\"filter\":[{\"host\":[[1,2]]}]}",
          "filter[0].host[0]: the name of an operator is wanted here, not a number" },
        { "{\"filter\":[{\"host\":[[\"is\",2]]}]}",
          "filter[0].host[0]: there is no operator 'is'" },
        { "{\"filter\":[{\"host\":[[\"equal\"]]}]}", "filter[0].host[0]: 'equal' needs a value" },
        { "{\"filter\":[{\"host\":[[\"is-set\",1]]}]}",
          "filter[0].host[0]: 'is-set' takes no value" },
        { "{\"filter\":[{\"host\":[[\"at-least\",null]]}]}",
          "filter[0].host[0]: 'at-least' does not go with null" },
        { "{\"filter\":[{\"host\":[[\"equal\",[1]]]}]}",
          "filter[0].host[0]: a text, a number or a boolean is wanted here, not a list" },
        { "{\"filter\":[{\"host\":[[\"equal\",1e999]]}]}",
          "filter[0].host[0]: this number is too large or too long" },
        { "{\"filter\":[{\"host\":[[\"equal\",\"a\",\"b\"]]}]}",
          "filter[0].host[0]: an operator takes one value and an object of options; "
          "alternatives are further objects of the filter" },
        { "{\"filter\":[{\"host\":[[\"equal\",\"a\",{},{}]]}]}",
          "filter[0].host[0]: an operator takes one value and an object of options; "
          "alternatives are further objects of the filter" },
        { "{\"filter\":[{\"host\":[[\"contains\",\"a\",{\"anchored\":true}]]}]}",
          "filter[0].host[0]: there is no option 'anchored'" },
        { "{\"filter\":[{\"host\":[[\"contains\",\"a\",{\"case_insensitive\":1}]]}]}",
          "filter[0].host[0]: true or false is wanted here, not a number" },
        { "{\"filter\":[{\"host\":[[\"less-than\",\"a\",{\"case_insensitive\":true}]]}]}",
          "filter[0].host[0]: case_insensitive goes with equal, contains, regular-expression and "
          "their opposites only" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_bad(cases[i].body, ERR_INPUT, "bad_query", cases[i].msg);
}

static void test_bad_columns(void **state)
{
    (void)state;
    static const struct bad cases[] = {
        { "{\"select\":\"a\"}", "select: a list of names is wanted here, not a text" },
        { "{\"select\":[\"a\",null]}", "select[1]: a name is wanted here, not null" },
        { "{\"select_wildcard\":[]}", "select_wildcard: an object is wanted here, not a list" },
        { "{\"select_wildcard\":{\"all\":true}}", "select_wildcard: there is no 'all'" },
        { "{\"select_wildcard\":{\"physical\":\"yes\"}}",
          "select_wildcard.physical: true or false is wanted here, not a text" },
        { "{\"group\":\"a\"}", "group: a list of one name is wanted here, not a text" },
        { "{\"group\":[\"a\",\"b\"]}", "group: there can be one attribute only" },
        { "{\"group\":[1]}", "group[0]: a name is wanted here, not a number" },
        { "{\"select\":[\"a\"],\"group\":[\"b\"]}", "select and group exclude each other" },
        { "{\"select\":[\"a\"],\"fold\":{\"b\":[[\"sum\"]]}}",
          "select and fold exclude each other" },
        { "{\"fold\":[]}",
          "fold: an object of attributes and their folds is wanted here, not a list" },
        { "{\"fold\":{\"a\":\"sum\"}}", "fold.a: a list of folds is wanted here, not a text" },
        { "{\"fold\":{\"a\":[[\"sum\"],\"max\"]}}",
          "fold.a[1]: [fold, arguments...] is wanted here, not a text" },
        { "{\"fold\":{\"a\":[[]]}}", "fold.a[0]: there is no fold" },
        { "{\"fold\":{\"a\":[[true]]}}",
          "fold.a[0]: the name of a fold is wanted here, not a boolean" },
        { "{\"fold\":{\"a\":[[\"median\"]]}}", "fold.a[0]: there is no fold 'median'" },
        { "{\"fold\":{\"a\":[[\"head\",1]]}}", "fold.a[0]: 'head' takes no arguments" },
        { "{\"fold\":{\"a\":[[\"distribution\",0]]}}",
          "fold.a[0]: the number of values must be positive" },
        { "{\"fold\":{\"a\":[[\"distribution\",1,2]]}}",
          "fold.a[0]: distribution takes one number of values" },
        { "{\"fold\":{\"a\":[[\"bin\",\"many\"]]}}",
          "fold.a[0]: 'many' is no number that can be used" },
        { "{\"fold\":{\"a\":[[\"bin\",-1]]}}", "fold.a[0]: '-1' is no whole number from 0 on" },
        { "{\"fold\":{\"a\":[[\"bin\",1.5]]}}", "fold.a[0]: '1.5' is no whole number from 0 on" },
        { "{\"fold\":{\"a\":[[\"bin\",0]]}}", "fold.a[0]: the number of bins must be positive" },
        { "{\"fold\":{\"a\":[[\"bin\",3,1]]}}",
          "fold.a[0]: bin takes a number of bins, a start and an end" },
        { "{\"fold\":{\"a\":[[\"bin\",3,1,2,3]]}}",
          "fold.a[0]: bin takes a number of bins, a start and an end" },
        { "{\"fold\":{\"a\":[[\"bin\",3,{},2]]}}",
          "fold.a[0]: a number is wanted here, not an object" },
        { "{\"fold\":{\"a\":[[\"bin\",3,9007199254740993,9007199254740992]]}}",
          "fold.a[0]: the end of bin must be greater than its start" },
        { "{\"fold\":{\"a\":[[\"bin\",3,2,2]]}}",
          "fold.a[0]: the end of bin must be greater than its start" },
        { "{\"set\":[1]}", "set: an object is wanted here, not a list" },
        { "{\"actions\":\"merge\"}", "actions: an object is wanted here, not a text" },
        { "{\"limit\":{}}", "limit: a number is wanted here, not an object" },
        { "{\"limit\":\"all\"}", "limit: 'all' is no number that can be used" },
        { "{\"limit\":1.5}", "limit: '1.5' is no whole number from 0 on" },
        { "{\"offset\":0.5}", "offset: '0.5' is no whole number from 0 on" },
        { "{\"offset\":\"0x10\"}", "offset: '0x10' is no number that can be used" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_bad(cases[i].body, ERR_INPUT, "bad_query", cases[i].msg);
}

static void test_bad_orders(void **state)
{
    (void)state;
    static const struct bad cases[] = {
        { "{\"order\":{}}", "order: a list of objects is wanted here, not an object" },
        { "{\"order\":[1]}",
          "order[0]: an object with 'name' and 'ordering' is wanted here, not a number" },
        { "{\"order\":[{}]}", "order[0]: 'name' is missing" },
        { "{\"order\":[{\"name\":\";count\"},{\"name\":5}]}",
          "order[1].name: a name is wanted here, not a number" },
        { "{\"order\":[{\"name\":\";count\",\"ordering\":\"up\"}]}",
          "order[0].ordering: 'ascending' or 'descending' is wanted" },
        { "{\"order\":[{\"name\":\"a\"}]}",
          "order[0].name: groups are ordered by ';group', ';count' or '<attribute>;<fold>', not "
          "by 'a'" },
        { "{\"order\":[{\"name\":\";rows\"}]}",
          "order[0].name: groups are ordered by ';group', ';count' or '<attribute>;<fold>', not "
          "by ';rows'" },
        { "{\"select\":[\"a\"],\"order\":[{\"name\":\";count\"}]}",
          "order[0].name: ';count' goes with fold or group only" },
        { "{\"virtual_columns\":{}}",
          "virtual_columns: a list of objects is wanted here, not an object" },
        { "{\"virtual_columns\":[1]}",
          "virtual_columns[0]: an object with 'name' and 'type' is wanted here, not a number" },
        { "{\"virtual_columns\":[{\"name\":\"a\"}]}", "virtual_columns[0]: 'type' is missing" },
        { "{\"virtual_columns\":[{\"type\":\"a\"}]}", "virtual_columns[0]: 'name' is missing" },
        { "{\"virtual_columns\":[{\"name\":1,\"type\":\"quantize_uint\"}]}",
          "virtual_columns[0]: a text as 'name' is wanted here, not a number" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"cut\"}]}",
          "virtual_columns[0]: there is no type 'cut'" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"quantize_uint\"}]}",
          "virtual_columns[0]: an object 'quantize_uint' is missing" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"quantize_uint\","
          "\"quantize_uint\":{\"size\":1}}]}",
          "virtual_columns[0]: 'backing_column' is missing" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"quantize_uint\","
          "\"quantize_uint\":{\"backing_column\":\"t\"}}]}",
          "virtual_columns[0]: 'size' is missing" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"quantize_uint\","
          "\"quantize_uint\":{\"backing_column\":\"t\",\"size\":-5}}]}",
          "virtual_columns[0]: size must be positive" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"quantize_uint\","
          "\"quantize_uint\":{\"backing_column\":\"t\",\"size\":1.5}}]}",
          "virtual_columns[0]: size: a whole number below 2^63 is wanted" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"quantize_uint\","
          "\"quantize_uint\":{\"backing_column\":\"t\",\"size\":5,"
          "\"offset\":9223372036854775808}}]}",
          "virtual_columns[0]: offset: a whole number below 2^63 is wanted" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"quantize_uint\","
          "\"quantize_uint\":{\"backing_column\":\"t\",\"size\":5}},{\"name\":\"a\","
          "\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":\"u\","
          "\"size\":5}}]}",
          "virtual_columns[1]: there are two 'a'" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_bad(cases[i].body, ERR_INPUT, "bad_query", cases[i].msg);
}

static void test_bad_having(void **state)
{
    (void)state;
#define COUNT_5 "{\"op\":\">\",\"params\":[5],\"property\":[\";count\"]}"
#define AND "{\"op\":\"boolean\",\"params\":[\"and\"]}"
    static const struct bad cases[] = {
        { "{\"having\":{}}", "having: a list of objects is wanted here, not an object" },
        { "{\"select\":[],\"having\":[" COUNT_5 "]}",
          "having: goes with fold or group, not with select" },
        { "{\"having\":[\"x\"]}",
          "having[0]: an object with 'op', 'params' and 'property' is wanted here, "
          "not a text" },
        { "{\"having\":[{}]}", "having[0]: 'op' must be the name of an operator" },
        { "{\"having\":[" COUNT_5 ",{\"op\":\"=\"}]}", "having[1]: there is no operator '='" },
        { "{\"having\":[{\"op\":\">\"}]}", "having[0]: 'params' must be a list of one element" },
        { "{\"having\":[{\"op\":\">\",\"params\":[1,2]}]}",
          "having[0]: 'params' must be a list of one element" },
        { "{\"having\":[{\"op\":\">\",\"params\":[null],\"property\":[\";count\"]}]}",
          "having[0]: a text, a number or a boolean is wanted here, not null" },
        { "{\"having\":[{\"op\":\">\",\"params\":[1]}]}",
          "having[0]: 'property' must be a list of one element" },
        { "{\"having\":[{\"op\":\">\",\"params\":[1],\"property\":[\";rows\"]}]}",
          "having[0]: a property is ';count' or '<attribute>;<fold>;<value>', not ';rows'" },
        { "{\"having\":[{\"op\":\"boolean\",\"params\":[]}]}",
          "having[0]: 'params' must be a list of one element" },
        { "{\"having\":[" COUNT_5 "," AND "]}",
          "having[1]: two conditions must come before an 'and'" },
        { "{\"having\":[" COUNT_5 "," COUNT_5 ",{\"op\":\"boolean\",\"params\":[\"or\"]}]}",
          "having[2]: conditions can be joined by 'and' only" },
        { "{\"having\":[" COUNT_5 "," COUNT_5 "]}",
          "having: 2 conditions are not joined: each from the second on is followed by "
          "{\"op\":\"boolean\",\"params\":[\"and\"]}" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_bad(cases[i].body, ERR_INPUT, "bad_query", cases[i].msg);
}

/* Word by word, without a place: the query library compares them. */
static void test_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *body, *word, *msg;
    } cases[] = {
        { "{\"table\":\"metrics\"}", "bad_table", "invalid parameter 'table'" },
        { "{\"table\":1}", "bad_table", "invalid parameter 'table'" },
        { "{\"template\":\"nosuch\"}", "bad_template", "Template not found" },
        { "{\"template\":7}", "bad_template", "Template not found" },
        { "{\"limit\":0}", "bad_limit", "limit must be positive" },
        { "{\"limit\":\"-5\"}", "bad_limit", "limit must be positive" },
        { "{\"limit\":0.5}", "bad_limit", "limit must be positive" },
        { "{\"offset\":-1}", "bad_offset", "offset must be positive" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"truncate_timestamp\","
          "\"truncate_timestamp\":{\"backing_column\":\"t\",\"granularity\":\"hour\"}}]}",
          "bad_granularity", "truncate_timestamp vcol: unrecognized granularity" },
        { "{\"virtual_columns\":[{\"name\":\"a\",\"type\":\"truncate_timestamp\","
          "\"truncate_timestamp\":{\"backing_column\":\"t\"}}]}",
          "bad_granularity", "truncate_timestamp vcol: unrecognized granularity" },
        { "{\"fold\":{\"a\":[[\"min\"]]},\"order\":[{\"name\":\"b;0\"}]}", "term_column_not_found",
          "column not found for aggregate value term" },
        { "{\"fold\":{\"a\":[[\"min\"]]},\"order\":[{\"name\":\"a;1\"}]}", "term_index_not_found",
          "index not found for aggregate value term" },
        { "{\"fold\":{\"a\":[[\"min\"]]},\"having\":[{\"op\":\">\",\"params\":[1],"
          "\"property\":[\"b;0;0\"]}]}",
          "term_column_not_found", "column not found for aggregate value term" },
        { "{\"fold\":{\"a\":[[\"min\"]]},\"having\":[{\"op\":\">\",\"params\":[1],"
          "\"property\":[\"a;1;0\"]}]}",
          "term_index_not_found", "index not found for aggregate value term" },
        { "{\"fold\":{\"a\":[[\"min\"]]},\"having\":[{\"op\":\">\",\"params\":[1],"
          "\"property\":[\"a;0;1\"]}]}",
          "term_index_not_found", "index not found for aggregate value term" },
        { "{\"fold\":{\"a\":[[\"range\"]]},\"having\":[{\"op\":\">\",\"params\":[1],"
          "\"property\":[\"a;0;2\"]}]}",
          "term_index_not_found", "index not found for aggregate value term" },
        { "{\"fold\":{\"a\":[[\"bin\"]]},\"having\":[{\"op\":\">\",\"params\":[1],"
          "\"property\":[\"a;0;0\"]}]}",
          "term_index_not_found", "index not found for aggregate value term" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_bad(cases[i].body, ERR_INPUT, cases[i].word, cases[i].msg);
}

/* --- limits -------------------------------------------------------------------------------- */

/* `before`, `count` times `one` with commas between, `after`. */
static const char *many(struct buf *text, const char *before, size_t count, const char *one,
                        const char *after)
{
    buf_reset(text);
    buf_printf(text, "%s", before);
    for (size_t i = 0; i < count; i++)
        buf_printf(text, "%s%s", i ? "," : "", one);
    buf_printf(text, "%s", after);
    buf_char(text, '\0');
    assert_true(buf_ok(text));
    return text->ptr;
}

static bool is_taken(const char *body)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct ask q;
    struct err e = { 0 };
    return read_text(str_from_c(body), a, &q, &e);
}

static void test_limits(void **state)
{
    (void)state;
#define MANY_VIRTUAL                                                                               \
    "{\"name\":\"x\",\"type\":\"quantize_uint\",\"quantize_uint\":{\"backing_column\":\"t\","      \
    "\"size\":1}}"
    static const struct {
        const char *name, *before, *one, *after;
        size_t most;
        const char *msg;
    } cases[] = {
        { "conditions", "{\"filter\":[{\"a\":[", "[\"is-set\"]", "]}]}", ASK_TERMS_MAX,
          "filter: there may be at most 1000 conditions" },
        { "alternatives", "{\"filter\":[", "{}", "]}", ASK_TERMS_MAX,
          "filter: there may be at most 1000 conditions" },
        { "select", "{\"select\":[", "\"a\"", "]}", ASK_COLUMNS_MAX,
          "select: there may be at most 1000 columns" },
        { "folds", "{\"fold\":{\"a\":[", "[\"min\"]", "]}}", ASK_COLUMNS_MAX,
          "fold: there may be at most 1000 folds" },
        { "order", "{\"order\":[", "{\"name\":\";count\"}", "]}", ASK_ORDER_MAX,
          "order: there may be at most 32 names" },
    };
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (!is_taken(many(&text, cases[i].before, cases[i].most, cases[i].one, cases[i].after)))
            fail_msg("%s: refused at its limit", cases[i].name);
        check_bad(many(&text, cases[i].before, cases[i].most + 1, cases[i].one, cases[i].after),
                  ERR_LIMIT, "query_too_large", cases[i].msg);
    }
    check_bad(many(&text, "{\"virtual_columns\":[", ASK_VIRTUAL_MAX + 1, MANY_VIRTUAL, "]}"),
              ERR_LIMIT, "query_too_large",
              "virtual_columns: there may be at most 100 virtual columns");
    check_bad(many(&text, "{\"having\":[", ASK_HAVING_MAX + 1, COUNT_5, "]}"), ERR_LIMIT,
              "query_too_large", "having[32]: there may be at most 32 conditions");
    assert_true(is_taken("{\"limit\":1000000,\"fold\":{\"a\":[[\"bin\",10000]]}}"));
    check_bad("{\"limit\":1000001}", ERR_LIMIT, "query_too_large",
              "limit: there may be at most 1000000 rows or groups in one answer");
    check_bad("{\"fold\":{\"a\":[[\"bin\",10001]]}}", ERR_LIMIT, "query_too_large",
              "fold.a[0]: there may be at most 10000 bins");
    check_bad("{\"fold\":{\"a\":[[\"distribution\",1000001]]}}", ERR_LIMIT, "query_too_large",
              "fold.a[0]: there may be at most 1000000 values");
    buf_done(&text);
}

/* A long name leaves room for what is wrong. */
static void test_long_names(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct buf text;
    struct ask q;
    struct err e = { 0 };
    buf_init(&text, 1 << 20);
    buf_str(&text, STR("{\"filter\":[{\"a"));
    for (size_t i = 0; i < 1000; i++)
        buf_str(&text, STR("\xc3\x9f"));
    buf_str(&text, STR("\":[[\"is\"]]}]}"));
    assert_false(read_text(buf_view(&text), a, &q, &e));
    assert_non_null(strstr(e.msg, "[0]: there is no operator 'is'"));
    assert_int_equal(strncmp(e.msg, "filter[0].a\xc3\x9f", 13), 0);
    buf_done(&text);
}

/* --- numbers ------------------------------------------------------------------------------- */

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cell_type type;
        double value;
    } cases[] = {
        { "0", CELL_UINT, 0 },         { "12", CELL_UINT, 12 },        { "12.", CELL_UINT, 12 },
        { "-12.", CELL_INT, -12 },     { "-0", CELL_UINT, 0 },         { "007", CELL_UINT, 7 },
        { "1.5", CELL_DOUBLE, 1.5 },   { "-1.5e1", CELL_DOUBLE, -15 }, { "1e3", CELL_DOUBLE, 1000 },
        { "1.e3", CELL_DOUBLE, 1000 }, { "1E+2", CELL_DOUBLE, 100 },   { "2.0", CELL_DOUBLE, 2 },
        { "", CELL_UNSET, 0 },         { "-", CELL_UNSET, 0 },         { ".5", CELL_UNSET, 0 },
        { "1e", CELL_UNSET, 0 },       { "1e+", CELL_UNSET, 0 },       { "0x10", CELL_UNSET, 0 },
        { "1 ", CELL_UNSET, 0 },       { "+1", CELL_UNSET, 0 },        { "1..", CELL_UNSET, 0 },
        { "inf", CELL_UNSET, 0 },      { "nan", CELL_UNSET, 0 },       { "1e999", CELL_UNSET, 0 },
        { "--1", CELL_UNSET, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cell c = { .type = CELL_UNSET };
        bool is = ask_number(str_from_c(cases[i].text), &c);
        if (is != (cases[i].type != CELL_UNSET) || c.type != cases[i].type)
            fail_msg("'%s' is of type %d", cases[i].text, c.type);
        double value = c.type == CELL_UINT  ? (double)c.u
                       : c.type == CELL_INT ? (double)c.i
                       : is                 ? c.d
                                            : 0;
        if (value < cases[i].value || value > cases[i].value)
            fail_msg("'%s' is %g", cases[i].text, value);
    }
    char nines[200];
    struct cell c;
    memset(nines, '9', sizeof nines);
    assert_true(ask_number((struct str){ nines, 128 }, &c));
    assert_int_equal(c.type, CELL_DOUBLE);
    assert_false(ask_number((struct str){ nines, 129 }, &c));
}

/* Whatever memory there is for a query: it is read, or ERR_NOMEM. */
static void test_no_memory(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *tree = arena_new(ARENA_BYTES);
    const struct json_limits limits = { 32, 1000 };
    const struct json *body;
    struct err e = { 0 };
    bool taken = false;
    struct buf text;
    buf_init(&text, 1 << 20);
    (void)many(&text,
               "{\"order\":[{\"name\":\"a;0\"}],\"virtual_columns\":[],\"having\":[],"
               "\"fold\":{\"a\":[[\"max\"]]},\"filter\":[{\"a\":[",
               100, "[\"equal\",5]", "]}]}");
    text.len--; /* without the NUL */
    assert_true(json_parse(&body, buf_view(&text), limits, tree, &e));
    for (size_t bytes = 64; !taken; bytes += 64) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(bytes);
        struct ask q;
        assert_true(bytes < 1 << 20);
        e = (struct err){ 0 };
        taken = a && ask_read(&q, body, a, &e);
        if (a && !taken)
            assert_int_equal(e.code, ERR_NOMEM);
    }
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_morgue),   cmocka_unit_test(test_parts),
        cmocka_unit_test(test_bad_filters), cmocka_unit_test(test_bad_columns),
        cmocka_unit_test(test_bad_orders),  cmocka_unit_test(test_bad_having),
        cmocka_unit_test(test_recognised),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_long_names),  cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
