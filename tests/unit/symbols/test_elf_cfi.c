/* Unwind tables made by hand: each instruction, each way to be damaged, and ARM's own tables. Rows
 * are printed as "start+size: program", programs as the stack machine runs them. */
#include "../cmocka_all.h"

#include "base/buf.h"
#include "symbols/elf_cfi.h"
#include "symbols/elf_exidx.h"

#include <inttypes.h>
#include <stdio.h>

struct printed {
    struct buf text;
};

static void print_operand(struct buf *out, struct reader *r, size_t bytes)
{
    uint64_t n = reader_number(r, bytes), sign = UINT64_C(1) << (8 * bytes - 1);
    if (bytes < 8 && n & sign)
        n |= ~(sign - 1);
    buf_printf(out, "%" PRId64, (int64_t)n);
}

static void print_program(struct buf *out, struct bytes program)
{
    static const struct {
        uint8_t op;
        const char *text;
    } words[] = { { UNWIND_PUSH_CFA, "cfa" }, { UNWIND_DEREF, "[]" },
                  { UNWIND_SET_CFA, "=cfa" }, { UNWIND_DUP, "dup" },
                  { UNWIND_DROP, "drop" },    { UNWIND_OVER, "over" },
                  { UNWIND_SWAP, "swap" },    { UNWIND_ADD, "+" },
                  { UNWIND_SUB, "-" },        { UNWIND_AND, "&" },
                  { UNWIND_SHL, "<<" },       { UNWIND_GE, ">=" },
                  { UNWIND_DIV_SIGNED, "/" }, { UNWIND_INTERRUPTED, "interrupted" } };
    struct reader r = { .in = program };
    while (r.pos < r.in.len && !r.failed) {
        uint8_t op = reader_u8(&r);
        buf_char(out, ' ');
        if (op >= UNWIND_PUSH_8 && op <= UNWIND_PUSH_64)
            print_operand(out, &r, (size_t)1 << (op - UNWIND_PUSH_8));
        else if (op == UNWIND_PUSH_REGISTER)
            buf_printf(out, "r%u", reader_u8(&r));
        else if (op == UNWIND_SET_REGISTER)
            buf_printf(out, "=r%u", reader_u8(&r));
        else if (op == UNWIND_CLEAR_REGISTER)
            buf_printf(out, "!r%u", reader_u8(&r));
        else if (op == UNWIND_DEREF_SIZE)
            buf_printf(out, "[%u]", reader_u8(&r));
        else {
            size_t i = 0;
            while (i < COUNT_OF(words) && words[i].op != op)
                i++;
            assert_true(i < COUNT_OF(words));
            buf_printf(out, "%s", words[i].text);
        }
    }
    assert_false(r.failed);
}

static bool print_row(void *ctx, uint64_t address, uint64_t size, struct bytes program)
{
    struct buf *out = ctx;
    buf_printf(out, "%" PRIx64 "+%" PRIx64 ":", address, size);
    print_program(out, program);
    buf_char(out, '\n');
    return true;
}

/* --- sections --- */

static void put(struct buf *out, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buf_char(out, (char)(n >> (8 * i)));
}

struct section {
    const char *augmentation; /* "zR": addresses are four bytes, not relative */
    const char *setup;
    size_t setup_size;
    const char *code;
    size_t code_size;
    uint32_t start, size;
    uint8_t version, return_column, data_factor;
};

static void make_section(struct buf *out, const struct section *s)
{
    size_t letters = strlen(s->augmentation), sizes = letters > 0;
    size_t cie = 4 + 1 + letters + 1 + 3 + 2 * sizes + s->setup_size;
    put(out, cie, 4);
    put(out, 0, 4);
    put(out, s->version, 1);
    buf_add(out, s->augmentation, letters + 1);
    put(out, 1, 1);
    put(out, s->data_factor, 1);
    put(out, s->return_column, 1);
    if (sizes) {
        put(out, 1, 1);
        put(out, 0x03, 1); /* DW_EH_PE_udata4 */
    }
    buf_add(out, s->setup, s->setup_size);
    size_t address_size = sizes ? 4 : 8;
    put(out, 4 + 2 * address_size + sizes + s->code_size, 4);
    put(out, out->len, 4); /* back to the start */
    put(out, s->start, address_size);
    put(out, s->size, address_size);
    if (sizes)
        put(out, 0, 1);
    buf_add(out, s->code, s->code_size);
}

static struct elf_range code_range = { 0x1000, 0x9000 };

