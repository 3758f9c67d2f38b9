/* collection.h - what is kept in memory of every report: its values, and where it belongs.
 *
 * Reports are numbered from 0 in the order of their commit. The values below `stacktrace` stand
 * apart, as a stack: reports with the same stack share one. Names are the ids of reports and
 * buckets (a bucket is called like the report that founded it), each kept once.
 *
 * Fields that `stack` and `values` leave out: the cold ones, whose values hardly ever repeat
 * (collection_is_cold): they cost too much memory and are read from the stored payload instead.
 *
 *     lookup ──► (the writer places the report) ──► add ... add ──► publish, or undo
 *
 * A report may be superseded by a later one of the same id, or removed. It keeps its number and its
 * words stay counted, but no list, count or search of those who see the later one shows it, nor
 * anybody's when it is removed: they ask collection_is_superseded with the count of reports that
 * they go by.
 *
 * Threads: one writer calls what is under "Writer"; readers see reports below collection_count,
 * without locks. Memory: everything belongs to the collection, its lexicon too. */
#ifndef CRUMPLE_GROUP_COLLECTION_H
#define CRUMPLE_GROUP_COLLECTION_H

#include "base/vec.h"
#include "group/lexicon.h"
#include "report/report.h"

#define COLLECTION_NONE UINT32_MAX
#define COLLECTION_THRESHOLDS_MAX 64
#define COLLECTION_FIELDS_A_REPORT 1000   /* names of fields that one report may bring first */
#define COLLECTION_FIELDS_A_PROJECT 10000 /* and all reports of a project */

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
    struct values other; /* values outside the stack trace, cold ones left out */
    bool amended;        /* `other` is not what it came with: see collection_amend */
    /* A later report, perhaps not published yet; itself when it was removed; or COLLECTION_NONE. */
    uint32_t superseded_by;
    const uint32_t *buckets; /* a name for each threshold, lowest threshold first */
};

/* Readers. */
uint32_t collection_count(const struct collection *c); /* reports that are there to be read */
const struct lexicon *collection_lexicon(const struct collection *c);
struct collected collection_report(const struct collection *c, uint32_t report);
/* Whether a report was removed or another took its place, for readers who see the first `count`
 * reports. */
bool collection_is_superseded(const struct collection *c, uint32_t report, uint32_t count);
/* Whether it was removed: nobody sees it any more, and its database_id may come again. */
bool collection_is_removed(const struct collection *c, uint32_t report);
/* `other` as it was when all of it was below `values`: for those who have made themselves ready for
 * that many values of the lexicon, and then for this report, whose values were among them. */
struct values collection_other_before(const struct collection *c, uint32_t report, uint32_t values);
struct values collection_stack(const struct collection *c, uint32_t stack);
uint32_t collection_stack_count(const struct collection *c);
struct str collection_name(const struct collection *c, uint32_t name);
uint32_t collection_find_name(const struct collection *c, struct str name);
/* The report of that name, of several the one that is not superseded; or COLLECTION_NONE (a forced
 * bucket may have a name of its own). */
uint32_t collection_named_report(const struct collection *c, uint32_t name);
/* The same for readers who see the first `count` reports. */
uint32_t collection_named_among(const struct collection *c, uint32_t name, uint32_t count);
struct str collection_project(const struct collection *c, uint32_t project);
uint32_t collection_find_project(const struct collection *c, struct str name);
size_t collection_bytes(const struct collection *c); /* memory it holds, about; lexicon and all */
/* Values that were not kept since the collection was made, for their fields were too many. */
uint64_t collection_left_out(const struct collection *c);
/* Whether a field is kept only in payloads: those that grouping ignores by configuration
 * (stacktrace.address by default), stacktrace.depth, database_id and date (which are kept, but
 * not as values). */
bool collection_is_cold(const struct collection *c, struct str field);

/* Writer. */

/* ignored: see lexicon_new. NULL: no memory. */
struct collection *collection_new(const struct str *ignored, size_t ignored_count,
                                  size_t threshold_count);
void collection_free(struct collection *c); /* no reader may be left */
DEFINE_CLEANUP(struct collection, collection_free)

/* A value of a report that may not be there yet. */
struct sought_value {
    uint64_t hash;   /* meaningless when the field is not known */
    struct str text; /* the report's own */
    struct str field_name;
    uint32_t field; /* COLLECTION_NONE: no report has had this field */
    uint32_t value; /* COLLECTION_NONE: no report has had this value */
};

