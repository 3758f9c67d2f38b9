/* walk on x86: frame pointers, scans, rules, and STACK WIN records of both kinds. */
#include "stacks.h"

#include "../cmocka_all.h"

#define SHOW "esp ebp"

static void frame_pointers(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "a chain",
          .registers = "eip=b+100 esp=s ebp=s+8",
          .stack = "0 0 s+14 b+200 0 0 b+300 0",
          .want = "context b+100 esp=s ebp=s+8; fp b+200 esp=s+10 ebp=s+14; "
                  "fp b+300 esp=s+1c ebp=0" },
        { .name = "no check of where it goes",
          .registers = "eip=b+100 esp=s ebp=s+8",
          .stack = "0 0 1 7700000 b+200 0",
          .want = "context b+100 esp=s ebp=s+8; fp 7700000 esp=s+10 ebp=1; "
                  "scan b+200 esp=s+14 ebp=1" },
        { .name = "return address in the first page: the end",
          .registers = "eip=b+100 esp=s ebp=s+8",
          .stack = "0 0 s+20 fff b+200 0",
          .want = "context b+100 esp=s ebp=s+8" },
        { .name = "stack pointer falls: the end",
          .registers = "eip=b+100 esp=s+14 ebp=s+8",
          .stack = "0 0 s+20 b+200 0 b+300 0",
          .want = "context b+100 esp=s+14 ebp=s+8" },
        { .name = "stack pointer stays, not below the context: the end",
          .registers = "eip=b+100 esp=s ebp=s",
          .stack = "s b+200 b+300 0",
          .want = "context b+100 esp=s ebp=s; fp b+200 esp=s+8 ebp=s" },
        { .name = "at the end of all addresses",
          .registers = "eip=b+100 esp=fffffffc ebp=fffffffe",
          .stack = "0",
          .want = "context b+100 esp=fffffffc ebp=fffffffe" },
    };
    stack_cases_run(CPU_X86, SHOW, cases, COUNT_OF(cases));
}

static void scans(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "%ebp is left alone",
          .registers = "eip=b+100 esp=s ebp=1",
          .stack = "5 b+200",
          .want = "context b+100 esp=s ebp=1; scan b+200 esp=s+8 ebp=1" },
        { .name = "%ebp was saved below",
          .registers = "eip=b+100 esp=s ebp=1",
          .stack = "0 s+c b+200 s+c b+300 0",
          .want = "context b+100 esp=s ebp=1; scan b+200 esp=s+c ebp=s+c; fp b+300 esp=s+14 "
                  "ebp=s+c" },
        { .name = "too far away to be saved",
          .registers = "eip=b+100 esp=s ebp=1",
          .stack = "10020001 b+200 0",
          .want = "context b+100 esp=s ebp=1; scan b+200 esp=s+8 ebp=1" },
        { .name = "as far as can be",
          .registers = "eip=b+100 esp=s ebp=1",
          .stack = "10020000 b+200 0",
          .want = "context b+100 esp=s ebp=1; scan b+200 esp=s+8 ebp=10020000" },
        { .name = "the first address of a module is none",
          .registers = "eip=b+100 esp=s ebp=1",
          .stack = "b 0 u+10 0 b+1",
          .want = "context b+100 esp=s ebp=1; scan b+1 esp=s+14 ebp=1" },
        { .name = "the deepest of the context",
          .registers = "eip=b+100 esp=s ebp=1",
          .stack = "0*160 b+200",
          .want = "context b+100 esp=s ebp=1; scan b+200 esp=s+284 ebp=1" },
        { .name = "too deep of another",
          .registers = "eip=b+100 esp=s ebp=1",
          .stack = "b+200 0*41 b+200",
          .want = "context b+100 esp=s ebp=1; scan b+200 esp=s+4 ebp=1" },
    };
    stack_cases_run(CPU_X86, SHOW, cases, COUNT_OF(cases));
}

