/* frame_memory.h - what stood at a place in a build before: names come back where symbols are lost,
 * and functions where they were inlined away.
 *
 * A place is a build of a module and the low 12 bits of an address (report/trace.h: site). It is
 * remembered with its chain: the functions there, innermost first, those that were inlined and the
 * one that they were inlined into. Where two chains at one place contradict one another, the place
 * is no longer believed.
 *
 * Threads: the writer's. */
#ifndef CRUMPLE_GROUP_FRAME_MEMORY_H
#define CRUMPLE_GROUP_FRAME_MEMORY_H

#include "base/seglist.h"
#include "group/journal.h"
#include "group/pool.h"

#define FRAME_CHAIN_MAX 16

struct frame_place {
    uint32_t project, build, module; /* numbers of naming.h; module: its base name */
    uint16_t site;
};
struct frame_chain {
    const uint32_t *names;
    uint32_t count; /* 0: nothing is known */
};

struct frame_memory {
    struct seglist places; /* struct remembered */
    struct idmap map;
};

bool frame_memory_init(struct frame_memory *m);
void frame_memory_done(struct frame_memory *m);

/* The chain at the place, when `known` (which may be empty) is a part of it in its order. */
struct frame_chain frame_memory_recall(const struct frame_memory *m, struct frame_place at,
                                       struct frame_chain known);
/* Remembers the chain of a place all of whose functions are named. False: no memory. */
MUST_CHECK bool frame_memory_learn(struct frame_memory *m, struct frame_place at,
                                   struct frame_chain chain, struct journal *j, struct pool *p);

#endif
