/* Spools of every size and in every cut, what is kept of them and what is not; the same content
 * from many threads; full disks; damaged files; sweeps, also beside those who keep. */
#include "store/blobs.h"

#include "../group/dice.h"
#include "disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/resource.h>

#define LARGEST ((size_t)10 << 20)
#define THREADS 4
#define ROUNDS 20

struct place {
    char dir[64];
    struct blobs *blobs;
    struct arena *arena;
};

static uint8_t *noise; /* LARGEST bytes */

/* The system's calls that make things durable; the linker puts these in their place. */

static int calls_until_failure;    /* 0: all go well; 1: the next one fails */
static bool waits_for_disk = true; /* sync_file_range; false: there is none */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from, const char *name, int to, const char *new_name);
int __wrap_renameat(int from, const char *name, int to, const char *new_name);
int __real_sync_file_range(int fd, off_t at, off_t n, unsigned flags);
int __wrap_sync_file_range(int fd, off_t at, off_t n, unsigned flags);

static bool call_fails(void)
{
    if (calls_until_failure == 0 || --calls_until_failure > 0)
        return false;
    errno = EIO;
    return true;
}

int __wrap_fsync(int fd)
{
    return call_fails() ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from, const char *name, int to, const char *new_name)
{
    return call_fails() ? -1 : __real_renameat(from, name, to, new_name);
}

int __wrap_sync_file_range(int fd, off_t at, off_t n, unsigned flags)
{
    if (!waits_for_disk) {
        errno = ENOSYS;
        return -1;
    }
    return call_fails() ? -1 : __real_sync_file_range(fd, at, n, flags);
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    disk_make(p->dir);
    p->arena = arena_new(1u << 20);
    OK(blobs_open(&p->blobs, p->dir, &e));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    blobs_close(p->blobs);
    arena_free(p->arena);
    disk_remove(p->dir);
    free(p);
    return 0;
}

static struct bytes noise_of(size_t n)
{
    return (struct bytes){ noise, n };
}

static void expect_content(struct bytes in, const struct content *c)
{
    uint8_t hash[CONTENT_HASH_BYTES];
    crypto_hash_sha256(hash, in.ptr, in.len);
    assert_int_equal(c->size, in.len);
    assert_int_equal(c->in_file, in.len > BLOB_INLINE_MAX);
    if (c->in_file)
        assert_memory_equal(c->hash, hash, sizeof hash);
}

static void expect_bytes(struct bytes in, struct str got)
{
    assert_int_equal(got.len, in.len);
    assert_true(in.len == 0 || memcmp(got.ptr, in.ptr, in.len) == 0);
}

/* Adds all of it in pieces of at most `piece` bytes, of any size when that is 0. */
static struct spool *spool_of(struct place *p, struct bytes in, size_t piece, struct dice *d)
{
    struct spool *s = spool_new(p->blobs);
    assert_non_null(s);
    for (size_t at = 0; at < in.len;) {
        size_t n = piece ? piece : dice(d, 2u << dice(d, 18));
        if (n > in.len - at)
            n = in.len - at;
        OK(spool_add(s, (struct bytes){ in.ptr + at, n }, &e));
        at += n;
        assert_int_equal(spool_size(s), at);
    }
    return s;
}

static struct content keep(struct place *p, struct bytes in)
{
    struct content c;
    struct spool *s = spool_of(p, in, 65536, NULL);
    OK(spool_finish(s, &c, &e));
    OK(spool_keep(s, &e));
    spool_free(s);
    return c;
}

static void path_of(const struct place *p, const struct content *c, char out[192])
{
    char hex[2 * CONTENT_HASH_BYTES + 1];
    sodium_bin2hex(hex, sizeof hex, c->hash, sizeof c->hash);
    snprintf(out, 192, "%s/blobs/%.2s/%s", p->dir, hex, hex);
}

