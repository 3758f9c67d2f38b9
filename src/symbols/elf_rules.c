/* elf_rules.c - writes the program of a row: the CFA first, then the caller's registers, last the
 * program counter. */
#include "symbols/elf_rules.h"

#include "symbols/elf_expression.h"

/* Of an address in user space on ARM64; above it may stand a signature. */
#define ARM64_ADDRESS_BITS ((INT64_C(1) << 48) - 1)

static void push_sum(struct buf *out, int64_t offset)
{
    if (offset == 0)
        return;
    unwind_push(out, offset);
    unwind_op(out, UNWIND_ADD);
}

static bool set_cfa(struct buf *out, const struct elf_rule *r, const struct cpu_facts *cpu,
                    bool big_endian)
{
    struct reader expression = { .in = r->expression, .big_endian = big_endian };
    if (r->kind == ELF_RULE_REGISTER) {
        if (r->value < 0 || r->value >= cpu->registers)
            return false;
        unwind_op_u8(out, UNWIND_PUSH_REGISTER, (uint8_t)r->value);
        push_sum(out, r->offset);
    } else if (r->kind != ELF_RULE_IS_EXPRESSION || !elf_expression(out, expression, cpu, false)) {
        return false;
    }
    unwind_op(out, UNWIND_SET_CFA);
    return true;
}

/* Pushes the caller's value of `number`, which is neither lost nor unsaid. */
static bool push_value(struct buf *out, const struct elf_rule *r, unsigned number,
                       const struct cpu_facts *cpu, bool big_endian)
{
    struct reader expression = { .in = r->expression, .big_endian = big_endian };
    switch (r->kind) {
    case ELF_RULE_NONE:
    case ELF_RULE_UNDEFINED:
        return false;
    case ELF_RULE_SAME:
        unwind_op_u8(out, UNWIND_PUSH_REGISTER, (uint8_t)number);
        return true;
    case ELF_RULE_REGISTER:
        if (r->value < 0 || r->value >= cpu->registers)
            return false;
        unwind_op_u8(out, UNWIND_PUSH_REGISTER, (uint8_t)r->value);
        return true;
    case ELF_RULE_AT:
    case ELF_RULE_IS:
        unwind_op(out, UNWIND_PUSH_CFA);
        push_sum(out, r->value);
        if (r->kind == ELF_RULE_AT)
            unwind_op(out, UNWIND_DEREF);
        return true;
    case ELF_RULE_AT_EXPRESSION:
    case ELF_RULE_IS_EXPRESSION:
        if (!elf_expression(out, expression, cpu, true))
            return false;
        if (r->kind == ELF_RULE_AT_EXPRESSION)
            unwind_op(out, UNWIND_DEREF);
        return true;
    }
    return false;
}

static bool set_register(struct buf *out, const struct elf_rule *r, unsigned number,
                         const struct cpu_facts *cpu, bool big_endian)
{
    if (r->kind == ELF_RULE_NONE)
        return true;
    if (r->kind == ELF_RULE_SAME && cpu->callee_saved >> number & 1)
        return true; /* what the walker does by itself */
    if (r->kind == ELF_RULE_UNDEFINED) {
        unwind_op_u8(out, UNWIND_CLEAR_REGISTER, (uint8_t)number);
        return true;
    }
    if (!push_value(out, r, number, cpu, big_endian))
        return false;
    unwind_op_u8(out, UNWIND_SET_REGISTER, (uint8_t)number);
    return true;
}

static bool set_pc(struct buf *out, const struct elf_row *row, const struct cpu_facts *cpu,
                   unsigned return_column, bool big_endian)
{
    struct elf_rule r = row->registers[return_column];
    if (r.kind == ELF_RULE_UNDEFINED) {
        unwind_op_u8(out, UNWIND_CLEAR_REGISTER, cpu->pc);
        return true;
    }
    if (r.kind == ELF_RULE_NONE && return_column != cpu->pc)
        r.kind = ELF_RULE_SAME; /* still in the link register */
    if (r.kind == ELF_RULE_SAME && return_column == cpu->pc)
        return false;
    if (!push_value(out, &r, return_column, cpu, big_endian))
        return false;
    if (row->is_signed) {
        unwind_push(out, ARM64_ADDRESS_BITS);
        unwind_op(out, UNWIND_AND);
    }
    unwind_op_u8(out, UNWIND_SET_REGISTER, cpu->pc);
    return true;
}

bool elf_rules_program(struct buf *out, const struct elf_row *row, const struct cpu_facts *cpu,
                       unsigned return_column, bool big_endian)
{
    buf_reset(out);
    if (return_column >= cpu->registers || !set_cfa(out, &row->cfa, cpu, big_endian))
        return false;
    for (unsigned i = 0; i < cpu->registers; i++)
        if (i != cpu->pc && !set_register(out, &row->registers[i], i, cpu, big_endian))
            return false;
    if (row->interrupted)
        unwind_op(out, UNWIND_INTERRUPTED);
    return set_pc(out, row, cpu, return_column, big_endian) && buf_ok(out);
}
