/* elf_cfi.c - walks the entries of an unwind section.
 *
 * A section is a list of common parts (CIE: how to read, and rules at the start) and entries (FDE:
 * a range of addresses and instructions), which point back to their common part. The two kinds of
 * section differ in how they point and in how addresses are written. */
#include "symbols/elf_cfi.h"

#include "symbols/elf_cfa.h"
#include "symbols/elf_leb.h"

#include <dwarf.h>

#define AUGMENTATION_MAX 16 /* letters */
#define NO_CIE UINT64_MAX

struct cie {
    uint64_t offset; /* NO_CIE: not read yet */
    bool usable, has_sizes, is_signal;
    uint8_t pointer_encoding, address_size;
    unsigned return_column;
    uint64_t code_factor;
    int64_t data_factor;
    struct elf_row initial;
};

struct cfi {
    const struct elf_image *image;
    const struct elf_cfi_section *section;
    const struct cpu_facts *cpu;
    struct elf_cfi_counts *counts;
    elf_cfi_take *take;
    void *ctx;
    struct cie cie; /* the one that was used last */
    struct elf_cfa machine;
    /* The row that is held back, since the next one may say the same. */
    struct buf pending, program;
    uint64_t pending_start, pending_end; /* equal: there is none */
    uint64_t work;
};

/* A record's body, its length taken off. */
struct record {
    struct reader
        body; /* over the whole section up to the record's end, so that pos is its offset */
    bool is_64;
};

/* The record at the cursor, which goes on behind it. One of no length ends the part of one object
 * file: *out has an empty body then. */
static bool read_record(const struct cfi *c, struct reader *r, struct record *out)
{
    uint64_t length = reader_u32(r);
    bool is_64 = length == UINT32_MAX;
    if (is_64)
        length = reader_u64(r);
    if (r->failed || length > r->in.len - r->pos) {
        c->counts->damaged++;
        return false;
    }
    *out = (struct record){ .body = *r, .is_64 = is_64 };
    out->body.in.len = r->pos + (size_t)length;
    reader_skip(r, (size_t)length);
    return true;
}

static uint64_t to_word(uint64_t n, uint8_t size)
{
    return size == 4 ? (uint32_t)n : n;
}

/* An address in the form that `encoding` says. */
static uint64_t read_encoded(const struct cfi *c, struct reader *r, uint8_t encoding)
{
    uint64_t base = 0, value = 0;
    if ((encoding & 0x70) == DW_EH_PE_pcrel)
        base = c->section->address + r->pos;
    else if ((encoding & 0x70) != DW_EH_PE_absptr)
        r->failed = true;
    switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
        value = reader_number(r, c->cie.address_size);
        break;
    case DW_EH_PE_uleb128:
        value = reader_uleb(r);
        break;
    case DW_EH_PE_sleb128:
        value = (uint64_t)reader_sleb(r);
        break;
    case DW_EH_PE_udata2:
        value = reader_u16(r);
        break;
    case DW_EH_PE_sdata2:
        value = (uint64_t)(int64_t)(int16_t)reader_u16(r);
        break;
    case DW_EH_PE_udata4:
        value = reader_u32(r);
        break;
    case DW_EH_PE_sdata4:
        value = (uint64_t)(int64_t)(int32_t)reader_u32(r);
        break;
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        value = reader_u64(r);
        break;
    default:
        r->failed = true;
    }
    if (encoding & DW_EH_PE_indirect)
        r->failed = true; /* the address stands in memory */
    return to_word(base + value, c->image->is_64 ? 8 : 4);
}

static uint64_t read_location(void *ctx, struct reader *r)
{
    const struct cfi *c = ctx;
    return read_encoded(c, r, c->cie.pointer_encoding);
}

/* What the letters say. z: sizes stand in front; R: how addresses are written; L and P concern
 * exceptions; S: a signal frame; B (which key signs return addresses) and G change nothing here. */
static bool read_augmentation(struct cfi *c, struct reader *r, const char *letters, size_t count)
{
    struct cie *cie = &c->cie;
    if (count == 0)
        return true;
    if (letters[0] != 'z')
        return false;
    cie->has_sizes = true;
    uint64_t size = reader_uleb(r);
    if (r->failed || size > r->in.len - r->pos)
        return false;
    struct reader inner = *r;
    inner.in.len = r->pos + (size_t)size;
    reader_skip(r, (size_t)size);
    for (size_t i = 1; i < count; i++) {
        uint8_t encoding = DW_EH_PE_omit;
        if (letters[i] == 'R')
            cie->pointer_encoding = reader_u8(&inner);
        else if (letters[i] == 'L')
            (void)reader_u8(&inner);
        else if (letters[i] == 'P')
            encoding = reader_u8(&inner);
        else if (letters[i] == 'S')
            cie->is_signal = true;
        else if (letters[i] != 'B' && letters[i] != 'G')
            break; /* its size is not known, but that of all of them is */
        if (encoding != DW_EH_PE_omit)
            (void)read_encoded(c, &inner, encoding & 0x0f);
    }
    return !inner.failed;
}

