/* crash.h - what a decoder finds in an upload: threads and frames, attributes, annotations.
 *
 * Place in the story: src/decode fills it in from bytes, report/crash_report.h turns it into the
 * report that is grouped, stored and shown (one way for all formats), report/fingerprint.h names
 * its call stack.
 *
 * Memory: the arena it was made with; borrows the upload. Threads: plain data. */
#ifndef CRUMPLE_REPORT_CRASH_H
#define CRUMPLE_REPORT_CRASH_H

#include "base/json.h"
#include "report/attributes.h"

#define CRASH_THREADS_MAX 10000
#define CRASH_FRAMES_MAX 200000 /* of all threads; the one that failed comes first */
#define CRASH_ERRORS_MAX 20

/* Where a frame is in the script that ran, when the frame itself says where that is in its source.
 */
struct crash_generated {
    struct str function, file;
    uint64_t line, column;
};

struct crash_frame {
    struct str function;   /* as the sender wrote it; empty when not known */
    struct str module;     /* library, shared object or script; empty when not known */
    struct str file;       /* source file; empty when not known */
    uint64_t line, column; /* from 1; 0: not known */
    bool has_address;
    uint64_t address; /* absolute */
    bool has_offset;
    uint64_t offset;     /* from the start of the module */
    struct str debug_id; /* of the module */
    struct str source;   /* the line of source code itself; empty when not known */
    /* The lines around it, itself among them, from line first_line on; NULL when not known. */
    const struct str *lines;
    size_t line_count;
    uint64_t first_line;
    const struct crash_generated *generated; /* NULL: no source map was applied */
    bool guessed, faulted;
    bool ignored; /* the source map says that the file is no concern of its users: a library */
    const struct json *rest; /* the frame as it came (JSON), for what has no member here; NULL */
};

struct crash_thread {
    struct str id, name;
    bool fault;
    const struct crash_frame *frames; /* innermost first */
    size_t frame_count;
};

/* A library or program that was loaded. */
struct crash_module {
    uint64_t base, size;
    struct str code_file, code_id, debug_file, debug_id, version; /* any may be empty */
    bool missing; /* a frame lies in it, and there were no symbols for it */
};

struct crash {
    struct attributes attributes;
    struct str uuid;
    bool has_timestamp;
    int64_t timestamp_ms;
    struct str language, language_version, agent, agent_version;
    const struct str *classifiers;
    size_t classifier_count;
    const struct crash_thread *threads;
    size_t thread_count;
    const struct crash_module *modules; /* of a dump; those of JSON uploads are in `rest` */
    size_t module_count;
    /* The scripts of frames that a source map was looked for. debug_file is the name of the script,
     * debug_id and code_id are the ids by which the frames name it. */
    const struct crash_module *scripts;
    size_t script_count;
    size_t main_thread;   /* the one that failed: index into threads; meaningless without threads */
    bool has_fingerprint; /* the sender fixed it */
    uint8_t fingerprint[32];
    const struct json *annotations; /* an object, or NULL */
    const struct json *rest;        /* the whole upload (JSON): members not named here are in it */
    /* What was wrong but could be passed over, one sentence each. */
    struct str errors[CRASH_ERRORS_MAX];
    size_t error_count;
};

/* Adds an error sentence, in the attributes' arena; beyond CRASH_ERRORS_MAX it is forgotten. */
PRINTF_LIKE(2, 3) void crash_error(struct crash *c, const char *fmt, ...);

#endif
