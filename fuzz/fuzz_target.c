/* Any text as the path and query of a submission: what is taken is clean, and slashes doubled, a
 * slash at the end or "&" in the place of "?" change nothing. */
#include "api/target.h"
#include "base/buf.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(struct buf *out, struct str s)
{
    assert(utf8_valid_prefix(s) == s.len && (s.len == 0 || !memchr(s.ptr, '\0', s.len)));
    buf_printf(out, "%zu:", s.len);
    buf_str(out, s);
}

static void read_into(struct str path, struct str query, struct buf *out)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 24);
    struct target t;
    struct err e = { 0 };
    if (!a)
        abort();
    if (!target_read(path, query, a, &t, &e)) {
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
        buf_printf(out, "!%d", (int)e.code);
        return;
    }
    const struct str words[] = { t.universe, t.token,  t.project,
                                 t.format,   t.object, t.attachment_name };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        note(out, words[i]);
    buf_printf(out, "%d", t.sync);
    for (size_t i = 0; i < t.field_count; i++) {
        assert(t.fields[i].name.len > 0);
        note(out, t.fields[i].name);
        note(out, t.fields[i].value);
    }
}

static void write_otherwise(struct str path, struct str query, struct buf *out)
{
    bool in_query = false;
    for (size_t i = 0; i < path.len; i++) {
        in_query |= path.ptr[i] == '&';
        if (path.ptr[i] == '/' && !in_query)
            buf_char(out, '/');
        buf_char(out, path.ptr[i]);
    }
    if (!in_query)
        buf_char(out, '/');
    buf_char(out, '&');
    buf_str(out, query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* exactly as long, so that overruns show */
    if (!text)
        abort();
    memcpy(text, data, size);
    const char *mark = size ? memchr(text, '?', size) : NULL;
    struct str path = { text, mark ? (size_t)(mark - text) : size };
    struct str query = { text + path.len + (mark != NULL), size - path.len - (mark != NULL) };
    struct buf one, other, rewritten;
    buf_init(&one, 1 << 24);
    buf_init(&other, 1 << 24);
    buf_init(&rewritten, 1 << 24);
    read_into(path, query, &one);
    write_otherwise(path, query, &rewritten);
    read_into(buf_view(&rewritten), STR(""), &other);
    assert(str_eq(buf_view(&one), buf_view(&other)));
    buf_done(&one);
    buf_done(&other);
    buf_done(&rewritten);
    free(text);
    return 0;
}