static void read_section(struct bytes content, enum cpu cpu, struct buf *rows,
                         struct elf_cfi_counts *counts)
{
    struct elf_image m = { .is_64 = true, .cpu = cpu, .code = &code_range, .code_count = 1 };
    struct elf_cfi_section section = { content, 0x500, true };
    struct err e = { 0 };
    *counts = (struct elf_cfi_counts){ 0 };
    if (!elf_cfi_read(&m, &section, print_row, rows, counts, &e))
        fail_msg("%s", e.msg);
}

#define CODE(literal) "" literal, sizeof(literal) - 1

/* At the start: CFA is r7 + 8, the return address below it. */
#define SETUP "\x0c\x07\x08\x90\x01"
#define RULES "r7 8 + =cfa cfa -8 + [] =r16"

static const struct {
    const char *name, *code;
    size_t size;
    const char *want;
    unsigned untold, damaged;
} amd64[] = {
    { "no instruction", CODE(""), "2000+20: " RULES "\n", 0, 0 },
    { "nops", CODE("\0\0\0"), "2000+20: " RULES "\n", 0, 0 },
    { "push", CODE("\x41\x0e\x10\x86\x02"),
      "2000+1: " RULES "\n"
      "2001+1f: r7 16 + =cfa cfa -16 + [] =r6 cfa -8 + [] =r16\n",
      0, 0 },
    { "frame pointer", CODE("\x41\x0d\x06"),
      "2000+1: " RULES "\n2001+1f: r6 8 + =cfa cfa -8 + [] =r16\n", 0, 0 },
    { "each size of step", CODE("\x02\x02\x0e\x10\x03\x03\x00\x0e\x18\x04\x04\x00\x00\x00\x0e\x20"),
      "2000+2: " RULES "\n"
      "2002+3: r7 16 + =cfa cfa -8 + [] =r16\n"
      "2005+4: r7 24 + =cfa cfa -8 + [] =r16\n"
      "2009+17: r7 32 + =cfa cfa -8 + [] =r16\n",
      0, 0 },
    { "set_loc", CODE("\x01\x08\x20\x00\x00\x0e\x10"),
      "2000+8: " RULES "\n2008+18: r7 16 + =cfa cfa -8 + [] =r16\n", 0, 0 },
    { "equal rows are one", CODE("\x41\x0e\x08\x41\x0e\x08"), "2000+20: " RULES "\n", 0, 0 },
    { "steps past the end", CODE("\x02\xff\x0e\x10"), "2000+20: " RULES "\n", 0, 0 },
    { "remember and restore", CODE("\x0a\x41\x0e\x10\x83\x02\x41\x0b"),
      "2000+1: " RULES "\n"
      "2001+1: r7 16 + =cfa cfa -16 + [] =r3 cfa -8 + [] =r16\n"
      "2002+1e: " RULES "\n",
      0, 0 },
    { "restore to the start", CODE("\x83\x02\x41\xc3\x41\x83\x02\x41\x06\x03"),
      "2000+1: r7 8 + =cfa cfa -16 + [] =r3 cfa -8 + [] =r16\n"
      "2001+1: " RULES "\n"
      "2002+1: r7 8 + =cfa cfa -16 + [] =r3 cfa -8 + [] =r16\n"
      "2003+1d: " RULES "\n",
      0, 0 },
    { "no caller", CODE("\x07\x10"), "2000+20: r7 8 + =cfa !r16\n", 0, 0 },
    { "a register is lost", CODE("\x07\x03"), "2000+20: r7 8 + =cfa !r3 cfa -8 + [] =r16\n", 0, 0 },
    { "same value, kept over calls", CODE("\x08\x03"), "2000+20: " RULES "\n", 0, 0 },
    { "same value, not kept over calls", CODE("\x08\x01"),
      "2000+20: r7 8 + =cfa r1 =r1 cfa -8 + [] =r16\n", 0, 0 },
    { "in a register", CODE("\x09\x03\x0c"), "2000+20: r7 8 + =cfa r12 =r3 cfa -8 + [] =r16\n", 0,
      0 },
    { "offsets, extended and signed", CODE("\x05\x03\x02\x11\x06\x7f\x2f\x0c\x01"),
      "2000+20: r7 8 + =cfa cfa -16 + [] =r3 cfa 8 + [] =r6 cfa 8 + [] =r12 cfa -8 + [] =r16\n", 0,
      0 },
    { "values", CODE("\x14\x03\x02\x15\x06\x7f"),
      "2000+20: r7 8 + =cfa cfa -16 + =r3 cfa 8 + =r6 cfa -8 + [] =r16\n", 0, 0 },
    { "signed CFA", CODE("\x12\x07\x7e\x41\x13\x7c"),
      "2000+1: r7 16 + =cfa cfa -8 + [] =r16\n2001+1f: r7 32 + =cfa cfa -8 + [] =r16\n", 0, 0 },
    { "size of arguments", CODE("\x2e\x10"), "2000+20: " RULES "\n", 0, 0 },
    { "a register that is not kept here", CODE("\x05\x21\x02"), "2000+20: " RULES "\n", 0, 0 },
    { "CFA by expression", CODE("\x0f\x03\x77\x08\x06"),
      "2000+20: r7 8 + [] =cfa cfa -8 + [] =r16\n", 0, 0 },
    { "the expression of a PLT", CODE("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"),
      "2000+20: r7 8 + r16 15 & 11 >= 3 << + =cfa cfa -8 + [] =r16\n", 0, 0 },
    { "register by expression", CODE("\x10\x03\x02\x77\x10\x16\x06\x02\x76\x08"),
      "2000+20: r7 8 + =cfa r7 16 + [] =r3 r6 8 + =r6 cfa -8 + [] =r16\n", 0, 0 },
    { "expression on the CFA", CODE("\x10\x03\x02\x23\x10"),
      "2000+20: r7 8 + =cfa cfa 16 + [] =r3 cfa -8 + [] =r16\n", 0, 0 },
    { "constants and small reads", CODE("\x0f\x08\x0a\x00\x01\x94\x02\x09\xfe\x1b"),
      "2000+20: 256 [2] -2 / =cfa cfa -8 + [] =r16\n", 0, 0 },
    { "a branch cannot be said", CODE("\x0f\x05\x77\x08\x2f\x00\x00\x41\x0c\x07\x08"),
      "2001+1f: " RULES "\n", 1, 0 },
    { "an address cannot be said", CODE("\x0f\x09\x03\1\2\3\4\5\6\7\10"), "", 1, 0 },
    { "stack runs out", CODE("\x0f\x01\x22"), "", 1, 0 },
    { "two values left", CODE("\x0f\x02\x31\x32"), "", 1, 0 },
    { "no value", CODE("\x0f\x00"), "", 1, 0 },
    { "CFA of an unknown register", CODE("\x0c\x30\x08"), "", 1, 0 },
    { "return address without a rule", CODE("\x08\x10"), "", 1, 0 },
    { "unknown instruction", CODE("\x41\x0e\x10\x3f"), "2000+1: " RULES "\n", 0, 1 },
    { "cut off", CODE("\x41\x0e"), "2000+1: " RULES "\n", 0, 1 },
    { "block past the end", CODE("\x0f\x7f\x77"), "", 0, 1 },
    { "restore without remember", CODE("\x0b"), "", 0, 1 },
    { "offset of an expression", CODE("\x0f\x02\x77\x08\x0e\x10"), "", 0, 1 },
    { "set_loc backwards", CODE("\x44\x01\x01\x20\x00\x00\x0e\x10"), "2000+4: " RULES "\n", 0, 1 },
};

