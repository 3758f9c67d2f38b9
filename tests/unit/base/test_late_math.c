/* late_math: every function is libm's own, and its arguments arrive. What the results must be comes
 * from <math.h> of this very libm, so the last bits are compared too. */
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../cmocka_all.h"

#define ONE(f)                                                                                     \
    {                                                                                              \
#f,                                                                                        \
        {                                                                                          \
            .one = f                                                                               \
        }                                                                                          \
    }
#define TWO(f)                                                                                     \
    {                                                                                              \
#f,                                                                                        \
        {                                                                                          \
            .two = f                                                                               \
        }                                                                                          \
    }

static const struct {
    const char *name;
    union {
        double (*one)(double);
        double (*two)(double, double);
    } ours;
} ones[] = {
    ONE(acos), ONE(acosh), ONE(asin), ONE(asinh), ONE(atan), ONE(atanh), ONE(cos),
    ONE(cosh), ONE(exp),   ONE(log),  ONE(log2),  ONE(round), ONE(sin), ONE(sinh),
    ONE(sqrt), ONE(tan),   ONE(tanh), ONE(trunc),
}, twos[] = { TWO(atan2), TWO(fmax), TWO(fmin), TWO(fmod), TWO(pow) };

/* -0.0 and +0.0 differ; what is no number is the same as another. */
static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof a);
}

static const double values[] = { 0.0,       -0.0, 0.25,   -0.5,   0.7310585786300049,
                                 1,         -1,   1.5,    -2.5,   3,
                                 97.3,      1e9,  -1e300, 5e-324, INFINITY,
                                 -INFINITY, NAN };
#define VALUES (sizeof values / sizeof *values)

static void *libm_has(const char *name)
{
    void *libm = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
    void *function = libm ? dlsym(libm, name) : NULL;
    if (!function)
        fail_msg("libm has no %s", name);
    return function;
}

static void of_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) {
        double (*theirs)(double);
        *(void **)&theirs = libm_has(ones[i].name);
        assert_ptr_not_equal(theirs, ones[i].ours.one); /* or nothing is tested */
        for (size_t v = 0; v < VALUES; v++)
            if (!same(ones[i].ours.one(values[v]), theirs(values[v])))
                fail_msg("%s(%g)", ones[i].name, values[v]);
    }
}

static void of_two(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof twos / sizeof *twos; i++) {
        double (*theirs)(double, double);
        *(void **)&theirs = libm_has(twos[i].name);
        assert_ptr_not_equal(theirs, twos[i].ours.two);
        for (size_t v = 0; v < VALUES; v++)
            for (size_t w = 0; w < VALUES; w++)
                if (!same(twos[i].ours.two(values[v], values[w]), theirs(values[v], values[w])))
                    fail_msg("%s(%g, %g)", twos[i].name, values[v], values[w]);
    }
}

static void of_floats(void **state)
{
    (void)state;
    float (*root)(float), (*least)(float, float);
    *(void **)&root = libm_has("sqrtf");
    *(void **)&least = libm_has("fminf");
    float (*volatile our_root)(float) = sqrtf, (*volatile our_least)(float, float) = fminf;
    assert_true(our_root != root && our_least != least);
    for (size_t v = 0; v < VALUES; v++) {
        float x = (float)(fabs(values[v]) < 1e30 ? values[v] : 1e30);
        if (!same((double)our_root(x), (double)root(x)))
            fail_msg("sqrtf(%g)", (double)x);
        if (!same((double)our_least(x, 0.3f), (double)least(x, 0.3f)))
            fail_msg("fminf(%g, 0.3)", (double)x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one),
        cmocka_unit_test(of_two),
        cmocka_unit_test(of_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
