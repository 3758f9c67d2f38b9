/* convert_file.c - from the bytes of one symbol file to the image of its cache. */
#include "symbols/convert_work.h"

#include "symbols/breakpad.h"
#include "symbols/elf_symbols.h"
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

static bool read_file(enum convert_kind kind, struct str entry, struct bytes file,
                      struct symcache_builder *b, struct err *e)
{
    const char *slash = entry.len ? memrchr(entry.ptr, '/', entry.len) : NULL;
    struct str name = entry;
    if (slash)
        name = (struct str){ slash + 1, entry.len - (size_t)(slash + 1 - entry.ptr) };
    return kind == CONVERT_BREAKPAD ? breakpad_read(file, b, e)
           : kind == CONVERT_MACHO  ? macho_read(file, name, b, e)
                                    : elf_read(file, name, b, e);
}

/* The image as a file of the scratch folder; on failure there is none. */
static bool write_image(struct conversion *c, struct symcache_builder *b, struct err *e)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%u", c->images);
    int fd = openat(c->job->scratch, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_failed(e, "cannot make a file in the scratch folder");
    bool ok = symcache_write_file(b, fd, e);
    close(fd);
    if (!ok)
        (void)unlinkat(c->job->scratch, name, 0);
    return ok;
}

static bool make_image(struct conversion *c, struct str entry, enum convert_kind kind,
                       struct bytes file, struct err *e)
{
    CLEANUP(symcache_builder_free_p)
    struct symcache_builder *b = symcache_builder_new(c->job->limits.memory_bytes);
    if (!b)
        return err_set(e, ERR_NOMEM, 0, "no memory to read it");
    return read_file(kind, entry, file, b, e) && write_image(c, b, e);
}

static bool convert(struct conversion *c, struct str entry, enum convert_kind kind,
                    struct bytes file, struct err *e)
{
    struct err why = { 0 };
    if (make_image(c, entry, kind, file, &why)) {
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

bool convert_file(struct conversion *c, struct str entry, enum convert_kind kind, struct bytes file,
                  struct err *e)
{
    struct convert_line ask = {
        .say = CONVERT_ASK, .entry = entry, .kind = kind, .size = file.len
    };
    char answer;
    crypto_generichash(ask.source, sizeof ask.source, file.ptr, file.len, NULL, 0);
    if (!conversion_say(c, &ask, e) || !conversion_listen(c, &answer, e))
        return false;
    return answer == CONVERT_KNOWN || convert(c, entry, kind, file, e);
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
