/* pattern.c - tokens against fuzzy terms and ranges (wildcards are wildcard.c's). These run over
 * every token that the server knows, so each refuses what cannot match before it does any work. */
#include "query/pattern.h"

#include "base/utf8.h"

static size_t letter_len(struct str s, size_t at)
{
    size_t n = utf8_char_len((struct str){ s.ptr + at, s.len - at });
    return n ? n : 1;
}

static uint32_t letter_at(struct str s, size_t at, size_t n)
{
    const unsigned char *p = (const unsigned char *)s.ptr + at;
    switch (n) {
    case 2:
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    case 3:
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    case 4:
        return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
    default:
        return p[0];
    }
}

/* Decodes at most `room` letters; how many there are, or room + 1 when there are more. */
static size_t letters_of(struct str s, uint32_t *out, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; count++) {
        size_t n = letter_len(s, i);
        if (count == room)
            return room + 1;
        out[count] = letter_at(s, i, n);
        i += n;
    }
    return count;
}

/* Lucene's FuzzyQuery.floatToEdits: below 1 it is a similarity, of which single precision counts.
 */
static size_t edits_of(double fuzziness, size_t letters)
{
    if (fuzziness >= 1)
        return (size_t)fuzziness;
    if (fuzziness <= 0)
        return 0;
    double edits = (1.0 - fuzziness) * (double)letters;
    return edits < LUCENE_EDITS_MAX ? (size_t)edits : LUCENE_EDITS_MAX;
}

bool pattern_init(struct pattern *p, const struct lucene_query *q, struct arena *a, struct err *e)
{
    *p = (struct pattern){ .type = PATTERN_WORD, .text = q->text };
    if (q->type == LUCENE_WILDCARD) {
        p->type = PATTERN_WILDCARD;
        return wildcard_init(&p->wildcard, q->text, a, e);
    }
    if (q->type == LUCENE_RANGE) {
        p->type = PATTERN_RANGE;
        p->low = q->low;
        p->high = q->high;
        p->include_low = q->include_low;
        p->include_high = q->include_high;
    }
    if (q->type == LUCENE_FUZZY) {
        uint32_t *letters = arena_array(a, q->text.len + 1, sizeof *letters);
        if (!letters)
            return err_set(e, ERR_NOMEM, 0, "no memory for the query");
        p->type = PATTERN_FUZZY;
        p->letters = letters;
        p->letter_count = letters_of(q->text, letters, q->text.len);
        p->edits = edits_of(q->fuzziness, p->letter_count);
    }
    return true;
}

static bool range_match(const struct pattern *p, struct str token)
{
    if (p->low.len > 0 && str_cmp(token, p->low) < (p->include_low ? 0 : 1))
        return false;
    return p->high.len == 0 || str_cmp(token, p->high) < (p->include_high ? 1 : 0);
}

/* Edit distance with swaps of neighbours (Lucene's transpositions), as far as it is at most `most`;
 * most + 1 when it is more. Only a band of 2 * most + 1 cells a row can count. a has m letters, b
 * has n, |m - n| <= most. */
static size_t edit_distance(const uint32_t *a, size_t m, const uint32_t *b, size_t n, size_t most)
{
    enum { BAND = 2 * LUCENE_EDITS_MAX + 1 };
    const size_t over = most + 1;
    /* Cell k of row i is column i + k - most. Rows i - 2, i - 1 and i. */
    size_t before[BAND], above[BAND], row[BAND];
    for (size_t k = 0; k <= 2 * most; k++) {
        before[k] = over;
        above[k] = k >= most ? k - most : over;
    }
    for (size_t i = 1; i <= m; i++) {
        size_t least = over;
        for (size_t k = 0; k <= 2 * most; k++) {
            size_t best = over;
            if (i + k >= most && i + k - most <= n) {
                size_t j = i + k - most;
                size_t deleted = k < 2 * most ? above[k + 1] + 1 : over;
                size_t added = k > 0 && j > 0 ? row[k - 1] + 1 : over;
                size_t changed = j > 0 ? above[k] + (a[i - 1] != b[j - 1]) : over;
                best = deleted < added ? deleted : added;
                best = changed < best ? changed : best;
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                    before[k] + 1 < best)
                    best = before[k] + 1;
            }
            row[k] = best < over ? best : over;
            least = row[k] < least ? row[k] : least;
        }
        if (least == over)
            return over;
        memcpy(before, above, sizeof before);
        memcpy(above, row, sizeof above);
    }
    return above[n + most - m];
}

/* Lucene's FuzzyTermsEnum: more edits than half the letters of a short word are no likeness. */
static float fuzzy_match(const struct pattern *p, struct str token)
{
    uint32_t letters[256];
    size_t room = p->letter_count + p->edits;
    if (token.len > 4 * room || token.len + p->edits < p->letter_count)
        return 0;
    /* A longer word than this is no word: it must be the same. */
    if (room > sizeof letters / sizeof *letters)
        return str_eq(token, p->text);
    size_t n = letters_of(token, letters, room);
    if (n > room || n + p->edits < p->letter_count)
        return 0;
    size_t edits = edit_distance(p->letters, p->letter_count, letters, n, p->edits);
    if (edits > p->edits)
        return 0;
    size_t shorter = n < p->letter_count ? n : p->letter_count;
    if (edits == 0)
        return 1;
    return edits < shorter ? 1.0f - (float)edits / (float)shorter : 0;
}

float pattern_match(const struct pattern *p, struct str token)
{
    switch (p->type) {
    case PATTERN_WORD:
        return str_eq(p->text, token);
    case PATTERN_WILDCARD:
        return wildcard_match(&p->wildcard, token);
    case PATTERN_FUZZY:
        return fuzzy_match(p, token);
    case PATTERN_RANGE:
        return range_match(p, token);
    }
    return 0;
}
