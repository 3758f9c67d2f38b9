/* scopes_words.c - keywords and identifiers outside of keys and types. */
#include "sourcemap/scopes_internal.h"

bool is_word(const struct lex_token *t, const char *const *words)
{
    if (t->kind != LEX_WORD)
        return false;
    for (; *words; words++)
        if (str_eq(t->text, str_from_c(*words)))
            return true;
    return false;
}

static void begin_pending(struct scanner *s, struct level *l, enum pending_state state,
                          bool statement)
{
    l->pending = (struct pending){ .state = state, .value = !statement };
    if (state != PENDING_INTERFACE)
        l->pending.name = name_of_target(s, l);
}

/* `interface X {`, `type X =`: only when a name follows, since both are names themselves. */
static bool takes_type_word(struct scanner *s, struct level *l, const struct lex_token *t)
{
    static const char *const interface[] = { "interface", NULL }, *const type[] = { "type", NULL };
    char next = lex_peek(&s->lex);
    if (!lex_is_identifier((struct str){ &next, 1 }))
        return false;
    if (is_word(t, interface))
        begin_pending(s, l, PENDING_INTERFACE, true);
    else if (is_word(t, type))
        l->type = TYPE_ALIAS;
    else
        return false;
    return true;
}

static void take_identifier(struct level *l, const struct lex_token *t, bool after_dot)
{
    if (after_dot)
        chain_push(&l->chain, t->text, t->from);
    else
        chain_begin(&l->chain, t);
    l->word_start = t->start;
    l->word_from = t->from;
}

/* Words behind which an expression begins, or a statement. */
static bool takes_keyword(struct scanner *s, struct level *l, const struct lex_token *t,
                          bool statement)
{
    static const char *const operators[] = { "return",  "throw",  "typeof", "instanceof", "in",
                                             "new",     "delete", "void",   "yield",      "await",
                                             "extends", "import", NULL };
    static const char *const controls[] = { "if", "for", "while", "with", NULL };
    static const char *const statements[] = { "else", "do", "try", "finally", NULL };
    static const char *const declarations[] = { "const", "let", "var", "using", NULL };
    static const char *const transparent[] = { "export", "declare", "abstract", NULL };
    if (is_word(t, operators)) {
        s->statement = statement && str_eq(t->text, STR("import"));
    } else if (is_word(t, controls)) {
        l->control_next = true;
    } else if (is_word(t, statements)) {
        s->statement = true;
    } else if (is_word(t, declarations)) {
        l->declares = true;
        l->target.kind = TARGET_NONE;
    } else if (is_word(t, transparent)) {
        s->statement = statement;
    } else {
        return false;
    }
    s->value = false;
    return true;
}

static bool takes_definition(struct scanner *s, struct level *l, const struct lex_token *t,
                             bool statement)
{
    static const char *const exports[] = { "export", NULL };
    if (str_eq(t->text, STR("function"))) {
        begin_pending(s, l, PENDING_PARAMETERS, statement);
    } else if (str_eq(t->text, STR("class"))) {
        begin_pending(s, l, PENDING_CLASS, statement);
    } else if (str_eq(t->text, STR("default")) && is_word(&s->last, exports)) {
        target_set(&l->target, TARGET_CHAIN, t->text, t->from);
        s->statement = statement;
    } else if (str_eq(t->text, STR("case")) || str_eq(t->text, STR("default"))) {
        l->in_case = true;
    } else {
        return false;
    }
    s->value = false;
    return true;
}

void word_take(struct scanner *s, const struct lex_token *t)
{
    struct level *l = top(s);
    bool statement = s->statement;
    bool after_dot = lex_is(&s->last, '.') || lex_is(&s->last, LEX_CHAIN);
    s->statement = false;
    if (!after_dot) {
        if (takes_definition(s, l, t, statement) || takes_keyword(s, l, t, statement))
            return;
        if (statement && takes_type_word(s, l, t))
            return;
        if (l->control && s->value && str_eq(t->text, STR("of"))) {
            s->value = false;
            return;
        }
        if (str_eq(t->text, STR("async")))
            s->statement = statement;
    }
    take_identifier(l, t, after_dot);
    s->value = true;
}
