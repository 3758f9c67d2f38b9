/* symcache_image.c - writes the image: header, sections, sums. The rows come from symcache_code.c
 * and symcache_unwind.c. */
#include "symbols/symcache_image.h"

#include "base/utf8.h"
#include "base/write_all.h"
#include "report/demangle.h"

#include <assert.h>

#define SCRATCH_BYTES ((size_t)1 << 20) /* for a demangled name */

/* ---- what is used gets a number ---- */

static bool used_init(struct used *u, const struct pool *pool)
{
    u->pool = pool;
    u->numbers = calloc(pool->items.len + 1, sizeof *u->numbers);
    return u->numbers != NULL;
}

static void used_done(struct used *u)
{
    free(u->numbers);
    VEC_FREE(&u->order);
}

uint32_t used_number(struct used *u, uint32_t item)
{
    assert(item < u->pool->items.len);
    if (u->numbers[item] == 0) {
        if (!VEC_PUSH(&u->order, item)) {
            u->failed = true;
            return 0;
        }
        u->numbers[item] = (uint32_t)u->order.len;
    }
    return u->numbers[item] - 1;
}

static struct str used_text(const struct used *u, size_t i)
{
    const struct pool_item *item = &u->pool->items.at[u->order.at[i]];
    return (struct str){ item->len ? u->pool->bytes.at + item->offset : "", item->len };
}

/* ---- sections ---- */

struct output {
    struct image *img;
    struct arena *scratch;
    struct buf header;
    struct buf parts[SECTIONS];
    size_t bytes[SECTIONS]; /* without the slack */
    uint32_t about[ABOUT_TEXTS][2];
    uint32_t records[COLUMNS];
    uint8_t bits[COLUMNS][COLUMNS_FIELDS_MAX];
};

static bool looks_mangled(struct str s)
{
    if (s.len > 0 && s.ptr[0] == '_' && s.len > 3) {
        char c = s.ptr[1] == '_' ? s.ptr[2] : s.ptr[1];
        return c == 'Z' || c == 'R' || c == 'D';
    }
    return false;
}

/* Adds text, with U+FFFD for what is not UTF-8. */
static void add_utf8(struct buf *out, struct str text)
{
    for (;;) {
        size_t n = utf8_valid_prefix(text);
        buf_add(out, text.ptr, n);
        if (n == text.len)
            return;
        buf_str(out, STR(UTF8_REPLACEMENT));
        text = (struct str){ text.ptr + n + 1, text.len - n - 1 };
    }
}

static bool add_name(struct output *o, struct str name)
{
    struct str text = name;
    if (looks_mangled(name)) {
        arena_reset(o->scratch);
        if (!demangle_full(name, o->scratch, &text))
            return builder_nomem(o->img->b);
    }
    add_utf8(&o->parts[SECTION_TEXTS], text);
    return true;
}

/* The texts or programs of a pool behind each other, and the column of where each begins. */
static bool write_pool(struct output *o, enum symcache_columns_id id, const struct used *u,
                       int section)
{
    struct buf *out = &o->parts[section];
    size_t n = u->order.len;
    uint32_t *offsets = calloc(n + 1, sizeof *offsets);
    bool ok = offsets != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        offsets[i] = (uint32_t)out->len;
        if (id == COLUMNS_NAMES)
            ok = add_name(o, used_text(u, i));
        else if (id == COLUMNS_FILES)
            add_utf8(out, used_text(u, i));
        else
            buf_str(out, used_text(u, i));
    }
    if (ok) {
        offsets[n] = (uint32_t)out->len;
        o->records[id] = (uint32_t)(n + 1);
        columns_write(&o->parts[SECTION_COLUMNS + id], offsets, n + 1, 1, o->bits[id]);
    }
    free(offsets);
    return ok || builder_nomem(o->img->b);
}

static void write_columns(struct output *o, enum symcache_columns_id id, const uint32_t *numbers,
                          size_t count)
{
    unsigned fields = columns_fields[id];
    o->records[id] = (uint32_t)(count / fields);
    columns_write(&o->parts[SECTION_COLUMNS + id], numbers, count / fields, fields, o->bits[id]);
}

