/* breakpad_rules: expressions and program strings to operations, and random program strings run
 * against an evaluator that goes by the text, as Breakpad does. */
#include "symbols/breakpad_rules.h"

#include "image.h"
#include "symbols/breakpad_fields.h"
#include "unwind/rules.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#define ROUNDS 20000

static const struct {
    const char *text, *want; /* NULL: cannot be evaluated */
} expressions[] = {
    { "$rsp 8 +", "reg 7 push 8 add" },
    { "$rsp  8\t+ ", "reg 7 push 8 add" },
    { ".cfa -16 + ^", "cfa push -16 add deref" },
    { "8 $rsp 4 * -", "reg 7 push 4 mul push 8 swap sub" },
    { "$rsp 4 * $rbp 2 / +", "reg 7 push 4 mul reg 6 push 2 div add" },
    { "$rsp 16 @", "reg 7 push 16 align" },
    { "$rsp 7 %", "reg 7 push 7 mod" },
    { "300", "push 300" },
    { "70000", "push 70000" },
    { "18446744073709551615", "push -1" },
    { "18446744073709551616", NULL },
    { "", NULL },
    { "+", NULL },
    { "8 +", NULL },
    { "^", NULL },
    { "8 8", NULL },
    { "$rsp $rax =", NULL },
    { "$zzz", NULL },
    { ".ra", NULL },
    { "0x8", NULL },
};

static void cfi_expressions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(expressions); i++) {
        struct buf code, got;
        bool uses_cfa;
        buf_init(&code, 1 << 16);
        buf_init(&got, 1 << 16);
        bool ok = rules_compile_cfi(&code, CPU_AMD64, str_from_c(expressions[i].text), &uses_cfa);
        if (ok != (expressions[i].want != NULL))
            fail_msg("\"%s\" %s", expressions[i].text, ok ? "is taken" : "is refused");
        if (ok)
            image_print_program(&got, (struct bytes){ (const uint8_t *)code.ptr, code.len });
        if (ok && !str_eq(buf_view(&got), str_from_c(expressions[i].want)))
            fail_msg("\"%s\": %.*s", expressions[i].text, STR_ARG(buf_view(&got)));
        buf_done(&code);
        buf_done(&got);
    }
}

static const struct {
    const char *text, *want;
} programs[] = {
    { "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =",
      "reg 5 var! 6 var 6 push 4 add deref reg! 8 var 6 deref reg! 5 var 6 push 8 add reg! 4" },
    { "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =",
      "var 4 var! 6 var 6 deref reg! 8 var 6 push 4 add reg! 4" },
    { "$L $esp .cbLocals + = $eip .raSearchStart ^ =", "reg 4 var 3 add drop var 5 deref reg! 8" },
    /* an assigned register is read with its new value */
    { "$ebp 5 = $esp $ebp =", "push 5 dup var! 6 reg! 5 var 6 reg! 4" },
    /* the space behind an assignment is missing */
    { "$T0 $ebp =$eip $T0 ^ =", "reg 5 var! 6 var 6 deref reg! 8" },
    /* a name that was pushed before its assignment has the value after it */
    { "$esp $T0 $T0 5 = 1 + =", "push 5 var! 6 var 6 push 1 add reg! 4" },
    { "$eip +", "drop" },
    { "$eip 5", "drop" },
    { "5 5 =", "drop" },
    { ".raSearch 5 =", "drop" },
    { "$eip $T7 =", "drop" },
    { "", "drop" },
};

static void win_programs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        struct buf code, got;
        buf_init(&code, 1 << 16);
        buf_init(&got, 1 << 16);
        rules_compile_win(&code, str_from_c(programs[i].text));
        image_print_program(&got, (struct bytes){ (const uint8_t *)code.ptr, code.len });
        if (!str_eq(buf_view(&got), str_from_c(programs[i].want)))
            fail_msg("\"%s\": %.*s", programs[i].text, STR_ARG(buf_view(&got)));
        buf_done(&code);
        buf_done(&got);
    }
}

/* ---- an evaluator of texts ---- */

/* Words that programs are made of; those with a value have it here. */
static const struct {
    const char *name;
    int number;     /* register or variable; -1: none at first */
    uint32_t value; /* at first */
    bool is_register;
} names[] = {
    { "$eip", X86_EIP, 0x400, true },
    { "$esp", X86_ESP, 0x1000, true },
    { "$ebp", X86_EBP, 0x1010, true },
    { "$ebx", X86_EBX, 7, true },
    { "$T0", -1, 0, false },
    { "$T1", -1, 0, false },
    { "$L", -1, 0, false },
    { ".cbLocals", UNWIND_VAR_LOCALS, 24, false },
    { ".raSearch", UNWIND_VAR_SEARCH, 0x1004, false },
};
#define NAMES COUNT_OF(names)

struct evaluator {
    struct {
        int name; /* -1: a number */
        uint32_t number;
    } stack[64];
    size_t depth;
    uint32_t values[NAMES];
    bool known[NAMES], assigned[NAMES];
};

static bool read_word(const void *memory, uint64_t address, size_t bytes, uint64_t *value)
{
    (void)memory;
    *value = (uint32_t)(address * 2654435761u);
    return bytes == 4 && address % 8 != 3; /* some cannot be read */
}

