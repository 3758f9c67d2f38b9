/* lexicon.c - records in append-only lists, found through hash maps.
 *
 * A value's terms and its text lie in one block, terms first, so that a value costs one pointer; a
 * token's text is the place in the first value that held it. What is hard: readers find things
 * while the writer adds them, so a record is whole, and the records that it names are, before the
 * map learns of it; and nothing is ever taken back, since a reader may have found it. */
#include "group/lexicon.h"

#include "base/idmap.h"
#include "base/seglist.h"
#include "base/vec.h"
#include "group/pool.h"
#include "group/tokens.h"

#include <stdlib.h>

struct token {
    const char *ptr;
    uint32_t len;
};

/* What readers know of a list: the count is stored when the records below it are whole. */
struct table {
    struct seglist records;
    struct idmap map;
    _Atomic uint32_t count;
};

struct lexicon {
    struct table fields, tokens, terms, values;
    struct pool pool;      /* texts and lists of terms */
    uint64_t term_key;     /* random: a term's hash is made from two numbers, not from text */
    VEC(struct str) words; /* the tokens of the value that is being added */
    /* Beginnings of names that are not grouped: "buckets.". Set by lexicon_new, then never changed.
     */
    VEC(struct str) ignored_below;
};

struct sought {
    const struct lexicon *lx;
    struct str text;
    uint32_t field, token;
};

static uint32_t no_memory(struct err *e)
{
    err_set(e, ERR_NOMEM, 0, "no memory for the words of a report");
    return LEXICON_NONE;
}

static bool table_init(struct table *t, size_t record_bytes)
{
    seglist_init(&t->records, record_bytes);
    atomic_init(&t->count, 0);
    return idmap_init(&t->map);
}

static void table_done(struct table *t)
{
    seglist_done(&t->records);
    idmap_done(&t->map);
}

static uint32_t table_count(const struct table *t)
{
    return atomic_load_explicit(&t->count, memory_order_acquire);
}

/* Room for one record more, zeroed; NULL: no memory. It is not there before table_keep. */
static void *table_next(struct table *t)
{
    size_t n = t->records.len;
    if (!seglist_grow(&t->records, 1))
        return NULL;
    return seglist_at(&t->records, n);
}

/* The record that table_next gave has been filled: from now on it is found. Its number. */
static uint32_t table_keep(struct table *t, uint64_t hash, struct err *e)
{
    uint32_t id = (uint32_t)(t->records.len - 1);
    if (!idmap_insert(&t->map, hash, id)) {
        seglist_truncate(&t->records, id);
        return no_memory(e);
    }
    atomic_store_explicit(&t->count, id + 1, memory_order_release);
    return id;
}

/* Fields. */

static bool is_field(const void *ctx, uint32_t id)
{
    const struct sought *s = ctx;
    return str_eq(lexicon_field(s->lx, id)->name, s->text);
}

uint32_t lexicon_find_field(const struct lexicon *lx, struct str name)
{
    struct sought s = { .lx = lx, .text = name };
    return idmap_find(&lx->fields.map, idmap_hash(name, 0), is_field, &s);
}

bool lexicon_is_in_stack(struct str name)
{
    return str_eq(name, STR("stacktrace")) || str_starts(name, STR("stacktrace."));
}

static uint32_t add_field(struct lexicon *lx, struct str name, bool grouped, struct err *e)
{
    uint32_t id = lexicon_find_field(lx, name);
    if (id != LEXICON_NONE)
        return id;
    if (lx->fields.records.len == LEXICON_FIELDS_MAX) {
        err_word(e, ERR_LIMIT, "too_many_fields",
                 "the server knows %d different fields, and takes no more", LEXICON_FIELDS_MAX);
        return LEXICON_NONE;
    }
    char *text = pool_alloc(&lx->pool, name.len, 1);
    struct lexicon_field *f = text ? table_next(&lx->fields) : NULL;
    if (!f)
        return no_memory(e);
    if (name.len)
        memcpy(text, name.ptr, name.len);
    *f = (struct lexicon_field){ .name = { text, name.len },
                                 .in_stack = lexicon_is_in_stack(name),
                                 .grouped = grouped };
    return table_keep(&lx->fields, idmap_hash(name, 0), e);
}

bool lexicon_is_grouped(const struct lexicon *lx, struct str name)
{
    for (size_t i = 0; i < lx->ignored_below.len; i++)
        if (str_starts(name, lx->ignored_below.at[i]))
            return false;
    uint32_t id = lexicon_find_field(lx, name);
    return id == LEXICON_NONE || lexicon_field(lx, id)->grouped;
}

uint32_t lexicon_add_field(struct lexicon *lx, struct str name, struct err *e)
{
    return add_field(lx, name, lexicon_is_grouped(lx, name), e);
}

