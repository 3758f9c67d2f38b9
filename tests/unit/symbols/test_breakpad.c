/* breakpad: every kind of record and what is odd about it, asked through the cache. */
#include "image.h"

#include "symbols/breakpad.h"

#include "../cmocka_all.h"

#define LINUX "MODULE Linux x86_64 BBA6FA10B8AAB33D00000000000000000 a.out\n"
#define WINDOWS "MODULE windows x86 5A9832E5287241C1838ED98914E9B7FF1 app.pdb\n"
#define FILES "FILE 0 a.c\nFILE 1 b.c\n"

static void check_text(const char *name, const char *want, const struct buf *got)
{
    if (!str_eq(str_from_c(want), buf_view(got)))
        fail_msg("%s:\n%.*s\ninstead of\n%s", name, STR_ARG(buf_view(got)), want);
}

static const struct {
    const char *name, *text;
    uint64_t address;
    const char *want;
} frames[] = {
    { "a function", LINUX "FUNC 100 10 8 f(int, char)\n", 0x10f, "f(int, char)|:0|100|8\n" },
    { "before it", LINUX "FUNC 100 10 8 f\n", 0xff, "" },
    { "behind it", LINUX "FUNC 100 10 8 f\n", 0x110, "" },
    { "one of many", LINUX "FUNC m 100 10 0 f\n", 0x100, "f|:0|100|0\n" },
    { "a name called m", LINUX "FUNC 100 10 0 m\n", 0x100, "m|:0|100|0\n" },
    { "upper-case digits", LINUX "FUNC ABC0 10 0 f\nABC0 1A 5 0\n" FILES, 0xabcf,
      "f|a.c:5|abc0|0\n" },
    { "a function of no size", LINUX "FUNC 100 0 0 f\n", 0x100, "" },
    { "a function without a name", LINUX "FUNC 100 10 0\n100 10 5 0\n", 0x100, "" },
    { "lines of a damaged function", LINUX FILES "FUNC 100 10 0 f\nFUNC xyz 10 0 g\n100 10 5 0\n",
      0x100, "f|:0|100|0\n" },
    { "the first of two that overlap", LINUX "FUNC 100 20 0 f\nFUNC 110 20 0 g\n", 0x128, "" },
    { "the first, though behind", LINUX "FUNC 110 20 0 g\nFUNC 100 20 0 f\n", 0x108, "" },
    { "functions not in order", LINUX "FUNC 200 10 0 g\nFUNC 100 10 0 f\n", 0x100, "f|:0|100|0\n" },
    { "up to the end of addresses", LINUX "FUNC fffffff0 10 0 f\n", 0xffffffff,
      "f|:0|fffffff0|0\n" },
    { "beyond 32 bits", LINUX "FUNC 100000000 10 0 f\n", 0x100000000, "" },
    { "begins below, ends beyond", LINUX "FUNC fffffff0 20 0 f\n", 0xffffffff,
      "f|:0|fffffff0|0\n" },
    { "a line", LINUX FILES "FUNC 100 10 0 f\n100 8 41 1\n108 8 42 0\n", 0x107,
      "f|b.c:41|100|0\n" },
    { "between lines", LINUX FILES "FUNC 100 10 0 f\n100 4 41 1\n108 8 42 0\n", 0x105,
      "f|:0|100|0\n" },
    { "lines not in order", LINUX FILES "FUNC 100 10 0 f\n108 8 42 0\n100 8 41 1\n", 0x107,
      "f|b.c:41|100|0\n" },
    { "the first of lines that overlap",
      LINUX FILES "FUNC 100 10 0 f\n100 8 41 1\n104 8 42 0\n10c 4 43 0\n", 0x109, "f|:0|100|0\n" },
    { "a line longer than its function", LINUX FILES "FUNC 100 4 0 f\n100 8 41 1\n", 0x104, "" },
    { "a line before its function", LINUX FILES "FUNC 100 4 0 f\nf0 18 41 1\n", 0x100,
      "f|b.c:41|100|0\n" },
    { "a file that is not told", LINUX "FUNC 100 4 0 f\n100 4 41 9\n", 0x100, "f|:41|100|0\n" },
    { "a file told later", LINUX "FUNC 100 4 0 f\n100 4 41 9\nFILE 9 late.c\n", 0x100,
      "f|late.c:41|100|0\n" },
    { "a file told twice", LINUX "FILE 9 first.c\nFILE 9 second.c\nFUNC 100 4 0 f\n100 4 41 9\n",
      0x100, "f|first.c:41|100|0\n" },
    { "a file with a huge number",
      LINUX "FILE 12345678901 x.c\nFUNC 100 4 0 f\n100 4 41 12345678901\n", 0x100,
      "f|x.c:41|100|0\n" },
    { "a path with spaces", LINUX "FILE 1 C:\\Program Files\\a b.c\nFUNC 100 4 0 f\n100 4 1 1\n",
      0x100, "f|C:\\Program Files\\a b.c:1|100|0\n" },
    { "line 0", LINUX FILES "FUNC 100 4 0 f\n100 4 0 1\n", 0x100, "f|b.c:0|100|0\n" },
    { "lines far apart", LINUX FILES "FUNC 100 8 0 f\n100 4 4000000000 1\n104 4 7 1\n", 0x100,
      "f|b.c:4000000000|100|0\n" },
    { "a line without a function", LINUX FILES "PUBLIC 100 0 p\n100 4 7 1\n", 0x100,
      "p|:0|100|public 0\n" },
    { "carriage returns",
      "MODULE Linux x86_64 AB 0\r\nFILE 0 a.c\r\nFUNC 100 4 0 f\r\n100 4 7 0\r\n", 0x100,
      "f|a.c:7|100|0\n" },
    { "only carriage returns", "MODULE Linux x86_64 AB 0\rFILE 0 a.c\rFUNC 100 4 0 f\r100 4 7 0\r",
      0x100, "f|a.c:7|100|0\n" },
    { "no line feed at the end", LINUX FILES "FUNC 100 4 0 f\n100 4 7 0", 0x100,
      "f|a.c:7|100|0\n" },
    { "empty lines", LINUX "\n\n" FILES "\nFUNC 100 4 0 f\n\n\n100 4 7 0\n\n", 0x100,
      "f|a.c:7|100|0\n" },
    { "damaged lines between good ones",
      LINUX FILES "FUNC 100 8 0 f\n100 4 7\n100 4 zz 0\n100 4 7 0\n104 4 -8 0\n104 4 9 0\n", 0x104,
      "f|a.c:9|100|0\n" },
    { "a mangled name", LINUX "FUNC 100 4 0 _ZN3foo3barEiPc\n", 0x100,
      "foo::bar(int, char*)|:0|100|0\n" },
    { "a mangled name of macOS", LINUX "PUBLIC 100 0 __ZN3foo3barEv\n", 0x100,
      "foo::bar()|:0|100|public 0\n" },
    { "a name that is no UTF-8", LINUX "FUNC 100 4 0 f\xff\xc3(\n", 0x100,
      "f\xef\xbf\xbd\xef\xbf\xbd(|:0|100|0\n" },
    /* public symbols */
    { "a public symbol", LINUX "PUBLIC 100 c p\n", 0x500, "p|:0|100|public 12\n" },
    { "one of many public", LINUX "PUBLIC m 100 c p\n", 0x500, "p|:0|100|public 12\n" },
    { "before the first public", LINUX "PUBLIC 100 0 p\n", 0xff, "" },
    { "the nearest below", LINUX "PUBLIC 200 0 q\nPUBLIC 100 0 p\n", 0x1ff, "p|:0|100|public 0\n" },
    { "the first at an address", LINUX "PUBLIC 100 0 p\nPUBLIC 100 0 q\n", 0x100,
      "p|:0|100|public 0\n" },
    { "a public symbol at 0", LINUX "PUBLIC 0 0 p\n", 0x10, "" },
    { "functions go before", LINUX "PUBLIC 100 0 p\nFUNC 100 10 0 f\n", 0x100, "f|:0|100|0\n" },
    { "not over a function", LINUX "PUBLIC 80 0 p\nFUNC 100 10 0 f\n", 0x110, "" },
    { "not from a function's start", LINUX "PUBLIC 100 0 p\nFUNC 100 10 0 f\n", 0x110, "" },
    { "from the inside of a function", LINUX "PUBLIC 108 0 p\nFUNC 100 10 0 f\n", 0x110,
      "p|:0|108|public 0\n" },
    { "in a gap", LINUX "PUBLIC 80 0 p\nFUNC 100 10 0 f\n", 0x9f, "p|:0|80|public 0\n" },
    { "to the end of addresses", LINUX "PUBLIC 80 0 p\n", 0xffffffff, "p|:0|80|public 0\n" },
    /* inlined calls */
    { "an inlined call",
      LINUX FILES "INLINE_ORIGIN 7 in()\nFUNC 100 10 0 f\nINLINE 0 5 0 7 104 4\n"
                  "100 4 1 0\n104 4 20 1\n108 8 2 0\n",
      0x104, "in()|b.c:20|100|0\nf|a.c:5|100|0\n" },
    { "beside it",
      LINUX FILES "INLINE_ORIGIN 7 in()\nFUNC 100 10 0 f\nINLINE 0 5 0 7 104 4\n"
                  "100 10 1 0\n",
      0x108, "f|a.c:1|100|0\n" },
    { "inside a line",
      LINUX FILES "INLINE_ORIGIN 7 in()\nFUNC 100 10 0 f\nINLINE 0 5 0 7 104 4\n"
                  "100 10 1 1\n",
      0x107, "in()|b.c:1|100|0\nf|a.c:5|100|0\n" },
    { "calls in a call",
      LINUX FILES "INLINE_ORIGIN 7 in()\nINLINE_ORIGIN 8 deep()\nFUNC 100 10 4 f\n"
                  "INLINE 0 5 0 7 104 8\nINLINE 1 6 1 8 106 2\n100 10 9 0\n",
      0x107, "deep()|a.c:9|100|0\nin()|b.c:6|100|0\nf|a.c:5|100|4\n" },
    { "several ranges",
      LINUX FILES "INLINE_ORIGIN 7 in()\nFUNC 100 10 0 f\n"
                  "INLINE 0 5 0 7 102 2 108 2\n100 10 9 0\n",
      0x109, "in()|a.c:9|100|0\nf|a.c:5|100|0\n" },
    { "equal ranges",
      LINUX FILES "INLINE_ORIGIN 7 in()\nINLINE_ORIGIN 8 deep()\nFUNC 100 10 0 f\n"
                  "INLINE 0 5 0 7 104 4\nINLINE 1 6 1 8 104 4\n100 10 9 0\n",
      0x104, "deep()|a.c:9|100|0\nin()|b.c:6|100|0\nf|a.c:5|100|0\n" },
    { "ranges that cross",
      LINUX FILES "INLINE_ORIGIN 7 in()\nINLINE_ORIGIN 8 x()\nFUNC 100 10 0 f\n"
                  "INLINE 0 5 0 7 104 4\nINLINE 0 6 1 8 106 4\n100 10 9 0\n",
      0x109, "f|a.c:9|100|0\n" },
    { "the one around it is missing",
      LINUX FILES "INLINE_ORIGIN 7 in()\nFUNC 100 10 0 f\n"
                  "INLINE 2 5 0 7 104 4\n100 10 9 0\n",
      0x104, "in()|a.c:9|100|0\nf|a.c:5|100|0\n" },
    { "an origin that is not told",
      LINUX FILES "FUNC 100 10 0 f\nINLINE 0 5 0 7 104 4\n100 10 9 0\n", 0x104,
      "<name omitted>|a.c:9|100|0\nf|a.c:5|100|0\n" },
    { "an origin told later",
      LINUX FILES "FUNC 100 10 0 f\nINLINE 0 5 0 7 104 4\n100 10 9 0\n"
                  "INLINE_ORIGIN 7 late()\n",
      0x104, "late()|a.c:9|100|0\nf|a.c:5|100|0\n" },
    { "an origin with a number for a name",
      LINUX FILES "INLINE_ORIGIN 7 12\nFUNC 100 10 0 f\n"
                  "INLINE 0 5 0 7 104 4\n100 10 9 0\n",
      0x104, "12|a.c:9|100|0\nf|a.c:5|100|0\n" },
    { "a call without a file",
      LINUX FILES "INLINE_ORIGIN 7 in()\nFUNC 100 10 0 f\n"
                  "INLINE 0 5 -1 7 104 4\n100 10 9 0\n",
      0x104, "in()|a.c:9|100|0\nf|:5|100|0\n" },
    { "no line inside the call",
      LINUX FILES "INLINE_ORIGIN 7 in()\nFUNC 100 10 0 f\n"
                  "INLINE 0 5 0 7 104 4\n100 4 9 0\n",
      0x104, "in()|:0|100|0\nf|a.c:5|100|0\n" },
    { "of old: files of the callers",
      LINUX FILES
      "FILE 2 c.c\nINLINE_ORIGIN 7 1 in()\n"
      "INLINE_ORIGIN 8 2 deep()\nFUNC 100 10 0 f\nINLINE 0 5 7 104 8\nINLINE 1 6 8 106 2\n"
      "100 6 9 0\n106 2 8 2\n",
      0x107, "deep()|c.c:8|100|0\nin()|b.c:6|100|0\nf|a.c:5|100|0\n" },
    { "of old: an origin without a file",
      LINUX FILES "INLINE_ORIGIN 7 -1 in()\nFUNC 100 10 0 f\n"
                  "INLINE 0 5 7 104 8\n100 10 9 0\n",
      0x107, "in()|a.c:9|100|0\nf|a.c:5|100|0\n" },
    { "an inlined call outside of functions", LINUX "INLINE 0 5 0 7 104 4\n", 0x104, "" },
    /* the whole */
    { "words nobody knows", LINUX "WHAT 1 2\nFUNC 100 4 0 f\nSTACK XYZ 1 2\nINFO URL x\n", 0x100,
      "f|:0|100|0\n" },
};