static void check_one(const char *name, const struct section *s, enum cpu cpu, const char *want,
                      unsigned untold, unsigned damaged)
{
    struct buf bytes, rows;
    struct elf_cfi_counts counts;
    buf_init(&bytes, 1 << 20);
    buf_init(&rows, 1 << 20);
    make_section(&bytes, s);
    struct str content = buf_view(&bytes);
    read_section((struct bytes){ (const uint8_t *)content.ptr, content.len }, cpu, &rows, &counts);
    if (!str_eq(buf_view(&rows), str_from_c(want)))
        fail_msg("%s:\n%.*swanted\n%s", name, STR_ARG(buf_view(&rows)), want);
    if (counts.untold != untold || counts.damaged != damaged)
        fail_msg("%s: %" PRIu64 " untold, %" PRIu64 " damaged", name, counts.untold,
                 counts.damaged);
    buf_done(&bytes);
    buf_done(&rows);
}

static struct section section_of(const char *code, size_t size)
{
    return (struct section){ .augmentation = "zR",
                             .setup = SETUP,
                             .setup_size = sizeof SETUP - 1,
                             .code = code,
                             .code_size = size,
                             .start = 0x2000,
                             .size = 0x20,
                             .version = 1,
                             .return_column = 16,
                             .data_factor = 0x78 };
}

