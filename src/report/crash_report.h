/* crash_report.h - from a decoded crash to a report of the PartyCrasher form, the one that is
 * grouped, searched and shown. docs/backtrace-mapping.md is this table for users.
 *
 * Place in the story: the engine's workers call crash_report_write on what src/decode made of an
 * upload, and hand the text to report_from_json as if it had been posted. Whatever the format was,
 * this is the one way.
 *
 * Threads: pure. */
#ifndef CRUMPLE_REPORT_CRASH_REPORT_H
#define CRUMPLE_REPORT_CRASH_REPORT_H

#include "report/amended.h"
#include "report/crash.h"
#include "report/report.h"

struct crash_names {
    struct str database_id, project;
    int64_t received_ms; /* becomes the date when the crash has none */
};

/* Writes the JSON text, which report_from_json takes without an error, whatever the crash holds
 * (frames, strings and depth beyond its limits are left out). ERR_NOMEM. */
MUST_CHECK bool crash_report_write(const struct crash *c, const struct crash_names *names,
                                   struct arena *a, struct str *json, struct err *e);

/* What crash_report_write would have written had these attributes been set and cleared, but for
 * which strings are too many (see `more` in docs/backtrace-mapping.md): the payload with them in
 * their places, and the texts of the changed fields as report_from_json names them, for the
 * collection; an empty text stands for a field that is no more. ERR_INPUT when the payload is no
 * such report, ERR_NOMEM. */
MUST_CHECK bool crash_report_amend(struct str payload, const struct amended *m, struct arena *a,
                                   struct str *json, struct report_text **texts, size_t *text_count,
                                   struct err *e);

/* Only the texts, of a payload that has the changes in it; `before`: what the report came with. */
MUST_CHECK bool crash_report_amended(const struct report *before, struct str payload,
                                     const struct amended *m, struct arena *a,
                                     struct report_text **texts, size_t *text_count, struct err *e);

#endif
