/* mapcache.c - looks places up in an open image. The header's counts and sections were checked when
 * it was opened; what is found inside the sections is checked here, as it is followed. */
#include "sourcemap/mapcache_internal.h"

/* ---- texts ---- */

struct str mapcache_text(const struct mapcache *c, uint32_t number)
{
    struct bytes index = c->sections[SECTION_TEXT_INDEX], all = c->sections[SECTION_TEXTS];
    if (number >= c->texts)
        return (struct str){ "", 0 };
    uint32_t from = get_bits(index.ptr, (uint64_t)number * c->text_bits, c->text_bits);
    uint32_t to = get_bits(index.ptr, ((uint64_t)number + 1) * c->text_bits, c->text_bits);
    if (from >= to || to > all.len)
        return (struct str){ "", 0 };
    return (struct str){ (const char *)all.ptr + from, to - from };
}

struct str mapcache_text_or_none(const struct mapcache *c, uint32_t number)
{
    return number ? mapcache_text(c, number - 1) : (struct str){ "", 0 };
}

bool mapcache_read_points(struct mapcache_points *p, struct reader *r)
{
    p->at = reader_u32(r);
    p->count = reader_u32(r);
    for (int i = 0; i < 3; i++)
        p->bits[i] = reader_u8(r);
    reader_skip(r, 1);
    return p->bits[0] <= 32 && p->bits[1] <= 32 && p->bits[2] <= 32;
}

/* ---- mappings ---- */

/* The block whose first mapping is the last at or before the key. */
static bool find_block(const struct mapcache *c, uint64_t key, uint32_t *block)
{
    uint32_t at = 0;
    for (unsigned level = c->keys.levels; level-- > 0;) {
        const uint8_t *keys = c->keys.at[level] + (size_t)at * MAPCACHE_FANOUT * 8;
        uint32_t n = 0;
        if (level == 0) /* one of these is read next */
            __builtin_prefetch(c->sections[SECTION_OFFSETS].ptr + (size_t)at * MAPCACHE_FANOUT * 4);
        for (unsigned i = 0; i < MAPCACHE_FANOUT; i++)
            n += load_le64(keys + (size_t)i * 8) <= key;
        if (n == 0)
            return false;
        at = at * MAPCACHE_FANOUT + n - 1;
        if (at >= c->keys.counts[level])
            at = c->keys.counts[level] - 1; /* what fills the level up is not there */
    }
    *block = at;
    return c->keys.levels > 0;
}

/* A block whose fields are known to lie within the section. */
struct block {
    const uint8_t *header, *fields;
    unsigned rows;
    uint8_t bits[BLOCK_FIELDS];
    unsigned place_bits, old_bits; /* of a row's line and column; of its source and place there */
    uint32_t line, column;         /* what those of rows are told from */
    uint64_t have_source, have_name;
};

static bool open_bitmaps(struct bytes all, uint32_t at, struct block *b)
{
    const uint8_t *p = all.ptr + at, *bitmap = p + BLOCK_HEADER_BYTES;
    bool sources = p[1] & BLOCK_SOME_HAVE_NO_SOURCE, names = p[1] & BLOCK_HAS_NAMES;
    uint64_t header = (uint64_t)BLOCK_HEADER_BYTES + 8 * sources + 8 * names;
    if (!has_bits(all, at, header * 8))
        return false;
    b->have_source = sources ? load_le64(bitmap) : UINT64_MAX;
    b->have_name = names ? load_le64(bitmap + (sources ? 8 : 0)) : 0;
    b->fields = p + header;
    uint64_t bits = (uint64_t)b->rows * (b->place_bits + b->old_bits) +
                    (uint64_t)__builtin_popcountll(b->have_name) * b->bits[FIELD_NAME];
    return has_bits(all, at + header, bits);
}

