/* shorthand_trace.c - see the header. Writer and reader give codes in the same order, that of the
 * form; and nothing in a form is believed: what is spelt out must be new, as a writer's is. */
#include "engine/shorthand_trace.h"

#include "base/leb128.h"
#include "report/report.h"

#define HEAD_LEAP 1u
#define HEAD_PLACE 2u
#define HEAD_BITS 2

#define STRING_EMPTY 0
#define STRING_SPELT 1
#define STRING_CODES 2 /* the first of them */

#define PLACE_MAX ((TRACE_SITE_MASK << 2) | 3)

static bool begin(struct trace_codes *c)
{
    if (c->begun)
        return true;
    c->begun = true; /* so that trace_codes_reset takes away what is there */
    seglist_init(&c->memos, sizeof(struct trace_memo));
    bool strings = names_init(&c->strings), kinds = number_map_init(&c->kind_map);
    if (!strings || !kinds)
        trace_codes_reset(c);
    return c->begun;
}

void trace_codes_reset(struct trace_codes *c)
{
    if (c->begun) {
        names_done(&c->strings);
        number_map_done(&c->kind_map);
        seglist_done(&c->memos);
    }
    VEC_FREE(&c->kinds);
    *c = (struct trace_codes){ 0 };
}

/* A kind is found by its strings. */
static struct number_key kind_key(const struct frame_kind *k)
{
    return (struct number_key){ k->function, k->module, k->build };
}

static bool add_kind(struct trace_codes *c, const struct frame_kind *k)
{
    if (c->kinds.len == NUMBER_MAP_NONE || !VEC_RESERVE(&c->kinds, 1) ||
        !number_map_insert(&c->kind_map, kind_key(k), (uint32_t)c->kinds.len))
        return false;
    c->kinds.at[c->kinds.len++] = *k;
    return true;
}

void trace_codes_undo(struct trace_codes *c)
{
    if (!c->begun)
        return;
    names_rewind(&c->strings, c->kept_strings);
    while (c->kinds.len > c->kept_kinds)
        number_map_remove(&c->kind_map, kind_key(&c->kinds.at[--c->kinds.len]));
}

void trace_codes_keep(struct trace_codes *c)
{
    if (!c->begun)
        return;
    c->kept_strings = names_mark(&c->strings);
    c->kept_kinds = c->kinds.len;
}

/* Writing. */

/* A string and its number (0: empty; else its code + 1). */
struct numbered {
    struct str text;
    uint32_t number;
    bool is_new;
};

/* s holds the one that came last, which mostly comes again. False: no memory. */
static bool number_string(struct trace_codes *c, struct str text, struct numbered *s)
{
    struct err ignored;
    s->is_new = false;
    if (str_eq(s->text, text))
        return true;
    size_t before = c->strings.names.len;
    uint32_t code = text.len > 0 ? names_add(&c->strings, text, &ignored) : 0;
    if (code == NAMES_NONE)
        return false;
    *s = (struct numbered){ text, text.len > 0 ? code + 1 : 0, c->strings.names.len > before };
    return true;
}

static void write_string(const struct numbered *s, struct buf *out)
{
    if (s->is_new) {
        leb128_write(out, STRING_SPELT);
        leb128_write(out, s->text.len);
        buf_str(out, s->text);
    } else {
        leb128_write(out, s->number > 0 ? (size_t)s->number - 1 + STRING_CODES : STRING_EMPTY);
    }
}

/* The strings of the latest frame; what it borrows of the trace. */
struct frame_strings {
    struct numbered function, module, build;
    struct str trace_build;
    bool own_build;
};

static bool number_frame(struct trace_codes *c, const struct trace_frame *f,
                         struct frame_strings *s)
{
    s->own_build = !str_eq(f->build, s->trace_build);
    return number_string(c, f->function, &s->function) && number_string(c, f->module, &s->module) &&
           (!s->own_build || number_string(c, f->build, &s->build));
}

