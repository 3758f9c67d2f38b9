/* walk on ARM of 32 and 64 bits. */
#include "stacks.h"

#include "../cmocka_all.h"

static void arm(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "scan; no frame pointer but on iOS",
          .os = WALK_OS_LINUX,
          .registers = "pc=b+100 sp=s lr=b+400 r7=s r11=s",
          .stack = "s+8 b+200 0 b+300",
          .want = "context b+100 sp=s lr=b+400 r7=s r11=s; scan b+200 sp=s+8; "
                  "scan b+300 sp=s+10" },
        { .name = "the deepest of the context, and too deep of another",
          .registers = "pc=b+100 sp=s",
          .stack = "0*160 b+200 0*41 b+300",
          .want = "context b+100 sp=s; scan b+200 sp=s+284" },
        { .name = "iOS",
          .os = WALK_OS_IOS,
          .registers = "pc=b+100 sp=s lr=b+200 r7=s+4",
          .stack = "0 s+10 b+300 0 s+20 b+400 0 0 0 0",
          .want = "context b+100 sp=s lr=b+200 r7=s+4; fp b+200 sp=s+c lr=b+300 r7=s+10; "
                  "fp b+300 sp=s+18 lr=b+400 r7=s+20; fp b+400 sp=s+28 lr=0 r7=0" },
        { .name = "iOS, a leaf without frame pointer: its stack pointer may stay",
          .os = WALK_OS_IOS,
          .registers = "pc=b+100 sp=s lr=b+200 r7=0",
          .stack = "0 0",
          .want = "context b+100 sp=s lr=b+200 r7=0; fp b+200 sp=s lr=0 r7=0" },
        { .name = "iOS, chain outside of the stack: scan",
          .os = WALK_OS_IOS,
          .registers = "pc=b+100 sp=s lr=b+200 r7=1",
          .stack = "0 b+300",
          .want = "context b+100 sp=s lr=b+200 r7=1; scan b+300 sp=s+8" },
        { .name = "iOS: rules are not used",
          .os = WALK_OS_IOS,
          .symbols = "FUNC 100 100 0 f\nSTACK CFI INIT 100 100 .cfa: sp 4 + .ra: .cfa 4 - ^\n",
          .registers = "pc=a+110 sp=s lr=b+200 r7=0",
          .stack = "b+300 0",
          .want = "context a+110 f sp=s lr=b+200 r7=0; fp b+200 sp=s lr=0 r7=0" },
        { .name = "rules; the call is two bytes before",
          .os = WALK_OS_ANDROID,
          .symbols = "FUNC 100 100 0 f\nFUNC 200 100 0 g\n"
                     "STACK CFI INIT 100 100 .cfa: sp .ra: lr\n"
                     "STACK CFI INIT 200 100 .cfa: sp 8 + .ra: .cfa 4 - ^ r7: .cfa 8 - ^\n",
          .registers = "pc=a+110 sp=s lr=a+301 r4=4 r7=7 r11=11",
          .stack = "9 a+202",
          .want = "context a+110 f sp=s lr=a+301 r4=4 r7=7 r11=11; "
                  "cfi a+301 g sp=s r4=4 r7=7 r11=11; cfi a+202 g sp=s+8 r4=4 r7=9 r11=11" },
        { .name = "a leaf must be the first",
          .symbols = "STACK CFI INIT 100 100 .cfa: sp .ra: r4\n",
          .registers = "pc=a+110 sp=s r4=a+120",
          .stack = "0",
          .want = "context a+110 sp=s r4=a+120; cfi a+120 sp=s r4=a+120" },
    };
    stack_cases_run(CPU_ARM, "sp lr r4 r7 r11", cases, COUNT_OF(cases));
}

