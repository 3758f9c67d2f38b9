/* stacks.h - small stacks as texts, walked and held against what is expected.
 *
 * There are always the same places, by which addresses are written: "s" is where the stack begins,
 * "a" and "b" are modules of 0x10000 bytes ("a" may have symbols), "u" one that is gone, "h" is
 * other memory. "a+1f0" is a number, as is "1f0"; both may have "X|" in front, which are bits that
 * are set as well. A text of words is such numbers with spaces; "0*40" is forty of them.
 *
 * What is expected has a line for each frame: how it was found, where, its function (if any), and
 * the registers that are asked for and known:
 *
 *     context a+110 main sp=s fp=s+10; fp b+220 sp=s+18 */
#ifndef CRUMPLE_TESTS_UNWIND_STACKS_H
#define CRUMPLE_TESTS_UNWIND_STACKS_H

#include "unwind/walk.h"

struct stack_case {
    const char *name;
    enum walk_os os;
    const char *registers; /* "eip=a+110 esp=s"; the others are not known */
    const char *stack;
    const char *symbols; /* of module a: lines of a .sym file behind MODULE; NULL: none */
    const char *other;   /* words at h */
    struct bytes rules;  /* a program (symbols/unwind_rules.h) that holds from a+800 to a+900 */
    const char *want;
    bool big_endian;
    bool no_stack;         /* the dump does not say which memory is the stack */
    const char *addresses; /* the stack comes walked: these (not: registers, stack) */
};

/* show: names of the registers to write besides, with spaces. Fails the test when one differs. */
void stack_cases_run(enum cpu cpu, const char *show, const struct stack_case *cases, size_t count);

#endif
