/* config.c - one table says which keys there are, what they may be, and where they go. */
#include "cli/config.h"

#include "base/utf8.h"
#include "cli/args.h"
#include "group/similarity.h"
#include "report/report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

struct key;
typedef bool (*setter)(struct config *c, const struct key *key, const char *value, struct err *e);
struct key {
    const char *section, *name;
    setter set;
    size_t offset;   /* into struct config, for setters that need it */
    size_t min, max; /* of numbers */
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for the configuration");
}

/* A copy in the arena, or NULL. */
static const char *keep(struct config *c, struct str s)
{
    struct str copy;
    return arena_str(c->arena, s, &copy) ? copy.ptr : NULL;
}

/* "64M": a whole number of bytes with K, M or G behind it if wanted. */
static bool parse_size(const char *text, size_t *out)
{
    char digits[24];
    size_t len = strlen(text);
    unsigned shift = 0;
    if (len == 0 || len >= sizeof digits)
        return false;
    static const char units[] = "KMG";
    const char *unit = strchr(units, text[len - 1]);
    if (unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        len--;
    }
    memcpy(digits, text, len);
    digits[len] = '\0';
    if (!args_count(digits, SIZE_MAX >> 31, out))
        return false;
    *out <<= shift;
    return true;
}

static bool set_size(struct config *c, const struct key *key, const char *value, struct err *e)
{
    size_t n;
    if (!parse_size(value, &n) || n < key->min || n > key->max)
        return err_set(e, ERR_INPUT, 0,
                       "%s must be a whole number from %zu to %zu (K, M, G may "
                       "stand behind it), not \"%.60s\"",
                       key->name, key->min, key->max, value);
    *(size_t *)((char *)c + key->offset) = n;
    return true;
}

static bool set_unsigned(struct config *c, const struct key *key, const char *value, struct err *e)
{
    size_t n;
    if (!args_count(value, UINT_MAX, &n) || n < key->min || n > key->max)
        return err_set(e, ERR_INPUT, 0, "%s must be a whole number from %zu to %zu, not \"%.60s\"",
                       key->name, key->min, key->max, value);
    *(unsigned *)((char *)c + key->offset) = (unsigned)n;
    return true;
}

static bool set_flag(struct config *c, const struct key *key, const char *value, struct err *e)
{
    bool *out = (bool *)((char *)c + key->offset);
    if (!strcmp(value, "yes"))
        *out = true;
    else if (!strcmp(value, "no"))
        *out = false;
    else
        return err_set(e, ERR_INPUT, 0, "%s must be yes or no, not \"%.60s\"", key->name, value);
    return true;
}

static bool set_text(struct config *c, const struct key *key, const char *value, struct err *e)
{
    const char *text = keep(c, str_from_c(value));
    if (!text)
        return no_memory(e);
    *(const char **)((char *)c + key->offset) = text;
    return true;
}

static bool set_log_level(struct config *c, const struct key *key, const char *value, struct err *e)
{
    static const char *const names[] = { "error", "warn", "info", "debug" }; /* enum log_level */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(value, names[i])) {
            c->log_level = (enum log_level)i;
            return true;
        }
    return err_set(e, ERR_INPUT, 0, "%s must be error, warn, info or debug, not \"%.60s\"",
                   key->name, value);
}

static bool next_word(struct str *rest, struct str *word)
{
    while (rest->len && strchr(" \t,", *rest->ptr))
        *rest = (struct str){ rest->ptr + 1, rest->len - 1 };
    size_t len = 0;
    while (len < rest->len && !strchr(" \t,", rest->ptr[len]))
        len++;
    *word = (struct str){ rest->ptr, len };
    *rest = (struct str){ rest->ptr + len, rest->len - len };
    return len > 0;
}

