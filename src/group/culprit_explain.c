/* culprit_explain.c - why two reports are alike by `culprit`.
 *
 * Worked out anew from both stacks, with what is known of functions now, apart from the search; so
 * it also checks the search. What became of each frame is found by cleaning the trace once more,
 * with names of its own, for the index's are the writer's. */
#include "group/culprit_internal.h"

#include <string.h>

#define LINE_LEAST                                                                                 \
    0.005 /* functions with less blame than this, and not in common, are left out                  \
           */

/* The functions that have blame in one of two stacks, each once. */
struct lines {
    const struct culprit *culprit;
    uint32_t functions[2 * STACK_FUNCTIONS_MAX];
    struct culprit_line *at;
    size_t count;
};

static struct culprit_line *line_of(struct lines *l, uint32_t function)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->functions[i] == function)
            return &l->at[i];
    const struct function *f = helpers_at(&l->culprit->helpers, function);
    l->functions[l->count] = function;
    l->at[l->count] =
        (struct culprit_line){ .function = naming_text(&l->culprit->naming, f->name),
                               .helper = (double)helpers_h(&l->culprit->helpers, function) };
    return &l->at[l->count++];
}

static int by_value(const void *a, const void *b)
{
    const struct culprit_line *x = a, *y = b;
    double dx = x->query_blame + x->other_blame, dy = y->query_blame + y->other_blame;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    if (dx != dy)
        return dx < dy ? 1 : -1;
    return str_cmp(x->function, y->function);
}

static void drop_small_lines(struct lines *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->at[i].value > 0 || l->at[i].query_blame >= LINE_LEAST ||
            l->at[i].other_blame >= LINE_LEAST)
            l->at[kept++] = l->at[i];
    l->count = kept;
}

static struct str death_of(const struct culprit *c, const struct stack *s)
{
    return s->death == NAMING_NONE ? STR("") : naming_text(&c->naming, s->death);
}

static bool explain_stacks(const struct culprit *c, const struct stack *query,
                           const struct stack *other, struct culprit_explanation *out,
                           struct arena *a)
{
    float blame[STACK_FUNCTIONS_MAX];
    struct lines l = { .culprit = c };
    l.at = arena_array(a, 2 * STACK_FUNCTIONS_MAX, sizeof *l.at);
    if (!l.at)
        return false;
    uint32_t count = culprit_blame(c, query, blame);
    for (uint32_t i = 0; i < count; i++)
        line_of(&l, query->functions[i])->query_blame += (double)blame[i];
    if (other != query) /* else as it was just now: the writer goes on */
        count = culprit_blame(c, other, blame);
    for (uint32_t i = 0; i < count; i++)
        line_of(&l, other->functions[i])->other_blame += (double)blame[i];
    *out = (struct culprit_explanation){ .rest = culprit_rest(query, other),
                                         .deaths_differ = culprit_deaths_differ(c, query, other),
                                         .query_death = death_of(c, query),
                                         .other_death = death_of(c, other) };
    double common = 0;
    for (size_t i = 0; i < l.count; i++) {
        struct culprit_line *line = &l.at[i];
        line->value = line->query_blame < line->other_blame ? line->query_blame : line->other_blame;
        common += line->value;
    }
    if (query->project == other->project && query->is_context == other->is_context)
        out->score = culprit_score(common * culprit_factor(c, out->deaths_differ, out->rest));
    for (size_t i = 0; i < l.count; i++)
        l.at[i].value *= common > 0 ? out->score / common : 0;
    drop_small_lines(&l);
    if (l.count)
        qsort(l.at, l.count, sizeof *l.at, by_value);
    out->lines = l.at;
    out->count = l.count;
    return true;
}

/* Frames. */

static const char *why_of(enum clean_fate fate)
{
    switch (fate) {
    case CLEAN_COMPARED:
        return "compared";
    case CLEAN_NAMED:
        return "named";
    case CLEAN_HANDLER:
        return "handler";
    case CLEAN_ENDS:
        return "ends";
    case CLEAN_STARTS:
        return "starts";
    case CLEAN_SYSTEM:
        return "system";
    case CLEAN_REPEATS:
        return "repeats";
    case CLEAN_UNKNOWN:
        break;
    }
    return "unknown";
}

