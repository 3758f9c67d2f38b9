/* culprit.c - see the header: what is kept, how it is added and taken back. */
#include "group/culprit_internal.h"

#include <math.h>
#include <string.h>

#define FUNCTIONS_AHEAD 4 /* mostly not more are learnt of */

struct culprit *culprit_new(unsigned without, bool (*is_cold)(const void *ctx, struct str field),
                            const void *cold_ctx)
{
    CLEANUP(culprit_free_p) struct culprit *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->without = without;
    c->is_cold = is_cold;
    c->cold_ctx = cold_ctx;
    seglist_init(&c->project_info, sizeof(struct project));
    seglist_init(&c->stacks, sizeof(struct stack));
    seglist_init(&c->reports, sizeof(uint32_t));
    pool_init(&c->pool);
    bool ok = naming_init(&c->naming);
    ok = frame_memory_init(&c->memory) && ok;
    ok = helpers_init(&c->helpers, without) && ok;
    ok = names_init(&c->projects) && ok;
    ok = idmap_init(&c->by_functions) && ok;
    if (!ok)
        return NULL;
    c->abort = naming_text_number(&c->naming, STR(TRACE_ABORT));
    if (c->abort == NAMING_NONE)
        return NULL;
    culprit_keep(c);
    struct culprit *made = c;
    c = NULL;
    return made;
}

void culprit_free(struct culprit *c)
{
    if (!c)
        return;
    naming_done(&c->naming);
    frame_memory_done(&c->memory);
    helpers_done(&c->helpers);
    names_done(&c->projects);
    seglist_done(&c->project_info);
    seglist_done(&c->stacks);
    idmap_done(&c->by_functions);
    seglist_done(&c->reports);
    pool_done(&c->pool);
    journal_done(&c->journal);
    cleaned_done(&c->cleaned);
    VEC_FREE(&c->left);
    VEC_FREE(&c->seen);
    free(c);
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for a report in the index");
}

/* Blame. */

static double context_weight(const struct culprit *c, const struct stack *s, uint32_t function)
{
    const struct project *p = seglist_at(&c->project_info, s->project);
    const struct function *f = helpers_at(&c->helpers, function);
    double all = atomic_load_explicit(&p->contexts, memory_order_relaxed);
    double having = atomic_load_explicit(&f->contexts, memory_order_relaxed);
    return log(1 + (1 + all) / (1 + having));
}

/* Each weight is asked for once: for readers it may change at any time. */
static uint32_t blame_context(const struct culprit *c, const struct stack *s, float *out)
{
    double sum = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        out[i] = (float)context_weight(c, s, s->functions[i]);
        sum += (double)out[i];
    }
    for (uint32_t i = 0; i < s->count; i++)
        out[i] = (float)((double)out[i] / sum);
    return s->count;
}

uint32_t culprit_blame(const struct culprit *c, const struct stack *s,
                       float out[STACK_FUNCTIONS_MAX])
{
    if (s->is_context)
        return blame_context(c, s, out);
    uint32_t count = s->count < BLAME_FRAMES ? s->count : BLAME_FRAMES;
    float reaching = 1;
    for (uint32_t i = 0; i < count; i++) {
        float h = i + 1 < count ? helpers_h(&c->helpers, s->functions[i]) : 0;
        out[i] = reaching * (1 - h);
        reaching *= h;
    }
    return count;
}

bool culprit_deaths_differ(const struct culprit *c, const struct stack *a, const struct stack *b)
{
    return !(c->without & CULPRIT_DEATHS) && a->death != b->death && a->death != NAMING_NONE &&
           b->death != NAMING_NONE && a->death != c->abort && b->death != c->abort;
}

double culprit_score(double likeness)
{
    if (likeness <= SCORE_BEND)
        return SCORE_SCALE * likeness;
    double above = likeness < SCORE_WHOLE ? (likeness - SCORE_BEND) / (1 - SCORE_BEND) : 1;
    double bend = SCORE_SCALE * SCORE_BEND;
    return bend + (SCORE_MOST - bend) * (1 - sqrt(1 - above));
}

double culprit_factor(const struct culprit *c, bool deaths_differ, double rest)
{
    double factor = deaths_differ ? DEATHS_DIFFER : 1;
    return c->without & CULPRIT_REST ? factor : factor * (1 - REST + REST * rest);
}

