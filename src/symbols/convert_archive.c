/* convert_archive.c - the files in an archive, and in archives in it, one after the other.
 *
 * libarchive finds out which format it is. Left out are those of its formats and filters that look
 * at other files (mtree) or start other programs (lrzip, grzip, lzop). It is loaded when it is
 * needed.
 *
 * What is hard: bombs. Nothing is skipped without being counted, since to skip is to unpack. */
#include "symbols/convert_work.h"

#include "base/dynlib.h"
#include "base/write_all.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)256 << 10)
#define LEVELS 2 /* an archive, and archives in it */
#define SPOOL_NAME "entry"

DYNLIB_FUNCTION(archive_read_new);
DYNLIB_FUNCTION(archive_read_free);
DYNLIB_FUNCTION(archive_read_open_fd);
DYNLIB_FUNCTION(archive_read_next_header);
DYNLIB_FUNCTION(archive_read_data);
DYNLIB_FUNCTION(archive_error_string);
DYNLIB_FUNCTION(archive_format);
DYNLIB_FUNCTION(archive_filter_count);
DYNLIB_FUNCTION(archive_entry_pathname_utf8);
DYNLIB_FUNCTION(archive_entry_pathname);
DYNLIB_FUNCTION(archive_entry_filetype);
DYNLIB_FUNCTION(archive_read_support_filter_gzip);
DYNLIB_FUNCTION(archive_read_support_filter_bzip2);
DYNLIB_FUNCTION(archive_read_support_filter_xz);
DYNLIB_FUNCTION(archive_read_support_filter_lzma);
DYNLIB_FUNCTION(archive_read_support_filter_lzip);
DYNLIB_FUNCTION(archive_read_support_filter_zstd);
DYNLIB_FUNCTION(archive_read_support_filter_lz4);
DYNLIB_FUNCTION(archive_read_support_filter_compress);
DYNLIB_FUNCTION(archive_read_support_filter_rpm);
DYNLIB_FUNCTION(archive_read_support_format_tar);
DYNLIB_FUNCTION(archive_read_support_format_zip);
DYNLIB_FUNCTION(archive_read_support_format_7zip);
DYNLIB_FUNCTION(archive_read_support_format_cab);
DYNLIB_FUNCTION(archive_read_support_format_rar);
DYNLIB_FUNCTION(archive_read_support_format_rar5);
DYNLIB_FUNCTION(archive_read_support_format_ar);
DYNLIB_FUNCTION(archive_read_support_format_cpio);
DYNLIB_FUNCTION(archive_read_support_format_iso9660);
DYNLIB_FUNCTION(archive_read_support_format_xar);
DYNLIB_FUNCTION(archive_read_support_format_lha);
DYNLIB_FUNCTION(archive_read_support_format_raw);

static bool load_library(struct err *e)
{
    static const struct dynlib_symbol symbols[] = {
        DYNLIB_SYMBOL(archive_read_new),
        DYNLIB_SYMBOL(archive_read_free),
        DYNLIB_SYMBOL(archive_read_open_fd),
        DYNLIB_SYMBOL(archive_read_next_header),
        DYNLIB_SYMBOL(archive_read_data),
        DYNLIB_SYMBOL(archive_error_string),
        DYNLIB_SYMBOL(archive_format),
        DYNLIB_SYMBOL(archive_filter_count),
        DYNLIB_SYMBOL(archive_entry_pathname_utf8),
        DYNLIB_SYMBOL(archive_entry_pathname),
        DYNLIB_SYMBOL(archive_entry_filetype),
        DYNLIB_SYMBOL(archive_read_support_filter_gzip),
        DYNLIB_SYMBOL(archive_read_support_filter_bzip2),
        DYNLIB_SYMBOL(archive_read_support_filter_xz),
        DYNLIB_SYMBOL(archive_read_support_filter_lzma),
        DYNLIB_SYMBOL(archive_read_support_filter_lzip),
        DYNLIB_SYMBOL(archive_read_support_filter_zstd),
        DYNLIB_SYMBOL(archive_read_support_filter_lz4),
        DYNLIB_SYMBOL(archive_read_support_filter_compress),
        DYNLIB_SYMBOL(archive_read_support_filter_rpm),
        DYNLIB_SYMBOL(archive_read_support_format_tar),
        DYNLIB_SYMBOL(archive_read_support_format_zip),
        DYNLIB_SYMBOL(archive_read_support_format_7zip),
        DYNLIB_SYMBOL(archive_read_support_format_cab),
        DYNLIB_SYMBOL(archive_read_support_format_rar),
        DYNLIB_SYMBOL(archive_read_support_format_rar5),
        DYNLIB_SYMBOL(archive_read_support_format_ar),
        DYNLIB_SYMBOL(archive_read_support_format_cpio),
        DYNLIB_SYMBOL(archive_read_support_format_iso9660),
        DYNLIB_SYMBOL(archive_read_support_format_xar),
        DYNLIB_SYMBOL(archive_read_support_format_lha),
        DYNLIB_SYMBOL(archive_read_support_format_raw),
    };
    return dynlib_load("libarchive.so.13", symbols, sizeof symbols / sizeof *symbols, e);
}

