/* checkpoint_settle.c - rows that were read from a file are put right: what is gone goes, and
 * objects are shown with the fingerprints that they have today.
 *
 * Merges are in no log of rows, since one may concern a great many. Instead each different
 * fingerprint of objects (a text of the column fingerprint;original) is looked up once, and then
 * one pass over both columns finds the rows that are shown otherwise. */
#include "engine/checkpoint.h"

#include "base/log.h"
#include "engine/inside.h"
#include "report/fingerprint.h"

#include <sodium.h>
#include <stdlib.h>

#define HEX_BYTES (2 * STORE_FINGERPRINT_BYTES)
#define SETTLE_ARENA ((size_t)16 << 30) /* no limit: what a table has was read */

/* A row that is shown with another fingerprint than that of its original code. */
struct shift {
    uint32_t code;
    uint64_t key;
};
struct settling {
    struct engine *engine;
    struct str project;
    struct arena *arena;
    struct table table;
    const struct column *shown, *original;
    uint8_t (*now)[STORE_FINGERPRINT_BYTES]; /* by code of `original` */
    uint32_t *code;                          /* of `shown`, plus 1; 0: no row has it */
    VEC(struct shift) shifts;
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for rows");
}

static bool read_hex(struct str hex, uint8_t out[STORE_FINGERPRINT_BYTES])
{
    size_t n = 0;
    return hex.len == HEX_BYTES &&
           sodium_hex2bin(out, STORE_FINGERPRINT_BYTES, hex.ptr, hex.len, NULL, &n, NULL) == 0 &&
           n == STORE_FINGERPRINT_BYTES;
}

/* What each fingerprint is shown as. */
static bool look_up(struct settling *s, struct err *e)
{
    size_t texts = column_texts(s->original);
    s->now = arena_array(s->arena, texts + 1, sizeof *s->now);
    s->code = arena_array(s->arena, texts + 1, sizeof *s->code);
    if (!s->now || !s->code)
        return no_memory(e);
    for (uint32_t i = 0; i < texts; i++) {
        struct text_room room;
        char hex[HEX_BYTES + 1];
        uint8_t own[STORE_FINGERPRINT_BYTES];
        if (!read_hex(column_text(s->original, i, &room), own))
            return err_set(e, ERR_IO, 0, "the file of the columns has a bad fingerprint");
        (void)merges_shown(&s->engine->merges, s->project, own, s->now[i]);
        fingerprint_hex(s->now[i], hex);
        uint32_t code = column_code(s->shown, str_from_c(hex));
        s->code[i] = code == UINT32_MAX ? 0 : code + 1;
    }
    return true;
}

struct block {
    uint32_t shown[COLUMNS_BLOCK_ROWS], original[COLUMNS_BLOCK_ROWS];
    uint64_t keys[COLUMNS_BLOCK_ROWS], live[COLUMNS_BLOCK_ROWS / 64];
};

static bool look_at_block(struct settling *s, uint32_t at, struct block *b)
{
    column_codes(&s->table, s->shown, at, b->shown);
    column_codes(&s->table, s->original, at, b->original);
    table_keys(&s->table, at, b->keys);
    table_live(&s->table, at, b->live);
    for (uint32_t i = 0; i < table_block_rows(&s->table, at); i++) {
        if (b->original[i] == 0 || !(b->live[i / 64] >> (i % 64) & 1))
            continue;
        uint32_t code = b->original[i] - 1;
        const struct shift shift = { code, b->keys[i] };
        if (b->shown[i] != s->code[code] && !VEC_PUSH(&s->shifts, shift))
            return false;
    }
    return true;
}

static bool look_at_rows(struct settling *s, struct err *e)
{
    struct block *b = arena_alloc(s->arena, sizeof *b);
    bool ok = b;
    for (uint32_t at = 0; ok && at < table_blocks(&s->table); at++)
        if (!column_is_unset(&s->table, s->original, at))
            ok = look_at_block(s, at, b);
    return ok || no_memory(e);
}

static int by_code(const void *a, const void *b)
{
    const struct shift *x = a, *y = b;
    if (x->code != y->code)
        return x->code < y->code ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

static bool shift_rows(struct settling *s, struct err *e)
{
    uint64_t *keys = arena_array(s->arena, s->shifts.len + 1, sizeof *keys);
    struct shift *all = s->shifts.at;
    if (!keys)
        return no_memory(e);
    if (s->shifts.len > 0)
        qsort(all, s->shifts.len, sizeof *all, by_code);
    for (size_t from = 0, to; from < s->shifts.len; from = to) {
        char hex[HEX_BYTES + 1];
        fingerprint_hex(s->now[all[from].code], hex);
        const struct named_cell now = { STR("fingerprint"),
                                        { .type = CELL_STRING, .s = str_from_c(hex) } };
        for (to = from; to < s->shifts.len && all[to].code == all[from].code; to++)
            keys[to - from] = all[to].key;
        if (!columns_change_all(s->engine->columns, s->project, TABLE_OBJECTS, keys, to - from,
                                &now, 1, e))
            return false;
    }
    return true;
}

static bool settle_table(struct settling *s, struct err *e)
{
    s->shown = table_column(&s->table, STR("fingerprint"));
    s->original = table_column(&s->table, STR("fingerprint;original"));
    if (!s->original) /* nothing has a fingerprint */
        return true;
    if (!s->shown || column_type(s->shown) != COLUMN_STRING ||
        column_type(s->original) != COLUMN_STRING)
        return err_set(e, ERR_IO, 0, "the file of the columns has no good fingerprints");
    return look_up(s, e) && look_at_rows(s, e) && shift_rows(s, e);
}

static bool settle_project(struct engine *en, struct str project, const uint64_t *gone,
                           size_t gone_count, struct err *e)
{
    if (!columns_remove(en->columns, project, TABLE_OBJECTS, gone, gone_count, e))
        return false;
    columns_publish(en->columns);
    struct settling s = { .engine = en, .project = project, .arena = arena_new(SETTLE_ARENA) };
    const struct columns_view *v = columns_acquire(en->columns);
    bool ok = s.arena || no_memory(e);
    if (ok && columns_table(v, project, TABLE_OBJECTS, &s.table))
        ok = settle_table(&s, e);
    columns_release(en->columns, v);
    VEC_FREE(&s.shifts);
    arena_free(s.arena);
    return ok;
}

bool checkpoint_settle(struct engine *en, const uint64_t *gone, size_t gone_count, struct err *e)
{
    struct arena *a = arena_new(SETTLE_ARENA);
    struct stored_access access;
    bool ok = a ? store_access_read(en->store, a, &access, e) : no_memory(e);
    for (size_t i = 0; ok && i < access.project_count; i++)
        ok = settle_project(en, access.projects[i].name, gone, gone_count, e);
    arena_free(a);
    return ok;
}
