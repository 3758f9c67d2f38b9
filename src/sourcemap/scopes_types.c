/* scopes_types.c - types of TypeScript, as far as they must be told from code: they have braces,
 * arrows and commas of their own. */
#include "sourcemap/scopes_internal.h"

/* Whether a brace behind this token is a type, and not the body behind a type. */
static bool wants_type(const struct lex_token *last)
{
    static const char *const words[] = { "is",     "extends", "keyof",  "infer",
                                         "unique", "asserts", "typeof", NULL };
    return lex_is(last, ':') || lex_is(last, '|') || lex_is(last, '&') || lex_is(last, '<') ||
           lex_is(last, ',') || lex_is(last, '?') || lex_is(last, LEX_ARROW) ||
           is_word(last, words);
}

static bool ends(struct level *l)
{
    l->type = TYPE_NONE;
    l->angles = 0;
    return false;
}

static bool takes_open(struct scanner *s, struct level *l, const struct lex_token *t)
{
    bool is_body = t->mark == '{' && l->type != TYPE_OF_NAME && l->type != TYPE_ALIAS;
    if (is_body && l->angles == 0 && !wants_type(&s->last))
        return ends(l);
    level_open(s, LEVEL_TYPE, (char)t->mark, t);
    return true;
}

static bool takes_mark(struct scanner *s, struct level *l, const struct lex_token *t)
{
    s->value = false;
    switch (t->mark) {
    case '<':
        l->angles++;
        return true;
    case '>':
        l->angles -= l->angles > 0;
        s->value = l->type != TYPE_PARAMETERS || l->angles > 0;
        if (!s->value)
            ends(l);
        return true;
    case '(':
    case '[':
    case '{':
        return takes_open(s, l, t);
    case LEX_ARROW:
        l->typed_arrow = l->type == TYPE_OF_ARROW && l->angles == 0;
        return l->typed_arrow ? ends(l) : true;
    case '=':
        return l->angles > 0 || l->type == TYPE_ALIAS ? true : ends(l);
    case ',':
        return l->angles > 0 ? true : ends(l);
    case ';':
    case ')':
    case ']':
    case '}':
        return ends(l);
    default:
        return true;
    }
}

bool type_takes(struct scanner *s, const struct lex_token *t)
{
    struct level *l = top(s);
    switch (t->kind) {
    case LEX_MARK:
        return takes_mark(s, l, t);
    case LEX_END:
    case LEX_TEMPLATE_OPEN:
        return false;
    default:
        s->value = !wants_type(t);
        return true;
    }
}
