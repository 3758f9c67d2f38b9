/* macho_image.c - walks the load commands twice: to count sections and to know what is encrypted,
 * then to take everything in. */
#include "symbols/macho_image.h"

enum command {
    COMMAND_SEGMENT = 0x1,
    COMMAND_SYMTAB = 0x2,
    COMMAND_ID_DYLIB = 0xd,
    COMMAND_SEGMENT_64 = 0x19,
    COMMAND_UUID = 0x1b,
    COMMAND_ENCRYPTION = 0x21,
    COMMAND_ENCRYPTION_64 = 0x2c
};
#define COMMAND_HEADER 8
#define NAME_BYTES 16
#define SYMBOL_BYTES(is_64) ((is_64) ? 16 : 12)

#define SECTION_TYPE UINT32_C(0xff)
#define SECTION_CODE UINT32_C(0x80000400) /* nothing but instructions; some */

/* What of a file is encrypted, as in programs of Apple's shops. */
struct encrypted {
    uint64_t start, end;
};

static const struct {
    uint32_t type, subtype; /* ANY: what is not listed by itself */
    enum cpu cpu;
    struct str name;
} cpus[] = {
#define ANY UINT32_MAX
    { 7, ANY, CPU_X86, STR_INIT("i386") },
    { 0x01000007, 8, CPU_AMD64, STR_INIT("x86_64h") },
    { 0x01000007, ANY, CPU_AMD64, STR_INIT("x86_64") },
    { 12, 5, CPU_ARM, STR_INIT("armv4t") },
    { 12, 6, CPU_ARM, STR_INIT("armv6") },
    { 12, 7, CPU_ARM, STR_INIT("armv5") },
    { 12, 9, CPU_ARM, STR_INIT("armv7") },
    { 12, 11, CPU_ARM, STR_INIT("armv7s") },
    { 12, 12, CPU_ARM, STR_INIT("armv7k") },
    { 12, ANY, CPU_ARM, STR_INIT("arm") },
    { 0x0100000c, 2, CPU_ARM64, STR_INIT("arm64e") },
    { 0x0100000c, ANY, CPU_ARM64, STR_INIT("arm64") },
    { 0x0200000c, ANY, CPU_ARM64, STR_INIT("arm64_32") },
    { 18, ANY, CPU_UNKNOWN, STR_INIT("ppc") },
    { 0x01000012, ANY, CPU_UNKNOWN, STR_INIT("ppc64") },
};

enum cpu macho_cpu(uint32_t type, uint32_t subtype, struct str *name)
{
    subtype &= 0x00ffffff; /* above: what a program can do */
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
        if (cpus[i].type == type && (cpus[i].subtype == subtype || cpus[i].subtype == ANY)) {
            *name = cpus[i].name;
            return cpus[i].cpu;
        }
    *name = STR("unknown");
    return CPU_UNKNOWN;
}

struct reader macho_reader(const struct macho_image *m, struct bytes in)
{
    return (struct reader){ .in = in, .big_endian = m->big_endian };
}

uint64_t macho_word(const struct macho_image *m, struct reader *r)
{
    return reader_number(r, m->is_64 ? 8 : 4);
}

bool macho_has_code(const struct macho_section *s)
{
    return (s->flags & SECTION_CODE) != 0;
}

/* Zeros that are not in the file: S_ZEROFILL, S_GB_ZEROFILL, S_THREAD_LOCAL_ZEROFILL. */
static bool is_zeros(const struct macho_section *s)
{
    uint32_t type = s->flags & SECTION_TYPE;
    return type == 1 || type == 12 || type == 18;
}

