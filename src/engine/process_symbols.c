/* process_symbols.c - an upload of symbols or source maps: what is in it, and a cache for each file
 * that can be read. A converter's step (conversions.c), as process_upload.c is the workers'.
 *
 * The upload is read by a helper process, which may be taken over by what is in it. So all that it
 * says is checked: lines by convert_line_read, caches byte for byte, and the identity of a module
 * is taken from its cache. The worst that it can do is to say wrong things about its own upload:
 * what is known of earlier uploads is looked up within the project, and caches have their names
 * from their own bytes.
 *
 * What cannot be read is kept with the upload, as a row and a sentence (symbol_rows.h). What we
 * could not do now (a full disk; a process that somebody has ended) gets a row of version 0: it is
 * done again after a while (later.h), and at the next start. */
#include "engine/inside.h"

#include "base/log.h"
#include "engine/helper.h"
#include "engine/symbol_rows.h"
#include "symbols/convert_line.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#define KILLED_MAX 5 /* then the upload is to blame, for taking too much memory or the like */
#define LINE_ARENA ((size_t)1 << 20)
#define TEXT_MAX 1024 /* bytes of a name or an id in a cache that is kept in a row */

struct converting {
    struct upload_work *w;
    struct engine *engine;
    struct symbol_scratch scratch;
    struct helper helper;
    struct arena *line_arena;
    struct symbol_rows rows;
    bool asked; /* the helper converts `row` now */
    struct stored_symbol_file row;
    uint32_t images;      /* it has made */
    bool ended;           /* it has said so */
    struct str end;       /* and this, when it could not read all */
    struct str script_id; /* that the sender gives to all source maps in it; empty: none */
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory to read symbols");
}

/* --- what came before ----------------------------------------------------------------------- */

/* What is known of these bytes, for another row of theirs. */
static void repeat(struct stored_symbol_file *row, const struct stored_symbol_file *known)
{
    struct stored_symbol_file r = *known;
    r.object = row->object;
    r.project = row->project;
    r.entry = row->entry;
    r.tag = row->tag;
    r.converted_ms = row->converted_ms;
    /* A file that is looked at again is not its own duplicate. */
    r.duplicate = known->has_cache && (known->object != row->object || known->duplicate);
    *row = r;
}

static bool is_usable(struct engine *en, const struct stored_symbol_file *f)
{
    return f->version == convert_kind_version((enum convert_kind)f->kind) &&
           (!f->has_cache || library_has_image(en->library, f->hash));
}

/* *known: these bytes came before, here or earlier in the project; c->row says what they are. */
static bool look_up(struct converting *c, bool *known, struct err *e)
{
    struct stored_symbol_file found;
    struct err none = { 0 };
    const struct stored_symbol_file *here = symbol_rows_find(&c->rows, c->row.source);
    *known = here != NULL;
    if (*known) {
        repeat(&c->row, here);
        c->row.duplicate = c->row.has_cache;
        return true;
    }
    if (!store_symbol_known(c->engine->store, c->row.project, c->row.source, c->row.version,
                            c->w->job.arena, &found, &none)) {
        if (none.code == ERR_NOT_FOUND)
            return true;
        *e = none;
        return false;
    }
    *known = is_usable(c->engine, &found);
    if (*known)
        repeat(&c->row, &found);
    return true;
}

/* --- what the helper says ------------------------------------------------------------------ */

static bool row_of_line(struct converting *c, const struct convert_line *line, struct err *e)
{
    c->row = symbol_rows_new(&c->rows);
    c->row.kind = line->kind;
    c->row.version = convert_kind_version(line->kind);
    c->row.size = line->size;
    return (arena_str(c->w->job.arena, line->entry, &c->row.entry) &&
            arena_str(c->w->job.arena, line->error, &c->row.error)) ||
           no_memory(e);
}

