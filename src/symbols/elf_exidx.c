/* elf_exidx.c - translates the instructions of ARM's exception handling ABI.
 *
 * The table holds pairs of words, sorted by address: where a function begins, and how to leave it:
 * three bytes of instructions, or where in .ARM.extab more of them are. Instructions move a virtual
 * stack pointer and take registers from it; where it ends is the CFA. */
#include "symbols/elf_exidx.h"

#include "symbols/elf_leb.h"
#include "symbols/elf_rules.h"

#define CANNOT_UNWIND 1
#define OP_FINISH 0xb0

struct exidx {
    const struct elf_image *image;
    const struct cpu_facts *cpu;
    struct elf_cfi_counts *counts;
    elf_cfi_take *take;
    void *ctx;
    uint64_t address; /* of the table */
    struct buf program;
};

/* The virtual stack pointer, and where registers were on it. */
struct unwinding {
    struct elf_row row; /* registers AT an offset from `base` until the end is known */
    unsigned base;      /* the register that it is counted from */
    int64_t offset;
    bool any_saved;
};

static uint64_t prel31(uint32_t word, uint64_t place)
{
    int64_t offset = (int32_t)(word << 1) >> 1;
    return (uint32_t)(place + (uint64_t)offset);
}

/* The instructions of an entry in the order in which they run. False: there are none that can be
 * read. */
struct instructions {
    uint8_t bytes[ELF_EXIDX_OPS_MAX];
    size_t count;
};

static void add_word(struct instructions *out, uint32_t word, unsigned bytes)
{
    while (bytes-- > 0)
        out->bytes[out->count++] = (uint8_t)(word >> (8 * bytes));
}

static bool add_words(struct instructions *out, struct reader *r, unsigned words)
{
    if (out->count + 4 * words > ELF_EXIDX_OPS_MAX)
        return false;
    while (words-- > 0)
        add_word(out, reader_u32(r), 4);
    return !r->failed;
}

static bool read_instructions(const struct exidx *x, uint32_t word, uint64_t place,
                              struct instructions *out)
{
    out->count = 0;
    if (word & 0x80000000U) {
        add_word(out, word, 3);
        return (word & 0x7f000000U) == 0;
    }
    struct reader r = elf_reader(x->image, elf_at(x->image, prel31(word, place)));
    uint32_t first = reader_u32(&r);
    if (!(first & 0x80000000U)) { /* a routine of its own; what GCC's and clang's read follows */
        uint32_t second = reader_u32(&r);
        add_word(out, second, 3);
        return add_words(out, &r, second >> 24);
    }
    unsigned model = first >> 24 & 0x7f;
    if (model > 2)
        return false;
    add_word(out, first, model == 0 ? 3 : 2);
    return model == 0 ? !r.failed : add_words(out, &r, first >> 16 & 0xff);
}

static void pop(struct unwinding *u, uint32_t mask)
{
    for (unsigned i = 0; i < 16; i++)
        if (mask >> i & 1) {
            u->row.registers[i] = (struct elf_rule){ .kind = ELF_RULE_AT, .value = u->offset };
            u->offset += 4;
            u->any_saved = true;
        }
}

/* vsp = a register, which must still be the callee's, with nothing taken from the stack yet. */
static bool move_to(struct unwinding *u, unsigned number)
{
    if (u->any_saved || number == ARM_SP || number == ARM_PC)
        return false;
    u->base = number;
    u->offset = 0;
    return true;
}

/* The instructions from 0xb1 on; false: they cannot be said, or do not exist. */
static bool run_special(struct unwinding *u, uint8_t op, struct reader *r)
{
    if (op == 0xb1) {
        uint8_t mask = reader_u8(r);
        pop(u, mask);
        return mask != 0 && mask < 16;
    }
    if (op == 0xb2) {
        uint64_t n = reader_uleb(r);
        u->offset += 0x204 + (int64_t)(n << 2);
        return n < UINT64_C(1) << 28;
    }
    if (op == 0xb3)
        u->offset += 8 * ((reader_u8(r) & 15) + 1) + 4;
    else if (op == 0xb4)
        u->offset += 4; /* the code that signs the return address */
    else if (op >= 0xb8 && op <= 0xbf)
        u->offset += 8 * ((op & 7) + 1) + 4;
    else if (op == 0xc8 || op == 0xc9)
        u->offset += 8 * ((reader_u8(r) & 15) + 1);
    else if (op >= 0xd0 && op <= 0xd7)
        u->offset += 8 * ((op & 7) + 1);
    else
        return false;
    return true;
}

