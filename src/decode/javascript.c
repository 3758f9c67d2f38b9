/* javascript.c - frames of scripts as places in their sources: see formats.h.
 *
 * Each script's map is asked for once and held until the end; what frames keep of it is copied.
 * A report can have 200,000 frames that all lie in one line of a source, so texts are copied once,
 * and only the frames that people look at, the first ones of the thread that failed, get the lines
 * around. */
#include "decode/javascript.h"

#include "base/idmap.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "decode/formats.h"
#include "decode/source_lines.h"
#include "sourcemap/script.h"

#define SCRIPTS_MAX 1000
#define NAME_BYTES_MAX 1024 /* of a file or a function; what is longer is cut */
#define WINDOW_FRAMES_MAX 100
#define WINDOW_LINES 5 /* before the line, and behind it */
#define WINDOW_LINE_MAX 500
#define WINDOW_BYTES_MAX ((size_t)1 << 20)       /* of all frames together */
#define SOURCE_BYTES_MAX ((size_t)(4 * 1 << 20)) /* the same, of the frames' own lines */

struct script {
    struct script_id id; /* the report's texts */
    bool wanted, found;
    struct map_found map;
};

/* Finds the number of a thing, of few by looking at all: most reports have one script, and a map of
 * hashes costs more than reading such a report. */
#define FEW 16
struct numbers {
    uint64_t hashes[FEW]; /* until there are as many */
    struct idmap map;     /* from then on */
    bool mapped;
};

/* A frame's place in a source. */
struct spot {
    bool known;
    const struct mapcache *map;
    struct mapcache_spot at;
};

struct mapper {
    struct crash *crash;
    const struct symbol_source *symbols;
    struct arena *arena;
    struct scripts_told told;
    VEC(struct script) scripts;
    struct numbers by_id; /* of scripts */
    bool too_many;        /* of them */
    /* The frame that was looked at before, and its script: the next one is, as a rule, in it. */
    const struct crash_frame *last;
    uint32_t last_script;
    VEC(struct str) texts; /* that were copied */
    struct numbers by_text;
    size_t windows, window_bytes, source_bytes; /* that may still be used */
    struct crash_thread *threads;               /* a copy, when a frame has changed */
};

/* --- numbers ------------------------------------------------------------------------------- */

/* Of `count` things, as many as were added. IDMAP_NONE: it is none of them. */
static uint32_t number_find(const struct numbers *n, size_t count, uint64_t hash,
                            bool (*same)(const void *ctx, uint32_t i), const void *ctx)
{
    if (n->mapped)
        return idmap_find(&n->map, hash, same, ctx);
    for (uint32_t i = 0; i < count; i++)
        if (n->hashes[i] == hash && same(ctx, i))
            return i;
    return IDMAP_NONE;
}

/* The next one; `number`: how many there were. False: no memory. */
static bool number_add(struct numbers *n, size_t number, uint64_t hash)
{
    if (n->mapped)
        return idmap_insert(&n->map, hash, (uint32_t)number);
    n->hashes[number] = hash;
    if (number + 1 < FEW)
        return true;
    n->mapped = idmap_init(&n->map);
    bool ok = n->mapped;
    for (uint32_t i = 0; i < FEW && ok; i++)
        ok = idmap_insert(&n->map, n->hashes[i], i);
    return ok;
}

static void numbers_done(struct numbers *n)
{
    if (n->mapped)
        idmap_done(&n->map);
}

/* --- texts --------------------------------------------------------------------------------- */

struct text_key {
    const struct mapper *mapper;
    struct str text;
};

static bool is_text(const void *ctx, uint32_t i)
{
    const struct text_key *k = ctx;
    return str_eq(k->mapper->texts.at[i], k->text);
}

/* At most so many bytes, whole characters. */
static struct str cut(struct str s, size_t most)
{
    if (s.len <= most)
        return s;
    while (most > 0 && ((unsigned char)s.ptr[most] & 0xc0) == 0x80)
        most--;
    return (struct str){ s.ptr, most };
}

