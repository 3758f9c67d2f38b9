/* find.c - what a view answers: who has this token or this session, who sees what. */
#include "access/view.h"

#include <stdlib.h>

const struct stored_access *access_rows(const struct access_view *v)
{
    return &v->rows;
}

const struct stored_universe *access_universe(const struct access_view *v, struct str name)
{
    for (size_t i = 0; i < v->rows.universe_count; i++)
        if (str_eq(v->rows.universes[i].name, name))
            return &v->rows.universes[i];
    return NULL;
}

bool access_has_universe(const struct access_view *v, struct str name)
{
    return access_universe(v, name) != NULL;
}

const struct token *access_find_token(const struct access_view *v, struct str text)
{
    uint32_t at = hash_table_find(&v->token_table, text);
    return at == UINT32_MAX ? NULL : &v->tokens[at];
}

static int compare_project(const void *name, const void *project)
{
    return str_cmp(*(const struct str *)name, ((const struct stored_project *)project)->name);
}

const struct stored_project *access_find_project(const struct access_view *v, struct str name)
{
    if (v->rows.project_count == 0)
        return NULL;
    return bsearch(&name, v->rows.projects, v->rows.project_count, sizeof *v->rows.projects,
                   compare_project);
}

const struct stored_project *access_project(const struct access_view *v, uint32_t number)
{
    for (size_t i = 0; i < v->rows.project_count; i++)
        if (v->rows.projects[i].number == number)
            return &v->rows.projects[i];
    return NULL;
}

/* --- people ----------------------------------------------------------------------------------- */

size_t access_users(const struct access_view *v, const struct user **out)
{
    *out = v->users;
    return v->user_count;
}

static int compare_user(const void *name, const void *user)
{
    return str_cmp(*(const struct str *)name, ((const struct user *)user)->row->name);
}

const struct user *access_find_user(const struct access_view *v, struct str name)
{
    if (v->user_count == 0)
        return NULL;
    return bsearch(&name, v->users, v->user_count, sizeof *v->users, compare_user);
}

const struct user *access_user(const struct access_view *v, uint32_t number)
{
    for (size_t i = 0; i < v->user_count; i++)
        if (v->users[i].row->number == number)
            return &v->users[i];
    return NULL;
}

bool user_sees(const struct user *u, const struct stored_project *p)
{
    if (p->deleted)
        return false;
    if (u->role == ROLE_ADMIN)
        return true;
    for (size_t i = 0; i < u->binding_count; i++)
        if (u->bindings[i].project == p->number)
            return true;
    return false;
}

uint32_t user_scopes(const struct user *u)
{
    return u->role == ROLE_GUEST ? SCOPES_READING : SCOPES_STORED | SCOPE_CHANGE;
}

const struct session *access_find_session(const struct access_view *v, struct str text,
                                          int64_t now_ms)
{
    uint32_t at = hash_table_find(&v->session_table, text);
    if (at == UINT32_MAX)
        return NULL;
    const struct session *s = &v->sessions[at];
    bool over = s->row->expires_ms <= now_ms || s->row->used_ms < now_ms - SESSION_IDLE_MS;
    return over ? NULL : s;
}

/* --- configuration ---------------------------------------------------------------------------- */

/* The first place whose type and key are not below these. */
static size_t first_place(const struct access_view *v, struct str type, struct str key)
{
    size_t low = 0, high = v->configuration_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct configuration *c = &v->configuration[middle];
        int order = str_cmp(c->type, type);
        if (order < 0 || (order == 0 && str_cmp(c->key, key) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t access_configuration(const struct access_view *v, struct str type,
                            const struct configuration **out)
{
    size_t first = first_place(v, type, STR("")), n = 0;
    while (first + n < v->configuration_count && str_eq(v->configuration[first + n].type, type))
        n++;
    *out = v->configuration + first;
    return n;
}

const struct configuration *access_find_configuration(const struct access_view *v, struct str type,
                                                      struct str key)
{
    size_t at = first_place(v, type, key);
    if (at == v->configuration_count)
        return NULL;
    const struct configuration *c = &v->configuration[at];
    return str_eq(c->type, type) && str_eq(c->key, key) ? c : NULL;
}