/* What collection_lookup found out about a report. Zeroed at first, then used for one report after
 * another, which keeps its memory; borrows the report. */
struct collection_lookup {
    VEC(struct sought_value) stack; /* in document order, cold fields left out */
    VEC(struct sought_value) other; /* the same, and then the project */
    uint32_t stack_number;          /* of the same stack, or COLLECTION_NONE when it is new */
    /* The collection's own from here on. */
    bool stack_known;         /* every value of the stack is: numbers and stack_hash are set */
    VEC(uint32_t) numbers;    /* the values of the stack */
    uint64_t stack_hash;      /* of numbers */
    uint32_t fields_seen[64]; /* numbers of fields + 1, by a cheap hash of their names */
};
void collection_lookup_done(struct collection_lookup *l);

/* Finds the values of a report among all that were added, published or not, and adds nothing. The
 * report must have its project. ERR_NOMEM. */
MUST_CHECK bool collection_lookup(const struct collection *c, const struct report *r,
                                  struct collection_lookup *l, struct err *e);
/* The same when the caller knows the values: known[i] is the number of r->texts[i], or
 * COLLECTION_NONE to have it looked for. */
MUST_CHECK bool collection_lookup_known(const struct collection *c, const struct report *r,
                                        const uint32_t *known, struct collection_lookup *l,
                                        struct err *e);

/* The number of a name, for buckets; made when it is new. COLLECTION_NONE with *e: ERR_NOMEM. */
uint32_t collection_add_name(struct collection *c, struct str name, struct err *e);

/* Adds the report that `l` was last looked up for (others may have been added since, but nothing
 * undone); its number is the count so far. r->date_ms must be set. bucket_names: one for each
 * threshold. Values in fields that are new and one too many (for the report, the project or the
 * lexicon) are left out of it, and of `l`. ERR_CONFLICT when there is a report of that database_id,
 * published or not, that it does not supersede; ERR_NOMEM. On failure nothing visible has changed.
 */
MUST_CHECK bool collection_add(struct collection *c, const struct report *r,
                               struct collection_lookup *l, uint32_t top_match, float score,
                               const uint32_t *bucket_names, struct err *e);

/* The report that is added next has the database_id of this one and takes its place; until it is
 * published, readers see this one. Taken back with it. */
void collection_supersede(struct collection *c, uint32_t report);

/* A published report is removed with the next publish, for all readers at once, or not when there
 * is an undo instead. Until then nothing may be added; it may not be superseded. ERR_NOMEM: nothing
 * has changed. */
MUST_CHECK bool collection_remove(struct collection *c, uint32_t report, struct err *e);
/* All reports that were ever of one database_id since it was last new, the first of them first:
 * each takes the place of the one before. Calls each() for `report`, which must not be removed, and
 * for all that are superseded by it. */
void collection_each_before(const struct collection *c, uint32_t report,
                            void (*each)(void *ctx, uint32_t report), void *ctx);

/* Gives a published report other values outside its stack: each text replaces the values that the
 * report has in that field, an empty one only takes them away; what it has already stays where it
 * is. Readers see it at once, and so does
 * search; grouping goes on with what the report was when it came. New fields are left out as by an
 * add. ERR_NOMEM: nothing has changed. */
MUST_CHECK bool collection_amend(struct collection *c, uint32_t report,
                                 const struct report_text *texts, size_t count, struct err *e);

/* Reports, published or not. Readers' functions above take the numbers of both, of stacks too. */
uint32_t collection_added(const struct collection *c);
/* The report of this database_id that is not superseded, published or not; COLLECTION_NONE. */
uint32_t collection_find_added(const struct collection *c, struct str database_id);
struct lexicon *collection_lexicon_writer(struct collection *c);

void collection_publish(struct collection *c); /* readers see all that was added */
/* Takes back what is not published: reports, their stacks, names and projects; their numbers will
 * be given again, and lookups made before are void. The lexicon keeps their words, which are likely
 * to come again; but fields that they brought are new to whoever has them next. */
void collection_undo(struct collection *c);
/* The same for the latest add alone, which must not be published yet. Once for each add. */
void collection_undo_last(struct collection *c);

#endif
