/* callstack.c - frames to names: which of them count, what they are called, recursion folded.
 *
 * The walk goes from the innermost frame outwards and keeps a stack of names. What aborts, raises
 * and throws is left out at its beginning; whenever the last names repeat those before them, they
 * go, so that a recursion leaves one turn of itself; and it ends early, as soon as what is to be
 * hashed cannot change any more. In the end what starts threads and programs is taken off.
 *
 * What is hard here: all of this may leave nothing, or, where an unwinder guessed, be chance. So
 * there are up to three walks, each taking more than the one before. */
#include "report/callstack.h"

#include "report/callstack_noise.h"

/* While this many are there, a fold can still reach those that count. */
#define WALK_NAMES_MAX (CALLSTACK_NAMES_MAX + 2 * CALLSTACK_CYCLE_MAX + 16)
#define MEMO_FRAMES 8 /* a recursion's frames are named once */

/* Names. */

static struct str base_name(struct str path)
{
    size_t n = path.len;
    while (n > 0 && path.ptr[n - 1] != '/' && path.ptr[n - 1] != '\\')
        n--;
    return (struct str){ path.ptr + n, path.len - n };
}

static bool ends_with_word(struct str s, const char *word)
{
    size_t n = strlen(word);
    return s.len > n && strncasecmp(s.ptr + s.len - n, word, n) == 0;
}

static bool is_windows(struct str module)
{
    static const char *const endings[] = { ".dll", ".exe", ".sys", ".ocx", ".drv", ".cpl" };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with_word(module, endings[i]))
            return true;
    return false;
}

/* "libfoo.so.1.2.3" as "libfoo.so.1". */
static struct str without_minor(struct str module)
{
    const char *so = memmem(module.ptr, module.len, ".so.", 4);
    if (!so)
        return module;
    size_t n = (size_t)(so - module.ptr) + 4;
    while (n < module.len && module.ptr[n] >= '0' && module.ptr[n] <= '9')
        n++;
    return (struct str){ module.ptr, n };
}

/* A module without its folder and what changes with each of its builds; *out = "" for none. */
static bool module_name(struct str module, struct arena *a, struct str *out)
{
    *out = STR("");
    if (module.len == 0)
        return true;
    const char *query = memchr(module.ptr, '?', module.len); /* of the URL of a script */
    struct str s =
        base_name((struct str){ module.ptr, query ? (size_t)(query - module.ptr) : module.len });
    *out = without_minor(s);
    if (!is_windows(s))
        return true;
    char *folded = arena_alloc(a, s.len);
    if (!folded)
        return false;
    for (size_t i = 0; i < s.len; i++)
        folded[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] + 32) : s.ptr[i];
    *out = (struct str){ folded, s.len };
    return true;
}

/* Of a frame that has no function, or one that has no name: the module says more; of a bundle,
 * whose name differs between builds, the source does. */
static bool name_by_module(const struct crash_frame *f, struct str function, struct arena *a,
                           struct str *out)
{
    struct str module;
    bool script = function.len > 0;
    bool by_module = !f->generated && (f->module.len > 0 || !script);
    if (!module_name(by_module ? f->module : f->file, a, &module))
        return false;
    *out = function;
    if (module.len == 0)
        return true;
    if (script)
        return arena_printf(a, out, "%.*s:%.*s", STR_ARG(module), STR_ARG(function));
    *out = module;
    return !f->has_offset ||
           arena_printf(a, out, "%.*s+0x%llx", STR_ARG(module), (unsigned long long)f->offset);
}

static bool name_frame(const struct crash_frame *f, struct arena *a, struct str *out)
{
    if (!fingerprint_function(f->function, a, out))
        return false;
    bool has_name = out->len > 0 && !str_eq(*out, STR("<anonymous>"));
    return has_name || name_by_module(f, *out, a, out);
}

/* The walk. */

struct named {
    struct str name;
    const struct crash_frame *frame;
};

struct walk {
    struct arena *arena;
    bool with_guessed, with_failing;
    struct named names[WALK_NAMES_MAX];
    size_t count;
    struct named memo[MEMO_FRAMES]; /* the last frames that were named */
    size_t memo_next;
};

static bool same_code(const struct crash_frame *a, const struct crash_frame *b)
{
    return str_eq(a->function, b->function) && str_eq(a->module, b->module) &&
           str_eq(a->file, b->file) && !a->generated == !b->generated &&
           a->has_offset == b->has_offset && a->offset == b->offset;
}

static bool name_or_remember(struct walk *w, const struct crash_frame *f, struct str *out)
{
    for (size_t i = 0; i < MEMO_FRAMES; i++)
        if (w->memo[i].frame && same_code(w->memo[i].frame, f)) {
            *out = w->memo[i].name;
            return true;
        }
    if (!name_frame(f, w->arena, out))
        return false;
    w->memo[w->memo_next++ % MEMO_FRAMES] = (struct named){ *out, f };
    return true;
}

static bool repeats(const struct walk *w, size_t cycle)
{
    if (w->count < 2 * cycle)
        return false;
    const struct named *last = &w->names[w->count - cycle], *before = last - cycle;
    for (size_t i = 0; i < cycle; i++)
        if (!str_eq(last[i].name, before[i].name))
            return false;
    return true;
}

static void fold(struct walk *w)
{
    for (size_t cycle = 1; cycle <= CALLSTACK_CYCLE_MAX; cycle++)
        if (repeats(w, cycle)) {
            w->count -= cycle;
            return;
        }
}

static bool is_start(const struct named *n)
{
    const struct crash_frame *f = n->frame;
    return noise_starting(n->name, f->module.len > 0 ? f->module : f->file, f->function.len > 0);
}

static void take_off_start(struct walk *w)
{
    size_t n = w->count;
    while (n > 0 && is_start(&w->names[n - 1]))
        n--;
    if (n > 0)
        w->count = n;
}

static bool walk(struct walk *w, const struct crash_frame *frames, size_t count)
{
    w->count = 0;
    for (size_t i = 0; i < count && w->count < WALK_NAMES_MAX; i++) {
        struct str name;
        if (frames[i].guessed && !w->with_guessed)
            continue;
        if (!name_or_remember(w, &frames[i], &name))
            return false;
        if (name.len == 0 || (w->count == 0 && !w->with_failing && noise_failing(name)))
            continue;
        w->names[w->count++] = (struct named){ name, &frames[i] };
        fold(w);
    }
    take_off_start(w);
    if (w->count > CALLSTACK_NAMES_MAX)
        w->count = CALLSTACK_NAMES_MAX;
    return true;
}

static bool any_guessed(const struct crash_frame *frames, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (frames[i].guessed)
            return true;
    return false;
}

bool callstack_make(const struct crash_frame *frames, size_t count, struct arena *a,
                    struct callstack *out)
{
    struct walk w = { .arena = a };
    *out = (struct callstack){ 0 };
    if (!walk(&w, frames, count))
        return false;
    if (w.count < 2 && any_guessed(frames, count)) {
        w.with_guessed = true;
        if (!walk(&w, frames, count))
            return false;
    }
    if (w.count == 0) {
        w.with_failing = true;
        if (!walk(&w, frames, count))
            return false;
    }
    out->names = arena_array(a, w.count + 1, sizeof *out->names);
    if (!out->names)
        return false;
    for (size_t i = 0; i < w.count; i++)
        out->names[i] = w.names[i].name;
    out->count = w.count;
    return true;
}
