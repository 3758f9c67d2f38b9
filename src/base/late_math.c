/* late_math.c - the functions of <math.h> that we use, each a jump into libm. Linked before libm.
 */
#include "base/late_math.h"

#include "base/dynlib.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* ONE: of one number; TWO: of two; OTHER: not of doubles. */
#define FUNCTIONS(ONE, TWO, OTHER)                                                                 \
    ONE(acos)                                                                                      \
    ONE(acosh)                                                                                     \
    ONE(asin)                                                                                      \
    ONE(asinh)                                                                                     \
    ONE(atan)                                                                                      \
    TWO(atan2)                                                                                     \
    ONE(atanh)                                                                                     \
    ONE(cos)                                                                                       \
    ONE(cosh)                                                                                      \
    ONE(exp)                                                                                       \
    TWO(fmax)                                                                                      \
    TWO(fmin)                                                                                      \
    OTHER(fminf, float, (float x, float y), x, y)                                                  \
    TWO(fmod)                                                                                      \
    ONE(log)                                                                                       \
    ONE(log2)                                                                                      \
    TWO(pow)                                                                                       \
    ONE(round)                                                                                     \
    ONE(sin)                                                                                       \
    ONE(sinh)                                                                                      \
    ONE(sqrt)                                                                                      \
    OTHER(sqrtf, float, (float x), x)                                                              \
    ONE(tan)                                                                                       \
    ONE(tanh)                                                                                      \
    ONE(trunc)

#define DECLARE(name, ...) DYNLIB_FUNCTION(name);
FUNCTIONS(DECLARE, DECLARE, DECLARE)

static atomic_bool loaded; /* set once the pointers above are, which then never change */

static void load(void)
{
#define SYMBOL(name, ...) DYNLIB_SYMBOL(name),
    static const struct dynlib_symbol symbols[] = { FUNCTIONS(SYMBOL, SYMBOL, SYMBOL) };
    struct err e = { 0 };
    if (!dynlib_load("libm.so.6", symbols, sizeof symbols / sizeof *symbols, &e)) {
        fprintf(stderr, "crumple: %s\n", e.msg);
        abort();
    }
    atomic_store_explicit(&loaded, true, memory_order_release);
}

void late_math_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
}

/* Hidden, so that libraries that come later find libm's own. */
#define DEFINE(name, type, params, ...)                                                            \
    __attribute__((visibility("hidden"))) type name params                                         \
    {                                                                                              \
        if (!atomic_load_explicit(&loaded, memory_order_acquire))                                  \
            late_math_load();                                                                      \
        return dl_##name(__VA_ARGS__);                                                             \
    }
#define DEFINE_ONE(name) DEFINE(name, double, (double x), x)
#define DEFINE_TWO(name) DEFINE(name, double, (double x, double y), x, y)

FUNCTIONS(DEFINE_ONE, DEFINE_TWO, DEFINE)
