/* ELF files made by hand, field by field: which module they are, and what is refused. */
#include "../cmocka_all.h"

#include "base/buf.h"
#include "symbols/elf_symbols.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

/* What a file is made of. Offsets follow from the order: header, note, text, names, sections. */
struct made {
    bool is_32, big_endian;
    uint16_t type, machine;
    const char *build_id; /* NULL: no note */
    size_t build_id_size;
    size_t text_size; /* 0: no .text */
};

struct maker {
    const struct made *made;
    struct buf out;
};

static void put(struct maker *m, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buf_char(&m->out, (char)(n >> 8 * (m->made->big_endian ? bytes - 1 - i : i)));
}

static void word(struct maker *m, uint64_t n)
{
    put(m, n, m->made->is_32 ? 4 : 8);
}

static void section(struct maker *m, uint32_t name, uint32_t type, uint64_t flags, uint64_t at,
                    uint64_t size)
{
    put(m, name, 4);
    put(m, type, 4);
    word(m, flags);
    word(m, at);
    word(m, at);
    word(m, size);
    put(m, 0, 4);
    put(m, 0, 4);
    word(m, 1);
    word(m, 0);
}

static const char names[] = "\0.note\0.text\0.names";

static void make(struct maker *m, const struct made *made)
{
    size_t head = made->is_32 ? 52 : 64;
    size_t note = made->build_id ? 16 + made->build_id_size : 0;
    size_t table = head + note + made->text_size + sizeof names;
    m->made = made;
    buf_init(&m->out, 1 << 20);
    buf_add(&m->out, ELFMAG, 4);
    put(m, made->is_32 ? 1 : 2, 1);
    put(m, made->big_endian ? 2 : 1, 1);
    put(m, 1, 1);
    for (int i = 0; i < 9; i++)
        put(m, 0, 1);
    put(m, made->type, 2);
    put(m, made->machine, 2);
    put(m, 1, 4);
    word(m, 0);
    word(m, 0);
    word(m, table);
    put(m, 0, 4);
    put(m, head, 2);
    put(m, 0, 4);
    put(m, made->is_32 ? 40 : 64, 2);
    put(m, 4, 2);
    put(m, 3, 2);
    if (made->build_id) {
        put(m, 4, 4);
        put(m, made->build_id_size, 4);
        put(m, NT_GNU_BUILD_ID, 4);
        buf_add(&m->out, "GNU", 4);
        buf_add(&m->out, made->build_id, made->build_id_size);
    }
    for (size_t i = 0; i < made->text_size; i++)
        put(m, i * 7 + 1, 1);
    buf_add(&m->out, names, sizeof names);
    section(m, 0, 0, 0, 0, 0);
    section(m, 1, note ? SHT_NOTE : 0, SHF_ALLOC, head, note);
    section(m, 7, made->text_size ? SHT_PROGBITS : SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR,
            head + note, made->text_size);
    section(m, 13, SHT_STRTAB, 0, head + note + made->text_size, sizeof names);
}

static bool identify(struct str file, struct symcache_about *about, struct arena *a, struct err *e)
{
    *e = (struct err){ 0 };
    return elf_identify((struct bytes){ (const uint8_t *)file.ptr, file.len },
                        STR("/opt/app/lib app.so"), a, about, e);
}

#define BYTES(literal) literal, sizeof(literal) - 1
#define ID20 "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\xfe"

static const struct {
    const char *name;
    struct made made;
    const char *debug_id, *code_id;
    enum cpu cpu;
} good[] = {
    { "build id of 20 bytes",
      { false, false, ET_DYN, EM_X86_64, BYTES(ID20), 100 },
      "0403020106050807090A0B0C0D0E0F100",
      "0102030405060708090a0b0c0d0e0f10111213fe",
      CPU_AMD64 },
    { "32 bits",
      { true, false, ET_EXEC, EM_ARM, BYTES(ID20), 100 },
      "0403020106050807090A0B0C0D0E0F100",
      "0102030405060708090a0b0c0d0e0f10111213fe",
      CPU_ARM },
    { "big endian",
      { false, true, ET_DYN, EM_AARCH64, BYTES(ID20), 100 },
      "0403020106050807090A0B0C0D0E0F100",
      "0102030405060708090a0b0c0d0e0f10111213fe",
      CPU_ARM64 },
    { "short build id",
      { true, false, ET_DYN, EM_386, BYTES("\xaa\xbb\xcc\xdd\xee"), 0 },
      "DDCCBBAA00EE000000000000000000000",
      "aabbccddee",
      CPU_X86 },
    { "unknown processor",
      { false, false, ET_DYN, EM_RISCV, BYTES(ID20), 0 },
      "0403020106050807090A0B0C0D0E0F100",
      "0102030405060708090a0b0c0d0e0f10111213fe",
      CPU_UNKNOWN },
    /* 01 08 0f 16 ..., which is folded to itself */
    { "no build id, 16 bytes of code",
      { false, false, ET_DYN, EM_X86_64, NULL, 0, 16 },
      "160F0801241D322B3940474E555C636A0",
      "",
      CPU_AMD64 },
};

