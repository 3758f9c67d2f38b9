/* place.h - a data directory of one's own for a test, and two stores on it: the server's, and the
 * one of a command beside it. For cmocka_unit_test_setup_teardown. */
#ifndef CRUMPLE_TESTS_ACCESS_PLACE_H
#define CRUMPLE_TESTS_ACCESS_PLACE_H

#include "access/access.h"
#include "unit/cmocka_all.h"
#include "unit/remove_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
    char dir[40];
    struct store *server, *command;
};

static inline int place_setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct err e = { 0 };
    assert_non_null(p);
    snprintf(p->dir, sizeof p->dir, "/tmp/crumple-access-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    if (!store_open(&p->server, p->dir, NULL, &e) || !store_open(&p->command, p->dir, NULL, &e))
        fail_msg("store_open: %s", e.msg);
    *state = p;
    return 0;
}

static inline int place_teardown(void **state)
{
    struct place *p = *state;
    store_close(p->command);
    store_close(p->server);
    remove_tree(p->dir);
    free(p);
    return 0;
}

/* What the server knows. */
static inline struct access *place_access(struct place *p)
{
    struct access *a;
    struct err e = { 0 };
    if (!access_open(&a, p->server, &e))
        fail_msg("access_open: %s", e.msg);
    return a;
}

static inline const struct access_view *place_acquire(struct access *a)
{
    struct err e = { 0 };
    const struct access_view *v = access_acquire(a, &e);
    if (!v)
        fail_msg("access_acquire: %s", e.msg);
    return v;
}

/* A token by the way of the command; its number. */
static inline uint32_t place_add_token(struct place *p, const char *project, uint32_t scopes,
                                       const char *metadata, char text[TOKEN_TEXT_BYTES + 1])
{
    const struct new_token t = { .project = str_from_c(project),
                                 .scopes = scopes,
                                 .metadata = str_from_c(metadata) };
    struct err e = { 0 };
    uint32_t number = 0;
    if (!token_create(p->command, &t, text, &number, &e))
        fail_msg("token_create: %s", e.msg);
    return number;
}

#endif
