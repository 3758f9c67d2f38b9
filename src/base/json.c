/* json.c - from yajl's events to a tree.
 *
 * yajl finds the tokens and holds the grammar. It is laxer than JSON in some places and says less
 * than we promise in others, so the wrapper does these itself:
 *
 * - UTF-8 is checked beforehand for the whole text (yajl lets overlong forms and surrogates pass).
 * - The bytes between two events hold white space, commas and colons; going over them gives each
 *   value's exact begin, and finds the vertical tabs and form feeds that yajl lets pass there.
 * - Escapes are decoded here (yajl joins a high surrogate with whatever escape comes next).
 * - What stands behind the value is looked at here (yajl overlooks an open string there).
 * - yajl does not check its malloc: ours jumps out of it, and frees what it had from a list. */
#include "base/json.h"

#include "base/idmap.h"
#include "base/json_internal.h"
#include "base/utf8.h"
#include "base/vec.h"

#include <stdarg.h>
#include <stdio.h>
#include <yajl/yajl_parse.h>

#define KEYS_COMPARED 8 /* an object with more members gets a hash table for its keys */

/* A list or object that is not closed yet. */
struct open {
    struct json *node;
    struct json *last; /* its newest child */
};

struct parser {
    struct str text;
    struct json_limits limits;
    struct arena *arena;
    struct err *e;
    yajl_handle yajl;
    struct json_heap heap; /* yajl's memory */

    size_t end; /* behind the last event's token */
    struct str key;
    struct json *root;
    size_t nodes;
    VEC(struct open) open;
    VEC(const struct json *) keys; /* the hash table of the object that was just closed */
};

/* --- errors -------------------------------------------------------------------------------- */

/* Always 0, which tells yajl to stop. */
PRINTF_LIKE(4, 5)
static int fail(struct parser *p, enum err_code code, size_t offset, const char *fmt, ...)
{
    char why[sizeof p->e->msg];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    size_t line = 1, line_begin = 0;
    const char *at = p->text.ptr, *end = p->text.ptr + offset;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        line++;
        line_begin = (size_t)(++at - p->text.ptr);
    }
    err_set(p->e, code, offset, "line %zu, column %zu: %s", line, offset - line_begin + 1, why);
    return 0;
}

static int fail_memory(struct parser *p)
{
    err_set(p->e, ERR_NOMEM, 0, "no memory for the JSON tree");
    return 0;
}

/* --- places -------------------------------------------------------------------------------- */

/* The first byte from `at` on that is neither white space nor parts values. */
static size_t skip_gap(struct str text, size_t at)
{
    while (at < text.len) {
        char c = text.ptr[at];
        if (c != ' ' && c != ',' && c != ':' && c != '\n' && c != '\r' && c != '\t')
            break;
        at++;
    }
    return at;
}

/* Where the next token begins. False: the gap before it holds what only yajl takes for space. */
static bool pass_gap(struct parser *p, size_t *begin)
{
    *begin = skip_gap(p->text, p->end);
    if (*begin < p->text.len && (p->text.ptr[*begin] == '\v' || p->text.ptr[*begin] == '\f'))
        return fail(p, ERR_INPUT, *begin, "this is no white space in JSON");
    return true;
}

/* Where the token of the present event begins; moves p->end behind it. */
static bool token_place(struct parser *p, size_t *begin)
{
    if (!pass_gap(p, begin))
        return false;
    p->end = yajl_get_bytes_consumed(p->yajl);
    return true;
}

/* --- strings ------------------------------------------------------------------------------- */

/* The string that begins with the quote at `begin` and ends before p->end. yajl hands a pointer
 * into the text when it has no escapes. */
static bool string_content(struct parser *p, size_t begin, const unsigned char *yajls,
                           struct str *s)
{
    struct str raw = { p->text.ptr + begin + 1, p->end - begin - 2 };
    if ((const char *)yajls == raw.ptr) {
        *s = raw;
        return true;
    }
    return json_unescape(p->arena, raw, s) || fail_memory(p);
}

/* --- the tree ------------------------------------------------------------------------------ */

/* A value that begins at `begin` and, until a list or object closes, ends at p->end. */
static struct json *node_new(struct parser *p, enum json_type type, size_t begin)
{
    if (p->nodes == p->limits.nodes) {
        fail(p, ERR_LIMIT, begin, "more than %zu values", p->limits.nodes);
        return NULL;
    }
    struct json *j = arena_alloc(p->arena, sizeof *j);
    if (!j) {
        fail_memory(p);
        return NULL;
    }
    *j = (struct json){ .type = type, .key = p->key, .begin = begin, .end = p->end };
    p->key = (struct str){ 0 };
    p->nodes++;
    if (p->open.len == 0) {
        p->root = j;
        return j;
    }
    struct open *parent = &p->open.at[p->open.len - 1];
    if (parent->last)
        parent->last->next = j;
    else
        parent->node->first = j;
    parent->last = j;
    parent->node->count++;
    return j;
}

