/* scopes_marks.c - brackets and operators outside of keys and types. */
#include "sourcemap/scopes_internal.h"

static void forget_closed_name(struct scanner *s)
{
    if (s->closed == 0)
        return;
    struct found *f = &s->found.at[s->closed - 1];
    if (f->borrowed) /* what it is assigned to gets its result */
        f->scope.name = (struct str){ "", 0 }, f->scope.name_line = f->scope.name_column = 0;
}

static void open_paren(struct scanner *s, struct level *l, const struct lex_token *t)
{
    static const char *const async[] = { "async", NULL };
    bool control = l->control_next;
    bool call = s->value && !control && !is_word(&s->last, async);
    struct target target = l->target;
    if (call)
        forget_closed_name(s);
    l->control_next = false;
    struct level *in = level_open(s, LEVEL_PAREN, '(', t);
    if (!in)
        return;
    in->value = !control;
    in->control = control;
    in->call = call;
    if (!call && !control)
        in->target = target;
}

static void open_bracket(struct scanner *s, struct level *l, const struct lex_token *t)
{
    struct target target = l->target;
    bool call = s->value;
    struct level *in = level_open(s, LEVEL_BRACKET, '[', t);
    if (!in)
        return;
    in->value = true;
    in->call = call;
    if (!call)
        in->target = target;
}

static void open_brace(struct scanner *s, const struct lex_token *t, bool statement)
{
    static const char *const casts[] = { "as", "satisfies", NULL };
    enum level_kind kind = LEVEL_BLOCK;
    if (!statement && !s->value)
        kind = LEVEL_OBJECT;
    else if (!statement && is_word(&s->last, casts))
        kind = LEVEL_TYPE;
    struct level *in = level_open(s, kind, '{', t);
    s->statement = kind == LEVEL_BLOCK;
    if (!in)
        return;
    in->value = kind != LEVEL_BLOCK;
    in->member = kind == LEVEL_OBJECT;
}

/* What a bracket that has closed means for the level that it stood in. */
static void paren_closed(struct scanner *s, const struct level *in, const struct lex_token *t,
                         uint32_t closed)
{
    struct level *l = top(s);
    if (in->parameters) {
        if (l->pending.state == PENDING_PARAMETERS)
            l->pending.state = PENDING_BODY;
        return;
    }
    l->paren_start = in->start;
    l->paren_from = in->from;
    l->paren_end = t->start;
    l->paren_plain = !in->call && !in->control;
    l->chain = (struct chain){ 0 };
    s->statement = in->control;
    if (l->paren_plain)
        s->closing = closed;
}

static void bracket_closed(struct scanner *s, const struct level *in, const struct lex_token *t)
{
    struct level *l = top(s);
    struct str text = { s->lex.text.ptr + in->start, t->start + 1 - in->start };
    bool is_string = in->tokens == 1 && in->only.ptr;
    if (in->computed && l->member) {
        if (is_string)
            text = in->only;
        else if (text.len > SCOPES_PREFIX_MAX || memchr(text.ptr, '\n', text.len))
            text = STR("<computed>");
        l->key = (struct name){ text, in->from };
        l->has_key = true;
    } else if (in->call) {
        chain_push(&l->chain, is_string ? in->only : STR("<computed>"), in->from);
    }
}

static void brace_closed(struct scanner *s, const struct level *in)
{
    struct level *l = top(s);
    if (l->kind == LEVEL_CLASS)
        l->member = true;
    l->chain = (struct chain){ 0 };
    s->statement = !in->value && in->kind != LEVEL_TYPE && l->kind == LEVEL_BLOCK;
    if (in->value)
        s->closing = in->scope;
}

static bool matches(const struct level *l, int closing)
{
    return closing == ')'   ? l->open == '('
           : closing == ']' ? l->open == '['
                            : l->open == '{' || l->open == '$';
}

void bracket_close(struct scanner *s, const struct lex_token *t)
{
    uint32_t closed = s->closed;
    if (top(s)->kind == LEVEL_ARROW)
        closed = top(s)->scope;
    arrows_close(s);
    while (t->mark == '}' && s->braces > 0 && !matches(top(s), '}'))
        level_close(s, s->last.to);
    s->value = true;
    if (!matches(top(s), t->mark) || s->depth == 1)
        return;
    struct level in = *top(s);
    level_close(s, t->to);
    s->value = in.value;
    if (in.open == '$' && lex_template_on(&s->lex)) {
        level_open(s, LEVEL_CODE, '$', t);
        s->value = false;
    } else if (in.open == '(' && in.kind != LEVEL_TYPE) {
        paren_closed(s, &in, t, closed);
    } else if (in.open == '[' && in.kind != LEVEL_TYPE) {
        bracket_closed(s, &in, t);
    } else if (in.open == '{' && in.kind != LEVEL_CODE) {
        brace_closed(s, &in);
    }
}