static bool parse_real(const struct key *key, const char *value, double *out, struct err *e)
{
    char *end;
    *out = strtod(value, &end);
    if (end == value || *end || !isfinite(*out) || *out < 0)
        return err_set(e, ERR_INPUT, 0, "%s: \"%.60s\" is not a number from 0 on", key->name,
                       value);
    return true;
}

static bool set_real(struct config *c, const struct key *key, const char *value, struct err *e)
{
    return parse_real(key, value, (double *)((char *)c + key->offset), e);
}

static bool set_thresholds(struct config *c, const struct key *key, const char *value,
                           struct err *e)
{
    struct str rest = str_from_c(value), word;
    size_t n = 0;
    while (next_word(&rest, &word)) {
        if (n == COLLECTION_THRESHOLDS_MAX)
            return err_set(e, ERR_INPUT, 0, "there may be at most %d thresholds",
                           COLLECTION_THRESHOLDS_MAX);
        const char *text = keep(c, word);
        if (!text)
            return no_memory(e);
        if (!parse_real(key, text, &c->thresholds[n++], e))
            return false;
    }
    c->engine.grouping.thresholds = c->thresholds;
    c->engine.grouping.threshold_count = n;
    return true;
}

/* A list that goes on in indented lines comes as the same key once more. */
static bool set_ignored(struct config *c, const struct key *key, const char *value, struct err *e)
{
    (void)key;
    struct str rest = str_from_c(value), word;
    size_t n = c->engine.grouping.ignored == c->ignored ? c->engine.grouping.ignored_count : 0;
    while (next_word(&rest, &word)) {
        if (n == CONFIG_IGNORED_MAX)
            return err_set(e, ERR_INPUT, 0, "there may be at most %d ignored fields",
                           CONFIG_IGNORED_MAX);
        if (!arena_str(c->arena, word, &c->ignored[n++]))
            return no_memory(e);
    }
    c->engine.grouping.ignored = c->ignored;
    c->engine.grouping.ignored_count = n;
    return true;
}

