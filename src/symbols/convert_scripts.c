/* convert_scripts.c - see the header. Each script has up to four keys, so that a map finds its own
 * by four look-ups, however many there are. */
#include "symbols/convert_scripts.h"

#include "symbols/library.h"

#include <stdlib.h>

#define KEY_BYTES_MAX ((size_t)16 << 20)

/* In the order in which a map asks. */
enum { NAMED_HERE, CALLED_HERE, NAMED_ANYWHERE, CALLED_ANYWHERE };

bool convert_scripts_init(struct convert_scripts *s, size_t memory_bytes)
{
    *s = (struct convert_scripts){ .text_bytes = memory_bytes / 2 };
    s->arena = arena_new(memory_bytes);
    if (s->arena && idmap_init(&s->by_key))
        return true;
    arena_free(s->arena);
    return false;
}

void convert_scripts_done(struct convert_scripts *s)
{
    VEC_FREE(&s->list);
    VEC_FREE(&s->keys);
    VEC_FREE(&s->maps);
    idmap_done(&s->by_key);
    arena_free(s->arena);
}

/* --- keys ------------------------------------------------------------------------------------ */

struct key_wanted {
    const struct convert_scripts *scripts;
    unsigned way;
    struct str text;
};

static bool is_key(const void *ctx, uint32_t number)
{
    const struct key_wanted *w = ctx;
    const struct convert_script_key *k = &w->scripts->keys.at[number];
    return k->way == w->way && str_eq(k->text, w->text);
}

static struct convert_script_key *key_find(const struct convert_scripts *s, unsigned way,
                                           struct str text)
{
    const struct key_wanted w = { s, way, text };
    uint32_t number = idmap_find(&s->by_key, idmap_hash(text, way), is_key, &w);
    return number == IDMAP_NONE ? NULL : &s->keys.at[number];
}

/* What maps ask for in this way: "<folder><name><end>". Empty: nothing. */
static bool key_text(const struct convert_script *script, unsigned way, struct arena *a,
                     struct str *out)
{
    bool named = way == NAMED_HERE || way == NAMED_ANYWHERE;
    bool here = way == NAMED_HERE || way == CALLED_HERE;
    const struct str file = library_file_name(script->path);
    const struct str folder = { script->path.ptr, here ? script->path.len - file.len : 0 };
    const struct str name = named ? script->map_name : file;
    *out = STR("");
    return name.len == 0 ||
           arena_printf(a, out, "%.*s%.*s%s", STR_ARG(folder), STR_ARG(name), named ? "" : ".map");
}

static bool key_add(struct convert_scripts *s, uint32_t script, unsigned way)
{
    struct convert_script_key new = { .way = way, .script = script };
    if (!key_text(&s->list.at[script], way, s->arena, &new.text))
        return false;
    struct convert_script_key *k = key_find(s, way, new.text);
    if (k)
        k->ambiguous |= k->script != script;
    if (k || new.text.len == 0)
        return true;
    return VEC_RESERVE(&s->keys, 1) &&
           idmap_insert(&s->by_key, idmap_hash(new.text, way), (uint32_t)s->keys.len) &&
           VEC_PUSH(&s->keys, new);
}

static bool add_keys(struct convert_scripts *s, uint32_t script)
{
    return key_add(s, script, NAMED_HERE) && key_add(s, script, NAMED_ANYWHERE) &&
           key_add(s, script, CALLED_HERE) && key_add(s, script, CALLED_ANYWHERE);
}

/* --- scripts --------------------------------------------------------------------------------- */

bool convert_scripts_add(struct convert_scripts *s, struct str path, struct str text,
                         const struct script_about *about, struct err *e)
{
    struct convert_script script = { .size = text.len, .text = STR("") };
    memcpy(script.uuid, about->uuid, sizeof script.uuid);
    bool ok = arena_str(s->arena, path, &script.path) &&
              arena_str(s->arena, about->debug_id, &script.debug_id) &&
              arena_str(s->arena, about->map_name, &script.map_name);
    if (ok && text.len <= s->text_bytes && arena_str(s->arena, text, &script.text))
        s->text_bytes -= text.len;
    ok = ok && VEC_PUSH(&s->list, script);
    if (ok && !add_keys(s, (uint32_t)s->list.len - 1)) {
        s->list.at[s->list.len - 1].used = true; /* some keys may lead to it */
        ok = false;
    }
    return ok || err_set(e, ERR_NOMEM, 0, "there are more scripts in it than can be remembered");
}

bool convert_scripts_note_map(struct convert_scripts *s, struct str path, struct err *e)
{
    struct str kept;
    return (arena_str(s->arena, path, &kept) && VEC_PUSH(&s->maps, kept)) ||
           err_set(e, ERR_NOMEM, 0, "there are more source maps in it than can be remembered");
}

/* Scripts with a map beside them. */
static void settle(struct convert_scripts *s)
{
    for (size_t i = 0; i < s->maps.len; i++)
        for (unsigned way = NAMED_HERE; way <= CALLED_HERE; way++) {
            const struct convert_script_key *k = key_find(s, way, s->maps.at[i]);
            if (k && !k->ambiguous)
                s->list.at[k->script].has_map = true;
        }
    s->settled = true;
}

struct convert_script *convert_scripts_find(struct convert_scripts *s, struct str path)
{
    struct str name = library_map_name(path);
    if (!s->settled)
        settle(s);
    for (unsigned way = NAMED_HERE; way <= CALLED_ANYWHERE; way++) {
        bool here = way == NAMED_HERE || way == CALLED_HERE;
        struct convert_script_key *k = key_find(s, way, here ? path : name);
        bool is_other = k && !here && s->list.at[k->script].has_map;
        if (k && !k->ambiguous && !is_other)
            return &s->list.at[k->script];
        if (k && k->ambiguous)
            k->asked = true;
    }
    return NULL;
}

bool convert_scripts_is_contested(struct convert_scripts *s, uint32_t script)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(KEY_BYTES_MAX);
    for (unsigned way = NAMED_HERE; a && way <= CALLED_ANYWHERE; way++) {
        struct str text;
        if (!key_text(&s->list.at[script], way, a, &text))
            return false;
        const struct convert_script_key *k = key_find(s, way, text);
        if (k && k->asked)
            return true;
    }
    return false;
}
