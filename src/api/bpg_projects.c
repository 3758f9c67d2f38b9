/* bpg_projects.c - universes, projects and listeners of the configuration store. */
#include "api/bpg.h"

/* --- universes -------------------------------------------------------------------------------- */

enum { UNIVERSE_ID, UNIVERSE_NAME };

BPG_LIST(bpg_universe_list)
{
    const struct stored_access *rows = access_rows(b->view);
    (void)t;
    for (size_t i = 0; i < rows->universe_count; i++) {
        const struct stored_universe *u = &rows->universes[i];
        if (!user_sees_universe(b->view, b->user, u->name))
            continue;
        struct bpg_row *row = bpg_add_row(b, out, e);
        if (!row)
            return false;
        row->number = u->number;
        bpg_set_number(row, UNIVERSE_ID, u->number);
        bpg_set_text(row, UNIVERSE_NAME, u->name);
    }
    return true;
}

BPG_CREATE(bpg_universe_create)
{
    struct str name = bpg_text(now, UNIVERSE_NAME);
    (void)t;
    if (!bpg_need_admin(b, e) || !universe_check(name, e) ||
        !store_universe_add(engine_store(b->c->api->engine), name, &now->number, e))
        return false;
    bpg_set_number(now, UNIVERSE_ID, now->number);
    return true;
}

BPG_REMOVE(bpg_universe_remove)
{
    (void)t;
    return bpg_need_admin(b, e) &&
           store_universe_remove(engine_store(b->c->api->engine), was->number, e);
}

/* --- projects --------------------------------------------------------------------------------- */

enum { PROJECT_PID, PROJECT_NAME, PROJECT_UNIVERSE, PROJECT_OWNER, PROJECT_DELETED };

static bool fill_project(struct bpg *b, const struct stored_project *p, struct bpg_row *row)
{
    const struct stored_universe *u = access_universe(b->view, p->universe);
    row->number = p->number;
    row->hidden = p->deleted;
    bpg_set_number(row, PROJECT_PID, p->number);
    bpg_set_text(row, PROJECT_NAME, p->name);
    bpg_set_number(row, PROJECT_UNIVERSE, u ? u->number : 0);
    bpg_set_number(row, PROJECT_OWNER, bpg_owner(b, access_user(b->view, p->owner)));
    bpg_set_number(row, PROJECT_DELETED, p->deleted);
    return true;
}

/* Admins may bring deleted ones back, which they name by their keys. */
BPG_LIST(bpg_project_list)
{
    const struct stored_access *rows = access_rows(b->view);
    (void)t;
    for (size_t i = 0; i < rows->project_count; i++) {
        const struct stored_project *p = &rows->projects[i];
        if (!user_sees(b->user, p) && !(p->deleted && b->user->role == ROLE_ADMIN))
            continue;
        struct bpg_row *row = bpg_add_row(b, out, e);
        if (!row || !fill_project(b, p, row))
            return false;
    }
    return true;
}

static bool read_owner(struct bpg *b, const struct bpg_row *row, const struct user **out,
                       struct err *e)
{
    bool given = bpg_has(row, PROJECT_OWNER) && row->at[PROJECT_OWNER].number != 0;
    *out = given ? bpg_user(b, &row->at[PROJECT_OWNER], e) : b->user;
    return *out != NULL;
}

static bool is_flag(const struct bpg_row *row, size_t at)
{
    return !bpg_has(row, at) || row->at[at].number == 0 || row->at[at].number == 1;
}

/* The name of a deleted one stays taken: its objects are known by it. */
static bool check_deleted(const struct bpg *b, struct str name, struct err *e)
{
    const struct stored_project *p = access_find_project(b->view, name);
    return !p || !p->deleted ||
           err_set(e, ERR_CONFLICT, 0,
                   "a project of this name was deleted; set deleted of pid %u to 0 to have it back",
                   p->number);
}

BPG_CREATE(bpg_project_create)
{
    struct stored_project p = { .name = bpg_text(now, PROJECT_NAME) };
    const struct stored_universe *u = bpg_universe(b, &now->at[PROJECT_UNIVERSE], e);
    const struct user *owner;
    (void)t;
    if (!bpg_need_admin(b, e) || !u || !read_owner(b, now, &owner, e) ||
        !project_check(p.name, e) || !check_deleted(b, p.name, e))
        return false;
    if (bpg_has(now, PROJECT_DELETED) && now->at[PROJECT_DELETED].number != 0)
        return err_set(e, ERR_INPUT, 0, "a new project cannot be deleted");
    p.universe = u->name;
    p.owner = owner->row->number;
    return store_project_add(engine_store(b->c->api->engine), &p, &p.number, e) &&
           fill_project(b, &p, now);
}

static bool store_project(struct bpg *b, uint32_t number, uint32_t owner, bool deleted,
                          struct err *e)
{
    const struct stored_project p = { .number = number, .owner = owner, .deleted = deleted };
    return store_project_change(engine_store(b->c->api->engine), &p, e);
}

BPG_MODIFY(bpg_project_modify)
{
    const struct user *owner;
    if (!bpg_need_admin(b, e) || !bpg_keeps(t, was, now, PROJECT_PID, e) ||
        !bpg_keeps(t, was, now, PROJECT_NAME, e) || !bpg_keeps(t, was, now, PROJECT_UNIVERSE, e) ||
        !read_owner(b, now, &owner, e))
        return false;
    if (!is_flag(now, PROJECT_DELETED))
        return err_set(e, ERR_INPUT, 0, "deleted must be 0 or 1");
    bool deleted = bpg_has(now, PROJECT_DELETED) && now->at[PROJECT_DELETED].number != 0;
    return store_project(b, was->number, owner->row->number, deleted, e);
}

/* It is hidden, and nothing is taken in for it; retention removes what it has, soon. */
BPG_REMOVE(bpg_project_remove)
{
    const struct stored_project *p = access_project(b->view, was->number);
    (void)t;
    return bpg_need_admin(b, e) && store_project(b, was->number, p ? p->owner : 0, true, e);
}

/* --- listeners -------------------------------------------------------------------------------- */

enum { LISTENER_TYPE, LISTENER_DNS_NAME, LISTENER_PORT };

/* Where the client has found the server, which takes submissions at the same place. */
BPG_LIST(bpg_listener_list)
{
    static const char *const types[] = { "http/console", "http/writer" };
    struct console_address at = console_address(b->c->x);
    (void)t;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct bpg_row *row = bpg_add_row(b, out, e);
        if (!row)
            return false;
        bpg_set_text(row, LISTENER_TYPE, str_from_c(types[i]));
        bpg_set_text(row, LISTENER_DNS_NAME, at.host);
        bpg_set_number(row, LISTENER_PORT, at.port);
    }
    return true;
}
