/* Shorthands: written, read and learnt they give the same values and the same traces; damaged ones
 * are refused. */
#include "engine/shorthand.h"

#include "unit/cmocka_all.h"

#include <stdlib.h>

static struct report_text texts[] = {
    { STR("stacktrace.function"), STR("alpha") },
    { STR("os"), STR("linux") },
    { STR("stacktrace.function"), STR("beta") },
    { STR("stacktrace.function"), STR("alpha") },
    { STR("empty"), STR("") },
    { STR("nul"), STR("a\0b") },
    { STR("stacktrace.address"), STR("0x1") }, /* no value */
};

static struct report report_of(size_t first, size_t count, const char *id)
{
    return (struct report){ .database_id = str_from_c(id),
                            .project = STR("p"),
                            .has_date = true,
                            .texts = texts + first,
                            .text_count = count };
}

/* Every kind of frame; the second trace has frames of the first at other places, and a leap. */
static const struct trace_frame frames[] = {
    { STR("alpha"), STR("liba"), STR("b1"), 0xabc, true, true, 0, NULL },
    { STR("beta"), STR("liba"), STR("b1"), 0xabc, true, false, 1, NULL },
    { STR(""), STR("liba"), STR("b1"), 0, true, false, 2, NULL },
    { STR(""), STR(""), STR("pkg 1"), 0, false, false, 3, NULL },
    { STR("liba"), STR("a\0b"), STR(""), 0xfff, true, false, 9999, NULL },
    { STR("alpha"), STR("liba"), STR("b1"), 0xabd, true, false, 0, NULL },
    { STR("alpha"), STR("liba"), STR("b2"), 0xabc, true, true, 4, NULL },
    { STR("beta"), STR("liba"), STR("b1"), 0xabc, true, false, 5, NULL },
    { STR("gamma"), STR("liba"), STR("b2"), 0, false, false, 700, NULL },
};
static const struct trace traces[] = {
    { frames, 5, STR("pkg 1"), STR("SIGSEGV") },
    { frames, 5, STR("pkg 1"), STR("SIGSEGV") },
    { frames + 5, 4, STR(""), STR("beta") },
    { 0 },
};

static void assert_trace(const struct trace *got, const struct trace *want)
{
    assert_int_equal(got->count, want->count);
    assert_true(str_eq(got->build, want->build));
    assert_true(str_eq(got->death, want->death));
    for (size_t i = 0; i < want->count; i++) {
        const struct trace_frame *g = &got->frames[i], *w = &want->frames[i];
        if (!str_eq(g->function, w->function) || !str_eq(g->module, w->module) ||
            !str_eq(g->build, w->build) || g->site != w->site || g->has_site != w->has_site ||
            g->inlined != w->inlined || g->index != w->index)
            fail_msg("frame %zu: %.*s in %.*s of %.*s, site %x, index %u", i, STR_ARG(g->function),
                     STR_ARG(g->module), STR_ARG(g->build), g->site, g->index);
    }
}

static void add(struct bucket_index *ix, const struct report *r, const uint32_t *known)
{
    struct placement p = { .top_match = COLLECTION_NONE };
    struct err e = { 0 };
    uint32_t number = bucket_index_added(ix);
    if (!bucket_index_restore(ix, r, known, COLLECTION_NONE, &p, NULL, &e) ||
        !bucket_index_restore_compared(ix, r, number, COLLECTION_NONE, &p, &e))
        fail_msg("%s", e.msg);
}

static struct bucket_index *index_new(void)
{
    struct bucket_index_config config = bucket_index_defaults();
    struct bucket_index *ix;
    struct err e = { 0 };
    assert_true(bucket_index_new(&ix, &config, &e));
    return ix;
}

static void init(struct shorthand *s)
{
    struct bucket_index_config config = bucket_index_defaults();
    struct err e = { 0 };
    assert_true(shorthand_init(s, &config, &e));
}

#define REPORTS 4
static const size_t spans[REPORTS][2] = { { 0, 7 }, { 0, 7 }, { 2, 3 }, { 0, 0 } };
static const char *const ids[REPORTS] = { "r0", "r1", "r2", "r3" };

/* The shorthands of four reports, one behind the other; ends[i] is where the i-th ends. */
static void write_all(struct buf *out, size_t *ends)
{
    struct bucket_index *ix = index_new();
    struct shorthand s;
    init(&s);
    buf_init(out, 1 << 20);
    for (uint32_t i = 0; i < REPORTS; i++) {
        struct report r = report_of(spans[i][0], spans[i][1], ids[i]);
        add(ix, &r, NULL);
        bucket_index_publish(ix);
        if (i == 1) { /* one that could not be stored leaves no trace */
            struct buf lost;
            buf_init(&lost, 1 << 20);
            assert_true(shorthand_write(&s, bucket_index_collection(ix), i, &traces[2], &lost));
            shorthand_undo(&s);
            buf_done(&lost);
        }
        assert_true(shorthand_write(&s, bucket_index_collection(ix), i, &traces[i], out));
        shorthand_keep(&s);
        ends[i] = out->len;
    }
    assert_true(buf_ok(out));
    shorthand_done(&s);
    bucket_index_free(ix);
}

