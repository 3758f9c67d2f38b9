/* Source maps: what is read and what is refused, with the place; names of functions. The table has
 * the cases of the specification's own tests (tc39/source-map-tests), and more. In it, ' stands for
 * ". */
#include "maps.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define MAP(mappings)                                                                              \
    "{'version':3,'sources':['a.js','b.js'],'names':['foo','bar'],'mappings':'" mappings "'}"
#define WITH(members) "{'version':3,'sources':['a.js'],'mappings':'AAAA'," members "}"
#define SECTION(line, column, map)                                                                 \
    "{'offset':{'line':" #line ",'column':" #column "},'map':" map "}"
#define INDEX(sections) "{'version':3,'sections':[" sections "]}"

static const struct {
    const char *name, *json;
    const char *wrong; /* of the message; NULL: it is read */
} cases[] = {
    /* members */
    { "no object", "[]", "not a JSON object" },
    { "no JSON", "{'version':3,", "line 1, column 14" },
    { "nothing", "", "there is no value" },
    { "only the line in front", ")]}'", "there is no value" },
    { "version missing", "{'sources':[],'mappings':''}", "version: missing" },
    { "version a string", "{'version':'3','sources':[],'mappings':''}", "version: not 3" },
    { "version too low", "{'version':2,'sources':[],'mappings':''}", "version: not 3" },
    { "version too high", "{'version':4,'sources':[],'mappings':''}", "version: not 3" },
    { "version null", "{'version':null,'sources':[],'mappings':''}", "version: missing" },
    { "mappings missing", "{'version':3,'sources':[]}", "mappings: missing" },
    { "mappings a number", "{'version':3,'sources':[],'mappings':5}", "mappings: not a string" },
    { "mappings a list", "{'version':3,'sources':[],'mappings':[1]}", "mappings: not a string" },
    { "sources missing", "{'version':3,'mappings':''}", "sources: missing" },
    { "sources a string", "{'version':3,'sources':'a','mappings':''}", "sources: not a list" },
    { "sources an object", "{'version':3,'sources':{},'mappings':''}", "sources: not a list" },
    { "a source a number", "{'version':3,'sources':['a',3],'mappings':''}",
      "sources: entry 1 is not a string or null" },
    { "sources null", "{'version':3,'sources':[null],'mappings':'AAAA'}", NULL },
    { "sourcesContent a string", WITH("'sourcesContent':'a'"), "sourcesContent: not a list" },
    { "a text a number", WITH("'sourcesContent':[3]"),
      "sourcesContent: entry 0 is not a string or null" },
    { "a text null", WITH("'sourcesContent':[null]"), NULL },
    { "sourcesContent null", WITH("'sourcesContent':null"), NULL },
    { "more texts than sources", WITH("'sourcesContent':['','','']"), NULL },
    { "names missing", WITH("'file':'x'"), NULL },
    { "names a string", WITH("'names':'a'"), "names: not a list" },
    { "a name a number", WITH("'names':['a',{}]"), "names: entry 1 is not a string" },
    { "a name null", WITH("'names':[null]"), "names: entry 0 is not a string" },
    { "file a number", WITH("'file':3"), "file: not a string" },
    { "file a list", WITH("'file':[]"), "file: not a string" },
    { "file null", WITH("'file':null"), NULL },
    { "root a number", WITH("'sourceRoot':-3"), "sourceRoot: not a string" },
    { "ignored: nothing", WITH("'ignoreList':[]"), NULL },
    { "ignored: a string", WITH("'ignoreList':['0']"), "entry 0 is not the number of a source" },
    { "ignored: a part of a number", WITH("'ignoreList':[0.5]"), "entry 0 is not the number" },
    { "ignored: below 0", WITH("'ignoreList':[0,-1]"), "entry 1 is not the number" },
    { "ignored: no list", WITH("'ignoreList':0"), "ignoreList: not a list" },
    { "ignored: too large", WITH("'ignoreList':[1]"), "entry 0 is 1, and there are 1 sources" },
    { "ignored as it was once called", WITH("'x_google_ignoreList':[1]"), "there are 1 sources" },
    { "a member that nobody knows", WITH("'foobar':[{}]"), NULL },
    /* mappings */
    { "none", MAP(""), NULL },
    { "empty lines", MAP(";;;;;;"), NULL },
    { "no base 64", MAP("AAAA;A$%?!"), "line 2, segment 1 (byte 6): this is no base 64 digit" },
    { "another separator", MAP("AAAA.AAAA"), "line 1, segment 1 (byte 4): this is no base 64" },
    { "white space", MAP("AAAA, AAAA"), "line 1, segment 2 (byte 5): this is no base 64" },
    { "base 64 of URLs", MAP("A-AA"), "(byte 1): this is no base 64 digit" },
    { "open at the end", MAP("AAAA,AAAg"), "line 1, segment 2 (byte 9): the number's last digit" },
    { "open at a comma", MAP("g,AAAA"), "line 1, segment 1 (byte 1): the number's last digit" },
    { "0 numbers", MAP("AAAA,,AAAA"), "line 1, segment 2 (byte 5): 0 numbers" },
    { "0 numbers at the end", MAP("AAAA,;A"), "line 1, segment 2 (byte 5): 0 numbers" },
    { "0 numbers at the begin", MAP(",AAAA"), "line 1, segment 1 (byte 0): 0 numbers" },
    { "2 numbers", MAP("AA"), "line 1, segment 1 (byte 0): 2 numbers, and not 1, 4 or 5" },
    { "3 numbers", MAP(";;A,AAA"), "line 3, segment 2 (byte 4): 3 numbers" },
    { "6 numbers", MAP("AAAAAA"), "line 1, segment 1 (byte 0): more than 5 numbers" },
    { "column below 0", MAP("F"), "line 1, segment 1 (byte 0): the column is below 0" },
    { "column below 0 by steps", MAP("C,F"), "line 1, segment 2 (byte 2): the column is below 0" },
    { "source below 0", MAP("AFAA"), "the source is below 0" },
    { "source below 0 by steps", MAP("AAAA,AFAA"), "segment 2 (byte 5): the source is below 0" },
    { "line below 0", MAP("AAFA"), "the line of the source is below 0" },
    { "line below 0 by steps", MAP("AACA,AAFA"), "the line of the source is below 0" },
    { "column of the source below 0", MAP("AAAF"), "the column of the source is below 0" },
    { "that by steps", MAP("AAAC;AAAF"), "line 2, segment 1 (byte 5): the column of the source" },
    { "name below 0", MAP("AAAAF"), "the name is below 0" },
    { "name below 0 by steps", MAP("AAAAC,AAAAF"), "the name is below 0" },
    { "source that is not there", MAP("AEAA"), "source 2, and there are 2" },
    { "name that is not there", MAP("AAAAE"), "name 2, and there are 2" },
    { "column over 32 bits", MAP("ggggggE"), "the number takes more than 32 bits" },
    { "source over 32 bits", MAP("AggggggEAA"), "the number takes more than 32 bits" },
    { "line over 32 bits", MAP("AAggggggEA"), "the number takes more than 32 bits" },
    { "column of the source over 32 bits", MAP("AAAggggggE"), "takes more than 32 bits" },
    { "name over 32 bits", MAP("AAAAggggggE"), "the number takes more than 32 bits" },
    { "the largest", MAP("+/////DA+/////D+/////DA"), NULL },
    { "one more by steps", MAP("+/////D,C"), "segment 2 (byte 8): the column takes more than 31" },
    { "that of the source's line", MAP("AA+/////DA,AACA"),
      "line of the source takes more than 31" },
    { "many digits", MAP("ggggggggggggggggggggggA"), NULL },
    { "minus 0: the column", MAP("+/////D,B"), "segment 2 (byte 8): the column is below 0" },
    { "minus 0: the source", MAP("ABAA"), "segment 1 (byte 0): the source is below 0" },
    { "minus 0: the line", MAP("AA+/////DA,AABA"), "the line of the source is below 0" },
    { "minus 0: the column of the source", MAP("AAAB"), "the column of the source is below 0" },
    { "minus 0: the name", MAP(";AAAAB"), "line 2, segment 1 (byte 1): the name is below 0" },
    { "minus 0 in many digits", MAP("hggggA"), "the column is below 0" },
    /* sections */
    { "no sections", INDEX(""), NULL },
    { "sections a string", "{'version':3,'sections':'a'}", "sections: not a list" },
    { "sections null", "{'version':3,'sections':null}", "sections: not a list" },
    { "mappings beside sections", "{'version':3,'mappings':'','sections':[]}",
      "it has both mappings and sections" },
    { "file of an index", "{'version':3,'file':3,'sections':[]}", "file: not a string" },
    { "version of an index", "{'sections':[]}", "version: missing" },
    { "a section a number", INDEX("3"), "sections: entry 0: not an object" },
    { "map missing", INDEX("{'offset':{'line':0,'column':0}}"), "entry 0: map: missing" },
    { "map a string", INDEX(SECTION(0, 0, "'a'")), "entry 0: map: missing, or not an object" },
    { "map elsewhere", INDEX("{'offset':{'line':0,'column':0},'url':'a.map'}"), "map: missing" },
    { "offset missing", INDEX("{'map':" MAP("") "}"), "entry 0: offset: missing" },
    { "offset a number", INDEX("{'offset':3,'map':" MAP("") "}"), "offset: missing, or not an" },
    { "line missing", INDEX("{'offset':{'column':0},'map':" MAP("") "}"), "offset: line: missing" },
    { "column missing", INDEX("{'offset':{'line':0},'map':" MAP("") "}"), "column: missing" },
    { "line a string", INDEX(SECTION('0', 0, MAP(""))), "offset: line: missing, or not a number" },
    { "column true", INDEX(SECTION(0, true, MAP(""))), "offset: column: missing, or not" },
    { "line below 0", INDEX(SECTION(-1, 0, MAP(""))), "offset: line: missing, or not a number" },
    { "line too large", INDEX(SECTION(2147483648, 0, MAP(""))), "offset: line: missing, or not" },
    { "what is in a section", INDEX(SECTION(0, 0, MAP("A")) "," SECTION(1, 0, MAP("A,AA"))),
      "sections: entry 1: mappings: line 1, segment 2 (byte 2): 2 numbers" },
    { "one place", INDEX(SECTION(0, 0, MAP("AAAA")) "," SECTION(0, 0, MAP("AAAA"))),
      "sections: entry 1: offset: within the section before" },
    { "at the last mapping", INDEX(SECTION(0, 0, MAP("A;;E")) "," SECTION(2, 2, MAP("A"))), NULL },
    { "at the last mapping, twice",
      INDEX(SECTION(0, 0, MAP("A;;E")) "," SECTION(2, 2, MAP("A")) "," SECTION(2, 2, MAP("A"))),
      "sections: entry 2: offset: within the section before" },
    { "at the last mapping, with nothing there",
      INDEX(SECTION(0, 0, MAP("A;;E")) "," SECTION(2, 2, MAP("")) "," SECTION(2, 2, MAP("A"))),
      NULL },
    { "sections of sections at the last mapping",
      INDEX(SECTION(0, 0, MAP("A,K")) "," SECTION(0, 5, INDEX(SECTION(0, 0, MAP("A"))))), NULL },
    { "one place, with nothing there", INDEX(SECTION(0, 0, MAP("")) "," SECTION(0, 0, MAP("A"))),
      NULL },
    { "wrong order", INDEX(SECTION(1, 4, MAP("")) "," SECTION(0, 9, MAP(""))),
      "sections: entry 1: offset: before that of the section before" },
    { "wrong order in a line", INDEX(SECTION(1, 4, MAP("")) "," SECTION(1, 3, MAP(""))),
      "offset: before that of the section before" },
    { "into the next", INDEX(SECTION(0, 0, MAP("A;;E")) "," SECTION(2, 1, MAP(""))),
      "offset: within the section before" },
    { "up to the next", INDEX(SECTION(0, 0, MAP("A;;E")) "," SECTION(2, 3, MAP("A"))), NULL },
    { "beyond the last line", INDEX(SECTION(2147483647, 0, MAP("A;A"))),
      "line takes more than 31" },
    { "beyond the last column", INDEX(SECTION(0, 2147483647, MAP("C"))), "column takes more than" },
    { "sections of sections", INDEX(SECTION(1, 0, INDEX(SECTION(0, 5, MAP("A"))))), NULL },
};