/* A source map that the sender gives another id is another. */
static void hash_source(const struct converting *c, const struct convert_line *line,
                        uint8_t out[CONVERT_SOURCE_BYTES])
{
    crypto_generichash_state state;
    memcpy(out, line->source, CONVERT_SOURCE_BYTES);
    if (!convert_kind_is_map(line->kind) || c->script_id.len == 0)
        return;
    crypto_generichash_init(&state, NULL, 0, CONVERT_SOURCE_BYTES);
    crypto_generichash_update(&state, line->source, CONVERT_SOURCE_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)c->script_id.ptr, c->script_id.len);
    crypto_generichash_final(&state, out, CONVERT_SOURCE_BYTES);
}

static bool asked(struct converting *c, const struct convert_line *line, struct err *e)
{
    bool known = false;
    if (!row_of_line(c, line, e))
        return false;
    c->row.has_source = true;
    hash_source(c, line, c->row.source);
    if (convert_kind_is_map(line->kind) &&
        !arena_str(c->w->job.arena, c->script_id.len > 0 ? c->script_id : line->script,
                   &c->row.code_id))
        return no_memory(e);
    if (!look_up(c, &known, e) || (known && !symbol_rows_push(&c->rows, &c->row, e)))
        return false;
    c->asked = !known;
    helper_tell(&c->helper, known ? CONVERT_KNOWN : CONVERT_DO);
    return true;
}

static bool keep_text(struct converting *c, struct str text, struct str *out)
{
    if (text.len > TEXT_MAX)
        text.len = TEXT_MAX;
    return arena_str(c->w->job.arena, text, out);
}

static bool identify_map(struct converting *c, const struct mapcache *cache, struct err *e)
{
    struct mapcache_about about;
    struct stored_symbol_file *row = &c->row;
    mapcache_about(cache, &about);
    row->parts = library_map_parts(&about);
    return (keep_text(c, library_script_name(&about), &row->debug_file) &&
            keep_text(c, about.debug_id, &row->debug_id)) ||
           no_memory(e);
}

static bool identify(struct converting *c, const struct symcache *cache, struct err *e)
{
    struct symcache_about about;
    struct stored_symbol_file *row = &c->row;
    symcache_about(cache, &about);
    row->cpu = about.cpu;
    row->parts = library_parts(&about);
    return (keep_text(c, about.debug_file, &row->debug_file) &&
            keep_text(c, about.debug_id, &row->debug_id) &&
            keep_text(c, about.code_file, &row->code_file) &&
            keep_text(c, about.code_id, &row->code_id)) ||
           no_memory(e);
}

static bool identify_image(struct converting *c, const struct symbol_image *image, struct err *e)
{
    struct stored_symbol_file *row = &c->row;
    bool is_map = convert_kind_is_map((enum convert_kind)row->kind);
    if (is_map != (image->mapcache != NULL))
        return err_set(e, ERR_INPUT, 0, "the helper process made something else of it");
    if (!is_map)
        return identify(c, image->symcache, e);
    if (!identify_map(c, image->mapcache, e))
        return false;
    if (row->debug_id.len == 0 && row->code_id.len == 0 && row->debug_file.len == 0) {
        row->has_cache = false;
        row->error = STR("nothing says which script this source map is for: send it with its name "
                         "(file=app.js.map), or with symbolication_id");
    }
    return true;
}

static bool made(struct converting *c, const struct convert_line *line, struct err *e)
{
    struct symbol_image image;
    if (line->image != c->images++)
        return err_set(e, ERR_INPUT, 0, "the helper process counts wrongly");
    if (!symbol_images_keep(c->engine->images, &c->scratch, line->image, c->row.hash, &image, e))
        return false;
    c->row.has_cache = true;
    bool ok = identify_image(c, &image, e);
    symbol_image_free(&image);
    return ok && symbol_rows_push(&c->rows, &c->row, e);
}

static bool failed(struct converting *c, const struct convert_line *line, struct err *e)
{
    if (line->later)
        c->row.version = SYMBOLS_NOT_NOW;
    return (arena_str(c->w->job.arena, line->error, &c->row.error) || no_memory(e)) &&
           symbol_rows_push(&c->rows, &c->row, e);
}

