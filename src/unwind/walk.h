/* walk.h - from the registers and the memory of a thread to its frames.
 *
 * Place in the story: src/decode reads a dump into a struct walk (processor, memory, modules) and
 * calls walk_thread for each thread. Symbols are asked for when a frame first lies in a module.
 *
 * For each caller it tries, in this order: the rules of the symbol file (CFI; on Windows STACK WIN
 * first), the frame pointer, and a scan of the stack for something that looks like a return
 * address. A corrupt stack ends the walk. docs/stack-walking.md tells the rules and why.
 *
 * Threads: one walk by one thread; any number of walks at once. */
#ifndef CRUMPLE_UNWIND_WALK_H
#define CRUMPLE_UNWIND_WALK_H

#include "base/arena.h"
#include "symbols/source.h"

#define WALK_FRAMES_MAX 1024       /* physical frames of one thread */
#define WALK_FRAMES_TOTAL_MAX 8192 /* with those that were inlined */
#define WALK_NO_MODULE UINT32_MAX

enum walk_os {
    WALK_OS_OTHER,
    WALK_OS_WINDOWS,
    WALK_OS_MAC,
    WALK_OS_IOS,
    WALK_OS_LINUX,
    WALK_OS_ANDROID
};

/* How a frame was found, best last; inlined frames have that of the frame that they are in. */
enum walk_trust {
    TRUST_NONE,
    TRUST_SCAN,
    TRUST_CFI_SCAN, /* scanned, then confirmed by rules */
    TRUST_FP,
    TRUST_PREWALKED, /* by whoever made the report, who does not say how */
    TRUST_LEAF,      /* the return address was on top of the stack */
    TRUST_CFI,
    TRUST_CONTEXT
};
/* "none", "scan", "cfi_scan", "fp", "prewalked", "leaf", "cfi", "context" */
const char *walk_trust_name(enum walk_trust t);

struct registers {
    uint64_t at[CPU_REGISTERS_MAX]; /* by the numbers of symbols/cpu.h; words of 32 bits: upper 0 */
    uint64_t known;                 /* bit r: register r is known */
};

struct walk_region {
    uint64_t base;
    struct bytes bytes;
};

struct walk_module {
    uint64_t base, size;
    struct module_id id;
    /* The walker's; zero at first: */
    bool asked, missing; /* a frame lies in it; and there were no symbols for it */
    bool looked_up;      /* the source was asked, which a scan does too */
    struct symbols_found found;
};

struct walk_own;

struct walk {
    enum cpu cpu;
    enum walk_os os;
    bool big_endian;                   /* of the memory */
    const struct walk_region *regions; /* sorted by base; where they overlap the first wins */
    size_t region_count;
    struct walk_module *modules; /* sorted by base, not overlapping: src/decode sees to it */
    size_t module_count;
    /* Modules that are gone, sorted by base; the size is in bytes.len. They only give a name to
     * frames: a scan takes no address in them, and they have no symbols. */
    const struct walk_region *unloaded;
    size_t unloaded_count;
    const struct symbol_source *symbols; /* NULL: none */
    struct arena *arena;
    struct walk_own *own; /* the walker's; NULL at first */
};

struct walk_frame {
    enum walk_trust trust;
    bool inlined;      /* a call that was inlined into the next frame that is not */
    uint64_t address;  /* the instruction pointer: of a caller, where it goes on (not less one) */
    uint32_t module;   /* number in walk.modules, or WALK_NO_MODULE */
    uint32_t unloaded; /* if in no module: number in walk.unloaded, or WALK_NO_MODULE */
    struct str function, file; /* in the arena; empty: not known */
    uint32_t line;
    uint64_t function_offset;   /* address less where the function begins; of the outermost */
    struct registers registers; /* what is known of them in this frame; of inlined ones: nothing */
};

/* The frames, innermost first, in the arena; at least one when the program counter is known.
 * ERR_NOMEM only. stack: the thread's own stack memory when the dump says which (else len 0): the
 * scan keeps within it. */
MUST_CHECK bool walk_thread(struct walk *w, const struct registers *context,
                            const struct walk_region *stack, struct walk_frame **frames,
                            size_t *count, struct err *e);
/* The frames at addresses that somebody else has found, innermost first: those behind the first are
 * return addresses. Modules, functions, lines and inlined calls are filled in as by walk_thread,
 * for any processor; of the registers only the program counter is known. At most WALK_FRAMES_MAX
 * are taken; trust is TRUST_PREWALKED, of the first TRUST_CONTEXT. ERR_NOMEM only. */
MUST_CHECK bool walk_addresses(struct walk *w, const uint64_t *addresses, size_t n,
                               struct walk_frame **frames, size_t *count, struct err *e);
/* Gives the symbols back. */
void walk_done(struct walk *w);

#endif