/* With " for '; free it. */
static char *quoted(const char *json)
{
    char *copy = strdup(json);
    assert_non_null(copy);
    bool front = str_starts(str_from_c(json), STR(")]}"));
    for (char *p = copy; *p && !front; p++)
        *p = *p == '\'' ? '"' : *p;
    return copy;
}

static void read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *json = quoted(cases[i].json);
        struct made m;
        bool ok = made_from(&m, str_from_c(json), NULL);
        if (ok != !cases[i].wrong)
            fail_msg("%s: %s", cases[i].name, ok ? "is read" : m.e.msg);
        if (!ok && (m.e.code != ERR_INPUT || !strstr(m.e.msg, cases[i].wrong)))
            fail_msg("%s: %s", cases[i].name, m.e.msg);
        made_done(&m);
        free(json);
    }
}

/* The byte of the file where it went wrong, whatever stands in front. */
static void offsets(void **state)
{
    (void)state;
    static const char *const fronts[] = { "", "\xef\xbb\xbf", "\xef\xbb\xbf)]}'\n" };
    static const char json[] = "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"A,?\"}";
    for (size_t i = 0; i < COUNT_OF(fronts); i++) {
        struct made m;
        char text[100];
        snprintf(text, sizeof text, "%s%s", fronts[i], json);
        assert_false(made_from(&m, str_from_c(text), NULL));
        assert_true(text[m.e.offset] == '?');
        made_done(&m);
    }
}