static bool has_function(const struct stack *s, uint32_t function)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->functions[i] == function)
            return true;
    return false;
}

double culprit_rest(const struct stack *a, const struct stack *b)
{
    uint32_t shared = 0;
    for (uint32_t i = 0; i < b->count; i++)
        shared += has_function(a, b->functions[i]);
    double rest = a->count + b->count ? 2.0 * shared / (a->count + b->count) : 0;
    return rest < 1 ? rest : 1;
}

static double common_blame(const struct culprit *c, const struct stack *a, const struct stack *b)
{
    float left[STACK_FUNCTIONS_MAX], blame[STACK_FUNCTIONS_MAX];
    uint32_t count = culprit_blame(c, a, left), others = culprit_blame(c, b, blame);
    double common = 0;
    for (uint32_t j = 0; j < others; j++)
        for (uint32_t i = 0; i < count; i++)
            if (a->functions[i] == b->functions[j]) {
                float part = left[i] < blame[j] ? left[i] : blame[j];
                left[i] -= part;
                blame[j] -= part;
                common += (double)part;
            }
    return common;
}

double culprit_likeness(const struct culprit *c, const struct stack *a, const struct stack *b)
{
    return common_blame(c, a, b) *
           culprit_factor(c, culprit_deaths_differ(c, a, b), culprit_rest(a, b));
}

/* Asking. */

static bool ask_project(struct culprit *c, struct str project, uint32_t *out)
{
    struct err ignored;
    if (c->project_info.len <= c->projects.names.len && !seglist_grow(&c->project_info, 1))
        return false;
    *out = names_add(&c->projects, project, &ignored);
    return *out != NAMES_NONE;
}

/* Where the name's function is noted; NULL: nowhere. */
static struct trace_memo *helper_memo(const struct culprit *c, const struct trace *t,
                                      const struct cleaned_name *n, uint32_t project)
{
    struct trace_memo *memo = naming_memo(&c->naming, &t->frames[n->frame], project);
    return memo && memo->function == n->name ? memo : NULL;
}

static void expect_function(const struct culprit *c, const struct trace *t,
                            const struct cleaned_name *n, uint32_t project)
{
    const struct trace_memo *memo = helper_memo(c, t, n, project);
    if (!memo || memo->helper == HELPER_NONE)
        helpers_expect(&c->helpers, project, n->name);
}

static bool push_function(struct culprit *c, struct stack *s, uint32_t name)
{
    bool memory = naming_info(&c->naming, name)->is_memory_word;
    uint32_t function = helpers_function(&c->helpers, s->project, name, memory);
    if (function == HELPER_NONE)
        return false;
    c->asked.functions[s->count++] = function;
    return true;
}

static bool push_cleaned(struct culprit *c, const struct trace *t, struct stack *s,
                         const struct cleaned_name *n)
{
    struct trace_memo *memo = helper_memo(c, t, n, s->project);
    if (memo && memo->helper != HELPER_NONE) {
        c->asked.functions[s->count++] = memo->helper;
        return true;
    }
    if (!push_function(c, s, n->name))
        return false;
    if (memo)
        memo->helper = c->asked.functions[s->count - 1];
    return true;
}

static bool ask_trace(struct culprit *c, const struct report *r, struct stack *s)
{
    struct frame_memory *memory = c->without & CULPRIT_MEMORY ? NULL : &c->memory;
    bool keep_platform = c->without & CULPRIT_PLATFORM;
    if (!clean_trace(&c->cleaned, &r->trace, s->project, &c->naming, memory, keep_platform))
        return false;
    const struct cleaned_name *names = c->cleaned.names.at;
    for (size_t i = 0; i < c->cleaned.names.len; i++)
        expect_function(c, &r->trace, &names[i], s->project);
    for (size_t i = 0; i < c->cleaned.names.len; i++)
        if (!push_cleaned(c, &r->trace, s, &names[i]))
            return false;
    for (uint32_t i = 0; i < s->count && i < FUNCTIONS_AHEAD; i++)
        helpers_expect_learn(&c->helpers, s->functions[i]);
    return true;
}