static void take_comma(struct scanner *s)
{
    arrows_close(s);
    struct level *l = top(s);
    l->chain = (struct chain){ 0 };
    l->ternaries = 0;
    if (l->kind != LEVEL_BRACKET)
        l->target.kind = TARGET_NONE;
    l->member = l->kind == LEVEL_OBJECT;
    s->value = false;
}

static bool is_after_paren(const struct scanner *s, const struct level *l)
{
    return lex_is(&s->last, ')') && l->paren_end == s->last.start;
}

static void take_colon(struct scanner *s)
{
    struct level *l = top(s);
    bool after_paren = is_after_paren(s, l) && l->paren_plain;
    s->value = false;
    while (l->kind == LEVEL_ARROW && l->ternaries == 0 && l->outer_ternary) {
        level_close(s, s->last.to);
        l = top(s);
    }
    if (l->ternaries > 0) {
        l->ternaries--;
    } else if (l->in_case) {
        l->in_case = false;
        s->statement = true;
    } else if (after_paren) {
        l->type = TYPE_OF_ARROW;
    } else if (l->kind == LEVEL_PAREN || l->declares) {
        l->type = TYPE_OF_NAME;
    } else if (l->kind == LEVEL_BLOCK) {
        s->statement = true; /* behind a label */
    }
}

static void take_question(struct scanner *s)
{
    char next = lex_peek(&s->lex);
    if (next && strchr(":,)=;}", next)) /* an optional parameter of TypeScript */
        return;
    top(s)->ternaries++;
    s->value = false;
}

static void take_assignment(struct scanner *s)
{
    struct level *l = top(s);
    l->target = (struct target){ .kind = TARGET_CHAIN, .chain = l->chain };
    l->chain = (struct chain){ 0 };
    s->value = false;
}

/* The parameters are what stands before; the body follows. */
static void take_arrow(struct scanner *s, const struct lex_token *t)
{
    struct level *l = top(s);
    bool after_word = s->last.kind == LEX_WORD && !l->typed_arrow && l->word_from.line > 0 &&
                      l->word_start == s->last.start;
    s->arrow = (struct pending){ .state = PENDING_BODY, .name = name_of_target(s, l) };
    if (after_word) {
        s->arrow.start = l->word_start;
        s->arrow.from = l->word_from;
    } else if (is_after_paren(s, l) || l->typed_arrow) {
        s->arrow.start = l->paren_start;
        s->arrow.from = l->paren_from;
    } else {
        s->arrow.start = t->start;
        s->arrow.from = t->from;
    }
    l->chain = (struct chain){ 0 };
    l->typed_arrow = false;
    s->value = false;
}

static void take_angle(struct scanner *s, const struct lex_token *t)
{
    bool compares = s->value;
    s->value = false;
    if (compares)
        return;
    if (jsx_begins(s)) {
        level_open(s, LEVEL_TAG, '\0', t);
    } else {
        top(s)->type = TYPE_PARAMETERS;
        top(s)->angles = 1;
    }
}

void mark_take(struct scanner *s, const struct lex_token *t)
{
    bool statement = s->statement;
    s->statement = false;
    switch (t->mark) {
    case '(':
        open_paren(s, top(s), t);
        s->value = false;
        break;
    case '[':
        open_bracket(s, top(s), t);
        s->value = false;
        break;
    case '{':
        open_brace(s, t, statement);
        s->value = false;
        break;
    case ')':
    case ']':
    case '}':
        bracket_close(s, t);
        break;
    case ',':
        take_comma(s);
        break;
    case ';':
        arrows_close(s);
        statement_ends(s);
        break;
    case ':':
        take_colon(s);
        break;
    case '?':
        take_question(s);
        break;
    case '=':
    case LEX_ASSIGN_IF:
        take_assignment(s);
        break;
    case LEX_ARROW:
        take_arrow(s, t);
        break;
    case '<':
        take_angle(s, t);
        break;
    case LEX_INCREASE:
        break; /* behind a value or before it */
    case '!':
        s->value = s->value && !t->after_line; /* `value!` of TypeScript */
        break;
    default:
        s->value = false;
    }
}
