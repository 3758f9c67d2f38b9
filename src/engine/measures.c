/* measures.c - the engine's metrics and their names. The index is measured when somebody asks. */
#include "engine/measures.h"

#include "engine/inside.h"

#define COUNTER(name_, label_, help_)                                                              \
    {                                                                                              \
        .type = METRIC_COUNTER, .name = "crumple_" name_, .label = label_, .help = help_           \
    }
#define GAUGE(name_, label_, help_)                                                                \
    {                                                                                              \
        .type = METRIC_GAUGE, .name = "crumple_" name_, .label = label_, .help = help_             \
    }
#define HISTOGRAM(name_, label_, help_)                                                            \
    {                                                                                              \
        .type = METRIC_HISTOGRAM, .name = "crumple_" name_, .label = label_, .help = help_         \
    }
#define REFUSED(reason_)                                                                           \
    COUNTER("reports_refused_total", "reason=\"" reason_ "\"",                                     \
            "Reports that were not stored; an upload that does not parse counts as one.")
#define REPROCESSED(outcome_)                                                                      \
    COUNTER("uploads_reprocessed_total", "outcome=\"" outcome_ "\"",                               \
            "Uploads that were processed again.")
#define STEP(step_)                                                                                \
    HISTOGRAM("step_seconds", "step=\"" step_ "\"",                                                \
              "Time for some uploads to be appended to the inbox (append), one to be parsed and "  \
              "checked (process), one report to be placed (place), one batch to be stored "        \
              "(store), and one upload from taken to answered "                                    \
              "(whole).")

struct measures measures = {
    .accepted = COUNTER("reports_accepted_total", NULL, "Reports that passed all checks of form."),
    .stored = COUNTER("reports_stored_total", NULL, "Reports stored."),
    .same = COUNTER("reports_same_total", NULL, "Reports that were stored before."),
    .refused = {
        [ERR_INPUT] = REFUSED("input"),
        [ERR_LIMIT] = REFUSED("limit"),
        [ERR_NOT_FOUND] = REFUSED("not_found"),
        [ERR_CONFLICT] = REFUSED("conflict"),
        [ERR_BUSY] = REFUSED("busy"),
        [ERR_FULL] = REFUSED("disk_full"),
        [ERR_IO] = REFUSED("io"),
        [ERR_NOMEM] = REFUSED("memory"),
    },
    .jobs = GAUGE("uploads_in_flight", NULL, "Uploads taken and not yet answered."),
    .inbox = GAUGE("queue_depth", "queue=\"process\"", "Uploads that wait for a step."),
    .ready = GAUGE("queue_depth", "queue=\"commit\"", "Uploads that wait for a step."),
    .write_failing = GAUGE("write_failing", NULL, "1 when the last write to the store or the inbox failed."),
    .uploads = COUNTER("uploads_accepted_total", NULL,
                       "Uploads of the Backtrace API that were made durable and given an id."),
    .duplicates = COUNTER("uploads_duplicate_total", NULL,
                          "Uploads with a uuid that was there: answered, and not stored."),
    .backlog = GAUGE("uploads_waiting", NULL, "Uploads accepted and not yet processed."),
    .inbox_bytes = GAUGE("inbox_bytes", NULL, "What uploads that wait take, on disk and in memory."),
    .reprocess_waiting = GAUGE("uploads_to_reprocess", NULL, "Uploads that wait to be processed again."),
    .made_again = REPROCESSED("made_again"),
    .unchanged = REPROCESSED("unchanged"),
    .not_reprocessed = REPROCESSED("failed"),
    .append = STEP("append"),
    .process = STEP("process"),
    .place = STEP("place"),
    .store = STEP("store"),
    .whole = STEP("whole"),
    .reports = GAUGE("index_reports", NULL, "Reports in the index."),
    .stacks = GAUGE("index_stacks", NULL, "Different stack traces in the index."),
    .values = GAUGE("index_values", NULL, "Different strings in the index."),
    .terms = GAUGE("index_terms", NULL, "Different terms in the index."),
    .fields = GAUGE("index_fields", NULL, "Different fields in the index."),
    .left_out = COUNTER("index_values_left_out_total", NULL,
                        "Strings that the index did not take, for their fields were too many."),
    .bytes = GAUGE("index_bytes", NULL, "Memory that the index holds, about."),
    .searches = COUNTER("index_searches_total", NULL, "Searches for the nearest report."),
    .postings = COUNTER("index_postings_touched_total", NULL, "Postings read by them."),
    .candidates = COUNTER("index_candidates_checked_total", NULL, "Candidates scored by them."),
    .columns_bytes = GAUGE("columns_bytes", NULL, "Memory of the columns that queries read."),
    .rows_left_out = COUNTER("columns_rows_incomplete_total", NULL,
                             "Objects of which some attributes cannot be queried: their project "
                             "has too many."),
    .edited = COUNTER("objects_changed_total", NULL,
                      "Objects and issues that somebody has changed, merged or removed."),
};

