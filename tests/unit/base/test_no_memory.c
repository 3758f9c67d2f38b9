/* Memory that runs out: the 1st, 2nd, 3rd ... allocation fails, and each time the parse says so,
 * leaves nothing behind (LeakSanitizer sees to that) and does not crash. Linked with --wrap, which
 * sends the project's calls of malloc and its kin here. */
#include "base/json.h"

#include "../cmocka_all.h"
#include <stdlib.h>

static long left; /* allocations that still succeed */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return left-- > 0 ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return left-- > 0 ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
    return left-- > 0 ? __real_realloc(p, n) : NULL;
}

/* Parses and writes again; false when memory ran out on the way. */
static bool whole_way(struct str text, bool *refused)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    if (!a)
        return false;
    struct err e = { 0 };
    const struct json *j;
    if (!json_parse(&j, text, (struct json_limits){ 100, 1000 }, a, &e)) {
        *refused = e.code == ERR_INPUT;
        assert_true(e.code == ERR_NOMEM || *refused);
        return *refused;
    }
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_writer_init(&w, &b);
    json_tree(&w, j);
    bool written = buf_ok(&b);
    buf_done(&b);
    return written;
}

static void test_parse(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_str(&text, STR("[{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9},"
                       "[[[[[[[[[[[[]]]]]]]]]]]],\"a\\n"));
    buf_printf(&text, "%05000d\",12]", 0);
    assert_true(buf_ok(&text));
    static const struct {
        const char *name;
        bool bad;
    } cases[] = { { "good", false }, { "bad", true } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str in = { text.ptr, cases[i].bad ? text.len - 1 : text.len };
        bool refused = false;
        long n = 0;
        for (left = n; !whole_way(in, &refused); left = n)
            n++;
        left = 1000000;
        if (refused != cases[i].bad || n < 8)
            fail_msg("%s: refused %d after %ld allocations", cases[i].name, refused, n);
    }
    buf_done(&text);
}

int main(void)
{
    left = 1000000;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
