/* The pipeline of a start: all items, once each, in order and made, with any number of makers; and
 * nothing left behind when either end breaks off. */
#include "engine/start_pipeline.h"

#include "base/queue.h"
#include "unit/cmocka_all.h"

#define NEVER SIZE_MAX

struct thing {
    size_t number;
    struct str text; /* the number, in the chunk's arena */
    size_t made;     /* by a maker: the number, read from the text, and one more */
};

static const struct source {
    const char *name;
    size_t makers, things, thing_bytes;
    size_t scan_fails_at, taken_to; /* things; NEVER */
} cases[] = {
    { "nothing", 1, 0, 1, NEVER, NEVER },
    { "one", 1, 1, 1, NEVER, NEVER },
    { "nearly a chunk", 2, 127, 1, NEVER, NEVER },
    { "a chunk", 2, 128, 1, NEVER, NEVER },
    { "a chunk and one", 2, 129, 1, NEVER, NEVER },
    { "large ones", 2, 100, 5000, NEVER, NEVER },
    { "one maker", 1, 20000, 1, NEVER, NEVER },
    { "many makers", 7, 20000, 10, NEVER, NEVER },
    { "no reading at all", 2, 1000, 1, 0, NEVER },
    { "no reading on", 2, 5000, 1, 3000, NEVER },
    { "given up at once", 2, 5000, 1, NEVER, 0 },
    { "given up", 3, 5000, 1, NEVER, 2000 },
    { "given up, and no reading on", 2, 5000, 1, 2100, 2000 },
};

struct run {
    const struct source *source;
    struct start_pipeline pipeline;
    struct queue *to_return;
    size_t taken;
};

static bool scan(void *ctx, struct err *e)
{
    struct run *r = ctx;
    for (size_t i = 0; i < r->source->things; i++) {
        struct arena *a;
        if (i == r->source->scan_fails_at)
            return err_set(e, ERR_IO, 0, "the disk is gone");
        struct thing *t = start_pipeline_next(&r->pipeline, &a, e);
        if (!t)
            return false;
        *t = (struct thing){ .number = i };
        if (!arena_printf(a, &t->text, "%zu", i))
            return err_set(e, ERR_NOMEM, 0, "no memory");
        start_pipeline_add(&r->pipeline, r->source->thing_bytes);
    }
    return true;
}

static void make(void *ctx, struct start_chunk *c)
{
    struct thing *things = c->items;
    (void)ctx;
    for (size_t i = 0; i < c->count; i++)
        things[i].made += strtoul(things[i].text.ptr, NULL, 10) + 1;
}

/* Chunks may go back on another thread than that which takes them. */
static void *returner_run(void *arg)
{
    struct run *r = arg;
    void *c;
    while (queue_take(r->to_return, &c, 1) > 0)
        start_pipeline_give_back(&r->pipeline, c);
    return NULL;
}

/* False: it is time to give up. */
static bool look_at(struct run *r, const struct start_chunk *c)
{
    const struct thing *things = c->items;
    for (size_t i = 0; i < c->count; i++) {
        if (r->taken == r->source->taken_to)
            return false;
        assert_int_equal(things[i].number, r->taken);
        assert_int_equal(things[i].made, ++r->taken);
    }
    return true;
}

static bool take_all(struct run *r)
{
    bool ok = true;
    struct start_chunk *c;
    while ((c = start_pipeline_take(&r->pipeline))) {
        assert_true(ok);
        ok = look_at(r, c);
        if (!ok)
            start_pipeline_give_up(&r->pipeline);
        assert_true(queue_put(r->to_return, c));
    }
    return ok;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void run_case(const struct source *s)
{
    struct run r = { .source = s, .to_return = queue_new(1000) };
    const struct start_pipeline_config config = {
        .makers = s->makers,
        .chunks_per_maker = 3,
        .chunk_bytes = 10000,
        .item_bytes = sizeof(struct thing),
        .scan = scan,
        .make = make,
        .ctx = &r,
    };
    struct err e = { 0 };
    pthread_t returner;
    bool is_given_up = s->taken_to != NEVER;
    bool is_whole = !is_given_up && s->scan_fails_at == NEVER;
    assert_true(start_pipeline_begin(&r.pipeline, &config, &e));
    assert_int_equal(pthread_create(&returner, NULL, returner_run, &r), 0);
    assert_int_equal(take_all(&r), !is_given_up);
    assert_int_equal(start_pipeline_is_given_up(&r.pipeline), is_given_up);
    queue_close(r.to_return);
    pthread_join(returner, NULL);
    assert_int_equal(start_pipeline_end(&r.pipeline, !is_given_up, &e), is_whole);
    /* Whoever gave it up knows why. */
    assert_string_equal(e.msg, is_whole || is_given_up ? "" : "the disk is gone");
    assert_int_equal(r.taken, least(s->taken_to, least(s->things, s->scan_fails_at)));
    queue_free(r.to_return);
}

static void all_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].name);
        run_case(&cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_cases) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
