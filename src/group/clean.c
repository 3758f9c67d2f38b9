/* clean.c - see the header. Frames are taken by places: a place is one frame that was called, with
 * those that were inlined into it, which are told from its memory when this report lacks them. */
#include "group/clean.h"

#define HANDLER_FRAMES 24 /* a signal handler's frames stand no deeper than this */

void cleaned_done(struct cleaned *c)
{
    VEC_FREE(&c->names);
    VEC_FREE(&c->fates);
    VEC_FREE(&c->called);
    VEC_FREE(&c->chain);
}

/* What each frame is called. */
static bool name_frames(struct cleaned *c, const struct trace *t, struct naming *n)
{
    c->called.len = 0;
    if (!VEC_RESERVE(&c->called, t->count))
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        struct str function = t->frames[i].function;
        uint32_t name = function.len > 0 ? naming_function(n, function) : NAMING_NONE;
        if (function.len > 0 && name == NAMING_NONE)
            return false;
        c->called.at[c->called.len++] = name;
    }
    return true;
}

/* How many frames at the top belong to a signal handler, with its trampoline. */
static uint32_t handler_frames(const struct cleaned *c, struct naming *n)
{
    for (uint32_t i = 0; i < c->called.len && i < HANDLER_FRAMES; i++)
        if (c->called.at[i] != NAMING_NONE && naming_info(n, c->called.at[i])->is_trampoline)
            return i + 1 < c->called.len ? i + 1 : 0;
    return 0;
}

/* Frames [first, end) stand at one place. */
struct place {
    uint32_t first, end;
    bool all_named, has_key;
    struct str module; /* as sent; empty: no frame here says one */
    const struct module_info *module_info;
    uint32_t owner; /* when has_key */
};

static uint32_t place_end(const struct trace *t, uint32_t i)
{
    while (i + 1 < t->count && t->frames[i].inlined)
        i++;
    return i + 1;
}

/* Finds the place of frame `first`; its functions go to c->chain. False: no memory. */
static bool place_read(struct cleaned *c, const struct trace *t, uint32_t first, uint32_t project,
                       struct naming *n, struct frame_memory *memory, struct place *p)
{
    *p = (struct place){
        .first = first, .end = place_end(t, first), .all_named = true, .module = STR("")
    };
    c->chain.len = 0;
    for (uint32_t i = first; i < p->end; i++) {
        if (t->frames[i].module.len > 0)
            p->module = t->frames[i].module;
        uint32_t name = c->called.at[i];
        if (name == NAMING_NONE) {
            p->all_named = false;
            continue;
        }
        if (!VEC_RESERVE(&c->chain, 1))
            return false;
        if (c->chain.len == 0 || c->chain.at[c->chain.len - 1] != name)
            c->chain.at[c->chain.len++] = name;
    }
    p->module_info = naming_module(n, p->module);
    if (!p->module_info)
        return false;
    const struct trace_frame *f = &t->frames[first];
    p->has_key = memory && f->has_site && f->build.len > 0;
    if (!p->has_key)
        return true;
    uint32_t build = naming_text_number(n, f->build);
    p->owner = build == NAMING_NONE
                   ? FRAME_MEMORY_NONE
                   : frame_memory_owner(memory, project, build, p->module_info->base);
    return p->owner != FRAME_MEMORY_NONE;
}

static struct frame_chain recall(const struct cleaned *c, const struct trace *t,
                                 const struct place *p, const struct frame_memory *memory)
{
    struct frame_chain known = { c->chain.at, (uint32_t)c->chain.len };
    if (!p->has_key)
        return known;
    struct frame_chain chain =
        frame_memory_recall(memory, p->owner, t->frames[p->first].site, known);
    return chain.count ? chain : known;
}

/* Folding: when the last names repeat those before them, they go. */
static void fold(struct cleaned *c)
{
    struct cleaned_name *at = c->names.at;
    size_t len = c->names.len;
    for (size_t turn = 1; turn <= CLEAN_CYCLE_MAX && 2 * turn <= len; turn++) {
        size_t k = 0;
        while (k < turn && at[len - 1 - k].name == at[len - 1 - k - turn].name)
            k++;
        if (k < turn)
            continue;
        for (k = len - turn; k < len; k++)
            c->fates.at[at[k].frame] = CLEAN_REPEATS;
        c->names.len = len - turn;
        return;
    }
}

