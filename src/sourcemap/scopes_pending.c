/* scopes_pending.c - functions and classes between their keyword and their body. */
#include "sourcemap/scopes_internal.h"

static bool give_up(struct level *l)
{
    l->pending.state = PENDING_NONE;
    l->angles = 0;
    return false;
}

static void take_name(struct pending *p, const struct lex_token *t)
{
    p->name = (struct name){ t->text, t->from };
    p->named = true;
    p->start = t->start;
    p->from = t->from;
}

static bool takes_before_parameters(struct scanner *s, struct level *l, const struct lex_token *t)
{
    struct pending *p = &l->pending;
    if (t->kind == LEX_WORD && !p->named) {
        take_name(p, t);
    } else if (lex_is(t, '<')) {
        l->type = TYPE_PARAMETERS;
        l->angles = 1;
    } else if (lex_is(t, '(')) {
        if (p->from.line == 0) {
            p->start = t->start;
            p->from = t->from;
        }
        struct level *in = level_open(s, LEVEL_PAREN, '(', t);
        if (in)
            in->parameters = true;
    } else if (!lex_is(t, '*')) {
        return give_up(l);
    }
    s->value = false;
    return true;
}

static bool takes_before_body(struct scanner *s, struct level *l, const struct lex_token *t)
{
    struct pending p = l->pending;
    if (lex_is(t, ':')) {
        l->type = TYPE_OF_RESULT;
        s->value = false;
        return true;
    }
    give_up(l);
    if (!lex_is(t, '{'))
        return false;
    function_open(s, &p, t);
    return true;
}

static void open_class(struct scanner *s, struct level *l, const struct lex_token *t)
{
    struct str owner = l->pending.name.text;
    bool value = l->pending.value;
    give_up(l);
    struct level *in = level_open(s, LEVEL_CLASS, '{', t);
    if (!in)
        return;
    in->value = value;
    in->member = true;
    in->owner = in->self = owner;
}

static bool takes_before_class(struct scanner *s, struct level *l, const struct lex_token *t)
{
    static const char *const heritage[] = { "extends", "implements", NULL };
    struct pending *p = &l->pending;
    s->value = t->kind != LEX_MARK;
    if (t->kind == LEX_END || t->kind == LEX_TEMPLATE_OPEN || lex_is(t, ';') || lex_is(t, ')') ||
        lex_is(t, ']') || lex_is(t, '}'))
        return give_up(l);
    if (lex_is(t, '<'))
        l->angles++;
    else if (lex_is(t, '>'))
        l->angles -= l->angles > 0;
    else if (lex_is(t, '{') && (l->angles > 0 || p->state == PENDING_INTERFACE)) {
        if (l->angles == 0)
            give_up(l);
        level_open(s, LEVEL_TYPE, '{', t);
    } else if (lex_is(t, '{') && is_word(&s->last, heritage))
        level_open(s, LEVEL_OBJECT, '{', t);
    else if (lex_is(t, '{'))
        open_class(s, l, t);
    else if (lex_is(t, '(') || lex_is(t, '['))
        level_open(s, LEVEL_PAREN, (char)t->mark, t);
    else if (t->kind == LEX_WORD && l->angles == 0 && !p->named) {
        if (!is_word(t, heritage))
            take_name(p, t);
        p->named = true;
    }
    return true;
}

bool pending_takes(struct scanner *s, const struct lex_token *t)
{
    struct level *l = top(s);
    switch (l->pending.state) {
    case PENDING_PARAMETERS:
        return takes_before_parameters(s, l, t);
    case PENDING_BODY:
        return takes_before_body(s, l, t);
    default:
        return takes_before_class(s, l, t);
    }
}
