/* stackwalk_text.c - a dump for people, in the manner of minidump_stackwalk. */
#include "cli/stackwalk.h"

#include <inttypes.h>
#include <stdio.h>

#define REGISTERS_WIDE 2   /* of 64 bits, in a line */
#define REGISTERS_NARROW 4 /* of 32 bits */

/* Foreign text: no control character reaches a terminal. */
static void add(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        buf_char(b, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

static void print_system(struct buf *b, const struct dump *d)
{
    buf_printf(b, "Operating system: ");
    add(b, d->os_name);
    buf_printf(b, "\n                  ");
    add(b, d->os_version);
    buf_printf(b, "\nCPU: ");
    add(b, d->cpu_name);
    if (d->cpu_text.len > 0) {
        buf_printf(b, "\n     ");
        add(b, d->cpu_text);
    }
    buf_printf(b, "\n     %u CPU%s\n\n", d->cpu_count, d->cpu_count == 1 ? "" : "s");
}

static void print_crash(struct buf *b, const struct dump *d)
{
    if (d->has_crash) {
        buf_printf(b, "Crash reason:  ");
        add(b, d->reason);
        buf_printf(b, "\nCrash address: 0x%" PRIx64 "\n", d->address);
    } else {
        buf_printf(b, "No crash\n");
    }
    if (d->assertion.len > 0) {
        buf_printf(b, "Assertion: ");
        add(b, d->assertion);
        buf_char(b, '\n');
    }
    if (d->has_uptime)
        buf_printf(b, "Process uptime: %" PRId64 " seconds\n", d->uptime_s);
    else
        buf_printf(b, "Process uptime: not available\n");
}

/* --- frames -------------------------------------------------------------------------------- */

static void print_place(struct buf *b, const struct dump *d, const struct walk_frame *f)
{
    const struct dump_module *m = dump_frame_module(d, f);
    if (!m) {
        buf_printf(b, "0x%" PRIx64, f->address);
        return;
    }
    add(b, dump_base_name(m->code_file));
    if (f->function.len == 0) {
        buf_printf(b, " + 0x%" PRIx64, f->address - m->base);
        return;
    }
    buf_char(b, '!');
    add(b, f->function);
    if (f->file.len > 0) {
        buf_printf(b, " [");
        add(b, dump_base_name(f->file));
        buf_printf(b, " : %u]", f->line);
    } else {
        buf_printf(b, " + 0x%" PRIx64, f->function_offset);
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
        buf_printf(b, "%s%*s = 0x%0*" PRIx64, starts && n > 0 ? "\n" : "", starts ? 7 : 6,
                   facts->names[r], facts->word * 2, registers->at[r]);
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
    buf_printf(b, "\nThread %zu", i);
    if (t->name.len > 0) {
        buf_char(b, ' ');
        add(b, t->name);
    }
    if (i == d->crash_thread)
        buf_printf(b, d->has_crash ? " (crashed)" : " (requested dump)");
    buf_char(b, '\n');
    if (t->frame_count == 0)
        buf_printf(b, " <no frames>\n");
    for (size_t k = 0; k < t->frame_count; k++) {
        buf_printf(b, "%2zu  ", k);
        print_place(b, d, &t->frames[k]);
        buf_char(b, '\n');
        if (facts && !t->frames[k].inlined)
            print_registers(b, facts, &t->frames[k].registers);
        buf_printf(b, "    Found by: %s\n", found_by(&t->frames[k]));
    }
}

static void print_modules(struct buf *b, const struct dump *d)
{
    buf_printf(b, "\nLoaded modules:\n");
    for (size_t i = 0; i < d->module_count; i++) {
        const struct dump_module *m = &d->modules[i];
        buf_printf(b, "0x%08" PRIx64 " - 0x%08" PRIx64 "  ", m->base, m->base + m->size - 1);
        add(b, dump_base_name(m->code_file));
        buf_printf(b, "  ");
        add(b, m->version.len > 0 ? m->version : STR("???"));
        if (i == d->main_module)
            buf_printf(b, "  (main)");
        if (m->missing) {
            buf_printf(b, "  (WARNING: No symbols, ");
            add(b, dump_base_name(m->debug_file));
            buf_printf(b, ", ");
            add(b, m->debug_id);
            buf_char(b, ')');
        }
        buf_char(b, '\n');
    }
}

static void print_unloaded(struct buf *b, const struct dump *d)
{
    if (d->unloaded_count > 0)
        buf_printf(b, "\nUnloaded modules:\n");
    for (size_t i = 0; i < d->unloaded_count; i++) {
        const struct dump_module *m = &d->unloaded[i];
        buf_printf(b, "0x%08" PRIx64 " - 0x%08" PRIx64 "  ", m->base, m->base + m->size - 1);
        add(b, dump_base_name(m->code_file));
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
        buf_printf(out, "%sPassed over: ", i == 0 ? "\n" : "");
        add(out, d->errors[i]);
        buf_char(out, '\n');
    }
}