/* A filter or format that this libarchive was built without is one that it does not know. */
static void support(struct archive *r)
{
    (void)dl_archive_read_support_filter_gzip(r);
    (void)dl_archive_read_support_filter_bzip2(r);
    (void)dl_archive_read_support_filter_xz(r);
    (void)dl_archive_read_support_filter_lzma(r);
    (void)dl_archive_read_support_filter_lzip(r);
    (void)dl_archive_read_support_filter_zstd(r);
    (void)dl_archive_read_support_filter_lz4(r);
    (void)dl_archive_read_support_filter_compress(r);
    (void)dl_archive_read_support_filter_rpm(r);
    (void)dl_archive_read_support_format_tar(r);
    (void)dl_archive_read_support_format_zip(r);
    (void)dl_archive_read_support_format_7zip(r);
    (void)dl_archive_read_support_format_cab(r);
    (void)dl_archive_read_support_format_rar(r);
    (void)dl_archive_read_support_format_rar5(r);
    (void)dl_archive_read_support_format_ar(r);
    (void)dl_archive_read_support_format_cpio(r);
    (void)dl_archive_read_support_format_iso9660(r);
    (void)dl_archive_read_support_format_xar(r);
    (void)dl_archive_read_support_format_lha(r);
    (void)dl_archive_read_support_format_raw(r); /* one file, compressed */
}

/* One archive that is being read. */
struct reading {
    struct conversion *c;
    struct archive *archive;
    int level;        /* 0: the upload */
    struct str where; /* its path; empty: the upload */
    uint8_t *block;   /* BLOCK_BYTES */
};

static bool damaged(const struct reading *r, struct err *e)
{
    const char *why = dl_archive_error_string(r->archive);
    return err_set(e, ERR_INPUT, 0, "the archive%s%.*s cannot be read on: %.120s",
                   r->where.len ? " " : "", STR_ARG(r->where),
                   why ? why : "libarchive does not say why");
}

/* --- one file ------------------------------------------------------------------------------ */

/* Up to the size of a block, unless the file ends before. */
static bool read_block(struct reading *r, size_t *length, struct err *e)
{
    for (*length = 0; *length < BLOCK_BYTES;) {
        la_ssize_t n = dl_archive_read_data(r->archive, r->block + *length, BLOCK_BYTES - *length);
        if (n < 0)
            return damaged(r, e);
        if (n == 0)
            break;
        *length += (size_t)n;
    }
    return conversion_count_bytes(r->c, *length, e);
}

/* The file whose first `length` bytes are in the block goes on: to fd, or nowhere (-1). *size is
 * all of it; *too_large: it is, and only was looked through. */
static bool read_rest(struct reading *r, int fd, size_t length, uint64_t *size, bool *too_large,
                      struct err *e)
{
    *size = 0;
    *too_large = false;
    while (length > 0) {
        *size += length;
        *too_large = *size > r->c->job->limits.entry_bytes;
        if (fd >= 0 && !*too_large &&
            !write_all(fd, (struct str){ (const char *)r->block, length },
                       "cannot write to the scratch folder", e))
            return false;
        if (length < BLOCK_BYTES)
            break;
        if (!read_block(r, &length, e))
            return false;
    }
    return true;
}