/* False: something that a helper would not say now, or what we could not do. */
static bool take_line(struct converting *c, const struct convert_line *line, struct err *e)
{
    bool was_asked = c->asked;
    c->asked = false;
    if (was_asked && line->say == CONVERT_MADE)
        return made(c, line, e);
    if (was_asked && line->say == CONVERT_FAILED)
        return failed(c, line, e);
    if (was_asked || c->ended)
        return err_set(e, ERR_INPUT, 0, "the helper process does not keep to the order");
    switch (line->say) {
    case CONVERT_ASK:
        return asked(c, line, e);
    case CONVERT_NOT_READ:
        return row_of_line(c, line, e) && symbol_rows_push(&c->rows, &c->row, e);
    case CONVERT_END:
        c->ended = true;
        return arena_str(c->w->job.arena, line->error, &c->end) || no_memory(e);
    case CONVERT_MADE:
    case CONVERT_FAILED:
        break;
    }
    return err_set(e, ERR_INPUT, 0, "the helper process does not keep to the order");
}

/* Until it has ended. False: *e says what was wrong with a line, or with us. *over: the server is
 * closing. */
static bool listen_to_all(struct converting *c, bool *over, struct err *e)
{
    struct str text;
    enum helper_got got;
    while (!c->ended && (got = helper_next(&c->helper, &text)) != HELPER_ENDED) {
        struct convert_line line;
        *over = got == HELPER_OVER;
        if (*over)
            return true;
        arena_reset(c->line_arena);
        if (!convert_line_read(&line, text, c->line_arena, e) || !take_line(c, &line, e))
            return false;
    }
    return true;
}

/* --- the process --------------------------------------------------------------------------- */

/* The upload on a descriptor, whether it is a file or not. */
static bool open_upload(struct converting *c, int *fd, struct err *e)
{
    const struct content *body = &c->w->upload.body;
    if (body->in_file)
        return blobs_open_file(c->engine->blobs, body, fd, e);
    *fd = memfd_create("upload", MFD_CLOEXEC);
    if (*fd >= 0 && write(*fd, body->bytes.ptr, body->bytes.len) == (ssize_t)body->bytes.len &&
        lseek(*fd, 0, SEEK_SET) == 0)
        return true;
    if (*fd >= 0)
        close(*fd);
    return err_set(e, ERR_BUSY, 0, "no memory for the helper process");
}

static bool is_over(void *ctx)
{
    const struct converting *c = ctx;
    return conversions_closing(c->engine);
}

static bool start(struct converting *c, int upload, struct err *e)
{
    struct str name;
    if (!arena_str(c->w->job.arena, symbols_sent_name(&c->w->upload), &name)) /* ends with a zero */
        return no_memory(e);
    const struct helper_start how = {
        .program = c->engine->config.helper,
        .upload = upload,
        .scratch = c->scratch.fd,
        .name = name.ptr,
        .timeout_ms = c->engine->config.helper_timeout_ms,
        .is_over = is_over,
        .ctx = c,
    };
    return helper_start(&c->helper, &how, e);
}

/* How the reading ended, as rows. */
static bool conclude(struct converting *c, const struct err *wrong, struct err *e)
{
    struct err why = { 0 };
    enum helper_end how = helper_end(&c->helper, !c->ended, &why);
    if (wrong->code != ERR_NONE) {
        bool theirs = wrong->code == ERR_INPUT || wrong->code == ERR_LIMIT;
        return symbol_rows_push_failure(&c->rows, str_from_c(wrong->msg), !theirs, e);
    }
    if (c->ended && how != HELPER_WELL) /* it has said all, and yet something is wrong with it */
        log_line(LOG_ERROR, "helper_ended_badly", "object=%llx reason=%s",
                 (unsigned long long)c->w->upload.object, log_str(str_from_c(why.msg)));
    if (c->ended)
        return c->end.len == 0 || symbol_rows_push_failure(&c->rows, c->end, false, e);
    if (how == HELPER_WELL)
        (void)err_set(&why, ERR_IO, 0, "the process that read it ended too early");
    bool again =
        how == HELPER_LATER ||
        (how == HELPER_KILLED && later_killed(c->engine->later, c->w->upload.object) < KILLED_MAX);
    return symbol_rows_push_failure(&c->rows, str_from_c(why.msg), again, e);
}

