/* tokens: tables, and the same cuts as a slow model of PartyCrasher's pattern makes. */
#include "group/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <utf8proc.h>

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *want; /* tokens, each with a bar behind it */
    } cases[] = {
        { "empty", "", "" },
        { "only separators", " ::_-/", "" },
        { "one word", "main", "main|" },
        { "one letter", "a", "a|" },
        { "camel case", "camelCaseThing", "camel|Case|Thing|" },
        { "upper case stays", "MainWindow", "Main|Window|" },
        { "abbreviation before a word", "parseHTMLPage", "parse|HTML|Page|" },
        { "abbreviation at the end", "toHTML", "to|HTML|" },
        { "two upper-case letters", "ABc", "A|Bc|" },
        { "only upper case", "SIGSEGV", "SIGSEGV|" },
        { "digits", "utf8ToUtf16", "utf|8|To|Utf|16|" },
        { "upper case, then a digit", "AB1", "AB|1|" },
        { "digit, then lower case", "0x7ffe", "0|x|7|ffe|" },
        { "C++", "QMainWindow::event(QEvent*)", "Q|Main|Window|event|Q|Event|" },
        { "path", "/usr/lib/libQt5Core.so.5", "usr|lib|lib|Qt|5|Core|so|5|" },
        { "underscores", "g_main_loop_run", "g|main|loop|run|" },
        { "Greek", "\xce\xb1\xce\x92\xce\xb3", "\xce\xb1|\xce\x92\xce\xb3|" },
        { "accents in letters",
          "\xc3\xbc"
          "ber\xc3\x84"
          "rger",
          "\xc3\xbc"
          "ber|\xc3\x84rger|" },
        { "a combining accent parts", "e\xcc\x81t", "e|t|" },
        { "letters without case are lower",
          "\xe4\xb8\xad"
          "A",
          "\xe4\xb8\xad|A|" },
        { "title case is lower",
          "A\xc7\x85"
          "B",
          "A\xc7\x85|B|" },
        { "digits of other scripts part",
          "a\xd9\xa3"
          "b",
          "a|b|" },
        { "beyond the first plane", "\xf0\x9d\x90\x80\xf0\x9d\x90\x9a",
          "\xf0\x9d\x90\x80\xf0\x9d\x90\x9a|" },
        { "bytes that are no UTF-8",
          "a\xff"
          "b\xc3",
          "a|b|" },
        { "overlong",
          "a\xc1\x81"
          "b",
          "a|b|" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char got[200] = "";
        struct tokens t = tokens_of(str_from_c(cases[i].in));
        struct str token;
        while (tokens_next(&t, &token)) {
            size_t used = strlen(got);
            snprintf(got + used, sizeof got - used, "%.*s|", STR_ARG(token));
        }
        assert_false(tokens_next(&t, &token));
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: got \"%s\"", cases[i].name, got);
    }
}

static void test_nul(void **state)
{
    (void)state;
    struct tokens t = tokens_of((struct str){ "a\0b", 3 });
    struct str token;
    assert_true(tokens_next(&t, &token) && str_eq(token, STR("a")));
    assert_true(tokens_next(&t, &token) && str_eq(token, STR("b")));
    assert_false(tokens_next(&t, &token));
}

/* The model: characters, their classes, and the pattern's five alternatives one by one. */
#define MODEL_MAX 64
struct model_char {
    size_t begin, end;
    bool letter, upper, digit;
};

static size_t model_decode(const char *s, size_t len, struct model_char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)s + at, (utf8proc_ssize_t)(len - at), &c);
        struct model_char *m = &out[n++];
        *m = (struct model_char){ at, at + 1, false, false, false };
        if (used > 0) {
            const char *category = utf8proc_category_string(c);
            m->end = at + (size_t)used;
            m->letter = category[0] == 'L';
            m->upper = strcmp(category, "Lu") == 0;
            m->digit = c >= '0' && c <= '9';
        }
        at = m->end;
    }
    return n;
}

static bool model_lower(const struct model_char *c)
{
    return c->letter && !c->upper;
}

static bool model_cuts_before(const struct model_char *c, size_t n, size_t i)
{
    return (!c[i - 1].digit && c[i].digit) || (c[i - 1].digit && !c[i].digit) ||
           (model_lower(&c[i - 1]) && c[i].upper) ||
           (c[i - 1].upper && c[i].upper && i + 1 < n && model_lower(&c[i + 1]));
}

static size_t model_tokens(const char *s, size_t len, struct str *out)
{
    struct model_char c[MODEL_MAX];
    size_t n = model_decode(s, len, c), count = 0;
    bool open = false;
    for (size_t i = 0; i < n; i++) {
        if (!c[i].letter && !c[i].digit) {
            open = false;
            continue;
        }
        if (!open || model_cuts_before(c, n, i))
            out[count++] = (struct str){ s + c[i].begin, 0 };
        out[count - 1].len = (size_t)(s + c[i].end - out[count - 1].ptr);
        open = true;
    }
    return count;
}

static void test_model(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",
        "b",
        "z",
        "A",
        "B",
        "Z",
        "0",
        "9",
        "_",
        "::",
        " ",
        "[",
        "`",
        "{",
        "@",
        "/",
        /* a-umlaut, A-umlaut, title-case Dz, modifier h, CJK, combining acute, Arabic 3, bold A,
         * Roman numeral one (Nl), then bytes that are no UTF-8 */
        "\xc3\xa4",
        "\xc3\x84",
        "\xc7\x85",
        "\xca\xb0",
        "\xe4\xb8\xad",
        "\xcc\x81",
        "\xd9\xa3",
        "\xf0\x9d\x90\x80",
        "\xe2\x85\xa0",
        "\xff",
        "\xc3",
        "\xe2\x82",
        "\xed\xa0\x80",
    };
    const size_t ascii = 16, all = sizeof pieces / sizeof *pieces;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 200000; round++) {
        char s[MODEL_MAX];
        size_t len = 0, choice = round % 2 ? ascii : all;
        for (int i = rand() % 14; i > 0; i--) {
            const char *p = pieces[(size_t)rand() % choice];
            memcpy(s + len, p, strlen(p));
            len += strlen(p);
        }
        struct str want[MODEL_MAX], token;
        size_t count = model_tokens(s, len, want), got = 0;
        struct tokens t = tokens_of((struct str){ s, len });
        while (tokens_next(&t, &token)) {
            if (got == count || token.ptr != want[got].ptr || token.len != want[got].len)
                fail_msg("\"%.*s\": token %zu is \"%.*s\"", (int)len, s, got, STR_ARG(token));
            got++;
        }
        if (got != count)
            fail_msg("\"%.*s\": %zu tokens, not %zu", (int)len, s, got, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
