/* missing_modules.h - which modules, and scripts without a source map, a report remembers as
 * missing. Inside src/engine only.
 *
 * A dump can hold tens of thousands of modules, with names as long as it likes, and anybody may
 * send one. So what a report costs the store, and whoever looks for late symbols, is bounded here.
 */
#ifndef CRUMPLE_ENGINE_MISSING_MODULES_H
#define CRUMPLE_ENGINE_MISSING_MODULES_H

#include "report/crash.h"
#include "store/store.h"

#define MISSING_MODULES_MAX 256

/* The modules that stacks lie in and that there were no symbols for: first those of the thread that
 * crashed, innermost first; then scripts, in the same order. A script is a module whose debug file
 * is its name, debug id the one by which its map is looked for, or code id the uuid, or neither. At
 * most MISSING_MODULES_MAX; without those that no symbols could ever
 * be for, and those with too long names (library_could_match). Texts are the crash's. ERR_NOMEM. */
MUST_CHECK bool missing_modules(const struct crash *crash, struct arena *a,
                                const struct stored_module **out, size_t *count, struct err *e);

#endif
