/* stackwalk_report.c - an error report that came as JSON, in the same JSON object as a dump: what a
 * report does not have is null, or an empty list. Its modules are the scripts that source maps were
 * looked for. */
#include "cli/stackwalk.h"

#include "cli/stackwalk_parts.h"

static struct str attribute(const struct crash *c, struct str name)
{
    const struct attribute *a = attributes_find(&c->attributes, name);
    return a ? a->text : STR("");
}

/* "TypeError: x is not a function" */
static struct str classifier(const struct crash *c)
{
    return c->classifier_count > 0 ? c->classifiers[0] : STR("");
}

static struct str message(const struct crash *c)
{
    return attribute(c, STR("error.message"));
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void write_reason(struct json_writer *w, const struct crash *c)
{
    struct str kind = classifier(c), text = message(c), reason = kind.len > 0 ? kind : text;
    if (kind.len > 0 && text.len > 0 &&
        !arena_printf(c->attributes.arena, &reason, "%.*s: %.*s", STR_ARG(kind), STR_ARG(text)))
        reason = kind;
    stackwalk_write_text(w, "reason", reason);
}

static void write_crash(struct json_writer *w, const struct crash *c)
{
    json_key(w, STR("crash"));
    json_object(w);
    write_reason(w, c);
    stackwalk_write_hex(w, STR("address"), false, 0);
    stackwalk_write_number(w, "thread", c->thread_count > 0, c->main_thread);
    stackwalk_write_text(w, "assertion", STR(""));
    json_object_end(w);
}

static void write_attribute_number(struct json_writer *w, const char *key, const struct crash *c,
                                   struct str name)
{
    const struct attribute *a = attributes_find(&c->attributes, name);
    uint64_t n = 0;
    bool known = a && a->type == ATTRIBUTE_UNSIGNED;
    for (size_t i = 0; known && i < a->text.len; i++) /* which holds at most 2^64 - 1 */
        n = n * 10 + (uint64_t)(a->text.ptr[i] - '0');
    stackwalk_write_number(w, key, known, n);
}

static void write_system(struct json_writer *w, const struct crash *c)
{
    json_key(w, STR("system"));
    json_object(w);
    stackwalk_write_text(w, "os", attribute(c, STR("uname.sysname")));
    stackwalk_write_text(w, "os_version", attribute(c, STR("uname.version")));
    stackwalk_write_text(w, "cpu", attribute(c, STR("uname.machine")));
    stackwalk_write_text(w, "cpu_info", attribute(c, STR("cpu.brand")));
    write_attribute_number(w, "cpu_count", c, STR("cpu.count"));
    write_attribute_number(w, "pid", c, STR("process.id"));
    write_attribute_number(w, "uptime", c, STR("process.age"));
    stackwalk_write_number(w, "time", c->has_timestamp && c->timestamp_ms >= 0,
                           (uint64_t)c->timestamp_ms / 1000);
    json_object_end(w);
}

static void write_script(struct json_writer *w, const struct crash_module *m)
{
    json_object(w);
    stackwalk_write_hex(w, STR("base"), false, 0);
    stackwalk_write_hex(w, STR("size"), false, 0);
    stackwalk_write_text(w, "code_file", m->code_file);
    stackwalk_write_text(w, "code_id", m->code_id);
    stackwalk_write_text(w, "debug_file", m->debug_file);
    stackwalk_write_text(w, "debug_id", m->debug_id);
    stackwalk_write_text(w, "version", m->version);
    json_key(w, STR("main"));
    json_bool(w, false);
    json_key(w, STR("symbols"));
    json_bool(w, !m->missing);
    json_object_end(w);
}

static void write_generated(struct json_writer *w, const struct crash_generated *g)
{
    json_key(w, STR("generated"));
    if (!g) {
        json_null(w);
        return;
    }
    json_object(w);
    stackwalk_write_text(w, "function", g->function);
    stackwalk_write_text(w, "file", g->file);
    stackwalk_write_number(w, "line", g->line > 0, g->line);
    stackwalk_write_number(w, "column", g->column > 0, g->column);
    json_object_end(w);
}

static void write_frame(struct json_writer *w, const struct crash_frame *f)
{
    json_object(w);
    stackwalk_write_text(w, "module", f->module);
    stackwalk_write_hex(w, STR("offset"), f->has_offset, f->offset);
    stackwalk_write_hex(w, STR("address"), f->has_address, f->address);
    stackwalk_write_text(w, "function", f->function);
    stackwalk_write_hex(w, STR("function_offset"), false, 0);
    stackwalk_write_text(w, "file", f->file);
    stackwalk_write_number(w, "line", f->line > 0, f->line);
    stackwalk_write_number(w, "column", f->column > 0, f->column);
    stackwalk_write_text(w, "trust", STR("none")); /* nothing was unwound here */
    json_key(w, STR("inlined"));
    json_bool(w, false);
    write_generated(w, f->generated);
    json_key(w, STR("registers"));
    json_object(w);
    json_object_end(w);
    json_object_end(w);
}

static void write_thread(struct json_writer *w, const struct crash_thread *t)
{
    json_object(w);
    stackwalk_write_text(w, "id", t->id);
    stackwalk_write_text(w, "name", t->name);
    json_key(w, STR("frames"));
    json_list(w);
    for (size_t i = 0; i < t->frame_count; i++)
        write_frame(w, &t->frames[i]);
    json_list_end(w);
    json_object_end(w);
}

void stackwalk_print_report_json(struct buf *out, const struct crash *c)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object(&w);
    write_crash(&w, c);
    write_system(&w, c);
    stackwalk_write_number(&w, "requested_thread", c->thread_count > 0, c->main_thread);
    json_key(&w, STR("modules"));
    json_list(&w);
    for (size_t i = 0; i < c->script_count; i++)
        write_script(&w, &c->scripts[i]);
    json_list_end(&w);
    json_key(&w, STR("unloaded_modules"));
    json_list(&w);
    json_list_end(&w);
    json_key(&w, STR("threads"));
    json_list(&w);
    for (size_t i = 0; i < c->thread_count; i++)
        write_thread(&w, &c->threads[i]);
    json_list_end(&w);
    stackwalk_write_errors(&w, c->errors, c->error_count);
    json_object_end(&w);
    buf_char(out, '\n');
}