static int add_scalar(struct parser *p, enum json_type type)
{
    size_t begin;
    return token_place(p, &begin) && node_new(p, type, begin);
}

static int on_null(void *ctx)
{
    return add_scalar(ctx, JSON_NULL);
}

static int on_boolean(void *ctx, int value)
{
    return add_scalar(ctx, value ? JSON_TRUE : JSON_FALSE);
}

static int on_number(void *ctx, const char *at, size_t len)
{
    (void)at; /* at the very end of the text it is a copy */
    struct parser *p = ctx;
    size_t begin;
    if (!token_place(p, &begin))
        return 0;
    p->end = begin + len;
    struct json *j = node_new(p, JSON_NUMBER, begin);
    if (j)
        j->text = (struct str){ p->text.ptr + begin, len };
    return j != NULL;
}

static int on_string(void *ctx, const unsigned char *at, size_t len)
{
    (void)len;
    struct parser *p = ctx;
    size_t begin;
    struct str content;
    if (!token_place(p, &begin) || !string_content(p, begin, at, &content))
        return 0;
    struct json *j = node_new(p, JSON_STRING, begin);
    if (j)
        j->text = content;
    return j != NULL;
}

static int on_key(void *ctx, const unsigned char *at, size_t len)
{
    (void)len;
    struct parser *p = ctx;
    size_t begin;
    return token_place(p, &begin) && string_content(p, begin, at, &p->key);
}

static int open_node(struct parser *p, enum json_type type)
{
    size_t begin;
    if (!token_place(p, &begin))
        return 0;
    if (p->open.len == p->limits.depth)
        return fail(p, ERR_LIMIT, begin, "more than %zu lists and objects inside one another",
                    p->limits.depth);
    struct json *j = node_new(p, type, begin);
    if (!j)
        return 0;
    return VEC_PUSH(&p->open, ((struct open){ .node = j })) || fail_memory(p);
}

static int on_list(void *ctx)
{
    return open_node(ctx, JSON_LIST);
}

static int on_object(void *ctx)
{
    return open_node(ctx, JSON_OBJECT);
}

static int on_list_end(void *ctx)
{
    struct parser *p = ctx;
    size_t begin;
    if (!token_place(p, &begin))
        return 0;
    p->open.at[--p->open.len].node->end = p->end;
    return 1;
}

/* --- keys that stand twice ----------------------------------------------------------------- */

/* The error stands at the second one; its place is found from the member before it. */
static int fail_twice(struct parser *p, const struct json *object, const struct json *member)
{
    size_t before = object->begin + 1;
    for (const struct json *j = object->first; j != member; j = j->next)
        before = j->end;
    int shown = member->key.len > 60 ? 60 : (int)member->key.len;
    return fail(p, ERR_INPUT, skip_gap(p->text, before),
                "the key \"%.*s\" stands twice in one object", shown, member->key.ptr);
}

static int check_few_keys(struct parser *p, const struct json *object)
{
    for (const struct json *j = object->first; j; j = j->next)
        for (const struct json *k = object->first; k != j; k = k->next)
            if (str_eq(j->key, k->key))
                return fail_twice(p, object, j);
    return 1;
}

/* Open addressing, at most half full, so that any number of members takes linear time; keyed, so
 * that nobody can choose names that collide. */
static int check_many_keys(struct parser *p, const struct json *object)
{
    size_t slots = 2 * KEYS_COMPARED;
    while (slots < 2 * object->count)
        slots *= 2;
    if (!VEC_RESERVE(&p->keys, slots))
        return fail_memory(p);
    memset(p->keys.at, 0, slots * sizeof *p->keys.at);
    for (const struct json *j = object->first; j; j = j->next) {
        size_t i = (size_t)idmap_hash(j->key, 0) & (slots - 1);
        while (p->keys.at[i]) {
            if (str_eq(p->keys.at[i]->key, j->key))
                return fail_twice(p, object, j);
            i = (i + 1) & (slots - 1);
        }
        p->keys.at[i] = j;
    }
    return 1;
}

static int on_object_end(void *ctx)
{
    struct parser *p = ctx;
    size_t begin;
    if (!token_place(p, &begin))
        return 0;
    struct json *object = p->open.at[--p->open.len].node;
    object->end = p->end;
    return object->count <= KEYS_COMPARED ? check_few_keys(p, object) : check_many_keys(p, object);
}

