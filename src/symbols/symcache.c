/* symcache.c - opens an image and looks addresses up in it.
 *
 * Opening reads the header into plain structures and makes sure that every table and column that it
 * tells of lies within its section; what lookups find inside these is checked as they go. */
#include "symbols/symcache.h"

#include "base/packed.h"
#include "symbols/symcache_layout.h"

#include <assert.h>
#include <stdlib.h>

#define BITS_MAX 32
#define BLOCK_BYTES_USUAL 256

struct columns {
    struct bytes data; /* with its slack */
    uint32_t count, record_bits;
    uint8_t bits[COLUMNS_FIELDS_MAX];
    uint16_t at[COLUMNS_FIELDS_MAX]; /* first bit of a field in its record */
};

struct table {
    uint32_t blocks;
    struct key_levels keys;
    const uint8_t *offsets;
    struct bytes data; /* the blocks, with their slack */
};

struct symcache {
    struct bytes image;
    bool mapped; /* ours to unmap */
    struct symcache_about about;
    struct table tables[TABLES];
    struct columns columns[COLUMNS];
    uint32_t file_bits, line_bits; /* of places */
    struct bytes texts, programs;
};

static uint32_t get(const struct columns *c, uint32_t i, unsigned field)
{
    if (i >= c->count)
        return 0;
    return get_bits(c->data.ptr, (uint64_t)i * c->record_bits + c->at[field], c->bits[field]);
}

/* Brings record i into the processor's cache. */
static void fetch(const struct columns *c, uint32_t i)
{
    if (i < c->count)
        __builtin_prefetch(c->data.ptr + ((uint64_t)i * c->record_bits >> 3));
}

/* Text or program i, which lies between its beginning and the next one's. */
static struct bytes get_piece(const struct columns *c, struct bytes all, uint32_t i)
{
    struct bytes piece = { (const uint8_t *)"", 0 };
    uint32_t from = get(c, i, 0), to = get(c, i + 1, 0);
    if (i + 1 < c->count && from < to)
        (void)bytes_slice(all, from, to - from, &piece);
    return piece;
}
static struct str get_text(const struct symcache *c, enum symcache_columns_id id, uint32_t i)
{
    struct bytes b = get_piece(&c->columns[id], c->texts, i);
    return (struct str){ (const char *)b.ptr, b.len };
}

/* ---- opening ---- */

static bool damaged(struct err *e, const char *what)
{
    return cache_image_damaged(&symcache_kind, what, e);
}

static bool open_columns(struct columns *c, unsigned fields, struct reader *r)
{
    c->count = reader_u32(r);
    for (unsigned f = 0; f < COLUMNS_FIELDS_MAX; f++) {
        c->bits[f] = reader_u8(r);
        if (c->bits[f] > BITS_MAX || (f >= fields && c->bits[f] > 0))
            return false;
        c->at[f] = (uint16_t)c->record_bits;
        c->record_bits += c->bits[f];
    }
    reader_skip(r, 2);
    return true;
}

/* Bytes of a section and its slack; `want` are those that it must have. */
static bool open_section(struct bytes *out, struct symcache *c, struct reader *r)
{
    uint64_t offset = reader_u64(r), size = reader_u64(r);
    if (offset % SYMCACHE_ALIGN != 0 || size > UINT64_MAX - SYMCACHE_SLACK)
        return false;
    return bytes_slice(c->image, offset, size + SYMCACHE_SLACK, out);
}

static bool open_table(struct symcache *c, enum symcache_table_id id, struct reader *r)
{
    struct table *t = &c->tables[id];
    struct bytes keys, offsets;
    if (!open_section(&keys, c, r) || !open_section(&offsets, c, r) ||
        !open_section(&t->data, c, r))
        return false;
    t->offsets = offsets.ptr;
    keys.len -= SYMCACHE_SLACK;
    return key_levels_open(&t->keys, symcache_keys, t->blocks, keys) &&
           offsets.len >= (uint64_t)t->blocks * 4 + SYMCACHE_SLACK;
}

