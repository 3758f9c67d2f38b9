/* rules.c - a stack machine for unwind rules.
 *
 * All values are words of the processor: on a processor of 32 bits each result is cut to them. */
#include "unwind/rules.h"

#include "base/reader.h"

struct machine {
    const struct rules_in *in;
    struct rules_out *out;
    struct reader code;
    uint64_t mask;    /* of a word */
    unsigned top_bit; /* number of the sign bit */
    uint64_t variables[UNWIND_VARIABLES];
    uint32_t variables_known;
    uint64_t stack[UNWIND_STACK_MAX];
    unsigned depth;
};

/* How many bytes of operand follow; -1: there is no such operation. */
static int operand_bytes(uint8_t op)
{
    switch (op) {
    case UNWIND_PUSH_8:
    case UNWIND_PUSH_REGISTER:
    case UNWIND_PUSH_VARIABLE:
    case UNWIND_DEREF_SIZE:
    case UNWIND_SET_REGISTER:
    case UNWIND_CLEAR_REGISTER:
    case UNWIND_SET_VARIABLE:
        return 1;
    case UNWIND_PUSH_16:
        return 2;
    case UNWIND_PUSH_32:
        return 4;
    case UNWIND_PUSH_64:
        return 8;
    default:
        return op <= UNWIND_INTERRUPTED || (op >= UNWIND_ADD && op <= UNWIND_DIV_SIGNED) ? 0 : -1;
    }
}

bool rules_mention(struct bytes program, enum unwind_op op)
{
    struct reader r = { .in = program };
    while (r.pos < program.len && !r.failed) {
        uint8_t at = reader_u8(&r);
        int operand = operand_bytes(at);
        if (at == op)
            return true;
        if (operand < 0 || at == UNWIND_END)
            return false;
        reader_skip(&r, (size_t)operand);
    }
    return false;
}

static bool push(struct machine *m, uint64_t value)
{
    if (m->depth == UNWIND_STACK_MAX)
        return false;
    m->stack[m->depth++] = value & m->mask;
    return true;
}

static bool pop(struct machine *m, uint64_t *value)
{
    if (m->depth == 0)
        return false;
    *value = m->stack[--m->depth];
    return true;
}

static int64_t word_signed(const struct machine *m, uint64_t value)
{
    uint64_t sign = (uint64_t)1 << m->top_bit;
    return (int64_t)((value ^ sign) - sign);
}

static bool divide(const struct machine *m, uint8_t op, uint64_t a, uint64_t b, uint64_t *result)
{
    if (b == 0)
        return false;
    if (op == UNWIND_DIV)
        *result = a / b;
    else if (op == UNWIND_MOD)
        *result = a % b;
    else if (b == m->mask) /* by -1: the one quotient that can overflow wraps */
        *result = 0 - a;
    else
        *result = (uint64_t)(word_signed(m, a) / word_signed(m, b));
    return true;
}

static uint64_t shift(const struct machine *m, uint8_t op, uint64_t a, uint64_t by)
{
    bool out = by > m->top_bit; /* all bits */
    if (op == UNWIND_SHL)
        return out ? 0 : a << by;
    if (op == UNWIND_SHR)
        return out ? 0 : a >> by;
    bool negative = a >> m->top_bit & 1;
    uint64_t kept = out ? 0 : a >> by;
    uint64_t room = out ? m->mask : ~(m->mask >> by);
    return negative ? kept | room : kept;
}

static uint64_t compare(const struct machine *m, uint8_t op, uint64_t a, uint64_t b)
{
    int64_t x = word_signed(m, a), y = word_signed(m, b);
    switch (op) {
    case UNWIND_EQ:
        return x == y;
    case UNWIND_NE:
        return x != y;
    case UNWIND_LT:
        return x < y;
    case UNWIND_LE:
        return x <= y;
    case UNWIND_GT:
        return x > y;
    default:
        return x >= y;
    }
}

/* Operations that take two values and leave one. */
static bool run_binary(struct machine *m, uint8_t op)
{
    uint64_t a, b, result = 0;
    if (!pop(m, &b) || !pop(m, &a))
        return false;
    switch (op) {
    case UNWIND_ADD:
        result = a + b;
        break;
    case UNWIND_SUB:
        result = a - b;
        break;
    case UNWIND_MUL:
        result = a * b;
        break;
    case UNWIND_DIV:
    case UNWIND_MOD:
    case UNWIND_DIV_SIGNED:
        if (!divide(m, op, a, b, &result))
            return false;
        break;
    case UNWIND_ALIGN:
        result = a & ~(b - 1);
        break;
    case UNWIND_AND:
        result = a & b;
        break;
    case UNWIND_OR:
        result = a | b;
        break;
    case UNWIND_XOR:
        result = a ^ b;
        break;
    case UNWIND_SHL:
    case UNWIND_SHR:
    case UNWIND_SHRA:
        result = shift(m, op, a, b);
        break;
    default:
        result = compare(m, op, a, b);
        break;
    }
    return push(m, result);
}

static bool dereference(struct machine *m, uint64_t bytes)
{
    uint64_t address, value;
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8)
        return false;
    return pop(m, &address) && m->in->read(m->in->memory, address, (size_t)bytes, &value) &&
           push(m, value);
}

static bool push_register(struct machine *m, uint64_t number)
{
    const struct registers *from = m->in->callee;
    return number < m->in->cpu->registers && (from->known >> number & 1) &&
           push(m, from->at[number]);
}