static bool run_setup(struct cfi *c, struct reader r)
{
    struct elf_cfa *machine = &c->machine;
    if (r.in.len - r.pos > ELF_CFI_SETUP_MAX)
        return false;
    machine->code_factor = c->cie.code_factor;
    machine->data_factor = c->cie.data_factor;
    machine->row = machine->initial = (struct elf_row){ .interrupted = c->cie.is_signal };
    machine->state_count = 0;
    machine->address = 0;
    uint64_t next;
    while (elf_cfa_run(machine, &r, &next))
        ; /* addresses mean nothing here */
    c->cie.initial = machine->row;
    return !r.failed;
}

static bool read_cie_body(struct cfi *c, struct record *record)
{
    struct reader *r = &record->body;
    uint64_t id = reader_number(r, record->is_64 && !c->section->is_eh ? 8 : 4);
    bool is_cie = c->section->is_eh ? id == 0 : id == (record->is_64 ? UINT64_MAX : UINT32_MAX);
    uint8_t version = reader_u8(r);
    if (!is_cie || (version != 1 && version != 3 && version != 4))
        return false;
    const char *letters = (const char *)r->in.ptr + r->pos;
    size_t count = strnlen(letters, r->in.len - r->pos);
    reader_skip(r, count + 1);
    if (r->failed || count > AUGMENTATION_MAX)
        return false;
    c->cie.address_size = c->image->is_64 ? 8 : 4;
    if (version == 4) {
        c->cie.address_size = reader_u8(r);
        if (reader_u8(r) != 0) /* segmented addresses */
            return false;
        if (c->cie.address_size != 4 && c->cie.address_size != 8)
            return false;
    }
    c->cie.code_factor = reader_uleb(r);
    c->cie.data_factor = reader_sleb(r);
    uint64_t column = version == 1 ? reader_u8(r) : reader_uleb(r);
    if (r->failed || column >= c->cpu->registers)
        return false;
    c->cie.return_column = (unsigned)column;
    return read_augmentation(c, r, letters, count) && !r->failed && run_setup(c, *r);
}

static void read_cie(struct cfi *c, uint64_t offset)
{
    struct record record;
    struct reader r = elf_reader(c->image, c->section->content);
    c->cie = (struct cie){ .offset = offset };
    if (offset >= r.in.len)
        return;
    r.pos = (size_t)offset;
    c->cie.usable = read_record(c, &r, &record) && read_cie_body(c, &record);
}

/* --- rows --- */

static bool flush(struct cfi *c)
{
    uint64_t start = c->pending_start, size = c->pending_end - start;
    c->pending_start = c->pending_end = 0;
    if (size == 0)
        return true;
    c->counts->rows++;
    struct str program = buf_view(&c->pending);
    return c->take(c->ctx, start, size,
                   (struct bytes){ (const uint8_t *)program.ptr, program.len });
}

static void swap_in_rule(struct elf_rule *r)
{
    if (r->kind == ELF_RULE_REGISTER && (r->value == X86_ESP || r->value == X86_EBP))
        r->value = X86_ESP + X86_EBP - r->value;
}

static void swap_ebp_esp(struct elf_row *row)
{
    struct elf_rule esp = row->registers[X86_ESP];
    row->registers[X86_ESP] = row->registers[X86_EBP];
    row->registers[X86_EBP] = esp;
    swap_in_rule(&row->cfa);
    for (unsigned i = 0; i <= X86_EIP; i++)
        swap_in_rule(&row->registers[i]);
}

