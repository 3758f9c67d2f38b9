/* Reports of PLCrashReporter field by field, from a small writer of the wire format; whole ones
 * over HTTP are in tests/http/test_plcrash.py. */
#include "decode/decode.h"
#include "decode/plcrash.h"

#include "../cmocka_all.h"
#include <stdlib.h>

#define ARENA_BYTES ((size_t)256 << 20)
#define MSG_MAX 65536

/* --- a writer ------------------------------------------------------------------------------ */

struct msg {
    size_t len;
    uint8_t at[MSG_MAX];
};

static void put(struct msg *m, const void *p, size_t n)
{
    assert_true(m->len + n <= MSG_MAX);
    memcpy(m->at + m->len, p, n);
    m->len += n;
}

static void varint(struct msg *m, uint64_t n)
{
    for (; n > 0x7f; n >>= 7)
        put(m, &(uint8_t){ (uint8_t)(n | 0x80) }, 1);
    put(m, &(uint8_t){ (uint8_t)n }, 1);
}

static void number(struct msg *m, unsigned field, uint64_t n)
{
    varint(m, field << 3);
    varint(m, n);
}

static void sized(struct msg *m, unsigned field, const void *p, size_t n)
{
    varint(m, field << 3 | 2);
    varint(m, n);
    put(m, p, n);
}

static void text(struct msg *m, unsigned field, const char *s)
{
    sized(m, field, s, strlen(s));
}

static void sub(struct msg *m, unsigned field, const struct msg *inner)
{
    sized(m, field, inner->at, inner->len);
}

/* Numbers of the members of a report. */
enum {
    SYSTEM = 1,
    APPLICATION,
    THREADS,
    IMAGES,
    EXCEPTION,
    SIGNAL,
    PROCESS,
    MACHINE,
    INFO,
    CUSTOM
};

static struct msg *msg_new(void)
{
    struct msg *m = calloc(1, sizeof *m);
    assert_non_null(m);
    return m;
}

static void system_msg(struct msg *m, unsigned os, unsigned architecture)
{
    struct msg *s = msg_new();
    number(s, 1, os);
    text(s, 2, "14.2");
    number(s, 3, architecture);
    number(s, 4, 1000);
    sub(m, SYSTEM, s);
    free(s);
}

static void application(struct msg *m)
{
    struct msg *s = msg_new();
    text(s, 1, "com.example.app");
    text(s, 2, "7");
    sub(m, APPLICATION, s);
    free(s);
}

static void signal_msg(struct msg *m, const char *name, const char *code)
{
    struct msg *s = msg_new();
    text(s, 1, name);
    text(s, 2, code);
    number(s, 3, 0x10);
    sub(m, SIGNAL, s);
    free(s);
}

static void mach(struct msg *m, uint64_t type, uint64_t code)
{
    struct msg *s = msg_new(), *x = msg_new();
    text(s, 1, "SIGSEGV");
    text(s, 2, "SEGV_MAPERR");
    number(s, 3, 0x10);
    number(x, 1, type);
    number(x, 2, code);
    sub(s, 4, x);
    sub(m, SIGNAL, s);
    free(s);
    free(x);
}

static void processor(struct msg *m, unsigned field, uint64_t encoding, uint64_t type,
                      uint64_t subtype)
{
    struct msg *p = msg_new();
    number(p, 1, encoding);
    number(p, 2, type);
    number(p, 3, subtype);
    sub(m, field, p);
    free(p);
}

static void machine(struct msg *m, uint64_t type, uint64_t subtype)
{
    struct msg *s = msg_new();
    text(s, 1, "Mac9,9");
    processor(s, 2, 1, type, subtype);
    number(s, 3, 4);
    number(s, 4, 8);
    sub(m, MACHINE, s);
    free(s);
}

