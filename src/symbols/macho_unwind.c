/* macho_unwind.c - pages of (function, encoding), and what the encodings say.
 *
 * An index leads to pages, each of which covers a range of addresses: regular ones write out each
 * encoding, compressed ones number them. Function offsets count from the load address. */
#include "symbols/macho_unwind.h"

#include "symbols/elf_rules.h"

#define VERSION 1
#define PAGE_REGULAR 2
#define PAGE_COMPRESSED 3
#define INDEX_ENTRY_BYTES 12

/* Of all processors. */
#define IS_INSIDE UINT32_C(0x80000000) /* the entry does not begin where its function does */
#define MODE(encoding) ((encoding) >> 24 & 15)

enum x86_mode { X86_FRAME = 1, X86_SIZE = 2, X86_SIZE_IN_CODE = 3, X86_DWARF = 4 };
enum arm64_mode { ARM64_FRAMELESS = 2, ARM64_DWARF = 3, ARM64_FRAME = 4 };
#define X86_SAVED_MAX 6
#define ARM64_PAIRS 5 /* x19 and x20 to x27 and x28 */

struct page {
    bool compressed;
    uint32_t base; /* that offsets of a compressed page count from */
    struct bytes entries, encodings;
    uint32_t count;
};

struct unwind {
    const struct macho_image *image;
    const struct cpu_facts *cpu;
    struct bytes table, common;
    struct elf_cfi_counts *counts;
    elf_cfi_take *take;
    void *ctx;
    struct buf program;
    size_t left; /* entries that may come: pages that are listed twice do not cost more */
};

struct entry {
    uint32_t start, encoding;
};

static struct elf_rule at_cfa(int64_t offset)
{
    return (struct elf_rule){ .kind = ELF_RULE_AT, .value = offset };
}

static struct elf_rule register_plus(unsigned number, int64_t offset)
{
    return (struct elf_rule){ .kind = ELF_RULE_REGISTER, .value = number, .offset = offset };
}

/* --- x86 and x86-64 --- */

/* Registers in encodings are numbered from 1; -1: there is no such. */
static int x86_register(const struct unwind *u, unsigned number)
{
    static const int8_t x86[] = { -1, X86_EBX, X86_ECX, X86_EDX, X86_EDI, X86_ESI, X86_EBP };
    static const int8_t amd64[] = { -1,        AMD64_RBX, AMD64_R12, AMD64_R12 + 1, AMD64_R12 + 2,
                                    AMD64_R15, AMD64_RBP };
    return number > X86_SAVED_MAX ? -1 : u->cpu->word == 8 ? amd64[number] : x86[number];
}

/* Five registers, three bits each, from an offset below the frame pointer upwards. */
static bool x86_frame(const struct unwind *u, uint32_t encoding, struct elf_row *row)
{
    int64_t word = u->cpu->word, at = -2 * word - word * (int64_t)(encoding >> 16 & 0xff);
    row->cfa = register_plus(u->cpu->fp, 2 * word);
    for (unsigned i = 0; i < 5; i++, at += word) {
        unsigned number = encoding >> (3 * i) & 7;
        int saved = x86_register(u, number);
        if (number != 0 && saved < 0)
            return false;
        if (number != 0)
            row->registers[saved] = at_cfa(at);
    }
    row->registers[u->cpu->fp] = at_cfa(-2 * word);
    row->registers[u->cpu->pc] = at_cfa(-word);
    return true;
}

/* Which `count` of the six registers, in which order: a number of mixed base, each digit of which
 * counts the registers that are not taken yet. */
static bool x86_permutation(uint32_t number, unsigned count, unsigned out[X86_SAVED_MAX])
{
    bool used[X86_SAVED_MAX + 1] = { false };
    for (unsigned i = 0; i < count; i++) {
        uint32_t base = 1;
        for (unsigned k = i + 1; k < count; k++)
            base *= X86_SAVED_MAX - k;
        uint32_t digit = number / base;
        number %= base;
        unsigned candidate = 1;
        for (; candidate <= X86_SAVED_MAX; candidate++)
            if (!used[candidate] && digit-- == 0)
                break;
        if (candidate > X86_SAVED_MAX)
            return false;
        used[candidate] = true;
        out[i] = candidate;
    }
    return true;
}

