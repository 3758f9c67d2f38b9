/* shorthand.c - see the header. What is hard: codes must be given in the same order by the writer
 * and, at the next start, by shorthand_learn; so both walk the report in the collection with
 * value_at, and give codes with code_of. */
#include "engine/shorthand.h"

#include "base/leb128.h"

#define KEY_MAX (1 << 20)
#define HEAD_GOES_ON 0
#define HEAD_BEGINS 1
/* To be changed with the format, with the fields that are never values (collection_is_cold), and
 * with what trace_collect makes of a report. */
#define KEY_VERSION "4"

bool shorthand_init(struct shorthand *s, const struct bucket_index_config *grouping, struct err *e)
{
    *s = (struct shorthand){ 0 };
    buf_init(&s->key, KEY_MAX);
    buf_str(&s->key, STR(KEY_VERSION));
    for (size_t i = 0; i < grouping->ignored_count; i++) {
        buf_char(&s->key, '\0');
        buf_str(&s->key, grouping->ignored[i]);
    }
    return buf_ok(&s->key) || err_set(e, ERR_NOMEM, 0, "names of ignored fields");
}

static void codes_done(struct codes *c)
{
    VEC_FREE(&c->numbers);
    VEC_FREE(&c->codes);
}

void shorthand_done(struct shorthand *s)
{
    codes_done(&s->values);
    codes_done(&s->fields);
    trace_codes_reset(&s->traces);
    buf_done(&s->key);
}

void shorthand_reset(struct shorthand *s)
{
    codes_done(&s->values);
    codes_done(&s->fields);
    trace_codes_reset(&s->traces);
    s->begun = s->kept_begun = false;
    s->kept_values = s->kept_fields = 0;
}

bool shorthand_is_empty(const struct shorthand *s)
{
    return !s->begun && s->values.numbers.len == 0 && s->fields.numbers.len == 0 &&
           !s->traces.begun;
}

static void codes_truncate(struct codes *c, size_t len)
{
    while (c->numbers.len > len)
        c->codes.at[c->numbers.at[--c->numbers.len]] = 0;
}

void shorthand_undo(struct shorthand *s)
{
    codes_truncate(&s->values, s->kept_values);
    codes_truncate(&s->fields, s->kept_fields);
    trace_codes_undo(&s->traces);
    s->begun = s->kept_begun;
}

void shorthand_keep(struct shorthand *s)
{
    s->kept_values = s->values.numbers.len;
    s->kept_fields = s->fields.numbers.len;
    trace_codes_keep(&s->traces);
    s->kept_begun = s->begun;
}

/* The code of a number + 1; 0 and the next code given when it had none. False: no memory. */
static bool code_of(struct codes *c, uint32_t number, uint32_t *out)
{
    if (number >= c->codes.len) {
        size_t more = number + 1 - c->codes.len;
        if (!VEC_RESERVE(&c->codes, more))
            return false;
        memset(c->codes.at + c->codes.len, 0, more * sizeof *c->codes.at);
        c->codes.len += more;
    }
    *out = c->codes.at[number];
    if (*out > 0)
        return true;
    if (!VEC_PUSH(&c->numbers, number))
        return false;
    c->codes.at[number] = (uint32_t)c->numbers.len;
    return true;
}

/* The values of a report, stack first; without its project, which is no text of it. */
struct walk {
    struct values stack, other;
    uint32_t count;
};

static struct walk walk_of(const struct collection *c, uint32_t report)
{
    struct collected r = collection_report(c, report);
    struct walk w = { collection_stack(c, r.stack), r.other, 0 };
    if (w.other.count > 0) {
        const struct lexicon *lx = collection_lexicon(c);
        uint32_t field = lexicon_value(lx, w.other.at[w.other.count - 1])->field;
        if (str_eq(lexicon_field(lx, field)->name, STR("project")))
            w.other.count--;
    }
    w.count = w.stack.count + w.other.count;
    return w;
}

static uint32_t value_at(const struct walk *w, uint32_t i)
{
    return i < w->stack.count ? w->stack.at[i] : w->other.at[i - w->stack.count];
}

/* Writing. */

static void write_str(struct buf *out, struct str s)
{
    leb128_write(out, s.len);
    buf_str(out, s);
}

static bool write_value(struct shorthand *s, const struct lexicon *lx, uint32_t number,
                        struct buf *out)
{
    uint32_t code, field_code;
    if (!code_of(&s->values, number, &code))
        return false;
    leb128_write(out, code);
    if (code > 0)
        return true;
    const struct lexicon_value *v = lexicon_value(lx, number);
    if (!code_of(&s->fields, v->field, &field_code))
        return false;
    leb128_write(out, field_code);
    if (field_code == 0)
        write_str(out, lexicon_field(lx, v->field)->name);
    write_str(out, lexicon_value_text(v));
    return true;
}

bool shorthand_write(struct shorthand *s, const struct collection *c, uint32_t report,
                     const struct trace *trace, struct buf *out)
{
    struct walk w = walk_of(c, report);
    buf_char(out, s->begun ? HEAD_GOES_ON : HEAD_BEGINS);
    if (!s->begun)
        write_str(out, buf_view(&s->key));
    s->begun = true;
    leb128_write(out, w.count);
    for (uint32_t i = 0; i < w.count; i++)
        if (!write_value(s, collection_lexicon(c), value_at(&w, i), out))
            return false;
    return trace_codes_write(&s->traces, trace, out);
}

