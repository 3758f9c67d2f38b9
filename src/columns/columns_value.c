/* columns_value.c - values as the 64-bit images that blocks hold, and columns whose type changes.
 *
 *     UINT    the number           INT   the number + 2^63, so that images are in order, too
 *     DOUBLE  its bits             BOOL  0, 1           STRING  its code in the column's texts
 */
#include "columns/columns_internal.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>

#define INT_SIGN (UINT64_C(1) << 63)

enum column_type column_type_for(const struct cell *value)
{
    switch (value->type) {
    case CELL_UINT:
        return COLUMN_UINT;
    case CELL_INT:
        return COLUMN_INT;
    case CELL_DOUBLE:
        return COLUMN_DOUBLE;
    case CELL_BOOL:
        return COLUMN_BOOL;
    default:
        return COLUMN_STRING;
    }
}

uint64_t image_bias(enum column_type type)
{
    return type == COLUMN_INT ? INT_SIGN : 0;
}

struct cell image_value(enum column_type type, uint64_t image)
{
    struct cell v = { .type = CELL_UINT, .u = image };
    switch (type) {
    case COLUMN_INT:
        v.type = CELL_INT;
        v.u = image ^ INT_SIGN;
        break;
    case COLUMN_DOUBLE: /* whose bits they are */
        v.type = CELL_DOUBLE;
        break;
    case COLUMN_BOOL:
        v = (struct cell){ .type = CELL_BOOL, .b = image != 0 };
        break;
    default:
        break;
    }
    return v;
}

static bool is_number(enum column_type type)
{
    return type == COLUMN_UINT || type == COLUMN_INT || type == COLUMN_DOUBLE;
}

/* Whether a column of that type can hold the value. */
static bool type_holds(enum column_type type, const struct cell *value)
{
    switch (type) {
    case COLUMN_UINT:
        return value->type == CELL_UINT || (value->type == CELL_INT && value->i >= 0);
    case COLUMN_INT:
        return value->type == CELL_INT || (value->type == CELL_UINT && value->u <= INT64_MAX);
    case COLUMN_DOUBLE:
        return is_number(column_type_for(value));
    case COLUMN_BOOL:
        return value->type == CELL_BOOL;
    default:
        return true;
    }
}

static uint64_t number_image(enum column_type type, const struct cell *value)
{
    if (type == COLUMN_BOOL)
        return value->b;
    if (type != COLUMN_DOUBLE) /* UINT and INT have the same bits where both hold a value */
        return type == COLUMN_INT ? value->u ^ INT_SIGN : value->u;
    double d = value->type == CELL_UINT  ? (double)value->u
               : value->type == CELL_INT ? (double)value->i
                                         : value->d;
    struct cell as = { .type = CELL_DOUBLE, .d = d == 0 ? 0 : d }; /* one zero only */
    return as.u;
}

#define NUMBER_TEXT_MAX JSON_DOUBLE_ROOM

/* What a value is in a column of texts; of numbers it is written to `room`. */
static struct str value_text(const struct cell *value, char room[NUMBER_TEXT_MAX])
{
    int len = 0;
    switch (value->type) {
    case CELL_STRING:
        return value->s;
    case CELL_BOOL:
        return value->b ? STR("true") : STR("false");
    case CELL_UINT:
        len = snprintf(room, NUMBER_TEXT_MAX, "%" PRIu64, value->u);
        break;
    case CELL_INT:
        len = snprintf(room, NUMBER_TEXT_MAX, "%" PRId64, value->i);
        break;
    default:
        return json_double_text(value->d == 0 ? 0 : value->d, room); /* -0 is 0, as a number */
    }
    return (struct str){ room, (size_t)len };
}

/* The code of a text. */
static bool text_image(struct columns *c, struct table_state *t, struct column_state *s,
                       struct dictionary *texts, const struct kept_text *text, uint64_t *image,
                       struct err *e)
{
    uint32_t code = dictionary_look(texts, text);
    if (code == DICTIONARY_NONE) {
        if (!column_touch(c, t, s))
            return err_set(e, ERR_NOMEM, 0, "texts of a column");
        if (!dictionary_add(texts, &c->memory, text, &code, e))
            return false;
    }
    *image = code;
    return true;
}

/* A column of another type, while it is made. */
struct promotion {
    struct columns *c;
    struct table_state *table;
    struct column_state *column;
    enum column_type type;
    struct block_list blocks;
    struct dictionary texts;
};

/* A block without the rows that were removed. */
static void live_load(struct promotion *p, uint32_t block)
{
    struct block_parts *parts = &p->c->parts;
    block_load(column_block(p->column, block), 0, parts);
    const struct dead_rows *dead = block < p->table->dead.count ? p->table->dead.at[block] : NULL;
    for (uint32_t i = 0; dead && i < parts->rows; i++) {
        if (row_is_dead(dead, i))
            block_parts_unset(parts, i);
    }
}

