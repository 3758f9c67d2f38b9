/* The inbox: uploads as bytes and back, records that were damaged or cut off, files through their
 * life, full disks, a process that is killed, many threads.
 *
 * How to read: `given` collects what inbox_open hands out, and most tests end by comparing it with
 * the numbers of the uploads that they appended. */
#include "store/inbox.h"

#include "base/buf.h"
#include "base/vec.h"
#include "disk.h"
#include "made_upload.h"
#include "store/inbox_record.h"

#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/wait.h>

#define BATCH_MOST 64
#define KILLS 20
#define READERS 3

/* The system's calls whose failures cannot be brought about; the linker puts these in their place.
 */

static bool sync_fails, cut_fails;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate64(int fd, off_t n);
int __wrap_ftruncate64(int fd, off_t n);

int __wrap_fdatasync(int fd)
{
    errno = EIO;
    return sync_fails ? -1 : __real_fdatasync(fd);
}

int __wrap_ftruncate64(int fd, off_t n)
{
    errno = EIO;
    return cut_fails ? -1 : __real_ftruncate64(fd, n);
}

struct given {
    VEC(uint64_t) objects;
    VEC(struct inbox_place) places;
    uint64_t fail_at; /* each() fails with this object; 0: never */
};

struct place {
    char dir[64];
    struct inbox *inbox;
    struct arena *arena;
    struct dice dice;
    struct given given;
    size_t damage;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    disk_make(p->dir);
    p->arena = arena_new(512u << 20);
    p->dice.state = 1;
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    inbox_close(p->inbox);
    arena_free(p->arena);
    VEC_FREE(&p->given.objects);
    VEC_FREE(&p->given.places);
    disk_remove(p->dir);
    free(p);
    return 0;
}

/* Opening, appending, comparing. */

static bool take(void *ctx, struct inbox_place at, const struct upload *u, struct err *e)
{
    struct given *g = ctx;
    if (u->object == g->fail_at)
        return err_set(e, ERR_BUSY, 0, "enough");
    return VEC_PUSH(&g->objects, u->object) && VEC_PUSH(&g->places, at);
}

static void open_inbox(struct place *p)
{
    p->given.objects.len = p->given.places.len = 0;
    OK(inbox_open(&p->inbox, p->dir, take, &p->given, &p->damage, &e));
}

static void close_inbox(struct place *p)
{
    inbox_close(p->inbox);
    p->inbox = NULL;
}

static void open_again(struct place *p)
{
    close_inbox(p);
    open_inbox(p);
}

/* The inbox gave out these numbers, from first to last, but for `without`. */
static void expect_given(const struct place *p, uint64_t first, uint64_t last, uint64_t without)
{
    size_t i = 0;
    for (uint64_t object = first; object <= last; object++) {
        if (object == without)
            continue;
        if (i >= p->given.objects.len || p->given.objects.at[i] != object)
            fail_msg("upload %llu is not there, or not in its order", (unsigned long long)object);
        i++;
    }
    assert_int_equal(p->given.objects.len, i);
}

static bool try_append(struct place *p, uint64_t first, size_t count, size_t body_bytes,
                       struct inbox_place *places, struct err *e)
{
    struct upload uploads[BATCH_MOST];
    const struct upload *list[BATCH_MOST];
    for (size_t i = 0; i < count; i++) {
        uploads[i] = made_report(&p->dice, p->arena, first + i, body_bytes);
        list[i] = &uploads[i];
    }
    bool ok = inbox_append(p->inbox, list, count, places, e);
    arena_reset(p->arena);
    return ok;
}

static void append(struct place *p, uint64_t first, size_t count, size_t body_bytes,
                   struct inbox_place *places)
{
    struct inbox_place ignored[BATCH_MOST];
    OK(try_append(p, first, count, body_bytes, places ? places : ignored, &e));
}

static size_t log_files(const struct place *p)
{
    return disk_count(p->dir, "inbox");
}

static void path_of(const struct place *p, uint32_t number, const char *suffix, char out[128])
{
    snprintf(out, 128, "%s/inbox/%010u.log%s", p->dir, number, suffix);
}

static bool is_there(const struct place *p, uint32_t number, const char *suffix)
{
    char path[128];
    path_of(p, number, suffix, path);
    return access(path, F_OK) == 0;
}

