/* walk_internal.h - what the files of the walker share: one thread's walk, and the ways from a
 * frame to its caller.
 *
 * walk.c takes the first frame from the registers of the thread and asks the processor's file
 * (walk_x86.c ...) for each caller. These ask walk_cfi.c, walk_win.c and scan.c. All that reads
 * memory goes through memory.c, all that asks about code through modules.c. */
#ifndef CRUMPLE_UNWIND_WALK_INTERNAL_H
#define CRUMPLE_UNWIND_WALK_INTERNAL_H

#include "unwind/walk.h"

/* Regions that may overlap, by bisection: ends[i] is the highest end of regions 0 to i. */
struct region_index {
    const struct walk_region *regions;
    const uint64_t *ends;
    size_t count;
};

/* A frame of the machine while its caller is looked for. */
struct machine_frame {
    /* Where a register is not known, its place holds what was last seen there (0 after rules):
     * frame pointers are tried even so. */
    struct registers registers;
    enum walk_trust trust;
    uint64_t lookup; /* the address to ask symbols about: within the call, not behind it */
    struct walk_module *module; /* NULL: in none */
    bool interrupted;           /* by a signal: the program counter is not behind a call */
    bool has_parameters;        /* STACK WIN says how much its caller pushed for it */
    uint32_t parameter_bytes;
};

struct thread_walk {
    struct walk *walk;
    const struct cpu_facts *cpu;
    uint64_t mask;            /* of an address */
    struct walk_region stack; /* all of it that the dump has; may be empty */
    const struct region_index *memory;
    unsigned interruptions;               /* frames so far that were interrupted */
    const struct machine_frame *previous; /* whom the present frame called; NULL for the first */
};

/* memory.c */

/* ends: room for count numbers. */
void region_index_init(struct region_index *x, const struct walk_region *regions, size_t count,
                       uint64_t *ends);
/* The first region that holds the address; NULL. */
const struct walk_region *region_index_find(const struct region_index *x, uint64_t address);
/* A word of the thread's stack. */
bool stack_word(const struct thread_walk *t, uint64_t address, uint64_t *value);
/* A number from anywhere in memory; fits struct rules_in. */
bool memory_number(const void *thread_walk, uint64_t address, size_t bytes, uint64_t *value);

/* modules.c */

struct walk_module *module_at(const struct walk *w, uint64_t address); /* NULL: in none */
/* Asks the source, once for each module. */
void module_look_up(const struct walk *w, struct walk_module *m);
/* What to ask for the frame's function. */
struct symcache_spot spot_of(const struct machine_frame *f);
/* Whether it may be an instruction: in a module and, if that one's functions are known, in one. */
bool code_at(const struct walk *w, uint64_t address);

/* scan.c */

#define SCAN_WORDS 40             /* behind the first */
#define SCAN_WORDS_OF_CONTEXT 160 /* for the caller of a frame whose registers the dump gave */

/* The first word from start on that may be a return address, and where it stands. */
bool scan_stack(const struct thread_walk *t, uint64_t start, unsigned words, uint64_t *location,
                uint64_t *address);
unsigned scan_words(const struct machine_frame *f);
/* The caller by a scan from the stack pointer; *location: where its return address stood. */
bool caller_by_scan(const struct thread_walk *t, const struct machine_frame *f,
                    struct machine_frame *caller, uint64_t *location);

/* The ways to a caller. Each leaves *caller with trust and registers, among them the program
 * counter and the stack pointer; walk.c does the rest. */

enum cfi_result {
    CFI_NONE,  /* no rules, or they failed */
    CFI_FOUND, /* *caller is filled in */
    CFI_TOP    /* the rules say that there is no caller */
};
enum cfi_result caller_by_cfi(const struct thread_walk *t, const struct machine_frame *f,
                              struct machine_frame *caller);
/* STACK WIN records, x86 only. Notes in *f how many bytes of parameters it has. */
bool caller_by_win(const struct thread_walk *t, struct machine_frame *f,
                   struct machine_frame *caller);

/* The processors' own; false: the walk ends. They may correct *f. */
bool caller_x86(const struct thread_walk *t, struct machine_frame *f, struct machine_frame *caller);
bool caller_amd64(const struct thread_walk *t, struct machine_frame *f,
                  struct machine_frame *caller);
bool caller_arm(const struct thread_walk *t, struct machine_frame *f, struct machine_frame *caller);
bool caller_arm64(const struct thread_walk *t, struct machine_frame *f,
                  struct machine_frame *caller);
/* What the context needs before the walk begins. */
void context_arm64(const struct thread_walk *t, struct machine_frame *f);
/* An address of code, without the authentication code that it may carry in its upper bits. */
uint64_t code_address_arm64(const struct walk *w, uint64_t address);

static inline uint64_t bit(unsigned number)
{
    return (uint64_t)1 << number;
}

static inline bool knows(const struct registers *r, unsigned number)
{
    return r->known >> number & 1;
}

#endif