static void instructions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(amd64); i++) {
        struct section s = section_of(amd64[i].code, amd64[i].size);
        check_one(amd64[i].name, &s, CPU_AMD64, amd64[i].want, amd64[i].untold, amd64[i].damaged);
    }
}

static void common_parts(void **state)
{
    (void)state;
    struct section s = section_of(CODE(""));
    s.augmentation = "";
    check_one("no augmentation", &s, CPU_AMD64, "2000+20: " RULES "\n", 0, 0);
    s.augmentation = "zRS";
    check_one("signal frame", &s, CPU_AMD64, "2000+20: r7 8 + =cfa interrupted cfa -8 + [] =r16\n",
              0, 0);
    s.augmentation = "eh";
    check_one("unknown augmentation", &s, CPU_AMD64, "", 0, 1);
    s.augmentation = "zR";
    s.version = 9;
    check_one("unknown version", &s, CPU_AMD64, "", 0, 1);
    s.version = 3;
    s.return_column = 99;
    check_one("unknown return column", &s, CPU_AMD64, "", 0, 1);
    s.return_column = 16;
    s.start = 0x10;
    check_one("no code there", &s, CPU_AMD64, "", 0, 0);
    s.start = 0x2000;
    s.size = 0;
    check_one("of no size", &s, CPU_AMD64, "", 0, 0);
}

/* The link register holds the return address until it is saved; signed ones lose their upper bits.
 */
static void arm64(void **state)
{
    (void)state;
    struct section s = section_of(CODE("\x41\x2d\x0e\x10\x9e\x02\x41\x2d\x0e\x00\xde"));
    s.setup = "\x0c\x1f\x00";
    s.setup_size = 3;
    s.return_column = 30;
    check_one("signed", &s, CPU_ARM64,
              "2000+1: r31 =cfa r30 =r32\n"
              "2001+1: r31 16 + =cfa cfa -16 + [] =r30 cfa -16 + [] 281474976710655 & =r32\n"
              "2002+1e: r31 =cfa r30 =r32\n",
              0, 0);
}

/* All prefixes of a section: rows or counts, never more. */
static void cut_off(void **state)
{
    (void)state;
    struct buf bytes, rows;
    struct elf_cfi_counts counts;
    struct section s = section_of(CODE("\x41\x0e\x10\x86\x02"));
    buf_init(&bytes, 1 << 20);
    buf_init(&rows, 1 << 20);
    make_section(&bytes, &s);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *exact = malloc(len + 1); /* so that ASan sees the end */
        assert_non_null(exact);
        memcpy(exact, bytes.ptr, len);
        buf_reset(&rows);
        read_section((struct bytes){ exact, len }, CPU_AMD64, &rows, &counts);
        assert_int_equal(rows.len, 0);
        free(exact);
    }
    buf_done(&bytes);
    buf_done(&rows);
}

/* --- .ARM.exidx --- */

static void put_prel31(struct buf *out, uint64_t base, uint64_t target)
{
    put(out, (target - (base + out->len)) & 0x7fffffff, 4);
}

static const struct {
    const char *name;
    uint32_t word;
    const char *want;
    unsigned untold, damaged;
} exidx[] = {
    { "nothing to do", 0x80b0b0b0, "2000+10: r13 =cfa r14 =r15\n", 0, 0 },
    { "pop r4, r14", 0x80a8b0b0,
      "2000+10: r13 8 + =cfa cfa -8 + [] =r4 cfa -4 + [] =r14 cfa -4 + [] =r15\n", 0, 0 },
    { "pop r11, pc; room before", 0x80018880,
      "2000+10: r13 16 + =cfa cfa -8 + [] =r11 cfa -4 + [] =r15\n", 0, 0 },
    { "frame pointer", 0x809b8480,
      "2000+10: r11 8 + =cfa cfa -8 + [] =r11 cfa -4 + [] =r14 cfa -4 + [] =r15\n", 0, 0 },
    { "much room", 0x80b201b0, "2000+10: r13 520 + =cfa r14 =r15\n", 0, 0 },
    { "pop r0, then room", 0x80b1010b, "2000+10: r13 52 + =cfa cfa -52 + [] =r0 r14 =r15\n", 0, 0 },
    { "floating point registers as of old", 0x80b381b0, "2000+10: r13 20 + =cfa r14 =r15\n", 0, 0 },
    { "pop of the stack pointer", 0x808200b0, "", 1, 0 },
    { "frame pointer too late", 0x80a09bb0, "", 1, 0 },
    { "vpop d8-d9", 0x80d1b0b0, "2000+10: r13 16 + =cfa r14 =r15\n", 0, 0 },
    { "cannot be unwound", 1, "2000+10: r13 =cfa !r14 !r15\n", 0, 0 },
    { "do not unwind", 0x808000b0, "", 1, 0 },
    { "spare", 0x80b5b0b0, "", 1, 0 },
    { "unknown model", 0x8fb0b0b0, "", 0, 1 },
    { "elsewhere, where nothing is", 0x20000000, "", 0, 1 },
};

