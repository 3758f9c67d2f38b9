/* elf_cfa.c - the machine of DWARF's call frame instructions. */
#include "symbols/elf_cfa.h"

#include "symbols/elf_leb.h"

#include <dwarf.h>

#define CFA_NEGATE_RA_STATE 0x2d /* on ARM64; on SPARC it is GNU_window_save */
#define CFA_ADVANCE_LOC8 0x1d

/* Registers that the walker does not know are read and forgotten. */
static void set_rule(struct elf_cfa *c, uint64_t number, struct elf_rule rule)
{
    if (number < c->cpu->registers)
        c->row.registers[number] = rule;
}

static void restore(struct elf_cfa *c, uint64_t number)
{
    if (number < c->cpu->registers)
        c->row.registers[number] = c->initial.registers[number];
}

/* Factored numbers wrap as unsigned ones do. */
static int64_t factored(const struct elf_cfa *c, uint64_t n)
{
    return (int64_t)(n * (uint64_t)c->data_factor);
}

static struct bytes block(struct reader *r)
{
    uint64_t size = reader_uleb(r);
    const uint8_t *p = size > r->in.len ? NULL : reader_take(r, (size_t)size);
    if (!p) {
        r->failed = true;
        size = 0;
    }
    return (struct bytes){ p, (size_t)size };
}

static void remember(struct elf_cfa *c, struct reader *r)
{
    if (c->state_count == ELF_CFA_STATES_MAX)
        r->failed = true;
    else
        c->states[c->state_count++] = c->row;
}

static void recall(struct elf_cfa *c, struct reader *r)
{
    if (c->state_count == 0)
        r->failed = true;
    else
        c->row = c->states[--c->state_count];
}

/* The instructions that move on; false: it is none of these. */
static bool advance(const struct elf_cfa *c, uint8_t op, struct reader *r, uint64_t *next)
{
    uint64_t delta;
    switch (op) {
    case DW_CFA_set_loc:
        *next = c->read_address(c->ctx, r);
        return true;
    case DW_CFA_advance_loc1:
        delta = reader_u8(r);
        break;
    case DW_CFA_advance_loc2:
        delta = reader_u16(r);
        break;
    case DW_CFA_advance_loc4:
        delta = reader_u32(r);
        break;
    case CFA_ADVANCE_LOC8:
        delta = reader_u64(r);
        break;
    default:
        if (op >> 6 != DW_CFA_advance_loc >> 6)
            return false;
        delta = op & 0x3f;
    }
    if (__builtin_mul_overflow(delta, c->code_factor, &delta) ||
        __builtin_add_overflow(c->address, delta, next))
        r->failed = true;
    return true;
}

/* The instructions that define the CFA; false: it is none of these. */
static bool define_cfa(struct elf_cfa *c, uint8_t op, struct reader *r)
{
    struct elf_rule *cfa = &c->row.cfa;
    switch (op) {
    case DW_CFA_def_cfa:
    case DW_CFA_def_cfa_sf:
        cfa->kind = ELF_RULE_REGISTER;
        cfa->value = (int64_t)reader_uleb(r);
        cfa->offset =
            op == DW_CFA_def_cfa ? (int64_t)reader_uleb(r) : factored(c, (uint64_t)reader_sleb(r));
        return true;
    case DW_CFA_def_cfa_register:
        cfa->value = (int64_t)reader_uleb(r);
        r->failed |= cfa->kind != ELF_RULE_REGISTER;
        return true;
    case DW_CFA_def_cfa_offset:
    case DW_CFA_def_cfa_offset_sf:
        cfa->offset = op == DW_CFA_def_cfa_offset ? (int64_t)reader_uleb(r)
                                                  : factored(c, (uint64_t)reader_sleb(r));
        r->failed |= cfa->kind != ELF_RULE_REGISTER;
        return true;
    case DW_CFA_def_cfa_expression:
        *cfa = (struct elf_rule){ .kind = ELF_RULE_IS_EXPRESSION, .expression = block(r) };
        return true;
    default:
        return false;
    }
}

/* The instructions for one register, its number being read; false: it is none of these. */
static bool define_register(struct elf_cfa *c, uint8_t op, struct reader *r)
{
    uint64_t number = reader_uleb(r);
    struct elf_rule rule = { 0 };
    switch (op) {
    case DW_CFA_offset_extended:
    case DW_CFA_val_offset:
        rule.kind = op == DW_CFA_val_offset ? ELF_RULE_IS : ELF_RULE_AT;
        rule.value = factored(c, reader_uleb(r));
        break;
    case DW_CFA_offset_extended_sf:
    case DW_CFA_val_offset_sf:
        rule.kind = op == DW_CFA_val_offset_sf ? ELF_RULE_IS : ELF_RULE_AT;
        rule.value = factored(c, (uint64_t)reader_sleb(r));
        break;
    case DW_CFA_GNU_negative_offset_extended:
        rule.kind = ELF_RULE_AT;
        rule.value = factored(c, 0 - reader_uleb(r));
        break;
    case DW_CFA_undefined:
        rule.kind = ELF_RULE_UNDEFINED;
        break;
    case DW_CFA_same_value:
        rule.kind = ELF_RULE_SAME;
        break;
    case DW_CFA_register:
        rule.kind = ELF_RULE_REGISTER;
        rule.value = (int64_t)reader_uleb(r);
        break;
    case DW_CFA_expression:
    case DW_CFA_val_expression:
        rule.kind = op == DW_CFA_expression ? ELF_RULE_AT_EXPRESSION : ELF_RULE_IS_EXPRESSION;
        rule.expression = block(r);
        break;
    case DW_CFA_restore_extended:
        restore(c, number);
        return true;
    default:
        return false;
    }
    set_rule(c, number, rule);
    return true;
}

static bool other(struct elf_cfa *c, uint8_t op, struct reader *r)
{
    switch (op) {
    case DW_CFA_nop:
        return true;
    case DW_CFA_remember_state:
        remember(c, r);
        return true;
    case DW_CFA_restore_state:
        recall(c, r);
        return true;
    case DW_CFA_GNU_args_size:
        (void)reader_uleb(r);
        return true;
    case CFA_NEGATE_RA_STATE:
        c->row.is_signed = !c->row.is_signed;
        return true;
    default:
        return false;
    }
}

static bool run_one(struct elf_cfa *c, uint8_t op, struct reader *r)
{
    if (op >> 6 == DW_CFA_offset >> 6) {
        struct elf_rule rule = { .kind = ELF_RULE_AT, .value = factored(c, reader_uleb(r)) };
        set_rule(c, op & 0x3f, rule);
        return true;
    }
    if (op >> 6 == DW_CFA_restore >> 6) {
        restore(c, op & 0x3f);
        return true;
    }
    return define_cfa(c, op, r) || other(c, op, r) || define_register(c, op, r);
}

bool elf_cfa_run(struct elf_cfa *c, struct reader *r, uint64_t *next)
{
    while (!r->failed && r->pos < r->in.len) {
        uint8_t op = reader_u8(r);
        if (advance(c, op, r, next)) {
            if (!r->failed)
                return true;
        } else if (!run_one(c, op, r)) {
            r->failed = true;
        }
    }
    return false;
}
