/* api.h - the HTTP APIs: which routes there are, and what they mean.
 *
 * Place in the story: `crumple serve` opens an engine, starts the API on it and waits for a signal;
 * what comes in between is api_'s business, on the threads of the HTTP server.
 * Threads: api_start and api_stop by the owner. */
#ifndef CRUMPLE_API_API_H
#define CRUMPLE_API_API_H

#include "access/access.h"
#include "engine/engine.h"
#include "http/http.h"

struct api;

/* What one request of the Backtrace API may send; a token may have lower ones of its own. */
struct upload_limits {
    uint64_t body_bytes;       /* of errors and attachments: all of the body, decoded */
    uint64_t symbols_bytes;    /* of symbols and source maps: the same */
    uint64_t attachment_bytes; /* of one attachment */
    size_t parts;              /* of one multipart body */
};

struct api_config {
    struct engine *engine;          /* borrowed, as the next two; must outlive the API */
    struct access *access;          /* who may do what */
    struct attempts *attempts;      /* requests with bad tokens, by address */
    struct upload_limits limits;    /* of submissions */
    bool partycrasher_needs_token;  /* the PartyCrasher API too asks for a token */
    const struct http_config *http; /* borrowed during api_start, its strings until api_stop */
    double default_threshold;       /* one of the engine's thresholds */
    size_t job_max_bytes;           /* memory that the work on requests may take, all together */
};

/* Listens and answers from now on. ERR_CONFLICT when a port is taken. */
MUST_CHECK bool api_start(struct api **out, const struct api_config *config, struct err *e);
/* Takes no more connections, answers what is in flight, and frees. NULL is fine. */
void api_stop(struct api *a);
/* The port of the listener with this index in config->http->listen. */
uint16_t api_port(const struct api *a, size_t listen);

#endif