static struct metric *const all[] = {
    &measures.accepted,
    &measures.stored,
    &measures.same,
    &measures.refused[ERR_INPUT],
    &measures.refused[ERR_LIMIT],
    &measures.refused[ERR_NOT_FOUND],
    &measures.refused[ERR_CONFLICT],
    &measures.refused[ERR_BUSY],
    &measures.refused[ERR_FULL],
    &measures.refused[ERR_IO],
    &measures.refused[ERR_NOMEM],
    &measures.jobs,
    &measures.inbox,
    &measures.ready,
    &measures.write_failing,
    &measures.uploads,
    &measures.duplicates,
    &measures.backlog,
    &measures.inbox_bytes,
    &measures.reprocess_waiting,
    &measures.made_again,
    &measures.unchanged,
    &measures.not_reprocessed,
    &measures.append,
    &measures.process,
    &measures.place,
    &measures.store,
    &measures.whole,
    &measures.reports,
    &measures.stacks,
    &measures.values,
    &measures.terms,
    &measures.fields,
    &measures.left_out,
    &measures.bytes,
    &measures.searches,
    &measures.postings,
    &measures.candidates,
    &measures.columns_bytes,
    &measures.rows_left_out,
    &measures.edited,
};

void measures_search(struct bucket_index_cost cost)
{
    metric_set(&measures.searches, (int64_t)cost.searches);
    metric_set(&measures.postings, (int64_t)cost.postings_touched);
    metric_set(&measures.candidates, (int64_t)cost.candidates_checked);
}

struct metric *const *engine_metrics(struct engine *en, size_t *count)
{
    const struct engine_view *v = engine_view_acquire(en);
    const struct lexicon *lx = collection_lexicon(v->collection);
    metric_set(&measures.reports, collection_count(v->collection));
    metric_set(&measures.stacks, collection_stack_count(v->collection));
    metric_set(&measures.values, lexicon_value_count(lx));
    metric_set(&measures.terms, lexicon_term_count(lx));
    metric_set(&measures.fields, lexicon_field_count(lx));
    metric_set(&measures.left_out, (int64_t)collection_left_out(v->collection));
    metric_set(&measures.bytes, (int64_t)bucket_index_bytes(v->index));
    engine_view_release(en, v);
    metric_set(&measures.columns_bytes, (int64_t)columns_bytes(en->columns));
    metric_set(&measures.jobs, (int64_t)atomic_load(&en->taken));
    metric_set(&measures.inbox, (int64_t)queue_count(en->jobs));
    metric_set(&measures.ready, (int64_t)queue_count(en->ready));
    metric_set(&measures.write_failing, atomic_load(&en->store_failing.failed_us) != 0 ||
                                            atomic_load(&en->inbox_failing.failed_us) != 0);
    metric_set(&measures.backlog, (int64_t)backlog_count(&en->backlog));
    metric_set(&measures.inbox_bytes, (int64_t)inbox_bytes(en->inbox));
    struct engine_reprocessed again = engine_reprocessed(en);
    metric_set(&measures.reprocess_waiting, (int64_t)again.waiting);
    metric_set(&measures.made_again, (int64_t)again.made_again);
    metric_set(&measures.unchanged, (int64_t)again.unchanged);
    metric_set(&measures.not_reprocessed, (int64_t)again.failed);
    *count = sizeof all / sizeof *all;
    return all;
}
