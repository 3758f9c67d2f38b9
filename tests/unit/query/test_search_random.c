/* Random queries over random reports, against an evaluator that knows nothing of numbers, marks and
 * stacks: it cuts every text of every report up again for every leaf. */
#include "collect.h"

#include "base/date.h"
#include "group/similarity.h"
#include "group/tokens.h"
#include "query/dates.h"
#include "query/pattern.h"
#include "query/phrase.h"

#include <math.h>

#define TOKENS_MAX 400

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* Random reports: few words, so that they meet. */

static const char *const words[] = { "main", "gtk", "Parser", "parse", "xul", "42", "T" };

static void random_text(struct buf *b)
{
    for (uint32_t n = rnd(4); n > 0; n--)
        buf_printf(b, "%s%s", words[rnd(7)], rnd(2) ? "_" : rnd(2) ? " " : "");
}

static void random_report(struct buf *b, uint32_t number)
{
    buf_printf(b,
               "{\"database_id\":\"%s%u\",\"project\":\"%s\",\"date\":\"201%u-0%u-10T0%u:00:00\"",
               words[rnd(3)], number, rnd(2) ? "gtk main" : "xul", rnd(3), 1 + rnd(3), rnd(2));
    for (uint32_t n = rnd(3); n > 0; n--) {
        buf_printf(b, ",\"f%u\":\"", n);
        random_text(b);
        buf_str(b, STR("\""));
    }
    buf_str(b, STR(",\"stacktrace\":["));
    seed = rnd(2) ? seed : rnd(7); /* some stacks are the same */
    for (uint32_t n = rnd(5); n > 0; n--) {
        buf_str(b, STR("{\"function\":\""));
        random_text(b);
        buf_str(b, STR("\",\"address\":\""));
        random_text(b);
        buf_printf(b, "\"}%s", n > 1 ? "," : "");
    }
    buf_str(b, STR("]}"));
}

/* Random queries. */

static void random_leaf(struct buf *b)
{
    static const char *const fields[] = {
        "",       "",    "",         "stacktrace.function:", "stacktrace.function:",
        "f1:",    "f2:", "project:", "database_id:",         "stacktrace.address:",
        "nosuch:"
    };
    static const char *const patterns[] = { "*a*", "p*", "?tk", "*", "T*", "4?", "*r*e*" };
    static const char *const dates[] = { "2011", "2010-02", "[2011 TO *]", "{2010-02 TO 2012-02]",
                                         "201?-01*" };
    if (rnd(12) == 0) {
        buf_printf(b, "date:%s", dates[rnd(5)]);
        return;
    }
    buf_str(b, str_from_c(fields[rnd(11)]));
    switch (rnd(7)) {
    case 0:
        buf_str(b, str_from_c(patterns[rnd(7)]));
        break;
    case 1:
        buf_printf(b, "%s~%u", words[rnd(7)], rnd(3));
        break;
    case 2:
        buf_printf(b, "[%s TO %s}", words[rnd(7)], rnd(2) ? "*" : words[rnd(7)]);
        break;
    case 3:
    case 4:
        buf_char(b, '"');
        for (uint32_t n = 2 + rnd(2); n > 0; n--)
            buf_printf(b, "%s ", words[rnd(7)]);
        buf_printf(b, "\"~%u", (uint32_t[]){ 0, 0, 1, 3, 99, 100, 205 }[rnd(7)]);
        break;
    default:
        buf_str(b, str_from_c(words[rnd(7)]));
    }
    if (rnd(5) == 0)
        buf_printf(b, "^%u", rnd(4));
}

static void random_query(struct buf *b, int depth)
{
    for (uint32_t n = 1 + rnd(3); n > 0; n--) {
        static const char *const signs[] = { "", "", "", "+", "-" };
        buf_str(b, str_from_c(signs[rnd(5)]));
        if (depth > 0 && rnd(3) == 0) {
            buf_char(b, '(');
            random_query(b, depth - 1);
            buf_char(b, ')');
        } else {
            random_leaf(b);
        }
        buf_str(b, str_from_c(n == 1 ? "" : rnd(3) == 0 ? " OR " : " "));
    }
}

/* The slow evaluator. */

/* What a leaf looks at: the tokens of a field, or of all, with their positions. */
struct text {
    struct str tokens[TOKENS_MAX];
    uint32_t positions[TOKENS_MAX];
    size_t count;
    uint32_t next;
    bool there;
};