static bool x86_frameless(const struct unwind *u, uint32_t encoding, uint64_t size,
                          struct elf_row *row)
{
    int64_t word = u->cpu->word;
    unsigned count = encoding >> 10 & 7, saved[X86_SAVED_MAX];
    if (count > X86_SAVED_MAX || !x86_permutation(encoding & 0x3ff, count, saved) ||
        size < (count + 1) * (uint64_t)word)
        return false;
    row->cfa = register_plus(u->cpu->sp, (int64_t)size);
    for (unsigned i = 0; i < count; i++)
        row->registers[x86_register(u, saved[i])] = at_cfa(-word * (int64_t)(count + 1 - i));
    row->registers[u->cpu->pc] = at_cfa(-word);
    return true;
}

/* The size that an instruction of the function subtracts from the stack pointer. */
static bool size_in_code(const struct unwind *u, const struct entry *entry, uint64_t *size)
{
    const struct macho_image *m = u->image;
    uint64_t address = m->load_address + entry->start + (entry->encoding >> 16 & 0xff);
    for (size_t i = 0; i < m->section_count && !(entry->encoding & IS_INSIDE); i++) {
        const struct macho_section *s = &m->sections[i];
        struct bytes number;
        if (macho_has_code(s) && address >= s->address &&
            bytes_slice(s->content, address - s->address, 4, &number)) {
            struct reader r = macho_reader(m, number);
            *size = reader_u32(&r) + (uint64_t)u->cpu->word * (entry->encoding >> 13 & 7);
            return true;
        }
    }
    return false;
}

static bool x86_row(const struct unwind *u, const struct entry *entry, struct elf_row *row)
{
    uint64_t size = (uint64_t)u->cpu->word * (entry->encoding >> 16 & 0xff);
    switch (MODE(entry->encoding)) {
    case X86_FRAME:
        return x86_frame(u, entry->encoding, row);
    case X86_SIZE:
        return x86_frameless(u, entry->encoding, size, row);
    case X86_SIZE_IN_CODE:
        return size_in_code(u, entry, &size) && x86_frameless(u, entry->encoding, size, row);
    default:
        return false;
    }
}

/* --- ARM64 --- */

/* Pairs from an offset downwards; those of d8 to d15 take room, too, but come last. */
static bool arm64_row(const struct unwind *u, const struct entry *entry, struct elf_row *row)
{
    bool has_frame = MODE(entry->encoding) == ARM64_FRAME;
    int64_t at = has_frame ? -24 : -8;
    if (has_frame) {
        row->cfa = register_plus(ARM64_FP, 16);
        row->registers[ARM64_FP] = at_cfa(-16);
        row->registers[ARM64_LR] = at_cfa(-8);
    } else if (MODE(entry->encoding) == ARM64_FRAMELESS) {
        row->cfa = register_plus(ARM64_SP, 16 * (int64_t)(entry->encoding >> 12 & 0xfff));
    } else {
        return false;
    }
    for (unsigned pair = 0; pair < ARM64_PAIRS; pair++)
        if (entry->encoding >> pair & 1) {
            row->registers[ARM64_X19 + 2 * pair] = at_cfa(at);
            row->registers[ARM64_X19 + 2 * pair + 1] = at_cfa(at - 8);
            at -= 16;
        }
    row->is_signed = u->image->signs_returns;
    return true;
}

/* --- pages --- */

/* .eh_frame has the rules; or nothing is known. */
static bool is_elsewhere(const struct unwind *u, uint32_t encoding)
{
    unsigned dwarf = u->cpu->sp == ARM64_SP ? ARM64_DWARF : X86_DWARF;
    return MODE(encoding) == 0 || MODE(encoding) == dwarf;
}

static bool add_entry(struct unwind *u, const struct entry *entry, uint32_t end)
{
    struct elf_row row = { 0 };
    bool is_arm64 = u->image->cpu == CPU_ARM64;
    u->counts->entries++;
    if (entry->start >= end || is_elsewhere(u, entry->encoding)) {
        u->counts->elsewhere++;
        return true;
    }
    if (!(is_arm64 ? arm64_row(u, entry, &row) : x86_row(u, entry, &row)) ||
        !elf_rules_program(&u->program, &row, u->cpu, is_arm64 ? ARM64_LR : u->cpu->pc, false)) {
        u->counts->untold++;
        return true;
    }
    u->counts->rows++;
    struct str program = buf_view(&u->program);
    return u->take(u->ctx, u->image->load_address + entry->start, end - entry->start,
                   (struct bytes){ (const uint8_t *)program.ptr, program.len });
}

