/* date.h - dates: ISO 8601 in, UTC out. All times are milliseconds since 1970-01-01T00:00:00 UTC.
 */
#ifndef CRUMPLE_BASE_DATE_H
#define CRUMPLE_BASE_DATE_H

#include "base/err.h"
#include "base/str.h"

int64_t date_now_ms(void);

/* A report's date: YYYY-MM-DD, then optionally T or a space, HH:MM[:SS[.fraction]] and a zone
 * (Z, +HH:MM, +HHMM, +HH); without a zone it is UTC. Years 0001 to 9999, also in UTC. A date that
 * is not in the calendar (2015-02-29) or a second 61 is ERR_INPUT with the word "bad_date". */
MUST_CHECK bool date_parse(struct str s, int64_t *out_ms, struct err *e);

/* A date in a query: as date_parse, and also YYYY, YYYY-MM, `now`, and N-minutes-ago, N-hours-ago,
 * N-days-ago, N-weeks-ago, N-months-ago, N-years-ago (singular too), counted back from now_ms. */
MUST_CHECK bool date_parse_query(struct str s, int64_t now_ms, int64_t *out_ms, struct err *e);

#define DATE_TEXT_MAX 32
/* YYYY-MM-DDTHH:MM:SS, with .mmm behind it when the milliseconds are not zero and `fraction` is
 * set. Writes into out (DATE_TEXT_MAX bytes) and returns a view of it. */
struct str date_format(int64_t ms, bool fraction, char out[DATE_TEXT_MAX]);

#endif
