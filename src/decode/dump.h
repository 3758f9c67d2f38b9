/* dump.h - what a memory dump says, whatever its format: the crash, threads with their frames,
 * modules, system.
 *
 * Place in the story: minidump.h (and readers of other formats, in time) fills it in and has the
 * threads walked; `crumple stackwalk` prints it; dump_crash makes the crash of it that becomes a
 * report. Memory: the arena; borrows the dump's bytes. Threads: plain data. */
#ifndef CRUMPLE_DECODE_DUMP_H
#define CRUMPLE_DECODE_DUMP_H

#include "report/crash.h"
#include "unwind/walk.h"

#define DUMP_NO_THREAD SIZE_MAX

struct dump_module {
    uint64_t base, size;
    struct str code_file; /* as the dump names it, with its path */
    struct str code_id;
    struct str debug_file; /* with its path, if it has one */
    struct str debug_id;
    struct str version;
    uint32_t timestamp;
    bool asked, missing; /* a frame lies in it; and there were no symbols for it */
};

struct dump_thread {
    uint64_t id;
    struct str name;
    const struct walk_frame *frames; /* frame.module: number in dump.modules */
    size_t frame_count;
    bool has_registers;
    struct registers registers;
};

struct dump {
    enum cpu cpu;
    enum walk_os os;
    struct str os_name,
        os_version; /* as minidump_stackwalk prints them: "Windows NT", "10.0.17763" */
    struct str cpu_name, cpu_text; /* "amd64", "family 6 model 158 stepping 9" */
    uint32_t cpu_count;
    bool has_crash;
    struct str reason;     /* "SIGSEGV /SEGV_MAPERR" */
    struct str classifier; /* what kind of failure it is; empty: the reason, up to its slash */
    bool has_address;
    uint64_t address;
    size_t crash_thread; /* index into threads; DUMP_NO_THREAD */
    /* The stack that the report is shown and grouped by, when it is not that of crash_thread: index
     * into threads. */
    bool has_main_thread;
    size_t main_thread;
    struct str uuid; /* that the dump gives itself; empty: none */
    struct str assertion;
    bool has_pid, has_uptime, has_time;
    uint64_t pid;
    int64_t uptime_s, time_s;    /* time of the dump, seconds since 1970 */
    struct dump_module *modules; /* sorted by base */
    size_t module_count;
    size_t main_module;           /* the program; SIZE_MAX: not known */
    struct dump_module *unloaded; /* that are gone, sorted by base; they may overlap */
    size_t unloaded_count;
    struct dump_thread *threads;
    size_t thread_count;
    struct attributes attributes;        /* for the report, by the names that Backtrace uses */
    struct str annotations;              /* the text of a JSON object, or empty */
    struct str errors[CRASH_ERRORS_MAX]; /* what was wrong and passed over */
    size_t error_count;
};

/* Fills in a crash that decode_nothing has made empty. ERR_NOMEM. */
MUST_CHECK bool dump_crash(const struct dump *d, struct crash *out, struct arena *a, struct err *e);

/* The module that a frame lies in, or lay in before it was unloaded; NULL. */
const struct dump_module *dump_frame_module(const struct dump *d, const struct walk_frame *f);

/* What stands behind the last / or \ of a path. */
struct str dump_base_name(struct str path);

#endif
