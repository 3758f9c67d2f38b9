/* marks.c - see marks.h. Arrays grow by doubling inside the arena, so what was outgrown stays there
 * until the search is over: at most as much again. */
#include "query/marks.h"

bool marks_init(struct marks *m, size_t numbers, struct arena *a)
{
    size_t words = numbers / 64 + 1;
    *m = (struct marks){ .numbers = numbers };
    m->bits = arena_zalloc(a, words * sizeof *m->bits);
    m->rank = arena_array(a, words, sizeof *m->rank);
    return m->bits && m->rank;
}

/* Room for one element more in an array of `count`; false: no memory. */
static bool grow(void **at, size_t count, size_t *cap, size_t size, struct arena *a)
{
    if (count < *cap)
        return true;
    size_t more = *cap ? 2 * *cap : 64;
    void *p = arena_array(a, more, size);
    if (!p)
        return false;
    if (count)
        memcpy(p, *at, count * size);
    *at = p;
    *cap = more;
    return true;
}

bool marks_add(struct marks *m, uint32_t number, struct mark mark, struct arena *a)
{
    if (m->count == UINT32_MAX || !grow((void **)&m->at, m->count, &m->cap, sizeof *m->at, a))
        return false;
    if (!marks_has(m, number)) {
        if (!grow((void **)&m->first, m->marked, &m->first_cap, sizeof *m->first, a))
            return false;
        m->bits[number >> 6] |= UINT64_C(1) << (number & 63);
        m->first[m->marked++] = (uint32_t)m->count;
    }
    m->at[m->count++] = mark;
    return true;
}

bool marks_close(struct marks *m, struct arena *a)
{
    uint32_t before = 0;
    if (!grow((void **)&m->first, m->marked, &m->first_cap, sizeof *m->first, a))
        return false;
    m->first[m->marked] = (uint32_t)m->count;
    for (size_t i = 0; i <= m->numbers / 64; i++) {
        m->rank[i] = before;
        before += (uint32_t)__builtin_popcountll(m->bits[i]);
    }
    return true;
}
