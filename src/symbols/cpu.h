/* cpu.h - processors and their registers, as symbol files and the stack walker number them.
 *
 * The numbers are DWARF's for each processor, so that rules of .eh_frame need no translation; where
 * DWARF has no number for the program counter, it gets the next one. The names are those of
 * Breakpad symbol files. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_CPU_H
#define CRUMPLE_SYMBOLS_CPU_H

#include "base/str.h"

/* Stored in symbol caches: never renumber. */
enum cpu { CPU_UNKNOWN = 0, CPU_X86 = 1, CPU_AMD64 = 2, CPU_ARM = 3, CPU_ARM64 = 4 };

#define CPU_REGISTERS_MAX 33

enum { X86_EAX, X86_ECX, X86_EDX, X86_EBX, X86_ESP, X86_EBP, X86_ESI, X86_EDI, X86_EIP };
enum {
    AMD64_RAX,
    AMD64_RDX,
    AMD64_RCX,
    AMD64_RBX,
    AMD64_RSI,
    AMD64_RDI,
    AMD64_RBP,
    AMD64_RSP,
    AMD64_R8,
    AMD64_R12 = 12,
    AMD64_R15 = 15,
    AMD64_RIP
};
enum { ARM_R7 = 7, ARM_R11 = 11, ARM_SP = 13, ARM_LR = 14, ARM_PC = 15 };
enum { ARM64_X19 = 19, ARM64_FP = 29, ARM64_LR = 30, ARM64_SP = 31, ARM64_PC = 32 };

struct cpu_facts {
    struct str name;          /* as minidump_stackwalk prints it: "amd64" */
    uint8_t registers;        /* how many, the program counter included */
    uint8_t pc, sp, fp;       /* their numbers; fp of ARM is r11 (iOS: r7, the walker knows) */
    uint8_t word;             /* bytes of an address */
    uint64_t callee_saved;    /* bit r: register r keeps its value over a call, pc and sp not */
    const char *const *names; /* without the $ of Breakpad */
};
/* CPU_UNKNOWN: NULL. */
const struct cpu_facts *cpu_facts(enum cpu cpu);

/* From a name in a symbol file, with or without $ in front; -1 when there is no such register (or
 * none that matters, such as d8). */
int cpu_register(enum cpu cpu, struct str name);
/* From the word in a MODULE record: x86, x86_64, arm, arm64 ...; CPU_UNKNOWN. */
enum cpu cpu_find(struct str name);

#endif
