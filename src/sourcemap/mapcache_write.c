/* mapcache_write.c - the image as a whole: header, sections, sums. Rows come from mapcache_rows.c,
 * functions from mapcache_functions.c. */
#include "sourcemap/mapcache_write.h"

#include "base/utf8.h"

#include <assert.h>

struct content {
    uint32_t at, len, lines_at, lines;
    struct mapcache_points functions;
};

struct output {
    const struct map *m;
    struct arena *arena;
    struct texts texts;
    struct texts contents; /* their texts, each once */
    VEC(struct content) records;
    struct buf parts[SECTIONS];
    uint64_t offsets[SECTIONS], sizes[SECTIONS];
    uint32_t counts[ABOUT_COUNTS], blocks, text_bits, about[ABOUT_TEXTS];
    struct mapcache_points script; /* its own functions */
    struct err *e;
};
enum { COUNT_MAPPINGS, COUNT_SOURCES, COUNT_CONTENTS, COUNT_NAMES, COUNT_FUNCTIONS };

static bool no_memory(struct output *o)
{
    return err_set(o->e, ERR_NOMEM, 0, "no memory for the source map's cache");
}

/* ---- texts ---- */

struct same_text {
    const struct texts *texts;
    struct str text;
};
static bool is_same_text(const void *ctx, uint32_t id)
{
    const struct same_text *s = ctx;
    return str_eq(s->texts->all.at[id], s->text);
}

uint32_t texts_number(struct texts *t, struct str text)
{
    struct same_text same = { t, text };
    uint64_t hash = idmap_hash(text, 0);
    uint32_t id = idmap_find(&t->map, hash, is_same_text, &same);
    if (id != IDMAP_NONE)
        return id;
    id = (uint32_t)t->all.len;
    if (t->all.len == MAP_NUMBER_MAX || !VEC_PUSH(&t->all, text) ||
        !idmap_insert(&t->map, hash, id)) {
        t->failed = true;
        return 0;
    }
    return id;
}

static bool texts_init(struct texts *t)
{
    return idmap_init(&t->map);
}

static void texts_done(struct texts *t)
{
    idmap_done(&t->map);
    VEC_FREE(&t->all);
}

static void write_texts(struct output *o)
{
    struct buf *to = &o->parts[SECTION_TEXTS];
    struct bits b = { .out = &o->parts[SECTION_TEXT_INDEX] };
    size_t total = 0;
    for (size_t i = 0; i < o->texts.all.len; i++)
        total += o->texts.all.at[i].len;
    if (total > UINT32_MAX) {
        to->failed = true;
        return;
    }
    o->text_bits = bits_of((uint32_t)total);
    for (size_t i = 0; i < o->texts.all.len; i++) {
        bits_put(&b, (uint32_t)to->len, o->text_bits);
        buf_str(to, o->texts.all.at[i]);
    }
    bits_put(&b, (uint32_t)to->len, o->text_bits);
    bits_end(&b);
}

/* ---- what the map holds ---- */

/* Names that no mapping has are left out. */
static bool write_mappings(struct output *o)
{
    const struct map *m = o->m;
    const struct mapcache_rows to = { &o->parts[SECTION_BLOCKS], &o->parts[SECTION_KEYS],
                                      &o->parts[SECTION_OFFSETS] };
    uint32_t *numbers = arena_array(o->arena, m->names_count + 1, sizeof *numbers);
    if (!numbers)
        return no_memory(o);
    memset(numbers, 0xff, m->names_count * sizeof *numbers);
    for (size_t i = 0; i < m->mappings_count; i++) {
        uint32_t name = m->mappings[i].name;
        if (name != MAP_NONE && numbers[name] == MAP_NONE)
            numbers[name] = texts_number(&o->texts, m->names[name]);
    }
    o->blocks = mapcache_write_rows(&to, m, numbers);
    o->counts[COUNT_MAPPINGS] = (uint32_t)m->mappings_count;
    o->counts[COUNT_NAMES] = (uint32_t)m->names_count;
    return true;
}

/* Behind the line that begins at `at`, and the end of that line. Lines end as in JavaScript. */
static size_t line_end(struct str text, size_t at)
{
    for (; at < text.len; at++) {
        uint8_t c = (uint8_t)text.ptr[at];
        if (c == '\n')
            return at + 1;
        if (c == '\r')
            return at + 1 < text.len && text.ptr[at + 1] == '\n' ? at + 2 : at + 1;
        if (c == 0xe2 && text.len - at >= 3 && (uint8_t)text.ptr[at + 1] == 0x80 &&
            ((uint8_t)text.ptr[at + 2] | 1) == 0xa9) /* U+2028, U+2029 */
            return at + 3;
    }
    return text.len;
}

