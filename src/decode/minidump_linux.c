/* minidump_linux.c - files of /proc and the like that Breakpad's and Crashpad's writers for Linux
 * and Android put into a dump, as they were.
 *
 * Environment variables can hold passwords and keys: only their names are kept, but for HOSTNAME.
 */
#include "decode/minidump_parts.h"

/* --- lines --------------------------------------------------------------------------------- */

static bool find_text(struct minidump *m, enum minidump_stream type, struct str *out)
{
    struct bytes stream;
    if (!minidump_find(m, type, &stream))
        return false;
    *out = (struct str){ (const char *)stream.ptr, stream.len };
    return true;
}

/* The next piece up to `end`; false when there is none. */
static bool next_piece(struct str *rest, char end, struct str *out)
{
    if (rest->len == 0)
        return false;
    const char *stop = memchr(rest->ptr, end, rest->len);
    size_t len = stop ? (size_t)(stop - rest->ptr) : rest->len, taken = stop ? len + 1 : len;
    *out = (struct str){ rest->ptr, len };
    *rest = (struct str){ rest->ptr + taken, rest->len - taken };
    return true;
}

static struct str trim(struct str s)
{
    while (s.len > 0 && memchr(" \t\r\"", s.ptr[0], 4))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && memchr(" \t\r\"", s.ptr[s.len - 1], 4))
        s.len--;
    return s;
}

/* "name : value" at a separator; false when the line has none. */
static bool split(struct str line, char at, struct str *name, struct str *value)
{
    const char *stop = line.len ? memchr(line.ptr, at, line.len) : NULL;
    if (!stop)
        return false;
    size_t len = (size_t)(stop - line.ptr);
    *name = trim((struct str){ line.ptr, len });
    *value = trim((struct str){ stop + 1, line.len - len - 1 });
    return true;
}

/* Valid UTF-8 and without NULs. */
static bool copy_text(struct minidump *m, struct str s, struct str *out)
{
    return dump_utf8(&m->make, (struct bytes){ (const uint8_t *)s.ptr, s.len }, out);
}

static bool set_text(struct minidump *m, const char *name, struct str value)
{
    struct str text;
    return copy_text(m, value, &text) && dump_attribute(&m->make, name, text);
}

