/* convert_line.c - see the header. */
#include "symbols/convert_line.h"

#include "base/json.h"
#include "base/utf8.h"

#include <sodium.h>

#define NODES 16
#define NUMBER_MAX 24

static const char *const say_names[] = {
    [CONVERT_ASK] = "ask",        [CONVERT_MADE] = "made", [CONVERT_FAILED] = "failed",
    [CONVERT_NOT_READ] = "other", [CONVERT_END] = "end",
};
#define SAYS (sizeof say_names / sizeof *say_names)

/* The last `max` bytes at most, from the beginning of a character on. */
static struct str end_of(struct str s, size_t max)
{
    if (s.len <= max)
        return s;
    s = (struct str){ s.ptr + s.len - max, max };
    while (s.len > 0 && ((unsigned char)*s.ptr & 0xc0) == 0x80)
        s = (struct str){ s.ptr + 1, s.len - 1 };
    return s;
}

static struct str begin_of(struct str s, size_t max)
{
    if (s.len > max)
        s.len = utf8_valid_prefix((struct str){ s.ptr, max });
    return s;
}

static void write_about(struct json_writer *w, const struct convert_line *line)
{
    json_member(w, "entry", end_of(line->entry, CONVERT_ENTRY_MAX));
    json_member(w, "kind", convert_kind_name(line->kind));
    json_key(w, STR("size"));
    json_int(w, (int64_t)line->size);
}

static void write_source(struct json_writer *w, const struct convert_line *line)
{
    char hex[2 * CONVERT_SOURCE_BYTES + 1];
    sodium_bin2hex(hex, sizeof hex, line->source, sizeof line->source);
    json_member(w, "source", str_from_c(hex));
    if (line->script.len > 0)
        json_member(w, "script", line->script);
}

void convert_line_write(struct buf *out, const struct convert_line *line)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object(&w);
    json_member(&w, "say", str_from_c(say_names[line->say]));
    if (line->say == CONVERT_ASK || line->say == CONVERT_NOT_READ)
        write_about(&w, line);
    if (line->say == CONVERT_ASK)
        write_source(&w, line);
    if (line->say == CONVERT_MADE) {
        json_key(&w, STR("image"));
        json_int(&w, line->image);
    }
    if (line->say == CONVERT_FAILED || line->say == CONVERT_NOT_READ || line->say == CONVERT_END)
        json_member(&w, "error", begin_of(line->error, CONVERT_ERROR_MAX));
    if (line->say == CONVERT_FAILED) {
        json_key(&w, STR("later"));
        json_bool(&w, line->later);
    }
    json_object_end(&w);
    buf_char(out, '\n');
}

static bool bad(struct err *e)
{
    return err_set(e, ERR_INPUT, 0, "the helper process said something that makes no sense");
}

static bool text_of(const struct json *j, struct str key, size_t max, struct str *out)
{
    const struct json *member = json_get(j, key);
    if (!member || member->type != JSON_STRING || member->text.len > max)
        return false;
    *out = member->text;
    return true;
}

static bool number_of(const struct json *j, struct str key, uint64_t max, uint64_t *out)
{
    const struct json *member = json_get(j, key);
    if (!member || member->type != JSON_NUMBER || member->text.len > NUMBER_MAX)
        return false;
    uint64_t n = 0;
    for (size_t i = 0; i < member->text.len; i++) {
        unsigned digit = (unsigned char)member->text.ptr[i] - (unsigned)'0';
        if (digit > 9 || n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return n <= max;
}

/* false when it is left out. */
static bool flag_of(const struct json *j, struct str key, bool *out)
{
    const struct json *member = json_get(j, key);
    *out = member && member->type == JSON_TRUE;
    return !member || *out || member->type == JSON_FALSE;
}

static bool find_say(struct str name, enum convert_say *out)
{
    for (size_t i = 0; i < SAYS; i++)
        if (str_eq(name, str_from_c(say_names[i]))) {
            *out = (enum convert_say)i;
            return true;
        }
    return false;
}

static bool read_about(const struct json *j, struct convert_line *out)
{
    struct str kind;
    return text_of(j, STR("entry"), 3 * CONVERT_ENTRY_MAX, &out->entry) &&
           text_of(j, STR("kind"), CONVERT_ENTRY_MAX, &kind) &&
           convert_kind_find_name(kind, &out->kind) &&
           number_of(j, STR("size"), INT64_MAX, &out->size);
}

static bool read_source(const struct json *j, struct convert_line *out)
{
    struct str hex;
    size_t n = 0;
    return text_of(j, STR("source"), sizeof out->source * 2, &hex) &&
           sodium_hex2bin(out->source, sizeof out->source, hex.ptr, hex.len, NULL, &n, NULL) == 0 &&
           n == sizeof out->source;
}

/* Left out, or so many hex digits in upper case. */
static bool read_script(const struct json *j, struct convert_line *out)
{
    if (!json_get(j, STR("script")))
        return true;
    if (!convert_kind_is_map(out->kind) ||
        !text_of(j, STR("script"), CONVERT_SCRIPT_DIGITS, &out->script) ||
        out->script.len != CONVERT_SCRIPT_DIGITS)
        return false;
    for (size_t i = 0; i < CONVERT_SCRIPT_DIGITS; i++)
        if (!memchr("0123456789ABCDEF", out->script.ptr[i], 16))
            return false;
    return true;
}

static bool read_members(const struct json *j, struct convert_line *out)
{
    uint64_t image;
    /* A byte that is no UTF-8 becomes three. */
    const size_t error_max = 3 * CONVERT_ERROR_MAX;
    switch (out->say) {
    case CONVERT_ASK:
        return read_about(j, out) && read_source(j, out) && read_script(j, out) &&
               !convert_kind_advice(out->kind);
    case CONVERT_MADE:
        if (!number_of(j, STR("image"), UINT32_MAX, &image))
            return false;
        out->image = (uint32_t)image;
        return true;
    case CONVERT_NOT_READ:
        return read_about(j, out) && text_of(j, STR("error"), error_max, &out->error) &&
               out->error.len > 0;
    case CONVERT_FAILED:
        return text_of(j, STR("error"), error_max, &out->error) && out->error.len > 0 &&
               flag_of(j, STR("later"), &out->later);
    case CONVERT_END:
        return text_of(j, STR("error"), error_max, &out->error);
    }
    return false;
}

bool convert_line_read(struct convert_line *out, struct str text, struct arena *a, struct err *e)
{
    const struct json_limits limits = { .depth = 1, .nodes = NODES };
    const struct json *j;
    struct str say;
    *out = (struct convert_line){ .entry = STR(""), .error = STR(""), .script = STR("") };
    if (!json_parse(&j, text, limits, a, e))
        return e->code == ERR_NOMEM ? false : bad(e);
    if (!text_of(j, STR("say"), CONVERT_ENTRY_MAX, &say) || !find_say(say, &out->say) ||
        !read_members(j, out))
        return bad(e);
    return true;
}
