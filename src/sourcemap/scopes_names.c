/* scopes_names.c - names of functions, as V8 prints them in stack traces.
 *
 *     function total() {}                      total
 *     class Cart { total() {} }                Cart.total
 *     class Cart { constructor() {} }          new Cart
 *     class Cart { get total() {} #check() {} [Symbol.iterator]() {} }
 *                                              get total, #check, [Symbol.iterator]: only names
 *                                              that are identifiers get a prefix
 *     class Cart { total = () => 1 }           Cart.total
 *     const cart = { total() {} }              Object.total
 *     exports.total = function () {}           exports.total
 *     Cart.prototype.total = function () {}    Cart.total
 *     function Cart() { this.total = () => 1 } Cart.total
 *
 * V8 takes the part before a method's name from the object that it was called on: for inherited
 * methods, or those called without their object, it prints another. */
#include "sourcemap/scopes_internal.h"

void chain_begin(struct chain *c, const struct lex_token *t)
{
    bool of_this = str_eq(t->text, STR("this"));
    *c = (struct chain){ .of_this = of_this };
    if (!of_this)
        chain_push(c, t->text, t->from);
}

void chain_push(struct chain *c, struct str piece, struct lex_place at)
{
    if (c->count == SCOPES_PIECES_MAX) { /* the last ones say most */
        memmove(&c->pieces[0], &c->pieces[1], sizeof c->pieces - sizeof c->pieces[0]);
        c->count--;
    }
    c->at = at;
    if (!str_eq(piece, STR("prototype")))
        c->pieces[c->count++] = piece;
}

void target_set(struct target *t, enum target_kind kind, struct str piece, struct lex_place at)
{
    *t = (struct target){ .kind = kind };
    chain_push(&t->chain, piece, at);
}

static struct str join(struct scanner *s, struct str prefix, const char *between, struct str name)
{
    struct str out = name;
    if (prefix.len == 0 || prefix.len > SCOPES_PREFIX_MAX)
        return name;
    if (!arena_printf(s->a, &out, "%.*s%s%.*s", STR_ARG(prefix), between, STR_ARG(name)))
        s->no_memory = true;
    return out;
}

static struct str with_owner(struct scanner *s, struct str owner, struct str name)
{
    return lex_is_identifier(name) ? join(s, owner, ".", name) : name;
}

static struct str chain_text(struct scanner *s, const struct chain *c, struct str self)
{
    struct str out = c->count > 0 ? c->pieces[0] : (struct str){ "", 0 };
    if (c->of_this && c->count > 0)
        out = join(s, self, ".", out);
    for (unsigned i = 1; i < c->count; i++)
        out = join(s, out, ".", c->pieces[i]);
    return out;
}

struct name name_of_target(struct scanner *s, const struct level *l)
{
    const struct target *t = &l->target;
    struct name out = { .at = t->chain.at };
    struct str piece = t->chain.count > 0 ? t->chain.pieces[0] : (struct str){ "", 0 };
    switch (t->kind) {
    case TARGET_NONE:
        out.at = (struct lex_place){ 0 };
        break;
    case TARGET_CHAIN:
        out.text = chain_text(s, &t->chain, l->self);
        break;
    case TARGET_PROPERTY:
        out.text = with_owner(s, STR("Object"), piece);
        break;
    case TARGET_FIELD:
        out.text = with_owner(s, l->self, piece);
        break;
    }
    return out;
}

struct name name_of_method(struct scanner *s, const struct level *l)
{
    struct name out = l->key;
    if (l->kind == LEVEL_CLASS && !l->key_static && str_eq(l->key.text, STR("constructor")))
        out.text = join(s, STR("new"), " ",
                        l->owner.len > 0 && l->owner.len <= SCOPES_PREFIX_MAX ? l->owner
                                                                              : STR("<anonymous>"));
    else if (l->accessor)
        out.text = join(s, l->accessor == 'g' ? STR("get") : STR("set"), " ", l->key.text);
    else if (l->owner.len == 0)
        out.text = with_owner(s, l->key_static ? STR("Function") : STR("Object"), l->key.text);
    else
        out.text = with_owner(s, l->owner, l->key.text);
    return out;
}