static void add_text(struct text *t, struct str value)
{
    struct tokens cut = tokens_of(value);
    t->next += t->there ? PHRASE_GAP : 0;
    t->there = true;
    while (tokens_next(&cut, &t->tokens[t->count])) {
        t->positions[t->count++] = t->next++;
        assert_true(t->count < TOKENS_MAX);
    }
}

static bool is_cold(struct str field)
{
    return str_eq(field, STR("stacktrace.address")) || str_eq(field, STR("stacktrace.depth")) ||
           str_eq(field, STR("database_id")) || str_eq(field, STR("date"));
}

static void gather(struct text *t, const struct report *r, struct str field)
{
    *t = (struct text){ 0 };
    for (int outside = 0; outside < 2; outside++) /* the stack comes first */
        for (size_t i = 0; i < r->text_count; i++) {
            struct str f = r->texts[i].field;
            if (str_starts(f, STR("stacktrace.")) == (outside == 1))
                continue;
            if (field.len ? str_eq(f, field) && !str_eq(f, STR("date")) : !is_cold(f))
                add_text(t, r->texts[i].text);
        }
    if (field.len == 0 || str_eq(field, STR("project")))
        add_text(t, r->project);
    if (field.len == 0)
        add_text(t, r->database_id);
}

static double phrase_in(const struct text *t, const struct lucene_query *q)
{
    struct phrase_seat seats[8];
    struct phrase_place places[TOKENS_MAX];
    for (uint32_t i = 0; i < q->token_count; i++) {
        seats[i].word = i;
        for (uint32_t j = i; j-- > 0;)
            if (str_eq(q->tokens[j], q->tokens[i]))
                seats[i].word = seats[j].word;
    }
    size_t n = 0;
    for (size_t k = 0; k < t->count; k++)
        for (uint32_t i = 0; i < q->token_count; i++)
            if (seats[i].word == i && str_eq(q->tokens[i], t->tokens[k]))
                places[n++] = (struct phrase_place){ i, t->positions[k] };
    return (double)phrase_frequency(seats, q->token_count, places, n, q->slop,
                                    &(struct deadline){ 0 });
}

/* How often, or how well; 0: not at all. */
static double leaf_weight(const struct report *r, const struct lucene_query *q, struct arena *a)
{
    struct text t;
    struct pattern p;
    struct err e = { 0 };
    double weight = 0;
    gather(&t, r, q->field);
    if (q->type == LUCENE_PHRASE)
        return phrase_in(&t, q);
    if (q->type == LUCENE_WILDCARD && str_eq(q->text, STR("*")))
        return t.there;
    assert_true(pattern_init(&p, q, a, &e));
    for (size_t i = 0; i < t.count; i++) {
        double match = (double)pattern_match(&p, t.tokens[i]);
        weight = q->type == LUCENE_TERM ? weight + match : fmax(weight, match);
    }
    return weight;
}

struct slow {
    struct collected_reports *all;
    struct arena *arena;
    double norm;
};

static bool is_scored(const struct lucene_query *q)
{
    return (q->type == LUCENE_TERM || q->type == LUCENE_PHRASE) && !is_cold(q->field);
}

static double idf_of(struct slow *s, struct str field, struct str word)
{
    struct lucene_query q = { .type = LUCENE_TERM, .field = field, .text = word };
    uint32_t df = 0;
    for (size_t i = 0; i < s->all->count; i++)
        df += leaf_weight(&s->all->reports[i], &q, s->arena) > 0;
    return 1 + log((double)s->all->count / (df + 1.0));
}

static double leaf_idf(struct slow *s, const struct lucene_query *q)
{
    double sum = 0;
    if (q->type == LUCENE_TERM)
        return idf_of(s, q->field, q->text);
    for (size_t i = 0; i < q->token_count; i++)
        sum += idf_of(s, q->field, q->tokens[i]);
    return sum;
}

static double square_sum(struct slow *s, const struct lucene_query *q)
{
    double sum = 0;
    if (q->type == LUCENE_BOOLEAN) {
        for (const struct lucene_query *c = q->first; c; c = c->next)
            sum += c->occur == LUCENE_MUST_NOT ? 0 : square_sum(s, c);
    } else {
        sum = is_scored(q) ? pow(leaf_idf(s, q), 2) : 1;
    }
    return sum * q->boost * q->boost;
}

