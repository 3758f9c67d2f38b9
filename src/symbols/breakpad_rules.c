/* breakpad_rules.c - a compiler that knows at each place what lies on the stack.
 *
 * Breakpad looks a name up when an operator takes it off the stack, not when it is put there, and a
 * register that was assigned means its new value from then on. So names and numbers stay on a stack
 * of the compiler until an operator wants them, and only then become operations; values that have
 * been worked out are on the stack of the program, in the same order. What is assigned and named
 * again goes through a variable, since PUSH_REGISTER means the callee's. */
#include "symbols/breakpad_rules.h"

#include "symbols/breakpad_fields.h"

#define STACK_MAX 64

enum item_kind { ITEM_VALUE, ITEM_NUMBER, ITEM_NAME }; /* a value: on the program's stack */
struct item {
    enum item_kind kind;
    uint64_t number;
    struct str name;
};

struct compiler {
    struct buf *out;
    enum cpu cpu;
    bool is_win, uses_cfa;
    struct str rest; /* of the text */
    struct item stack[STACK_MAX];
    size_t depth;
    size_t values;                          /* on the program's stack */
    struct str variables[UNWIND_VARIABLES]; /* from UNWIND_VAR_TEMPORARY on */
    size_t variable_count;
};

static const char *const given[] = {
    [UNWIND_VAR_PARAMS] = ".cbParams",
    [UNWIND_VAR_CALLEE_PARAMS] = ".cbCalleeParams",
    [UNWIND_VAR_SAVED_REGISTERS] = ".cbSavedRegs",
    [UNWIND_VAR_LOCALS] = ".cbLocals",
    [UNWIND_VAR_SEARCH] = ".raSearch",
    [UNWIND_VAR_SEARCH_START] = ".raSearchStart",
};

static bool push_item(struct compiler *c, struct item item)
{
    if (c->depth == STACK_MAX)
        return false;
    c->stack[c->depth++] = item;
    return true;
}

/* One more value on the program's stack. */
static bool grow(struct compiler *c)
{
    return ++c->values <= UNWIND_STACK_MAX;
}

static int find_variable(const struct compiler *c, struct str name)
{
    for (size_t i = 0; i < c->variable_count; i++)
        if (str_eq(name, c->variables[i]))
            return (int)(UNWIND_VAR_TEMPORARY + i);
    for (int i = 0; i < UNWIND_VAR_TEMPORARY; i++)
        if (str_eq(name, str_from_c(given[i])))
            return i;
    return -1;
}

static bool load_name(struct compiler *c, struct str name)
{
    int variable = c->is_win ? find_variable(c, name) : -1;
    int r = cpu_register(c->cpu, name);
    if (variable >= 0) {
        unwind_op_u8(c->out, UNWIND_PUSH_VARIABLE, (uint8_t)variable);
    } else if (r >= 0) {
        unwind_op_u8(c->out, UNWIND_PUSH_REGISTER, (uint8_t)r);
    } else if (!c->is_win && str_eq(name, STR(".cfa"))) {
        c->uses_cfa = true;
        unwind_op(c->out, UNWIND_PUSH_CFA);
    } else {
        return false;
    }
    return grow(c);
}

/* Makes sure that it is on the program's stack. */
static bool load(struct compiler *c, const struct item *item)
{
    if (item->kind == ITEM_VALUE)
        return true;
    if (item->kind == ITEM_NAME)
        return load_name(c, item->name);
    unwind_push(c->out, (int64_t)item->number);
    return grow(c);
}

static bool binary(struct compiler *c, enum unwind_op op)
{
    if (c->depth < 2)
        return false;
    struct item *a = &c->stack[c->depth - 2], *b = &c->stack[c->depth - 1];
    bool swapped = a->kind != ITEM_VALUE && b->kind == ITEM_VALUE;
    if (!load(c, a) || !load(c, b))
        return false;
    if (swapped)
        unwind_op(c->out, UNWIND_SWAP);
    unwind_op(c->out, op);
    c->depth--;
    c->values--;
    a->kind = ITEM_VALUE;
    return true;
}

static bool deref(struct compiler *c)
{
    if (c->depth < 1 || !load(c, &c->stack[c->depth - 1]))
        return false;
    unwind_op(c->out, UNWIND_DEREF);
    c->stack[c->depth - 1].kind = ITEM_VALUE;
    return true;
}

/* Whether a word of the rest of the text is the name, or one that waits on the stack, below what is
 * being assigned. */
