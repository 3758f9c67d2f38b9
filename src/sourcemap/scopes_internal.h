/* scopes_internal.h - what the parts of scopes share: the levels of brackets that are open.
 *
 * A level is opened by a bracket, by the body of an arrow function that is an expression, or by a
 * JSX element. Levels below SCOPES_DEPTH_MAX are counted, but not looked into. */
#ifndef CRUMPLE_SOURCEMAP_SCOPES_INTERNAL_H
#define CRUMPLE_SOURCEMAP_SCOPES_INTERNAL_H

#include "base/vec.h"
#include "sourcemap/scopes.h"
#include "sourcemap/scopes_lex.h"

#define SCOPES_DEPTH_MAX 4096
#define SCOPES_PIECES_MAX 6  /* of a name like exports.cart.total */
#define SCOPES_PREFIX_MAX 80 /* bytes; what is longer does not go before the names of methods */

enum level_kind {
    LEVEL_BLOCK,    /* statements */
    LEVEL_OBJECT,   /* an object literal, or a pattern */
    LEVEL_CLASS,    /* the body of a class */
    LEVEL_PAREN,    /* ( */
    LEVEL_BRACKET,  /* [ */
    LEVEL_CODE,     /* an expression in a template or in JSX */
    LEVEL_ARROW,    /* a body that is an expression: of an arrow function, of a field */
    LEVEL_TYPE,     /* any bracket in a type of TypeScript */
    LEVEL_TAG,      /* < in JSX */
    LEVEL_CHILDREN, /* between the tags of a JSX element */
};

/* Types of TypeScript that have no bracket around them, and by what they end. */
enum type_mode {
    TYPE_NONE,
    TYPE_OF_NAME,    /* `x: T`: = , ; */
    TYPE_OF_RESULT,  /* `f(): T`: the body */
    TYPE_OF_ARROW,   /* `(x): T`: => */
    TYPE_PARAMETERS, /* `f<T>`: > */
    TYPE_ALIAS,      /* `type T = ...`: ; */
};

/* Something whose body is to come. */
enum pending_state {
    PENDING_NONE,
    PENDING_PARAMETERS, /* a function before its parameters */
    PENDING_BODY,       /* behind them */
    PENDING_CLASS,
    PENDING_INTERFACE,
};

struct name {
    struct str text;
    struct lex_place at; /* line 0: not known */
};

/* A member expression: exports.cart.total. */
struct chain {
    struct str pieces[SCOPES_PIECES_MAX];
    unsigned count;
    bool of_this;        /* it begins with `this` */
    struct lex_place at; /* of its last piece */
};

/* What an anonymous function or class that comes now is named after. */
enum target_kind { TARGET_NONE, TARGET_CHAIN, TARGET_PROPERTY, TARGET_FIELD };
struct target {
    enum target_kind kind;
    struct chain chain; /* of a property or a field: one piece */
};

struct pending {
    enum pending_state state;
    struct name name;
    bool named;   /* by itself, not by what it is assigned to */
    bool value;   /* an expression, not a declaration */
    bool method;  /* of a class or an object */
    size_t start; /* byte of `from` */
    struct lex_place from;
};

struct level {
    enum level_kind kind;
    char open;       /* the bracket: ( [ { or $ for ${ in a template; 0: none */
    bool value;      /* when it closes, a value has ended */
    bool call;       /* of parentheses and brackets: a call, an index */
    bool control;    /* of parentheses: if (...), for (...) */
    bool parameters; /* of parentheses: those of the function that is pending below */
    bool computed;   /* of brackets: a key */
    uint32_t scope;  /* 1 + number of the function that ends with it; 0: none */
    size_t start;
    struct lex_place from;

