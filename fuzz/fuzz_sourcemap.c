/* Any text as a source map, behind a NUL the script that it is for: what is converted can be opened
 * and asked, and what is refused is so with a reason. */
#include "sourcemap/mapcache.h"
#include "sourcemap/sourcemap.h"

#include "touch.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct mapcache *c, uint32_t line, uint32_t column)
{
    struct mapcache_spot spot;
    struct str text;
    if (!mapcache_find(c, line, column, &spot))
        return;
    assert(spot.line > 0 && spot.column > 0);
    touch(spot.file);
    touch(spot.name);
    touch(spot.function);
    if (mapcache_line(c, spot.source, spot.line, &text))
        touch(text);
}

static void ask_all(struct buf *image, const struct sourcemap_says *says)
{
    struct mapcache *c = NULL;
    struct err e = { 0 };
    struct bytes b = { (const uint8_t *)image->ptr, image->len };
    bool ok = mapcache_open(&c, b, &e) && mapcache_verify(c, &e);
    assert(ok);
    struct mapcache_about about;
    mapcache_about(c, &about);
    assert(str_eq(about.debug_id, says->debug_id));
    for (uint32_t line = 1; line < 20; line++)
        for (uint32_t column = 1; column < 100; column++)
            ask(c, line, column);
    for (uint32_t at = 1; at < UINT32_MAX / 2; at *= 2) {
        ask(c, at, UINT32_MAX);
        ask(c, 1, at);
    }
    mapcache_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct buf image;
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t n = nul ? (size_t)(nul - data) : size;
    struct sourcemap_from from = { .name = STR("a.map"), .script = STR("a.js") };
    if (nul)
        from.text = (struct str){ (const char *)nul + 1, size - n - 1 };
    struct arena *a = arena_new((size_t)64 << 20);
    assert(a);
    buf_init(&image, (size_t)64 << 20);
    (void)sourcemap_could_be((struct bytes){ data, n });
    struct sourcemap_says says;
    bool said = sourcemap_says((struct bytes){ data, n }, a, &says);
    assert(said);
    if (sourcemap_convert((struct bytes){ data, n }, &from, a, &image, &e))
        ask_all(&image, &says);
    else
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
    buf_done(&image);
    arena_free(a);
    return 0;
}
