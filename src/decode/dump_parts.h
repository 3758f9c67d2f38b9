/* dump_parts.h - what the files dump*.c share. Nobody outside this folder includes it. */
#ifndef CRUMPLE_DECODE_DUMP_PARTS_H
#define CRUMPLE_DECODE_DUMP_PARTS_H

#include "decode/dump.h"

/* As uname -r, -v and -m would say; texts may be empty. */
struct dump_system {
    struct str release, version, machine;
};
/* False: no memory. */
bool dump_system(const struct dump *d, struct dump_system *out, struct arena *a);

#endif