static bool open_sections(struct symcache *c, struct reader *r)
{
    for (int t = 0; t < TABLES; t++)
        if (!open_table(c, (enum symcache_table_id)t, r))
            return false;
    for (int i = 0; i < COLUMNS; i++) {
        struct columns *col = &c->columns[i];
        if (!open_section(&col->data, c, r))
            return false;
        uint64_t bits = (uint64_t)col->count * col->record_bits; /* below 2^41 */
        if ((bits + 7) / 8 + SYMCACHE_SLACK > col->data.len)
            return false;
    }
    if (!open_section(&c->texts, c, r) || !open_section(&c->programs, c, r))
        return false;
    return true;
}

static void open_about(struct symcache *c, struct reader *r)
{
    uint32_t kind = reader_u32(r);
    c->about.kind = kind == SYMCACHE_ELF || kind == SYMCACHE_MACHO ? (enum symcache_kind)kind
                                                                   : SYMCACHE_BREAKPAD;
    uint32_t cpu = reader_u32(r);
    c->about.cpu = cpu <= CPU_ARM64 ? (enum cpu)cpu : CPU_UNKNOWN;
    uint32_t *counts[ABOUT_COUNTS] = { &c->about.functions, &c->about.publics,  &c->about.lines,
                                       &c->about.inlines,   &c->about.cfi_rows, &c->about.win_rows,
                                       &c->about.skipped };
    for (int i = 0; i < ABOUT_COUNTS; i++)
        *counts[i] = reader_u32(r);
}

static bool open_about_texts(struct symcache *c, struct reader *r)
{
    struct str *texts[ABOUT_TEXTS] = { [ABOUT_OS] = &c->about.os,
                                       [ABOUT_DEBUG_FILE] = &c->about.debug_file,
                                       [ABOUT_DEBUG_ID] = &c->about.debug_id,
                                       [ABOUT_CODE_FILE] = &c->about.code_file,
                                       [ABOUT_CODE_ID] = &c->about.code_id };
    for (int i = 0; i < ABOUT_TEXTS; i++) {
        struct bytes text;
        uint32_t offset = reader_u32(r), size = reader_u32(r);
        if (!bytes_slice(c->texts, offset, size, &text))
            return false;
        *texts[i] = (struct str){ (const char *)text.ptr, text.len };
    }
    return true;
}

static bool open_rest(struct symcache *c, struct reader *r, struct err *e)
{
    open_about(c, r);
    c->file_bits = reader_u32(r);
    c->line_bits = reader_u32(r);
    if (c->file_bits > BITS_MAX || c->line_bits > BITS_MAX)
        return damaged(e, "impossible widths");
    struct reader texts = *r; /* they can be read when the section of texts is known */
    reader_skip(r, (size_t)ABOUT_TEXTS * 8);
    for (int t = 0; t < TABLES; t++)
        c->tables[t].blocks = reader_u32(r);
    for (int i = 0; i < COLUMNS; i++)
        if (!open_columns(&c->columns[i], columns_fields[i], r))
            return damaged(e, "impossible columns");
    if (!open_sections(c, r) || !open_about_texts(c, &texts) || r->failed || texts.failed)
        return damaged(e, "a section does not fit");
    return true;
}

static bool open_header(struct symcache *c, struct err *e)
{
    struct reader r;
    return cache_image_open(&symcache_kind, c->image, &r, e) && open_rest(c, &r, e);
}

bool symcache_open(struct symcache **out, struct bytes image, struct err *e)
{
    struct symcache *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, 0, "symbol cache: no memory");
    c->image = image;
    if (!open_header(c, e)) {
        free(c);
        return false;
    }
    *out = c;
    return true;
}

bool symcache_open_file(struct symcache **out, const char *path, struct err *e)
{
    struct bytes image;
    if (!cache_image_map(&symcache_kind, path, &image, e))
        return false;
    if (!symcache_open(out, image, e)) {
        cache_image_unmap(image);
        return err_prefix(e, "%s: ", path);
    }
    (*out)->mapped = true;
    return true;
}

void symcache_free(struct symcache *c)
{
    if (!c)
        return;
    if (c->mapped)
        cache_image_unmap(c->image);
    free(c);
}

