/* rules: each operation on both word sizes, everything that must fail, and random programs against
 * a second machine that is written another way. */
#include "unwind/rules.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#define WORDS 8

/* Memory: `WORDS` numbers of 8 bytes, little endian, from 0x1000 on. */
static const uint64_t memory_words[WORDS] = {
    0x1122334455667788, 0x99aabbccddeeff00, 0x1008, 7, UINT64_MAX, 0, 0x80000000, 0x1000
};

static bool read_memory(const void *memory, uint64_t address, size_t bytes, uint64_t *value)
{
    const uint8_t *at = memory;
    if (address < 0x1000 || address - 0x1000 > WORDS * 8 - bytes)
        return false;
    *value = 0;
    for (size_t i = 0; i < bytes; i++)
        *value |= (uint64_t)at[address - 0x1000 + i] << (8 * i);
    return true;
}

static const struct cpu_facts wide = { .registers = 4, .word = 8 };
static const struct cpu_facts narrow = { .registers = 4, .word = 4 };

static struct rules_in input(const struct cpu_facts *cpu, const struct registers *callee)
{
    return (struct rules_in){ .cpu = cpu,
                              .callee = callee,
                              .read = read_memory,
                              .memory = memory_words,
                              .variables = { [UNWIND_VAR_SEARCH] = 0x1010 },
                              .variables_known = 1u << UNWIND_VAR_SEARCH };
}

/* Registers 0 and 1 are known. */
static const struct registers callee = { .at = { 0x1000, 5, 0, 0 }, .known = 3 };

#define CODE(...)                                                                                  \
    {                                                                                              \
        (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })                 \
    }
#define SET0 UNWIND_SET_REGISTER, 0
#define P8(n) UNWIND_PUSH_8, (uint8_t)(n)

