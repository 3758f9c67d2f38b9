/* Universes, projects, tokens, users and the secret in any store, changed by one process or two. */
#include "tests/contract/place.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_project(struct place *p, const char *name, const char *universe)
{
    OK(store_project_create(p->store, str_from_c(name), str_from_c(universe), &e));
}

static struct stored_token make_token(unsigned n, const char *project)
{
    struct stored_token t = {
        .text = n % 2 ? STR("") : STR("0123456789abcdef"),
        .project = str_from_c(project),
        .owner = n % 3 ? STR("jane") : STR(""),
        .scopes = n % 32,
        .metadata = n % 5 ? STR("{\"limits\":{\"parts\":7}}") : STR(""),
        .created_ms = (int64_t)1 << 41 | n,
    };
    memset(t.hash, (int)n, sizeof t.hash);
    return t;
}

static void assert_token(const struct stored_token *got, const struct stored_token *want)
{
    assert_memory_equal(got->hash, want->hash, sizeof want->hash);
    assert_str(got->text, want->text);
    assert_str(got->project, want->project);
    assert_str(got->owner, want->owner);
    assert_int_equal(got->scopes, want->scopes);
    assert_str(got->metadata, want->metadata);
    assert_true(got->created_ms == want->created_ms);
}

static void projects(void **state)
{
    struct place *p = *state;
    struct store *admin = NULL; /* as `crumple project create` beside a running server */
    struct str *names;
    size_t n;
    OK(store_projects(p->store, p->arena, &names, &n, &e));
    assert_int_equal(n, 0);
    OK(store_open(&admin, p->dir, NULL, &e));
    OK(store_project_create(admin, STR("zebra"), STR("default"), &e));
    OK(store_project_create(p->store, STR("Zebra"), STR("zoo"), &e));
    FAILS(store_project_create(p->store, STR("zebra"), STR("default"), &e), ERR_CONFLICT);
    FAILS(store_project_create(p->store, STR("zebra"), STR("zoo"), &e), ERR_CONFLICT);
    OK(write_reports(p->store, make_reports(p, 0, 30, 0), 30, &e)); /* project 0 ... project 6 */
    FAILS(store_project_create(admin, STR("project 3"), STR("default"), &e), ERR_CONFLICT);
    store_close(admin);
    OK(store_delete_all(p->store, 1, &e)); /* keeps them */
    OK(store_projects(p->store, p->arena, &names, &n, &e));
    assert_int_equal(n, 9);
    assert_str(names[0], STR("Zebra"));
    assert_str(names[1], STR("project 0"));
    assert_str(names[7], STR("project 6"));
    assert_str(names[8], STR("zebra"));
    struct stored_access all = read_access(p);
    assert_int_equal(all.project_count, 9);
    assert_str(all.projects[0].universe, STR("zoo"));
    for (size_t i = 1; i < 9; i++) {
        assert_str(all.projects[i].name, names[i]);
        assert_str(all.projects[i].universe, STR("default"));
        assert_int_not_equal(all.projects[i].number, all.projects[0].number);
    }
}

static void many_projects(void **state)
{
    struct place *p = *state;
    for (int i = 0; i < 100; i++) {
        struct str name;
        assert_true(arena_printf(p->arena, &name, "p%03d", (i * 37) % 100));
        OK(store_project_create(p->store, name, STR("default"), &e));
    }
    struct str *names;
    size_t n;
    OK(store_projects(p->store, p->arena, &names, &n, &e));
    assert_int_equal(n, 100);
    for (size_t i = 1; i < n; i++)
        assert_true(str_cmp(names[i - 1], names[i]) < 0);
}

static void universes(void **state)
{
    struct place *p = *state;
    struct stored_access all = read_access(p);
    assert_int_equal(all.universe_count, 1);
    assert_str(all.universes[0].name, STR("default"));
    make_project(p, "two", "yolo");
    make_project(p, "three", "yolo");
    make_project(p, "one", "acme");
    /* A project that is refused leaves no universe behind. */
    FAILS(store_project_create(p->store, STR("one"), STR("other"), &e), ERR_CONFLICT);
    all = read_access(p);
    assert_int_equal(all.universe_count, 3);
    assert_str(all.universes[0].name, STR("acme"));
    assert_str(all.universes[2].name, STR("yolo"));
}

