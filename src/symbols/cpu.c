/* cpu.c - the tables of processors. */
#include "symbols/cpu.h"

#define BIT(r) (UINT64_C(1) << (r))
#define BITS(from, to) ((BIT((to) + 1) - 1) & ~(BIT(from) - 1)) /* both ends included */
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const x86_names[] = { "eax", "ecx", "edx", "ebx", "esp",
                                         "ebp", "esi", "edi", "eip" };
static const char *const amd64_names[] = { "rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                           "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                           "r12", "r13", "r14", "r15", "rip" };
static const char *const arm_names[] = { "r0", "r1", "r2",  "r3", "r4",  "r5", "r6", "r7",
                                         "r8", "r9", "r10", "fp", "r12", "sp", "lr", "pc" };
static const char *const arm64_names[] = { "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",
                                           "x7",  "x8",  "x9",  "x10", "x11", "x12", "x13",
                                           "x14", "x15", "x16", "x17", "x18", "x19", "x20",
                                           "x21", "x22", "x23", "x24", "x25", "x26", "x27",
                                           "x28", "fp",  "lr",  "sp",  "pc" };

static const struct cpu_facts all[] = {
    [CPU_X86] = { .name = STR_INIT("x86"),
                  .registers = COUNT(x86_names),
                  .pc = X86_EIP,
                  .sp = X86_ESP,
                  .fp = X86_EBP,
                  .word = 4,
                  .callee_saved = BIT(X86_EBX) | BITS(X86_EBP, X86_EDI),
                  .names = x86_names },
    [CPU_AMD64] = { .name = STR_INIT("amd64"),
                    .registers = COUNT(amd64_names),
                    .pc = AMD64_RIP,
                    .sp = AMD64_RSP,
                    .fp = AMD64_RBP,
                    .word = 8,
                    .callee_saved = BIT(AMD64_RBX) | BIT(AMD64_RBP) | BITS(AMD64_R12, AMD64_R15),
                    .names = amd64_names },
    [CPU_ARM] = { .name = STR_INIT("arm"),
                  .registers = COUNT(arm_names),
                  .pc = ARM_PC,
                  .sp = ARM_SP,
                  .fp = ARM_R11,
                  .word = 4,
                  .callee_saved = BITS(4, ARM_R11),
                  .names = arm_names },
    [CPU_ARM64] = { .name = STR_INIT("arm64"),
                    .registers = COUNT(arm64_names),
                    .pc = ARM64_PC,
                    .sp = ARM64_SP,
                    .fp = ARM64_FP,
                    .word = 8,
                    .callee_saved = BITS(ARM64_X19, ARM64_FP),
                    .names = arm64_names },
};

/* Further names of registers, and of processors. */
static const struct {
    enum cpu cpu;
    const char *name;
    int number;
} aliases[] = {
    { CPU_ARM, "r11", ARM_R11 },    { CPU_ARM, "ip", 12 },          { CPU_ARM, "r13", ARM_SP },
    { CPU_ARM, "r14", ARM_LR },     { CPU_ARM, "r15", ARM_PC },     { CPU_ARM64, "x29", ARM64_FP },
    { CPU_ARM64, "x30", ARM64_LR }, { CPU_ARM64, "x31", ARM64_SP },
};
static const struct {
    const char *name;
    enum cpu cpu;
} words[] = {
    { "x86", CPU_X86 },      { "i386", CPU_X86 },      { "i686", CPU_X86 },
    { "x86_64", CPU_AMD64 }, { "x86_64h", CPU_AMD64 }, { "amd64", CPU_AMD64 },
    { "arm", CPU_ARM },      { "armv7", CPU_ARM },     { "armv7s", CPU_ARM },
    { "arm64", CPU_ARM64 },  { "arm64e", CPU_ARM64 },  { "aarch64", CPU_ARM64 },
};

const struct cpu_facts *cpu_facts(enum cpu cpu)
{
    return cpu > CPU_UNKNOWN && cpu <= CPU_ARM64 ? &all[cpu] : NULL;
}

int cpu_register(enum cpu cpu, struct str name)
{
    const struct cpu_facts *f = cpu_facts(cpu);
    if (!f)
        return -1;
    if (str_starts(name, STR("$")))
        name = (struct str){ name.ptr + 1, name.len - 1 };
    for (int r = 0; r < f->registers; r++)
        if (str_eq(name, str_from_c(f->names[r])))
            return r;
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (aliases[i].cpu == cpu && str_eq(name, str_from_c(aliases[i].name)))
            return aliases[i].number;
    return -1;
}

enum cpu cpu_find(struct str name)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_is_word(name, words[i].name))
            return words[i].cpu;
    return CPU_UNKNOWN;
}
