/* phrase.c - see phrase.h. The seat with the smallest shift always moves to its word's next place;
 * what is hard: equal words need places of their own. Of equal words the first in the phrase takes
 * the first place (any other way is no closer), so a move may push the later ones along. */
#include "query/phrase.h"

struct seating {
    struct phrase_seat *seats;
    size_t n;
    const struct phrase_place *places;
    size_t place_count;
    struct deadline *deadline;
};

/* Moves seat i to the first place of its word from `from` on. As steps count the places passed by,
 * and the seats, which the callers go through for each move. */
static bool take_place(struct seating *s, size_t i, size_t from)
{
    struct phrase_seat *seat = &s->seats[i];
    size_t at = from;
    while (at < s->place_count && s->places[at].word != seat->word)
        at++;
    if (deadline_passed(s->deadline, at - from + s->n) || at == s->place_count)
        return false;
    seat->at = at;
    seat->shift = (int64_t)s->places[at].position - (int64_t)i;
    return true;
}

/* Moves seat i on, and those behind it of the same word when it takes their place. */
static bool move_on(struct seating *s, size_t i)
{
    size_t last = i;
    if (!take_place(s, i, s->seats[i].at + 1))
        return false;
    for (size_t j = i + 1; j < s->n; j++) {
        if (s->seats[j].word != s->seats[i].word)
            continue;
        if (s->seats[j].at > s->seats[last].at)
            break;
        if (!take_place(s, j, s->seats[last].at + 1))
            return false;
        last = j;
    }
    return true;
}

static bool take_first_places(struct seating *s)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t from = 0;
        for (size_t j = 0; j < i; j++)
            if (s->seats[j].word == s->seats[i].word)
                from = s->seats[j].at + 1;
        if (!take_place(s, i, from))
            return false;
    }
    return true;
}

static int64_t largest_shift(const struct seating *s)
{
    int64_t largest = s->seats[0].shift;
    for (size_t i = 1; i < s->n; i++)
        if (s->seats[i].shift > largest)
            largest = s->seats[i].shift;
    return largest;
}

/* The seat with the smallest shift; *next is the smallest among the others. */
static size_t find_lowest(const struct seating *s, int64_t *next)
{
    size_t lowest = 0;
    for (size_t i = 1; i < s->n; i++)
        if (s->seats[i].shift < s->seats[lowest].shift)
            lowest = i;
    *next = INT64_MAX;
    for (size_t i = 0; i < s->n; i++)
        if (i != lowest && s->seats[i].shift < *next)
            *next = s->seats[i].shift;
    return lowest;
}

float phrase_frequency(struct phrase_seat *seats, size_t n, const struct phrase_place *places,
                       size_t place_count, uint32_t slop, struct deadline *d)
{
    struct seating s = { seats, n, places, place_count, d };
    float frequency = 0;
    bool more = n > 0 && take_first_places(&s);
    while (more) {
        int64_t next;
        size_t lowest = find_lowest(&s, &next);
        int64_t closest = largest_shift(&s) - seats[lowest].shift;
        while ((more = move_on(&s, lowest)) && seats[lowest].shift <= next) {
            int64_t distance = largest_shift(&s) - seats[lowest].shift;
            closest = distance < closest ? distance : closest;
        }
        if (closest <= (int64_t)slop)
            frequency += 1.0f / (1.0f + (float)closest);
    }
    return frequency;
}