static const struct {
    const char *name, *json;
    uint32_t line, column; /* of the script */
    const char *want;      /* file:line:column name; NULL: no mapping */
} places[] = {
    { "one number", MAP("A,CAAA,C"), 1, 1, NULL },
    { "behind it", MAP("A,CAAA,C"), 1, 2, "a.js:1:1 " },
    { "one number ends it", MAP("A,CAAA,C"), 1, 3, NULL },
    { "before the first", MAP("CAAA"), 1, 1, NULL },
    { "far behind the last", MAP("CAAA"), 1, 4000000000, "a.js:1:1 " },
    { "line after the last", MAP("CAAA"), 2, 2, NULL },
    { "line between", MAP("CAAA;;CAAA"), 2, 2, NULL },
    { "line 0", MAP("AAAA"), 0, 1, NULL },
    { "column 0", MAP("AAAA"), 1, 0, NULL },
    { "four numbers", MAP("CCEE"), 1, 2, "b.js:3:3 " },
    { "five numbers", MAP("CCEEC"), 1, 2, "b.js:3:3 bar" },
    { "steps", MAP("CCEEA;EACAC"), 2, 3, "b.js:4:3 bar" },
    { "back", MAP(";;eACG,bAAF"), 3, 16, "a.js:2:4 " },
    { "back, sorted", MAP(";;eACG,bAAF"), 3, 15, "a.js:2:2 " },
    { "two at a place: the last", MAP("AAAA,AAAC"), 1, 1, "a.js:1:2 " },
    { "unsorted", MAP("EAAA,FAAC,CAAC"), 1, 2, "a.js:1:3 " },
    { "source without a name", "{'version':3,'sources':[null],'mappings':'AAAA'}", 1, 1, ":1:1 " },
    { "root", "{'version':3,'sourceRoot':'r','sources':['a'],'mappings':'AAAA'}", 1, 1,
      "r/a:1:1 " },
    { "root /", "{'version':3,'sourceRoot':'r/s/','sources':['a'],'mappings':'AAAA'}", 1, 1,
      "r/s/a:1:1 " },
    { "no root", "{'version':3,'sourceRoot':'','sources':['a'],'mappings':'AAAA'}", 1, 1,
      "a:1:1 " },
    { "path of its own", "{'version':3,'sourceRoot':'r','sources':['/a'],'mappings':'AAAA'}", 1, 1,
      "/a:1:1 " },
    { "URL of its own",
      "{'version':3,'sourceRoot':'r','sources':['webpack:///a'],"
      "'mappings':'AAAA'}",
      1, 1, "webpack:///a:1:1 " },
    { "section 1", INDEX(SECTION(0, 0, MAP("AAAA")) "," SECTION(0, 9, MAP("CCAA;CAAA"))), 1, 9,
      "a.js:1:1 " },
    { "between", INDEX(SECTION(0, 0, MAP("AAAA")) "," SECTION(0, 9, MAP("CCAA;CAAA"))), 1, 10,
      "a.js:1:1 " },
    { "section 2", INDEX(SECTION(0, 0, MAP("AAAA")) "," SECTION(0, 9, MAP("CCAA;CAAA"))), 1, 11,
      "b.js:1:1 " },
    { "at its begin, where the first ends",
      INDEX(SECTION(0, 0, MAP("AAAA,SAAS")) "," SECTION(0, 9, MAP("ACAA"))), 1, 10, "b.js:1:1 " },
    { "before that", INDEX(SECTION(0, 0, MAP("AAAA,SAAS")) "," SECTION(0, 9, MAP("ACAA"))), 1, 9,
      "a.js:1:1 " },
    { "its second line", INDEX(SECTION(0, 9, MAP("CCAA;CAAA"))), 2, 2, "b.js:1:1 " },
    { "section in a section", INDEX(SECTION(3, 2, INDEX(SECTION(0, 5, MAP("CCAAC"))))), 4, 9,
      "b.js:1:1 bar" },
};