static void one_spool(struct place *p, struct bytes in, size_t piece, struct dice *d)
{
    struct content c, again;
    struct str view;
    struct spool *s = spool_of(p, in, piece, d);
    OK(spool_finish(s, &c, &e));
    expect_content(in, &c);
    OK(spool_view(s, &view, &e));
    expect_bytes(in, view);
    OK(spool_keep(s, &e));
    OK(spool_keep(s, &e)); /* once more changes nothing */
    OK(spool_finish(s, &again, &e));
    expect_content(in, &again);
    OK(spool_view(s, &view, &e));
    expect_bytes(in, view);
    OK(blobs_view(p->blobs, &c, p->arena, &view, &e));
    expect_bytes(in, view);
    spool_free(s);
    arena_reset(p->arena);
    if (c.in_file) {
        OK(blobs_view(p->blobs, &c, p->arena, &view, &e));
        expect_bytes(in, view);
    }
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
}

static void sizes(void **state)
{
    struct place *p = *state;
    static const size_t sizes[] = { 0,      1,      100,    65535,   65536,          65537,  65600,
                                    131071, 131072, 131073, 1000003, (8u << 20) + 1, LARGEST };
    static const size_t pieces[] = { 0, 1000, 32767, 32768, 65536, 65537, 100000, LARGEST };
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, 1); round++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++)
            for (size_t j = 0; j < COUNT_OF(pieces); j++)
                one_spool(p, noise_of(sizes[i]), pieces[j], &d);
}

static void not_kept(void **state)
{
    struct place *p = *state;
    struct content c;
    struct spool *begun = spool_of(p, noise_of(200000), 5000, NULL);
    struct spool *finished = spool_of(p, noise_of(300000), 5000, NULL);
    OK(spool_finish(finished, &c, &e));
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 2);
    spool_free(begun);
    spool_free(finished);
    spool_free(NULL);
    int fd;
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
    assert_int_equal(disk_count(p->dir, "blobs"), 1);
    FAILS(blobs_open_file(p->blobs, &c, &fd, &e), ERR_NOT_FOUND);
}

