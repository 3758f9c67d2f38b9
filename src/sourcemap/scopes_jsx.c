/* scopes_jsx.c - JSX elements: their text is no code, and has quotes and slashes of its own.
 *
 * TypeScript writes type parameters and type assertions with the same sign: `<T,>(x: T) => x`. An
 * element is told from them by what follows, and by whether the text closes any tag at all. */
#include "sourcemap/scopes_internal.h"

#define TAG_LOOK_MAX 128

bool jsx_begins(const struct scanner *s)
{
    struct lexer near = s->lex;
    struct lex_token name, next;
    if (!s->has_tags)
        return false;
    if (near.text.len - near.pos > TAG_LOOK_MAX)
        near.text.len = near.pos + TAG_LOOK_MAX;
    lex_jsx_tag(&near, &name);
    if (lex_is(&name, '>'))
        return true;
    if (name.kind != LEX_WORD)
        return false;
    lex_jsx_tag(&near, &next);
    bool is_parameter = lex_is(&next, ',') ||
                        (next.kind == LEX_WORD && str_eq(next.text, STR("extends"))) ||
                        (lex_is(&next, '>') && name.text.len == 1 && lex_peek(&near) == '(');
    return !is_parameter;
}

static void element_ends(struct scanner *s)
{
    level_close(s, s->lex.at);
    s->value = true;
}

static void step_tag(struct scanner *s)
{
    struct lex_token t;
    struct level *l = top(s);
    lex_jsx_tag(&s->lex, &t);
    bool is_slash = lex_is(&s->last, '/'), is_first = lex_is(&s->last, '<');
    s->last = t;
    if (lex_is(&t, '/') && is_first) {
        l->control = true; /* it closes an element */
    } else if (lex_is(&t, '>') && l->control) {
        level_close(s, s->lex.at);
        if (top(s)->kind == LEVEL_CHILDREN)
            element_ends(s);
    } else if (lex_is(&t, '>') && is_slash) {
        element_ends(s);
    } else if (lex_is(&t, '>')) {
        l->kind = LEVEL_CHILDREN;
    } else if (lex_is(&t, '<')) {
        level_open(s, LEVEL_TAG, '\0', &t);
    } else if (lex_is(&t, '{')) {
        level_open(s, LEVEL_CODE, '{', &t);
        s->value = s->statement = false;
    }
}

static void step_children(struct scanner *s)
{
    struct lex_token t;
    lex_jsx_text(&s->lex);
    lex_jsx_tag(&s->lex, &t);
    s->last = t;
    s->value = s->statement = false;
    if (lex_is(&t, '<'))
        level_open(s, LEVEL_TAG, '\0', &t);
    else if (lex_is(&t, '{'))
        level_open(s, LEVEL_CODE, '{', &t);
}

void jsx_step(struct scanner *s)
{
    if (top(s)->kind == LEVEL_TAG)
        step_tag(s);
    else
        step_children(s);
}
