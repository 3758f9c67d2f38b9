/* Any bytes as a Mach-O file, thin or fat, or as a compact unwind table: what our own readers take
 * from them is within bounds, and refusals say why. The first byte tells which: 0 to 15 a file (8
 * and more: also through elfutils, where it has debug information), then tables (see `tables`).
 *
 * CRUMPLE_FUZZ_NO_ELFUTILS in the environment leaves elfutils out: it is not made for damaged
 * files, and its crashes are not ours to find. */
#include "base/arena.h"
#include "symbols/macho_symbols.h"
#include "symbols/macho_unwind.h"

#include "touch.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY ((size_t)64 << 20)

static bool take(void *ctx, uint64_t address, uint64_t size, struct bytes program)
{
    size_t *rows = ctx;
    assert(size > 0 && address >= 0x1000);
    assert(program.len > 0 && program.len <= UNWIND_PROGRAM_MAX);
    touch_bytes(program.ptr, program.len);
    ++*rows;
    return true;
}

static const struct table {
    enum cpu cpu;
    bool signs_returns;
} tables[] = {
    { CPU_X86, false }, { CPU_AMD64, false }, { CPU_ARM64, false }, { CPU_ARM64, true }
};

static void read_table(const struct table *t, struct bytes content)
{
    struct macho_section sections[] = {
        { STR("__TEXT"), STR("__text"), 0x1000, content.len, 0x80000400, content },
        { STR("__TEXT"), STR("__unwind_info"), 0x1000, content.len, 0, content },
    };
    struct macho_image m = { .is_64 = t->cpu != CPU_X86,
                             .signs_returns = t->signs_returns,
                             .cpu = t->cpu,
                             .load_address = 0x1000,
                             .sections = sections,
                             .section_count = 2 };
    struct elf_cfi_counts counts = { 0 };
    struct err e = { 0 };
    size_t rows = 0;
    assert(macho_unwind_read(&m, take, &rows, &counts, &e));
    assert(rows == counts.rows && counts.entries <= content.len / 4);
}

/* Whether macho_read would leave it to our own readers alone. */
static bool is_ours(struct bytes file, struct arena *a)
{
    struct macho_image m;
    struct err e = { 0 };
    if (!macho_image_read(&m, file, a, &e))
        return true;
    for (size_t i = 0; i < m.section_count; i++) {
        touch_bytes(m.sections[i].content.ptr, m.sections[i].content.len > 64 ? 64 : 0);
        if (str_eq(m.sections[i].segment, STR("__DWARF")))
            return false;
    }
    return true;
}

static void identify(struct bytes file, struct arena *a)
{
    struct symcache_about about;
    struct err e = { 0 };
    if (macho_identify(file, STR("dir/name"), a, &about, &e)) {
        assert(macho_is(file) && about.debug_id.len == 33 && about.code_id.len == 32);
        touch(about.debug_id);
        touch(about.debug_file);
    } else {
        assert(e.code != ERR_NONE && e.msg[0] != '\0'); /* a refusal always says why */
    }
}

static void convert(struct bytes file)
{
    struct err e = { 0 };
    struct symcache_builder *b = symcache_builder_new(MEMORY);
    if (b && !macho_read(file, STR("name"), b, &e))
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
    symcache_builder_free(b);
}

static void read_part(struct bytes file, bool elfutils)
{
    struct arena *a = arena_new(MEMORY);
    if (a) {
        identify(file, a);
        if (elfutils || is_ours(file, a))
            convert(file);
    }
    arena_free(a);
}

static void read_file(struct bytes file, bool elfutils)
{
    struct macho_part parts[MACHO_PARTS_MAX];
    struct err e = { 0 };
    size_t count = 0;
    if (!macho_parts(file, parts, &count, &e))
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
    for (size_t i = 0; i < count; i++)
        read_part(parts[i].file, elfutils);
    read_part(file, elfutils);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t kind = data[0];
    struct bytes rest = { data + 1, size - 1 };
    if (kind < 16)
        read_file(rest, kind >= 8 && !getenv("CRUMPLE_FUZZ_NO_ELFUTILS"));
    else
        read_table(&tables[kind % (sizeof tables / sizeof *tables)], rest);
    return 0;
}
