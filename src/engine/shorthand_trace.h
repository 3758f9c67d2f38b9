/* shorthand_trace.h - the part of a shorthand that holds the report's stack trace.
 *
 * Strings and kinds of frames are spelt out the first time and get the next number (their code).
 * A kind is a function in a module, with the place of the first such frame: many frames of a kind
 * stand just there. Its build is a part of it when it is not that of the whole
 * trace.
 *
 *     trace           build, death, how many frames; each frame:
 *     frame           head; kind, when it is spelt out; leap, place, as the head says
 *     head            (code of its kind + 1, or 0: spelt out) * 4 + LEAP + PLACE
 *     kind            function, module; 0: the trace's build, or 1, build
 *     leap            frames of the report that were left out in front of it
 *     place           site * 4 + has_site * 2 + inlined
 *     string          0: empty; 1, length, text: spelt out; else code + 2
 *
 * A kind that is spelt out takes its place from the frame (without PLACE: 0).
 * Threads: one at a time. */
#ifndef CRUMPLE_ENGINE_SHORTHAND_TRACE_H
#define CRUMPLE_ENGINE_SHORTHAND_TRACE_H

#include "base/buf.h"
#include "base/seglist.h"
#include "base/vec.h"
#include "group/names.h"
#include "group/number_map.h"
#include "report/trace.h"

struct frame_kind {
    uint32_t function, module; /* 0: empty; else the code of the string + 1 */
    uint32_t build;            /* 0: the trace's; else the code + 2, or 1: empty */
    uint16_t place;
};

struct trace_codes {
    bool begun; /* the tables are there */
    struct names strings;
    VEC(struct frame_kind) kinds;
    struct number_map kind_map; /* function, module, build */
    struct seglist memos;       /* by kind, while traces are read: struct trace_memo */
    /* What trace_codes_undo goes back to. */
    struct names_mark kept_strings;
    size_t kept_kinds;
};

/* Zeroed memory is an empty one; so it is again after this. */
void trace_codes_reset(struct trace_codes *c);
void trace_codes_undo(struct trace_codes *c);
void trace_codes_keep(struct trace_codes *c);

/* False: no memory; trace_codes_undo takes back what was begun. */
MUST_CHECK bool trace_codes_write(struct trace_codes *c, const struct trace *t, struct buf *out);

/* Takes a trace off the front of *form, and learns what it spells out. Its strings are the codes',
 * and its memos, too: good until these are reset, undone, or used for writing. Who reads traces
 * does not look into memos, so another thread may use those of traces that were read. The rest is
 * the arena's. False: it is damaged, or memory is short, and the codes are of no more use but for
 * trace_codes_reset. */
MUST_CHECK bool trace_codes_read(struct trace_codes *c, struct str *form, struct arena *a,
                                 struct trace *out);

#endif