/* --- for people ------------------------------------------------------------------------------ */

/* " [src/cart.ts : 12 : 5]" */
static void print_place(struct buf *b, struct str file, uint64_t line, uint64_t column)
{
    if (file.len == 0)
        return;
    buf_str(b, STR(" ["));
    stackwalk_add(b, file);
    if (line > 0) {
        buf_str(b, STR(" : "));
        stackwalk_add_decimal(b, line, 0);
    }
    if (line > 0 && column > 0) {
        buf_str(b, STR(" : "));
        stackwalk_add_decimal(b, column, 0);
    }
    buf_char(b, ']');
}

static void print_function(struct buf *b, struct str function)
{
    stackwalk_add(b, function.len > 0 ? function : STR("<unknown>"));
}

static void print_frame(struct buf *b, const struct crash_frame *f, size_t number)
{
    stackwalk_add_decimal(b, number, 2);
    buf_str(b, STR("  "));
    if (f->module.len > 0) {
        stackwalk_add(b, f->module);
        buf_char(b, '!');
    }
    if (f->function.len == 0 && f->has_address)
        stackwalk_add_hex(b, f->address, 0);
    else
        print_function(b, f->function);
    print_place(b, f->file, f->line, f->column);
    buf_char(b, '\n');
    if (!f->generated) {
        buf_str(b, STR("    Found by: given by the report\n"));
        return;
    }
    buf_str(b, STR("    In the script: "));
    print_function(b, f->generated->function);
    print_place(b, f->generated->file, f->generated->line, f->generated->column);
    buf_str(b, STR("\n    Found by: source map\n"));
}

static void print_thread(struct buf *b, const struct crash *c, size_t i)
{
    const struct crash_thread *t = &c->threads[i];
    buf_str(b, STR("\nThread "));
    stackwalk_add(b, t->id);
    if (t->name.len > 0 && !str_eq(t->name, t->id)) {
        buf_char(b, ' ');
        stackwalk_add(b, t->name);
    }
    if (i == c->main_thread)
        buf_str(b, STR(" (crashed)"));
    buf_char(b, '\n');
    if (t->frame_count == 0)
        buf_str(b, STR(" <no frames>\n"));
    for (size_t k = 0; k < t->frame_count; k++)
        print_frame(b, &t->frames[k], k);
}

static void print_scripts(struct buf *b, const struct crash *c)
{
    if (c->script_count > 0)
        buf_str(b, STR("\nScripts:\n"));
    for (size_t i = 0; i < c->script_count; i++) {
        const struct crash_module *m = &c->scripts[i];
        struct str id = m->debug_id.len > 0 ? m->debug_id : m->code_id;
        stackwalk_add(b, m->debug_file.len > 0 ? m->debug_file : STR("???"));
        buf_str(b, STR("  "));
        stackwalk_add(b, id);
        buf_str(b, m->missing ? STR("  (WARNING: No source map)\n") : STR("\n"));
    }
}

void stackwalk_print_report(struct buf *out, const struct crash *c)
{
    struct str kind = classifier(c), text = message(c), os = attribute(c, STR("uname.sysname"));
    if (os.len > 0) {
        buf_str(out, STR("Operating system: "));
        stackwalk_add(out, os);
        buf_char(out, '\n');
    }
    buf_str(out, STR("Crash reason:  "));
    stackwalk_add(out, kind.len + text.len > 0 ? kind : STR("not known"));
    if (kind.len > 0 && text.len > 0)
        buf_str(out, STR(": "));
    stackwalk_add(out, text);
    buf_char(out, '\n');
    if (c->thread_count > 0)
        print_thread(out, c, c->main_thread);
    for (size_t i = 0; i < c->thread_count; i++)
        if (i != c->main_thread)
            print_thread(out, c, i);
    print_scripts(out, c);
    for (size_t i = 0; i < c->error_count; i++) {
        buf_str(out, i == 0 ? STR("\nPassed over: ") : STR("Passed over: "));
        stackwalk_add(out, c->errors[i]);
        buf_char(out, '\n');
    }
}