static void write_kind(const struct frame_strings *s, struct buf *out)
{
    write_string(&s->function, out);
    write_string(&s->module, out);
    leb128_write(out, s->own_build);
    if (s->own_build)
        write_string(&s->build, out);
}

static bool write_frame(struct trace_codes *c, const struct trace_frame *f, uint32_t expected,
                        struct frame_strings *s, struct buf *out)
{
    if (!number_frame(c, f, s))
        return false;
    const struct frame_kind kind = {
        .function = s->function.number,
        .module = s->module.number,
        .build = s->own_build ? s->build.number + 1 : 0,
        .place = (uint16_t)(f->site << 2 | f->has_site << 1 | f->inlined),
    };
    static const struct frame_kind none;
    uint32_t code = number_map_find(&c->kind_map, kind_key(&kind));
    bool is_new = code == NUMBER_MAP_NONE;
    const struct frame_kind *first = is_new ? &none : &c->kinds.at[code];
    unsigned bits =
        (f->index != expected ? HEAD_LEAP : 0) | (kind.place != first->place ? HEAD_PLACE : 0);
    leb128_write(out, (is_new ? 0 : (size_t)code + 1) << HEAD_BITS | bits);
    if (is_new)
        write_kind(s, out);
    if (bits & HEAD_LEAP)
        leb128_write(out, f->index - expected);
    if (bits & HEAD_PLACE)
        leb128_write(out, kind.place);
    return !is_new || add_kind(c, &kind);
}

bool trace_codes_write(struct trace_codes *c, const struct trace *t, struct buf *out)
{
    struct numbered build = { 0 }, death = { 0 };
    if (!begin(c))
        return false;
    seglist_done(&c->memos); /* the start is over */
    if (!number_string(c, t->build, &build) || !number_string(c, t->death, &death))
        return false;
    write_string(&build, out);
    write_string(&death, out);
    leb128_write(out, t->count);
    struct frame_strings latest = { .trace_build = t->build };
    uint32_t expected = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (!write_frame(c, &t->frames[i], expected, &latest, out))
            return false;
        expected = t->frames[i].index + 1;
    }
    return true;
}

/* Reading. */

/* The number of a string, as in struct frame_kind. */
static bool read_string(struct trace_codes *c, struct str *form, uint32_t *number)
{
    struct err ignored;
    size_t n, len, known = c->strings.names.len;
    *number = 0;
    if (!leb128_read(form, &n))
        return false;
    if (n != STRING_SPELT) {
        if (n == STRING_EMPTY)
            return true;
        *number = (uint32_t)(n - STRING_CODES + 1);
        return n - STRING_CODES < known;
    }
    if (!leb128_read(form, &len) || len == 0 || len > form->len)
        return false;
    uint32_t code = names_add(&c->strings, (struct str){ form->ptr, len }, &ignored);
    *form = (struct str){ form->ptr + len, form->len - len };
    *number = code + 1;
    return code == known; /* it is new */
}

static bool read_kind(struct trace_codes *c, struct str *form, struct frame_kind *k)
{
    size_t own;
    if (!read_string(c, form, &k->function) || !read_string(c, form, &k->module) ||
        !leb128_read(form, &own) || own > 1)
        return false;
    if (own && !read_string(c, form, &k->build))
        return false;
    k->build += (uint32_t)own;
    return true;
}

/* A number that is in the form when the bit is set; else *out stays. */
static bool read_if(size_t head, unsigned bit, struct str *form, size_t most, size_t *out)
{
    return !(head & bit) || (leb128_read(form, out) && *out <= most);
}

static struct str string_of(const struct trace_codes *c, uint32_t number)
{
    return number > 0 ? names_text(&c->strings, number - 1) : STR("");
}

