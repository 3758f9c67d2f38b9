/* scopes.c - see the header. Here: the loop over the tokens, and the levels.
 *
 * Each token goes to the first that wants it: a type (scopes_types.c), a function or class that
 * waits for its body (scopes_pending.c), the keys of a class or an object (scopes_members.c), else
 * it is a word (scopes_words.c) or a mark (scopes_marks.c) of a statement or an expression. */
#include "sourcemap/scopes_internal.h"

#include <assert.h>

struct level *level_open(struct scanner *s, enum level_kind kind, char open,
                         const struct lex_token *t)
{
    const struct level *outer = s->depth > 0 ? top(s) : NULL;
    if (s->depth == SCOPES_DEPTH_MAX) {
        s->lost += open != '\0';
        return NULL;
    }
    struct level *l = &s->levels[s->depth++];
    *l = (struct level){ .kind = kind, .open = open, .start = t->start, .from = t->from };
    l->value = kind != LEVEL_BLOCK;
    if (outer) {
        l->self = outer->self;
        l->outer_ternary = kind == LEVEL_ARROW && (outer->ternaries > 0 || outer->outer_ternary);
    }
    s->braces += open == '{' || open == '$';
    return l;
}

void level_close(struct scanner *s, struct lex_place end)
{
    struct level *l = top(s);
    assert(s->depth > 1);
    if (l->scope > 0) {
        struct scope *scope = &s->found.at[l->scope - 1].scope;
        scope->end_line = end.line;
        scope->end_column = end.column;
    }
    s->braces -= l->open == '{' || l->open == '$';
    s->depth--;
}

static void add_scope(struct scanner *s, struct level *l, const struct pending *p)
{
    struct found f = { .start = p->start,
                       .number = (uint32_t)s->found.len,
                       .borrowed = !p->named,
                       .scope = { .line = p->from.line,
                                  .column = p->from.column,
                                  .name = p->name.text,
                                  .name_line = p->name.at.line,
                                  .name_column = p->name.at.column } };
    if (f.scope.name.len == 0)
        f.scope.name = (struct str){ "", 0 }, f.scope.name_line = f.scope.name_column = 0;
    if (s->found.len == UINT32_MAX || !VEC_PUSH(&s->found, f))
        s->no_memory = true;
    else
        l->scope = (uint32_t)s->found.len;
}

/* Constructor functions are told from others by their capital letter. */
static struct str self_of(const struct level *outer, const struct pending *p)
{
    char first = p->name.text.len > 0 ? p->name.text.ptr[0] : '\0';
    if (p->method)
        return outer->kind == LEVEL_CLASS ? outer->owner : (struct str){ "", 0 };
    return p->named && first >= 'A' && first <= 'Z' ? p->name.text : (struct str){ "", 0 };
}

void function_open(struct scanner *s, const struct pending *p, const struct lex_token *t)
{
    struct str self = self_of(top(s), p);
    struct level *l = level_open(s, LEVEL_BLOCK, '{', t);
    s->value = false;
    s->statement = true;
    if (!l)
        return;
    l->value = p->value;
    l->self = self;
    add_scope(s, l, p);
}

void arrow_open(struct scanner *s, const struct pending *p, const struct lex_token *t)
{
    struct level *l = level_open(s, LEVEL_ARROW, '\0', t);
    if (l)
        add_scope(s, l, p);
}

void arrows_close(struct scanner *s)
{
    while (top(s)->kind == LEVEL_ARROW)
        level_close(s, s->last.to);
}

void statement_ends(struct scanner *s)
{
    struct level *l = top(s);
    l->declares = l->in_case = l->control_next = false;
    l->ternaries = l->angles = 0;
    l->type = TYPE_NONE;
    l->chain = (struct chain){ 0 };
    l->target.kind = TARGET_NONE;
    l->pending.state = PENDING_NONE;
    if (l->kind == LEVEL_CLASS) {
        l->member = true;
        l->has_key = l->key_static = false;
        l->accessor = '\0';
    }
    s->value = false;
    s->statement = l->kind == LEVEL_BLOCK;
}

/* The body of an arrow function begins by this token. True: it is a brace. */
static bool begins_arrow(struct scanner *s, const struct lex_token *t)
{
    struct pending p = s->arrow;
    s->arrow.state = PENDING_NONE;
    p.value = true;
    if (!lex_is(t, '{')) {
        arrow_open(s, &p, t);
        return false;
    }
    struct str self = top(s)->self; /* arrow functions have the `this` of what they stand in */
    struct level *l = level_open(s, LEVEL_BLOCK, '{', t);
    s->statement = true;
    if (l) {
        l->value = true;
        l->self = self;
        add_scope(s, l, &p);
    }
    return true;
}

/* Whether a statement ends before this token without a semicolon. */
static bool ends_by_line(const struct scanner *s, const struct lex_token *t)
{
    static const char *const operators[] = { "in",      "instanceof", "of", "as", "satisfies",
                                             "extends", "implements", "is", NULL };
    const struct level *l = &s->levels[s->depth - 1];
    if (!t->after_line || !s->value)
        return false;
    if (l->kind != LEVEL_BLOCK && l->kind != LEVEL_CLASS && l->kind != LEVEL_ARROW)
        return false;
    if (l->pending.state == PENDING_CLASS || l->pending.state == PENDING_INTERFACE)
        return false;
    if (t->kind == LEX_MARK)
        return lex_is(t, LEX_INCREASE) || lex_is(t, '@') ||
               (lex_is(t, '{') && l->pending.state == PENDING_NONE && l->type != TYPE_OF_ARROW);
    return t->kind != LEX_TEMPLATE_OPEN && t->kind != LEX_END && !is_word(t, operators);
}