static void same_content(void **state)
{
    struct place *p = *state;
    char path[192];
    struct stat first, second;
    struct content c = keep(p, noise_of(100000));
    path_of(p, &c, path);
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(first.st_mode & 0777, 0600);
    keep(p, noise_of(100000));
    assert_int_equal(stat(path, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
}

/* A file of another size is damaged, and the content that comes again mends it. */
static void damaged(void **state)
{
    struct place *p = *state;
    char path[192];
    struct str view;
    int fd;
    struct content c = keep(p, noise_of(100000));
    path_of(p, &c, path);
    assert_int_equal(truncate(path, 99999), 0);
    FAILS(blobs_open_file(p->blobs, &c, &fd, &e), ERR_IO);
    FAILS(blobs_view(p->blobs, &c, p->arena, &view, &e), ERR_IO);
    keep(p, noise_of(100000));
    OK(blobs_view(p->blobs, &c, p->arena, &view, &e));
    expect_bytes(noise_of(100000), view);
}

static void opened_again(void **state)
{
    struct place *p = *state;
    char path[96];
    struct content c = keep(p, noise_of(100000));
    blobs_close(p->blobs);
    snprintf(path, sizeof path, "%s/blobs/tmp/0", p->dir);
    FILE *left_over = fopen(path, "w");
    assert_non_null(left_over);
    fclose(left_over);
    OK(blobs_open(&p->blobs, p->dir, &e));
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
    int fd;
    OK(blobs_open_file(p->blobs, &c, &fd, &e));
    char *got = malloc(100001);
    assert_int_equal(read(fd, got, 100001), 100000);
    assert_memory_equal(got, noise, 100000);
    free(got);
    close(fd);
}

/* After a failure nothing is left behind, the spool stays failed, and the others go on. */
static void full_disk(void **state)
{
    struct place *p = *state;
    blobs_close(p->blobs);
    p->blobs = NULL;
    disk_mount(p->dir);
    OK(blobs_open(&p->blobs, p->dir, &e));
    struct content c = keep(p, noise_of(500000));
    struct spool *s = spool_of(p, noise_of(1000000), 65536, NULL);
    FAILS(spool_add(s, noise_of(1000000), &e), ERR_FULL);
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
    struct content no;
    struct str view;
    FAILS(spool_add(s, noise_of(1), &e), ERR_IO);
    FAILS(spool_finish(s, &no, &e), ERR_IO);
    spool_free(s);
    struct content larger = keep(p, noise_of(1000000));
    OK(blobs_view(p->blobs, &larger, p->arena, &view, &e));
    expect_bytes(noise_of(1000000), view);
    OK(blobs_view(p->blobs, &c, p->arena, &view, &e));
    expect_bytes(noise_of(500000), view);
    blobs_close(p->blobs);
    p->blobs = NULL;
}

static void too_large_for_the_disk(void **state)
{
    struct place *p = *state;
    struct spool *s = spool_of(p, noise_of(200000), 65536, NULL);
    disk_limit(300000);
    FAILS(spool_add(s, noise_of(200000), &e), ERR_FULL);
    disk_unlimited();
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
    spool_free(s);
}

/* Where the directory belongs is a file. */
static void cannot_be_kept(void **state)
{
    struct place *p = *state;
    struct content c;
    struct str view;
    char path[192];
    struct spool *s = spool_of(p, noise_of(100000), 65536, NULL);
    OK(spool_finish(s, &c, &e));
    OK(spool_view(s, &view, &e));
    path_of(p, &c, path);
    *strrchr(path, '/') = '\0';
    FILE *in_the_way = fopen(path, "w");
    assert_non_null(in_the_way);
    fclose(in_the_way);
    FAILS(spool_keep(s, &e), ERR_IO);
    expect_bytes(noise_of(100000), view); /* lent until the spool is freed, in any case */
    FAILS(spool_keep(s, &e), ERR_IO);
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
    spool_free(s);
    assert_int_equal(unlink(path), 0);
    keep(p, noise_of(100000));
}

/* Whichever step of keeping fails, nothing is left, and the next one goes well. */
static void no_step_goes_unseen(void **state)
{
    struct place *p = *state;
    int steps = 0;
    for (bool ok = false; !ok; steps++) {
        struct content c;
        struct err why = { 0 };
        int fd;
        struct bytes in = noise_of(100000 + (size_t)steps);
        struct spool *s = spool_of(p, in, 65536, NULL);
        OK(spool_finish(s, &c, &e));
        calls_until_failure = 1 + steps;
        ok = spool_keep(s, &why);
        calls_until_failure = 0;
        spool_free(s);
        assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
        if (ok)
            break;
        assert_int_equal(why.code, ERR_IO);
        FAILS(blobs_open_file(p->blobs, &c, &fd, &e), ERR_NOT_FOUND);
        keep(p, in);
        OK(blobs_open_file(p->blobs, &c, &fd, &e));
        close(fd);
    }
    assert_int_equal(steps, 5); /* the parent, the bytes, the name, the file, the directory */
}

/* One that is there, but cannot be made durable, is not relied on. */
static void there_but_not_durable(void **state)
{
    struct place *p = *state;
    struct content c = keep(p, noise_of(100000));
    struct spool *s = spool_of(p, noise_of(100000), 65536, NULL);
    OK(spool_finish(s, &c, &e));
    calls_until_failure = 2; /* the file is good, its directory is not */
    FAILS(spool_keep(s, &e), ERR_IO);
    calls_until_failure = 0;
    spool_free(s);
    s = spool_of(p, noise_of(100000), 65536, NULL);
    OK(spool_finish(s, &c, &e));
    calls_until_failure = 1; /* the file is not, so it is written once more */
    OK(spool_keep(s, &e));
    assert_int_equal(calls_until_failure, 0);
    spool_free(s);
    int fd;
    OK(blobs_open_file(p->blobs, &c, &fd, &e));
    close(fd);
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
}

static void without_sync_file_range(void **state)
{
    struct place *p = *state;
    waits_for_disk = false;
    keep(p, noise_of(LARGEST));
    waits_for_disk = true;
}

/* It passes, so the sender should try again. */
static void no_descriptors(void **state)
{
    struct place *p = *state;
    struct rlimit none, before;
    struct content c;
    struct spool *s = spool_new(p->blobs);
    assert_non_null(s);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){ 0, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    FAILS(spool_add(s, noise_of(1000000), &e), ERR_BUSY);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    spool_free(s);
    s = spool_of(p, noise_of(1000000), 70000, NULL);
    OK(spool_finish(s, &c, &e));
    spool_free(s);
}

/* Small contents beyond what all may hold in memory are files; complete ones hold no descriptor. */
static void many_spools(void **state)
{
    struct place *p = *state;
    enum { SPOOLS = (int)(BLOBS_HELD_MAX / BLOB_INLINE_MAX) + 100 };
    static struct spool *spools[SPOOLS];
    size_t files = 0;
    struct content c;
    struct rlimit few = { 256, 256 }, before;
    getrlimit(RLIMIT_NOFILE, &before);
    few.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (size_t i = 0; i < SPOOLS; i++) {
        struct bytes in = noise_of(40000 + i); /* of 64 KiB */
        struct str view;
        spools[i] = spool_of(p, in, 7000, NULL);
        OK(spool_finish(spools[i], &c, &e));
        files += c.in_file;
        OK(spool_view(spools[i], &view, &e));
        assert_int_equal(view.len, in.len);
        assert_memory_equal(view.ptr, in.ptr, in.len);
    }
    assert_int_equal(files, 100);
    OK(spool_keep(spools[SPOOLS - 1], &e));
    for (size_t i = 0; i < SPOOLS; i++)
        spool_free(spools[i]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    /* The memory is there again. */
    struct spool *s = spool_of(p, noise_of(1000), 1000, NULL);
    OK(spool_finish(s, &c, &e));
    assert_false(c.in_file);
    spool_free(s);
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
}

static void *keep_and_look(void *arg)
{
    struct place *p = arg;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct bytes in = noise_of(66000 + 5000 * i);
        struct content c = keep(p, in);
        struct err e = { 0 };
        int fd;
        char *got = malloc(in.len);
        assert_true(blobs_open_file(p->blobs, &c, &fd, &e));
        assert_int_equal(read(fd, got, in.len), in.len);
        assert_memory_equal(got, in.ptr, in.len);
        close(fd);
        free(got);
    }
    return NULL;
}

static void same_content_at_once(void **state)
{
    struct place *p = *state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_and_look, p), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
}

/* Sweeps. */

struct needed {
    uint8_t hashes[100][CONTENT_HASH_BYTES];
    size_t count;
};

static void need(struct needed *n, const uint8_t hash[CONTENT_HASH_BYTES])
{
    assert_true(n->count < COUNT_OF(n->hashes));
    memcpy(n->hashes[n->count++], hash, CONTENT_HASH_BYTES);
}

static bool is_needed(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES])
{
    const struct needed *n = ctx;
    for (size_t i = 0; i < n->count; i++)
        if (memcmp(n->hashes[i], hash, CONTENT_HASH_BYTES) == 0)
            return true;
    return false;
}