static enum clean_fate fate_of(struct naming *n, const struct place *p, uint32_t name,
                               bool keep_platform)
{
    if (keep_platform)
        return CLEAN_COMPARED;
    switch ((enum platform_kind)naming_info(n, name)->kind) {
    case PLATFORM_ENDS:
        return CLEAN_ENDS;
    case PLATFORM_STARTS:
        return CLEAN_STARTS;
    case PLATFORM_SYSTEM:
        return CLEAN_SYSTEM;
    case PLATFORM_NONE:
        break;
    }
    return p->module_info->is_system ? CLEAN_SYSTEM : CLEAN_COMPARED;
}

/* The frame of the place that is called so; else its outermost. */
static uint32_t frame_called(const struct cleaned *c, const struct place *p, uint32_t name,
                             bool *found)
{
    for (uint32_t i = p->first; i < p->end; i++)
        if (c->called.at[i] == name) {
            *found = true;
            return i;
        }
    *found = false;
    return p->end - 1;
}

static bool take_name(struct cleaned *c, const struct trace *t, const struct place *p,
                      struct naming *n, uint32_t name, bool keep_platform)
{
    bool found;
    uint32_t frame = frame_called(c, p, name, &found);
    enum clean_fate fate = fate_of(n, p, name, keep_platform);
    if (fate == CLEAN_COMPARED && !found)
        fate = CLEAN_NAMED;
    if (found || t->frames[frame].function.len == 0)
        c->fates.at[frame] = (uint8_t)fate;
    if (fate > CLEAN_NAMED)
        return true;
    if (c->names.len == CLEAN_NAMES_MAX) {
        c->fates.at[frame] = CLEAN_REPEATS;
        return true;
    }
    if (!VEC_PUSH(&c->names, ((struct cleaned_name){ name, frame, !found })))
        return false;
    fold(c);
    return true;
}

/* A place without any name: its module and site stand in. */
static bool take_unnamed(struct cleaned *c, const struct trace *t, const struct place *p,
                         struct naming *n, bool keep_platform)
{
    const struct trace_frame *f = &t->frames[p->first];
    if (!f->has_site && p->module.len == 0)
        return true;
    if (p->module_info->is_system && !keep_platform) {
        c->fates.at[p->first] = CLEAN_SYSTEM;
        return true;
    }
    uint32_t name = naming_place(n, p->module, f->site);
    return name != NAMING_NONE && take_name(c, t, p, n, name, true);
}

static bool take_place(struct cleaned *c, const struct trace *t, const struct place *p,
                       struct naming *n, struct frame_memory *memory, bool keep_platform)
{
    struct frame_chain chain = recall(c, t, p, memory);
    if (chain.count == 0)
        return take_unnamed(c, t, p, n, keep_platform);
    for (uint32_t i = 0; i < chain.count; i++)
        if (!take_name(c, t, p, n, chain.names[i], keep_platform))
            return false;
    return true;
}

static bool take_all(struct cleaned *c, const struct trace *t, uint32_t from, uint32_t project,
                     struct naming *n, struct frame_memory *memory, bool keep_platform)
{
    struct place p;
    c->names.len = 0;
    for (uint32_t i = 0; i < t->count; i++)
        c->fates.at[i] = i < from ? CLEAN_HANDLER : CLEAN_UNKNOWN;
    for (uint32_t i = from; i < t->count; i = p.end)
        if (!place_read(c, t, i, project, n, memory, &p) ||
            !take_place(c, t, &p, n, memory, keep_platform))
            return false;
    return true;
}

bool clean_trace(struct cleaned *c, const struct trace *t, uint32_t project, struct naming *n,
                 struct frame_memory *memory, bool keep_platform)
{
    c->fates.len = 0;
    if (!VEC_RESERVE(&c->fates, t->count))
        return false;
    c->fates.len = t->count;
    if (!name_frames(c, t, n))
        return false;
    uint32_t from = keep_platform ? 0 : handler_frames(c, n);
    return take_all(c, t, from, project, n, memory, keep_platform) &&
           (c->names.len > 0 || keep_platform || take_all(c, t, 0, project, n, memory, true));
}

bool clean_learn(struct cleaned *c, const struct trace *t, uint32_t project, struct naming *n,
                 struct frame_memory *memory)
{
    struct place p;
    if (!name_frames(c, t, n))
        return false;
    for (uint32_t i = 0; i < t->count; i = p.end) {
        if (!place_read(c, t, i, project, n, memory, &p))
            return false;
        struct frame_chain chain = { c->chain.at, (uint32_t)c->chain.len };
        if (p.has_key && p.all_named && chain.count > 0 && chain.count <= FRAME_CHAIN_MAX &&
            !frame_memory_learn(memory, p.owner, t->frames[i].site, chain))
            return false;
    }
    return true;
}
