/* symbol_rows.c - see the header. */
#include "engine/symbol_rows.h"

#include "base/date.h"
#include "symbols/convert_kind.h"

#define ROWS_MAX 30000   /* more than a helper may find */
#define SENTENCES_MAX 20 /* of all that is wrong; the rest is counted */
#define ERRORS_MAX 65536 /* bytes of them */

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory to read symbols");
}

bool symbol_rows_init(struct symbol_rows *r, struct upload_work *w)
{
    *r = (struct symbol_rows){ .w = w, .tag = symbols_sent_tag(&w->upload) };
    return idmap_init(&r->by_source);
}

void symbol_rows_done(struct symbol_rows *r)
{
    VEC_FREE(&r->list);
    idmap_done(&r->by_source);
}

struct source_wanted {
    const struct symbol_rows *rows;
    const uint8_t *source;
};

static bool is_source(const void *ctx, uint32_t row)
{
    const struct source_wanted *w = ctx;
    return row < w->rows->list.len && w->rows->list.at[row].has_source &&
           memcmp(w->rows->list.at[row].source, w->source, CONTENT_HASH_BYTES) == 0;
}

static uint64_t source_hash(const uint8_t source[CONTENT_HASH_BYTES])
{
    return idmap_hash((struct str){ (const char *)source, CONTENT_HASH_BYTES }, 0);
}

const struct stored_symbol_file *symbol_rows_find(const struct symbol_rows *r,
                                                  const uint8_t source[CONTENT_HASH_BYTES])
{
    const struct source_wanted w = { r, source };
    uint32_t row = idmap_find(&r->by_source, source_hash(source), is_source, &w);
    return row == IDMAP_NONE ? NULL : &r->list.at[row];
}

bool symbol_rows_push(struct symbol_rows *r, const struct stored_symbol_file *row, struct err *e)
{
    if (r->list.len == ROWS_MAX)
        return err_set(e, ERR_LIMIT, 0, "there are too many files in it");
    if (row->has_source &&
        !idmap_insert(&r->by_source, source_hash(row->source), (uint32_t)r->list.len))
        return no_memory(e);
    return VEC_PUSH(&r->list, *row) || no_memory(e);
}

struct stored_symbol_file symbol_rows_new(const struct symbol_rows *r)
{
    return (struct stored_symbol_file){
        .object = r->w->upload.object,
        .project = r->w->upload.project,
        .entry = STR(""),
        .version = convert_kind_version(CONVERT_OTHER),
        .debug_file = STR(""),
        .debug_id = STR(""),
        .code_file = STR(""),
        .code_id = STR(""),
        .tag = r->tag,
        .error = STR(""),
        .converted_ms = date_now_ms(),
    };
}

bool symbol_rows_push_failure(struct symbol_rows *r, struct str why, bool later, struct err *e)
{
    struct stored_symbol_file row = symbol_rows_new(r);
    if (later)
        row.version = SYMBOLS_NOT_NOW;
    if (!arena_str(r->w->job.arena, why, &row.error) ||
        !VEC_PUSH(&r->list, row)) /* beyond ROWS_MAX, too */
        return no_memory(e);
    r->failure = r->list.len;
    return true;
}

static void add_sentence(struct buf *out, const struct stored_symbol_file *row)
{
    if (out->len > 0)
        buf_char(out, '\n');
    size_t begin = out->len;
    if (row->entry.len > 0)
        buf_printf(out, "%.*s: ", STR_ARG(row->entry));
    buf_str(out, row->error);
    for (size_t i = begin; i < out->len; i++) /* it is one line, whatever the entry's name */
        if ((unsigned char)out->ptr[i] < ' ')
            out->ptr[i] = ' ';
}

/* What is wrong, for the upload's sender: one sentence a line. What ended the reading is more than
 * what is wrong with one file, and comes first. */
static bool sum_up(struct symbol_rows *r, struct err *e)
{
    struct buf out;
    size_t wrong = 0;
    buf_init(&out, ERRORS_MAX);
    if (r->failure > 0 && wrong++ < SENTENCES_MAX)
        add_sentence(&out, &r->list.at[r->failure - 1]);
    for (size_t i = 0; i < r->list.len; i++)
        if (r->list.at[i].error.len > 0 && i + 1 != r->failure && wrong++ < SENTENCES_MAX)
            add_sentence(&out, &r->list.at[i]);
    if (wrong > SENTENCES_MAX)
        buf_printf(&out, "\nand %zu more", wrong - SENTENCES_MAX);
    bool ok = buf_ok(&out) && arena_str(r->w->job.arena, buf_view(&out), &r->w->row.error);
    buf_done(&out);
    return ok || no_memory(e);
}

bool symbol_rows_finish(struct symbol_rows *r, struct err *e)
{
    struct upload_work *w = r->w;
    if (r->list.len == 0 && !symbol_rows_push_failure(r, STR("there is no file in it"), false, e))
        return false;
    struct stored_symbol_file *rows = arena_array(w->job.arena, r->list.len, sizeof *rows);
    if (!rows)
        return no_memory(e);
    memcpy(rows, r->list.at, r->list.len * sizeof *rows);
    w->row.symbol_files = rows;
    w->row.symbol_file_count = r->list.len;
    return sum_up(r, e);
}
