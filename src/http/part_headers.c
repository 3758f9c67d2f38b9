/* part_headers.c - Content-Disposition, Content-Type and their parameters, as clients write them.
 *
 * What is hard: names of files come quoted in three ways. curl writes \" and \\, browsers write
 * %22, old ones leave backslashes as they are; some add filename*=UTF-8''... beside it, which wins.
 */
#include "http/part_headers.h"

#include "base/utf8.h"

#define REPLACEMENT_BYTES 3 /* of U+FFFD */

static bool bad(struct err *e, const char *what)
{
    return err_word(e, ERR_INPUT, "bad_multipart", "%s", what);
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for the headers of a part");
}

static struct str behind(struct str s, size_t n)
{
    return (struct str){ s.ptr + n, s.len - n };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str trim(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = behind(s, 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct str header_value_cut(struct str *rest)
{
    const char *p = rest->len ? memchr(rest->ptr, ';', rest->len) : NULL;
    size_t n = p ? (size_t)(p - rest->ptr) : rest->len;
    struct str value = { rest->ptr, n };
    *rest = behind(*rest, n);
    return trim(value);
}

/* A quoted string whose first quote has been taken; takes the last one, too. */
static bool quoted_cut(struct str *rest, struct str *raw)
{
    for (size_t i = 0; i < rest->len; i++) {
        bool pair = rest->ptr[i] == '\\' && rest->len - i > 1 &&
                    (rest->ptr[i + 1] == '"' || rest->ptr[i + 1] == '\\');
        if (pair) {
            i++;
        } else if (rest->ptr[i] == '"') {
            *raw = (struct str){ rest->ptr, i };
            *rest = behind(*rest, i + 1);
            return true;
        }
    }
    return false;
}

enum header_param_found header_param_next(struct str *rest, struct header_param *out)
{
    struct str s = trim(*rest);
    if (s.len > 0 && s.ptr[0] != ';')
        return PARAM_BAD;
    while (s.len > 0 && s.ptr[0] == ';')
        s = trim(behind(s, 1));
    if (s.len == 0)
        return PARAM_END;
    size_t n = 0;
    while (n < s.len && s.ptr[n] != '=' && s.ptr[n] != ';')
        n++;
    if (n == 0 || n == s.len || s.ptr[n] == ';')
        return PARAM_BAD;
    out->name = trim((struct str){ s.ptr, n });
    s = trim(behind(s, n + 1));
    out->quoted = s.len > 0 && s.ptr[0] == '"';
    if (out->quoted) {
        s = behind(s, 1);
        if (!quoted_cut(&s, &out->raw))
            return PARAM_BAD;
    } else {
        out->raw = header_value_cut(&s);
        if (memchr(out->raw.ptr, '"', out->raw.len))
            return PARAM_BAD;
    }
    *rest = s;
    return PARAM_FOUND;
}

bool part_text_clean(struct str s, struct arena *a, struct str *out)
{
    if (utf8_valid_prefix(s) == s.len) {
        *out = s;
        return true;
    }
    char *p = arena_array(a, s.len, REPLACEMENT_BYTES);
    size_t n = 0;
    if (!p)
        return false;
    while (s.len > 0) {
        size_t len = utf8_char_len(s);
        memcpy(p + n, len ? s.ptr : UTF8_REPLACEMENT, len ? len : REPLACEMENT_BYTES);
        n += len ? len : REPLACEMENT_BYTES;
        s = behind(s, len ? len : 1);
    }
    *out = (struct str){ p, n };
    return true;
}

/* What a parameter of Content-Disposition means: without the backslashes of quoted pairs, and %22
 * as a quote; all other percent signs stay. A copy in the arena. */
static bool param_text(const struct header_param *p, struct arena *a, struct str *out)
{
    char *text = arena_alloc(a, p->raw.len + 1);
    size_t n = 0;
    if (!text)
        return false;
    for (size_t i = 0; i < p->raw.len; i++) {
        struct str s = behind(p->raw, i);
        bool pair =
            p->quoted && s.ptr[0] == '\\' && s.len > 1 && (s.ptr[1] == '"' || s.ptr[1] == '\\');
        bool quote = str_starts(s, STR("%22"));
        text[n++] = quote ? '"' : pair ? s.ptr[1] : s.ptr[0];
        i += quote ? 2 : pair ? 1 : 0;
    }
    return part_text_clean((struct str){ text, n }, a, out);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* UTF-8'en'na%C3%AFve, as RFC 5987 has it. */
static bool extended_text(struct str raw, struct arena *a, struct str *out, struct err *e)
{
    static const char why[] = "filename* of a part is not UTF-8''... with percent codes";
    const char *quote = memchr(raw.ptr, '\'', raw.len);
    if (!quote || !str_is_word((struct str){ raw.ptr, (size_t)(quote - raw.ptr) }, "utf-8"))
        return bad(e, why);
    struct str s = behind(raw, (size_t)(quote - raw.ptr) + 1);
    quote = memchr(s.ptr, '\'', s.len);
    if (!quote)
        return bad(e, why);
    s = behind(s, (size_t)(quote - s.ptr) + 1);
    char *text = arena_alloc(a, s.len + 1);
    size_t n = 0;
    if (!text)
        return no_memory(e);
    for (size_t i = 0; i < s.len; i++) {
        int high = s.ptr[i] == '%' && s.len - i > 2 ? hex_digit(s.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.ptr[i + 2]) : -1;
        if (s.ptr[i] == '%' && low < 0)
            return bad(e, why);
        text[n++] = low < 0 ? s.ptr[i] : (char)(high * 16 + low);
        i += low < 0 ? 0 : 2;
    }
    return part_text_clean((struct str){ text, n }, a, out) || no_memory(e);
}

static struct str last_element(struct str path)
{
    size_t begin = path.len;
    while (begin > 0 && path.ptr[begin - 1] != '/' && path.ptr[begin - 1] != '\\')
        begin--;
    return behind(path, begin);
}

/* What has been read of one part's headers. */
struct seen {
    bool disposition, type;             /* headers */
    bool name, filename, filename_star; /* parameters of Content-Disposition */
};

static bool read_param(const struct header_param *p, struct seen *seen, struct arena *a,
                       struct multipart_part *out, struct err *e)
{
    static const char twice[] = "a parameter stands twice in the Content-Disposition of a part";
    if (str_is_word(p->name, "name")) {
        if (seen->name)
            return bad(e, twice);
        seen->name = true;
        return param_text(p, a, &out->name) || no_memory(e);
    }
    if (str_is_word(p->name, "filename")) {
        if (seen->filename)
            return bad(e, twice);
        seen->filename = true;
        return seen->filename_star || param_text(p, a, &out->filename) || no_memory(e);
    }
    if (str_is_word(p->name, "filename*")) {
        if (seen->filename_star)
            return bad(e, twice);
        seen->filename_star = true;
        return extended_text(p->raw, a, &out->filename, e);
    }
    return true;
}

static bool read_disposition(struct str value, struct seen *seen, struct arena *a,
                             struct multipart_part *out, struct err *e)
{
    struct header_param p;
    enum header_param_found found;
    if (!str_is_word(header_value_cut(&value), "form-data"))
        return bad(e, "the Content-Disposition of a part is not form-data");
    while ((found = header_param_next(&value, &p)) == PARAM_FOUND)
        if (!read_param(&p, seen, a, out, e))
            return false;
    if (found == PARAM_BAD)
        return bad(e, "the Content-Disposition of a part is malformed");
    out->has_filename = seen->filename || seen->filename_star;
    out->filename = last_element(out->filename);
    return true;
}

/* Encodings that leave the bytes as they are; a part in another one would be taken for what it is
 * not. */
static bool is_plain_encoding(struct str value)
{
    return str_is_word(value, "binary") || str_is_word(value, "8bit") ||
           str_is_word(value, "7bit") || value.len == 0;
}

static bool read_line(struct str line, struct seen *seen, struct arena *a,
                      struct multipart_part *out, struct err *e)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    if (!colon || colon == line.ptr)
        return bad(e, "a header of a part has no name and colon");
    if (memchr(line.ptr, '\0', line.len) || memchr(line.ptr, '\r', line.len))
        return bad(e, "a header of a part holds a control character");
    struct str name = { line.ptr, (size_t)(colon - line.ptr) };
    struct str value = trim(behind(line, name.len + 1));
    if (str_is_word(name, "Content-Disposition")) {
        if (seen->disposition)
            return bad(e, "a part has two Content-Dispositions");
        seen->disposition = true;
        return read_disposition(value, seen, a, out, e);
    }
    if (str_is_word(name, "Content-Type")) {
        if (seen->type)
            return bad(e, "a part has two Content-Types");
        seen->type = true;
        struct str copy;
        return (arena_str(a, value, &copy) && part_text_clean(copy, a, &out->type)) || no_memory(e);
    }
    if (str_is_word(name, "Content-Transfer-Encoding") && !is_plain_encoding(value))
        return bad(e, "a part has a Content-Transfer-Encoding, which is not understood");
    return true;
}

bool part_headers_read(struct str block, struct arena *a, struct multipart_part *out, struct err *e)
{
    struct seen seen = { 0 };
    *out = (struct multipart_part){ STR(""), STR(""), STR(""), false };
    while (block.len > 0) {
        const char *end = memchr(block.ptr, '\n', block.len);
        size_t n = end ? (size_t)(end - block.ptr) : block.len;
        if (!read_line((struct str){ block.ptr, n }, &seen, a, out, e))
            return false;
        block = behind(block, end ? n + 1 : n);
    }
    if (out->name.len == 0)
        return bad(e, "a part has no Content-Disposition with a name");
    return true;
}