/* Reading: nothing in a form is believed. */

bool shorthand_begins(struct str form)
{
    return form.len > 0 && form.ptr[0] == HEAD_BEGINS;
}

struct reading {
    struct str rest;
    bool failed; /* set by the first short read, never cleared; reads then give nothing */
};

static size_t read_number(struct reading *r)
{
    size_t n;
    if (leb128_read(&r->rest, &n))
        return n;
    r->failed = true;
    return 0;
}

static struct str read_str(struct reading *r)
{
    size_t n = read_number(r);
    if (r->failed || n > r->rest.len) {
        r->failed = true;
        return STR("");
    }
    struct str s = { r->rest.ptr, n };
    r->rest = (struct str){ r->rest.ptr + n, r->rest.len - n };
    return s;
}

/* What the form spells out gets its code when it is learnt, and may be used before that in the form
 * itself. */
struct fresh {
    VEC(struct report_text) values;
    VEC(struct str) fields;
};

static bool read_field(const struct shorthand *s, const struct lexicon *lx, struct reading *r,
                       struct fresh *fresh, struct str *out)
{
    size_t code = read_number(r), known = s->fields.numbers.len;
    if (code == 0) {
        *out = read_str(r);
        return !r->failed && VEC_PUSH(&fresh->fields, *out);
    }
    if (code > known + fresh->fields.len)
        return false;
    *out = code > known ? fresh->fields.at[code - known - 1]
                        : lexicon_field(lx, s->fields.numbers.at[code - 1])->name;
    return true;
}

/* The text of a value that has a number is left to read_texts. */
static bool read_value(const struct shorthand *s, const struct lexicon *lx, struct reading *r,
                       struct fresh *fresh, struct report_text *text, uint32_t *number)
{
    size_t code = read_number(r), known = s->values.numbers.len;
    *number = COLLECTION_NONE;
    if (r->failed || code > known + fresh->values.len)
        return false;
    if (code > known) {
        *text = fresh->values.at[code - known - 1];
        return true;
    }
    if (code > 0) {
        *number = s->values.numbers.at[code - 1];
        __builtin_prefetch(lexicon_value(lx, *number));
        return true;
    }
    if (!read_field(s, lx, r, fresh, &text->field))
        return false;
    text->text = read_str(r);
    return !r->failed && VEC_PUSH(&fresh->values, *text);
}

static void read_texts(const struct lexicon *lx, struct shorthand_report *out)
{
    for (size_t i = 0; i < out->count; i++) {
        if (out->known[i] == COLLECTION_NONE)
            continue;
        const struct lexicon_value *v = lexicon_value(lx, out->known[i]);
        out->texts[i] =
            (struct report_text){ lexicon_field(lx, v->field)->name, lexicon_value_text(v) };
    }
}

static bool read_head(struct shorthand *s, struct reading *r)
{
    size_t head = read_number(r);
    if (head == HEAD_BEGINS)
        s->begun = shorthand_is_empty(s) && str_eq(read_str(r), buf_view(&s->key));
    return head <= HEAD_BEGINS && s->begun && !r->failed;
}

static bool read_all(struct shorthand *s, const struct lexicon *lx, struct reading *r,
                     struct fresh *fresh, struct arena *a, struct shorthand_report *out)
{
    if (!read_head(s, r))
        return false;
    size_t count = read_number(r);
    if (r->failed || count > r->rest.len) /* each takes a byte at least */
        return false;
    *out = (struct shorthand_report){ .texts = arena_array(a, count, sizeof *out->texts),
                                      .known = arena_array(a, count, sizeof *out->known),
                                      .count = count };
    if (!out->texts || !out->known)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_value(s, lx, r, fresh, &out->texts[i], &out->known[i]))
            return false;
    if (!trace_codes_read(&s->traces, &r->rest, a, &out->trace))
        return false;
    read_texts(lx, out); /* so late, because the values come in from memory meanwhile */
    return r->rest.len == 0;
}

bool shorthand_read(struct shorthand *s, const struct collection *c, struct str form,
                    struct arena *a, struct shorthand_report *out)
{
    struct reading r = { .rest = form };
    struct fresh fresh = { 0 };
    bool ok = read_all(s, collection_lexicon(c), &r, &fresh, a, out);
    VEC_FREE(&fresh.values);
    VEC_FREE(&fresh.fields);
    if (!ok)
        s->begun = false;
    return ok;
}

bool shorthand_learn(struct shorthand *s, const struct collection *c, uint32_t report)
{
    struct walk w = walk_of(c, report);
    for (uint32_t i = 0; i < w.count; i++) {
        uint32_t number = value_at(&w, i), code, field_code;
        if (!code_of(&s->values, number, &code) ||
            (code == 0 && !code_of(&s->fields, lexicon_value(collection_lexicon(c), number)->field,
                                   &field_code))) {
            s->begun = false;
            return false;
        }
    }
    shorthand_keep(s);
    return true;
}
