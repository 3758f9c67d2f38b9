/* minidump_context.c - the registers of a thread, from the CONTEXT record of its processor.
 *
 * Records are as in Microsoft's headers, with Breakpad's for what Windows does not run on. Only the
 * part up to the program counter must be there: writers add what later processors have. */
#include "decode/minidump_parts.h"

#define FLAGS_CPU UINT32_C(0xffffff00)
#define FLAGS_X86 UINT32_C(0x00010000)
#define FLAGS_AMD64 UINT32_C(0x00100000)
#define FLAGS_ARM UINT32_C(0x40000000)
#define FLAGS_ARM_WINDOWS UINT32_C(0x00200000)
#define FLAGS_ARM64 UINT32_C(0x00400000)
#define FLAGS_ARM64_OLD UINT32_C(0x80000000)

/* Bytes of whole records. */
#define X86_SIZE 716
#define AMD64_SIZE 1232
#define ARM_SIZE 368
#define ARM64_SIZE 912
#define ARM64_OLD_SIZE 796

#define X86_REGISTERS_AT 156
#define AMD64_FLAGS_AT 48
#define AMD64_REGISTERS_AT 120

static void set(struct registers *out, unsigned reg, uint64_t value)
{
    out->at[reg] = value;
    out->known |= UINT64_C(1) << reg;
}

/* Whether the flags name another processor than these two. */
static bool is_other(uint32_t flags, uint32_t one, uint32_t two)
{
    static const uint32_t all =
        FLAGS_X86 | FLAGS_AMD64 | FLAGS_ARM | FLAGS_ARM_WINDOWS | FLAGS_ARM64 | FLAGS_ARM64_OLD;
    return (flags & FLAGS_CPU & all) && !(flags & (one | two));
}

static bool read_x86(struct reader *r, struct registers *out)
{
    static const uint8_t order[] = { X86_EDI, X86_ESI, X86_EBX, X86_EDX,
                                     X86_ECX, X86_EAX, X86_EBP, X86_EIP };
    if (is_other(reader_u32(r), FLAGS_X86, FLAGS_X86))
        return false;
    reader_skip(r, X86_REGISTERS_AT - 4);
    for (size_t i = 0; i < sizeof order; i++)
        set(out, order[i], reader_u32(r));
    reader_skip(r, 8); /* cs, eflags */
    set(out, X86_ESP, reader_u32(r));
    return !r->failed;
}

static bool read_amd64(struct reader *r, struct registers *out)
{
    static const uint8_t order[] = { AMD64_RAX, AMD64_RCX, AMD64_RDX, AMD64_RBX,
                                     AMD64_RSP, AMD64_RBP, AMD64_RSI, AMD64_RDI };
    reader_skip(r, AMD64_FLAGS_AT);
    if (is_other(reader_u32(r), FLAGS_AMD64, FLAGS_AMD64))
        return false;
    reader_skip(r, AMD64_REGISTERS_AT - AMD64_FLAGS_AT - 4);
    for (size_t i = 0; i < sizeof order; i++)
        set(out, order[i], reader_u64(r));
    for (unsigned reg = AMD64_R8; reg <= AMD64_RIP; reg++) /* r8 to r15, rip */
        set(out, reg, reader_u64(r));
    return !r->failed;
}

static bool read_arm(struct reader *r, struct registers *out)
{
    if (is_other(reader_u32(r), FLAGS_ARM, FLAGS_ARM_WINDOWS))
        return false;
    for (unsigned reg = 0; reg <= ARM_PC; reg++)
        set(out, reg, reader_u32(r));
    return !r->failed;
}

/* Both layouts have x0 to x30, sp and pc from byte 8; before it stand 64 bits of flags in
 * Breakpad's old one, flags and cpsr in the other. */
static bool read_arm64(struct reader *r, struct registers *out)
{
    if (is_other(reader_u32(r), FLAGS_ARM64, FLAGS_ARM64_OLD))
        return false;
    reader_skip(r, 4);
    for (unsigned reg = 0; reg <= ARM64_PC; reg++)
        set(out, reg, reader_u64(r));
    return !r->failed;
}

/* What stands at the place of the flags. */
static uint32_t flags_of(const struct minidump *m, struct bytes raw, size_t at)
{
    struct reader r = minidump_reader(m, raw);
    reader_skip(&r, at);
    return reader_u32(&r);
}

/* The largest record is AMD64's, and the only one that does not begin with its flags. The old one
 * of ARM64 begins with flags of 64 bits, of which the lower half tells. */
enum cpu minidump_context_cpu(const struct minidump *m, struct bytes raw)
{
    if (raw.len >= AMD64_SIZE && flags_of(m, raw, AMD64_FLAGS_AT) & FLAGS_AMD64)
        return CPU_AMD64;
    if (raw.len == ARM64_OLD_SIZE && flags_of(m, raw, m->big_endian ? 4 : 0) & FLAGS_ARM64_OLD)
        return CPU_ARM64;
    uint32_t flags = flags_of(m, raw, 0);
    if (raw.len >= ARM64_SIZE && flags & FLAGS_ARM64 && !is_other(flags, FLAGS_ARM64, FLAGS_ARM64))
        return CPU_ARM64;
    if (raw.len >= X86_SIZE && flags & FLAGS_X86 && !is_other(flags, FLAGS_X86, FLAGS_X86))
        return CPU_X86;
    if (raw.len >= ARM_SIZE && flags & (FLAGS_ARM | FLAGS_ARM_WINDOWS) &&
        !is_other(flags, FLAGS_ARM, FLAGS_ARM_WINDOWS))
        return CPU_ARM;
    return CPU_UNKNOWN;
}

bool minidump_context(const struct minidump *m, struct bytes raw, struct registers *out)
{
    struct reader r = minidump_reader(m, raw);
    *out = (struct registers){ .known = 0 };
    switch (m->dump->cpu) {
    case CPU_X86:
        return read_x86(&r, out);
    case CPU_AMD64:
        return read_amd64(&r, out);
    case CPU_ARM:
        return read_arm(&r, out);
    case CPU_ARM64:
        return read_arm64(&r, out);
    case CPU_UNKNOWN:
        break;
    }
    return false;
}
