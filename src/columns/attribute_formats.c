/* attribute_formats.c - the tables of standard attributes. */
#include "columns/attribute_formats.h"

/* Type of the column, and as clients name it. */
#define FLAG COLUMN_BOOL, STR_INIT("bitmap")
#define UINT32 COLUMN_UINT, STR_INIT("uint32")
#define UINT64 COLUMN_UINT, STR_INIT("uint64")
#define TEXT COLUMN_STRING, STR_INIT("dictionary")
#define UUID COLUMN_STRING, STR_INIT("uuid")

/* clang-format off: one a line, sorted by name */
static const struct standard_attribute of_objects[] = {
    { STR_INIT("_deleted"), FLAG, STR_INIT("none"),
      STR_INIT("Whether the object itself has been deleted, and only its attributes are left.") },
    { STR_INIT("_tx"), UINT64, STR_INIT("none"),
      STR_INIT("The transaction in which the object came: it grows with every object.") },
    { STR_INIT("application"), TEXT, STR_INIT("none"), STR_INIT("The name of the application.") },
    { STR_INIT("application.session"), UUID, STR_INIT("uuid"),
      STR_INIT("One run of the application.") },
    { STR_INIT("application.version"), TEXT, STR_INIT("semver"),
      STR_INIT("The version of the application.") },
    { STR_INIT("backtrace.agent"), TEXT, STR_INIT("none"),
      STR_INIT("The library that sent the report.") },
    { STR_INIT("backtrace.version"), TEXT, STR_INIT("semver"),
      STR_INIT("The version of the library that sent the report.") },
    { STR_INIT("callstack"), TEXT, STR_INIT("callstack"),
      STR_INIT(
          "The functions of the thread that failed, innermost first, as they are grouped by.") },
    { STR_INIT("classifiers"), TEXT, STR_INIT("labels"), STR_INIT("What kind of error it is.") },
    { STR_INIT("cpu.arch"), TEXT, STR_INIT("none"),
      STR_INIT("The architecture of the processor.") },
    { STR_INIT("cpu.boottime"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When the machine was started.") },
    { STR_INIT("cpu.brand"), TEXT, STR_INIT("none"), STR_INIT("The name of the processor.") },
    { STR_INIT("cpu.count"), UINT32, STR_INIT("none"),
      STR_INIT("How many processors the machine has.") },
    { STR_INIT("cpu.frequency"), UINT64, STR_INIT("none"),
      STR_INIT("The frequency of the processor.") },
    { STR_INIT("descriptor.count"), UINT32, STR_INIT("none"),
      STR_INIT("How many files the process had open.") },
    { STR_INIT("environment"), TEXT, STR_INIT("none"),
      STR_INIT("Where the application ran: production, test, ...") },
    { STR_INIT("error"), TEXT, STR_INIT("none"),
      STR_INIT("What went wrong while the object was processed.") },
    { STR_INIT("error.message"), TEXT, STR_INIT("none"), STR_INIT("What the error says.") },
    { STR_INIT("error.type"), TEXT, STR_INIT("none"),
      STR_INIT("How the error was noticed: Crash, Exception, Message, ...") },
    { STR_INIT("fingerprint"), TEXT, STR_INIT("sha256"), STR_INIT("The group of like errors.") },
    { STR_INIT("fingerprint;first_seen"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When the first object of the fingerprint came.") },
    { STR_INIT("fingerprint;issues;blame"), TEXT, STR_INIT("none"),
      STR_INIT("Who or what is blamed for the issue.") },
    { STR_INIT("fingerprint;issues;blame_last_modified"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When blame was last changed.") },
    { STR_INIT("fingerprint;issues;invariant_last_violated"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When an invariant of the issue last matched an object.") },
    { STR_INIT("fingerprint;issues;invariant_reopen_count"), UINT64, STR_INIT("none"),
      STR_INIT("How often an invariant has opened the issue again.") },
    { STR_INIT("fingerprint;issues;invariant_reopen_last_time"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When an invariant last opened the issue again.") },
    { STR_INIT("fingerprint;issues;invariants"), TEXT, STR_INIT("none"),
      STR_INIT("What opens the issue again, as JSON.") },
    { STR_INIT("fingerprint;issues;state"), TEXT, STR_INIT("none"),
      STR_INIT("The state of the issue: open, in-progress, resolved or muted.") },
    { STR_INIT("fingerprint;issues;tags"), TEXT, STR_INIT("labels"),
      STR_INIT("The tags of the issue.") },
    { STR_INIT("fingerprint;issues;ticket"), TEXT, STR_INIT("none"),
      STR_INIT("The tickets of the issue, as JSON.") },
    { STR_INIT("fingerprint;original"), TEXT, STR_INIT("sha256"),
      STR_INIT("The fingerprint before merging.") },
    { STR_INIT("gc.heap.total"), UINT64, STR_INIT("bytes"),
      STR_INIT("The size of the heap of the language runtime.") },
    { STR_INIT("gc.heap.used"), UINT64, STR_INIT("bytes"),
      STR_INIT("How much of the heap of the language runtime was in use.") },
    { STR_INIT("guid"), UUID, STR_INIT("uuid"), STR_INIT("The machine or installation.") },
    { STR_INIT("hostname"), TEXT, STR_INIT("hostname"), STR_INIT("The name of the machine.") },
    { STR_INIT("object"), UINT64, STR_INIT("none"), STR_INIT("The object id.") },
    { STR_INIT("object.size"), UINT64, STR_INIT("bytes"),
      STR_INIT("The size of the object as it was sent.") },
    { STR_INIT("pid"), UINT32, STR_INIT("none"), STR_INIT("The number of the process.") },
    { STR_INIT("process.age"), UINT32, STR_INIT("seconds"),
      STR_INIT("How long the process had run.") },
    { STR_INIT("process.cwd"), TEXT, STR_INIT("none"),
      STR_INIT("The directory in which the process ran.") },
    { STR_INIT("process.thread.count"), UINT32, STR_INIT("none"),
      STR_INIT("How many threads the process had.") },
    { STR_INIT("sched.cs.involuntary"), UINT64, STR_INIT("none"),
      STR_INIT("How often the process was made to wait for a processor.") },
    { STR_INIT("sched.cs.voluntary"), UINT64, STR_INIT("none"),
      STR_INIT("How often the process gave up its processor.") },
    { STR_INIT("symbolication_id"), TEXT, STR_INIT("none"),
      STR_INIT("Which source maps belong to the application.") },
    { STR_INIT("system.memory.active"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory in recent use.") },
    { STR_INIT("system.memory.available"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory that can still be given out.") },
    { STR_INIT("system.memory.buffers"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory in buffers of the kernel.") },
    { STR_INIT("system.memory.cached"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory in the page cache.") },
    { STR_INIT("system.memory.dirty"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory still to be written to disk.") },
    { STR_INIT("system.memory.free"), UINT64, STR_INIT("bytes"), STR_INIT("Memory that is free.") },
    { STR_INIT("system.memory.inactive"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory not in recent use.") },
    { STR_INIT("system.memory.slab"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory in structures of the kernel.") },
    { STR_INIT("system.memory.swap.cached"), UINT64, STR_INIT("bytes"),
      STR_INIT("Swapped memory that is in the page cache too.") },
    { STR_INIT("system.memory.swap.free"), UINT64, STR_INIT("bytes"),
      STR_INIT("Swap space that is free.") },
    { STR_INIT("system.memory.swap.total"), UINT64, STR_INIT("bytes"),
      STR_INIT("Swap space of the machine.") },
    { STR_INIT("system.memory.total"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory of the machine.") },
    { STR_INIT("system.memory.vmalloc.chunk"), UINT64, STR_INIT("bytes"),
      STR_INIT("The largest free piece of the address space of the kernel.") },
    { STR_INIT("system.memory.vmalloc.total"), UINT64, STR_INIT("bytes"),
      STR_INIT("The address space of the kernel.") },
    { STR_INIT("system.memory.vmalloc.used"), UINT64, STR_INIT("bytes"),
      STR_INIT("How much of the address space of the kernel was in use.") },
    { STR_INIT("system.memory.writeback"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory being written to disk.") },
    { STR_INIT("timestamp"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When the error happened.") },
    { STR_INIT("uname.machine"), TEXT, STR_INIT("none"),
      STR_INIT("The machine as the operating system names it.") },
    { STR_INIT("uname.release"), TEXT, STR_INIT("none"),
      STR_INIT("The release of the operating system.") },
    { STR_INIT("uname.sysname"), TEXT, STR_INIT("none"), STR_INIT("The operating system.") },
    { STR_INIT("uname.version"), TEXT, STR_INIT("none"),
      STR_INIT("The version of the operating system.") },
    { STR_INIT("version"), TEXT, STR_INIT("semver"), STR_INIT("The version of the software.") },
    { STR_INIT("vm.data.size"), UINT64, STR_INIT("bytes"), STR_INIT("Data of the process.") },
    { STR_INIT("vm.locked.size"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory of the process that cannot be swapped out.") },
    { STR_INIT("vm.pte.size"), UINT64, STR_INIT("bytes"), STR_INIT("Page tables of the process.") },
    { STR_INIT("vm.rss.peak"), UINT64, STR_INIT("bytes"),
      STR_INIT("The most memory that the process had.") },
    { STR_INIT("vm.rss.size"), UINT64, STR_INIT("bytes"), STR_INIT("Memory of the process.") },
    { STR_INIT("vm.shared.size"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory that the process shares with others.") },
    { STR_INIT("vm.stack.size"), UINT64, STR_INIT("bytes"), STR_INIT("Stack of the process.") },
    { STR_INIT("vm.swap.size"), UINT64, STR_INIT("bytes"),
      STR_INIT("Memory of the process that is swapped out.") },
    { STR_INIT("vm.vma.peak"), UINT64, STR_INIT("bytes"),
      STR_INIT("The most address space that the process had.") },
    { STR_INIT("vm.vma.size"), UINT64, STR_INIT("bytes"),
      STR_INIT("Address space of the process.") },
};

static const struct standard_attribute of_issues[] = {
    { STR_INIT("_tx"), UINT64, STR_INIT("none"),
      STR_INIT("The transaction of the row: it grows with every new fingerprint.") },
    { STR_INIT("blame"), TEXT, STR_INIT("none"), STR_INIT("Who or what is blamed for the issue.") },
    { STR_INIT("blame_last_modified"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When blame was last changed.") },
    { STR_INIT("fingerprint"), TEXT, STR_INIT("sha256"), STR_INIT("The group of like errors.") },
    { STR_INIT("invariant_last_violated"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When an invariant of the issue last matched an object.") },
    { STR_INIT("invariant_reopen_count"), UINT64, STR_INIT("none"),
      STR_INIT("How often an invariant has opened the issue again.") },
    { STR_INIT("invariant_reopen_last_time"), UINT64, STR_INIT("unix_timestamp"),
      STR_INIT("When an invariant last opened the issue again.") },
    { STR_INIT("invariants"), TEXT, STR_INIT("none"),
      STR_INIT("What opens the issue again, as JSON.") },
    { STR_INIT("state"), TEXT, STR_INIT("none"),
      STR_INIT("The state of the issue: open, in-progress, resolved or muted.") },
    { STR_INIT("tags"), TEXT, STR_INIT("labels"), STR_INIT("The tags of the issue.") },
    { STR_INIT("ticket"), TEXT, STR_INIT("none"), STR_INIT("The tickets of the issue, as JSON.") },
};
/* clang-format on */

const struct standard_attribute *attributes_standard(enum table_kind kind, size_t *count)
{
    bool issues = kind == TABLE_ISSUES;
    *count = issues ? sizeof of_issues / sizeof *of_issues : sizeof of_objects / sizeof *of_objects;
    return issues ? of_issues : of_objects;
}

const struct standard_attribute *attribute_standard(enum table_kind kind, struct str name)
{
    size_t high;
    const struct standard_attribute *at = attributes_standard(kind, &high);
    for (size_t low = 0; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(at[middle].name, name);
        if (order == 0)
            return &at[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
