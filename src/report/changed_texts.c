/* changed_texts.c - see the header. */
#include "report/changed_texts.h"

static bool add_text(struct changed_texts *c, struct arena *a, struct report_text text)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16;
        struct report_text *texts = arena_array(a, cap, sizeof *texts);
        if (!texts)
            return false;
        if (c->count)
            memcpy(texts, c->texts, c->count * sizeof *texts);
        c->texts = texts;
        c->cap = cap;
    }
    c->texts[c->count++] = text;
    return true;
}

static bool has_field(const struct report *r, struct str field)
{
    for (size_t i = 0; i < r->text_count; i++)
        if (str_eq(r->texts[i].field, field))
            return true;
    return false;
}

bool changed_texts_add(struct changed_texts *c, struct str field, struct arena *a)
{
    size_t before = c->count;
    for (size_t i = 0; i < c->count; i++)
        if (str_eq(c->texts[i].field, field))
            return true;
    for (size_t i = 0; i < c->after->text_count; i++)
        if (str_eq(c->after->texts[i].field, field) && !add_text(c, a, c->after->texts[i]))
            return false;
    if (c->count > before || !has_field(c->before, field))
        return true;
    return add_text(c, a, (struct report_text){ field, STR("") });
}

bool changed_texts_read(struct report *out, const struct json **json, struct str text,
                        struct arena *a, struct err *e)
{
    const struct json_limits limits = { REPORT_DEPTH_MAX, 2 * (size_t)REPORT_TEXTS_MAX };
    return json_parse(json, text, limits, a, e) && report_from_json(out, *json, text, a, e);
}
