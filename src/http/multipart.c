/* multipart.c - cuts a multipart body into parts, whatever pieces it comes in.
 *
 * What is hard here: a delimiter ("\r\n--boundary") may be cut anywhere between two pieces, and
 * what looks like its beginning may turn out to be content. What has been held back is never
 * copied: it is the first bytes of the delimiter, so that the delimiter itself can be handed on in
 * its place. Since a boundary holds no line ends, a delimiter begins nowhere inside another one.
 *
 * Bodies with bare LF are read if all their delimiters have it; where both kinds of line ends stand
 * before delimiters, another reader might see other parts, so that is refused. */
#include "http/multipart.h"

#include "base/buf.h"
#include "http/part_headers.h"

#include <assert.h>

#define LINE_AT 2 /* where "--" begins in the delimiter, behind CR and LF */

enum state {
    PREAMBLE,  /* before the first delimiter */
    CONTENT,   /* of a part */
    DELIMITED, /* behind the boundary */
    DASH,      /* the first of the two dashes that say: the last one */
    PADDING,   /* white space behind a boundary */
    LINE_END,  /* CR behind a boundary */
    HEADERS,
    EPILOGUE, /* behind the last delimiter */
    FAILED
};

struct multipart {
    const struct multipart_events *events;
    void *ctx;
    struct arena *arena;
    struct str delimiter; /* "\r\n--boundary" */
    size_t parts, parts_max;
    uint64_t offset; /* bytes of the body that have been looked at */
    enum state state;
    bool knows_ends, crlf; /* how the lines of delimiters end; from the first one */
    /* While a delimiter may be under way: its bytes [held_from, held_to) have been seen, and not
     * handed on. held_from is 1 where a LF came without a CR, LINE_AT at a beginning, where no line
     * end need be. */
    bool holding;
    size_t held_from, held_to;
    /* The headers of a part, lines ended by '\n'. */
    char *headers;
    size_t headers_len;
    size_t line_begin; /* of the line under way */
};

static bool bad(struct multipart *m, struct err *e, const char *what)
{
    m->state = FAILED;
    (void)err_word(e, ERR_INPUT, "bad_multipart", "multipart body, byte %llu: %s",
                   (unsigned long long)m->offset, what);
    e->offset = m->offset;
    return false;
}

static void skip(struct multipart *m, struct bytes *rest, size_t n)
{
    *rest = (struct bytes){ rest->ptr + n, rest->len - n };
    m->offset += n;
}