/* --- the parse ----------------------------------------------------------------------------- */

/* Where yajl stopped. Inside a token it has consumed what was still right; a token that may not
 * stand where it does is consumed whole, and then the error is at its beginning. */
static size_t error_place(const struct parser *p, bool lexical)
{
    size_t consumed = yajl_get_bytes_consumed(p->yajl);
    size_t token = skip_gap(p->text, p->end);
    char last = consumed > 0 ? p->text.ptr[consumed - 1] : '\0';
    if (lexical && token < p->text.len && strchr("\"-0123456789tfn", p->text.ptr[token]) &&
        p->text.ptr[token] != '\0')
        return consumed;
    if (!lexical && consumed > p->end && strchr(",:[]{}", last) && last != '\0')
        return consumed - 1;
    return token;
}

/* yajl's sentence, without its ornaments. */
static void fail_as_yajl_says(struct parser *p)
{
    unsigned char *says = yajl_get_error(p->yajl, 0, NULL, 0);
    struct str why = str_from_c((const char *)says);
    bool lexical = str_starts(why, STR("lexical error: "));
    size_t skip = lexical ? STR("lexical error: ").len : STR("parse error: ").len;
    while (why.len > 0 && strchr("\n. ", why.ptr[why.len - 1]))
        why.len--;
    if (why.len > skip)
        why = (struct str){ why.ptr + skip, why.len - skip };
    fail(p, ERR_INPUT, error_place(p, lexical), "%.*s", STR_ARG(why));
}

static bool value_complete(const struct parser *p)
{
    return p->root && p->open.len == 0;
}

/* Runs yajl over the text: afterwards p->root is there, or p->e says why not. */
static void run_yajl(struct parser *p)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_object,
        .yajl_map_key = on_key,
        .yajl_end_map = on_object_end,
        .yajl_start_array = on_list,
        .yajl_end_array = on_list_end,
    };
    yajl_alloc_funcs memory = json_heap_funcs(&p->heap);
    p->yajl = yajl_alloc(&callbacks, &memory, p);
    yajl_config(p->yajl, yajl_dont_validate_strings, 1);
    yajl_config(p->yajl, yajl_allow_trailing_garbage, 1); /* check_rest is more exact */
    yajl_status status = yajl_parse(p->yajl, (const unsigned char *)p->text.ptr, p->text.len);
    if (status == yajl_status_error) {
        fail_as_yajl_says(p);
    } else if (status == yajl_status_ok && !value_complete(p)) {
        size_t begin;
        status = yajl_complete_parse(p->yajl); /* a number alone ends only here */
        if (status == yajl_status_error && pass_gap(p, &begin))
            fail(p, ERR_INPUT, p->text.len, "the text ends before its value does");
    }
}

static void check_rest(struct parser *p)
{
    size_t at = p->root->end;
    while (at < p->text.len && strchr(" \t\r\n", p->text.ptr[at]) && p->text.ptr[at] != '\0')
        at++;
    if (at < p->text.len)
        fail(p, ERR_INPUT, at, "something stands behind the value");
}

static bool check_before(struct parser *p)
{
    if (p->text.len == 0)
        p->text.ptr = ""; /* it may have been NULL */
    size_t valid = utf8_valid_prefix(p->text);
    if (valid < p->text.len)
        return fail(p, ERR_INPUT, valid, "this byte is not UTF-8");
    if (skip_gap(p->text, 0) == p->text.len)
        return fail(p, ERR_INPUT, 0, "there is no value");
    return true;
}

/* Apart from json_parse, because setjmp leaves a function's own variables uncertain. */
static void parse(struct parser *p)
{
    if (setjmp(p->heap.out_of_memory) != 0) {
        fail_memory(p);
        return;
    }
    run_yajl(p);
    if (p->e->code == ERR_NONE)
        check_rest(p);
}

bool json_parse(const struct json **out, struct str text, struct json_limits limits,
                struct arena *a, struct err *e)
{
    struct err own = { 0 };
    struct parser p = { .text = text, .limits = limits, .arena = a, .e = &own };
    json_heap_init(&p.heap);
    if (check_before(&p))
        parse(&p);
    json_heap_done(&p.heap);
    VEC_FREE(&p.open);
    VEC_FREE(&p.keys);
    if (own.code != ERR_NONE) {
        *e = own;
        return false;
    }
    *out = p.root;
    return true;
}

const struct json *json_get(const struct json *j, struct str key)
{
    if (!j || j->type != JSON_OBJECT)
        return NULL;
    for (const struct json *member = j->first; member; member = member->next)
        if (str_eq(member->key, key))
            return member;
    return NULL;
}
