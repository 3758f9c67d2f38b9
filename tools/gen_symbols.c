/* gen_symbols.c - makes a large Breakpad symbol file, as a big C++ library has one, and the text of
 * a dump (tools/make-dump) whose stack lies in it.
 *
 *     gen-symbols FOLDER MEGABYTES
 *
 * FOLDER/libbig.so/<debug id>/libbig.so.sym and FOLDER/dump.txt. The shares of the kinds of
 * records, and how often names, files and rules come again, are about those of what dump_syms makes
 * of C++ programs: half of the bytes are lines, a quarter unwind rules, a sixth names. Always the
 * same. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEBUG_ID "5B1C0FFEE0DDF00D1234567890ABCDEF0"
#define MODULE_BASE 0x7f0000000000
#define FILES 6000
#define ORIGINS 40000
#define FRAMES 24 /* of the dump */
#define EVERY 997 /* one function in so many is on its stack */
#define PUSHES_MAX 6

static const char *const spaces[] = { "base",    "net", "blink", "gfx",     "media", "v8::internal",
                                      "content", "cc",  "viz",   "storage", "mojo",  "ui" };
static const char *const nouns[] = { "Widget",  "Buffer",   "Layer",    "Request", "Frame",
                                     "Stream",  "Cache",    "Node",     "Task",    "Handle",
                                     "Context", "Resource", "Observer", "Surface", "Channel",
                                     "Element", "Registry", "Pipeline" };
static const char *const verbs[] = { "Update",  "Create",  "Notify",     "Release",
                                     "Compute", "Resolve", "Invalidate", "Dispatch",
                                     "Append",  "Commit",  "Find",       "Reset" };
#define PICK(list) list[pick(sizeof(list) / sizeof *(list))]

static uint64_t state = 0x9e3779b97f4a7c15;

static uint32_t pick(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 11) % below);
}

static void fail(const char *what)
{
    fprintf(stderr, "gen-symbols: %s: %s\n", what, strerror(errno));
    exit(1);
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        fail(path);
    return f;
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        fail(path);
}

static void print_type(FILE *out)
{
    if (pick(4) == 0)
        fprintf(out, "std::unique_ptr<%s::%s%s>", PICK(spaces), PICK(nouns), PICK(nouns));
    else
        fprintf(out, "%s::%s%s const&", PICK(spaces), PICK(nouns), PICK(nouns));
}

static void print_name(FILE *out, uint32_t number)
{
    fprintf(out, "%s::%s%s", PICK(spaces), PICK(nouns), PICK(nouns));
    if (pick(3) == 0) {
        fputc('<', out);
        print_type(out);
        fputc('>', out);
    }
    fprintf(out, "::%s%s%u(", PICK(verbs), PICK(nouns), number % 9973);
    for (uint32_t i = 0, n = pick(3); i < n; i++) {
        if (i > 0)
            fputs(", ", out);
        print_type(out);
    }
    fputs(")\n", out);
}

/* How a function has its stack: known from its number, for rules and dump alike. */
struct layout {
    unsigned pushes, locals; /* locals: bytes */
};

static struct layout layout_of(uint32_t number)
{
    return (struct layout){ number * 5u % (PUSHES_MAX + 1), number * 13u % 24 * 16 };
}

static unsigned prologue_bytes(struct layout l)
{
    return 2 * l.pushes + (l.locals > 0 ? 7 : 0);
}

static void print_rules(FILE *out, uint64_t at, uint32_t size, struct layout l)
{
    static const char *const saved[] = { "$r15", "$r14", "$r13", "$r12", "$rbp", "$rbx" };
    fprintf(out, "STACK CFI INIT %llx %x .cfa: $rsp 8 + .ra: .cfa -8 + ^\n", (unsigned long long)at,
            size);
    unsigned depth = 8;
    for (unsigned i = 0; i < l.pushes; i++) {
        depth += 8;
        fprintf(out, "STACK CFI %llx .cfa: $rsp %u + %s: .cfa -%u + ^\n",
                (unsigned long long)(at + 2 * (i + 1)), depth, saved[i], depth);
    }
    if (l.locals > 0)
        fprintf(out, "STACK CFI %llx .cfa: $rsp %u +\n",
                (unsigned long long)(at + prologue_bytes(l)), depth + l.locals);
    for (unsigned i = 0; i <= l.pushes && l.pushes > 0; i++)
        fprintf(out, "STACK CFI %llx .cfa: $rsp %u +\n",
                (unsigned long long)(at + size - 1 - l.pushes + i), depth - 8 * i);
}

