/* view.c - makes a view of the rows that the store has.
 *
 * A row that makes no sense (a token whose project is gone, a session without a user, metadata that
 * this version does not know) is left out: it lets nobody in, and holds up nobody else. */
#include "access/view.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#define VIEW_BYTES_MAX ((size_t)1 << 30)
#define TABLE_FIRST 64 /* slots; a power of two */
#define OBJECT_DEPTH_MAX 8
#define OBJECT_NODES_MAX 10000

static_assert(VIEW_HASH_BYTES == crypto_hash_sha256_BYTES, "hashes are SHA-256");

/* --- the table of hashes ---------------------------------------------------------------------- */

static bool table_make(struct hash_table *t, size_t most, struct arena *a, struct err *e)
{
    *t = (struct hash_table){ .slot_count = TABLE_FIRST };
    while (t->slot_count < 2 * most)
        t->slot_count *= 2;
    t->hashes = arena_array(a, most, sizeof *t->hashes);
    t->slots = arena_array(a, t->slot_count, sizeof *t->slots);
    if (!t->hashes || !t->slots)
        return err_set(e, ERR_NOMEM, 0, "no memory for %zu tokens", most);
    memset(t->slots, 0, t->slot_count * sizeof *t->slots);
    return true;
}

static size_t first_slot(const struct hash_table *t, const uint8_t *hash)
{
    uint64_t start;
    memcpy(&start, hash, sizeof start);
    return (size_t)start & (t->slot_count - 1);
}

static void table_add(struct hash_table *t, const uint8_t hash[VIEW_HASH_BYTES])
{
    size_t slot = first_slot(t, hash);
    while (t->slots[slot] != 0)
        slot = (slot + 1) & (t->slot_count - 1);
    memcpy(t->hashes[t->count], hash, VIEW_HASH_BYTES);
    t->slots[slot] = (uint32_t)++t->count;
}

uint32_t hash_table_find(const struct hash_table *t, struct str text)
{
    uint8_t hash[VIEW_HASH_BYTES];
    if (text.len != TOKEN_TEXT_BYTES)
        return UINT32_MAX;
    crypto_hash_sha256(hash, (const unsigned char *)text.ptr, text.len);
    for (size_t i = first_slot(t, hash); t->slots[i] != 0; i = (i + 1) & (t->slot_count - 1)) {
        uint32_t at = t->slots[i] - 1;
        if (sodium_memcmp(t->hashes[at], hash, sizeof hash) == 0)
            return at;
    }
    return UINT32_MAX;
}

/* --- the parts of a view ---------------------------------------------------------------------- */

/* False when memory is short. */
static bool add_token(struct access_view *v, const struct stored_token *row, struct err *e)
{
    const struct stored_project *project = access_find_project(v, row->project);
    uint32_t scopes = row->scopes & SCOPES_STORED;
    if (!project)
        return true;
    struct token *t = &v->tokens[v->token_table.count];
    *t = (struct token){
        .number = row->number,
        .scopes = scopes | (scopes & SCOPE_QUERY_POST ? SCOPE_CHANGE : 0),
        .project_deleted = project->deleted,
        .project = row->project,
        .universe = project->universe,
        .user = row->owner,
    };
    struct err bad = { 0 };
    if (!token_read_metadata(t, row->metadata, row->scopes, v->arena, &bad))
        return bad.code != ERR_NOMEM || err_set(e, ERR_NOMEM, 0, "no memory for tokens");
    table_add(&v->token_table, row->hash);
    return true;
}

static bool fill_tokens(struct access_view *v, struct err *e)
{
    size_t n = v->rows.token_count;
    v->tokens = arena_array(v->arena, n, sizeof *v->tokens);
    if (!v->tokens)
        return err_set(e, ERR_NOMEM, 0, "no memory for %zu tokens", n);
    if (!table_make(&v->token_table, n, v->arena, e))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!add_token(v, &v->rows.tokens[i], e))
            return false;
    return true;
}

