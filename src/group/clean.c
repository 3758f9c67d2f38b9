/* clean.c - see the header. Frames are taken by places: a place is one frame that was called, with
 * those that were inlined into it, which are told from its memory when this report lacks them. */
#include "group/clean.h"

#include <assert.h>

#define HANDLER_FRAMES 24 /* a signal handler's frames stand no deeper than this */

void cleaned_done(struct cleaned *c)
{
    VEC_FREE(&c->names);
    VEC_FREE(&c->fates);
    VEC_FREE(&c->called);
    VEC_FREE(&c->places);
    VEC_FREE(&c->chains);
}

/* What each frame is called. */
static bool name_frames(struct cleaned *c, const struct trace *t, struct naming *n)
{
    c->called.len = 0;
    if (!VEC_RESERVE(&c->called, t->count))
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct trace_frame *f = &t->frames[i];
        uint32_t name = f->function.len > 0 ? naming_frame_function(n, f) : NAMING_NONE;
        if (f->function.len > 0 && name == NAMING_NONE)
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

/* What the frames of a trace are held against: a build is mostly that of the frame before. */
struct reading {
    const struct trace *trace;
    uint32_t project;
    struct naming *naming;
    struct frame_memory *memory; /* or NULL */
    struct str build;
    uint32_t build_number;
    /* The owner that was sought last, mostly that of the next frame, too; NONE: not found yet. */
    uint32_t owner_build, owner_module, owner;
};

static uint32_t place_end(const struct trace *t, uint32_t i)
{
    while (i + 1 < t->count && t->frames[i].inlined)
        i++;
    return i + 1;
}

static bool read_chain(struct cleaned *c, const struct trace *t, struct clean_place *p)
{
    p->chain = (uint32_t)c->chains.len;
    p->module = &t->frames[p->first];
    p->all_named = true;
    if (!VEC_RESERVE(&c->chains, p->end - p->first))
        return false;
    for (uint32_t i = p->first; i < p->end; i++) {
        if (t->frames[i].module.len > 0)
            p->module = &t->frames[i];
        uint32_t name = c->called.at[i];
        if (name == NAMING_NONE)
            p->all_named = false;
        else if (c->chains.len == p->chain || c->chains.at[c->chains.len - 1] != name)
            c->chains.at[c->chains.len++] = name;
    }
    p->chain_count = (uint32_t)c->chains.len - p->chain;
    return true;
}

static bool read_build(struct reading *r, struct str build)
{
    if (r->build_number != NAMING_NONE && build.len == r->build.len &&
        (build.ptr == r->build.ptr || str_eq(build, r->build)))
        return true;
    r->build = build;
    r->build_number = naming_text_number(r->naming, build);
    return r->build_number != NAMING_NONE;
}

static bool is_latest_owner(const struct reading *r, const struct clean_place *p)
{
    return r->owner_build == p->build && r->owner_module == p->module_info->base;
}

static void set_latest_owner(struct reading *r, const struct clean_place *p, uint32_t owner)
{
    r->owner_build = p->build;
    r->owner_module = p->module_info->base;
    r->owner = owner;
}

/* Finds the place of frame `first`, but for its owner. False: no memory. */
static bool read_place(struct cleaned *c, struct reading *r, uint32_t first, struct clean_place *p)
{
    const struct trace_frame *f = &r->trace->frames[first];
    *p = (struct clean_place){ .first = first, .end = place_end(r->trace, first) };
    if (!read_chain(c, r->trace, p))
        return false;
    p->module_info = naming_frame_module(r->naming, p->module);
    if (!p->module_info)
        return false;
    p->has_key = r->memory && f->has_site && f->build.len > 0;
    if (!p->has_key)
        return true;
    if (!read_build(r, f->build))
        return false;
    p->build = r->build_number;
    const struct trace_memo *memo = naming_memo(r->naming, p->module, r->project);
    p->owner = memo && memo->build == p->build ? memo->owner : FRAME_MEMORY_NONE;
    if (p->owner == FRAME_MEMORY_NONE && !is_latest_owner(r, p)) {
        set_latest_owner(r, p, FRAME_MEMORY_NONE);
        frame_memory_expect_owner(r->memory, r->project, p->build, p->module_info->base);
    }
    return true;
}

static bool find_owner(struct reading *r, struct clean_place *p)
{
    if (!p->has_key)
        return true;
    if (p->owner == FRAME_MEMORY_NONE) {
        if (r->owner == FRAME_MEMORY_NONE || !is_latest_owner(r, p))
            set_latest_owner(
                r, p, frame_memory_owner(r->memory, r->project, p->build, p->module_info->base));
        p->owner = r->owner;
        if (p->owner == FRAME_MEMORY_NONE)
            return false;
        struct trace_memo *memo = naming_memo(r->naming, p->module, r->project);
        if (memo) {
            memo->build = p->build;
            memo->owner = p->owner;
        }
    }
    frame_memory_expect(r->memory, p->owner, r->trace->frames[p->first].site);
    return true;
}

/* All places; in turns, so that what they need of the memory comes in meanwhile. */
static bool read_places(struct cleaned *c, struct reading *r)
{
    c->places.len = c->chains.len = 0;
    for (uint32_t i = 0; i < r->trace->count; i = c->places.at[c->places.len++].end)
        if (!VEC_RESERVE(&c->places, 1) || !read_place(c, r, i, &c->places.at[c->places.len]))
            return false;
    for (size_t i = 0; i < c->places.len; i++)
        if (!find_owner(r, &c->places.at[i]))
            return false;
    return true;
}

static struct frame_chain known_chain(const struct cleaned *c, const struct clean_place *p)
{
    return (struct frame_chain){ c->chains.at + p->chain, p->chain_count };
}

static struct frame_chain recall(const struct cleaned *c, const struct reading *r,
                                 const struct clean_place *p)
{
    struct frame_chain known = known_chain(c, p);
    if (!p->has_key)
        return known;
    struct frame_chain chain =
        frame_memory_recall(r->memory, p->owner, r->trace->frames[p->first].site, known);
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

static enum clean_fate fate_of(struct naming *n, const struct clean_place *p, uint32_t name,
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
static uint32_t frame_called(const struct cleaned *c, const struct clean_place *p, uint32_t name,
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

static bool take_name(struct cleaned *c, const struct trace *t, const struct clean_place *p,
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
static bool take_unnamed(struct cleaned *c, const struct trace *t, const struct clean_place *p,
                         struct naming *n, bool keep_platform)
{
    const struct trace_frame *f = &t->frames[p->first];
    if (!f->has_site && p->module->module.len == 0)
        return true;
    if (p->module_info->is_system && !keep_platform) {
        c->fates.at[p->first] = CLEAN_SYSTEM;
        return true;
    }
    uint32_t name = naming_place(n, p->module->module, f->site);
    return name != NAMING_NONE && take_name(c, t, p, n, name, true);
}

static bool take_place(struct cleaned *c, const struct reading *r, const struct clean_place *p,
                       bool keep_platform)
{
    struct frame_chain chain = recall(c, r, p);
    if (chain.count == 0)
        return take_unnamed(c, r->trace, p, r->naming, keep_platform);
    for (uint32_t i = 0; i < chain.count; i++)
        if (!take_name(c, r->trace, p, r->naming, chain.names[i], keep_platform))
            return false;
    return true;
}

/* A place of which a handler's frames were cut off. */
static bool take_rest(struct cleaned *c, struct reading *r, uint32_t from, bool keep_platform)
{
    struct clean_place p;
    return read_place(c, r, from, &p) && find_owner(r, &p) && take_place(c, r, &p, keep_platform);
}

static bool take_all(struct cleaned *c, struct reading *r, uint32_t from, bool keep_platform)
{
    c->names.len = 0;
    for (uint32_t i = 0; i < r->trace->count; i++)
        c->fates.at[i] = i < from ? CLEAN_HANDLER : CLEAN_UNKNOWN;
    for (size_t i = 0; i < c->places.len; i++) {
        const struct clean_place *p = &c->places.at[i];
        if (p->first >= from ? !take_place(c, r, p, keep_platform)
                             : p->end > from && !take_rest(c, r, from, keep_platform))
            return false;
    }
    return true;
}

bool clean_trace(struct cleaned *c, const struct trace *t, uint32_t project, struct naming *n,
                 struct frame_memory *memory, bool keep_platform)
{
    struct reading r = { .trace = t,
                         .project = project,
                         .naming = n,
                         .memory = memory,
                         .build_number = NAMING_NONE,
                         .owner = FRAME_MEMORY_NONE };
    c->fates.len = 0;
    if (!VEC_RESERVE(&c->fates, t->count))
        return false;
    c->fates.len = t->count;
    if (!name_frames(c, t, n) || !read_places(c, &r))
        return false;
    uint32_t from = keep_platform ? 0 : handler_frames(c, n);
    return take_all(c, &r, from, keep_platform) &&
           (c->names.len > 0 || keep_platform || take_all(c, &r, 0, true));
}

bool clean_learn(const struct cleaned *c, const struct trace *t, struct frame_memory *memory)
{
    assert(t->count == c->fates.len);
    for (size_t i = 0; i < c->places.len; i++) {
        const struct clean_place *p = &c->places.at[i];
        if (p->has_key && p->all_named && p->chain_count > 0 && p->chain_count <= FRAME_CHAIN_MAX &&
            !frame_memory_learn(memory, p->owner, t->frames[p->first].site, known_chain(c, p)))
            return false;
    }
    return true;
}
