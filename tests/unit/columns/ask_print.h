/* ask_print.h - a query that was read, as one line of text:
 *
 *     select hostname,callstack where (_tx >= '1') order -_tx limit 2 offset 1 */
#ifndef CRUMPLE_TESTS_ASK_PRINT_H
#define CRUMPLE_TESTS_ASK_PRINT_H

#include "columns/ask.h"

void ask_print(const struct ask *q, struct buf *out);

#endif