static void there_and_back(void **state)
{
    (void)state;
    static const char *const want[REPORTS][6] = { { "alpha", "beta", "alpha", "linux", "", "a" },
                                                  { "alpha", "beta", "alpha", "linux", "", "a" },
                                                  { "beta", "alpha", "" },
                                                  { 0 } };
    struct buf all;
    size_t ends[REPORTS], begin = 0;
    struct shorthand s;
    struct bucket_index *ix = index_new();
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    write_all(&all, ends);
    init(&s);
    for (uint32_t i = 0; i < REPORTS; i++) {
        struct shorthand_report t;
        struct str form = { all.ptr + begin, ends[i] - begin };
        begin = ends[i];
        assert_true(shorthand_read(&s, bucket_index_collection(ix), form, a, &t));
        size_t count = 0;
        while (count < 6 && want[i][count])
            count++;
        assert_int_equal(t.count, count);
        for (size_t k = 0; k < count; k++) {
            assert_memory_equal(t.texts[k].text.ptr, want[i][k], strlen(want[i][k]));
            assert_int_equal(t.known[k] == COLLECTION_NONE, i == 0);
        }
        assert_trace(&t.trace, &traces[i]);
        struct report r = report_of(0, 0, ids[i]);
        r.texts = t.texts;
        r.text_count = t.count;
        add(ix, &r, t.known);
        assert_true(shorthand_learn(&s, bucket_index_collection(ix), i));
    }
    /* Nothing is spelt out twice: a byte a value and a frame, five bytes around them, and the leap.
     */
    assert_int_equal(ends[1] - ends[0], 6 + 5 + 5 + 2);
    const struct collection *c = bucket_index_collection(ix);
    bucket_index_publish(ix);
    assert_int_equal(collection_report(c, 0).stack, collection_report(c, 1).stack);
    shorthand_done(&s);
    bucket_index_free(ix);
    buf_done(&all);
}

/* Reads the first report's form with a change, in a copy of exactly its size. */
static bool reads(const char *form, size_t len)
{
    struct bucket_index *ix = index_new();
    struct arena *a = arena_new(1 << 20);
    struct shorthand s;
    struct shorthand_report t;
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, form, len);
    init(&s);
    bool ok = shorthand_read(&s, bucket_index_collection(ix), (struct str){ copy + 1, len }, a, &t);
    assert_true(ok || !s.begun);
    shorthand_done(&s);
    arena_free(a);
    bucket_index_free(ix);
    free(copy);
    return ok;
}

static void damaged(void **state)
{
    (void)state;
    struct buf all;
    size_t ends[REPORTS];
    write_all(&all, ends);
    assert_true(reads(all.ptr, ends[0]));
    assert_false(reads(all.ptr + ends[0], ends[1] - ends[0])); /* goes on with nothing */
    for (size_t len = 0; len < ends[0]; len++)
        if (reads(all.ptr, len))
            fail_msg("cut off at %zu", len);
    for (size_t at = 0; at < ends[0]; at++) { /* may read as something else, and does no harm */
        char was = all.ptr[at];
        for (int bit = 0; bit < 8; bit++) {
            all.ptr[at] = (char)(was ^ (1 << bit));
            (void)reads(all.ptr, ends[0]);
        }
        all.ptr[at] = was;
    }
    buf_done(&all);
}

/* --- traces alone -------------------------------------------------------------------------- */

#define FORM_BYTES (1 << 20)

static bool form_reads(struct trace_codes *c, struct str form, struct arena *a, struct trace *out)
{
    bool ok = trace_codes_read(c, &form, a, out);
    return ok && form.len == 0;
}

/* What trace_collect never makes is not read either. */
static void beyond_limits(void **state)
{
    (void)state;
    static struct trace_frame many[TRACE_FRAMES_MAX + 1];
    static const struct trace_frame late[] = { { .index = REPORT_FRAMES_MAX } };
    static const struct trace_frame last[] = { { .index = REPORT_FRAMES_MAX - 1 } };
    static const struct trace_frame far[] = { { .site = TRACE_SITE_MASK + 1, .has_site = true } };
    static const struct trace_frame nowhere[] = { { .site = 5 } };
    static const struct {
        const char *name;
        struct trace trace;
        bool reads;
    } cases[] = {
        { "as many frames as may be", { .frames = many, .count = TRACE_FRAMES_MAX }, true },
        { "a frame too many", { .frames = many, .count = TRACE_FRAMES_MAX + 1 }, false },
        { "the last frame", { .frames = last, .count = 1 }, true },
        { "a frame behind the last", { .frames = late, .count = 1 }, false },
        { "a site of more than 12 bits", { .frames = far, .count = 1 }, false },
        { "a site of a frame without one", { .frames = nowhere, .count = 1 }, false },
    };
    for (uint32_t i = 0; i < COUNT_OF(many); i++)
        many[i].index = i;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        struct trace_codes writer = { 0 }, reader = { 0 };
        struct trace t;
        struct buf form;
        buf_init(&form, FORM_BYTES);
        assert_true(trace_codes_write(&writer, &cases[i].trace, &form));
        if (form_reads(&reader, buf_view(&form), a, &t) != cases[i].reads)
            fail_msg("%s", cases[i].name);
        trace_codes_reset(&writer);
        trace_codes_reset(&reader);
        buf_done(&form);
    }
}