static void one_value(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct bytes code; /* sets register 0 */
        uint64_t wide, narrow;
    } cases[] = {
        { "push 8", CODE(P8(-2), SET0), UINT64_MAX - 1, 0xfffffffe },
        { "push 16", CODE(UNWIND_PUSH_16, 0x34, 0x92, SET0), 0xffffffffffff9234, 0xffff9234 },
        { "push 32", CODE(UNWIND_PUSH_32, 1, 0, 0, 0x80, SET0), 0xffffffff80000001, 0x80000001 },
        { "push 64", CODE(UNWIND_PUSH_64, 8, 7, 6, 5, 4, 3, 2, 1, SET0), 0x0102030405060708,
          0x05060708 },
        { "register", CODE(UNWIND_PUSH_REGISTER, 1, SET0), 5, 5 },
        { "a register after it was set", CODE(P8(9), SET0, UNWIND_PUSH_REGISTER, 0, SET0), 0x1000,
          0x1000 },
        { "cfa", CODE(P8(3), UNWIND_SET_CFA, UNWIND_PUSH_CFA, SET0), 3, 3 },
        { "variable", CODE(UNWIND_PUSH_VARIABLE, UNWIND_VAR_SEARCH, SET0), 0x1010, 0x1010 },
        { "temporary", CODE(P8(4), UNWIND_SET_VARIABLE, 15, UNWIND_PUSH_VARIABLE, 15, SET0), 4, 4 },
        { "deref", CODE(UNWIND_PUSH_REGISTER, 0, UNWIND_DEREF, SET0), 0x1122334455667788,
          0x55667788 },
        { "deref 1", CODE(UNWIND_PUSH_REGISTER, 0, UNWIND_DEREF_SIZE, 1, SET0), 0x88, 0x88 },
        { "deref 2", CODE(UNWIND_PUSH_REGISTER, 0, UNWIND_DEREF_SIZE, 2, SET0), 0x7788, 0x7788 },
        { "deref 4", CODE(UNWIND_PUSH_REGISTER, 0, UNWIND_DEREF_SIZE, 4, SET0), 0x55667788,
          0x55667788 },
        { "deref 8", CODE(UNWIND_PUSH_REGISTER, 0, UNWIND_DEREF_SIZE, 8, SET0), 0x1122334455667788,
          0x55667788 },
        { "dup", CODE(P8(3), UNWIND_DUP, UNWIND_MUL, SET0), 9, 9 },
        { "drop", CODE(P8(3), P8(4), UNWIND_DROP, SET0), 3, 3 },
        { "over", CODE(P8(7), P8(3), UNWIND_OVER, UNWIND_SUB, UNWIND_SUB, SET0), 11, 11 },
        { "swap", CODE(P8(7), P8(3), UNWIND_SWAP, UNWIND_SUB, SET0), UINT64_MAX - 3, 0xfffffffc },
        { "add", CODE(P8(-1), P8(3), UNWIND_ADD, SET0), 2, 2 },
        { "sub", CODE(P8(1), P8(3), UNWIND_SUB, SET0), UINT64_MAX - 1, 0xfffffffe },
        { "mul", CODE(P8(-3), P8(3), UNWIND_MUL, SET0), (uint64_t)-9, 0xfffffff7 },
        { "div", CODE(P8(-2), P8(2), UNWIND_DIV, SET0), INT64_MAX, 0x7fffffff },
        { "div signed", CODE(P8(-7), P8(2), UNWIND_DIV_SIGNED, SET0), (uint64_t)-3, 0xfffffffd },
        { "div signed by -1", CODE(P8(-7), P8(-1), UNWIND_DIV_SIGNED, SET0), 7, 7 },
        { "mod", CODE(P8(-1), P8(16), UNWIND_MOD, SET0), 15, 15 },
        { "align", CODE(P8(-3), P8(16), UNWIND_ALIGN, SET0), (uint64_t)-16, 0xfffffff0 },
        { "and", CODE(P8(12), P8(10), UNWIND_AND, SET0), 8, 8 },
        { "or", CODE(P8(12), P8(10), UNWIND_OR, SET0), 14, 14 },
        { "xor", CODE(P8(12), P8(10), UNWIND_XOR, SET0), 6, 6 },
        { "shl", CODE(P8(3), P8(31), UNWIND_SHL, SET0), UINT64_C(3) << 31, 0x80000000 },
        { "shl by all", CODE(P8(3), P8(64), UNWIND_SHL, SET0), 0, 0 },
        { "shr", CODE(P8(-1), P8(28), UNWIND_SHR, SET0), 0xfffffffff, 0xf },
        { "shr by all", CODE(P8(-1), P8(64), UNWIND_SHR, SET0), 0, 0 },
        { "shra", CODE(P8(-16), P8(2), UNWIND_SHRA, SET0), (uint64_t)-4, 0xfffffffc },
        { "shra by all", CODE(P8(-16), P8(-1), UNWIND_SHRA, SET0), UINT64_MAX, 0xffffffff },
        { "shra of what is positive", CODE(P8(16), P8(100), UNWIND_SHRA, SET0), 0, 0 },
        { "neg", CODE(P8(5), UNWIND_NEG, SET0), (uint64_t)-5, 0xfffffffb },
        { "not", CODE(P8(5), UNWIND_NOT, SET0), ~UINT64_C(5), 0xfffffffa },
        { "eq", CODE(P8(5), P8(5), UNWIND_EQ, SET0), 1, 1 },
        { "ne", CODE(P8(5), P8(5), UNWIND_NE, SET0), 0, 0 },
        { "lt", CODE(P8(-5), P8(5), UNWIND_LT, SET0), 1, 1 },
        { "le", CODE(P8(6), P8(5), UNWIND_LE, SET0), 0, 0 },
        { "gt", CODE(P8(5), P8(-5), UNWIND_GT, SET0), 1, 1 },
        { "ge", CODE(P8(-5), P8(-5), UNWIND_GE, SET0), 1, 1 },
        { "nothing behind the end", CODE(P8(5), SET0, UNWIND_END, 255), 5, 5 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int n = 0; n < 2; n++) {
            struct rules_in in = input(n ? &narrow : &wide, &callee);
            struct rules_out out;
            uint64_t want = n ? cases[i].narrow : cases[i].wide;
            if (!rules_run(cases[i].code, &in, &out) || out.set.known != 1 || out.set.at[0] != want)
                fail_msg("%s, %u bytes: known %lx, %lx", cases[i].name, in.cpu->word,
                         (unsigned long)out.set.known, (unsigned long)out.set.at[0]);
        }
    }
}

