/* mac_words.c - exceptions of Mach in the words of Breakpad. Names and numbers are those of
 * mach/exception_types.h, mach/kern_return.h and the exception.h of each processor. */
#include "decode/dump_parts.h"

#include <inttypes.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char *const exceptions[] = {
    NULL,
    "EXC_BAD_ACCESS / ",
    "EXC_BAD_INSTRUCTION / ",
    "EXC_ARITHMETIC / ",
    "EXC_EMULATION / ",
    "EXC_SOFTWARE / ",
    "EXC_BREAKPOINT / ",
    "EXC_SYSCALL / ",
    "EXC_MACH_SYSCALL / ",
    "EXC_RPC_ALERT / ",
    NULL,
    "EXC_RESOURCE / ",
    "EXC_GUARD / ",
};
static const struct {
    uint32_t code;
    const char *name;
} special[] = {
    { 0x43507378, "Simulated Exception" },  /* "CPsx", by Crashpad */
    { 0x43506e78, "Uncaught NSException" }, /* "CPnx" */
};

static const struct {
    uint32_t exception;
    enum mac_processor processor;
    uint32_t code;
    const char *name;
} codes[] = {
    { 1, MAC_ANY, 1, "KERN_INVALID_ADDRESS" },
    { 1, MAC_ANY, 2, "KERN_PROTECTION_FAILURE" },
    { 1, MAC_ANY, 8, "KERN_NO_ACCESS" },
    { 1, MAC_ANY, 9, "KERN_MEMORY_FAILURE" },
    { 1, MAC_ANY, 10, "KERN_MEMORY_ERROR" },
    { 1, MAC_ANY, 50, "KERN_CODESIGN_ERROR" },
    { 1, MAC_X86, 13, "EXC_I386_GPFLT" },
    { 1, MAC_ARM, 0x101, "EXC_ARM_DA_ALIGN" },
    { 1, MAC_ARM, 0x102, "EXC_ARM_DA_DEBUG" },
    { 1, MAC_PPC, 0x101, "EXC_PPC_VM_PROT_READ" },
    { 1, MAC_PPC, 0x102, "EXC_PPC_BADSPACE" },
    { 1, MAC_PPC, 0x103, "EXC_PPC_UNALIGNED" },
    { 2, MAC_X86, 1, "EXC_I386_INVOP" },
    { 2, MAC_X86, 10, "EXC_I386_INVTSSFLT" },
    { 2, MAC_X86, 11, "EXC_I386_SEGNPFLT" },
    { 2, MAC_X86, 12, "EXC_I386_STKFLT" },
    { 2, MAC_X86, 13, "EXC_I386_GPFLT" },
    { 2, MAC_X86, 17, "EXC_I386_ALIGNFLT" },
    { 2, MAC_ARM, 1, "EXC_ARM_UNDEFINED" },
    { 2, MAC_PPC, 1, "EXC_PPC_INVALID_SYSCALL" },
    { 2, MAC_PPC, 2, "EXC_PPC_UNIPL_INST" },
    { 2, MAC_PPC, 3, "EXC_PPC_PRIVINST" },
    { 2, MAC_PPC, 4, "EXC_PPC_PRIVREG" },
    { 2, MAC_PPC, 5, "EXC_PPC_TRACE" },
    { 2, MAC_PPC, 6, "EXC_PPC_PERFMON" },
    { 3, MAC_X86, 1, "EXC_I386_DIV" },
    { 3, MAC_X86, 2, "EXC_I386_INTO" },
    { 3, MAC_X86, 3, "EXC_I386_NOEXT" },
    { 3, MAC_X86, 4, "EXC_I386_EXTOVR" },
    { 3, MAC_X86, 5, "EXC_I386_EXTERR" },
    { 3, MAC_X86, 6, "EXC_I386_EMERR" },
    { 3, MAC_X86, 7, "EXC_I386_BOUND" },
    { 3, MAC_X86, 8, "EXC_I386_SSEEXTERR" },
    { 3, MAC_PPC, 1, "EXC_PPC_OVERFLOW" },
    { 3, MAC_PPC, 2, "EXC_PPC_ZERO_DIVIDE" },
    { 3, MAC_PPC, 3, "EXC_FLT_INEXACT" },
    { 3, MAC_PPC, 4, "EXC_PPC_FLT_ZERO_DIVIDE" },
    { 3, MAC_PPC, 5, "EXC_PPC_FLT_UNDERFLOW" },
    { 3, MAC_PPC, 6, "EXC_PPC_FLT_OVERFLOW" },
    { 3, MAC_PPC, 7, "EXC_PPC_FLT_NOT_A_NUMBER" },
    { 3, MAC_PPC, 8, "EXC_PPC_NOEMULATION" },
    { 3, MAC_PPC, 9, "EXC_PPC_ALTIVECASSIST" },
    { 5, MAC_ANY, 0x10002, "SIGABRT" },
    { 5, MAC_ANY, 0xdeadc0de, "UNCAUGHT_NS_EXCEPTION" },
    { 5, MAC_ANY, 1, "EXC_PPC_TRAP" },
    { 5, MAC_ANY, 0x10100, "EXC_PPC_MIGRATE" },
    { 6, MAC_X86, 1, "EXC_I386_SGL" },
    { 6, MAC_X86, 2, "EXC_I386_BPT" },
    { 6, MAC_ARM, 1, "EXC_ARM_BREAKPOINT" },
    { 6, MAC_ARM, 0x101, "EXC_ARM_DA_ALIGN" },
    { 6, MAC_ARM, 0x102, "EXC_ARM_DA_DEBUG" },
    { 6, MAC_PPC, 1, "EXC_PPC_BREAKPOINT" },
};

static const char *code_name(enum mac_processor processor, uint64_t type, uint64_t code)
{
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].exception == type && codes[i].code == code &&
            (codes[i].processor == MAC_ANY || codes[i].processor == processor))
            return codes[i].name;
    return NULL;
}

bool mac_exception_text(enum mac_processor processor, uint64_t type, uint64_t code, struct arena *a,
                        struct str *out)
{
    const char *word = type < COUNT(exceptions) ? exceptions[type] : NULL;
    const char *name = word ? code_name(processor, type, code) : NULL;
    for (size_t i = 0; i < COUNT(special); i++)
        if (special[i].code == type)
            return arena_str(a, str_from_c(special[i].name), out);
    if (name)
        return arena_printf(a, out, "%s%s", word, name);
    return word ? arena_printf(a, out, "%s0x%08" PRIx64, word, code)
                : arena_printf(a, out, "0x%08" PRIx64 " / 0x%08" PRIx64, type, code);
}
