/* place.h - what the tests of a store share: a data directory of its own with an open store, and
 * rows that differ from each other in everything. Knows only store.h.
 *
 * Threads: one at a time, but for make_report with a place of one's own. */
#ifndef CRUMPLE_TESTS_CONTRACT_PLACE_H
#define CRUMPLE_TESTS_CONTRACT_PLACE_H

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ARENA_BYTES (256u << 20)
#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e = { 0 };                                                                      \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, e.msg);                                                      \
    } while (0)
#define FAILS(call, want)                                                                          \
    do {                                                                                           \
        struct err e = { 0 };                                                                      \
        if (call)                                                                                  \
            fail_msg("%s went well", #call);                                                       \
        if (e.code != (want) || e.msg[0] == '\0')                                                  \
            fail_msg("%s: code %d, not %d: %s", #call, (int)e.code, (int)(want), e.msg);           \
    } while (0)

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)

extern const struct store_settings place_settings; /* three thresholds: 1, 2.5, 7 */

struct place {
    char dir[64];
    struct store *store;
    struct arena *arena;
};

int place_setup(void **state);
int place_teardown(void **state);
void place_reopen(struct place *p);

/* A report that differs from its neighbours in everything; payload_bytes of it cannot be packed. */
struct stored_report make_report(struct place *p, uint32_t n, size_t payload_bytes);
struct stored_report *make_reports(struct place *p, uint32_t first, size_t count,
                                   size_t payload_bytes);
bool write_reports(struct store *s, const struct stored_report *reports, size_t count,
                   struct err *e);
void assert_report(const struct stored_report *got, const struct stored_report *want);
/* For store_scan: checks each row against make_report(next); fails with ERR_LIMIT at stop_at. */
struct expectation {
    struct place *p;
    uint32_t next, stop_at;
    size_t payload_bytes;
};
bool expect_report(void *ctx, const struct stored_report *got, struct err *e);
/* The store holds make_report(0), make_report(1) ... and `want` of them. */
void expect_reports(struct place *p, uint32_t want, size_t payload_bytes);

/* Upload of object n: of `project n % 7`, every format and state, the body in a file when n % 8 is
 * 0; the report that it names need not be there. */
struct stored_upload make_upload(struct place *p, uint64_t n, size_t body_bytes);
void assert_upload(const struct stored_upload *got, const struct stored_upload *want);
/* Reads back as it was made. */
void expect_upload(struct place *p, uint64_t n, size_t body_bytes);
/* Attachment n of object n / 3 + 1; in a file when n % 5 is 0. */
struct stored_attachment make_attachment(struct place *p, uint64_t n, size_t bytes);
void assert_attachment(const struct stored_attachment *got, const struct stored_attachment *want);

/* Of who may do what: its version, and all of it. */
uint64_t access_version(struct place *p);
struct stored_access read_access(struct place *p);

void assert_str(struct str got, struct str want);

#endif
