/* model.h - the grouping of DESIGN done slowly and plainly: the judge of group/bucket_index.h.
 *
 * It shares no code with src/group: it cuts words, counts, weighs and compares every report with
 * every other in its own way. Only ASCII; reports are struct made. */
#ifndef CRUMPLE_TESTS_GROUP_MODEL_H
#define CRUMPLE_TESTS_GROUP_MODEL_H

#include "base/vec.h"
#include "group/bucket_index.h"
#include "made.h"

#define MODEL_FIELDS 64
#define MODEL_SLOTS 65536u
#define MODEL_NONE UINT32_MAX

struct model_term {
    struct str field, token;
    uint32_t field_number;
    uint32_t df;
};

struct model_tf {
    uint32_t term, tf;
};

/* A report, counted. */
struct model_report {
    VEC(struct model_tf) terms;
    uint32_t tokens[MODEL_FIELDS]; /* by field */
    struct str id, force;
    /* The number of the report that took its place; its own when it was removed; SIZE_MAX. */
    size_t superseded_by;
    struct str buckets[COLLECTION_THRESHOLDS_MAX];
};

/* What one term gave to a score. */
struct model_line {
    struct str field, token;
    double value;
};

struct model_question {
    VEC(struct model_asked {
        uint32_t term;
        float choice;
        double idf;
    })
    asked;
    double query_norm;
};

struct model_place {
    uint32_t match; /* or MODEL_NONE */
    float score;
    bool joins[COLLECTION_THRESHOLDS_MAX];
};

struct model {
    const struct bucket_index_config *config;
    VEC(struct str) fields;
    VEC(struct model_term) terms;
    uint32_t slots[MODEL_SLOTS]; /* a hash table of terms: number + 1 */
    VEC(struct model_report) reports;
    VEC(uint32_t) found; /* by term: tf in the report that is being compared */
};

void model_begin(struct model *m, const struct bucket_index_config *config);
void model_done(struct model *m);

/* The report's terms; to be given to model_add, or to model_drop. */
struct model_report model_count(struct model *m, const struct made *made);
void model_drop(struct model_report *r);

/* The nearest of all reports that were added. */
struct model_place model_nearest(struct model *m, const struct model_report *r);
/* It is not near to any report any more; the next that is added takes its place. */
void model_supersede(struct model *m, uint32_t report);
/* It is not near to any report any more, and this is not taken back. */
void model_remove(struct model *m, uint32_t report);
/* Adds the report, which belongs to the model then. */
void model_add(struct model *m, struct model_report r, const struct model_place *place);
/* Takes back all but the first `count` reports. */
void model_undo(struct model *m, size_t count);

/* The score of `other` (a number) when `r` asks, with its lines in the order of the sum; there is
 * room for `lines_max`. */
float model_compare(struct model *m, const struct model_report *r, uint32_t other,
                    struct model_line *lines, size_t lines_max, size_t *line_count);

#endif
