/* walk on x86-64: each way to a caller, what is checked, and where walks end. */
#include "stacks.h"

#include "../cmocka_all.h"
#include "symbols/unwind_rules.h"

#define SHOW "rsp rbp"

static void frame_pointers(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "a chain",
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+20 b+200 0 s+38 0 b+300 s+38 0 b+400",
          .want = "context b+100 rsp=s rbp=s+8; fp b+200 rsp=s+18 rbp=s+20" },
        { .name = "ends with 0",
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+20 b+200 0 s+30 b+300 0",
          .want = "context b+100 rsp=s rbp=s+8; fp b+200 rsp=s+18 rbp=s+20; "
                  "fp b+300 rsp=s+30 rbp=s+30" },
        { .name = "into no module is fine",
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+20 7700000 0 0 0",
          .want = "context b+100 rsp=s rbp=s+8; fp 7700000 rsp=s+18 rbp=s+20" },
        { .name = "into a module that is gone",
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+20 u+10 0 0 0",
          .want = "context b+100 rsp=s rbp=s+8; fp u+10 unloaded0 rsp=s+18 rbp=s+20" },
        { .name = "not aligned: scan",
          .registers = "rip=b+100 rsp=s rbp=s+9",
          .stack = "0 s+20 b+200 0 s+30 0",
          .want = "context b+100 rsp=s rbp=s+9; scan b+200 rsp=s+18" },
        { .name = "return address not canonical: scan",
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+20 800000000000 b+200 s+30 0",
          .want = "context b+100 rsp=s rbp=s+8; scan b+200 rsp=s+20" },
        { .name = "falls: scan",
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+10 b+200 0 0 0",
          .want = "context b+100 rsp=s rbp=s+8; scan b+200 rsp=s+18" },
        { .name = "leaves the stack: scan",
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 h b+200 0 0 0",
          .other = "0 b+300",
          .want = "context b+100 rsp=s rbp=s+8; scan b+200 rsp=s+18 rbp=h" },
        { .name = "return address in the first page: the end",
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+20 fff 0 0 0 b+200",
          .want = "context b+100 rsp=s rbp=s+8" },
        { .name = "stack pointer falls: the end",
          .registers = "rip=b+100 rsp=s+20 rbp=s+8",
          .stack = "0 s+18 b+200 0 0 0 b+300",
          .want = "context b+100 rsp=s+20 rbp=s+8" },
        { .name = "stack pointer stays, below the context: fine",
          .registers = "rip=b+100 rsp=s+18 rbp=s+8",
          .stack = "0 s+28 b+200 b+300 0 0 0",
          .want = "context b+100 rsp=s+18 rbp=s+8; fp b+200 rsp=s+18 rbp=s+28; "
                  "scan b+300 rsp=s+20 rbp=s+28" },
        { .name = "not on Windows",
          .os = WALK_OS_WINDOWS,
          .registers = "rip=b+100 rsp=s rbp=s+10",
          .stack = "0 0 s+28 b+200 0 0 0",
          .want = "context b+100 rsp=s rbp=s+10; scan b+200 rsp=s+20 rbp=s+28" },
        { .name = "the dump does not say where the stack is",
          .no_stack = true,
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+20 b+200 0 0 0",
          .want = "context b+100 rsp=s rbp=s+8; fp b+200 rsp=s+18 rbp=s+20" },
        { .name = "the stack pointer is in other memory",
          .registers = "rip=b+100 rsp=h rbp=0",
          .stack = "0 b+200",
          .other = "0 b+300",
          .want = "context b+100 rsp=h rbp=0; scan b+300 rsp=h+10" },
        { .name = "big endian memory",
          .big_endian = true,
          .registers = "rip=b+100 rsp=s rbp=s+8",
          .stack = "0 s+20 b+200 0 0 0",
          .want = "context b+100 rsp=s rbp=s+8; fp b+200 rsp=s+18 rbp=s+20" },
        { .name = "no stack pointer: one frame",
          .registers = "rip=b+100 rbp=s+8",
          .stack = "0 s+20 b+200 0 0 0",
          .want = "context b+100 rbp=s+8" },
        { .name = "no program counter: none",
          .registers = "rsp=s rbp=s+8",
          .stack = "0 s+20 b+200 0 0 0",
          .want = "" },
    };
    stack_cases_run(CPU_AMD64, SHOW, cases, COUNT_OF(cases));
}