static void lookups(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        struct image image;
        struct buf got;
        buf_init(&got, 1 << 20);
        image_make(&image, str_from_c(frames[i].text));
        image_print_find(&got, image.cache, frames[i].address);
        check_text(frames[i].name, frames[i].want, &got);
        image_done(&image);
        buf_done(&got);
    }
}

#define CFA_RA ".cfa: $rsp 8 + .ra: .cfa 8 - ^"
#define CFA_RA_PROGRAM "reg 7 push 8 add cfa! "
#define RA_PROGRAM "cfa push 8 sub deref reg! 16"

static const struct {
    const char *name, *text;
    uint64_t address;
    const char *want; /* NULL: no rules */
} rules[] = {
    { "rules", LINUX "STACK CFI INIT 100 10 " CFA_RA "\n", 0x10f, CFA_RA_PROGRAM RA_PROGRAM },
    { "behind them", LINUX "STACK CFI INIT 100 10 " CFA_RA "\n", 0x110, NULL },
    { "before a change", LINUX "STACK CFI INIT 100 10 " CFA_RA "\nSTACK CFI 104 .cfa: $rsp 16 +\n",
      0x103, CFA_RA_PROGRAM RA_PROGRAM },
    { "a change", LINUX "STACK CFI INIT 100 10 " CFA_RA "\nSTACK CFI 104 .cfa: $rsp 16 +\n", 0x104,
      "reg 7 push 16 add cfa! " RA_PROGRAM },
    { "changes add up",
      LINUX "STACK CFI INIT 100 10 " CFA_RA "\nSTACK CFI 104 .cfa: $rsp 16 +\n"
            "STACK CFI 105 $rbp: .cfa -16 + ^\n",
      0x108, "reg 7 push 16 add cfa! cfa push -16 add deref reg! 6 " RA_PROGRAM },
    { "not in order",
      LINUX "STACK CFI 105 $rbp: .cfa -16 + ^\nSTACK CFI 104 .cfa: $rsp 16 +\n"
            "STACK CFI INIT 100 10 " CFA_RA "\n",
      0x108, "reg 7 push 16 add cfa! cfa push -16 add deref reg! 6 " RA_PROGRAM },
    { "the last at an address",
      LINUX "STACK CFI INIT 100 10 " CFA_RA "\n"
            "STACK CFI 104 .cfa: $rsp 24 +\nSTACK CFI 104 .cfa: $rsp 16 +\n",
      0x104, "reg 7 push 16 add cfa! " RA_PROGRAM },
    { "a change of another range",
      LINUX "STACK CFI INIT 100 10 " CFA_RA "\n"
            "STACK CFI INIT 110 10 " CFA_RA "\nSTACK CFI 104 .cfa: $rsp 16 +\n",
      0x114, CFA_RA_PROGRAM RA_PROGRAM },
    { "the first of two that overlap",
      LINUX "STACK CFI INIT 100 10 " CFA_RA "\n"
            "STACK CFI INIT 108 10 " CFA_RA "\n",
      0x112, NULL },
    { "no return address", LINUX "STACK CFI INIT 100 10 .cfa: $rsp 8 +\n", 0x104, NULL },
    { "a return address later",
      LINUX "STACK CFI INIT 100 10 .cfa: $rsp 8 +\n"
            "STACK CFI 104 .ra: .cfa 8 - ^\n",
      0x104, CFA_RA_PROGRAM RA_PROGRAM },
    { "a register that does not matter", LINUX "STACK CFI INIT 100 10 " CFA_RA " $xmm7: .cfa ^\n",
      0x104, CFA_RA_PROGRAM RA_PROGRAM },
    { "reads what nobody knows", LINUX "STACK CFI INIT 100 10 " CFA_RA " $rbx: $zzz ^\n", 0x104,
      NULL },
    { "until it is changed",
      LINUX "STACK CFI INIT 100 10 " CFA_RA " $rbx: $zzz ^\n"
            "STACK CFI 104 $rbx: $rcx\n",
      0x104, CFA_RA_PROGRAM "reg 2 reg! 3 " RA_PROGRAM },
    { "not to be known", LINUX "STACK CFI INIT 100 10 " CFA_RA " $rbx: .undef\n", 0x104,
      CFA_RA_PROGRAM "clear 3 " RA_PROGRAM },
    { "the CFA in itself", LINUX "STACK CFI INIT 100 10 .cfa: .cfa 8 + .ra: .cfa ^\n", 0x104,
      NULL },
    { "a name without a rule at first", LINUX "STACK CFI INIT 100 10 " CFA_RA " $rbx:\n", 0x104,
      NULL },
    { "a name without a rule in a change",
      LINUX "STACK CFI INIT 100 10 " CFA_RA "\n"
            "STACK CFI 104 .cfa: $rsp 16 + $rbx:\n",
      0x104, "reg 7 push 16 add cfa! " RA_PROGRAM },
    { "a rule without a name", LINUX "STACK CFI INIT 100 10 8 + " CFA_RA "\n", 0x104, NULL },
    { "a program counter of its own", LINUX "STACK CFI INIT 100 10 " CFA_RA " $rip: $rcx\n", 0x104,
      CFA_RA_PROGRAM "reg 2 reg! 16" },
    { "a stack pointer of its own", LINUX "STACK CFI INIT 100 10 " CFA_RA " $rsp: .cfa 8 +\n",
      0x104, CFA_RA_PROGRAM "cfa push 8 add reg! 7 " RA_PROGRAM },
    { "ARM", "MODULE Linux arm AB x\nSTACK CFI INIT 100 10 .cfa: sp 8 + .ra: lr r11: .cfa -8 + ^\n",
      0x104, "reg 13 push 8 add cfa! cfa push -8 add deref reg! 11 reg 14 reg! 15" },
    { "ARM64", "MODULE Linux arm64 AB x\nSTACK CFI INIT 100 10 .cfa: sp 0 + .ra: x30 x29: x19\n",
      0x104, "reg 31 push 0 add cfa! reg 19 reg! 29 reg 30 reg! 32" },
    { "another processor", "MODULE Linux mips AB x\nSTACK CFI INIT 100 10 " CFA_RA "\n", 0x104,
      NULL },
};

