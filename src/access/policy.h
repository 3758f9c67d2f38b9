/* policy.h - the rules of retention and of sampling that people configure: from their JSON, checked
 * strictly, to something to act by. The configuration store lets nothing else in.
 *
 * docs/console-api.md has the JSON. Threads: pure. Memory: the arena, and the text, which must
 * stay.
 */
#ifndef CRUMPLE_ACCESS_POLICY_H
#define CRUMPLE_ACCESS_POLICY_H

#include "base/json.h"

/* What happens to objects that fit. */
enum retention_action {
    RETENTION_COMPRESS = 1,
    RETENTION_PHYSICAL = 2, /* the bytes as they came, and attachments, go */
    RETENTION_ROW = 4,      /* the row that queries know goes */
    RETENTION_ALL = RETENTION_PHYSICAL | RETENTION_ROW
};
#define RETENTION_RULES_MAX 64
#define RETENTION_CRITERIA_MAX 8
#define RETENTION_ACTIONS_MAX 8

/* It is for an object that all of this is true of. */
struct retention_rule {
    int64_t age_min_s; /* the object is so old, or older */
    int64_t age_max_s; /* and not older than this; INT64_MAX: no matter how old */
    uint64_t keep;     /* so many newer objects have its fingerprint; 0: no matter how many */
    unsigned actions;  /* of enum retention_action */
};
/* The text of `rules`. ERR_INPUT with a sentence. */
MUST_CHECK bool retention_parse(struct str text, struct arena *a, struct retention_rule **rules,
                                size_t *count, struct err *e);

#define SAMPLING_BACKOFFS_MAX 64
#define SAMPLING_ATTRIBUTES_MAX 32
#define SAMPLING_BUCKETS_DEFAULT 512
#define SAMPLING_BUCKETS_MAX 65536
#define SAMPLING_RESET_DEFAULT_S 86400
struct sampling_backoff {
    uint64_t count;     /* so many objects are stored, */
    int64_t interval_s; /* each so long after the one before */
};
struct sampling {
    struct sampling_backoff *backoffs;
    size_t backoff_count;   /* 0: nothing is sampled away */
    struct str *attributes; /* what forms a group beside the fingerprint */
    size_t attribute_count;
    int64_t reset_interval_s;
    size_t buckets; /* groups that are counted, at most */
};
/* The text of `configuration`; "{}" configures nothing. ERR_INPUT with a sentence. What it says of
 * missing symbols is checked and not kept: nothing here goes by it. */
MUST_CHECK bool sampling_parse(struct str text, struct arena *a, struct sampling *out,
                               struct err *e);

#endif