static bool is_named_again(const struct compiler *c, struct str name)
{
    for (size_t i = 0; i + 2 < c->depth; i++)
        if (c->stack[i].kind == ITEM_NAME && str_eq(c->stack[i].name, name))
            return true;
    struct str rest = c->rest;
    for (struct str word = take_word(&rest); word.len > 0; word = take_word(&rest)) {
        if (word.len > 1 && word.ptr[0] == '=')
            word = (struct str){ word.ptr + 1, word.len - 1 };
        if (str_eq(word, name))
            return true;
    }
    return false;
}

/* Whether the caller's register is taken from a program. */
static bool is_kept(const struct cpu_facts *f, int r)
{
    return r >= 0 && (r == f->pc || r == f->sp || (f->callee_saved >> r & 1) != 0);
}

/* The value on top of the program's stack becomes that of the name. */
static bool store(struct compiler *c, struct str name)
{
    int r = cpu_register(c->cpu, name);
    bool kept = is_kept(cpu_facts(c->cpu), r);
    if (is_named_again(c, name)) {
        int variable = find_variable(c, name);
        if (variable < 0) {
            if (UNWIND_VAR_TEMPORARY + c->variable_count == UNWIND_VARIABLES)
                return false;
            c->variables[c->variable_count] = name;
            variable = (int)(UNWIND_VAR_TEMPORARY + c->variable_count++);
        }
        if (kept) {
            unwind_op(c->out, UNWIND_DUP);
            if (c->values + 1 > UNWIND_STACK_MAX)
                return false;
        }
        unwind_op_u8(c->out, UNWIND_SET_VARIABLE, (uint8_t)variable);
    } else if (!kept) {
        unwind_op(c->out, UNWIND_DROP);
    }
    if (kept)
        unwind_op_u8(c->out, UNWIND_SET_REGISTER, (uint8_t)r);
    c->values--;
    return true;
}

static bool assign(struct compiler *c)
{
    if (!c->is_win || c->depth < 2)
        return false;
    struct item *to = &c->stack[c->depth - 2], *value = &c->stack[c->depth - 1];
    if (to->kind != ITEM_NAME || to->name.ptr[0] != '$' || !load(c, value) || !store(c, to->name))
        return false;
    c->depth -= 2;
    return true;
}

static bool operand(struct compiler *c, struct str word)
{
    uint64_t n;
    bool negative = word.ptr[0] == '-';
    struct str digits = { word.ptr + negative, word.len - negative };
    if (read_decimal(digits, &n) && (cpu_facts(c->cpu)->word == 8 || n <= UINT32_MAX))
        return push_item(c, (struct item){ ITEM_NUMBER, negative ? 0 - n : n, word });
    return push_item(c, (struct item){ ITEM_NAME, 0, word });
}

static bool step(struct compiler *c, struct str word)
{
    if (word.len == 1) {
        switch (word.ptr[0]) {
        case '+':
            return binary(c, UNWIND_ADD);
        case '-':
            return binary(c, UNWIND_SUB);
        case '*':
            return binary(c, UNWIND_MUL);
        case '/':
            return binary(c, UNWIND_DIV);
        case '%':
            return binary(c, UNWIND_MOD);
        case '@':
            return binary(c, UNWIND_ALIGN);
        case '^':
            return deref(c);
        case '=':
            return assign(c);
        default:
            break;
        }
    }
    return operand(c, word);
}

static bool run(struct compiler *c)
{
    for (struct str word = take_word(&c->rest); word.len > 0; word = take_word(&c->rest)) {
        /* Microsoft's linker has been seen to leave out the space behind an assignment. */
        if (word.len > 1 && word.ptr[0] == '=') {
            if (!step(c, STR("=")))
                return false;
            word = (struct str){ word.ptr + 1, word.len - 1 };
        }
        if (!step(c, word))
            return false;
    }
    return true;
}

bool rules_compile_cfi(struct buf *out, enum cpu cpu, struct str text, bool *uses_cfa)
{
    struct compiler c = { .out = out, .cpu = cpu, .rest = text };
    *uses_cfa = false;
    if (!cpu_facts(cpu) || !run(&c) || c.depth != 1 || !load(&c, &c.stack[0]))
        return false;
    *uses_cfa = c.uses_cfa;
    return true;
}

void rules_compile_win(struct buf *out, struct str text)
{
    struct compiler c = { .out = out, .cpu = CPU_X86, .is_win = true, .rest = text };
    size_t begin = out->len;
    if (run(&c) && c.depth == 0 && out->len - begin <= UNWIND_PROGRAM_MAX && out->len > begin)
        return;
    out->len = begin;
    unwind_op(out, UNWIND_DROP); /* nothing is there */
}