static bool talk(struct converting *c, int upload, struct err *e)
{
    struct err wrong = { 0 }, ignored = { 0 };
    bool over = false;
    if (!start(c, upload, e))
        return false;
    if (!listen_to_all(c, &over, &wrong) && wrong.code == ERR_NOMEM)
        *e = wrong;
    if (!c->ended && is_over(c)) /* whatever ends the server may have ended the process, too */
        over = true;
    if (over)
        (void)err_set(e, ERR_BUSY, 0, "the server is closing");
    if (over || e->code != ERR_NONE) {
        (void)helper_end(&c->helper, true, &ignored);
        return false;
    }
    return conclude(c, &wrong, e);
}

static bool convert(struct converting *c, struct err *e)
{
    int upload;
    if (!open_upload(c, &upload, e))
        return false;
    bool ok = symbol_scratch_make(c->engine->images, &c->scratch, e);
    if (ok) {
        ok = talk(c, upload, e);
        symbol_scratch_remove(c->engine->images, &c->scratch);
    }
    close(upload);
    return ok;
}

/* --- the same upload once more --------------------------------------------------------------- */

/* Whether rows of another upload of the same file say all there is to say of this one. A source map
 * that came alone may have come under another name, and then it was another. */
static bool all_usable(const struct converting *c, const struct stored_symbol_file *rows,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_usable(c->engine, &rows[i]) || (rows[i].entry.len == 0 && !rows[i].has_cache) ||
            (count == 1 && convert_kind_is_map((enum convert_kind)rows[i].kind) &&
             !str_eq(rows[i].entry, symbols_sent_name(&c->w->upload))))
            return false;
    return count > 0;
}

/* *done: it came before, and its rows are this one's, too: nothing has to be read. */
static bool repeat_upload(struct converting *c, bool *done, struct err *e)
{
    const struct upload *u = &c->w->upload;
    struct stored_symbol_file *rows;
    size_t count;
    uint64_t before = 0;
    *done = false;
    if (!u->body.in_file || u->format != UPLOAD_SYMBOLS)
        return true;
    if (!store_symbol_upload_find(c->engine->store, u->project, u->body.hash, u->object, &before,
                                  e))
        return false;
    if (before == 0)
        return true;
    if (!store_symbols_of(c->engine->store, before, c->w->job.arena, &rows, &count, e))
        return false;
    *done = all_usable(c, rows, count);
    for (size_t i = 0; *done && i < count; i++) {
        struct stored_symbol_file row = symbol_rows_new(&c->rows);
        row.entry = rows[i].entry;
        repeat(&row, &rows[i]);
        if (!symbol_rows_push(&c->rows, &row, e))
            return false;
    }
    return true;
}

/* --- the whole ------------------------------------------------------------------------------ */

static bool work(struct converting *c, struct err *e)
{
    struct err wrong = { 0 };
    bool done;
    if (c->w->ticket.undecoded)
        return symbol_rows_push_failure(&c->rows, STR("reading it takes more memory than there is"),
                                        false, e) &&
               symbol_rows_finish(&c->rows, e);
    if (!symbols_sent_id(&c->w->upload, c->w->job.arena, &c->script_id, &wrong)) {
        if (wrong.code == ERR_INPUT) /* taken by a server that did not mind */
            return symbol_rows_push_failure(&c->rows, str_from_c(wrong.msg), false, e) &&
                   symbol_rows_finish(&c->rows, e);
        *e = wrong;
        return false;
    }
    return repeat_upload(c, &done, e) && (done || convert(c, e)) && symbol_rows_finish(&c->rows, e);
}

bool process_symbols(struct upload_work *w)
{
    struct converting c = { .w = w, .engine = w->engine };
    c.line_arena = arena_new(LINE_ARENA);
    bool ok = (c.line_arena && symbol_rows_init(&c.rows, w)) || no_memory(&w->job.err);
    if (ok) {
        ok = work(&c, &w->job.err);
        symbol_rows_done(&c.rows);
    }
    arena_free(c.line_arena);
    return ok;
}
