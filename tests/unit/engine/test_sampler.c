/* Sampling: which objects keep their bytes, by tables and against a plain model; groups beyond the
 * limit, new rules, resets. */
#include "engine/sampler.h"

#include "unit/cmocka_all.h"
#include "unit/group/dice.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 200

static struct sampler *sampler_of(const char *project, const char *text)
{
    struct sampler *s;
    struct err e = { 0 };
    struct str rules = str_from_c(text);
    if (!sampler_new(&s, &e) || !sampler_configure(s, str_from_c(project), &rules, &e))
        fail_msg("%s", e.msg);
    return s;
}

/* An object of project p at a second; without a version where that is NULL. */
static bool keeps(struct sampler *s, const char *fingerprint, const char *version, uint64_t object,
                  int64_t at_s)
{
    struct arena *a = arena_new(1u << 16);
    struct attributes attributes;
    attributes_init(&attributes, a);
    if (version)
        assert_true(
            attributes_set(&attributes, STR("version"), ATTRIBUTE_STRING, str_from_c(version)));
    bool is_kept = sampler_keeps(s, STR("p"), str_from_c(fingerprint), &attributes, object,
                                 1700000000000 + at_s * 1000);
    arena_free(a);
    return is_kept;
}

#define BACKOFFS                                                                                   \
    "{\"type\":\"backoff\",\"backoffs\":[{\"count\":1,\"interval\":0},"                            \
    "{\"count\":2,\"interval\":60}],\"reset_interval\":1000"
static void test_table(void **state)
{
    static const struct {
        const char *name, *rules;
        struct {
            int64_t at_s;
            const char *fingerprint, *version;
            bool is_kept;
        } objects[16];
    } cases[] = {
        { "one group",
          BACKOFFS "}",
          { { 0, "aa", NULL, true },
            { 0, "aa", NULL, false },
            { 59, "aa", NULL, false },
            { 60, "aa", NULL, true },
            { 119, "aa", NULL, false },
            { 120, "aa", NULL, true },
            { 200, "aa", NULL, false },
            { 1119, "aa", NULL, false },
            { 1120, "aa", NULL, true },
            { 1121, "aa", NULL, false },
            { 1180, "aa", NULL, true } } },
        { "groups by fingerprint alone",
          BACKOFFS "}",
          { { 0, "aa", "1", true }, { 1, "bb", "1", true }, { 2, "aa", "2", false } } },
        { "groups by fingerprint and version",
          BACKOFFS ",\"object_attributes\":[\"version\"]}",
          { { 0, "aa", "1", true },
            { 1, "aa", "2", true },
            { 2, "aa", "1", false },
            { 3, "aa", "", true },
            { 4, "aa", NULL, true },
            { 5, "aa", NULL, false } } },
        { "two groups at most",
          BACKOFFS ",\"buckets\":2}",
          { { 0, "aa", NULL, true },
            { 1, "bb", NULL, true },
            { 2, "aa", NULL, false },
            { 3, "cc", NULL, true }, /* aa is forgotten */
            { 4, "bb", NULL, false },
            { 5, "aa", NULL, true }, /* then bb */
            { 6, "cc", NULL, false },
            { 7, "bb", NULL, true } } },
        { "the clock is set back",
          BACKOFFS "}",
          { { 5000, "aa", NULL, true },
            { 0, "aa", NULL, false },
            { 59, "aa", NULL, false },
            { 60, "aa", NULL, true } } },
        { "nothing is configured", "{}", { { 0, "aa", NULL, true }, { 0, "aa", NULL, true } } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sampler *s = sampler_of("p", cases[i].rules);
        for (size_t k = 0; k < 16 && cases[i].objects[k].fingerprint; k++)
            if (keeps(s, cases[i].objects[k].fingerprint, cases[i].objects[k].version, k + 1,
                      cases[i].objects[k].at_s) != cases[i].objects[k].is_kept)
                fail_msg("%s: object %zu", cases[i].name, k);
        sampler_free(s);
    }
}

/* A plain model: of each group the times of those that were kept since it began anew. */

#define BUCKETS 3
struct group {
    char name[16];
    int64_t last_s;
    size_t kept;
};
struct model {
    struct group groups[BUCKETS]; /* in the order in which they came */
    size_t count;
    int64_t waits_s[8]; /* before each that is kept */
    size_t waits;
    int64_t reset_s;
};

static bool model_keeps(struct model *m, const char *name, int64_t at_s)
{
    struct group *g = NULL;
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->groups[i].name, name) == 0)
            g = &m->groups[i];
    if (!g) {
        if (m->count == BUCKETS)
            memmove(m->groups, m->groups + 1, --m->count * sizeof *m->groups);
        g = &m->groups[m->count++];
        *g = (struct group){ .kept = 0 };
        snprintf(g->name, sizeof g->name, "%s", name);
    }
    if (g->kept == m->waits && at_s - g->last_s >= m->reset_s)
        g->kept = 0;
    if (g->kept == m->waits || (g->kept > 0 && at_s - g->last_s < m->waits_s[g->kept]))
        return false;
    g->kept++;
    g->last_s = at_s;
    return true;
}

