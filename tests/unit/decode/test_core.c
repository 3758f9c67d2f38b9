/* Core files byte by byte: of each processor, of both orders of bytes, and odd ones. Cores of real
 * programs are compared with eu-stack and gdb in tests/cli/test_cores.py. */
#include "decode/core.h"
#include "decode/decode.h"

#include "../cmocka_all.h"
#include <elf.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)512 << 20)
#define FILE_MAX 65536
#define SEGMENTS_MAX 80

/* --- a writer of core files ---------------------------------------------------------------- */

struct file {
    uint8_t at[FILE_MAX];
    size_t len;
    bool is_64, big_endian;
    uint16_t machine;
    size_t segments, table_at, note_at;
};

static void put_at(struct file *f, size_t pos, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        f->at[pos + (f->big_endian ? bytes - 1 - i : i)] = (uint8_t)(n >> (8 * i));
}

static void put(struct file *f, uint64_t n, size_t bytes)
{
    assert_true(f->len + bytes <= FILE_MAX);
    put_at(f, f->len, n, bytes);
    f->len += bytes;
}

static size_t word_size(const struct file *f)
{
    return f->is_64 ? 8 : 4;
}

static void put_word(struct file *f, uint64_t n)
{
    put(f, n, word_size(f));
}

static void put_bytes(struct file *f, const void *p, size_t n)
{
    assert_true(f->len + n <= FILE_MAX);
    memcpy(f->at + f->len, p, n);
    f->len += n;
}

static void put_zeros(struct file *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(f, 0, 1);
}

static void put_header(struct file *f, uint16_t type, size_t segments)
{
    size_t size = f->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
    put_bytes(f, ELFMAG, SELFMAG);
    put(f, f->is_64 ? ELFCLASS64 : ELFCLASS32, 1);
    put(f, f->big_endian ? ELFDATA2MSB : ELFDATA2LSB, 1);
    put_zeros(f, EI_NIDENT - 6);
    put(f, type, 2);
    put(f, f->machine, 2);
    put(f, EV_CURRENT, 4);
    put_word(f, 0);
    put_word(f, size); /* where the segments are */
    put_word(f, 0);
    put(f, 0, 4);
    put(f, size, 2);
    put(f, f->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), 2);
    put(f, segments, 2);
    put_zeros(f, 6);
}

/* A core with room for this many segments. */
static struct file *file_new(uint16_t machine, bool is_64, bool big_endian)
{
    struct file *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->machine = machine;
    f->is_64 = is_64;
    f->big_endian = big_endian;
    put_header(f, ET_CORE, SEGMENTS_MAX);
    f->table_at = f->len;
    put_zeros(f, SEGMENTS_MAX * (is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)));
    return f;
}

