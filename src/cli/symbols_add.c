/* symbols_add.c - `crumple symbols add`: symbol files into a data directory, the same way as an
 * upload, without HTTP. One file after the other: the engine's converter does the work. */
#include "access/access.h"
#include "base/date.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)256 << 10)
#define ARENA_BYTES ((size_t)1 << 30)
#define DEFAULT_PROJECT "default"
#define DSYM_INSIDE "Contents/Resources/DWARF"

struct options {
    const char *data, *project, *tag, *config, *symbolication_id;
    struct arg_operands files;
};

struct adding {
    const struct options *options;
    VEC(const char *) files; /* those of the options, with the ones in dSYM folders */
    struct engine *engine;
    struct arena *arena; /* of one file */
    bool terminal;
    size_t wrong; /* files of which something could not be converted */

    pthread_mutex_t mu;
    pthread_cond_t finished;
    bool is_finished; /* guarded by mu */
};

/* --- one file --------------------------------------------------------------------------------- */

static void show(struct adding *a, size_t i, const char *doing)
{
    if (a->terminal)
        fprintf(stderr, "\r\033[K[%zu of %zu] %s %.60s", i + 1, a->files.len, doing,
                a->files.at[i]);
}

static void clear(const struct adding *a)
{
    if (a->terminal)
        fputs("\r\033[K", stderr);
}

static bool spool_file(struct spool *s, const char *path, struct err *e)
{
    static uint8_t piece[PIECE_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "%.120s: %s", path,
                       strerror(errno));
    bool ok = true;
    ssize_t n = 1;
    while (ok && n > 0) {
        n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EISDIR)
            ok = err_set(e, ERR_INPUT, 0,
                         "%.80s is a folder, and has no files in " DSYM_INSIDE
                         " as a dSYM does: name its files, or an archive of it",
                         path);
        else if (n < 0)
            ok = err_set(e, ERR_IO, 0, "%.120s: %s", path, strerror(errno));
        else if (n > 0)
            ok = spool_add(s, (struct bytes){ piece, (size_t)n }, e);
    }
    close(fd);
    return ok;
}

/* On a thread of the engine. */
static void upload_done(struct engine_upload *u)
{
    struct adding *a = u->owner;
    pthread_mutex_lock(&a->mu);
    a->is_finished = true;
    pthread_cond_signal(&a->finished);
    pthread_mutex_unlock(&a->mu);
}

static bool accept_and_wait(struct adding *a, struct engine_upload *u, struct err *e)
{
    a->is_finished = false;
    if (!engine_accept(a->engine, u, e))
        return false;
    pthread_mutex_lock(&a->mu);
    while (!a->is_finished)
        pthread_cond_wait(&a->finished, &a->mu);
    pthread_mutex_unlock(&a->mu);
    if (!u->ok)
        *e = u->err;
    return u->ok;
}

static struct str base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_from_c(slash ? slash + 1 : path);
}

/* What came of it, one line, and one for each sentence about what did not work. */
static bool tell(struct adding *a, const char *path, const struct engine_upload *u, struct err *e)
{
    struct symbol_counts n;
    if (!store_symbol_counts(engine_store(a->engine), u->object, a->arena, &n, e))
        return false;
    clear(a);
    printf("%s: %llu new, %llu there already, %llu not converted\n", path,
           (unsigned long long)n.fresh, (unsigned long long)n.duplicate,
           (unsigned long long)n.invalid);
    for (struct str rest = u->errors, line; str_take_line(&rest, &line);)
        printf("  %.*s\n", STR_ARG(line));
    fflush(stdout);
    /* Of an archive, much may be other than symbols: it is enough that some is. */
    a->wrong += n.fresh + n.duplicate == 0;
    return true;
}