static void found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        char *json = quoted(places[i].json), got[200] = "";
        struct made m;
        struct mapcache_spot s;
        if (!made_from(&m, str_from_c(json), NULL))
            fail_msg("%s: %s", places[i].name, m.e.msg);
        bool is = mapcache_find(m.cache, places[i].line, places[i].column, &s);
        if (is)
            snprintf(got, sizeof got, "%.*s:%u:%u %.*s", STR_ARG(s.file), s.line, s.column,
                     STR_ARG(s.name));
        if (is != !!places[i].want || (is && strcmp(got, places[i].want) != 0))
            fail_msg("%s: \"%s\"", places[i].name, got);
        made_done(&m);
        free(json);
    }
}

/* ---- functions ---- */

/* Places of the source itself: the map is that of a script that is its source. */
#define SAME                                                                                       \
    "AAAA,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,"   \
    "CAAC,"                                                                                        \
    "CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC,CAAC"

static const struct {
    const char *source;
    uint32_t column; /* of its first line */
    const char *function;
} functions[] = {
    { "top(); function charge() { here; }", 1, "" },
    { "top(); function charge() { here; }", 28, "charge" },
    { "a(); function f() { } after", 23, "" },
    { "function f() { g(x => { y }) }", 25, "f.<anonymous>" },
    { "function f() { g(x => h(z => z)) }", 30, "f.<anonymous>" },
    { "function f() { g(x => { y }); z }", 31, "f" },
    { "(function () { here })()", 17, "<anonymous>" },
};