static void put_segment(struct file *f, uint32_t type, uint32_t flags, uint64_t offset,
                        uint64_t address, uint64_t file_size, uint64_t size)
{
    size_t end = f->len;
    assert_true(f->segments < SEGMENTS_MAX);
    f->len = f->table_at + f->segments++ * (f->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
    put(f, type, 4);
    if (f->is_64)
        put(f, flags, 4);
    put_word(f, offset);
    put_word(f, address);
    put_word(f, 0);
    put_word(f, file_size);
    put_word(f, size);
    if (!f->is_64)
        put(f, flags, 4);
    f->len = end;
}

/* Notes stand between these two. */
static void notes_begin(struct file *f)
{
    f->note_at = f->len;
}

static void notes_end(struct file *f)
{
    put_segment(f, PT_NOTE, 0, f->note_at, 0, f->len - f->note_at, 0);
}

/* Its content follows; note_end fills its size in. */
static size_t note_begin(struct file *f, uint32_t type)
{
    put(f, 5, 4);
    put(f, 0, 4);
    put(f, type, 4);
    put_bytes(f, "CORE\0\0\0", 8);
    return f->len;
}

static void note_end(struct file *f, size_t begin)
{
    put_at(f, begin - 16, f->len - begin, 4);
    while (f->len % 4)
        put(f, 0, 1);
}

/* A thread whose registers have their place among the words as value, from 1 on. */
static void put_thread(struct file *f, uint32_t id, uint16_t signal, size_t registers, size_t width)
{
    size_t begin = note_begin(f, NT_PRSTATUS);
    put_zeros(f, 12);
    put(f, signal, 4);
    put_zeros(f, 2 * word_size(f));
    put(f, id, 4);
    put_zeros(f, 12 + 8 * word_size(f));
    for (size_t i = 0; i < registers; i++)
        put(f, i + 1, width);
    put_word(f, 0);
    note_end(f, begin);
}

static void put_process(struct file *f, const char *name, const char *arguments)
{
    char text[80] = "";
    size_t begin = note_begin(f, NT_PRPSINFO);
    put_zeros(f, f->is_64 ? 16 : 8);
    put(f, 1000, f->is_64 ? 4 : 2);
    put(f, 100, f->is_64 ? 4 : 2);
    put(f, 77, 4);
    put(f, 76, 4);
    put_zeros(f, 8);
    snprintf(text, sizeof text, "%s", name);
    put_bytes(f, text, 16);
    snprintf(text, sizeof text, "%s", arguments);
    put_bytes(f, text, 80);
    note_end(f, begin);
}

static void put_signal(struct file *f, uint32_t signal, uint32_t code, uint64_t address)
{
    size_t begin = note_begin(f, NT_SIGINFO);
    put(f, signal, 4);
    put(f, 0, 4);
    put(f, code, 4);
    if (f->is_64)
        put(f, 0, 4);
    put_word(f, address);
    put_zeros(f, 16);
    note_end(f, begin);
}

struct mapping {
    uint64_t start, end, page;
    const char *path;
};

static void put_files(struct file *f, const struct mapping *files, size_t count)
{
    size_t begin = note_begin(f, NT_FILE);
    put_word(f, count);
    put_word(f, 4096);
    for (size_t i = 0; i < count; i++) {
        put_word(f, files[i].start);
        put_word(f, files[i].end);
        put_word(f, files[i].page);
    }
    for (size_t i = 0; i < count; i++)
        put_bytes(f, files[i].path, strlen(files[i].path) + 1);
    note_end(f, begin);
}

/* The first page of a library at an address, with a build id of 20 bytes, each `id`. */
static void put_image(struct file *f, uint64_t address, uint32_t flags, uint64_t extent, uint8_t id)
{
    struct file *image = calloc(1, sizeof *image);
    assert_non_null(image);
    image->is_64 = f->is_64;
    image->big_endian = f->big_endian;
    put_header(image, ET_DYN, 2);
    image->table_at = image->len;
    put_zeros(image, 2 * (f->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)));
    size_t note = image->len;
    put(image, 4, 4);
    put(image, 20, 4);
    put(image, NT_GNU_BUILD_ID, 4);
    put_bytes(image, "GNU", 4);
    for (size_t i = 0; i < 20; i++)
        put(image, id, 1);
    put_segment(image, PT_LOAD, PF_R, 0, 0, extent, extent);
    put_segment(image, PT_NOTE, PF_R, note, note, 36, 36);
    put_segment(f, PT_LOAD, flags, f->len, address, image->len, 4096);
    put_bytes(f, image->at, image->len);
    free(image);
}

static struct bytes whole(const struct file *f)
{
    return (struct bytes){ f->at, f->len };
}

static bool has_error(const struct dump *d, const char *text)
{
    for (size_t i = 0; i < d->error_count; i++)
        if (memmem(d->errors[i].ptr, d->errors[i].len, text, strlen(text)))
            return true;
    return false;
}

static void read_ok(struct bytes file, struct dump *d, struct arena *a)
{
    struct err e = { 0 };
    if (!core_read(file, NULL, d, a, &e))
        fail_msg("%s", e.msg);
}

