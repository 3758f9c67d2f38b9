/* What a helper process says: taken or refused with a reason; what is taken reads back the same. */
#include "symbols/convert_line.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct convert_line *line, struct arena *a)
{
    struct buf b;
    struct convert_line again;
    struct err e = { 0 };
    buf_init(&b, CONVERT_LINE_MAX);
    convert_line_write(&b, line);
    assert(buf_ok(&b) && b.len > 0 && b.ptr[b.len - 1] == '\n');
    bool ok = convert_line_read(&again, (struct str){ b.ptr, b.len - 1 }, a, &e);
    assert(ok && again.say == line->say && again.kind == line->kind && again.size == line->size);
    assert(again.image == line->image &&
           memcmp(again.source, line->source, sizeof again.source) == 0);
    assert(line->entry.len > CONVERT_ENTRY_MAX || str_eq(again.entry, line->entry));
    assert(str_eq(again.script, line->script));
    assert(line->error.len > CONVERT_ERROR_MAX || str_eq(again.error, line->error));
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct convert_line line;
    struct err e = { 0 };
    const struct bytes first = { data, size < CONVERT_KIND_BYTES ? size : CONVERT_KIND_BYTES };
    enum convert_kind kind = convert_kind_find(first);
    assert(convert_kind_name(kind).len > 0);
    kind = convert_kind_find_script(kind, (struct bytes){ data, size }, STR("app.js"));
    assert(convert_kind_name(kind).len > 0);
    struct arena *a = arena_new((size_t)16 << 20);
    if (!a)
        return 0;
    if (convert_line_read(&line, (struct str){ (const char *)data, size }, a, &e))
        check_again(&line, a);
    else
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
    arena_free(a);
    return 0;
}
