/* columns_save.c - tables written to a file, piece by piece. */
#include "columns/columns_file.h"
#include "columns/columns_file_layout.h"
#include "columns/columns_internal.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER_BYTES ((size_t)1 << 18)

struct saving {
    int fd;
    struct err *e;
    bool failed;
    uint64_t at; /* bytes of the file that are written */
    size_t used; /* of the buffer */
    /* The part that is being written; its head is written when it is complete. */
    uint64_t part_at, part_bytes;
    uint32_t crc;
    unsigned char buffer[BUFFER_BYTES];
    struct memory_pool pool; /* for blocks that are packed for the file */
    struct block_parts parts;
};

static void write_at(struct saving *s, const void *bytes, size_t n, uint64_t at)
{
    const unsigned char *from = bytes;
    while (n > 0 && !s->failed) {
        ssize_t done = pwrite(s->fd, from, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            s->failed = true;
            err_set(s->e, errno == ENOSPC ? ERR_FULL : ERR_IO, 0, "the file of the columns: %s",
                    done < 0 ? strerror(errno) : "nothing was written");
            return;
        }
        from += done;
        n -= (size_t)done;
        at += (uint64_t)done;
    }
}

static void flush(struct saving *s)
{
    write_at(s, s->buffer, s->used, s->at);
    s->at += s->used;
    s->used = 0;
}

static void put(struct saving *s, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    while (n > 0) {
        size_t fits = BUFFER_BYTES - s->used < n ? BUFFER_BYTES - s->used : n;
        memcpy(s->buffer + s->used, from, fits);
        s->crc = (uint32_t)crc32(s->crc, from, (uInt)fits);
        s->used += fits;
        s->part_bytes += fits;
        from += fits;
        n -= fits;
        if (s->used == BUFFER_BYTES)
            flush(s);
    }
}

/* Up to a multiple of 8 bytes of the part. */
static void fill(struct saving *s)
{
    static const unsigned char zeros[8];
    put(s, zeros, (size_t)(-s->part_bytes & 7));
}

static void part_begin(struct saving *s)
{
    static const struct file_part none;
    s->part_at = s->at + s->used;
    put(s, &none, sizeof none);
    s->part_bytes = 0;
    s->crc = 0;
}

static void part_end(struct saving *s, enum file_part_kind kind)
{
    fill(s);
    struct file_part head = { kind, s->crc, s->part_bytes };
    if (s->part_at >= s->at) { /* it is in the buffer */
        memcpy(s->buffer + (s->part_at - s->at), &head, sizeof head);
        return;
    }
    flush(s);
    write_at(s, &head, sizeof head, s->part_at);
}

static void block_save(struct saving *s, const struct block *b)
{
    struct file_block head = { 0 };
    if (b)
        head = (struct file_block){
            .base = b->base,
            .rows = b->rows,
            .entries = b->entries,
            .form = b->form,
            .width = b->width,
            .is_packed = b->is_packed,
        };
    put(s, &head, sizeof head);
    if (b)
        put(s, b->bytes, block_bytes(b));
    fill(s);
}

/* The block that grows: what there is of it, packed. */
static void growing_block_save(struct saving *s, const struct block *b, uint32_t rows)
{
    struct block *packed;
    s->parts.rows = rows;
    block_numbers(b, rows, 0, s->parts.images, s->parts.set);
    if (!block_pack(&s->pool, &s->parts, &packed)) {
        s->failed = true;
        err_set(s->e, ERR_NOMEM, 0, "the file of the columns");
        return;
    }
    block_save(s, packed);
    memory_free(&s->pool, packed);
}

static void blocks_save(struct saving *s, const struct column *c, uint32_t rows)
{
    for (uint32_t b = 0; b < c->block_count; b++) {
        uint32_t left = rows - b * COLUMNS_BLOCK_ROWS;
        if (c->blocks[b] && left < COLUMNS_BLOCK_ROWS)
            growing_block_save(s, c->blocks[b], left);
        else
            block_save(s, c->blocks[b]);
    }
}