static void image(struct msg *m, uint64_t base, uint64_t size, const char *name, size_t uuid)
{
    static const uint8_t id[] = { 0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    struct msg *s = msg_new();
    number(s, 1, base);
    number(s, 2, size);
    text(s, 3, name);
    if (uuid > 0)
        sized(s, 4, id, uuid);
    sub(m, IMAGES, s);
    free(s);
}

static void frame(struct msg *m, unsigned field, uint64_t pc, const char *symbol, uint64_t start)
{
    struct msg *f = msg_new(), *s = msg_new();
    number(f, 3, pc);
    if (symbol) {
        text(s, 1, symbol);
        number(s, 2, start);
        sub(f, 6, s);
    }
    sub(m, field, f);
    free(f);
    free(s);
}

static void reg(struct msg *thread, const char *name, uint64_t value)
{
    struct msg *r = msg_new();
    text(r, 1, name);
    number(r, 2, value);
    sub(thread, 4, r);
    free(r);
}

static void thread(struct msg *m, unsigned id, bool crashed, uint64_t pc)
{
    struct msg *t = msg_new();
    number(t, 1, id);
    number(t, 3, crashed);
    if (pc)
        frame(t, 2, pc, NULL, 0);
    sub(m, THREADS, t);
    free(t);
}

/* What a report must have, behind the header. */
static struct msg *report(void)
{
    struct msg *m = msg_new();
    put(m, "plcrash\1", 8);
    system_msg(m, 0, 1);
    application(m);
    signal_msg(m, "SIGSEGV", "SEGV_MAPERR");
    return m;
}

/* --- reading ------------------------------------------------------------------------------- */

struct outcome {
    struct arena *arena;
    struct dump d;
    struct err e;
    bool ok;
};

static void read_bytes(struct outcome *o, const void *p, size_t n)
{
    /* A copy of just this size: ASan sees a read behind it. */
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, p, n);
    *o = (struct outcome){ .arena = arena_new(ARENA_BYTES) };
    assert_non_null(o->arena);
    uint8_t *kept = arena_alloc(o->arena, n ? n : 1);
    assert_non_null(kept);
    memcpy(kept, copy, n);
    o->ok = plcrash_read((struct bytes){ kept, n }, NULL, &o->d, o->arena, &o->e);
    free(copy);
    if (!o->ok)
        assert_true(o->e.code != ERR_NONE && o->e.msg[0] != '\0');
}

/* Frees the message. */
static void read_report(struct outcome *o, struct msg *m)
{
    read_bytes(o, m->at, m->len);
    free(m);
}

static void read_well(struct outcome *o, struct msg *m)
{
    read_report(o, m);
    if (!o->ok)
        fail_msg("%s", o->e.msg);
}

static void is(const char *name, struct str got, const char *want)
{
    assert_non_null(want);
    if (!str_eq(got, str_from_c(want)))
        fail_msg("%s: '%.*s', not '%s'", name, STR_ARG(got), want);
}

static void has(const struct outcome *o, const char *name, const char *want)
{
    const struct attribute *a = attributes_find(&o->d.attributes, str_from_c(name));
    is(name, a ? a->text : STR(""), want);
}

static void says(const struct outcome *o, const char *what)
{
    for (size_t i = 0; i < o->d.error_count; i++)
        if (memmem(o->d.errors[i].ptr, o->d.errors[i].len, what, strlen(what)))
            return;
    fail_msg("no error says '%s'", what);
}

/* --- header and wire ----------------------------------------------------------------------- */

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        struct str file;
        const char *want;
        uint64_t offset;
    } cases[] = {
        { STR_INIT(""), "begins with plcrash", 0 },
        { STR_INIT("plcras"), "begins with plcrash", 0 },
        { STR_INIT("plcrash"), "ends within its header, at byte 7", 7 },
        { STR_INIT("plcrash\2"), "version 2 (byte 7)", 7 },
        { STR_INIT("plcrash\0x"), "version 0", 7 },
        { STR_INIT("PLCRASH\1"), "begins with plcrash", 0 },
        { STR_INIT("plcrash\1"), "system_info is missing", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o;
        read_bytes(&o, cases[i].file.ptr, cases[i].file.len);
        assert_false(o.ok);
        if (o.e.code != ERR_INPUT || !strstr(o.e.msg, cases[i].want) ||
            o.e.offset != cases[i].offset)
            fail_msg("case %zu: %s (byte %d)", i, o.e.msg, (int)o.e.offset);
        arena_free(o.arena);
    }
    assert_true(plcrash_is((struct bytes){ (const uint8_t *)"plcrash", 7 }));
    assert_false(plcrash_is((struct bytes){ (const uint8_t *)"plcras", 6 }));
}

#define TEN "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
#define ROW(bytes) STR_INIT(bytes)

