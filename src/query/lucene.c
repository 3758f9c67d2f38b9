/* lucene.c - the parser: recursive descent over the words of lucene_lex.c, one function for each
 * rule of Lucene 4.10's QueryParser.jj.
 *
 *     query  = [modifier] clause { [AND | OR] [modifier] clause }
 *     clause = [TERM ":" | "*" ":"] ( leaf | "(" query ")" [boost] )
 *
 * What is hard: a leaf in whose text the tokeniser finds nothing is no clause at all, but an AND or
 * OR in front of it still acts on the clause before (add_clause), as in Lucene. Such a leaf is NULL
 * here; LUCENE_NOTHING is made only when nothing at all is left. */
#include "query/lucene.h"

#include "group/tokens.h"
#include "query/lucene_lex.h"

#include <math.h>
#include <stdlib.h>

struct parser {
    struct lexer lexer;
    struct lex_token token; /* the next one, not yet eaten */
    struct arena *arena;
    struct err *err;
    size_t size; /* clauses and words so far */
};

enum conjunction { CONJ_NONE, CONJ_AND, CONJ_OR };
enum modifier { MOD_NONE, MOD_REQUIRED, MOD_NOT };

/* The clauses of a query while it is read. */
struct clauses {
    struct lucene_query *first, *last;
    size_t count;
};

static bool no_memory(struct parser *p)
{
    return err_set(p->err, ERR_NOMEM, 0, "no memory for the query");
}

static bool advance(struct parser *p)
{
    return lex_next(&p->lexer, &p->token, p->err);
}

static bool unexpected(struct parser *p, const char *wanted)
{
    static const char *const names[] = {
        [LEX_END] = "the end of the query",
        [LEX_AND] = "AND",
        [LEX_OR] = "OR",
        [LEX_NOT] = "NOT",
        [LEX_PLUS] = "+",
        [LEX_MINUS] = "-",
        [LEX_OPEN] = "(",
        [LEX_CLOSE] = ")",
        [LEX_COLON] = ":",
        [LEX_TERM] = "a term",
        [LEX_STAR] = "*",
        [LEX_WILD] = "a term",
        [LEX_BARE] = "a term",
        [LEX_QUOTED] = "\"",
        [LEX_TILDE] = "~",
        [LEX_BOOST] = "^",
        [LEX_RANGE] = "a range",
    };
    return err_set(p->err, ERR_INPUT, p->token.at, "expected %s instead of %s at position %zu",
                   wanted, names[p->token.type], p->token.at);
}

static bool count_more(struct parser *p, size_t n)
{
    p->size += n;
    if (p->size > LUCENE_CLAUSES_MAX)
        return err_set(p->err, ERR_LIMIT, p->token.at,
                       "more than %d words and clauses in the query, at position %zu",
                       LUCENE_CLAUSES_MAX, p->token.at);
    return true;
}

static struct lucene_query *new_query(struct parser *p, enum lucene_type type, struct str field)
{
    if (!count_more(p, 1))
        return NULL;
    struct lucene_query *q = arena_zalloc(p->arena, sizeof *q);
    if (!q) {
        no_memory(p);
        return NULL;
    }
    q->type = type;
    q->field = field;
    q->boost = 1.0;
    return q;
}

/* A number as the lexer lets it through: digits, perhaps a fraction. Single precision as in
 * Lucene. */
static bool read_number(struct parser *p, struct str digits, float *out)
{
    struct str copy;
    if (!arena_str(p->arena, digits, &copy))
        return no_memory(p);
    *out = strtof(copy.ptr, NULL);
    return true;
}

static bool take_boost(struct parser *p, float *boost)
{
    if (!read_number(p, p->token.text, boost))
        return false;
    if (!isfinite(*boost))
        return err_set(p->err, ERR_INPUT, p->token.at, "the boost is too large at position %zu",
                       p->token.at);
    return advance(p);
}

/* Analysed text. */

static size_t count_tokens(struct str text)
{
    struct tokens t = tokens_of(text);
    struct str token;
    size_t count = 0;
    while (tokens_next(&t, &token))
        count++;
    return count;
}

