/* Tokens and users as they are made, and as a server sees them: at once, and by what is stored. */
#include "place.h"

#include <sodium.h>

#define READS SCOPE_OBJECT_GET

static const char seed_metadata[] = "{\"buckets\":{\"cts\":{\"attributes\":[\"fingerprint\","
                                    "\"uname.sysname\"],\"set\":{\"has_advanced_log\":\"1\"}}}}";

static bool knows(struct access *a, const char *text)
{
    const struct access_view *v = place_acquire(a);
    bool found = access_find_token(v, str_from_c(text)) != NULL;
    access_release(a, v);
    return found;
}

static void test_token_as_made(void **state)
{
    struct place *p = *state;
    char text[TOKEN_TEXT_BYTES + 1];
    struct access *a = place_access(p);
    uint32_t number =
        place_add_token(p, "cts", SCOPE_ERROR_POST | SCOPE_SYNC_POST, seed_metadata, text);
    assert_int_equal(strspn(text, "0123456789abcdef"), TOKEN_TEXT_BYTES);
    const struct access_view *v = place_acquire(a);
    const struct token *t = access_find_token(v, str_from_c(text));
    assert_non_null(t);
    assert_int_equal(t->number, number);
    assert_int_equal(t->scopes, SCOPE_ERROR_POST | SCOPE_SYNC_POST);
    assert_true(str_eq(t->project, STR("cts")));
    assert_true(str_eq(t->universe, STR("default")));
    assert_true(str_eq(t->metadata, str_from_c(seed_metadata)));
    assert_true(str_eq(t->bucket.name, STR("cts")));
    assert_int_equal(t->bucket.token, number);
    assert_int_equal(t->bucket.attribute_count, 2);
    assert_int_equal(t->bucket.set_count, 1);
    assert_int_equal(t->bucket_ttl_ms, 60000);
    assert_true(access_has_universe(v, STR("default")));
    assert_false(access_has_universe(v, STR("acme")));
    access_release(a, v);
    access_close(a);
}

static void test_other_texts(void **state)
{
    struct place *p = *state;
    char text[TOKEN_TEXT_BYTES + 1], other[TOKEN_TEXT_BYTES + 1];
    place_add_token(p, "p", SCOPE_ERROR_POST, "", text);
    struct access *a = place_access(p);
    assert_true(knows(a, text));
    for (size_t i = 0; i < TOKEN_TEXT_BYTES; i++) {
        memcpy(other, text, sizeof other);
        other[i] = other[i] == '0' ? '1' : '0';
        assert_false(knows(a, other));
    }
    const struct access_view *v = place_acquire(a);
    assert_null(access_find_token(v, STR("")));
    assert_null(access_find_token(v, (struct str){ NULL, 0 }));
    assert_null(access_find_token(v, (struct str){ text, TOKEN_TEXT_BYTES - 1 }));
    assert_null(access_find_token(v, (struct str){ text, TOKEN_TEXT_BYTES + 1 }));
    access_release(a, v);
    access_close(a);
}

/* A view shows its moment for as long as it is held; the next one shows the present. */
static void test_changes_are_seen_at_once(void **state)
{
    struct place *p = *state;
    char first[TOKEN_TEXT_BYTES + 1], second[TOKEN_TEXT_BYTES + 1];
    struct err e = { 0 };
    struct access *a = place_access(p);
    const struct access_view *before = place_acquire(a);
    uint32_t number = place_add_token(p, "p", SCOPE_ERROR_POST, "", first);
    const struct access_view *with = place_acquire(a);
    assert_null(access_find_token(before, str_from_c(first)));
    assert_non_null(access_find_token(with, str_from_c(first)));
    place_add_token(p, "p", READS, "", second);
    assert_true(knows(a, first) && knows(a, second));
    assert_true(store_token_remove(p->command, number, &e));
    assert_false(knows(a, first));
    assert_true(knows(a, second));
    assert_non_null(access_find_token(with, str_from_c(first)));
    assert_true(store_project_create(p->command, STR("roadrunner"), STR("acme"), &e));
    const struct access_view *last = place_acquire(a);
    assert_true(access_has_universe(last, STR("acme")));
    assert_false(access_has_universe(with, STR("acme")));
    access_release(a, last);
    access_release(a, with);
    access_release(a, before);
    access_close(a);
}