static bool is_boundary(struct str s)
{
    if (s.len == 0 || s.len > MULTIPART_BOUNDARY_MAX || s.ptr[s.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    return true;
}

bool multipart_boundary(struct str content_type, struct arena *a, struct str *boundary)
{
    struct str rest = content_type;
    struct header_param p;
    enum header_param_found found;
    size_t count = 0;
    if (!str_is_word(header_value_cut(&rest), "multipart/form-data"))
        return false;
    *boundary = STR("");
    while ((found = header_param_next(&rest, &p)) == PARAM_FOUND)
        if (str_is_word(p.name, "boundary") && ++count == 1 && is_boundary(p.raw) &&
            !memchr(p.raw.ptr, '\\', p.raw.len) && !arena_str(a, p.raw, boundary))
            *boundary = STR("");
    if (found == PARAM_BAD || count > 1)
        *boundary = STR("");
    return true;
}

struct multipart *multipart_new(struct arena *a, struct str boundary, size_t parts_max,
                                const struct multipart_events *events, void *ctx)
{
    struct multipart *m = arena_zalloc(a, sizeof *m);
    if (!m || !arena_printf(a, &m->delimiter, "\r\n--%.*s", STR_ARG(boundary)))
        return NULL;
    m->headers = arena_alloc(a, MULTIPART_HEADERS_MAX);
    if (!m->headers)
        return NULL;
    m->events = events;
    m->ctx = ctx;
    m->arena = a;
    m->parts_max = parts_max;
    m->holding = true; /* the first delimiter may stand at the very beginning */
    m->held_from = m->held_to = LINE_AT;
    return m;
}

static bool give(struct multipart *m, const void *p, size_t n, struct err *e)
{
    if (n == 0 || m->state == PREAMBLE)
        return true;
    if (m->events->add(m->ctx, (struct bytes){ p, n }, e))
        return true;
    m->state = FAILED;
    return false;
}

/* All of a delimiter has been seen; its held_from says how the line before it ended. */
static bool delimiter_found(struct multipart *m, struct err *e)
{
    bool crlf = m->held_from == 0;
    m->holding = false;
    if (m->state == CONTENT) {
        if (m->held_from < LINE_AT && crlf != m->crlf)
            return bad(m, e, "a boundary stands behind another kind of line end than the first");
        if (!m->events->end(m->ctx, e)) {
            m->state = FAILED;
            return false;
        }
    }
    m->state = DELIMITED;
    return true;
}

/* Goes on with a delimiter that began in the piece before. */
static bool resume_delimiter(struct multipart *m, struct bytes *rest, struct err *e)
{
    const char *d = m->delimiter.ptr;
    size_t n = 0;
    while (n < rest->len && m->held_to < m->delimiter.len &&
           rest->ptr[n] == (uint8_t)d[m->held_to]) {
        m->held_to++;
        n++;
    }
    skip(m, rest, n);
    if (m->held_to == m->delimiter.len)
        return delimiter_found(m, e);
    if (rest->len == 0)
        return true;
    m->holding = false; /* it was content */
    return give(m, d + m->held_from, m->held_to - m->held_from, e);
}

/* How many bytes at the end of a piece that holds no delimiter may be the beginning of one. */
static size_t hold_back(struct multipart *m, struct bytes piece)
{
    size_t most = m->delimiter.len - 2; /* a LF and all but the last byte behind it */
    size_t n = piece.len < most ? piece.len : most;
    const uint8_t *tail = piece.ptr + piece.len - n;
    const uint8_t *lf = memrchr(tail, '\n', n);
    size_t held = lf ? (size_t)(tail + n - lf) : 0;
    if (lf && memcmp(lf, m->delimiter.ptr + 1, held) == 0) {
        bool cr = lf > piece.ptr && lf[-1] == '\r';
        m->held_from = cr ? 0 : 1;
        m->held_to = 1 + held;
    } else if (piece.ptr[piece.len - 1] == '\r') {
        m->held_from = 0;
        m->held_to = 1;
    } else {
        return 0;
    }
    m->holding = true;
    return m->held_to - m->held_from;
}

/* Content, or what stands before the first part: hands on what is before the next delimiter. */
static bool find_delimiter(struct multipart *m, struct bytes *rest, struct err *e)
{
    if (m->holding)
        return resume_delimiter(m, rest, e);
    struct bytes in = *rest;
    size_t needle_len = m->delimiter.len - 1;
    const uint8_t *lf = memmem(in.ptr, in.len, m->delimiter.ptr + 1, needle_len);
    if (!lf) {
        size_t held = hold_back(m, in);
        skip(m, rest, in.len);
        return give(m, in.ptr, in.len - held, e);
    }
    size_t before = (size_t)(lf - in.ptr);
    bool cr = before > 0 && in.ptr[before - 1] == '\r';
    m->held_from = cr ? 0 : 1;
    skip(m, rest, before + needle_len);
    return give(m, in.ptr, before - cr, e) && delimiter_found(m, e);
}

static bool begin_headers(struct multipart *m, bool crlf, struct err *e)
{
    if (!m->knows_ends) {
        m->knows_ends = true;
        m->crlf = crlf;
    }
    if (m->parts == m->parts_max) {
        m->state = FAILED;
        return err_word(e, ERR_LIMIT, "too_many_parts", "the body has more than %zu parts",
                        m->parts_max);
    }
    m->parts++;
    m->state = HEADERS;
    m->headers_len = m->line_begin = 0;
    return true;
}

/* The rest of a delimiter's line, byte by byte: it is two or four of them. */
static bool delimiter_line(struct multipart *m, uint8_t c, struct err *e)
{
    if (m->state == DASH && c == '-')
        m->state = EPILOGUE;
    else if (m->state == DELIMITED && c == '-')
        m->state = DASH;
    else if (m->state != DASH && c == '\n')
        return begin_headers(m, m->state == LINE_END, e);
    else if ((m->state == DELIMITED || m->state == PADDING) && c == '\r')
        m->state = LINE_END;
    else if ((m->state == DELIMITED || m->state == PADDING) && (c == ' ' || c == '\t'))
        m->state = PADDING;
    else
        return bad(m, e, "something else than a line end stands behind a boundary");
    return true;
}

static bool begin_content(struct multipart *m, struct err *e)
{
    struct multipart_part part;
    if (!part_headers_read((struct str){ m->headers, m->headers_len }, m->arena, &part, e)) {
        char why[sizeof e->msg];
        (void)snprintf(why, sizeof why, "%s", e->msg);
        m->state = FAILED;
        return e->code == ERR_INPUT ? bad(m, e, why) : false;
    }
    if (!m->events->begin(m->ctx, &part, e)) {
        m->state = FAILED;
        return false;
    }
    m->state = CONTENT;
    m->holding = true; /* a part may be empty, and its delimiter stand right here */
    m->held_from = m->held_to = LINE_AT;
    return true;
}

/* The line is complete, with its '\n'. A line that begins with white space belongs to the one
 * before it. */
static bool header_line(struct multipart *m, struct err *e)
{
    char *line = m->headers + m->line_begin;
    size_t len = m->headers_len - m->line_begin - 1;
    if (len > 0 && line[len - 1] == '\r') {
        line[--len] = '\n';
        m->headers_len--;
    }
    if (len == 0) {
        m->headers_len = m->line_begin;
        return begin_content(m, e);
    }
    if (line[0] == ' ' || line[0] == '\t') {
        if (m->line_begin == 0)
            return bad(m, e, "the headers of a part begin with white space");
        m->headers[m->line_begin - 1] = ' ';
    }
    m->line_begin = m->headers_len;
    return true;
}

static bool read_headers(struct multipart *m, struct bytes *rest, struct err *e)
{
    const uint8_t *lf = memchr(rest->ptr, '\n', rest->len);
    size_t n = lf ? (size_t)(lf - rest->ptr) + 1 : rest->len;
    size_t room = MULTIPART_HEADERS_MAX - m->headers_len;
    if (n > room) {
        skip(m, rest, room);
        return bad(m, e, "the headers of a part are too long");
    }
    memcpy(m->headers + m->headers_len, rest->ptr, n);
    m->headers_len += n;
    skip(m, rest, n);
    return lf ? header_line(m, e) : true;
}

static bool step(struct multipart *m, struct bytes *rest, struct err *e)
{
    uint8_t c;
    switch (m->state) {
    case PREAMBLE:
    case CONTENT:
        return find_delimiter(m, rest, e);
    case HEADERS:
        return read_headers(m, rest, e);
    case EPILOGUE:
        skip(m, rest, rest->len);
        return true;
    default:
        c = rest->ptr[0];
        skip(m, rest, 1);
        return delimiter_line(m, c, e);
    }
}

bool multipart_add(struct multipart *m, struct bytes piece, struct err *e)
{
    assert(m->state != FAILED);
    while (piece.len > 0)
        if (!step(m, &piece, e))
            return false;
    return true;
}

bool multipart_end(struct multipart *m, struct err *e)
{
    assert(m->state != FAILED);
    if (m->state == EPILOGUE)
        return true;
    return bad(m, e,
               m->state == PREAMBLE ? "the body ends before its first boundary"
                                    : "the body ends before its last boundary");
}
