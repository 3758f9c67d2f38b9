/* url.c - percent coding and the parts of a request target. Everything here is a client's text. */
#include "http/url.h"

#include "base/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool refuse(struct err *e, const char *what)
{
    return err_word(e, ERR_INPUT, "bad_url", "%s", what);
}

static bool needs_decoding(struct str s, unsigned how)
{
    return memchr(s.ptr, '%', s.len) || ((how & URL_PLUS) && memchr(s.ptr, '+', s.len));
}

static bool decode_into(char *to, struct str s, unsigned how, size_t *len, struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '+' && (how & URL_PLUS)) {
            c = ' ';
        } else if (c == '%') {
            int high = s.len - i > 2 ? hex_digit(s.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(s.ptr[i + 2]) : -1;
            if (low < 0 && !(how & URL_BARE_PERCENT))
                return refuse(e, "a % in the URL is not followed by two hexadecimal digits");
            if (low >= 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        }
        to[n++] = c;
    }
    *len = n;
    return true;
}

bool url_decode(struct str s, unsigned how, struct arena *a, struct str *out, struct err *e)
{
    if (s.len == 0) {
        *out = STR("");
        return true;
    }
    struct str decoded = s;
    if (needs_decoding(s, how)) {
        char *p = arena_alloc(a, s.len);
        if (!p)
            return err_set(e, ERR_NOMEM, 0, "no memory for the URL");
        if (!decode_into(p, s, how, &decoded.len, e))
            return false;
        decoded.ptr = p;
    }
    if (utf8_valid_prefix(decoded) != decoded.len)
        return refuse(e, "the URL is not valid UTF-8");
    if (memchr(decoded.ptr, '\0', decoded.len))
        return refuse(e, "the URL holds a NUL");
    *out = decoded;
    return true;
}

/* Takes what stands before the next `end`, and the `end` too, off the front of *rest. */
static struct str cut(struct str *rest, char end)
{
    const char *p = rest->len ? memchr(rest->ptr, end, rest->len) : NULL;
    struct str first = { rest->ptr, p ? (size_t)(p - rest->ptr) : rest->len };
    size_t taken = p ? first.len + 1 : first.len;
    *rest = (struct str){ rest->ptr + taken, rest->len - taken };
    return first;
}

bool url_path(struct str path, struct arena *a, struct str segments[URL_SEGMENTS_MAX],
              size_t *count, struct err *e)
{
    *count = 0;
    struct str rest = path;
    if (rest.len > 0 && rest.ptr[0] == '/')
        rest = (struct str){ rest.ptr + 1, rest.len - 1 };
    while (rest.len > 0) {
        struct str decoded, segment = cut(&rest, '/');
        if (!url_decode(segment, URL_PLAIN, a, &decoded, e))
            return false;
        if (*count < URL_SEGMENTS_MAX)
            segments[*count] = decoded;
        if (*count <= URL_SEGMENTS_MAX)
            ++*count;
    }
    return true;
}

bool url_params(struct str query, struct arena *a, const struct url_param **out, size_t *count,
                struct err *e)
{
    size_t n = 0, room = 0;
    struct str rest = query;
    while (rest.len > 0)
        room += cut(&rest, '&').len > 0;
    if (room > URL_PARAMS_MAX)
        return err_word(e, ERR_INPUT, "bad_url", "the URL has %zu parameters, at most %d are taken",
                        room, URL_PARAMS_MAX);
    struct url_param *params = room ? arena_array(a, room, sizeof *params) : NULL;
    if (room > 0 && !params)
        return err_set(e, ERR_NOMEM, 0, "no memory for the URL");
    rest = query;
    while (rest.len > 0) {
        struct str value = cut(&rest, '&');
        if (value.len == 0)
            continue;
        struct str name = cut(&value, '=');
        if (!url_decode(name, URL_PLUS, a, &params[n].name, e) ||
            !url_decode(value, URL_PLUS, a, &params[n].value, e))
            return false;
        n++;
    }
    *out = params;
    *count = n;
    return true;
}

static struct str after_scheme(struct str target)
{
    static const struct str schemes[] = { STR("http://"), STR("https://") };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (str_starts(target, schemes[i]))
            return (struct str){ target.ptr + schemes[i].len, target.len - schemes[i].len };
    return STR("");
}

bool url_target(struct str target, struct str *authority, struct str *path, struct str *query,
                struct err *e)
{
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= ' ' || target.ptr[i] == 0x7f)
            return refuse(e, "the URL holds a space or a control character");
    *authority = STR("");
    struct str rest = after_scheme(target);
    if (rest.len > 0) {
        size_t n = 0;
        while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
            n++;
        *authority = (struct str){ rest.ptr, n };
        rest = (struct str){ rest.ptr + n, rest.len - n };
    } else {
        rest = target;
        if (rest.len == 0 || rest.ptr[0] != '/')
            return refuse(e, "the URL does not begin with a slash");
    }
    *path = cut(&rest, '?');
    *query = rest;
    if (path->len == 0)
        *path = STR("/");
    return true;
}

void http_encode_segment(struct buf *out, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    bool dots = str_eq(s, STR(".")) || str_eq(s, STR("..")); /* would be steps in the path */
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-._~:@", c));
        if (plain && !dots) {
            buf_char(out, (char)c);
        } else {
            buf_char(out, '%');
            buf_char(out, digits[c >> 4]);
            buf_char(out, digits[c & 15]);
        }
    }
}
