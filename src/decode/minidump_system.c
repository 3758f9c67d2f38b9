/* minidump_system.c - operating system and processor, in the words of minidump_stackwalk; who
 * asked for the dump (Breakpad info). */
#include "decode/minidump_parts.h"

#include <stdio.h>

/* --- operating system ---------------------------------------------------------------------- */

static const struct {
    enum minidump_platform platform;
    struct str name;
    enum walk_os os;
} platforms[] = {
    { PLATFORM_WIN32_WINDOWS, STR_INIT("Windows"), WALK_OS_WINDOWS },
    { PLATFORM_WIN32_NT, STR_INIT("Windows NT"), WALK_OS_WINDOWS },
    { PLATFORM_MAC, STR_INIT("Mac OS X"), WALK_OS_MAC },
    { PLATFORM_IOS, STR_INIT("iOS"), WALK_OS_IOS },
    { PLATFORM_LINUX, STR_INIT("Linux"), WALK_OS_LINUX },
    { PLATFORM_SOLARIS, STR_INIT("Solaris"), WALK_OS_OTHER },
    { PLATFORM_ANDROID, STR_INIT("Android"), WALK_OS_ANDROID },
    { PLATFORM_PS3, STR_INIT("PS3"), WALK_OS_OTHER },
    { PLATFORM_NACL, STR_INIT("NaCl"), WALK_OS_OTHER },
    { PLATFORM_FUCHSIA, STR_INIT("Fuchsia"), WALK_OS_OTHER },
};

static bool set_os(struct minidump *m)
{
    struct dump *d = m->dump;
    for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
        if (platforms[i].platform == m->platform) {
            d->os_name = platforms[i].name;
            d->os = platforms[i].os;
            return true;
        }
    return arena_printf(m->arena, &d->os_name, "0x%08x", m->platform);
}

/* --- processor ----------------------------------------------------------------------------- */

static const struct {
    enum minidump_architecture architecture;
    struct str name;
    enum cpu cpu;
} architectures[] = {
    { ARCHITECTURE_X86, STR_INIT("x86"), CPU_X86 },
    { ARCHITECTURE_X86_ON_WIN64, STR_INIT("x86"), CPU_X86 },
    { ARCHITECTURE_AMD64, STR_INIT("amd64"), CPU_AMD64 },
    { ARCHITECTURE_ARM, STR_INIT("arm"), CPU_ARM },
    { ARCHITECTURE_ARM64, STR_INIT("arm64"), CPU_ARM64 },
    { ARCHITECTURE_ARM64_OLD, STR_INIT("arm64"), CPU_ARM64 },
    { ARCHITECTURE_PPC, STR_INIT("ppc"), CPU_UNKNOWN },
    { ARCHITECTURE_PPC64, STR_INIT("ppc64"), CPU_UNKNOWN },
    { ARCHITECTURE_SPARC, STR_INIT("sparc"), CPU_UNKNOWN },
    { ARCHITECTURE_MIPS, STR_INIT("mips"), CPU_UNKNOWN },
    { ARCHITECTURE_MIPS64, STR_INIT("mips64"), CPU_UNKNOWN },
    { ARCHITECTURE_RISCV, STR_INIT("riscv"), CPU_UNKNOWN },
    { ARCHITECTURE_RISCV64, STR_INIT("riscv64"), CPU_UNKNOWN },
};

static bool set_cpu(struct minidump *m)
{
    struct dump *d = m->dump;
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (architectures[i].architecture == m->architecture) {
            d->cpu_name = architectures[i].name;
            d->cpu = architectures[i].cpu;
            return true;
        }
    return arena_printf(m->arena, &d->cpu_name, "0x%04x", m->architecture);
}

void minidump_set_cpu(struct minidump *m, enum cpu cpu)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (architectures[i].cpu == cpu) {
            m->dump->cpu_name = architectures[i].name;
            m->dump->cpu = cpu;
            return;
        }
}

/* The 12 letters of CPUID, "GenuineIntel", and the numbers. */
static bool set_x86_text(struct minidump *m, struct bytes cpuid, unsigned level, unsigned revision)
{
    struct str vendor = STR("");
    bool x86 = m->dump->cpu == CPU_X86;
    if (x86 && !dump_utf8(&m->make, (struct bytes){ cpuid.ptr, 12 }, &vendor))
        return false;
    return arena_printf(m->arena, &m->dump->cpu_text, "%.*s%sfamily %u model %u stepping %u",
                        STR_ARG(vendor), x86 ? " " : "", level, revision >> 8, revision & 0xff);
}

struct number_name {
    uint32_t number;
    const char *name;
};

