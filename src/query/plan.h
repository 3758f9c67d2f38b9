/* plan.h - a query made ready for one collection.
 *
 *     tree of lucene.h ──► nodes: the same tree; a leaf names a slot
 *                          slots: what a leaf asks for, each once; while a report is looked at, a
 *                                 slot has a weight: how much of it is in the report
 *                          marks: for each value of the lexicon and each database_id, what it adds
 *                                 to which slots
 *
 * So every word is compared with the query once, however many reports hold it, and a report is
 * looked at by going through its list of numbers.
 *
 * Threads: made by one search and used by it alone, but for the slots' report counts never changed.
 * Memory: the search's arena. */
#ifndef CRUMPLE_QUERY_PLAN_H
#define CRUMPLE_QUERY_PLAN_H

#include "query/dates.h"
#include "query/marks.h"
#include "query/pattern.h"
#include "query/phrase.h"
#include "query/search.h"

#define PLAN_PATTERNS_MAX 64      /* leaves that must look at every token */
#define PLAN_TOKEN_BYTES_A_STEP 8 /* of the deadline, when a pattern goes over a token */
#define PLAN_NONE UINT32_MAX

/* Where a slot looks. */
enum slot_scope {
    SCOPE_ALL,    /* every value, and the database_id: all the text there is in memory */
    SCOPE_FIELD,  /* one field of the lexicon */
    SCOPE_ID,     /* the database_id */
    SCOPE_PAYLOAD /* a field that is kept only in payloads */
};

enum slot_type {
    SLOT_WORD,   /* weight: how often */
    SLOT_SET,    /* wildcard, fuzzy, range; weight: how well, 1 at most */
    SLOT_PHRASE, /* weight: its frequency */
    SLOT_HAS     /* the field is there; weight 1 */
};

struct slot {
    enum slot_type type;
    enum slot_scope scope;
    uint32_t field;       /* SCOPE_FIELD: its number, PLAN_NONE when no report has it */
    struct str name;      /* of the field */
    struct pattern match; /* WORD, SET */
    uint32_t token;       /* WORD: its number, or LEXICON_NONE */
    /* PHRASE: the slots of its words in order, and each different one once. */
    const uint32_t *words;
    uint32_t word_count;
    uint32_t slop;
    bool far;         /* PHRASE: the slop reaches into other values */
    const bool *has;  /* HAS: for each field of the lexicon */
    uint32_t length;  /* WORD, PHRASE: which of the report's lengths counts */
    uint32_t reports; /* WORD: how many reports hold it; counted by the search */
};

enum node_type { NODE_ALL, NODE_NOTHING, NODE_BOOLEAN, NODE_SLOT, NODE_DATE, NODE_DATE_TEXT };

struct node {
    enum node_type type;
    enum lucene_occur occur;
    double boost;
    double weight;          /* set by weigh_prepare */
    uint32_t slot;          /* SLOT */
    struct date_span span;  /* DATE */
    struct pattern pattern; /* DATE_TEXT */
    struct node *first, *next;
    uint32_t scoring; /* BOOLEAN: clauses that are not forbidden */
};

struct plan {
    const struct collection *collection;
    const struct lexicon *lexicon;
    struct arena *arena;
    struct deadline *deadline;
    int64_t now_ms;
    /* What there was when the search began; the writer may add more, and may amend a report, which
     * then has values that are not below `values`: see collection_other_before. */
    uint32_t reports, stacks, values, terms, tokens, fields;

    struct node *root;
    struct slot *slots;
    uint32_t slot_count, slot_cap;
    uint32_t pattern_count;
    bool in_stack, in_other; /* values that may be marked are there */
    bool in_id;              /* a slot looks at the database_id */
    bool in_payload;         /* a slot looks at payloads */

    struct marks marks; /* by value */
    struct marks ids;   /* by report: what its database_id means */
    uint32_t longest_phrase;
    /* Lengths of fields in a report, in tokens; 0 is that of all text. Only when it is to score. */
    bool scored;
    uint32_t length_count;
    const uint32_t *length_of; /* for each value: tokens << LENGTH_BITS | which length, 0: none */
};
#define LENGTH_BITS 11 /* more than LUCENE_CLAUSES_MAX lengths */

/* ERR_INPUT for a date that is none, ERR_LIMIT, ERR_NOMEM. scored: words are counted and lengths
 * are known. The plan keeps the deadline. */
MUST_CHECK bool plan_make(struct plan *p, const struct collection *c, const struct lucene_query *q,
                          bool scored, struct deadline *d, struct arena *a, struct err *e);

/* A field's name as the index has it: keys have underscores where they had colons. */
MUST_CHECK bool plan_field_name(struct str name, struct arena *a, struct str *out);

/* plan_marks.c: fills p->marks and p->length_of. */
MUST_CHECK bool plan_mark_values(struct plan *p, struct err *e);
/* plan_ids.c: fills p->ids. */
MUST_CHECK bool plan_mark_ids(struct plan *p, struct err *e);

static inline struct str plan_id(const struct plan *p, uint32_t report)
{
    return collection_name(p->collection, collection_report(p->collection, report).name);
}

#endif
