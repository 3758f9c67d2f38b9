/* Minidumps byte by byte: what is read of each stream, and what becomes of damaged ones. Whole
 * dumps with stacks are compared with Breakpad in tests/cli/test_stackwalk.py. */
#include "decode/decode.h"
#include "decode/minidump.h"

#include "../cmocka_all.h"
#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define FILE_MAX 65536
#define STREAMS_MAX 16

/* --- a writer of minidumps ----------------------------------------------------------------- */

struct file {
    uint8_t at[FILE_MAX];
    size_t len;
    bool big_endian;
    uint32_t types[STREAMS_MAX], sizes[STREAMS_MAX], offsets[STREAMS_MAX];
    size_t streams;
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

static void put_words(struct file *f, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put(f, words[i], 4);
}

static void put_bytes(struct file *f, const void *p, size_t n)
{
    assert_true(f->len + n <= FILE_MAX);
    if (n > 0)
        memcpy(f->at + f->len, p, n);
    f->len += n;
}

static void put_zeros(struct file *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(f, 0, 1);
}

/* UTF-16 of ASCII, with its length in front; where it is. */
static uint32_t put_string(struct file *f, const char *text)
{
    uint32_t at = (uint32_t)f->len;
    put(f, 2 * strlen(text), 4);
    for (; *text; text++)
        put(f, (unsigned char)*text, 2);
    put(f, 0, 2);
    return at;
}

/* As Crashpad writes texts. */
static uint32_t put_utf8(struct file *f, const char *text)
{
    uint32_t at = (uint32_t)f->len;
    put(f, strlen(text), 4);
    put_bytes(f, text, strlen(text) + 1);
    return at;
}

static struct file *file_new(bool big_endian)
{
    struct file *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->big_endian = big_endian;
    f->len = 32 + 12 * STREAMS_MAX; /* header and directory come last */
    return f;
}

static void begin(struct file *f, uint32_t type)
{
    assert_true(f->streams < STREAMS_MAX);
    f->types[f->streams] = type;
    f->offsets[f->streams] = (uint32_t)f->len;
}

static void end(struct file *f)
{
    f->sizes[f->streams] = (uint32_t)f->len - f->offsets[f->streams];
    f->streams++;
}

#define DUMP_TIME 1600000000

static struct bytes finish(struct file *f)
{
    put_at(f, 0, 0x504d444d, 4);
    put_at(f, 4, 0xa793, 4);
    put_at(f, 8, f->streams, 4);
    put_at(f, 12, 32, 4);
    put_at(f, 20, DUMP_TIME, 4);
    for (size_t i = 0; i < f->streams; i++) {
        put_at(f, 32 + 12 * i, f->types[i], 4);
        put_at(f, 36 + 12 * i, f->sizes[i], 4);
        put_at(f, 40 + 12 * i, f->offsets[i], 4);
    }
    return (struct bytes){ f->at, f->len };
}

/* --- streams that most dumps have ---------------------------------------------------------- */

enum { WINDOWS = 2, MAC = 0x8101, LINUX = 0x8201 };
enum { X86 = 0, ARM = 5, AMD64 = 9, ARM64 = 12, ARM64_OLD = 0x8003 };

static void put_system(struct file *f, unsigned os, unsigned architecture)
{
    uint32_t pack = put_string(f, os == LINUX ? "Linux 6.1.0-18-amd64 #1 SMP Debian x86_64" : "");
    begin(f, 7);
    put(f, architecture, 2);
    put(f, 6, 2);
    put(f, 0x9e09, 2);
    put(f, 8, 1);
    put(f, 1, 1);
    put_words(f, (const uint32_t[]){ 10, 0, 17763, os, pack, 0 }, 6);
    put_bytes(f, "GenuineIntel", 12);
    put_zeros(f, 12);
    end(f);
}

/* Where a context begins, and its size. */
struct place {
    uint32_t at, size;
};

static struct place put_amd64(struct file *f, uint64_t rip, uint64_t rsp)
{
    struct place p = { (uint32_t)f->len, 1232 };
    put_zeros(f, 1232);
    put_at(f, p.at + 48, 0x10001f, 4);
    put_at(f, p.at + 152, rsp, 8);
    put_at(f, p.at + 248, rip, 8);
    return p;
}

static void put_thread(struct file *f, uint32_t id, uint64_t stack, struct place memory,
                       struct place context)
{
    put(f, id, 4);
    put_zeros(f, 20);
    put(f, stack, 8);
    put_words(f, (const uint32_t[]){ memory.size, memory.at, context.size, context.at }, 4);
}

static void put_threads(struct file *f, const uint32_t *ids, size_t count, struct place context)
{
    const struct place none = { 0, 0 };
    begin(f, 3);
    put(f, count, 4);
    for (size_t i = 0; i < count; i++)
        put_thread(f, ids[i], 0, none, context);
    end(f);
}

static void put_exception(struct file *f, uint32_t thread, uint32_t code, uint64_t address)
{
    begin(f, 6);
    put_words(f, (const uint32_t[]){ thread, 0, code, 1 }, 4);
    put(f, 0, 8);
    put(f, address, 8);
    put_zeros(f, 8 + 15 * 8 + 8);
    end(f);
}

struct module {
    uint64_t base;
    uint32_t size;
    const char *name;
    const char *record; /* CodeView: its four letters, then fields as texts of hex */
    uint8_t id[20];
    size_t id_size;
    uint32_t age;
    const char *pdb;
};

static void put_modules(struct file *f, const struct module *modules, size_t count)
{
    uint32_t names[STREAMS_MAX];
    struct place records[STREAMS_MAX];
    for (size_t i = 0; i < count; i++) {
        const struct module *m = &modules[i];
        names[i] = put_string(f, m->name);
        records[i] = (struct place){ (uint32_t)f->len, 0 };
        if (!m->record)
            continue;
        uint32_t signature;
        memcpy(&signature, m->record, 4);
        put(f, signature, 4);
        if (!strcmp(m->record, "NB10"))
            put(f, 0, 4);
        put_bytes(f, m->id, m->id_size);
        if (m->pdb) {
            put(f, m->age, 4);
            put_bytes(f, m->pdb, strlen(m->pdb) + 1);
        }
        records[i].size = (uint32_t)f->len - records[i].at;
    }
    begin(f, 4);
    put(f, count, 4);
    for (size_t i = 0; i < count; i++) {
        put(f, modules[i].base, 8);
        put_words(f, (const uint32_t[]){ modules[i].size, 0, 0x4802a000, names[i] }, 4);
        put_words(f, (const uint32_t[]){ 0xfeef04bd, 0x10000, 0x00010002, 0x00030004 }, 4);
        put_zeros(f, 36);
        put_words(f, (const uint32_t[]){ records[i].size, records[i].at }, 2);
        put_zeros(f, 24);
    }
    end(f);
}

/* --- reading ------------------------------------------------------------------------------- */

static struct dump *read_dump(struct file *f, struct arena *a)
{
    struct err e = { 0 };
    struct dump *d = arena_alloc(a, sizeof *d);
    struct bytes file = finish(f);
    uint8_t *copy = arena_alloc(a, file.len); /* a dump borrows its bytes */
    assert_true(d && copy);
    memcpy(copy, file.ptr, file.len);
    if (!minidump_read((struct bytes){ copy, file.len }, NULL, d, a, &e))
        fail_msg("%s", e.msg);
    free(f);
    return d;
}

static void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_from_c(want)))
        fail_msg("\"%.*s\", not \"%s\"", STR_ARG(got), want);
}

