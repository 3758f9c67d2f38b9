/* naming.c - see the header. */
#include "group/naming.h"

#include "report/fingerprint.h"

#include <stdatomic.h>
#include <stdio.h>

#define SCRATCH_BYTES ((size_t)1 << 20) /* for one name */
#define PLACE_TEXT_MAX 512

static uint64_t next_signature(void)
{
    static _Atomic uint64_t last;
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

bool naming_init(struct naming *n)
{
    *n = (struct naming){ .memos_by = next_signature() };
    bool ok = names_init(&n->names);
    ok = names_init(&n->sent) && ok;
    ok = names_init(&n->modules) && ok;
    seglist_init(&n->info, sizeof(struct name_info));
    seglist_init(&n->meant, sizeof(uint32_t));
    seglist_init(&n->module_info, sizeof(struct module_info));
    n->scratch = arena_new(SCRATCH_BYTES);
    return ok && n->scratch;
}

void naming_done(struct naming *n)
{
    names_done(&n->names);
    names_done(&n->sent);
    names_done(&n->modules);
    seglist_done(&n->info);
    seglist_done(&n->meant);
    seglist_done(&n->module_info);
    arena_free(n->scratch);
}

struct naming_mark naming_mark(const struct naming *n)
{
    return (struct naming_mark){ names_mark(&n->names), names_mark(&n->sent),
                                 names_mark(&n->modules) };
}

static void rewind_one(struct names *names, struct seglist *beside, struct names_mark to)
{
    names_rewind(names, to);
    if (beside->len > to.count)
        seglist_truncate(beside, to.count);
}

void naming_rewind(struct naming *n, struct naming_mark to)
{
    n->memos_by = next_signature();
    rewind_one(&n->names, &n->info, to.names);
    rewind_one(&n->sent, &n->meant, to.sent);
    rewind_one(&n->modules, &n->module_info, to.modules);
}

void naming_publish(struct naming *n)
{
    names_publish(&n->names);
}

size_t naming_bytes(const struct naming *n)
{
    return names_bytes(&n->names) + names_bytes(&n->sent) + names_bytes(&n->modules);
}

/* The number of a text in one of the tables; *is_new when it has just got it. */
static uint32_t number_of(struct names *names, struct seglist *beside, struct str text,
                          bool *is_new)
{
    struct err ignored;
    uint32_t number = names_find_added(names, text);
    *is_new = number == NAMES_NONE;
    if (!*is_new)
        return number;
    if (beside->len <= names->names.len && !seglist_grow(beside, 1))
        return NAMING_NONE;
    return names_add(names, text, &ignored);
}

uint32_t naming_text_number(struct naming *n, struct str text)
{
    bool is_new;
    return number_of(&n->names, &n->info, text, &is_new);
}

uint32_t naming_function(struct naming *n, struct str text)
{
    struct str meant;
    bool is_new;
    uint32_t sent = number_of(&n->sent, &n->meant, text, &is_new);
    if (sent == NAMING_NONE)
        return NAMING_NONE;
    uint32_t *number = seglist_at(&n->meant, sent); /* 0 until it is known, else number + 1 */
    if (*number == 0) {
        arena_reset(n->scratch);
        if (!fingerprint_function(text, n->scratch, &meant) || meant.len == 0)
            meant = text;
        *number = naming_text_number(n, meant) + 1; /* NAMING_NONE + 1 is 0 */
    }
    return *number - 1;
}

const struct name_info *naming_info(struct naming *n, uint32_t name)
{
    struct name_info *info = seglist_at(&n->info, name);
    if (!info->looked_up) {
        struct str text = naming_text(n, name);
        *info = (struct name_info){ .looked_up = true,
                                    .kind = (uint8_t)platform_frame(text, STR("")),
                                    .is_trampoline = platform_is_trampoline(text),
                                    .is_memory_word = platform_is_memory_word(text) };
    }
    return info;
}

static struct str base_name(struct str path)
{
    size_t n = path.len;
    while (n > 0 && path.ptr[n - 1] != '/' && path.ptr[n - 1] != '\\')
        n--;
    return n == 0 ? path : (struct str){ path.ptr + n, path.len - n };
}

static uint32_t module_number(struct naming *n, struct str module)
{
    bool is_new;
    uint32_t number = number_of(&n->modules, &n->module_info, module, &is_new);
    if (number == NAMING_NONE)
        return NAMING_NONE;
    struct module_info *info = seglist_at(&n->module_info, number);
    if (info->base == 0) {
        uint32_t base = naming_text_number(n, base_name(module));
        if (base == NAMING_NONE)
            return NAMING_NONE;
        info->base = base + 1;
        info->is_system = module.len > 0 && platform_frame(STR(""), module) == PLATFORM_SYSTEM;
    }
    return number;
}

/* Where to note it, with what was noted before; NULL: nowhere. */
static struct trace_memo *memo_of(const struct naming *n, const struct trace_frame *f)
{
    if (f->memo && f->memo->by != n->memos_by)
        *f->memo = (struct trace_memo){ n->memos_by, NAMING_NONE, NAMING_NONE, 0,
                                        NAMING_NONE, NAMING_NONE, NAMING_NONE };
    return f->memo;
}

struct trace_memo *naming_memo(const struct naming *n, const struct trace_frame *f,
                               uint32_t project)
{
    struct trace_memo *memo = memo_of(n, f);
    if (memo && memo->project != project) {
        memo->project = project;
        memo->helper = memo->build = memo->owner = NAMING_NONE;
    }
    return memo;
}

uint32_t naming_frame_function(struct naming *n, const struct trace_frame *f)
{
    struct trace_memo *memo = memo_of(n, f);
    if (!memo)
        return naming_function(n, f->function);
    if (memo->function == NAMING_NONE)
        memo->function = naming_function(n, f->function);
    return memo->function;
}

const struct module_info *naming_frame_module(struct naming *n, const struct trace_frame *f)
{
    struct trace_memo *memo = memo_of(n, f);
    uint32_t number =
        memo && memo->module != NAMING_NONE ? memo->module : module_number(n, f->module);
    if (memo)
        memo->module = number;
    return number != NAMING_NONE ? seglist_at(&n->module_info, number) : NULL;
}

uint32_t naming_place(struct naming *n, struct str module, uint16_t site)
{
    char text[PLACE_TEXT_MAX];
    struct str base = base_name(module);
    int len = snprintf(text, sizeof text, "%.*s+0x%03x", (int)(base.len < 256 ? base.len : 256),
                       base.ptr, (unsigned)site);
    return naming_text_number(n, (struct str){ text, (size_t)len });
}

struct str naming_text(const struct naming *n, uint32_t name)
{
    return names_text(&n->names, name);
}
