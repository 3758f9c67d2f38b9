/* Merging and parting at random, against a model that keeps the trees as plain lists; after
 * restarts, too. */
#include "unit/engine/edits.h"

#include "engine/merges.h"
#include "report/fingerprint.h"

#include <stdio.h>
#include <stdlib.h>

#define LEAVES 8
#define NODES_MAX 400
#define STEPS 60

struct model {
    uint8_t fingerprints[NODES_MAX][STORE_FINGERPRINT_BYTES];
    int parent[NODES_MAX]; /* -1: none */
    int count;
};

static int root(const struct model *m, int node)
{
    return m->parent[node] < 0 ? node : root(m, m->parent[node]);
}

static int children(const struct model *m, int node)
{
    int n = 0;
    for (int i = 0; i < m->count; i++)
        n += m->parent[i] == node;
    return n;
}

static int find(const struct model *m, const uint8_t *fingerprint)
{
    for (int i = 0; i < m->count; i++)
        if (memcmp(m->fingerprints[i], fingerprint, STORE_FINGERPRINT_BYTES) == 0)
            return i;
    return -1;
}

static struct edit_sent *edit_of(const struct model *m, enum edit_kind kind, const int *nodes,
                                 size_t count)
{
    struct edit_sent *s = edit_new("p", kind);
    uint8_t(*list)[STORE_FINGERPRINT_BYTES] = arena_array(s->t.arena, count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        memcpy(list[i], m->fingerprints[nodes[i]], sizeof list[i]);
    s->t.fingerprints = (const uint8_t(*)[STORE_FINGERPRINT_BYTES])list;
    s->t.fingerprint_count = count;
    return s;
}

static struct edit_sent *edit(struct place *p, const struct model *m, enum edit_kind kind,
                              const int *nodes, size_t count)
{
    struct edit_sent *s = edit_of(m, kind, nodes, count);
    struct err e = { 0 };
    if (!edit_send(p, s, &e))
        fail_msg("%s", e.msg);
    return s;
}

static void merge(struct place *p, struct model *m, const int *nodes, size_t count)
{
    int roots[4];
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t k = 0; k < different; k++)
            again |= roots[k] == root(m, nodes[i]);
        if (!again)
            roots[different++] = root(m, nodes[i]);
    }
    struct edit_sent *s = edit(p, m, EDIT_MERGE, nodes, count);
    if (different == 1) {
        assert_int_equal(s->t.changed, 0);
        assert_memory_equal(s->t.merged, m->fingerprints[roots[0]], STORE_FINGERPRINT_BYTES);
    } else {
        int group = find(m, s->t.merged);
        if (group < 0) {
            group = m->count++;
            memcpy(m->fingerprints[group], s->t.merged, STORE_FINGERPRINT_BYTES);
            m->parent[group] = -1;
        }
        assert_int_equal(children(m, group), 0);
        for (size_t i = 0; i < different; i++)
            m->parent[roots[i]] = group;
    }
    edit_free(s);
}

static void part(struct place *p, struct model *m, int node)
{
    int group = m->parent[node];
    edit_free(edit(p, m, EDIT_UNMERGE, &node, 1));
    for (int i = 0; group < 0 && i < m->count; i++)
        if (m->parent[i] == node)
            m->parent[i] = -1;
    m->parent[node] = -1;
    if (group < 0 || children(m, group) != 1)
        return;
    for (int i = 0; i < m->count; i++)
        if (m->parent[i] == group)
            m->parent[i] = m->parent[group];
    m->parent[group] = -1;
}

static void check(struct place *p, const struct model *m, const uint64_t *objects)
{
    for (int i = 0; i < LEAVES; i++) {
        char want[80] = "str:";
        uint8_t shown[STORE_FINGERPRINT_BYTES];
        engine_fingerprint_shown(p->engine, STR("p"), m->fingerprints[i], shown);
        assert_memory_equal(shown, m->fingerprints[root(m, i)], sizeof shown);
        fingerprint_hex(shown, want + 4);
        assert_cell(p, objects[i], "fingerprint", want);
        fingerprint_hex(m->fingerprints[i], want + 4);
        assert_cell(p, objects[i], "fingerprint;original", want);
    }
}

