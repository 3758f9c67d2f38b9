/* crashes.h - a stream of crashes of made-up programs, for the tests of the similarity `culprit`:
 * bugs that come again and again under shared helpers, in several builds, with lost names, inlined
 * frames, recursion, handlers, cut stacks, and reports without any stack. */
#ifndef CRUMPLE_TESTS_GROUP_CRASHES_H
#define CRUMPLE_TESTS_GROUP_CRASHES_H

#include "dice.h"
#include "report/report.h"

struct crashes {
    uint32_t projects, bugs, functions, builds;
    uint32_t fresh; /* per cent of crashes with a function somewhere that hardly another one has */
    struct dice d;
    struct arena *arena; /* all reports live in it */
    uint32_t made;
};

/* The next one, named "r:<number>". */
void crashes_next(struct crashes *c, struct report *out);

/* A report of frames as frames.h has them; death and texts may be empty. */
void crashes_report(struct report *out, const char *project, const char *death, const char *frames,
                    struct arena *a);
/* Without frames: texts are "field=text|field=text". */
void crashes_context(struct report *out, const char *project, const char *texts, struct arena *a);

#endif
