/* Questions to an image of any bytes. What the header says of itself is put right, so that the
 * rest of it is looked at. */
#include "sourcemap/mapcache_layout.h"

#include "cache_header.h"
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
    touch(spot.file);
    touch(spot.name);
    touch(spot.function);
    if (mapcache_line(c, spot.source, spot.line, &text))
        touch(text);
}

static void ask_all(const struct mapcache *c)
{
    struct mapcache_about about;
    struct err e = { 0 };
    struct str text;
    bool ignored;
    mapcache_about(c, &about);
    touch(about.debug_id);
    touch(about.script);
    touch(about.name);
    for (uint32_t line = 1; line < 8; line++)
        for (uint32_t column = 1; column < 40; column++)
            ask(c, line, column);
    for (uint32_t at = 1; at < UINT32_MAX / 2; at *= 2) {
        ask(c, at, 5);
        ask(c, at, UINT32_MAX);
        ask(c, 1, at);
    }
    for (uint32_t i = 0; i < 8; i++) {
        if (mapcache_source(c, i, &text, &ignored))
            touch(text);
        if (mapcache_line(c, i, 1 + i, &text))
            touch(text);
    }
    if (!mapcache_verify(c, &e))
        assert(e.code == ERR_INPUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct mapcache *c;
    uint8_t *image = malloc(size ? size : 1); /* aligned, as a mapping is; and its end is watched */
    assert(image);
    if (size > 0)
        memcpy(image, data, size);
    put_header_right(&mapcache_kind, image, size);
    if (mapcache_open(&c, (struct bytes){ image, size }, &e)) {
        ask_all(c);
        mapcache_free(c);
    } else {
        assert(e.code == ERR_INPUT && e.msg[0] != '\0');
    }
    free(image);
    return 0;
}