/* Behind the header alone: bytes count from 8. */
static void test_wire(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str message;
        const char *want;
    } cases[] = {
        { "a tag without end", ROW("\x80"), "at byte 8: the tag of a field is cut off" },
        { "a long tag", ROW("\x80\x80\x80\x80\x80\x01"), "at byte 8: the tag of a field has more" },
        { "number 0", ROW("\x00\x00"), "at byte 8: there is no field of number 0" },
        { "number 2^29", ROW("\x80\x80\x80\x80\x10\x00"), "of number 536870912" },
        { "a group", ROW("\x7b"), "at byte 8: there is no wire type 3" },
        { "wire type 7", ROW("\x7f"), "at byte 8: there is no wire type 7" },
        { "a varint without end", ROW("\x78\xff"), "at byte 9: the number is cut off" },
        { "a varint of 11 bytes", ROW("\x78" TEN "\x01"),
          "at byte 9: the number has more than 10" },
        { "8 bytes cut off", ROW("\x79\1\2\3"), "at byte 9: a number of 8 bytes is cut off" },
        { "4 bytes cut off", ROW("\x7d\1\2\3"), "at byte 9: a number of 4 bytes is cut off" },
        { "a length past the end", ROW("\x0a\x05\x08"),
          "system_info, at byte 9: a length of 5, of which 1 bytes are there" },
        { "a huge length", ROW("\x0a\xff\xff\xff\xff\x0f\x08"),
          "system_info, at byte 9: a length of 4294967295, of which 1 bytes" },
        { "a length of 6 bytes", ROW("\x0a\x80\x80\x80\x80\x80\x01"),
          "system_info, at byte 9: the length has more than 5 bytes" },
        { "a length without end", ROW("\x0a\x80"),
          "system_info, at byte 9: the length is cut off" },
        { "a number for a message", ROW("\x08\x01"),
          "system_info, at byte 8: wire type 0, where 2 belongs" },
        { "a text for a number", ROW("\x0a\x03\x0a\x01\x31"),
          "system_info.operating_system, at byte 10: wire type 2, where 0 belongs" },
        { "8 bytes for a number", ROW("\x0a\x09\x21\1\2\3\4\5\6\7\x08"),
          "system_info.timestamp, at byte 10: wire type 1, where 0 belongs" },
        { "in the second image", ROW("\x22\x00\x22\x02\x22\x7f"),
          "binary_images[1].uuid, at byte 13: a length of 127" },
        { "a frame's symbol", ROW("\x1a\x06\x12\x04\x32\x02\x10\xff"),
          "threads[0].frames[0].symbol.start_address, at byte 15: the number is cut off" },
        { "packed codes", ROW("\x32\x06\x22\x04\x12\x02\x01\xff"),
          "signal.mach_exception.codes[0], at byte 15: the number is cut off" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m = msg_new();
        struct outcome o;
        put(m, "plcrash\1", 8);
        put(m, cases[i].message.ptr, cases[i].message.len);
        read_report(&o, m);
        assert_false(o.ok);
        if (o.e.code != ERR_INPUT || !strstr(o.e.msg, cases[i].want))
            fail_msg("%s: %s", cases[i].name, o.e.msg);
        arena_free(o.arena);
    }
}

/* One required field after the other is left out of an otherwise whole report: rows are the path to
 * its message and the fields that this has. */