static void unwind_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        struct image image;
        struct buf got;
        struct bytes program;
        buf_init(&got, 1 << 20);
        image_make(&image, str_from_c(rules[i].text));
        bool has = symcache_cfi(image.cache, rules[i].address, &program);
        if (has)
            image_print_program(&got, program);
        if (has != (rules[i].want != NULL))
            fail_msg("%s: %s", rules[i].name, has ? "has rules" : "has none");
        if (has)
            check_text(rules[i].name, rules[i].want, &got);
        image_done(&image);
        buf_done(&got);
    }
}

static const struct {
    const char *name, *text;
    uint64_t address;
    const char *want; /* "" : none */
} wins[] = {
    { "frame data", WINDOWS "STACK WIN 4 100 20 6 5 4 8 18 c 1 $eip .raSearch ^ =\n", 0x11f,
      "data 100+20 6 5 4 8 18 c: var 4 deref reg! 8" },
    { "behind it", WINDOWS "STACK WIN 4 100 20 6 0 4 0 18 0 1 $eip .raSearch ^ =\n", 0x120, "" },
    { "FPO", WINDOWS "STACK WIN 0 100 20 6 0 4 0 18 0 0 1\n", 0x100,
      "fpo 100+20 6 0 4 0 18 0 ebp" },
    { "FPO without %ebp", WINDOWS "STACK WIN 0 100 20 6 0 4 0 18 0 0 0\n", 0x100,
      "fpo 100+20 6 0 4 0 18 0" },
    { "frame data goes before",
      WINDOWS "STACK WIN 0 100 20 6 0 4 0 18 0 0 0\n"
              "STACK WIN 4 f0 40 0 0 0 0 0 0 0 0\n",
      0x100, "data f0+40 0 0 0 0 0 0" },
    { "FPO around it",
      WINDOWS "STACK WIN 0 100 20 6 0 4 0 18 0 0 0\n"
              "STACK WIN 4 108 8 0 0 0 0 0 0 0 0\n",
      0x110, "fpo 100+20 6 0 4 0 18 0" },
    { "the innermost",
      WINDOWS "STACK WIN 4 100 20 0 0 0 0 0 0 0 0\n"
              "STACK WIN 4 108 8 1 0 0 0 0 0 0 0\n",
      0x108, "data 108+8 1 0 0 0 0 0" },
    { "the outer one told later",
      WINDOWS "STACK WIN 4 108 8 1 0 0 0 0 0 0 0\n"
              "STACK WIN 4 100 20 0 0 0 0 0 0 0 0\n",
      0x110, "data 100+20 0 0 0 0 0 0" },
    { "the first of two that cross",
      WINDOWS "STACK WIN 4 108 18 1 0 0 0 0 0 0 0\n"
              "STACK WIN 4 100 18 0 0 0 0 0 0 0 0\n",
      0x104, "" },
    { "the first of equal ones",
      WINDOWS "STACK WIN 4 100 18 1 0 0 0 0 0 0 0\n"
              "STACK WIN 4 100 18 2 0 0 0 0 0 0 0\n",
      0x104, "data 100+18 1 0 0 0 0 0" },
    { "a type nobody uses", WINDOWS "STACK WIN 3 100 18 1 0 0 0 0 0 0 0\n", 0x104, "" },
    { "too few fields", WINDOWS "STACK WIN 4 100 18 1 0 0 0 0 0 0\n", 0x104, "" },
    { "a program that cannot be run", WINDOWS "STACK WIN 4 100 20 0 0 0 0 0 0 1 $eip +\n", 0x100,
      "data 100+20 0 0 0 0 0 0: drop" },
};

