/* clean.h - from a trace to the functions that are compared: lost names filled in, frames of the
 * platform left out, recursion folded.
 *
 * Threads: one at a time for each cleaned and naming; the memory of places is the writer's. Memory:
 * a struct cleaned is used for one trace after another. */
#ifndef CRUMPLE_GROUP_CLEAN_H
#define CRUMPLE_GROUP_CLEAN_H

#include "group/frame_memory.h"
#include "group/naming.h"
#include "report/trace.h"

#define CLEAN_NAMES_MAX 64 /* topmost; further out stand event loops and callers of callers */
#define CLEAN_CYCLE_MAX 8  /* names in a recursion that is folded */

/* What became of a frame. */
enum clean_fate {
    CLEAN_COMPARED,
    CLEAN_NAMED,   /* compared, and the name is one from memory */
    CLEAN_UNKNOWN, /* neither name nor place */
    CLEAN_HANDLER, /* above a signal trampoline */
    CLEAN_ENDS,
    CLEAN_STARTS,
    CLEAN_SYSTEM,  /* as in platform.h */
    CLEAN_REPEATS, /* a turn of a recursion that is folded away, or beyond CLEAN_NAMES_MAX */
};
struct cleaned_name {
    uint32_t name;  /* of naming.h */
    uint32_t frame; /* which of the trace's: the one called so, or the outermost at its place */
    bool recalled;
};
/* Frames [first, end) stand at one place. */
struct clean_place {
    uint32_t first, end;
    uint32_t chain, chain_count;      /* in struct cleaned's `chains` */
    const struct trace_frame *module; /* the frame that says the module; `first` when none does */
    const struct module_info *module_info;
    uint32_t build, owner; /* of frame_memory.h, when has_key */
    bool all_named, has_key;
};
struct cleaned {
    VEC(struct cleaned_name) names; /* top of stack first */
    VEC(uint8_t) fates;             /* of the trace's frames: enum clean_fate */
    VEC(uint32_t) called;           /* of the trace's frames: names, or NAMING_NONE without one */
    VEC(struct clean_place) places; /* of the trace */
    VEC(uint32_t) chains;           /* of the places: the names that are known there */
};
void cleaned_done(struct cleaned *c);

/* memory: NULL to do without. keep_platform: take frames of the platform like others, which is done
 * when nothing else is left, too. False: no memory. */
MUST_CHECK bool clean_trace(struct cleaned *c, const struct trace *t, uint32_t project,
                            struct naming *n, struct frame_memory *memory, bool keep_platform);
/* Remembers the places of the trace, which must be the one that was cleaned last, with this memory.
 */
MUST_CHECK bool clean_learn(const struct cleaned *c, const struct trace *t,
                            struct frame_memory *memory);

#endif