static void functions_of_sources(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        char json[1000];
        struct made m;
        struct mapcache_spot s;
        snprintf(json, sizeof json,
                 "{\"version\":3,\"sources\":[\"a\"],\"sourcesContent\":[\"%s\"],"
                 "\"mappings\":\"" SAME "\"}",
                 functions[i].source);
        assert_true(made_from(&m, str_from_c(json), NULL));
        assert_true(mapcache_find(m.cache, 1, functions[i].column, &s));
        assert_int_equal(s.column, functions[i].column);
        if (!str_eq(s.function, str_from_c(functions[i].function)))
            fail_msg("%s: at %u: %.*s", functions[i].source, functions[i].column,
                     STR_ARG(s.function));
        made_done(&m);
    }
}

/* The script's own functions, when the source's text is not there. */
#define SCRIPT "function n(t){return t.map((()=>{throw t}))}const r=()=>n(1);class q{run(){n()}}"
static const struct {
    const char *name, *json;
    uint32_t column;
    const char *function;
} of_scripts[] = {
    { "named in the map",
      "{'version':3,'sources':['a'],'names':['charge','total'],"
      "'mappings':'AAAA,SAASA'}",
      20, "charge" },
    { "a function in it",
      "{'version':3,'sources':['a'],'names':['charge','total'],"
      "'mappings':'AAAA,SAASA'}",
      35, "charge.<anonymous>" },
    { "assigned",
      "{'version':3,'sources':['a'],'names':['charge','total'],"
      "'mappings':'AAAA,kDAAkDC'}",
      57, "total" },
    { "not renamed", "{'version':3,'sources':['a'],'names':['other'],'mappings':'AAAA,SAAS'}", 20,
      "n" },
    { "a method not renamed",
      "{'version':3,'sources':['a'],'names':['other'],"
      "'mappings':'AAAA,qEAAA'}",
      77, "run" },
    { "at the space in front of the name",
      "{'version':3,'sources':['a'],'names':['charge'],'mappings':'AAAA,QAASA'}", 20, "charge" },
    { "not renamed, at the space",
      "{'version':3,'sources':['a'],'names':['charge'],'mappings':'AAAA,QAAS'}", 20, "" },
    { "no mapping at the name", "{'version':3,'sources':['a'],'names':['other'],'mappings':'AAAA'}",
      20, "" },
    { "no names in the map", "{'version':3,'sources':['a'],'mappings':'AAAA,SAAS'}", 20, "" },
};

