/* People as they are made, what they see, and their sessions, as a server sees them at once. */
#include "place.h"

#define PASSWORD "correct horse"
#define DAY_MS ((int64_t)86400000)

static uint32_t make_user(struct place *p, const char *name, const char *role)
{
    const struct new_user u = { .name = str_from_c(name),
                                .password = STR(PASSWORD),
                                .role = str_from_c(role) };
    struct err e = { 0 };
    uint32_t number = 0;
    if (!user_create(p->command, &u, &number, &e))
        fail_msg("user_create: %s", e.msg);
    return number;
}

static uint32_t make_project(struct place *p, const char *name)
{
    const struct stored_project row = { .name = str_from_c(name), .universe = STR("default") };
    struct err e = { 0 };
    uint32_t number = 0;
    if (!store_project_add(p->command, &row, &number, &e))
        fail_msg("store_project_add: %s", e.msg);
    return number;
}

static bool is_in(struct access *a, const char *text, int64_t now_ms)
{
    const struct access_view *v = place_acquire(a);
    bool found = access_find_session(v, str_from_c(text), now_ms) != NULL;
    access_release(a, v);
    return found;
}

static void start(struct place *p, struct access *a, const char *name, int64_t now_ms,
                  char text[TOKEN_TEXT_BYTES + 1])
{
    struct err e = { 0 };
    const struct access_view *v = place_acquire(a);
    const struct user *u = access_find_user(v, str_from_c(name));
    assert_non_null(u);
    if (!session_start(p->server, u, now_ms, text, &e))
        fail_msg("session_start: %s", e.msg);
    access_release(a, v);
}

static void test_who_sees_what(void **state)
{
    static const struct {
        const char *user, *project;
        bool sees;
    } cases[] = {
        { "ada", "one", true },  { "ada", "two", true },  { "ada", "gone", false },
        { "mia", "one", true },  { "mia", "two", false }, { "mia", "gone", false },
        { "gus", "one", false }, { "gus", "two", true },
    };
    struct place *p = *state;
    struct err e = { 0 };
    make_user(p, "ada", "admin");
    uint32_t mia = make_user(p, "mia", "member"), gus = make_user(p, "gus", "guest");
    uint32_t one = make_project(p, "one"), two = make_project(p, "two");
    uint32_t gone = make_project(p, "gone");
    const struct stored_project deleted = { .number = gone, .deleted = true };
    assert_true(store_binding_add(p->command, (struct stored_binding){ mia, one }, &e));
    assert_true(store_binding_add(p->command, (struct stored_binding){ mia, gone }, &e));
    assert_true(store_binding_add(p->command, (struct stored_binding){ gus, two }, &e));
    assert_true(store_project_change(p->command, &deleted, &e));
    struct access *a = place_access(p);
    const struct access_view *v = place_acquire(a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct user *u = access_find_user(v, str_from_c(cases[i].user));
        const struct stored_project *project = access_find_project(v, str_from_c(cases[i].project));
        assert_true(u && project);
        if (user_sees(u, project) != cases[i].sees)
            fail_msg("%s and %s", cases[i].user, cases[i].project);
    }
    assert_int_equal(user_scopes(access_find_user(v, STR("gus"))), SCOPES_READING);
    assert_int_equal(user_scopes(access_find_user(v, STR("mia"))), SCOPES_STORED | SCOPE_CHANGE);
    assert_null(access_find_user(v, STR("nobody")));
    assert_null(access_find_project(v, STR("nothing")));
    assert_ptr_equal(access_user(v, mia), access_find_user(v, STR("mia")));
    assert_null(access_user(v, 999));
    access_release(a, v);
    access_close(a);
}

static void test_passwords(void **state)
{
    struct place *p = *state;
    make_user(p, "ada", "admin");
    struct access *a = place_access(p);
    const struct access_view *v = place_acquire(a);
    const struct user *u = access_find_user(v, STR("ada"));
    assert_true(user_has_password(u, STR(PASSWORD)));
    assert_false(user_has_password(u, STR(PASSWORD " ")));
    assert_false(user_has_password(u, STR("")));
    assert_false(user_has_password(NULL, STR(PASSWORD)));
    assert_false(user_has_password(NULL, STR("")));
    assert_false(user_has_password(u, (struct str){ NULL, 0 }));
    access_release(a, v);
    access_close(a);
}

static void test_sessions(void **state)
{
    struct place *p = *state;
    char first[TOKEN_TEXT_BYTES + 1], second[TOKEN_TEXT_BYTES + 1];
    struct err e = { 0 };
    int64_t now = 1000 * DAY_MS;
    make_user(p, "ada", "admin");
    struct access *a = place_access(p);
    start(p, a, "ada", now, first);
    start(p, a, "ada", now, second);
    assert_int_equal(strspn(first, "0123456789abcdef"), TOKEN_TEXT_BYTES);
    assert_string_not_equal(first, second);
    assert_true(is_in(a, first, now) && is_in(a, second, now));
    const struct access_view *v = place_acquire(a);
    const struct session *s = access_find_session(v, str_from_c(first), now);
    assert_true(str_eq(s->user->row->name, STR("ada")));
    assert_null(access_find_token(v, str_from_c(first))); /* it is no token */
    assert_memory_not_equal(s->row->hash, first, 32);
    assert_true(store_session_remove(p->command, s->row->hash, &e)); /* in another process */
    assert_false(is_in(a, first, now));
    assert_true(is_in(a, second, now));
    access_release(a, v);
    first[0] = first[0] == '0' ? '1' : '0';
    assert_false(is_in(a, first, now));
    assert_false(is_in(a, "", now));
    assert_true(store_user_remove(p->command, STR("ada"), &e));
    assert_false(is_in(a, second, now));
    access_close(a);
}