static bool open_page(const struct unwind *u, uint32_t base, uint32_t offset, struct page *out)
{
    struct bytes all;
    if (offset > u->table.len || !bytes_slice(u->table, offset, u->table.len - offset, &all))
        return false;
    struct reader r = macho_reader(u->image, all);
    uint32_t kind = reader_u32(&r);
    uint16_t entries_at = reader_u16(&r), count = reader_u16(&r);
    *out = (struct page){ .compressed = kind == PAGE_COMPRESSED, .base = base, .count = count };
    if (r.failed || (kind != PAGE_COMPRESSED && kind != PAGE_REGULAR))
        return false;
    uint16_t encodings_at = 0, encodings = 0;
    if (out->compressed) {
        encodings_at = reader_u16(&r);
        encodings = reader_u16(&r);
    }
    return !r.failed && bytes_slice(all, encodings_at, 4U * encodings, &out->encodings) &&
           bytes_slice(all, entries_at, (out->compressed ? 4U : 8U) * count, &out->entries);
}

static uint32_t number_at(const struct unwind *u, struct bytes numbers, size_t i)
{
    struct reader r = macho_reader(u->image, numbers);
    reader_skip(&r, 4 * i);
    return reader_u32(&r); /* 0 when it lies outside: nothing is known */
}

static struct entry read_entry(const struct unwind *u, const struct page *p, size_t i)
{
    if (!p->compressed)
        return (struct entry){ number_at(u, p->entries, 2 * i),
                               number_at(u, p->entries, 2 * i + 1) };
    uint32_t both = number_at(u, p->entries, i), which = both >> 24;
    size_t common = u->common.len / 4;
    return (struct entry){ p->base + (both & 0xffffff),
                           which < common ? number_at(u, u->common, which)
                                          : number_at(u, p->encodings, which - common) };
}

static bool read_page(struct unwind *u, const struct page *p, uint32_t end)
{
    for (size_t i = 0; i < p->count; i++) {
        struct entry entry = read_entry(u, p, i);
        uint32_t stop = i + 1 < p->count ? read_entry(u, p, i + 1).start : end;
        if (!add_entry(u, &entry, stop < end ? stop : end))
            return false;
    }
    return true;
}

static bool read_index(struct unwind *u, struct bytes index)
{
    for (size_t at = 0; index.len - at >= 2 * (size_t)INDEX_ENTRY_BYTES; at += INDEX_ENTRY_BYTES) {
        struct reader r = macho_reader(u->image, index);
        r.pos = at;
        uint32_t start = reader_u32(&r), page_at = reader_u32(&r);
        reader_skip(&r, 4);
        uint32_t end = reader_u32(&r);
        struct page page;
        if (page_at == 0)
            continue;
        if (!open_page(u, start, page_at, &page) || page.count > u->left) {
            u->counts->damaged++;
            continue;
        }
        u->left -= page.count;
        if (!read_page(u, &page, end))
            return false;
    }
    return true;
}

/* False: there is none. */
static bool open_table(struct unwind *u, struct bytes *index)
{
    const struct macho_section *s = macho_section_find(u->image, "__TEXT", "__unwind_info");
    if (!s || s->content.len == 0)
        return false;
    u->table = s->content;
    struct reader r = macho_reader(u->image, u->table);
    uint32_t version = reader_u32(&r);
    uint32_t common_at = reader_u32(&r), common = reader_u32(&r);
    reader_skip(&r, 8); /* routines that handle exceptions */
    uint32_t index_at = reader_u32(&r), count = reader_u32(&r);
    if (r.failed || version != VERSION ||
        !bytes_slice(u->table, common_at, UINT64_C(4) * common, &u->common) ||
        !bytes_slice(u->table, index_at, (uint64_t)INDEX_ENTRY_BYTES * count, index)) {
        u->counts->damaged++;
        return false;
    }
    u->left = u->table.len / 4;
    return true;
}

bool macho_unwind_read(const struct macho_image *m, elf_cfi_take *take, void *ctx,
                       struct elf_cfi_counts *counts, struct err *e)
{
    struct bytes index;
    struct unwind u = {
        .image = m, .cpu = cpu_facts(m->cpu), .counts = counts, .take = take, .ctx = ctx
    };
    *e = (struct err){ 0 };
    if (!u.cpu || m->cpu == CPU_ARM || !open_table(&u, &index))
        return true;
    buf_init(&u.program, UNWIND_PROGRAM_MAX);
    bool ok = read_index(&u, index);
    buf_done(&u.program);
    return ok;
}