static void failures(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct bytes code;
    } cases[] = {
        { "an operation that there is not", CODE(19) },
        { "another", CODE(255) },
        { "operand cut off", CODE(UNWIND_PUSH_32, 1, 2, 3) },
        { "no operand", CODE(UNWIND_PUSH_REGISTER) },
        { "register not known", CODE(UNWIND_PUSH_REGISTER, 2) },
        { "register that there is not", CODE(UNWIND_PUSH_REGISTER, 4) },
        { "register above 64", CODE(UNWIND_PUSH_REGISTER, 65) },
        { "set of one that there is not", CODE(P8(1), UNWIND_SET_REGISTER, 4) },
        { "clear of one that there is not", CODE(UNWIND_CLEAR_REGISTER, 200) },
        { "cfa not set", CODE(UNWIND_PUSH_CFA) },
        { "variable not set", CODE(UNWIND_PUSH_VARIABLE, UNWIND_VAR_TEMPORARY) },
        { "variable that there is not", CODE(UNWIND_PUSH_VARIABLE, UNWIND_VARIABLES) },
        { "set of that", CODE(P8(1), UNWIND_SET_VARIABLE, UNWIND_VARIABLES) },
        { "nothing to set", CODE(UNWIND_SET_REGISTER, 0) },
        { "nothing to set the cfa to", CODE(UNWIND_SET_CFA) },
        { "one value for two", CODE(P8(1), UNWIND_ADD) },
        { "one value to swap", CODE(P8(1), UNWIND_SWAP) },
        { "one value to look over", CODE(P8(1), UNWIND_OVER) },
        { "nothing to drop", CODE(UNWIND_DROP) },
        { "div by zero", CODE(P8(1), P8(0), UNWIND_DIV) },
        { "mod by zero", CODE(P8(1), P8(0), UNWIND_MOD) },
        { "div signed by zero", CODE(P8(1), P8(0), UNWIND_DIV_SIGNED) },
        { "no such memory", CODE(P8(0), UNWIND_DEREF) },
        { "memory of a strange size", CODE(UNWIND_PUSH_REGISTER, 0, UNWIND_DEREF_SIZE, 3) },
        { "memory of no size", CODE(UNWIND_PUSH_REGISTER, 0, UNWIND_DEREF_SIZE, 0) },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rules_in in = input(&wide, &callee);
        struct rules_out out;
        if (rules_run(cases[i].code, &in, &out))
            fail_msg("%s: taken", cases[i].name);
    }
}

static void deep_and_long(void **state)
{
    (void)state;
    uint8_t code[UNWIND_PROGRAM_MAX + 2];
    struct rules_in in = input(&wide, &callee);
    struct rules_out out;
    for (size_t i = 0; i < sizeof code; i += 2) {
        code[i] = UNWIND_PUSH_8;
        code[i + 1] = 1;
    }
    assert_true(rules_run((struct bytes){ code, UNWIND_STACK_MAX * 2 }, &in, &out));
    assert_false(rules_run((struct bytes){ code, UNWIND_STACK_MAX * 2 + 2 }, &in, &out));
    for (size_t i = 2; i < sizeof code; i += 2) {
        code[i] = UNWIND_DUP;
        code[i + 1] = UNWIND_DROP;
    }
    assert_true(rules_run((struct bytes){ code, UNWIND_PROGRAM_MAX }, &in, &out));
    assert_false(rules_run((struct bytes){ code, UNWIND_PROGRAM_MAX + 2 }, &in, &out));
}