/* `name` may end in ".*". */
static bool ignore(struct lexicon *lx, struct str name)
{
    struct err e;
    if (name.len < 2 || memcmp(name.ptr + name.len - 2, ".*", 2) != 0)
        return add_field(lx, name, false, &e) != LEXICON_NONE;
    char *text = pool_alloc(&lx->pool, name.len - 1, 1);
    if (!text)
        return false;
    memcpy(text, name.ptr, name.len - 1);
    return VEC_PUSH(&lx->ignored_below, ((struct str){ text, name.len - 1 }));
}

/* The fields that are not grouped are there from the start, so that lexicon_is_grouped need only
 * look them up. */
static bool add_fields_not_grouped(struct lexicon *lx, const struct str *ignored, size_t count)
{
    const struct str always[] = { STR("database_id"),     STR("date"),
                                  STR("buckets"),         STR("buckets.*"),
                                  STR("force_bucket"),    STR("stacktrace.depth"),
                                  STR("stacktrace.logdf") };
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (!ignore(lx, always[i]))
            return false;
    for (size_t i = 0; i < count; i++)
        if (!ignore(lx, ignored[i]))
            return false;
    return true;
}

struct lexicon *lexicon_new(const struct str *ignored, size_t ignored_count)
{
    struct lexicon *lx = calloc(1, sizeof *lx);
    if (!lx)
        return NULL;
    pool_init(&lx->pool);
    lx->term_key = idmap_hash(STR("term"), 0);
    bool ok = table_init(&lx->fields, sizeof(struct lexicon_field));
    ok = table_init(&lx->tokens, sizeof(struct token)) && ok;
    ok = table_init(&lx->terms, sizeof(struct lexicon_term)) && ok;
    ok = table_init(&lx->values, sizeof(struct lexicon_value)) && ok;
    if (!ok || !add_fields_not_grouped(lx, ignored, ignored_count)) {
        lexicon_free(lx);
        return NULL;
    }
    return lx;
}

void lexicon_free(struct lexicon *lx)
{
    if (!lx)
        return;
    table_done(&lx->fields);
    table_done(&lx->tokens);
    table_done(&lx->terms);
    table_done(&lx->values);
    pool_done(&lx->pool);
    VEC_FREE(&lx->words);
    VEC_FREE(&lx->ignored_below);
    free(lx);
}

/* Tokens and terms. */

static bool is_token(const void *ctx, uint32_t id)
{
    const struct sought *s = ctx;
    return str_eq(lexicon_token(s->lx, id), s->text);
}

static uint32_t find_token(const struct lexicon *lx, struct str token, uint64_t hash)
{
    struct sought s = { .lx = lx, .text = token };
    return idmap_find(&lx->tokens.map, hash, is_token, &s);
}

uint32_t lexicon_find_token(const struct lexicon *lx, struct str token)
{
    return find_token(lx, token, idmap_hash(token, 0));
}

/* `token` must be the lexicon's own text. */
static uint32_t add_token(struct lexicon *lx, struct str token, struct err *e)
{
    uint64_t hash = idmap_hash(token, 0);
    uint32_t id = find_token(lx, token, hash);
    if (id != LEXICON_NONE)
        return id;
    struct token *t = table_next(&lx->tokens);
    if (!t)
        return no_memory(e);
    *t = (struct token){ token.ptr, (uint32_t)token.len };
    return table_keep(&lx->tokens, hash, e);
}