/* The name itself, which is there for ever; NULL: there is none of that name. */
static const char *similarity_named(const char *name)
{
    static const char *const names[] = { "culprit", "classic" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return names[i];
    return NULL;
}

static bool set_similarity(struct config *c, const struct key *key, const char *value,
                           struct err *e)
{
    const char *similarity = similarity_named(value);
    if (!similarity)
        return err_set(e, ERR_INPUT, 0, "%s must be culprit or classic, not \"%.60s\"", key->name,
                       value);
    c->engine.grouping.similarity = similarity;
    return true;
}

static bool set_max_query_terms(struct config *c, const struct key *key, const char *value,
                                struct err *e)
{
    size_t n;
    if (!args_count(value, 1024, &n) || n == 0)
        return err_set(e, ERR_INPUT, 0, "%s must be a whole number from 1 to 1024, not \"%.60s\"",
                       key->name, value);
    c->engine.grouping.max_query_terms = (uint32_t)n;
    return true;
}

static bool set_listen(struct config *c, const struct key *key, const char *value, struct err *e)
{
    (void)key;
    struct str rest = str_from_c(value), word;
    while (next_word(&rest, &word)) {
        const char *text = keep(c, word);
        if (!text)
            return no_memory(e);
        if (!config_add_listen(c, text, e))
            return false;
    }
    return true;
}

#define AT(member) offsetof(struct config, member)
#define MB ((size_t)1 << 20)
#define GB ((size_t)1 << 30)
static const struct key keys[] = {
    { "server", "data", set_text, AT(engine.data_dir), 0, 0 },
    { "server", "listen", set_listen, 0, 0, 0 },
    { "server", "tls_cert", set_text, AT(http.tls_cert), 0, 0 },
    { "server", "tls_key", set_text, AT(http.tls_key), 0, 0 },
    { "server", "open_partycrasher", set_flag, AT(open_partycrasher), 0, 0 },
    { "server", "allow_delete_all", set_flag, AT(engine.allow_delete_all), 0, 0 },
    { "server", "cors_origin", set_text, AT(http.cors_origin), 0, 0 },
    { "server", "trusted_proxies", set_text, AT(http.trusted_proxies), 0, 0 },
    { "server", "log_level", set_log_level, 0, 0, 0 },
    { "server", "threads", set_size, AT(http.threads), 0, 1024 },
    { "server", "workers", set_size, AT(engine.workers), 0, 1024 },
    { "server", "retention_interval_s", set_unsigned, AT(retention_interval_s), 1, 86400 },
    { "server", "sweep_interval_s", set_unsigned, AT(sweep_interval_s), 1, 86400 },
    { "grouping", "thresholds", set_thresholds, 0, 0, 0 },
    { "grouping", "default_threshold", set_real, AT(default_threshold), 0, 0 },
    { "grouping", "similarity", set_similarity, 0, 0, 0 },
    { "grouping", "max_query_terms", set_max_query_terms, 0, 0, 0 },
    { "grouping", "ignore_fields", set_ignored, 0, 0, 0 },
    { "limits", "connections", set_size, AT(http.connections_max), 1, 1000000 },
    { "limits", "body_bytes", set_size, AT(http.body_max_bytes), 1024, 4 * GB },
    { "limits", "bodies_bytes", set_size, AT(http.bodies_max_bytes), 1024, 1024 * GB },
    { "limits", "header_bytes", set_size, AT(http.header_max_bytes), 1024, MB },
    { "limits", "answer_bytes", set_size, AT(http.answer_max_bytes), 1024, 64 * GB },
    { "limits", "work_bytes", set_size, AT(job_max_bytes), MB, 1024 * GB },
    { "limits", "upload_bytes", set_size, AT(upload.body_bytes), 1024, 1024 * GB },
    { "limits", "symbols_bytes", set_size, AT(upload.symbols_bytes), 1024, 1024 * GB },
    { "limits", "attachment_bytes", set_size, AT(upload.attachment_bytes), 1024, 1024 * GB },
    { "limits", "upload_parts", set_size, AT(upload.parts), 1, UPLOAD_FIELDS_MAX },
    { "limits", "inbox_bytes", set_size, AT(engine.inbox_max_bytes), MB, 1024 * GB },
    { "limits", "processing_bytes", set_size, AT(engine.work_max_bytes), 256 * MB, 1024 * GB },
    { "limits", "failed_tokens_burst", set_unsigned, AT(failed_tokens_burst), 1, 1000000 },
    { "limits", "failed_tokens_per_minute", set_unsigned, AT(failed_tokens_per_minute), 1,
      1000000 },
    { "limits", "idle_timeout_s", set_unsigned, AT(http.idle_timeout_s), 1, 86400 },
    { "limits", "request_timeout_s", set_unsigned, AT(http.request_timeout_s), 1, 86400 },
    { "limits", "queue_jobs", set_size, AT(engine.queue_limit), 1, 1000000 },
    { "limits", "project_attributes", set_size, AT(engine.columns_max), 16, 1000000 },
    { "limits", "batch_reports", set_size, AT(engine.batch_reports), 1, 100000 },
};
#define KEYS (sizeof keys / sizeof *keys)

void config_init(struct config *c, struct arena *a)
{
    *c = (struct config){
        .arena = a,
        .engine = engine_defaults(),
        .http = http_defaults(),
        .default_threshold = SIMILARITY_DEFAULT_THRESHOLD,
        .job_max_bytes = GB,
        .log_level = LOG_INFO,
        .upload = { .body_bytes = 2 * GB,
                    .symbols_bytes = 10 * GB,
                    .attachment_bytes = 2 * GB,
                    .parts = 1000 },
        .failed_tokens_burst = 100,
        .failed_tokens_per_minute = 60,
        .retention_interval_s = 60,
        .sweep_interval_s = 600,
    };
    c->engine.inbox_max_bytes = 4 * GB;
    c->engine.work_max_bytes = GB;
    c->engine.data_dir = NULL;
    c->engine.helper = "/proc/self/exe";
    c->http.listen = c->listen;
    c->http.listen_count = 0;
}

/* What inih's callback needs; it reports one line and one failure, the first. */
struct reading {
    struct config *config;
    struct err *e;
    bool failed;
    bool seen[KEYS];
};

/* A line of [similarity], where the keys are names of projects. */
static bool set_project(struct config *c, const char *name, const char *value, struct err *e)
{
    struct bucket_index_config *g = &c->engine.grouping;
    struct str project = str_from_c(name);
    if (!report_project_check(project, e))
        return false;
    if (utf8_valid_prefix(project) < project.len)
        return err_set(e, ERR_INPUT, 0, "the project's name is not UTF-8: save the file as that");
    for (size_t i = 0; i < g->project_count; i++)
        if (str_eq(c->projects[i].project, project))
            return err_set(e, ERR_INPUT, 0, "%.80s stands here for the second time", name);
    if (g->project_count == CONFIG_PROJECTS_MAX)
        return err_set(e, ERR_INPUT, 0, "at most %d projects may have a similarity of their own",
                       CONFIG_PROJECTS_MAX);
    struct project_similarity *p = &c->projects[g->project_count];
    p->similarity = similarity_named(value);
    if (!p->similarity)
        return err_set(e, ERR_INPUT, 0, "%.60s must have culprit or classic, not \"%.60s\"", name,
                       value);
    if (!arena_str(c->arena, project, &p->project))
        return no_memory(e);
    g->projects = c->projects;
    g->project_count++;
    return true;
}

static bool set_key(struct reading *r, const char *section, const char *name, const char *value)
{
    bool section_known = false;
    if (!strcmp(section, "similarity"))
        return set_project(r->config, name, value, r->e);
    for (size_t i = 0; i < KEYS; i++) {
        bool here = !strcmp(keys[i].section, section);
        section_known |= here;
        if (!here || strcmp(keys[i].name, name) != 0)
            continue;
        if (r->seen[i] && keys[i].set != set_ignored)
            return err_set(r->e, ERR_INPUT, 0, "%s stands here for the second time", name);
        r->seen[i] = true;
        return keys[i].set(r->config, &keys[i], value, r->e);
    }
    if (!section_known)
        return err_set(r->e, ERR_INPUT, 0, "there is no section [%.60s]", section);
    return err_set(r->e, ERR_INPUT, 0, "there is no key %.60s in [%s]", name, section);
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    if (!r->failed)
        r->failed = !set_key(r, section, name, value);
    return !r->failed;
}

bool config_read(struct config *c, const char *path, struct err *e)
{
    struct reading r = { .config = c, .e = e };
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "cannot open %.120s: %s",
                       path, strerror(errno));
    int line = ini_parse_file(f, on_key, &r);
    fclose(f);
    if (line < 0)
        return err_set(e, ERR_NOMEM, 0, "no memory to read %.120s", path);
    if (line == 0)
        return true;
    if (!r.failed)
        err_set(e, ERR_INPUT, 0, "neither [section] nor key = value");
    return err_prefix(e, "%.100s, line %d: ", path, line);
}