static void write_lines(struct output *o, struct content *c, struct str text)
{
    struct bits b = { .out = &o->parts[SECTION_LINES] };
    unsigned width = bits_of((uint32_t)text.len);
    c->lines_at = (uint32_t)b.out->len;
    for (size_t at = 0; at < text.len; at = line_end(text, at)) {
        bits_put(&b, (uint32_t)at, width);
        c->lines++;
    }
    bits_put(&b, (uint32_t)text.len, width);
    bits_end(&b);
}

/* The number of the record of a source's text. */
static bool write_content(struct output *o, struct str text, uint32_t *number)
{
    struct buf *to = &o->parts[SECTION_CONTENTS];
    *number = texts_number(&o->contents, text);
    if (*number < o->records.len)
        return true;
    if (text.len > UINT32_MAX - MAPCACHE_ALIGN || to->len > UINT32_MAX - MAPCACHE_ALIGN - text.len)
        return err_set(o->e, ERR_LIMIT, 0, "sourcesContent: more than 4 GB");
    struct content c = { .at = (uint32_t)to->len, .len = (uint32_t)text.len };
    buf_str(to, text);
    write_lines(o, &c, text);
    if (!mapcache_write_functions(&o->parts[SECTION_FUNCTIONS], &o->texts, text, NULL, o->arena,
                                  &c.functions, &o->counts[COUNT_FUNCTIONS], o->e))
        return false;
    return VEC_PUSH(&o->records, c) || no_memory(o);
}

static void put_points(struct buf *to, const struct mapcache_points *p)
{
    buf_le32(to, p->at);
    buf_le32(to, p->count);
    buf_add(to, p->bits, sizeof p->bits);
    buf_char(to, 0);
}

static bool write_sources(struct output *o)
{
    struct buf *to = &o->parts[SECTION_SOURCE_RECORDS];
    for (size_t i = 0; i < o->m->sources_count; i++) {
        const struct map_source *s = &o->m->sources[i];
        static const struct mapcache_points no_functions;
        uint32_t content = 0;
        if (s->text.ptr && !write_content(o, s->text, &content))
            return err_prefix(o->e, "sourcesContent: entry %zu: ", i);
        buf_le32(to, s->file.ptr ? texts_number(&o->texts, s->file) + 1 : 0);
        buf_le32(to, s->text.ptr ? content + 1 : 0);
        buf_le32(to, s->ignored);
        put_points(to, s->text.ptr ? &o->records.at[content].functions : &no_functions);
        o->counts[COUNT_CONTENTS] += s->text.ptr != NULL;
    }
    o->counts[COUNT_SOURCES] = (uint32_t)o->m->sources_count;
    return true;
}

static void write_records(struct output *o)
{
    struct buf *to = &o->parts[SECTION_CONTENT_RECORDS];
    for (size_t i = 0; i < o->records.len; i++) {
        const struct content *c = &o->records.at[i];
        buf_le32(to, c->at);
        buf_le32(to, c->len);
        buf_le32(to, c->lines_at);
        buf_le32(to, c->lines);
    }
}

/* The script's own functions are asked for places in sources whose text is not known. */
static bool write_script(struct output *o, struct str text)
{
    bool all = true;
    for (size_t i = 0; i < o->m->sources_count; i++)
        all = all && o->m->sources[i].text.ptr;
    return text.len == 0 || all ||
           mapcache_write_functions(&o->parts[SECTION_FUNCTIONS], &o->texts, text, o->m, o->arena,
                                    &o->script, &o->counts[COUNT_FUNCTIONS], o->e) ||
           err_prefix(o->e, "the script: ");
}

/* ---- what is known of it ---- */

/* The last part of a path, with U+FFFD for what is not UTF-8. */
static bool base_name(struct output *o, struct str path, struct str *out)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/' || path.ptr[i - 1] == '\\') {
            path = (struct str){ path.ptr + i, path.len - i };
            break;
        }
    char *to = arena_array(o->arena, path.len + 1, 3);
    if (!to)
        return no_memory(o);
    *out = (struct str){ to, 0 };
    while (path.len > 0) {
        size_t n = utf8_char_len(path), taken = n ? n : 1;
        struct str c = n ? (struct str){ path.ptr, n } : STR(UTF8_REPLACEMENT);
        memcpy(to + out->len, c.ptr, c.len);
        out->len += c.len;
        path = (struct str){ path.ptr + taken, path.len - taken };
    }
    return true;
}

