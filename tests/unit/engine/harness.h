/* harness.h - an engine in a directory of its own, and senders for it. */
#ifndef CRUMPLE_TESTS_ENGINE_HARNESS_H
#define CRUMPLE_TESTS_ENGINE_HARNESS_H

#include "engine/engine.h"

#include "unit/cmocka_all.h"

#define JOB_BYTES (64u << 20)

struct place {
    char dir[64];
    struct engine_config config;
    struct engine *engine; /* NULL until place_open */
};

int place_setup(void **state); /* a directory and a configuration with two thresholds */
int place_teardown(void **state);
void place_open(struct place *p);
void place_close(struct place *p);
void place_reopen(struct place *p);

/* One upload. Freed by sent_free; all results are in its arena. */
struct sent {
    struct engine_job job;
    struct arena *arena;
    struct waiter *waiter;
};

struct sent *sent_new(const char *project, struct str body);
/* Leaves it in flight; false when it was refused at once. */
bool sent_submit(struct place *p, struct sent *s, struct err *e);
void sent_wait(struct sent *s);
void sent_free(struct sent *s);

/* Sends and waits. The body is made as by printf. */
PRINTF_LIKE(3, 4) struct sent *post(struct place *p, const char *project, const char *fmt, ...);
/* The same, and it must be stored; returns nothing. */
PRINTF_LIKE(3, 4) void post_ok(struct place *p, const char *project, const char *fmt, ...);

void assert_str(struct str got, const char *want);
void assert_refused(const struct sent *s, enum err_code code, const char *word, size_t index);

/* A report with a few frames: those of one `bug` share a stack. */
void report_text(char *out, size_t room, const char *id, unsigned bug);

/* All that a view holds of all reports, as text for comparing. The caller frees it. */
char *dump(struct place *p);
uint32_t report_count(struct place *p);

#endif