static void assert_str(struct str got, const char *expected)
{
    if (!str_eq(got, str_from_c(expected)))
        fail_msg("\"%.*s\" instead of \"%s\"", STR_ARG(got), expected);
}

/* --- tests --------------------------------------------------------------------------------- */

/* Registers have the number of their word, from 1 on. */
static const struct {
    const char *name;
    uint16_t machine;
    bool is_64, big_endian;
    size_t registers, width;
    enum cpu cpu;
    unsigned pc, sp, other; /* words of these two and of another register */
    unsigned number;        /* of that other one */
} processors[] = {
    { "x86", EM_386, false, false, 17, 4, CPU_X86, 13, 16, 6, X86_EBP },
    { "amd64", EM_X86_64, true, false, 27, 8, CPU_AMD64, 17, 20, 2, 14 },
    { "x32", EM_X86_64, false, false, 27, 8, CPU_AMD64, 17, 20, 5, AMD64_RBP },
    { "arm", EM_ARM, false, false, 18, 4, CPU_ARM, 16, 14, 15, ARM_LR },
    { "arm, big endian", EM_ARM, false, true, 18, 4, CPU_ARM, 16, 14, 12, ARM_R11 },
    { "arm64", EM_AARCH64, true, false, 34, 8, CPU_ARM64, 33, 32, 31, ARM64_LR },
    { "arm64, big endian", EM_AARCH64, true, true, 34, 8, CPU_ARM64, 33, 32, 30, ARM64_FP },
    { "s390", EM_S390, true, true, 27, 8, CPU_UNKNOWN, 0, 0, 0, 0 },
};

static void check_processor(size_t i)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct file *f = file_new(processors[i].machine, processors[i].is_64, processors[i].big_endian);
    struct dump d;
    notes_begin(f);
    put_thread(f, 78, 11, processors[i].registers, processors[i].width);
    put_process(f, "prog", "prog  -x 1");
    put_signal(f, 11, 2, 0x1234);
    put_thread(f, 77, 0, processors[i].registers, processors[i].width);
    notes_end(f);
    assert_true(core_is(whole(f)));
    read_ok(whole(f), &d, a);
    assert_int_equal(d.cpu, processors[i].cpu);
    assert_int_equal(d.thread_count, 2);
    assert_int_equal(d.threads[0].id, 78);
    assert_int_equal(d.threads[1].id, 77);
    assert_int_equal(d.crash_thread, 0);
    assert_true(d.has_crash && d.has_address && d.has_pid);
    assert_int_equal(d.pid, 77);
    assert_int_equal(d.address, 0x1234);
    assert_str(d.reason, "SIGSEGV /SEGV_ACCERR");
    assert_non_null(memmem(d.annotations.ptr, d.annotations.len, "[\"prog\",\"-x\",\"1\"]", 17));
    const struct cpu_facts *facts = cpu_facts(d.cpu);
    assert_int_equal(d.threads[0].has_registers, facts != NULL);
    if (facts) {
        assert_int_equal(d.threads[0].registers.at[facts->pc], processors[i].pc);
        assert_int_equal(d.threads[0].registers.at[facts->sp], processors[i].sp);
        assert_int_equal(d.threads[0].registers.at[processors[i].number], processors[i].other);
        assert_true(d.threads[0].frame_count > 0);
    }
    arena_free(a);
    free(f);
}

static void test_processors(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof processors / sizeof *processors; i++) {
        print_message("%s\n", processors[i].name);
        check_processor(i);
    }
}