static void print_win(struct buf *out, const struct symcache_win *w)
{
    struct buf program;
    buf_init(&program, 1 << 16);
    buf_printf(out, "%s %llx+%x %x %x %x %x %x %x", w->frame_data ? "data" : "fpo",
               (unsigned long long)w->start, w->size, w->prolog_size, w->epilog_size,
               w->parameter_bytes, w->saved_register_bytes, w->local_bytes, w->max_stack_bytes);
    if (w->allocates_base_pointer)
        buf_str(out, STR(" ebp"));
    if (w->has_program) {
        image_print_program(&program, w->program);
        buf_printf(out, ": %.*s", STR_ARG(buf_view(&program)));
    }
    buf_done(&program);
}

static void stack_win(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wins); i++) {
        struct image image;
        struct buf got;
        struct symcache_win w;
        buf_init(&got, 1 << 20);
        image_make(&image, str_from_c(wins[i].text));
        if (symcache_win(image.cache, wins[i].address, &w))
            print_win(&got, &w);
        check_text(wins[i].name, wins[i].want, &got);
        image_done(&image);
        buf_done(&got);
    }
}

static void about(void **state)
{
    (void)state;
    struct image image;
    struct symcache_about a;
    image_make(&image, STR(WINDOWS "INFO CODE_ID 4A5B6C7D1000 app.exe\n" FILES
                                   "FUNC 100 10 0 f\n100 4 1 0\n104 4 2 0\nrubbish\n"
                                   "PUBLIC 80 0 p\nSTACK WIN 0 100 20 6 0 4 0 18 0 0 0\n"));
    symcache_about(image.cache, &a);
    assert_int_equal(a.kind, SYMCACHE_BREAKPAD);
    assert_int_equal(a.cpu, CPU_X86);
    assert_true(str_eq(a.os, STR("windows")));
    assert_true(str_eq(a.debug_file, STR("app.pdb")));
    assert_true(str_eq(a.debug_id, STR("5A9832E5287241C1838ED98914E9B7FF1")));
    assert_true(str_eq(a.code_file, STR("app.exe")));
    assert_true(str_eq(a.code_id, STR("4A5B6C7D1000")));
    assert_int_equal(a.functions, 1);
    assert_int_equal(a.publics, 1);
    assert_int_equal(a.lines, 2);
    assert_int_equal(a.win_rows, 1);
    assert_int_equal(a.skipped, 1);
    image_done(&image);
}