static void functions_of_scripts(void **state)
{
    (void)state;
    const struct sourcemap_from from = { .script = STR("x/app.js"), .text = STR(SCRIPT) };
    for (size_t i = 0; i < COUNT_OF(of_scripts); i++) {
        char *json = quoted(of_scripts[i].json);
        struct made m;
        struct mapcache_spot s;
        assert_true(made_from(&m, str_from_c(json), &from));
        assert_true(mapcache_find(m.cache, 1, of_scripts[i].column, &s));
        if (!str_eq(s.function, str_from_c(of_scripts[i].function)))
            fail_msg("%s: %.*s", of_scripts[i].name, STR_ARG(s.function));
        made_done(&m);
        free(json);
    }
}

/* ---- what else is kept ---- */

static const struct {
    const char *members, *from, *want;
} ids[] = {
    { "", "", "" },
    { ",\"debugId\":\"85314830-023f-4cf1-a267-535f4e37bb17\"", "",
      "85314830023F4CF1A267535F4E37BB17" },
    { ",\"debug_id\":\"85314830-023f-4cf1-a267-535f4e37bb17\"", "",
      "85314830023F4CF1A267535F4E37BB17" },
    { "", "85314830023f4cf1a267535f4e37bb17", "85314830023F4CF1A267535F4E37BB17" },
    { ",\"debugId\":\"00000000-0000-0000-0000-000000000001\"", "85314830023f4cf1a267535f4e37bb17",
      "00000000000000000000000000000001" },
    { ",\"debugId\":\"no id\"", "85314830023f4cf1a267535f4e37bb17",
      "85314830023F4CF1A267535F4E37BB17" },
    { ",\"debugId\":7", "", "" },
    { "", "85314830023f4cf1a267535f4e37bb170", "" },
};