static void test_required(void **state)
{
    (void)state;
    static const struct {
        const char *want;
        struct str message; /* behind a report that has all it must have */
    } cases[] = {
        { "threads[0].thread_number", ROW("\x1a\x02\x18\x01") },
        { "threads[0].crashed", ROW("\x1a\x02\x08\x01") },
        { "threads[0].frames[0].pc", ROW("\x1a\x06\x08\x01\x18\x01\x12\x00") },
        { "threads[0].frames[0].symbol.name",
          ROW("\x1a\x0c\x08\x01\x18\x01\x12\x06\x18\x05\x32\x02\x10\x01") },
        { "threads[0].frames[0].symbol.start_address",
          ROW("\x1a\x0d\x08\x01\x18\x01\x12\x07\x18\x05\x32\x03\x0a\x01x") },
        { "threads[0].registers[0].name", ROW("\x1a\x08\x08\x01\x18\x01\x22\x02\x10\x01") },
        { "threads[0].registers[0].value", ROW("\x1a\x09\x08\x01\x18\x01\x22\x03\x0a\x01x") },
        { "binary_images[0].base_address", ROW("\x22\x05\x10\x01\x1a\x01x") },
        { "binary_images[0].size", ROW("\x22\x05\x08\x01\x1a\x01x") },
        { "binary_images[0].name", ROW("\x22\x04\x08\x01\x10\x01") },
        { "binary_images[0].code_type.type",
          ROW("\x22\x0b\x08\x01\x10\x01\x1a\x01x\x2a\x02\x18\x01") },
        { "exception.name", ROW("\x2a\x03\x12\x01x") },
        { "exception.reason", ROW("\x2a\x03\x0a\x01x") },
        { "signal.mach_exception.type", ROW("\x32\x04\x22\x02\x10\x01") },
        { "process_info.process_id", ROW("\x3a\x04\x28\x01\x30\x01") },
        { "process_info.parent_process_id", ROW("\x3a\x04\x10\x01\x30\x01") },
        { "process_info.native", ROW("\x3a\x04\x10\x01\x28\x01") },
        { "machine_info.processor", ROW("\x42\x04\x18\x01\x20\x01") },
        { "machine_info.processor.subtype", ROW("\x42\x08\x18\x01\x20\x01\x12\x02\x10\x01") },
        { "machine_info.logical_processor_count", ROW("\x42\x08\x18\x01\x12\x04\x10\x01\x18\x01") },
        { "report_info.user_requested", ROW("\x4a\x00") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m = report();
        struct outcome o;
        char want[128];
        put(m, cases[i].message.ptr, cases[i].message.len);
        read_report(&o, m);
        snprintf(want, sizeof want, "%s is missing", cases[i].want);
        assert_false(o.ok);
        if (o.e.code != ERR_INPUT || strcmp(o.e.msg, want) != 0)
            fail_msg("%s: %s", cases[i].want, o.e.msg);
        arena_free(o.arena);
    }
}

static struct msg *whole(void)
{
    struct msg *m = report();
    machine(m, 0x0100000c, 2);
    image(m, 0x100000000, 0x1000, "/bin/app", 16);
    thread(m, 1, false, 0x100000010);
    thread(m, 2, true, 0x100000020);
    return m;
}

/* Cut anywhere, a report is refused with a place, unless it ends between two members. */
static void test_cut(void **state)
{
    (void)state;
    struct msg *m = whole();
    size_t read = 0;
    for (size_t n = 0; n < m->len; n++) {
        struct outcome o;
        read_bytes(&o, m->at, n);
        read += o.ok;
        if (!o.ok)
            assert_int_equal(o.e.code, ERR_INPUT);
        if (!o.ok && n > 8)
            assert_true(strstr(o.e.msg, "at byte") || strstr(o.e.msg, "is missing"));
        arena_free(o.arena);
    }
    assert_int_equal(read, 4); /* without machine and all, image and threads, threads, the last */
    free(m);
}

/* Every byte is replaced: nothing breaks, and what is refused says why. */
static void test_damaged(void **state)
{
    (void)state;
    struct msg *m = whole();
    for (size_t i = 8; i < m->len; i++)
        for (unsigned change = 1; change < 256; change <<= 1) {
            struct outcome o;
            m->at[i] ^= (uint8_t)change;
            read_bytes(&o, m->at, m->len);
            m->at[i] ^= (uint8_t)change;
            arena_free(o.arena);
        }
    free(m);
}

/* --- what proto2 allows -------------------------------------------------------------------- */

/* A message may come in parts, none of which is whole; of a scalar the last counts. */
static void test_merged(void **state)
{
    (void)state;
    struct msg *m = msg_new(), *a = msg_new(), *b = msg_new();
    struct outcome o;
    put(m, "plcrash\1", 8);
    number(a, 1, 1);
    text(a, 2, "1.0");
    number(b, 3, 6);
    text(b, 2, "2.0");
    number(b, 4, 77);
    sub(m, SYSTEM, a);
    application(m);
    signal_msg(m, "SIGABRT", "#0");
    sub(m, SYSTEM, b);
    a->len = b->len = 0;
    text(a, 1, "NSRangeException");
    frame(a, 3, 0x5000, NULL, 0);
    text(b, 2, "out of bounds");
    frame(b, 3, 0x6000, NULL, 0);
    sub(m, EXCEPTION, a);
    sub(m, EXCEPTION, b);
    read_well(&o, m);
    is("os", o.d.os_name, "iOS");
    is("version", o.d.os_version, "2.0");
    assert_int_equal(o.d.time_s, 77);
    is("classifier", o.d.classifier, "NSRangeException");
    has(&o, "error.message", "out of bounds");
    assert_int_equal(o.d.thread_count, 1);
    assert_int_equal(o.d.threads[0].frame_count, 2);
    assert_int_equal(o.d.threads[0].frames[1].address, 0x6000);
    arena_free(o.arena);
    free(a);
    free(b);
}

static void test_parts_limit(void **state)
{
    (void)state;
    struct msg *m = report();
    struct outcome o;
    for (size_t i = 0; i < 16; i++)
        application(m);
    read_report(&o, m);
    assert_false(o.ok);
    assert_int_equal(o.e.code, ERR_LIMIT);
    assert_non_null(strstr(o.e.msg, "application_info, at byte"));
    arena_free(o.arena);
}

/* Codes come packed or one by one, and both are read. */
static void test_packed(void **state)
{
    (void)state;
    static const struct str codes[] = { STR_INIT("\x10\x0d\x10\x80\x02"),
                                        STR_INIT("\x12\x03\x0d\x80\x02"),
                                        STR_INIT("\x12\x01\x0d\x10\x80\x02") };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct msg *m = report(), *s = msg_new(), *x = msg_new();
        struct outcome o;
        number(x, 1, 1);
        put(x, codes[i].ptr, codes[i].len);
        sub(s, 4, x);
        sub(m, SIGNAL, s);
        read_well(&o, m);
        is("reason", o.d.reason, "EXC_BAD_ACCESS / EXC_I386_GPFLT");
        is("notes", o.d.annotations,
           "{\"mach_exception\":{\"type\":1,\"codes\":[\"0xd\",\"0x100\"]}}");
        arena_free(o.arena);
        free(s);
        free(x);
    }
}

/* Unknown fields of all types, unknown values of enums. */
static void test_unknown(void **state)
{
    (void)state;
    struct msg *m = report();
    struct outcome o;
    static const struct str fields = STR_INIT("\x78\x05\x79"
                                              "12345678\x7a\x02hi\x7d"
                                              "1234");
    put(m, fields.ptr, fields.len);
    system_msg(m, 99, 99);
    read_well(&o, m);
    is("os", o.d.os_name, "unknown");
    is("cpu", o.d.cpu_name, "");
    arena_free(o.arena);
}

/* --- system -------------------------------------------------------------------------------- */

