/* checkpoint.c - see the header: when a file is written, and how; and reading it. (What is to be
 * put right then is in checkpoint_settle.c.)
 *
 * What is hard: the file and the store must fit, whenever the power goes. The writer takes the last
 * number of the log between two batches, when all up to it is published; what is published while
 * the file is written may be in it, too, and is made once more. The order is: bytes, name, store,
 * and only then is the log forgotten up to the number. Between name and store the file fits
 * nothing, and a start takes the long way. */
#include "engine/checkpoint.h"

#include "base/log.h"
#include "base/metrics.h"
#include "columns/columns_file.h"
#include "engine/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_NAME "columns.ckp"
#define FILE_NEW FILE_NAME ".tmp"
#define ROWS_PER_CHANGE 4   /* a file is written when a quarter of the rows has changed */
#define WORN_ROWS_MIN 65536 /* removed rows in a file that are always too few */
#define WORN_PER_ROW 2      /* more removed rows than this for each: better made anew */

static bool os_failed(struct err *e, const char *what)
{
    int errnum = errno;
    return err_set(e, errnum == ENOSPC || errnum == EDQUOT ? ERR_FULL : ERR_IO, 0,
                   "cannot %s the file of the columns: %s", what, strerror(errnum));
}

static int directory_open(struct engine *en, struct err *e)
{
    int dir = open(en->config.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        os_failed(e, "find");
    return dir;
}

/* What else rows depend on. */
static uint64_t made_with(const struct engine *en)
{
    return (uint64_t)ROWS_VERSION << 32 | (uint32_t)en->config.columns_max;
}

/* --- writing -------------------------------------------------------------------------------- */

static bool write_rows(const struct columns_view *v, uint64_t token, int dir, struct err *e)
{
    int fd = openat(dir, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return os_failed(e, "make");
    bool ok = columns_save(v, fd, token, 1u << TABLE_OBJECTS, e) &&
              (fsync(fd) == 0 || os_failed(e, "sync"));
    close(fd);
    return ok;
}

/* What is not known to the store is of no use. */
static bool write_file(struct engine *en, const struct columns_view *v,
                       const struct stored_checkpoint *c, int dir, struct err *e)
{
    bool ok = write_rows(v, c->token, dir, e) &&
              (renameat(dir, FILE_NEW, dir, FILE_NAME) == 0 || os_failed(e, "rename"));
    if (!ok) {
        unlinkat(dir, FILE_NEW, 0);
        return false;
    }
    ok = (fsync(dir) == 0 || os_failed(e, "sync")) && store_checkpoint_put(en->store, c, e);
    atomic_store(&en->checkpoint.good, ok ? c->number : 0);
    if (!ok)
        unlinkat(dir, FILE_NAME, 0);
    return ok;
}

static bool prune(struct engine *en, uint64_t before, struct err *e)
{
    bool more = true;
    while (more)
        if (!store_row_log_prune(en->store, before, &more, e))
            return false;
    return true;
}

static void save(struct engine *en, const struct columns_view *v, uint64_t number)
{
    struct stored_checkpoint c = { .number = number, .made_with = made_with(en) };
    int64_t began_us = metric_clock_us();
    struct err e = { 0 };
    randombytes_buf(&c.token, sizeof c.token);
    int dir = directory_open(en, &e);
    bool ok = dir >= 0 && write_file(en, v, &c, dir, &e) && prune(en, number, &e);
    if (dir >= 0)
        close(dir);
    if (ok)
        log_line(LOG_INFO, "checkpoint_written", "number=%llu seconds=%.2f",
                 (unsigned long long)number, (double)(metric_clock_us() - began_us) / 1e6);
    else
        log_line(LOG_WARN, "checkpoint_failed", "reason=%s", log_str(str_from_c(e.msg)));
}

static void *writing_run(void *arg)
{
    struct engine *en = arg;
    struct checkpoint *c = &en->checkpoint;
    save(en, c->view, c->number);
    columns_release(en->columns, c->view);
    atomic_store(&c->is_writing, false);
    return NULL;
}

static void join(struct checkpoint *c)
{
    if (c->started)
        pthread_join(c->thread, NULL);
    c->started = false;
}

static void begin(struct engine *en)
{
    struct checkpoint *c = &en->checkpoint;
    struct err e = { 0 };
    join(c);
    c->rows += c->since;
    c->since = 0;
    if (!store_row_log_last(en->store, &c->number, &e)) {
        log_line(LOG_WARN, "checkpoint_failed", "reason=%s", log_str(str_from_c(e.msg)));
        return;
    }
    c->view = columns_acquire(en->columns);
    atomic_store(&c->is_writing, true);
    c->started = pthread_create(&c->thread, NULL, writing_run, en) == 0;
    if (!c->started) {
        atomic_store(&c->is_writing, false);
        columns_release(en->columns, c->view);
        log_line(LOG_WARN, "checkpoint_failed", "reason=\"no thread\"");
    }
}

void checkpoint_note(struct engine *en, size_t changes)
{
    struct checkpoint *c = &en->checkpoint;
    c->since += changes;
    if (c->since > en->config.checkpoint_changes && c->since > c->rows / ROWS_PER_CHANGE &&
        !c->lacks && !atomic_load(&c->is_writing))
        begin(en);
}

void checkpoint_lacks(struct engine *en)
{
    en->checkpoint.lacks = true;
}

/* The store has forgotten the file. One that is being written just now is refused by the store. */
void checkpoint_forget(struct engine *en)
{
    struct err e = { 0 };
    int dir = directory_open(en, &e);
    en->checkpoint.rows = en->checkpoint.since = 0;
    atomic_store(&en->checkpoint.good, 0);
    if (dir < 0)
        return;
    unlinkat(dir, FILE_NAME, 0);
    close(dir);
}

void checkpoint_end(struct engine *en)
{
    struct checkpoint *c = &en->checkpoint;
    struct err e = { 0 };
    uint64_t last;
    join(c);
    if (!en->writer_started || c->lacks || c->rows + c->since == 0)
        return;
    if (!store_row_log_last(en->store, &last, &e)) {
        log_line(LOG_WARN, "checkpoint_failed", "reason=%s", log_str(str_from_c(e.msg)));
        return;
    }
    if (last == atomic_load(&c->good))
        return;
    const struct columns_view *v = columns_acquire(en->columns);
    save(en, v, last);
    columns_release(en->columns, v);
}

/* --- reading -------------------------------------------------------------------------------- */

bool checkpoint_columns_anew(struct engine *en, struct err *e)
{
    columns_free(en->columns);
    en->columns = NULL;
    return rows_columns_new(en, e);
}

static bool read_file(struct engine *en, uint64_t token, int dir, struct err *e)
{
    uint64_t mark;
    unlinkat(dir, FILE_NEW, 0); /* of a server that was killed */
    int fd = openat(dir, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return os_failed(e, "open");
    bool ok = columns_load(en->columns, fd, &mark, e) &&
              (mark == token || err_set(e, ERR_INPUT, 0, "the file is not of this database"));
    close(fd);
    return ok;
}

static size_t live_rows(const struct table *t)
{
    uint64_t bits[COLUMNS_BLOCK_ROWS / 64];
    size_t n = 0;
    for (uint32_t b = 0; b < table_blocks(t); b++) {
        table_live(t, b, bits);
        for (size_t i = 0; i < COLUMNS_BLOCK_ROWS / 64; i++)
            n += (size_t)__builtin_popcountll(bits[i]);
    }
    return n;
}

/* Removed rows stay in a table, and in its file, until it is made anew. */
static bool check_wear(struct engine *en, struct err *e)
{
    struct arena *a = arena_new((size_t)1 << 30);
    struct stored_access access;
    bool ok = a ? store_access_read(en->store, a, &access, e)
                : err_set(e, ERR_NOMEM, 0, "no memory for the names of projects");
    const struct columns_view *v = columns_acquire(en->columns);
    for (size_t i = 0; ok && i < access.project_count; i++) {
        struct table t;
        if (!columns_table(v, access.projects[i].name, TABLE_OBJECTS, &t))
            continue;
        size_t live = live_rows(&t), removed = t.rows - live;
        en->checkpoint.rows += live;
        ok = removed < WORN_ROWS_MIN || removed / WORN_PER_ROW < live ||
             err_set(e, ERR_LIMIT, 0, "most of its rows have been removed");
    }
    columns_release(en->columns, v);
    arena_free(a);
    return ok;
}

static bool load(struct engine *en)
{
    struct stored_checkpoint c;
    int64_t began_us = metric_clock_us();
    struct err e = { 0 };
    if (!store_checkpoint_read(en->store, &c, &e)) {
        if (e.code != ERR_NOT_FOUND)
            log_line(LOG_WARN, "checkpoint_refused", "reason=%s", log_str(str_from_c(e.msg)));
        return false;
    }
    int dir = directory_open(en, &e);
    bool ok = dir >= 0 &&
              (c.made_with == made_with(en) ||
               err_set(&e, ERR_INPUT, 0, "the rows are made otherwise now")) &&
              read_file(en, c.token, dir, &e) && check_wear(en, &e);
    if (dir >= 0)
        close(dir);
    if (ok) {
        en->checkpoint.number = c.number;
        log_line(LOG_INFO, "checkpoint_read", "number=%llu seconds=%.2f",
                 (unsigned long long)c.number, (double)(metric_clock_us() - began_us) / 1e6);
    } else {
        en->checkpoint.rows = 0;
        log_line(LOG_WARN, "checkpoint_refused", "reason=%s", log_str(str_from_c(e.msg)));
    }
    return ok;
}

static void *loading_run(void *arg)
{
    struct engine *en = arg;
    en->checkpoint.loaded = load(en);
    return NULL;
}

void checkpoint_load(struct engine *en)
{
    struct checkpoint *c = &en->checkpoint;
    c->started = pthread_create(&c->thread, NULL, loading_run, en) == 0;
    if (!c->started)
        loading_run(en); /* now, then */
}

bool checkpoint_loaded(struct engine *en, uint64_t *after)
{
    struct checkpoint *c = &en->checkpoint;
    join(c);
    *after = c->number;
    return c->loaded;
}

void checkpoint_began(struct engine *en, size_t changes, uint64_t number)
{
    if (number > 0)
        en->checkpoint.since = changes;
    else
        en->checkpoint.rows = changes;
    atomic_store(&en->checkpoint.good, number);
}
