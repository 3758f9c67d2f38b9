/* model.c - see the header. Everything here is quadratic on purpose. */
#include "model.h"

#include "base/vec.h"
#include "image.h"
#include "symbols/breakpad_fields.h"
#include "symbols/breakpad_rules.h"

#include "../cmocka_all.h"

struct piece { /* [first, end) */
    uint64_t first, end;
};
struct text_number {
    uint64_t id, file;
    struct str text;
    bool has_file;
};
struct model_line {
    struct piece at;
    uint32_t line;
    uint64_t file;
};
struct model_inline {
    struct piece at;
    uint32_t line;
    uint64_t file, origin;
    bool has_file;
};
struct model_function {
    struct piece at;
    uint32_t parameters;
    struct str name;
    bool there;
    VEC(struct model_line) lines;
    VEC(struct model_inline) inlines;
};
struct model_public {
    uint64_t address;
    uint32_t parameters;
    struct str name;
};
struct model_cfi {
    struct piece at;
    struct str rules;
};
struct model_win {
    struct piece at;
    uint32_t prolog;
    bool frame_data;
};

struct model {
    enum cpu cpu;
    VEC(struct text_number) files, origins;
    VEC(struct model_function) functions;
    VEC(struct model_public) publics;
    VEC(struct model_cfi) inits, deltas;
    VEC(struct model_win) wins;
};

static void must(bool ok)
{
    assert_true(ok);
}

static uint64_t hex(struct str *rest)
{
    uint64_t n = 0;
    must(take_hex(rest, &n));
    return n;
}
static uint64_t decimal(struct str *rest)
{
    uint64_t n = 0;
    must(take_decimal(rest, &n));
    return n;
}
static struct piece take_piece(struct str *rest)
{
    uint64_t first = hex(rest);
    return (struct piece){ first, first + hex(rest) };
}

static bool overlap(struct piece a, struct piece b)
{
    return a.first < b.end && b.first < a.end;
}
/* Neither lies in the other, and they are not apart. */
static bool cross(struct piece a, struct piece b)
{
    return (a.first < b.first && b.first < a.end && a.end < b.end) ||
           (b.first < a.first && a.first < b.end && b.end < a.end);
}
static bool within(struct piece a, uint64_t address)
{
    return a.first <= address && address < a.end;
}

/* ---- reading ---- */

static void read_function(struct model *m, struct str rest)
{
    struct str after = rest;
    if (str_eq(take_word(&after), STR("m")))
        rest = after;
    struct model_function f = { .at = take_piece(&rest), .parameters = (uint32_t)hex(&rest) };
    f.name = take_rest(&rest);
    f.there = f.at.first < f.at.end;
    for (size_t i = 0; i < m->functions.len; i++)
        if (m->functions.at[i].there && overlap(f.at, m->functions.at[i].at))
            f.there = false;
    must(VEC_PUSH(&m->functions, f));
}

static void read_line(struct model *m, struct str rest)
{
    must(m->functions.len > 0);
    struct model_function *f = &m->functions.at[m->functions.len - 1];
    struct model_line l = { .at = take_piece(&rest) };
    l.line = (uint32_t)decimal(&rest);
    l.file = decimal(&rest);
    if (l.at.first >= l.at.end)
        return;
    for (size_t i = 0; i < f->lines.len; i++)
        if (overlap(l.at, f->lines.at[i].at))
            return;
    must(VEC_PUSH(&f->lines, l));
}

static void add_inline(struct model_function *f, struct model_inline in)
{
    if (in.at.first >= in.at.end)
        return;
    for (size_t i = 0; i < f->inlines.len; i++)
        if (cross(in.at, f->inlines.at[i].at))
            return;
    must(VEC_PUSH(&f->inlines, in));
}

static void read_inline(struct model *m, struct str rest)
{
    struct str count = rest;
    size_t words = 0;
    while (take_word(&count).len > 0)
        words++;
    struct model_function *f = &m->functions.at[m->functions.len - 1];
    struct model_inline in = { .has_file = words % 2 == 0 };
    must(decimal(&rest) < SYMCACHE_FRAMES_MAX);
    in.line = (uint32_t)decimal(&rest);
    if (in.has_file)
        in.file = decimal(&rest);
    in.origin = decimal(&rest);
    for (size_t i = in.has_file ? 4 : 3; i < words; i += 2) {
        in.at = take_piece(&rest);
        add_inline(f, in);
    }
}

