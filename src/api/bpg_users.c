/* bpg_users.c - users, and the projects that they are bound to, in the configuration store. */
#include "api/bpg.h"

/* --- users ------------------------------------------------------------------------------------ */

enum {
    USER_UID,
    USER_NAME,
    USER_EMAIL,
    USER_PASSWORD,
    USER_UNIVERSE,
    USER_SUPER,
    USER_METHOD,
    USER_ROLE
};

static bool shares_project(const struct bpg *b, const struct user *u)
{
    const struct stored_access *rows = access_rows(b->view);
    for (size_t i = 0; i < rows->project_count; i++) {
        const struct stored_project *p = &rows->projects[i];
        if (user_sees(b->user, p) && (p->owner == u->row->number || user_sees(u, p)))
            return true;
    }
    return false;
}

/* One sees oneself, and with whom one has a project in common. */
static bool is_seen(const struct bpg *b, const struct user *u)
{
    return b->user->role == ROLE_ADMIN || u == b->user || u->row->number == bpg_owner(b, NULL) ||
           shares_project(b, u);
}

static void fill_user(const struct bpg *b, const struct stored_user *u, enum role role,
                      struct bpg_row *row)
{
    const struct stored_universe *universe = access_universe(b->view, u->universe);
    row->number = u->number;
    bpg_set_number(row, USER_UID, u->number);
    bpg_set_text(row, USER_NAME, u->name);
    bpg_set_text(row, USER_EMAIL, u->email);
    row->at[USER_PASSWORD] = (struct bpg_value){ .is = BPG_NULL };
    bpg_set_number(row, USER_UNIVERSE, universe ? universe->number : 0);
    bpg_set_number(row, USER_SUPER, role == ROLE_ADMIN);
    bpg_set_text(row, USER_METHOD, STR("password"));
    bpg_set_text(row, USER_ROLE, role_name(role));
}

BPG_LIST(bpg_user_list)
{
    const struct user *users;
    size_t n = access_users(b->view, &users);
    (void)t;
    for (size_t i = 0; i < n; i++) {
        if (!is_seen(b, &users[i]))
            continue;
        struct bpg_row *row = bpg_add_row(b, out, e);
        if (!row)
            return false;
        fill_user(b, users[i].row, users[i].role, row);
    }
    return true;
}

/* The role, or what `superuser` says of it, where that has changed. */
static bool read_role(const struct bpg_row *was, const struct bpg_row *now, enum role *out,
                      struct err *e)
{
    bool super = bpg_has(now, USER_SUPER) && now->at[USER_SUPER].number != 0;
    bool named =
        bpg_has(now, USER_ROLE) && !(was && bpg_same(&was->at[USER_ROLE], &now->at[USER_ROLE]));
    if (named) {
        if (!role_check(now->at[USER_ROLE].text, e) || !role_parse(now->at[USER_ROLE].text, out))
            return false;
        bool said = bpg_has(now, USER_SUPER) &&
                    !(was && bpg_same(&was->at[USER_SUPER], &now->at[USER_SUPER]));
        return !said || super == (*out == ROLE_ADMIN) ||
               err_set(e, ERR_INPUT, 0, "superuser and role contradict each other");
    }
    if (was && bpg_same(&was->at[USER_SUPER], &now->at[USER_SUPER]))
        return role_parse(was->at[USER_ROLE].text, out) ||
               err_set(e, ERR_INPUT, 0, "the role is not known");
    *out = super ? ROLE_ADMIN : ROLE_MEMBER;
    return true;
}

static bool check_method(const struct bpg_row *now, struct err *e)
{
    return !bpg_has(now, USER_METHOD) || str_eq(now->at[USER_METHOD].text, STR("password")) ||
           err_set(e, ERR_INPUT, 0, "method must be password: there is no other here");
}

BPG_CREATE(bpg_user_create)
{
    const struct stored_universe *universe = bpg_universe(b, &now->at[USER_UNIVERSE], e);
    struct new_user u = { .name = bpg_text(now, USER_NAME), .email = bpg_text(now, USER_EMAIL) };
    enum role role;
    uint32_t number;
    (void)t;
    if (!bpg_need_admin(b, e) || !universe || !check_method(now, e) ||
        !read_role(NULL, now, &role, e) ||
        !bpg_password(b, bpg_text(now, USER_PASSWORD), &u.hash, e))
        return false;
    u.role = role_name(role);
    u.universe = universe->name;
    if (!user_create(engine_store(b->c->api->engine), &u, &number, e))
        return false;
    const struct stored_user made = {
        .number = number, .name = u.name, .email = u.email, .universe = u.universe
    };
    fill_user(b, &made, role, now);
    return true;
}

