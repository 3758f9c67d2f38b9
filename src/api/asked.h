/* asked.h - which projects a request is about that may name one, or a universe, or nothing: for
 * what operators ask of sampling and retention. Inside src/api only.
 *
 * The token stands in the body. A token asks about its own project; somebody who has logged in,
 * about all that he sees. Memory: the exchange's. */
#ifndef CRUMPLE_API_ASKED_H
#define CRUMPLE_API_ASKED_H

#include "api/console.h"
#include "api/door.h"

struct asked {
    const struct access_view *view;
    const struct stored_project **projects; /* by name */
    size_t count;
    bool has_named; /* a project: then it is the one */
};
/* False: it has been answered. */
MUST_CHECK bool asked_projects(struct asked *out, struct http_exchange *x, struct api *api,
                               const struct json *body, uint32_t scopes);
/* Whether one of them is of this universe. */
bool asked_has(const struct asked *asked, struct str universe);
/* retention_status.c: "rpstatus" of POST /api/control. */
void retention_status(struct http_exchange *x, struct api *api, const struct json *body);

#endif