static bool run_one(struct unwinding *u, uint8_t op, struct reader *r)
{
    if (op < 0x80) {
        int64_t size = ((op & 0x3f) << 2) + 4;
        u->offset += op < 0x40 ? size : -size;
        return true;
    }
    if (op < 0x90) {
        uint32_t mask = ((uint32_t)(op & 15) << 8 | reader_u8(r)) << 4;
        pop(u, mask);
        /* no register: "do not unwind"; the stack pointer: where it goes on is not known here */
        return mask != 0 && !(mask >> ARM_SP & 1);
    }
    if (op < 0xa0)
        return move_to(u, op & 15);
    if (op < 0xb0) {
        pop(u, ((UINT32_C(2) << (op & 7)) - 1) << 4 | (op & 8 ? UINT32_C(1) << ARM_LR : 0));
        return true;
    }
    return run_special(u, op, r);
}

static bool run(struct unwinding *u, const struct instructions *code)
{
    struct reader r = { .in = { code->bytes, code->count } };
    *u = (struct unwinding){ .base = ARM_SP };
    while (r.pos < r.in.len) {
        uint8_t op = reader_u8(&r);
        if (op == OP_FINISH)
            break;
        if (!run_one(u, op, &r) || r.failed)
            return false;
    }
    for (unsigned i = 0; i < 16; i++)
        u->row.registers[i].value -= u->offset; /* counted from the CFA now */
    u->row.cfa =
        (struct elf_rule){ .kind = ELF_RULE_REGISTER, .value = u->base, .offset = u->offset };
    return true;
}

static bool add_entry(struct exidx *x, uint64_t start, uint64_t end, uint32_t word, uint64_t place)
{
    struct unwinding u = { .base = ARM_SP };
    struct instructions code;
    x->counts->entries++;
    if (!elf_is_code(x->image, start) || start >= end) {
        x->counts->elsewhere++;
        return true;
    }
    if (word == CANNOT_UNWIND) {
        u.row.cfa = (struct elf_rule){ .kind = ELF_RULE_REGISTER, .value = ARM_SP };
        u.row.registers[ARM_LR].kind = ELF_RULE_UNDEFINED;
    } else if (!read_instructions(x, word, place, &code)) {
        x->counts->damaged++;
        return true;
    } else if (!run(&u, &code)) {
        x->counts->untold++;
        return true;
    }
    bool has_pc = u.row.registers[ARM_PC].kind != ELF_RULE_NONE;
    if (!elf_rules_program(&x->program, &u.row, x->cpu, has_pc ? ARM_PC : ARM_LR,
                           x->image->big_endian)) {
        x->counts->untold++;
        return true;
    }
    x->counts->rows++;
    struct str program = buf_view(&x->program);
    return x->take(x->ctx, start, end - start,
                   (struct bytes){ (const uint8_t *)program.ptr, program.len });
}

/* Where the code that holds an address ends. */
static uint64_t end_of_code(const struct elf_image *m, uint64_t address)
{
    for (size_t i = 0; i < m->code_count; i++)
        if (address >= m->code[i].start && address < m->code[i].end)
            return m->code[i].end;
    return address;
}

static bool read_table(struct exidx *x, struct bytes table)
{
    struct reader r = elf_reader(x->image, table);
    uint64_t start = prel31(reader_u32(&r), x->address) & ~UINT64_C(1);
    while (!r.failed) {
        uint64_t place = x->address + r.pos, next_place = place + 4;
        uint32_t word = reader_u32(&r);
        if (r.failed)
            break;
        bool is_last = r.in.len - r.pos < 8;
        uint64_t next = is_last ? end_of_code(x->image, start)
                                : prel31(reader_u32(&r), next_place) & ~UINT64_C(1);
        if (!add_entry(x, start, next, word, place))
            return false;
        if (is_last)
            break;
        start = next;
    }
    return true;
}

bool elf_exidx_read(const struct elf_image *m, elf_cfi_take *take, void *ctx,
                    struct elf_cfi_counts *counts, struct err *e)
{
    struct exidx x = {
        .image = m, .cpu = cpu_facts(CPU_ARM), .counts = counts, .take = take, .ctx = ctx
    };
    struct bytes table = { 0 };
    *e = (struct err){ 0 };
    for (size_t i = 0; i < m->segment_count && table.len == 0; i++)
        if (m->segments[i].type == PT_ARM_EXIDX) {
            table = m->segments[i].content;
            x.address = m->segments[i].address;
        }
    /* In a separate debug file the table is not there: its place holds something else. */
    const struct elf_section *s = elf_section_find(m, ".ARM.exidx");
    if (m->cpu != CPU_ARM || !x.cpu || table.len < 8 || (m->section_count > 0 && !s) ||
        (s && s->content.len == 0))
        return true;
    buf_init(&x.program, UNWIND_PROGRAM_MAX);
    bool ok = read_table(&x, table);
    buf_done(&x.program);
    return ok;
}
