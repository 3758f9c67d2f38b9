/* search.c - the rounds of a search over the reports.
 *
 * First round: which reports match, which may (their payload decides), and in how many reports of
 * the whole collection each word is, which scores need. Second round, only when there are scores or
 * doubts: over those reports. Both go through reports in the order of their stacks, so that a stack
 * is read once for all its reports. */
#include "query/search.h"

#include "query/hits.h"
#include "query/weigh.h"

struct search {
    const struct search_request *rq;
    struct err *err;
    struct plan plan;
    struct deadline deadline;
    struct weights weights;
    struct arena *arena, *scratch;
    uint64_t *matching, *doubtful;
    bool stacks_decide; /* a report whose stack weighs nothing cannot match */
    /* The reports of each stack, as a list; used when the plan looks into stacks. */
    uint32_t *first_of_stack, *next_report;
    struct hits *hits; /* NULL: only which ones match */
};

static bool no_memory(struct search *s)
{
    return err_set(s->err, ERR_NOMEM, 0, "no memory for the search");
}

static uint64_t *new_bits(struct search *s)
{
    return arena_zalloc(s->arena, ((size_t)s->plan.reports / 64 + 1) * sizeof(uint64_t));
}

static bool has_bit(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

static void set_bit(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= UINT64_C(1) << i % 64;
}

static void clear_bit(uint64_t *bits, uint32_t i)
{
    bits[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static size_t count_bits(const struct search *s, const uint64_t *bits)
{
    size_t n = 0;
    for (size_t i = 0; i <= s->plan.reports / 64; i++)
        n += (size_t)__builtin_popcountll(bits[i]);
    return n;
}

/* Whether the request lets a report through, whatever the query says. One whose place another has
 * taken, among those that this search sees, is not there. */
static bool is_asked_for(const struct search *s, const struct collected *r)
{
    const struct search_request *rq = s->rq;
    return r->superseded_by >= s->plan.reports &&
           (rq->project == COLLECTION_NONE || r->project == rq->project) &&
           (!rq->has_since || r->date_ms > rq->since_ms) &&
           (!rq->has_until || r->date_ms < rq->until_ms);
}

static bool enter_and_look(struct search *s, uint32_t report,
                           bool (*look)(struct search *s, uint32_t report))
{
    weights_enter_report(&s->weights, report);
    return deadline_check(&s->deadline, 1 + s->weights.seen.other.count, s->err) && look(s, report);
}

static bool enter_stack(struct search *s, uint32_t stack)
{
    weights_enter_stack(&s->weights, stack);
    return deadline_check(&s->deadline, collection_stack(s->plan.collection, stack).count, s->err);
}

/* Calls look for each report that wanted says, stack by stack. */
static bool each_report(struct search *s, bool (*wanted)(const struct search *s, uint32_t report),
                        bool (*look)(struct search *s, uint32_t report))
{
    const struct plan *p = &s->plan;
    if (!p->in_stack) {
        for (uint32_t r = 0; r < p->reports; r++) {
            if (wanted(s, r) && !enter_and_look(s, r, look))
                return false;
        }
        return true;
    }
    memset(s->first_of_stack, 0xff, p->stacks * sizeof *s->first_of_stack);
    for (uint32_t r = p->reports; r-- > 0;) {
        uint32_t stack = collection_report(p->collection, r).stack;
        if (!wanted(s, r))
            continue;
        s->next_report[r] = s->first_of_stack[stack];
        s->first_of_stack[stack] = r;
    }
    for (uint32_t stack = 0; stack < p->stacks; stack++) {
        uint32_t r = s->first_of_stack[stack];
        if (r != COLLECTION_NONE && !enter_stack(s, stack))
            return false;
        if (s->stacks_decide && s->weights.touched_count == 0)
            continue;
        for (; r != COLLECTION_NONE; r = s->next_report[r])
            if (!enter_and_look(s, r, look))
                return false;
    }
    return true;
}

/* First round. */

static bool wants_asked_for(const struct search *s, uint32_t report)
{
    struct collected r = collection_report(s->plan.collection, report);
    return is_asked_for(s, &r);
}

static bool wants_all(const struct search *s, uint32_t report)
{
    return !collection_is_superseded(s->plan.collection, report, s->plan.reports);
}

static bool look_first(struct search *s, uint32_t report)
{
    struct weights *w = &s->weights;
    enum verdict verdict;
    for (uint32_t i = 0; i < w->touched_count && s->plan.scored; i++)
        s->plan.slots[w->touched[i]].reports++;
    if (!is_asked_for(s, &w->seen))
        return true;
    if (!weigh(w, s->plan.root, &verdict, NULL, s->err))
        return false;
    if (verdict == VERDICT_YES)
        set_bit(s->matching, report);
    if (verdict == VERDICT_MAYBE)
        set_bit(s->doubtful, report);
    return true;
}

static bool has_words(const struct plan *p)
{
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].type == SLOT_WORD)
            return true;
    return false;
}

static bool asks_for_dates(const struct node *n)
{
    bool asks = n->type == NODE_DATE || n->type == NODE_DATE_TEXT;
    for (const struct node *c = n->first; c && !asks; c = c->next)
        asks = asks_for_dates(c);
    return asks;
}

/* Whether only stacks count, and one that weighs nothing, as all do before the first is entered, is
 * no match. */
static bool find_whether_stacks_decide(struct search *s)
{
    const struct plan *p = &s->plan;
    enum verdict verdict;
    if (!p->in_stack || p->in_other || p->in_id || p->in_payload || asks_for_dates(p->root))
        return true;
    if (!weigh(&s->weights, p->root, &verdict, NULL, s->err))
        return false;
    s->stacks_decide = verdict == VERDICT_NO;
    return true;
}

static bool first_round(struct search *s)
{
    const struct plan *p = &s->plan;
    if (p->in_stack) {
        s->first_of_stack = arena_array(s->arena, p->stacks, sizeof *s->first_of_stack);
        s->next_report = arena_array(s->arena, p->reports, sizeof *s->next_report);
        if (!s->first_of_stack || !s->next_report)
            return no_memory(s);
    }
    if (!weights_init(&s->weights, p, s->rq, s->scratch, false, s->err) ||
        !find_whether_stacks_decide(s))
        return false;
    return each_report(s, p->scored && has_words(p) ? wants_all : wants_asked_for, look_first);
}

/* Second round. */

static bool wants_found(const struct search *s, uint32_t report)
{
    return has_bit(s->matching, report) || has_bit(s->doubtful, report);
}

static bool wants_doubtful(const struct search *s, uint32_t report)
{
    return has_bit(s->doubtful, report);
}

static bool look_again(struct search *s, uint32_t report)
{
    struct weights *w = &s->weights;
    enum verdict verdict;
    float score = 0;
    if (s->plan.in_payload && !weights_read_payload(w, s->err))
        return false;
    if (!weigh(w, s->plan.root, &verdict, s->plan.scored ? &score : NULL, s->err))
        return false;
    if (verdict != VERDICT_YES) {
        clear_bit(s->matching, report); /* amended between the rounds */
        return true;
    }
    set_bit(s->matching, report);
    return !s->plan.scored || hits_add(s->hits, report, score, s->err);
}

/* Payloads are read for all doubtful reports, for all matches too when they are to be scored, and
 * for all matches again when they are sorted by such a field. */
static bool check_payloads(struct search *s, size_t count, const char *why)
{
    if (count <= SEARCH_PAYLOADS_MAX)
        return true;
    return err_set(s->err, ERR_LIMIT, 0,
                   "%s needs the stored text of %zu reports, at most %d are read: ask for less, by "
                   "time, project or other words",
                   why, count, SEARCH_PAYLOADS_MAX);
}

static bool second_round(struct search *s, size_t found, size_t doubtful)
{
    struct plan *p = &s->plan;
    size_t reads = !p->in_payload ? 0 : p->scored ? found : doubtful;
    if (!check_payloads(s, reads, "a field that is not kept in memory"))
        return false;
    weigh_prepare(p);
    return weights_init(&s->weights, p, s->rq, s->scratch, p->scored, s->err) &&
           each_report(s, p->scored ? wants_found : wants_doubtful, look_again);
}

static bool find_matches(struct search *s)
{
    s->matching = new_bits(s);
    s->doubtful = new_bits(s);
    if (!s->matching || !s->doubtful)
        return no_memory(s);
    if (!first_round(s))
        return false;
    size_t doubtful = count_bits(s, s->doubtful);
    size_t found = count_bits(s, s->matching) + doubtful;
    if (s->plan.scored && !hits_init(s->hits, &s->plan, s->rq, found, s->scratch, s->err))
        return false;
    return (!s->plan.scored && doubtful == 0) || second_round(s, found, doubtful);
}

static bool add_unscored(struct search *s, size_t total)
{
    if (!hits_init(s->hits, &s->plan, s->rq, total, s->scratch, s->err))
        return false;
    if (s->hits->by == HITS_COLD && !check_payloads(s, total, "sorting by this field"))
        return false;
    for (uint32_t r = 0; r < s->plan.reports; r++)
        if (has_bit(s->matching, r) && !hits_add(s->hits, r, 0, s->err))
            return false;
    return true;
}

/* Plans and finds. What stopped early because of the deadline, and could not say so, is refused
 * here. */
static bool plan_and_find(struct search *s, const struct collection *c, bool scored)
{
    deadline_begin(&s->deadline, s->rq->timeout_ms);
    return plan_make(&s->plan, c, s->rq->query, scored, &s->deadline, s->arena, s->err) &&
           find_matches(s) && deadline_check(&s->deadline, 0, s->err);
}

bool search_run(const struct collection *c, const struct search_request *rq,
                struct search_hit **hits, size_t *count, size_t *total, struct arena *a,
                struct err *e)
{
    CLEANUP(arena_free_p) struct arena *scratch = arena_new(SEARCH_PAYLOAD_BYTES);
    struct hits page;
    struct search s = { .rq = rq, .err = e, .arena = a, .scratch = scratch, .hits = &page };
    if (!scratch)
        return no_memory(&s);
    if (!plan_and_find(&s, c, rq->need_scores && rq->sort.len == 0))
        return false;
    *total = count_bits(&s, s.matching);
    return (s.plan.scored || add_unscored(&s, *total)) && hits_page(&page, hits, count, e);
}

bool search_matches(const struct collection *c, const struct search_request *rq, uint64_t **bits,
                    uint32_t *report_count, struct arena *a, struct err *e)
{
    CLEANUP(arena_free_p) struct arena *scratch = arena_new(SEARCH_PAYLOAD_BYTES);
    struct search s = { .rq = rq, .err = e, .arena = a, .scratch = scratch };
    if (!scratch)
        return no_memory(&s);
    if (!plan_and_find(&s, c, false))
        return false;
    *bits = s.matching;
    *report_count = s.plan.reports;
    return true;
}
