/* script.c - see the header. The form of the comments is that of ECMA-426, "Linking generated code
 * to source maps", and of the proposal for debug ids; data: URLs are those of RFC 2397. */
#include "sourcemap/script.h"

#include <nettle/base64.h>
#include <nettle/md5.h>

bool script_is_name(struct str path)
{
    static const char *const ends[] = { ".js", ".mjs", ".cjs", ".jsx", ".bundle", ".jsbundle" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i]);
        if (path.len > n && strncasecmp(path.ptr + path.len - n, ends[i], n) == 0)
            return true;
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether what stands before `pos` begins such a comment: two slashes or a slash and a star, then #
 * or @, then maybe blanks. */
static bool begins_comment(struct str text, size_t pos, bool *block)
{
    while (pos > 0 && (text.ptr[pos - 1] == ' ' || text.ptr[pos - 1] == '\t'))
        pos--;
    if (pos < 3 || text.ptr[pos - 3] != '/' ||
        (text.ptr[pos - 1] != '#' && text.ptr[pos - 1] != '@'))
        return false;
    *block = text.ptr[pos - 2] == '*';
    return *block || text.ptr[pos - 2] == '/';
}

/* The value from `pos` on, up to white space; false: something else stands behind it. */
static bool take_value(struct str text, size_t *pos, bool block, struct str *out)
{
    size_t end = *pos, rest;
    while (end < text.len && !is_space(text.ptr[end]) &&
           !(block && text.ptr[end] == '*' && end + 1 < text.len && text.ptr[end + 1] == '/'))
        end++;
    *out = (struct str){ text.ptr + *pos, end - *pos };
    for (rest = end; rest < text.len && is_space(text.ptr[rest]) && text.ptr[rest] != '\n' &&
                     text.ptr[rest] != '\r';)
        rest++;
    *pos = rest;
    bool ends = rest == text.len || text.ptr[rest] == '\n' || text.ptr[rest] == '\r' ||
                (block && text.ptr[rest] == '*');
    return ends && !memchr(out->ptr, '"', out->len) && !memchr(out->ptr, '\'', out->len) &&
           !memchr(out->ptr, '`', out->len);
}

/* The value of the last comment of this name; empty: there is none. */
static struct str find_comment(struct str text, struct str name)
{
    struct str found = STR(""), value;
    size_t pos = 0;
    bool block;
    while (pos < text.len) {
        const char *at = memmem(text.ptr + pos, text.len - pos, name.ptr, name.len);
        if (!at)
            break;
        size_t start = (size_t)(at - text.ptr);
        pos = start + name.len;
        if (begins_comment(text, start, &block) && take_value(text, &pos, block, &value) &&
            value.len > 0)
            found = value;
    }
    return found;
}

bool script_has_comment(struct str text)
{
    return find_comment(text, STR("sourceMappingURL=")).len > 0 ||
           find_comment(text, STR("debugId=")).len > 0;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A % that no two digits follow stays. */
static bool decode_percent(struct str in, struct arena *a, struct str *out)
{
    char *to = arena_alloc(a, in.len + 1);
    size_t n = 0;
    if (!to)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        int high = in.ptr[i] == '%' && in.len - i > 2 ? hex_value(in.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_value(in.ptr[i + 2]) : -1;
        to[n++] = low >= 0 ? (char)((unsigned)high << 4 | (unsigned)low) : in.ptr[i];
        i += low >= 0 ? 2 : 0;
    }
    *out = (struct str){ to, n };
    return true;
}

static bool decode_base64(struct str in, uint64_t offset, struct arena *a, struct str *out,
                          struct err *e)
{
    struct base64_decode_ctx state;
    size_t len = BASE64_DECODE_LENGTH(in.len);
    uint8_t *to = arena_alloc(a, len + 1);
    if (!to)
        return err_set(e, ERR_NOMEM, offset, "the source map in a script");
    base64_decode_init(&state);
    if (!base64_decode_update(&state, &len, to, in.len, in.ptr))
        return err_set(e, ERR_INPUT, offset,
                       "the source map in the script, at byte %llu, is no base64",
                       (unsigned long long)offset);
    *out = (struct str){ (const char *)to, len }; /* the padding may be missing */
    return true;
}

/* data:application/json;charset=utf-8;base64,... */
static bool read_data(struct str text, struct str url, struct arena *a, struct script_about *out,
                      struct err *e)
{
    static const char base64[] = ";base64";
    const char *comma = memchr(url.ptr, ',', url.len);
    uint64_t offset = (uint64_t)(url.ptr - text.ptr);
    if (!comma)
        return err_set(e, ERR_INPUT, offset,
                       "the data: URL of the source map in the script, at byte %llu, has no comma",
                       (unsigned long long)offset);
    struct str kind = { url.ptr, (size_t)(comma - url.ptr) };
    struct str content = { comma + 1, url.len - kind.len - 1 };
    size_t n = sizeof base64 - 1;
    offset += kind.len + 1;
    if (memchr(content.ptr, '%', content.len) && !decode_percent(content, a, &content))
        return err_set(e, ERR_NOMEM, offset, "the source map in a script");
    if (kind.len >= n && strncasecmp(kind.ptr + kind.len - n, base64, n) == 0)
        return decode_base64(content, offset, a, &out->map, e);
    out->map = content;
    return true;
}

/* https://cdn/a/app%20one.js.map?v=1 -> "app one.js.map" */
static bool read_name(struct str url, struct arena *a, struct str *out)
{
    size_t end = 0, start;
    while (end < url.len && url.ptr[end] != '?' && url.ptr[end] != '#')
        end++;
    for (start = end; start > 0 && url.ptr[start - 1] != '/' && url.ptr[start - 1] != '\\';)
        start--;
    return decode_percent((struct str){ url.ptr + start, end - start }, a, out);
}

static void digest(struct str text, char out[SCRIPT_UUID_DIGITS + 1])
{
    struct md5_ctx state;
    uint8_t hash[MD5_DIGEST_SIZE];
    md5_init(&state);
    md5_update(&state, text.len, (const uint8_t *)text.ptr);
    md5_digest(&state, sizeof hash, hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        out[2 * i] = "0123456789ABCDEF"[hash[i] >> 4];
        out[2 * i + 1] = "0123456789ABCDEF"[hash[i] & 15];
    }
    out[SCRIPT_UUID_DIGITS] = '\0';
}

bool script_read(struct str text, struct arena *a, struct script_about *out, struct err *e)
{
    struct script_about about = { .map_name = STR(""), .map = STR("") };
    struct str url = find_comment(text, STR("sourceMappingURL="));
    about.debug_id = find_comment(text, STR("debugId="));
    if (url.len > 5 && strncasecmp(url.ptr, "data:", 5) == 0) {
        if (!read_data(text, url, a, &about, e))
            return false;
    } else if (!read_name(url, a, &about.map_name)) {
        return err_set(e, ERR_NOMEM, 0, "a script's source map");
    }
    digest(text, about.uuid);
    *out = about;
    return true;
}

#define ID_MAX 64

bool script_id(struct str id, struct arena *a, struct str *out)
{
    char *to = arena_alloc(a, ID_MAX);
    size_t n = 0;
    if (!to)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (c == '-')
            continue;
        if (n == ID_MAX) {
            n = 0;
            break;
        }
        to[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    *out = (struct str){ to, n };
    return true;
}
