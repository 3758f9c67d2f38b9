/* add_value.h - a value into a lexicon, for tests, which have no hash of it at hand. */
#ifndef CRUMPLE_TESTS_GROUP_ADD_VALUE_H
#define CRUMPLE_TESTS_GROUP_ADD_VALUE_H

#include "group/lexicon.h"

static inline uint32_t add_value(struct lexicon *lx, uint32_t field, struct str text, struct err *e)
{
    return lexicon_add_hashed(lx, field, text, lexicon_value_hash(field, text), e);
}

#endif