static void read_origin(struct model *m, struct str rest)
{
    struct text_number o = { .id = decimal(&rest) };
    struct str after = rest, word = take_word(&after);
    o.has_file = read_decimal(word, &o.file) && after.len > 0;
    o.text = take_rest(o.has_file ? &after : &rest);
    must(VEC_PUSH(&m->origins, o));
}

static void read_public(struct model *m, struct str rest)
{
    struct str after = rest;
    if (str_eq(take_word(&after), STR("m")))
        rest = after;
    struct model_public p = { .address = hex(&rest), .parameters = (uint32_t)hex(&rest) };
    p.name = take_rest(&rest);
    if (p.address == 0)
        return;
    for (size_t i = 0; i < m->publics.len; i++)
        if (m->publics.at[i].address == p.address)
            return;
    must(VEC_PUSH(&m->publics, p));
}

static void read_cfi(struct model *m, struct str rest)
{
    struct str after = rest;
    if (!str_eq(take_word(&after), STR("INIT"))) {
        struct model_cfi d = { .at.first = hex(&rest) };
        d.rules = take_rest(&rest);
        must(VEC_PUSH(&m->deltas, d));
        return;
    }
    struct model_cfi c = { .at = take_piece(&after) };
    c.rules = take_rest(&after);
    for (size_t i = 0; i < m->inits.len; i++)
        if (overlap(c.at, m->inits.at[i].at))
            return;
    if (c.at.first < c.at.end)
        must(VEC_PUSH(&m->inits, c));
}

static void read_win(struct model *m, struct str rest)
{
    uint64_t type = hex(&rest);
    struct model_win w = { .at = take_piece(&rest), .frame_data = type == 4 };
    w.prolog = (uint32_t)hex(&rest);
    if (w.at.first >= w.at.end || (type != 0 && type != 4))
        return;
    for (size_t i = 0; i < m->wins.len; i++) {
        const struct model_win *o = &m->wins.at[i];
        bool equal = o->at.first == w.at.first && o->at.end == w.at.end;
        if (o->frame_data == w.frame_data && (equal || cross(w.at, o->at)))
            return;
    }
    must(VEC_PUSH(&m->wins, w));
}

static const struct {
    const char *word;
    void (*read)(struct model *m, struct str rest);
} records[] = { { "FUNC ", read_function }, { "PUBLIC ", read_public },
                { "INLINE ", read_inline }, { "INLINE_ORIGIN ", read_origin },
                { "STACK CFI ", read_cfi }, { "STACK WIN ", read_win } };

static void read_record(struct model *m, struct str line)
{
    struct str rest = line;
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        size_t n = strlen(records[i].word);
        if (str_starts(line, (struct str){ records[i].word, n })) {
            records[i].read(m, (struct str){ line.ptr + n, line.len - n });
            return;
        }
    }
    struct str word = take_word(&rest);
    if (str_eq(word, STR("FILE"))) {
        struct text_number f = { .id = decimal(&rest) };
        f.text = take_rest(&rest);
        must(VEC_PUSH(&m->files, f));
    } else if (str_eq(word, STR("MODULE"))) {
        take_word(&rest);
        m->cpu = cpu_find(take_word(&rest));
    } else if (!str_eq(word, STR("INFO"))) {
        read_line(m, line);
    }
}

struct model *model_read(struct str text)
{
    struct model *m = calloc(1, sizeof *m);
    must(m != NULL);
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t n = end ? (size_t)(end - text.ptr) : text.len;
        struct str line = { text.ptr, n };
        if (n > 0 && line.ptr[n - 1] == '\r')
            line.len--;
        if (line.len > 0)
            read_record(m, line);
        text = (struct str){ text.ptr + n + (end != NULL), text.len - n - (end != NULL) };
    }
    return m;
}

void model_free(struct model *m)
{
    for (size_t i = 0; i < m->functions.len; i++) {
        VEC_FREE(&m->functions.at[i].lines);
        VEC_FREE(&m->functions.at[i].inlines);
    }
    VEC_FREE(&m->files);
    VEC_FREE(&m->origins);
    VEC_FREE(&m->functions);
    VEC_FREE(&m->publics);
    VEC_FREE(&m->inits);
    VEC_FREE(&m->deltas);
    VEC_FREE(&m->wins);
    free(m);
}

