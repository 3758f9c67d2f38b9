/* Users, what they are bound to, their sessions and what they configure, in any store. */
#include "tests/contract/place.h"

#include <string.h>

static uint32_t add_user(struct place *p, const char *name)
{
    const struct stored_user u = { .name = str_from_c(name),
                                   .role = STR("member"),
                                   .password = STR("$argon2id$abc"),
                                   .created_ms = 5 };
    uint32_t number;
    OK(store_user_add(p->store, &u, &number, &e));
    return number;
}

static uint32_t add_project(struct place *p, const char *name, uint32_t owner)
{
    const struct stored_project row = { .name = str_from_c(name),
                                        .universe = STR("default"),
                                        .owner = owner };
    uint32_t number;
    OK(store_project_add(p->store, &row, &number, &e));
    return number;
}

static struct stored_session make_session(unsigned n, uint32_t user, int64_t used_ms)
{
    struct stored_session s = {
        .user = user, .created_ms = used_ms, .used_ms = used_ms, .expires_ms = used_ms + 1000
    };
    memset(s.hash, 0, sizeof s.hash);
    memcpy(s.hash, &n, sizeof n);
    return s;
}

static void users(void **state)
{
    struct place *p = *state;
    uint32_t other, jane = add_user(p, "jane");
    OK(store_universe_add(p->store, STR("acme"), &other, &e));
    struct stored_access all = read_access(p);
    assert_str(all.users[0].email, STR(""));
    assert_str(all.users[0].universe, STR("default"));
    struct stored_user row = { .number = jane,
                               .role = STR("guest"),
                               .password = STR("new"),
                               .email = STR("j@x"),
                               .universe = STR("acme") };
    OK(store_user_change(p->store, &row, &e));
    place_reopen(p);
    all = read_access(p);
    assert_int_equal(all.user_count, 1);
    assert_int_equal(all.users[0].number, jane);
    assert_str(all.users[0].name, STR("jane"));
    assert_str(all.users[0].role, row.role);
    assert_str(all.users[0].password, row.password);
    assert_str(all.users[0].email, row.email);
    assert_str(all.users[0].universe, row.universe);
    assert_true(all.users[0].created_ms == 5);
    row.universe = STR("nowhere");
    FAILS(store_user_change(p->store, &row, &e), ERR_NOT_FOUND);
    FAILS(store_user_add(p->store, &row, &other, &e), ERR_INPUT);
    row.name = STR("bob");
    FAILS(store_user_add(p->store, &row, &other, &e), ERR_NOT_FOUND);
    row = (struct stored_user){ .number = 99 };
    FAILS(store_user_change(p->store, &row, &e), ERR_NOT_FOUND);
    OK(store_user_remove(p->store, STR("jane"), &e));
    assert_true(add_user(p, "jane") > jane); /* what was jane's is not this one's */
}

static void universes(void **state)
{
    struct place *p = *state;
    uint32_t acme, same;
    OK(store_universe_add(p->store, STR("acme"), &acme, &e));
    FAILS(store_universe_add(p->store, STR("acme"), &same, &e), ERR_CONFLICT);
    FAILS(store_universe_remove(p->store, 1, &e), ERR_CONFLICT); /* "default" */
    OK(store_project_create(p->store, STR("p"), STR("acme"), &e));
    FAILS(store_universe_remove(p->store, acme, &e), ERR_CONFLICT);
    OK(store_universe_add(p->store, STR("empty"), &same, &e));
    OK(store_universe_remove(p->store, same, &e));
    FAILS(store_universe_remove(p->store, same, &e), ERR_CONFLICT);
    const struct stored_user u = { .name = STR("jane"), .universe = STR("acme") };
    OK(store_universe_add(p->store, STR("empty"), &same, &e));
    OK(store_user_add(p->store, &u, &acme, &e));
    assert_int_equal(read_access(p).universe_count, 3);
}

