#include "maps.h"

#include <stdio.h>
#include <stdlib.h>

bool made_from(struct made *m, struct str json, const struct sourcemap_from *from)
{
    static const struct sourcemap_from nothing;
    struct arena *a = arena_new((size_t)1 << 30);
    *m = (struct made){ 0 };
    buf_init(&m->image, (size_t)1 << 30);
    bool ok = a && sourcemap_convert((struct bytes){ (const uint8_t *)json.ptr, json.len },
                                     from ? from : &nothing, a, &m->image, &m->e);
    arena_free(a);
    struct bytes image = { (const uint8_t *)m->image.ptr, m->image.len };
    return ok && mapcache_open(&m->cache, image, &m->e) && mapcache_verify(m->cache, &m->e);
}

void made_done(struct made *m)
{
    mapcache_free(m->cache);
    buf_done(&m->image);
    m->cache = NULL;
}

bool read_whole(const char *path, struct str *out)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    char *to = NULL;
    size_t len = 0, n;
    char some[65536];
    while ((n = fread(some, 1, sizeof some, f)) > 0) {
        to = realloc(to, len + n + 1);
        if (!to)
            abort();
        memcpy(to + len, some, n);
        len += n;
    }
    fclose(f);
    if (!to)
        to = calloc(1, 1);
    *out = (struct str){ to, len };
    return true;
}
