/* sessions.c - the beginning and the use of a session. It looks like a token, and is kept like one
 * that can read: as its hash. */
#include "access/access.h"

#include <sodium.h>

bool session_start(struct store *s, const struct user *u, int64_t now_ms,
                   char text[TOKEN_TEXT_BYTES + 1], struct err *e)
{
    struct stored_session row = {
        .user = u->row->number,
        .created_ms = now_ms,
        .used_ms = now_ms,
        .expires_ms = now_ms + SESSION_LIFE_MS,
    };
    if (!token_draw(text, row.hash, e))
        return false;
    return store_session_add(s, &row, now_ms - SESSION_IDLE_MS, e);
}

bool session_touch(struct store *s, const struct session *session, int64_t now_ms, struct err *e)
{
    struct stored_session row = *session->row;
    if (now_ms - row.used_ms < SESSION_TOUCH_MS)
        return true;
    row.used_ms = now_ms;
    return store_session_change(s, &row, e);
}
