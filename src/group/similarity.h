/* similarity.h - Lucene-classic scoring: every constant and formula of it, in one place.
 *
 *     score = coord * query_norm * sum over matching terms of  sqrt(tf) * idf^2 * norm
 *
 *     idf        = 1 + ln(N / (df + 1))      N: all earlier reports, df: those that hold the term
 *     query_norm = 1 / sqrt(sum of idf^2 over the query's terms)
 *     coord      = matching terms / query's terms
 *     norm       = 1 / sqrt(tokens of the field in the report), rounded to one byte
 *
 * The query's terms are the best by tf * idf, so many a field. The sum is made in double precision
 * in the order of field name and token; the score is then rounded to single precision, and scores
 * are compared as such.
 * Source: Lucene 4.10 DefaultSimilarity, SmallFloat and MoreLikeThis; DESIGN "Grouping".
 * Threads: pure. */
#ifndef CRUMPLE_GROUP_SIMILARITY_H
#define CRUMPLE_GROUP_SIMILARITY_H

#include <math.h>
#include <stdint.h>

#define SIMILARITY_QUERY_TERMS 20 /* of each field, by default (max_query_terms) */
#define SIMILARITY_MIN_MATCH 30   /* per cent of the query's terms that a match must hold */
#define SIMILARITY_THRESHOLDS 11  /* 1.0, 2.0 ... by default */
#define SIMILARITY_DEFAULT_THRESHOLD 4.0

static inline double similarity_idf(uint32_t reports, uint32_t df)
{
    return 1.0 + log((double)reports / ((double)df + 1.0));
}

/* The weight by which a report's terms are chosen for the query; in single precision. */
static inline float similarity_choice(uint32_t tf, double idf)
{
    return (float)tf * (float)idf;
}

/* 1 / sqrt(tokens) as SmallFloat.floatToByte315: 3 bits of mantissa, zero exponent 15. */
uint8_t similarity_norm_byte(uint32_t tokens);
/* Back to what the byte stands for (byte315ToFloat). */
float similarity_norm(uint8_t byte);

/* How many of the query's terms a match must hold at least. */
static inline uint32_t similarity_min_match(uint32_t query_terms)
{
    uint32_t least = (uint32_t)((uint64_t)query_terms * SIMILARITY_MIN_MATCH / 100);
    return least ? least : 1;
}

static inline double similarity_part(uint32_t tf, double idf, uint8_t norm)
{
    return sqrt((double)tf) * (idf * idf) * (double)similarity_norm(norm);
}

static inline float similarity_score(double sum, double query_norm, uint32_t matching,
                                     uint32_t query_terms)
{
    return (float)((double)matching / (double)query_terms * query_norm * sum);
}

#endif
