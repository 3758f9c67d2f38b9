/* objects.h - which objects there are: id, project, how far each has come; and which uuids senders
 * have used. Inside src/engine only.
 *
 * An id is given at acceptance (or, to a report of the PartyCrasher API, when it is committed) and
 * never given again. An object that could not be stored leaves a gap.
 *
 * Threads: any; one lock, held for some instructions. */
#ifndef CRUMPLE_ENGINE_OBJECTS_H
#define CRUMPLE_ENGINE_OBJECTS_H

#include "base/idmap.h"
#include "base/seglist.h"
#include "base/vec.h"

#include <pthread.h>

#define OBJECT_NONE 0 /* ids begin with 1 */
#define OBJECT_NO_REPORT UINT32_MAX

enum object_state {
    OBJECT_UNKNOWN,  /* never given; not stored; deleted */
    OBJECT_ACCEPTED, /* on its way: what it will be cannot be read yet. It is in the inbox; or it is
                      * a report that is being committed; or an upload in the store that had to wait
                      * for a decoder, and is now processed again */
    OBJECT_COMMITTED, /* in the store */
};

struct object {
    enum object_state state;
    uint32_t report; /* its number; OBJECT_NO_REPORT */
};

struct objects {
    pthread_mutex_t mu;
    /* Guarded by mu. */
    uint64_t next;
    struct seglist entries;        /* by id */
    VEC(struct object_name) names; /* of projects */
    struct idmap names_by_text;
    VEC(struct object_uuid) uuids;
    struct idmap uuids_by_key;
    uint64_t settled; /* all objects below this one are, or were */
    size_t again;     /* wishes to process an object again that are not met yet */
};

MUST_CHECK bool objects_init(struct objects *o);
void objects_done(struct objects *o);
/* Ids go on behind this one. Before any is taken. */
void objects_begin_after(struct objects *o, uint64_t last);

/* A new id for an object of the project, accepted. When the uuid (may be empty) has been used in
 * the project, the id is that of the earlier object, and *duplicate is set. ERR_NOMEM. */
MUST_CHECK bool objects_take(struct objects *o, struct str project, struct str uuid,
                             uint64_t *object, bool *duplicate, struct err *e);
/* It could not be stored: forgets it and its uuid. */
void objects_drop(struct objects *o, uint64_t object, struct str project, struct str uuid);
void objects_committed(struct objects *o, uint64_t object, uint32_t report);

/* When it was received; whole seconds, rounded up. */
void objects_came(struct objects *o, uint64_t object, int64_t received_ms);
/* The same of many; 0: not known. */
void objects_received(struct objects *o, const uint64_t *objects, size_t count, uint32_t *out_s);
/* Whether this object and all with lower ids have once been seen to be not on their way: what they
 * have is in the store, or gone. One thread asks. */
bool objects_settled(struct objects *o, uint64_t object);

/* Work on an object's upload, so that it is done again when that is wanted, and by one worker at a
 * time. */

/* An object is to be processed again. True: the caller puts it into the backlog. False: there is no
 * such object; or it waits already; or its work has begun, and objects_work_ends will tell. */
MUST_CHECK bool objects_want_again(struct objects *o, uint64_t object);
/* The backlog had no room for it. */
void objects_forget_again(struct objects *o, uint64_t object);
void objects_work_begins(struct objects *o, uint64_t object);
/* It could not be done now; its ticket waits again. */
void objects_work_waits(struct objects *o, uint64_t object);
/* True: it was wanted again meanwhile, and the caller puts it into the backlog. */
MUST_CHECK bool objects_work_ends(struct objects *o, uint64_t object);
/* Its upload is the converters' from now on, which may take long, until its work ends. */
void objects_converts(struct objects *o, uint64_t object);
bool objects_is_converting(struct objects *o, uint64_t object);
size_t objects_again(struct objects *o); /* how many wait to be processed again, or are just now */

/* At start: an object with an id of its own. */
MUST_CHECK bool objects_restore(struct objects *o, uint64_t object, struct str project,
                                struct str uuid, struct object as, struct err *e);
/* OBJECT_UNKNOWN also for an object of another project. An empty project: whichever it is. */
struct object objects_find(struct objects *o, uint64_t object, struct str project);
/* This one objects_clear passes over. */
void objects_keep(struct objects *o, uint64_t object);
/* Forgets all other objects with ids below this, and their uuids; ids go on. */
void objects_clear(struct objects *o, uint64_t below);
uint64_t objects_last(struct objects *o); /* the latest id that was given */

#endif
