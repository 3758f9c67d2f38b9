/* merge.c - the attributes of the request over those of the report, and what the server knows. */
#include "decode/formats.h"

#include <inttypes.h>
#include <stdio.h>

/* --- modifiers ----------------------------------------------------------------------------- */

bool decode_number(struct str s, uint64_t *out)
{
    bool hex = s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] == 'x' || s.ptr[1] == 'X');
    uint64_t n = 0, base = hex ? 16 : 10;
    size_t begin = hex ? 2 : 0, i = begin;
    for (; i < s.len; i++) {
        char c = s.ptr[i];
        unsigned digit = c >= '0' && c <= '9'          ? (unsigned)(c - '0')
                         : hex && c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : hex && c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                       : 16;
        if (digit >= base)
            break;
        if (n > (UINT64_MAX - digit) / base)
            return false;
        n = n * base + digit;
    }
    if (i == begin)
        return false;
    if (!hex && i + 1 < s.len && s.ptr[i] == '.') /* a fraction of zeros */
        for (i++; i < s.len && s.ptr[i] == '0';)
            i++;
    if (i < s.len)
        return false;
    *out = n;
    return true;
}

static bool same_thread(struct str a, struct str b)
{
    uint64_t x, y;
    return str_eq(a, b) || (decode_number(a, &x) && decode_number(b, &y) && x == y);
}

static void choose_thread(struct crash *c, struct str id)
{
    for (size_t i = 0; i < c->thread_count; i++)
        if (same_thread(c->threads[i].id, id)) {
            c->main_thread = i;
            return;
        }
    int shown = id.len > 60 ? 60 : (int)id.len;
    crash_error(c, "_mod_faulting_tid: there is no thread %.*s", shown, id.ptr);
}

bool decode_modifier(struct crash *c, struct str name, struct str value)
{
    if (!str_starts(name, STR("_mod_")) || str_eq(name, STR("_mod_fingerprint")))
        return false;
    if (str_eq(name, STR("_mod_faulting_tid")))
        choose_thread(c, value);
    return true;
}

/* --- attributes that the server makes ------------------------------------------------------ */

static bool set_number(struct crash *c, struct str name, uint64_t n)
{
    struct str text;
    return arena_printf(c->attributes.arena, &text, "%" PRIu64, n) &&
           attributes_set(&c->attributes, name, ATTRIBUTE_UNSIGNED, text);
}

/* Joined by spaces: the attribute is a list of words. */
static bool set_classifiers(struct crash *c)
{
    if (c->classifier_count == 0)
        return true;
    size_t len = c->classifier_count - 1, at = 0;
    for (size_t i = 0; i < c->classifier_count; i++)
        len += c->classifiers[i].len;
    char *text = arena_alloc(c->attributes.arena, len);
    if (!text)
        return false;
    for (size_t i = 0; i < c->classifier_count; i++) {
        if (i > 0)
            text[at++] = ' ';
        if (c->classifiers[i].len)
            memcpy(text + at, c->classifiers[i].ptr, c->classifiers[i].len);
        at += c->classifiers[i].len;
    }
    return attributes_set(&c->attributes, STR("classifiers"), ATTRIBUTE_STRING,
                          (struct str){ text, len });
}

static bool set_missing(struct crash *c, struct str name, struct str text)
{
    return text.len == 0 || attributes_find(&c->attributes, name) ||
           attributes_set(&c->attributes, name, ATTRIBUTE_STRING, text);
}

/* What the report says outside its attributes; a request may say otherwise. */
static bool set_from_report(struct crash *c)
{
    return set_classifiers(c) && set_missing(c, STR("backtrace.agent"), c->agent) &&
           set_missing(c, STR("backtrace.version"), c->agent_version);
}

/* What nobody may say otherwise. */
static bool set_from_server(struct crash *c, const struct upload *u)
{
    int64_t ms = c->has_timestamp ? c->timestamp_ms : u->received_ms;
    return set_number(c, STR("object.size"), u->body.size) &&
           set_number(c, STR("timestamp"), ms > 0 ? (uint64_t)ms / 1000 : 0);
}

bool decode_is_from_server(struct str name)
{
    return str_eq(name, STR("object.size")) || str_eq(name, STR("timestamp"));
}

/* --- the request --------------------------------------------------------------------------- */

static bool merge_fields(struct crash *c, const struct upload *u, enum upload_origin origin)
{
    for (size_t i = 0; i < u->field_count; i++) {
        const struct upload_field *f = &u->fields[i];
        if (f->origin != origin || decode_modifier(c, f->name, f->value))
            continue;
        if (!attributes_set_text(&c->attributes, f->name, f->value))
            return false;
    }
    return true;
}

static bool merge_bucket(struct crash *c, const struct upload_bucket *b)
{
    if (b->name.len == 0 || !b->use)
        return true;
    for (size_t i = 0; i < b->set_count; i++)
        if (!attributes_set_text(&c->attributes, b->set[i].attribute, b->set[i].value))
            return false;
    return true;
}

static void tell_losses(struct crash *c)
{
    if (c->attributes.dropped)
        crash_error(c,
                    "attributes were left out (%zu): at most %d are kept, with names of 1 to %d "
                    "bytes",
                    c->attributes.dropped, ATTRIBUTES_MAX, UPLOAD_NAME_MAX);
    if (c->attributes.cut)
        crash_error(c, "%zu values of attributes were cut to %d bytes", c->attributes.cut,
                    UPLOAD_VALUE_MAX);
}

bool decode_merge(struct crash *c, const struct upload *upload, struct err *e)
{
    bool ok = set_from_report(c) && merge_fields(c, upload, UPLOAD_FROM_QUERY) &&
              merge_fields(c, upload, UPLOAD_FROM_FORM) && merge_bucket(c, &upload->bucket) &&
              set_from_server(c, upload);
    if (!ok)
        return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    tell_losses(c);
    return true;
}
