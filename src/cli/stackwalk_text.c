/* stackwalk_text.c - a dump for people, in the manner of minidump_stackwalk. */
#include "cli/stackwalk.h"

#include "cli/stackwalk_parts.h"

#define REGISTERS_WIDE 2   /* of 64 bits, in a line */
#define REGISTERS_NARROW 4 /* of 32 bits */

static void print_line(struct buf *b, struct str front, struct str text)
{
    if (text.len == 0)
        return;
    buf_str(b, front);
    stackwalk_add(b, text);
    buf_char(b, '\n');
}

static void print_system(struct buf *b, const struct dump *d)
{
    print_line(b, STR("Operating system: "), d->os_name.len > 0 ? d->os_name : STR("not known"));
    print_line(b, STR("                  "), d->os_version);
    print_line(b, STR("CPU: "), d->cpu_name.len > 0 ? d->cpu_name : STR("not known"));
    print_line(b, STR("     "), d->cpu_text);
    if (d->cpu_count > 0) {
        buf_str(b, STR("     "));
        stackwalk_add_decimal(b, d->cpu_count, 0);
        buf_str(b, d->cpu_count == 1 ? STR(" CPU\n") : STR(" CPUs\n"));
    }
    buf_char(b, '\n');
}

static void print_crash(struct buf *b, const struct dump *d)
{
    if (d->has_crash) {
        buf_str(b, STR("Crash reason:  "));
        stackwalk_add(b, d->reason.len > 0 ? d->reason : STR("not known"));
        buf_str(b, STR("\nCrash address: "));
        if (d->has_address)
            stackwalk_add_hex(b, d->address, 0);
        else
            buf_str(b, STR("not known"));
        buf_char(b, '\n');
    } else {
        buf_str(b, STR("No crash\n"));
    }
    print_line(b, STR("Assertion: "), d->assertion);
    buf_str(b, STR("Process uptime: "));
    if (d->has_uptime) {
        stackwalk_add_decimal(b, (uint64_t)d->uptime_s, 0);
        buf_str(b, STR(" seconds\n"));
    } else {
        buf_str(b, STR("not available\n"));
    }
}

/* --- frames -------------------------------------------------------------------------------- */

static void print_place(struct buf *b, const struct dump *d, const struct walk_frame *f)
{
    const struct dump_module *m = dump_frame_module(d, f);
    if (!m) {
        stackwalk_add_hex(b, f->address, 0);
        return;
    }
    stackwalk_add(b, dump_base_name(m->code_file));
    if (f->function.len == 0) {
        buf_str(b, STR(" + "));
        stackwalk_add_hex(b, f->address - m->base, 0);
        return;
    }
    buf_char(b, '!');
    stackwalk_add(b, f->function);
    if (f->file.len > 0) {
        buf_str(b, STR(" ["));
        stackwalk_add(b, dump_base_name(f->file));
        buf_str(b, STR(" : "));
        stackwalk_add_decimal(b, f->line, 0);
        buf_char(b, ']');
    } else {
        buf_str(b, STR(" + "));
        stackwalk_add_hex(b, f->function_offset, 0);
    }
}

static void print_registers(struct buf *b, const struct cpu_facts *facts,
                            const struct registers *registers)
{
    unsigned in_line = facts->word == 8 ? REGISTERS_WIDE : REGISTERS_NARROW, n = 0;
    for (unsigned r = 0; r < facts->registers; r++) {
        if (!(registers->known >> r & 1))
            continue;
        bool starts = n % in_line == 0; /* a line */
        struct str name = str_from_c(facts->names[r]);
        if (starts && n > 0)
            buf_char(b, '\n');
        for (size_t i = name.len; i < (starts ? 7 : 6); i++)
            buf_char(b, ' ');
        buf_str(b, name);
        buf_str(b, STR(" = "));
        stackwalk_add_hex(b, registers->at[r], facts->word * 2);
        n++;
    }
    if (n > 0)
        buf_char(b, '\n');
}