/* "field=value", the value without its digits. False: no memory. */
static bool ask_text(struct culprit *c, const struct report_text *t, struct stack *s)
{
    char text[1024];
    size_t n = 0;
    for (size_t i = 0; i < t->field.len && n < 256; i++)
        text[n++] = t->field.ptr[i];
    text[n++] = '=';
    for (size_t i = 0; i < t->text.len && n < sizeof text; i++)
        if (t->text.ptr[i] < '0' || t->text.ptr[i] > '9')
            text[n++] = t->text.ptr[i];
    uint32_t name = naming_text_number(&c->naming, (struct str){ text, n });
    return name != NAMING_NONE && push_function(c, s, name);
}

static bool ask_context(struct culprit *c, const struct report *r, struct stack *s)
{
    s->is_context = true;
    for (size_t i = 0; i < r->text_count && s->count < CONTEXT_TEXTS_MAX; i++) {
        const struct report_text *t = &r->texts[i];
        if (!str_starts(t->field, STR("stacktrace")) && !str_eq(t->field, STR("database_id")) &&
            !str_eq(t->field, STR("date")) && !c->is_cold(c->cold_ctx, t->field) &&
            !ask_text(c, t, s))
            return false;
    }
    return true;
}

static uint64_t stack_hash(const struct stack *s)
{
    uint64_t salt = (uint64_t)s->project << 33 ^ (uint64_t)s->death << 1 ^ s->is_context;
    return idmap_hash((struct str){ (const char *)s->functions, s->count * sizeof *s->functions },
                      salt);
}

static struct words_mark words_mark(const struct culprit *c)
{
    return (struct words_mark){ naming_mark(&c->naming), names_mark(&c->projects),
                                c->memory.owner_keys.len, c->helpers.functions.len };
}

static void words_rewind(struct culprit *c, const struct words_mark *to)
{
    helpers_rewind(&c->helpers, to->functions);
    frame_memory_rewind_owners(&c->memory, to->owners);
    names_rewind(&c->projects, to->projects);
    if (c->project_info.len > to->projects.count)
        seglist_truncate(&c->project_info, to->projects.count);
    naming_rewind(&c->naming, to->naming);
}

void culprit_forget_asked(struct culprit *c)
{
    if (c->asked.is_valid)
        words_rewind(c, &c->asked.before);
    c->asked.is_valid = false;
}

bool culprit_ask(struct culprit *c, const struct report *r, struct err *e)
{
    struct asked *a = &c->asked;
    struct stack *s = &a->stack;
    culprit_forget_asked(c);
    a->before = words_mark(c);
    *s = (struct stack){ .functions = a->functions, .death = NAMING_NONE };
    bool ok = ask_project(c, r->project, &s->project) && ask_trace(c, r, s) &&
              (s->count > 0 || ask_context(c, r, s));
    if (ok && r->trace.death.len > 0) {
        s->death = naming_text_number(&c->naming, r->trace.death);
        ok = s->death != NAMING_NONE;
    }
    if (!ok) {
        words_rewind(c, &a->before);
        return no_memory(e);
    }
    a->hash = stack_hash(s);
    a->texts = r->texts;
    a->database_id = r->database_id;
    a->is_valid = true;
    return true;
}

struct sought_stack {
    const struct culprit *culprit;
    const struct stack *stack;
};

static bool is_stack(const void *ctx, uint32_t id)
{
    const struct sought_stack *sought = ctx;
    const struct stack *a = culprit_stack(sought->culprit, id), *b = sought->stack;
    return a->count == b->count && a->project == b->project && a->death == b->death &&
           a->is_context == b->is_context &&
           memcmp(a->functions, b->functions, a->count * sizeof *a->functions) == 0;
}

uint32_t culprit_find_stack(const struct culprit *c, const struct asked *a)
{
    struct sought_stack sought = { c, &a->stack };
    uint32_t id = idmap_find(&c->by_functions, a->hash, is_stack, &sought);
    return id == IDMAP_NONE ? CULPRIT_NONE : id;
}

/* Adding. */

