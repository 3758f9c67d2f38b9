/* lucene_print.h - a query's tree as text again, for the tests and the fuzzer of the parser. */
#ifndef CRUMPLE_TESTS_QUERY_LUCENE_PRINT_H
#define CRUMPLE_TESTS_QUERY_LUCENE_PRINT_H

#include "base/buf.h"
#include "query/lucene.h"

/* Writes the tree as a query that parses to the same tree. */
void lucene_print(const struct lucene_query *q, struct buf *out);

#endif
