/* console.h - what people do who have logged in: what the files of it share. Inside src/api only.
 *
 *     console_login.c    POST /api/login
 *     console_session.c  who is logged in and what the server is: GET /api/logout, /api/session,
 *                        /api/is_configured, /api/config, /api/limits
 *     bpg.c              POST /api/bpg, the configuration store: see bpg.h
 *     callstack.c        /api/callstack
 *
 * docs/console-api.md tells clients. Threads: one at a time, as the exchange. */
#ifndef CRUMPLE_API_CONSOLE_H
#define CRUMPLE_API_CONSOLE_H

#include "api/desk.h"

#define CONSOLE_DEPTH_MAX 8
#define CONSOLE_NODES_MAX 50000

/* One request of a person. */
struct console {
    struct api *api;
    struct http_exchange *x;
    struct arena *arena; /* goes with the exchange */
    const struct access_view *view;
    const struct session *session;
    const struct user *user; /* the session's */
    const struct json *body; /* NULL: not read */
};
/* Lets a person in. False: it has been answered. */
MUST_CHECK bool console_begin(struct console *c, struct http_exchange *x, struct api *api);
/* The body as a JSON object. False: it has been answered. */
MUST_CHECK bool console_read_body(struct console *c);
/* Answers with an error of the client's. */
void console_refuse(struct http_exchange *x, unsigned status, const char *word,
                    const char *message);

/* What a user sees. */
bool user_sees_universe(const struct access_view *v, const struct user *u, struct str universe);
/* The universe that is meant when the user names none. */
struct str user_universe(const struct access_view *v, const struct user *u);
/* Where the client reaches the server: "https" and 8081. */
struct console_address {
    struct str protocol, host;
    uint16_t port;
};
struct console_address console_address(struct http_exchange *x);

#endif