/* What is no core file at all. */
static void test_refused(void **unused)
{
    (void)unused;
    struct file *f = file_new(EM_X86_64, true, false);
    struct file *program = calloc(1, sizeof *program);
    uint8_t class[64], order[64], table[64];
    assert_non_null(program);
    program->is_64 = true;
    put_header(program, ET_DYN, 0);
    memcpy(class, f->at, 64);
    class[EI_CLASS] = 3;
    memcpy(order, f->at, 64);
    order[EI_DATA] = 0;
    memcpy(table, f->at, 64);
    table[54] = 8; /* e_phentsize */
    const struct {
        const char *name;
        struct bytes in;
        uint64_t offset;
        const char *why;
    } cases[] = {
        { "empty", { f->at, 0 }, 0, "ends within its header, at byte 0" },
        { "short", { f->at, 17 }, 18, "ends within its header, at byte 17" },
        { "a header cut off", { f->at, 57 }, 58, "ends within its header, at byte 57" },
        { "no table", { f->at, 64 }, 64, "before its table of segments at byte 64" },
        { "something else", { (const uint8_t *)"MDMP567890123456", 16 }, 0, "does not begin" },
        { "a library", { program->at, program->len }, 16, "no core file, but of type 3" },
        { "class", { class, 64 }, EI_CLASS, "unknown class 3" },
        { "order", { order, 64 }, EI_DATA, "unknown byte order 0" },
        { "small entries", { table, 64 }, 64, "no table of segments" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct dump d;
        struct err e = { 0 };
        print_message("%s\n", cases[i].name);
        assert_false(core_read(cases[i].in, NULL, &d, a, &e));
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.msg, cases[i].why))
            fail_msg("%s", e.msg);
        arena_free(a);
    }
    assert_false(core_is(whole(program)));
    assert_false(core_is((struct bytes){ f->at, 17 }));
    assert_true(core_is((struct bytes){ f->at, 18 }));
    free(program);
    free(f);
}

static struct file *with_files(const struct mapping *files, size_t count)
{
    struct file *f = file_new(EM_X86_64, true, false);
    notes_begin(f);
    put_thread(f, 1, 6, 27, 8);
    put_files(f, files, count);
    notes_end(f);
    return f;
}

/* Which mappings are one module, and which are none. */
static void test_modules(void **unused)
{
    (void)unused;
    static const struct mapping files[] = {
        { 0x10000, 0x11000, 0, "/bin/prog" },
        { 0x11000, 0x12000, 0, "/bin/prog" },
        { 0x12000, 0x13000, 1, "/bin/prog" },
        { 0x20000, 0x21000, 0, "/share/font" },
        { 0x30000, 0x31000, 0x123, "/a/base.apk" },
        { 0x31000, 0x32000, 0x124, "/a/base.apk" },
        { 0x40000, 0x41000, 0x200, "/a/base.apk" },
        { 0x50000, 0x51000, 0, "/lib/only.read" },
        { 0x60000, 0x61000, 0, "/lib/old (deleted)" },
        { 0x61000, 0x64000, 1, "/lib/old (deleted)" },
    };
    struct arena *a = arena_new(ARENA_BYTES);
    struct file *f = with_files(files, sizeof files / sizeof *files);
    struct dump d;
    put_image(f, 0x10000, PF_R, 0x3000, 1);
    put_segment(f, PT_LOAD, PF_R | PF_X, 0, 0x11000, 0, 0x1000);
    put_segment(f, PT_LOAD, PF_R | PF_W, 0, 0x12000, 0, 0x1000);
    put_segment(f, PT_LOAD, PF_R, 0, 0x20000, 0, 0x1000);
    put_image(f, 0x30000, PF_R, 0x2000, 2);
    put_segment(f, PT_LOAD, PF_R | PF_X, 0, 0x31000, 0, 0x1000);
    put_image(f, 0x40000, PF_R | PF_X, 0x1000, 3);
    put_image(f, 0x50000, PF_R, 0x1000, 4);
    put_image(f, 0x60000, PF_R, 0x4000, 5); /* its code is not in the core, as gdb does it */
    read_ok(whole(f), &d, a);
    static const struct {
        uint64_t base, size;
        const char *name, *code_id;
    } expected[] = {
        { 0x10000, 0x3000, "/bin/prog", "0101010101010101010101010101010101010101" },
        { 0x30000, 0x2000, "/a/base.apk", "0202020202020202020202020202020202020202" },
        { 0x40000, 0x1000, "/a/base.apk", "0303030303030303030303030303030303030303" },
        { 0x60000, 0x4000, "/lib/old", "0505050505050505050505050505050505050505" },
    };
    assert_int_equal(d.module_count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < d.module_count; i++) {
        assert_int_equal(d.modules[i].base, expected[i].base);
        assert_int_equal(d.modules[i].size, expected[i].size);
        assert_str(d.modules[i].code_file, expected[i].name);
        assert_str(d.modules[i].code_id, expected[i].code_id);
    }
    assert_str(d.modules[0].debug_id, "010101010101010101010101010101010");
    assert_non_null(memmem(d.annotations.ptr, d.annotations.len,
                           "\"mapped_files\":[\"/share/font\",\"/lib/only.read\"]", 46));
    assert_str(d.reason, "SIGABRT");
    assert_false(d.has_address);
    arena_free(a);
    free(f);
}

