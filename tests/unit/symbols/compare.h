/* compare.h - a symbol cache against the model of the same file. */
#ifndef CRUMPLE_TESTS_SYMBOLS_COMPARE_H
#define CRUMPLE_TESTS_SYMBOLS_COMPARE_H

#include "symbols/symcache.h"

#include "model.h"

/* Names, rules and STACK WIN records at an address. The test fails when they differ. */
void compare_at(const struct model *m, const struct symcache *c, uint64_t address);

#endif
