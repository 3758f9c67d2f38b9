/* lucene.h - the Lucene 2.9.4 query syntax, to a tree.
 *
 * docs/query-lucene.md has the grammar and what we chose where Lucene's page leaves it open.
 * The default operator is AND; AND, OR, NOT combine as in Lucene's classic parser (each clause is
 * required, optional or forbidden; there is no precedence but parentheses).
 * The tree lives in the arena and borrows the text. Threads: pure. */
#ifndef CRUMPLE_QUERY_LUCENE_H
#define CRUMPLE_QUERY_LUCENE_H

#include "base/arena.h"

#define LUCENE_TEXT_MAX 65536   /* bytes of a query */
#define LUCENE_CLAUSES_MAX 1024 /* clauses, and words of phrases, in the whole query */
#define LUCENE_DEPTH_MAX 64     /* parentheses inside one another */
#define LUCENE_EDITS_MAX 2      /* of a fuzzy term */
#define LUCENE_SLOP_MAX INT32_MAX

enum lucene_type {
    LUCENE_ALL,      /* *:* and a lone * */
    LUCENE_NOTHING,  /* the whole query, when the tokeniser finds no token in it */
    LUCENE_BOOLEAN,  /* clauses */
    LUCENE_TERM,     /* one token; in the field `date` the text as written */
    LUCENE_PHRASE,   /* two tokens or more, slop */
    LUCENE_WILDCARD, /* pattern with * and ?; also prefixes; field:* means: has the field */
    LUCENE_FUZZY,    /* token, edits or similarity */
    LUCENE_RANGE     /* low and high; an empty str means open */
};
enum lucene_occur { LUCENE_MUST, LUCENE_SHOULD, LUCENE_MUST_NOT };

struct lucene_query {
    enum lucene_type type;
    enum lucene_occur occur;  /* as a clause of its parent */
    size_t at;                /* where it begins in the text, behind its field; not of BOOLEAN */
    struct str field;         /* empty: all fields taken together */
    struct str text;          /* TERM, FUZZY: the token; WILDCARD: \ escapes only * ? and \ */
    const struct str *tokens; /* PHRASE */
    size_t token_count;
    uint32_t slop;
    double fuzziness;     /* FUZZY: >= 1 is edits (at most 2), below 1 the least similarity */
    struct str low, high; /* RANGE */
    bool include_low, include_high;
    double boost;                      /* 1.0 when not given */
    struct lucene_query *first, *next; /* BOOLEAN: clauses, linked */
};

/* ERR_INPUT with e->offset, the byte of the text where it went wrong, and a message that ends in
 * "at position N" (from 0), word bad_query. ERR_LIMIT for the maxima above, likewise. */
MUST_CHECK bool lucene_parse(const struct lucene_query **out, struct str text, struct arena *a,
                             struct err *e);

#endif
