/* route.c - matching a path against the table. */
#include "http/route.h"

#include <assert.h>
#include <stdlib.h>

static const char *const known_methods[] = { "GET",   "HEAD",   "POST",   "PUT",
                                             "PATCH", "DELETE", "OPTIONS" };

static void cut_pattern(struct route *r)
{
    const char *p = r->is->pattern;
    r->any_path = strcmp(p, "**") == 0;
    if (r->any_path)
        return;
    r->last_resort = *p != '\0';
    while (*p) {
        size_t n = strcspn(p, "/");
        assert(r->count < URL_SEGMENTS_MAX && n > 0);
        r->segments[r->count++] = (struct str){ p, n };
        r->last_resort &= *p == ':';
        p += n + (p[n] == '/');
    }
    assert(!r->is->loose || (r->count > 0 && !strchr(r->is->pattern, ':')));
}

bool routes_init(struct routes *r, const struct http_route *table, size_t count, struct err *e)
{
    *r = (struct routes){ .at = calloc(count ? count : 1, sizeof *r->at), .count = count };
    if (!r->at)
        return err_set(e, ERR_NOMEM, 0, "no memory for the routes");
    for (size_t i = 0; i < count; i++) {
        r->at[i].is = &table[i];
        cut_pattern(&r->at[i]);
        r->has_any_path |= r->at[i].any_path;
    }
    return true;
}

void routes_done(struct routes *r)
{
    free(r->at);
    *r = (struct routes){ 0 };
}

/* As if there were no empty segments, and nothing from '&' on. */
static bool matches_loosely(const struct route *r, const struct str *segments, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count && i < URL_SEGMENTS_MAX; i++) {
        const char *end = segments[i].len ? memchr(segments[i].ptr, '&', segments[i].len) : NULL;
        struct str s = { segments[i].ptr, end ? (size_t)(end - segments[i].ptr) : segments[i].len };
        if (s.len > 0 && (at == r->count || !str_eq(r->segments[at++], s)))
            return false;
        if (end)
            return at == r->count;
    }
    return at == r->count && count <= URL_SEGMENTS_MAX;
}

static bool matches(const struct route *r, const struct str *segments, size_t count)
{
    if (r->any_path)
        return false;
    if (r->is->loose)
        return matches_loosely(r, segments, count);
    if (r->count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool named = r->segments[i].ptr[0] == ':';
        if (named ? segments[i].len == 0 : !str_eq(r->segments[i], segments[i]))
            return false;
    }
    return true;
}

static bool lists(const char *methods, struct str method)
{
    while (*methods) {
        size_t n = strcspn(methods, " ");
        if (str_eq((struct str){ methods, n }, method))
            return true;
        methods += n + (methods[n] == ' ');
    }
    return false;
}

static bool takes(const struct route *r, struct str method)
{
    return lists(r->is->methods, str_eq(method, STR("HEAD")) ? STR("GET") : method);
}

static const struct route *find(const struct routes *r, bool last_resort,
                                const struct str *segments, size_t count, struct str method,
                                bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < r->count; i++) {
        if (r->at[i].last_resort != last_resort || !matches(&r->at[i], segments, count))
            continue;
        *path_known = true;
        if (takes(&r->at[i], method))
            return &r->at[i];
    }
    return NULL;
}

const struct route *routes_find(const struct routes *r, const struct str *segments, size_t count,
                                struct str method, bool *path_known)
{
    const struct route *found = find(r, false, segments, count, method, path_known);
    if (!*path_known)
        found = find(r, true, segments, count, method, path_known);
    return *path_known ? found : routes_find_any(r, method);
}

const struct route *routes_find_any(const struct routes *r, struct str method)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->at[i].any_path && takes(&r->at[i], method))
            return &r->at[i];
    return NULL;
}

bool routes_allow(const struct routes *r, const struct str *segments, size_t count, struct arena *a,
                  struct str *out)
{
    *out = STR("");
    bool path_known;
    for (size_t m = 0; m < sizeof known_methods / sizeof *known_methods; m++) {
        struct str method = str_from_c(known_methods[m]);
        bool found = str_eq(method, STR("OPTIONS")) ||
                     (segments ? routes_find(r, segments, count, method, &path_known)
                               : routes_find_any(r, method));
        if (found && !arena_printf(a, out, "%.*s%s%s", STR_ARG(*out), out->len ? ", " : "",
                                   known_methods[m]))
            return false;
    }
    return true;
}

bool route_segment(const struct route *r, const struct str *segments, const char *name,
                   struct str *out)
{
    for (size_t i = 0; i < r->count; i++) {
        struct str s = r->segments[i];
        if (s.ptr[0] == ':' && str_eq((struct str){ s.ptr + 1, s.len - 1 }, str_from_c(name))) {
            *out = segments[i];
            return true;
        }
    }
    return false;
}
