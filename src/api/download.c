/* download.c - headers for foreign bytes, and gzip. */
#include "api/download.h"

#include "base/utf8.h"

#include <zlib.h>

#define GZIP_PIECE 65536
#define GZIP_WINDOW (15 + 16) /* the largest window, in a gzip wrapper */

/* Of a path only the last element counts, in the eyes of Unix and of Windows. */
static struct str last_element(struct str name)
{
    size_t n = name.len;
    while (n > 0 && name.ptr[n - 1] != '/' && name.ptr[n - 1] != '\\')
        n--;
    struct str s = { name.ptr + n, name.len - n };
    if (s.len <= DOWNLOAD_NAME_MAX)
        return s;
    s.len = DOWNLOAD_NAME_MAX;
    s.len = utf8_valid_prefix(s);
    return s;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_plain(char c)
{
    return !is_control(c) && (unsigned char)c < 0x80 && c != '"' && c != '%';
}

/* RFC 8187, attr-char. */
static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$&+-.^_`|~", c));
}

bool download_disposition(struct str name, struct arena *a, struct str *out)
{
    struct str s = last_element(name);
    struct buf b;
    bool plain = true;
    if (s.len == 0 || str_eq(s, STR(".")) || str_eq(s, STR("..")))
        s = STR("attachment");
    buf_init(&b, 6 * DOWNLOAD_NAME_MAX);
    buf_str(&b, STR("attachment; filename=\""));
    for (size_t i = 0; i < s.len; i++) {
        bool begins = ((unsigned char)s.ptr[i] & 0xc0) != 0x80; /* one '_' for each character */
        plain &= is_plain(s.ptr[i]);
        if (is_plain(s.ptr[i]))
            buf_char(&b, s.ptr[i]);
        else if (begins)
            buf_char(&b, '_');
    }
    buf_char(&b, '"');
    if (!plain) {
        buf_str(&b, STR("; filename*=UTF-8''"));
        for (size_t i = 0; i < s.len; i++) {
            if (is_unreserved(s.ptr[i]))
                buf_char(&b, s.ptr[i]);
            else if (is_control(s.ptr[i]))
                buf_char(&b, '_');
            else
                buf_printf(&b, "%%%02X", (unsigned char)s.ptr[i]);
        }
    }
    bool ok = buf_ok(&b) && arena_str(a, buf_view(&b), out);
    buf_done(&b);
    return ok;
}

const char *download_type(struct str given)
{
    static const char *const harmless[] = {
        "application/json", "application/gzip", "application/zip", "application/zstd",
        "image/png",        "image/jpeg",       "image/gif",       "image/webp",
        "video/mp4",        "video/webm",       "text/plain",      "text/csv",
    };
    struct str s = given;
    const char *semicolon = s.len > 0 ? memchr(s.ptr, ';', s.len) : NULL;
    if (semicolon)
        s.len = (size_t)(semicolon - s.ptr);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (str_is_word(s, harmless[i]))
            return harmless[i];
    return "application/octet-stream";
}

static bool deflate_all(z_stream *z, struct str text, struct buf *out)
{
    unsigned char piece[GZIP_PIECE];
    int rc = Z_OK;
    /* zlib's lengths are of 32 bits. */
    for (size_t at = 0; rc == Z_OK && buf_ok(out);) {
        if (z->avail_in == 0) {
            size_t n = text.len - at < GZIP_PIECE ? text.len - at : GZIP_PIECE;
            z->next_in = (z_const Bytef *)(uintptr_t)(text.ptr + at);
            z->avail_in = (uInt)n;
            at += n;
        }
        z->next_out = piece;
        z->avail_out = sizeof piece;
        rc = deflate(z, at == text.len ? Z_FINISH : Z_NO_FLUSH);
        buf_add(out, piece, sizeof piece - z->avail_out);
    }
    return rc == Z_STREAM_END || !buf_ok(out);
}

bool download_gzip(struct str text, struct buf *out, struct err *e)
{
    z_stream z = { 0 };
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(e, ERR_NOMEM, 0, "no memory to compress the report");
    bool ok = deflate_all(&z, text, out);
    (void)deflateEnd(&z);
    return ok || err_set(e, ERR_IO, 0, "the report could not be compressed");
}
