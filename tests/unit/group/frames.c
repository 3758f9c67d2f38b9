/* frames.c - see the header. */
#include "frames.h"

#include "../cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* The text between `open` and `close`, when *at begins so. */
static struct str between(const char **at, char open, char close)
{
    const char *end;
    if (**at != open)
        return STR("");
    end = strchr(*at, close);
    assert_non_null(end);
    struct str out = { *at + 1, (size_t)(end - *at - 1) };
    *at = end + 1;
    return out;
}

static struct trace_frame frame_parse(const char **at, struct str build)
{
    struct trace_frame f = { .function = { *at, strcspn(*at, "{+[^|") } };
    *at += f.function.len;
    if (str_eq(f.function, STR("?")))
        f.function = STR("");
    f.module = between(at, '{', '}');
    if (**at == '+') {
        char *end;
        f.site = (uint16_t)strtoul(*at + 1, &end, 16);
        f.has_site = true;
        *at = end;
    }
    f.build = between(at, '[', ']');
    if (f.build.len == 0 && (f.has_site || f.module.len > 0))
        f.build = build;
    f.inlined = **at == '^';
    *at += f.inlined;
    assert_true(**at == '|' || **at == '\0');
    return f;
}

struct trace frames_parse(const char *text, const char *build, struct arena *a)
{
    struct trace t = { .build = str_from_c(build) };
    struct trace_frame *frames = arena_array(a, FRAMES_DEEP, sizeof *frames);
    assert_non_null(frames);
    for (const char *at = text; *at; at += *at == '|') {
        assert_true(t.count < FRAMES_DEEP);
        frames[t.count] = frame_parse(&at, t.build);
        frames[t.count].index = (uint32_t)t.count;
        t.count++;
    }
    t.frames = frames;
    return t;
}