static bool set_cfa(struct machine *m)
{
    if (!pop(m, &m->out->cfa))
        return false;
    m->out->has_cfa = true;
    return true;
}

static bool set_register(struct machine *m, uint64_t number)
{
    struct rules_out *out = m->out;
    if (number >= m->in->cpu->registers || !pop(m, &out->set.at[number]))
        return false;
    out->set.known |= (uint64_t)1 << number;
    out->cleared &= ~((uint64_t)1 << number);
    return true;
}

static bool clear_register(struct machine *m, uint64_t number)
{
    struct rules_out *out = m->out;
    if (number >= m->in->cpu->registers)
        return false;
    out->set.at[number] = 0;
    out->set.known &= ~((uint64_t)1 << number);
    out->cleared |= (uint64_t)1 << number;
    return true;
}

static bool push_variable(struct machine *m, uint64_t number)
{
    return number < UNWIND_VARIABLES && (m->variables_known >> number & 1) &&
           push(m, m->variables[number]);
}

static bool set_variable(struct machine *m, uint64_t number)
{
    if (number >= UNWIND_VARIABLES || !pop(m, &m->variables[number]))
        return false;
    m->variables_known |= (uint32_t)1 << number;
    return true;
}

/* Operations that move the values of the stack about, or change the upper one. */
static bool run_unary(struct machine *m, uint8_t op)
{
    uint64_t a, b;
    if (!pop(m, &a))
        return false;
    switch (op) {
    case UNWIND_DUP:
        return push(m, a) && push(m, a);
    case UNWIND_DROP:
        return true;
    case UNWIND_OVER:
        return pop(m, &b) && push(m, b) && push(m, a) && push(m, b);
    case UNWIND_SWAP:
        return pop(m, &b) && push(m, a) && push(m, b);
    case UNWIND_NEG:
        return push(m, 0 - a);
    default:
        return push(m, ~a);
    }
}

static bool run_one(struct machine *m, uint8_t op, uint64_t operand)
{
    switch (op) {
    case UNWIND_PUSH_8:
        return push(m, (uint64_t)(int8_t)operand);
    case UNWIND_PUSH_16:
        return push(m, (uint64_t)(int16_t)operand);
    case UNWIND_PUSH_32:
        return push(m, (uint64_t)(int32_t)operand);
    case UNWIND_PUSH_64:
        return push(m, operand);
    case UNWIND_PUSH_REGISTER:
        return push_register(m, operand);
    case UNWIND_PUSH_CFA:
        return m->out->has_cfa && push(m, m->out->cfa);
    case UNWIND_PUSH_VARIABLE:
        return push_variable(m, operand);
    case UNWIND_DEREF:
        return dereference(m, m->in->cpu->word);
    case UNWIND_DEREF_SIZE:
        return dereference(m, operand);
    case UNWIND_SET_CFA:
        return set_cfa(m);
    case UNWIND_SET_REGISTER:
        return set_register(m, operand);
    case UNWIND_CLEAR_REGISTER:
        return clear_register(m, operand);
    case UNWIND_SET_VARIABLE:
        return set_variable(m, operand);
    case UNWIND_INTERRUPTED:
        m->out->interrupted = true;
        return true;
    case UNWIND_DUP:
    case UNWIND_DROP:
    case UNWIND_OVER:
    case UNWIND_SWAP:
    case UNWIND_NEG:
    case UNWIND_NOT:
        return run_unary(m, op);
    default:
        return run_binary(m, op);
    }
}

enum fetched { FETCHED_OPERATION, FETCHED_END, FETCHED_DAMAGE };

static enum fetched fetch(struct machine *m, uint8_t *op, uint64_t *operand)
{
    if (m->code.pos == m->code.in.len)
        return FETCHED_END;
    *op = reader_u8(&m->code);
    int bytes = operand_bytes(*op);
    if (*op == UNWIND_END)
        return FETCHED_END;
    if (bytes < 0)
        return FETCHED_DAMAGE;
    *operand = reader_number(&m->code, (size_t)bytes);
    return m->code.failed ? FETCHED_DAMAGE : FETCHED_OPERATION;
}

/* The rule of one register failed at op: goes to the next rule. */
static enum fetched skip_rule(struct machine *m, uint8_t op)
{
    uint64_t operand;
    enum fetched f = FETCHED_OPERATION;
    m->depth = 0;
    while (op != UNWIND_SET_REGISTER && f == FETCHED_OPERATION)
        f = fetch(m, &op, &operand);
    return f;
}

bool rules_run(struct bytes program, const struct rules_in *in, struct rules_out *out)
{
    unsigned bits = in->cpu->word * 8u;
    struct machine m = { .in = in,
                         .out = out,
                         .code = { .in = program },
                         .mask = UINT64_MAX >> (64 - bits),
                         .top_bit = bits - 1,
                         .variables_known = in->variables_known };
    memcpy(m.variables, in->variables, sizeof m.variables);
    *out = (struct rules_out){ 0 };
    if (program.len > UNWIND_PROGRAM_MAX)
        return false;
    for (enum fetched f = FETCHED_OPERATION;;) {
        uint8_t op;
        uint64_t operand;
        if (f == FETCHED_OPERATION)
            f = fetch(&m, &op, &operand);
        if (f != FETCHED_OPERATION)
            return f == FETCHED_END;
        if (run_one(&m, op, operand))
            continue;
        if (!out->has_cfa)
            return false;
        f = skip_rule(&m, op);
    }
}
