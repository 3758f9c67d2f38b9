/* tokens.h - cuts text into the words that reports are compared by.
 *
 * A token is a longest run of letters or of digits within which the case does not turn: words part
 * where a lower-case letter meets an upper-case one (camel|Case), and before the last of several
 * upper-case letters when a lower-case one follows (HTML|Parser). Nothing is lower-cased. Letters
 * are Unicode's (general category L), upper case is Lu, digits are 0-9; all else parts tokens.
 * This is the CamelCase pattern that PartyCrasher gives to Elasticsearch.
 * Threads: pure. */
#ifndef CRUMPLE_GROUP_TOKENS_H
#define CRUMPLE_GROUP_TOKENS_H

#include "base/str.h"

struct tokens {
    struct str rest;
};

static inline struct tokens tokens_of(struct str text)
{
    return (struct tokens){ text };
}

/* The next token, a view into the text; false at the end. Bytes that are no UTF-8 part tokens. */
bool tokens_next(struct tokens *t, struct str *token);

#endif