/* Takes "https://" or "http://" away. */
static const char *listen_scheme(const char *text, bool *tls)
{
    static const char plain[] = "http://", secure[] = "https://";
    *tls = !strncmp(text, secure, sizeof secure - 1);
    if (*tls)
        return text + sizeof secure - 1;
    return strncmp(text, plain, sizeof plain - 1) ? text : text + sizeof plain - 1;
}

bool config_add_listen(struct config *c, const char *text, struct err *e)
{
    bool tls;
    const char *address = listen_scheme(text, &tls);
    const char *colon = strrchr(address, ':');
    size_t port;
    if (!colon || colon == address || !args_count(colon + 1, 65535, &port))
        return err_set(e, ERR_INPUT, 0,
                       "\"%.80s\" is not ADDR:PORT, such as 127.0.0.1:8081, [::1]:8081 or "
                       "https://0.0.0.0:6098",
                       text);
    if (c->http.listen_count == CONFIG_LISTEN_MAX)
        return err_set(e, ERR_INPUT, 0, "at most %d addresses can be listened on",
                       CONFIG_LISTEN_MAX);
    struct http_listen *l = &c->listen[c->http.listen_count];
    *l = (struct http_listen){ .port = (uint16_t)port, .tls = tls };
    l->address = keep(c, (struct str){ address, (size_t)(colon - address) });
    if (!l->address)
        return no_memory(e);
    if (!strcmp(l->address, "localhost"))
        l->address = "127.0.0.1";
    c->http.listen_count++;
    return true;
}