static void projects(void **state)
{
    struct place *p = *state;
    uint32_t jane = add_user(p, "jane"), number = add_project(p, "one", jane);
    struct stored_project row = { .name = STR("one"), .universe = STR("default") };
    uint32_t ignored;
    FAILS(store_project_add(p->store, &row, &ignored, &e), ERR_CONFLICT);
    row = (struct stored_project){ .name = STR("two"), .universe = STR("nowhere") };
    FAILS(store_project_add(p->store, &row, &ignored, &e), ERR_NOT_FOUND);
    struct stored_access all = read_access(p);
    assert_int_equal(all.project_count, 1);
    assert_int_equal(all.projects[0].owner, jane);
    assert_false(all.projects[0].deleted);
    row = (struct stored_project){ .number = number, .owner = 7, .deleted = true };
    OK(store_project_change(p->store, &row, &e));
    place_reopen(p);
    all = read_access(p);
    assert_int_equal(all.projects[0].owner, 7);
    assert_true(all.projects[0].deleted);
    add_project(p, "two", 0);
    struct str *names;
    size_t n;
    OK(store_projects(p->store, p->arena, &names, &n, &e));
    assert_int_equal(n, 1);
    assert_str(names[0], STR("two"));
    row.number = 99;
    FAILS(store_project_change(p->store, &row, &e), ERR_NOT_FOUND);
}

static void changed_tokens(void **state)
{
    struct place *p = *state;
    uint32_t number;
    add_project(p, "one", 0);
    struct stored_token t = { .text = STR("abc"), .project = STR("one"), .scopes = 1 };
    OK(store_token_add(p->store, &t, &number, &e));
    const struct stored_token changed = {
        .number = number, .scopes = 5, .owner = STR("jane"), .metadata = STR("{}")
    };
    OK(store_token_change(p->store, &changed, &e));
    struct stored_access all = read_access(p);
    assert_str(all.tokens[0].text, STR(""));
    assert_str(all.tokens[0].owner, STR("jane"));
    assert_str(all.tokens[0].metadata, STR("{}"));
    assert_str(all.tokens[0].project, STR("one"));
    assert_int_equal(all.tokens[0].scopes, 5);
    OK(store_token_remove(p->store, number, &e));
    FAILS(store_token_change(p->store, &changed, &e), ERR_NOT_FOUND);
}

static void bindings(void **state)
{
    struct place *p = *state;
    uint32_t jane = add_user(p, "jane"), bob = add_user(p, "bob");
    uint32_t one = add_project(p, "one", 0), two = add_project(p, "two", 0);
    OK(store_binding_add(p->store, (struct stored_binding){ bob, two }, &e));
    OK(store_binding_add(p->store, (struct stored_binding){ bob, one }, &e));
    OK(store_binding_add(p->store, (struct stored_binding){ jane, one }, &e));
    FAILS(store_binding_add(p->store, (struct stored_binding){ jane, one }, &e), ERR_CONFLICT);
    FAILS(store_binding_add(p->store, (struct stored_binding){ jane, 99 }, &e), ERR_CONFLICT);
    FAILS(store_binding_add(p->store, (struct stored_binding){ 99, one }, &e), ERR_CONFLICT);
    place_reopen(p);
    struct stored_access all = read_access(p);
    assert_int_equal(all.binding_count, 3);
    assert_int_equal(all.bindings[0].user, jane);
    assert_int_equal(all.bindings[1].user, bob);
    assert_int_equal(all.bindings[1].project, one);
    assert_int_equal(all.bindings[2].project, two);
    OK(store_binding_remove(p->store, (struct stored_binding){ bob, two }, &e));
    FAILS(store_binding_remove(p->store, (struct stored_binding){ bob, two }, &e), ERR_CONFLICT);
    OK(store_user_remove(p->store, STR("bob"), &e));
    assert_int_equal(read_access(p).binding_count, 1);
}

