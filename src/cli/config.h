/* config.h - what the operator decides: the configuration file and the options that override it.
 *
 * crumple.sample.ini explains every key. Texts live in the arena given to config_init, and so must
 * the struct itself stay where it is: its parts point to one another.
 * Threads: one at a time. */
#ifndef CRUMPLE_CLI_CONFIG_H
#define CRUMPLE_CLI_CONFIG_H

#include "api/api.h"
#include "base/arena.h"
#include "base/log.h"
#include "engine/engine.h"
#include "http/http.h"

#define CONFIG_LISTEN_MAX 16
#define CONFIG_IGNORED_MAX 256
#define CONFIG_PROJECTS_MAX 256 /* that have a similarity of their own */

struct config {
    struct arena *arena;
    struct engine_config engine; /* engine.data_dir is NULL until it is given */
    struct http_config http;     /* http.listen is `listen` */
    double default_threshold;
    size_t job_max_bytes; /* memory for the work on all requests together */
    enum log_level log_level;
    bool open_partycrasher;
    struct upload_limits upload; /* of the Backtrace API */
    /* Requests with bad tokens from one address: so many at once, and so many in the long run. */
    unsigned failed_tokens_burst, failed_tokens_per_minute;
    unsigned retention_interval_s; /* between two looks at all objects */
    unsigned sweep_interval_s;     /* between two looks at all large files */

    struct http_listen listen[CONFIG_LISTEN_MAX];
    double thresholds[COLLECTION_THRESHOLDS_MAX];
    struct str ignored[CONFIG_IGNORED_MAX];
    struct project_similarity projects[CONFIG_PROJECTS_MAX];
};

/* Every key at its default. */
void config_init(struct config *c, struct arena *a);

/* Reads a file over what is there. ERR_INPUT names file and line: unknown sections and keys are
 * errors, as are values that make no sense, and a key given twice. ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK bool config_read(struct config *c, const char *path, struct err *e);

/* Adds "ADDR:PORT", "http://ADDR:PORT" or "https://ADDR:PORT" to the listeners. ERR_INPUT. */
MUST_CHECK bool config_add_listen(struct config *c, const char *address_port, struct err *e);

/* What only the whole shows: there is a data directory, the similarity is one that there is (an
 * option may have named it), thresholds rise and have the default among them, and there is a
 * certificate with its key when a listener speaks TLS. With no listener yet, makes the default one,
 * 127.0.0.1:8081. */
MUST_CHECK bool config_finish(struct config *c, struct err *e);

/* Which of the thresholds T is; ERR_INPUT with a list of those that there are. */
MUST_CHECK bool config_find_threshold(const struct config *c, double threshold, size_t *out,
                                      struct err *e);

/* Whether nobody but this machine can reach the address, and whether that holds for all listeners.
 */
bool config_is_loopback(const char *address);
bool config_all_loopback(const struct config *c);

#endif