static const struct number_name arm_vendors[] = {
    { 0x41, "ARM" }, { 0x51, "Qualcomm" }, { 0x56, "Marvell" }, { 0x69, "Intel/Marvell" }
};
static const struct number_name arm_parts[] = {
    { 0x4100c050, "Cortex-A5" },    { 0x4100c080, "Cortex-A8" }, { 0x4100c090, "Cortex-A9" },
    { 0x4100c0f0, "Cortex-A15" },   { 0x4100c140, "Cortex-R4" }, { 0x4100c150, "Cortex-R5" },
    { 0x4100b360, "ARM1136" },      { 0x4100b560, "ARM1156" },   { 0x4100b760, "ARM1176" },
    { 0x4100b020, "ARM11-MPCore" }, { 0x41009260, "ARM926" },    { 0x41009460, "ARM946" },
    { 0x41009660, "ARM966" },       { 0x510006f0, "Krait" },     { 0x510000f0, "Scorpion" },
};
/* By their bits in AT_HWCAP, lowest first. */
static const char *const arm_features[] = {
    "swp",    "half",    "thumb", "26bit", "fastmult", "fpa", "vfpv2", "edsp",  "java",  "iwmmxt",
    "crunch", "thumbee", "neon",  "vfpv3", "vfpv3d16", "tls", "vfpv4", "idiva", "idivt",
};

static void add_named(struct buf *b, const struct number_name *names, size_t count, uint32_t number,
                      const char *what, uint32_t shown)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].number == number) {
            buf_printf(b, " %s", names[i].name);
            return;
        }
    buf_printf(b, " %s(0x%x)", what, shown);
}

static bool set_arm_text(struct minidump *m, struct bytes facts, unsigned level)
{
    struct reader r = minidump_reader(m, facts);
    uint32_t cpuid = reader_u32(&r), features = reader_u32(&r);
    struct buf b;
    buf_init(&b, 1024);
    buf_printf(&b, "ARMv%u", level);
    if (cpuid) {
        uint32_t part = cpuid & 0xff00fff0;
        add_named(&b, arm_vendors, sizeof arm_vendors / sizeof *arm_vendors, cpuid >> 24, "vendor",
                  cpuid >> 24);
        add_named(&b, arm_parts, sizeof arm_parts / sizeof *arm_parts, part, "part", part);
    }
    const char *between = " features: ";
    for (size_t i = 0; i < sizeof arm_features / sizeof *arm_features; i++)
        if (features >> i & 1) {
            buf_printf(&b, "%s%s", between, arm_features[i]);
            between = ",";
        }
    bool ok = buf_ok(&b) && arena_str(m->arena, buf_view(&b), &m->dump->cpu_text);
    buf_done(&b);
    return ok;
}

/* --- system info --------------------------------------------------------------------------- */

bool minidump_read_system(struct minidump *m)
{
    struct dump *d = m->dump;
    struct bytes stream;
    struct str service_pack;
    d->os_name = d->os_version = d->cpu_name = d->cpu_text = STR("");
    if (!minidump_find(m, STREAM_SYSTEM, &stream)) {
        dump_error(&m->make, "the dump does not say of which system it is");
        return true;
    }
    struct reader r = minidump_reader(m, stream);
    m->architecture = reader_u16(&r);
    unsigned level = reader_u16(&r), revision = reader_u16(&r);
    d->cpu_count = reader_u8(&r);
    reader_skip(&r, 1); /* workstation or server */
    uint32_t major = reader_u32(&r), minor = reader_u32(&r), build = reader_u32(&r);
    m->platform = reader_u32(&r);
    uint32_t service_pack_at = reader_u32(&r);
    reader_skip(&r, 4); /* which edition of Windows */
    struct bytes facts = { reader_take(&r, 24), 24 };
    if (r.failed) {
        dump_error(&m->make, "system info: the stream is too short");
        return true;
    }
    m->has_system = true;
    if (!set_os(m) || !set_cpu(m) || !minidump_string(m, service_pack_at, &service_pack) ||
        !arena_printf(m->arena, &d->os_version, "%u.%u.%u%s%.*s", major, minor, build,
                      service_pack_at ? " " : "", STR_ARG(service_pack)))
        return false;
    if (d->cpu == CPU_X86 || d->cpu == CPU_AMD64)
        return set_x86_text(m, facts, level, revision);
    return d->cpu != CPU_ARM || set_arm_text(m, facts, level);
}

/* --- Breakpad info ------------------------------------------------------------------------- */

bool minidump_read_breakpad(struct minidump *m)
{
    struct bytes stream;
    if (!minidump_find(m, STREAM_BREAKPAD, &stream))
        return true;
    struct reader r = minidump_reader(m, stream);
    uint32_t validity = reader_u32(&r);
    m->dump_thread = reader_u32(&r);
    m->requesting_thread = reader_u32(&r);
    if (r.failed) {
        dump_error(&m->make, "Breakpad info: the stream is too short");
        return true;
    }
    m->has_dump_thread = validity & 1;
    m->has_requesting_thread = validity & 2;
    return true;
}