static void test_many_tokens(void **state)
{
    enum { TOKENS = 300 };
    struct place *p = *state;
    static char text[TOKENS][TOKEN_TEXT_BYTES + 1];
    uint32_t number[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
        char project[20];
        snprintf(project, sizeof project, "project %d", i * 7 % 10);
        number[i] = place_add_token(p, project, 1 + (uint32_t)i % 31, "", text[i]);
    }
    struct access *a = place_access(p);
    const struct access_view *v = place_acquire(a);
    for (int i = 0; i < TOKENS; i++) {
        const struct token *t = access_find_token(v, str_from_c(text[i]));
        assert_non_null(t);
        assert_int_equal(t->number, number[i]);
        assert_int_equal(t->scopes & SCOPES_STORED, 1 + i % 31);
        assert_int_equal(t->project.ptr[8], '0' + i * 7 % 10);
    }
    access_release(a, v);
    access_close(a);
}

/* The text of a token that can read is nowhere in the store. */
static void test_what_is_kept(void **state)
{
    struct place *p = *state;
    static const struct {
        uint32_t scopes;
        bool kept;
    } cases[] = {
        { SCOPE_ERROR_POST, true },
        { SCOPE_ERROR_POST | SCOPE_SYNC_POST | SCOPE_SYMBOL_POST, true },
        { SCOPE_OBJECT_GET, false },
        { SCOPE_QUERY_POST, false },
        { SCOPE_ERROR_POST | SCOPE_QUERY_POST, false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        char text[TOKEN_TEXT_BYTES + 1];
        uint8_t hash[crypto_hash_sha256_BYTES];
        struct stored_access rows;
        struct err e = { 0 };
        uint32_t number = place_add_token(p, "p", cases[i].scopes, "", text);
        assert_true(store_access_read(p->server, a, &rows, &e));
        assert_int_equal(rows.token_count, i + 1);
        for (size_t j = 0; j < rows.token_count; j++) {
            const struct stored_token *t = &rows.tokens[j];
            if (t->number != number)
                continue;
            crypto_hash_sha256(hash, (const unsigned char *)text, TOKEN_TEXT_BYTES);
            assert_memory_equal(t->hash, hash, sizeof hash);
            assert_true(str_eq(t->text, cases[i].kept ? str_from_c(text) : STR("")));
        }
    }
}

static void test_tokens_refused(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *project, *owner, *metadata;
        uint32_t scopes;
        enum err_code code;
        const char *part;
    } cases[] = {
        { "p", "", "", 0, ERR_INPUT, "at least one capability" },
        { "api", "", "", 1, ERR_INPUT, "called \"api\"" },
        { "", "", "", 1, ERR_INPUT, "empty" },
        { "\xff", "", "", 1, ERR_INPUT, "UTF-8" },
        { "p", "", "[]", 1, ERR_INPUT, "metadata: " },
        { "p", "", seed_metadata, 1, ERR_INPUT, "error:post and sync:post" },
        { "p", "nobody", "", 1, ERR_NOT_FOUND, "no user \"nobody\"" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct new_token t = { .project = str_from_c(cases[i].project),
                                     .owner = str_from_c(cases[i].owner),
                                     .metadata = str_from_c(cases[i].metadata),
                                     .scopes = cases[i].scopes };
        char text[TOKEN_TEXT_BYTES + 1];
        uint32_t number;
        struct err e = { 0 };
        if (token_create(p->command, &t, text, &number, &e))
            fail_msg("case %zu: taken", i);
        if (e.code != cases[i].code || !strstr(e.msg, cases[i].part))
            fail_msg("case %zu: %s", i, e.msg);
    }
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    struct stored_access rows;
    struct err e = { 0 };
    assert_true(store_access_read(p->server, a, &rows, &e));
    assert_int_equal(rows.token_count, 0);
    assert_int_equal(rows.project_count, 0); /* nor was any made for nothing */
}

/* A row whose metadata this version does not take lets nobody in, and holds up no other. */
static void test_row_that_makes_no_sense(void **state)
{
    struct place *p = *state;
    char good[TOKEN_TEXT_BYTES + 1], bad[TOKEN_TEXT_BYTES + 1];
    uint32_t number;
    struct err e = { 0 };
    place_add_token(p, "p", SCOPE_ERROR_POST, "", good);
    memset(bad, 'a', TOKEN_TEXT_BYTES);
    bad[TOKEN_TEXT_BYTES] = '\0';
    struct stored_token row = { .project = STR("p"),
                                .text = STR(""),
                                .owner = STR(""),
                                .scopes = SCOPE_ERROR_POST,
                                .metadata = STR("{\"limits\":{\"colour\":3}}") };
    crypto_hash_sha256(row.hash, (const unsigned char *)bad, TOKEN_TEXT_BYTES);
    assert_true(store_token_add(p->command, &row, &number, &e));
    struct access *a = place_access(p);
    assert_true(knows(a, good));
    assert_false(knows(a, bad));
    access_close(a);
}

static void test_users(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *name, *password, *role;
        enum err_code code; /* ERR_NONE: made */
    } cases[] = {
        { "ada", "correct horse", "admin", ERR_NONE },
        { "bob", "12345678", "member", ERR_NONE },
        { "cec", "12345678", "guest", ERR_NONE },
        { "ada", "correct horse", "admin", ERR_CONFLICT },
        { "eve", "1234567", "member", ERR_INPUT },
        { "eve", "12345678", "root", ERR_INPUT },
        { "eve", "12345678", "", ERR_INPUT },
        { "", "12345678", "member", ERR_INPUT },
        { "e\nve", "12345678", "member", ERR_INPUT },
        { "\xc3", "12345678", "member", ERR_INPUT },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = { 0 };
        const struct new_user u = { .name = str_from_c(cases[i].name),
                                    .password = str_from_c(cases[i].password),
                                    .role = str_from_c(cases[i].role) };
        uint32_t number;
        bool ok = user_create(p->command, &u, &number, &e);
        if (ok != (cases[i].code == ERR_NONE) || (!ok && e.code != cases[i].code))
            fail_msg("case %zu: %s", i, e.msg);
    }
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    struct stored_access rows;
    struct err e = { 0 };
    assert_true(store_access_read(p->server, a, &rows, &e));
    assert_int_equal(rows.user_count, 3);
    assert_true(str_eq(rows.users[2].role, STR("guest")));
    for (size_t i = 0; i < 2; i++) {
        const struct stored_user *u = &rows.users[i];
        bool ada = str_eq(u->name, STR("ada"));
        char hashed[crypto_pwhash_STRBYTES] = "";
        assert_true(str_starts(u->password, STR("$argon2id$")));
        assert_true(u->password.len < sizeof hashed);
        memcpy(hashed, u->password.ptr, u->password.len);
        const char *password = ada ? "correct horse" : "12345678";
        assert_int_equal(crypto_pwhash_str_verify(hashed, password, strlen(password)), 0);
        assert_true(str_eq(u->role, ada ? STR("admin") : STR("member")));
    }
}

#define ON_A_PLACE(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_PLACE(test_token_as_made),
        ON_A_PLACE(test_other_texts),
        ON_A_PLACE(test_changes_are_seen_at_once),
        ON_A_PLACE(test_many_tokens),
        ON_A_PLACE(test_what_is_kept),
        ON_A_PLACE(test_tokens_refused),
        ON_A_PLACE(test_row_that_makes_no_sense),
        ON_A_PLACE(test_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