/* A whole file in the arena. */
static struct str read_log(struct place *p, uint32_t number)
{
    char path[128];
    struct stat st;
    path_of(p, number, "", path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *bytes = arena_alloc(p->arena, (size_t)st.st_size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    return (struct str){ bytes, (size_t)st.st_size };
}

static void write_log(const struct place *p, uint32_t number, struct str bytes)
{
    char path[128];
    path_of(p, number, "", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    close(fd);
}

/* An inbox with nothing but this file. */
static void only_log(struct place *p, uint32_t number, struct str bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/inbox", p->dir);
    remove_tree(path);
    assert_int_equal(mkdir(path, 0700), 0);
    write_log(p, number, bytes);
}

/* Uploads as bytes. */

static void there_and_back(void **state)
{
    struct place *p = *state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(4u << 20);
    struct buf b;
    buf_init(&b, INBOX_RECORD_MAX);
    for (unsigned round = 0; dice_seed(&p->dice, round, 300); round++) {
        struct upload got, u = made_upload(&p->dice, p->arena, round);
        OK(inbox_takes(&u, &e));
        buf_reset(&b);
        upload_encode(&b, &u);
        assert_true(buf_ok(&b));
        struct str exact; /* so that ASan sees a read past its end */
        assert_true(arena_str(p->arena, buf_view(&b), &exact));
        OK(upload_decode(exact, a, &got, &e));
        expect_same_upload(&got, &u);
        arena_reset(a);
        arena_reset(p->arena);
    }
    buf_done(&b);
}

/* Of an upload as bytes, every beginning is refused; nothing is believed that is too large. */
static void cut_off(void **state)
{
    struct place *p = *state;
    struct buf b;
    buf_init(&b, INBOX_RECORD_MAX);
    for (unsigned round = 0; dice_seed(&p->dice, round, 10); round++) {
        struct upload got, u = made_upload(&p->dice, p->arena, round);
        buf_reset(&b);
        upload_encode(&b, &u);
        for (size_t n = 0; n < b.len; n += n < 1000 || n + 1000 > b.len ? 1 : 997) {
            CLEANUP(arena_free_p) struct arena *a = arena_new(4u << 20);
            FAILS(upload_decode((struct str){ b.ptr, n }, a, &got, &e), ERR_INPUT);
        }
        buf_char(&b, 0);
        FAILS(upload_decode(buf_view(&b), p->arena, &got, &e), ERR_INPUT);
        arena_reset(p->arena);
    }
    buf_done(&b);
}

/* Every bit of a record counts, and every beginning of one is refused. */
static void damaged_records(void **state)
{
    struct place *p = *state;
    struct inbox_key key = { { 1, 2, 3 } }, other = { { 1, 2, 4 } };
    struct inbox_record r;
    for (unsigned round = 0; dice_seed(&p->dice, round, 5); round++) {
        struct buf b;
        struct upload u = made_report(&p->dice, p->arena, round, dice(&p->dice, 500));
        buf_init(&b, INBOX_RECORD_MAX);
        inbox_record_write(&b, &key, 12345, &u);
        assert_true(inbox_record_read(buf_view(&b), &key, &r));
        assert_int_equal(r.bytes, b.len);
        assert_int_equal(r.batch, 12345);
        assert_false(inbox_record_read(buf_view(&b), &other, &r));
        for (size_t bit = 0; bit < 8 * b.len; bit++) {
            b.ptr[bit / 8] = (char)(b.ptr[bit / 8] ^ 1 << bit % 8);
            if (inbox_record_read(buf_view(&b), &key, &r))
                fail_msg("bit %zu of %zu bytes does not count", bit, b.len);
            b.ptr[bit / 8] = (char)(b.ptr[bit / 8] ^ 1 << bit % 8);
        }
        for (size_t n = 0; n < b.len; n++)
            assert_false(inbox_record_read((struct str){ b.ptr, n }, &key, &r));
        buf_done(&b);
    }
}

static void limits(void **state)
{
    struct place *p = *state;
    static char zeros[BLOB_INLINE_MAX + 1];
    struct upload_field *fields = arena_zalloc(p->arena, 5000 * sizeof *fields);
    struct upload_attachment *attachments = arena_zalloc(p->arena, 2000 * sizeof *attachments);
    assert_true(fields && attachments);
    for (size_t i = 0; i < 5000; i++)
        fields[i].value = (struct str){ zeros, UPLOAD_VALUE_MAX };
    for (size_t i = 0; i < 2000; i++)
        attachments[i].content =
            (struct content){ .size = BLOB_INLINE_MAX, .bytes = { zeros, BLOB_INLINE_MAX } };
    struct upload u = made_report(&p->dice, p->arena, 1, BLOB_INLINE_MAX);
    u.fields = fields;
    u.attachments = attachments;
    u.attachment_count = UPLOAD_ATTACHMENTS_MAX; /* as many bytes as all attachments can bring */
    u.field_count = 500;
    OK(inbox_takes(&u, &e));
    open_inbox(p);
    struct inbox_place at;
    OK(inbox_append(p->inbox, &(const struct upload *){ &u }, 1, &at, &e));
    struct upload got;
    OK(inbox_read(p->inbox, at, p->arena, &got, &e));
    expect_same_upload(&got, &u);

    u.field_count = 1000; /* 63 + 63 MiB */
    FAILS(inbox_takes(&u, &e), ERR_LIMIT);
    FAILS(inbox_append(p->inbox, &(const struct upload *){ &u }, 1, &at, &e), ERR_LIMIT);
    u.field_count = UPLOAD_FIELDS_MAX + 1;
    FAILS(inbox_takes(&u, &e), ERR_LIMIT);
    u.field_count = 0;
    u.attachment_count = UPLOAD_ATTACHMENTS_MAX + 1;
    FAILS(inbox_takes(&u, &e), ERR_LIMIT);
    u.attachment_count = 0;
    u.body = (struct content){ .size = sizeof zeros, .bytes = { zeros, sizeof zeros } };
    FAILS(inbox_takes(&u, &e), ERR_LIMIT);
    open_again(p);
    expect_given(p, 1, 1, 0);
}

/* The life of a file. */

static void in_order(void **state)
{
    struct place *p = *state;
    struct inbox_place places[30];
    open_inbox(p);
    assert_int_equal(p->damage, 0);
    assert_int_equal(inbox_bytes(p->inbox), 0);
    uint64_t next = 1;
    for (size_t n = 1; next <= 30; next += n, n = n % 5 + 1)
        append(p, next, next + n > 31 ? (size_t)(31 - next) : n, 100 * n, &places[next - 1]);
    for (uint64_t round = 0; round < 3; round++) { /* each start begins a new file */
        append(p, 31 + 2 * round, 2, 10, NULL);
        open_again(p);
        assert_int_equal(p->damage, 0);
        expect_given(p, 1, 32 + 2 * round, 0);
        assert_int_equal(log_files(p), round + 1);
    }
    for (size_t i = 0; i < p->given.places.len; i++) {
        struct upload u;
        OK(inbox_read(p->inbox, p->given.places.at[i], p->arena, &u, &e));
        assert_int_equal(u.object, i + 1);
        if (i < 30)
            assert_memory_equal(&p->given.places.at[i], &places[i], sizeof places[i]);
    }
    for (size_t i = p->given.places.len; i-- > 0;)
        inbox_done(p->inbox, p->given.places.at[i]);
    assert_int_equal(log_files(p), 0);
    assert_int_equal(inbox_bytes(p->inbox), 0);
    open_again(p);
    expect_given(p, 1, 0, 0);
}

/* Files fill up and go when all in them is done; an idle one is replaced, or goes at the end. */
static void files_come_and_go(void **state)
{
    struct place *p = *state;
    VEC(struct inbox_place) places = { 0 };
    const size_t body = BLOB_INLINE_MAX - 100, count = 2200; /* 144 MB: three files */
    open_inbox(p);
    for (uint64_t i = 1; i <= count; i += 50) {
        assert_true(VEC_RESERVE(&places, 50));
        append(p, i, 50, body, places.at + places.len);
        places.len += 50;
    }
    assert_int_equal(log_files(p), 3);
    assert_true(inbox_bytes(p->inbox) > count * body);
    for (size_t i = 0; i < count; i++) {
        size_t files = log_files(p);
        inbox_done(p->inbox, places.at[i]);
        bool last_of_file = i + 1 < count && places.at[i].file != places.at[i + 1].file;
        assert_int_equal(log_files(p), files - last_of_file);
    }
    assert_int_equal(log_files(p), 1); /* the last one, idle */
    struct inbox_place at;
    uint32_t last = places.at[count - 1].file;
    assert_int_equal(inbox_bytes(p->inbox), 0);
    append(p, count + 1, 1, body, &at);
    assert_int_equal(at.file, last); /* too small to be replaced */
    for (uint64_t i = 2; i <= 151; i += 50) {
        append(p, count + i, 50, body, places.at);
        for (size_t j = 0; j < 50; j++)
            inbox_done(p->inbox, places.at[j]);
    }
    assert_int_equal(log_files(p), 1);
    inbox_done(p->inbox, at);
    assert_int_equal(inbox_bytes(p->inbox), 0); /* nothing waits */
    append(p, count + 200, 1, 10, &at);
    assert_int_equal(at.file, last + 1);
    assert_int_equal(log_files(p), 1);
    assert_true(inbox_bytes(p->inbox) < 1000);
    inbox_done(p->inbox, at);
    close_inbox(p);
    assert_int_equal(log_files(p), 0);
    VEC_FREE(&places);
}

static void start_broken_off(void **state)
{
    struct place *p = *state;
    open_inbox(p);
    append(p, 1, 5, 10, NULL);
    open_again(p);
    append(p, 6, 5, 10, NULL);
    close_inbox(p);
    p->given.fail_at = 8;
    FAILS(inbox_open(&p->inbox, p->dir, take, &p->given, &p->damage, &e), ERR_BUSY);
    p->given.fail_at = 0;
    open_inbox(p);
    expect_given(p, 1, 10, 0);
}

/* Tails. A file of three batches: 1, 2 to 4, 5 and 6. */

static const size_t batches[] = { 1, 3, 2 };
#define UPLOADS 6

/* Where each of the six ends, and their file, in the arena. */
static struct str make_log(struct place *p, size_t ends[1 + UPLOADS])
{
    struct inbox_place places[UPLOADS];
    open_inbox(p);
    for (size_t i = 0, at = 0; i < COUNT_OF(batches); at += batches[i++])
        append(p, at + 1, batches[i], 20, places + at);
    close_inbox(p);
    ends[0] = INBOX_HEAD_BYTES;
    for (size_t i = 0; i < UPLOADS; i++)
        ends[i + 1] = places[i].offset + places[i].length;
    struct str log = read_log(p, 1);
    assert_int_equal(log.len, ends[UPLOADS]);
    return log;
}

/* The file was cut, or has something behind it that never was a whole batch: `last` are there. */
static void expect_dropped(struct place *p, uint64_t last)
{
    open_inbox(p);
    assert_int_equal(p->damage, 0);
    expect_given(p, 1, last, 0);
    append(p, last + 1, 1, 10, NULL);
    append(p, last + 2, 1, 10, NULL);
    open_again(p); /* now that is not the last file any more */
    assert_int_equal(p->damage, 0);
    expect_given(p, 1, last + 2, 0);
    close_inbox(p);
}

static void torn_everywhere(void **state)
{
    struct place *p = *state;
    size_t ends[1 + UPLOADS];
    CLEANUP(arena_free_p) struct arena *a = arena_new(1u << 20);
    struct str log;
    assert_true(arena_str(a, make_log(p, ends), &log));
    uint64_t whole = 0;
    for (size_t n = 0; n < log.len; n++) {
        if (n == ends[whole + 1])
            whole++;
        only_log(p, 1, (struct str){ log.ptr, n });
        expect_dropped(p, whole);
    }
}

static void strange_tails(void **state)
{
    struct place *p = *state;
    size_t ends[1 + UPLOADS];
    CLEANUP(arena_free_p) struct arena *a = arena_new(1u << 20);
    struct str log;
    assert_true(arena_str(a, make_log(p, ends), &log));
    static const size_t sizes[] = { 1, 31, 32, 33, 4096, 100000 };
    struct buf b;
    buf_init(&b, 1u << 20);
    for (size_t i = 0; i < 3 * COUNT_OF(sizes); i++) {
        buf_reset(&b);
        buf_str(&b, log);
        for (size_t n = sizes[i / 3]; n > 0; n--)
            buf_char(&b, i % 3 == 0 ? '\0' : i % 3 == 1 ? (char)dice(&p->dice, 256) : '\xf5');
        only_log(p, 1, buf_view(&b));
        expect_dropped(p, UPLOADS);
    }
    /* The first of the last batch never reached the disk, the second did. */
    for (size_t at = ends[4]; at < ends[5]; at++) {
        buf_reset(&b);
        buf_str(&b, log);
        memset(b.ptr + at, 0, ends[5] - at);
        if (memcmp(b.ptr, log.ptr, log.len) == 0) /* it ended with zeros */
            continue;
        only_log(p, 1, buf_view(&b));
        expect_dropped(p, 4);
    }
    buf_done(&b);
}

/* Damage. */

static void flip(struct place *p, struct str log, size_t at, uint32_t number)
{
    char *copy = arena_alloc(p->arena, log.len);
    assert_non_null(copy);
    memcpy(copy, log.ptr, log.len);
    copy[at] = (char)(copy[at] ^ 1 << dice(&p->dice, 8));
    only_log(p, number, (struct str){ copy, log.len });
}

/* Does the good ones of a damaged file, which then is put aside. */
static void finish_damaged(struct place *p, bool has_good)
{
    assert_int_equal(p->damage, 1);
    if (has_good) {
        assert_true(is_there(p, 1, "")); /* until then it is given out at each start */
        size_t given = p->given.objects.len;
        open_again(p);
        assert_int_equal(p->damage, 1);
        assert_int_equal(p->given.objects.len, given);
    }
    for (size_t i = 0; i < p->given.places.len; i++) {
        struct upload u;
        if (p->given.places.at[i].file != 1)
            continue;
        OK(inbox_read(p->inbox, p->given.places.at[i], p->arena, &u, &e));
        assert_int_equal(u.object, p->given.objects.at[i]);
        inbox_done(p->inbox, p->given.places.at[i]);
    }
    assert_false(is_there(p, 1, ""));
    assert_true(is_there(p, 1, ".damaged"));
    open_again(p);
    assert_int_equal(p->damage, 0);
    close_inbox(p);
}

static void damaged_last_file(void **state)
{
    struct place *p = *state;
    size_t ends[1 + UPLOADS];
    CLEANUP(arena_free_p) struct arena *a = arena_new(1u << 20);
    struct str log;
    assert_true(arena_str(a, make_log(p, ends), &log));
    uint64_t upload = 0; /* that the byte belongs to */
    for (size_t at = 0; at < log.len; at++) {
        if (at == ends[upload])
            upload++;
        flip(p, log, at, 1);
        open_inbox(p);
        if (upload > 4) { /* nothing behind this says that it was durable */
            expect_given(p, 1, upload - 1, 0);
            assert_int_equal(p->damage, 0);
            close_inbox(p);
            continue;
        }
        expect_given(p, 1, upload ? UPLOADS : 0, upload);
        finish_damaged(p, upload > 0);
        arena_reset(p->arena);
    }
}

static void damaged_full_file(void **state)
{
    struct place *p = *state;
    size_t ends[1 + UPLOADS];
    CLEANUP(arena_free_p) struct arena *a = arena_new(1u << 20);
    struct str log, behind;
    assert_true(arena_str(a, make_log(p, ends), &log));
    open_inbox(p);
    append(p, UPLOADS + 1, 2, 10, NULL);
    close_inbox(p);
    assert_true(arena_str(a, read_log(p, 2), &behind));
    uint64_t upload = 0;
    for (size_t at = 0; at < log.len; at++) {
        if (at == ends[upload])
            upload++;
        flip(p, log, at, 1);
        write_log(p, 2, behind);
        open_inbox(p);
        if (upload == 0)
            expect_given(p, UPLOADS + 1, UPLOADS + 2, 0);
        else
            expect_given(p, 1, UPLOADS + 2, upload);
        finish_damaged(p, upload > 0);
        arena_reset(p->arena);
    }
    /* Cut off, and with something behind. */
    only_log(p, 1, (struct str){ log.ptr, log.len - 1 });
    write_log(p, 2, behind);
    open_inbox(p);
    expect_given(p, 1, UPLOADS + 2, UPLOADS);
    finish_damaged(p, true);
}

/* A body that holds whole records of another file does not bring them back from the dead. */
static void forged_records(void **state)
{
    struct place *p = *state;
    size_t ends[1 + UPLOADS];
    struct str log = make_log(p, ends);
    struct upload carrier = made_report(&p->dice, p->arena, UPLOADS + 1, 10);
    carrier.body = (struct content){ .size = log.len, .bytes = log };
    struct inbox_place at;
    open_inbox(p);
    OK(inbox_append(p->inbox, &(const struct upload *){ &carrier }, 1, &at, &e));
    append(p, UPLOADS + 2, 1, 10, NULL);
    close_inbox(p);
    flip(p, read_log(p, 2), at.offset, 2);
    open_inbox(p);
    assert_int_equal(p->damage, 1);
    expect_given(p, UPLOADS + 2, UPLOADS + 2, 0);
}

/* What a newer version has written is kept for it. */
static void newer_version(void **state)
{
    struct place *p = *state;
    struct inbox_key key = { { 7 } };
    struct buf b, record;
    struct upload u = made_report(&p->dice, p->arena, 1, 10);
    buf_init(&b, 1000);
    buf_init(&record, 1000);
    inbox_head_write(&b, &key);
    inbox_record_write(&record, &key, INBOX_HEAD_BYTES, &u);
    record.ptr[INBOX_RECORD_HEAD_BYTES] = 2;
    /* The same sums as inbox_record.c makes. */
    crypto_shorthash((uint8_t *)record.ptr + 16, (uint8_t *)record.ptr + INBOX_RECORD_HEAD_BYTES,
                     record.len - INBOX_RECORD_HEAD_BYTES, key.bytes);
    crypto_shorthash((uint8_t *)record.ptr + 24, (uint8_t *)record.ptr, 24, key.bytes);
    buf_str(&b, buf_view(&record));
    u.object = 2;
    inbox_record_write(&b, &key, b.len, &u);
    open_inbox(p);
    close_inbox(p);
    only_log(p, 1, buf_view(&b));
    open_inbox(p);
    expect_given(p, 2, 2, 0);
    finish_damaged(p, true);
    buf_done(&b);
    buf_done(&record);
}

static void read_damaged(void **state)
{
    struct place *p = *state;
    struct inbox_place places[2];
    struct upload u;
    char path[128];
    open_inbox(p);
    append(p, 1, 2, 100, places);
    path_of(p, 1, "", path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, (off_t)places[0].offset + 70), 1);
    close(fd);
    FAILS(inbox_read(p->inbox, places[0], p->arena, &u, &e), ERR_IO);
    OK(inbox_read(p->inbox, places[1], p->arena, &u, &e));
    assert_int_equal(truncate(path, (off_t)places[1].offset + 50), 0);
    FAILS(inbox_read(p->inbox, places[1], p->arena, &u, &e), ERR_IO);
    places[1].file++;
    FAILS(inbox_read(p->inbox, places[1], p->arena, &u, &e), ERR_IO);
}

/* Full disks. */

/* Batches that fail in the middle of a write leave nothing that comes back. */
static void file_size_limit(void **state)
{
    struct place *p = *state;
    struct inbox_place places[BATCH_MOST];
    open_inbox(p);
    append(p, 1, 10, 1000, NULL);
    for (rlim_t limit = 0; limit < 16000; limit += 500) {
        disk_limit(limit);
        FAILS(try_append(p, 1000, 10, 1000, places, &e), ERR_FULL);
        disk_unlimited();
        assert_int_equal(read_log(p, 1).len + (size_t)10 * INBOX_TICKET_BYTES,
                         inbox_bytes(p->inbox));
    }
    append(p, 11, 2, 1000, NULL);
    open_again(p);
    assert_int_equal(p->damage, 0);
    expect_given(p, 1, 12, 0);
}

static void full_disk(void **state)
{
    struct place *p = *state;
    struct inbox_place places[BATCH_MOST];
    disk_mount(p->dir);
    open_inbox(p);
    uint64_t next = 1;
    struct err why = { 0 };
    while (next < 10000 && try_append(p, next, 10, 5000, places, &why))
        next += 10;
    assert_int_equal(why.code, ERR_FULL);
    assert_true(next > 100);
    FAILS(try_append(p, 20000, 10, 5000, places, &e), ERR_FULL);
    append(p, next, 1, 10, NULL); /* there is room for that */
    open_again(p);
    expect_given(p, 1, next, 0);
    append(p, next + 1, 1, 10, NULL); /* on a file of its own */
    FAILS(try_append(p, 20000, 64, 5000, places, &e), ERR_FULL);
    for (size_t i = 0; i < p->given.places.len; i++)
        inbox_done(p->inbox, p->given.places.at[i]);
    append(p, next + 2, 64, 5000, NULL);
    open_again(p);
    assert_int_equal(p->damage, 0);
    expect_given(p, next + 1, next + 65, 0);
    close_inbox(p);
}

/* A batch whose sync failed does not come back, and nothing is appended before it is cut off. */
static void sync_failures(void **state)
{
    struct place *p = *state;
    struct inbox_place at[5];
    open_inbox(p);
    append(p, 1, 5, 100, NULL);
    for (int i = 0; i < 3; i++) {
        sync_fails = true;
        cut_fails = i == 1;
        FAILS(try_append(p, 1000, 5, 100, at, &e), ERR_IO);
        FAILS(try_append(p, 1000, 5, 10, at, &e), ERR_IO);
        sync_fails = false;
        if (cut_fails)
            FAILS(try_append(p, 1000, 5, 10, at, &e), ERR_IO);
        cut_fails = false;
        append(p, 6 + 2 * (uint64_t)i, 2, 10, NULL);
    }
    sync_fails = cut_fails = true;
    FAILS(try_append(p, 1000, 5, 100, at, &e), ERR_IO);
    sync_fails = cut_fails = false;
    open_again(p); /* cut off on closing */
    assert_int_equal(p->damage, 0);
    expect_given(p, 1, 11, 0);
}

/* A torn tail that cannot be cut off would be damage at the next start. */
static void torn_and_not_cut(void **state)
{
    struct place *p = *state;
    size_t ends[1 + UPLOADS];
    struct str log = make_log(p, ends);
    only_log(p, 1, (struct str){ log.ptr, log.len - 1 });
    cut_fails = true;
    FAILS(inbox_open(&p->inbox, p->dir, take, &p->given, &p->damage, &e), ERR_IO);
    cut_fails = false;
    expect_dropped(p, UPLOADS - 1);
}

/* No room for so much as a new file. */
static void no_new_file(void **state)
{
    struct place *p = *state;
    struct inbox_place at;
    open_inbox(p);
    for (rlim_t limit = 0; limit < INBOX_HEAD_BYTES; limit += 13) {
        disk_limit(limit);
        FAILS(try_append(p, 1, 1, 10, &at, &e), ERR_FULL);
        disk_unlimited();
        assert_int_equal(log_files(p), 0);
    }
    append(p, 1, 1, 10, &at);
    open_again(p);
    expect_given(p, 1, 1, 0);
}

/* Killed. */

/* Appends until it is killed, and tells the pipe the number of the last upload of each batch. */
static void append_forever(struct place *p, uint64_t next, int pipe)
{
    for (;;) {
        size_t n = 1 + dice(&p->dice, 20);
        struct inbox_place places[BATCH_MOST];
        struct err e = { 0 };
        if (!try_append(p, next, n, dice(&p->dice, 20000), places, &e))
            _exit(1);
        next += n;
        uint64_t last = next - 1;
        if (write(pipe, &last, sizeof last) != sizeof last)
            _exit(2);
    }
}

/* Runs that in a child for a moment; gives the last upload that was acknowledged. */
static uint64_t append_and_be_killed(struct place *p, uint64_t next)
{
    int ends[2];
    uint64_t told, last = next - 1;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        append_forever(p, next, ends[1]);
    }
    close(ends[1]);
    for (uint32_t heard = 0, most = dice(&p->dice, 20);
         heard <= most && read(ends[0], &told, sizeof told) == sizeof told; heard++)
        last = told;
    usleep(dice(&p->dice, 3000));
    kill(child, SIGKILL);
    while (read(ends[0], &told, sizeof told) == sizeof told)
        last = told;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(ends[0]);
    return last;
}

static void killed(void **state)
{
    struct place *p = *state;
    p->dice.state = (uint64_t)getpid(); /* the moments differ in any case */
    uint64_t first = 1, next = 1;
    open_inbox(p);
    for (int i = 0; i < KILLS; i++) {
        uint64_t last = append_and_be_killed(p, next);
        open_again(p);
        assert_int_equal(p->damage, 0);
        uint64_t there = first + p->given.objects.len - 1; /* more may be there than was told */
        assert_true(there >= last && there <= last + 20);
        expect_given(p, first, there, 0);
        next = there + 1;
        for (uint32_t n = dice(&p->dice, (uint32_t)p->given.places.len + 1); n > 0; n--)
            inbox_done(p->inbox, p->given.places.at[first++ - (there + 1 - p->given.places.len)]);
        open_again(p);
        first = p->given.objects.len ? p->given.objects.at[0] : next; /* whole files are gone */
        expect_given(p, first, there, 0);
    }
}

/* Threads. */

struct shared {
    struct place *place;
    /* Guarded by mu. */
    pthread_mutex_t mu;
    pthread_cond_t more;
    VEC(struct inbox_place) waiting; /* place i is that of upload i + 1 */
    size_t next;
    bool closed;
};

static void *read_and_do(void *arg)
{
    struct shared *s = arg;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1u << 20);
    for (;;) {
        pthread_mutex_lock(&s->mu);
        while (s->next == s->waiting.len && !s->closed)
            pthread_cond_wait(&s->more, &s->mu);
        if (s->next == s->waiting.len)
            break;
        size_t i = s->next++;
        struct inbox_place at = s->waiting.at[i];
        pthread_mutex_unlock(&s->mu);
        struct upload u;
        OK(inbox_read(s->place->inbox, at, a, &u, &e));
        assert_int_equal(u.object, i + 1);
        arena_reset(a);
        inbox_done(s->place->inbox, at);
        assert_true(inbox_bytes(s->place->inbox) < (uint64_t)1 << 40); /* may be asked meanwhile */
    }
    pthread_mutex_unlock(&s->mu);
    return NULL;
}