static struct stack_block *add_block(struct culprit *c, struct function *f)
{
    uint32_t room = !f->stacks                          ? STACK_BLOCK_FIRST
                    : f->stacks->room < STACK_BLOCK_MAX ? 2 * f->stacks->room
                                                        : STACK_BLOCK_MAX;
    struct stack_block *b =
        pool_alloc(&c->pool, sizeof *b + room * sizeof *b->stacks, sizeof(void *));
    if (!b || !journal_u64(&c->journal, &f->stacks))
        return NULL;
    *b = (struct stack_block){ .older = f->stacks, .room = room };
    f->stacks = b;
    return b;
}

static bool post_stack(struct culprit *c, uint32_t function, uint32_t stack)
{
    struct function *f = helpers_at(&c->helpers, function);
    struct journal *j = &c->journal;
    struct stack_block *b = f->stacks;
    uint32_t newest = b ? b->stacks[b->count - 1] : f->first_stack;
    if (f->stack_count > 0 && newest == stack)
        return true; /* the function stands in the stack twice */
    if (!journal_u32(j, &f->stack_count) || !journal_u32(j, &f->first_stack))
        return false;
    if (f->stack_count++ == 0) {
        f->first_stack = stack;
        return true;
    }
    if ((!b || b->count == b->room) && !(b = add_block(c, f)))
        return false;
    if (!journal_u32(j, &b->count))
        return false;
    b->stacks[b->count++] = stack;
    return true;
}

static uint32_t anchor_of(const struct culprit *c, struct culprit_match near, uint32_t own)
{
    if (near.report >= c->reports.len || near.score < (float)ANCHOR_SCORE)
        return own;
    const struct stack *s = culprit_stack(c, *(uint32_t *)seglist_at(&c->reports, near.report));
    return s->project == c->asked.stack.project ? s->anchor : own;
}

static bool add_stack(struct culprit *c, uint32_t report, struct culprit_match near, uint32_t *out)
{
    const struct stack *asked = &c->asked.stack;
    size_t bytes = asked->count * sizeof *asked->functions;
    uint32_t *functions = pool_alloc(&c->pool, bytes, sizeof *functions);
    uint32_t number = (uint32_t)c->stacks.len;
    if (!functions || !seglist_grow(&c->stacks, 1))
        return false;
    memcpy(functions, asked->functions, bytes);
    struct stack *s = seglist_at(&c->stacks, number);
    *s = *asked;
    s->functions = functions;
    s->first_report = report;
    s->living = 1;
    s->anchor = anchor_of(c, near, number);
    uint32_t heads = s->is_context || s->count < BLAME_FRAMES ? s->count : BLAME_FRAMES;
    for (uint32_t i = 0; i < heads; i++)
        if (!post_stack(c, functions[i], number))
            return false;
    *out = number;
    return journal_insert(&c->journal, &c->by_functions, c->asked.hash, number);
}

static bool learn_context(struct culprit *c, const struct stack *s, struct project *p)
{
    if (!journal_u32(&c->journal, &p->contexts))
        return false;
    atomic_fetch_add_explicit(&p->contexts, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < s->count; i++) {
        struct function *f = helpers_at(&c->helpers, s->functions[i]);
        if (!journal_u32(&c->journal, &f->contexts))
            return false;
        atomic_fetch_add_explicit(&f->contexts, 1, memory_order_relaxed);
    }
    return true;
}

/* What the crash teaches of each function that blame reached. */
static bool learn_helpers(struct culprit *c, const struct stack *s, const struct project *p)
{
    float reaching = 1;
    for (uint32_t i = 0; i + 1 < s->count && i < BLAME_FRAMES; i++) {
        uint32_t weight = (uint32_t)(reaching * HELPER_UNIT + 0.5F);
        if (weight < HELPER_UNIT / 50)
            break;
        if (!helpers_learn(&c->helpers, s->functions[i], s->functions[i + 1], weight, s->death,
                           c->abort, &p->deaths, &c->journal, &c->pool))
            return false;
        reaching *= helpers_h(&c->helpers, s->functions[i]);
    }
    return true;
}

static bool learn(struct culprit *c, const struct report *r, const struct stack *s)
{
    struct project *p = seglist_at(&c->project_info, s->project);
    if (s->death != NAMING_NONE && !deaths_count(&p->deaths, s->death, &c->journal))
        return false;
    if (s->is_context)
        return learn_context(c, s, p);
    return learn_helpers(c, s, p) && clean_learn(&c->cleaned, &r->trace, &c->memory);
}