static bool write_about(struct output *o, const struct sourcemap_from *from)
{
    struct str about[ABOUT_TEXTS] = { [ABOUT_DEBUG_ID] = o->m->debug_id };
    if (about[ABOUT_DEBUG_ID].len == 0 && !map_id(from->debug_id, o->arena, &about[ABOUT_DEBUG_ID]))
        return no_memory(o);
    struct str script = from->script.len > 0 ? from->script : o->m->file;
    if (!base_name(o, script, &about[ABOUT_SCRIPT]) ||
        !base_name(o, from->name, &about[ABOUT_NAME]))
        return false;
    for (int i = 0; i < ABOUT_TEXTS; i++)
        o->about[i] = about[i].len ? texts_number(&o->texts, about[i]) + 1 : 0;
    return true;
}

/* ---- the image ---- */

static void zeros(struct buf *out, size_t n)
{
    static const char none[MAPCACHE_ALIGN];
    while (n > 0) {
        size_t some = n < sizeof none ? n : sizeof none;
        buf_add(out, none, some);
        n -= some;
    }
}

static void write_header(const struct output *o, const struct buf *image, size_t begin,
                         struct buf *to)
{
    const uint8_t *whole = (const uint8_t *)image->ptr + begin;
    size_t bytes = image->len - begin;
    uint64_t sum = cache_image_sum(
        (struct bytes){ whole + MAPCACHE_HEADER_BYTES, bytes - MAPCACHE_HEADER_BYTES });
    cache_image_begin(&mapcache_kind, to, bytes, sum);
    for (int i = 0; i < ABOUT_COUNTS; i++)
        buf_le32(to, o->counts[i]);
    buf_le32(to, o->blocks);
    buf_le32(to, (uint32_t)o->texts.all.len);
    buf_le32(to, o->text_bits);
    buf_le32(to, (uint32_t)o->records.len);
    for (int i = 0; i < ABOUT_TEXTS; i++)
        buf_le32(to, o->about[i]);
    put_points(to, &o->script);
    for (int i = 0; i < SECTIONS; i++) {
        buf_le64(to, o->offsets[i]);
        buf_le64(to, o->sizes[i]);
    }
    cache_image_end(&mapcache_kind, to);
}

static bool write_image(struct output *o, struct buf *out)
{
    size_t begin = out->len, total = MAPCACHE_HEADER_BYTES;
    for (int i = 0; i < SECTIONS; i++) {
        if (o->parts[i].failed || o->parts[i].len > UINT32_MAX)
            return err_set(o->e, ERR_LIMIT, 0, "the source map's cache would be too large");
        total += o->parts[i].len + MAPCACHE_SLACK + MAPCACHE_ALIGN;
    }
    buf_reserve(out, total);
    zeros(out, MAPCACHE_HEADER_BYTES);
    for (int i = 0; i < SECTIONS; i++) {
        o->offsets[i] = out->len - begin;
        o->sizes[i] = o->parts[i].len;
        buf_add(out, o->parts[i].ptr, o->parts[i].len);
        buf_done(&o->parts[i]); /* it may be large */
        zeros(out, MAPCACHE_SLACK);
        zeros(out, -(out->len - begin) % MAPCACHE_ALIGN);
    }
    if (!buf_ok(out))
        return err_set(o->e, ERR_LIMIT, 0, "the source map's cache would be too large");
    struct buf header;
    buf_init(&header, MAPCACHE_HEADER_BYTES);
    write_header(o, out, begin, &header);
    bool ok = buf_ok(&header) || no_memory(o);
    if (ok)
        memcpy(out->ptr + begin, header.ptr, MAPCACHE_HEADER_BYTES);
    buf_done(&header);
    return ok;
}

static bool write_all(struct output *o, const struct sourcemap_from *from, struct buf *out)
{
    if (!write_mappings(o) || !write_sources(o) || !write_script(o, from->text) ||
        !write_about(o, from))
        return false;
    write_texts(o);
    write_records(o);
    if (o->texts.failed || o->contents.failed)
        return no_memory(o);
    return write_image(o, out);
}

bool mapcache_write(const struct map *m, const struct sourcemap_from *from, struct arena *a,
                    struct buf *out, struct err *e)
{
    struct output o = { .m = m, .arena = a, .e = e };
    for (int i = 0; i < SECTIONS; i++)
        buf_init(&o.parts[i], out->max_bytes);
    bool ok = (texts_init(&o.texts) && texts_init(&o.contents)) || no_memory(&o);
    ok = ok && write_all(&o, from, out);
    for (int i = 0; i < SECTIONS; i++)
        buf_done(&o.parts[i]);
    VEC_FREE(&o.records);
    texts_done(&o.texts);
    texts_done(&o.contents);
    return ok;
}