static void test_systems(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        const char *name;
        enum walk_os os;
    } cases[] = { { 0, "Mac OS X", WALK_OS_MAC },
                  { 1, "iOS", WALK_OS_IOS },
                  { 2, "iOS Simulator", WALK_OS_IOS },
                  { 3, "unknown", WALK_OS_OTHER },
                  { 4, "tvOS", WALK_OS_IOS } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m = report();
        struct outcome o;
        system_msg(m, cases[i].number, 6);
        read_well(&o, m);
        is("os", o.d.os_name, cases[i].name);
        assert_int_equal(o.d.os, cases[i].os);
        arena_free(o.arena);
    }
}

static void test_processors(void **state)
{
    (void)state;
    static const struct {
        uint64_t machine;      /* 0: not told */
        uint64_t image;        /* 0: not told */
        unsigned architecture; /* of the deprecated field */
        const char *name;
        enum cpu cpu;
        const char *text;
    } cases[] = {
        { 0, 0, 0, "x86", CPU_X86, "" },
        { 0, 0, 1, "amd64", CPU_AMD64, "" },
        { 0, 0, 2, "arm", CPU_ARM, "" },
        { 0, 0, 3, "ppc", CPU_UNKNOWN, "" },
        { 0, 0, 4, "ppc64", CPU_UNKNOWN, "" },
        { 0, 0, 5, "arm", CPU_ARM, "" },
        { 0, 0, 6, "", CPU_UNKNOWN, "" },
        { 0x0100000c, 0, 6, "arm64", CPU_ARM64, "arm64e" },
        { 0x0200000c, 0, 6, "arm64_32", CPU_ARM64, "" },
        { 0x0100000c, 0x01000007, 6, "amd64", CPU_AMD64, "" }, /* Rosetta */
        { 0x0100000c, 0x0100000c, 0, "arm64", CPU_ARM64, "arm64e" },
        { 0x77, 0, 0, "0x00000077", CPU_UNKNOWN, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m = report(), *s = msg_new();
        struct outcome o;
        system_msg(m, 0, cases[i].architecture);
        if (cases[i].machine)
            machine(m, cases[i].machine, 2);
        number(s, 1, 0x1000);
        number(s, 2, 0x1000);
        text(s, 3, "a");
        if (cases[i].image)
            processor(s, 5, 1, cases[i].image, 0x80000002);
        sub(m, IMAGES, s);
        read_well(&o, m);
        is("cpu", o.d.cpu_name, cases[i].name);
        is("cpu's text", o.d.cpu_text, cases[i].text);
        assert_int_equal(o.d.cpu, cases[i].cpu);
        arena_free(o.arena);
        free(s);
    }
}

static void test_process(void **state)
{
    (void)state;
    struct msg *m = report(), *p = msg_new(), *a = msg_new(), *i = msg_new();
    struct outcome o;
    text(p, 1, "app");
    number(p, 2, 4711);
    text(p, 3,
         "/bin/\xff"
         "app");
    text(p, 4, "launchd");
    number(p, 5, 1);
    number(p, 6, 0);
    number(p, 7, 900);
    sub(m, PROCESS, p);
    text(a, 3, "1.2.3");
    sub(m, APPLICATION, a);
    number(i, 1, 0);
    sized(i, 2, "0123456789abcdef", 16);
    sub(m, INFO, i);
    machine(m, 7, 3);
    sized(m, CUSTOM, "\0\1\2\3", 4);
    read_well(&o, m);
    assert_true(o.d.has_pid && o.d.pid == 4711);
    assert_true(o.d.has_uptime && o.d.uptime_s == 100 && o.d.time_s == 1000);
    assert_int_equal(o.d.cpu_count, 8);
    is("uuid", o.d.uuid, "30313233-3435-3637-3839-616263646566");
    is("notes", o.d.annotations, "{\"custom_data\":\"AAECAw==\"}");
    has(&o, "process.name", "app");
    has(&o, "process.path",
        "/bin/\xef\xbf\xbd"
        "app");
    has(&o, "process.parent.name", "launchd");
    has(&o, "process.parent.id", "1");
    has(&o, "process.native", "false");
    has(&o, "application.id", "com.example.app");
    has(&o, "application.version", "1.2.3");
    has(&o, "application.build", "7");
    has(&o, "device.model", "Mac9,9");
    has(&o, "cpu.cores", "4");
    arena_free(o.arena);
    free(p);
    free(a);
    free(i);
}

static void test_custom_limit(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        bool kept;
    } cases[] = { { 1, true }, { 65000, true } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m = report();
        struct outcome o;
        char *custom = calloc(1, cases[i].len);
        assert_non_null(custom);
        sized(m, CUSTOM, custom, cases[i].len);
        free(custom);
        read_well(&o, m);
        assert_int_equal(o.d.annotations.len > 0, cases[i].kept);
        arena_free(o.arena);
    }
    struct msg *m = report();
    uint8_t *big = calloc(1, 70000);
    struct outcome o;
    assert_non_null(big);
    memcpy(big, m->at, m->len);
    memcpy(big + m->len, "\x52\x81\x80\x04", 4); /* 65,537 bytes */
    read_bytes(&o, big, m->len + 4 + 65537);
    assert_true(o.ok);
    assert_int_equal(o.d.annotations.len, 0);
    says(&o, "custom_data has 65537 bytes");
    arena_free(o.arena);
    free(big);
    free(m);
}

