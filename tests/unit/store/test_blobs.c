/* Spools of every size and in every cut, what is kept of them and what is not; the same content
 * from many threads; full disks; damaged files. */
#include "store/blobs.h"

#include "../group/dice.h"
#include "disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
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
static const uint8_t secret[BLOBS_SECRET_BYTES] = "a secret of this data directory";

/* The system's calls that make things durable; the linker puts these in their place. */

static int calls_until_failure;    /* 0: all go well; 1: the next one fails */
static bool waits_for_disk = true; /* sync_file_range; false: there is none */
static size_t direct_unit = 4096;  /* of writes past the system's cache */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from, const char *name, int to, const char *new_name);
int __wrap_renameat(int from, const char *name, int to, const char *new_name);
ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
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

/* As strict as a disk, in whatever file system the tests are. */
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    bool direct = fcntl(fd, F_GETFL) & O_DIRECT;
    if (direct && ((uintptr_t)from % direct_unit != 0 || n % direct_unit != 0)) {
        errno = EINVAL;
        return -1;
    }
    return __real_write(fd, from, n);
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    disk_make(p->dir);
    p->arena = arena_new(1u << 20);
    OK(blobs_open(&p->blobs, p->dir, secret, &e));
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

/* However it came, it has the name that it has when it comes whole. */
static void expect_content(struct place *p, struct bytes in, const struct content *c)
{
    struct content whole;
    struct spool *s = spool_of(p, in, LARGEST, NULL);
    OK(spool_finish(s, &whole, &e));
    spool_free(s);
    assert_int_equal(c->size, in.len);
    assert_int_equal(c->in_file, in.len > BLOB_INLINE_MAX);
    assert_memory_equal(c->hash, whole.hash, sizeof whole.hash);
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
    expect_content(p, in, &c);
    OK(spool_view(s, &view, &e));
    expect_bytes(in, view);
    OK(spool_keep(s, &e));
    OK(spool_keep(s, &e)); /* once more changes nothing */
    OK(spool_finish(s, &again, &e));
    expect_content(p, in, &again);
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
    static const size_t sizes[] = {
        0,      1,      100,    65535,   65536,   65537,          65600,
        262143, 262144, 262145, 1048576, 1000003, (8u << 20) + 1, LARGEST
    };
    static const size_t pieces[] = { 0, 1000, 32767, 65536, 65537, 100000, LARGEST };
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
    struct spool *begun = spool_of(p, noise_of(300000), 5000, NULL);
    struct spool *finished = spool_of(p, noise_of(300000), 5000, NULL);
    OK(spool_finish(finished, &c, &e));
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 2);
    spool_free(begun);
    spool_free(finished);
    spool_free(NULL);
    int fd;
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
    assert_int_equal(disk_count(p->dir, "blobs"), 257);
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

/* The name tells the content and the secret, and nothing else. */
static void names(void **state)
{
    struct place *p = *state;
    static const uint8_t other_secret[BLOBS_SECRET_BYTES] = "another secret";
    struct content first = keep(p, noise_of(100000)), longer = keep(p, noise_of(100001)), again;
    uint8_t *changed = malloc(100000), sha256[CONTENT_HASH_BYTES];
    memcpy(changed, noise, 100000);
    changed[70000] ^= 1;
    struct content other = keep(p, (struct bytes){ changed, 100000 });
    free(changed);
    crypto_hash_sha256(sha256, noise, 100000);
    assert_memory_not_equal(first.hash, longer.hash, sizeof first.hash);
    assert_memory_not_equal(first.hash, other.hash, sizeof first.hash);
    assert_memory_not_equal(first.hash, sha256, sizeof first.hash);
    blobs_close(p->blobs);
    OK(blobs_open(&p->blobs, p->dir, secret, &e));
    again = keep(p, noise_of(100000));
    assert_memory_equal(first.hash, again.hash, sizeof first.hash);
    blobs_close(p->blobs);
    OK(blobs_open(&p->blobs, p->dir, other_secret, &e));
    again = keep(p, noise_of(100000));
    assert_memory_not_equal(first.hash, again.hash, sizeof first.hash);
}