static bool add_spooled(struct adding *a, size_t i, struct spool *s, struct err *e)
{
    const char *path = a->files.at[i];
    const char *id = a->options->symbolication_id;
    const struct upload_field fields[] = {
        { STR("tag"), str_from_c(a->options->tag), UPLOAD_FROM_QUERY },
        { STR("file"), base_name(path), UPLOAD_FROM_QUERY },
        { STR("symbolication_id"), str_from_c(id), UPLOAD_FROM_QUERY },
    };
    struct engine_upload u = {
        .arena = a->arena,
        .upload = { .project = str_from_c(a->options->project),
                    /* What is in it, the bytes say; but only source maps have such an id. */
                    .format = id ? UPLOAD_SOURCEMAP : UPLOAD_SYMBOLS,
                    .type = STR("application/octet-stream"),
                    .uuid = STR(""),
                    .fields = fields,
                    .field_count = id ? 3 : 2 },
        .spools = &s,
        .spool_count = 1,
        .sync = true,
        .done = upload_done,
        .owner = a,
    };
    if (!spool_file(s, path, e) || !spool_finish(s, &u.upload.body, e))
        return false;
    if (u.upload.body.size == 0)
        return err_set(e, ERR_INPUT, 0, "%.120s is empty", path);
    show(a, i, "converting");
    return accept_and_wait(a, &u, e) && tell(a, path, &u, e);
}

static bool add_file(struct adding *a, size_t i, struct err *e)
{
    show(a, i, "reading");
    arena_reset(a->arena);
    struct spool *s = spool_new(engine_blobs(a->engine));
    if (!s)
        return err_set(e, ERR_NOMEM, 0, "no memory for a file");
    bool ok = add_spooled(a, i, s, e);
    spool_free(s);
    return ok;
}

/* --- which ------------------------------------------------------------------------------------ */

