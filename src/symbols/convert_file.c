/* convert_file.c - one file: what it is, and from the bytes of symbols to the images of caches. */
#include "symbols/convert_work.h"

#include "symbols/breakpad.h"
#include "symbols/elf_symbols.h"
#include "symbols/library.h"
#include "symbols/macho_symbols.h"
#include "symbols/symcache_builder.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool io_failed(struct err *e, const char *what)
{
    return err_set(e, ERR_IO, 0, "%s: %s", what, strerror(errno));
}

/* --- an image ------------------------------------------------------------------------------- */

/* As a file of the scratch folder; on failure there is none. */
static bool make_image(struct conversion *c, const struct convert_piece *p, struct err *e)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%u", c->images);
    int fd = openat(c->job->scratch, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_failed(e, "cannot make a file in the scratch folder");
    bool ok = p->make(p, c, fd, e);
    close(fd);
    if (!ok)
        (void)unlinkat(c->job->scratch, name, 0);
    return ok;
}

static bool make_and_tell(struct conversion *c, const struct convert_piece *p, struct err *e)
{
    struct err why = { 0 };
    if (make_image(c, p, &why)) {
        const struct convert_line made = { .say = CONVERT_MADE, .image = c->images++ };
        return conversion_say(c, &made, e);
    }
    if (why.code == ERR_FULL || why.code == ERR_IO) { /* not the file's fault: once more, later */
        *e = why;
        return false;
    }
    /* ERR_NOT_FOUND: elfutils is not installed. */
    const struct convert_line failed = { .say = CONVERT_FAILED,
                                         .later = why.code == ERR_NOT_FOUND,
                                         .error = str_from_c(why.msg[0] ? why.msg : "damaged") };
    return conversion_say(c, &failed, e);
}

bool convert_piece(struct conversion *c, const struct convert_piece *p, struct err *e)
{
    struct convert_line ask = {
        .say = CONVERT_ASK, .entry = p->entry, .kind = p->kind, .size = p->size, .script = p->script
    };
    char answer;
    memcpy(ask.source, p->source, sizeof ask.source);
    if (!conversion_say(c, &ask, e) || !conversion_listen(c, &answer, e))
        return false;
    return answer == CONVERT_KNOWN || make_and_tell(c, p, e);
}

/* --- symbols -------------------------------------------------------------------------------- */

struct symbols_work {
    enum convert_kind kind;
    struct str name;
    struct bytes file;
};

static bool make(const struct convert_piece *p, struct conversion *c, int fd, struct err *e)
{
    const struct symbols_work *w = p->arg;
    CLEANUP(symcache_builder_free_p)
    struct symcache_builder *b = symcache_builder_new(c->job->limits.memory_bytes);
    if (!b)
        return err_set(e, ERR_NOMEM, 0, "no memory to read it");
    bool ok = w->kind == CONVERT_BREAKPAD ? breakpad_read(w->file, b, e)
              : w->kind == CONVERT_MACHO  ? macho_read(w->file, w->name, b, e)
                                          : elf_read(w->file, w->name, b, e);
    return ok && symcache_write_file(b, fd, e);
}

static bool convert(struct conversion *c, struct str entry, const struct symbols_work *w,
                    struct err *e)
{
    struct convert_piece p = {
        .entry = entry, .kind = w->kind, .size = w->file.len, .make = make, .arg = w
    };
    crypto_generichash(p.source, sizeof p.source, w->file.ptr, w->file.len, NULL, 0);
    return convert_piece(c, &p, e);
}

/* "libfoo (arm64)"; of a file that was sent without a name, "arm64". */
static void put_label(struct buf *label, struct str entry, struct str part)
{
    buf_reset(label);
    if (entry.len > 0)
        buf_printf(label, "%.*s (%.*s)", STR_ARG(entry), STR_ARG(part));
    else
        buf_str(label, part);
}

/* Each processor's part is a file of its own. */
static bool convert_macho(struct conversion *c, struct str entry, struct symbols_work *w,
                          struct err *e)
{
    struct macho_part parts[MACHO_PARTS_MAX];
    size_t count;
    struct err why = { 0 };
    if (!macho_parts(w->file, parts, &count, &why))
        return convert_not_read(c, entry, w->kind, w->file.len, why.msg, e);
    if (count == 1) { /* of a fat file, too */
        w->file = parts[0].file;
        return convert(c, entry, w, e);
    }
    struct buf label;
    buf_init(&label, 1 << 20);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        w->file = parts[i].file;
        put_label(&label, entry, parts[i].name);
        ok = (buf_ok(&label) || err_set(e, ERR_NOMEM, 0, "no memory for names")) &&
             convert(c, buf_view(&label), w, e);
    }
    buf_done(&label);
    return ok;
}

/* --- one file ------------------------------------------------------------------------------- */

bool convert_file(struct conversion *c, struct str entry, enum convert_kind by_first,
                  struct bytes file, struct err *e)
{
    enum convert_kind kind = convert_kind_find_script(by_first, file, entry);
    struct symbols_work w = { kind, library_file_name(entry), file };
    const char *advice = convert_kind_advice(kind);
    if (c->maps_turn || kind == CONVERT_SOURCEMAP) {
        if (!c->maps_turn) {
            c->maps++;
            return convert_scripts_note_map(&c->scripts, entry, e);
        }
        return kind != CONVERT_SOURCEMAP || convert_map(c, entry, file, e);
    }
    if (kind == CONVERT_SCRIPT)
        return convert_script(c, entry, file, e);
    if (advice)
        return convert_not_read(c, entry, kind, file.len, advice, e);
    return kind == CONVERT_MACHO ? convert_macho(c, entry, &w, e) : convert(c, entry, &w, e);
}

bool convert_not_read(struct conversion *c, struct str entry, enum convert_kind kind, uint64_t size,
                      const char *why, struct err *e)
{
    const struct convert_line line = { .say = CONVERT_NOT_READ,
                                       .entry = entry,
                                       .kind = kind,
                                       .size = size,
                                       .error = str_from_c(why) };
    return conversion_say(c, &line, e);
}
