/* symcache_unwind.c - the rows of the tables of CFI and STACK WIN. */
#include "symbols/symcache_image.h"

#include "symbols/symcache_ranges.h"

static void add_row(struct table_writer *t, uint64_t address, uint32_t value)
{
    if (address <= UINT32_MAX)
        table_add(t, (struct table_row){ (uint32_t)address, { value, 0, 0, 0 } });
}

/* ---- CFI ---- */

/* Rows by address as they came, or what is left of those that overlap. */
static bool sort_cfi(const struct symcache_builder *b, struct range **out, size_t *n)
{
    struct range *r = calloc(b->cfi.len + 1, sizeof *r);
    bool sorted = true;
    if (!r)
        return false;
    for (uint32_t i = 0; i < b->cfi.len; i++) {
        r[i] = (struct range){ b->cfi.at[i].first, b->cfi.at[i].last, i, b->cfi.at[i].program };
        sorted = sorted && (i == 0 || r[i].first > r[i - 1].last);
    }
    *n = b->cfi.len;
    *out = r;
    if (sorted)
        return true;
    *out = NULL;
    bool ok = ranges_pieces(r, b->cfi.len, out, n);
    free(r);
    return ok;
}

static bool add_cfi(struct image *img)
{
    struct range *r;
    size_t n = 0;
    uint64_t at = 0; /* up to here all is said */
    struct table_writer *t = &img->tables[TABLE_CFI];
    bool ok = sort_cfi(img->b, &r, &n);
    for (size_t i = 0; ok && i < n; i++) {
        if (i > 0 && r[i].first > at)
            add_row(t, at, 0);
        add_row(t, r[i].first, used_number(&img->programs, r[i].id) + 1);
        at = (uint64_t)r[i].last + 1;
    }
    if (ok && n > 0)
        add_row(t, at, 0);
    img->about.cfi_rows = (uint32_t)t->rows;
    free(r);
    return ok;
}

/* ---- STACK WIN ---- */

static uint32_t win_value(void *ctx, const struct range *r, uint32_t around)
{
    (void)ctx;
    (void)around;
    return r->id + 1;
}

struct change_list {
    struct range_change *at;
    size_t n;
};

/* Where the innermost record of one type changes; the value is its place in b->wins + 1. */
static bool find_changes(struct image *img, bool frame_data, struct change_list *out)
{
    const struct symcache_builder *b = img->b;
    struct range *r = calloc(b->wins.len + 1, sizeof *r);
    size_t n = 0;
    out->n = 0;
    out->at = calloc(2 * b->wins.len + 1, sizeof *out->at);
    for (uint32_t i = 0; r && i < b->wins.len; i++)
        if (b->wins.at[i].record.frame_data == frame_data) {
            r[n] = (struct range){ (uint32_t)b->wins.at[i].record.start, b->wins.at[i].last,
                                   (uint32_t)n, i };
            n++;
        }
    size_t all = n;
    bool ok = r && out->at && ranges_nested(r, &n, false) &&
              ranges_changes(r, n, win_value, NULL, out->at, &out->n);
    img->about.win_rows += (uint32_t)n;
    img->about.skipped += (uint32_t)(all - n);
    free(r);
    return ok;
}

/* The number of a record in the image + 1. */
static uint32_t add_record(struct image *img, uint32_t *numbers, uint32_t win)
{
    if (win == 0 || numbers[win - 1] != 0)
        return win == 0 ? 0 : numbers[win - 1];
    const struct built_win *w = &img->b->wins.at[win - 1];
    const struct symcache_win *s = &w->record;
    const uint32_t record[WIN_FIELDS] = {
        [WIN_START] = (uint32_t)s->start,
        [WIN_SIZE] = s->size,
        [WIN_PROLOG] = s->prolog_size,
        [WIN_EPILOG] = s->epilog_size,
        [WIN_PARAMETERS] = s->parameter_bytes,
        [WIN_SAVED] = s->saved_register_bytes,
        [WIN_LOCALS] = s->local_bytes,
        [WIN_MAX_STACK] = s->max_stack_bytes,
        [WIN_PROGRAM] = w->program ? used_number(&img->programs, w->program - 1) + 1 : 0,
        [WIN_FLAGS] = (s->frame_data ? WIN_FLAG_FRAME_DATA : 0u) |
                      (s->has_program ? WIN_FLAG_PROGRAM : 0u) |
                      (s->allocates_base_pointer ? WIN_FLAG_BASE_POINTER : 0u),
    };
    if (!VEC_RESERVE(&img->wins, WIN_FIELDS)) {
        img->programs.failed = true;
        return 0;
    }
    memcpy(img->wins.at + img->wins.len, record, sizeof record);
    img->wins.len += WIN_FIELDS;
    return numbers[win - 1] = (uint32_t)(img->wins.len / WIN_FIELDS);
}

/* Two lists become one: a record of the first goes before one of the second. */
static void merge_changes(struct image *img, const struct change_list *first,
                          const struct change_list *second, uint32_t *numbers)
{
    uint32_t a = 0, b = 0;
    size_t i = 0, k = 0;
    while (i < first->n || k < second->n) {
        uint64_t next_a = i < first->n ? first->at[i].address : UINT64_MAX;
        uint64_t next_b = k < second->n ? second->at[k].address : UINT64_MAX;
        if (next_a <= next_b)
            a = first->at[i++].value;
        if (next_b <= next_a)
            b = second->at[k++].value;
        add_row(&img->tables[TABLE_WIN], next_a < next_b ? next_a : next_b,
                add_record(img, numbers, a ? a : b));
    }
}

static bool add_wins(struct image *img)
{
    struct change_list data = { 0 }, fpo = { 0 };
    uint32_t *numbers = calloc(img->b->wins.len + 1, sizeof *numbers);
    bool ok = numbers && find_changes(img, true, &data) && find_changes(img, false, &fpo);
    if (ok)
        merge_changes(img, &data, &fpo, numbers);
    free(data.at);
    free(fpo.at);
    free(numbers);
    return ok;
}

bool image_unwind(struct image *img)
{
    return add_cfi(img) && add_wins(img);
}
