/* made.h - reports for the tests of grouping: as JSON, as the program reads them, and as the list
 * of texts that they must come to. All of it lives in an arena. */
#ifndef CRUMPLE_TESTS_GROUP_MADE_H
#define CRUMPLE_TESTS_GROUP_MADE_H

#include "dice.h"
#include "report/report.h"

struct made {
    struct str json;
    struct report report;
    struct str id, project, force;   /* force is empty when the report asks for no bucket */
    const struct report_text *texts; /* without the project */
    size_t text_count;
};

/* What a collection of reports is like. */
struct made_shape {
    const char *name;
    uint32_t reports;
    uint32_t new_bug; /* per cent of the reports that are of a new bug */
    uint32_t changed; /* per cent of a bug's frames and members that are others in a report */
    uint32_t frames;  /* most in a stack trace */
    uint32_t words;   /* different words */
};

/* The report that comes of a seed: equal seeds, equal contents, apart from id and force. */
void made_report(struct made *out, const struct made_shape *shape, uint32_t bug, uint64_t seed,
                 struct str id, struct str force, struct arena *a);

/* A report from JSON, with its project in it; the texts are those that the program reads. */
void made_from_json(struct made *out, struct str json, struct arena *a);

#endif
