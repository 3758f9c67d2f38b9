/* convert.c - the upload as a whole: one file, or an archive. An archive with source maps in it is
 * read twice (convert_scripts.h). */
#include "symbols/convert_work.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GB ((uint64_t)1 << 30)

struct convert_limits convert_limits(void)
{
    return (struct convert_limits){
        .entry_bytes = 4 * GB,
        .total_bytes = 100 * GB,
        .ratio = 200,
        .free_bytes = GB / 4,
        .entries = 20000,
        .headers = 200000,
        .memory_bytes = (size_t)(2 * GB),
        .scripts_bytes = (size_t)(GB / 2),
    };
}

/* --- the server ---------------------------------------------------------------------------- */

bool conversion_say(struct conversion *c, const struct convert_line *line, struct err *e)
{
    buf_reset(&c->line);
    convert_line_write(&c->line, line);
    if (!buf_ok(&c->line))
        return err_set(e, ERR_NOMEM, 0, "no memory to tell the server");
    for (size_t at = 0; at < c->line.len;) {
        ssize_t n = write(c->job->say, c->line.ptr + at, c->line.len - at);
        if (n < 0 && errno != EINTR)
            return err_set(e, ERR_IO, 0, "the server does not listen: %s", strerror(errno));
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool conversion_listen(struct conversion *c, char *answer, struct err *e)
{
    ssize_t n;
    do
        n = read(c->job->listen, answer, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 || err_set(e, ERR_IO, 0, "the server does not answer");
}

/* --- limits -------------------------------------------------------------------------------- */

bool conversion_count_entry(struct conversion *c, struct err *e)
{
    return c->entries++ < c->job->limits.entries ||
           err_set(e, ERR_LIMIT, 0, "there are more than %zu files in the archive",
                   c->job->limits.entries);
}

bool conversion_count_header(struct conversion *c, struct err *e)
{
    return c->headers++ < c->job->limits.headers ||
           err_set(e, ERR_LIMIT, 0,
                   "there are more than %zu files, folders and links in the archive",
                   c->job->limits.headers);
}

bool conversion_count_bytes(struct conversion *c, uint64_t bytes, struct err *e)
{
    const struct convert_limits *limits = &c->job->limits;
    c->unpacked_bytes += bytes;
    if (c->unpacked_bytes > limits->total_bytes)
        return err_set(e, ERR_LIMIT, 0, "it unpacks to more than %llu bytes",
                       (unsigned long long)limits->total_bytes);
    return c->unpacked_bytes <= limits->free_bytes ||
           c->unpacked_bytes / limits->ratio <= c->upload_bytes ||
           err_set(e, ERR_LIMIT, 0,
                   "it unpacks to more than %llu times its size: symbols are not like that",
                   (unsigned long long)limits->ratio);
}

/* --- the upload ---------------------------------------------------------------------------- */

/* Something is wrong with the upload, and not with us. ERR_NOT_FOUND: a library is not installed.
 */
static bool is_theirs(const struct err *why)
{
    return why->code != ERR_IO && why->code != ERR_FULL && why->code != ERR_NOT_FOUND;
}

/* To be unmapped: upload_bytes. */
static bool map_upload(const struct conversion *c, void **out, struct err *e)
{
    *out = mmap(NULL, (size_t)c->upload_bytes, PROT_READ, MAP_PRIVATE, c->job->upload, 0);
    return *out != MAP_FAILED || err_set(e, errno == ENOMEM ? ERR_NOMEM : ERR_IO, 0,
                                         "cannot map the upload: %s", strerror(errno));
}

/* One that comes alone may have no name. It is text, and that has no zeros. */
static bool is_script(struct conversion *c, struct bytes first, bool *out, struct err *e)
{
    void *p;
    *out = false;
    if (memchr(first.ptr, '\0', first.len) || c->upload_bytes > c->job->limits.entry_bytes)
        return true;
    if (!map_upload(c, &p, e))
        return false;
    *out = script_has_comment((struct str){ p, (size_t)c->upload_bytes });
    munmap(p, (size_t)c->upload_bytes);
    return true;
}

static bool single(struct conversion *c, enum convert_kind kind, struct err *e)
{
    bool open = convert_kind_is_open(kind, c->job->name);
    const char *advice = open ? NULL : convert_kind_advice(kind);
    if (!advice && c->upload_bytes > c->job->limits.entry_bytes)
        advice = "it is larger than a symbol file may be";
    if (advice)
        return convert_not_read(c, c->job->name, kind, c->upload_bytes, advice, e);
    void *p;
    if (!map_upload(c, &p, e))
        return false;
    const struct bytes file = { p, (size_t)c->upload_bytes };
    bool ok = convert_file(c, c->job->name, kind, file, e);
    if (ok && c->maps > 0)
        ok = convert_map(c, c->job->name, file, e);
    munmap(p, (size_t)c->upload_bytes);
    return ok;
}

/* What ended the first reading ends the second at the same place. */
static bool archive(struct conversion *c, struct err *e)
{
    bool ok = convert_archive(c, c->job->upload, e);
    struct err again = { 0 };
    if (c->maps == 0 || !(ok || is_theirs(e)))
        return ok;
    if (lseek(c->job->upload, 0, SEEK_SET) != 0)
        return err_set(e, ERR_IO, 0, "cannot read the upload again: %s", strerror(errno));
    c->maps_turn = true;
    c->entries = c->headers = 0;
    c->unpacked_bytes = 0;
    if (!convert_archive(c, c->job->upload, &again) && ok) {
        *e = again;
        return false;
    }
    return ok;
}

static bool whole(struct conversion *c, struct err *e)
{
    struct stat st;
    uint8_t first[CONVERT_KIND_BYTES];
    ssize_t n = pread(c->job->upload, first, sizeof first, 0);
    if (fstat(c->job->upload, &st) != 0 || n < 0)
        return err_set(e, ERR_IO, 0, "cannot read the upload: %s", strerror(errno));
    c->upload_bytes = (uint64_t)st.st_size;
    const struct bytes seen = { first, (size_t)n };
    enum convert_kind kind = convert_kind_find(seen);
    /* libarchive knows more archives than we do. */
    if (kind == CONVERT_OTHER && !convert_kind_is_open(kind, c->job->name)) {
        bool script;
        if (!is_script(c, seen, &script, e))
            return false;
        kind = script ? CONVERT_SCRIPT : CONVERT_ARCHIVE;
    }
    return kind == CONVERT_ARCHIVE ? archive(c, e) : single(c, kind, e);
}

static bool run(struct conversion *c, struct err *e)
{
    struct err why = { 0 };
    if (!convert_scripts_init(&c->scripts, c->job->limits.scripts_bytes))
        return err_set(e, ERR_NOMEM, 0, "no memory for scripts");
    bool ok = whole(c, e);
    if ((ok || is_theirs(e)) && !convert_other_scripts(c, &why)) {
        *e = why;
        ok = false;
    }
    convert_scripts_done(&c->scripts);
    return ok;
}

bool convert_run(const struct convert_job *job, struct err *e)
{
    struct conversion c = { .job = job };
    struct err why = { 0 };
    buf_init(&c.line, CONVERT_LINE_MAX);
    bool ok = run(&c, &why);
    if (ok || is_theirs(&why)) {
        const struct convert_line end = { .say = CONVERT_END,
                                          .error = str_from_c(ok ? "" : why.msg) };
        ok = conversion_say(&c, &end, e);
    } else {
        *e = why;
    }
    buf_done(&c.line);
    return ok;
}