/* Everything behind some byte is missing: the rest is read. */
static void test_every_length(void **unused)
{
    (void)unused;
    static const struct mapping files[] = { { 0x10000, 0x13000, 0, "/bin/prog" } };
    struct file *f = with_files(files, 1);
    put_image(f, 0x10000, PF_R | PF_X, 0x3000, 1);
    size_t header = sizeof(Elf64_Ehdr);
    for (size_t len = 0; len < f->len; len++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct dump d;
        struct err e = { 0 };
        uint8_t *copy = malloc(len + 1); /* so that a sanitizer sees the end */
        assert_non_null(copy);
        memcpy(copy, f->at, len);
        bool ok = core_read((struct bytes){ copy, len }, NULL, &d, a, &e);
        assert_int_equal(ok, len > header);
        if (ok)
            assert_true(has_error(&d, "ends at byte") || has_error(&d, "cut off"));
        arena_free(a);
        free(copy);
    }
    free(f);
}

/* From 65535 segments on the number stands in the first section; without it, the table ends where
 * the notes begin. */
static void test_many_segments(void **unused)
{
    (void)unused;
    enum { COUNT = 70000 };
    const size_t table = sizeof(Elf64_Ehdr), notes = table + COUNT * sizeof(Elf64_Phdr);
    struct file *f = file_new(EM_X86_64, true, false);
    notes_begin(f);
    put_thread(f, 5, 11, 27, 8);
    size_t note_size = f->len - f->note_at, size = notes + note_size + sizeof(Elf64_Shdr);
    uint8_t *big = calloc(1, size);
    assert_non_null(big);
    put_at(f, 40, notes + note_size, 8); /* e_shoff */
    put_at(f, 56, PN_XNUM, 2);
    memcpy(big, f->at, table);
    memcpy(big + notes, f->at + f->note_at, note_size);
    f->segments = 0;
    put_segment(f, PT_NOTE, 0, notes, 0, note_size, 0);
    memcpy(big + table, f->at + table, sizeof(Elf64_Phdr));
    for (size_t i = 1; i < COUNT; i++) { /* in falling order */
        f->segments = 1;
        put_segment(f, PT_LOAD, PF_R, notes, (COUNT - i) << 12, 16, 4096);
        memcpy(big + table + i * sizeof(Elf64_Phdr), f->at + table + sizeof(Elf64_Phdr),
               sizeof(Elf64_Phdr));
    }
    memset(f->at, 0, 8);
    put_at(f, 0, COUNT, 4);
    memcpy(big + notes + note_size + offsetof(Elf64_Shdr, sh_info), f->at, 4);
    for (size_t cut = 0; cut <= sizeof(Elf64_Shdr); cut += sizeof(Elf64_Shdr)) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct dump d;
        read_ok((struct bytes){ big, size - cut }, &d, a);
        assert_int_equal(d.thread_count, 1);
        const struct attribute *n = attributes_find(&d.attributes, STR("process.mapping.count"));
        assert_non_null(n);
        assert_str(n->text, "69999");
        arena_free(a);
    }
    free(big);
    free(f);
}

