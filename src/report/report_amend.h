/* report_amend.h - attributes that are set and cleared in a report of the PartyCrasher API, where
 * each text outside the stack trace is an attribute, named by its field ("os.version").
 *
 * What was in the field goes, and what is set takes its place, as a string:
 *
 *     {"os":{"version":"1"}}   os.version = 2     {"os":{"version":"2"}}
 *     {"os":"x"}               os.version = 2     {"os":["x",{"version":"2"}]}
 *     {"os":{"version":"1"}}   os = x             {"os":[{"version":"1"},"x"]}
 *
 * Threads: pure. */
#ifndef CRUMPLE_REPORT_REPORT_AMEND_H
#define CRUMPLE_REPORT_REPORT_AMEND_H

#include "report/amended.h"
#include "report/report.h"

/* The payload with the changes in it, and the texts of the changed fields as of
 * crash_report_amend. Attributes that are called like the report's own members (database_id,
 * project, date, stacktrace, ...) have no place in it. ERR_INPUT: the payload is no report, or is
 * none any more with them; ERR_NOMEM. */
MUST_CHECK bool report_amend(struct str payload, const struct amended *m, struct arena *a,
                             struct str *json, struct report_text **texts, size_t *text_count,
                             struct err *e);

/* Only the texts, of a payload that has the changes in it; `before`: what the report came with. */
MUST_CHECK bool report_amended(const struct report *before, struct str payload,
                               const struct amended *m, struct arena *a, struct report_text **texts,
                               size_t *text_count, struct err *e);

/* The field that an attribute is in: "a:b.c" is "a_b.c". False: no memory. */
MUST_CHECK bool report_attribute_field(struct arena *a, struct str attribute, struct str *out);

#endif