static void names_that_cannot_be(void **state)
{
    static const char long_name[257] = { 0 };
    const struct str too_long = { long_name, sizeof long_name };
    const struct stored_user nobody = { .role = STR("admin") };
    struct place *p = *state;
    uint32_t user;
    uint64_t before = access_version(p);
    FAILS(store_project_create(p->store, STR(""), STR("default"), &e), ERR_INPUT);
    FAILS(store_project_create(p->store, too_long, STR("default"), &e), ERR_LIMIT);
    FAILS(store_project_create(p->store, STR("p"), STR(""), &e), ERR_INPUT);
    FAILS(store_project_create(p->store, STR("p"), too_long, &e), ERR_LIMIT);
    FAILS(store_user_add(p->store, &nobody, &user, &e), ERR_INPUT);
    assert_int_equal(access_version(p), before);
    struct stored_access all = read_access(p);
    assert_int_equal(all.universe_count, 1);
    assert_int_equal(all.project_count, 0);
}

static void tokens(void **state)
{
    struct place *p = *state;
    uint32_t numbers[50];
    make_project(p, "one", "default");
    make_project(p, "two", "acme");
    for (unsigned n = 0; n < 50; n++) {
        struct stored_token t = make_token(n, n % 2 ? "one" : "two");
        OK(store_token_add(p->store, &t, &numbers[n], &e));
        assert_true(n == 0 || numbers[n] > numbers[n - 1]);
        FAILS(store_token_add(p->store, &t, &numbers[n], &e), ERR_CONFLICT);
    }
    place_reopen(p);
    struct stored_access all = read_access(p);
    assert_int_equal(all.token_count, 50);
    for (unsigned n = 0; n < 50; n++) {
        struct stored_token want = make_token(n, n % 2 ? "one" : "two");
        assert_int_equal(all.tokens[n].number, numbers[n]);
        assert_token(&all.tokens[n], &want);
    }
    struct stored_token lost = make_token(99, "three");
    FAILS(store_token_add(p->store, &lost, &numbers[0], &e), ERR_NOT_FOUND);

    OK(store_token_remove(p->store, numbers[49], &e));
    FAILS(store_token_remove(p->store, numbers[49], &e), ERR_NOT_FOUND);
    FAILS(store_token_remove(p->store, STORE_NONE, &e), ERR_NOT_FOUND);
    assert_int_equal(read_access(p).token_count, 49);
    place_reopen(p);
    uint32_t next;
    struct stored_token again = make_token(49, "one");
    OK(store_token_add(p->store, &again, &next, &e));
    assert_true(next > numbers[49]); /* what is bound to a number stays bound to that token */
    OK(store_delete_all(p->store, 1, &e));
    assert_int_equal(read_access(p).token_count, 50);
}

static void users(void **state)
{
    struct place *p = *state;
    struct stored_user jane = { .name = STR("jane"),
                                .role = STR("admin"),
                                .password = STR("$argon2id$v=19$m=65536,t=2,p=1$abc"),
                                .created_ms = 123 };
    struct stored_user bob = { .name = STR("bob"), .role = STR("member"), .created_ms = 124 };
    uint32_t user;
    OK(store_user_add(p->store, &jane, &user, &e));
    OK(store_user_add(p->store, &bob, &user, &e));
    FAILS(store_user_add(p->store, &jane, &user, &e), ERR_CONFLICT);
    struct stored_access all = read_access(p);
    assert_int_equal(all.user_count, 2);
    assert_str(all.users[0].name, STR("bob"));
    assert_str(all.users[1].name, jane.name);
    assert_str(all.users[1].role, jane.role);
    assert_str(all.users[1].password, jane.password);
    assert_true(all.users[1].created_ms == 123);
    OK(store_user_remove(p->store, STR("jane"), &e));
    FAILS(store_user_remove(p->store, STR("jane"), &e), ERR_NOT_FOUND);
    assert_int_equal(read_access(p).user_count, 1);
}