static bool slow_leaf(struct slow *s, const struct report *r, const struct lucene_query *q,
                      double boost, double *score)
{
    struct text t;
    struct err e = { 0 };
    double weight = 1;
    boost *= q->boost * s->norm;
    if (str_eq(q->field, STR("date")) && q->type == LUCENE_WILDCARD) {
        char text[DATE_TEXT_MAX];
        struct pattern p;
        assert_true(pattern_init(&p, q, s->arena, &e));
        weight = (double)pattern_match(&p, date_format(r->date_ms, true, text));
    } else if (str_eq(q->field, STR("date"))) {
        struct date_span span;
        assert_true(date_span_of_query(q, 0, &span, &e));
        weight = r->date_ms >= span.begin_ms && r->date_ms < span.end_ms;
    } else if (q->type != LUCENE_ALL) {
        weight = leaf_weight(r, q, s->arena);
    }
    *score = boost;
    if (is_scored(q) && weight > 0) {
        gather(&t, r, q->field);
        *score = boost * pow(leaf_idf(s, q), 2) * sqrt(weight) *
                 (double)similarity_norm(similarity_norm_byte((uint32_t)t.count));
    } else if (q->type == LUCENE_FUZZY) {
        *score = boost * weight;
    }
    return weight > 0;
}

static bool slow_match(struct slow *s, const struct report *r, const struct lucene_query *q,
                       double boost, double *score)
{
    bool required = false, missing = false, optional = false;
    int could = 0, does = 0;
    double sum = 0;
    if (q->type != LUCENE_BOOLEAN)
        return slow_leaf(s, r, q, boost, score);
    for (const struct lucene_query *c = q->first; c; c = c->next) {
        double part = 0;
        bool match = slow_match(s, r, c, boost * q->boost, &part);
        if (c->occur == LUCENE_MUST_NOT) {
            missing |= match;
            continue;
        }
        required |= c->occur == LUCENE_MUST;
        missing |= c->occur == LUCENE_MUST && !match;
        optional |= c->occur == LUCENE_SHOULD && match;
        could++;
        does += match;
        sum += match ? part : 0;
    }
    *score = could > 1 ? sum * does / could : sum;
    return !missing && (required || optional);
}

static void check_query(struct collected_reports *all, const char *text, struct arena *a)
{
    const struct lucene_query *q;
    struct search_hit *hits;
    size_t count, total, matching = 0;
    struct err e = { 0 };
    double want[COLLECT_MAX];
    bool matches[COLLECT_MAX];
    if (!lucene_parse(&q, str_from_c(text), a, &e))
        fail_msg("%s: %s", text, e.msg);
    struct slow s = { all, a, 0 };
    double squares = square_sum(&s, q);
    s.norm = squares > 0 ? 1 / sqrt(squares) : 1;
    for (size_t i = 0; i < all->count; i++) {
        matches[i] = slow_match(&s, &all->reports[i], q, 1, &want[i]);
        matching += matches[i];
    }
    struct search_request rq = collect_request(all, q);
    if (!search_run(all->c, &rq, &hits, &count, &total, a, &e))
        fail_msg("%s: %s", text, e.msg);
    if (total != matching || count != matching)
        fail_msg("seed %u: %s: %zu matches instead of %zu", seed, text, total, matching);
    for (size_t i = 0; i < count; i++) {
        uint32_t r = hits[i].report;
        if (!matches[r])
            fail_msg("seed %u: %s: report %u", seed, text, r);
        if (fabs((double)hits[i].score - want[r]) > 1e-4 * (1 + fabs(want[r])))
            fail_msg("seed %u: %s: report %u scores %g instead of %g", seed, text, r,
                     (double)hits[i].score, want[r]);
        if (i > 0 && hits[i - 1].score < hits[i].score)
            fail_msg("seed %u: %s: out of order", seed, text);
        matches[r] = false; /* each once */
    }
}

static void check_collection(uint32_t first_seed)
{
    struct collected_reports all;
    seed = first_seed;
    collect_begin(&all);
    for (uint32_t n = 1 + rnd(30), i = 0; i < n; i++) {
        struct buf b;
        buf_init(&b, 1 << 16);
        random_report(&b, i);
        collect_add(&all, buf_view(&b));
        buf_done(&b);
    }
    collection_publish(all.c);
    for (int i = 0; i < 40; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new((size_t)256 << 20);
        struct buf b;
        buf_init(&b, 1 << 16);
        random_query(&b, 2);
        buf_char(&b, '\0');
        check_query(&all, b.ptr, a);
        buf_done(&b);
    }
    collect_end(&all);
}

static void test_random(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 150; i++)
        check_collection(i * 7919);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
