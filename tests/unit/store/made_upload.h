/* made_upload.h - uploads of every shape, and whether two are the same. */
#ifndef CRUMPLE_TESTS_STORE_MADE_UPLOAD_H
#define CRUMPLE_TESTS_STORE_MADE_UPLOAD_H

#include "../group/dice.h"
#include "report/upload.h"

/* All in the arena; `object` is its number. Texts may be empty and hold any byte. */
struct upload made_upload(struct dice *d, struct arena *a, uint64_t object);
/* A body of `body_bytes` and what a JSON report brings besides. */
struct upload made_report(struct dice *d, struct arena *a, uint64_t object, size_t body_bytes);
/* Fails the test with the name of what differs. */
void expect_same_upload(const struct upload *got, const struct upload *want);

#endif
