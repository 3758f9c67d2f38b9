/* plcrash_system.c - where it happened: system, processor, program, process. */
#include "decode/plcrash_parts.h"

#include <inttypes.h>

#define ARM64_E 2 /* subtype of ARM64; the upper byte of a subtype holds flags */
#define SUBTYPE_MASK 0xffffff

/* --- operating system ---------------------------------------------------------------------- */

static const struct {
    struct str name;
    enum walk_os os;
} systems[] = {
    [PLCRASH__OPERATING_SYSTEM__MAC_OS_X] = { STR_INIT("Mac OS X"), WALK_OS_MAC },
    [PLCRASH__OPERATING_SYSTEM__IPHONE_OS] = { STR_INIT("iOS"), WALK_OS_IOS },
    [PLCRASH__OPERATING_SYSTEM__SIMULATOR] = { STR_INIT("iOS Simulator"), WALK_OS_IOS },
    [PLCRASH__OPERATING_SYSTEM__OS_UNKNOWN] = { STR_INIT("unknown"), WALK_OS_OTHER },
    [PLCRASH__OPERATING_SYSTEM__TVOS] = { STR_INIT("tvOS"), WALK_OS_IOS },
};

/* "10.15.7 19H2", as minidumps of these systems have it. */
static bool read_version(struct plcrash *p, const Plcrash__SystemInfo *s)
{
    struct str version, build;
    if (!plcrash_text(p, s->os_version, &version) || !plcrash_text(p, s->os_build, &build))
        return false;
    p->dump->os_version = version;
    return build.len == 0 ||
           (dump_attribute(&p->make, "os.build", build) &&
            arena_printf(p->make.arena, &p->dump->os_version, "%.*s%s%.*s", STR_ARG(version),
                         version.len > 0 ? " " : "", STR_ARG(build)));
}

static bool read_os(struct plcrash *p)
{
    const Plcrash__SystemInfo *s = p->report->system_info;
    size_t number = (size_t)s->operating_system;
    if (number >= sizeof systems / sizeof *systems)
        number = PLCRASH__OPERATING_SYSTEM__OS_UNKNOWN;
    p->dump->os_name = systems[number].name;
    p->dump->os = systems[number].os;
    p->dump->has_time = s->timestamp > 0;
    p->dump->time_s = s->timestamp;
    return read_version(p, s);
}

/* --- processor ----------------------------------------------------------------------------- */

static const struct {
    uint64_t type; /* of mach/machine.h */
    struct str name;
    enum cpu cpu;
} processors[] = {
    { 7, STR_INIT("x86"), CPU_X86 },
    { 0x01000007, STR_INIT("amd64"), CPU_AMD64 },
    { 12, STR_INIT("arm"), CPU_ARM },
    { 0x0100000c, STR_INIT("arm64"), CPU_ARM64 },
    { 0x0200000c, STR_INIT("arm64_32"), CPU_ARM64 },
    { 18, STR_INIT("ppc"), CPU_UNKNOWN },
    { 0x01000012, STR_INIT("ppc64"), CPU_UNKNOWN },
};

/* The architecture of a report that names no processor. */
static const uint64_t architectures[] = {
    [PLCRASH__ARCHITECTURE__X86_32] = 7, [PLCRASH__ARCHITECTURE__X86_64] = 0x01000007,
    [PLCRASH__ARCHITECTURE__ARMV6] = 12, [PLCRASH__ARCHITECTURE__PPC] = 18,
    [PLCRASH__ARCHITECTURE__ARMV7] = 12, [PLCRASH__ARCHITECTURE__PPC64] = 0x01000012,
};

static const Plcrash__Processor *known(const Plcrash__Processor *processor)
{
    return processor && processor->encoding == PLCRASH__ENCODING__MACH ? processor : NULL;
}

/* What the program was built for, which counts for the stacks: a machine also runs programs for
 * others (32 bits, Rosetta). */
static const Plcrash__Processor *find_processor(const Plcrash__CrashReport *r)
{
    const Plcrash__Processor *own =
        r->n_binary_images > 0 ? known(r->binary_images[0]->code_type) : NULL;
    return own ? own : known(r->machine_info ? r->machine_info->processor : NULL);
}

static bool set_cpu(struct plcrash *p)
{
    for (size_t i = 0; i < sizeof processors / sizeof *processors; i++)
        if (processors[i].type == p->cpu_type) {
            p->dump->cpu_name = processors[i].name;
            p->dump->cpu = processors[i].cpu;
            return true;
        }
    return p->cpu_type == 0 ||
           arena_printf(p->make.arena, &p->dump->cpu_name, "0x%08" PRIx64, p->cpu_type);
}

static bool read_cpu(struct plcrash *p)
{
    const Plcrash__Processor *processor = find_processor(p->report);
    size_t architecture = (size_t)p->report->system_info->architecture;
    if (processor)
        p->cpu_type = processor->type;
    else if (architecture < sizeof architectures / sizeof *architectures)
        p->cpu_type = architectures[architecture];
    if (processor && p->cpu_type == 0x0100000c && (processor->subtype & SUBTYPE_MASK) == ARM64_E)
        p->dump->cpu_text = STR("arm64e");
    return set_cpu(p);
}

static bool read_machine(struct plcrash *p)
{
    const Plcrash__MachineInfo *m = p->report->machine_info;
    if (!m)
        return true;
    p->dump->cpu_count = m->logical_processor_count;
    return plcrash_attribute(p, "device.model", m->model) &&
           dump_number(&p->make, "cpu.cores", m->processor_count);
}

/* --- program and process ------------------------------------------------------------------- */

/* The version that people know is the marketing one; without it there is only that of the build. */
static bool read_application(struct plcrash *p)
{
    const Plcrash__ApplicationInfo *a = p->report->application_info;
    bool marketed = a->marketing_version && a->marketing_version[0];
    return plcrash_attribute(p, "application.id", a->identifier) &&
           plcrash_attribute(p, "application.version",
                             marketed ? a->marketing_version : a->version) &&
           plcrash_attribute(p, "application.build", marketed ? a->version : NULL);
}

static void read_age(struct plcrash *p, uint64_t start)
{
    struct dump *d = p->dump;
    d->has_uptime = d->has_time && start > 0 && start <= (uint64_t)d->time_s;
    if (d->has_uptime)
        d->uptime_s = d->time_s - (int64_t)start;
}

static bool read_process(struct plcrash *p)
{
    const Plcrash__ProcessInfo *i = p->report->process_info;
    if (!i)
        return true;
    p->dump->has_pid = true;
    p->dump->pid = i->process_id;
    read_age(p, i->start_time);
    return plcrash_attribute(p, "process.name", i->process_name) &&
           plcrash_attribute(p, "process.path", i->process_path) &&
           plcrash_attribute(p, "process.parent.name", i->parent_process_name) &&
           dump_number(&p->make, "process.parent.id", i->parent_process_id) &&
           attributes_set(&p->dump->attributes, STR("process.native"), ATTRIBUTE_BOOLEAN,
                          i->native ? STR("true") : STR("false"));
}

bool plcrash_read_system(struct plcrash *p)
{
    return read_os(p) && read_cpu(p) && read_machine(p) && read_application(p) && read_process(p);
}