    /* Of the statement or the list item that goes on in it. */
    bool declares;      /* const, let, var */
    bool in_case;       /* between `case` or `default` and the colon */
    bool control_next;  /* if, for, while, with: before their parentheses */
    uint32_t ternaries; /* ? whose : is to come */
    bool outer_ternary; /* of LEVEL_ARROW: one of those that it stands in has such */
    enum type_mode type;
    uint32_t angles; /* < open in the type */
    struct chain chain;
    struct target target;
    struct pending pending;
    size_t paren_start; /* where the last parentheses in it began, and the last word */
    struct lex_place paren_from;
    size_t paren_end; /* byte of their closing one */
    bool typed_arrow; /* behind them stood a type, and an arrow comes now */
    bool paren_plain; /* they were no call */
    size_t word_start;
    struct lex_place word_from;
    struct str only; /* of brackets: the string that is all of their content */
    uint32_t tokens; /* how many it began with: 0, 1, 2 or more */

    /* Of classes and object literals. */
    bool member; /* a key or the end may come */
    bool has_key, key_static;
    char accessor;      /* 'g', 's' */
    uint32_t decorator; /* 1: its name is to come, 2: came */
    struct name key;
    struct str owner; /* what goes before the names of its methods */
    struct str self;  /* the class or constructor function that `this` belongs to; may be empty */
};

/* A function that was found, with what sorts it. */
struct found {
    struct scope scope;
    size_t start;
    uint32_t number;
    bool borrowed; /* its name is that of what it is assigned to */
};

struct scanner {
    struct lexer lex;
    struct arena *a;
    struct level *levels; /* SCOPES_DEPTH_MAX of them */
    size_t depth;         /* at least 1 */
    size_t lost;          /* brackets open beyond the limit */
    size_t braces;        /* { and ${ among the levels */
    struct lex_token last;
    bool value;     /* `last` ended a value */
    bool statement; /* a statement may begin */
    bool has_tags;  /* the text closes tags, so it may have JSX */
    bool no_memory;
    uint32_t closed;      /* 1 + number of the function expression that `last` ended; else 0 */
    uint32_t closing;     /* the same of the token that is looked at */
    struct pending arrow; /* an arrow function behind its =>: state is not PENDING_NONE */
    VEC(struct found) found;
};

static inline struct level *top(struct scanner *s)
{
    return &s->levels[s->depth - 1];
}

/* scopes_names.c */
void chain_begin(struct chain *c, const struct lex_token *t);
void chain_push(struct chain *c, struct str piece, struct lex_place at);
void target_set(struct target *t, enum target_kind kind, struct str piece, struct lex_place at);
/* The name for an anonymous function or class that is assigned to the level's target; empty: none.
 */
struct name name_of_target(struct scanner *s, const struct level *l);
/* The name of the method whose key the class or object has just read. */
struct name name_of_method(struct scanner *s, const struct level *l);

/* scopes_types.c: types of TypeScript. True: the token belongs to one. */
bool type_takes(struct scanner *s, const struct lex_token *t);

/* scopes_members.c: keys of classes and object literals, up to their value. */
bool member_takes(struct scanner *s, const struct lex_token *t);

/* scopes_jsx.c: goes on in the JSX element that the top level is of. */
void jsx_step(struct scanner *s);
/* Whether an element begins by the `<` that has just been read. */
bool jsx_begins(const struct scanner *s);

/* scopes_pending.c: from `function` or `class` to the body. */
bool pending_takes(struct scanner *s, const struct lex_token *t);

/* scopes_words.c */
void word_take(struct scanner *s, const struct lex_token *t);
bool is_word(const struct lex_token *t, const char *const *words); /* NULL ends them */

/* scopes_marks.c */
void mark_take(struct scanner *s, const struct lex_token *t);
/* A bracket closes: what stands open in between is ended, too. */
void bracket_close(struct scanner *s, const struct lex_token *t);

/* scopes.c */
/* NULL: too deep, or the text is damaged; it counts what it does not keep. */
struct level *level_open(struct scanner *s, enum level_kind kind, char open,
                         const struct lex_token *t);
/* Ends the top level, and its function at `end`. */
void level_close(struct scanner *s, struct lex_place end);
void function_open(struct scanner *s, const struct pending *p, const struct lex_token *t);
/* Begins a body that is an expression. */
void arrow_open(struct scanner *s, const struct pending *p, const struct lex_token *t);
/* Ends the bodies without braces that lie on top. */
void arrows_close(struct scanner *s);
void statement_ends(struct scanner *s);

#endif