static void write_about_texts(struct output *o)
{
    const struct symcache_about *a = &o->img->about;
    const struct str texts[ABOUT_TEXTS] = { [ABOUT_OS] = a->os,
                                            [ABOUT_DEBUG_FILE] = a->debug_file,
                                            [ABOUT_DEBUG_ID] = a->debug_id,
                                            [ABOUT_CODE_FILE] = a->code_file,
                                            [ABOUT_CODE_ID] = a->code_id };
    for (int i = 0; i < ABOUT_TEXTS; i++) {
        o->about[i][0] = (uint32_t)o->parts[SECTION_TEXTS].len;
        o->about[i][1] = (uint32_t)texts[i].len;
        buf_str(&o->parts[SECTION_TEXTS], texts[i]);
    }
}

static void take_tables(struct output *o)
{
    for (int t = 0; t < TABLES; t++) {
        struct table_writer *w = &o->img->tables[t];
        struct buf *to = &o->parts[SECTION_TABLES + 3 * t];
        table_end(w);
        to[SECTION_KEYS] = w->keys;
        to[SECTION_OFFSETS] = w->offsets;
        to[SECTION_BLOCKS] = w->blocks;
        w->keys = w->offsets = w->blocks = (struct buf){ 0 }; /* they are the output's now */
    }
}

static bool write_sections(struct output *o)
{
    struct image *img = o->img;
    take_tables(o);
    write_columns(o, COLUMNS_ENTITIES, img->entities.at, img->entities.len);
    write_columns(o, COLUMNS_SITES, img->sites.at, img->sites.len);
    write_columns(o, COLUMNS_WINS, img->wins.at, img->wins.len);
    if (!write_pool(o, COLUMNS_NAMES, &img->names, SECTION_TEXTS) ||
        !write_pool(o, COLUMNS_FILES, &img->files, SECTION_TEXTS) ||
        !write_pool(o, COLUMNS_PROGRAMS, &img->programs, SECTION_PROGRAMS))
        return false;
    write_about_texts(o);
    return true;
}

/* Slack, and zeros up to where the next section begins. */
static bool end_sections(struct output *o)
{
    static const char zeros[SYMCACHE_ALIGN + SYMCACHE_SLACK];
    for (int s = 0; s < SECTIONS; s++) {
        struct buf *p = &o->parts[s];
        o->bytes[s] = p->len;
        size_t end =
            (p->len + SYMCACHE_SLACK + SYMCACHE_ALIGN - 1) / SYMCACHE_ALIGN * SYMCACHE_ALIGN;
        buf_add(p, zeros, end - p->len);
        if (p->failed || p->len > UINT32_MAX)
            return err_set(&o->img->b->err, ERR_LIMIT, 0,
                           "symbol cache: a part of it takes more than %zu bytes", p->max_bytes);
    }
    return true;
}

/* ---- the header ---- */

static struct bytes part_bytes(const struct buf *part)
{
    return (struct bytes){ (const uint8_t *)part->ptr, part->len };
}

static uint64_t sum_sections(const struct output *o)
{
    struct cache_image_sum sum;
    cache_image_sum_init(&sum);
    for (int s = 0; s < SECTIONS; s++)
        cache_image_sum_add(&sum, part_bytes(&o->parts[s]));
    return cache_image_sum_end(&sum);
}

static void write_lists(struct output *o)
{
    struct buf *h = &o->header;
    for (int i = 0; i < ABOUT_TEXTS; i++) {
        buf_le32(h, o->about[i][0]);
        buf_le32(h, o->about[i][1]);
    }
    for (int t = 0; t < TABLES; t++)
        buf_le32(h, (uint32_t)(o->bytes[SECTION_TABLES + 3 * t + SECTION_OFFSETS] / 4));
    for (int i = 0; i < COLUMNS; i++) {
        buf_le32(h, o->records[i]);
        buf_add(h, o->bits[i], COLUMNS_FIELDS_MAX);
        buf_le16(h, 0);
    }
    uint64_t offset = SYMCACHE_HEADER_BYTES;
    for (int s = 0; s < SECTIONS; s++) {
        buf_le64(h, offset);
        buf_le64(h, o->bytes[s]);
        offset += o->parts[s].len;
    }
}