static void print_inlines(FILE *out, uint64_t at, uint32_t size, uint32_t file)
{
    for (uint32_t i = 0, n = pick(4); i < n; i++) {
        uint32_t depth_max = 1 + pick(3), begin = pick(size / 2), length = size / 4;
        for (uint32_t depth = 0; depth < depth_max && length > 4; depth++) {
            fprintf(out, "INLINE %u %u %u %u %llx %x\n", depth, 20 + pick(2000), file,
                    pick(ORIGINS), (unsigned long long)(at + begin), length);
            begin += length / 4;
            length /= 2;
        }
    }
}

static void print_lines(FILE *out, uint64_t at, uint32_t size, uint32_t file)
{
    uint32_t line = 10 + pick(3000);
    for (uint32_t done = 0, step; done < size; done += step) {
        step = 1 + pick(14);
        if (step > size - done)
            step = size - done;
        uint32_t in = pick(5) == 0 ? pick(FILES) : file;
        line = pick(6) == 0 && line > 20 ? line - pick(12) : line + pick(4);
        fprintf(out, "%llx %x %u %u\n", (unsigned long long)(at + done), step,
                in == file ? line : 10 + pick(900), in);
    }
}

/* A frame of the dump: where it goes on in its function, and what lies on the stack below its
 * caller's. */
static void print_frame(FILE *dump, uint64_t at, struct layout l, bool first)
{
    uint64_t pc = at + prologue_bytes(l) + 5;
    if (first)
        fprintf(
            dump,
            "system os=linux cpu=amd64 version=0.0.0 csd=\"Linux 6.1.0 x86_64\" cpus=8\n"
            "module base=0x%llx size=0x7fffffff name=/opt/big/libbig.so cv=pdb70 debug=libbig.so "
            "id=" DEBUG_ID "\n\n"
            "thread id=1 name=big crashed\n  registers rip=0x%llx rsp=sp rbp=0 rbx=0\n"
            "  stack at=0x7ffe00001000\n    sp:\n",
            (unsigned long long)MODULE_BASE, (unsigned long long)(MODULE_BASE + pc));
    else
        fprintf(dump, "    0x%llx\n", (unsigned long long)(MODULE_BASE + pc));
    unsigned words = l.pushes + l.locals / 8;
    if (words > 0)
        fprintf(dump, "    fill %u\n", words);
}

int main(int argc, char **argv)
{
    char path[4096];
    long long megabytes = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
    if (megabytes < 1 || megabytes > 100000) {
        fprintf(stderr, "usage: gen-symbols FOLDER MEGABYTES\n");
        return 2;
    }
    make_folder(argv[1]);
    snprintf(path, sizeof path, "%s/libbig.so", argv[1]);
    make_folder(path);
    snprintf(path, sizeof path, "%s/libbig.so/" DEBUG_ID, argv[1]);
    make_folder(path);
    snprintf(path, sizeof path, "%s/libbig.so/" DEBUG_ID "/libbig.so.sym", argv[1]);
    FILE *out = create(path);
    snprintf(path, sizeof path, "%s/dump.txt", argv[1]);
    FILE *dump = create(path);

    fputs("MODULE Linux x86_64 " DEBUG_ID " libbig.so\n", out);
    for (uint32_t i = 0; i < FILES; i++)
        fprintf(out, "FILE %u /build/src/%s/%s_%s_%u.cc\n", i, PICK(nouns), PICK(verbs),
                PICK(nouns), i);
    for (uint32_t i = 0; i < ORIGINS; i++) {
        fprintf(out, "INLINE_ORIGIN %u ", i);
        print_name(out, i);
    }
    uint64_t at = 0x1000;
    unsigned frames = 0;
    for (uint32_t number = 0; ftello(out) < megabytes * 1000000 && at < 0x7fff0000; number++) {
        struct layout l = layout_of(number);
        uint32_t size = prologue_bytes(l) + 40 + pick(40) * pick(40), file = pick(FILES);
        fprintf(out, "FUNC %llx %x 0 ", (unsigned long long)at, size);
        print_name(out, number);
        print_inlines(out, at, size, file);
        print_lines(out, at, size, file);
        print_rules(out, at, size, l);
        if (number % EVERY == 1 && frames < FRAMES)
            print_frame(dump, at, l, frames++ == 0);
        at = (at + size + 15) & ~15ull;
    }
    fputs("    0 0\nexception code=11 flags=1 address=0x18\n", dump);
    if (fclose(out) != 0 || fclose(dump) != 0)
        fail(argv[1]);
    return 0;
}