static void scans(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "the first address of a module is no return address",
          .registers = "rip=b+100 rsp=s",
          .stack = "b u+10 77000 b+1",
          .want = "context b+100 rsp=s; scan b+1 rsp=s+20" },
        { .name = "the end of a module is one",
          .registers = "rip=b+100 rsp=s",
          .stack = "b+10001 b+10000",
          .want = "context b+100 rsp=s; scan 510000 rsp=s+10" },
        { .name = "rbp was saved below it",
          .registers = "rip=b+100 rsp=s rbp=s+10",
          .stack = "0 0 9999999999999 b+200 0",
          .want = "context b+100 rsp=s rbp=s+10; scan b+200 rsp=s+20 rbp=9999999999999" },
        { .name = "rbp was saved there but falls",
          .registers = "rip=b+100 rsp=s rbp=s+10",
          .stack = "0 0 s b+200 0",
          .want = "context b+100 rsp=s rbp=s+10; scan b+200 rsp=s+20" },
        { .name = "rbp may be unchanged",
          .registers = "rip=b+100 rsp=s rbp=s+20",
          .stack = "0 0 0 b+200 0 0 0",
          .want = "context b+100 rsp=s rbp=s+20; scan b+200 rsp=s+20 rbp=s+20" },
        { .name = "the deepest of the context",
          .registers = "rip=b+100 rsp=s",
          .stack = "0*160 b+200",
          .want = "context b+100 rsp=s; scan b+200 rsp=s+508" },
        { .name = "too deep of the context",
          .registers = "rip=b+100 rsp=s",
          .stack = "0*161 b+200",
          .want = "context b+100 rsp=s" },
        { .name = "the deepest of another",
          .registers = "rip=b+100 rsp=s",
          .stack = "b+200 0*40 b+300 0*41 b+400",
          .want = "context b+100 rsp=s; scan b+200 rsp=s+8; scan b+300 rsp=s+150" },
    };
    stack_cases_run(CPU_AMD64, SHOW, cases, COUNT_OF(cases));
}

static void leaves(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "on top",
          .os = WALK_OS_WINDOWS,
          .registers = "rip=b+100 rsp=s rbp=1 rsi=2",
          .stack = "b+200 0 b+300 b+400",
          .want = "context b+100 rsp=s rbp=1 rsi=2; leaf b+200 rsp=s+8 rbp=1 rsi=2; "
                  "scan b+300 rsp=s+18; scan b+400 rsp=s+20" },
        { .name = "second",
          .os = WALK_OS_WINDOWS,
          .registers = "rip=b+100 rsp=s",
          .stack = "0 b+200",
          .want = "context b+100 rsp=s; leaf b+200 rsp=s+10" },
        { .name = "third",
          .os = WALK_OS_WINDOWS,
          .registers = "rip=b+100 rsp=s",
          .stack = "0 0 b+200",
          .want = "context b+100 rsp=s; scan b+200 rsp=s+18" },
    };
    stack_cases_run(CPU_AMD64, SHOW " rsi", cases, COUNT_OF(cases));
}

#define RULES                                                                                      \
    "FILE 0 f.c\n"                                                                                 \
    "FUNC 100 100 0 leaf\n100 100 7 0\n"                                                           \
    "FUNC 200 100 0 middle\n200 80 8 0\n280 80 9 0\n"                                              \
    "FUNC 300 100 0 outer\n"                                                                       \
    "PUBLIC 500 0 far\n"                                                                           \
    "STACK CFI INIT 100 100 .cfa: $rsp 8 + .ra: .cfa 8 - ^\n"                                      \
    "STACK CFI INIT 200 100 .cfa: $rsp 24 + .ra: .cfa 8 - ^ $rbp: .cfa 16 - ^\n"