/* A frame as it stands in the form. */
struct form_frame {
    size_t code; /* of its kind, + 1 */
    size_t leap;
    size_t place; /* PLACE_OF_KIND: where the first one of its kind stood */
};
#define PLACE_OF_KIND (PLACE_MAX + 1)

/* A kind that is spelt out gets its code, and may be meant from the next frame on. */
static bool read_frame(struct trace_codes *c, struct str *form, struct form_frame *f)
{
    size_t head;
    struct frame_kind k = { 0 };
    if (!leb128_read(form, &head))
        return false;
    *f = (struct form_frame){ .code = head >> HEAD_BITS, .place = PLACE_OF_KIND };
    bool is_new = f->code == 0;
    if (f->code > c->kinds.len || (is_new && !read_kind(c, form, &k)) ||
        !read_if(head, HEAD_LEAP, form, REPORT_FRAMES_MAX, &f->leap) ||
        !read_if(head, HEAD_PLACE, form, PLACE_MAX, &f->place))
        return false;
    if (!is_new) {
        __builtin_prefetch(&c->kinds.at[f->code - 1]);
        return true;
    }
    k.place = f->place == PLACE_OF_KIND ? 0 : (uint16_t)f->place;
    if (number_map_find(&c->kind_map, kind_key(&k)) != NUMBER_MAP_NONE || !add_kind(c, &k) ||
        !seglist_grow(&c->memos, 1))
        return false;
    f->code = c->kinds.len;
    return true;
}

static void expect_strings(const struct trace_codes *c, const struct frame_kind *k)
{
    if (k->function > 0)
        names_expect(&c->strings, k->function - 1);
    if (k->module > 0)
        names_expect(&c->strings, k->module - 1);
}

static bool frame_of(const struct trace_codes *c, const struct form_frame *in,
                     struct str trace_build, size_t expected, struct trace_frame *f)
{
    const struct frame_kind *k = &c->kinds.at[in->code - 1];
    size_t place = in->place == PLACE_OF_KIND ? k->place : in->place;
    *f = (struct trace_frame){
        .function = string_of(c, k->function),
        .module = string_of(c, k->module),
        .build = k->build > 0 ? string_of(c, k->build - 1) : trace_build,
        .site = (uint16_t)(place >> 2),
        .has_site = place & 2,
        .inlined = place & 1,
        .index = (uint32_t)(expected + in->leap),
        .memo = seglist_at(&c->memos, in->code - 1),
    };
    return (f->has_site || f->site == 0) && f->index < REPORT_FRAMES_MAX;
}

/* In turns, so that what the frames need of the tables comes in meanwhile. */
static bool read_frames(struct trace_codes *c, struct str *form, struct str trace_build,
                        struct trace_frame *frames, size_t count)
{
    struct form_frame in[TRACE_FRAMES_MAX];
    size_t expected = 0;
    for (size_t i = 0; i < count; i++)
        if (!read_frame(c, form, &in[i]))
            return false;
    for (size_t i = 0; i < count; i++)
        expect_strings(c, &c->kinds.at[in[i].code - 1]);
    for (size_t i = 0; i < count; i++) {
        if (!frame_of(c, &in[i], trace_build, expected, &frames[i]))
            return false;
        expected = (size_t)frames[i].index + 1;
    }
    return true;
}

bool trace_codes_read(struct trace_codes *c, struct str *form, struct arena *a, struct trace *out)
{
    uint32_t build, death;
    size_t count;
    if (!begin(c) || !read_string(c, form, &build) || !read_string(c, form, &death) ||
        !leb128_read(form, &count) || count > TRACE_FRAMES_MAX ||
        !seglist_grow(&c->memos, c->kinds.len - c->memos.len))
        return false;
    struct trace_frame *frames = arena_array(a, count, sizeof *frames);
    if (!frames)
        return false;
    *out = (struct trace){ frames, count, string_of(c, build), string_of(c, death) };
    return read_frames(c, form, out->build, frames, count);
}
