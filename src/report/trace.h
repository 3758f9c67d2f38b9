/* trace.h - the stack trace of a report as grouping sees it: frames, the build that they are of,
 * and how the program died.
 *
 * Place in the story: report_from_json makes it with the rest of the report; the similarity
 * `culprit` (group/culprit.h) compares it; the engine's shorthand keeps it for the next start, so a
 * change of what is made of a report raises KEY_VERSION in engine/shorthand.c.
 * Threads: pure. Memory: borrows the report's JSON and lives in its arena. */
#ifndef CRUMPLE_REPORT_TRACE_H
#define CRUMPLE_REPORT_TRACE_H

#include "base/arena.h"
#include "base/json.h"

#define TRACE_FRAMES_MAX 256 /* topmost, after equal turns of a recursion are folded */
#define TRACE_CYCLE_MAX 8    /* frames in a turn */
/* An overflow of the stack stops anywhere in a turn, and is cut anywhere. So many turns at the top
 * are taken for one; with fewer, the topmost frame is where it failed. Not below TRACE_CYCLE_MAX:
 * then nothing that repeats inside a turn has so many. */
#define TRACE_OVERFLOW_TURNS 8
#define TRACE_DEATH_MAX 256   /* bytes; a longer one is a message, and is not taken */
#define TRACE_SITE_MASK 0xfff /* of an address; see `site` */
#define TRACE_ABORT "SIGABRT" /* the death that may be another death's end */

struct trace_frame {
    struct str function; /* as sent; empty: not known, which "??" and its like say, too */
    struct str module;   /* the loaded binary, as sent; empty: not known */
    struct str build;    /* what tells builds of the module apart: its debug id, else trace.build */
    /* The low 12 bits of its address. Modules are loaded at whole pages, so a place in a build of a
     * module has the same ones in every process. */
    uint16_t site; /* 0 unless has_site */
    bool has_site;
    /* At the same address as the next frame, and another function: inlined into it. With the same
     * function it is a turn of a recursion. */
    bool inlined;
    uint32_t index;          /* in the report's stacktrace, from 0; rising */
    struct trace_memo *memo; /* or NULL */
};

/* What someone noted of a function in a module, for the next frame with these very two. Traces that
 * a shorthand kept have them (engine/shorthand_trace.h): for one thread at a time. */
struct trace_memo {
    uint64_t by; /* whose note it is; 0: none yet. Others' must not be used, but may be replaced */
    uint32_t function, module;
    uint32_t project; /* for which the others hold: of group/helpers.h and group/frame_memory.h */
    uint32_t helper, build, owner;
};

struct trace {
    /* Top of stack first; of turns that are equal, the first. Of an overflow by several functions,
     * the turn that begins with the function that sorts first, so that all its stacks are one. */
    const struct trace_frame *frames;
    size_t count;
    struct str build; /* package and version, as the report says; empty: not known */
    struct str death; /* signal or type of exception, in one spelling; empty: not known */
};

/* From a report's JSON, which has passed report_from_json's checks. False: no memory. */
MUST_CHECK bool trace_collect(struct trace *out, const struct json *report, struct arena *a);

#endif
