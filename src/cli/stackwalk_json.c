/* stackwalk_json.c - a dump as one JSON object. README.md shows it. Every key is always there; what
 * is not known is null. Addresses and offsets are texts in hex, since JSON's numbers are often read
 * as doubles. */
#include "cli/stackwalk.h"

#include "cli/stackwalk_parts.h"

static void write_crash(struct json_writer *w, const struct dump *d)
{
    json_key(w, STR("crash"));
    if (!d->has_crash) {
        json_null(w);
        return;
    }
    json_object(w);
    stackwalk_write_text(w, "reason", d->reason);
    stackwalk_write_hex(w, STR("address"), d->has_address, d->address);
    stackwalk_write_number(w, "thread", d->crash_thread != DUMP_NO_THREAD, d->crash_thread);
    stackwalk_write_text(w, "assertion", d->assertion);
    json_object_end(w);
}

static void write_system(struct json_writer *w, const struct dump *d)
{
    json_key(w, STR("system"));
    json_object(w);
    stackwalk_write_text(w, "os", d->os_name);
    stackwalk_write_text(w, "os_version", d->os_version);
    stackwalk_write_text(w, "cpu", d->cpu_name);
    stackwalk_write_text(w, "cpu_info", d->cpu_text);
    stackwalk_write_number(w, "cpu_count", d->cpu_count > 0, d->cpu_count);
    stackwalk_write_number(w, "pid", d->has_pid, d->pid);
    stackwalk_write_number(w, "uptime", d->has_uptime, (uint64_t)d->uptime_s);
    stackwalk_write_number(w, "time", d->has_time, (uint64_t)d->time_s);
    json_object_end(w);
}

static void write_module(struct json_writer *w, const struct dump *d, size_t i)
{
    const struct dump_module *m = &d->modules[i];
    json_object(w);
    stackwalk_write_hex(w, STR("base"), true, m->base);
    stackwalk_write_hex(w, STR("size"), true, m->size);
    stackwalk_write_text(w, "code_file", m->code_file);
    stackwalk_write_text(w, "code_id", m->code_id);
    stackwalk_write_text(w, "debug_file", m->debug_file);
    stackwalk_write_text(w, "debug_id", m->debug_id);
    stackwalk_write_text(w, "version", m->version);
    json_key(w, STR("main"));
    json_bool(w, i == d->main_module);
    json_key(w, STR("symbols")); /* null: no frame lies in it, so nobody asked */
    if (m->asked)
        json_bool(w, !m->missing);
    else
        json_null(w);
    json_object_end(w);
}

static void write_unloaded(struct json_writer *w, const struct dump *d)
{
    json_key(w, STR("unloaded_modules"));
    json_list(w);
    for (size_t i = 0; i < d->unloaded_count; i++) {
        const struct dump_module *m = &d->unloaded[i];
        json_object(w);
        stackwalk_write_hex(w, STR("base"), true, m->base);
        stackwalk_write_hex(w, STR("size"), true, m->size);
        stackwalk_write_text(w, "code_file", m->code_file);
        stackwalk_write_text(w, "code_id", m->code_id);
        json_object_end(w);
    }
    json_list_end(w);
}

static void write_registers(struct json_writer *w, const struct dump *d, const struct walk_frame *f)
{
    const struct cpu_facts *facts = cpu_facts(d->cpu);
    json_key(w, STR("registers"));
    json_object(w);
    for (unsigned r = 0; facts && !f->inlined && r < facts->registers; r++)
        if (f->registers.known >> r & 1)
            stackwalk_write_hex(w, str_from_c(facts->names[r]), true, f->registers.at[r]);
    json_object_end(w);
}

static void write_frame(struct json_writer *w, const struct dump *d, const struct walk_frame *f)
{
    const struct dump_module *m = dump_frame_module(d, f);
    json_object(w);
    stackwalk_write_text(w, "module", m ? dump_base_name(m->code_file) : STR(""));
    stackwalk_write_hex(w, STR("offset"), m, m ? f->address - m->base : 0);
    stackwalk_write_hex(w, STR("address"), true, f->address);
    stackwalk_write_text(w, "function", f->function);
    stackwalk_write_hex(w, STR("function_offset"), f->function.len > 0, f->function_offset);
    stackwalk_write_text(w, "file", f->file);
    stackwalk_write_number(w, "line", f->file.len > 0,
                           f->line); /* 0: the file is known, the line not */
    stackwalk_write_number(w, "column", false, 0);
    stackwalk_write_text(w, "trust", str_from_c(walk_trust_name(f->trust)));
    json_key(w, STR("inlined"));
    json_bool(w, f->inlined);
    json_key(w, STR("generated"));
    json_null(w);
    write_registers(w, d, f);
    json_object_end(w);
}

static void write_thread(struct json_writer *w, const struct dump *d, const struct dump_thread *t)
{
    json_object(w);
    stackwalk_write_number(w, "id", true, t->id);
    stackwalk_write_text(w, "name", t->name);
    json_key(w, STR("frames"));
    json_list(w);
    for (size_t i = 0; i < t->frame_count; i++)
        write_frame(w, d, &t->frames[i]);
    json_list_end(w);
    json_object_end(w);
}

void stackwalk_print_json(struct buf *out, const struct dump *d)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object(&w);
    write_crash(&w, d);
    write_system(&w, d);
    stackwalk_write_number(&w, "requested_thread", d->crash_thread != DUMP_NO_THREAD,
                           d->crash_thread);
    json_key(&w, STR("modules"));
    json_list(&w);
    for (size_t i = 0; i < d->module_count; i++)
        write_module(&w, d, i);
    json_list_end(&w);
    write_unloaded(&w, d);
    json_key(&w, STR("threads"));
    json_list(&w);
    for (size_t i = 0; i < d->thread_count; i++)
        write_thread(&w, d, &d->threads[i]);
    json_list_end(&w);
    stackwalk_write_errors(&w, d->errors, d->error_count);
    json_object_end(&w);
    buf_char(out, '\n');
}