static void sessions(void **state)
{
    struct place *p = *state;
    uint32_t jane = add_user(p, "jane");
    struct stored_session s = make_session(1, jane, 100);
    OK(store_session_add(p->store, &s, 0, &e));
    FAILS(store_session_add(p->store, &s, 0, &e), ERR_CONFLICT);
    struct stored_session lost = make_session(2, 99, 100);
    FAILS(store_session_add(p->store, &lost, 0, &e), ERR_CONFLICT);
    s.used_ms = 150;
    s.resources = STR("{\"a\":1}");
    OK(store_session_change(p->store, &s, &e));
    place_reopen(p);
    struct stored_access all = read_access(p);
    assert_int_equal(all.session_count, 1);
    assert_memory_equal(all.sessions[0].hash, s.hash, sizeof s.hash);
    assert_int_equal(all.sessions[0].user, jane);
    assert_true(all.sessions[0].created_ms == 100 && all.sessions[0].used_ms == 150);
    assert_true(all.sessions[0].expires_ms == 1100);
    assert_str(all.sessions[0].resources, s.resources);
    FAILS(store_session_change(p->store, &lost, &e), ERR_NOT_FOUND);
    FAILS(store_session_remove(p->store, lost.hash, &e), ERR_NOT_FOUND);
    OK(store_session_remove(p->store, s.hash, &e));
    assert_int_equal(read_access(p).session_count, 0);
}

/* A new one takes away what is over. */
static void old_sessions(void **state)
{
    struct place *p = *state;
    uint32_t jane = add_user(p, "jane"), bob = add_user(p, "bob");
    struct stored_session s = make_session(1, jane, 100); /* expires at 1100 */
    OK(store_session_add(p->store, &s, 0, &e));
    s = make_session(2, bob, 1000);
    OK(store_session_add(p->store, &s, 0, &e));
    s = make_session(3, jane, 1100);
    OK(store_session_add(p->store, &s, 0, &e));
    assert_int_equal(read_access(p).session_count, 2);
    s = make_session(4, jane, 1101);
    OK(store_session_add(p->store, &s, 1001, &e)); /* bob's has not been used since */
    assert_int_equal(read_access(p).session_count, 2);
    for (unsigned n = 0; n < STORE_USER_SESSIONS_MAX + 5; n++) {
        s = make_session(10 + n, bob, 1200 + n);
        OK(store_session_add(p->store, &s, 0, &e));
    }
    struct stored_access all = read_access(p);
    assert_int_equal(all.session_count, 2 + STORE_USER_SESSIONS_MAX);
    for (size_t i = 0; i < all.session_count; i++)
        assert_true(all.sessions[i].user == jane || all.sessions[i].used_ms >= 1205);
}

static void what_ends_sessions(void **state)
{
    struct place *p = *state;
    uint32_t jane = add_user(p, "jane"), bob = add_user(p, "bob");
    struct stored_session s = make_session(1, jane, 100);
    OK(store_session_add(p->store, &s, 0, &e));
    s = make_session(2, bob, 100);
    OK(store_session_add(p->store, &s, 0, &e));
    struct stored_user row = read_access(p).users[1]; /* jane */
    row.email = STR("j@x");
    OK(store_user_change(p->store, &row, &e));
    assert_int_equal(read_access(p).session_count, 2);
    row.password = STR("$argon2id$other");
    OK(store_user_change(p->store, &row, &e));
    struct stored_access all = read_access(p);
    assert_int_equal(all.session_count, 1);
    assert_int_equal(all.sessions[0].user, bob);
    OK(store_user_remove(p->store, STR("bob"), &e));
    assert_int_equal(read_access(p).session_count, 0);
}