static void identity(void **state)
{
    (void)state;
    struct symcache_about a;
    struct err e = { 0 };
    const char *text = LINUX "INFO CODE_ID 10FAA6BBAAB83DB3\nFILE 0 a.c\nINFO CODE_ID no\n";
    assert_true(breakpad_is((struct bytes){ (const uint8_t *)text, 7 }));
    assert_false(breakpad_is((struct bytes){ (const uint8_t *)text, 6 }));
    assert_true(breakpad_identify((struct bytes){ (const uint8_t *)text, strlen(text) }, &a, &e));
    assert_int_equal(a.cpu, CPU_AMD64);
    assert_true(str_eq(a.debug_file, STR("a.out")));
    assert_true(str_eq(a.code_id, STR("10FAA6BBAAB83DB3")));
    assert_false(breakpad_identify((struct bytes){ (const uint8_t *)"MODULE x\n", 9 }, &a, &e));
    assert_int_equal(e.code, ERR_INPUT);
}

static void no_module(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct symcache_builder *b = symcache_builder_new(1 << 20);
    assert_false(breakpad_read((struct bytes){ (const uint8_t *)"FUNC 1 2 3 f\n", 13 }, b, &e));
    assert_int_equal(e.code, ERR_INPUT);
    symcache_builder_free(b);
}