/* A copy in the arena, the same for the same text. */
static bool keep(struct mapper *m, struct str text, struct str *out)
{
    const struct text_key key = { m, text };
    uint64_t hash = idmap_hash(text, 0);
    uint32_t i = number_find(&m->by_text, m->texts.len, hash, is_text, &key);
    if (i != IDMAP_NONE) {
        *out = m->texts.at[i];
        return true;
    }
    return arena_str(m->arena, text, out) && VEC_PUSH(&m->texts, *out) &&
           number_add(&m->by_text, m->texts.len - 1, hash);
}

/* --- scripts ------------------------------------------------------------------------------- */

struct script_key {
    const struct mapper *mapper;
    const struct script_id *id;
};

static bool is_script(const void *ctx, uint32_t i)
{
    const struct script_key *k = ctx;
    const struct script_id *s = &k->mapper->scripts.at[i].id;
    return str_eq(s->debug_id, k->id->debug_id) && str_eq(s->uuid, k->id->uuid) &&
           str_eq(s->name, k->id->name);
}

static bool add_script(struct mapper *m, const struct script_named *named, uint64_t hash)
{
    if (!VEC_PUSH(&m->scripts, ((struct script){ named->id, named->wanted, .found = false })) ||
        !number_add(&m->by_id, m->scripts.len - 1, hash))
        return false;
    struct script *s = &m->scripts.at[m->scripts.len - 1];
    s->found = m->symbols->find_map(m->symbols->ctx, &s->id, &s->map);
    return true;
}

/* *out: its number; IDMAP_NONE when there are too many. */
static bool number_script(struct mapper *m, const struct script_named *named, uint32_t *out)
{
    const struct script_key key = { m, &named->id };
    uint64_t hash = idmap_hash(named->id.debug_id, 1) ^ idmap_hash(named->id.uuid, 2) ^
                    idmap_hash(named->id.name, 3);
    *out = number_find(&m->by_id, m->scripts.len, hash, is_script, &key);
    if (*out != IDMAP_NONE)
        return true;
    m->too_many = m->scripts.len == SCRIPTS_MAX;
    if (m->too_many)
        return true;
    *out = (uint32_t)m->scripts.len;
    return add_script(m, named, hash);
}

static bool same_script(const struct crash_frame *a, const struct crash_frame *b)
{
    return str_eq(scripts_path(a), scripts_path(b)) && str_eq(a->debug_id, b->debug_id);
}

/* Where the frame is in a source. */
static bool locate(struct mapper *m, const struct crash_frame *f, struct spot *out)
{
    struct script_named named;
    *out = (struct spot){ .known = false };
    if (!scripts_name(&m->told, f, &named))
        return true;
    if (!m->last || !same_script(m->last, f)) {
        if (!number_script(m, &named, &m->last_script))
            return false;
        m->last = f;
    }
    const struct script *s = m->last_script != IDMAP_NONE ? &m->scripts.at[m->last_script] : NULL;
    if (!s || !s->found || f->line > UINT32_MAX || f->column > UINT32_MAX)
        return true;
    out->map = s->map.map;
    out->known = mapcache_find(out->map, (uint32_t)f->line, (uint32_t)f->column, &out->at);
    return true;
}

/* --- names --------------------------------------------------------------------------------- */

static bool is_identifier(struct str s)
{
    if (s.len == 0 || (s.ptr[0] >= '0' && s.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!letter && c != '_' && c != '$' && c < 0x80 && !(c == '#' && i == 0))
            return false;
    }
    return true;
}

/* What V8 writes before a function's name, with its blank. */
static struct str prefix_of(struct str function)
{
    static const struct str prefixes[] = { STR_INIT("async "), STR_INIT("new ") };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (str_starts(function, prefixes[i]))
            return prefixes[i];
    return STR("");
}