static void rules(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "rules",
          .symbols = "FUNC 100 100 0 f\nSTACK CFI INIT 100 100 .cfa: $esp 12 + .ra: .cfa 4 - ^ "
                     "$esi: .cfa 8 - ^\n",
          .registers = "eip=a+110 esp=s ebp=1 ebx=2 esi=3 edi=4 eax=5",
          .stack = "0 9 b+200 0",
          .want = "context a+110 f esp=s ebp=1 ebx=2 esi=3 edi=4 eax=5; "
                  "cfi b+200 esp=s+c ebp=1 ebx=2 esi=9 edi=4" },
        { .name = "without %ebp they are worth nothing",
          .symbols = "STACK CFI INIT 100 100 .cfa: $esp 12 + .ra: .cfa 4 - ^\n",
          .registers = "eip=a+110 esp=s",
          .stack = "0 9 b+200 0",
          .want = "context a+110 esp=s; scan b+200 esp=s+c ebp=0" },
        { .name = "STACK WIN comes first",
          .symbols = "STACK CFI INIT 100 100 .cfa: $esp 12 + .ra: .cfa 4 - ^\n"
                     "STACK WIN 4 100 100 0 0 0 0 0 0 1 $eip $esp 4 + ^ = $esp $esp 8 + = "
                     "$ebp $esp ^ =\n",
          .registers = "eip=a+110 esp=s ebp=1",
          .stack = "s+10 b+300 b+200 0 0",
          .want = "context a+110 esp=s ebp=1; cfi b+300 esp=s+8 ebp=s+10; "
                  "scan b+200 esp=s+c ebp=s+10" },
    };
    stack_cases_run(CPU_X86, SHOW " ebx esi edi eax", cases, COUNT_OF(cases));
}

/* type, address, size, prolog, epilog, parameters, saved registers, locals, stack, has program */
#define FRAME_DATA(sizes, program) "STACK WIN 4 100 100 0 0 " sizes " 0 1 " program "\n"
#define FPO(sizes, has_ebp) "STACK WIN 0 100 100 0 0 " sizes " 0 0 " has_ebp "\n"
#define SEARCH "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = "

static void programs(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "by the frame pointer",
          .symbols = FRAME_DATA("0 0 0", "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = "
                                         "$esp $T0 8 + = $L $T0 .cbSavedRegs - = $P $T0 8 + "
                                         ".cbParams + ="),
          .registers = "eip=a+110 esp=s ebp=s+8 ebx=1 esi=2",
          .stack = "0 0 s+14 b+200 0 0 b+300 0",
          .want = "context a+110 esp=s ebp=s+8 ebx=1 esi=2; cfi b+200 esp=s+10 ebp=s+14; "
                  "fp b+300 esp=s+1c ebp=0" },
        { .name = "by the search: saved registers and locals",
          .symbols = FRAME_DATA("0 4 8", SEARCH "$ebx $T0 4 - ^ ="),
          .registers = "eip=a+110 esp=s ebp=s+20",
          .stack = "0 0 77 b+200 0 0 0 0 0 fff",
          .want = "context a+110 esp=s ebp=s+20; cfi b+200 esp=s+10 ebp=s+20 ebx=77" },
        { .name = "the search goes on for three words",
          .symbols = FRAME_DATA("0 0 4", SEARCH),
          .registers = "eip=a+110 esp=s ebp=s+18",
          .stack = "0 0 0 0 b+200 0 0 fff",
          .want = "context a+110 esp=s ebp=s+18; cfi b+200 esp=s+14 ebp=s+18" },
        { .name = "what the callee was given lies below",
          .symbols =
              "FUNC 300 100 8 callee\n"
              "STACK CFI INIT 300 100 .cfa: $esp 4 + .ra: .cfa 4 - ^\n" FRAME_DATA("0 0 4", SEARCH),
          .registers = "eip=a+310 esp=s ebp=s+18",
          .stack = "a+110 0 0 0 b+200 0 0 fff",
          .want = "context a+310 callee esp=s ebp=s+18; cfi a+110 esp=s+4 ebp=s+18; "
                  "cfi b+200 esp=s+14 ebp=s+18" },
        { .name = "an aligned stack: the search begins at the frame pointer",
          .symbols = FRAME_DATA("0 0 4", "$T0 .raSearch 16 @ = $eip .raSearch ^ = "
                                         "$esp .raSearch 4 + = $ebp $ebp ^ ="),
          .registers = "eip=a+110 esp=s ebp=s+18",
          .stack = "0 b+200 0 0 0 0 s+20 b+300 0 fff",
          .want = "context a+110 esp=s ebp=s+18; cfi b+300 esp=s+20 ebp=s+20" },
        { .name = "fails: scan",
          .symbols = FRAME_DATA("0 0 0", "$eip $T0 ^ = $esp 4 ="),
          .registers = "eip=a+110 esp=s ebp=s+18",
          .stack = "0 0 b+200 0 0 0 0 fff",
          .want = "context a+110 esp=s ebp=s+18; scan b+200 esp=s+c ebp=s+18" },
        { .name = "sets no stack pointer: scan",
          .symbols = FRAME_DATA("0 0 0", "$eip $ebp 4 + ^ ="),
          .registers = "eip=a+110 esp=s ebp=s+18",
          .stack = "0 0 b+200 0 0 0 0 fff",
          .want = "context a+110 esp=s ebp=s+18; scan b+200 esp=s+c ebp=s+18" },
        { .name = "fails, and no scan helps: the frame pointer",
          .symbols = FRAME_DATA("0 0 0", "$eip $T0 ^ = $esp 4 ="),
          .registers = "eip=a+110 esp=s ebp=s",
          .stack = "1 7700000",
          .want = "context a+110 esp=s ebp=s; fp 7700000 esp=s+8 ebp=1" },
        { .name = "leads into no module: scan behind it",
          .symbols = FRAME_DATA("0 4 0", SEARCH "$ebp $T0 4 - ^ ="),
          .registers = "eip=a+110 esp=s ebp=1",
          .stack = "s+20 7700000 0*4 b+200 0 0 fff",
          .want = "context a+110 esp=s ebp=1; cfi_scan b+200 esp=s+1c ebp=s+20" },
        { .name = "%ebp does not point into the stack: one that was saved and does",
          .symbols = FRAME_DATA("0 8 0", SEARCH "$ebp 1 ="),
          .registers = "eip=a+110 esp=s ebp=1",
          .stack = "s+10 7 b+200 0 s+10 fff",
          .want = "context a+110 esp=s ebp=1; cfi b+200 esp=s+c ebp=s+10" },
        { .name = "both are 0: the end",
          .symbols = FRAME_DATA("0 0 0", "$eip 0 = $ebp 0 = $esp $esp 8 + ="),
          .registers = "eip=a+110 esp=s ebp=s",
          .stack = "0 0 b+200 0",
          .want = "context a+110 esp=s ebp=s" },
    };
    stack_cases_run(CPU_X86, SHOW " ebx esi", cases, COUNT_OF(cases));
}