/* ---- functions ---- */

static const struct text_number *find_text(const struct text_number *at, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (at[i].id == id)
            return &at[i];
    return NULL;
}

static struct str file_of(const struct model *m, uint64_t id)
{
    const struct text_number *f = find_text(m->files.at, m->files.len, id);
    return f ? f->text : STR("");
}

static struct str origin_of(const struct model *m, uint64_t id)
{
    const struct text_number *o = find_text(m->origins.at, m->origins.len, id);
    return o ? o->text : STR("<name omitted>");
}

/* Of the old form: the file of the inlined function around it, or of the function's first line. */
static struct str call_file(const struct model *m, const struct model_function *f,
                            const struct model_inline *in, const struct model_inline *around)
{
    if (in->has_file)
        return file_of(m, in->file);
    const struct text_number *o =
        around ? find_text(m->origins.at, m->origins.len, around->origin) : NULL;
    if (around)
        return o && o->has_file ? file_of(m, o->file) : STR("");
    const struct model_line *first = NULL;
    for (size_t i = 0; i < f->lines.len; i++)
        if (!first || f->lines.at[i].at.first < first->at.first)
            first = &f->lines.at[i];
    return first ? file_of(m, first->file) : STR("");
}

/* The smallest range around an address but outside of another; of equal ones the later. */
static const struct model_inline *next_out(const struct model_function *f, uint64_t address,
                                           const struct model_inline *inner)
{
    const struct model_inline *best = NULL;
    for (size_t i = 0; i < f->inlines.len; i++) {
        const struct model_inline *in = &f->inlines.at[i];
        uint64_t size = in->at.end - in->at.first;
        bool outside = !inner || size > inner->at.end - inner->at.first ||
                       (size == inner->at.end - inner->at.first && in < inner);
        if (within(in->at, address) && outside && (!best || size <= best->at.end - best->at.first))
            best = in;
    }
    return best;
}

static void print_function(struct buf *out, const struct model *m, const struct model_function *f,
                           uint64_t address)
{
    struct symcache_frame frame = { .start = f->at.first };
    for (size_t i = 0; i < f->lines.len; i++)
        if (within(f->lines.at[i].at, address)) {
            frame.line = f->lines.at[i].line;
            frame.file = file_of(m, f->lines.at[i].file);
        }
    const struct model_inline *in = next_out(f, address, NULL), *around;
    for (; in; in = around) {
        around = next_out(f, address, in);
        frame.function = origin_of(m, in->origin);
        image_print_frames(out, &frame, 1);
        frame.line = in->line;
        frame.file = call_file(m, f, in, around);
    }
    frame.function = f->name;
    frame.parameter_bytes = f->parameters;
    image_print_frames(out, &frame, 1);
}

void model_print_find(struct buf *out, const struct model *m, uint64_t address)
{
    const struct model_function *before = NULL;
    const struct model_public *best = NULL;
    for (size_t i = 0; i < m->functions.len; i++) {
        const struct model_function *f = &m->functions.at[i];
        if (!f->there || f->at.first > address)
            continue;
        if (within(f->at, address)) {
            print_function(out, m, f, address);
            return;
        }
        if (!before || f->at.first > before->at.first)
            before = f;
    }
    for (size_t i = 0; i < m->publics.len; i++) {
        const struct model_public *p = &m->publics.at[i];
        if (p->address <= address && (!best || p->address > best->address))
            best = p;
    }
    if (!best || (before && best->address <= before->at.first))
        return;
    struct symcache_frame frame = { .function = best->name,
                                    .start = best->address,
                                    .parameter_bytes = best->parameters,
                                    .is_public = true };
    image_print_frames(out, &frame, 1);
}

/* ---- rules ---- */

enum { CFA = CPU_REGISTERS_MAX, RA, SLOTS };

