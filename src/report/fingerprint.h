/* fingerprint.h - the SHA-256 of a normalised call stack: equal means the same crash.
 *
 * The rules are in docs/fingerprint.md; FINGERPRINT_RULES counts their versions and is hashed too.
 * The same stack gives the same bytes on every machine and in every run, whichever format or API
 * it came by. Threads: pure. */
#ifndef CRUMPLE_REPORT_FINGERPRINT_H
#define CRUMPLE_REPORT_FINGERPRINT_H

#include "report/crash.h"

#define FINGERPRINT_BYTES 32
#define FINGERPRINT_RULES 1

/* Function name without what differs between builds of the same code: demangled (C++, Rust, D),
 * template arguments, parameters, addresses, compiler suffixes taken away. */
MUST_CHECK bool fingerprint_function(struct str name, struct arena *a, struct str *out);

/* The names that were hashed, innermost first. */
struct callstack {
    struct str *names;
    size_t count;
};

/* Of the thread that failed. The sender's own fingerprint (c->has_fingerprint, attribute
 * _mod_fingerprint) goes before. Without usable frames: classifiers and error.message without
 * digits; `format` ("json", "minidump") keeps uploads apart that hold none of these either. */
MUST_CHECK bool fingerprint_crash(const struct crash *c, struct str format, struct arena *a,
                                  uint8_t out[FINGERPRINT_BYTES], struct callstack *stack,
                                  struct err *e);
/* Of a report posted over the PartyCrasher API, from its parsed JSON. */
MUST_CHECK bool fingerprint_report(const struct json *report, struct arena *a,
                                   uint8_t out[FINGERPRINT_BYTES], struct callstack *stack,
                                   struct err *e);
/* Only the names. False: no memory. */
MUST_CHECK bool fingerprint_report_stack(const struct json *report, struct arena *a,
                                         struct callstack *stack);

/* 64 lower-case hex digits, and back; false: it is none, and *out is anything. */
void fingerprint_hex(const uint8_t fp[FINGERPRINT_BYTES], char out[65]);
bool fingerprint_parse(struct str hex, uint8_t out[FINGERPRINT_BYTES]);

#endif
