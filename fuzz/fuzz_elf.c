/* Any bytes as an ELF file, or as one of its unwind tables: what our own readers take from them is
 * within bounds, and refusals say why. The first byte tells which: 0 to 15 a file (8 and more: also
 * through elfutils, where it has debug information), then tables (see `tables`).
 *
 * CRUMPLE_FUZZ_NO_ELFUTILS in the environment leaves elfutils out: it is not made for damaged
 * files, and its crashes are not ours to find. */
#include "base/arena.h"
#include "symbols/elf_cfi.h"
#include "symbols/elf_exidx.h"
#include "symbols/elf_identity.h"

#include "touch.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY ((size_t)64 << 20)

static bool take(void *ctx, uint64_t address, uint64_t size, struct bytes program)
{
    uint64_t end;
    size_t *rows = ctx;
    assert(size > 0 && !__builtin_add_overflow(address, size, &end));
    assert(program.len > 0 && program.len <= UNWIND_PROGRAM_MAX);
    touch_bytes(program.ptr, program.len);
    ++*rows;
    return true;
}

static const struct table {
    enum cpu cpu;
    bool is_64, big_endian, is_eh;
} tables[] = {
    { CPU_AMD64, true, false, true },  { CPU_X86, false, false, true },
    { CPU_ARM64, true, false, true },  { CPU_ARM, false, false, false },
    { CPU_AMD64, true, false, false }, { CPU_ARM64, true, true, true },
};

static void read_table(const struct table *t, struct bytes content)
{
    struct elf_range everything = { 0, UINT64_MAX };
    struct elf_image m = { .is_64 = t->is_64,
                           .big_endian = t->big_endian,
                           .cpu = t->cpu,
                           .code = &everything,
                           .code_count = 1 };
    struct elf_cfi_section section = { content, t->is_eh ? 0x1000 : 0, t->is_eh };
    struct elf_cfi_counts counts = { 0 };
    struct err e = { 0 };
    size_t rows = 0;
    assert(elf_cfi_read(&m, &section, take, &rows, &counts, &e));
    assert(rows == counts.rows && counts.damaged <= content.len);
}

static void read_exidx(struct bytes content)
{
    struct elf_range everything = { 0, UINT32_MAX };
    struct elf_segment segments[] = {
        { PT_LOAD, PF_R | PF_X, 0x1000, content.len, content },
        { PT_ARM_EXIDX, PF_R, 0x1000, content.len, content },
    };
    struct elf_image m = { .cpu = CPU_ARM,
                           .segments = segments,
                           .segment_count = 2,
                           .code = &everything,
                           .code_count = 1 };
    struct elf_cfi_counts counts = { 0 };
    struct err e = { 0 };
    size_t rows = 0;
    assert(elf_exidx_read(&m, take, &rows, &counts, &e));
    assert(rows == counts.rows);
}

/* Whether elf_read would leave it to our own readers alone. */
static bool is_ours(struct bytes file, struct arena *a)
{
    struct elf_image m;
    struct err e = { 0 };
    if (!elf_image_read(&m, file, a, &e))
        return true;
    for (size_t i = 0; i < m.section_count; i++)
        if (str_starts(m.sections[i].name, STR(".debug_")) ||
            str_starts(m.sections[i].name, STR(".zdebug_")))
            return false;
    return true;
}

static void identify(struct bytes file, struct arena *a)
{
    struct symcache_about about;
    struct err e = { 0 };
    if (elf_identify(file, STR("dir/name"), a, &about, &e)) {
        assert(elf_is(file) && about.debug_id.len == 33 && about.code_id.len % 2 == 0);
        touch(about.debug_id);
        touch(about.debug_file);
        touch(about.code_id);
    } else {
        assert(e.code != ERR_NONE && e.msg[0] != '\0'); /* a refusal always says why */
    }
}

static void convert(struct bytes file)
{
    struct err e = { 0 };
    struct elf_counts counts;
    struct symcache_builder *b = symcache_builder_new(MEMORY);
    if (b && !elf_read_counted(file, STR("name"), b, &counts, &e))
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
    symcache_builder_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t kind = data[0];
    struct bytes rest = { data + 1, size - 1 };
    if (kind < 16) {
        struct arena *a = arena_new(MEMORY);
        uint8_t *copy = malloc(rest.len + 1); /* aligned, as files in memory are */
        if (a && copy) {
            memcpy(copy, rest.ptr, rest.len);
            struct bytes file = { copy, rest.len };
            identify(file, a);
            if (is_ours(file, a) || (kind >= 8 && !getenv("CRUMPLE_FUZZ_NO_ELFUTILS")))
                convert(file);
        }
        free(copy);
        arena_free(a);
    } else if (kind % 8 < sizeof tables / sizeof *tables) {
        read_table(&tables[kind % 8], rest);
    } else {
        read_exidx(rest);
    }
    return 0;
}