static void rules_that_fail(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct bytes code; /* behind the setting of the CFA */
        bool ok;
        uint64_t known;
    } cases[] = {
        { "the next is run", CODE(P8(0), UNWIND_DEREF, UNWIND_SET_REGISTER, 1, P8(3), SET0), true,
          1 },
        { "with an empty stack", CODE(P8(7), P8(0), UNWIND_DEREF, UNWIND_SET_REGISTER, 1, SET0),
          true, 0 },
        { "nothing to set ends the rule itself", CODE(UNWIND_SET_REGISTER, 1, P8(3), SET0), true,
          1 },
        { "operands are no operations",
          CODE(UNWIND_DEREF, UNWIND_PUSH_16, UNWIND_SET_REGISTER, 0, UNWIND_SET_REGISTER, 1, P8(3),
               UNWIND_SET_REGISTER, 2),
          true, 1 << 2 },
        { "the last", CODE(P8(3), SET0, UNWIND_DEREF), true, 1 },
        { "the last, with an end", CODE(P8(3), SET0, UNWIND_DEREF, UNWIND_END, SET0), true, 1 },
        { "the next is damaged", CODE(P8(3), SET0, UNWIND_DEREF, 99), false, 1 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t code[64] = { P8(4), UNWIND_SET_CFA };
        memcpy(code + 3, cases[i].code.ptr, cases[i].code.len);
        struct rules_in in = input(&wide, &callee);
        struct rules_out out;
        bool ok = rules_run((struct bytes){ code, 3 + cases[i].code.len }, &in, &out);
        if (ok != cases[i].ok || out.set.known != cases[i].known)
            fail_msg("%s: %d, known %lx", cases[i].name, ok, (unsigned long)out.set.known);
    }
}

static void what_was_set_before_it_failed(void **state)
{
    (void)state;
    const struct bytes code =
        CODE(P8(4), UNWIND_SET_CFA, P8(3), UNWIND_SET_REGISTER, 2, UNWIND_CLEAR_REGISTER, 1,
             UNWIND_CLEAR_REGISTER, 3, P8(9), UNWIND_SET_REGISTER, 3, 99);
    struct rules_in in = input(&wide, &callee);
    struct rules_out out;
    assert_false(rules_run(code, &in, &out));
    assert_true(out.has_cfa && out.cfa == 4 && !out.interrupted);
    assert_int_equal(out.set.known, 1 << 2 | 1 << 3);
    assert_int_equal(out.set.at[2], 3);
    assert_int_equal(out.set.at[3], 9);
    assert_int_equal(out.cleared, 1 << 1);
}

static void interrupted(void **state)
{
    (void)state;
    const struct bytes code = CODE(UNWIND_INTERRUPTED, P8(5), SET0);
    struct rules_in in = input(&wide, &callee);
    struct rules_out out;
    assert_true(rules_run(code, &in, &out) && out.interrupted);
}

static void mentions(void **state)
{
    (void)state;
    const struct bytes yes = CODE(P8(16), UNWIND_PUSH_64, 0, 0, 0, 0, 0, 0, 0, 0, UNWIND_ALIGN);
    const struct bytes as_operand = CODE(UNWIND_PUSH_16, UNWIND_ALIGN, UNWIND_ALIGN, SET0);
    const struct bytes behind_end = CODE(P8(1), UNWIND_END, UNWIND_ALIGN);
    const struct bytes damaged = CODE(255, UNWIND_ALIGN);
    const struct bytes cut = CODE(UNWIND_PUSH_64, 0);
    assert_true(rules_mention(yes, UNWIND_ALIGN));
    assert_false(rules_mention(as_operand, UNWIND_ALIGN));
    assert_false(rules_mention(behind_end, UNWIND_ALIGN));
    assert_false(rules_mention(damaged, UNWIND_ALIGN));
    assert_false(rules_mention(cut, UNWIND_ALIGN));
}

/* The second machine: works on a list of values that is as long as the program, in 128 bits, and
 * cuts each result at the end. */