static bool open_block(const struct mapcache *c, uint32_t number, struct block *b)
{
    struct bytes all = c->sections[SECTION_BLOCKS];
    uint32_t at = load_le32(c->sections[SECTION_OFFSETS].ptr + (size_t)number * 4);
    uint64_t key = load_le64(c->keys.at[0] + (size_t)number * 8);
    if (!has_bits(all, at, BLOCK_HEADER_BYTES * 8))
        return false;
    b->header = all.ptr + at;
    b->rows = b->header[0];
    if (b->rows == 0 || b->rows > MAPCACHE_BLOCK_ROWS)
        return false;
    for (int i = 0; i < BLOCK_FIELDS; i++) {
        b->bits[i] = b->header[2 + i];
        if (b->bits[i] > 32)
            return false;
    }
    b->place_bits = (unsigned)b->bits[FIELD_LINE] + b->bits[FIELD_COLUMN];
    b->old_bits =
        (unsigned)b->bits[FIELD_SOURCE] + b->bits[FIELD_OLD_LINE] + b->bits[FIELD_OLD_COLUMN];
    b->line = (uint32_t)(key >> 32);
    b->column = b->bits[FIELD_LINE] == 0 ? (uint32_t)key : 0;
    return open_bitmaps(all, at, b);
}

/* Line and column of a row as one number. */
static inline uint64_t row_place(const struct block *b, unsigned row)
{
    uint64_t bit = (uint64_t)row * b->place_bits;
    uint32_t line = b->line + get_bits(b->fields, bit, b->bits[FIELD_LINE]);
    uint32_t column =
        b->column + get_bits(b->fields, bit + b->bits[FIELD_LINE], b->bits[FIELD_COLUMN]);
    return (uint64_t)line << 32 | column;
}

/* The last row at or before the key; the first, when there is none. */
static unsigned find_row(const struct block *b, uint64_t key)
{
    unsigned low = 0, n = b->rows;
    while (n > 1) {
        unsigned half = n / 2;
        low += row_place(b, low + half) <= key ? half : 0;
        n -= half;
    }
    return low;
}

/* What a row says, but for the functions. False: it has no source. */
static bool read_row(const struct mapcache *c, const struct block *b, unsigned row,
                     struct mapcache_spot *out)
{
    uint64_t bit = (uint64_t)b->rows * b->place_bits + (uint64_t)row * b->old_bits;
    const uint8_t *bases = b->header + 2 + BLOCK_FIELDS;
    if (!(b->have_source >> row & 1))
        return false;
    *out = (struct mapcache_spot){ .file = { "", 0 }, .name = { "", 0 }, .function = { "", 0 } };
    out->source = load_le32(bases) + get_bits(b->fields, bit, b->bits[FIELD_SOURCE]);
    bit += b->bits[FIELD_SOURCE];
    out->line = load_le32(bases + 4) + get_bits(b->fields, bit, b->bits[FIELD_OLD_LINE]) + 1;
    bit += b->bits[FIELD_OLD_LINE];
    out->column = get_bits(b->fields, bit, b->bits[FIELD_OLD_COLUMN]) + 1;
    if (b->have_name >> row & 1) {
        uint64_t names_before = b->have_name & ((UINT64_C(1) << row) - 1);
        bit = (uint64_t)b->rows * (b->place_bits + b->old_bits) +
              (uint64_t)__builtin_popcountll(names_before) * b->bits[FIELD_NAME];
        out->name =
            mapcache_text(c, load_le32(bases + 8) + get_bits(b->fields, bit, b->bits[FIELD_NAME]));
    }
    return true;
}

/* ---- sources and functions ---- */

/* The record of a source; `functions` stands at how its functions are kept. */
struct source {
    struct str file;
    uint32_t content; /* record of its text, + 1; 0: it is not known */
    bool ignored;
    struct reader functions;
};

static bool read_source(const struct mapcache *c, uint32_t number, struct source *out)
{
    const uint8_t *records = c->sections[SECTION_SOURCE_RECORDS].ptr;
    if (number >= c->about.sources)
        return false;
    struct reader r = { .in = { records + (size_t)number * SOURCE_RECORD_BYTES,
                                SOURCE_RECORD_BYTES } };
    out->file = mapcache_text_or_none(c, reader_u32(&r));
    out->content = reader_u32(&r);
    out->ignored = reader_u32(&r) & 1;
    out->functions = r;
    return true;
}

