/* measures.h - what the engine counts. Inside src/engine only. Threads: any. */
#ifndef CRUMPLE_ENGINE_MEASURES_H
#define CRUMPLE_ENGINE_MEASURES_H

#include "base/metrics.h"
#include "group/bucket_index.h"

struct measures {
    struct metric accepted, stored, same;
    struct metric refused[ERR_NOMEM + 1]; /* by enum err_code */
    struct metric uploads, duplicates, backlog, inbox_bytes, append;
    struct metric reprocess_waiting, made_again, unchanged, not_reprocessed;
    struct metric jobs, inbox, ready, write_failing;
    struct metric process, place, store, whole; /* latencies */
    struct metric reports, stacks, values, terms, fields, left_out, bytes;
    struct metric searches, postings, candidates;
    struct metric columns_bytes, rows_left_out, edited;
};
extern struct measures measures;

/* The writer's, after a batch. */
void measures_search(struct bucket_index_cost cost);

#endif
