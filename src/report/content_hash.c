/* content_hash.c - tells whether two uploads are the same report.
 *
 * The hash is BLAKE2b over a canonical form in which nothing can be taken for something else:
 *
 *     object   'O', for each member in the order of its key's bytes: key, value; then 'E'
 *     list     'L', its values, 'E'
 *     null     'N'
 *     scalar   'S', length in 8 bytes (low byte first), bytes;  a key is the same
 *
 * Left out are `project` and `date` (a report may be sent again to another URL, and the date may be
 * ours) and what we generate. The form goes through a small buffer, since a report is many short
 * strings and a call of the hash for each would cost more than the hashing. */
#include "report/internal.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define SORT_BY_INSERTION 24 /* members; more are sorted by qsort */

struct hasher {
    crypto_generichash_state state;
    struct arena *arena;
    size_t len;
    unsigned char pending[2048];
};

/* libsodium picks its fast implementation here; without this call it would hash all the same. */
static void init_sodium(void)
{
    (void)!sodium_init();
}

static void flush(struct hasher *h)
{
    crypto_generichash_update(&h->state, h->pending, h->len);
    h->len = 0;
}

static void add_byte(struct hasher *h, char c)
{
    if (h->len == sizeof h->pending)
        flush(h);
    h->pending[h->len++] = (unsigned char)c;
}

static void add_str(struct hasher *h, struct str s)
{
    unsigned char head[9] = { 'S' };
    for (unsigned i = 0; i < 8; i++)
        head[i + 1] = (unsigned char)((uint64_t)s.len >> (8 * i));
    if (s.len + sizeof head > sizeof h->pending - h->len)
        flush(h);
    memcpy(h->pending + h->len, head, sizeof head);
    h->len += sizeof head;
    if (s.len > sizeof h->pending - h->len) {
        flush(h);
        crypto_generichash_update(&h->state, (const unsigned char *)s.ptr, s.len);
        return;
    }
    if (s.len)
        memcpy(h->pending + h->len, s.ptr, s.len);
    h->len += s.len;
}

static int by_key(const void *a, const void *b)
{
    const struct json *const *x = a, *const *y = b;
    return str_cmp((*x)->key, (*y)->key);
}

static void sort_members(const struct json **at, size_t n)
{
    if (n > SORT_BY_INSERTION) {
        qsort(at, n, sizeof *at, by_key);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        const struct json *j = at[i];
        size_t k = i;
        for (; k > 0 && str_cmp(at[k - 1]->key, j->key) > 0; k--)
            at[k] = at[k - 1];
        at[k] = j;
    }
}

static bool add_value(struct hasher *h, const struct json *j, enum report_place place);

static bool add_member(struct hasher *h, const struct json *j, enum report_place place)
{
    enum report_key what = place == REPORT_PLACE_TOP ? report_key(j->key) : REPORT_KEY_OTHER;
    if (what == REPORT_KEY_PROJECT || what == REPORT_KEY_DATE || what == REPORT_KEY_GENERATED ||
        report_is_logdf(place, j->key))
        return true;
    add_str(h, j->key);
    return add_value(h, j, report_place_of(place, what));
}

static bool add_object(struct hasher *h, const struct json *j, enum report_place place)
{
    const struct json **members = arena_array(h->arena, j->count ? j->count : 1, sizeof *members);
    if (!members)
        return false;
    size_t n = 0;
    for (const struct json *m = j->first; m; m = m->next)
        members[n++] = m;
    sort_members(members, n);
    add_byte(h, 'O');
    for (size_t i = 0; i < n; i++)
        if (!add_member(h, members[i], place))
            return false;
    add_byte(h, 'E');
    return true;
}

static bool add_list(struct hasher *h, const struct json *j, enum report_place place)
{
    add_byte(h, 'L');
    for (const struct json *item = j->first; item; item = item->next)
        if (!add_value(h, item, report_place_of(place, REPORT_KEY_OTHER)))
            return false;
    add_byte(h, 'E');
    return true;
}

static bool add_value(struct hasher *h, const struct json *j, enum report_place place)
{
    if (j->type == JSON_OBJECT)
        return add_object(h, j, place);
    if (j->type == JSON_LIST)
        return add_list(h, j, place);
    if (j->type == JSON_NULL)
        add_byte(h, 'N');
    else
        add_str(h, report_scalar(j));
    return true;
}

bool report_hash_content(uint8_t out[REPORT_CONTENT_HASH_BYTES], const struct json *json,
                         struct arena *a, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_sodium);
    struct hasher h;
    h.arena = a;
    h.len = 0;
    crypto_generichash_init(&h.state, NULL, 0, REPORT_CONTENT_HASH_BYTES);
    if (!add_value(&h, json, REPORT_PLACE_TOP))
        return err_set(e, ERR_NOMEM, 0, "no memory to compare a report");
    flush(&h);
    crypto_generichash_final(&h.state, out, REPORT_CONTENT_HASH_BYTES);
    return true;
}