static void kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        char json[300];
        struct made m;
        struct mapcache_about about;
        const struct sourcemap_from from = { .name = STR("dist\\app.js.map"),
                                             .script = STR("dist/\xff.js"),
                                             .debug_id = str_from_c(ids[i].from) };
        snprintf(json, sizeof json, "{\"version\":3,\"sources\":[],\"mappings\":\"A;A\"%s}",
                 ids[i].members);
        assert_true(made_from(&m, str_from_c(json), &from));
        mapcache_about(m.cache, &about);
        if (!str_eq(about.debug_id, str_from_c(ids[i].want)))
            fail_msg("%zu: %.*s", i, STR_ARG(about.debug_id));
        assert_true(str_eq(about.name, STR("app.js.map")));
        assert_true(str_eq(about.script, STR("\xef\xbf\xbd.js")));
        assert_int_equal(about.mappings, 2);
        made_done(&m);
    }
}

/* What a look at a map tells is what reading it tells: of ids and names, and of every map above. */
static void check_says(const char *what, struct str json)
{
    struct made m;
    struct mapcache_about about;
    struct sourcemap_says says;
    struct arena *a = arena_new((size_t)1 << 20);
    assert_non_null(a);
    assert_true(sourcemap_says((struct bytes){ (const uint8_t *)json.ptr, json.len }, a, &says));
    if (made_from(&m, json, NULL)) {
        mapcache_about(m.cache, &about);
        if (!str_eq(says.debug_id, about.debug_id) || !str_eq(says.file, about.script))
            fail_msg("%s: %.*s, %.*s", what, STR_ARG(says.debug_id), STR_ARG(says.file));
    }
    made_done(&m);
    arena_free(a);
}

static void says(void **state)
{
    (void)state;
    static const struct {
        const char *json, *id, *file;
    } rows[] = {
        { "{\"version\":3,\"sources\":[],\"mappings\":\"\",\"file\":\"a\\u00e4.js\"}", "",
          "a\xc3\xa4.js" },
        { ")]}'\n{\"file\" : "
          "\"a\\\\\",\"version\":3,\"sources\":[\"\\\"file\\\":\"],\"mappings\":\"\"}",
          "", "a\\" },
        { "{\"x\":{\"file\":\"b\"},\"y\":[\"file\"],\"file\":\"a\"", "", "a" },
        { "{\"x\":\"file\",\"file\":null}", "", "" },
        { "{\"debugId\":\"00000000-0000-0000-0000-00000000000a\"",
          "0000000000000000000000000000000A", "" },
        { "{\"debugId\":null,\"debug_id\":\"0000000000000000000000000000000b\"",
          "0000000000000000000000000000000B", "" },
        { "{\"debugId\":\"\",\"debug_id\":\"0000000000000000000000000000000b\"}", "", "" },
        { "]]}{\"file\":\"a\"}", "", "a" },
        { "{\"file\":\"a", "", "" },
        { "{\"file\":\"a\\", "", "" },
        { "{\"file\":", "", "" },
        { "{\"file", "", "" },
        { "\"", "", "" },
        { "", "", "" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sourcemap_says got;
        struct arena *a = arena_new((size_t)1 << 20);
        assert_non_null(a);
        struct bytes b = { (const uint8_t *)rows[i].json, strlen(rows[i].json) };
        assert_true(sourcemap_says(b, a, &got));
        if (!str_eq(got.debug_id, str_from_c(rows[i].id)) ||
            !str_eq(got.file, str_from_c(rows[i].file)))
            fail_msg("%s: %.*s, %.*s", rows[i].json, STR_ARG(got.debug_id), STR_ARG(got.file));
        arena_free(a);
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *json = quoted(cases[i].json);
        check_says(cases[i].name, str_from_c(json));
        free(json);
    }
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        char json[300];
        snprintf(json, sizeof json,
                 "{\"version\":3,\"file\":\"f\",\"sources\":[],\"mappings\":\"A\"%s}",
                 ids[i].members);
        check_says(ids[i].members, str_from_c(json));
    }
}