typedef __int128 wide_int;

struct second {
    const struct cpu_facts *cpu;
    wide_int values[UNWIND_STACK_MAX + 8]; /* unsigned words */
    size_t count;
    bool failed;
    struct rules_out out;
    bool has_variable[256];
    wide_int variables[256];
};

static wide_int cut(const struct second *s, wide_int v)
{
    wide_int limit = (wide_int)1 << (s->cpu->word * 8);
    v %= limit;
    return v < 0 ? v + limit : v;
}

static wide_int sign(const struct second *s, wide_int v)
{
    wide_int limit = (wide_int)1 << (s->cpu->word * 8);
    return v >= limit / 2 ? v - limit : v;
}

static wide_int get(struct second *s)
{
    if (s->count == 0) {
        s->failed = true;
        return 1;
    }
    return s->values[--s->count];
}

static void put(struct second *s, wide_int v)
{
    s->failed |= s->count >= UNWIND_STACK_MAX;
    if (s->count < COUNT_OF(s->values))
        s->values[s->count++] = cut(s, v);
}

static wide_int power(wide_int by, bool *much)
{
    wide_int p = 1;
    *much = by > 70;
    for (wide_int i = 0; !*much && i < by; i++)
        p *= 2;
    return p;
}

static wide_int floor_div(wide_int a, wide_int b)
{
    wide_int q = a / b;
    return a % b < 0 ? q - 1 : q;
}

static wide_int second_binary(struct second *s, uint8_t op, wide_int a, wide_int b)
{
    bool much;
    wide_int x = sign(s, a), y = sign(s, b), p = power(b, &much);
    bool divides = op == UNWIND_DIV || op == UNWIND_MOD || op == UNWIND_DIV_SIGNED;
    if (divides && b == 0) {
        s->failed = true;
        return 0;
    }
    switch (op) {
    case UNWIND_ADD:
        return a + b;
    case UNWIND_SUB:
        return a - b;
    case UNWIND_MUL:
        return (wide_int)(uint64_t)((uint64_t)a * (uint64_t)b);
    case UNWIND_DIV:
        return a / b;
    case UNWIND_MOD:
        return a % b;
    case UNWIND_DIV_SIGNED:
        return x / y;
    case UNWIND_ALIGN:
        return (wide_int)((uint64_t)a & (0 - (uint64_t)b));
    case UNWIND_AND:
        return (wide_int)((uint64_t)a & (uint64_t)b);
    case UNWIND_OR:
        return (wide_int)((uint64_t)a | (uint64_t)b);
    case UNWIND_XOR:
        return (wide_int)((uint64_t)a ^ (uint64_t)b);
    case UNWIND_SHL:
        return much || b >= s->cpu->word * 8 ? 0 : (wide_int)(uint64_t)((uint64_t)a * (uint64_t)p);
    case UNWIND_SHR:
        return much ? 0 : a / p;
    case UNWIND_SHRA:
        return much ? (x < 0 ? -1 : 0) : floor_div(x, p);
    case UNWIND_EQ:
        return a == b;
    case UNWIND_NE:
        return a != b;
    case UNWIND_LT:
        return x < y;
    case UNWIND_LE:
        return x <= y;
    case UNWIND_GT:
        return x > y;
    case UNWIND_GE:
        return x >= y;
    default:
        s->failed = true;
        return 0;
    }
}

static void second_read(struct second *s, wide_int bytes)
{
    uint64_t v = 0;
    wide_int a = get(s);
    if (s->failed || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) ||
        !read_memory(memory_words, (uint64_t)a, (size_t)bytes, &v))
        s->failed = true;
    put(s, (wide_int)v);
}

static void second_set(struct second *s, uint64_t r, wide_int v)
{
    if (r >= s->cpu->registers || s->failed) {
        s->failed = true;
        return;
    }
    s->out.set.at[r] = (uint64_t)v;
    s->out.set.known |= UINT64_C(1) << r;
    s->out.cleared &= ~(UINT64_C(1) << r);
}