bool symcache_verify(const struct symcache *c, struct err *e)
{
    return cache_image_verify(&symcache_kind, c->image, e);
}

void symcache_about(const struct symcache *c, struct symcache_about *out)
{
    *out = c->about;
}

/* ---- tables ---- */

/* How many of 16 keys are at or below x. Written so that the compiler compares four at once. */
static unsigned count_keys(const uint8_t *keys, uint32_t x)
{
    uint32_t key[SYMCACHE_FANOUT], n = 0;
    memcpy(key, keys, sizeof key);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (unsigned i = 0; i < SYMCACHE_FANOUT; i++)
        key[i] = __builtin_bswap32(key[i]);
#endif
    for (unsigned i = 0; i < SYMCACHE_FANOUT; i++)
        n += key[i] <= x;
    return n;
}

/* Looking an address up goes in steps; each fetches what the next one reads. First: which 16 of the
 * blocks' own keys. The levels above are small and stay in the processor's cache. */
static bool find_keys(const struct table *t, uint32_t x, uint32_t *sixteen)
{
    uint32_t at = 0;
    if (t->keys.levels == 0)
        return false;
    for (unsigned level = t->keys.levels; --level > 0;) {
        unsigned n = count_keys(t->keys.at[level] + (size_t)at * SYMCACHE_FANOUT * 4, x);
        if (n == 0)
            return false;
        at = at * SYMCACHE_FANOUT + n - 1;
        if (at >= t->keys.counts[level])
            at = t->keys.counts[level] - 1; /* what fills the level up is not there */
    }
    __builtin_prefetch(t->keys.at[0] + (size_t)at * SYMCACHE_FANOUT * 4);
    __builtin_prefetch(t->offsets + (size_t)at * SYMCACHE_FANOUT * 4);
    *sixteen = at;
    return true;
}

struct block {
    const uint8_t *at;
    size_t bytes;   /* up to the end of the table, without the slack */
    uint32_t delta; /* of the address from the block's first */
};

/* Second: the last block that begins at or before x. All lines of it are fetched at once, not one
 * after the other. */
static bool find_block(const struct table *t, uint32_t x, uint32_t sixteen, struct block *out)
{
    unsigned n = count_keys(t->keys.at[0] + (size_t)sixteen * SYMCACHE_FANOUT * 4, x);
    if (n == 0)
        return false;
    uint32_t block = sixteen * SYMCACHE_FANOUT + n - 1;
    if (block >= t->blocks)
        block = t->blocks - 1;
    uint32_t key = load_le32(t->keys.at[0] + (size_t)4 * block);
    uint32_t offset = load_le32(t->offsets + (size_t)4 * block);
    if (key > x || offset > t->data.len || t->data.len - offset < SYMCACHE_SLACK)
        return false;
    *out = (struct block){ t->data.ptr + offset, t->data.len - offset - SYMCACHE_SLACK, x - key };
    for (size_t ahead = 0; ahead <= BLOCK_BYTES_USUAL; ahead += 64)
        __builtin_prefetch(out->at + ahead);
    return true;
}

/* Where a row's values are. */
struct row {
    const uint8_t *bits; /* of the block */
    uint64_t bits_end;   /* first bit from which 8 bytes cannot be read any more */
    uint64_t after;      /* first bit behind the rows */
    uint32_t values[TABLE_FIELDS_MAX];
};

/* The last row with an address at or below `delta`; row 0 has 0. */
static unsigned find_row(const uint8_t *bits, unsigned rows, unsigned width, uint32_t delta)
{
    unsigned at = 0;
    while (rows > 1) {
        unsigned half = rows / 2;
        at += get_bits(bits, (uint64_t)(at + half) * width, width) <= delta ? half : 0;
        rows -= half;
    }
    return at;
}

