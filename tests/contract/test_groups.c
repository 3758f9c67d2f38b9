/* Merged fingerprints and issues, in any store: what was put is there, replaced and taken out, also
 * after it was opened again. */
#include "tests/contract/place.h"

static struct stored_merge merge(const char *project, uint8_t fingerprint, uint8_t into)
{
    return (struct stored_merge){ .project = { project, strlen(project) },
                                  .fingerprint = { fingerprint },
                                  .is_parted = into == 0,
                                  .into = { into } };
}

static struct stored_issue issue(const char *project, uint8_t fingerprint, const char *text)
{
    return (struct stored_issue){ .project = { project, strlen(project) },
                                  .fingerprint = { fingerprint },
                                  .attributes = { text, strlen(text) } };
}

struct scan {
    char text[16][128];
    size_t count;
};

static bool scan_merge(void *ctx, const struct stored_merge *m, struct err *e)
{
    struct scan *x = ctx;
    (void)e;
    snprintf(x->text[x->count++], sizeof x->text[0], "%.*s %d in %d", (int)m->project.len,
             m->project.ptr, m->fingerprint[0], m->into[0]);
    return true;
}

static bool scan_issue(void *ctx, const struct stored_issue *i, struct err *e)
{
    struct scan *x = ctx;
    (void)e;
    snprintf(x->text[x->count++], sizeof x->text[0], "%.*s %d: %.*s", (int)i->project.len,
             i->project.ptr, i->fingerprint[0], (int)i->attributes.len, i->attributes.ptr);
    return true;
}

static bool has(const struct scan *x, const char *text)
{
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->text[i], text) == 0)
            return true;
    return false;
}

static void expect(struct place *p, const char *const *want, size_t count)
{
    for (int reopened = 0; reopened < 2; reopened++) {
        struct scan x = { .count = 0 };
        OK(store_scan_merges(p->store, scan_merge, &x, &e));
        OK(store_scan_issues(p->store, scan_issue, &x, &e));
        assert_int_equal(x.count, count);
        for (size_t i = 0; i < count; i++)
            if (!has(&x, want[i]))
                fail_msg("there is no \"%s\"", want[i]);
        place_reopen(p);
    }
}

static void round_trip(void **state)
{
    struct place *p = *state;
    const struct stored_merge first[] = { merge("p", 1, 9), merge("p", 2, 9), merge("q", 1, 8) };
    const struct stored_merge second[] = { merge("p", 1, 7), merge("p", 2, 0), merge("p", 5, 0) };
    const struct stored_issue issues[] = { issue("p", 1, "{}"), issue("q", 1, "{\"a\":1}") };
    const struct stored_issue later[] = { issue("p", 1, "{\"b\":2}") };
    static const char *const before[] = { "p 1 in 9", "p 2 in 9", "q 1 in 8", "p 1: {}",
                                          "q 1: {\"a\":1}" };
    static const char *const after[] = { "p 1 in 7", "q 1 in 8", "p 1: {\"b\":2}",
                                         "q 1: {\"a\":1}" };
    struct store_batch batch = {
        .merges = first, .merge_count = 3, .issues = issues, .issue_count = 2
    };
    expect(p, NULL, 0);
    OK(store_write(p->store, &batch, &e));
    expect(p, before, 5);
    batch = (struct store_batch){
        .merges = second, .merge_count = 3, .issues = later, .issue_count = 1
    };
    OK(store_write(p->store, &batch, &e));
    expect(p, after, 4);
    OK(store_delete_all(p->store, 1, &e));
    expect(p, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { CASE(round_trip) };
    return cmocka_run_group_tests_name("store: groups", tests, NULL, NULL);
}
