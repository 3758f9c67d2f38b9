/* Any body, whole and cut into small pieces: the same events, the same refusal. The first byte says
 * how large the pieces are, the line behind it is the Content-Type. */
#include "base/buf.h"
#include "base/utf8.h"
#include "http/multipart.h"

#include <assert.h>
#include <stdlib.h>

#define NOTES_BYTES (1 << 22)
#define PARTS_MAX 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool note_begin(void *ctx, const struct multipart_part *p, struct err *e)
{
    (void)e;
    assert(p->name.len > 0 && utf8_valid_prefix(p->name) == p->name.len);
    assert(utf8_valid_prefix(p->filename) == p->filename.len);
    assert(utf8_valid_prefix(p->type) == p->type.len);
    buf_printf(ctx, "<%.*s|%d%.*s|%.*s>", STR_ARG(p->name), p->has_filename, STR_ARG(p->filename),
               STR_ARG(p->type));
    return true;
}

static bool note_add(void *ctx, struct bytes piece, struct err *e)
{
    (void)e;
    buf_add(ctx, piece.ptr, piece.len);
    return true;
}

static bool note_end(void *ctx, struct err *e)
{
    (void)e;
    buf_char(ctx, ';');
    return true;
}

static void parse(struct bytes body, struct str boundary, size_t step, struct buf *out)
{
    static const struct multipart_events notes = { note_begin, note_add, note_end };
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 24);
    struct multipart *m = multipart_new(a, boundary, PARTS_MAX, &notes, out);
    struct err e = { 0 };
    bool ok = true;
    if (!m)
        abort();
    for (size_t at = 0; ok && at < body.len; at += step) {
        size_t n = body.len - at < step ? body.len - at : step;
        uint8_t *piece = malloc(n); /* exactly as long, so that overruns show */
        if (!piece)
            abort();
        memcpy(piece, body.ptr + at, n);
        ok = multipart_add(m, (struct bytes){ piece, n }, &e);
        free(piece);
    }
    if (!ok || !multipart_end(m, &e)) {
        assert(e.code != ERR_NONE && e.msg[0] != '\0' && e.offset <= body.len);
        buf_printf(out, "!%s", e.msg);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 24);
    size_t step = 1 + data[0] % 40;
    const uint8_t *line = memchr(data + 1, '\n', size - 1);
    size_t begin = line ? (size_t)(line - data) + 1 : size;
    struct str type = { (const char *)data + 1, begin - 1 - (line != NULL) }, boundary;
    struct bytes body = { data + begin, size - begin };
    struct buf whole, cut;
    if (!a)
        abort();
    if (!multipart_boundary(type, a, &boundary) || boundary.len == 0)
        boundary = STR("b");
    buf_init(&whole, NOTES_BYTES);
    buf_init(&cut, NOTES_BYTES);
    parse(body, boundary, body.len ? body.len : 1, &whole);
    parse(body, boundary, step, &cut);
    assert(str_eq(buf_view(&whole), buf_view(&cut)));
    buf_done(&whole);
    buf_done(&cut);
    return 0;
}