static bool read_header(struct macho_image *m, uint32_t *command_count, struct bytes *commands,
                        struct err *e)
{
    struct reader r = { .in = m->file };
    uint32_t magic = reader_u32(&r);
    if (!r.failed && magic != MACHO_MAGIC_32 && magic != MACHO_MAGIC_64) {
        magic = __builtin_bswap32(magic);
        m->big_endian = r.big_endian = true;
    }
    if (r.failed || (magic != MACHO_MAGIC_32 && magic != MACHO_MAGIC_64))
        return err_set(e, ERR_INPUT, 0, "not a Mach-O file for one processor");
    m->is_64 = magic == MACHO_MAGIC_64;
    uint32_t cpu_type = reader_u32(&r), cpu_subtype = reader_u32(&r);
    m->cpu = macho_cpu(cpu_type, cpu_subtype, &m->cpu_name);
    m->signs_returns = str_eq(m->cpu_name, STR("arm64e"));
    m->type = reader_u32(&r);
    *command_count = reader_u32(&r);
    uint32_t size = reader_u32(&r);
    reader_skip(&r, m->is_64 ? 8 : 4); /* flags */
    if (r.failed)
        return err_set(e, ERR_INPUT, r.pos, "Mach-O file that ends within its header");
    return bytes_slice(m->file, r.pos, size, commands) ||
           err_set(e, ERR_INPUT, r.pos, "Mach-O file that ends within its load commands");
}

/* The next command, r over the rest of its bytes. False: there is none, or, with *e set, it is
 * damaged. */
static bool next_command(const struct macho_image *m, struct reader *commands, uint32_t *left,
                         uint32_t *kind, struct reader *r, struct err *e)
{
    if (*left == 0)
        return false;
    --*left;
    struct reader start = *commands;
    *kind = reader_u32(commands);
    uint32_t size = reader_u32(commands);
    struct bytes all;
    if (commands->failed || size < COMMAND_HEADER ||
        !bytes_slice(start.in, start.pos, size, &all)) {
        err_set(e, ERR_INPUT, 0, "Mach-O file with a damaged load command");
        return false;
    }
    reader_skip(commands, size - COMMAND_HEADER);
    *r = macho_reader(m, all);
    reader_skip(r, COMMAND_HEADER);
    return true;
}

static struct str read_name(struct reader *r)
{
    const char *name = (const char *)reader_take(r, NAME_BYTES);
    return name ? (struct str){ name, strnlen(name, NAME_BYTES) } : STR("");
}

struct segment {
    struct str name;
    uint64_t address;
    uint64_t file_start, file_size;
    uint32_t section_count;
};

static bool is_segment(const struct macho_image *m, uint32_t kind)
{
    return kind == (m->is_64 ? COMMAND_SEGMENT_64 : COMMAND_SEGMENT);
}

/* r then stands before its sections, all of which are there. */
static bool read_segment(const struct macho_image *m, struct reader *r, struct segment *out,
                         struct err *e)
{
    out->name = read_name(r);
    out->address = macho_word(m, r);
    (void)macho_word(m, r); /* size in memory */
    out->file_start = macho_word(m, r);
    out->file_size = macho_word(m, r);
    reader_skip(r, 8); /* protections */
    out->section_count = reader_u32(r);
    reader_skip(r, 4);
    uint64_t size = (uint64_t)out->section_count * (m->is_64 ? 80 : 68);
    return (!r->failed && size <= r->in.len - r->pos) ||
           err_set(e, ERR_INPUT, 0, "Mach-O file with a damaged segment");
}

static struct macho_section read_section(const struct macho_image *m, struct reader *r,
                                         const struct segment *in, const struct encrypted *secret)
{
    struct macho_section s = { .name = read_name(r) };
    s.segment = read_name(r);
    s.address = macho_word(m, r);
    s.size = macho_word(m, r);
    uint64_t start = reader_u32(r), end;
    reader_skip(r, 12); /* alignment, relocations */
    s.flags = reader_u32(r);
    reader_skip(r, m->is_64 ? 12 : 8);
    struct bytes segment;
    if (is_zeros(&s) || __builtin_add_overflow(start, s.size, &end) || start < in->file_start ||
        (start < secret->end && end > secret->start) ||
        !bytes_slice(m->file, in->file_start, in->file_size, &segment) ||
        !bytes_slice(segment, start - in->file_start, s.size, &s.content))
        s.content = (struct bytes){ 0 };
    return s;
}