static bool is_kept(struct place *p, const struct content *c)
{
    struct err e = { 0 };
    int fd;
    if (!blobs_open_file(p->blobs, c, &fd, &e)) {
        assert_int_equal(e.code, ERR_NOT_FOUND);
        return false;
    }
    close(fd);
    return true;
}

static size_t sweep(struct place *p, const struct needed *n)
{
    size_t removed;
    blobs_sweep_begin(p->blobs);
    OK(blobs_sweep(p->blobs, is_needed, n, &removed, &e));
    blobs_sweep_end(p->blobs);
    return removed;
}

static const struct needed nothing;

static void swept(void **state)
{
    struct place *p = *state;
    enum { FILES = 300 };
    struct content kept[FILES];
    struct needed third = { 0 };
    assert_int_equal(sweep(p, &nothing), 0);
    for (size_t i = 0; i < FILES; i++) {
        kept[i] = keep(p, noise_of(70000 + i));
        if (i % 3 == 0)
            need(&third, kept[i].hash);
    }
    assert_int_equal(sweep(p, &third), FILES - FILES / 3);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(is_kept(p, &kept[i]), i % 3 == 0);
    assert_int_equal(sweep(p, &third), 0);
    keep(p, noise_of(70001)); /* what is gone can come again */
    assert_true(is_kept(p, &kept[1]));

    size_t removed; /* at start */
    blobs_close(p->blobs);
    OK(blobs_open(&p->blobs, p->dir, &e));
    OK(blobs_sweep(p->blobs, is_needed, &third, &removed, &e));
    assert_int_equal(removed, 1);
}