/* Notes that are cut off, or of others; a process that goes on. */
static void test_odd_notes(void **unused)
{
    (void)unused;
    struct arena *a = arena_new(ARENA_BYTES);
    struct file *f = file_new(EM_X86_64, true, false);
    struct dump d;
    notes_begin(f);
    put_thread(f, 1, 0, 27, 8);
    put_signal(f, 19, 0, 0); /* that a debugger stopped it with */
    put_thread(f, 2, 0, 10, 8);
    size_t begin = note_begin(f, NT_PRPSINFO);
    put_zeros(f, 20);
    note_end(f, begin);
    put(f, 5, 4);
    put(f, 1000000, 4);
    put(f, NT_PRSTATUS, 4);
    notes_end(f);
    read_ok(whole(f), &d, a);
    assert_false(d.has_crash);
    assert_int_equal(d.crash_thread, 0);
    assert_int_equal(d.thread_count, 2);
    assert_true(d.threads[0].has_registers && !d.threads[1].has_registers);
    assert_true(has_error(&d, "thread 2 has no registers"));
    assert_true(has_error(&d, "note about the process is cut off"));
    assert_true(has_error(&d, "notes are cut off after 2 threads"));
    arena_free(a);
    free(f);
}

/* The signal in words; its address only when the kernel says where the fault was. */
static void test_signals(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t signal, code;
        const char *reason;
        bool has_address;
    } cases[] = {
        { 11, 1, "SIGSEGV /SEGV_MAPERR", true },
        { 11, 0x80, "SIGSEGV /0x00000080", false }, /* an address that cannot be one */
        { 11, 0, "SIGSEGV /0x00000000", false },    /* kill -SEGV */
        { 7, 2, "SIGBUS / BUS_ADRERR", true },
        { 8, 1, "SIGFPE / FPE_INTDIV", true },
        { 6, UINT32_C(-6), "SIGABRT", false },
        { 40, 0, "signal 40", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct file *f = file_new(EM_X86_64, true, false);
        struct dump d;
        notes_begin(f);
        put_thread(f, 1, (uint16_t)cases[i].signal, 27, 8);
        put_signal(f, cases[i].signal, cases[i].code, 0x42);
        notes_end(f);
        read_ok(whole(f), &d, a);
        assert_str(d.reason, cases[i].reason);
        assert_int_equal(d.has_address, cases[i].has_address);
        assert_int_equal(d.address, cases[i].has_address ? 0x42 : 0);
        arena_free(a);
        free(f);
    }
}

/* The command line lies above the stack of the first thread, below the auxiliary vector. */
static void check_arguments(bool is_64, uint64_t count, const char *expected)
{
    enum { STACK = 0x70000, TEXTS = 0x70100 };
    static const char texts[] = "/bin/prog\0prog\0two words\0\0HOME=/";
    struct arena *a = arena_new(ARENA_BYTES);
    struct file *f = file_new(is_64 ? EM_X86_64 : EM_386, is_64, false);
    const uint64_t vector[] = { AT_PAGESZ, 4096, AT_EXECFN, TEXTS, AT_NULL, 0 };
    const uint64_t stack[] = { 1, 2, count, TEXTS + 10, TEXTS + 15, TEXTS + 25, 0, TEXTS + 26, 0 };
    struct dump d;
    notes_begin(f);
    put_thread(f, 1, 11, is_64 ? 27 : 17, is_64 ? 8 : 4);
    put_process(f, "prog", "prog two words");
    size_t begin = note_begin(f, NT_AUXV);
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        put_word(f, vector[i]);
    note_end(f, begin);
    notes_end(f);
    begin = f->len;
    for (size_t i = 0; i < sizeof stack / sizeof *stack; i++)
        put_word(f, stack[i]);
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        put_word(f, vector[i]);
    put_zeros(f, TEXTS - STACK - (f->len - begin));
    put_bytes(f, texts, sizeof texts);
    put_segment(f, PT_LOAD, PF_R | PF_W, begin, STACK, f->len - begin, f->len - begin);
    read_ok(whole(f), &d, a);
    if (!memmem(d.annotations.ptr, d.annotations.len, expected, strlen(expected)))
        fail_msg("%.*s", STR_ARG(d.annotations));
    arena_free(a);
    free(f);
}