static void configuration(void **state)
{
    struct place *p = *state;
    struct stored_configuration c = { .type = STR("b"), .key = STR("1"), .object = STR("{}") };
    uint32_t first, second, third;
    OK(store_configuration_add(p->store, &c, &first, &e));
    FAILS(store_configuration_add(p->store, &c, &second, &e), ERR_CONFLICT);
    c.key = STR("0");
    OK(store_configuration_add(p->store, &c, &second, &e));
    c.type = STR("a");
    OK(store_configuration_add(p->store, &c, &third, &e));
    place_reopen(p);
    struct stored_access all = read_access(p);
    assert_int_equal(all.configuration_count, 3);
    assert_int_equal(all.configuration[0].number, third);
    assert_int_equal(all.configuration[1].number, second);
    assert_int_equal(all.configuration[2].number, first);
    assert_str(all.configuration[2].key, STR("1"));
    c = (struct stored_configuration){
        .number = first, .type = STR("b"), .key = STR("0"), .object = STR("{\"a\":1}")
    };
    FAILS(store_configuration_change(p->store, &c, &e), ERR_CONFLICT); /* the second's key */
    c.key = STR("2");
    OK(store_configuration_change(p->store, &c, &e));
    assert_str(read_access(p).configuration[2].object, c.object);
    OK(store_configuration_remove(p->store, first, &e));
    FAILS(store_configuration_remove(p->store, first, &e), ERR_NOT_FOUND);
    FAILS(store_configuration_change(p->store, &c, &e), ERR_CONFLICT);
    OK(store_configuration_add(p->store, &c, &second, &e));
    assert_true(second > third);
    c = (struct stored_configuration){ .key = STR("1"), .object = STR("{}") };
    FAILS(store_configuration_add(p->store, &c, &second, &e), ERR_INPUT);
}

static void versions(void **state)
{
    struct place *p = *state;
    uint32_t jane = add_user(p, "jane"), number;
    uint64_t v = access_version(p);
    struct stored_session s = make_session(1, jane, 100);
    struct stored_configuration c = { .type = STR("b"), .key = STR("1"), .object = STR("{}") };
    OK(store_session_add(p->store, &s, 0, &e));
    assert_true(access_version(p) > v);
    v = access_version(p);
    FAILS(store_session_add(p->store, &s, 0, &e), ERR_CONFLICT);
    assert_int_equal(access_version(p), v);
    OK(store_configuration_add(p->store, &c, &number, &e));
    assert_true(access_version(p) > v);
    v = access_version(p);
    OK(store_delete_all(p->store, 1, &e));
    assert_int_equal(access_version(p), v);
    assert_int_equal(read_access(p).configuration_count, 1);
    assert_int_equal(read_access(p).session_count, 1);
}

static void configuration_is_full(void **state)
{
    struct place *p = *state;
    const size_t half = STORE_CONFIGURATION_BYTES / 2;
    char *text = malloc(half + 1);
    memset(text, 'x', half + 1);
    struct stored_configuration c = { .type = STR("b"), .key = STR("1"), .object = { text, half } };
    uint32_t first, second;
    OK(store_configuration_add(p->store, &c, &first, &e));
    c.key = STR("2");
    c.object.len = half + 1;
    FAILS(store_configuration_add(p->store, &c, &second, &e), ERR_LIMIT);
    c.object.len = half;
    OK(store_configuration_add(p->store, &c, &second, &e));
    c.number = second;
    c.object.len = half + 1;
    FAILS(store_configuration_change(p->store, &c, &e), ERR_LIMIT);
    assert_int_equal(read_access(p).configuration_count, 2);
    OK(store_configuration_remove(p->store, first, &e));
    OK(store_configuration_change(p->store, &c, &e));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(users),         CASE(universes),
        CASE(projects),      CASE(changed_tokens),
        CASE(bindings),      CASE(sessions),
        CASE(old_sessions),  CASE(what_ends_sessions),
        CASE(configuration), CASE(configuration_is_full),
        CASE(versions),
    };
    return cmocka_run_group_tests_name("store: people", tests, NULL, NULL);
}