static void write_header(struct output *o)
{
    struct buf *h = &o->header;
    const struct symcache_about *a = &o->img->about;
    const uint32_t counts[ABOUT_COUNTS] = { a->functions, a->publics,  a->lines,  a->inlines,
                                            a->cfi_rows,  a->win_rows, a->skipped };
    uint64_t image_bytes = SYMCACHE_HEADER_BYTES;
    for (int s = 0; s < SECTIONS; s++)
        image_bytes += o->parts[s].len;
    cache_image_begin(&symcache_kind, h, image_bytes, sum_sections(o));
    buf_le32(h, (uint32_t)a->kind);
    buf_le32(h, (uint32_t)a->cpu);
    for (int i = 0; i < ABOUT_COUNTS; i++)
        buf_le32(h, counts[i]);
    buf_le32(h, o->img->tables[TABLE_CODE].file_bits);
    buf_le32(h, o->img->tables[TABLE_CODE].line_bits);
    write_lists(o);
    cache_image_end(&symcache_kind, h);
}

/* ---- all together ---- */

static bool image_init(struct image *img, struct symcache_builder *b)
{
    *img = (struct image){ .b = b, .about = b->about };
    for (int t = 0; t < TABLES; t++)
        table_init(&img->tables[t], (enum symcache_table_id)t, b->limit_bytes);
    img->tables[TABLE_CODE].file_bits = bits_of((uint32_t)b->files.items.len);
    img->tables[TABLE_CODE].line_bits = bits_of(b->line_bits);
    return used_init(&img->names, &b->names) && used_init(&img->files, &b->files) &&
           used_init(&img->programs, &b->programs);
}

static void image_done(struct image *img)
{
    used_done(&img->names);
    used_done(&img->files);
    used_done(&img->programs);
    VEC_FREE(&img->entities);
    VEC_FREE(&img->sites);
    VEC_FREE(&img->wins);
    for (int t = 0; t < TABLES; t++)
        table_done(&img->tables[t]);
}

static bool make_image(struct image *img, struct symcache_builder *b)
{
    if (!image_init(img, b) || !image_code(img) || !image_unwind(img) || img->names.failed ||
        img->files.failed || img->programs.failed)
        return builder_nomem(b);
    return true;
}

static void output_init(struct output *o, struct image *img)
{
    *o = (struct output){ .img = img, .scratch = arena_new(SCRATCH_BYTES) };
    buf_init(&o->header, SYMCACHE_HEADER_BYTES);
    for (int s = 0; s < SECTIONS; s++)
        buf_init(&o->parts[s], img->b->limit_bytes);
}

static void output_done(struct output *o)
{
    arena_free(o->scratch);
    buf_done(&o->header);
    for (int s = 0; s < SECTIONS; s++)
        buf_done(&o->parts[s]);
}

static bool write_part_file(void *ctx, const struct buf *part, struct err *e)
{
    return write_all(*(int *)ctx, buf_view(part), "symbol cache: cannot be written", e);
}

static bool write_part_buf(void *ctx, const struct buf *part, struct err *e)
{
    struct buf *out = ctx;
    buf_add(out, part->ptr, part->len);
    return buf_ok(out) ||
           err_set(e, ERR_LIMIT, 0, "symbol cache: more than %zu bytes", out->max_bytes);
}

/* Makes the image and hands over its parts, front to back. */
static bool write_image(struct symcache_builder *b,
                        bool (*write_part)(void *ctx, const struct buf *part, struct err *e),
                        void *ctx, struct err *e)
{
    struct image img = { .b = b };
    struct output o;
    bool ok = b->err.code == ERR_NONE && make_image(&img, b);
    output_init(&o, &img);
    ok = ok && (o.scratch || builder_nomem(b)) && write_sections(&o) && end_sections(&o);
    if (ok)
        write_header(&o);
    if (!ok || (!buf_ok(&o.header) && !builder_nomem(b)))
        *e = b->err;
    else
        ok = write_part(ctx, &o.header, e);
    for (int s = 0; ok && s < SECTIONS; s++)
        ok = write_part(ctx, &o.parts[s], e);
    output_done(&o);
    image_done(&img);
    return ok;
}

bool symcache_write_file(struct symcache_builder *b, int fd, struct err *e)
{
    return write_image(b, write_part_file, &fd, e);
}

bool symcache_write_buf(struct symcache_builder *b, struct buf *out, struct err *e)
{
    return write_image(b, write_part_buf, out, e);
}
