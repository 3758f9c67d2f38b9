/* columns_dictionary.c - texts in few bytes, found by a keyed hash (base/idmap.h says why keyed).
 *
 * The hash is of the bytes as they are kept, so that an index can be made anew from them; it is not
 * kept beside them. */
#include "columns/columns_dictionary.h"

#include "base/idmap.h"
#include "base/utf8.h"

#include <assert.h>

#define PAGE_TEXTS 4096u
#define PAGE_FIRST_TEXTS 16u
#define CHUNK_SHIFT 20
#define CHUNK_BYTES ((size_t)1 << CHUNK_SHIFT)
#define CHUNK_FIRST_BYTES ((size_t)128)
#define INDEX_FIRST_BITS 4u
#define INDEX_LAST_BITS 31u
#define HEX_LEAST 16u
#define HEX_MOST COLUMN_TEXT_ROOM
#define UUID_DIGITS 36u

struct text_page {
    uint64_t base;
    uint32_t at[];
};

struct text_index {
    unsigned bits; /* 2^bits slots */
    _Atomic uint32_t slots[];
};

static const char hex_lower[16] = { '0', '1', '2', '3', '4', '5', '6', '7',
                                    '8', '9', 'a', 'b', 'c', 'd', 'e', 'f' };
static const char hex_upper[16] = { '0', '1', '2', '3', '4', '5', '6', '7',
                                    '8', '9', 'A', 'B', 'C', 'D', 'E', 'F' };

#define DIGIT_VALUES                                                                               \
    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21, ['6'] = 22,            \
    ['7'] = 23, ['8'] = 24, ['9'] = 25