/* --- the crash ----------------------------------------------------------------------------- */

static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *name, *code; /* NULL: a Mach exception */
        uint64_t type, mach;
        uint64_t cpu;
        const char *reason;
    } cases[] = {
        { "SIGBUS", "BUS_ADRERR", 0, 0, 7, "SIGBUS / BUS_ADRERR" },
        { "SIGABRT", "#0", 0, 0, 7, "SIGABRT" },
        { "SIGABRT", "", 0, 0, 7, "SIGABRT" },
        { NULL, NULL, 1, 1, 7, "EXC_BAD_ACCESS / KERN_INVALID_ADDRESS" },
        { NULL, NULL, 1, 0x101, 0x0100000c, "EXC_BAD_ACCESS / EXC_ARM_DA_ALIGN" },
        { NULL, NULL, 1, 0x101, 18, "EXC_BAD_ACCESS / EXC_PPC_VM_PROT_READ" },
        { NULL, NULL, 1, 0x101, 99, "EXC_BAD_ACCESS / 0x00000101" },
        { NULL, NULL, 3, 1, 0x01000007, "EXC_ARITHMETIC / EXC_I386_DIV" },
        { NULL, NULL, 12, 0x4000000000000012, 7, "EXC_GUARD / 0x4000000000000012" },
        { NULL, NULL, 10, 5, 7, "0x0000000a / 0x00000005" },
        { NULL, NULL, UINT64_MAX, 5, 7, "0xffffffffffffffff / 0x00000005" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m = report();
        struct outcome o;
        if (cases[i].name)
            signal_msg(m, cases[i].name, cases[i].code);
        else
            mach(m, cases[i].type, cases[i].mach);
        machine(m, cases[i].cpu, 0);
        read_well(&o, m);
        is("reason", o.d.reason, cases[i].reason);
        assert_true(o.d.has_crash && o.d.has_address && o.d.address == 0x10);
        has(&o, "signal.name", cases[i].name ? cases[i].name : "SIGSEGV");
        arena_free(o.arena);
    }
}

/* A report that the program asked for: no crash, but the thread that asked is marked. */
static void test_live(void **state)
{
    (void)state;
    struct msg *m = report(), *i = msg_new();
    struct outcome o;
    struct crash c;
    number(i, 1, 1);
    sub(m, INFO, i);
    thread(m, 4, false, 0x1000);
    thread(m, 5, true, 0x2000);
    read_well(&o, m);
    assert_false(o.d.has_crash || o.d.has_address);
    assert_int_equal(o.d.crash_thread, 0);
    assert_int_equal(o.d.threads[0].id, 5);
    decode_nothing(&c, o.arena);
    assert_true(dump_crash(&o.d, &c, o.arena, &o.e));
    assert_int_equal(c.classifier_count, 0);
    assert_int_equal(c.main_thread, 0);
    assert_false(c.threads[0].fault);
    is("type", attributes_find(&c.attributes, STR("error.type"))->text, "Message");
    has(&o, "signal.name", "SIGSEGV");
    arena_free(o.arena);
    free(i);
}

/* The thread that crashed, the stack of the exception, the others; the exception's is the report's.
 */
static void test_exception(void **state)
{
    (void)state;
    struct msg *m = report(), *x = msg_new();
    struct outcome o;
    struct crash c;
    text(x, 1, "NSRangeException");
    text(x, 2, "");
    frame(x, 3, 0x3000, "__ZN4shop5orderEi", 0x2ff0);
    sub(m, EXCEPTION, x);
    thread(m, 9, false, 0x1000);
    thread(m, 5, true, 0x2000);
    thread(m, 2, true, 0x4000);
    read_well(&o, m);
    assert_int_equal(o.d.thread_count, 4);
    static const uint64_t ids[] = { 5, 10, 9, 2 };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(o.d.threads[i].id, ids[i]);
    is("name", o.d.threads[1].name, "Last Exception Backtrace");
    is("function", o.d.threads[1].frames[0].function, "shop::order(int)");
    assert_int_equal(o.d.threads[1].frames[0].function_offset, 0x10);
    assert_int_equal(o.d.threads[1].frames[0].trust, TRUST_PREWALKED);
    decode_nothing(&c, o.arena);
    assert_true(dump_crash(&o.d, &c, o.arena, &o.e));
    assert_int_equal(c.main_thread, 1);
    assert_true(c.threads[0].fault && !c.threads[1].fault);
    is("classifier", c.classifiers[0], "NSRangeException");
    is("message", attributes_find(&c.attributes, STR("error.message"))->text, "NSRangeException");
    is("reason", attributes_find(&c.attributes, STR("crash.reason"))->text,
       "SIGSEGV / SEGV_MAPERR");
    is("threads", attributes_find(&c.attributes, STR("process.thread.count"))->text, "3");
    is("thread", attributes_find(&c.attributes, STR("fault.thread"))->text, "5");
    arena_free(o.arena);
    free(x);
}