/* A view of a file that goes holds to its end. */
static void swept_while_open(void **state)
{
    struct place *p = *state;
    struct content c = keep(p, noise_of(100000));
    struct str view;
    OK(blobs_view(p->blobs, &c, p->arena, &view, &e));
    assert_int_equal(sweep(p, &nothing), 1);
    assert_false(is_kept(p, &c));
    expect_bytes(noise_of(100000), view);
    FAILS(blobs_view(p->blobs, &c, p->arena, &view, &e), ERR_NOT_FOUND);
}

/* Of each way to be kept around a sweep, whether the file stays. */
static void kept_around_a_sweep(void **state)
{
    struct place *p = *state;
    struct content before = keep(p, noise_of(70001)), alive, left, during, again, unfinished;
    struct spool *a = spool_of(p, noise_of(70002), 65536, NULL);
    struct spool *l = spool_of(p, noise_of(70003), 65536, NULL);
    struct spool *u = spool_of(p, noise_of(70006), 65536, NULL);
    size_t removed;
    OK(spool_finish(a, &alive, &e));
    OK(spool_keep(a, &e));
    OK(spool_finish(l, &left, &e));
    OK(spool_keep(l, &e));
    OK(spool_finish(u, &unfinished, &e));
    again = keep(p, noise_of(70005));
    blobs_sweep_begin(p->blobs);
    spool_free(l);
    during = keep(p, noise_of(70004));
    keep(p, noise_of(70005));
    OK(blobs_sweep(p->blobs, is_needed, &nothing, &removed, &e));
    assert_int_equal(removed, 1);
    assert_false(is_kept(p, &before));
    assert_true(is_kept(p, &alive) && is_kept(p, &left) && is_kept(p, &during));
    assert_true(is_kept(p, &again));

    /* A sweep that begins before the other ends has its own memory. */
    blobs_sweep_begin(p->blobs);
    blobs_sweep_end(p->blobs);
    OK(blobs_sweep(p->blobs, is_needed, &nothing, &removed, &e));
    assert_int_equal(removed, 0);
    blobs_sweep_end(p->blobs);

    assert_int_equal(sweep(p, &nothing), 3); /* all but the one whose spool lives */
    assert_true(is_kept(p, &alive));
    OK(spool_keep(u, &e));
    assert_true(is_kept(p, &unfinished));
    spool_free(a);
    spool_free(u);
    assert_int_equal(sweep(p, &nothing), 2);
}

static void touch(const struct place *p, const char *directory, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/blobs/%s", p->dir, directory);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/blobs/%s/%s", p->dir, directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

/* Only files that are named as we name them are ours. */
static void other_files_stay(void **state)
{
    static const struct {
        const char *directory, *name;
        bool goes;
    } files[] = {
        { "ab", "ab00000000000000000000000000000000000000000000000000000000000000", true },
        { "ab", "ab0000000000000000000000000000000000000000000000000000000000000", false },
        { "ab", "ab000000000000000000000000000000000000000000000000000000000000000", false },
        { "ab", "AB00000000000000000000000000000000000000000000000000000000000000", false },
        { "ab", "ac00000000000000000000000000000000000000000000000000000000000000", false },
        { "ab", "ab0000000000000000000000000000000000000000000000000000000000000~", false },
        { "ab", "README", false },
        { "tmp", "ab00000000000000000000000000000000000000000000000000000000000000", false },
        { "abc", "ab00000000000000000000000000000000000000000000000000000000000000", false },
    };
    struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        touch(p, files[i].directory, files[i].name);
    assert_int_equal(sweep(p, &nothing), 1);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/blobs/%s/%s", p->dir, files[i].directory, files[i].name);
        if ((access(path, F_OK) == 0) == files[i].goes)
            fail_msg("blobs/%s/%s", files[i].directory, files[i].name);
    }
}