/* All tokens of the text, each a clause that must match: no phrase is made of them. */
static bool make_conjunction(struct parser *p, struct str field, struct str text,
                             struct lucene_query **out)
{
    struct tokens t = tokens_of(text);
    struct lucene_query *all = new_query(p, LUCENE_BOOLEAN, (struct str){ 0 });
    if (!all)
        return false;
    struct lucene_query **tail = &all->first;
    struct str token;
    while (tokens_next(&t, &token)) {
        struct lucene_query *q = new_query(p, LUCENE_TERM, field);
        if (!q)
            return false;
        q->text = token;
        q->occur = LUCENE_MUST;
        *tail = q;
        tail = &q->next;
    }
    *out = all;
    return true;
}

static bool make_phrase(struct parser *p, struct str field, struct str text, size_t count,
                        struct lucene_query **out)
{
    struct tokens t = tokens_of(text);
    struct lucene_query *q = count_more(p, count) ? new_query(p, LUCENE_PHRASE, field) : NULL;
    struct str *tokens = q ? arena_array(p->arena, count, sizeof *tokens) : NULL;
    if (!q)
        return false;
    if (!tokens)
        return no_memory(p);
    while (q->token_count < count && tokens_next(&t, &tokens[q->token_count]))
        q->token_count++;
    q->tokens = tokens;
    *out = q;
    return true;
}

/* What a text asks for once it is cut into tokens; *out is NULL when there are none. */
static bool make_text_query(struct parser *p, struct str field, struct str text, bool quoted,
                            struct lucene_query **out)
{
    *out = NULL;
    if (str_eq(field, STR("date"))) { /* dates stay whole: see dates.h */
        if (text.len == 0)
            return true;
        *out = new_query(p, LUCENE_TERM, field);
        if (*out)
            (*out)->text = text;
        return *out != NULL;
    }
    size_t count = count_tokens(text);
    if (count == 0)
        return true;
    if (count > 1)
        return quoted ? make_phrase(p, field, text, count, out)
                      : make_conjunction(p, field, text, out);
    struct tokens t = tokens_of(text);
    *out = new_query(p, LUCENE_TERM, field);
    return *out && tokens_next(&t, &(*out)->text);
}

/* Leaves. */

static bool make_fuzzy(struct parser *p, struct str field, struct lex_token term,
                       struct lex_token tilde, struct lucene_query **out)
{
    float fuzziness = LUCENE_EDITS_MAX;
    if (tilde.text.len > 0 && !read_number(p, tilde.text, &fuzziness))
        return false;
    if (fuzziness >= 1 && fuzziness != floorf(fuzziness))
        return err_set(p->err, ERR_INPUT, tilde.at,
                       "a number of edits has no fraction: ~ at position %zu", tilde.at);
    *out = new_query(p, LUCENE_FUZZY, field);
    if (!*out)
        return false;
    (*out)->fuzziness = (double)fminf(fuzziness, LUCENE_EDITS_MAX);
    return lex_unescape(&p->lexer, term.text, false, p->arena, &(*out)->text, p->err);
}

static bool make_wildcard(struct parser *p, struct str field, struct lex_token term,
                          struct lucene_query **out)
{
    bool all = term.type == LEX_STAR && field.len == 0;
    *out = new_query(p, all ? LUCENE_ALL : LUCENE_WILDCARD, field);
    if (!*out)
        return false;
    return all || lex_unescape(&p->lexer, term.text, true, p->arena, &(*out)->text, p->err);
}

static bool take_tilde(struct parser *p, struct lex_token *tilde)
{
    if (p->token.type != LEX_TILDE)
        return true;
    *tilde = p->token;
    return advance(p);
}

