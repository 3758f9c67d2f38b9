/* run_order.c - the first ones of an order by a heap, or all of them by merging. */
#include "columns/run_order.h"

uint64_t order_word_of_text(struct str text, bool descends)
{
    uint64_t word = 0;
    size_t n = text.len < 8 ? text.len : 8;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)(unsigned char)text.ptr[i] << (56 - 8 * i);
    return descends ? ~word : word;
}

/* Numbers of all kinds by the double next to them: which may be the same for two. */
uint64_t order_word(const struct cell *c, bool descends)
{
    double d = 0;
    switch (c->type) {
    case CELL_UNSET:
        return UINT64_MAX;
    case CELL_STRING:
        return order_word_of_text(c->s, descends);
    case CELL_BOOL:
        return order_word_of_bits(COLUMN_UINT, c->b, descends);
    case CELL_UINT:
        d = (double)c->u;
        break;
    case CELL_INT:
        d = (double)c->i;
        break;
    case CELL_DOUBLE:
        d = c->d;
        break;
    }
    return order_word_of_bits(COLUMN_DOUBLE, value_bits(d), descends);
}

struct order {
    struct source_list *list;
    const struct order_key *keys;
    size_t key_count;
};

static int compare_texts(const struct order_key *k, uint32_t a, uint32_t b)
{
    struct text_room rooms[2];
    if (k->codes[a] == k->codes[b])
        return 0;
    return str_cmp(column_text(k->texts->texts, k->codes[a] - 1, &rooms[0]),
                   column_text(k->texts->texts, k->codes[b] - 1, &rooms[1]));
}

/* Negative: a comes before b. */
static int compare(const struct order *o, uint32_t a, uint32_t b)
{
    for (size_t i = 0; i < o->key_count; i++) {
        const struct order_key *k = &o->keys[i];
        int c = 0;
        if (k->words[a] != k->words[b])
            return k->words[a] < k->words[b] ? -1 : 1;
        if (k->set && k->set[a] != k->set[b])
            return k->set[a] ? -1 : 1;
        if (k->set && !k->set[a])
            continue;
        if (k->codes)
            c = compare_texts(k, a, b);
        else if (k->cells)
            c = value_compare(&k->cells[a], &k->cells[b]);
        if (c != 0)
            return k->descends ? -c : c;
    }
    return (a > b) - (a < b);
}

/* --- the first ones -------------------------------------------------------------------------- */

/* A heap with the last of them on top. */
static void sink(const struct order *o, uint32_t *heap, uint32_t count, uint32_t at)
{
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare(o, heap[child + 1], heap[child]) > 0)
            child++;
        if (compare(o, heap[child], heap[at]) <= 0)
            return;
        uint32_t other = heap[at];
        heap[at] = heap[child];
        heap[child] = other;
    }
}

static bool pick_by_heap(const struct order *o, uint32_t *heap, uint32_t wanted, uint32_t things,
                         struct err *e)
{
    const uint64_t *words = o->keys[0].words;
    for (uint32_t i = 0; i < wanted; i++)
        heap[i] = i;
    for (uint32_t i = wanted / 2; i-- > 0;)
        sink(o, heap, wanted, i);
    for (uint32_t i = wanted; i < things; i++) {
        if (i % PACE_STEPS == 0 && !pace_check(&o->list->pace, PACE_STEPS, e))
            return false;
        if (words[i] <= words[heap[0]] && compare(o, i, heap[0]) < 0) {
            heap[0] = i;
            sink(o, heap, wanted, 0);
        }
    }
    for (uint32_t left = wanted; left > 1; left--) {
        uint32_t last = heap[0];
        heap[0] = heap[left - 1];
        heap[left - 1] = last;
        sink(o, heap, left - 1, 0);
    }
    return true;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* Two sorted runs, from[low..middle) and from[middle..end), into one. */
static void merge(const struct order *o, const uint32_t *from, uint32_t *to, uint32_t low,
                  uint32_t middle, uint32_t end)
{
    uint32_t a = low, b = middle;
    for (uint32_t i = low; i < end; i++)
        to[i] =
            b == end || (a < middle && compare(o, from[a], from[b]) < 0) ? from[a++] : from[b++];
}

/* Sorts *things; *other is room for as many. They may change places. */
static bool sort_all(const struct order *o, uint32_t **things, uint32_t **other, uint32_t count,
                     struct err *e)
{
    for (uint64_t width = 1; width < count; width *= 2) {
        for (uint64_t low = 0; low < count; low += 2 * width) {
            uint64_t middle = low + width < count ? low + width : count;
            uint64_t end = low + 2 * width < count ? low + 2 * width : count;
            if (!pace_check(&o->list->pace, (uint32_t)(end - low), e))
                return false;
            merge(o, *things, *other, (uint32_t)low, (uint32_t)middle, (uint32_t)end);
        }
        uint32_t *swap = *things;
        *things = *other;
        *other = swap;
    }
    return true;
}

bool order_pick(struct source_list *l, const struct order_key *keys, size_t key_count,
                uint32_t things, uint64_t offset, uint64_t limit, uint32_t **out, uint32_t *count,
                struct err *e)
{
    struct order o = { l, keys, key_count };
    uint64_t end = limit == 0 || limit > things ? things : offset + limit;
    end = offset > things ? 0 : end > things ? things : end;
    bool by_heap = key_count > 0 && end<things / 4, sorts = key_count> 0 && !by_heap;
    uint32_t room = key_count == 0 || by_heap ? (uint32_t)end : things;
    uint32_t *at = arena_large(l->arena, (size_t)room + 1, sizeof *at);
    uint32_t *other = sorts ? arena_large(l->arena, (size_t)room + 1, sizeof *other) : NULL;
    if (!at || (sorts && !other))
        return run_no_memory(e);
    *count = end > offset ? (uint32_t)(end - offset) : 0;
    if (*count > 0 && by_heap) {
        if (!pick_by_heap(&o, at, (uint32_t)end, things, e))
            return false;
    } else if (*count > 0) {
        for (uint32_t i = 0; i < room; i++)
            at[i] = i;
        if (sorts && !sort_all(&o, &at, &other, things, e))
            return false;
    }
    *out = *count ? at + offset : at;
    return true;
}