/* Breakpad's fold of the code, written down once more, and its form as a GUID. */
static void folded_id(size_t text_size, char out[40])
{
    static const int order[] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    uint8_t id[16] = { 0 };
    for (size_t i = 0; i < text_size && i < 4096; i++)
        id[i % 16] ^= (uint8_t)(i * 7 + 1);
    for (size_t i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02X", id[order[i]]);
    snprintf(out + 32, 2, "0");
}

static void identities(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct symcache_about about;
        struct maker m;
        struct err e;
        struct arena *a = arena_new(1 << 20);
        make(&m, &good[i].made);
        if (!identify(buf_view(&m.out), &about, a, &e))
            fail_msg("%s: %s", good[i].name, e.msg);
        if (!str_eq(about.debug_id, str_from_c(good[i].debug_id)) ||
            !str_eq(about.code_id, str_from_c(good[i].code_id)) || about.cpu != good[i].cpu ||
            !str_eq(about.debug_file, STR("lib app.so")) ||
            !str_eq(about.code_file, STR("lib app.so")))
            fail_msg("%s: %.*s %.*s", good[i].name, STR_ARG(about.debug_id),
                     STR_ARG(about.code_id));
        buf_done(&m.out);
        arena_free(a);
    }
}

/* The first page is folded; its end, and code of odd sizes. What is behind odd code in the file is
 * folded, too, as Breakpad does: here the names of the sections. */
static void folding(void **state)
{
    (void)state;
    static const size_t sizes[] = { 16, 4080, 4096, 5000 };
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct made made = { .type = ET_DYN, .machine = EM_X86_64, .text_size = sizes[i] };
        struct symcache_about about;
        struct maker m;
        struct err e;
        char want[40];
        struct arena *a = arena_new(1 << 20);
        make(&m, &made);
        assert_true(identify(buf_view(&m.out), &about, a, &e));
        folded_id(sizes[i], want);
        assert_true(str_eq(about.debug_id, str_from_c(want)));
        buf_done(&m.out);
        arena_free(a);
    }
    struct made made = { .type = ET_DYN, .machine = EM_X86_64, .text_size = 3 };
    struct symcache_about about;
    struct maker m;
    struct err e;
    struct arena *a = arena_new(1 << 20);
    make(&m, &made);
    assert_true(identify(buf_view(&m.out), &about, a, &e));
    /* 01 08 0f, then "\0.note\0.text\0" */
    assert_true(str_eq(about.debug_id, STR("000F08016E2E746F65002E746578740"
                                           "00")));
    buf_done(&m.out);
    arena_free(a);
}

static const struct {
    const char *name;
    struct made made;
    enum err_code code;
} bad[] = {
    { "object file", { false, false, ET_REL, EM_X86_64, BYTES(ID20), 16 }, ERR_INPUT },
    { "core dump", { false, false, ET_CORE, EM_X86_64, BYTES(ID20), 16 }, ERR_INPUT },
    { "nothing to make an id of", { false, false, ET_DYN, EM_X86_64, NULL, 0, 0 }, ERR_INPUT },
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct symcache_about about;
        struct maker m;
        struct err e;
        struct arena *a = arena_new(1 << 20);
        make(&m, &bad[i].made);
        if (identify(buf_view(&m.out), &about, a, &e) || e.code != bad[i].code || !e.msg[0])
            fail_msg("%s", bad[i].name);
        buf_done(&m.out);
        arena_free(a);
    }
    assert_false(elf_is((struct bytes){ (const uint8_t *)"MDMP", 4 }));
    assert_false(elf_is((struct bytes){ (const uint8_t *)ELFMAG, 3 }));
    assert_true(elf_is((struct bytes){ (const uint8_t *)ELFMAG, 4 }));
}

/* Every prefix is refused or has an id; every byte changed to every of a few values, too. */
static void damaged(void **state)
{
    (void)state;
    static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
    struct made made = { false, false, ET_DYN, EM_X86_64, BYTES(ID20), 40 };
    struct maker m;
    make(&m, &made);
    struct str whole = buf_view(&m.out);
    size_t refusals = 0;
    for (size_t len = 0; len < whole.len; len++)
        for (size_t v = 0; v < COUNT_OF(values) + 1; v++) {
            /* the first turn cuts the file off, the others change its byte */
            size_t size = v == 0 ? len : whole.len;
            char *copy = malloc(size + 1);
            assert_non_null(copy);
            memcpy(copy, whole.ptr, size);
            if (v > 0)
                copy[len] = (char)values[v - 1];
            struct symcache_about about;
            struct err e;
            struct arena *a = arena_new(8 << 20);
            if (!identify((struct str){ copy, size }, &about, a, &e)) {
                assert_true(e.code != ERR_NONE && e.msg[0]);
                refusals++;
            } else {
                assert_int_equal(about.debug_id.len, 33);
            }
            arena_free(a);
            free(copy);
        }
    assert_true(refusals >= whole.len); /* the table of sections is at the end */
    buf_done(&m.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities),
        cmocka_unit_test(folding),
        cmocka_unit_test(refused),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
