/* stackwalk.c - `crumple stackwalk`: a dump, or a report, to threads and frames, without a server.
 *
 * Scripts call it once for each dump, so a cold start must be cheap: the dump and the symbols are
 * mapped, nothing else is opened, and the output is one write. */
#include "cli/stackwalk.h"

#include "cli/cli.h"
#include "cli/stackwalk_parts.h"
#include "decode/core.h"
#include "decode/decode.h"
#include "decode/minidump.h"
#include "decode/plcrash.h"
#include "sourcemap/sourcemap.h"
#include "symbols/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)4 << 30) /* for the work on one dump */
#define OUTPUT_MAX ((size_t)4 << 30)
#define CACHE_FOLDER "crumple/symbols"

struct options {
    const char *file, *cache;
    struct arg_texts symbols;
    bool json, no_cache;
};

struct mapping {
    void *at;
    size_t len;
};

static void unmap(struct mapping *m)
{
    if (m->at)
        munmap(m->at, m->len);
}

static bool map_file(struct mapping *out, const char *path, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "cannot open %.120s: %m",
                       path);
    bool ok = fstat(fd, &st) == 0;
    if (!ok)
        err_set(e, ERR_IO, 0, "cannot read %.120s: %m", path);
    else if (!S_ISREG(st.st_mode) || st.st_size == 0)
        ok = err_set(e, ERR_INPUT, 0, "%.120s is %s", path,
                     S_ISREG(st.st_mode) ? "empty" : "no file");
    if (ok) {
        out->len = (size_t)st.st_size;
        out->at = mmap(NULL, out->len, PROT_READ, MAP_PRIVATE, fd, 0);
        if (out->at == MAP_FAILED) {
            out->at = NULL;
            ok = err_set(e, ERR_IO, 0, "cannot read %.120s: %m", path);
        }
    }
    close(fd);
    return ok;
}

/* Where converted symbols are kept: as the XDG Base Directory Specification says. */
static const char *cache_folder(const struct options *o, struct arena *a)
{
    const char *home = getenv("HOME"), *base = getenv("XDG_CACHE_HOME");
    struct str path;
    if (o->no_cache)
        return NULL;
    if (o->cache)
        return o->cache;
    bool ok = base && base[0] == '/' ? arena_printf(a, &path, "%s/" CACHE_FOLDER, base)
              : home && home[0]      ? arena_printf(a, &path, "%s/.cache/" CACHE_FOLDER, home)
                                     : false;
    return ok ? path.ptr : NULL;
}

/* Not by stdio, which would ask what standard output is and take memory to copy the text to. */
static bool write_out(struct str text, struct err *e)
{
    while (text.len > 0) {
        ssize_t n = write(STDOUT_FILENO, text.ptr, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_IO, 0, "cannot write: %m");
        text.ptr += n;
        text.len -= (size_t)n;
    }
    return true;
}

/* Ends the printing. */
static bool finish(struct buf *out, struct err *e)
{
    bool ok = buf_ok(out) || err_set(e, ERR_NOMEM, 0, "no memory for the output");
    ok = ok && write_out(buf_view(out), e);
    buf_done(out);
    return ok;
}

typedef bool read_dump(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                       struct arena *a, struct err *e);

static bool walk_dump(const struct options *o, read_dump *read, struct bytes file,
                      const struct symbol_source *symbols, struct arena *a, struct err *e)
{
    struct dump *d = arena_alloc(a, sizeof *d);
    struct buf out;
    if (!d)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    if (!read(file, symbols, d, a, e))
        return err_prefix(e, "%.120s: ", o->file);
    buf_init(&out, OUTPUT_MAX);
    if (o->json)
        stackwalk_print_json(&out, d);
    else
        stackwalk_print(&out, d);
    return finish(&out, e);
}

static bool walk_report(const struct options *o, struct bytes file,
                        const struct symbol_source *symbols, struct arena *a, struct err *e)
{
    const struct str text = { (const char *)file.ptr, file.len };
    struct err no_map = { 0 };
    struct crash c;
    struct buf out;
    if (sourcemap_could_be(file) && decode_check_sourcemap(text, a, &no_map))
        return err_set(
            e, ERR_INPUT, 0,
            "%.80s is a source map, not a crash: --symbols takes the folder of source maps",
            o->file);
    if (!decode_upload(UPLOAD_JSON, text, symbols, &c, a, e))
        return err_prefix(e, "%.120s: ", o->file);
    buf_init(&out, OUTPUT_MAX);
    if (o->json)
        stackwalk_print_report_json(&out, &c);
    else
        stackwalk_print_report(&out, &c);
    return finish(&out, e);
}

#define SHOWN_BYTES 8

static bool refuse_unknown(const struct options *o, struct bytes file, struct err *e)
{
    char hex[SHOWN_BYTES * 3 + 1] = "";
    for (size_t i = 0; i < SHOWN_BYTES && i < file.len; i++)
        snprintf(hex + 3 * i, 4, " %02x", file.ptr[i]);
    return err_set(
        e, ERR_INPUT, 0,
        "%.80s is no crash: it begins with%s, not as a minidump (MDMP), a PLCrashReporter "
        "report (plcrash), a core file or a JSON report ({)",
        o->file, hex);
}