static void test_arguments(void **unused)
{
    (void)unused;
    check_arguments(true, 3, "\"Exec Arguments\":[\"prog\",\"two words\",\"\"]");
    check_arguments(false, 3, "\"Exec Arguments\":[\"prog\",\"two words\",\"\"]");
    /* Another number than there are: what the note has. */
    check_arguments(true, 9, "\"Exec Arguments\":[\"prog\",\"two\",\"words\"]");
}

/* However many threads there are, so many are read. */
static void test_too_many_threads(void **unused)
{
    (void)unused;
    enum { COUNT = CRASH_THREADS_MAX + 5 };
    struct file *f = file_new(EM_X86_64, true, false);
    notes_begin(f);
    put_thread(f, 0, 11, 27, 8);
    size_t one = f->len - f->note_at, size = f->note_at + COUNT * one;
    put_segment(f, PT_NOTE, 0, f->note_at, 0, COUNT * one, 0);
    uint8_t *big = malloc(size);
    assert_non_null(big);
    memcpy(big, f->at, f->note_at);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(big + f->note_at + i * one, f->at + f->note_at, one);
    struct arena *a = arena_new(ARENA_BYTES);
    struct dump d;
    read_ok((struct bytes){ big, size }, &d, a);
    assert_int_equal(d.thread_count, CRASH_THREADS_MAX);
    assert_true(has_error(&d, "10005 threads, of which the first 10000 are read"));
    arena_free(a);
    free(big);
    free(f);
}

/* A thread counts once, whichever segment it is in; 0 is no id. */
static void test_repeated_threads(void **unused)
{
    (void)unused;
    static const uint32_t ids[] = { 9, 0, 3, 9, 0, 3, 3, 1 }, kept[] = { 9, 0, 3, 0, 1 };
    struct arena *a = arena_new(ARENA_BYTES);
    struct file *f = file_new(EM_X86_64, true, false);
    struct dump d;
    notes_begin(f);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        put_thread(f, ids[i], i == 0 ? 11 : 0, 27, 8);
    notes_end(f);
    notes_end(f);
    read_ok(whole(f), &d, a);
    assert_true(has_error(&d, "9 threads have the id of an earlier one, and are left out"));
    assert_int_equal(d.thread_count, 7); /* the zeros of the second segment, too */
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_int_equal(d.threads[i].id, kept[i]);
    assert_true(d.has_crash && d.crash_thread == 0);
    arena_free(a);
    free(f);
}

/* Of segments with notes so many are read; the others are told of. */
static void test_many_note_segments(void **unused)
{
    (void)unused;
    for (uint32_t count = 64; count < 67; count++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct file *f = file_new(EM_X86_64, true, false);
        struct dump d;
        for (uint32_t i = 0; i < count; i++) {
            notes_begin(f);
            put_thread(f, i + 1, 0, 27, 8);
            notes_end(f);
        }
        read_ok(whole(f), &d, a);
        assert_int_equal(d.thread_count, 64);
        assert_int_equal(has_error(&d, "segments of notes, of which the first 64 are read"),
                         count > 64);
        arena_free(a);
        free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_many_segments),
        cmocka_unit_test(test_odd_notes),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_too_many_threads),
        cmocka_unit_test(test_repeated_threads),
        cmocka_unit_test(test_many_note_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
