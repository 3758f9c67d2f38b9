/* frame_memory.h - what stood at a place in a build before: names come back where symbols are lost,
 * and functions where they were inlined away.
 *
 * A place is a build of a module (its owner) and the low 12 bits of an address (report/trace.h:
 * site). It is remembered with its chain: the functions there, innermost first, those that were
 * inlined and the one that they were inlined into. Where two chains at one place contradict one
 * another, the place is no longer believed.
 *
 * 12 bytes a place, and a third more for the table: where addresses are noise, there are many.
 * Threads: the writer's. */
#ifndef CRUMPLE_GROUP_FRAME_MEMORY_H
#define CRUMPLE_GROUP_FRAME_MEMORY_H

#include "base/vec.h"
#include "group/number_map.h"

#define FRAME_CHAIN_MAX 16
#define FRAME_MEMORY_NONE UINT32_MAX

struct frame_chain {
    const uint32_t *names; /* numbers of naming.h; good until the next place is learnt */
    uint32_t count;        /* 0: nothing is known */
};

struct remembered {
    uint32_t owner; /* + 1; 0: a free slot */
    uint32_t chain; /* the name, when it is one; else where its names begin in `chains` */
    uint16_t site;
    uint8_t count; /* of names; 0: taken back */
    bool contradicted;
};

struct frame_memory {
    struct number_map owners; /* project, build, module */
    VEC(struct number_key) owner_keys;
    uint64_t secret;
    struct remembered *slots; /* a power of two of them, open addressing */
    size_t slot_count, used;
    VEC(uint32_t) chains;
    VEC(struct remembered) changed; /* what stood there before, for frame_memory_undo */
};

bool frame_memory_init(struct frame_memory *m); /* false: no memory; frame_memory_done is fine */
void frame_memory_done(struct frame_memory *m);

/* The owner's number; FRAME_MEMORY_NONE: no memory. */
uint32_t frame_memory_owner(struct frame_memory *m, uint32_t project, uint32_t build,
                            uint32_t module);
/* Takes back owners that were made when there were so many (owner_keys.len). */
void frame_memory_rewind_owners(struct frame_memory *m, size_t owners);

/* Says what will be asked for soon, so that it is fetched from memory meanwhile. */
void frame_memory_expect_owner(const struct frame_memory *m, uint32_t project, uint32_t build,
                               uint32_t module);
void frame_memory_expect(const struct frame_memory *m, uint32_t owner, uint16_t site);

/* The chain at the place, when `known` (which may be empty) is a part of it in its order. */
struct frame_chain frame_memory_recall(const struct frame_memory *m, uint32_t owner, uint16_t site,
                                       struct frame_chain known);
/* Remembers the chain of a place all of whose functions are named. False: no memory. */
MUST_CHECK bool frame_memory_learn(struct frame_memory *m, uint32_t owner, uint16_t site,
                                   struct frame_chain chain);

size_t frame_memory_mark(const struct frame_memory *m);
void frame_memory_undo(struct frame_memory *m, size_t mark);
void frame_memory_keep(struct frame_memory *m);
size_t frame_memory_bytes(const struct frame_memory *m);

#endif
