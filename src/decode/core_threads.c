/* core_threads.c - the status of a thread: its id, its registers, the signal that it got.
 *
 * The structures are those of the kernel, linux/elfcore.h and each processor's asm/elf.h and
 * asm/ptrace.h: struct elf_prstatus, with elf_gregset_t within. */
#include "decode/core_parts.h"

#include <elf.h>

#define SIGNAL_AT 12 /* pr_cursig; before it siginfo in short */
#define MASKS_AT 16  /* pending and held signals, a word each */
#define TIMES 8      /* words */

/* Which register stands in each word, or none. */
enum { NONE = 255 };
static const uint8_t x86_order[] = { X86_EBX, X86_ECX, X86_EDX, X86_ESI, X86_EDI, X86_EBP,
                                     X86_EAX, NONE,    NONE,    NONE,    NONE,    NONE,
                                     X86_EIP, NONE,    NONE,    X86_ESP };
static const uint8_t amd64_order[] = {
    AMD64_R15,    AMD64_R12 + 2, AMD64_R12 + 1, AMD64_R12, AMD64_RBP, AMD64_RBX, AMD64_R8 + 3,
    AMD64_R8 + 2, AMD64_R8 + 1,  AMD64_R8,      AMD64_RAX, AMD64_RCX, AMD64_RDX, AMD64_RSI,
    AMD64_RDI,    NONE,          AMD64_RIP,     NONE,      NONE,      AMD64_RSP,
};

static bool read_ordered(struct reader *r, const uint8_t *order, size_t count, size_t word,
                         struct registers *out)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = reader_number(r, word);
        unsigned reg = order ? order[i] : (unsigned)i;
        if (reg == NONE)
            continue;
        out->at[reg] = value;
        out->known |= UINT64_C(1) << reg;
    }
    return !r->failed;
}

static bool read_registers(const struct core *c, struct reader *r, struct registers *out)
{
    *out = (struct registers){ .known = 0 };
    switch (c->dump->cpu) {
    case CPU_X86:
        return read_ordered(r, x86_order, sizeof x86_order, 4, out);
    case CPU_AMD64: /* of programs with short pointers (x32), too */
        return read_ordered(r, amd64_order, sizeof amd64_order, 8, out);
    case CPU_ARM:
        return read_ordered(r, NULL, ARM_PC + 1, 4, out);
    case CPU_ARM64:
        return read_ordered(r, NULL, ARM64_PC + 1, 8, out);
    case CPU_UNKNOWN:
        break;
    }
    return false;
}

uint32_t core_read_thread(struct core *c, struct bytes status, struct dump_thread *out)
{
    struct reader r = core_reader(c, status);
    size_t word = c->is_64 ? 8 : 4;
    uint32_t info_signal = reader_u32(&r);
    reader_skip(&r, SIGNAL_AT - 4);
    uint32_t signal = reader_u16(&r);
    reader_skip(&r, MASKS_AT - SIGNAL_AT - 2 + 2 * word);
    *out = (struct dump_thread){ .id = reader_u32(&r), .name = STR("") };
    reader_skip(&r, 12 + TIMES * word); /* the ids of its parent, group and session */
    out->has_registers = read_registers(c, &r, &out->registers);
    if (!out->has_registers && c->dump->cpu != CPU_UNKNOWN)
        dump_error(&c->make, "thread %llu has no registers", (unsigned long long)out->id);
    return signal ? signal : info_signal;
}
