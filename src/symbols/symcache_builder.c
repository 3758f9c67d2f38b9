/* symcache_builder.c - takes in what a symbol file says, as it comes. Order, overlaps and the form
 * of the image are left to symcache_image.c. */
#include "symbols/symcache_builder_internal.h"

#include "base/utf8.h"
#include "symbols/symcache_ranges.h"
#include "symbols/unwind_rules.h"

#include <assert.h>

#define ABOUT_BYTES_MAX ((size_t)64 << 10)

struct symcache_builder *symcache_builder_new(size_t memory_bytes)
{
    struct symcache_builder *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->limit_bytes = memory_bytes;
    b->texts = arena_new(ABOUT_BYTES_MAX);
    b->about.kind = SYMCACHE_BREAKPAD;
    if (!b->texts || !idmap_init(&b->names.map) || !idmap_init(&b->files.map) ||
        !idmap_init(&b->programs.map)) {
        symcache_builder_free(b);
        return NULL;
    }
    return b;
}

static void pool_done(struct pool *p)
{
    VEC_FREE(&p->items);
    VEC_FREE(&p->bytes);
    idmap_done(&p->map);
}

void symcache_builder_free(struct symcache_builder *b)
{
    if (!b)
        return;
    pool_done(&b->names);
    pool_done(&b->files);
    pool_done(&b->programs);
    VEC_FREE(&b->functions);
    VEC_FREE(&b->lines);
    VEC_FREE(&b->inlines);
    VEC_FREE(&b->publics);
    VEC_FREE(&b->cfi);
    VEC_FREE(&b->wins);
    arena_free(b->texts);
    free(b);
}

bool builder_nomem(struct symcache_builder *b)
{
    if (b->err.code == ERR_NONE)
        (void)err_set(&b->err, ERR_NOMEM, 0, "symbol cache: no memory");
    return false;
}

bool builder_charge(struct symcache_builder *b, size_t n)
{
    if (b->err.code != ERR_NONE)
        return false;
    if (n > b->limit_bytes - b->used_bytes)
        return err_set(&b->err, ERR_LIMIT, 0, "symbol cache: takes more than %zu bytes of memory",
                       b->limit_bytes);
    b->used_bytes += n;
    return true;
}

static bool copy(struct symcache_builder *b, struct str from, struct str *to)
{
    if (from.len > ABOUT_BYTES_MAX / 8)
        from.len = ABOUT_BYTES_MAX / 8;
    from.len = utf8_valid_prefix(from);
    return arena_str(b->texts, from, to) || builder_nomem(b);
}

bool symcache_add_module(struct symcache_builder *b, const struct symcache_about *module)
{
    struct symcache_about *a = &b->about;
    if (!builder_charge(b, 0))
        return false;
    arena_reset(b->texts);
    *a = (struct symcache_about){ .kind = module->kind, .cpu = module->cpu, .skipped = a->skipped };
    return copy(b, module->os, &a->os) && copy(b, module->debug_file, &a->debug_file) &&
           copy(b, module->debug_id, &a->debug_id) && copy(b, module->code_file, &a->code_file) &&
           copy(b, module->code_id, &a->code_id);
}

/* ---- texts and programs ---- */

struct same {
    const struct pool *pool;
    struct str text;
};
static bool is_same(const void *ctx, uint32_t id)
{
    const struct same *s = ctx;
    const struct pool_item *i = &s->pool->items.at[id];
    return i->len == s->text.len && memcmp(s->pool->bytes.at + i->offset, s->text.ptr, i->len) == 0;
}

/* Puts the text of item `number` into the pool's bytes. */
static bool pool_fill(struct symcache_builder *b, struct pool *p, uint32_t number, struct str text)
{
    if (text.len > UINT32_MAX || !builder_charge(b, text.len) || text.len == 0)
        return b->err.code == ERR_NONE;
    if (!VEC_RESERVE(&p->bytes, text.len))
        return builder_nomem(b);
    p->items.at[number] = (struct pool_item){ p->bytes.len, (uint32_t)text.len, true };
    memcpy(p->bytes.at + p->bytes.len, text.ptr, text.len);
    p->bytes.len += text.len;
    return true;
}

/* A number whose text may come later; none yet. */
static bool pool_reserve(struct symcache_builder *b, struct pool *p, uint32_t *number)
{
    if (p->items.len >= UINT32_MAX - 2) /* numbers + 1 are stored, and 2 have a meaning */
        return builder_nomem(b);
    if (!builder_charge(b, sizeof *p->items.at + 16) || /* its place in the map, too */
        !VEC_PUSH(&p->items, ((struct pool_item){ 0 })))
        return builder_nomem(b);
    *number = (uint32_t)(p->items.len - 1);
    return true;
}