/* What a digit stands for, and 16; 0: it is none of this case. */
static const unsigned char value_lower[256] = {
    DIGIT_VALUES, ['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31
};
static const unsigned char value_upper[256] = {
    DIGIT_VALUES, ['A'] = 26, ['B'] = 27, ['C'] = 28, ['D'] = 29, ['E'] = 30, ['F'] = 31
};

static bool is_uuid_dash(size_t place)
{
    return place == 8 || place == 13 || place == 18 || place == 23;
}

/* Digits in pairs into bytes. */
static bool digits_keep(const char *digits, size_t bytes, const unsigned char values[256],
                        unsigned char *out)
{
    unsigned all = 16;
    for (size_t i = 0; i < bytes; i++) {
        unsigned high = values[(unsigned char)digits[2 * i]];
        unsigned low = values[(unsigned char)digits[2 * i + 1]];
        all &= high & low;
        out[i] = (unsigned char)(high << 4 | (low & 15));
    }
    return all != 0;
}

static bool uuid_keep(const char *uuid, unsigned char out[16])
{
    return uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-' &&
           digits_keep(uuid, 4, value_lower, out) &&
           digits_keep(uuid + 9, 2, value_lower, out + 4) &&
           digits_keep(uuid + 14, 2, value_lower, out + 6) &&
           digits_keep(uuid + 19, 2, value_lower, out + 8) &&
           digits_keep(uuid + 24, 6, value_lower, out + 10);
}

static enum text_kind kind_keep(struct str text, unsigned char *out)
{
    if (text.len == UUID_DIGITS && uuid_keep(text.ptr, out))
        return TEXT_UUID;
    if (text.len < HEX_LEAST || text.len > HEX_MOST || text.len % 2 != 0)
        return TEXT_PLAIN;
    /* Most texts are seen to be no digits by their first character. */
    unsigned char first = (unsigned char)text.ptr[0];
    if (value_lower[first] && digits_keep(text.ptr, text.len / 2, value_lower, out))
        return TEXT_HEX;
    if (value_upper[first] && digits_keep(text.ptr, text.len / 2, value_upper, out))
        return TEXT_HEX_UPPER;
    return TEXT_PLAIN;
}

static void digits_spell(struct str kept, const char digits[16], bool dashes, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < kept.len; i++) {
        unsigned char c = (unsigned char)kept.ptr[i];
        if (dashes && is_uuid_dash(len))
            out[len++] = '-';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
}

static uint64_t kept_hash(const struct kept_text *t)
{
    return idmap_hash(t->bytes, t->kind);
}

static void text_keep(struct str text, bool plain, struct kept_text *out)
{
    out->kind = plain ? TEXT_PLAIN : kind_keep(text, out->room);
    out->len = text.len;
    out->bytes = text;
    if (out->kind != TEXT_PLAIN)
        out->bytes =
            (struct str){ (const char *)out->room, out->kind == TEXT_UUID ? 16 : text.len / 2 };
    out->hash = kept_hash(out);
}

static size_t head_write(const struct kept_text *t, unsigned char head[3])
{
    size_t n = 0, left = t->len << 2 | t->kind;
    for (; left >= 128; left >>= 7)
        head[n++] = (unsigned char)(left | 128);
    head[n++] = (unsigned char)left;
    return n;
}

/* The head is length * 4 + kind in seven bits a byte, the lowest first; the length is that of the
 * text. */
static void head_read(const unsigned char *at, struct kept_text *t)
{
    size_t head = 0, n = 0;
    do {
        head |= (size_t)(at[n] & 127) << 7 * n;
    } while (at[n++] >= 128);
    t->kind = (enum text_kind)(head & 3);
    t->len = head >> 2;
    t->bytes.ptr = (const char *)at + n;
    t->bytes.len = t->kind == TEXT_PLAIN ? t->len : t->kind == TEXT_UUID ? 16 : t->len / 2;
}

static void text_at(const struct dictionary_view *d, uint32_t code, struct kept_text *out)
{
    const struct text_page *page = d->pages[code / PAGE_TEXTS];
    uint64_t place = page->base + page->at[code % PAGE_TEXTS];
    head_read(d->chunks[place >> CHUNK_SHIFT] + (place & (CHUNK_BYTES - 1)), out);
}

void dictionary_kept(const struct dictionary_view *d, uint32_t code, struct kept_text *out)
{
    text_at(d, code, out);
    out->hash = kept_hash(out);
}

struct str dictionary_record(const struct dictionary_view *d, uint32_t code)
{
    struct kept_text t;
    unsigned char head[3];
    text_at(d, code, &t);
    size_t head_bytes = head_write(&t, head);
    return (struct str){ t.bytes.ptr - head_bytes, head_bytes + t.bytes.len };
}

/* Whether a text of that kind can have that length. */
static bool length_fits(enum text_kind kind, size_t len)
{
    if (kind == TEXT_PLAIN)
        return len <= COLUMNS_TEXT_MAX;
    if (kind == TEXT_UUID)
        return len == UUID_DIGITS;
    return len >= HEX_LEAST && len <= HEX_MOST && len % 2 == 0;
}

bool dictionary_record_take(struct bytes *rest, struct kept_text *out)
{
    unsigned char head[3] = { 0 }, again[3];
    size_t given = rest->len < sizeof head ? rest->len : sizeof head, n = 0;
    if (given == 0)
        return false;
    memcpy(head, rest->ptr, given);
    head[2] &= 127; /* no head is longer */
    head_read(head, out);
    n = head_write(out, again);
    if (n > given || memcmp(again, rest->ptr, n) != 0 || !length_fits(out->kind, out->len))
        return false;
    out->bytes.ptr = (const char *)rest->ptr + n;
    if (out->bytes.len > rest->len - n)
        return false;
    *rest = (struct bytes){ rest->ptr + n + out->bytes.len, rest->len - n - out->bytes.len };
    out->hash = kept_hash(out);
    return true;
}

struct str dictionary_text(const struct dictionary_view *d, uint32_t code, struct text_room *room,
                           bool *spelt)
{
    struct kept_text t;
    text_at(d, code, &t);
    *spelt = t.kind != TEXT_PLAIN;
    if (!*spelt)
        return t.bytes;
    digits_spell(t.bytes, t.kind == TEXT_HEX_UPPER ? hex_upper : hex_lower, t.kind == TEXT_UUID,
                 room->at);
    return (struct str){ room->at, t.len };
}

/* The index. */

static uint32_t slot_mask(const struct text_index *x)
{
    return (UINT32_C(1) << x->bits) - 1;
}

/* A code of a view; a slot may tell of a text that came after the view was made. */
static bool is_same(const struct dictionary_view *d, uint32_t code, const struct kept_text *t)
{
    if (code >= d->texts)
        return false;
    struct kept_text there;
    text_at(d, code, &there);
    return there.kind == t->kind && str_eq(there.bytes, t->bytes);
}

static uint32_t index_find(const struct dictionary_view *d, const struct kept_text *t)
{
    const struct text_index *x = d->index;
    if (!x)
        return DICTIONARY_NONE;
    uint32_t mask = slot_mask(x);
    for (uint32_t i = (uint32_t)(t->hash >> 32) & mask;; i = (i + 1) & mask) {
        uint32_t slot = atomic_load_explicit(&x->slots[i], memory_order_relaxed);
        if (slot == 0)
            return DICTIONARY_NONE;
        if (((slot ^ (uint32_t)t->hash) & ~mask) == 0 && is_same(d, (slot & mask) - 1, t))
            return (slot & mask) - 1;
    }
}

/* The code + 1 of the first text whose slot looks like it; 0: none. */
static uint32_t index_guess(const struct text_index *x, const struct kept_text *t)
{
    uint32_t mask = slot_mask(x);
    for (uint32_t i = (uint32_t)(t->hash >> 32) & mask;; i = (i + 1) & mask) {
        uint32_t slot = atomic_load_explicit(&x->slots[i], memory_order_relaxed);
        if (slot == 0 || ((slot ^ (uint32_t)t->hash) & ~mask) == 0)
            return slot & mask;
    }
}

void dictionary_expect(const struct dictionary *d, struct kept_text *t, int step)
{
    if (!d->index)
        return;
    if (step == 0) {
        __builtin_prefetch(&d->index->slots[(uint32_t)(t->hash >> 32) & slot_mask(d->index)]);
        return;
    }
    if (step == 1)
        t->likely = index_guess(d->index, t);
    if (t->likely == 0)
        return;
    const struct text_page *page = d->pages[(t->likely - 1) / PAGE_TEXTS];
    const uint32_t *at = &page->at[(t->likely - 1) % PAGE_TEXTS];
    if (step == 1) {
        __builtin_prefetch(at);
        return;
    }
    uint64_t place = page->base + *at;
    __builtin_prefetch(d->chunks[place >> CHUNK_SHIFT] + (place & (CHUNK_BYTES - 1)));
}

static void index_put(struct text_index *x, uint64_t hash, uint32_t code)
{
    uint32_t mask = slot_mask(x), i = (uint32_t)(hash >> 32) & mask;
    while (atomic_load_explicit(&x->slots[i], memory_order_relaxed) != 0)
        i = (i + 1) & mask;
    atomic_store_explicit(&x->slots[i], ((uint32_t)hash & ~mask) | (code + 1),
                          memory_order_relaxed);
}

/* Room for so many in all. */
bool dictionary_reserve(struct dictionary *d, struct memory_pool *m, uint32_t texts)
{
    struct text_index *old = d->index;
    unsigned bits = old ? old->bits : INDEX_FIRST_BITS;
    while (texts > (UINT32_C(1) << bits) / 4 * 3)
        bits++;
    if (old && bits == old->bits)
        return true;
    assert(bits <= INDEX_LAST_BITS);
    struct text_index *x = memory_new(m, sizeof *x + (sizeof x->slots[0] << bits));
    if (!x)
        return false;
    x->bits = bits;
    struct dictionary_view v = dictionary_show(d);
    for (uint32_t code = 0; code < d->texts; code++) {
        struct kept_text t;
        text_at(&v, code, &t);
        index_put(x, kept_hash(&t), code);
    }
    memory_retire(m, old);
    d->index = x;
    return true;
}

uint32_t dictionary_find(const struct dictionary_view *d, struct str text)
{
    if (text.len > COLUMNS_TEXT_MAX)
        return DICTIONARY_NONE;
    struct kept_text t;
    text_keep(text, false, &t);
    uint32_t code = index_find(d, &t);
    if (code != DICTIONARY_NONE || t.kind == TEXT_PLAIN)
        return code;
    text_keep(text, true, &t); /* as a plain dictionary has it */
    return index_find(d, &t);
}

/* Room. */

/* One more entry in a list of pointers. */
static bool list_enlarge(struct memory_pool *m, void **list, size_t count, size_t *cap)
{
    if (count < *cap)
        return true;
    size_t want = *cap ? 2 * *cap : 2;
    void **larger = memory_new(m, want * sizeof *larger);
    if (!larger)
        return false;
    void **old = *(void ***)list;
    if (count > 0)
        memcpy(larger, old, count * sizeof *larger);
    memory_retire(m, old);
    *(void ***)list = larger;
    *cap = want;
    return true;
}

/* A chunk with room for `bytes` more. */
static bool chunk_reserve(struct dictionary *d, struct memory_pool *m, size_t bytes)
{
    if (d->chunk_count > 0 && bytes <= d->chunk_bytes - d->chunk_used)
        return true;
    if (!list_enlarge(m, (void **)&d->chunks, d->chunk_count, &d->chunk_cap))
        return false;
    size_t want = d->chunk_count ? 2 * d->chunk_bytes : CHUNK_FIRST_BYTES;
    while (want < bytes)
        want *= 2;
    if (want > CHUNK_BYTES)
        want = CHUNK_BYTES;
    unsigned char *chunk = memory_new(m, want);
    if (!chunk)
        return false;
    d->chunks[d->chunk_count++] = chunk;
    d->chunk_bytes = want;
    d->chunk_used = 0;
    return true;
}

/* A page with room for one text more, which will lie at `place`. */
static bool page_reserve(struct dictionary *d, struct memory_pool *m, uint64_t place)
{
    uint32_t in_page = d->texts % PAGE_TEXTS;
    bool fresh = in_page == 0 && d->page_count == d->texts / PAGE_TEXTS;
    if (!fresh && in_page < d->page_texts)
        return true;
    if (fresh && !list_enlarge(m, (void **)&d->pages, d->page_count, &d->page_cap))
        return false;
    uint32_t room = d->texts >= PAGE_TEXTS ? PAGE_TEXTS
                    : fresh                ? PAGE_FIRST_TEXTS
                                           : 2 * d->page_texts;
    struct text_page *page = memory_new(m, sizeof *page + room * sizeof page->at[0]);
    if (!page)
        return false;
    page->base = place;
    if (fresh) {
        d->pages[d->page_count++] = page;
    } else { /* the list changes where readers look: the writer's copy takes its place */
        struct text_page *old = d->pages[0];
        struct text_page **list = memory_new(m, d->page_cap * sizeof *list);
        if (!list) {
            memory_free(m, page);
            return false;
        }
        page->base = old->base;
        memcpy(page->at, old->at, in_page * sizeof page->at[0]);
        list[0] = page;
        memory_retire(m, old);
        memory_retire(m, d->pages);
        d->pages = list;
    }
    d->page_texts = room;
    return true;
}

static bool text_add(struct dictionary *d, struct memory_pool *m, const struct kept_text *t)
{
    unsigned char head[3];
    size_t head_bytes = head_write(t, head), bytes = head_bytes + t->bytes.len;
    if (!dictionary_reserve(d, m, d->texts + 1) || !chunk_reserve(d, m, bytes))
        return false;
    uint64_t place = (uint64_t)(d->chunk_count - 1) << CHUNK_SHIFT | d->chunk_used;
    if (!page_reserve(d, m, place))
        return false;
    unsigned char *at = d->chunks[d->chunk_count - 1] + d->chunk_used;
    memcpy(at, head, head_bytes);
    if (t->bytes.len > 0)
        memcpy(at + head_bytes, t->bytes.ptr, t->bytes.len);
    d->chunk_used += bytes;
    struct text_page *page = d->pages[d->texts / PAGE_TEXTS];
    if (d->texts % PAGE_TEXTS == 0)
        page->base = place; /* its first text did not fit into memory, perhaps, at an earlier try */
    page->at[d->texts % PAGE_TEXTS] = (uint32_t)(place - page->base);
    index_put(d->index, t->hash, d->texts);
    d->texts++;
    return true;
}

static struct str text_cut(struct str text)
{
    if (text.len <= COLUMNS_TEXT_MAX)
        return text;
    text.len = COLUMNS_TEXT_MAX;
    size_t whole = utf8_valid_prefix(text);
    if (whole + 4 > text.len) /* the cut is within its last character */
        text.len = whole;
    return text;
}

void dictionary_keep(const struct dictionary *d, struct str text, struct kept_text *out)
{
    text_keep(text_cut(text), d->plain, out);
}

bool dictionary_is(const struct dictionary *d, uint32_t code, struct str text)
{
    struct dictionary_view v = dictionary_show(d);
    struct kept_text there;
    if (code >= d->texts)
        return false;
    text_at(&v, code, &there);
    return there.kind == TEXT_PLAIN && str_eq(there.bytes, text);
}

uint32_t dictionary_look(const struct dictionary *d, const struct kept_text *t)
{
    struct dictionary_view v = dictionary_show(d);
    return index_find(&v, t);
}

bool dictionary_add(struct dictionary *d, struct memory_pool *m, const struct kept_text *t,
                    uint32_t *code, struct err *e)
{
    if (d->texts >= DICTIONARY_TEXTS_MAX)
        return err_set(e, ERR_LIMIT, 0, "a column has too many different texts");
    if (!text_add(d, m, t))
        return err_set(e, ERR_NOMEM, 0, "texts of a column");
    *code = d->texts - 1;
    return true;
}

void dictionary_retire(struct dictionary *d, struct memory_pool *m)
{
    for (size_t i = 0; i < d->page_count; i++)
        memory_retire(m, d->pages[i]);
    for (size_t i = 0; i < d->chunk_count; i++)
        memory_retire(m, d->chunks[i]);
    memory_retire(m, d->pages);
    memory_retire(m, d->chunks);
    memory_retire(m, d->index);
    *d = (struct dictionary){ .plain = d->plain };
}

struct dictionary_view dictionary_show(const struct dictionary *d)
{
    return (struct dictionary_view){
        .pages = (const struct text_page *const *)d->pages,
        .chunks = (const unsigned char *const *)d->chunks,
        .index = d->index,
        .texts = d->texts,
    };
}
