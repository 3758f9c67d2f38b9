/* sourcemap_says.c - a few members of a map's JSON, found by its quotes and brackets alone: most of
 * a map is long strings, which memchr passes over many times faster than a parser reads them. */
#include "sourcemap/sourcemap_internal.h"

/* Behind the string that begins at `at`, or at the end of the text. */
static size_t string_end(struct str text, size_t at)
{
    for (size_t begin = ++at;; at++) {
        const char *quote = at < text.len ? memchr(text.ptr + at, '"', text.len - at) : NULL;
        if (!quote)
            return text.len;
        at = (size_t)(quote - text.ptr);
        size_t slashes = 0;
        while (at - slashes > begin && text.ptr[at - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return at + 1;
    }
}

static size_t skip_blanks(struct str text, size_t at)
{
    while (at < text.len && memchr(" \t\r\n", text.ptr[at], 4))
        at++;
    return at;
}

/* The content of a string, if one stands at `at`; empty when it is damaged. */
static bool read_string(struct str text, size_t at, struct arena *a, struct str *out)
{
    const struct json *j;
    struct err e = { 0 };
    if (at >= text.len || text.ptr[at] != '"')
        return true;
    *out = STR("");
    const struct str string = { text.ptr + at, string_end(text, at) - at };
    if (json_parse(&j, string, (struct json_limits){ 1, 1 }, a, &e))
        *out = j->text;
    return e.code != ERR_NOMEM;
}

struct members {
    struct str new_id, old_id, file; /* ptr NULL: there is no such string */
};

/* A member's value stands at `at`. */
static bool take_member(struct members *m, struct str text, struct str key, size_t at,
                        struct arena *a)
{
    if (str_eq(key, STR("\"debugId\"")))
        return read_string(text, at, a, &m->new_id);
    if (str_eq(key, STR("\"debug_id\"")))
        return read_string(text, at, a, &m->old_id);
    return !str_eq(key, STR("\"file\"")) || read_string(text, at, a, &m->file);
}

bool sourcemap_says(struct bytes map, struct arena *a, struct sourcemap_says *out)
{
    struct str text = sourcemap_skip_front((struct str){ (const char *)map.ptr, map.len });
    struct members m = { 0 };
    size_t at = 0, depth = 0;
    while (at < text.len) {
        char c = text.ptr[at];
        if (c != '"') {
            depth += c == '{' || c == '[';
            depth -= depth > 0 && (c == '}' || c == ']');
            at++;
            continue;
        }
        size_t end = string_end(text, at), next = skip_blanks(text, end);
        const struct str key = { text.ptr + at, end - at };
        at = next;
        if (depth == 1 && next < text.len && text.ptr[next] == ':') {
            at = skip_blanks(text, next + 1);
            if (!take_member(&m, text, key, at, a))
                return false;
        }
    }
    return arena_str(a, m.file, &out->file) &&
           map_id(m.new_id.ptr ? m.new_id : m.old_id, a, &out->debug_id);
}