static bool refuse(const struct options *o, enum decode_kind kind, const char *words,
                   struct bytes file, struct err *e)
{
    int len = (int)strcspn(words, "("); /* what follows is for those who send it by HTTP */
    while (len > 0 && words[len - 1] == ' ')
        len--;
    if (kind == KIND_SYMBOLS)
        return err_set(e, ERR_INPUT, 0,
                       "%.80s is %.*s, not a crash: --symbols takes the folder of symbol files",
                       o->file, len, words);
    if (kind == KIND_PACKED)
        return err_set(e, ERR_INPUT, 0, "%.120s is %.*s: unpack it first", o->file, len, words);
    return refuse_unknown(o, file, e);
}

static bool walk(const struct options *o, struct bytes file, const struct symbol_source *symbols,
                 struct arena *a, struct err *e)
{
    const char *words;
    struct bytes first = { file.ptr,
                           file.len < DECODE_MAGIC_BYTES ? file.len : DECODE_MAGIC_BYTES };
    enum decode_kind kind = decode_kind_of(first, &words);
    switch (kind) {
    case KIND_MINIDUMP:
        return walk_dump(o, minidump_read, file, symbols, a, e);
    case KIND_PLCRASH:
        return walk_dump(o, plcrash_read, file, symbols, a, e);
    case KIND_CORE:
        return walk_dump(o, core_read, file, symbols, a, e);
    case KIND_JSON:
        return walk_report(o, file, symbols, a, e);
    default:
        return refuse(o, kind, words, file, e);
    }
}

/* Why there are no names, when there could be some. The crash is read nevertheless. */
static void tell_unread(const struct symbol_folders *folders)
{
    const struct unread_file *files;
    size_t count = symbol_folders_unread(folders, &files);
    struct buf text;
    buf_init(&text, OUTPUT_MAX);
    for (size_t i = 0; i < count; i++) {
        buf_str(&text, STR("crumple stackwalk: "));
        stackwalk_add(&text, str_from_c(files[i].path));
        buf_str(&text, STR(": "));
        stackwalk_add(&text, files[i].why);
        buf_char(&text, '\n');
    }
    if (buf_ok(&text))
        (void)fwrite(buf_view(&text).ptr, 1, buf_view(&text).len, stderr);
    buf_done(&text);
}

static bool walk_file(const struct options *o, struct arena *a, struct err *e)
{
    CLEANUP(symbol_folders_close_p) struct symbol_folders *folders = NULL;
    struct symbol_source symbols;
    struct mapping m = { NULL, 0 };
    if (!map_file(&m, o->file, e))
        return false;
    bool ok = true;
    if (o->symbols.count > 0) {
        ok = symbol_folders_open(&folders, o->symbols.at, o->symbols.count, cache_folder(o, a), e);
        if (ok)
            symbols = symbol_folders_source(folders);
    }
    if (ok)
        ok = walk(o, (struct bytes){ m.at, m.len }, folders ? &symbols : NULL, a, e);
    if (folders)
        tell_unread(folders);
    unmap(&m);
    return ok;
}

static int run(const struct command *c, int argc, char **argv)
{
    struct options o = { 0 };
    struct err e = { 0 };
    int status;
    const struct arg args[] = {
        { "FILE", ARG_OPERAND, &o.file },        { "--symbols", ARG_TEXTS, &o.symbols },
        { "--json", ARG_FLAG, &o.json },         { "--cache", ARG_TEXT, &o.cache },
        { "--no-cache", ARG_FLAG, &o.no_cache },
    };
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    CLEANUP(arena_free_p) struct arena *a = arena_new(MEMORY_MAX);
    if (!a)
        return err_set(&e, ERR_NOMEM, 0, "no memory"), cli_fail(c, &e);
    return walk_file(&o, a, &e) ? CLI_OK : cli_fail(c, &e);
}

const struct command command_stackwalk = {
    .name = "stackwalk",
    .summary = "the threads and frames of a crash dump or a report",
    .help = "Usage: crumple stackwalk FILE [--symbols DIR]... [--json]\n"
            "                         [--cache DIR | --no-cache]\n\n"
            "Reads a crash and prints why the process ended and the stacks of its threads.\n"
            "FILE is a minidump, an ELF core file, a report of PLCrashReporter, or a JSON\n"
            "report of a Backtrace client: its first bytes say which.\n\n"
            "  --symbols DIR   where symbol files are: as for minidump_stackwalk\n"
            "                  (NAME/ID/NAME.sym), as for debuggers (.build-id/XX/REST.debug),\n"
            "                  or .sym, ELF and Mach-O files, dSYM folders, source maps and\n"
            "                  scripts with their source map in DIR itself; may be given again;\n"
            "                  those that match and cannot be read are named on standard error\n"
            "  --json          one JSON object, instead of text for people\n"
            "  --cache DIR     where converted symbols are kept for the next time\n"
            "                  (default: ~/.cache/crumple/symbols, or under $XDG_CACHE_HOME)\n"
            "  --no-cache      keep nothing\n",
    .run = run,
};