/* So that somebody can always undo it. */
static bool check_last_admin(const struct bpg *b, uint32_t goes, struct err *e)
{
    const struct user *users;
    size_t n = access_users(b->view, &users);
    for (size_t i = 0; i < n; i++)
        if (users[i].role == ROLE_ADMIN && users[i].row->number != goes)
            return true;
    return err_set(e, ERR_CONFLICT, 0, "this is the last admin");
}

/* Others than admins may change their own address and password. */
static bool may_modify(const struct bpg *b, const struct bpg_type *t, const struct bpg_row *was,
                       const struct bpg_row *now, struct err *e)
{
    static const size_t fixed[] = { USER_UNIVERSE, USER_SUPER, USER_ROLE };
    if (!bpg_keeps(t, was, now, USER_UID, e) || !bpg_keeps(t, was, now, USER_NAME, e))
        return false;
    if (b->user->role == ROLE_ADMIN)
        return true;
    if (was->number != b->user->row->number)
        return bpg_need_admin(b, e);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!bpg_keeps(t, was, now, fixed[i], e))
            return false;
    return true;
}

BPG_MODIFY(bpg_user_modify)
{
    const struct user *old = access_user(b->view, was->number);
    const struct stored_universe *universe = bpg_universe(b, &now->at[USER_UNIVERSE], e);
    enum role role;
    if (!old || !universe || !may_modify(b, t, was, now, e) || !check_method(now, e) ||
        !read_role(was, now, &role, e) || !email_check(bpg_text(now, USER_EMAIL), e))
        return false;
    struct stored_user row = *old->row;
    row.role = role_name(role);
    row.email = bpg_text(now, USER_EMAIL);
    row.universe = universe->name;
    if (old->role == ROLE_ADMIN && role != ROLE_ADMIN && !check_last_admin(b, row.number, e))
        return false;
    if (bpg_has(now, USER_PASSWORD) &&
        !bpg_password(b, now->at[USER_PASSWORD].text, &row.password, e))
        return false;
    if (!store_user_change(engine_store(b->c->api->engine), &row, e))
        return false;
    fill_user(b, &row, role, now);
    return true;
}

BPG_REMOVE(bpg_user_remove)
{
    (void)t;
    return bpg_need_admin(b, e) && check_last_admin(b, was->number, e) &&
           store_user_remove(engine_store(b->c->api->engine), was->at[USER_NAME].text, e);
}

/* --- bindings --------------------------------------------------------------------------------- */

enum { MEMBER_PROJECT, MEMBER_USER, MEMBER_ROLE };

static bool add_member(struct bpg *b, const struct user *u, struct stored_binding binding,
                       struct bpg_rows *out, struct err *e)
{
    struct bpg_row *row = bpg_add_row(b, out, e);
    if (!row)
        return false;
    bpg_set_number(row, MEMBER_PROJECT, binding.project);
    bpg_set_number(row, MEMBER_USER, binding.user);
    bpg_set_text(row, MEMBER_ROLE, role_name(u->role));
    return true;
}

BPG_LIST(bpg_member_list)
{
    const struct user *users;
    size_t n = access_users(b->view, &users);
    (void)t;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < users[i].binding_count; k++) {
            struct stored_binding binding = users[i].bindings[k];
            const struct stored_project *p = access_project(b->view, binding.project);
            if (p && user_sees(b->user, p) && !add_member(b, &users[i], binding, out, e))
                return false;
        }
    return true;
}

/* What a user may do is said once, by the user's role, and not anew for each project. */
BPG_CREATE(bpg_member_create)
{
    const struct stored_project *p = bpg_project(b, &now->at[MEMBER_PROJECT], e);
    const struct user *u = p ? bpg_user(b, &now->at[MEMBER_USER], e) : NULL;
    (void)t;
    if (!u || !bpg_need_admin(b, e))
        return false;
    if (bpg_has(now, MEMBER_ROLE) && !str_eq(now->at[MEMBER_ROLE].text, role_name(u->role)))
        return err_set(e, ERR_INPUT, 0, "role must be that of the user, which is %.*s",
                       STR_ARG(role_name(u->role)));
    bpg_set_text(now, MEMBER_ROLE, role_name(u->role));
    const struct stored_binding binding = { .user = u->row->number, .project = p->number };
    return store_binding_add(engine_store(b->c->api->engine), binding, e);
}

BPG_REMOVE(bpg_member_remove)
{
    const struct stored_binding binding = { .user = (uint32_t)was->at[MEMBER_USER].number,
                                            .project = (uint32_t)was->at[MEMBER_PROJECT].number };
    (void)t;
    return bpg_need_admin(b, e) &&
           store_binding_remove(engine_store(b->c->api->engine), binding, e);
}
