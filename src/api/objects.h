/* objects.h - reading what was submitted over the Backtrace API: what the files of it share. Inside
 * src/api only.
 *
 *     objects.c       the door, waiting until an object is committed, GET /api/get
 *     object_list.c   GET /api/list
 *
 * Threads: one at a time, as the exchange. */
#ifndef CRUMPLE_API_OBJECTS_H
#define CRUMPLE_API_OBJECTS_H

#include "access/receipt.h"
#include "api/backtrace.h"

#define OBJECTS_PAGE_DEFAULT 20
#define OBJECTS_PAGE_MAX 1000

/* One request for an object. It lives in the exchange's arena. */
struct lookup {
    struct api *api;
    struct http_exchange *x;
    struct arena *arena; /* for what is read from the store; goes with the exchange */
    struct str project;  /* the token's */
    uint64_t object;     /* 0: a list of objects */
    struct engine_wait wait;
    void (*answer)(struct lookup *l); /* once the object is committed */
    struct err err;                   /* when it cannot even be waited for */
};

/* A decimal number. */
MUST_CHECK bool attachment_id_parse(struct str s, uint64_t *out);

/* In the JSON of lists. */
void object_list_attachments(struct lookup *l);
void object_list_uploads(struct lookup *l);
/* Sends what has been written to http_out, or says that it got too large. */
void object_list_end(struct lookup *l);

#endif