/* Ends bodies without braces only where they stand in statements: in a list, a comma is needed. */
static void end_by_line(struct scanner *s)
{
    size_t depth = s->depth;
    while (s->levels[depth - 1].kind == LEVEL_ARROW)
        depth--;
    enum level_kind kind = s->levels[depth - 1].kind;
    if (kind != LEVEL_BLOCK && kind != LEVEL_CLASS)
        return;
    arrows_close(s);
    statement_ends(s);
}

static void count_lost(struct scanner *s, const struct lex_token *t)
{
    s->lost += t->kind == LEX_TEMPLATE_OPEN || lex_is(t, '{') || lex_is(t, '(') || lex_is(t, '[');
    s->lost -= lex_is(t, '}') || lex_is(t, ')') || lex_is(t, ']');
    s->value = t->kind != LEX_MARK || lex_is(t, ')') || lex_is(t, ']');
}

static void take_in_type(struct scanner *s, const struct lex_token *t)
{
    s->value = true;
    if (lex_is(t, '{') || lex_is(t, '(') || lex_is(t, '['))
        level_open(s, LEVEL_TYPE, (char)t->mark, t);
    else if (lex_is(t, '}') || lex_is(t, ')') || lex_is(t, ']'))
        bracket_close(s, t);
}

static void take_plain(struct scanner *s, const struct lex_token *t)
{
    switch (t->kind) {
    case LEX_WORD:
        word_take(s, t);
        break;
    case LEX_MARK:
        mark_take(s, t);
        break;
    default:
        top(s)->chain = (struct chain){ 0 };
        s->statement = false;
        s->value = true;
    }
}

static void note_content(struct level *l, const struct lex_token *t)
{
    if (l->tokens < 2)
        l->tokens++;
    if (l->tokens == 1 && t->kind == LEX_STRING)
        l->only = t->text;
}

static void take(struct scanner *s, const struct lex_token *t)
{
    if (s->lost > 0) {
        count_lost(s, t);
        return;
    }
    if (s->arrow.state != PENDING_NONE && begins_arrow(s, t))
        return;
    if (ends_by_line(s, t))
        end_by_line(s);
    struct level *l = top(s);
    if (l->kind == LEVEL_BRACKET && !lex_is(t, ']'))
        note_content(l, t);
    if (t->kind == LEX_TEMPLATE_OPEN) {
        level_open(s, LEVEL_CODE, '$', t);
        s->value = s->statement = false;
    } else if (l->kind == LEVEL_TYPE) {
        take_in_type(s, t);
    } else if (!(l->type != TYPE_NONE && type_takes(s, t)) &&
               !(l->pending.state != PENDING_NONE && pending_takes(s, t)) &&
               !(l->member && member_takes(s, t))) {
        take_plain(s, t);
    }
}

static void step(struct scanner *s)
{
    const struct level *l = top(s);
    struct lex_token t;
    if ((l->kind == LEVEL_TAG || l->kind == LEVEL_CHILDREN) && s->lost == 0) {
        jsx_step(s);
        return;
    }
    scopes_lex_next(&s->lex, s->value || l->kind == LEVEL_TYPE || l->type != TYPE_NONE, &t);
    s->closing = 0;
    take(s, &t);
    s->closed = s->closing;
    s->last = t;
}

static void scan(struct scanner *s)
{
    struct lex_place end = { 1, 1 }; /* of the last token */
    s->last = (struct lex_token){ .kind = LEX_MARK };
    while (s->last.kind != LEX_END && !s->no_memory) {
        step(s);
        if (s->last.kind != LEX_END)
            end = s->lex.at; /* behind a brace, more of a template may have been taken */
        s->last.to = end;
    }
    while (s->depth > 1)
        level_close(s, end);
}

/* By where they begin; those that begin together, the outer one first. */
static int compare(const void *pa, const void *pb)
{
    const struct found *a = pa, *b = pb;
    int c = (a->start > b->start) - (a->start < b->start);
    return c ? c : (a->number > b->number) - (a->number < b->number);
}

static bool result(struct scanner *s, struct scope **out, size_t *count, struct err *e)
{
    struct scope *scopes = arena_array(s->a, s->found.len + 1, sizeof *scopes);
    if (!scopes || s->no_memory)
        return err_set(e, ERR_NOMEM, 0, "functions of a script");
    if (s->found.len > 1)
        qsort(s->found.at, s->found.len, sizeof *s->found.at, compare);
    for (size_t i = 0; i < s->found.len; i++)
        scopes[i] = s->found.at[i].scope;
    *out = scopes;
    *count = s->found.len;
    return true;
}

bool scopes_find(struct str text, struct arena *a, struct scope **out, size_t *count, struct err *e)
{
    struct scanner s = { .a = a, .statement = true };
    struct lex_token first = { .from = { 1, 1 } };
    if (text.len >= UINT32_MAX)
        return err_set(e, ERR_LIMIT, UINT32_MAX, "a script has at most 4 GB");
    s.levels = malloc(SCOPES_DEPTH_MAX * sizeof *s.levels); /* touched as deep as it goes */
    if (!s.levels)
        return err_set(e, ERR_NOMEM, 0, "functions of a script");
    lex_init(&s.lex, text);
    s.has_tags = str_has(text, "</") || str_has(text, "/>");
    level_open(&s, LEVEL_BLOCK, '\0', &first);
    scan(&s);
    bool ok = result(&s, out, count, e);
    VEC_FREE(&s.found);
    free(s.levels);
    return ok;
}