/* Name of the function at a line and column (from 1); empty when none is known. */
static struct str find_function(const struct mapcache *c, const struct mapcache_points *p,
                                uint32_t line, uint32_t column)
{
    struct bytes all = c->sections[SECTION_FUNCTIONS];
    unsigned width = (unsigned)p->bits[0] + p->bits[1] + p->bits[2];
    uint64_t key = (uint64_t)(line - 1) << 32 | (column - 1);
    const uint8_t *points = all.ptr + p->at;
    uint32_t low = 0, n = p->count;
    if (n == 0 || !has_bits(all, p->at, (uint64_t)n * width))
        return (struct str){ "", 0 };
    while (n > 0) { /* how many are at or before the key */
        uint32_t half = n / 2;
        uint64_t bit = ((uint64_t)low + half) * width;
        uint64_t at = (uint64_t)get_bits(points, bit, p->bits[0]) << 32 |
                      get_bits(points, bit + p->bits[0], p->bits[1]);
        if (at <= key) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    if (low == 0)
        return (struct str){ "", 0 };
    uint64_t bit = (uint64_t)(low - 1) * width + p->bits[0] + p->bits[1];
    return mapcache_text_or_none(c, get_bits(points, bit, p->bits[2]));
}

bool mapcache_source(const struct mapcache *c, uint32_t source, struct str *file, bool *ignored)
{
    struct source it;
    if (!read_source(c, source, &it))
        return false;
    *file = it.file;
    *ignored = it.ignored;
    return true;
}

/* Of a source whose text is not known, the script's functions are asked. */
static void fill_source(const struct mapcache *c, uint32_t line, uint32_t column,
                        struct mapcache_spot *s)
{
    struct mapcache_points functions;
    struct source it;
    if (!read_source(c, s->source, &it))
        return;
    s->file = it.file;
    s->ignored = it.ignored;
    if (it.content == 0)
        s->function = find_function(c, &c->script, line, column);
    else if (mapcache_read_points(&functions, &it.functions))
        s->function = find_function(c, &functions, s->line, s->column);
}

bool mapcache_find(const struct mapcache *c, uint32_t line, uint32_t column,
                   struct mapcache_spot *out)
{
    uint32_t number;
    struct block b;
    if (line == 0 || column == 0)
        return false;
    uint64_t key = (uint64_t)(line - 1) << 32 | (column - 1);
    if (!find_block(c, key, &number) || !open_block(c, number, &b))
        return false;
    unsigned row = find_row(&b, key);
    uint64_t place = row_place(&b, row);
    if (place > key || place >> 32 != line - 1 || !read_row(c, &b, row, out))
        return false;
    fill_source(c, line, column, out);
    return true;
}

/* ---- lines ---- */

struct content {
    struct str text;
    uint32_t lines_at, lines;
};

static bool find_content(const struct mapcache *c, uint32_t source, struct content *out)
{
    struct source it;
    struct bytes text;
    if (!read_source(c, source, &it) || it.content == 0 || it.content > c->contents)
        return false;
    const uint8_t *p =
        c->sections[SECTION_CONTENT_RECORDS].ptr + (size_t)(it.content - 1) * CONTENT_RECORD_BYTES;
    if (!bytes_slice(c->sections[SECTION_CONTENTS], load_le32(p), load_le32(p + 4), &text))
        return false;
    out->text = (struct str){ (const char *)text.ptr, text.len };
    out->lines_at = load_le32(p + 8);
    out->lines = load_le32(p + 12);
    return true;
}

static bool ends_with(struct str s, const char *end, size_t n)
{
    return s.len >= n && memcmp(s.ptr + s.len - n, end, n) == 0;
}

static size_t line_end_bytes(struct str s)
{
    if (ends_with(s, "\r\n", 2))
        return 2;
    if (ends_with(s, "\n", 1) || ends_with(s, "\r", 1))
        return 1;
    return ends_with(s, "\xe2\x80\xa8", 3) || ends_with(s, "\xe2\x80\xa9", 3) ? 3 : 0;
}

bool mapcache_line(const struct mapcache *c, uint32_t source, uint32_t line, struct str *out)
{
    struct bytes all = c->sections[SECTION_LINES];
    struct content content;
    if (!find_content(c, source, &content) || line == 0 || line > content.lines)
        return false;
    unsigned width = bits_of((uint32_t)content.text.len);
    if (!has_bits(all, content.lines_at, ((uint64_t)content.lines + 1) * width))
        return false;
    const uint8_t *lines = all.ptr + content.lines_at;
    uint32_t from = get_bits(lines, (uint64_t)(line - 1) * width, width);
    uint32_t to = get_bits(lines, (uint64_t)line * width, width);
    if (from > to || to > content.text.len)
        return false;
    *out = (struct str){ content.text.ptr + from, to - from };
    out->len -= line_end_bytes(*out);
    return true;
}