/* Third: the row. Inlined for each table, whose shape the compiler then knows. */
static inline __attribute__((always_inline)) bool
find_in_block(struct block b, enum symcache_table_id id, struct row *out)
{
    size_t header = symcache_block_header(id);
    unsigned fields = table_shapes[id].fields, based = table_shapes[id].based;
    if (b.bytes < header)
        return false;
    const uint8_t *p = b.at;
    unsigned rows = p[0], width = p[1], record = 0;
    for (unsigned f = 0; f < fields; f++) {
        if (p[2 + f] > BITS_MAX)
            return false;
        record += p[2 + f];
    }
    out->bits = p + header;
    out->bits_end = (b.bytes - header + 1) * 8;
    out->after = (uint64_t)rows * (width + record);
    if (rows == 0 || width > BITS_MAX || out->after >= out->bits_end)
        return false;
    uint64_t at =
        (uint64_t)rows * width + (uint64_t)find_row(out->bits, rows, width, b.delta) * record;
    const uint8_t *base = p + header - (size_t)4 * based;
    for (unsigned f = 0; f < fields; f++) {
        out->values[f] = get_bits(out->bits, at, p[2 + f]);
        if (f < based && out->values[f] > 0)
            out->values[f] += load_le32(base + (size_t)4 * f) - 1;
        at += p[2 + f];
    }
    return true;
}

static inline __attribute__((always_inline)) bool
find(const struct symcache *c, enum symcache_table_id id, uint64_t address, struct row *out)
{
    const struct table *t = &c->tables[id];
    uint32_t x = (uint32_t)address, sixteen;
    struct block block;
    return address <= UINT32_MAX && find_keys(t, x, &sixteen) &&
           find_block(t, x, sixteen, &block) && find_in_block(block, id, out);
}

/* ---- functions, files, lines ---- */

/* Notes what the row says, and fetches the records that it names. */
static void note_row(struct symcache_spot *s, const struct row *row)
{
    const struct symcache *c = s->cache;
    uint64_t at = row->after + (uint64_t)row->values[CODE_PLACE] * (c->file_bits + c->line_bits);
    s->entity = row->values[CODE_ENTITY];
    s->site = row->values[CODE_SITE];
    if (at < row->bits_end && at + c->file_bits < row->bits_end) {
        s->file = get_bits(row->bits, at, c->file_bits);
        s->line = get_bits(row->bits, at + c->file_bits, c->line_bits) + row->values[CODE_LINE];
    }
    fetch(&c->columns[COLUMNS_ENTITIES], s->entity - 1);
    fetch(&c->columns[COLUMNS_SITES], s->site - 1);
    fetch(&c->columns[COLUMNS_FILES], s->file - 1);
}

/* Fetches where the names of the function and of the innermost call begin. */
static void fetch_names(const struct symcache_spot *s)
{
    const struct columns *columns = s->cache->columns;
    uint32_t function = get(&columns[COLUMNS_ENTITIES], s->entity - 1, ENTITY_NAME);
    fetch(&columns[COLUMNS_NAMES], function);
    if (s->site > 0)
        fetch(&columns[COLUMNS_NAMES], get(&columns[COLUMNS_SITES], s->site - 1, SITE_NAME));
}

/* All spots go step by step together: while one waits for memory, so do the others. */
static void find_together(struct symcache_spot *spots, size_t n)
{
    uint32_t sixteen[SYMCACHE_TOGETHER];
    struct block blocks[SYMCACHE_TOGETHER];
    bool found[SYMCACHE_TOGETHER];
    for (size_t i = 0; i < n; i++) {
        struct symcache_spot *s = &spots[i];
        *s = (struct symcache_spot){ .cache = s->cache, .address = s->address };
        found[i] = s->cache && s->address <= UINT32_MAX &&
                   find_keys(&s->cache->tables[TABLE_CODE], (uint32_t)s->address, &sixteen[i]);
    }
    for (size_t i = 0; i < n; i++)
        found[i] = found[i] && find_block(&spots[i].cache->tables[TABLE_CODE],
                                          (uint32_t)spots[i].address, sixteen[i], &blocks[i]);
    for (size_t i = 0; i < n; i++) {
        struct row row;
        if (found[i] && find_in_block(blocks[i], TABLE_CODE, &row))
            note_row(&spots[i], &row);
    }
    for (size_t i = 0; i < n; i++)
        if (spots[i].entity > 0)
            fetch_names(&spots[i]);
}

