/* collect.h - reports for the tests of the search: from JSON into a collection. */
#ifndef CRUMPLE_TESTS_QUERY_COLLECT_H
#define CRUMPLE_TESTS_QUERY_COLLECT_H

#include "query/search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COLLECT_MAX 200

struct collected_reports {
    struct collection *c;
    struct arena *arena;
    struct report reports[COLLECT_MAX];
    size_t count;
    size_t payloads_read;
};

static void collect_begin(struct collected_reports *all)
{
    static const struct str ignored[] = { { "stacktrace.address", 18 } };
    *all = (struct collected_reports){ .arena = arena_new((size_t)256 << 20) };
    all->c = collection_new(ignored, 1, 1);
    assert_non_null(all->arena);
    assert_non_null(all->c);
}

/* A report in the PartyCrasher format; it must have a database_id, a project and a date. */
static void collect_add(struct collected_reports *all, struct str json)
{
    const struct json_limits limits = { 100, 100000 };
    struct report *r = &all->reports[all->count];
    struct collection_lookup lookup = { 0 };
    const struct json *j;
    struct err e = { 0 };
    struct str text;
    assert_true(all->count < COLLECT_MAX);
    assert_true(arena_str(all->arena, json, &text));
    if (!json_parse(&j, text, limits, all->arena, &e) ||
        !report_from_json(r, j, text, all->arena, &e) || !report_set_project(r, STR(""), &e))
        fail_msg("%s: %s", text.ptr, e.msg);
    uint32_t bucket = collection_add_name(all->c, r->database_id, &e);
    if (bucket == COLLECTION_NONE || !collection_lookup(all->c, r, &lookup, &e) ||
        !collection_add(all->c, r, &lookup, COLLECTION_NONE, 0, &bucket, &e))
        fail_msg("%s: %s", text.ptr, e.msg);
    collection_lookup_done(&lookup);
    all->count++;
}

static void collect_end(struct collected_reports *all)
{
    collection_free(all->c);
    arena_free(all->arena);
}

static bool collect_payload(void *ctx, uint32_t report, struct arena *a, struct str *out,
                            struct err *e)
{
    struct collected_reports *all = ctx;
    (void)e;
    all->payloads_read++;
    return arena_str(a, all->reports[report].payload, out);
}

static struct search_request collect_request(struct collected_reports *all,
                                             const struct lucene_query *q)
{
    return (struct search_request){ .query = q,
                                    .project = COLLECTION_NONE,
                                    .size = 1000,
                                    .need_scores = true,
                                    .payload = collect_payload,
                                    .ctx = all };
}

/* How many; SIZE_MAX when the page and the total differ. In any thread: cmocka's checks are not. */
static inline size_t collect_found(struct collected_reports *all, const char *query, bool scores)
{
    struct arena *a = arena_new((size_t)64 << 20);
    const struct lucene_query *q;
    struct search_hit *hits;
    size_t count, total;
    struct err e = { 0 };
    if (!a || !lucene_parse(&q, str_from_c(query), a, &e))
        abort();
    struct search_request rq = collect_request(all, q);
    rq.need_scores = scores;
    if (!search_run(all->c, &rq, &hits, &count, &total, a, &e))
        abort();
    arena_free(a);
    return count == total ? total : SIZE_MAX;
}

#endif
