/* body.c - inflating straight into the buffer that the handler reads, or piece by piece for a sink.
 */
#include "http/body.h"

#include <inttypes.h>

bool body_coding_find(struct str name, enum body_coding *out)
{
    if (name.len == 0 || str_is_word(name, "identity"))
        *out = BODY_PLAIN;
    else if (str_is_word(name, "gzip") || str_is_word(name, "x-gzip"))
        *out = BODY_GZIP;
    else if (str_is_word(name, "deflate"))
        *out = BODY_DEFLATE;
    else
        return false;
    return true;
}

void body_init(struct body *b, enum body_coding coding, size_t max_bytes,
               struct body_budget *budget)
{
    *b = (struct body){ .max_bytes = max_bytes, .budget = budget, .coding = coding };
    /* One byte more than allowed: an inflated body that reaches it is too large. */
    buf_init(&b->bytes, max_bytes + 1);
}

void body_init_sink(struct body *b, enum body_coding coding, uint64_t max_bytes, body_sink add,
                    void *sink)
{
    *b = (struct body){ .max_bytes = max_bytes, .coding = coding, .add = add, .sink = sink };
    buf_init(&b->bytes, 0);
}

void body_done(struct body *b)
{
    if (b->z_open)
        (void)inflateEnd(&b->z);
    b->z_open = false;
    buf_done(&b->bytes);
    if (b->charged)
        atomic_fetch_sub_explicit(&b->budget->used_bytes, b->charged, memory_order_relaxed);
    b->charged = 0;
}

static bool too_large(const struct body *b, struct err *e)
{
    return err_word(e, ERR_LIMIT, "body_too_large", "the body is larger than %" PRIu64 " bytes",
                    b->max_bytes);
}

/* Makes room for n more bytes and has the budget count it. */
static bool reserve(struct body *b, size_t n, struct err *e)
{
    if (n > b->bytes.max_bytes - b->bytes.len)
        return too_large(b, e);
    if (!buf_reserve(&b->bytes, n))
        return err_set(e, ERR_NOMEM, 0, "no memory for the body");
    size_t more = b->bytes.cap - b->charged;
    if (more == 0)
        return true;
    b->charged += more;
    size_t before = atomic_fetch_add_explicit(&b->budget->used_bytes, more, memory_order_relaxed);
    if (before + more > b->budget->limit_bytes)
        return err_word(e, ERR_BUSY, "too_many_bodies",
                        "too many large requests at once, try again later");
    return true;
}

static bool damaged(struct err *e, const char *how)
{
    return err_word(e, ERR_INPUT, "bad_encoding", "the compressed body is %s", how);
}

static bool open_inflate(struct body *b, int window_bits, struct err *e)
{
    if (inflateInit2(&b->z, window_bits) != Z_OK)
        return err_set(e, ERR_NOMEM, 0, "no memory for decompression");
    b->z_open = true;
    return true;
}

/* n more decoded bytes are there: counts them, and hands them on when there is a sink. */
static bool take(struct body *b, const uint8_t *decoded, size_t n, struct err *e)
{
    if (n > b->max_bytes - b->decoded_bytes)
        return too_large(b, e);
    b->decoded_bytes += n;
    return !b->add || n == 0 || b->add(b->sink, (struct bytes){ decoded, n }, e);
}

/* Where the next decoded bytes go: behind those in the buffer, or into `piece` for the sink. */
static bool make_room(struct body *b, uint8_t piece[BODY_PIECE_MAX], uint8_t **to, size_t *room,
                      struct err *e)
{
    *to = piece;
    *room = BODY_PIECE_MAX;
    if (b->add)
        return true;
    size_t left = b->bytes.max_bytes - b->bytes.len;
    if (!reserve(b, left < BODY_PIECE_MAX ? left : BODY_PIECE_MAX, e))
        return false;
    size_t space = b->bytes.cap - b->bytes.len;
    *to = (uint8_t *)b->bytes.ptr + b->bytes.len;
    *room = space > UINT32_MAX / 2 ? UINT32_MAX / 2 : space;
    return true;
}

/* Inflates until the piece is used up or the stream ends; leaves the rest in b->z. */
static bool inflate_some(struct body *b, struct err *e)
{
    uint8_t piece[BODY_PIECE_MAX], *to;
    size_t room;
    for (;;) {
        if (!make_room(b, piece, &to, &room, e))
            return false;
        b->z.next_out = to;
        b->z.avail_out = (uInt)room;
        int rc = inflate(&b->z, Z_NO_FLUSH);
        size_t made = room - b->z.avail_out;
        if (!b->add)
            b->bytes.len += made;
        if (!take(b, to, made, e))
            return false;
        if (rc == Z_STREAM_END) {
            b->z_end = true;
            return true;
        }
        if (rc == Z_MEM_ERROR)
            return err_set(e, ERR_NOMEM, 0, "no memory for decompression");
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return damaged(e, "damaged");
        if (b->z.avail_out > 0) /* it had room and wants more input */
            return true;
    }
}

static bool inflate_piece(struct body *b, struct bytes piece, struct err *e)
{
    b->z.next_in = piece.ptr;
    b->z.avail_in = (uInt)piece.len;
    while (b->z.avail_in > 0) {
        if (b->z_end) { /* gzip files may follow one another in one body */
            if (b->coding != BODY_GZIP)
                return damaged(e, "followed by something else");
            (void)inflateReset(&b->z);
            b->z_end = false;
        }
        if (!inflate_some(b, e))
            return false;
    }
    return true;
}

/* "deflate" should mean the zlib format, but some clients send it raw; the first two bytes tell. */
static bool open_deflate(struct body *b, struct bytes *piece, struct err *e)
{
    while (b->first_len < 2 && piece->len > 0) {
        b->first[b->first_len++] = piece->ptr[0];
        *piece = (struct bytes){ piece->ptr + 1, piece->len - 1 };
    }
    if (b->first_len < 2)
        return true;
    bool is_zlib = (b->first[0] & 15) == Z_DEFLATED && (b->first[0] * 256 + b->first[1]) % 31 == 0;
    return open_inflate(b, is_zlib ? 15 : -15, e) &&
           inflate_piece(b, (struct bytes){ b->first, 2 }, e);
}

static bool add_plain(struct body *b, struct bytes piece, struct err *e)
{
    if (b->add)
        return take(b, piece.ptr, piece.len, e);
    if (!reserve(b, piece.len, e) || !take(b, piece.ptr, piece.len, e))
        return false;
    buf_add(&b->bytes, piece.ptr, piece.len);
    return true;
}

bool body_add(struct body *b, struct bytes piece, struct err *e)
{
    if (b->coding == BODY_PLAIN)
        return add_plain(b, piece, e);
    if (!b->z_open && b->coding == BODY_GZIP && !open_inflate(b, 15 + 16, e))
        return false;
    if (!b->z_open && !open_deflate(b, &piece, e))
        return false;
    return !b->z_open || inflate_piece(b, piece, e);
}

bool body_end(struct body *b, struct err *e)
{
    if (b->coding == BODY_PLAIN || (!b->z_open && b->first_len == 0) || b->z_end)
        return true; /* nothing at all is an empty body */
    return damaged(e, "cut off");
}