bool config_find_threshold(const struct config *c, double threshold, size_t *out, struct err *e)
{
    const struct bucket_index_config *g = &c->engine.grouping;
    char list[120] = "";
    size_t len = 0;
    for (size_t i = 0; i < g->threshold_count; i++) {
        if (fabs(g->thresholds[i] - threshold) < 1e-9) {
            *out = i;
            return true;
        }
        if (len + 8 < sizeof list)
            len += (size_t)snprintf(list + len, sizeof list - len, " %g", g->thresholds[i]);
    }
    return err_set(e, ERR_INPUT, 0, "%g is not one of the thresholds:%s", threshold, list);
}

/* A key that is there and empty is as good as none. */
static bool is_given(const char *path)
{
    return path && *path;
}

static bool check_tls(const struct config *c, struct err *e)
{
    const struct http_config *h = &c->http;
    if (is_given(h->tls_cert) != is_given(h->tls_key))
        return err_set(e, ERR_INPUT, 0, "%s is missing: a certificate and its key go together",
                       is_given(h->tls_cert) ? "--tls-key" : "--tls-cert");
    for (size_t i = 0; i < h->listen_count; i++)
        if (c->listen[i].tls && !is_given(h->tls_cert))
            return err_set(e, ERR_INPUT, 0,
                           "https://%.60s:%u needs --tls-cert FILE and --tls-key FILE: a "
                           "certificate and its key, as PEM",
                           c->listen[i].address, c->listen[i].port);
    return true;
}

bool config_finish(struct config *c, struct err *e)
{
    const struct bucket_index_config *g = &c->engine.grouping;
    size_t at;
    if (!c->engine.data_dir || !*c->engine.data_dir)
        return err_set(e, ERR_INPUT, 0, "--data is missing: the directory that holds the reports");
    if (!similarity_named(g->similarity))
        return err_set(e, ERR_INPUT, 0, "--similarity must be culprit or classic, not \"%.60s\"",
                       g->similarity);
    if (g->threshold_count == 0)
        return err_set(e, ERR_INPUT, 0, "there must be at least one threshold");
    for (size_t i = 1; i < g->threshold_count; i++)
        if (g->thresholds[i] <= g->thresholds[i - 1])
            return err_set(e, ERR_INPUT, 0, "thresholds must rise, but %g stands before %g",
                           g->thresholds[i - 1], g->thresholds[i]);
    if (!config_find_threshold(c, c->default_threshold, &at, e))
        return err_prefix(e, "default_threshold: ");
    if (c->http.listen_count == 0 && !config_add_listen(c, "127.0.0.1:8081", e))
        return false;
    return check_tls(c, e);
}

bool config_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    char bare[INET6_ADDRSTRLEN];
    size_t len = strlen(address);
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (len > 2 && len < sizeof bare && address[0] == '[' && address[len - 1] == ']') {
        memcpy(bare, address + 1, len - 2);
        bare[len - 2] = '\0';
        return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return false;
}

bool config_all_loopback(const struct config *c)
{
    for (size_t i = 0; i < c->http.listen_count; i++)
        if (!config_is_loopback(c->listen[i].address))
            return false;
    return true;
}
