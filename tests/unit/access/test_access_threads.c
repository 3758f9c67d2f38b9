/* Many threads ask while tokens come and go: a change that is stored is seen by every question that
 * comes after it, and no view goes while it is held. Run under the thread sanitizer, too. */
#include "place.h"

#include <pthread.h>
#include <stdatomic.h>

#define ASKERS 4
#define CHANGES 60

struct party {
    struct place *place;
    struct access *access;
    char constant[TOKEN_TEXT_BYTES + 1]; /* a token that stays */
    _Atomic bool over;
    _Atomic unsigned questions;
};

/* A view says the same for as long as it is held. */
static void *ask(void *arg)
{
    struct party *p = arg;
    while (!atomic_load(&p->over)) {
        struct err e = { 0 };
        const struct access_view *v = access_acquire(p->access, &e);
        if (!v)
            return NULL;
        const struct token *t = access_find_token(v, str_from_c(p->constant));
        bool good =
            t && str_eq(t->project, STR("p")) && t == access_find_token(v, str_from_c(p->constant));
        access_release(p->access, v);
        if (!good)
            return NULL;
        atomic_fetch_add(&p->questions, 1);
    }
    return p;
}

static bool sees(struct party *p, const char *text)
{
    struct err e = { 0 };
    const struct access_view *v = access_acquire(p->access, &e);
    assert_non_null(v);
    bool found = access_find_token(v, str_from_c(text)) != NULL;
    access_release(p->access, v);
    return found;
}

static void test_reload_while_asked(void **state)
{
    struct party p = { .place = *state };
    struct err e = { 0 };
    pthread_t askers[ASKERS];
    place_add_token(p.place, "p", SCOPE_ERROR_POST, "", p.constant);
    assert_true(access_open(&p.access, p.place->server, &e));
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&askers[i], NULL, ask, &p), 0);
    for (int i = 0; i < CHANGES; i++) {
        char text[TOKEN_TEXT_BYTES + 1];
        uint32_t number = place_add_token(p.place, "p", SCOPE_ERROR_POST, "", text);
        assert_true(sees(&p, text));
        assert_true(store_token_remove(p.place->command, number, &e));
        assert_false(sees(&p, text));
    }
    atomic_store(&p.over, true);
    for (int i = 0; i < ASKERS; i++) {
        void *good;
        pthread_join(askers[i], &good);
        assert_non_null(good);
    }
    printf("%u questions during %d changes\n", atomic_load(&p.questions), 2 * CHANGES);
    access_close(p.access);
}

static void *fail_often(void *arg)
{
    uintptr_t allowed = 0;
    for (int i = 0; i < 2000; i++) {
        char address[20];
        snprintf(address, sizeof address, "10.0.0.%d", i % 10);
        allowed += attempts_failed(arg, str_from_c(address), 0);
    }
    return (void *)allowed;
}

/* Ten addresses with fifty attempts each, whichever threads they come by. */
static void test_attempts(void **state)
{
    (void)state;
    pthread_t threads[ASKERS];
    uintptr_t sum = 0;
    CLEANUP(attempts_free_p) struct attempts *t = attempts_new(50, 60);
    assert_non_null(t);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fail_often, t), 0);
    for (int i = 0; i < ASKERS; i++) {
        void *allowed;
        pthread_join(threads[i], &allowed);
        sum += (uintptr_t)allowed;
    }
    assert_int_equal(sum, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reload_while_asked, place_setup, place_teardown),
        cmocka_unit_test(test_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
