/* helpers.h - functions, and how likely a crash in one is the fault of its caller: learnt from the
 * stream, without labels.
 *
 * Three things speak for a helper: many different callers under crashes that reach it; a word of
 * memory handling in its name; and that the program dies in a way of its own under each caller.
 * Were the fault in the function itself, the program would die in the same way whoever calls it.
 * Where all crashes of a project die alike, the last says nothing, as it should.
 *
 *     h = logistic(HELPER_BIAS + HELPER_CALLERS * ln(1 + callers) + HELPER_WORD + deaths)
 *
 * callers: the effective number, e to the entropy of how crashes spread over them, so it does not
 * grow with the mere number of reports. deaths: the logarithm of how much likelier the deaths are
 * if each caller has a fault of its own than if the function has one; at most HELPER_DEATHS_MAX
 * either way. A crash counts for a function by how much blame reached it.
 *
 * Threads: one writer; helpers_h for any thread, about functions that were published. */
#ifndef CRUMPLE_GROUP_HELPERS_H
#define CRUMPLE_GROUP_HELPERS_H

#include "base/seglist.h"
#include "group/journal.h"
#include "group/number_map.h"
#include "group/pool.h"

#define HELPER_BIAS (-2.0)
#define HELPER_CALLERS 0.7
#define HELPER_WORD 2.5
#define HELPER_DEATHS_MAX 4.0
#define HELPER_CONSTANT 0.5     /* of each function, when nothing is learnt */
#define HELPER_CALLERS_MAX 64   /* told apart; then the rarest gives its place */
#define HELPER_CALLER_KINDS 2   /* of deaths that are told apart under one caller, */
#define HELPER_FUNCTION_KINDS 4 /* of a function, */
#define HELPER_KINDS 8          /* of a project; rarer ones count as the last */
#define HELPER_UNIT                                                                                \
    1024 /* a whole crash; parts of it are whole numbers, so that they add exactly */

#define HELPER_NONE UINT32_MAX

/* How programs of a project die. */
struct deaths {
    uint32_t kind[HELPER_KINDS]; /* number of the text; in order of arrival */
    uint32_t count[HELPER_KINDS];
    uint32_t kinds, total;
};

struct caller;
struct stack_block; /* culprit_internal.h */

struct function {
    uint32_t name, project; /* numbers of naming.h */
    _Atomic float h;
    _Atomic uint32_t contexts; /* reports without a stack that hold it as a text */
    uint32_t caller_count;
    struct caller *callers; /* oldest first; room for caller_count, rounded up to a power of two */
    uint32_t kind[HELPER_FUNCTION_KINDS]; /* deaths of crashes that reached it, */
    uint32_t weight[HELPER_FUNCTION_KINDS];
    uint32_t kinds;
    /* Stacks that hold it near the top: one here, all further ones in blocks, newest first. */
    uint32_t first_stack, stack_count;
    bool is_memory_word;
    struct stack_block *stacks;
};

struct helpers {
    struct seglist functions; /* struct function */
    struct number_map map;    /* project, name */
    unsigned without;         /* enum culprit_part */
};

bool helpers_init(struct helpers *hs, unsigned without);
void helpers_done(struct helpers *hs);

/* The number of a function in a project, made when it is new; HELPER_NONE: no memory. */
uint32_t helpers_function(struct helpers *hs, uint32_t project, uint32_t name, bool is_memory_word);
/* It will be asked for soon, and is fetched from memory meanwhile. */
void helpers_expect(const struct helpers *hs, uint32_t project, uint32_t name);

/* The same before helpers_learn. */
static inline void helpers_expect_learn(const struct helpers *hs, uint32_t function)
{
    const char *at = seglist_at(&hs->functions, function);
    __builtin_prefetch(at);
    __builtin_prefetch(at + sizeof(struct function) - 1);
}

/* Takes back functions that were made when there were so many; no reader knows them. */
void helpers_rewind(struct helpers *hs, size_t functions);

static inline struct function *helpers_at(const struct helpers *hs, uint32_t function)
{
    return seglist_at(&hs->functions, function);
}
static inline float helpers_h(const struct helpers *hs, uint32_t function)
{
    return atomic_load_explicit(&helpers_at(hs, function)->h, memory_order_relaxed);
}

/* A crash reached the function, which `caller` had called, with this weight (of HELPER_UNIT).
 * death: number of its text; HELPER_NONE: not known. */
MUST_CHECK bool helpers_learn(struct helpers *hs, uint32_t function, uint32_t caller,
                              uint32_t weight, uint32_t death, uint32_t abort,
                              const struct deaths *base, struct journal *j, struct pool *p);
/* A report of the project died so. */
MUST_CHECK bool deaths_count(struct deaths *d, uint32_t death, struct journal *j);

#endif