/* Whether all values of a column of UINT are at most INT64_MAX. */
static bool all_fit_int(struct promotion *p)
{
    for (uint32_t b = 0; b < p->column->blocks.count; b++) {
        live_load(p, b);
        for (uint32_t i = 0; i < p->c->parts.rows; i++) {
            if (p->c->parts.images[i] > INT64_MAX) /* 0 where unset */
                return false;
        }
    }
    return true;
}

static enum column_type type_for_both(struct promotion *p, const struct cell *value)
{
    enum column_type from = p->column->type, to = column_type_for(value);
    if (!is_number(from) || !is_number(to))
        return COLUMN_STRING;
    return from == COLUMN_UINT && to == COLUMN_INT && all_fit_int(p) ? COLUMN_INT : COLUMN_DOUBLE;
}

static bool image_promote(struct promotion *p, uint64_t *image, struct err *e)
{
    struct cell value = image_value(p->column->type, *image);
    if (p->type != COLUMN_STRING) {
        *image = number_image(p->type, &value);
        return true;
    }
    char room[NUMBER_TEXT_MAX];
    struct kept_text text;
    dictionary_keep(&p->texts, value_text(&value, room), &text);
    return text_image(p->c, p->table, p->column, &p->texts, &text, image, e);
}

static bool block_promote(struct promotion *p, uint32_t block, struct err *e)
{
    struct block_parts *parts = &p->c->parts;
    live_load(p, block);
    for (uint32_t i = 0; i < parts->rows; i++) {
        bool is_set = (parts->set[i / 64] >> i % 64 & 1) != 0;
        if (is_set && !image_promote(p, &parts->images[i], e))
            return false;
    }
    struct block *packed;
    if (!block_pack(&p->c->memory, parts, &packed))
        return err_set(e, ERR_NOMEM, 0, "a block of a column");
    p->blocks.at[block] = packed;
    return true;
}

/* What was made takes the place of what was, or goes. */
static void promotion_end(struct promotion *p, bool ok)
{
    struct column_state *s = p->column;
    struct column_state old = { .blocks = p->blocks, .texts = p->texts };
    if (ok) {
        old = (struct column_state){ .blocks = s->blocks, .texts = s->texts };
        s->type = p->type;
        s->blocks = p->blocks;
        s->texts = p->texts;
    }
    column_retire(p->c, &old);
}

static bool column_promote(struct columns *c, struct table_state *t, struct column_state *s,
                           const struct cell *value, struct err *e)
{
    struct promotion p = { .c = c, .table = t, .column = s };
    p.type = type_for_both(&p, value);
    bool ok =
        (column_touch(c, t, s) && block_list_extend(&c->memory, &p.blocks, s->blocks.count)) ||
        err_set(e, ERR_NOMEM, 0, "a column of another type");
    for (uint32_t b = 0; ok && b < s->blocks.count; b++)
        ok = block_promote(&p, b, e);
    promotion_end(&p, ok);
    return ok;
}

/* The codes of a block in the new dictionary. `codes`: of each old one, + 1. */
static bool block_recode(struct promotion *p, uint32_t block, uint32_t *codes)
{
    struct block_parts *parts = &p->c->parts;
    struct dictionary_view old = dictionary_show(&p->column->texts);
    live_load(p, block);
    for (uint32_t i = 0; i < parts->rows; i++) {
        uint64_t image;
        if (!block_parts_get(parts, i, &image))
            continue;
        if (codes[image] == 0) {
            struct kept_text text;
            struct err e;
            dictionary_kept(&old, (uint32_t)image, &text);
            if (!dictionary_add(&p->texts, &p->c->memory, &text, &codes[image], &e))
                return false;
            codes[image]++;
        }
        parts->images[i] = codes[image] - 1;
    }
    struct block *packed;
    if (!block_pack(&p->c->memory, parts, &packed))
        return false;
    p->blocks.at[block] = packed;
    return true;
}

bool column_recode(struct columns *c, struct table_state *t, struct column_state *s)
{
    struct promotion p = { .c = c, .table = t, .column = s, .type = COLUMN_STRING };
    uint32_t *codes = calloc(s->texts.texts ? s->texts.texts : 1, sizeof *codes);
    bool ok =
        codes && column_touch(c, t, s) && block_list_extend(&c->memory, &p.blocks, s->blocks.count);
    for (uint32_t b = 0; ok && b < s->blocks.count; b++)
        ok = block_recode(&p, b, codes);
    free(codes);
    promotion_end(&p, ok);
    return ok;
}

bool column_image(struct columns *c, struct table_state *t, struct column_state *s,
                  const struct cell *value, const struct kept_text *text, uint64_t *image,
                  struct err *e)
{
    if (!type_holds(s->type, value) && !column_promote(c, t, s, value, e))
        return false;
    if (s->type != COLUMN_STRING) {
        *image = number_image(s->type, value);
        return true;
    }
    char room[NUMBER_TEXT_MAX];
    struct kept_text own;
    if (!text)
        dictionary_keep(&s->texts, value_text(value, room), &own);
    return text_image(c, t, s, &s->texts, text ? text : &own, image, e);
}