/* What is spelt out although it is known already comes from no writer, and would make codes of the
 * reader and the writer differ. */
static void spelt_twice(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str form;
        bool reads;
    } cases[] = {
        { "no frames", STR_INIT("\1\1b\0\0"), true },
        { "a string", STR_INIT("\1\1b\1\1b\0"), false },
        { "a string of no length", STR_INIT("\1\0\0\0"), false },
        { "a code too high", STR_INIT("\1\1b\3\0"), false },
        { "one kind", STR_INIT("\0\0\1\0\1\1f\0\0"), true },
        { "a kind", STR_INIT("\0\0\2\0\1\1f\0\0\0\2\0\0"), false },
        { "a kind by its code", STR_INIT("\0\0\2\0\1\1f\0\0\4"), true },
        { "a kind's code too high", STR_INIT("\0\0\2\0\1\1f\0\0\10"), false },
        { "a build that is neither", STR_INIT("\0\0\1\0\1\1f\0\2\0"), false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        struct trace_codes reader = { 0 };
        struct trace t;
        if (form_reads(&reader, cases[i].form, a, &t) != cases[i].reads)
            fail_msg("%s", cases[i].name);
        trace_codes_reset(&reader);
    }
}

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

static struct str draw_text(uint64_t *seed)
{
    static const char letters[] = "abcdefgh";
    return (struct str){ letters + draw(seed, 6), draw(seed, 3) };
}

static struct trace draw_trace(uint64_t *seed, struct arena *a)
{
    size_t count = draw(seed, 9);
    struct trace_frame *f = arena_array(a, count, sizeof *f);
    uint32_t index = 0;
    assert_non_null(f);
    for (size_t i = 0; i < count; i++) {
        f[i] = (struct trace_frame){ .function = draw_text(seed),
                                     .module = draw_text(seed),
                                     .build = draw_text(seed),
                                     .has_site = draw(seed, 2),
                                     .inlined = draw(seed, 2) };
        f[i].site = f[i].has_site ? (uint16_t)draw(seed, TRACE_SITE_MASK + 1) : 0;
        f[i].index = index + (draw(seed, 5) ? 0 : (uint32_t)draw(seed, 1000));
        index = f[i].index + 1;
    }
    return (struct trace){ f, count, draw_text(seed), draw_text(seed) };
}

/* Any traces come back, whatever was written in between and taken back. */
static void any_traces(void **state)
{
    (void)state;
    const char *set = getenv("CRUMPLE_SEED");
    uint64_t first = set ? strtoull(set, NULL, 10) : 1;
    CLEANUP(arena_free_p) struct arena *a = arena_new(16 << 20);
    for (uint64_t n = first; n < first + 40; n++) {
        struct trace_codes writer = { 0 }, reader = { 0 };
        uint64_t seed = n;
        for (int i = 0; i < 100; i++) {
            struct buf form, lost;
            struct trace want = draw_trace(&seed, a), other = draw_trace(&seed, a), got;
            buf_init(&form, FORM_BYTES);
            buf_init(&lost, FORM_BYTES);
            if (draw(&seed, 3) == 0) {
                assert_true(trace_codes_write(&writer, &other, &lost));
                trace_codes_undo(&writer);
            }
            assert_true(trace_codes_write(&writer, &want, &form));
            trace_codes_keep(&writer);
            if (!form_reads(&reader, buf_view(&form), a, &got))
                fail_msg("seed %llu, trace %d", (unsigned long long)n, i);
            assert_trace(&got, &want);
            trace_codes_keep(&reader);
            if (draw(&seed, 10) == 0) { /* a restart: the reader goes on as the writer */
                struct trace_codes swap = writer;
                writer = reader;
                reader = swap;
            }
            buf_done(&form);
            buf_done(&lost);
        }
        trace_codes_reset(&writer);
        trace_codes_reset(&reader);
        arena_reset(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(damaged),
        cmocka_unit_test(beyond_limits),  cmocka_unit_test(spelt_twice),
        cmocka_unit_test(any_traces),
    };
    return cmocka_run_group_tests_name("shorthand", tests, NULL, NULL);
}