/* --- threads and frames -------------------------------------------------------------------- */

static void test_no_threads(void **state)
{
    (void)state;
    struct outcome o;
    struct msg *m = report();
    read_well(&o, m);
    assert_int_equal(o.d.thread_count, 0);
    assert_int_equal(o.d.crash_thread, DUMP_NO_THREAD);
    says(&o, "no thread is said to have crashed");
    arena_free(o.arena);
}

static void test_registers(void **state)
{
    (void)state;
    struct msg *m = report(), *t = msg_new();
    struct outcome o;
    machine(m, 0x0100000c, 0);
    number(t, 1, 0);
    number(t, 3, 1);
    frame(t, 2, 0x1000, NULL, 0);
    frame(t, 2, 0x2000, NULL, 0);
    reg(t, "x0", 1);
    reg(t, "x29", 2);
    reg(t, "lr", 3);
    reg(t, "sp", UINT64_MAX);
    reg(t, "pc", 0x1000);
    reg(t, "cpsr", 5);
    sub(m, THREADS, t);
    read_well(&o, m);
    const struct registers *r = &o.d.threads[0].registers;
    assert_true(o.d.threads[0].has_registers);
    assert_int_equal(r->known, 1 | UINT64_C(15) << ARM64_FP);
    assert_int_equal(r->at[0], 1);
    assert_int_equal(r->at[ARM64_FP], 2);
    assert_int_equal(r->at[ARM64_LR], 3);
    assert_int_equal(r->at[ARM64_SP], UINT64_MAX);
    const struct walk_frame *f = o.d.threads[0].frames;
    assert_int_equal(f[0].trust, TRUST_CONTEXT);
    assert_int_equal(f[0].registers.known, r->known);
    assert_int_equal(f[1].trust, TRUST_PREWALKED);
    assert_int_equal(f[1].registers.known, UINT64_C(1) << ARM64_PC);
    is("notes", o.d.annotations,
       "{\"registers\":{\"x0\":\"0x1\",\"x29\":\"0x2\",\"lr\":\"0x3\","
       "\"sp\":\"0xffffffffffffffff\",\"pc\":\"0x1000\",\"cpsr\":\"0x5\"}}");
    arena_free(o.arena);
    free(t);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        unsigned os;
        const char *symbol, *want;
    } cases[] = {
        { 0, "_main", "main" },
        { 1, "-[Shop order:]", "-[Shop order:]" },
        { 0, "__ZN4shop5orderEi", "shop::order(int)" },
        { 0, "_$s4Shop5orderyyF", "$s4Shop5orderyyF" },
        { 0, "_", "_" },
        { 3, "_main", "_main" },
        { 0, "\xff", "\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m = report(), *t = msg_new();
        struct outcome o;
        system_msg(m, cases[i].os, 1);
        number(t, 1, 0);
        number(t, 3, 1);
        frame(t, 2, 0x1010, cases[i].symbol, 0x1000);
        sub(m, THREADS, t);
        read_well(&o, m);
        is("name", o.d.threads[0].frames[0].function, cases[i].want);
        arena_free(o.arena);
        free(t);
    }
}

/* Authentication codes go when what is left lies in an image. A frame behind the first is a return
 * address: it belongs to the image that the call is in. */
static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        uint64_t pc, want;
        uint32_t module;
        bool first;
    } cases[] = {
        { 0x100000010, 0x100000010, 0, true },
        { 0x80f1000100000010, 0x100000010, 0, false },
        { 0x80f1000080000010, 0x80f1000080000010, WALK_NO_MODULE, false },
        { 0x100002000, 0x100002000, 0, false },
        { 0x100002000, 0x100002000, 1, true },
        { 0, 0, WALK_NO_MODULE, true },
        { 0, 0, WALK_NO_MODULE, false },
        { 1, 1, WALK_NO_MODULE, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m = report(), *t = msg_new();
        struct outcome o;
        size_t at = cases[i].first ? 0 : 1;
        machine(m, 0x0100000c, 0);
        image(m, 0x100000000, 0x2000, "a", 16);
        image(m, 0x100002000, 0x1000, "b", 16);
        number(t, 1, 0);
        number(t, 3, 1);
        if (!cases[i].first)
            frame(t, 2, 0x5000, NULL, 0);
        frame(t, 2, cases[i].pc, NULL, 0);
        sub(m, THREADS, t);
        read_well(&o, m);
        assert_int_equal(o.d.threads[0].frame_count, at + 1);
        const struct walk_frame *f = &o.d.threads[0].frames[at];
        if (f->address != cases[i].want || f->module != cases[i].module)
            fail_msg("case %zu: %llx in %u", i, (unsigned long long)f->address, f->module);
        for (size_t k = 0; k < o.d.module_count; k++)
            assert_int_equal(o.d.modules[k].missing, k == cases[i].module);
        arena_free(o.arena);
        free(t);
    }
}