/* The record of a function at 200 with 4 bytes of locals; a stack on which it called one at 100. */
#define FPO_OF_CALLER "STACK WIN 0 200 100 0 0 0 0 4 0 0 0\n"
#define PUSHED_STACK "s+20 a+210 0 b+300 0 b+200 0 0 0 fff"

static void sizes_only(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "%ebp is not used",
          .symbols = FPO("0 4 8", "0"),
          .registers = "eip=a+110 esp=s ebp=s+14 ebx=6 esi=7",
          .stack = "0 0 0 b+200 0 0 fff",
          .want = "context a+110 esp=s ebp=s+14 ebx=6 esi=7; cfi b+200 esp=s+10 ebp=s+14 ebx=6" },
        { .name = "%ebp is saved",
          .symbols = FPO("0 8 4", "1"),
          .registers = "eip=a+110 esp=s ebp=1",
          .stack = "s+14 0 0 b+200 0 0 fff",
          .want = "context a+110 esp=s ebp=1; cfi b+200 esp=s+10 ebp=s+14" },
        { .name = "back from a system call, with its return address still on top",
          .symbols = FPO("0 0 0", "0"),
          .registers = "eip=a+110 esp=s ebp=s+14",
          .stack = "a+110 b+200 0 0 0 0 fff",
          .want = "context a+110 esp=s ebp=s+14; cfi b+200 esp=s+8 ebp=s+14" },
        { .name = "outside the stack: scan",
          .symbols = FPO("0 0 1000", "0"),
          .registers = "eip=a+110 esp=s ebp=s+14 ebx=6",
          .stack = "0 0 0 b+200 0 0 fff",
          .want = "context a+110 esp=s ebp=s+14 ebx=6; scan b+200 esp=s+10 ebp=s+14" },
        { .name = "above what was pushed for a function without a record",
          .symbols = "FUNC 100 20 8 callee\n" FPO_OF_CALLER,
          .registers = "eip=a+110 esp=s ebp=s",
          .stack = PUSHED_STACK,
          .want = "context a+110 callee esp=s ebp=s; fp a+210 esp=s+8 ebp=s+20; "
                  "cfi b+200 esp=s+18 ebp=s+20" },
        { .name = "what a public symbol says was pushed does not count",
          .symbols = "PUBLIC 100 8 callee\n" FPO_OF_CALLER,
          .registers = "eip=a+110 esp=s ebp=s",
          .stack = PUSHED_STACK,
          .want = "context a+110 callee esp=s ebp=s; fp a+210 callee esp=s+8 ebp=s+20; "
                  "cfi b+300 esp=s+10 ebp=s+20" },
    };
    stack_cases_run(CPU_X86, SHOW " ebx esi", cases, COUNT_OF(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_pointers), cmocka_unit_test(scans),      cmocka_unit_test(rules),
        cmocka_unit_test(programs),       cmocka_unit_test(sizes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
