/* sourcemap.c - a map from its bytes to the image of its cache. sourcemap_read.c and
 * sourcemap_mappings.c read, mapcache_write.c writes. */
#include "sourcemap/sourcemap.h"

#include "sourcemap/mapcache_write.h"

/* The line keeps scripts from loading the JSON as one of theirs; the specification has readers skip
 * it. */
struct str sourcemap_skip_front(struct str text)
{
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = (struct str){ text.ptr + 3, text.len - 3 };
    if (!str_starts(text, STR(")]}")))
        return text;
    const char *end = memchr(text.ptr, '\n', text.len);
    size_t n = end ? (size_t)(end - text.ptr) + 1 : text.len;
    return (struct str){ text.ptr + n, text.len - n };
}

bool sourcemap_could_be(struct bytes first)
{
    struct str text = sourcemap_skip_front((struct str){ (const char *)first.ptr, first.len });
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) && text.ptr[0] != '\0')
        text = (struct str){ text.ptr + 1, text.len - 1 };
    if (text.len == 0 || text.ptr[0] != '{')
        return false;
    return str_has(text, "\"mappings\"") || str_has(text, "\"sections\"");
}

bool sourcemap_convert(struct bytes map, const struct sourcemap_from *from, struct arena *a,
                       struct buf *out, struct err *e)
{
    struct str text = sourcemap_skip_front((struct str){ (const char *)map.ptr, map.len });
    struct map m;
    if (!map_read(&m, text, a, e)) {
        e->offset += map.len - text.len;
        return err_prefix(e, "source map: ");
    }
    return mapcache_write(&m, from, a, out, e) || err_prefix(e, "source map: ");
}
