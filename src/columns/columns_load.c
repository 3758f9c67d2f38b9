/* columns_load.c - tables from a file, which nobody vouches for: every length, count and code is
 * checked before it is used, and memory is taken for what the file really has.
 *
 * Keys are put in one by one, as the writer puts them; blocks of columns are taken as they are,
 * when all that readers would find in them is in order. */
#include "base/reader.h"
#include "columns/columns_file.h"
#include "columns/columns_file_layout.h"
#include "columns/columns_internal.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct loading {
    struct columns *columns;
    int fd;
    uint64_t at, size; /* of the file */
    struct err *e;
    /* The part that was read. */
    struct file_part head;
    unsigned char *part;
    struct reader in;
    /* A block, unpacked. */
    uint64_t numbers[COLUMNS_BLOCK_ROWS];
    uint64_t set[BLOCK_WORDS];
};

static bool damaged(struct loading *l, const char *what)
{
    return err_set(l->e, ERR_INPUT, l->at, "the file of the columns is damaged: %s", what);
}

static bool no_memory(struct loading *l)
{
    return err_set(l->e, ERR_NOMEM, 0, "the file of the columns");
}

static bool read_exactly(struct loading *l, void *to, uint64_t n)
{
    unsigned char *out = to;
    if (n > l->size - l->at)
        return damaged(l, "it is too short");
    while (n > 0) {
        ssize_t got = pread(l->fd, out, n, (off_t)l->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(l->e, ERR_IO, l->at, "the file of the columns: %s", strerror(errno));
        if (got == 0)
            return damaged(l, "it is too short");
        out += got;
        l->at += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return true;
}

static uint32_t checksum(const unsigned char *bytes, uint64_t n)
{
    uLong crc = crc32(0, NULL, 0);
    for (uint64_t done = 0; done < n;) {
        uInt step = n - done < UINT32_C(1) << 30 ? (uInt)(n - done) : UINT32_C(1) << 30;
        crc = crc32(crc, bytes + done, step);
        done += step;
    }
    return (uint32_t)crc;
}

/* The next part, whole, which must be of that kind. */
static bool part_read(struct loading *l, enum file_part_kind kind)
{
    free(l->part);
    l->part = NULL;
    if (!read_exactly(l, &l->head, sizeof l->head))
        return false;
    if (l->head.kind != (uint32_t)kind || l->head.bytes > l->size - l->at)
        return damaged(l, "a part of the wrong kind or size");
    l->part = malloc(l->head.bytes ? l->head.bytes : 1);
    if (!l->part)
        return no_memory(l);
    if (!read_exactly(l, l->part, l->head.bytes))
        return false;
    if (checksum(l->part, l->head.bytes) != l->head.crc)
        return damaged(l, "the checksum of a part");
    l->in = (struct reader){ .in = { l->part, l->head.bytes } };
    return true;
}

/* The next piece of the part. NULL: it is not there. */
static const void *take(struct loading *l, uint64_t n)
{
    const void *p = reader_take(&l->in, n);
    if (p)
        reader_skip(&l->in, (size_t)(-l->in.pos & 7));
    return p;
}

static bool copy(struct loading *l, void *to, size_t n)
{
    const void *from = take(l, n);
    if (from)
        memcpy(to, from, n);
    return from != NULL || damaged(l, "a part is too short");
}

static bool is_width(unsigned width)
{
    return width == 0 || width == 1 || width == 2 || width == 4 || width == 8;
}

/* Whether a block can be of that form and size at all. */
static bool is_block(const struct file_block *h)
{
    bool is_sparse = h->form == BLOCK_SPARSE || h->form == BLOCK_OPEN;
    if (h->form > BLOCK_OPEN || !is_width(h->width) || h->entries > COLUMNS_BLOCK_ROWS ||
        h->rows > COLUMNS_BLOCK_ROWS)
        return false;
    if (h->form == BLOCK_CELLS && h->width == 0)
        return false;
    if (h->form == BLOCK_OPEN && h->rows != BLOCK_FREE)
        return false;
    return is_sparse || h->rows == h->entries;
}

/* Whether the rows of a sparse block rise, and free entries are at the end of an open one only. */
static bool rows_are_right(const struct block *b)
{
    const uint16_t *rows = (const uint16_t *)(const void *)b->bytes;
    uint32_t used = b->entries;
    while (b->form == BLOCK_OPEN && used > 0 && rows[used - 1] == BLOCK_FREE)
        used--;
    for (uint32_t i = 0; i < used; i++) {
        if (rows[i] >= b->rows || (i > 0 && rows[i] <= rows[i - 1]))
            return false;
    }
    return true;
}

/* One block; *out is NULL when it has no values. It has been unpacked into l->numbers, too. */
static bool block_read(struct loading *l, struct block **out)
{
    struct file_block h;
    *out = NULL;
    if (!copy(l, &h, sizeof h))
        return false;
    if (h.rows == 0) {
        memset(l->set, 0, sizeof l->set);
        return true;
    }
    if (!is_block(&h))
        return damaged(l, "a block");
    struct memory_pool *m = &l->columns->memory;
    struct block shape = { .entries = h.entries, .form = h.form, .width = h.width };
    const void *bytes = take(l, block_bytes(&shape));
    if (!bytes)
        return damaged(l, "a block is too short");
    struct block *b = memory_new(m, sizeof *b + block_bytes(&shape));
    if (!b)
        return no_memory(l);
    *b = shape;
    b->base = h.base;
    b->born = m->period;
    b->rows = h.rows;
    b->is_packed = h.is_packed != 0;
    memcpy(b->bytes, bytes, block_bytes(&shape));
    if (block_is_sparse(b) && !rows_are_right(b)) {
        memory_free(m, b);
        return damaged(l, "the rows of a block");
    }
    block_numbers(b, COLUMNS_BLOCK_ROWS, 0, l->numbers, l->set);
    for (uint32_t w = 0; w < BLOCK_WORDS; w++)
        b->set += (uint32_t)__builtin_popcountll(l->set[w]);
    *out = b;
    return true;
}

/* Rows of a block that the table has. */
static uint32_t rows_of_block(uint32_t rows, uint32_t block)
{
    uint32_t left = rows - block * COLUMNS_BLOCK_ROWS;
    return left < COLUMNS_BLOCK_ROWS ? left : COLUMNS_BLOCK_ROWS;
}

static uint32_t blocks_of(uint32_t rows)
{
    return rows / COLUMNS_BLOCK_ROWS + (rows % COLUMNS_BLOCK_ROWS != 0);
}

/* Whether none of the bits from `rows` on is 1. */
static bool bits_end(const uint64_t *bits, uint32_t rows)
{
    if (rows % 64 != 0 && bits[rows / 64] >> rows % 64 != 0)
        return false;
    for (uint32_t w = (rows + 63) / 64; w < BLOCK_WORDS; w++) {
        if (bits[w] != 0)
            return false;
    }
    return true;
}

/* What was removed. */
static bool dead_read(struct loading *l, struct table_state *t, uint32_t rows)
{
    struct memory_pool *m = &l->columns->memory;
    if (blocks_of(rows) > l->in.in.len / sizeof(uint64_t))
        return damaged(l, "more rows than it has");
    if (!block_list_extend(m, &t->dead, blocks_of(rows)))
        return no_memory(l);
    for (uint32_t b = 0; b < blocks_of(rows); b++) {
        uint64_t count = 0;
        if (!copy(l, &count, sizeof count))
            return false;
        if (count == 0)
            continue;
        struct dead_rows *dead = memory_new(m, sizeof *dead);
        if (!dead)
            return no_memory(l);
        t->dead.at[b] = dead;
        dead->born = m->period;
        if (!copy(l, dead->bits, sizeof dead->bits))
            return false;
        for (uint32_t w = 0; w < BLOCK_WORDS; w++)
            dead->count += (uint32_t)__builtin_popcountll(dead->bits[w]);
        if (dead->count != count || !bits_end(dead->bits, rows_of_block(rows, b)))
            return damaged(l, "removed rows");
    }
    return true;
}

static bool keys_of_block(struct loading *l, struct table_state *t, uint32_t rows, uint32_t b)
{
    struct block *block;
    const struct dead_rows *dead = t->dead.at[b];
    uint32_t count = rows_of_block(rows, b);
    if (!block_read(l, &block))
        return false;
    bool none = !block, full = block && block->set == count && bits_end(l->set, count);
    memory_free(&l->columns->memory, block);
    if (none && dead && dead->count == COLUMNS_BLOCK_ROWS)
        return keys_skip_block(l->columns, t) || no_memory(l);
    if (!full)
        return damaged(l, "rows without a key");
    for (uint32_t i = 0; i < count; i++) {
        if (!keys_open(l->columns, t, l->numbers[i]))
            return no_memory(l);
        keys_put(l->columns, t, l->numbers[i]);
        t->rows++;
    }
    return true;
}

/* Whether the values of the block that was read can be in the column. */
static bool values_are_right(const struct loading *l, const struct column_state *s, uint32_t rows)
{
    if (!bits_end(l->set, rows))
        return false;
    uint64_t end = s->type == COLUMN_STRING ? s->texts.texts : s->type == COLUMN_BOOL ? 2 : 0;
    bool right = true;
    for (uint32_t i = 0; end > 0 && i < rows; i++)
        right &= l->numbers[i] < end; /* 0 where unset */
    for (uint32_t i = 0; s->type == COLUMN_DOUBLE && i < rows; i++) {
        struct cell v = image_value(COLUMN_DOUBLE, l->numbers[i]);
        right &= !isnan(v.d);
    }
    return right;
}

static bool texts_read(struct loading *l, struct column_state *s, const struct file_column *h)
{
    const uint8_t *bytes = take(l, h->text_bytes);
    if (!bytes || h->texts > h->text_bytes) /* each has one byte at least */
        return damaged(l, "the texts of a column");
    if (h->texts > DICTIONARY_TEXTS_MAX || (h->texts > 0 && s->type != COLUMN_STRING))
        return damaged(l, "a column with too many texts");
    if (!dictionary_reserve(&s->texts, &l->columns->memory, h->texts))
        return no_memory(l);
    struct bytes rest = { bytes, h->text_bytes };
    for (uint32_t i = 0; i < h->texts; i++) {
        struct kept_text text;
        uint32_t code;
        if (!dictionary_record_take(&rest, &text))
            return damaged(l, "a text");
        if (!dictionary_add(&s->texts, &l->columns->memory, &text, &code, l->e))
            return false;
    }
    return rest.len == 0 || damaged(l, "the texts of a column");
}

static bool blocks_read(struct loading *l, struct table_state *t, struct column_state *s,
                        uint32_t blocks)
{
    if (blocks > blocks_of(t->rows))
        return damaged(l, "a column with too many blocks");
    if (!block_list_extend(&l->columns->memory, &s->blocks, blocks))
        return no_memory(l);
    for (uint32_t b = 0; b < blocks; b++) {
        struct block *block;
        if (!block_read(l, &block))
            return false;
        s->blocks.at[b] = block;
        if (block && (block->set == 0 || !values_are_right(l, s, rows_of_block(t->rows, b)) ||
                      (s->type == COLUMN_STRING && s->texts.texts == 0)))
            return damaged(l, "the values of a column");
    }
    return true;
}

static bool column_read(struct loading *l, struct table_state *t)
{
    struct file_column h;
    struct column_state *s;
    if (!part_read(l, PART_COLUMN) || !copy(l, &h, sizeof h))
        return false;
    const char *name = take(l, h.name_bytes);
    if (!name || h.type > COLUMN_STRING)
        return damaged(l, "the name or the type of a column");
    size_t before = t->columns.len;
    if (!column_take(l->columns, t, before, (struct str){ name, h.name_bytes },
                     (enum column_type)h.type, &s, l->e))
        return false;
    if (!s)
        return err_set(l->e, ERR_LIMIT, 0, "the file has a table of more than %zu columns",
                       l->columns->max_columns);
    if (t->columns.len == before)
        return damaged(l, "a column comes twice");
    return texts_read(l, s, &h) && blocks_read(l, t, s, h.blocks) &&
           (l->in.pos == l->in.in.len || damaged(l, "a part is too long"));
}

static bool table_read(struct loading *l)
{
    struct file_table h;
    struct table_state *t;
    if (!part_read(l, PART_TABLE) || !copy(l, &h, sizeof h))
        return false;
    const char *project = take(l, h.project_bytes);
    if (!project || h.kind > TABLE_ISSUES || h.rows > ROWS_MAX)
        return damaged(l, "a table");
    struct str name = { project, h.project_bytes };
    if (!table_take(l->columns, name, (enum table_kind)h.kind, &t, l->e))
        return false;
    if (t->rows > 0 || t->columns.len > 0)
        return damaged(l, "a table comes twice");
    if (!table_touch(l->columns, t))
        return no_memory(l);
    if (!dead_read(l, t, h.rows) || !part_read(l, PART_KEYS))
        return false;
    for (uint32_t b = 0; b < blocks_of(h.rows); b++) {
        if (!keys_of_block(l, t, h.rows, b))
            return false;
    }
    if (h.newest < t->greatest)
        return damaged(l, "the newest key");
    t->newest = h.newest;
    for (uint32_t i = 0; i < h.columns; i++) {
        if (!column_read(l, t))
            return false;
    }
    return true;
}

static bool head_read(struct loading *l, struct file_head *h)
{
    if (!read_exactly(l, h, sizeof *h))
        return false;
    if (memcmp(h->magic, FILE_MAGIC, sizeof h->magic) != 0)
        return damaged(l, "it does not begin like one");
    if (h->version != FILE_VERSION)
        return err_set(l->e, ERR_INPUT, 0, "the file of the columns is of version %u, not %u",
                       h->version, FILE_VERSION);
    if (checksum((const unsigned char *)&h->mark, sizeof *h - offsetof(struct file_head, mark)) !=
        h->crc)
        return damaged(l, "the checksum of its head");
    return true;
}

static bool all_read(struct loading *l, uint64_t *mark)
{
    struct file_head h;
    struct stat st;
    if (fstat(l->fd, &st) != 0)
        return err_set(l->e, ERR_IO, 0, "the file of the columns: %s", strerror(errno));
    l->size = (uint64_t)st.st_size;
    if (!head_read(l, &h))
        return false;
    for (uint64_t i = 0; i < h.tables; i++) {
        if (!table_read(l))
            return false;
    }
    *mark = h.mark;
    return part_read(l, PART_END) && (l->at == l->size || damaged(l, "there is more behind it"));
}

bool columns_load(struct columns *c, int fd, uint64_t *mark, struct err *e)
{
    struct loading *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, 0, "the file of the columns");
    l->columns = c;
    l->fd = fd;
    l->e = e;
    bool ok = all_read(l, mark);
    if (!ok)
        columns_forget(c);
    columns_publish(c);
    free(l->part);
    free(l);
    return ok;
}