/* The names that are compared, as texts, in the stack's order. */
static struct str compared_name(const struct culprit *c, const struct stack *s, uint32_t i)
{
    return naming_text(&c->naming, helpers_at(&c->helpers, s->functions[i])->name);
}

/* The place in the stack, from `from` on, of the name; s->count when it has none. */
static uint32_t find_compared(const struct culprit *c, const struct stack *s, uint32_t from,
                              struct str name)
{
    while (from < s->count && !str_eq(compared_name(c, s, from), name))
        from++;
    return from;
}

/* A frame without a function, before the frames that `next` and further names belong to: what is
 * compared in its place came from memory, and stands before the next name that both have. */
static void name_frame(const struct culprit *c, const struct stack *s, const struct cleaned *own,
                       const struct naming *n, size_t next, uint32_t *at,
                       struct culprit_frame *frame)
{
    uint32_t before = s->count;
    for (size_t k = next; k < own->names.len && before == s->count; k++)
        before = find_compared(c, s, *at, naming_text(n, own->names.at[k].name));
    if (*at >= before)
        return;
    frame->why = why_of(CLEAN_NAMED);
    frame->function = compared_name(c, s, *at);
    ++*at;
}

static bool frames_fill(const struct culprit *c, const struct stack *s, const struct trace *t,
                        const struct cleaned *own, const struct naming *n,
                        struct culprit_frame *frames, struct arena *a)
{
    uint32_t at = 0;
    for (size_t i = 0; i < t->count; i++)
        frames[i] = (struct culprit_frame){ t->frames[i].index, STR(""),
                                            why_of((enum clean_fate)own->fates.at[i]) };
    for (size_t k = 0; k < own->names.len; k++) {
        const struct cleaned_name *name = &own->names.at[k];
        struct culprit_frame *frame = &frames[name->frame];
        uint32_t found = find_compared(c, s, at, naming_text(n, name->name));
        if (found < s->count) {
            at = found + 1;
            frame->why = why_of(CLEAN_COMPARED); /* also a place that nobody has named yet */
        } else if (t->frames[name->frame].function.len == 0)
            name_frame(c, s, own, n, k + 1, &at, frame);
        if (frame->function.len == 0 && !arena_str(a, naming_text(n, name->name), &frame->function))
            return false;
    }
    return true;
}

static bool explain_frames(const struct culprit *c, const struct stack *s, const struct trace *t,
                           struct culprit_frame **out, size_t *count, struct arena *a)
{
    struct naming names;
    struct cleaned own = { 0 };
    *out = arena_array(a, t->count ? t->count : 1, sizeof **out);
    bool ok = naming_init(&names);
    ok = ok && *out && clean_trace(&own, t, 0, &names, NULL, c->without & CULPRIT_PLATFORM) &&
         frames_fill(c, s, t, &own, &names, *out, a);
    *count = ok ? t->count : 0;
    cleaned_done(&own);
    naming_done(&names);
    return ok;
}

static bool explain(const struct culprit *c, const struct stack *query, const struct stack *other,
                    const struct trace *query_trace, const struct trace *other_trace,
                    struct culprit_explanation *out, struct arena *a, struct err *e)
{
    return (explain_stacks(c, query, other, out, a) &&
            (!query_trace || explain_frames(c, query, query_trace, &out->query_frames,
                                            &out->query_frame_count, a)) &&
            (!other_trace || explain_frames(c, other, other_trace, &out->other_frames,
                                            &out->other_frame_count, a))) ||
           err_set(e, ERR_NOMEM, 0, "no memory for an explanation");
}

static const struct stack *stack_of(const struct culprit *c, uint32_t report)
{
    return culprit_stack(c, *(const uint32_t *)seglist_at(&c->reports, report));
}

bool culprit_explain(const struct culprit *c, uint32_t query, uint32_t other,
                     const struct trace *query_trace, const struct trace *other_trace,
                     struct culprit_explanation *out, struct arena *a, struct err *e)
{
    return explain(c, stack_of(c, query), stack_of(c, other), query_trace, other_trace, out, a, e);
}

bool culprit_explain_new(struct culprit *c, const struct report *r, uint32_t other,
                         struct culprit_explanation *out, struct arena *a, struct err *e)
{
    return culprit_ask(c, r, e) &&
           explain(c, &c->asked.stack, stack_of(c, other), &r->trace, NULL, out, a, e);
}
