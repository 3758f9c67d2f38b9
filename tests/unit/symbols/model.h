/* model.h - a symbol file as plain lists, and what is asked of it found by looking at all of them:
 * what a symbol cache must say, too. It knows files as dump_syms writes them, without damage. */
#ifndef CRUMPLE_TESTS_SYMBOLS_MODEL_H
#define CRUMPLE_TESTS_SYMBOLS_MODEL_H

#include "base/buf.h"
#include "symbols/symcache.h"

struct model;
/* The text must stay. The test fails when memory is short. */
struct model *model_read(struct str text);
void model_free(struct model *m);

/* As image_print_find. */
void model_print_find(struct buf *out, const struct model *m, uint64_t address);
/* The program for all rules at an address; false: none. */
bool model_cfi(struct buf *out, const struct model *m, uint64_t address);
/* Start, size, prolog, and whether it is frame data; false: none. */
bool model_win(const struct model *m, uint64_t address, struct symcache_win *out);

/* Addresses where something begins or ends, in the order of the file. */
size_t model_addresses(const struct model *m, uint32_t *out, size_t max);

#endif