/* A term with its ~ and ^, in either order. */
static bool parse_term(struct parser *p, struct str field, struct lucene_query **out, float *boost)
{
    struct lex_token term = p->token, tilde = { .type = LEX_END };
    struct str text;
    if (!advance(p) || !take_tilde(p, &tilde))
        return false;
    if (p->token.type == LEX_BOOST && (!take_boost(p, boost) || !take_tilde(p, &tilde)))
        return false;
    if (term.type == LEX_STAR || term.type == LEX_WILD)
        return make_wildcard(p, field, term, out);
    if (tilde.type == LEX_TILDE)
        return make_fuzzy(p, field, term, tilde, out);
    return lex_unescape(&p->lexer, term.text, false, p->arena, &text, p->err) &&
           make_text_query(p, field, text, false, out);
}

static bool parse_quoted(struct parser *p, struct str field, struct lucene_query **out,
                         float *boost)
{
    struct lex_token quoted = p->token;
    struct str text;
    float slop = 0;
    if (!advance(p))
        return false;
    if (p->token.type == LEX_TILDE &&
        ((p->token.text.len > 0 && !read_number(p, p->token.text, &slop)) || !advance(p)))
        return false;
    if (p->token.type == LEX_BOOST && !take_boost(p, boost))
        return false;
    if (!lex_unescape(&p->lexer, quoted.text, false, p->arena, &text, p->err) ||
        !make_text_query(p, field, text, true, out))
        return false;
    if (*out && (*out)->type == LUCENE_PHRASE)
        (*out)->slop = slop < (float)LUCENE_SLOP_MAX ? (uint32_t)slop : LUCENE_SLOP_MAX;
    return true;
}

static bool parse_range(struct parser *p, struct str field, struct lucene_query **out, float *boost)
{
    struct lex_range r = p->token.range;
    struct lucene_query *q = new_query(p, LUCENE_RANGE, field);
    if (!q)
        return false;
    q->include_low = r.include_low;
    q->include_high = r.include_high;
    if ((!r.low_open && !lex_unescape(&p->lexer, r.low, false, p->arena, &q->low, p->err)) ||
        (!r.high_open && !lex_unescape(&p->lexer, r.high, false, p->arena, &q->high, p->err)))
        return false;
    *out = q;
    return advance(p) && (p->token.type != LEX_BOOST || take_boost(p, boost));
}

/* Clauses. */

static void add_clause(struct clauses *c, enum conjunction conj, enum modifier mod,
                       struct lucene_query *q)
{
    if (c->last && conj != CONJ_NONE && c->last->occur != LUCENE_MUST_NOT)
        c->last->occur = conj == CONJ_AND ? LUCENE_MUST : LUCENE_SHOULD;
    if (!q)
        return;
    q->occur = mod == MOD_NOT ? LUCENE_MUST_NOT : conj == CONJ_OR ? LUCENE_SHOULD : LUCENE_MUST;
    if (c->last)
        c->last->next = q;
    else
        c->first = q;
    c->last = q;
    c->count++;
}

static bool parse_query(struct parser *p, struct str field, int depth, struct lucene_query **out);

static bool parse_group(struct parser *p, struct str field, int depth, struct lucene_query **out,
                        float *boost)
{
    size_t open = p->token.at;
    if (depth == LUCENE_DEPTH_MAX)
        return err_set(p->err, ERR_LIMIT, open,
                       "more than %d parentheses inside one another, at position %zu",
                       LUCENE_DEPTH_MAX, open);
    if (!advance(p) || !parse_query(p, field, depth + 1, out))
        return false;
    if (p->token.type == LEX_END)
        return err_set(p->err, ERR_INPUT, p->token.at,
                       "no ) for the ( at position %zu: the query ends at position %zu", open,
                       p->token.at);
    if (p->token.type != LEX_CLOSE)
        return unexpected(p, ")");
    return advance(p) && (p->token.type != LEX_BOOST || take_boost(p, boost));
}

/* If the next words are a field and its colon, eats them and sets *field. */
static bool parse_field(struct parser *p, struct str *field)
{
    if (p->token.type != LEX_TERM && p->token.type != LEX_STAR)
        return true;
    struct lexer ahead = p->lexer;
    struct lex_token second;
    if (!lex_next(&ahead, &second, p->err))
        return false;
    if (second.type != LEX_COLON)
        return true;
    if (p->token.type == LEX_STAR)
        *field = (struct str){ 0 }; /* any field, which is what no field means */
    else if (!lex_unescape(&p->lexer, p->token.text, false, p->arena, field, p->err))
        return false;
    p->lexer = ahead;
    return advance(p);
}

