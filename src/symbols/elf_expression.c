/* elf_expression.c - one operation of DWARF becomes one or a few of ours; the depth of the stack is
 * followed, so that what is translated cannot run over or out. */
#include "symbols/elf_expression.h"

#include "symbols/elf_leb.h"

#include <dwarf.h>

struct simple {
    uint8_t dwarf, op, pops, pushes;
};

static const struct simple simple_ops[] = {
    { DW_OP_deref, UNWIND_DEREF, 1, 1 },    { DW_OP_dup, UNWIND_DUP, 1, 2 },
    { DW_OP_drop, UNWIND_DROP, 1, 0 },      { DW_OP_over, UNWIND_OVER, 2, 3 },
    { DW_OP_swap, UNWIND_SWAP, 2, 2 },      { DW_OP_and, UNWIND_AND, 2, 1 },
    { DW_OP_div, UNWIND_DIV_SIGNED, 2, 1 }, { DW_OP_minus, UNWIND_SUB, 2, 1 },
    { DW_OP_mod, UNWIND_MOD, 2, 1 },        { DW_OP_mul, UNWIND_MUL, 2, 1 },
    { DW_OP_neg, UNWIND_NEG, 1, 1 },        { DW_OP_not, UNWIND_NOT, 1, 1 },
    { DW_OP_or, UNWIND_OR, 2, 1 },          { DW_OP_plus, UNWIND_ADD, 2, 1 },
    { DW_OP_shl, UNWIND_SHL, 2, 1 },        { DW_OP_shr, UNWIND_SHR, 2, 1 },
    { DW_OP_shra, UNWIND_SHRA, 2, 1 },      { DW_OP_xor, UNWIND_XOR, 2, 1 },
    { DW_OP_eq, UNWIND_EQ, 2, 1 },          { DW_OP_ge, UNWIND_GE, 2, 1 },
    { DW_OP_gt, UNWIND_GT, 2, 1 },          { DW_OP_le, UNWIND_LE, 2, 1 },
    { DW_OP_lt, UNWIND_LT, 2, 1 },          { DW_OP_ne, UNWIND_NE, 2, 1 },
};

static const struct simple *find_simple(uint8_t dwarf)
{
    for (size_t i = 0; i < sizeof simple_ops / sizeof *simple_ops; i++)
        if (simple_ops[i].dwarf == dwarf)
            return &simple_ops[i];
    return NULL;
}

/* DW_OP_lit0 ... and DW_OP_const...; false: it is none of these. */
static bool constant(uint8_t op, struct reader *r, int64_t *value)
{
    switch (op) {
    case DW_OP_const1u:
        *value = reader_u8(r);
        return true;
    case DW_OP_const1s:
        *value = (int8_t)reader_u8(r);
        return true;
    case DW_OP_const2u:
        *value = reader_u16(r);
        return true;
    case DW_OP_const2s:
        *value = (int16_t)reader_u16(r);
        return true;
    case DW_OP_const4u:
        *value = reader_u32(r);
        return true;
    case DW_OP_const4s:
        *value = (int32_t)reader_u32(r);
        return true;
    case DW_OP_const8u:
    case DW_OP_const8s:
        *value = (int64_t)reader_u64(r);
        return true;
    case DW_OP_constu:
        *value = (int64_t)reader_uleb(r);
        return true;
    case DW_OP_consts:
        *value = reader_sleb(r);
        return true;
    default:
        *value = op - DW_OP_lit0;
        return op >= DW_OP_lit0 && op <= DW_OP_lit31;
    }
}

static bool push_register(struct buf *out, uint64_t number, int64_t offset,
                          const struct cpu_facts *cpu)
{
    if (number >= cpu->registers)
        return false;
    unwind_op_u8(out, UNWIND_PUSH_REGISTER, (uint8_t)number);
    if (offset != 0) {
        unwind_push(out, offset);
        unwind_op(out, UNWIND_ADD);
    }
    return true;
}

/* The operations that have operands. *pops, *pushes: what they do to the stack. */
static bool with_operand(struct buf *out, uint8_t op, struct reader *r, const struct cpu_facts *cpu,
                         unsigned *pops, unsigned *pushes)
{
    int64_t value;
    *pops = 0;
    *pushes = 1;
    if (constant(op, r, &value)) {
        unwind_push(out, value);
        return true;
    }
    if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
        return push_register(out, (uint64_t)(op - DW_OP_breg0), reader_sleb(r), cpu);
    if (op == DW_OP_bregx) {
        uint64_t number = reader_uleb(r);
        return push_register(out, number, reader_sleb(r), cpu);
    }
    if (op == DW_OP_plus_uconst) {
        *pops = 1;
        unwind_push(out, (int64_t)reader_uleb(r));
        unwind_op(out, UNWIND_ADD);
        return true;
    }
    if (op == DW_OP_deref_size) {
        uint8_t size = reader_u8(r);
        *pops = 1;
        unwind_op_u8(out, UNWIND_DEREF_SIZE, size);
        return size == 1 || size == 2 || size == 4 || size == 8;
    }
    if (op == DW_OP_pick) {
        uint8_t index = reader_u8(r);
        *pops = index + 1U;
        *pushes = index + 2U;
        unwind_op(out, index == 0 ? UNWIND_DUP : UNWIND_OVER);
        return index <= 1;
    }
    return false;
}

/* depth: how many values lie on the stack already. */
static bool translate(struct buf *out, struct reader r, const struct cpu_facts *cpu, unsigned depth)
{
    while (r.pos < r.in.len && !r.failed && buf_ok(out)) {
        uint8_t op = reader_u8(&r);
        unsigned pops = 0, pushes = 0;
        const struct simple *simple = find_simple(op);
        if (simple) {
            pops = simple->pops;
            pushes = simple->pushes;
            unwind_op(out, (enum unwind_op)simple->op);
        } else if (op != DW_OP_nop && !with_operand(out, op, &r, cpu, &pops, &pushes)) {
            return false;
        }
        if (pops > depth)
            return false;
        depth = depth - pops + pushes;
        if (depth + 1 > UNWIND_STACK_MAX) /* one more for the offset of a register */
            return false;
    }
    return depth == 1 && !r.failed && buf_ok(out);
}

bool elf_expression(struct buf *out, struct reader expression, const struct cpu_facts *cpu,
                    bool pushes_cfa)
{
    size_t start = out->len;
    if (expression.in.len > ELF_EXPRESSION_MAX)
        return false;
    if (translate(out, expression, cpu, 0))
        return true; /* the usual case: the CFA is not looked at */
    out->len = start;
    if (pushes_cfa) {
        unwind_op(out, UNWIND_PUSH_CFA);
        if (translate(out, expression, cpu, 1))
            return true;
        out->len = start;
    }
    return false;
}