/* splitmix64's last steps: every bit of the two numbers and of the key moves every bit. */
static uint64_t term_hash(const struct lexicon *lx, uint32_t field, uint32_t token)
{
    uint64_t x = ((uint64_t)field << 32 | token) ^ lx->term_key;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static bool is_term(const void *ctx, uint32_t id)
{
    const struct sought *s = ctx;
    const struct lexicon_term *t = lexicon_term(s->lx, id);
    return t->field == s->field && t->token == s->token;
}

static uint32_t find_term(const struct lexicon *lx, uint32_t field, uint32_t token, uint64_t hash)
{
    struct sought s = { .lx = lx, .field = field, .token = token };
    return idmap_find(&lx->terms.map, hash, is_term, &s);
}

uint32_t lexicon_find_term(const struct lexicon *lx, uint32_t field, uint32_t token)
{
    return find_term(lx, field, token, term_hash(lx, field, token));
}

static uint32_t add_term(struct lexicon *lx, uint32_t field, uint32_t token, struct err *e)
{
    uint64_t hash = term_hash(lx, field, token);
    uint32_t id = find_term(lx, field, token, hash);
    if (id != LEXICON_NONE)
        return id;
    struct lexicon_term *t = table_next(&lx->terms);
    if (!t)
        return no_memory(e);
    t->field = field;
    t->token = token;
    return table_keep(&lx->terms, hash, e);
}

/* Values. */

static bool is_value(const void *ctx, uint32_t id)
{
    const struct sought *s = ctx;
    const struct lexicon_value *v = lexicon_value(s->lx, id);
    return v->field == s->field && str_eq(lexicon_value_text(v), s->text);
}

uint64_t lexicon_value_hash(uint32_t field, struct str text)
{
    return idmap_hash(text, field);
}

uint32_t lexicon_find_hashed(const struct lexicon *lx, uint32_t field, struct str text,
                             uint64_t hash)
{
    struct sought s = { .lx = lx, .text = text, .field = field };
    return idmap_find(&lx->values.map, hash, is_value, &s);
}

uint32_t lexicon_find_value(const struct lexicon *lx, uint32_t field, struct str text)
{
    return lexicon_find_hashed(lx, field, text, lexicon_value_hash(field, text));
}

static bool cut_into_words(struct lexicon *lx, struct str text)
{
    struct tokens t = tokens_of(text);
    struct str word;
    lx->words.len = 0;
    while (tokens_next(&t, &word))
        if (!VEC_PUSH(&lx->words, word))
            return false;
    return true;
}

/* The block of a value: its terms, then its text. When this fails the block stays unused, since
 * tokens may already be in it. */
static uint32_t *make_block(struct lexicon *lx, uint32_t field, struct str text, struct err *e)
{
    uint32_t *terms = NULL;
    size_t terms_bytes = lx->words.len * sizeof *terms;
    terms = pool_alloc(&lx->pool, terms_bytes + text.len, _Alignof(uint32_t));
    if (!terms) {
        no_memory(e);
        return NULL;
    }
    char *copy = (char *)terms + terms_bytes;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    for (size_t i = 0; i < lx->words.len; i++) {
        struct str word = lx->words.at[i];
        word.ptr = copy + (word.ptr - text.ptr);
        uint32_t token = add_token(lx, word, e);
        if (token == LEXICON_NONE)
            return NULL;
        terms[i] = add_term(lx, field, token, e);
        if (terms[i] == LEXICON_NONE)
            return NULL;
    }
    return terms;
}

uint32_t lexicon_add_hashed(struct lexicon *lx, uint32_t field, struct str text, uint64_t hash,
                            struct err *e)
{
    uint32_t id = lexicon_find_hashed(lx, field, text, hash);
    if (id != LEXICON_NONE)
        return id;
    if (text.len > UINT32_MAX) {
        err_set(e, ERR_LIMIT, 0, "a string of more than 4 GiB");
        return LEXICON_NONE;
    }
    if (!cut_into_words(lx, text))
        return no_memory(e);
    const uint32_t *terms = make_block(lx, field, text, e);
    if (!terms)
        return LEXICON_NONE;
    struct lexicon_value *v = table_next(&lx->values);
    if (!v)
        return no_memory(e);
    v->terms = terms;
    v->term_count = (uint32_t)lx->words.len;
    v->text_len = (uint32_t)text.len;
    v->field = field;
    return table_keep(&lx->values, hash, e);
}

/* By number. */

uint32_t lexicon_field_count(const struct lexicon *lx)
{
    return table_count(&lx->fields);
}

uint32_t lexicon_token_count(const struct lexicon *lx)
{
    return table_count(&lx->tokens);
}

uint32_t lexicon_term_count(const struct lexicon *lx)
{
    return table_count(&lx->terms);
}

uint32_t lexicon_value_count(const struct lexicon *lx)
{
    return table_count(&lx->values);
}

static size_t table_bytes(const struct table *t)
{
    return (size_t)table_count(t) * (t->records.element_bytes + 2 * sizeof(uint64_t));
}

size_t lexicon_bytes(const struct lexicon *lx)
{
    return pool_bytes(&lx->pool) + table_bytes(&lx->fields) + table_bytes(&lx->tokens) +
           table_bytes(&lx->terms) + table_bytes(&lx->values);
}

const struct lexicon_field *lexicon_field(const struct lexicon *lx, uint32_t field)
{
    return seglist_at(&lx->fields.records, field);
}

struct str lexicon_token(const struct lexicon *lx, uint32_t token)
{
    const struct token *t = seglist_at(&lx->tokens.records, token);
    return (struct str){ t->ptr, t->len };
}

struct lexicon_term *lexicon_term(const struct lexicon *lx, uint32_t term)
{
    return seglist_at(&lx->terms.records, term);
}

struct lexicon_value *lexicon_value(const struct lexicon *lx, uint32_t value)
{
    return seglist_at(&lx->values.records, value);
}
