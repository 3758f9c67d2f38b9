/* collection.h - what is kept in memory of every report: its values, and where it belongs.
 *
 * Reports are numbered from 0 in the order of their commit. The values below `stacktrace` stand
 * apart, as a stack: reports with the same stack share one. Names are the ids of reports and
 * buckets (a bucket is called like the report that founded it), each kept once.
 *
 * Fields that `stack` and `values` leave out: the cold ones, whose values hardly ever repeat
 * (collection_is_cold): they cost too much memory and are read from the stored payload instead.
 *
 * Threads: one writer; readers see reports below collection_count, without locks. */
#ifndef CRUMPLE_GROUP_COLLECTION_H
#define CRUMPLE_GROUP_COLLECTION_H

#include "group/lexicon.h"
#include "report/report.h"

#define COLLECTION_NONE UINT32_MAX
#define COLLECTION_THRESHOLDS_MAX 64

struct collection;

struct values {
    const uint32_t *at; /* numbers of values, in document order */
    uint32_t count;
};

struct collected {
    uint32_t name;      /* its database_id */
    uint32_t project;   /* see collection_project */
    uint32_t stack;     /* see collection_stack */
    uint32_t top_match; /* the nearest earlier report, or COLLECTION_NONE */
    float score;        /* of top_match */
    int64_t date_ms;
    struct values other;     /* values outside the stack trace, cold ones left out */
    const uint32_t *buckets; /* a name for each threshold, lowest threshold first */
};

/* Readers. */
uint32_t collection_count(const struct collection *c); /* reports that are there to be read */
const struct lexicon *collection_lexicon(const struct collection *c);
struct collected collection_report(const struct collection *c, uint32_t report);
struct values collection_stack(const struct collection *c, uint32_t stack);
uint32_t collection_stack_count(const struct collection *c);
struct str collection_name(const struct collection *c, uint32_t name);
uint32_t collection_find_name(const struct collection *c, struct str name);
/* The report of that name, or COLLECTION_NONE (a forced bucket may have a name of its own). */
uint32_t collection_named_report(const struct collection *c, uint32_t name);
struct str collection_project(const struct collection *c, uint32_t project);
uint32_t collection_find_project(const struct collection *c, struct str name);
uint32_t collection_project_count(const struct collection *c);
/* Whether a field is kept only in payloads: those that grouping ignores by configuration
 * (stacktrace.address by default), stacktrace.depth, database_id and date (which are kept, but
 * not as values). */
bool collection_is_cold(const struct collection *c, struct str field);

#endif
