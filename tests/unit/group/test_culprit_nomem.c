/* The similarity `culprit` while memory is short: the 1st, 2nd, 3rd ... allocation of a call fails.
 * The call says so, and nothing has changed; what comes later is as if it had never been tried. */
#include "group/culprit.h"

#include "../cmocka_all.h"
#include "crashes.h"

#include <string.h>
#include <sys/mman.h>

#define ARENA_BYTES ((size_t)1 << 28)
#define ROUNDS 2
#define REPORTS 1500

static unsigned until_failure; /* allocations, this one counted; 0: none fails */

static bool fails(void)
{
    return until_failure > 0 && --until_failure == 0;
}

/* The linker sends all calls of the program here (--wrap). */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap64(at, n, prot, flags, fd, offset);
}

static bool is_cold(const void *ctx, struct str field)
{
    (void)ctx;
    (void)field;
    return false;
}

static struct culprit_match nearest(struct culprit *c, const struct report *r)
{
    struct culprit_match m;
    struct err e;
    assert_true(culprit_nearest(c, r, 0, &m, &e));
    return m;
}

static void assert_same_match(struct culprit_match a, struct culprit_match b)
{
    assert_int_equal(a.report, b.report);
    assert_memory_equal(&a.score, &b.score, sizeof a.score);
}

/* Tries until no allocation is left that could fail. Gives how many failed. */
static unsigned nearest_at_last(struct culprit *c, const struct report *r,
                                struct culprit_match *out)
{
    for (unsigned failed = 0;; failed++) {
        struct err e = { 0 };
        until_failure = failed + 1;
        bool ok = culprit_nearest(c, r, 0, out, &e);
        bool all_worked = until_failure > 0;
        until_failure = 0;
        if (ok && all_worked)
            return failed;
        assert_true(ok || e.code == ERR_NOMEM);
    }
}

static unsigned add_at_last(struct culprit *c, const struct report *r, uint32_t number,
                            struct culprit_match near, const struct report *another,
                            struct culprit_match another_near)
{
    for (unsigned failed = 0;; failed++) {
        struct err e = { 0 };
        until_failure = failed + 1;
        bool ok = culprit_add(c, r, number, near, &e);
        bool all_worked = until_failure > 0;
        until_failure = 0;
        if (ok) {
            assert_true(all_worked);
            return failed;
        }
        assert_int_equal(e.code, ERR_NOMEM);
        assert_same_match(nearest(c, another), another_near);
        assert_same_match(nearest(c, r), near);
    }
}

static void test_calls(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct crashes crashes = {
            .projects = 2, .bugs = 200, .functions = 60, .builds = 4, .fresh = 50
        };
        struct culprit *lived = culprit_new(0, is_cold, NULL),
                       *plain = culprit_new(0, is_cold, NULL);
        struct report r, another;
        struct err e;
        unsigned failed = 0;
        crashes.d = d;
        crashes.arena = arena_new(ARENA_BYTES);
        assert_true(lived && plain && crashes.arena);
        crashes_next(&crashes, &another);
        for (uint32_t i = 0; i < REPORTS; i++) {
            struct culprit_match near, got, another_near = nearest(plain, &another);
            crashes_next(&crashes, &r);
            near = nearest(plain, &r);
            failed += nearest_at_last(lived, &r, &got);
            assert_same_match(got, near);
            failed += add_at_last(lived, &r, i, near, &another, another_near);
            assert_true(culprit_add(plain, &r, i, near, &e));
            if (i % 10 == 0) {
                culprit_keep(lived);
                culprit_keep(plain);
                another = r;
            }
        }
        assert_true(failed > 30);
        culprit_free(lived);
        culprit_free(plain);
        arena_free(crashes.arena);
    }
}

static void test_new(void **state)
{
    (void)state;
    struct culprit *c = NULL;
    unsigned failed = 0;
    for (; !c; failed++) {
        until_failure = failed + 1;
        c = culprit_new(0, is_cold, NULL);
        until_failure = 0;
    }
    assert_true(failed > 5);
    culprit_free(c);
}

/* An explanation is made, or it is not; the index does not change. */
static void test_explain(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    struct culprit *c = culprit_new(0, is_cold, NULL);
    struct report first, second;
    struct culprit_explanation x;
    struct err e = { 0 };
    assert_true(a && c);
    crashes_report(&first, "p", "SIGSEGV", "f{p}+12^|g{p}+12|main", a);
    crashes_report(&second, "p", "SIGSEGV", "raise|?{p}+12|main|f|f", a);
    assert_true(culprit_add(c, &first, 0, nearest(c, &first), &e));
    culprit_keep(c);
    struct culprit_match m = nearest(c, &second);
    bool ok = false;
    unsigned failed = 0;
    for (; !ok; failed++) {
        until_failure = failed + 1;
        ok = culprit_explain_new(c, &second, 0, &x, a, &e);
        until_failure = 0;
        assert_true(ok || e.code == ERR_NOMEM);
    }
    assert_true(failed > 5);
    assert_true(fabs(x.score - (double)m.score) < 1e-4);
    assert_int_equal(x.query_frame_count, 5);
    culprit_free(c);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
