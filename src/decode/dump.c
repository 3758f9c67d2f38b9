/* dump.c - from a dump to a crash: frames with the names of their modules, classifiers, and the
 * attributes that every format of dumps has. */
#include "decode/dump_parts.h"

#include "base/digits.h"
#include "decode/formats.h"

#include <inttypes.h>
#include <stdio.h>

struct str dump_base_name(struct str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/' || path.ptr[i - 1] == '\\')
            return (struct str){ path.ptr + i, path.len - i };
    return path;
}

const struct dump_module *dump_frame_module(const struct dump *d, const struct walk_frame *f)
{
    if (f->module < d->module_count)
        return &d->modules[f->module];
    return f->unloaded < d->unloaded_count ? &d->unloaded[f->unloaded] : NULL;
}

/* --- frames and modules -------------------------------------------------------------------- */

static void set_frame(const struct dump *d, const struct walk_frame *from, struct crash_frame *to)
{
    *to = (struct crash_frame){ .function = from->function,
                                .file = from->file,
                                .line = from->line,
                                .module = STR(""),
                                .debug_id = STR(""),
                                .source = STR(""),
                                .has_address = true,
                                .address = from->address,
                                .guessed = from->trust == TRUST_SCAN };
    const struct dump_module *module = dump_frame_module(d, from);
    if (!module)
        return;
    to->module = dump_base_name(module->code_file);
    to->debug_id = module->debug_id;
    to->has_offset = true;
    to->offset = from->address - module->base;
}

static bool set_thread(const struct dump *d, size_t i, struct crash_thread *to, struct arena *a)
{
    const struct dump_thread *from = &d->threads[i];
    bool crashed = d->has_crash && i == d->crash_thread;
    struct crash_frame *frames = arena_array(a, from->frame_count + 1, sizeof *frames);
    if (!frames)
        return false;
    for (size_t k = 0; k < from->frame_count; k++)
        set_frame(d, &from->frames[k], &frames[k]);
    if (crashed && from->frame_count > 0)
        frames[0].faulted = true;
    *to = (struct crash_thread){
        .name = from->name, .fault = crashed, .frames = frames, .frame_count = from->frame_count
    };
    return arena_printf(a, &to->id, "%" PRIu64, from->id);
}

static bool set_threads(const struct dump *d, struct crash *out, struct arena *a)
{
    struct crash_thread *threads = arena_array(a, d->thread_count + 1, sizeof *threads);
    if (!threads)
        return false;
    for (size_t i = 0; i < d->thread_count; i++)
        if (!set_thread(d, i, &threads[i], a))
            return false;
    out->threads = threads;
    out->thread_count = d->thread_count;
    out->main_thread = d->has_main_thread                  ? d->main_thread
                       : d->crash_thread < d->thread_count ? d->crash_thread
                                                           : 0;
    return true;
}

static bool set_modules(const struct dump *d, struct crash *out, struct arena *a)
{
    struct crash_module *modules = arena_array(a, d->module_count + 1, sizeof *modules);
    if (!modules)
        return false;
    for (size_t i = 0; i < d->module_count; i++) {
        const struct dump_module *from = &d->modules[i];
        modules[i] = (struct crash_module){ .base = from->base,
                                            .size = from->size,
                                            .code_file = from->code_file,
                                            .code_id = from->code_id,
                                            .debug_file = from->debug_file,
                                            .debug_id = from->debug_id,
                                            .version = from->version,
                                            .missing = from->missing };
    }
    out->modules = modules;
    out->module_count = d->module_count;
    return true;
}

/* --- attributes ---------------------------------------------------------------------------- */

static bool set_text(struct crash *c, const char *name, struct str text)
{
    return text.len == 0 ||
           attributes_set(&c->attributes, str_from_c(name), ATTRIBUTE_STRING, text);
}

static bool set_number(struct crash *c, const char *name, bool known, uint64_t n)
{
    char digits[DIGITS_ROOM];
    struct str text = { digits, known ? digits_decimal(digits, n) : 0 };
    return !known || (arena_str(c->attributes.arena, text, &text) &&
                      attributes_set(&c->attributes, str_from_c(name), ATTRIBUTE_UNSIGNED, text));
}