static bool archive_in_archive(struct reading *outer, int fd, struct str entry, struct err *e);

static bool map_and_convert(struct reading *r, int fd, uint64_t size, enum convert_kind kind,
                            struct str entry, struct err *e)
{
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return err_set(e, errno == ENOMEM ? ERR_NOMEM : ERR_IO, 0, "cannot map a file: %s",
                       strerror(errno));
    const struct bytes file = { p, (size_t)size };
    if (kind == CONVERT_OTHER && !convert_kind_is_open(kind, entry) &&
        script_has_comment((struct str){ p, file.len }))
        kind = CONVERT_SCRIPT;
    bool ok = convert_file(r->c, entry, kind, file, e);
    munmap(p, (size_t)size);
    return ok;
}

/* One that is worth being looked at: first to a file, since libarchive gives it piece by piece. */
static bool spool(struct reading *r, size_t length, enum convert_kind kind, struct str entry,
                  struct err *e)
{
    uint64_t size;
    bool too_large;
    int fd = openat(r->c->job->scratch, SPOOL_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || unlinkat(r->c->job->scratch, SPOOL_NAME, 0) != 0)
        return err_set(e, ERR_IO, 0, "cannot make a file in the scratch folder: %s",
                       strerror(errno));
    bool ok = read_rest(r, fd, length, &size, &too_large, e);
    if (ok && too_large)
        ok = r->c->maps_turn ||
             convert_not_read(r->c, entry, kind, size, "it is larger than a symbol file may be", e);
    else if (ok && kind == CONVERT_ARCHIVE)
        ok = archive_in_archive(r, fd, entry, e);
    else if (ok)
        ok = map_and_convert(r, fd, size, kind, entry, e);
    close(fd);
    return ok;
}

/* A file that only was compressed: its name is that of the upload, if there is one. */
static bool is_alone(const struct reading *r)
{
    return dl_archive_format(r->archive) == ARCHIVE_FORMAT_RAW && r->where.len == 0;
}

/* Whether all of the file is to be looked at. */
static bool is_wanted(const struct reading *r, enum convert_kind kind, struct str entry)
{
    if (kind == CONVERT_ARCHIVE)
        return r->level + 1 < LEVELS;
    if (r->c->maps_turn)
        return kind == CONVERT_JSON;
    return convert_kind_is_open(kind, entry) || !convert_kind_advice(kind) ||
           (kind == CONVERT_OTHER && is_alone(r));
}

/* What lies beside symbols and never holds any: the other files of a dSYM folder, and what macOS
 * adds to an archive. Nothing is said of it. */
static bool is_company(enum convert_kind kind, struct str entry)
{
    static const char *const parts[] = { ".dSYM/Contents/Info.plist",
                                         ".dSYM/Contents/Resources/Relocations/", "__MACOSX/",
                                         ".DS_Store" };
    for (size_t i = 0; kind == CONVERT_OTHER && i < sizeof parts / sizeof *parts; i++)
        if (str_has(entry, parts[i]))
            return true;
    return false;
}

static bool one_file(struct reading *r, struct str entry, struct err *e)
{
    size_t length;
    uint64_t size;
    bool too_large;
    if (!conversion_count_entry(r->c, e) || !read_block(r, &length, e))
        return false;
    size_t first = length < CONVERT_KIND_BYTES ? length : CONVERT_KIND_BYTES;
    enum convert_kind kind = convert_kind_find((struct bytes){ r->block, first });
    if (is_wanted(r, kind, entry))
        return spool(r, length, kind, entry, e);
    return read_rest(r, -1, length, &size, &too_large, e) &&
           (r->c->maps_turn || is_company(kind, entry) ||
            convert_not_read(r->c, entry, kind, size, convert_kind_advice(kind), e));
}

/* --- the archive --------------------------------------------------------------------------- */