static bool pop(struct evaluator *v, uint32_t *out)
{
    if (v->depth == 0)
        return false;
    int name = v->stack[--v->depth].name;
    *out = name < 0 ? v->stack[v->depth].number : v->values[name];
    return name < 0 || v->known[name];
}

static bool step(struct evaluator *v, struct str word)
{
    uint32_t a, b;
    uint64_t n;
    for (int i = 0; i < (int)NAMES; i++)
        if (str_eq(word, str_from_c(names[i].name))) {
            v->stack[v->depth++].name = i;
            return true;
        }
    if (str_eq(word, STR("="))) {
        if (!pop(v, &b) || v->depth == 0)
            return false;
        int name = v->stack[--v->depth].name;
        if (name < 0 || names[name].name[0] != '$')
            return false;
        v->values[name] = b;
        v->known[name] = v->assigned[name] = true;
        return true;
    }
    if (read_decimal(word, &n)) {
        b = (uint32_t)n;
    } else if (str_eq(word, STR("^"))) {
        if (!pop(v, &a) || !read_word(NULL, a, 4, &n))
            return false;
        b = (uint32_t)n;
    } else {
        if (!pop(v, &b) || !pop(v, &a) || (word.ptr[0] == '%' && b == 0))
            return false;
        b = word.ptr[0] == '+'   ? a + b
            : word.ptr[0] == '-' ? a - b
            : word.ptr[0] == '*' ? a * b
            : word.ptr[0] == '%' ? a % b
                                 : a & ~(b - 1);
    }
    v->stack[v->depth].name = -1;
    v->stack[v->depth++].number = b;
    return true;
}

static bool evaluate(struct evaluator *v, struct str text)
{
    for (struct str word = take_word(&text); word.len > 0; word = take_word(&text))
        if (!step(v, word))
            return false;
    return v->depth == 0;
}

/* Mostly assignments of expressions that make sense; now and then a word too many. */
static void write_program(struct buf *out, struct dice *d)
{
    static const char *const operators[] = { "+", "-", "*", "%", "@" };
    for (uint32_t n = 1 + dice(d, 5); n > 0; n--) {
        buf_printf(out, "%s ", names[dice(d, NAMES - 2)].name);
        uint32_t operands = 0;
        for (uint32_t k = 1 + dice(d, 7); k > 0 || operands > 1;) {
            if (dice_percent(d, 5)) /* in the middle of it */
                buf_printf(out, "%s %u = ", names[dice(d, NAMES - 2)].name, dice(d, 40));
            if (operands > 1 && (k == 0 || dice_percent(d, 40))) {
                buf_printf(out, "%s ", operators[dice(d, COUNT_OF(operators))]);
                operands--;
            } else if (operands > 0 && dice_percent(d, 15)) {
                buf_str(out, STR("^ "));
                k -= k > 0;
            } else if (k > 0) {
                if (dice_percent(d, 40))
                    buf_printf(out, "%u ", dice(d, 40));
                else
                    buf_printf(out, "%s ", names[dice(d, NAMES)].name);
                operands++;
                k--;
            }
        }
        buf_str(out, STR("= "));
        if (dice_percent(d, 2))
            buf_printf(out, "%s ", dice_percent(d, 50) ? "$T0" : "+");
    }
}

static void compare_run(struct str text)
{
    struct registers callee = { .known = 0 };
    struct evaluator v = { .depth = 0 };
    struct rules_in in = { .cpu = cpu_facts(CPU_X86), .callee = &callee, .read = read_word };
    struct rules_out out = { .cleared = 0 };
    struct buf code;
    for (size_t i = 0; i < NAMES; i++) {
        v.values[i] = names[i].value;
        v.known[i] = names[i].number >= 0;
        if (names[i].is_register) {
            callee.at[names[i].number] = names[i].value;
            callee.known |= UINT64_C(1) << names[i].number;
        } else if (v.known[i]) {
            in.variables[names[i].number] = names[i].value;
            in.variables_known |= 1u << names[i].number;
        }
    }
    buf_init(&code, 1 << 16);
    rules_compile_win(&code, text);
    bool wanted = evaluate(&v, text);
    bool got = rules_run((struct bytes){ (const uint8_t *)code.ptr, code.len }, &in, &out);
    if (wanted != got)
        fail_msg("\"%.*s\" %s", STR_ARG(text), got ? "runs" : "fails");
    for (size_t i = 0; got && i < NAMES; i++) {
        bool set = names[i].is_register && (out.set.known >> names[i].number & 1) != 0;
        if (set != (names[i].is_register && v.assigned[i]) ||
            (set && out.set.at[names[i].number] != v.values[i]))
            fail_msg("\"%.*s\": %s", STR_ARG(text), names[i].name);
    }
    buf_done(&code);
}

static void random_programs(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, 1); i++)
        for (int k = 0; k < ROUNDS; k++) {
            struct buf text;
            buf_init(&text, 1 << 16);
            write_program(&text, &d);
            compare_run(buf_view(&text));
            buf_done(&text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cfi_expressions),
                                        cmocka_unit_test(win_programs),
                                        cmocka_unit_test(random_programs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