/* What the exception is, without its details: "SIGSEGV" of "SIGSEGV /SEGV_MAPERR". */
static struct str kind_of(struct str reason)
{
    const char *slash = reason.len ? memchr(reason.ptr, '/', reason.len) : NULL;
    size_t len = slash ? (size_t)(slash - reason.ptr) : reason.len;
    while (len > 0 && reason.ptr[len - 1] == ' ')
        len--;
    return (struct str){ reason.ptr, len };
}

static bool set_classifier(const struct dump *d, struct crash *out, struct arena *a)
{
    struct str *classifier = arena_alloc(a, sizeof *classifier);
    if (!classifier)
        return false;
    *classifier = d->classifier;
    if (d->has_crash && d->classifier.len == 0)
        *classifier = kind_of(d->reason);
    if (classifier->len == 0)
        return true;
    out->classifiers = classifier;
    out->classifier_count = 1;
    return true;
}

static bool set_crash(const struct dump *d, struct crash *out)
{
    struct str message = d->assertion.len > 0 ? d->assertion : d->reason;
    return set_text(out, "error.type", STR("Crash")) && set_text(out, "error.message", message) &&
           set_text(out, "crash.reason", d->reason) &&
           set_number(out, "fault.address", d->has_address, d->address) &&
           set_text(out, "assertion", d->assertion);
}

static bool set_process(const struct dump *d, struct crash *out)
{
    const struct dump_module *program =
        d->main_module < d->module_count ? &d->modules[d->main_module] : NULL;
    bool thread = d->crash_thread < d->thread_count;
    return (!program || (set_text(out, "application", dump_base_name(program->code_file)) &&
                         set_text(out, "application.version", program->version))) &&
           set_number(out, "pid", d->has_pid, d->pid) &&
           set_number(out, "process.id", d->has_pid, d->pid) &&
           set_number(out, "process.age", d->has_uptime, (uint64_t)d->uptime_s) &&
           set_number(out, "process.thread.count", true, d->thread_count) &&
           set_number(out, "fault.thread", thread, thread ? d->threads[d->crash_thread].id : 0) &&
           set_number(out, "dump.time", d->has_time, (uint64_t)d->time_s);
}

static bool set_system(const struct dump *d, struct crash *out)
{
    struct dump_system system;
    return dump_system(d, &system, out->attributes.arena) &&
           set_text(out, "uname.sysname", d->os_name) &&
           set_text(out, "uname.release", system.release) &&
           set_text(out, "uname.version", system.version) &&
           set_text(out, "uname.machine", system.machine) &&
           set_text(out, "cpu.arch", d->cpu_name) && set_text(out, "cpu.brand", d->cpu_text) &&
           set_number(out, "cpu.count", d->cpu_count > 0, d->cpu_count);
}

/* Those of the program itself, such as Crashpad's annotations, replace ours of the same name. */
static bool set_own(const struct dump *d, struct crash *out)
{
    for (size_t i = 0; i < d->attributes.count; i++) {
        const struct attribute *attribute = &d->attributes.at[i];
        if (decode_modifier(out, attribute->name, attribute->text))
            continue;
        if (!attributes_set(&out->attributes, attribute->name, attribute->type, attribute->text))
            return false;
    }
    return true;
}

static bool set_annotations(const struct dump *d, struct crash *out, struct arena *a)
{
    static const struct json_limits limits = { .depth = 16, .nodes = 1000000 };
    struct err e;
    if (d->annotations.len == 0 || json_parse(&out->annotations, d->annotations, limits, a, &e))
        return true;
    out->annotations = NULL;
    crash_error(out, "annotations: %s", e.msg);
    return e.code != ERR_NOMEM;
}

bool dump_crash(const struct dump *d, struct crash *out, struct arena *a, struct err *e)
{
    if (!set_threads(d, out, a) || !set_modules(d, out, a) || !set_classifier(d, out, a) ||
        !set_crash(d, out) || !set_process(d, out) || !set_system(d, out) || !set_own(d, out))
        return err_set(e, ERR_NOMEM, 0, "no memory for the crash of a dump");
    if (d->uuid.len > 0)
        out->uuid = d->uuid;
    memcpy(out->errors, d->errors, sizeof out->errors);
    out->error_count = d->error_count;
    return set_annotations(d, out, a) ||
           err_set(e, ERR_NOMEM, 0, "no memory for the annotations of a dump");
}