static void could_be(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } rows[] = {
        { "{\"mappings\"", true },
        { " \n{\"version\":3,\"sections\":[", true },
        { "\xef\xbb\xbf)]}'\n{\"mappings\":", true },
        { "{\"version\":3", false },
        { "[\"mappings\"", false },
        { "\"mappings\"", false },
        { "", false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bytes b = { (const uint8_t *)rows[i].text, strlen(rows[i].text) };
        if (sourcemap_could_be(b) != rows[i].is)
            fail_msg("%s", rows[i].text);
    }
}

/* Any memory limit: it is converted, or there is an error that says so. */
static void little_memory(void **state)
{
    (void)state;
    static const char json[] =
        "{\"version\":3,\"sources\":[\"a\"],\"sourcesContent\":[\"function f() { g(x => y) }\"],"
        "\"names\":[\"f\"],\"mappings\":\"EAAA,FAAC,CAACA\",\"debugId\":"
        "\"85314830-023f-4cf1-a267-535f4e37bb17\"}";
    const struct sourcemap_from from = { .script = STR("a.js"), .text = STR(SCRIPT) };
    bool done = false;
    for (size_t limit = 0; !done; limit += 64) {
        struct err e = { 0 };
        struct buf image;
        struct arena *a = arena_new(limit);
        assert_non_null(a);
        assert_true(limit < 1000000);
        buf_init(&image, (size_t)1 << 20);
        done = sourcemap_convert((struct bytes){ (const uint8_t *)json, strlen(json) }, &from, a,
                                 &image, &e);
        assert_true(done || e.code == ERR_NOMEM);
        buf_done(&image);
        arena_free(a);
    }
    for (size_t limit = 0; limit < 1024; limit += 16) {
        struct err e = { 0 };
        struct buf image;
        struct arena *a = arena_new(1000000);
        assert_non_null(a);
        buf_init(&image, limit);
        assert_false(sourcemap_convert((struct bytes){ (const uint8_t *)json, strlen(json) }, &from,
                                       a, &image, &e));
        assert_int_equal(e.code, ERR_LIMIT);
        buf_done(&image);
        arena_free(a);
    }
}

/* Lines without mappings take no memory. */
static void empty_lines(void **state)
{
    (void)state;
    static const char begin[] = "{\"version\":3,\"sources\":[],\"mappings\":\"";
    const struct sourcemap_from from = { .name = STR("a.map") };
    struct mapcache *c;
    struct mapcache_spot spot;
    struct err e = { 0 };
    struct buf json, image;
    struct arena *a = arena_new(65536);
    assert_non_null(a);
    buf_init(&json, (size_t)1 << 22);
    buf_init(&image, 65536);
    buf_str(&json, str_from_c(begin));
    for (int i = 0; i < 1000000; i++)
        buf_char(&json, ';');
    buf_str(&json, STR("C\"}"));
    assert_true(sourcemap_convert((struct bytes){ (const uint8_t *)json.ptr, json.len }, &from, a,
                                  &image, &e));
    assert_true(mapcache_open(&c, (struct bytes){ (const uint8_t *)image.ptr, image.len }, &e));
    assert_false(mapcache_find(c, 1000001, 2, &spot));
    mapcache_free(c);
    buf_done(&json);
    buf_done(&image);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_or_refused),
        cmocka_unit_test(offsets),
        cmocka_unit_test(found),
        cmocka_unit_test(functions_of_sources),
        cmocka_unit_test(functions_of_scripts),
        cmocka_unit_test(kept),
        cmocka_unit_test(says),
        cmocka_unit_test(could_be),
        cmocka_unit_test(little_memory),
        cmocka_unit_test(empty_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