/* Each change counts; what changes nothing, or is refused, does not. */
static void versions(void **state)
{
    struct place *p = *state;
    struct store *admin = NULL;
    struct stored_user jane = { .name = STR("jane"), .role = STR("admin") };
    struct stored_token t = make_token(1, "one");
    uint32_t number, user;
    uint64_t v = access_version(p);
    assert_int_equal(read_access(p).version, v);
#define GROWS(call)                                                                                \
    do {                                                                                           \
        OK(call);                                                                                  \
        assert_true(access_version(p) > v);                                                        \
        v = access_version(p);                                                                     \
        assert_int_equal(read_access(p).version, v);                                               \
    } while (0)
#define STAYS(call)                                                                                \
    do {                                                                                           \
        struct err e = { 0 };                                                                      \
        (void)!(call);                                                                             \
        assert_int_equal(access_version(p), v);                                                    \
    } while (0)
    OK(store_open(&admin, p->dir, NULL, &e));
    GROWS(store_project_create(p->store, STR("one"), STR("acme"), &e));
    STAYS(store_project_create(admin, STR("one"), STR("default"), &e));
    STAYS(store_project_create(admin, STR("one"), STR("new"), &e)); /* nor is "new" made */
    assert_int_equal(read_access(p).universe_count, 2);
    GROWS(store_token_add(admin, &t, &number, &e));
    STAYS(store_token_add(p->store, &t, &number, &e));
    GROWS(store_token_remove(p->store, number, &e));
    STAYS(store_token_remove(p->store, number, &e));
    GROWS(store_user_add(p->store, &jane, &user, &e));
    STAYS(store_user_add(p->store, &jane, &user, &e));
    GROWS(store_user_remove(admin, jane.name, &e));
    STAYS(store_user_remove(admin, jane.name, &e));
    GROWS(write_reports(p->store, make_reports(p, 0, 3, 1), 3, &e)); /* projects 0, 1, 2 */
    STAYS(write_reports(p->store, make_reports(p, 3, 0, 1), 0, &e));
    STAYS(write_reports(p->store, make_reports(p, 4, 3, 1), 3, &e)); /* is refused: a gap */
    GROWS(write_reports(p->store, make_reports(p, 3, 4, 1), 4, &e));
    STAYS(write_reports(p->store, make_reports(p, 7, 7, 1), 7, &e)); /* no new projects */
    STAYS(store_delete_all(p->store, 1, &e));
    store_close(admin);
    place_reopen(p);
    assert_int_equal(access_version(p), v);
}

static void secret(void **state)
{
    struct place *p = *state;
    uint8_t first[STORE_SECRET_BYTES], again[STORE_SECRET_BYTES];
    static const uint8_t none[STORE_SECRET_BYTES];
    OK(store_secret(p->store, first, &e));
    assert_memory_not_equal(first, none, sizeof first);
    OK(store_delete_all(p->store, 1, &e));
    place_reopen(p);
    OK(store_secret(p->store, again, &e));
    assert_memory_equal(again, first, sizeof first);
    char other[96];
    struct store *s = NULL;
    snprintf(other, sizeof other, "%s/other", p->dir);
    OK(store_open(&s, other, NULL, &e));
    OK(store_secret(s, again, &e));
    assert_memory_not_equal(again, first, sizeof first);
    store_close(s);
}

/* Another process makes and removes tokens while this one writes reports and asks. */
#define CHANGES 40

static int change_tokens(const char *dir, unsigned seed)
{
    struct err e = { 0 };
    struct store *s = NULL;
    if (!store_open(&s, dir, NULL, &e))
        return 1;
    for (unsigned i = 0; i < CHANGES; i++) {
        struct stored_token t = make_token(seed + i, "one");
        uint32_t number;
        if (!store_token_add(s, &t, &number, &e) || (i % 2 && !store_token_remove(s, number, &e)))
            return 2;
    }
    store_close(s);
    return 0;
}

struct asking {
    struct store *store;
    _Atomic bool stop;
};

/* Versions only grow, and the rows are never of an older one. */
static void *ask(void *arg)
{
    struct asking *x = arg;
    struct arena *a = arena_new(ARENA_BYTES);
    struct err e = { 0 };
    uint64_t last = 0;
    bool ok = a;
    while (ok && !atomic_load(&x->stop)) {
        uint64_t v;
        struct stored_access all = { 0 };
        ok = store_access_version(x->store, &v, &e) && v >= last &&
             store_access_read(x->store, a, &all, &e) && all.version >= v;
        last = all.version;
        arena_reset(a);
    }
    arena_free(a);
    return ok ? NULL : x;
}

static void two_processes(void **state)
{
    struct place *p = *state;
    struct asking asking = { .store = p->store };
    pthread_t threads[3];
    pid_t children[2];
    make_project(p, "one", "default");
    store_close(p->store); /* a child may not inherit an open database */
    for (unsigned i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(change_tokens(p->dir, 100 * i));
    }
    OK(store_open(&p->store, p->dir, &place_settings, &e));
    asking.store = p->store;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &asking), 0);
    for (uint32_t n = 0; n < 300; n += 10)
        OK(write_reports(p->store, make_reports(p, n, 10, 100), 10, &e));
    for (size_t i = 0; i < 2; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    atomic_store(&asking.stop, true);
    for (size_t i = 0; i < 3; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(read_access(p).token_count, CHANGES); /* half of two processes' */
    expect_reports(p, 300, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(projects),      CASE(many_projects), CASE(universes), CASE(names_that_cannot_be),
        CASE(tokens),        CASE(users),         CASE(versions),  CASE(secret),
        CASE(two_processes),
    };
    return cmocka_run_group_tests_name("store: access", tests, NULL, NULL);
}