/* The user's part of the bindings, which are sorted by user. */
static void find_bindings(const struct access_view *v, struct user *u)
{
    size_t low = 0, high = v->rows.binding_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->rows.bindings[middle].user < u->row->number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == v->rows.binding_count)
        return; /* there may be no rows at all */
    u->bindings = v->rows.bindings + low;
    while (low + u->binding_count < v->rows.binding_count &&
           u->bindings[u->binding_count].user == u->row->number)
        u->binding_count++;
}

static bool fill_users(struct access_view *v, struct err *e)
{
    v->users = arena_array(v->arena, v->rows.user_count, sizeof *v->users);
    if (!v->users)
        return err_set(e, ERR_NOMEM, 0, "no memory for %zu users", v->rows.user_count);
    for (size_t i = 0; i < v->rows.user_count; i++) {
        struct user *u = &v->users[v->user_count];
        *u = (struct user){ .row = &v->rows.users[i] };
        if (!role_parse(u->row->role, &u->role))
            continue;
        find_bindings(v, u);
        v->user_count++;
    }
    return true;
}

static bool fill_sessions(struct access_view *v, struct err *e)
{
    size_t n = v->rows.session_count;
    v->sessions = arena_array(v->arena, n, sizeof *v->sessions);
    if (!v->sessions)
        return err_set(e, ERR_NOMEM, 0, "no memory for %zu sessions", n);
    if (!table_make(&v->session_table, n, v->arena, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct stored_session *row = &v->rows.sessions[i];
        const struct user *u = access_user(v, row->user);
        if (!u)
            continue;
        v->sessions[v->session_table.count] = (struct session){ .row = row, .user = u };
        table_add(&v->session_table, row->hash);
    }
    return true;
}

static bool fill_configuration(struct access_view *v, struct err *e)
{
    const struct json_limits limits = { OBJECT_DEPTH_MAX, OBJECT_NODES_MAX };
    size_t n = v->rows.configuration_count;
    v->configuration = arena_array(v->arena, n, sizeof *v->configuration);
    if (!v->configuration)
        return err_set(e, ERR_NOMEM, 0, "no memory for the configuration");
    for (size_t i = 0; i < n; i++) {
        const struct stored_configuration *row = &v->rows.configuration[i];
        struct configuration *c = &v->configuration[v->configuration_count];
        struct err bad = { 0 };
        *c = (struct configuration){ .number = row->number, .type = row->type, .key = row->key };
        if (json_parse(&c->object, row->object, limits, v->arena, &bad)) {
            if (c->object->type == JSON_OBJECT)
                v->configuration_count++;
        } else if (bad.code == ERR_NOMEM) {
            return err_set(e, ERR_NOMEM, 0, "no memory for the configuration");
        }
    }
    return true;
}

static int compare_projects(const void *a, const void *b)
{
    return str_cmp(((const struct stored_project *)a)->name,
                   ((const struct stored_project *)b)->name);
}

static bool view_fill(struct access_view *v, struct store *s, struct err *e)
{
    if (!store_access_read(s, v->arena, &v->rows, e))
        return false;
    v->version = v->rows.version;
    if (v->rows.project_count > 0)
        qsort(v->rows.projects, v->rows.project_count, sizeof *v->rows.projects, compare_projects);
    return fill_tokens(v, e) && fill_users(v, e) && fill_sessions(v, e) && fill_configuration(v, e);
}

struct access_view *access_view_new(struct store *s, struct err *e)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(VIEW_BYTES_MAX);
    struct access_view *v = a ? arena_zalloc(a, sizeof *v) : NULL;
    if (!v) {
        err_set(e, ERR_NOMEM, 0, "no memory for tokens");
        return NULL;
    }
    v->arena = a;
    v->holders = 1;
    if (!view_fill(v, s, e))
        return NULL;
    a = NULL; /* the view's now */
    return v;
}