static void test_random(void **state)
{
    static struct model m;
    struct place *p = *state;
    uint64_t objects[LEAVES];
    unsigned seed = 31;
    printf("seed %u\n", seed);
    place_open(p);
    for (int i = 0; i < LEAVES; i++) {
        char function[16];
        snprintf(function, sizeof function, "leaf%d", i);
        struct given *g = json_new(p, function, "", true);
        given_send(p, g);
        objects[i] = g->u.object;
        assert_true(g->u.ok && g->u.has_fingerprint);
        memcpy(m.fingerprints[i], g->u.fingerprint, STORE_FINGERPRINT_BYTES);
        m.parent[i] = -1;
        m.count = i + 1;
        given_free(g);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        int nodes[4];
        size_t count = 2 + (size_t)rand_r(&seed) % 3;
        for (size_t i = 0; i < count; i++)
            do
                nodes[i] = (int)((unsigned)rand_r(&seed) % (unsigned)m.count);
            while (nodes[i] >= LEAVES && m.parent[nodes[i]] < 0 && children(&m, nodes[i]) == 0);
        if (rand_r(&seed) % 2)
            merge(p, &m, nodes, count);
        else
            part(p, &m, nodes[0]);
        check(p, &m, objects);
        if (step % 10 == 9) {
            place_reopen(p);
            check(p, &m, objects);
        }
    }
    assert_true(m.count > LEAVES + 5);
}

/* One more into the group, again and again: groups in groups, and nobody walks through them. */
static void test_chain(void **state)
{
    enum { LONG = 40 };
    struct place *p = *state;
    static uint8_t all[LONG][STORE_FINGERPRINT_BYTES];
    uint8_t group[STORE_FINGERPRINT_BYTES], shown[STORE_FINGERPRINT_BYTES];
    place_open(p);
    for (unsigned i = 0; i < LONG; i++) {
        char function[16];
        snprintf(function, sizeof function, "link%u", i);
        struct given *g = json_new(p, function, "", true);
        given_send(p, g);
        memcpy(all[i], g->u.fingerprint, sizeof all[i]);
        given_free(g);
    }
    for (unsigned i = 1; i < LONG; i++) {
        struct edit_sent *s = edit_new("p", EDIT_MERGE);
        struct err e = { 0 };
        s->t.fingerprints = (const uint8_t(*)[STORE_FINGERPRINT_BYTES])(all + i - 1);
        s->t.fingerprint_count = 2;
        if (!edit_send(p, s, &e))
            fail_msg("%s", e.msg);
        memcpy(group, s->t.merged, sizeof group);
        edit_free(s);
        for (unsigned k = 0; k < LONG; k++) {
            engine_fingerprint_shown(p->engine, STR("p"), all[k], shown);
            assert_memory_equal(shown, k <= i ? group : all[k], sizeof shown);
        }
    }
    place_reopen(p);
    for (unsigned k = 0; k < LONG; k++) {
        engine_fingerprint_shown(p->engine, STR("p"), all[k], shown);
        assert_memory_equal(shown, group, sizeof shown);
    }
}

/* A group that has been parted is as unknown as one that never was. */
static void test_parted(void **state)
{
    struct place *p = *state;
    struct model m = { .count = 3 };
    const int both[] = { 0, 1 }, group[] = { 2, 0 };
    place_open(p);
    for (int i = 0; i < 2; i++) {
        struct given *g = json_new(p, i ? "one" : "two", "", true);
        given_send(p, g);
        memcpy(m.fingerprints[i], g->u.fingerprint, STORE_FINGERPRINT_BYTES);
        given_free(g);
    }
    struct edit_sent *s = edit(p, &m, EDIT_MERGE, both, 2);
    memcpy(m.fingerprints[2], s->t.merged, STORE_FINGERPRINT_BYTES);
    edit_free(s);
    edit_free(edit(p, &m, EDIT_UNMERGE, &both[0], 1));
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        struct err e = { 0 };
        s = edit_of(&m, EDIT_MERGE, group, 2);
        assert_false(edit_send(p, s, &e));
        assert_int_equal(e.code, ERR_NOT_FOUND);
        edit_free(s);
    }
}

/* Against walking up; in rings there is none. */
static void test_roots(void **state)
{
    enum { NODES = 40 };
    unsigned seed = 32, rings = 0;
    (void)state;
    printf("seed %u\n", seed);
    for (unsigned round = 0; round < 2000; round++) {
        uint32_t parents[NODES], roots[NODES];
        bool is_ring = false;
        for (uint32_t i = 0; i < NODES; i++) {
            uint32_t n = (uint32_t)rand_r(&seed) % (NODES + 4);
            bool up = round % 8 == 0 || n > i; /* those go one way: no ring */
            parents[i] = n < NODES && up ? n : MERGES_NONE;
        }
        for (uint32_t i = 0; i < NODES; i++) {
            uint32_t at = i, steps = 0;
            while (parents[at] != MERGES_NONE && steps++ <= NODES)
                at = parents[at];
            is_ring |= steps > NODES;
        }
        rings += is_ring;
        assert_int_equal(merges_find_roots(parents, NODES, roots), !is_ring);
        for (uint32_t i = 0; i < NODES && !is_ring; i++) {
            uint32_t at = i;
            while (parents[at] != MERGES_NONE)
                at = parents[at];
            assert_int_equal(roots[i], at);
        }
    }
    assert_true(rings > 100 && rings < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_chain, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_parted, place_setup, place_teardown),
        cmocka_unit_test(test_roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
