/* minidump_parts.h - what the files minidump*.c share. Nobody outside this folder includes it.
 *
 * Each minidump_read_... reads the streams of one subject and fills in its part of the dump. They
 * return false only when memory is short; what is damaged becomes a sentence (dump_error), and
 * the rest is read. */
#ifndef CRUMPLE_DECODE_MINIDUMP_PARTS_H
#define CRUMPLE_DECODE_MINIDUMP_PARTS_H

#include "decode/dump_parts.h"
#include "decode/minidump.h"

#define MINIDUMP_STREAMS_MAX 4096
#define MINIDUMP_THREADS_MAX CRASH_THREADS_MAX
#define MINIDUMP_REGIONS_MAX 1000000 /* pieces of memory */
#define MINIDUMP_BUILD_ID_MAX 64     /* bytes */

enum minidump_stream {
    STREAM_UNUSED = 0,
    STREAM_THREADS = 3,
    STREAM_MODULES = 4,
    STREAM_MEMORY = 5,
    STREAM_EXCEPTION = 6,
    STREAM_SYSTEM = 7,
    STREAM_MEMORY64 = 9,
    STREAM_HANDLES = 12,
    STREAM_UNLOADED_MODULES = 14,
    STREAM_MISC = 15,
    STREAM_MEMORY_INFO = 16,
    STREAM_THREAD_INFO = 17,
    STREAM_THREAD_NAMES = 24,
    STREAM_CRASHPAD = 0x43500001,
    STREAM_BREAKPAD = 0x47670001,
    STREAM_ASSERTION = 0x47670002,
    STREAM_LINUX_CPUINFO = 0x47670003,
    STREAM_LINUX_STATUS = 0x47670004,
    STREAM_LINUX_LSB_RELEASE = 0x47670005,
    STREAM_LINUX_CMDLINE = 0x47670006,
    STREAM_LINUX_ENVIRON = 0x47670007,
    STREAM_LINUX_AUXV = 0x47670008,
    STREAM_LINUX_MAPS = 0x47670009,
    STREAM_LINUX_DSO_DEBUG = 0x4767000a
};

enum minidump_platform {
    PLATFORM_WIN32_WINDOWS = 1,
    PLATFORM_WIN32_NT = 2,
    PLATFORM_MAC = 0x8101,
    PLATFORM_IOS = 0x8102,
    PLATFORM_LINUX = 0x8201,
    PLATFORM_SOLARIS = 0x8202,
    PLATFORM_ANDROID = 0x8203,
    PLATFORM_PS3 = 0x8204,
    PLATFORM_NACL = 0x8205,
    PLATFORM_FUCHSIA = 0x8206
};

enum minidump_architecture {
    ARCHITECTURE_X86 = 0,
    ARCHITECTURE_MIPS = 1,
    ARCHITECTURE_PPC = 3,
    ARCHITECTURE_SHX = 4,
    ARCHITECTURE_ARM = 5,
    ARCHITECTURE_AMD64 = 9,
    ARCHITECTURE_X86_ON_WIN64 = 10,
    ARCHITECTURE_ARM64 = 12,
    ARCHITECTURE_SPARC = 0x8001,
    ARCHITECTURE_PPC64 = 0x8002,
    ARCHITECTURE_ARM64_OLD = 0x8003,
    ARCHITECTURE_MIPS64 = 0x8004,
    ARCHITECTURE_RISCV = 0x8005,
    ARCHITECTURE_RISCV64 = 0x8006
};

/* What an exception stream says. */
#define MINIDUMP_PARAMETERS_MAX 15
struct minidump_exception {
    uint32_t code, flags;
    uint64_t address;
    uint32_t parameter_count; /* at most MINIDUMP_PARAMETERS_MAX */
    uint64_t parameters[MINIDUMP_PARAMETERS_MAX];
};

struct minidump {
    struct dump_maker make;
    struct bytes file;
    bool big_endian;
    struct bytes directory; /* whole entries */
    struct arena *arena;    /* as in `make`, */
    struct dump *dump;      /* and so is this */
    bool has_system;
    uint32_t platform, architecture;
    bool has_exception, has_exception_context;
    struct minidump_exception exception;
    struct registers exception_context;
    bool has_requesting_thread, has_dump_thread;
    uint32_t requesting_thread, dump_thread;
    struct walk_region *stacks;  /* of each thread; len 0: not in the file */
    struct walk_region *regions; /* sorted by base */
    size_t region_count;
    struct walk_region *unloaded; /* by the numbers of dump.unloaded */
};

/* --- minidump.c: what all need --- */

/* The first stream of this type; false: there is none, or it lies outside the file. */
bool minidump_find(struct minidump *m, enum minidump_stream type, struct bytes *out);
struct reader minidump_reader(const struct minidump *m, struct bytes in);
/* Reads size and offset of a piece of the file; empty when it lies outside. */
struct bytes minidump_location(const struct minidump *m, struct reader *r);
/* A stream that is a count and entries of this size. Gives only entries that are there; an error
 * sentence tells of the others. */
struct bytes minidump_entries(struct minidump *m, enum minidump_stream type, const char *name,
                              size_t size, size_t max, size_t *count);
/* Of so many entries, those that are whole and within the limit. */
struct bytes minidump_cut(struct minidump *m, const char *name, struct bytes rest, uint64_t want,
                          size_t size, size_t max, size_t *count);
/* The same for streams that begin with the sizes of their header and entries. `size`: at least. */
struct bytes minidump_sized_entries(struct minidump *m, enum minidump_stream type, const char *name,
                                    bool wide_count, size_t size, size_t max, size_t *entry_size,
                                    size_t *count);

/* --- minidump_text.c: texts of the file as valid UTF-8 in the arena. False: no memory --- */

/* An MDString: a length in bytes, UTF-16. Empty when it lies outside the file. */
bool minidump_string(struct minidump *m, uint32_t offset, struct str *out);
/* UTF-16 up to a NUL. */
bool minidump_utf16(struct minidump *m, struct bytes raw, struct str *out);
/* A length in bytes and UTF-8, as Crashpad writes texts. */
bool minidump_utf8_string(struct minidump *m, uint32_t offset, struct str *out);

/* --- one subject each --- */

bool minidump_read_system(struct minidump *m);
/* The processor of a dump without a system stream that can be read. */
void minidump_set_cpu(struct minidump *m, enum cpu cpu);
bool minidump_read_misc(struct minidump *m);
bool minidump_read_breakpad(struct minidump *m);
bool minidump_read_memory(struct minidump *m);
bool minidump_read_modules(struct minidump *m);
bool minidump_read_unloaded(struct minidump *m);
bool minidump_read_threads(struct minidump *m);   /* after the system */
bool minidump_read_exception(struct minidump *m); /* after the system and the threads */
bool minidump_read_assertion(struct minidump *m);
bool minidump_read_handles(struct minidump *m);
bool minidump_read_thread_info(struct minidump *m);
bool minidump_read_memory_info(struct minidump *m); /* after the exception */
bool minidump_read_crashpad(struct minidump *m);
bool minidump_read_linux(struct minidump *m); /* after the exception */

/* The processor whose record this is, by flags and size; CPU_UNKNOWN when they do not tell. */
enum cpu minidump_context_cpu(const struct minidump *m, struct bytes raw);
/* A processor's registers, by the numbers of symbols/cpu.h. False: it is not of this processor. */
bool minidump_context(const struct minidump *m, struct bytes raw, struct registers *out);

/* minidump_reason.c: the exception as Breakpad prints it. */
bool minidump_reason(struct minidump *m, struct str *reason, uint64_t *address);

#endif