static bool count_sections(const struct macho_image *m, struct reader commands, uint32_t left,
                           size_t *count, struct encrypted *secret, struct err *e)
{
    struct reader r;
    uint32_t kind;
    struct segment segment;
    *e = (struct err){ 0 };
    while (next_command(m, &commands, &left, &kind, &r, e)) {
        if (is_segment(m, kind)) {
            if (!read_segment(m, &r, &segment, e))
                return false;
            *count += segment.section_count;
        } else if (kind == COMMAND_ENCRYPTION || kind == COMMAND_ENCRYPTION_64) {
            uint64_t start = reader_u32(&r), size = reader_u32(&r);
            if (reader_u32(&r) != 0)
                *secret = (struct encrypted){ start, start + size };
        }
        if (*count > MACHO_SECTIONS_MAX)
            return err_set(e, ERR_LIMIT, 0, "Mach-O file of more than %d sections",
                           MACHO_SECTIONS_MAX);
    }
    return e->code == ERR_NONE;
}

static void take_segment(struct macho_image *m, struct reader *r, const struct encrypted *secret)
{
    struct segment segment;
    struct err ignored;
    if (!read_segment(m, r, &segment, &ignored)) /* it was read before */
        return;
    if (str_eq(segment.name, STR("__TEXT")))
        m->load_address = segment.address;
    for (uint32_t i = 0; i < segment.section_count; i++)
        m->sections[m->section_count++] = read_section(m, r, &segment, secret);
}

static void take_symtab(struct macho_image *m, struct reader *r)
{
    uint64_t symbols_at = reader_u32(r), count = reader_u32(r);
    uint64_t strings_at = reader_u32(r), size = reader_u32(r);
    if (r->failed ||
        !bytes_slice(m->file, symbols_at, count * SYMBOL_BYTES(m->is_64), &m->symbols) ||
        !bytes_slice(m->file, strings_at, size, &m->strings))
        m->symbols = m->strings = (struct bytes){ 0 };
}

static void take_install_name(struct macho_image *m, struct reader *r)
{
    struct bytes text;
    uint32_t at = reader_u32(r);
    if (!r->failed && bytes_slice(r->in, at, r->in.len - (at < r->in.len ? at : 0), &text))
        m->install_name =
            (struct str){ (const char *)text.ptr, strnlen((const char *)text.ptr, text.len) };
}

static void take_commands(struct macho_image *m, struct reader commands, uint32_t left,
                          const struct encrypted *secret)
{
    struct reader r;
    uint32_t kind;
    struct err ignored;
    while (next_command(m, &commands, &left, &kind, &r, &ignored)) {
        if (is_segment(m, kind))
            take_segment(m, &r, secret);
        else if (kind == COMMAND_SYMTAB)
            take_symtab(m, &r);
        else if (kind == COMMAND_ID_DYLIB)
            take_install_name(m, &r);
        else if (kind == COMMAND_UUID)
            (void)bytes_slice(r.in, r.pos, MACHO_ID_BYTES, &m->uuid);
    }
}

bool macho_image_read(struct macho_image *out, struct bytes file, struct arena *a, struct err *e)
{
    struct macho_image m = { .file = file, .install_name = STR("") };
    struct encrypted secret = { 0, 0 };
    struct bytes bytes = { 0 };
    uint32_t command_count = 0;
    size_t section_count = 0;
    if (!read_header(&m, &command_count, &bytes, e))
        return false;
    struct reader commands = macho_reader(&m, bytes);
    if (!count_sections(&m, commands, command_count, &section_count, &secret, e))
        return false;
    m.sections = arena_array(a, section_count, sizeof *m.sections);
    if (!m.sections)
        return err_set(e, ERR_NOMEM, 0, "Mach-O sections");
    take_commands(&m, commands, command_count, &secret);
    *out = m;
    return true;
}

const struct macho_section *macho_section_find(const struct macho_image *m, const char *segment,
                                               const char *name)
{
    struct str in = str_from_c(segment), wanted = str_from_c(name);
    for (size_t i = 0; i < m->section_count; i++)
        if (str_eq(m->sections[i].name, wanted) && str_eq(m->sections[i].segment, in))
            return &m->sections[i];
    return NULL;
}
