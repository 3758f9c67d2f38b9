/* wildcard.c - see wildcard.h. The first and the last piece have their places, if no star stands
 * outside of them; each other piece takes the first place that it finds behind the one before, for
 * any later place would leave less room for those that follow. */
#include "query/wildcard.h"

#include "base/utf8.h"

#define ANY '\xff' /* stands for ? in a piece */
#define NOWHERE SIZE_MAX

static bool piece_check(const struct wildcard_piece *p, struct err *e)
{
    return !p->any || p->text.len <= WILDCARD_ANY_BYTES ||
           err_set(e, ERR_LIMIT, 0, "a part of a pattern with ? in it has more than %d bytes",
                   WILDCARD_ANY_BYTES);
}

bool wildcard_init(struct wildcard *w, struct str pattern, struct arena *a, struct err *e)
{
    struct wildcard_piece *pieces = arena_array(a, pattern.len / 2 + 1, sizeof *pieces);
    char *to = arena_alloc(a, pattern.len);
    if (!pieces || !to)
        return err_set(e, ERR_NOMEM, 0, "no memory for the query");
    *w = (struct wildcard){ .pieces = pieces };
    struct wildcard_piece now = { { to, 0 }, false };
    for (size_t i = 0; i <= pattern.len; i++) {
        bool ends = i == pattern.len, star = !ends && pattern.ptr[i] == '*';
        w->open_begin |= star && i == 0;
        w->open_end = star || (ends && w->open_end);
        if (!ends && !star) {
            bool any = pattern.ptr[i] == '?';
            i += pattern.ptr[i] == '\\' && i + 1 < pattern.len;
            to[now.text.len++] = any ? ANY : pattern.ptr[i];
            now.any |= any;
        } else if (now.text.len > 0) {
            if (!piece_check(&now, e))
                return false;
            pieces[w->count++] = now;
            to += now.text.len;
            now = (struct wildcard_piece){ { to, 0 }, false };
        }
    }
    return true;
}

static size_t letter_len(struct str token, size_t at)
{
    size_t n = utf8_char_len((struct str){ token.ptr + at, token.len - at });
    return n ? n : 1;
}

/* Where the piece ends that begins at `at`, or NOWHERE. */
static size_t piece_at(const struct wildcard_piece *p, struct str token, size_t at)
{
    for (size_t i = 0; i < p->text.len; i++) {
        char c = p->text.ptr[i];
        if (at == token.len || (c != ANY && c != token.ptr[at]))
            return NOWHERE;
        at += c == ANY ? letter_len(token, at) : 1;
    }
    return at;
}

/* Where the first such piece from `at` on ends, or NOWHERE. */
static size_t piece_find(const struct wildcard_piece *p, struct str token, size_t at)
{
    if (!p->any) {
        const char *found = memmem(token.ptr + at, token.len - at, p->text.ptr, p->text.len);
        return found ? (size_t)(found - token.ptr) + p->text.len : NOWHERE;
    }
    size_t end = NOWHERE;
    for (; at < token.len && end == NOWHERE; at += letter_len(token, at))
        end = piece_at(p, token, at);
    return end;
}

/* Whether the token ends with the piece, which begins at `from` or behind it. */
static bool piece_ends(const struct wildcard_piece *p, struct str token, size_t from)
{
    size_t at = token.len;
    for (size_t i = p->text.len; i > 0; i--) {
        char c = p->text.ptr[i - 1];
        if (at == from)
            return false;
        at--;
        while (c == ANY && at > from && ((unsigned char)token.ptr[at] & 0xc0) == 0x80)
            at--;
        if (c != ANY && c != token.ptr[at])
            return false;
    }
    return true;
}

bool wildcard_match(const struct wildcard *w, struct str token)
{
    size_t at = 0, first = 0, last = w->count;
    if (w->count == 0)
        return w->open_end || token.len == 0;
    if (!w->open_begin) {
        at = piece_at(&w->pieces[first++], token, 0);
        if (at == NOWHERE)
            return false;
        if (first == last)
            return w->open_end || at == token.len;
    }
    if (!w->open_end)
        last--;
    for (size_t i = first; i < last; i++) {
        at = piece_find(&w->pieces[i], token, at);
        if (at == NOWHERE)
            return false;
    }
    return w->open_end || piece_ends(&w->pieces[last], token, at);
}