/* --- images -------------------------------------------------------------------------------- */

static void test_images(void **state)
{
    (void)state;
    struct msg *m = report();
    struct outcome o;
    image(m, 0x5000, 0x1000, "/bin/app", 16);
    image(m, 0x1000, 0x9000, "/lib/low", 0); /* lies over the first */
    image(m, 0x8000, 0, "/lib/empty", 16);
    image(m, UINT64_MAX, 2, "/lib/far", 16);
    image(m, 0x9000, 0x100, "/lib/odd", 15);
    image(m, 0x5000, 0x100, "/bin/second", 16);
    read_well(&o, m);
    assert_int_equal(o.d.module_count, 3);
    static const struct {
        uint64_t base, size;
        const char *file, *debug_id, *code_id;
    } want[] = {
        { 0x1000, 0x4000, "/lib/low", "", "" },
        { 0x5000, 0x1000, "/bin/app", "AB0102030405060708090A0B0C0D0E0F0",
          "ab0102030405060708090a0b0c0d0e0f" },
        { 0x9000, 0x100, "/lib/odd", "", "" },
    };
    for (size_t i = 0; i < 3; i++) {
        const struct dump_module *d = &o.d.modules[i];
        assert_int_equal(d->base, want[i].base);
        assert_int_equal(d->size, want[i].size);
        is("file", d->code_file, want[i].file);
        is("debug file", d->debug_file, want[i].file);
        is("debug id", d->debug_id, want[i].debug_id);
        is("code id", d->code_id, want[i].code_id);
    }
    assert_int_equal(o.d.main_module, 1);
    says(&o, "binary_images[4].uuid has 15 bytes, not 16");
    says(&o, "two modules begin at 0x5000");
    arena_free(o.arena);
}

/* --- limits -------------------------------------------------------------------------------- */

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str part; /* repeated so often */
        size_t times;
        const char *want;
    } cases[] = {
        { "threads", STR_INIT("\x1a\x04\x08\x01\x18\x00"), 10000, "more than 9999 threads" },
        { "images", STR_INIT("\x22\x08\x08\x01\x10\x01\x1a\x02no"), 20001,
          "more than 20000 images" },
        { "fields", STR_INIT("\x78\x01"), 1000001, "more than 1000000 fields" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t less = 0; less < 2; less++) {
            struct msg *m = report();
            struct outcome o;
            /* The 12 fields of the report itself count, too. */
            size_t times = cases[i].times - less * (i == 2 ? 13 : 1), len = cases[i].part.len;
            uint8_t *file = malloc(m->len + times * len);
            assert_non_null(file);
            memcpy(file, m->at, m->len);
            for (size_t k = 0; k < times; k++)
                memcpy(file + m->len + k * len, cases[i].part.ptr, len);
            read_bytes(&o, file, m->len + times * len);
            if (o.ok != (less == 1))
                fail_msg("%s: %s", cases[i].name, o.e.msg);
            if (!o.ok && (o.e.code != ERR_LIMIT || !strstr(o.e.msg, cases[i].want)))
                fail_msg("%s: %s", cases[i].name, o.e.msg);
            arena_free(o.arena);
            free(file);
            free(m);
        }
}

/* Each allocation may fail: then it says so, and nothing is lost. */
static void test_no_memory(void **state)
{
    (void)state;
    struct msg *m = whole();
    bool read = false;
    size_t refused = 0;
    for (size_t limit = 64; !read && limit < ARENA_BYTES; limit += limit / 8 + 64) {
        struct arena *a = arena_new(limit);
        struct dump d;
        struct err e = { 0 };
        read = a && plcrash_read((struct bytes){ m->at, m->len }, NULL, &d, a, &e);
        if (a && !read) {
            assert_int_equal(e.code, ERR_NOMEM);
            refused++;
        }
        arena_free(a);
    }
    assert_true(read);
    assert_true(refused > 0);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),      cmocka_unit_test(test_wire),
        cmocka_unit_test(test_required),     cmocka_unit_test(test_cut),
        cmocka_unit_test(test_damaged),      cmocka_unit_test(test_merged),
        cmocka_unit_test(test_parts_limit),  cmocka_unit_test(test_packed),
        cmocka_unit_test(test_unknown),      cmocka_unit_test(test_systems),
        cmocka_unit_test(test_processors),   cmocka_unit_test(test_process),
        cmocka_unit_test(test_custom_limit), cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_live),         cmocka_unit_test(test_exception),
        cmocka_unit_test(test_no_threads),   cmocka_unit_test(test_registers),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_images),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
