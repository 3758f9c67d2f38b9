/* Any text as a script: functions are within it, in order, and nest. */
#include "sourcemap/scopes.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int compare(uint32_t line, uint32_t column, uint32_t other_line, uint32_t other_column)
{
    if (line != other_line)
        return line < other_line ? -1 : 1;
    return (column > other_column) - (column < other_column);
}

static volatile unsigned touched;

static void check(const struct scope *s, const struct scope *before)
{
    assert(s->line > 0 && s->column > 0);
    assert(compare(s->line, s->column, s->end_line, s->end_column) <= 0);
    if (before)
        assert(compare(before->line, before->column, s->line, s->column) <= 0);
    assert((s->name_line > 0) == (s->name_column > 0));
    for (size_t i = 0; i < s->name.len; i++)
        touched += (unsigned char)s->name.ptr[i];
}

/* That they nest: each ends before the one around it does. */
static void check_nesting(const struct scope *scopes, size_t count)
{
    if (count > 200)
        count = 200;
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++) {
            const struct scope *out = &scopes[i], *in = &scopes[k];
            if (compare(in->line, in->column, out->end_line, out->end_column) < 0)
                assert(compare(in->end_line, in->end_column, out->end_line, out->end_column) <= 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new((size_t)64 << 20);
    struct scope *scopes;
    size_t count;
    struct err e = { 0 };
    if (a && scopes_find((struct str){ (const char *)data, size }, a, &scopes, &count, &e)) {
        for (size_t i = 0; i < count; i++)
            check(&scopes[i], i > 0 ? &scopes[i - 1] : NULL);
        check_nesting(scopes, count);
    } else {
        assert(e.code == ERR_NOMEM);
    }
    arena_free(a);
    return 0;
}
