/* elf_rules.h - the rules of one row of an unwind table, and their program.
 *
 * Place in the story: elf_cfa.c runs the instructions of an entry and keeps such a row; whenever it
 * is complete, it becomes a program of unwind_rules.h. Expressions point into the section. Threads:
 * one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_RULES_H
#define CRUMPLE_SYMBOLS_ELF_RULES_H

#include "base/reader.h"
#include "symbols/unwind_rules.h"

enum elf_rule_kind {
    ELF_RULE_NONE,          /* nothing was said */
    ELF_RULE_UNDEFINED,     /* the caller's value is lost */
    ELF_RULE_SAME,          /* unchanged */
    ELF_RULE_AT,            /* in memory at CFA + value */
    ELF_RULE_IS,            /* CFA + value */
    ELF_RULE_REGISTER,      /* in register `value`; the CFA: that plus `offset` */
    ELF_RULE_AT_EXPRESSION, /* in memory at the value of the expression */
    ELF_RULE_IS_EXPRESSION  /* the value of the expression */
};

struct elf_rule {
    enum elf_rule_kind kind;
    int64_t value, offset;
    struct bytes expression;
};

struct elf_row {
    struct elf_rule cfa; /* NONE, REGISTER or IS_EXPRESSION */
    struct elf_rule registers[CPU_REGISTERS_MAX];
    bool interrupted; /* a signal frame: the caller made no call, its pc is no return address */
    bool is_signed;   /* ARM64: the return address is signed, its upper bits are no address */
};

/* The program of a row into out, which is reset. return_column: the register that holds the return
 * address. False: the row cannot be said in these terms, or leaves the program counter open. */
MUST_CHECK bool elf_rules_program(struct buf *out, const struct elf_row *row,
                                  const struct cpu_facts *cpu, unsigned return_column,
                                  bool big_endian);

#endif