static uint32_t stack_of(const struct culprit *c, uint32_t report)
{
    return *(const uint32_t *)seglist_at(&c->reports, report);
}

/* One report more has the stack. */
static bool join_stack(struct culprit *c, uint32_t report, uint32_t number)
{
    struct stack *s = seglist_at(&c->stacks, number);
    if (!journal_u32(&c->journal, &s->living))
        return false;
    s->living++;
    if (s->first_report != CULPRIT_NONE)
        return true;
    if (!journal_u32(&c->journal, &s->first_report))
        return false;
    s->first_report = report; /* all before it are superseded */
    return true;
}

static bool add(struct culprit *c, const struct report *r, uint32_t report,
                struct culprit_match near)
{
    uint32_t number = culprit_find_stack(c, &c->asked);
    bool has_stack = number == CULPRIT_NONE ? add_stack(c, report, near, &number)
                                            : join_stack(c, report, number);
    if (!has_stack || !learn(c, r, &c->asked.stack) || !seglist_grow(&c->reports, 1))
        return false;
    *(uint32_t *)seglist_at(&c->reports, report) = number;
    return true;
}

bool culprit_add(struct culprit *c, const struct report *r, uint32_t report,
                 struct culprit_match near, struct err *e)
{
    const struct asked *a = &c->asked;
    bool known = a->is_valid && a->texts == r->texts && a->database_id.ptr == r->database_id.ptr;
    if (!known && !culprit_ask(c, r, e))
        return false;
    c->last.words = c->asked.before;
    c->last.journal = journal_mark(&c->journal);
    c->last.places = frame_memory_mark(&c->memory);
    c->last.stacks = c->stacks.len;
    c->last.reports = c->reports.len;
    c->last.pool = pool_mark(&c->pool);
    bool ok = add(c, r, report, near);
    c->asked.is_valid = false;
    if (!ok) {
        culprit_undo_last(c);
        return no_memory(e);
    }
    return true;
}

bool culprit_supersede(struct culprit *c, uint32_t report,
                       bool (*is_superseded)(const void *ctx, uint32_t report), const void *ctx,
                       struct err *e)
{
    uint32_t number = stack_of(c, report), next = report + 1;
    struct stack *s = seglist_at(&c->stacks, number);
    if (!journal_u32(&c->journal, &s->living))
        return no_memory(e);
    s->living--;
    if (s->first_report != report)
        return true;
    if (!journal_u32(&c->journal, &s->first_report))
        return no_memory(e);
    /* The first of a stack only ever moves on, so all searches for the next take one way. */
    while (s->living > 0 && (stack_of(c, next) != number || is_superseded(ctx, next)))
        next++;
    s->first_report = s->living > 0 ? next : CULPRIT_NONE;
    return true;
}

void culprit_keep(struct culprit *c)
{
    culprit_forget_asked(c);
    c->kept.words = words_mark(c);
    naming_publish(&c->naming);
    journal_forget(&c->journal);
    frame_memory_keep(&c->memory);
    c->kept.journal = c->kept.places = 0;
    c->kept.stacks = c->stacks.len;
    c->kept.reports = c->reports.len;
    c->kept.pool = pool_mark(&c->pool);
}

void culprit_undo_last(struct culprit *c)
{
    culprit_forget_asked(c);
    journal_undo(&c->journal, c->last.journal);
    frame_memory_undo(&c->memory, c->last.places);
    seglist_truncate(&c->reports, c->last.reports);
    seglist_truncate(&c->stacks, c->last.stacks);
    pool_rewind(&c->pool, c->last.pool);
    words_rewind(c, &c->last.words);
}

void culprit_undo(struct culprit *c)
{
    c->last = c->kept;
    culprit_undo_last(c);
}

struct culprit_cost culprit_cost(const struct culprit *c)
{
    return c->cost;
}

size_t culprit_bytes(const struct culprit *c)
{
    return naming_bytes(&c->naming) + pool_bytes(&c->pool) +
           c->helpers.functions.len * (sizeof(struct function) + 16) +
           c->stacks.len * (sizeof(struct stack) + 16) + frame_memory_bytes(&c->memory) +
           c->reports.len * sizeof(uint32_t);
}