/* "archive/path", in `out`; a single compressed file has its archive's name. */
static bool name_entry(const struct reading *r, struct archive_entry *entry, struct buf *out)
{
    buf_reset(out);
    buf_str(out, r->where);
    if (dl_archive_format(r->archive) == ARCHIVE_FORMAT_RAW) {
        if (r->where.len == 0)
            buf_str(out, r->c->job->name);
        return buf_ok(out);
    }
    const char *path = dl_archive_entry_pathname_utf8(entry);
    if (!path)
        path = dl_archive_entry_pathname(entry);
    if (r->where.len > 0)
        buf_char(out, '/');
    if (path)
        buf_str(out, str_from_c(path));
    else
        buf_printf(out, "%zu", r->c->entries);
    return buf_ok(out);
}

/* Any bytes are one file to libarchive's format "raw": unless they were compressed, nothing is
 * known about them. */
static bool is_no_archive(const struct reading *r)
{
    return dl_archive_format(r->archive) == ARCHIVE_FORMAT_RAW &&
           dl_archive_filter_count(r->archive) <= 1;
}

/* Of what is no file: unpacked nevertheless, if there is anything, since libarchive would do so to
 * come to the next. */
static bool skip_contents(struct reading *r, struct err *e)
{
    la_ssize_t n;
    do {
        n = dl_archive_read_data(r->archive, r->block, BLOCK_BYTES);
        if (n == ARCHIVE_FATAL)
            return damaged(r, e);
        if (n > 0 && !conversion_count_bytes(r->c, (uint64_t)n, e))
            return false;
    } while (n > 0);
    return true;
}

static bool all_files(struct reading *r, struct buf *name, struct err *e)
{
    for (;;) {
        struct archive_entry *entry;
        int rc = dl_archive_read_next_header(r->archive, &entry);
        if (rc == ARCHIVE_EOF)
            return true;
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            return damaged(r, e);
        if (is_no_archive(r))
            return err_set(e, ERR_INPUT, 0,
                           "it is neither a symbol file that can be read (Breakpad symbols, ELF, "
                           "Mach-O) nor a source map nor an archive of such files");
        if (!conversion_count_header(r->c, e))
            return false;
        if (dl_archive_entry_filetype(entry) != AE_IFREG) {
            if (!skip_contents(r, e))
                return false;
            continue;
        }
        if (!name_entry(r, entry, name))
            return err_set(e, ERR_NOMEM, 0, "no memory for the names in an archive");
        if (!one_file(r, buf_view(name), e))
            return false;
    }
}

static bool read_archive(struct reading *r, int fd, struct err *e)
{
    struct buf name;
    r->archive = dl_archive_read_new();
    r->block = malloc(BLOCK_BYTES);
    buf_init(&name, 1 << 20);
    bool ok = (r->archive && r->block) || err_set(e, ERR_NOMEM, 0, "no memory for an archive");
    if (ok) {
        support(r->archive);
        ok =
            (dl_archive_read_open_fd(r->archive, fd, BLOCK_BYTES) == ARCHIVE_OK || damaged(r, e)) &&
            all_files(r, &name, e);
    }
    buf_done(&name);
    free(r->block);
    if (r->archive)
        (void)dl_archive_read_free(r->archive);
    return ok;
}

/* A damaged one does not end the archive that it is in; a limit does. */
static bool archive_in_archive(struct reading *outer, int fd, struct str entry, struct err *e)
{
    struct reading r = { .c = outer->c, .level = outer->level + 1, .where = entry };
    struct err why = { 0 };
    if (lseek(fd, 0, SEEK_SET) != 0)
        return err_set(e, ERR_IO, 0, "cannot read an archive again: %s", strerror(errno));
    if (read_archive(&r, fd, &why))
        return true;
    if (why.code == ERR_INPUT)
        return outer->c->maps_turn ||
               convert_not_read(outer->c, entry, CONVERT_ARCHIVE, 0, why.msg, e);
    *e = why;
    return false;
}

bool convert_archive(struct conversion *c, int fd, struct err *e)
{
    struct reading r = { .c = c, .where = STR("") };
    return load_library(e) && read_archive(&r, fd, e);
}
