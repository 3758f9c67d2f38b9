/* str.h - text views and byte views: how names and uploads travel. Nothing here owns memory.
 *
 * A str is UTF-8 (unless its user says otherwise), is not NUL-terminated and may hold NULs.
 * Print it with "%.*s" and STR_ARG. */
#ifndef CRUMPLE_BASE_STR_H
#define CRUMPLE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct str {
    const char *ptr;
    size_t len;
};

struct bytes {
    const uint8_t *ptr;
    size_t len;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }                                    /* the same, for static tables */
#define STR_ARG(s) (int)(s).len, (s).ptr /* for "%.*s" */

/* The edge where a C string comes in; NULL gives the empty str. */
static inline struct str str_from_c(const char *s)
{
    return s ? (struct str){ s, strlen(s) } : (struct str){ "", 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Orders by bytes; a prefix sorts before what it begins. */
static inline int str_cmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* Whether the part stands somewhere in it. */
static inline bool str_has(struct str s, const char *part)
{
    return s.ptr && memmem(s.ptr, s.len, part, strlen(part));
}

/* Whether it is this word, the case of ASCII letters aside. */
static inline bool str_is_word(struct str s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

/* Takes the first line that is not empty off *rest, without its '\n', and all before it. False,
 * with *rest empty, when there is none. */
static inline bool str_take_line(struct str *rest, struct str *line)
{
    while (rest->len > 0) {
        const char *end = memchr(rest->ptr, '\n', rest->len);
        size_t n = end ? (size_t)(end - rest->ptr) : rest->len;
        size_t taken = n + (end != NULL);
        *line = (struct str){ rest->ptr, n };
        *rest = (struct str){ rest->ptr + taken, rest->len - taken };
        if (n > 0)
            return true;
    }
    return false;
}

#endif