/* extab: what the word of the entry points to, when that is 0. */
static void check_exidx(const char *name, uint32_t word, const uint32_t *extab, size_t extab_words,
                        const char *want, unsigned untold, unsigned damaged)
{
    const uint64_t base = 0x1000;
    struct buf table, rows;
    struct elf_cfi_counts counts = { 0 };
    struct err e = { 0 };
    buf_init(&table, 1000);
    buf_init(&rows, 1000);
    put_prel31(&table, base, 0x2000);
    if (word)
        put(&table, word, 4);
    else
        put_prel31(&table, base, base + 16);
    put_prel31(&table, base, 0x2010);
    put(&table, 1, 4);
    struct bytes index = { (const uint8_t *)table.ptr, table.len };
    for (size_t i = 0; i < extab_words; i++)
        put(&table, extab[i], 4);
    struct bytes content = { (const uint8_t *)table.ptr, table.len };
    index.ptr = content.ptr;
    struct elf_range code = { 0x2000, 0x2010 };
    struct elf_segment segments[] = { { PT_LOAD, PF_R, base, content.len, content },
                                      { PT_ARM_EXIDX, PF_R, base, index.len, index } };
    struct elf_image m = {
        .cpu = CPU_ARM, .segments = segments, .segment_count = 2, .code = &code, .code_count = 1
    };
    assert_true(elf_exidx_read(&m, print_row, &rows, &counts, &e));
    if (!str_eq(buf_view(&rows), str_from_c(want)))
        fail_msg("%s:\n%.*swanted\n%s", name, STR_ARG(buf_view(&rows)), want);
    if (counts.untold != untold || counts.damaged != damaged)
        fail_msg("%s: %" PRIu64 " untold, %" PRIu64 " damaged", name, counts.untold,
                 counts.damaged);
    buf_done(&table);
    buf_done(&rows);
}

/* Longer instructions, in .ARM.extab. */
static const struct {
    const char *name;
    uint32_t words[4];
    size_t count;
    const char *want;
    unsigned untold, damaged;
} extab[] = {
    { "model 0",
      { 0x80a8b0b0 },
      1,
      "2000+10: r13 8 + =cfa cfa -8 + [] =r4 cfa -4 + [] =r14 cfa -4 + [] =r15\n",
      0,
      0 },
    { "model 1, one word more",
      { 0x81010101, 0xa8b0b0b0 },
      2,
      "2000+10: r13 24 + =cfa cfa -8 + [] =r4 cfa -4 + [] =r14 cfa -4 + [] =r15\n",
      0,
      0 },
    { "a routine of its own",
      { 0x00000100, 0x01010101, 0xa8b0b0b0 },
      3,
      "2000+10: r13 32 + =cfa cfa -8 + [] =r4 cfa -4 + [] =r14 cfa -4 + [] =r15\n",
      0,
      0 },
    { "cut off", { 0x81020101, 0xa8b0b0b0 }, 2, "", 0, 1 },
    { "too long", { 0x81ff0101, 0xa8b0b0b0 }, 2, "", 0, 1 },
    { "unknown model", { 0x83000101 }, 1, "", 0, 1 },
};

static void arm_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(exidx); i++)
        check_exidx(exidx[i].name, exidx[i].word, NULL, 0, exidx[i].want, exidx[i].untold,
                    exidx[i].damaged);
    for (size_t i = 0; i < COUNT_OF(extab); i++)
        check_exidx(extab[i].name, 0, extab[i].words, extab[i].count, extab[i].want,
                    extab[i].untold, extab[i].damaged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions), cmocka_unit_test(common_parts), cmocka_unit_test(arm64),
        cmocka_unit_test(cut_off),      cmocka_unit_test(arm_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