static void rules(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "rules, then none",
          .symbols = RULES,
          .registers = "rip=a+110 rsp=s rbp=1 rbx=2 rcx=3",
          .stack = "a+210 0 5 a+310",
          .want = "context a+110 leaf f.c:7 rsp=s rbp=1 rbx=2 rcx=3; "
                  "cfi a+210 middle f.c:8 rsp=s+8 rbp=1 rbx=2; "
                  "cfi a+310 outer rsp=s+20 rbp=5 rbx=2" },
        { .name = "a call at the end of a function is still in it",
          .symbols = RULES,
          .registers = "rip=a+110 rsp=s rbp=1",
          .stack = "a+300 0 5 a+281 0",
          .want = "context a+110 leaf f.c:7 rsp=s rbp=1; cfi a+300 middle f.c:9 rsp=s+8 rbp=1; "
                  "cfi a+281 middle f.c:9 rsp=s+20 rbp=5" },
        { .name = "memory outside the stack",
          .symbols = "STACK CFI INIT 100 100 .cfa: $rsp 8 + .ra: $rbx ^\n",
          .registers = "rip=a+110 rsp=s rbx=h",
          .stack = "0",
          .other = "b+200",
          .want = "context a+110 rsp=s rbx=h; cfi b+200 rsp=s+8 rbx=h" },
        { .name = "no such memory: scan",
          .symbols = "STACK CFI INIT 100 100 .cfa: $rsp 8 + .ra: $rbx ^\n",
          .registers = "rip=a+110 rsp=s rbx=3",
          .stack = "0 b+200",
          .want = "context a+110 rsp=s rbx=3; scan b+200 rsp=s+10" },
        { .name = "a register that is not known: scan",
          .symbols = "STACK CFI INIT 100 100 .cfa: $r9 8 + .ra: .cfa 8 - ^\n",
          .registers = "rip=a+110 rsp=s",
          .stack = "0 b+200",
          .want = "context a+110 rsp=s; scan b+200 rsp=s+10" },
        { .name = "a rule that fails counts as none",
          .symbols = "STACK CFI INIT 100 100 .cfa: $rsp 16 + .ra: .cfa 8 - ^ $rbx: 8 ^ "
                     "$rbp: .cfa 16 - ^\n",
          .registers = "rip=a+110 rsp=s rbx=1 rbp=2",
          .stack = "3 b+200",
          .want = "context a+110 rsp=s rbp=2 rbx=1; cfi b+200 rsp=s+10 rbp=3 rbx=1" },
        { .name = "rules lead to 0: frame pointer",
          .symbols = "STACK CFI INIT 100 100 .cfa: $rsp 8 + .ra: 0\n",
          .registers = "rip=a+110 rsp=s rbp=s",
          .stack = "s+10 b+200 0 0",
          .want = "context a+110 rsp=s rbp=s; fp b+200 rsp=s+10 rbp=s+10" },
        { .name = "rules lead into the first page: the end",
          .symbols = "STACK CFI INIT 100 100 .cfa: $rsp 8 + .ra: 4095\n",
          .registers = "rip=a+110 rsp=s rbp=s",
          .stack = "s+10 b+200 0 0",
          .want = "context a+110 rsp=s rbp=s" },
        { .name = "below the context, the stack pointer must rise",
          .symbols = "STACK CFI INIT 100 100 .cfa: $rsp .ra: $rbx\n",
          .registers = "rip=a+110 rsp=s rbx=a+120",
          .stack = "0 0 0",
          .want = "context a+110 rsp=s rbx=a+120; cfi a+120 rsp=s rbx=a+120" },
        { .name = "a scan takes only what is in a function",
          .symbols = RULES,
          .registers = "rip=b+110 rsp=s rbx=1",
          .stack = "a+50 a+410 a+501 0",
          .want = "context b+110 rsp=s rbx=1; scan a+501 far rsp=s+18" },
        { .name = "an inlined call",
          .symbols = "FILE 0 f.c\nINLINE_ORIGIN 0 inner\nFUNC 100 100 0 outer\n"
                     "INLINE 0 44 0 0 120 10\n100 100 7 0\n",
          .registers = "rip=a+125 rsp=s",
          .stack = "a+130 a+131",
          .want = "inline a+125 inner f.c:7; context a+125 outer f.c:44 rsp=s; "
                  "inline a+130 inner f.c:7; scan a+130 outer f.c:44 rsp=s+8; "
                  "scan a+131 outer f.c:7 rsp=s+10" },
    };
    stack_cases_run(CPU_AMD64, SHOW " rbx rcx", cases, COUNT_OF(cases));
}

#define REGISTER_AT(r, byte)                                                                       \
    UNWIND_PUSH_REGISTER, AMD64_RSP, UNWIND_PUSH_8, byte, UNWIND_ADD, UNWIND_DEREF,                \
        UNWIND_SET_REGISTER, r