static void many_threads(void **state)
{
    struct place *p = *state;
    struct shared s = { .place = p };
    pthread_t readers[READERS];
    pthread_mutex_init(&s.mu, NULL);
    pthread_cond_init(&s.more, NULL);
    open_inbox(p);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_and_do, &s), 0);
    for (uint64_t next = 1; next < 4000;) {
        struct inbox_place places[BATCH_MOST];
        size_t n = 1 + dice(&p->dice, BATCH_MOST);
        append(p, next, n, dice(&p->dice, BLOB_INLINE_MAX), places);
        next += n;
        pthread_mutex_lock(&s.mu);
        for (size_t i = 0; i < n; i++)
            assert_true(VEC_PUSH(&s.waiting, places[i]));
        pthread_cond_broadcast(&s.more);
        pthread_mutex_unlock(&s.mu);
    }
    pthread_mutex_lock(&s.mu);
    s.closed = true;
    pthread_cond_broadcast(&s.more);
    pthread_mutex_unlock(&s.mu);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    open_again(p);
    expect_given(p, 1, 0, 0);
    assert_int_equal(log_files(p), 0);
    VEC_FREE(&s.waiting);
    pthread_cond_destroy(&s.more);
    pthread_mutex_destroy(&s.mu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_records, setup, teardown),
        cmocka_unit_test_setup_teardown(limits, setup, teardown),
        cmocka_unit_test_setup_teardown(in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(files_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(start_broken_off, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(strange_tails, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_last_file, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_full_file, setup, teardown),
        cmocka_unit_test_setup_teardown(forged_records, setup, teardown),
        cmocka_unit_test_setup_teardown(newer_version, setup, teardown),
        cmocka_unit_test_setup_teardown(read_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(file_size_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(sync_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_and_not_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(no_new_file, setup, teardown),
        cmocka_unit_test_setup_teardown(killed, setup, teardown),
        cmocka_unit_test_setup_teardown(many_threads, setup, teardown),
    };
    return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
