/* Merging and parting at random, against a model that keeps the trees as plain lists; after
 * restarts, too. */
#include "unit/engine/edits.h"

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

static struct edit_sent *edit(struct place *p, const struct model *m, enum edit_kind kind,
                              const int *nodes, size_t count)
{
    struct edit_sent *s = edit_new("p", kind);
    struct err e = { 0 };
    uint8_t(*list)[STORE_FINGERPRINT_BYTES] = arena_array(s->t.arena, count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        memcpy(list[i], m->fingerprints[nodes[i]], sizeof list[i]);
    s->t.fingerprints = (const uint8_t(*)[STORE_FINGERPRINT_BYTES])list;
    s->t.fingerprint_count = count;
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_random, place_setup,
                                                                        place_teardown) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