/* The function that the place lies in; else what its caller calls it there, which is where the
 * caller stands; else it keeps its name in the script. The name that the map gives to the frame's
 * own place is that of something used there, and not of the function. */
static bool name_function(struct mapper *m, const struct spot *at, const struct spot *caller,
                          struct str generated, struct str *out)
{
    struct str name = at->at.function, prefix = prefix_of(generated);
    bool nameless = name.len == 0 || str_eq(name, STR("<anonymous>"));
    if (nameless && caller->known && is_identifier(caller->at.name))
        name = caller->at.name;
    *out = generated;
    if (name.len == 0)
        return true;
    name = cut(name, NAME_BYTES_MAX);
    if (prefix.len == 0 || str_starts(name, prefix))
        return keep(m, name, out);
    char text[NAME_BYTES_MAX + 16];
    memcpy(text, prefix.ptr, prefix.len);
    memcpy(text + prefix.len, name.ptr, name.len);
    return keep(m, (struct str){ text, prefix.len + name.len }, out);
}

/* --- lines --------------------------------------------------------------------------------- */

static bool find_line(const struct spot *at, uint32_t line, struct str *out)
{
    return mapcache_line(at->map, at->at.source, line, out);
}

static bool add_line(struct mapper *m, const struct spot *at, struct crash_frame *f)
{
    struct str line;
    f->source = STR("");
    if (m->source_bytes == 0 || !find_line(at, at->at.line, &line))
        return true;
    line = cut(line, SOURCE_LINE_MAX);
    if (line.len > m->source_bytes) {
        m->source_bytes = 0;
        return true;
    }
    m->source_bytes -= line.len;
    return keep(m, line, &f->source);
}

/* Some lines before and behind it, as far as the source reaches. */
static bool add_window(struct mapper *m, const struct spot *at, struct crash_frame *f)
{
    uint32_t line = at->at.line, first = line > WINDOW_LINES ? line - WINDOW_LINES : 1;
    struct str lines[2 * WINDOW_LINES + 1];
    size_t n = 0, bytes = 0;
    while (n < line - first + 1 + WINDOW_LINES && find_line(at, first + (uint32_t)n, &lines[n])) {
        lines[n] = cut(lines[n], WINDOW_LINE_MAX);
        bytes += lines[n++].len;
    }
    if (n <= line - first || bytes > m->window_bytes)
        return true;
    struct str *kept = arena_array(m->arena, n, sizeof *kept);
    if (!kept)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!keep(m, lines[i], &kept[i]))
            return false;
    m->windows--;
    m->window_bytes -= bytes;
    f->lines = kept;
    f->line_count = n;
    f->first_line = first;
    return true;
}

/* --- frames -------------------------------------------------------------------------------- */

static bool apply(struct mapper *m, const struct spot *at, const struct spot *caller,
                  bool with_window, struct crash_frame *f)
{
    struct crash_generated *generated = arena_alloc(m->arena, sizeof *generated);
    if (!generated)
        return false;
    *generated = (struct crash_generated){ f->function, scripts_path(f), f->line, f->column };
    if (!name_function(m, at, caller, generated->function, &f->function) ||
        !keep(m, cut(at->at.file, NAME_BYTES_MAX), &f->file))
        return false;
    f->generated = generated;
    f->line = at->at.line;
    f->column = at->at.column;
    f->ignored = at->at.ignored;
    return add_line(m, at, f) && (!with_window || m->windows == 0 || add_window(m, at, f));
}