static int is_shown(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* The files of a dSYM folder. None: it is no such folder. False: no memory. */
static bool take_dsym(struct adding *a, const char *folder, struct arena *arena)
{
    struct dirent **list = NULL;
    struct str inside, path;
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/')
        len--;
    if (!arena_printf(arena, &inside, "%.*s/" DSYM_INSIDE, (int)len, folder))
        return false;
    int count = scandir(inside.ptr, &list, is_shown, alphasort);
    bool ok = true;
    for (int i = 0; i < count; i++) {
        ok = ok && arena_printf(arena, &path, "%s/%s", inside.ptr, list[i]->d_name) &&
             VEC_PUSH(&a->files, path.ptr);
        free(list[i]);
    }
    free(list);
    return ok;
}

static bool take_files(struct adding *a, struct arena *arena, struct err *e)
{
    const struct arg_operands *given = &a->options->files;
    for (size_t i = 0; i < given->count; i++) {
        size_t before = a->files.len;
        if (!take_dsym(a, given->at[i], arena) ||
            (a->files.len == before && !VEC_PUSH(&a->files, given->at[i])))
            return err_set(e, ERR_NOMEM, 0, "no memory for the names of files");
    }
    return true;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool open_engine(struct adding *a, struct config *c, struct err *e)
{
    c->engine.workers = 1;
    if (engine_open(&a->engine, &c->engine, e))
        return true;
    if (e->word && !strcmp(e->word, "data_in_use")) {
        struct err why = *e;
        (void)err_set(e, ERR_CONFLICT, 0,
                      "%s; post the files to it (format symbols, token with symbol:post), or stop "
                      "it first",
                      why.msg);
    }
    return false;
}

static bool configure(struct config *c, const struct options *o, struct err *e)
{
    if (o->config && !config_read(c, o->config, e))
        return false;
    if (o->data)
        c->engine.data_dir = o->data;
    return config_finish(c, e) && project_check(str_from_c(o->project), e);
}

static int add_all(const struct command *command, struct adding *a)
{
    struct err e = { 0 };
    bool ok = true;
    for (size_t i = 0; i < a->files.len && ok; i++) {
        ok = add_file(a, i, &e);
        if (!ok && (e.code == ERR_NOT_FOUND || e.code == ERR_INPUT || e.code == ERR_LIMIT)) {
            clear(a);
            (void)cli_fail(command, &e); /* the others may be better */
            a->wrong++;
            ok = true;
        }
    }
    clear(a);
    if (!ok)
        return cli_fail(command, &e);
    return a->wrong > 0 ? CLI_FAILED : CLI_OK;
}

static int work(const struct command *command, struct adding *a, struct arena *arena)
{
    struct err e = { 0 };
    struct config config;
    config_init(&config, arena);
    if (!configure(&config, a->options, &e))
        return e.code == ERR_INPUT ? cli_wrong(command, &e) : cli_fail(command, &e);
    log_set_level(LOG_WARN); /* the progress is told here */
    if (!take_files(a, arena, &e) || !open_engine(a, &config, &e))
        return cli_fail(command, &e);
    int status = add_all(command, a);
    engine_close(a->engine);
    return status;
}

static int run(const struct command *command, int argc, char **argv)
{
    CLEANUP(arena_free_p) struct arena *arena = arena_new((size_t)1 << 24);
    CLEANUP(arena_free_p) struct arena *file_arena = arena_new(ARENA_BYTES);
    struct options o = { .project = DEFAULT_PROJECT, .tag = "anon" };
    o.files.room = (size_t)argc;
    o.files.at = arena ? arena_array(arena, (size_t)argc + 1, sizeof *o.files.at) : NULL;
    if (!file_arena || !o.files.at) {
        fputs("crumple symbols add: no memory\n", stderr);
        return CLI_FAILED;
    }
    const struct arg args[] = {
        { "FILE", ARG_OPERANDS, &o.files },
        { "--data", ARG_NEEDED, &o.data },
        { "--project", ARG_TEXT, &o.project },
        { "--tag", ARG_TEXT, &o.tag },
        { "--config", ARG_TEXT, &o.config },
        { "--symbolication-id", ARG_TEXT, &o.symbolication_id },
    };
    int status;
    if (!cli_args(command, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct adding a = { .options = &o,
                        .arena = file_arena,
                        .terminal = isatty(STDERR_FILENO),
                        .mu = PTHREAD_MUTEX_INITIALIZER,
                        .finished = PTHREAD_COND_INITIALIZER };
    status = work(command, &a, arena);
    VEC_FREE(&a.files);
    return status;
}

const struct command command_symbols_add = {
    .name = "symbols add",
    .summary = "put symbol files and source maps into a data directory",
    .help =
        "Usage: crumple symbols add FILE... --data DIR [--project P] [--tag T]\n"
        "                           [--symbolication-id ID] [--config FILE]\n\n"
        "Does what an upload with the format symbols or sourcemap does, without HTTP. FILE is a\n"
        "Breakpad symbol file (.sym, made by dump_syms), an ELF or Mach-O file with debug\n"
        "information, a dSYM folder, a source map, a script with its source map in it, or an\n"
        "archive of such files (tar, zip, 7z, ...; compressed or not, in folders, and one level\n"
        "of archives inside); which, its bytes say. Each file is converted once; what is there\n"
        "already is not stored again.\n"
        "No server may run on DIR meanwhile: if one does, post the files to it, for example\n\n"
        "  curl --data-binary @app.sym http://HOST:6097/UNIVERSE/TOKEN/symbols\n\n"
        "Prints a line for each FILE, and what in it could not be converted and why. The exit "
        "status\n"
        "is 1 when a FILE gave no symbols at all. Reports that waited for these symbols are made\n"
        "again when a server is started on DIR.\n\n"
        "  --data DIR      where reports and symbols are kept\n"
        "  --project P     whose symbols they are (default: default); reports of other projects "
        "do\n"
        "                  not see them\n"
        "  --tag T         a word that is kept with them (default: anon), such as a version\n"
        "  --symbolication-id ID\n"
        "                  what reports call the script of the source map, as older tools do\n"
        "  --config FILE   the server's configuration, when it has its own thresholds\n\n"
        "Examples:\n\n"
        "  crumple symbols add app.sym libapp.so.debug --data /var/lib/crumple --project app\n"
        "  crumple symbols add symbols-1.2.tar.xz --data /var/lib/crumple --project app --tag "
        "1.2\n"
        "  crumple symbols add dist.tar.gz --data /var/lib/crumple --project shop\n",
    .run = run,
};