static void arm64(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "a chain: the return address is in lr",
          .registers = "pc=b+100 sp=s lr=b+200 fp=s+8",
          .stack = "0 s+20 b+300 0 0 b+400 0 0",
          .want = "context b+100 sp=s lr=b+200 fp=s+8; fp b+200 sp=s+18 lr=b+300 fp=s+20; "
                  "fp b+300 sp=s+30 lr=b+400 fp=0" },
        { .name = "codes in the upper bits",
          .registers = "pc=b+100 sp=s lr=a5000000000000|b+200 fp=s+8",
          .stack = "0 s+20 ffe0000000000000|b+300 0 0 b+400 0 0",
          .want = "context b+100 sp=s lr=b+200 fp=s+8; fp b+200 sp=s+18 lr=b+300 fp=s+20; "
                  "fp b+300 sp=s+30 lr=b+400 fp=0" },
        { .name = "upper bits of what is in no module stay",
          .registers = "pc=b+100 sp=s lr=a500000007700000 fp=s",
          .stack = "0 0",
          .want = "context b+100 sp=s lr=a500000007700000 fp=s; "
                  "fp a500000007700000 sp=s+10 lr=0 fp=0" },
        { .name = "no frame pointer: lr, once",
          .registers = "pc=b+100 sp=s lr=b+200 fp=0",
          .stack = "0 b+300",
          .want = "context b+100 sp=s lr=b+200 fp=0; fp b+200 sp=s lr=0 fp=0" },
        { .name = "lr is 0: the end",
          .registers = "pc=b+100 sp=s lr=0 fp=0",
          .stack = "0 b+300",
          .want = "context b+100 sp=s lr=0 fp=0" },
        { .name = "chain outside of the stack: scan",
          .registers = "pc=b+100 sp=s lr=b+200 fp=1",
          .stack = "0 b+300",
          .want = "context b+100 sp=s lr=b+200 fp=1; scan b+300 sp=s+10" },
        { .name = "rules, then the chain",
          .symbols = "FUNC 100 100 0 f\nFUNC 200 100 0 g\n"
                     "STACK CFI INIT 100 100 .cfa: sp 32 + .ra: .cfa 24 - ^ x29: .cfa 32 - ^\n",
          .registers = "pc=a+110 sp=s fp=s x19=19",
          .stack = "s+28 7700000000000000|a+204 0 0 0 0 b+300 0",
          .want = "context a+110 f sp=s fp=s x19=19; cfi a+204 g sp=s+20 fp=s+28 x19=19; "
                  "fp b+300 sp=s+38 fp=0" },
        { .name = "rules, then a record outside of the stack: scan",
          .symbols = "FUNC 100 100 0 f\nFUNC 200 100 0 g\n"
                     "STACK CFI INIT 100 100 .cfa: sp 16 + .ra: .cfa 8 - ^\n",
          .registers = "pc=a+110 sp=s fp=7",
          .stack = "0 a+204 0 b+300",
          .want = "context a+110 f sp=s fp=7; cfi a+204 g sp=s+10 fp=7; scan b+300 sp=s+20" },
        { .name = "rules, then x29 below the stack: scan",
          .symbols = "FUNC 100 100 0 f\nFUNC 200 100 0 g\n"
                     "STACK CFI INIT 100 100 .cfa: sp 16 + .ra: .cfa 8 - ^\n",
          .registers = "pc=a+110 sp=s fp=s+8",
          .stack = "0 a+204 b+200 b+300",
          .want = "context a+110 f sp=s fp=s+8; cfi a+204 g sp=s+10 fp=s+8; "
                  "scan b+200 sp=s+18; scan b+300 sp=s+20" },
        { .name = "rules of a leaf",
          .symbols = "STACK CFI INIT 100 100 .cfa: sp .ra: x30\n",
          .registers = "pc=a+110 sp=s lr=77000000000000|b+200 fp=s",
          .stack = "0 0",
          .want = "context a+110 sp=s lr=b+200 fp=s; cfi b+200 sp=s fp=s" },
    };
    stack_cases_run(CPU_ARM64, "sp lr fp x19", cases, COUNT_OF(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arm),
        cmocka_unit_test(arm64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
