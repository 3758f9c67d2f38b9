/* Files cut into lines. */
#include "cli/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/crumple-lines-XXXXXX";

/* `runs` times a byte, then another, and so on. */
struct run {
    char byte;
    size_t count;
};

static struct lines *open_text(const char *text, const struct run *runs, size_t run_count)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    for (size_t i = 0; i < run_count; i++)
        for (size_t k = 0; k < runs[i].count; k++)
            putc(runs[i].byte, f);
    fclose(f);
    struct lines *l = NULL;
    struct err e = { 0 };
    if (!lines_open(&l, path, &e))
        fail_msg("%s", e.msg);
    return l;
}

static void test_lines(void **state)
{
    (void)state;
    struct lines *l = open_text("one\n\n \t\r\ntwo\r\nthree", NULL, 0);
    static const struct {
        struct str text;
        uint64_t number, read;
    } want[] = { { { "one", 3 }, 1, 4 }, { { "two\r", 4 }, 4, 14 }, { { "three", 5 }, 5, 19 } };
    struct str line;
    struct err e = { 0 };
    assert_int_equal(lines_size(l), 19);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lines_next(l, &line, &e), LINES_LINE);
        assert_true(str_eq(line, want[i].text));
        assert_int_equal(lines_number(l), want[i].number);
        assert_int_equal(lines_read(l), want[i].read);
    }
    assert_int_equal(lines_next(l, &line, &e), LINES_END);
    assert_int_equal(lines_next(l, &line, &e), LINES_END);
    lines_close(l);
}

static void test_empty(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "\n", "\n\n  \n" };
    for (size_t i = 0; i < 3; i++) {
        struct lines *l = open_text(texts[i], NULL, 0);
        struct str line;
        struct err e = { 0 };
        assert_int_equal(lines_next(l, &line, &e), LINES_END);
        lines_close(l);
    }
}

/* Longer than what is read at a time, and than any buffer to begin with. */
static void test_long_lines(void **state)
{
    (void)state;
    const struct run runs[] = { { 'a', 5000000 }, { '\n', 1 }, { 'b', 3000000 }, { '\n', 1 } };
    struct lines *l = open_text("x\n", runs, 4);
    struct str line;
    struct err e = { 0 };
    assert_int_equal(lines_next(l, &line, &e), LINES_LINE);
    assert_int_equal(line.len, 1);
    assert_int_equal(lines_next(l, &line, &e), LINES_LINE);
    assert_int_equal(line.len, 5000000);
    assert_int_equal(line.ptr[0], 'a');
    assert_int_equal(line.ptr[4999999], 'a');
    assert_int_equal(lines_next(l, &line, &e), LINES_LINE);
    assert_int_equal(line.len, 3000000);
    assert_int_equal(line.ptr[0], 'b');
    assert_int_equal(lines_next(l, &line, &e), LINES_END);
    lines_close(l);
}

static void test_too_long(void **state)
{
    (void)state;
    const struct run runs[] = {
        { 'a', LINES_LENGTH_MAX },
        { '\n', 1 },
        { 'b', LINES_LENGTH_MAX + 1 },
        { '\n', 1 },
        { 'c', 1 },
        { '\n', 1 },
        { 'd', 2 * LINES_LENGTH_MAX },
    };
    struct lines *l = open_text("", runs, sizeof runs / sizeof *runs);
    struct str line;
    struct err e = { 0 };
    assert_int_equal(lines_next(l, &line, &e), LINES_LINE);
    assert_int_equal(line.len, LINES_LENGTH_MAX);
    assert_int_equal(lines_next(l, &line, &e), LINES_TOO_LONG);
    assert_int_equal(lines_number(l), 2);
    assert_int_equal(lines_next(l, &line, &e), LINES_LINE);
    assert_true(str_eq(line, STR("c")));
    assert_int_equal(lines_number(l), 3);
    assert_int_equal(lines_next(l, &line, &e), LINES_TOO_LONG);
    assert_int_equal(lines_next(l, &line, &e), LINES_END);
    assert_int_equal(lines_read(l), lines_size(l));
    lines_close(l);
}

static void test_no_file(void **state)
{
    (void)state;
    struct lines *l = NULL;
    struct err e = { 0 };
    assert_false(lines_open(&l, "/nonexistent/reports.jsonl", &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(lines_open(&l, "/tmp", &e) &&
                 lines_next(l, &(struct str){ 0 }, &e) != LINES_FAILED);
    assert_int_equal(e.code, ERR_IO);
    lines_close(l);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_empty),
        cmocka_unit_test(test_long_lines), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
