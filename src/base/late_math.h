/* late_math.h - libm, loaded when it is first called and not when the program starts.
 *
 * Libm costs a tenth of a whole `crumple stackwalk`, which never calculates. So late_math.c has
 * functions of the names of libm's, which stand before those when the program is linked: the first
 * call loads libm, each call jumps into it, and results are libm's to the last bit. Callers, SQLite
 * among them, include <math.h> as ever and know nothing of this.
 *
 * late_math.c has what the grouping, the search and SQLite name. When another is named, nothing
 * breaks: the program loads libm at its start again, which tests/cli/test_cli.py does not let pass.
 */
#ifndef CRUMPLE_BASE_LATE_MATH_H
#define CRUMPLE_BASE_LATE_MATH_H

/* Loads libm now: for a server, which may have no file descriptor left when it first calculates.
 * Ends the process when there is no libm: it comes with the C library. Threads: any. */
void late_math_load(void);

#endif