static bool pool_add(struct symcache_builder *b, struct pool *p, struct str text, uint32_t *number)
{
    struct same same = { p, text };
    if (b->err.code != ERR_NONE)
        return false;
    uint64_t hash = idmap_hash(text, 0);
    *number = idmap_find(&p->map, hash, is_same, &same);
    if (*number != IDMAP_NONE)
        return true;
    if (!pool_reserve(b, p, number) || !pool_fill(b, p, *number, text))
        return false;
    p->items.at[*number].known = true;
    return idmap_insert(&p->map, hash, *number) || builder_nomem(b);
}

bool symcache_add_file(struct symcache_builder *b, struct str path, uint32_t *number)
{
    return pool_add(b, &b->files, path, number);
}

bool symcache_add_name(struct symcache_builder *b, struct str name, uint32_t *number)
{
    return pool_add(b, &b->names, name, number);
}

bool symcache_reserve_file(struct symcache_builder *b, uint32_t *number)
{
    return pool_reserve(b, &b->files, number);
}
bool symcache_reserve_name(struct symcache_builder *b, uint32_t *number)
{
    return pool_reserve(b, &b->names, number);
}
bool symcache_set_file(struct symcache_builder *b, uint32_t number, struct str path)
{
    assert(number < b->files.items.len);
    return pool_fill(b, &b->files, number, path);
}
bool symcache_set_name(struct symcache_builder *b, uint32_t number, struct str name)
{
    assert(number < b->names.items.len);
    return pool_fill(b, &b->names, number, name);
}

/* ---- records ---- */

bool symcache_skip(struct symcache_builder *b)
{
    b->about.skipped += b->about.skipped < UINT32_MAX;
    return b->err.code == ERR_NONE;
}

#define ADD(b, vec, ...)                                                                           \
    (builder_charge(b, sizeof *(vec)->at) && (VEC_PUSH(vec, (__VA_ARGS__)) || builder_nomem(b)))

bool symcache_add_function(struct symcache_builder *b, uint64_t address, uint64_t size,
                           uint32_t parameter_bytes, uint32_t name)
{
    struct range r;
    b->in_function = range_set(&r, address, size);
    if (!b->in_function)
        return symcache_skip(b);
    return ADD(b, &b->functions,
               (struct built_function){ r.first, r.last, parameter_bytes, name, b->lines.len,
                                        b->inlines.len });
}

bool symcache_add_line(struct symcache_builder *b, uint64_t address, uint64_t size, uint32_t line,
                       uint32_t file)
{
    struct range r;
    if (!b->in_function || !range_set(&r, address, size))
        return symcache_skip(b);
    b->line_bits |= line;
    return ADD(b, &b->lines, (struct built_line){ r.first, r.last, line, file });
}

bool symcache_add_inline(struct symcache_builder *b, uint32_t depth, uint64_t address,
                         uint64_t size, uint32_t name, uint32_t call_line, uint32_t call_file)
{
    struct range r;
    if (!b->in_function || depth >= SYMCACHE_NESTING_MAX || !range_set(&r, address, size))
        return symcache_skip(b);
    return ADD(b, &b->inlines,
               (struct built_inline){ r.first, r.last, name, call_line, call_file });
}

bool symcache_add_public(struct symcache_builder *b, uint64_t address, uint32_t parameter_bytes,
                         uint32_t name)
{
    if (address > UINT32_MAX)
        return symcache_skip(b);
    uint32_t order = (uint32_t)b->publics.len;
    return ADD(b, &b->publics,
               (struct built_public){ (uint32_t)address, parameter_bytes, name, order });
}

bool symcache_add_program(struct symcache_builder *b, struct bytes program, uint32_t *number)
{
    return pool_add(b, &b->programs, (struct str){ (const char *)program.ptr, program.len },
                    number);
}

bool symcache_add_cfi_row(struct symcache_builder *b, uint64_t address, uint64_t size,
                          uint32_t program)
{
    struct range r;
    if (!range_set(&r, address, size))
        return symcache_skip(b);
    return ADD(b, &b->cfi, (struct built_cfi){ r.first, r.last, program });
}

bool symcache_add_cfi(struct symcache_builder *b, uint64_t address, uint64_t size,
                      struct bytes program)
{
    uint32_t number;
    if (program.len == 0 || program.len > UNWIND_PROGRAM_MAX)
        return symcache_skip(b);
    return symcache_add_program(b, program, &number) &&
           symcache_add_cfi_row(b, address, size, number);
}

bool symcache_add_win(struct symcache_builder *b, const struct symcache_win *w)
{
    struct range r;
    uint32_t program = 0;
    if (!range_set(&r, w->start, w->size) ||
        (w->has_program && (w->program.len == 0 || w->program.len > UNWIND_PROGRAM_MAX)))
        return symcache_skip(b);
    if (w->has_program && !symcache_add_program(b, w->program, &program))
        return false;
    return ADD(b, &b->wins, (struct built_win){ *w, r.last, w->has_program ? program + 1 : 0 });
}

bool symcache_failed(const struct symcache_builder *b, struct err *e)
{
    if (b->err.code != ERR_NONE)
        *e = b->err;
    return b->err.code != ERR_NONE;
}
