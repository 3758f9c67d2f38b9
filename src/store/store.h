/* store.h - what survives: reports in the order of their commit, and the projects.
 *
 * Place in the story: the writer hands it a batch of placed reports, which become durable together;
 * at start the engine reads all of them back to build its views. No SQL and no engine's types leave
 * the store's own files (sqlite.c; others later): this header is all that the rest knows.
 *
 * Threads: store_write, store_delete_all: one thread, the writer. The others: any thread.
 * Errors: ERR_FULL when the disk is full (nothing of the batch is stored, and a later batch may
 * succeed), ERR_IO for other failures, with what the system said. */
#ifndef CRUMPLE_STORE_STORE_H
#define CRUMPLE_STORE_STORE_H

#include "base/arena.h"

#define STORE_CONTENT_HASH_BYTES 32
#define STORE_NONE UINT32_MAX
#define STORE_PAYLOAD_MAX (512 * 1024 * 1024) /* bytes of one report */
#define STORE_THRESHOLDS_MAX 64

struct store;

/* One report as it is kept. Views borrow: on writing from the caller, on reading from the arena. */
struct stored_report {
    uint32_t number; /* the order of commit, from 0, without gaps */
    struct str database_id, project;
    int64_t date_ms, received_ms;
    uint32_t top_match; /* number of the nearest report, or STORE_NONE */
    float score;
    const struct str *buckets; /* names, one for each threshold of the collection */
    size_t bucket_count;
    uint8_t content_hash[STORE_CONTENT_HASH_BYTES];
    bool has_date;        /* whether the sender gave the date */
    struct str shorthand; /* the engine's, kept as it is; may be empty */
    struct str payload;   /* as it came; compressed only inside the store */
    struct str packed;    /* on writing: what store_pack made of payload */
};

/* What the whole collection was grouped with; a store is opened only with the same. */
struct store_settings {
    const double *thresholds;
    size_t threshold_count;
};

/* Opens DIR/crumple.db, made when it is not there (DIR too). Checks the schema's version.
 * settings NULL: for administration, without reports. ERR_CONFLICT when it was made with other
 * thresholds, or by a newer version; the message says which. ERR_IO for a damaged one. */
MUST_CHECK bool store_open(struct store **out, const char *dir,
                           const struct store_settings *settings, struct err *e);
void store_close(struct store *s); /* NULL is fine */
DEFINE_CLEANUP(struct store, store_close)

/* Makes DIR and takes it for one server; held until the process ends or store_unlock.
 * ERR_CONFLICT names the process that has it. */
MUST_CHECK bool store_lock(const char *dir, int *lock, struct err *e);
void store_unlock(int lock);

/* Compresses a payload for store_write: any thread, so that the writer need not. */
MUST_CHECK bool store_pack(struct str payload, struct arena *a, struct str *packed, struct err *e);

/* All or nothing, durable on return. Numbers go on from what is stored. Projects that are new are
 * added. */
MUST_CHECK bool store_write(struct store *s, const struct stored_report *reports, size_t count,
                            struct err *e);
/* All reports; projects stay. */
MUST_CHECK bool store_delete_all(struct store *s, struct err *e);

/* One report by its number, all of it in the arena, packed left empty; ERR_NOT_FOUND. */
MUST_CHECK bool store_read(struct store *s, uint32_t number, struct arena *a,
                           struct stored_report *out, struct err *e);
/* All reports from `first` on in order; stops when each() returns false, and then fails with what
 * it put into *e. What each() is given is only lent for the call; payload is empty and packed set:
 * unpack it with store_unpack on another thread. ERR_IO when a number is missing. */
MUST_CHECK bool store_scan(struct store *s, uint32_t first,
                           bool (*each)(void *ctx, const struct stored_report *r, struct err *e),
                           void *ctx, struct err *e);
MUST_CHECK bool store_unpack(struct str packed, struct arena *a, struct str *payload,
                             struct err *e);
/* How many there are, and so the number that comes next. */
MUST_CHECK bool store_count(struct store *s, uint32_t *out, struct err *e);

/* ERR_CONFLICT when there is one of that name. */
MUST_CHECK bool store_project_create(struct store *s, struct str name, struct err *e);
/* All names, sorted by bytes, in the arena. */
MUST_CHECK bool store_projects(struct store *s, struct arena *a, struct str **out, size_t *count,
                               struct err *e);

#endif
