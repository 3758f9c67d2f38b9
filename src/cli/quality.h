/* quality.h - places a stream of reports whose bugs are known, and scores the buckets.
 *
 * Place in the story: `crumple bench quality` asks for it and prints what it found.
 *
 *     reports, labels ─► index in memory: place, add, publish ─► buckets at all thresholds
 *                                                                          │
 *                 bcubed.h: score ◄─ reports that have a label ◄─ buckets at a threshold
 *
 * Reports without a label are placed like the others, and count for nothing else.
 * Threads: one at a time. Memory: everything belongs to the struct quality. */
#ifndef CRUMPLE_CLI_QUALITY_H
#define CRUMPLE_CLI_QUALITY_H

#include "base/cleanup.h"
#include "cli/bcubed.h"
#include "group/bucket_index.h"

#define QUALITY_LARGEST 10     /* buckets whose purity is told */
#define QUALITY_FIRST 100      /* reports of a program that are looked at alone */
#define QUALITY_ORDERS 1000    /* most */
#define QUALITY_STEP_LEAST 0.2 /* so that the index can have all thresholds at once */
#define QUALITY_SWEEP_FROM 1.0
#define QUALITY_SWEEP_TO 11.0

struct quality_config {
    const char *reports; /* files; "-" is standard input */
    const char *labels;
    const char *program_field; /* the field that tells programs apart; "project": the project */
    struct bucket_index_config index;
    size_t orders; /* shuffles of the stream to try as well */
    double step;   /* of the sweep over thresholds */
};

struct quality_point {
    double threshold;
    struct bcubed score;
};
struct quality_program {
    struct str name;
    struct bcubed score; /* of its reports, grouped with all others */
    struct bcubed first; /* of its first QUALITY_FIRST labelled reports in an empty index */
};
/* One order of the stream, at the default threshold. */
struct quality_order {
    struct bcubed score;
    double programs_f1, worst_f1; /* mean over the programs, and the least */
};

struct quality;
/* What was found. Texts and lists stay until quality_free. */
struct quality_found {
    size_t reports, unlabelled;
    const struct quality_point *sweep; /* rising thresholds */
    size_t sweep_count;
    struct quality_order given; /* the order of the file */
    const struct quality_program *programs;
    size_t program_count;
    struct bcubed_bucket largest[QUALITY_LARGEST]; /* at the default threshold */
    size_t largest_count;
    const struct quality_order *orders; /* shuffled */
    size_t order_count;
};

/* ERR_INPUT for a configuration that makes no sense (says which part of it), ERR_NOMEM. */
MUST_CHECK bool quality_config_check(const struct quality_config *config, struct err *e);

/* On success *out belongs to the caller. The index's configuration is used with
 * the thresholds of the sweep, and stays with the caller. ERR_INPUT: a
 * report or a label is damaged, stands twice, or a label has no report. Else as text.h and
 * bucket_index.h. */
MUST_CHECK bool quality_measure(struct quality **out, const struct quality_config *config,
                                struct err *e);
void quality_free(struct quality *q);
DEFINE_CLEANUP(struct quality, quality_free)
const struct quality_found *quality_found(const struct quality *q);

#endif
