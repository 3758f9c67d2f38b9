/* Files that go while the server runs: in two steps, unless their content is needed or was kept in
 * between; with threads that keep, need, compress and forget the same few contents. */
#include "store/blobs.h"

#include "../group/dice.h"
#include "disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#define CONTENTS 12
#define SENDERS 3
#define ROUNDS 300

struct place {
    char dir[64];
    struct blobs *blobs;
    /* Guarded by mu: how many need a content, in the place of a store. */
    pthread_mutex_t mu;
    unsigned needed[CONTENTS];
    uint8_t hashes[CONTENTS][CONTENT_HASH_BYTES];
    atomic_bool over;
};

static const uint8_t secret[BLOBS_SECRET_BYTES] = "a secret of this data directory";

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    disk_make(p->dir);
    pthread_mutex_init(&p->mu, NULL);
    OK(blobs_open(&p->blobs, p->dir, secret, &e));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    blobs_close(p->blobs);
    pthread_mutex_destroy(&p->mu);
    disk_remove(p->dir);
    free(p);
    return 0;
}

/* Content `n`, which can be compressed; a kept spool of it. */
static struct spool *keep(struct place *p, unsigned n, struct content *c)
{
    static const char line[] = "all work and no play makes it compressible\n";
    struct spool *s = spool_new(p->blobs);
    assert_non_null(s);
    for (size_t i = 0; spool_size(s) <= BLOB_INLINE_MAX + n; i++)
        OK(spool_add(s, (struct bytes){ (const uint8_t *)line, sizeof line - 1 - n }, &e));
    OK(spool_finish(s, c, &e));
    assert_true(c->in_file);
    OK(spool_keep(s, &e));
    return s;
}

static bool is_there(struct place *p, const struct content *c)
{
    struct err e = { 0 };
    int fd;
    bool there = blobs_open_file(p->blobs, c, &fd, &e);
    if (there)
        close(fd);
    else if (e.code != ERR_NOT_FOUND)
        fail_msg("%s", e.msg);
    return there;
}

static bool is_this(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES])
{
    const struct content *needed = ctx;
    return needed && memcmp(needed->hash, hash, CONTENT_HASH_BYTES) == 0;
}

static void expect_step(struct place *p, const struct content *needed, size_t removed,
                        size_t doubtful)
{
    struct blobs_step step;
    OK(blobs_sweep_step(p->blobs, is_this, needed, &step, &e));
    assert_int_equal(step.removed, removed);
    assert_int_equal(step.doubtful, doubtful);
}

static void two_steps(void **state)
{
    struct place *p = *state;
    struct content a, b;
    spool_free(keep(p, 0, &a));
    spool_free(keep(p, 1, &b));
    expect_step(p, &b, 0, 1);
    assert_true(is_there(p, &a));
    expect_step(p, &b, 1, 0);
    assert_false(is_there(p, &a));
    assert_true(is_there(p, &b));
    expect_step(p, &b, 0, 0);
    expect_step(p, NULL, 0, 1);
    expect_step(p, &b, 0, 0); /* it was needed after all */
    expect_step(p, NULL, 0, 1);
    expect_step(p, NULL, 1, 0);
    assert_false(is_there(p, &b));
}

static void kept_between(void **state)
{
    struct place *p = *state;
    struct content c;
    spool_free(keep(p, 0, &c));
    expect_step(p, NULL, 0, 1);
    spool_free(keep(p, 0, &c));
    expect_step(p, NULL, 0, 1); /* it is doubtful anew */
    assert_true(is_there(p, &c));
    expect_step(p, NULL, 1, 0);
    assert_false(is_there(p, &c));
    spool_free(keep(p, 0, &c)); /* and may come again */
    assert_true(is_there(p, &c));
}

/* A content that is compressed, or has both files. */
static void compressed(void **state)
{
    struct place *p = *state;
    struct content c;
    size_t packed = 0;
    spool_free(keep(p, 0, &c));
    OK(blobs_compress(p->blobs, &c, &packed, &e));
    assert_int_equal(packed, 1);
    expect_step(p, NULL, 0, 1);
    spool_free(keep(p, 0, &c));
    expect_step(p, NULL, 0, 1);
    assert_true(is_there(p, &c));
    expect_step(p, NULL, 2, 0);
    assert_false(is_there(p, &c));
    spool_free(keep(p, 0, &c));
    OK(blobs_compress(p->blobs, &c, &packed, &e));
    expect_step(p, NULL, 0, 1);
    expect_step(p, NULL, 1, 0);
    OK(blobs_compress(p->blobs, &c, &packed, &e)); /* of nothing */
    assert_int_equal(packed, 2);
}

