/* breakpad_rules.h - the postfix expressions of STACK CFI and STACK WIN records to operations of
 * unwind_rules.h.
 *
 * What Breakpad's evaluator would refuse whatever the registers and the memory are is refused here.
 * Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_BREAKPAD_RULES_H
#define CRUMPLE_SYMBOLS_BREAKPAD_RULES_H

#include "symbols/unwind_rules.h"

/* An expression of STACK CFI: appends operations that leave its value on the stack. *uses_cfa:
 * whether it wants the CFA. False: it cannot be evaluated; then nothing is to be used. */
MUST_CHECK bool rules_compile_cfi(struct buf *out, enum cpu cpu, struct str text, bool *uses_cfa);

/* A program string of STACK WIN. One that cannot be evaluated becomes a program that fails. */
void rules_compile_win(struct buf *out, struct str text);

#endif