/* The machine's row holds from start to end. */
static bool add_row(struct cfi *c, uint64_t start, uint64_t end, struct err *e)
{
    if (start >= end)
        return true;
    struct elf_row row = c->machine.row;
    if (c->section->is_eh && c->image->swaps_ebp_esp)
        swap_ebp_esp(&row);
    bool told =
        elf_rules_program(&c->program, &row, c->cpu, c->cie.return_column, c->image->big_endian);
    c->work += c->program.len + 64;
    if (c->work > ELF_CFI_WORK_MAX)
        return err_set(e, ERR_LIMIT, 0, "unwind table that takes too much work");
    if (!told) {
        c->counts->untold++;
        return true;
    }
    if (c->pending_start < c->pending_end && c->pending_end == start &&
        str_eq(buf_view(&c->pending), buf_view(&c->program))) {
        c->pending_end = end;
        return true;
    }
    if (!flush(c))
        return false;
    struct buf spare = c->pending;
    c->pending = c->program;
    c->program = spare;
    c->pending_start = start;
    c->pending_end = end;
    return true;
}

static bool run_entry(struct cfi *c, struct reader r, uint64_t start, uint64_t end, struct err *e)
{
    struct elf_cfa *machine = &c->machine;
    machine->code_factor = c->cie.code_factor;
    machine->data_factor = c->cie.data_factor;
    machine->row = machine->initial = c->cie.initial;
    machine->state_count = 0;
    machine->address = start;
    uint64_t next;
    while (elf_cfa_run(machine, &r, &next)) {
        if (next < machine->address)
            r.failed = true;
        else if (!add_row(c, machine->address, next < end ? next : end, e))
            return false;
        machine->address = next;
        if (r.failed || next >= end)
            break;
    }
    if (r.failed) {
        c->counts->damaged++;
        return true;
    }
    return add_row(c, machine->address, end, e);
}

/* --- entries --- */

/* Where the common part of an entry is; NO_CIE: the record is a common part itself. */
static uint64_t cie_offset(const struct cfi *c, struct record *record)
{
    struct reader *r = &record->body;
    size_t at = r->pos;
    if (c->section->is_eh) {
        uint32_t back = reader_u32(r);
        return back == 0 ? NO_CIE : back > at ? NO_CIE - 1 : at - back;
    }
    uint64_t offset = reader_number(r, record->is_64 ? 8 : 4);
    return offset == (record->is_64 ? UINT64_MAX : UINT32_MAX) ? NO_CIE : offset;
}

static bool read_entry(struct cfi *c, struct record *record, struct err *e)
{
    struct reader *r = &record->body;
    uint64_t offset = cie_offset(c, record);
    if (offset == NO_CIE)
        return true;
    if (c->cie.offset != offset)
        read_cie(c, offset);
    c->counts->entries++;
    if (!c->cie.usable || r->failed) {
        c->counts->damaged++;
        return true;
    }
    uint64_t start = read_encoded(c, r, c->cie.pointer_encoding);
    uint64_t size = read_encoded(c, r, c->cie.pointer_encoding & 0x0f), end;
    if (c->cie.has_sizes) {
        uint64_t skip = reader_uleb(r);
        if (skip > r->in.len - r->pos)
            r->failed = true;
        else
            reader_skip(r, (size_t)skip);
    }
    if (r->failed || __builtin_add_overflow(start, size, &end)) {
        c->counts->damaged++;
        return true;
    }
    if (!elf_is_code(c->image, start)) {
        c->counts->elsewhere++;
        return true;
    }
    return run_entry(c, *r, start, end, e);
}

static bool read_entries(struct cfi *c, struct err *e)
{
    struct reader r = elf_reader(c->image, c->section->content);
    struct record record;
    while (r.pos < r.in.len && read_record(c, &r, &record))
        if (record.body.pos < record.body.in.len && !read_entry(c, &record, e))
            return false;
    return flush(c);
}

bool elf_cfi_read(const struct elf_image *m, const struct elf_cfi_section *section,
                  elf_cfi_take *take, void *ctx, struct elf_cfi_counts *counts, struct err *e)
{
    *e = (struct err){ 0 };
    const struct cpu_facts *cpu = cpu_facts(m->cpu);
    if (!cpu)
        return true; /* nobody will ask for rules of this processor */
    struct cfi *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, 0, "unwind table");
    c->image = m;
    c->section = section;
    c->cpu = cpu;
    c->counts = counts;
    c->take = take;
    c->ctx = ctx;
    c->cie.offset = NO_CIE;
    c->machine.cpu = cpu;
    c->machine.read_address = read_location;
    c->machine.ctx = c;
    buf_init(&c->pending, UNWIND_PROGRAM_MAX);
    buf_init(&c->program, UNWIND_PROGRAM_MAX);
    bool ok = read_entries(c, e);
    buf_done(&c->pending);
    buf_done(&c->program);
    free(c);
    return ok;
}
