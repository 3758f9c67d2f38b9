/* bucket_index_internal.h - what bucket_index.c and explain.c share. */
#ifndef CRUMPLE_GROUP_BUCKET_INDEX_INTERNAL_H
#define CRUMPLE_GROUP_BUCKET_INDEX_INTERNAL_H

#include "group/bucket_index.h"
#include "group/neighbours.h"
#include "group/questions.h"
#include "group/term_counts.h"

#include <stdatomic.h>

struct bucket_index {
    struct bucket_index_config config; /* never changed */
    struct collection *collection;     /* see there for what readers may touch */
    struct lexicon *lexicon;           /* the collection's */
    struct culprit *culprit;           /* NULL when no project is grouped by it */

    /* The writer's own. */
    struct neighbours *neighbours; /* NULL when no project is grouped by `classic` */
    struct collection_lookup lookup;
    struct { /* which report `lookup` is of; texts is NULL when it is of none */
        const struct report_text *texts;
        size_t text_count;
        struct str database_id;
        uint32_t number; /* that it would get */
    } looked_up;
    struct term_counts counts; /* of the report at hand */
    struct question question;
    VEC(struct bag_term) stack_bag, other_bag;
    VEC(uint32_t) counted; /* terms of the reports not published yet, for undo */

    /* Set when publishing, for any thread. */
    _Atomic size_t bytes;
    _Atomic uint64_t searches, postings, candidates, cut_short;
};

/* Any thread. */
bool bucket_index_by_culprit(const struct bucket_index *ix, struct str project);

/* Writer: looks the report up and makes its question, in ix->counts and ix->question. */
MUST_CHECK bool bucket_index_ask(struct bucket_index *ix, const struct report *r, struct err *e);

#endif
