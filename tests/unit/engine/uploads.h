/* uploads.h - senders of uploads and attachments for the tests of the engine, and those who wait
 * for them. */
#ifndef CRUMPLE_TESTS_ENGINE_UPLOADS_H
#define CRUMPLE_TESTS_ENGINE_UPLOADS_H

#include "unit/engine/harness.h"

#include <pthread.h>

#define UPLOAD_BYTES (64u << 20)

/* Something that is called back once. */
struct call {
    pthread_mutex_t mu;
    pthread_cond_t came;
    bool has_come; /* guarded by mu */
};
void call_init(struct call *c);
void call_come(struct call *c);
void call_wait(struct call *c);

/* One upload. */
struct given {
    struct engine_upload u;
    struct call call;
    struct spool *body;
    struct upload_field fields[4];
};

/* A submission bucket over fingerprint and uname.sysname, which sets has_advanced_log. */
struct upload_bucket bucket(bool use);

struct given *given_new(struct place *p, enum upload_format format, struct str body);
void given_field(struct given *g, const char *name, const char *value);
void given_send(struct place *p, struct given *g); /* and waits */
void given_free(struct given *g);

/* The text of a JSON report with a stack of two frames, made as by the SDKs. */
void json_text(char *out, size_t room, const char *function, const char *uuid);
struct given *json_new(struct place *p, const char *function, const char *uuid, bool sync);
uint64_t send_json(struct place *p, const char *function, const char *uuid, bool sync);

void settle(struct place *p, uint64_t object);
enum upload_state state_of(struct place *p, uint64_t object); /* once it is settled */
/* Attaches log.txt, "hello". False: there is no such object. */
bool attach(struct place *p, uint64_t object, const char *project, struct upload_bucket b,
            uint64_t *id);

void assert_holds(struct str text, const char *part);

#endif
