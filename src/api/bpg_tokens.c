/* bpg_tokens.c - tokens in the configuration store.
 *
 * Of a token that can read only its hash is kept, so its `id` is its text when it is made, and its
 * hash afterwards; a key may have either. Clients list tokens to find the one that they are to
 * delete. */
#include "api/bpg.h"

#include <sodium.h>

enum { TOKEN_ID, TOKEN_PROJECT, TOKEN_OWNER, TOKEN_CAPABILITIES, TOKEN_METADATA };

static bool out_of_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for this request");
}

static bool hash_text(struct bpg *b, const uint8_t hash[32], struct str *out, struct err *e)
{
    char hex[2 * 32 + 1];
    sodium_bin2hex(hex, sizeof hex, hash, 32);
    return arena_str(b->arena, str_from_c(hex), out) || out_of_memory(e);
}

static bool fill_token(struct bpg *b, const struct stored_token *token,
                       const struct stored_project *p, struct bpg_row *row, struct err *e)
{
    const struct user *owner = access_find_user(b->view, token->owner);
    struct str capabilities;
    if (!hash_text(b, token->hash, &row->alias, e))
        return false;
    if (!scopes_write(token->scopes, b->arena, &capabilities))
        return out_of_memory(e);
    row->number = token->number;
    bpg_set_text(row, TOKEN_ID, token->text.len > 0 ? token->text : row->alias);
    bpg_set_number(row, TOKEN_PROJECT, p->number);
    bpg_set_number(row, TOKEN_OWNER, bpg_owner(b, owner));
    bpg_set_text(row, TOKEN_CAPABILITIES, capabilities);
    row->at[TOKEN_METADATA] = (struct bpg_value){ .is = BPG_NULL };
    if (token->metadata.len > 0)
        bpg_set_text(row, TOKEN_METADATA, token->metadata);
    return true;
}

/* With a token one can send, which guests may not. */
BPG_LIST(bpg_token_list)
{
    const struct stored_access *rows = access_rows(b->view);
    (void)t;
    for (size_t i = 0; i < rows->token_count && b->user->role != ROLE_GUEST; i++) {
        const struct stored_token *token = &rows->tokens[i];
        const struct stored_project *p = access_find_project(b->view, token->project);
        if (!p || !user_sees(b->user, p))
            continue;
        struct bpg_row *row = bpg_add_row(b, out, e);
        if (!row || !fill_token(b, token, p, row, e))
            return false;
    }
    return true;
}

/* The owner that a token is to have: a member may only own it. */
static const struct user *read_owner(struct bpg *b, const struct bpg_row *row, struct err *e)
{
    bool given = bpg_has(row, TOKEN_OWNER) && row->at[TOKEN_OWNER].number != 0;
    const struct user *u = given ? bpg_user(b, &row->at[TOKEN_OWNER], e) : b->user;
    if (u && u != b->user && !bpg_need_admin(b, e))
        return NULL;
    return u;
}

static bool make_token(struct bpg *b, struct bpg_row *now, struct str capabilities,
                       struct str metadata, struct err *e)
{
    const struct stored_project *p = bpg_project(b, &now->at[TOKEN_PROJECT], e);
    const struct user *owner = p ? read_owner(b, now, e) : NULL;
    char text[TOKEN_TEXT_BYTES + 1];
    struct str id;
    if (!owner)
        return false;
    struct new_token made = { .project = p->name, .owner = owner->row->name, .metadata = metadata };
    if (!scopes_parse(capabilities, &made.scopes, e) ||
        !token_create(engine_store(b->c->api->engine), &made, text, &now->number, e))
        return false;
    if (!arena_str(b->arena, (struct str){ text, TOKEN_TEXT_BYTES }, &id))
        return out_of_memory(e);
    bpg_set_text(now, TOKEN_ID, id);
    bpg_set_number(now, TOKEN_OWNER, owner->row->number);
    return true;
}

BPG_CREATE(bpg_token_create)
{
    uint32_t scopes;
    struct str capabilities = bpg_text(now, TOKEN_CAPABILITIES);
    (void)t;
    if (!make_token(b, now, capabilities, bpg_text(now, TOKEN_METADATA), e))
        return false;
    if (!scopes_parse(capabilities, &scopes, e) ||
        !scopes_write(scopes, b->arena, &now->at[TOKEN_CAPABILITIES].text))
        return out_of_memory(e);
    return true;
}

/* Members may do nothing with what others own. */
static bool may_change(const struct bpg *b, const struct bpg_row *was, struct err *e)
{
    return was->at[TOKEN_OWNER].number == b->user->row->number || bpg_need_admin(b, e);
}

BPG_MODIFY(bpg_token_modify)
{
    const struct user *owner = read_owner(b, now, e);
    struct new_token checked = { .metadata = bpg_text(now, TOKEN_METADATA) };
    const struct stored_project *p = bpg_project(b, &was->at[TOKEN_PROJECT], e);
    if (!p || !owner || !may_change(b, was, e) || !bpg_keeps(t, was, now, TOKEN_ID, e) ||
        !bpg_keeps(t, was, now, TOKEN_PROJECT, e) ||
        !scopes_parse(bpg_text(now, TOKEN_CAPABILITIES), &checked.scopes, e))
        return false;
    checked.project = p->name;
    if (!token_check(&checked, e))
        return false;
    bool is_hashed = str_eq(was->at[TOKEN_ID].text, was->alias);
    bool reads = (checked.scopes & SCOPES_READING) != 0;
    const struct stored_token row = {
        .number = was->number,
        .text = is_hashed || reads ? STR("") : was->at[TOKEN_ID].text,
        .owner = owner->row->name,
        .scopes = checked.scopes,
        .metadata = checked.metadata,
    };
    if (!store_token_change(engine_store(b->c->api->engine), &row, e))
        return false;
    bpg_set_text(now, TOKEN_ID, row.text.len > 0 ? row.text : was->alias);
    bpg_set_number(now, TOKEN_OWNER, owner->row->number);
    return scopes_write(row.scopes, b->arena, &now->at[TOKEN_CAPABILITIES].text) ||
           out_of_memory(e);
}

BPG_REMOVE(bpg_token_remove)
{
    (void)t;
    return may_change(b, was, e) &&
           store_token_remove(engine_store(b->c->api->engine), was->number, e);
}

/* --- the older type --------------------------------------------------------------------------- */

/* All tokens are api_tokens: none is listed twice. */
BPG_LIST(bpg_old_token_list)
{
    (void)b, (void)t, (void)out, (void)e;
    return true;
}

BPG_CREATE(bpg_old_token_create)
{
    (void)t;
    return make_token(b, now, STR("error:post"), STR(""), e);
}