static void test_sessions_end(void **state)
{
    struct place *p = *state;
    char text[TOKEN_TEXT_BYTES + 1], other[TOKEN_TEXT_BYTES + 1];
    struct err e = { 0 };
    int64_t begin = 1000 * DAY_MS, now = begin;
    make_user(p, "ada", "admin");
    struct access *a = place_access(p);
    start(p, a, "ada", begin, text);
    assert_true(is_in(a, text, begin + SESSION_IDLE_MS));
    assert_false(is_in(a, text, begin + SESSION_IDLE_MS + 1));
    for (; now < begin + SESSION_LIFE_MS; now += SESSION_IDLE_MS) { /* used again and again */
        const struct access_view *v = place_acquire(a);
        const struct session *s = access_find_session(v, str_from_c(text), now);
        assert_non_null(s);
        assert_true(session_touch(p->server, s, now, &e));
        access_release(a, v);
    }
    assert_true(is_in(a, text, begin + SESSION_LIFE_MS - 1));
    assert_false(is_in(a, text, begin + SESSION_LIFE_MS));
    start(p, a, "ada", begin + SESSION_LIFE_MS, other); /* takes the old one away */
    const struct access_view *v = place_acquire(a);
    assert_int_equal(access_rows(v)->session_count, 1);
    access_release(a, v);
    access_close(a);
}

/* Not each use is a write. */
static void test_touching(void **state)
{
    struct place *p = *state;
    char text[TOKEN_TEXT_BYTES + 1];
    struct err e = { 0 };
    uint64_t before, after;
    make_user(p, "ada", "admin");
    struct access *a = place_access(p);
    start(p, a, "ada", DAY_MS, text);
    const struct access_view *v = place_acquire(a);
    const struct session *s = access_find_session(v, str_from_c(text), DAY_MS);
    assert_true(store_access_version(p->server, &before, &e));
    assert_true(session_touch(p->server, s, DAY_MS + SESSION_TOUCH_MS - 1, &e));
    assert_true(store_access_version(p->server, &after, &e));
    assert_int_equal(before, after);
    assert_true(session_touch(p->server, s, DAY_MS + SESSION_TOUCH_MS, &e));
    assert_true(store_access_version(p->server, &after, &e));
    assert_true(after > before);
    access_release(a, v);
    access_close(a);
}

static void keep(struct place *p, const char *type, const char *key, const char *object)
{
    const struct stored_configuration c = { .type = str_from_c(type),
                                            .key = str_from_c(key),
                                            .object = str_from_c(object) };
    struct err e = { 0 };
    uint32_t number;
    if (!store_configuration_add(p->command, &c, &number, &e))
        fail_msg("store_configuration_add: %s", e.msg);
}

static void test_configuration(void **state)
{
    struct place *p = *state;
    const struct configuration *all;
    struct access *a = place_access(p);
    const struct access_view *empty = place_acquire(a);
    keep(p, "attribute", "2/b", "{\"name\":\"b\"}");
    keep(p, "attribute", "10/a", "{\"name\":\"a\"}");
    keep(p, "attribute", "1/x", "damaged");
    keep(p, "attribute", "1/y", "[]");
    keep(p, "attributes", "1/y", "{}");
    keep(p, "limits", "1", "{\"n\":1}");
    const struct access_view *v = place_acquire(a);
    assert_int_equal(access_configuration(empty, STR("attribute"), &all), 0);
    assert_int_equal(access_configuration(v, STR("attribute"), &all), 2); /* what makes sense */
    assert_true(str_eq(all[0].key, STR("10/a")) && str_eq(all[1].key, STR("2/b")));
    assert_true(str_eq(json_get(all[1].object, STR("name"))->text, STR("b")));
    assert_int_equal(access_configuration(v, STR("limits"), &all), 1);
    assert_int_equal(access_configuration(v, STR("zebra"), &all), 0);
    assert_int_equal(access_configuration(v, STR(""), &all), 0);
    assert_non_null(access_find_configuration(v, STR("limits"), STR("1")));
    assert_null(access_find_configuration(v, STR("limits"), STR("10")));
    assert_null(access_find_configuration(v, STR("limits"), STR("")));
    assert_null(access_find_configuration(v, STR("attribute"), STR("1/x")));
    assert_null(access_find_configuration(empty, STR("limits"), STR("1")));
    access_release(a, v);
    access_release(a, empty);
    access_close(a);
}

/* Bits that no token may store give it nothing. */
static void test_scopes_of_rows(void **state)
{
    struct place *p = *state;
    char text[TOKEN_TEXT_BYTES + 1];
    struct err e = { 0 };
    uint32_t number = place_add_token(p, "one", SCOPE_ERROR_POST, "", text);
    const struct stored_token row = { .number = number, .scopes = SCOPE_ERROR_POST | SCOPE_CHANGE };
    assert_true(store_token_change(p->command, &row, &e));
    struct access *a = place_access(p);
    const struct access_view *v = place_acquire(a);
    assert_int_equal(access_find_token(v, str_from_c(text))->scopes, SCOPE_ERROR_POST);
    access_release(a, v);
    access_close(a);
}

#define ON_A_PLACE(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_PLACE(test_who_sees_what),  ON_A_PLACE(test_passwords), ON_A_PLACE(test_sessions),
        ON_A_PLACE(test_sessions_end),   ON_A_PLACE(test_touching),  ON_A_PLACE(test_configuration),
        ON_A_PLACE(test_scopes_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
