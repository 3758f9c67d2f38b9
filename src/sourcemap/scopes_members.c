/* scopes_members.c - the keys of classes and object literals: modifiers, names, what follows. */
#include "sourcemap/scopes_internal.h"

static void forget_key(struct level *l)
{
    l->has_key = l->key_static = false;
    l->accessor = '\0';
    l->decorator = 0;
}

/* Another key follows: what looked like one was a modifier. */
static void take_modifier(struct level *l)
{
    if (!l->has_key)
        return;
    l->has_key = false;
    if (str_eq(l->key.text, STR("static")))
        l->key_static = true;
    else if (str_eq(l->key.text, STR("get")) || str_eq(l->key.text, STR("set")))
        l->accessor = l->key.text.ptr[0];
}

static bool is_modifier(struct str key)
{
    static const struct str words[] = {
        STR_INIT("static"),  STR_INIT("get"),       STR_INIT("set"),      STR_INIT("async"),
        STR_INIT("public"),  STR_INIT("protected"), STR_INIT("private"),  STR_INIT("readonly"),
        STR_INIT("declare"), STR_INIT("abstract"),  STR_INIT("accessor"), STR_INIT("override"),
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(key, words[i]))
            return true;
    return false;
}

static void take_key(struct level *l, const struct lex_token *t)
{
    if (l->decorator == 1) {
        l->decorator = 2;
        return;
    }
    if (l->has_key && is_modifier(l->key.text))
        take_modifier(l);
    else
        forget_key(l);
    l->decorator = 0;
    l->key = (struct name){ t->text, t->from };
    l->has_key = true;
}

/* `total(...) {` or `total<T>(...) {`. */
static bool begin_method(struct scanner *s, struct level *l, const struct lex_token *t)
{
    l->pending = (struct pending){
        .state = PENDING_PARAMETERS, .name = name_of_method(s, l), .named = true, .method = true
    };
    l->member = false;
    forget_key(l);
    return pending_takes(s, t);
}

static bool takes_value(struct scanner *s, struct level *l, const struct lex_token *t)
{
    s->value = false;
    if (l->kind == LEVEL_OBJECT) {
        target_set(&l->target, lex_is(t, ':') ? TARGET_PROPERTY : TARGET_CHAIN, l->key.text,
                   l->key.at);
        l->member = false;
        forget_key(l);
        return true;
    }
    if (lex_is(t, ':')) {
        l->type = TYPE_OF_NAME;
        return true;
    }
    struct pending field = { .name = { .text = l->key_static
                                                   ? STR("<static_initializer>")
                                                   : STR("<instance_members_initializer>") },
                             .named = true,
                             .start = t->start,
                             .from = t->from };
    struct name key = l->key;
    forget_key(l);
    arrow_open(s, &field, t);
    if (top(s) != l)
        target_set(&top(s)->target, TARGET_FIELD, key.text, key.at);
    return true;
}

static bool takes_open(struct scanner *s, struct level *l, const struct lex_token *t)
{
    if (t->mark == '(' && l->has_key && l->decorator == 0)
        return begin_method(s, l, t);
    if (t->mark == '{' && l->kind == LEVEL_CLASS && l->has_key &&
        str_eq(l->key.text, STR("static"))) {
        struct pending block = { .name = { .text = STR("<static_initializer>") },
                                 .named = true,
                                 .method = true,
                                 .start = t->start,
                                 .from = t->from };
        forget_key(l);
        function_open(s, &block, t);
        return true;
    }
    if (t->mark == '[')
        take_modifier(l);
    l->decorator = 0;
    struct level *in = level_open(s,
                                  t->mark == '{'   ? LEVEL_BLOCK
                                  : t->mark == '(' ? LEVEL_PAREN
                                                   : LEVEL_BRACKET,
                                  (char)t->mark, t);
    if (in)
        in->computed = t->mark == '[', in->call = true;
    s->value = false;
    s->statement = t->mark == '{';
    return true;
}

static bool takes_mark(struct scanner *s, struct level *l, const struct lex_token *t)
{
    switch (t->mark) {
    case '(':
    case '[':
    case '{':
        return takes_open(s, l, t);
    case '}':
    case ')':
    case ']':
        return false;
    case '<':
        return l->has_key && begin_method(s, l, t);
    case ':':
    case '=':
        return takes_value(s, l, t);
    case '*':
        take_modifier(l);
        return true;
    case '@':
        forget_key(l);
        l->decorator = 1;
        return true;
    case '.':
        l->decorator = l->decorator ? 1 : 0;
        return true;
    case ',':
    case ';':
        forget_key(l);
        return true;
    case LEX_SPREAD:
        l->member = false;
        return false;
    default:
        return true;
    }
}

bool member_takes(struct scanner *s, const struct lex_token *t)
{
    struct level *l = top(s);
    switch (t->kind) {
    case LEX_WORD:
    case LEX_STRING:
    case LEX_LITERAL:
        take_key(l, t);
        s->value = true;
        return true;
    case LEX_MARK:
        return takes_mark(s, l, t);
    default:
        return false;
    }
}