/* The frames of a thread, to be changed. */
static bool copy_frames(struct mapper *m, size_t thread, struct crash_frame **out)
{
    struct crash *c = m->crash;
    const struct crash_thread *t = &c->threads[thread];
    if (!m->threads) {
        m->threads = arena_array(m->arena, c->thread_count, sizeof *m->threads);
        if (!m->threads)
            return false;
        memcpy(m->threads, c->threads, c->thread_count * sizeof *m->threads);
        c->threads = m->threads;
        t = &c->threads[thread];
    }
    *out = arena_array(m->arena, t->frame_count, sizeof **out);
    if (!*out)
        return false;
    memcpy(*out, t->frames, t->frame_count * sizeof **out);
    m->threads[thread].frames = *out;
    return true;
}

static bool map_thread(struct mapper *m, size_t thread)
{
    const struct crash_frame *frames = m->crash->threads[thread].frames;
    size_t count = m->crash->threads[thread].frame_count;
    struct crash_frame *changed = NULL;
    struct spot at, caller = { .known = false };
    for (size_t i = 0; i < count; i++) {
        at = caller;
        if (i == 0 && !locate(m, &frames[0], &at))
            return false;
        caller.known = false;
        if (i + 1 < count && !locate(m, &frames[i + 1], &caller))
            return false;
        if (!at.known)
            continue;
        if (!changed && !copy_frames(m, thread, &changed))
            return false;
        if (!apply(m, &at, &caller, thread == m->crash->main_thread, &changed[i]))
            return false;
    }
    return true;
}

static bool map_threads(struct mapper *m)
{
    struct crash *c = m->crash;
    if (c->main_thread < c->thread_count && !map_thread(m, c->main_thread))
        return false;
    for (size_t i = 0; i < c->thread_count; i++)
        if (i != c->main_thread && !map_thread(m, i))
            return false;
    if (m->too_many)
        crash_error(c, "frames in more than %d scripts, of which the first are looked up",
                    SCRIPTS_MAX);
    return true;
}

/* --- the whole ----------------------------------------------------------------------------- */

/* Which scripts were looked for; ids in the spelling of caches. */
static bool tell(struct mapper *m)
{
    struct crash_module *scripts = arena_array(m->arena, m->scripts.len + 1, sizeof *scripts);
    if (!scripts)
        return false;
    for (size_t i = 0; i < m->scripts.len; i++) {
        const struct script *s = &m->scripts.at[i];
        struct str debug_id, uuid;
        if (!script_id(s->id.debug_id, m->arena, &debug_id) ||
            !script_id(s->id.uuid, m->arena, &uuid))
            return false;
        /* No map can have an id that is too long. */
        bool can_come =
            (s->id.debug_id.len == 0 || debug_id.len > 0) && (s->id.uuid.len == 0 || uuid.len > 0);
        scripts[i] = (struct crash_module){ .code_file = STR(""),
                                            .code_id = uuid,
                                            .debug_file = s->id.name,
                                            .debug_id = debug_id,
                                            .version = STR(""),
                                            .missing = s->wanted && !s->found && can_come };
    }
    m->crash->scripts = scripts;
    m->crash->script_count = m->scripts.len;
    return true;
}

static void release_all(struct mapper *m)
{
    for (size_t i = 0; i < m->scripts.len; i++)
        if (m->scripts.at[i].found)
            m->symbols->release_map(m->symbols->ctx, &m->scripts.at[i].map);
}

bool javascript_map(struct crash *c, const struct symbol_source *symbols, struct arena *a,
                    struct err *e)
{
    struct mapper m = { .crash = c,
                        .symbols = symbols,
                        .arena = a,
                        .windows = WINDOW_FRAMES_MAX,
                        .window_bytes = WINDOW_BYTES_MAX,
                        .source_bytes = SOURCE_BYTES_MAX };
    bool ok = scripts_told(&m.told, c, a);
    if (ok && m.told.any) {
        ok = map_threads(&m) && tell(&m);
        release_all(&m);
        numbers_done(&m.by_id);
        numbers_done(&m.by_text);
        VEC_FREE(&m.texts);
        VEC_FREE(&m.scripts);
    }
    return ok || err_set(e, ERR_NOMEM, 0, "no memory to map the frames of scripts");
}