/* A file that says more than the builder may keep. */
static void memory_limit(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct buf text;
    struct symcache_builder *b = symcache_builder_new(100000);
    buf_init(&text, 1 << 20);
    buf_str(&text, STR(LINUX "FUNC 0 100000 0 f\n"));
    for (int i = 0; i < 10000; i++)
        buf_printf(&text, "%x 4 7 0\n", 4 * i);
    assert_false(breakpad_read((struct bytes){ (const uint8_t *)text.ptr, text.len }, b, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_false(symcache_write_buf(b, &text, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    symcache_builder_free(b);
    buf_done(&text);
}

/* The outermost is always given, and deeper nesting than can be given is left out. */
static void few_frames(void **state)
{
    (void)state;
    struct buf text, got;
    struct image image;
    struct symcache_frame f[SYMCACHE_FRAMES_MAX];
    buf_init(&text, 1 << 20);
    buf_init(&got, 1 << 20);
    buf_str(&text, STR(LINUX FILES "FUNC 0 1000 0 f\n"));
    for (int i = 0; i < 80; i++)
        buf_printf(&text, "INLINE %d %d 0 %d %x %x\n", i, i + 1, i, i, 0x1000 - 2 * i);
    buf_str(&text, STR("0 1000 7 1\nINLINE_ORIGIN 0 a\nINLINE_ORIGIN 1 b\nINLINE_ORIGIN 62 c\n"));
    image_make(&image, buf_view(&text));
    assert_int_equal(symcache_find(image.cache, 0x800, f, SYMCACHE_FRAMES_MAX),
                     SYMCACHE_FRAMES_MAX);
    assert_true(str_eq(f[0].function, STR("c")));
    assert_int_equal(f[0].line, 7);
    assert_true(str_eq(f[SYMCACHE_FRAMES_MAX - 1].function, STR("f")));
    assert_int_equal(f[SYMCACHE_FRAMES_MAX - 1].line, 1);
    assert_int_equal(symcache_find(image.cache, 0x800, f, 2), 2);
    assert_true(str_eq(f[0].function, STR("c")));
    assert_true(str_eq(f[1].function, STR("f")));
    assert_int_equal(f[1].line, 1);
    assert_int_equal(symcache_find(image.cache, 0x800, f, 1), 1);
    assert_true(str_eq(f[0].function, STR("f")));
    image_done(&image);
    buf_done(&text);
    buf_done(&got);
}

static void long_name(void **state)
{
    (void)state;
    static char name[200000];
    struct buf text;
    struct image image;
    struct symcache_frame f;
    memset(name, 'x', sizeof name);
    buf_init(&text, 1 << 20);
    buf_str(&text, STR(LINUX "FUNC 100 10 0 "));
    buf_add(&text, name, sizeof name);
    buf_str(&text, STR("\nPUBLIC 200 0 p\n"));
    image_make(&image, buf_view(&text));
    assert_int_equal(symcache_find(image.cache, 0x100, &f, 1), 1);
    assert_int_equal(f.function.len, sizeof name);
    assert_memory_equal(f.function.ptr, name, sizeof name);
    image_done(&image);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups),    cmocka_unit_test(unwind_rules), cmocka_unit_test(stack_win),
        cmocka_unit_test(about),      cmocka_unit_test(identity),     cmocka_unit_test(no_module),
        cmocka_unit_test(few_frames), cmocka_unit_test(memory_limit), cmocka_unit_test(long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