static void texts_save(struct saving *s, const struct dictionary_view *d)
{
    for (uint32_t code = 0; code < d->texts; code++) {
        struct str kept = dictionary_record(d, code);
        put(s, kept.ptr, kept.len);
    }
    fill(s);
}

/* Blocks that the list may have; it may have one more, for a row that is not shown yet. */
static struct column column_shown(const struct column *c, uint32_t rows)
{
    uint32_t blocks = (rows + COLUMNS_BLOCK_ROWS - 1) / COLUMNS_BLOCK_ROWS;
    struct column shown = *c;
    shown.block_count = shown.block_count < blocks ? shown.block_count : blocks;
    return shown;
}

static void column_save(struct saving *s, const struct column *of, uint32_t rows)
{
    struct column c = column_shown(of, rows);
    struct file_column head = {
        .type = (uint32_t)c.type,
        .name_bytes = (uint32_t)c.name.len,
        .texts = c.texts.texts,
        .blocks = c.block_count,
    };
    for (uint32_t code = 0; code < c.texts.texts; code++)
        head.text_bytes += dictionary_record(&c.texts, code).len;
    part_begin(s);
    put(s, &head, sizeof head);
    put(s, c.name.ptr, c.name.len);
    fill(s);
    texts_save(s, &c.texts);
    blocks_save(s, &c, rows);
    part_end(s, PART_COLUMN);
}

static void table_save(struct saving *s, const struct table_state *t, const struct table_version *v)
{
    struct file_table head = {
        .newest = v->newest,
        .kind = (uint32_t)t->kind,
        .rows = v->keys.rows,
        .columns = v->column_count,
        .project_bytes = (uint32_t)t->project.len,
    };
    part_begin(s);
    put(s, &head, sizeof head);
    put(s, t->project.ptr, t->project.len);
    fill(s);
    struct column keys = column_shown(&v->keys.column, head.rows);
    for (uint32_t b = 0; b < keys.block_count; b++) {
        const struct dead_rows *dead = b < v->keys.dead_count ? v->keys.dead[b] : NULL;
        uint64_t count = dead ? dead->count : 0;
        put(s, &count, sizeof count);
        if (count > 0)
            put(s, dead->bits, sizeof dead->bits);
    }
    part_end(s, PART_TABLE);
    part_begin(s);
    blocks_save(s, &keys, head.rows);
    part_end(s, PART_KEYS);
    for (uint32_t i = 0; i < v->column_count && !s->failed; i++)
        column_save(s, v->columns[i], head.rows);
}

static void all_save(struct saving *s, const struct columns *c, uint64_t mark, unsigned kinds)
{
    struct file_head head = { .magic = FILE_MAGIC, .version = FILE_VERSION, .mark = mark };
    put(s, &head, sizeof head);
    uint32_t tables = atomic_load_explicit(&c->table_count, memory_order_acquire);
    for (uint32_t i = 0; i < tables && !s->failed; i++) {
        const struct table_state *t = table_at(c, i);
        const struct table_version *v = atomic_load_explicit(&t->shown, memory_order_acquire);
        if (!v || !(kinds >> t->kind & 1))
            continue;
        table_save(s, t, v);
        head.tables++;
    }
    part_begin(s);
    part_end(s, PART_END);
    flush(s);
    head.crc = (uint32_t)crc32(0, (const unsigned char *)&head.mark,
                               (uInt)(sizeof head - offsetof(struct file_head, mark)));
    write_at(s, &head, sizeof head, 0);
}

bool columns_save(const struct columns_view *v, int fd, uint64_t mark, unsigned kinds,
                  struct err *e)
{
    struct saving *s = calloc(1, sizeof *s);
    if (!s || !memory_pool_init(&s->pool, NULL)) {
        free(s);
        return err_set(e, ERR_NOMEM, 0, "the file of the columns");
    }
    s->fd = fd;
    s->e = e;
    all_save(s, memory_owner(v), mark, kinds);
    bool ok = !s->failed;
    memory_pool_done(&s->pool);
    free(s);
    return ok;
}