static void make_rules(struct dice *d, struct model *m, char *out, size_t room)
{
    size_t n = 0, backoffs = 1 + dice(d, 3);
    n +=
        (size_t)snprintf(out, room, "{\"type\":\"backoff\",\"buckets\":%d,\"backoffs\":[", BUCKETS);
    for (size_t i = 0; i < backoffs; i++) {
        uint32_t count = 1 + dice(d, 2), interval = dice(d, 50);
        n += (size_t)snprintf(out + n, room - n, "%s{\"count\":%u,\"interval\":%u}", i ? "," : "",
                              count, interval);
        for (uint32_t k = 0; k < count; k++)
            m->waits_s[m->waits++] = interval;
    }
    m->reset_s = 50 + dice(d, 100);
    snprintf(out + n, room - n, "],\"reset_interval\":%u}", (unsigned)m->reset_s);
}

static void one_round(struct dice *d)
{
    struct model m = { .count = 0 };
    char rules[512], name[16];
    make_rules(d, &m, rules, sizeof rules);
    struct sampler *s = sampler_of("p", rules);
    struct arena *a = arena_new(1u << 16);
    uint64_t thinned[300], taken[300];
    size_t thin = 0, took = 0, n;
    int64_t at_s = 0;
    for (unsigned i = 1; i <= 300; i++) {
        at_s += dice(d, 20);
        snprintf(name, sizeof name, "%02x", dice(d, 5));
        bool is_kept = model_keeps(&m, name, at_s);
        if (keeps(s, name, NULL, i, at_s) != is_kept)
            fail_msg("%s: object %u of %s at %lld", rules, i, name, (long long)at_s);
        if (!is_kept)
            thinned[thin++] = i;
    }
    struct str project;
    while ((n = sampler_take(s, a, &project, taken + took, 7)) > 0) {
        assert_true(str_eq(project, STR("p")));
        took += n;
    }
    assert_int_equal(took, thin);
    for (size_t i = 0; i < thin; i++) {
        bool found = false;
        for (size_t k = 0; k < took; k++)
            found |= taken[k] == thinned[i];
        assert_true(found);
    }
    arena_free(a);
    sampler_free(s);
}

static void test_random(void **state)
{
    struct dice d;
    (void)state;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++)
        one_round(&d);
}

static void test_rules(void **state)
{
    struct sampler *s = sampler_of("p", BACKOFFS "}");
    const struct str same = STR(BACKOFFS "}"), other = STR(BACKOFFS ",\"buckets\":9}"),
                     bad = STR("{\"type\":\"other\"}");
    struct err e = { 0 };
    (void)state;
    assert_true(keeps(s, "aa", NULL, 1, 0));
    assert_true(sampler_configure(s, STR("p"), &same, &e));
    assert_false(keeps(s, "aa", NULL, 2, 1));
    assert_false(sampler_configure(s, STR("p"), &bad, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_false(keeps(s, "aa", NULL, 3, 2)); /* what it had */
    assert_true(sampler_configure(s, STR("p"), &other, &e));
    assert_true(keeps(s, "aa", NULL, 4, 3)); /* from anew */
    assert_false(keeps(s, "aa", NULL, 5, 4));
    assert_true(sampler_configure(s, STR("q"), &other, &e));
    assert_true(sampler_configure(s, STR("p"), NULL, &e));
    assert_true(keeps(s, "aa", NULL, 6, 5));
    assert_true(keeps(s, "aa", NULL, 7, 6));
    sampler_free(s);
}

static void test_reset(void **state)
{
    struct sampler *s = sampler_of("p", BACKOFFS "}");
    const struct str begin = STR("aa");
    (void)state;
    assert_true(keeps(s, "aa11", NULL, 1, 0) && keeps(s, "bb22", NULL, 2, 0));
    sampler_reset(s, STR("q"), NULL);
    assert_false(keeps(s, "aa11", NULL, 3, 1) || keeps(s, "bb22", NULL, 4, 1));
    sampler_reset(s, STR("p"), &begin);
    assert_true(keeps(s, "aa11", NULL, 5, 2));
    assert_false(keeps(s, "bb22", NULL, 6, 2));
    sampler_reset(s, STR("p"), NULL);
    assert_true(keeps(s, "aa11", NULL, 7, 3) && keeps(s, "bb22", NULL, 8, 3));
    sampler_free(s);
}

static void test_written(void **state)
{
    struct sampler *s = sampler_of("p", BACKOFFS "}");
    struct buf out;
    struct json_writer w;
    (void)state;
    assert_true(keeps(s, "aa11", NULL, 7, 0));
    assert_false(keeps(s, "aa11", NULL, 8, 1));
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_object(&w);
    assert_false(sampler_write(s, STR("q"), &w));
    assert_true(sampler_write(s, STR("p"), &w));
    json_object_end(&w);
    buf_char(&out, '\0');
    assert_string_equal(buf_view(&out).ptr,
                        "{\"reset_interval\":1000,\"backoffs\":[{\"count\":1,\"interval\":0},"
                        "{\"count\":2,\"interval\":60}],\"groups\":[{\"id\":\"aa11\",\"count\":1,"
                        "\"last_accept\":1700000000,\"last_accept_txid\":7}]}");
    buf_done(&out);
    sampler_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), cmocka_unit_test(test_random),  cmocka_unit_test(test_rules),
        cmocka_unit_test(test_reset), cmocka_unit_test(test_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