static void second_clear(struct second *s, uint64_t r)
{
    if (r >= s->cpu->registers) {
        s->failed = true;
        return;
    }
    s->out.set.at[r] = 0;
    s->out.set.known &= ~(UINT64_C(1) << r);
    s->out.cleared |= UINT64_C(1) << r;
}

static void second_one(struct second *s, uint8_t op, uint64_t n)
{
    wide_int a, b;
    switch (op) {
    case UNWIND_PUSH_8:
        put(s, (int8_t)n);
        break;
    case UNWIND_PUSH_16:
        put(s, (int16_t)n);
        break;
    case UNWIND_PUSH_32:
        put(s, (int32_t)n);
        break;
    case UNWIND_PUSH_64:
        put(s, (wide_int)n);
        break;
    case UNWIND_PUSH_REGISTER:
        s->failed |= n > 1;
        put(s, n == 1 ? 5 : 0x1000);
        break;
    case UNWIND_PUSH_CFA:
        s->failed |= !s->out.has_cfa;
        put(s, (wide_int)s->out.cfa);
        break;
    case UNWIND_PUSH_VARIABLE:
        s->failed |= !s->has_variable[n];
        put(s, s->variables[n]);
        break;
    case UNWIND_DEREF:
        second_read(s, s->cpu->word);
        break;
    case UNWIND_DEREF_SIZE:
        second_read(s, (wide_int)n);
        break;
    case UNWIND_SET_CFA:
        a = get(s);
        s->out.has_cfa = !s->failed;
        if (!s->failed)
            s->out.cfa = (uint64_t)a;
        break;
    case UNWIND_SET_REGISTER:
        second_set(s, n, get(s));
        break;
    case UNWIND_CLEAR_REGISTER:
        second_clear(s, n);
        break;
    case UNWIND_SET_VARIABLE:
        s->failed |= n >= UNWIND_VARIABLES;
        s->variables[n] = get(s);
        s->has_variable[n] = true;
        break;
    case UNWIND_DUP:
        a = get(s);
        put(s, a);
        put(s, a);
        break;
    case UNWIND_DROP:
        get(s);
        break;
    case UNWIND_OVER:
        b = get(s);
        a = get(s);
        put(s, a);
        put(s, b);
        put(s, a);
        break;
    case UNWIND_SWAP:
        b = get(s);
        a = get(s);
        put(s, b);
        put(s, a);
        break;
    case UNWIND_NEG:
        put(s, -get(s));
        break;
    case UNWIND_NOT:
        put(s, -get(s) - 1);
        break;
    default:
        b = get(s);
        a = get(s);
        put(s, second_binary(s, op, a, b));
        break;
    }
}

static const struct {
    uint8_t op, operand;
} shapes[] = {
    { UNWIND_PUSH_8, 1 },
    { UNWIND_PUSH_16, 2 },
    { UNWIND_PUSH_32, 4 },
    { UNWIND_PUSH_64, 8 },
    { UNWIND_PUSH_REGISTER, 1 },
    { UNWIND_PUSH_CFA, 0 },
    { UNWIND_PUSH_VARIABLE, 1 },
    { UNWIND_DEREF, 0 },
    { UNWIND_DEREF_SIZE, 1 },
    { UNWIND_SET_CFA, 0 },
    { UNWIND_SET_REGISTER, 1 },
    { UNWIND_CLEAR_REGISTER, 1 },
    { UNWIND_SET_VARIABLE, 1 },
    { UNWIND_DUP, 0 },
    { UNWIND_DROP, 0 },
    { UNWIND_OVER, 0 },
    { UNWIND_SWAP, 0 },
    { UNWIND_ADD, 0 },
    { UNWIND_SUB, 0 },
    { UNWIND_MUL, 0 },
    { UNWIND_DIV, 0 },
    { UNWIND_MOD, 0 },
    { UNWIND_ALIGN, 0 },
    { UNWIND_AND, 0 },
    { UNWIND_OR, 0 },
    { UNWIND_XOR, 0 },
    { UNWIND_SHL, 0 },
    { UNWIND_SHR, 0 },
    { UNWIND_SHRA, 0 },
    { UNWIND_NEG, 0 },
    { UNWIND_NOT, 0 },
    { UNWIND_EQ, 0 },
    { UNWIND_NE, 0 },
    { UNWIND_LT, 0 },
    { UNWIND_LE, 0 },
    { UNWIND_GT, 0 },
    { UNWIND_GE, 0 },
    { UNWIND_DIV_SIGNED, 0 },
};

