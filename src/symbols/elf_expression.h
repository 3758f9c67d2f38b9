/* elf_expression.h - translates DWARF expressions of unwind tables to operations of unwind_rules.h.
 * Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_ELF_EXPRESSION_H
#define CRUMPLE_SYMBOLS_ELF_EXPRESSION_H

#include "base/reader.h"
#include "symbols/unwind_rules.h"

#define ELF_EXPRESSION_MAX 256 /* bytes; those that compilers write have 10 to 20 */

/* Appends operations that push the value of the expression. pushes_cfa: DWARF says that the CFA is
 * on its stack at the start. False, with nothing appended, when it cannot be said in these terms:
 * branches, addresses, unknown registers and operations, or more than one value left at the end. */
MUST_CHECK bool elf_expression(struct buf *out, struct reader expression,
                               const struct cpu_facts *cpu, bool pushes_cfa);

#endif
