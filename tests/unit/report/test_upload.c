/* Names of formats: there and back, other words, and what is none. */
#include "report/upload.h"

#include "../cmocka_all.h"

static void names(void **state)
{
    (void)state;
    static const struct {
        struct str name, canonical;
        enum upload_format format;
        bool error;
    } cases[] = {
        { STR_INIT("json"), STR_INIT("json"), UPLOAD_JSON, true },
        { STR_INIT("minidump"), STR_INIT("minidump"), UPLOAD_MINIDUMP, true },
        { STR_INIT("dump"), STR_INIT("minidump"), UPLOAD_MINIDUMP, true },
        { STR_INIT("plcrash"), STR_INIT("plcrash"), UPLOAD_PLCRASH, true },
        { STR_INIT("btt"), STR_INIT("btt"), UPLOAD_BTT, true },
        { STR_INIT("symbols"), STR_INIT("symbols"), UPLOAD_SYMBOLS, false },
        { STR_INIT("sourcemap"), STR_INIT("sourcemap"), UPLOAD_SOURCEMAP, false },
        { STR_INIT("proguard"), STR_INIT("proguard"), UPLOAD_PROGUARD, false },
        { STR_INIT("core"), STR_INIT("core"), UPLOAD_CORE, true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum upload_format got;
        if (!upload_format_find(cases[i].name, &got) || got != cases[i].format)
            fail_msg("%s: not found, or another", cases[i].name.ptr);
        if (!str_eq(upload_format_name(got), cases[i].canonical))
            fail_msg("%s: name", cases[i].name.ptr);
        if (upload_format_is_error(got) != cases[i].error)
            fail_msg("%s: whether it is an error", cases[i].name.ptr);
    }
    for (int f = 1; f < UPLOAD_FORMATS; f++)
        assert_true(upload_format_name((enum upload_format)f).len > 0);
}

static void no_format(void **state)
{
    (void)state;
    static const struct str cases[] = {
        STR_INIT(""),      STR_INIT("JSON"),   STR_INIT("jso"),
        STR_INIT("jsonx"), STR_INIT("json\0"), STR_INIT("symbols-proguard"),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum upload_format got = UPLOAD_JSON;
        if (upload_format_find(cases[i], &got))
            fail_msg("case %zu, \"%s\": found", i, cases[i].ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(no_format),
    };
    return cmocka_run_group_tests_name("upload", tests, NULL, NULL);
}
