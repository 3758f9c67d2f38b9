/* lucene_print.c - a tree as text. What is hard: that a lone clause is optional can be said only by
 * an OR beside it, and an OR makes the clauses on both its sides optional. An empty phrase, which
 * is no clause but lets its OR act, fills the place where there is nothing to be optional with. */
#include "lucene_print.h"

#include "query/lucene_lex.h"

#include <stdio.h>
#include <stdlib.h>

/* The shortest decimal that reads back as the same float; the grammar has no exponents. */
static void print_number(struct buf *out, double d)
{
    char text[128];
    for (int digits = 0; digits < 60; digits++) {
        snprintf(text, sizeof text, "%.*f", digits, d);
        if (strtof(text, NULL) == (float)d)
            break;
    }
    buf_str(out, str_from_c(text));
}

static bool is_word(struct str s)
{
    return str_eq(s, STR("AND")) || str_eq(s, STR("OR")) || str_eq(s, STR("NOT"));
}

/* A byte of a term: what the grammar would take for something else gets a backslash. */
static void print_char(struct buf *out, struct str s, size_t i)
{
    if (lex_is_special(s.ptr[i]) || lex_space((struct str){ s.ptr + i, s.len - i }))
        buf_char(out, '\\');
    buf_char(out, s.ptr[i]);
}

static void print_term(struct buf *out, struct str s)
{
    if (is_word(s))
        buf_char(out, '\\');
    for (size_t i = 0; i < s.len; i++)
        print_char(out, s, i);
}

/* The same for a pattern, whose * and ? keep their meaning unless they are escaped already. */
static void print_pattern(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\' && i + 1 < s.len) {
            buf_char(out, s.ptr[i++]);
            buf_char(out, s.ptr[i]);
        } else if (s.ptr[i] == '*' || s.ptr[i] == '?') {
            buf_char(out, s.ptr[i]);
        } else {
            print_char(out, s, i);
        }
    }
}

/* One end of a range. No backslash keeps a space or a bracket in a word there, so \u it is. */
static void print_end(struct buf *out, struct str s)
{
    if (s.len == 0)
        buf_char(out, '*');
    if (str_eq(s, STR("*")) || str_eq(s, STR("TO")))
        buf_char(out, '\\');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (lex_space((struct str){ s.ptr + i, s.len - i }) == 3) {
            buf_str(out, STR("\\u3000"));
            i += 2;
        } else if (lex_space((struct str){ s.ptr + i, 1 }) || memchr("]}\"\\", c, 4)) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_char(out, s.ptr[i]);
        }
    }
}

static void print_clauses(const struct lucene_query *q, struct buf *out);

/* Everything but the boost. */
static void print_body(const struct lucene_query *q, struct buf *out)
{
    if (q->field.len > 0) {
        print_term(out, q->field);
        buf_char(out, ':');
    }
    switch (q->type) {
    case LUCENE_ALL:
        buf_str(out, STR("*:*"));
        break;
    case LUCENE_NOTHING:
        buf_str(out, STR("\"\""));
        break;
    case LUCENE_BOOLEAN:
        buf_char(out, '(');
        print_clauses(q, out);
        buf_char(out, ')');
        break;
    case LUCENE_TERM:
        print_term(out, q->text);
        break;
    case LUCENE_PHRASE:
        buf_char(out, '"');
        for (size_t i = 0; i < q->token_count; i++) {
            buf_str(out, i ? STR(" ") : STR(""));
            buf_str(out, q->tokens[i]);
        }
        buf_char(out, '"');
        if (q->slop > 0)
            buf_printf(out, "~%u", q->slop);
        break;
    case LUCENE_WILDCARD:
        print_pattern(out, q->text);
        break;
    case LUCENE_FUZZY:
        print_term(out, q->text);
        buf_char(out, '~');
        print_number(out, q->fuzziness);
        break;
    case LUCENE_RANGE:
        buf_char(out, q->include_low ? '[' : '{');
        print_end(out, q->low);
        buf_str(out, STR(" TO "));
        print_end(out, q->high);
        buf_char(out, q->include_high ? ']' : '}');
        break;
    }
}

static void print_query(const struct lucene_query *q, struct buf *out)
{
    print_body(q, out);
    if (q->boost < 1.0 || q->boost > 1.0) {
        buf_char(out, '^');
        print_number(out, q->boost);
    }
}

/* What stands between two clauses. `said`: an OR in front of `q` has made it optional already. */
static const char *between(const struct lucene_query *q, bool said, bool *says)
{
    const struct lucene_query *next = q->next;
    bool optional = q->occur == LUCENE_SHOULD;
    *says = false;
    if (!next)
        return optional && !said ? " OR \"\"" : "";
    if (next->occur == LUCENE_SHOULD && q->occur != LUCENE_MUST) {
        *says = true;
        return " OR ";
    }
    if (!optional || said)
        return " ";
    return next->occur == LUCENE_MUST_NOT ? " OR " : " OR \"\" ";
}

static void print_clauses(const struct lucene_query *q, struct buf *out)
{
    bool said = false;
    if (q->first && !q->first->next && q->first->occur == LUCENE_SHOULD) {
        buf_str(out, STR("\"\" OR ")); /* behind it, it would be a query by itself */
        said = true;
    }
    for (const struct lucene_query *c = q->first; c; c = c->next) {
        buf_str(out, c->occur == LUCENE_MUST       ? STR("+")
                     : c->occur == LUCENE_MUST_NOT ? STR("-")
                                                   : STR(""));
        print_query(c, out);
        buf_str(out, str_from_c(between(c, said, &said)));
    }
}

void lucene_print(const struct lucene_query *q, struct buf *out)
{
    bool plain = q->type == LUCENE_BOOLEAN && q->boost >= 1.0 && q->boost <= 1.0;
    if (plain)
        print_clauses(q, out);
    else
        print_query(q, out);
}