/* At %rsp: rip and rsp of the caller. */
static const uint8_t signal_frame[] = {
    UNWIND_INTERRUPTED,       UNWIND_PUSH_8, 0, UNWIND_SET_CFA, REGISTER_AT(AMD64_RIP, 0),
    REGISTER_AT(AMD64_RSP, 8)
};
static const uint8_t no_caller[] = { UNWIND_PUSH_REGISTER, AMD64_RSP, UNWIND_SET_CFA,
                                     UNWIND_CLEAR_REGISTER, AMD64_RIP };
static const uint8_t no_cfa[] = { REGISTER_AT(AMD64_RIP, 0) };
static const uint8_t no_rip[] = { UNWIND_PUSH_REGISTER, AMD64_RSP, UNWIND_SET_CFA };
static const uint8_t lost_rbx[] = { UNWIND_PUSH_REGISTER,
                                    AMD64_RSP,
                                    UNWIND_PUSH_8,
                                    8,
                                    UNWIND_ADD,
                                    UNWIND_SET_CFA,
                                    REGISTER_AT(AMD64_RIP, 0),
                                    UNWIND_CLEAR_REGISTER,
                                    AMD64_RBX };
#define PROGRAM(p)                                                                                 \
    {                                                                                              \
        p, sizeof p                                                                                \
    }

static void programs(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "a signal came to the first instruction of a function",
          .symbols = "FUNC 100 100 0 before\nFUNC 200 100 0 hit\nFUNC 300 100 0 outer\n"
                     "STACK CFI INIT 200 100 .cfa: $rsp 8 + .ra: .cfa 8 - ^\n",
          .rules = PROGRAM(signal_frame),
          .registers = "rip=a+810 rsp=s",
          .stack = "a+200 s+18 0 a+310",
          .want = "context a+810 rsp=s; cfi a+200 hit rsp=s+18; cfi a+310 outer rsp=s+20" },
        { .name = "the signal had a stack of its own",
          .symbols = "FUNC 200 100 0 hit\n",
          .rules = PROGRAM(signal_frame),
          .registers = "rip=a+810 rsp=h",
          .stack = "0 b+300 0",
          .other = "a+210 s",
          .want = "context a+810 rsp=h; cfi a+210 hit rsp=s; scan b+300 rsp=s+10" },
        { .name = "in a circle",
          .symbols = "FUNC 200 100 0 hit\n",
          .rules = PROGRAM(signal_frame),
          .registers = "rip=a+810 rsp=s",
          .stack = "a+810 s",
          .want = "context a+810 rsp=s; cfi a+810 rsp=s; cfi a+810 rsp=s; cfi a+810 rsp=s; "
                  "cfi a+810 rsp=s" },
        { .name = "the rules know that there is no caller",
          .symbols = "FUNC 200 100 0 f\n",
          .rules = PROGRAM(no_caller),
          .registers = "rip=a+810 rsp=s rbp=s",
          .stack = "s+10 b+200 0 0",
          .want = "context a+810 rsp=s rbp=s" },
        { .name = "no CFA: scan",
          .symbols = "FUNC 200 100 0 f\n",
          .rules = PROGRAM(no_cfa),
          .registers = "rip=a+810 rsp=s",
          .stack = "b+200 b+300",
          .want = "context a+810 rsp=s; scan b+200 rsp=s+8; scan b+300 rsp=s+10" },
        { .name = "no program counter: scan",
          .symbols = "FUNC 200 100 0 f\n",
          .rules = PROGRAM(no_rip),
          .registers = "rip=a+810 rsp=s",
          .stack = "b+200",
          .want = "context a+810 rsp=s; scan b+200 rsp=s+8" },
        { .name = "a register that is lost",
          .symbols = "FUNC 200 100 0 f\n",
          .rules = PROGRAM(lost_rbx),
          .registers = "rip=a+810 rsp=s rbx=1 rbp=2",
          .stack = "b+200",
          .want = "context a+810 rsp=s rbp=2 rbx=1; cfi b+200 rsp=s+8 rbp=2" },
    };
    stack_cases_run(CPU_AMD64, SHOW " rbx", cases, COUNT_OF(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_pointers), cmocka_unit_test(scans),    cmocka_unit_test(leaves),
        cmocka_unit_test(rules),          cmocka_unit_test(programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