static bool parse_clause(struct parser *p, struct str field, int depth, struct lucene_query **out)
{
    float boost = -1;
    bool ok;
    *out = NULL;
    if (!parse_field(p, &field))
        return false;
    struct lex_token begin = p->token;
    switch (p->token.type) {
    case LEX_OPEN:
        ok = parse_group(p, field, depth, out, &boost);
        break;
    case LEX_TERM:
    case LEX_STAR:
    case LEX_WILD:
    case LEX_BARE:
        ok = parse_term(p, field, out, &boost);
        break;
    case LEX_QUOTED:
        ok = parse_quoted(p, field, out, &boost);
        break;
    case LEX_RANGE:
        ok = parse_range(p, field, out, &boost);
        break;
    default:
        return unexpected(p, "a term");
    }
    if (ok && *out && boost >= 0)
        (*out)->boost = (double)boost;
    if (ok && *out && begin.type != LEX_OPEN)
        (*out)->at = begin.at;
    return ok;
}

static bool parse_modifier(struct parser *p, enum modifier *mod)
{
    *mod = p->token.type == LEX_PLUS                                ? MOD_REQUIRED
           : p->token.type == LEX_MINUS || p->token.type == LEX_NOT ? MOD_NOT
                                                                    : MOD_NONE;
    return *mod == MOD_NONE || advance(p);
}

/* Up to a closing parenthesis or the end. *out is NULL when nothing was left of the clauses. */
static bool parse_query(struct parser *p, struct str field, int depth, struct lucene_query **out)
{
    struct clauses c = { 0 };
    struct lucene_query *plain = NULL; /* the first clause, when it has no modifier */
    enum conjunction conj = CONJ_NONE;
    for (bool first = true;; first = false) {
        enum modifier mod;
        struct lucene_query *q;
        if (!parse_modifier(p, &mod) || !parse_clause(p, field, depth, &q))
            return false;
        if (first && mod == MOD_NONE)
            plain = q;
        add_clause(&c, conj, mod, q);
        if (p->token.type == LEX_END || p->token.type == LEX_CLOSE)
            break;
        conj = p->token.type == LEX_AND ? CONJ_AND : p->token.type == LEX_OR ? CONJ_OR : CONJ_NONE;
        if (conj != CONJ_NONE && !advance(p))
            return false;
    }
    *out = plain;
    if (c.count == 0 || (c.count == 1 && plain))
        return true;
    *out = new_query(p, LUCENE_BOOLEAN, (struct str){ 0 });
    if (*out)
        (*out)->first = c.first;
    return *out != NULL;
}

static bool parse_text(const struct lucene_query **out, struct str text, struct arena *a,
                       struct err *e)
{
    struct parser p = { .lexer = { .text = text }, .arena = a, .err = e };
    struct lucene_query *q;
    if (text.len > LUCENE_TEXT_MAX)
        return err_set(e, ERR_LIMIT, LUCENE_TEXT_MAX, "a query of more than %d bytes",
                       LUCENE_TEXT_MAX);
    if (!advance(&p) || !parse_query(&p, (struct str){ 0 }, 0, &q))
        return false;
    if (p.token.type == LEX_CLOSE)
        return err_set(e, ERR_INPUT, p.token.at, "no ( for the ) at position %zu", p.token.at);
    if (!q)
        q = new_query(&p, LUCENE_NOTHING, (struct str){ 0 });
    if (!q)
        return false;
    q->occur = LUCENE_MUST;
    *out = q;
    return true;
}

bool lucene_parse(const struct lucene_query **out, struct str text, struct arena *a, struct err *e)
{
    if (parse_text(out, text, a, e))
        return true;
    if (e->code != ERR_NOMEM)
        e->word = "bad_query";
    return false;
}
