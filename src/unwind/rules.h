/* rules.h - runs the programs of symbols/unwind_rules.h.
 *
 * Place in the story: walk_cfi.c and walk_win.c take a program from a symbol cache and run it on
 * the registers of a frame; what it sets are registers of the caller.
 *
 * Programs are input: any bytes may come. Time is linear in their length; there are no loops in
 * them. Threads: pure. */
#ifndef CRUMPLE_UNWIND_RULES_H
#define CRUMPLE_UNWIND_RULES_H

#include "symbols/unwind_rules.h"
#include "unwind/walk.h"

struct rules_in {
    const struct cpu_facts *cpu;
    const struct registers *callee;
    /* A number of 1 to 8 bytes from memory; false when it is not there. */
    bool (*read)(const void *memory, uint64_t address, size_t bytes, uint64_t *value);
    const void *memory;
    uint64_t variables[UNWIND_VARIABLES]; /* numbers are those of enum unwind_variable */
    uint32_t variables_known;             /* bit v: variable v has a value */
};

struct rules_out {
    struct registers set; /* of the caller; those that are not known are 0 */
    uint64_t cleared;     /* bit r: register r of the caller cannot be known */
    bool interrupted;     /* the caller was, by a signal */
    bool has_cfa;
    uint64_t cfa;
};

/* False when it fails as a whole; *out then holds what had been set before. */
bool rules_run(struct bytes program, const struct rules_in *in, struct rules_out *out);

/* Whether an operation occurs in the program. */
bool rules_mention(struct bytes program, enum unwind_op op);

#endif
