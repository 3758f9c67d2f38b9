/* library_place.h - a folder of one's own with a library of symbols in it, for a test. */
#ifndef CRUMPLE_TESTS_SYMBOLS_LIBRARY_PLACE_H
#define CRUMPLE_TESTS_SYMBOLS_LIBRARY_PLACE_H

#include "symbols/library.h"

struct place {
    char dir[64];
    struct symbol_images *images;
    struct library *library;
    size_t lost; /* what the library told of lost objects: how often, and of which one last */
    uint64_t lost_object;
};

/* What the library is opened with: at most `open_max` open caches, what is lost noted in p. */
struct library_config place_config(struct place *p, size_t open_max);
struct place *place_open(size_t open_max);
void place_close(struct place *p); /* and removes the folder */

#endif