static void spools_are_waited_for(void **state)
{
    struct place *p = *state;
    struct content c;
    struct spool *first = keep(p, 0, &c), *second, *third;
    assert_true(blobs_step_over(p->blobs));
    expect_step(p, NULL, 0, 1);
    assert_false(blobs_step_over(p->blobs));
    second = keep(p, 1, &c);
    spool_free(first);
    assert_true(blobs_step_over(p->blobs)); /* the second came later */
    expect_step(p, NULL, 1, 1);
    assert_false(blobs_step_over(p->blobs));
    third = keep(p, 2, &c);
    spool_free(third);
    assert_false(blobs_step_over(p->blobs));
    spool_free(second);
    assert_true(blobs_step_over(p->blobs));
}

/* Threads. */

static void need(struct place *p, unsigned n, const struct content *c, int change)
{
    pthread_mutex_lock(&p->mu);
    memcpy(p->hashes[n], c->hash, CONTENT_HASH_BYTES);
    p->needed[n] += (unsigned)change;
    pthread_mutex_unlock(&p->mu);
}

/* Keeps a content, has it needed, looks whether it is there, and lets go of it. */
static void *sender(void *arg)
{
    struct place *p = arg;
    static atomic_uint senders;
    struct dice d = { 1 + atomic_fetch_add(&senders, 1) };
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned n = dice(&d, CONTENTS);
        struct content c;
        size_t packed = 0;
        struct spool *s = keep(p, n, &c);
        if (dice(&d, 4) == 0)
            usleep(dice(&d, 2000));
        bool is_given_up = dice(&d, 4) == 0;
        if (!is_given_up)
            need(p, n, &c, 1);
        spool_free(s);
        if (is_given_up)
            continue;
        if (dice(&d, 4) == 0)
            OK(blobs_compress(p->blobs, &c, &packed, &e));
        if (dice(&d, 2) == 0)
            usleep(dice(&d, 2000));
        if (!is_there(p, &c))
            fail_msg("content %u is needed and gone", n);
        need(p, n, &c, -1);
    }
    return NULL;
}

struct needs {
    size_t count;
    uint8_t hashes[CONTENTS][CONTENT_HASH_BYTES];
};

static bool is_needed(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES])
{
    const struct needs *needs = ctx;
    for (size_t i = 0; i < needs->count; i++)
        if (memcmp(needs->hashes[i], hash, CONTENT_HASH_BYTES) == 0)
            return true;
    return false;
}

static void *sweeper(void *arg)
{
    struct place *p = arg;
    size_t *removed = calloc(1, sizeof *removed);
    assert_non_null(removed);
    while (!atomic_load(&p->over)) {
        struct needs needs = { 0 };
        struct blobs_step step;
        pthread_mutex_lock(&p->mu);
        for (size_t i = 0; i < CONTENTS; i++)
            if (p->needed[i] > 0)
                memcpy(needs.hashes[needs.count++], p->hashes[i], CONTENT_HASH_BYTES);
        pthread_mutex_unlock(&p->mu);
        OK(blobs_sweep_step(p->blobs, is_needed, &needs, &step, &e));
        *removed += step.removed;
        while (!blobs_step_over(p->blobs))
            sched_yield();
    }
    return removed;
}

static void threads(void **state)
{
    struct place *p = *state;
    pthread_t senders[SENDERS], sweeps;
    size_t *removed;
    struct blobs_step step = { .doubtful = 1 };
    assert_int_equal(pthread_create(&sweeps, NULL, sweeper, p), 0);
    for (size_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&senders[i], NULL, sender, p), 0);
    for (size_t i = 0; i < SENDERS; i++)
        pthread_join(senders[i], NULL);
    atomic_store(&p->over, true);
    pthread_join(sweeps, (void **)&removed);
    print_message("%zu files went meanwhile\n", *removed);
    assert_true(*removed > 0);
    free(removed);
    for (unsigned i = 0; i < 2; i++)
        OK(blobs_sweep_step(p->blobs, is_this, NULL, &step, &e));
    assert_int_equal(step.doubtful, 0);
    for (unsigned i = 0; i < 256; i++) {
        char name[16];
        snprintf(name, sizeof name, "blobs/%02x", i);
        assert_int_equal(disk_count(p->dir, name), 0);
    }
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_steps), TEST(kept_between),          TEST(compressed),
        TEST(threads),   TEST(spools_are_waited_for),
    };
    return cmocka_run_group_tests_name("blobs_sweep", tests, NULL, NULL);
}