/* Sets the rules of a text; rules are whole here. */
static void set_rules(enum cpu cpu, struct str text, struct str rules[SLOTS])
{
    int slot = -1;
    for (struct str word = take_word(&text); word.len > 0; word = take_word(&text)) {
        if (word.ptr[word.len - 1] == ':') {
            struct str name = { word.ptr, word.len - 1 };
            slot = str_eq(name, STR(".cfa"))  ? CFA
                   : str_eq(name, STR(".ra")) ? RA
                                              : cpu_register(cpu, name);
            if (slot >= 0)
                rules[slot] = (struct str){ "", 0 };
        } else if (slot >= 0) {
            if (rules[slot].len == 0)
                rules[slot].ptr = word.ptr;
            rules[slot].len = (size_t)(word.ptr + word.len - rules[slot].ptr);
        }
    }
}

static bool add_rule(struct buf *out, enum cpu cpu, struct str rule)
{
    bool uses_cfa;
    return rules_compile_cfi(out, cpu, rule, &uses_cfa);
}

bool model_cfi(struct buf *out, const struct model *m, uint64_t address)
{
    const struct model_cfi *init = NULL;
    struct str rules[SLOTS] = { { NULL, 0 } };
    for (size_t i = 0; i < m->inits.len; i++)
        if (within(m->inits.at[i].at, address))
            init = &m->inits.at[i];
    if (!init)
        return false;
    set_rules(m->cpu, init->rules, rules);
    for (uint64_t at = init->at.first;;) {
        const struct model_cfi *last = NULL; /* at the next address, the last of those there */
        for (size_t i = 0; i < m->deltas.len; i++) {
            const struct model_cfi *d = &m->deltas.at[i];
            if (d->at.first >= at && d->at.first <= address &&
                (!last || d->at.first <= last->at.first))
                last = d;
        }
        if (!last)
            break;
        set_rules(m->cpu, last->rules, rules);
        at = last->at.first + 1;
    }
    if (rules[CFA].len == 0 || rules[RA].len == 0 || !add_rule(out, m->cpu, rules[CFA]))
        return false;
    unwind_op(out, UNWIND_SET_CFA);
    for (uint8_t r = 0; r < cpu_facts(m->cpu)->registers; r++) {
        struct str rule = r == cpu_facts(m->cpu)->pc && rules[r].len == 0 ? rules[RA] : rules[r];
        if (rule.len == 0)
            continue;
        if (!add_rule(out, m->cpu, rule))
            return false;
        unwind_op_u8(out, UNWIND_SET_REGISTER, r);
    }
    return true;
}

bool model_win(const struct model *m, uint64_t address, struct symcache_win *out)
{
    const struct model_win *best = NULL;
    for (size_t i = 0; i < m->wins.len; i++) {
        const struct model_win *w = &m->wins.at[i];
        if (!within(w->at, address))
            continue;
        uint64_t size = w->at.end - w->at.first;
        if (!best || (w->frame_data && !best->frame_data) ||
            (w->frame_data == best->frame_data && size < best->at.end - best->at.first))
            best = w;
    }
    if (best)
        *out = (struct symcache_win){ .start = best->at.first,
                                      .size = (uint32_t)(best->at.end - best->at.first),
                                      .prolog_size = best->prolog,
                                      .frame_data = best->frame_data };
    return best != NULL;
}

/* ---- addresses ---- */

static void add_address(uint32_t *out, size_t *n, size_t max, uint64_t address)
{
    if (*n < max && address <= UINT32_MAX)
        out[(*n)++] = (uint32_t)address;
}

size_t model_addresses(const struct model *m, uint32_t *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < m->functions.len; i++) {
        const struct model_function *f = &m->functions.at[i];
        add_address(out, &n, max, f->at.first);
        add_address(out, &n, max, f->at.end);
        for (size_t k = 0; k < f->lines.len; k++)
            add_address(out, &n, max, f->lines.at[k].at.first);
        for (size_t k = 0; k < f->inlines.len; k++)
            add_address(out, &n, max, f->inlines.at[k].at.end);
    }
    for (size_t i = 0; i < m->publics.len; i++)
        add_address(out, &n, max, m->publics.at[i].address);
    for (size_t i = 0; i < m->deltas.len; i++)
        add_address(out, &n, max, m->deltas.at[i].at.first);
    for (size_t i = 0; i < m->inits.len; i++)
        add_address(out, &n, max, m->inits.at[i].at.end);
    for (size_t i = 0; i < m->wins.len; i++)
        add_address(out, &n, max, m->wins.at[i].at.end);
    return n;
}