/* Older versions named files by SHA-256. */
static void named_by_sha256(void **state)
{
    struct place *p = *state;
    struct content old = { .size = 100000, .in_file = true };
    char path[192];
    struct str view;
    crypto_hash_sha256(old.hash, noise, old.size);
    path_of(p, &old, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(noise, 1, old.size, f), old.size);
    fclose(f);
    OK(blobs_view(p->blobs, &old, p->arena, &view, &e));
    expect_bytes(noise_of(100000), view);
    struct content again = keep(p, noise_of(100000));
    assert_memory_not_equal(old.hash, again.hash, sizeof old.hash);
    OK(blobs_view(p->blobs, &again, p->arena, &view, &e));
    expect_bytes(noise_of(100000), view);
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
    OK(blobs_open(&p->blobs, p->dir, secret, &e));
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
    OK(blobs_open(&p->blobs, p->dir, secret, &e));
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
    FAILS(spool_add(s, noise_of(400000), &e), ERR_FULL);
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
    assert_int_equal(rmdir(path), 0);
    FILE *in_the_way = fopen(path, "w");
    assert_non_null(in_the_way);
    fclose(in_the_way);
    FAILS(spool_keep(s, &e), ERR_IO);
    expect_bytes(noise_of(100000), view); /* lent until the spool is freed, in any case */
    FAILS(spool_keep(s, &e), ERR_IO);
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
    spool_free(s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
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
    assert_int_equal(steps, 4); /* the bytes, the name, the file, the directory */
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

/* A file system that writes past its cache only in larger units than ours. */
static void with_larger_units(void **state)
{
    struct place *p = *state;
    direct_unit = (size_t)1 << 20;
    sizes(state);
    direct_unit = 4096;
    assert_int_equal(disk_count(p->dir, "blobs/tmp"), 0);
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

/* Sweeps at start. */

static bool is_listed(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES])
{
    const struct content *needed = ctx;
    return memcmp(needed->hash, hash, CONTENT_HASH_BYTES) == 0;
}

static void sweep(void **state)
{
    struct place *p = *state;
    struct content needed = { 0 };
    size_t removed;
    int fd;
    OK(blobs_sweep(p->blobs, is_listed, &needed, &removed, &e)); /* there is nothing yet */
    assert_int_equal(removed, 0);
    struct content others[20];
    for (size_t i = 0; i < COUNT_OF(others); i++)
        others[i] = keep(p, noise_of(70000 + i));
    needed = others[7];
    OK(blobs_sweep(p->blobs, is_listed, &needed, &removed, &e));
    assert_int_equal(removed, COUNT_OF(others) - 1);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (i == 7) {
            OK(blobs_open_file(p->blobs, &others[i], &fd, &e));
            close(fd);
        } else {
            FAILS(blobs_open_file(p->blobs, &others[i], &fd, &e), ERR_NOT_FOUND);
        }
    }
    OK(blobs_sweep(p->blobs, is_listed, &needed, &removed, &e));
    assert_int_equal(removed, 0);
    keep(p, noise_of(70001)); /* what is gone may come again */
}

/* Compressed files. */

static bool is_file(const struct place *p, const struct content *c, const char *ending)
{
    char path[192], whole[200];
    path_of(p, c, path);
    snprintf(whole, sizeof whole, "%s%s", path, ending);
    return access(whole, F_OK) == 0;
}

static struct bytes text_of(char *room, size_t n)
{
    for (size_t i = 0; i < n; i++)
        room[i] = "all work and no play "[i % 21];
    return (struct bytes){ (const uint8_t *)room, n };
}

static void compressed(void **state)
{
    struct place *p = *state;
    static const size_t sizes[] = { BLOB_INLINE_MAX + 1, 131072, 131073, 3000000 };
    char *room = malloc(3000000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t packed = 0;
        struct bytes in = text_of(room, sizes[i]);
        struct content c = keep(p, in);
        for (int twice = 0; twice < 2; twice++) {
            OK(blobs_compress(p->blobs, &c, &packed, &e));
            assert_int_equal(packed, 1);
            assert_false(is_file(p, &c, ""));
            assert_true(is_file(p, &c, ".zst"));
            expect_content(p, in, &c);
        }
        /* The same content again has a file of its own until it is compressed, too. */
        struct content again = keep(p, in);
        assert_memory_equal(again.hash, c.hash, sizeof c.hash);
        assert_true(is_file(p, &c, ""));
        expect_content(p, in, &c);
        OK(blobs_compress(p->blobs, &c, &packed, &e));
        assert_false(is_file(p, &c, ""));
        expect_content(p, in, &c);
    }
    free(room);
}

static void not_worth_compressing(void **state)
{
    struct place *p = *state;
    struct bytes in = noise_of(300000);
    struct content c = keep(p, in), small = keep(p, noise_of(100));
    size_t packed = 0;
    OK(blobs_compress(p->blobs, &c, &packed, &e));
    OK(blobs_compress(p->blobs, &small, &packed, &e));
    assert_int_equal(packed, 0);
    assert_true(is_file(p, &c, ""));
    expect_content(p, in, &c);
}

static void compressing_fails(void **state)
{
    struct place *p = *state;
    char *room = malloc(200000);
    struct bytes in = text_of(room, 200000);
    struct content c = keep(p, in);
    for (int call = 1; call <= 3; call++) { /* fsync of the file, its name, fsync of the names */
        size_t packed = 0;
        calls_until_failure = call;
        FAILS(blobs_compress(p->blobs, &c, &packed, &e), ERR_IO);
        calls_until_failure = 0;
        assert_true(is_file(p, &c, ""));
        expect_content(p, in, &c);
    }
    free(room);
}

static void compressed_and_damaged(void **state)
{
    struct place *p = *state;
    char *room = malloc(200000), path[192], whole[200];
    struct content c = keep(p, text_of(room, 200000));
    size_t packed = 0;
    OK(blobs_compress(p->blobs, &c, &packed, &e));
    path_of(p, &c, path);
    snprintf(whole, sizeof whole, "%s.zst", path);
    struct stat st;
    assert_int_equal(stat(whole, &st), 0);
    struct {
        const char *name;
        off_t length;
        int at;
    } rows[] = { { "cut", st.st_size - 1, -1 }, { "empty", 0, -1 }, { "changed", -1, 20 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int out;
        c = keep(p, text_of(room, 200000));
        OK(blobs_compress(p->blobs, &c, &packed, &e));
        int fd = open(whole, O_RDWR);
        if (rows[i].length >= 0)
            assert_int_equal(ftruncate(fd, rows[i].length), 0);
        else
            assert_int_equal(pwrite(fd, "\xa5\x5a\x77", 3, rows[i].at), 3);
        close(fd);
        FAILS(blobs_open_file(p->blobs, &c, &out, &e), ERR_IO);
    }
    free(room);
}

static void sweep_compressed(void **state)
{
    struct place *p = *state;
    char *room = malloc(200000);
    struct content c = keep(p, text_of(room, 200000));
    size_t packed = 0, removed = 0;
    OK(blobs_compress(p->blobs, &c, &packed, &e));
    const struct content none = { 0 };
    OK(blobs_sweep(p->blobs, is_listed, &c, &removed, &e));
    assert_int_equal(removed, 0);
    OK(blobs_sweep(p->blobs, is_listed, &none, &removed, &e));
    assert_int_equal(removed, 1);
    assert_false(is_file(p, &c, ".zst"));
    free(room);
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
        cmocka_unit_test_setup_teardown(names, setup, teardown),
        cmocka_unit_test_setup_teardown(named_by_sha256, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(opened_again, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(no_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(too_large_for_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(cannot_be_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(no_step_goes_unseen, setup, teardown),
        cmocka_unit_test_setup_teardown(there_but_not_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(without_sync_file_range, setup, teardown),
        cmocka_unit_test_setup_teardown(with_larger_units, setup, teardown),
        cmocka_unit_test_setup_teardown(many_spools, setup, teardown),
        cmocka_unit_test_setup_teardown(sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(compressed, setup, teardown),
        cmocka_unit_test_setup_teardown(not_worth_compressing, setup, teardown),
        cmocka_unit_test_setup_teardown(compressing_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(compressed_and_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(sweep_compressed, setup, teardown),
        cmocka_unit_test_setup_teardown(same_content_at_once, setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("blobs", tests, NULL, NULL);
    free(noise);
    return failed;
}