/* An operation with its operand, which is often one that makes sense. */
static size_t random_operation(struct dice *d, uint8_t *code, uint64_t *operand, uint8_t *op)
{
    static const uint8_t sensible[] = { 0, 1, 2, 3, 4, 6, 8, 16, 0x10 };
    /* Values must come before they are used: pushes are frequent. */
    size_t shape = dice(d, 3) ? dice(d, COUNT_OF(shapes)) : dice(d, 7);
    size_t bytes = shapes[shape].operand;
    *op = code[0] = shapes[shape].op;
    *operand = 0;
    for (size_t i = 0; i < bytes; i++) {
        code[1 + i] = dice(d, 4) ? sensible[dice(d, COUNT_OF(sensible))] : (uint8_t)dice(d, 256);
        *operand |= (uint64_t)code[1 + i] << (8 * i);
    }
    return 1 + bytes;
}

static void compare(const struct second *s, struct bytes code)
{
    struct rules_in in = input(s->cpu, &callee);
    struct rules_out out;
    bool ok = rules_run(code, &in, &out);
    assert_int_equal(ok, !s->failed);
    if (!ok)
        return;
    assert_int_equal(out.has_cfa, s->out.has_cfa);
    assert_int_equal(out.cfa, s->out.cfa);
    assert_int_equal(out.cleared, s->out.cleared);
    assert_memory_equal(&out.set, &s->out.set, sizeof out.set);
}

/* One more operation for both; most of those that would fail are left out. */
static size_t random_step(struct dice *d, struct second *s, bool *skipping, uint8_t *code)
{
    uint8_t op;
    uint64_t operand;
    struct second before = *s;
    size_t bytes = random_operation(d, code, &operand, &op);
    if (*skipping) {
        *skipping = op != UNWIND_SET_REGISTER;
        return bytes;
    }
    second_one(s, op, operand);
    if (!s->failed)
        return bytes;
    bool kept = dice(d, 20) == 0;
    if (kept && !before.out.has_cfa)
        return bytes;
    *s = before;
    if (!kept)
        return 0;
    s->count = 0; /* only this rule */
    *skipping = op != UNWIND_SET_REGISTER;
    return bytes;
}

/* Whether it ran to its end. */
static bool one_program(struct dice *d)
{
    uint8_t code[400];
    size_t len = 0;
    bool skipping = false;
    struct second s = { .cpu = dice(d, 2) ? &wide : &narrow };
    s.has_variable[UNWIND_VAR_SEARCH] = true;
    s.variables[UNWIND_VAR_SEARCH] = 0x1010;
    for (unsigned n = 1 + dice(d, 40); n > 0 && !s.failed; n--)
        len += random_step(d, &s, &skipping, code + len);
    compare(&s, (struct bytes){ code, len });
    return !s.failed;
}

static void random_programs(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, 12); i++) {
        size_t ran = 0;
        for (size_t n = 0; n < 1500; n++)
            ran += one_program(&d);
        assert_true(ran > 300); /* else it would show nothing */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value),     cmocka_unit_test(failures),
        cmocka_unit_test(deep_and_long), cmocka_unit_test(what_was_set_before_it_failed),
        cmocka_unit_test(interrupted),   cmocka_unit_test(rules_that_fail),
        cmocka_unit_test(mentions),      cmocka_unit_test(random_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
