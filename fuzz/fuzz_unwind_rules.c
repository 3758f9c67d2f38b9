/* Any bytes as an unwind program, run on registers and memory that come from the bytes as well: for
 * each processor, with the variables of STACK WIN programs and without. It ends, sets only
 * registers that there are to words that there are, and does the same when it is run again. */
#include "unwind/rules.h"

#include "base/reader.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY_BASE 0x1000
#define MEMORY_SIZE 64

static bool read_memory(const void *memory, uint64_t address, size_t bytes, uint64_t *value)
{
    struct bytes all = { memory, MEMORY_SIZE }, at;
    if (address < MEMORY_BASE || !bytes_slice(all, address - MEMORY_BASE, bytes, &at))
        return false;
    struct reader r = { .in = at };
    *value = reader_number(&r, bytes);
    return true;
}

static void check(const struct rules_out *out, const struct cpu_facts *cpu)
{
    uint64_t mask = UINT64_MAX >> (64 - cpu->word * 8);
    uint64_t there = UINT64_MAX >> (64 - cpu->registers);
    assert((out->set.known & out->cleared) == 0);
    assert(((out->set.known | out->cleared) & ~there) == 0);
    assert(!out->has_cfa || out->cfa <= mask);
    for (unsigned i = 0; i < CPU_REGISTERS_MAX; i++) {
        bool known = i < cpu->registers && (out->set.known >> i & 1);
        assert(known ? out->set.at[i] <= mask : out->set.at[i] == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = { .in = { data, size } };
    uint8_t how = reader_u8(&r);
    const struct cpu_facts *cpu = cpu_facts((enum cpu)(CPU_X86 + how % 4));
    const uint8_t *memory = reader_take(&r, MEMORY_SIZE);
    struct registers callee = { .known = reader_u64(&r) };
    if (r.failed)
        return 0;
    for (unsigned i = 0; i < cpu->registers; i++) /* addresses in memory, and around it */
        callee.at[i] = MEMORY_BASE - 8 + memory[i];
    struct rules_in in = { .cpu = cpu, .callee = &callee, .read = read_memory, .memory = memory };
    if (how & 4) {
        in.variables_known = (1u << UNWIND_VAR_TEMPORARY) - 1;
        for (unsigned i = 0; i < UNWIND_VAR_TEMPORARY; i++)
            in.variables[i] = MEMORY_BASE + i * 4u;
    }
    struct bytes program = { data + r.pos, size - r.pos };
    struct rules_out out, again;
    bool ok = rules_run(program, &in, &out);
    check(&out, cpu);
    assert(rules_run(program, &in, &again) == ok);
    assert(memcmp(&out.set, &again.set, sizeof out.set) == 0 && out.cfa == again.cfa);
    (void)rules_mention(program, UNWIND_ALIGN);
    return 0;
}
