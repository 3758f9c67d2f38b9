/* unwind_rules.h - how to get the caller's registers at an address, as a small program.
 *
 * Place in the story: STACK CFI and STACK WIN records, .eh_frame and .debug_frame are translated to
 * this form once, when a symbol file is converted (breakpad_rules.c, elf_cfi.c); equal programs are
 * kept once in the symbol cache. src/unwind/rules.c runs them: nothing is parsed at that time.
 *
 * A program is a list of operations on a stack of values of the processor's word size (arithmetic
 * wraps). It sets the CFA first (not in STACK WIN), then registers of the caller. PUSH_REGISTER
 * always means the callee's register, also when the caller's has been set. What is not set is as
 * the walker says for the processor: callee-saved registers keep their values, the stack pointer is
 * the CFA, the program counter must be set.
 *
 * An operation fails when memory cannot be read, a register is not known, the stack runs over or
 * out, or a division is by zero. Before the CFA is set (so always in STACK WIN), the program then
 * fails as a whole, and the walker tries something else; after that, only the rule fails in which
 * it happens, which goes to the next SET_REGISTER: it is as if there were none for that register,
 * and the stack is empty again. An unknown operation fails as a whole: so
 * a damaged program does no harm. Threads: pure.
 */
#ifndef CRUMPLE_SYMBOLS_UNWIND_RULES_H
#define CRUMPLE_SYMBOLS_UNWIND_RULES_H

#include "base/buf.h"
#include "symbols/cpu.h"

#define UNWIND_STACK_MAX 32
#define UNWIND_VARIABLES 16
#define UNWIND_PROGRAM_MAX 4096 /* bytes; longer ones are not kept */

/* One byte each, operands behind it in little endian. Stored: never renumber. */
enum unwind_op {
    UNWIND_END = 0,
    UNWIND_PUSH_8 = 1,  /* i8, sign-extended */
    UNWIND_PUSH_16 = 2, /* i16 */
    UNWIND_PUSH_32 = 3, /* i32 */
    UNWIND_PUSH_64 = 4,
    UNWIND_PUSH_REGISTER = 5, /* u8 */
    UNWIND_PUSH_CFA = 6,
    UNWIND_PUSH_VARIABLE = 7, /* u8: one of enum unwind_variable, or a temporary */
    UNWIND_DEREF = 8,         /* a word of memory */
    UNWIND_DEREF_SIZE = 9,    /* u8 bytes: 1, 2, 4, 8; zero-extended */
    UNWIND_SET_CFA = 10,
    UNWIND_SET_REGISTER = 11,   /* u8 */
    UNWIND_CLEAR_REGISTER = 12, /* u8: the caller's cannot be known; pc: there is no caller */
    UNWIND_SET_VARIABLE = 13,   /* u8 */
    UNWIND_DUP = 14,
    UNWIND_DROP = 15,
    UNWIND_OVER = 16,
    UNWIND_SWAP = 17,
    UNWIND_INTERRUPTED = 18, /* by a signal: the pc of the caller is no return address */
    UNWIND_ADD = 32,
    UNWIND_SUB = 33,
    UNWIND_MUL = 34,
    UNWIND_DIV = 35, /* as Breakpad: unsigned */
    UNWIND_MOD = 36,
    UNWIND_ALIGN = 37, /* a b: a with the bits below the alignment b cleared */
    UNWIND_AND = 38,
    UNWIND_OR = 39,
    UNWIND_XOR = 40,
    UNWIND_SHL = 41,
    UNWIND_SHR = 42,
    UNWIND_SHRA = 43,
    UNWIND_NEG = 44,
    UNWIND_NOT = 45,
    UNWIND_EQ = 46, /* comparisons: signed, 1 or 0 */
    UNWIND_NE = 47,
    UNWIND_LT = 48,
    UNWIND_LE = 49,
    UNWIND_GT = 50,
    UNWIND_GE = 51,
    UNWIND_DIV_SIGNED = 52 /* DWARF's */
};

/* What the walker gives to a STACK WIN program; temporaries ($T0 ...) are numbered behind them. */
enum unwind_variable {
    UNWIND_VAR_PARAMS,          /* .cbParams */
    UNWIND_VAR_CALLEE_PARAMS,   /* .cbCalleeParams */
    UNWIND_VAR_SAVED_REGISTERS, /* .cbSavedRegs */
    UNWIND_VAR_LOCALS,          /* .cbLocals */
    UNWIND_VAR_SEARCH,          /* .raSearch */
    UNWIND_VAR_SEARCH_START,    /* .raSearchStart */
    UNWIND_VAR_TEMPORARY        /* the first free one */
};

/* For those who write programs. */
void unwind_op(struct buf *out, enum unwind_op op);
void unwind_op_u8(struct buf *out, enum unwind_op op, uint8_t operand);
void unwind_push(struct buf *out, int64_t value); /* the shortest form */

#endif
