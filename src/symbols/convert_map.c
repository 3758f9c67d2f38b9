/* convert_map.c - from source maps, and the scripts that they are for, to images. */
#include "symbols/convert_work.h"

#include "base/write_all.h"
#include "sourcemap/sourcemap.h"
#include "symbols/library.h"

#include <sodium.h>
#include <stdio.h>

/* What an image is made of. */
struct map_work {
    struct bytes map;
    struct sourcemap_from from;
};

static bool make(const struct convert_piece *p, struct conversion *c, int fd, struct err *e)
{
    const struct map_work *w = p->arg;
    CLEANUP(arena_free_p) struct arena *a = arena_new(c->job->limits.memory_bytes);
    struct buf out;
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "no memory to read it");
    buf_init(&out, c->job->limits.memory_bytes);
    bool ok = sourcemap_convert(w->map, &w->from, a, &out, e);
    ok = ok && (buf_ok(&out) || err_set(e, ERR_NOMEM, 0, "it takes more memory than there is"));
    ok = ok && write_all(fd, buf_view(&out), "cannot write to the scratch folder", e);
    buf_done(&out);
    return ok;
}

static void hash_text(crypto_generichash_state *state, struct str text)
{
    uint64_t length = text.len;
    crypto_generichash_update(state, (const unsigned char *)&length, sizeof length);
    crypto_generichash_update(state, (const unsigned char *)text.ptr, text.len);
}

/* The same map for another script is another. */
static void hash_work(const struct map_work *w, struct str script,
                      uint8_t hash[CONVERT_SOURCE_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, CONVERT_SOURCE_BYTES);
    hash_text(&state, (struct str){ (const char *)w->map.ptr, w->map.len });
    hash_text(&state, library_file_name(w->from.name));
    hash_text(&state, library_file_name(w->from.script));
    hash_text(&state, w->from.debug_id);
    hash_text(&state, script);
    hash_text(&state,
              w->from.text.len > 0 ? STR("text") : STR("")); /* there may be no room for it */
    crypto_generichash_final(&state, hash, CONVERT_SOURCE_BYTES);
}

static bool convert(struct conversion *c, struct convert_piece *p, const struct map_work *w,
                    struct err *e)
{
    p->make = make;
    p->arg = w;
    hash_work(w, p->script, p->source);
    return convert_piece(c, p, e);
}

bool convert_map(struct conversion *c, struct str entry, struct bytes map, struct err *e)
{
    struct map_work w = { .map = map, .from = { .name = entry } };
    struct convert_piece p = { .entry = entry, .kind = CONVERT_SOURCEMAP, .size = map.len };
    struct convert_script *script = convert_scripts_find(&c->scripts, entry);
    if (script) {
        script->used = true;
        w.from.script = script->path;
        w.from.text = script->text;
        w.from.debug_id = script->debug_id;
        p.script = str_from_c(script->uuid);
    }
    return convert(c, &p, &w, e);
}

/* One that holds its map. */
static bool convert_inline(struct conversion *c, struct str entry, struct str text,
                           const struct script_about *about, struct err *e)
{
    const struct map_work w = {
        .map = { (const uint8_t *)about->map.ptr, about->map.len },
        .from = { .name = STR(""), .script = entry, .text = text, .debug_id = about->debug_id },
    };
    struct convert_piece p = {
        .entry = entry, .kind = CONVERT_SCRIPT, .size = text.len, .script = str_from_c(about->uuid)
    };
    return convert(c, &p, &w, e);
}

bool convert_script(struct conversion *c, struct str entry, struct bytes file, struct err *e)
{
    const struct str text = { (const char *)file.ptr, file.len };
    struct script_about about;
    struct err why = { 0 };
    CLEANUP(arena_free_p) struct arena *a = arena_new(c->job->limits.memory_bytes);
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "no memory to read a script");
    bool ok = script_read(text, a, &about, &why);
    if (ok && about.map.len > 0)
        return convert_inline(c, entry, text, &about, e);
    if (ok && convert_scripts_add(&c->scripts, entry, text, &about, &why))
        return true;
    return convert_not_read(c, entry, CONVERT_SCRIPT, text.len, why.msg, e);
}

bool convert_other_scripts(struct conversion *c, struct err *e)
{
    char why[256];
    for (size_t i = 0; i < c->scripts.list.len; i++) {
        const struct convert_script *s = &c->scripts.list.at[i];
        if (s->used)
            continue;
        if (convert_scripts_is_contested(&c->scripts, (uint32_t)i))
            (void)snprintf(why, sizeof why,
                           "it is a script, and other scripts that came with it claim its source "
                           "map, too: upload that with the one script that it is for");
        else if (s->map_name.len > 0)
            (void)snprintf(why, sizeof why,
                           "it is a script, and the source map that it names, %.128s, did not "
                           "come with it",
                           s->map_name.ptr);
        else
            (void)snprintf(why, sizeof why,
                           "it is a script, and no source map for it came with it");
        if (!convert_not_read(c, s->path, CONVERT_SCRIPT, s->size, why, e))
            return false;
    }
    return true;
}
