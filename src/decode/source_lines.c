/* source_lines.c - an index with a place for every few kilobytes, so that a report of many frames
 * in one long source costs a short scan for each. */
#include "decode/source_lines.h"

#define SOURCE_CHUNK ((size_t)4096)

static size_t count_newlines(struct str s)
{
    size_t n = 0;
    const char *end = s.ptr + s.len;
    for (const char *at = s.ptr; at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        n++;
    return n;
}

static struct str chunk(const struct source_lines *s, size_t k)
{
    size_t begin = k * SOURCE_CHUNK, left = s->text.len - begin;
    return (struct str){ s->text.ptr + begin, left < SOURCE_CHUNK ? left : SOURCE_CHUNK };
}

static bool make_index(struct source_lines *s, struct arena *a)
{
    s->chunks = s->text.len / SOURCE_CHUNK + 1;
    s->before = arena_array(a, s->chunks, sizeof *s->before);
    if (!s->before)
        return false;
    size_t n = 0;
    for (size_t k = 0; k < s->chunks; k++) {
        s->before[k] = n;
        n += count_newlines(chunk(s, k));
    }
    return true;
}

/* Behind so many newlines, at least one; false when there are not as many. */
static bool find_begin(const struct source_lines *s, size_t newlines, size_t *begin)
{
    size_t low = 0, high = s->chunks; /* the last chunk with fewer before it is in [low, high) */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->before[middle] < newlines)
            low = middle;
        else
            high = middle;
    }
    size_t left = newlines - s->before[low];
    struct str in = chunk(s, low);
    for (size_t i = 0; i < in.len; i++)
        if (in.ptr[i] == '\n' && --left == 0) {
            *begin = low * SOURCE_CHUNK + i + 1;
            return true;
        }
    return false;
}

/* The front of the rest up to the end of the line, cut where a character ends. */
static struct str one_line(struct str rest)
{
    size_t most = rest.len < SOURCE_LINE_MAX ? rest.len : SOURCE_LINE_MAX;
    const char *newline = most ? memchr(rest.ptr, '\n', most) : NULL;
    size_t len = newline ? (size_t)(newline - rest.ptr) : most;
    if (!newline && len < rest.len)
        while (len > 0 && ((unsigned char)rest.ptr[len] & 0xc0) == 0x80)
            len--;
    if (len > 0 && rest.ptr[len - 1] == '\r')
        len--;
    return (struct str){ rest.ptr, len };
}

bool source_lines_find(struct source_lines *s, uint64_t line, struct arena *a, struct str *out)
{
    *out = STR("");
    if (line < s->first_line || line - s->first_line > s->text.len)
        return true;
    if (!s->before && !make_index(s, a))
        return false;
    size_t begin = 0, newlines = (size_t)(line - s->first_line);
    if (newlines > 0 && !find_begin(s, newlines, &begin))
        return true;
    *out = one_line((struct str){ s->text.ptr + begin, s->text.len - begin });
    return true;
}