/* Decimal digits at the front. */
static bool read_decimal(struct str s, uint64_t *out)
{
    size_t i = 0;
    for (*out = 0; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) {
        if (*out > (UINT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    return i > 0;
}

/* --- /proc/<pid>/status -------------------------------------------------------------------- */

static const struct {
    const char *line, *attribute;
    uint64_t unit;
} status_lines[] = {
    { "VmSize", "vm.vma.size", 1024 },
    { "VmPeak", "vm.vma.peak", 1024 },
    { "VmRSS", "vm.rss.size", 1024 },
    { "VmHWM", "vm.rss.peak", 1024 },
    { "VmData", "vm.data.size", 1024 },
    { "VmStk", "vm.stack.size", 1024 },
    { "VmLck", "vm.locked.size", 1024 },
    { "VmPTE", "vm.pte.size", 1024 },
    { "VmSwap", "vm.swap.size", 1024 },
    { "voluntary_ctxt_switches", "sched.cs.voluntary", 1 },
    { "nonvoluntary_ctxt_switches", "sched.cs.involuntary", 1 },
};

static bool read_status_line(struct minidump *m, struct str name, struct str value)
{
    uint64_t n;
    if (!read_decimal(value, &n))
        return true;
    /* Threads that are processes have the id of theirs in front. */
    if (str_eq(name, STR("Tgid")) && !m->dump->has_pid) {
        m->dump->has_pid = true;
        m->dump->pid = n;
    }
    for (size_t i = 0; i < sizeof status_lines / sizeof *status_lines; i++)
        if (str_eq(name, str_from_c(status_lines[i].line)) &&
            n <= UINT64_MAX / status_lines[i].unit)
            return dump_number(&m->make, status_lines[i].attribute, n * status_lines[i].unit);
    return true;
}

static bool read_status(struct minidump *m)
{
    struct str text, line, name, value;
    if (!find_text(m, STREAM_LINUX_STATUS, &text))
        return true;
    for (size_t n = 0; n < DUMP_NOTES_MAX && next_piece(&text, '\n', &line); n++)
        if (split(line, ':', &name, &value) && !read_status_line(m, name, value))
            return false;
    return true;
}

/* --- /proc/cpuinfo, /etc/lsb-release ------------------------------------------------------- */

/* The first processor tells what it is; the others are the same. */
static bool read_cpuinfo(struct minidump *m)
{
    struct str text, line, name, value;
    if (!find_text(m, STREAM_LINUX_CPUINFO, &text))
        return true;
    for (size_t n = 0; n < DUMP_NOTES_MAX && next_piece(&text, '\n', &line); n++)
        if (split(line, ':', &name, &value) &&
            (str_eq(name, STR("model name")) || str_eq(name, STR("Hardware"))))
            return set_text(m, "cpu.brand", value);
    return true;
}

static bool read_lsb_release(struct minidump *m)
{
    struct str text, line, name, value;
    if (!find_text(m, STREAM_LINUX_LSB_RELEASE, &text))
        return true;
    for (size_t n = 0; n < DUMP_NOTES_MAX && next_piece(&text, '\n', &line); n++)
        if (split(line, '=', &name, &value) &&
            (str_eq(name, STR("DISTRIB_DESCRIPTION")) || str_eq(name, STR("PRETTY_NAME"))))
            return set_text(m, "linux.distribution", value);
    return true;
}

/* --- command line, environment ------------------------------------------------------------- */

static bool read_command_line(struct minidump *m)
{
    struct str rest, piece, text;
    if (!find_text(m, STREAM_LINUX_CMDLINE, &rest) || rest.len == 0)
        return true;
    struct json_writer *w = dump_note(&m->make, "Exec Arguments");
    json_list(w);
    for (size_t n = 0; n < DUMP_NOTES_MAX && next_piece(&rest, '\0', &piece); n++) {
        if (!copy_text(m, piece, &text))
            return false;
        json_str(w, text);
    }
    json_list_end(w);
    return true;
}

static bool read_environment(struct minidump *m)
{
    struct str rest, piece, name, value, text, host = STR("");
    if (!find_text(m, STREAM_LINUX_ENVIRON, &rest) || rest.len == 0)
        return true;
    struct json_writer *w = dump_note(&m->make, "Environment Variables");
    json_list(w);
    for (size_t n = 0; n < DUMP_NOTES_MAX && next_piece(&rest, '\0', &piece); n++) {
        if (!split(piece, '=', &name, &value) || name.len == 0)
            continue; /* without a = it is no variable, and may be anything */
        if (!copy_text(m, name, &text))
            return false;
        json_str(w, text);
        if (str_eq(name, STR("HOSTNAME")))
            host = value;
    }
    json_list_end(w);
    return set_text(m, "hostname", host);
}

/* --- auxiliary vector ---------------------------------------------------------------------- */

static size_t word_size(const struct minidump *m)
{
    return m->dump->cpu == CPU_X86 || m->dump->cpu == CPU_ARM ? 4 : 8;
}

static void read_auxv(struct minidump *m)
{
    struct bytes stream;
    if (minidump_find(m, STREAM_LINUX_AUXV, &stream) && stream.len > 0)
        linux_note_auxv(&m->make, minidump_reader(m, stream), word_size(m));
}

/* --- /proc/<pid>/maps ---------------------------------------------------------------------- */

static bool read_hex(struct str *s, uint64_t *out)
{
    size_t i = 0;
    for (*out = 0; i < s->len && i < 16; i++) {
        char c = s->ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 16;
        if (digit == 16)
            break;
        *out = *out << 4 | digit;
    }
    *s = (struct str){ s->ptr + i, s->len - i };
    return i > 0;
}

/* "7f00-7f10 r-xp 00000000 08:01 1234  /lib/libc.so": whether the address is in it. */
static bool is_mapped_at(struct str line, uint64_t address)
{
    uint64_t begin, end;
    if (!read_hex(&line, &begin) || line.len == 0 || line.ptr[0] != '-')
        return false;
    line = (struct str){ line.ptr + 1, line.len - 1 };
    return read_hex(&line, &end) && address >= begin && address < end;
}

/* The mapping that holds the address of the crash: was it there, and what was allowed? */
static bool read_maps(struct minidump *m)
{
    struct str text, line, shown;
    uint64_t count = 0;
    if (!find_text(m, STREAM_LINUX_MAPS, &text))
        return true;
    while (next_piece(&text, '\n', &line)) {
        count++;
        if (!m->dump->has_address || !is_mapped_at(line, m->dump->address))
            continue;
        if (!copy_text(m, line, &shown))
            return false;
        json_str(dump_note(&m->make, "fault_mapping"), shown);
        break;
    }
    while (next_piece(&text, '\n', &line))
        count++;
    return dump_number(&m->make, "process.mapping.count", count);
}

/* --- what the dynamic linker has loaded ---------------------------------------------------- */

static bool read_link_map(struct minidump *m, struct bytes entries, size_t count)
{
    struct reader r = minidump_reader(m, entries);
    struct json_writer *w = dump_note(&m->make, "link_map");
    json_list(w);
    for (size_t i = 0; i < count; i++) {
        struct str name;
        uint64_t base = reader_number(&r, word_size(m));
        uint32_t name_at = reader_u32(&r);
        reader_skip(&r, word_size(m)); /* its dynamic section */
        if (!minidump_string(m, name_at, &name))
            return false;
        json_object(w);
        dump_note_hex(w, "base", base);
        json_member(w, "name", name);
        json_object_end(w);
    }
    json_list_end(w);
    return true;
}

static bool read_dso_debug(struct minidump *m)
{
    struct bytes stream, rest;
    size_t count;
    if (!minidump_find(m, STREAM_LINUX_DSO_DEBUG, &stream))
        return true;
    struct reader r = minidump_reader(m, stream);
    reader_skip(&r, 4); /* version */
    uint32_t at = reader_u32(&r), n = reader_u32(&r);
    if (r.failed || n == 0)
        return true;
    if (at > m->file.len) {
        dump_error(&m->make, "dso debug: the list lies outside the file");
        return true;
    }
    rest = (struct bytes){ m->file.ptr + at, m->file.len - at };
    struct bytes entries =
        minidump_cut(m, "dso debug", rest, n, 4 + 2 * word_size(m), DUMP_NOTES_MAX, &count);
    return read_link_map(m, entries, count);
}

bool minidump_read_linux(struct minidump *m)
{
    if (!read_status(m) || !read_cpuinfo(m) || !read_lsb_release(m) || !read_command_line(m) ||
        !read_environment(m))
        return false;
    read_auxv(m);
    return read_maps(m) && read_dso_debug(m);
}