/* A directory where a file should be cannot be unlinked. */
static void sweep_that_fails(void **state)
{
    struct place *p = *state;
    size_t removed;
    char path[256];
    struct content c = keep(p, noise_of(100000));
    path_of(p, &c, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    blobs_sweep_begin(p->blobs);
    FAILS(blobs_sweep(p->blobs, is_needed, &nothing, &removed, &e), ERR_IO);
    blobs_sweep_end(p->blobs);
    assert_int_equal(removed, 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(sweep(p, &nothing), 0);
}

/* Some write down what they keep, and strike it out later, while another one sweeps. */
struct ledger {
    struct place *place;
    atomic_bool over;
    size_t removed; /* the sweeper's, until it is joined */
    /* Guarded by mu. */
    pthread_mutex_t mu;
    size_t written[ROUNDS];
    uint8_t hashes[ROUNDS][CONTENT_HASH_BYTES];
};

static void write_down(struct ledger *l, size_t i, const struct content *c, int change)
{
    pthread_mutex_lock(&l->mu);
    l->written[i] += (size_t)change;
    memcpy(l->hashes[i], c->hash, sizeof l->hashes[i]);
    pthread_mutex_unlock(&l->mu);
}

static void *keep_and_write_down(void *arg)
{
    struct ledger *l = arg;
    for (size_t round = 0; round < 5 * ROUNDS; round++) {
        struct content c;
        size_t i = round % ROUNDS;
        struct spool *s = spool_of(l->place, noise_of(66000 + 100 * i), 65536, NULL);
        OK(spool_finish(s, &c, &e));
        OK(spool_keep(s, &e));
        write_down(l, i, &c, 1);
        spool_free(s);
        assert_true(is_kept(l->place, &c));
        sched_yield();
        assert_true(is_kept(l->place, &c));
        write_down(l, i, &c, -1);
    }
    return NULL;
}

static void *sweep_on(void *arg)
{
    struct ledger *l = arg;
    while (!atomic_load(&l->over)) {
        struct needed n = { 0 };
        size_t removed;
        blobs_sweep_begin(l->place->blobs);
        pthread_mutex_lock(&l->mu);
        for (size_t i = 0; i < ROUNDS; i++)
            if (l->written[i] > 0)
                need(&n, l->hashes[i]);
        pthread_mutex_unlock(&l->mu);
        OK(blobs_sweep(l->place->blobs, is_needed, &n, &removed, &e));
        blobs_sweep_end(l->place->blobs);
        l->removed += removed;
    }
    return NULL;
}

static void sweeps_beside_keepers(void **state)
{
    struct ledger l = { .place = *state };
    pthread_t keepers[THREADS], sweeper;
    pthread_mutex_init(&l.mu, NULL);
    assert_int_equal(pthread_create(&sweeper, NULL, sweep_on, &l), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&keepers[i], NULL, keep_and_write_down, &l), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(keepers[i], NULL);
    atomic_store(&l.over, true);
    pthread_join(sweeper, NULL);
    l.removed += sweep(l.place, &nothing);
    assert_true(l.removed >= ROUNDS);
    assert_int_equal(disk_count(l.place->dir, "blobs/tmp"), 0);
    assert_int_equal(sweep(l.place, &nothing), 0);
    pthread_mutex_destroy(&l.mu);
}

int main(void)
{
    struct dice d = { 1 };
    noise = malloc(LARGEST);
    for (size_t i = 0; noise && i < LARGEST; i += 8) {
        uint64_t bits = dice_bits(&d);
        memcpy(noise + i, &bits, 8);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(same_content, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(opened_again, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(no_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(too_large_for_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(cannot_be_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(no_step_goes_unseen, setup, teardown),
        cmocka_unit_test_setup_teardown(there_but_not_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(without_sync_file_range, setup, teardown),
        cmocka_unit_test_setup_teardown(many_spools, setup, teardown),
        cmocka_unit_test_setup_teardown(same_content_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(swept, setup, teardown),
        cmocka_unit_test_setup_teardown(swept_while_open, setup, teardown),
        cmocka_unit_test_setup_teardown(kept_around_a_sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(other_files_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(sweep_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(sweeps_beside_keepers, setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("blobs", tests, NULL, NULL);
    free(noise);
    return failed;
}