void symcache_find_many(struct symcache_spot *spots, size_t n)
{
    for (size_t i = 0; i < n; i += SYMCACHE_TOGETHER)
        find_together(spots + i, n - i < SYMCACHE_TOGETHER ? n - i : SYMCACHE_TOGETHER);
}

static struct str file_text(const struct symcache *c, uint32_t file)
{
    return file == 0 ? STR("") : get_text(c, COLUMNS_FILES, file - 1);
}

size_t symcache_frames(const struct symcache_spot *s, struct symcache_frame *out, size_t max)
{
    const struct symcache *c = s->cache;
    assert(max >= 1);
    if (s->entity == 0)
        return 0;
    const struct columns *entities = &c->columns[COLUMNS_ENTITIES];
    const struct columns *sites = &c->columns[COLUMNS_SITES];
    uint32_t entity = s->entity - 1, line = s->line, file = s->file, site = s->site;
    uint32_t start = get(entities, entity, ENTITY_START);
    size_t n = 0;
    for (int depth = 0; site > 0 && depth < SYMCACHE_NESTING_MAX; depth++) {
        uint32_t inner = site - 1, outward = get(sites, inner, SITE_OUTER);
        if (n + 1 < max)
            out[n++] = (struct symcache_frame){
                .function = get_text(c, COLUMNS_NAMES, get(sites, inner, SITE_NAME)),
                .file = file_text(c, file),
                .line = line,
                .start = start,
            };
        line = get(sites, inner, SITE_LINE);
        file = get(sites, inner, SITE_FILE);
        site = outward > 0 && outward < site ? site - outward : 0;
    }
    out[n++] = (struct symcache_frame){
        .function = get_text(c, COLUMNS_NAMES, get(entities, entity, ENTITY_NAME)),
        .file = file_text(c, file),
        .line = line,
        .start = start,
        .parameter_bytes = get(entities, entity, ENTITY_PARAMETERS),
        .is_public = get(entities, entity, ENTITY_PUBLIC) != 0,
    };
    return n;
}

size_t symcache_find(const struct symcache *c, uint64_t address, struct symcache_frame *out,
                     size_t max)
{
    struct symcache_spot spot = { .cache = c, .address = address };
    find_together(&spot, 1);
    return symcache_frames(&spot, out, max);
}

/* ---- unwinding ---- */

static struct bytes program_bytes(const struct symcache *c, uint32_t program)
{
    return get_piece(&c->columns[COLUMNS_PROGRAMS], c->programs, program);
}

bool symcache_cfi(const struct symcache *c, uint64_t address, struct bytes *program)
{
    struct row row;
    if (!find(c, TABLE_CFI, address, &row) || row.values[0] == 0)
        return false;
    *program = program_bytes(c, row.values[0] - 1);
    return program->len > 0;
}

bool symcache_win(const struct symcache *c, uint64_t address, struct symcache_win *out)
{
    struct row row;
    const struct columns *w = &c->columns[COLUMNS_WINS];
    if (!find(c, TABLE_WIN, address, &row) || row.values[0] == 0)
        return false;
    uint32_t i = row.values[0] - 1, flags = get(w, i, WIN_FLAGS);
    if (i >= w->count)
        return false;
    *out = (struct symcache_win){
        .start = get(w, i, WIN_START),
        .size = get(w, i, WIN_SIZE),
        .prolog_size = get(w, i, WIN_PROLOG),
        .epilog_size = get(w, i, WIN_EPILOG),
        .parameter_bytes = get(w, i, WIN_PARAMETERS),
        .saved_register_bytes = get(w, i, WIN_SAVED),
        .local_bytes = get(w, i, WIN_LOCALS),
        .max_stack_bytes = get(w, i, WIN_MAX_STACK),
        .frame_data = (flags & WIN_FLAG_FRAME_DATA) != 0,
        .has_program = (flags & WIN_FLAG_PROGRAM) != 0,
        .allocates_base_pointer = (flags & WIN_FLAG_BASE_POINTER) != 0,
    };
    if (out->has_program)
        out->program = program_bytes(c, get(w, i, WIN_PROGRAM) - 1);
    return true;
}