static const char *found_by(const struct walk_frame *f)
{
    static const char *const words[] = {
        [TRUST_NONE] = "unknown",
        [TRUST_SCAN] = "stack scanning",
        [TRUST_CFI_SCAN] = "call frame info with scanning",
        [TRUST_FP] = "previous frame's frame pointer",
        [TRUST_PREWALKED] = "recovered by external stack walker",
        [TRUST_LEAF] = "simulating a return from leaf function",
        [TRUST_CFI] = "call frame info",
        [TRUST_CONTEXT] = "given as instruction pointer in context",
    };
    return f->inlined ? "inline record" : words[f->trust];
}

static void print_thread(struct buf *b, const struct dump *d, size_t i)
{
    const struct dump_thread *t = &d->threads[i];
    const struct cpu_facts *facts = cpu_facts(d->cpu);
    buf_str(b, STR("\nThread "));
    stackwalk_add_decimal(b, i, 0);
    if (t->name.len > 0) {
        buf_char(b, ' ');
        stackwalk_add(b, t->name);
    }
    if (i == d->crash_thread)
        buf_str(b, d->has_crash ? STR(" (crashed)") : STR(" (requested dump)"));
    buf_char(b, '\n');
    if (t->frame_count == 0)
        buf_str(b, STR(" <no frames>\n"));
    for (size_t k = 0; k < t->frame_count; k++) {
        stackwalk_add_decimal(b, k, 2);
        buf_str(b, STR("  "));
        print_place(b, d, &t->frames[k]);
        buf_char(b, '\n');
        if (facts && !t->frames[k].inlined)
            print_registers(b, facts, &t->frames[k].registers);
        buf_str(b, STR("    Found by: "));
        buf_str(b, str_from_c(found_by(&t->frames[k])));
        buf_char(b, '\n');
    }
}

static void print_range(struct buf *b, const struct dump_module *m)
{
    stackwalk_add_hex(b, m->base, 8);
    buf_str(b, STR(" - "));
    stackwalk_add_hex(b, m->base + m->size - 1, 8);
    buf_str(b, STR("  "));
}

static void print_modules(struct buf *b, const struct dump *d)
{
    buf_str(b, STR("\nLoaded modules:\n"));
    for (size_t i = 0; i < d->module_count; i++) {
        const struct dump_module *m = &d->modules[i];
        print_range(b, m);
        stackwalk_add(b, dump_base_name(m->code_file));
        buf_str(b, STR("  "));
        stackwalk_add(b, m->version.len > 0 ? m->version : STR("???"));
        if (i == d->main_module)
            buf_str(b, STR("  (main)"));
        if (m->missing) {
            buf_str(b, STR("  (WARNING: No symbols, "));
            stackwalk_add(b, dump_base_name(m->debug_file));
            buf_str(b, STR(", "));
            stackwalk_add(b, m->debug_id);
            buf_char(b, ')');
        }
        buf_char(b, '\n');
    }
}

static void print_unloaded(struct buf *b, const struct dump *d)
{
    if (d->unloaded_count > 0)
        buf_str(b, STR("\nUnloaded modules:\n"));
    for (size_t i = 0; i < d->unloaded_count; i++) {
        const struct dump_module *m = &d->unloaded[i];
        print_range(b, m);
        stackwalk_add(b, dump_base_name(m->code_file));
        buf_char(b, '\n');
    }
}

void stackwalk_print(struct buf *out, const struct dump *d)
{
    print_system(out, d);
    print_crash(out, d);
    if (d->crash_thread != DUMP_NO_THREAD)
        print_thread(out, d, d->crash_thread);
    for (size_t i = 0; i < d->thread_count; i++)
        if (i != d->crash_thread)
            print_thread(out, d, i);
    print_modules(out, d);
    print_unloaded(out, d);
    for (size_t i = 0; i < d->error_count; i++) {
        buf_str(out, i == 0 ? STR("\nPassed over: ") : STR("Passed over: "));
        stackwalk_add(out, d->errors[i]);
        buf_char(out, '\n');
    }
}