static void assert_attribute(const struct attributes *a, const char *name, const char *want)
{
    const struct attribute *found = attributes_find(a, str_from_c(name));
    if (!found && want)
        fail_msg("there is no %s", name);
    if (found && !want)
        fail_msg("%s is %.*s", name, STR_ARG(found->text));
    if (found && !str_eq(found->text, str_from_c(want)))
        fail_msg("%s is \"%.*s\", not \"%s\"", name, STR_ARG(found->text), want);
}

static void assert_told(const struct dump *d, const char *part)
{
    for (size_t i = 0; i < d->error_count; i++)
        if (strstr(d->errors[i].ptr, part))
            return;
    fail_msg("nothing is told of: %s", part);
}

static struct arena *arena(void)
{
    struct arena *a = arena_new(ARENA_BYTES);
    assert_non_null(a);
    return a;
}

/* --- header and directory ------------------------------------------------------------------ */

static void test_headers(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct {
        const char *name;
        struct str in;
        const char *want;
    } cases[] = {
        { "nothing", STR_INIT(""), "no minidump" },
        { "another file", STR_INIT("PK\3\4 and so on"), "no minidump" },
        { "the first word alone", STR_INIT("MDMP"), "ends within its header" },
        { "half a header", STR_INIT("MDMP\x93\xa7\0\0\1\0\0\0\40\0\0\0"),
          "ends within its header" },
        { "another version",
          STR_INIT("MDMP\x92\xa7\0\0\1\0\0\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
          "version 0xa793; this one has 0xa792" },
        { "a directory outside",
          STR_INIT("MDMP\x93\xa7\0\0\1\0\0\0\41\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
          "ends before its directory" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dump d;
        struct err e = { 0 };
        struct bytes in = { (const uint8_t *)cases[i].in.ptr, cases[i].in.len };
        if (minidump_read(in, NULL, &d, a, &e) || e.code != ERR_INPUT ||
            !strstr(e.msg, cases[i].want))
            fail_msg("%s: %s", cases[i].name, e.msg);
    }
}

/* Nothing but a header: all is empty, and what is missing is told. */
static void test_empty(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    struct crash c;
    struct err e = { 0 };
    struct dump *d = read_dump(file_new(false), a);
    assert_int_equal(d->thread_count, 0);
    assert_int_equal(d->module_count, 0);
    assert_false(d->has_crash);
    assert_true(d->crash_thread == DUMP_NO_THREAD);
    assert_told(d, "of which system");
    decode_nothing(&c, a);
    assert_true(dump_crash(d, &c, a, &e));
    assert_int_equal(c.classifier_count, 0);
    assert_int_equal(c.error_count, d->error_count);
}

static void test_stream_outside(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    struct file *f = file_new(false);
    put_system(f, LINUX, AMD64);
    begin(f, 3);
    f->sizes[f->streams++] = 1000;
    struct dump *d = read_dump(f, a);
    assert_told(d, "stream 0x3 lies outside the file");
    assert_text(d->os_name, "Linux"); /* the rest is read */
}

/* --- the system ---------------------------------------------------------------------------- */

static void test_system(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct {
        unsigned os, architecture;
        const char *name, *version, *cpu, *text;
        enum cpu number;
    } cases[] = {
        { WINDOWS, X86, "Windows NT", "10.0.17763 ", "x86",
          "GenuineIntel family 6 model 158 stepping 9", CPU_X86 },
        { MAC, AMD64, "Mac OS X", "10.0.17763 ", "amd64", "family 6 model 158 stepping 9",
          CPU_AMD64 },
        { LINUX, ARM64, "Linux", "10.0.17763 Linux 6.1.0-18-amd64 #1 SMP Debian x86_64", "arm64",
          "", CPU_ARM64 },
        { 0x8203, ARM64_OLD, "Android", "10.0.17763 ", "arm64", "", CPU_ARM64 },
        { 77, 0x1234, "0x0000004d", "10.0.17763 ", "0x1234", "", CPU_UNKNOWN },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file *f = file_new(i & 1); /* in both byte orders */
        put_system(f, cases[i].os, cases[i].architecture);
        struct dump *d = read_dump(f, a);
        assert_text(d->os_name, cases[i].name);
        assert_text(d->os_version, cases[i].version);
        assert_text(d->cpu_name, cases[i].cpu);
        assert_text(d->cpu_text, cases[i].text);
        assert_int_equal(d->cpu, cases[i].number);
        assert_int_equal(d->cpu_count, 8);
    }
}

/* How the texts of uname are found again in the version of a Linux. */
static void test_uname(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct {
        enum walk_os os;
        const char *version, *release, *kernel, *machine;
    } cases[] = {
        { WALK_OS_LINUX, "0.0.0 Linux 6.1.0-18 #1 SMP Tue x86_64", "6.1.0-18", "#1 SMP Tue",
          "x86_64" },
        { WALK_OS_LINUX, "5.10.28 -1rodete2 #1 SMP Debian (2021) x86_64", "5.10.28-1rodete2",
          "#1 SMP Debian (2021)", "x86_64" },
        { WALK_OS_ANDROID, "0.0.0 Linux 4.14 #1 PREEMPT aarch64 google/x:12/y", "4.14",
          "#1 PREEMPT", "aarch64" },
        { WALK_OS_LINUX, "6.1.0 ", "6.1.0", NULL, "m" },
        { WALK_OS_LINUX, "", NULL, NULL, "m" },
        { WALK_OS_WINDOWS, "10.0.17763 ", "10.0.17763", "10.0.17763", "m" },
        { WALK_OS_WINDOWS, "5.1.2600 Service Pack 2", "5.1.2600", "5.1.2600 Service Pack 2", "m" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dump d = { .os = cases[i].os,
                          .os_version = str_from_c(cases[i].version),
                          .cpu_name = STR("m"),
                          .crash_thread = DUMP_NO_THREAD };
        struct crash c;
        struct err e = { 0 };
        decode_nothing(&c, a);
        assert_true(dump_crash(&d, &c, a, &e));
        assert_attribute(&c.attributes, "uname.release", cases[i].release);
        assert_attribute(&c.attributes, "uname.version", cases[i].kernel);
        assert_attribute(&c.attributes, "uname.machine", cases[i].machine);
    }
}

static void test_misc(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    struct file *f = file_new(false);
    begin(f, 15);
    put_words(f, (const uint32_t[]){ 44, 1 | 2 | 4, 4242, DUMP_TIME - 77, 5, 6 }, 6);
    put_words(f, (const uint32_t[]){ 3600, 2400, 3600, 0, 0 }, 5);
    end(f);
    struct dump *d = read_dump(f, a);
    assert_true(d->has_pid && d->pid == 4242);
    assert_true(d->has_uptime && d->uptime_s == 77);
    assert_attribute(&d->attributes, "cpu.frequency", "2400");
    assert_attribute(&d->attributes, "process.cpu.user", "5");

    f = file_new(false); /* a start after the dump is none */
    begin(f, 15);
    put_words(f, (const uint32_t[]){ 24, 2, 0, DUMP_TIME + 1, 0, 0 }, 6);
    end(f);
    d = read_dump(f, a);
    assert_false(d->has_pid);
    assert_false(d->has_uptime);
}

/* --- registers ----------------------------------------------------------------------------- */

/* Each processor's context with the number of its register in every register. */
static struct place put_context(struct file *f, unsigned architecture, uint32_t flags, size_t size)
{
    struct place p = { (uint32_t)f->len, (uint32_t)size };
    put_zeros(f, size);
    put_at(f, p.at + (architecture == AMD64 ? 48 : 0), flags, 4);
    for (unsigned i = 0; i < 40; i++) {
        if (architecture == X86 && i < 12)
            put_at(f, p.at + 156 + 4 * i, 0x1000 + i, 4);
        if (architecture == AMD64 && i < 17)
            put_at(f, p.at + 120 + 8 * i, 0x1000 + i, 8);
        if (architecture == ARM && i < 16)
            put_at(f, p.at + 4 + 4 * i, 0x1000 + i, 4);
        if ((architecture == ARM64 || architecture == ARM64_OLD) && i < 33)
            put_at(f, p.at + 8 + 8 * i, 0x1000 + i, 8);
    }
    return p;
}

static void test_contexts(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct {
        const char *name;
        unsigned architecture;
        uint32_t flags;
        size_t size;
        bool want;
        unsigned pc, sp, fp;          /* numbers of registers, */
        uint64_t pc_at, sp_at, fp_at; /* and which of the context's they are */
    } cases[] = {
        { "x86", X86, 0x1003f, 716, true, X86_EIP, X86_ESP, X86_EBP, 7, 10, 6 },
        { "x86, flags of no processor", X86, 0x3f, 716, true, X86_EIP, X86_ESP, X86_EBP, 7, 10, 6 },
        { "x86, flags of another", X86, 0x10003f, 716, false, 0, 0, 0, 0, 0, 0 },
        { "x86, too short", X86, 0x1003f, 196, false, 0, 0, 0, 0, 0, 0 },
        { "amd64", AMD64, 0x10001f, 1232, true, AMD64_RIP, AMD64_RSP, AMD64_RBP, 16, 4, 5 },
        { "amd64, XSAVE", AMD64, 0x10005f, 3000, true, AMD64_RIP, AMD64_RSP, AMD64_RBP, 16, 4, 5 },
        { "amd64, too short", AMD64, 0x10001f, 255, false, 0, 0, 0, 0, 0, 0 },
        { "arm", ARM, 0x40000006, 368, true, ARM_PC, ARM_SP, ARM_R11, 15, 13, 11 },
        { "arm of Windows", ARM, 0x200007, 416, true, ARM_PC, ARM_SP, ARM_R11, 15, 13, 11 },
        { "arm64", ARM64, 0x40001f, 912, true, ARM64_PC, ARM64_SP, ARM64_FP, 32, 31, 29 },
        { "arm64, old", ARM64_OLD, 0x80000006, 796, true, ARM64_PC, ARM64_SP, ARM64_FP, 32, 31,
          29 },
        { "arm64, old in new", ARM64, 0x80000006, 796, true, ARM64_PC, ARM64_SP, ARM64_FP, 32, 31,
          29 },
        { "none", ARM64, 0, 0, false, 0, 0, 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        size_t k = i / 2;
        struct file *f = file_new(i & 1);
        put_system(f, LINUX, cases[k].architecture);
        struct place p = put_context(f, cases[k].architecture, cases[k].flags, cases[k].size);
        put_threads(f, (const uint32_t[]){ 5 }, 1, p);
        struct dump *d = read_dump(f, a);
        const struct dump_thread *t = &d->threads[0];
        if (t->has_registers != cases[k].want)
            fail_msg("%s", cases[k].name);
        if (!cases[k].want) {
            assert_told(d, "thread 5 has no registers");
            continue;
        }
        if (t->registers.at[cases[k].pc] != 0x1000 + cases[k].pc_at ||
            t->registers.at[cases[k].sp] != 0x1000 + cases[k].sp_at ||
            t->registers.at[cases[k].fp] != 0x1000 + cases[k].fp_at)
            fail_msg("%s: pc %llx, sp %llx, fp %llx", cases[k].name,
                     (unsigned long long)t->registers.at[cases[k].pc],
                     (unsigned long long)t->registers.at[cases[k].sp],
                     (unsigned long long)t->registers.at[cases[k].fp]);
        assert_true(t->registers.known >> cases[k].pc & 1);
    }
}

/* --- threads and the crash ----------------------------------------------------------------- */

static void put_breakpad(struct file *f, uint32_t validity, uint32_t dumper, uint32_t requester)
{
    begin(f, 0x47670001);
    put_words(f, (const uint32_t[]){ validity, dumper, requester }, 3);
    end(f);
}

static void test_crash_thread(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const uint32_t ids[] = { 10, 20, 30 };
    static const struct {
        const char *name;
        uint32_t exception;                   /* 0: no exception */
        uint32_t validity, dumper, requester; /* of Breakpad */
        size_t threads, want;
    } cases[] = {
        { "the exception's", 20, 0, 0, 0, 3, 1 },
        { "no exception", 0, 0, 0, 0, 3, DUMP_NO_THREAD },
        { "Breakpad's", 0, 2, 0, 30, 3, 2 },
        { "the exception's, not Breakpad's", 10, 2, 0, 30, 3, 0 },
        { "the one that writes is left out", 0, 3, 20, 30, 2, 1 },
        { "Breakpad's are not valid", 0, 0, 20, 30, 3, DUMP_NO_THREAD },
        { "not there", 40, 0, 0, 0, 3, DUMP_NO_THREAD },
        { "left out", 20, 1, 20, 0, 2, DUMP_NO_THREAD },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file *f = file_new(false);
        put_system(f, LINUX, AMD64);
        put_threads(f, ids, 3, put_amd64(f, 0x1234, 0x7000));
        if (cases[i].exception)
            put_exception(f, cases[i].exception, 11, 0x99);
        put_breakpad(f, cases[i].validity, cases[i].dumper, cases[i].requester);
        struct dump *d = read_dump(f, a);
        if (d->thread_count != cases[i].threads || d->crash_thread != cases[i].want)
            fail_msg("%s: %zu threads, crashed %zu", cases[i].name, d->thread_count,
                     d->crash_thread);
        assert_int_equal(d->has_crash, cases[i].exception != 0);
    }
}

/* The exception's registers are those of the crash; without them the thread's are taken. */
static void test_exception_context(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    for (int with = 0; with < 2; with++) {
        struct file *f = file_new(false);
        put_system(f, LINUX, AMD64);
        put_threads(f, (const uint32_t[]){ 7 }, 1, put_amd64(f, 0x1111, 0x7000));
        struct place p = put_amd64(f, 0x2222, 0x7000);
        put_exception(f, 7, 11, 0x99);
        if (with) {
            put_at(f, f->len - 8, p.size, 4);
            put_at(f, f->len - 4, p.at, 4);
        }
        struct dump *d = read_dump(f, a);
        assert_int_equal(d->threads[0].registers.at[AMD64_RIP], with ? 0x2222 : 0x1111);
        assert_text(d->reason, "SIGSEGV /SEGV_MAPERR");
        assert_int_equal(d->address, 0x99);
    }
}

static void test_thread_names(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    struct file *f = file_new(false);
    put_system(f, WINDOWS, AMD64);
    put_threads(f, (const uint32_t[]){ 3, 1, 2 }, 3, put_amd64(f, 1, 2));
    uint32_t one = put_string(f, "one"), three = put_string(f, "three");
    begin(f, 24);
    put(f, 3, 4);
    put(f, 3, 4), put(f, three, 8);
    put(f, 1, 4), put(f, one, 8);
    put(f, 9, 4), put(f, UINT64_C(1) << 40, 8);
    end(f);
    struct dump *d = read_dump(f, a);
    assert_text(d->threads[0].name, "three");
    assert_text(d->threads[1].name, "one");
    assert_text(d->threads[2].name, "");
}

/* Where the walk gets a thread's stack from: it must find the return address that lies there. */
static void test_stacks(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct {
        const char *name;
        bool own, list, list64;
        uint64_t start; /* what the thread says */
        size_t frames;
    } cases[] = {
        { "the thread's own", true, false, false, 0x7000, 2 },
        { "in the list, by where it begins", false, true, false, 0x7000, 2 },
        { "in the list, by the stack pointer", false, true, false, 0, 2 },
        { "in the list of 64 bits", false, false, true, 0, 2 },
        { "nowhere", false, false, false, 0x7000, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file *f = file_new(false);
        put_system(f, LINUX, AMD64);
        put_modules(f, &(const struct module){ .base = 0x400000, .size = 0x1000, .name = "a" }, 1);
        struct place context = put_amd64(f, 0x400100, 0x7000);
        struct place stack = { (uint32_t)f->len, 64 };
        put(f, 0x400200, 8); /* the return address */
        put_zeros(f, 56);
        begin(f, 3);
        put(f, 1, 4);
        put_thread(f, 1, cases[i].start, cases[i].own ? stack : (struct place){ 0, 0 }, context);
        end(f);
        if (cases[i].list) {
            begin(f, 5);
            put(f, 1, 4);
            put(f, 0x7000, 8);
            put_words(f, (const uint32_t[]){ stack.size, stack.at }, 2);
            end(f);
        }
        if (cases[i].list64) {
            begin(f, 9);
            put(f, 1, 8), put(f, stack.at, 8);
            put(f, 0x7000, 8), put(f, stack.size, 8);
            end(f);
        }
        struct dump *d = read_dump(f, a);
        if (d->threads[0].frame_count != cases[i].frames)
            fail_msg("%s: %zu frames", cases[i].name, d->threads[0].frame_count);
        if (cases[i].frames > 1)
            assert_int_equal(d->threads[0].frames[1].address, 0x400200);
    }
}

/* --- modules ------------------------------------------------------------------------------- */

#define GUID                                                                                       \
    {                                                                                              \
        0xe5, 0x32, 0x98, 0x5a, 0x72, 0x28, 0xc1, 0x41, 0x83, 0x8e, 0xd9, 0x89, 0x14, 0xe9, 0xb7,  \
            0xff                                                                                   \
    }

static void test_module_ids(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct {
        unsigned os;
        struct module module;
        const char *debug_file, *debug_id, *code_id;
    } cases[] = {
        { WINDOWS,
          { 0x400000, 0x2d000, "c:\\app.exe", "RSDS", GUID, 16, 1, "d:\\app.pdb" },
          "d:\\app.pdb",
          "5A9832E5287241C1838ED98914E9B7FF1",
          "4802A0002d000" },
        { WINDOWS,
          { 0x400000, 0x2d000, "c:\\app.exe", "RSDS", GUID, 16, 0x1c, "app.pdb" },
          "app.pdb",
          "5A9832E5287241C1838ED98914E9B7FF1c",
          "4802A0002d000" },
        { WINDOWS,
          { 0x400000, 0x2d000, "old.exe", "NB10", { 0x78, 0x56, 0x34, 0x12 }, 4, 10, "old.pdb" },
          "old.pdb",
          "12345678a",
          "4802A0002d000" },
        { MAC,
          { 0x400000, 0x2d000, "/usr/lib/libx.dylib", "RSDS", GUID, 16, 0, "libx.dylib" },
          "libx.dylib",
          "5A9832E5287241C1838ED98914E9B7FF0",
          "5a9832e5287241c1838ed98914e9b7ff" },
        { LINUX,
          { 0x400000,
            0x2d000,
            "/lib/libc.so.6",
            "LEpB",
            { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 },
            20,
            0,
            NULL },
          "/lib/libc.so.6",
          "0403020106050807090A0B0C0D0E0F100",
          "0102030405060708090a0b0c0d0e0f1011121314" },
        { LINUX,
          { 0x400000, 0x2d000, "short", "LEpB", { 1, 2, 3, 4 }, 4, 0, NULL },
          "short",
          "040302010000000000000000000000000",
          "01020304" },
        { LINUX, { 0x400000, 0x2d000, "bare", NULL, { 0 }, 0, 0, NULL }, "", "", "" },
        { LINUX, { 0x400000, 0x2d000, "odd", "ABCD", { 0 }, 4, 0, NULL }, "", "", "" },
        { LINUX, { 0x400000, 0x2d000, "cut", "RSDS", GUID, 12, 0, NULL }, "", "", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file *f = file_new(false);
        put_system(f, cases[i].os, AMD64);
        put_modules(f, &cases[i].module, 1);
        struct dump *d = read_dump(f, a);
        assert_int_equal(d->module_count, 1);
        assert_text(d->modules[0].code_file, cases[i].module.name);
        assert_text(d->modules[0].debug_file, cases[i].debug_file);
        assert_text(d->modules[0].debug_id, cases[i].debug_id);
        assert_text(d->modules[0].code_id, cases[i].code_id);
        assert_text(d->modules[0].version, "1.2.3.4");
    }
}

/* They come out sorted and apart; the program is the one that stood first. */
static void test_module_order(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct module modules[] = {
        { .base = 0x5000, .size = 0x1000, .name = "program" },
        { .base = 0x1000, .size = 0x3000, .name = "around" },
        { .base = 0x2000, .size = 0x1000, .name = "within" },
        { .base = 0x2000, .size = 0x1000, .name = "within" }, /* listed twice */
        { .base = 0x5000, .size = 0x800, .name = "another" },
        { .base = 0x7000, .size = 0, .name = "nothing" },
        { .base = UINT64_MAX - 0x7ff, .size = 0x1000, .name = "past the end" },
        { .base = UINT64_MAX - 0xfff, .size = 0x800, .name = "at the end" },
    };
    static const struct {
        uint64_t base, size;
        const char *name;
    } want[] = {
        { 0x1000, 0x1000, "around" },
        { 0x2000, 0x1000, "within" },
        { 0x5000, 0x1000, "program" },
        { UINT64_MAX - 0xfff, 0x800, "at the end" },
    };
    struct file *f = file_new(false);
    put_system(f, LINUX, AMD64);
    put_modules(f, modules, sizeof modules / sizeof *modules);
    struct dump *d = read_dump(f, a);
    assert_int_equal(d->module_count, sizeof want / sizeof *want);
    for (size_t i = 0; i < d->module_count; i++) {
        assert_text(d->modules[i].code_file, want[i].name);
        assert_int_equal(d->modules[i].base, want[i].base);
        assert_int_equal(d->modules[i].size, want[i].size);
    }
    assert_int_equal(d->main_module, 2);
    assert_told(d, "two modules begin at 0x5000");
    assert_told(d, "module 5 has no size");
}

/* --- counts that lie ----------------------------------------------------------------------- */

static void test_counts(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct {
        const char *name;
        uint32_t type;
        size_t header; /* bytes in front of the count */
    } cases[] = {
        { "thread list", 3, 0 },   { "module list", 4, 0 },       { "memory list", 5, 0 },
        { "thread names", 24, 0 }, { "unloaded modules", 14, 8 }, { "handles", 12, 8 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file *f = file_new(false);
        put_system(f, LINUX, AMD64);
        begin(f, cases[i].type);
        if (cases[i].header)
            put_words(f, (const uint32_t[]){ 12, 64 }, 2);
        put(f, UINT32_MAX, 4);
        put_zeros(f, 20);
        end(f);
        struct dump *d = read_dump(f, a);
        assert_told(d, cases[i].name);
        assert_told(d, "of 4294967295 entries");
    }
}

/* --- texts --------------------------------------------------------------------------------- */

static void test_texts(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct {
        const char *name;
        uint16_t units[8];
        uint32_t bytes; /* that the length says */
        const char *want;
    } cases[] = {
        { "plain", { 'a', 'b' }, 4, "ab" },
        { "beyond ASCII", { 0xe9, 0x20ac }, 4, "\xc3\xa9\xe2\x82\xac" },
        { "a pair", { 0xd83d, 0xde00 }, 4, "\xf0\x9f\x98\x80" },
        { "half a pair", { 0xd83d, 'x' }, 4, "\xef\xbf\xbdx" },
        { "the other half", { 0xde00 }, 2, "\xef\xbf\xbd" },
        { "a pair that is cut", { 0xd83d, 0xde00 }, 2, "\xef\xbf\xbd" },
        { "up to a NUL", { 'a', 0, 'b' }, 6, "a" },
        { "an odd length", { 'a', 'b' }, 3, "a" },
        { "longer than the file", { 'a' }, 100000, "" },
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        size_t k = i / 2;
        struct file *f = file_new(i & 1);
        put_system(f, WINDOWS, AMD64);
        uint32_t at = (uint32_t)f->len;
        put(f, cases[k].bytes, 4);
        for (size_t n = 0; n < 8; n++)
            put(f, cases[k].units[n], 2);
        put_modules(f, &(const struct module){ .base = 0x1000, .size = 1, .name = "" }, 1);
        put_at(f, f->len - 108 + 20, at, 4);
        struct dump *d = read_dump(f, a);
        if (!str_eq(d->modules[0].code_file, str_from_c(cases[k].want)))
            fail_msg("%s: %.*s", cases[k].name, STR_ARG(d->modules[0].code_file));
    }
}

/* --- what becomes attributes and annotations ----------------------------------------------- */

static void put_raw(struct file *f, uint32_t type, struct str text)
{
    begin(f, type);
    put_bytes(f, text.ptr, text.len);
    end(f);
}

static const char *annotation(const struct dump *d, const char *name, struct buf *b)
{
    const struct json_limits limits = { .depth = 16, .nodes = 10000 };
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    struct json_writer w;
    const struct json *all, *j;
    struct err e;
    assert_true(json_parse(&all, d->annotations, limits, a, &e));
    j = json_get(all, str_from_c(name));
    buf_reset(b);
    json_writer_init(&w, b);
    if (j)
        json_tree(&w, j);
    buf_char(b, '\0');
    assert_true(buf_ok(b));
    return b->ptr;
}

static void test_linux(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    struct buf b;
    struct file *f = file_new(false);
    put_system(f, LINUX, AMD64);
    put_threads(f, (const uint32_t[]){ 7 }, 1, put_amd64(f, 1, 2));
    put_exception(f, 7, 11, 0x7f0012);
    put_raw(f, 0x47670003, STR("processor\t: 0\nmodel name\t: Some CPU @ 2GHz\nmodel name\t: x\n"));
    put_raw(f, 0x47670004,
            STR("Name:\tx\nTgid:\t4711\nPid:\t4712\nVmRSS:\t  12 kB\n"
                "VmPeak:\t99999999999999999999 kB\nvoluntary_ctxt_switches:\t3\n"));
    put_raw(f, 0x47670005, STR("DISTRIB_ID=Debian\nDISTRIB_DESCRIPTION=\"Debian 12\"\n"));
    put_raw(f, 0x47670006, STR("/bin/app\0-x\0\xff\0"));
    put_raw(f, 0x47670007, STR("HOME=/root\0TOKEN=hunter2\0HOSTNAME=web-1\0secret\0=x\0"));
    begin(f, 0x47670008);
    put(f, 6, 8), put(f, 4096, 8), put(f, 6, 8), put(f, 1, 8), put(f, 0, 8), put(f, 0, 8);
    end(f);
    put_raw(f, 0x47670009,
            STR("00400000-00401000 r-xp 00000000 08:01 12  /bin/app\n"
                "007f0000-007f1000 r--p 00001000 08:01 12  /bin/app\nx\n"));
    struct dump *d = read_dump(f, a);
    assert_attribute(&d->attributes, "cpu.brand", "Some CPU @ 2GHz");
    assert_attribute(&d->attributes, "vm.rss.size", "12288");
    assert_attribute(&d->attributes, "vm.vma.peak", NULL);
    assert_attribute(&d->attributes, "sched.cs.voluntary", "3");
    assert_attribute(&d->attributes, "linux.distribution", "Debian 12");
    assert_attribute(&d->attributes, "hostname", "web-1");
    assert_attribute(&d->attributes, "process.mapping.count", "3");
    assert_true(d->has_pid && d->pid == 4711);
    buf_init(&b, 1 << 20);
    assert_string_equal(annotation(d, "Exec Arguments", &b),
                        "[\"/bin/app\",\"-x\",\"\xef\xbf\xbd\"]");
    assert_string_equal(annotation(d, "Environment Variables", &b),
                        "[\"HOME\",\"TOKEN\",\"HOSTNAME\"]");
    assert_string_equal(annotation(d, "auxv", &b), "{\"AT_PAGESZ\":\"0x1000\"}");
    assert_string_equal(annotation(d, "fault_mapping", &b),
                        "\"007f0000-007f1000 r--p 00001000 08:01 12  /bin/app\"");
    buf_done(&b);
}

/* A list of names and texts; where it is. */
static struct place put_pairs(struct file *f, const char *const *texts, size_t count)
{
    uint32_t at[16];
    for (size_t i = 0; i < 2 * count; i++)
        at[i] = put_utf8(f, texts[i]);
    struct place p = { (uint32_t)f->len, (uint32_t)(4 + 8 * count) };
    put(f, count, 4);
    put_words(f, at, 2 * count);
    return p;
}

static void test_crashpad(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    struct buf b;
    struct file *f = file_new(false);
    struct place process =
        put_pairs(f, (const char *const[]){ "ver", "1.0", "count", "17", "", "no name" }, 3);
    struct place pairs =
        put_pairs(f, (const char *const[]){ "ver", "later", "channel", "beta" }, 2);
    uint32_t line = put_utf8(f, "abort() called");
    struct place lines = { (uint32_t)f->len, 8 };
    put_words(f, (const uint32_t[]){ 1, line }, 2);
    uint32_t name = put_utf8(f, "gpu"), value = put_utf8(f, "none"), raw = put_utf8(f, "raw");
    struct place objects = { (uint32_t)f->len, 4 + 24 };
    put(f, 2, 4);
    put(f, name, 4), put(f, 1, 2), put(f, 0, 2), put(f, value, 4);
    put(f, raw, 4), put(f, 0x8001, 2), put(f, 0, 2), put(f, value, 4);
    uint32_t module = (uint32_t)f->len;
    put_words(f,
              (const uint32_t[]){ 1, lines.size, lines.at, pairs.size, pairs.at, objects.size,
                                  objects.at },
              7);
    uint32_t links = (uint32_t)f->len;
    put_words(f, (const uint32_t[]){ 1, 0, 28, module }, 4);
    begin(f, 0x43500001);
    put(f, 1, 4);
    put_bytes(f, "\1\0\0\0\2\0\3\0\4\4\4\4\4\4\4\4", 16);
    put_zeros(f, 16);
    put_words(f, (const uint32_t[]){ process.size, process.at, 16, links }, 4);
    end(f);
    struct dump *d = read_dump(f, a);
    assert_attribute(&d->attributes, "ver", "1.0"); /* the process comes first */
    assert_attribute(&d->attributes, "count", "17");
    assert_attribute(&d->attributes, "channel", "beta");
    assert_attribute(&d->attributes, "gpu", "none");
    assert_attribute(&d->attributes, "raw", NULL);
    assert_attribute(&d->attributes, "guid", NULL);
    assert_attribute(&d->attributes, "crashpad.report_id", "00000001-0002-0003-0404-040404040404");
    buf_init(&b, 1 << 20);
    assert_string_equal(annotation(d, "crashpad", &b), "[\"abort() called\"]");
    buf_done(&b);
}

static void test_assertion(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    struct file *f = file_new(false);
    begin(f, 0x47670002);
    static const char *const texts[] = { "x != NULL", "fill", "f.c" };
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 128; k++)
            put(f, k < strlen(texts[i]) ? (unsigned char)texts[i][k] : 0, 2);
    put_words(f, (const uint32_t[]){ 42, 1 }, 2);
    end(f);
    struct dump *d = read_dump(f, a);
    assert_text(d->assertion, "Invalid parameter passed to library function x != NULL in function "
                              "fill, in file f.c at line 42");
}

/* --- the crash of it ----------------------------------------------------------------------- */

static void test_crash(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct module modules[] = {
        { 0x400000, 0x1000, "/opt/app", "LEpB", { 1, 2, 3, 4 }, 4, 0, NULL }
    };
    struct crash c;
    struct err e = { 0 };
    struct file *f = file_new(false);
    put_system(f, LINUX, AMD64);
    put_modules(f, modules, 1);
    put_threads(f, (const uint32_t[]){ 8, 9 }, 2, put_amd64(f, 0x400123, 0x7000));
    put_exception(f, 9, 11, 0x400123);
    struct bytes file = finish(f);
    struct str text = { (const char *)file.ptr, file.len };
    assert_true(decode_upload(UPLOAD_MINIDUMP, text, NULL, &c, a, &e));
    assert_int_equal(c.thread_count, 2);
    assert_int_equal(c.main_thread, 1);
    assert_text(c.threads[1].id, "9");
    assert_true(c.threads[1].fault);
    const struct crash_frame *top = &c.threads[1].frames[0];
    assert_text(top->module, "app");
    assert_text(top->debug_id, "040302010000000000000000000000000");
    assert_true(top->has_address && top->address == 0x400123);
    assert_true(top->has_offset && top->offset == 0x123);
    assert_true(top->faulted);
    assert_false(top->guessed);
    assert_false(c.threads[0].frames[0].faulted);
    assert_int_equal(c.classifier_count, 1);
    assert_text(c.classifiers[0], "SIGSEGV");
    assert_int_equal(c.module_count, 1);
    assert_true(c.modules[0].missing);
    assert_attribute(&c.attributes, "error.message", "SIGSEGV /SEGV_MAPERR");
    assert_attribute(&c.attributes, "error.type", "Crash");
    assert_attribute(&c.attributes, "fault.address", "4194595");
    assert_attribute(&c.attributes, "fault.thread", "9");
    assert_attribute(&c.attributes, "application", "app");
    assert_attribute(&c.attributes, "application.version", "1.2.3.4");
    assert_attribute(&c.attributes, "process.thread.count", "2");
    assert_attribute(&c.attributes, "cpu.arch", "amd64");
    assert_false(c.has_timestamp); /* the clock of the machine that crashed is not relied on */
    free(f);
}

/* Modifiers are obeyed wherever they stand, and are no attributes. */
static void test_modifiers(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena();
    static const struct dump_thread threads[] = { { .id = 7 }, { .id = 8 } };
    struct dump d = { .crash_thread = 0, .has_crash = true, .thread_count = 2 };
    struct crash c;
    struct err e = { 0 };
    d.threads = arena_alloc(a, sizeof threads);
    assert_non_null(d.threads);
    memcpy(d.threads, threads, sizeof threads);
    attributes_init(&d.attributes, a);
    assert_true(attributes_set_text(&d.attributes, STR("_mod_faulting_tid"), STR("8")));
    decode_nothing(&c, a);
    assert_true(dump_crash(&d, &c, a, &e));
    assert_int_equal(c.main_thread, 1);
    assert_attribute(&c.attributes, "_mod_faulting_tid", NULL);
}

/* Every prefix of a dump, and every dump with one byte of it inverted, is read or refused. */
static void test_damage(void **state)
{
    (void)state;
    struct file *f = file_new(false);
    put_system(f, LINUX, AMD64);
    put_modules(f, &(const struct module){ .base = 0x400000, .size = 0x1000, .name = "a" }, 1);
    put_threads(f, (const uint32_t[]){ 8, 9 }, 2, put_amd64(f, 0x400123, 0x7000));
    put_exception(f, 9, 11, 0x400123);
    struct bytes whole = finish(f);
    struct arena *a = arena();
    for (size_t i = 0; i < 2 * whole.len; i++) {
        size_t at = i / 2;
        struct dump d;
        struct err e = { 0 };
        struct bytes in = { whole.ptr, i & 1 ? whole.len : at };
        f->at[at] ^= i & 1 ? 0xff : 0;
        if (!minidump_read(in, NULL, &d, a, &e))
            assert_true(e.code == ERR_INPUT && e.msg[0]);
        f->at[at] ^= i & 1 ? 0xff : 0;
        arena_reset(a);
    }
    arena_free(a);
    free(f);
}

/* Each allocation may fail: then it says so, and nothing is lost. */
static void test_no_memory(void **state)
{
    (void)state;
    struct file *f = file_new(false);
    put_system(f, LINUX, AMD64);
    put_modules(f, &(const struct module){ .base = 0x400000, .size = 0x1000, .name = "a" }, 1);
    put_threads(f, (const uint32_t[]){ 8, 9 }, 2, put_amd64(f, 0x400123, 0x7000));
    put_exception(f, 9, 11, 0x400123);
    put_raw(f, 0x47670006, STR("/bin/app\0-x\0"));
    struct bytes whole = finish(f);
    bool read = false;
    size_t refused = 0;
    for (size_t limit = 64; !read && limit < ARENA_BYTES; limit += limit / 8 + 64) {
        struct arena *a = arena_new(limit);
        struct dump d;
        struct err e = { 0 };
        read = a && minidump_read(whole, NULL, &d, a, &e);
        if (a && !read) {
            assert_int_equal(e.code, ERR_NOMEM);
            refused++;
        }
        arena_free(a);
    }
    assert_true(read);
    assert_true(refused > 0);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_stream_outside),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_uname),
        cmocka_unit_test(test_misc),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_crash_thread),
        cmocka_unit_test(test_exception_context),
        cmocka_unit_test(test_thread_names),
        cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_module_ids),
        cmocka_unit_test(test_module_order),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_linux),
        cmocka_unit_test(test_crashpad),
        cmocka_unit_test(test_assertion),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_modifiers),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
