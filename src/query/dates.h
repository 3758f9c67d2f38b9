/* dates.h - what a date in a query covers: 2016-11 is a month, 2016-11-03 a day, 3-days-ago an
 * instant.
 *
 *     date:2016            within the year
 *     date:[2016 TO 2017]  from the start of 2016 to the end of 2017
 *     date:{2016 TO 2017}  from the start of 2017 to its start, so nothing
 *
 * Threads: pure. */
#ifndef CRUMPLE_QUERY_DATES_H
#define CRUMPLE_QUERY_DATES_H

#include "query/lucene.h"

/* begin <= date < end */
struct date_span {
    int64_t begin_ms, end_ms;
};

/* The span of one date. ERR_INPUT when it is none. */
MUST_CHECK bool date_span_of(struct str text, int64_t now_ms, struct date_span *out, struct err *e);

/* The span of a TERM or RANGE on dates. */
MUST_CHECK bool date_span_of_query(const struct lucene_query *q, int64_t now_ms,
                                   struct date_span *out, struct err *e);

#endif
