/* core_process.c - what the notes say of the process as a whole: its ids and arguments, the signal
 * that ended it, the auxiliary vector.
 *
 * The structures are the kernel's: struct elf_prpsinfo of linux/elfcore.h, siginfo_t. */
#include "decode/core_parts.h"

#include <elf.h>

#define NAME_SIZE 16
#define ARGUMENTS_SIZE 80

/* --- process ------------------------------------------------------------------------------- */

/* With ids of users of 16 bits, as x86 and ARM have them. */
#define SHORT_IDS_SIZE 124

static bool read_about(struct core *c)
{
    struct reader r = core_reader(c, c->process);
    size_t id_size = !c->is_64 && c->process.len == SHORT_IDS_SIZE ? 2 : 4;
    if (c->process.len == 0)
        return true;
    reader_skip(&r, c->is_64 ? 16 : 8); /* state, priority, flags */
    uint64_t user = reader_number(&r, id_size), group = reader_number(&r, id_size);
    uint32_t pid = reader_u32(&r), parent = reader_u32(&r);
    reader_skip(&r, 8); /* ids of its group and session */
    struct bytes name = { reader_take(&r, NAME_SIZE), NAME_SIZE };
    struct bytes arguments = { reader_take(&r, ARGUMENTS_SIZE), ARGUMENTS_SIZE };
    if (r.failed) {
        dump_error(&c->make, "the note about the process is cut off");
        return true;
    }
    c->dump->has_pid = true;
    c->dump->pid = pid;
    return dump_number(&c->make, "process.parent.id", parent) &&
           dump_number(&c->make, "process.uid", user) &&
           dump_number(&c->make, "process.gid", group) && dump_utf8(&c->make, name, &c->program) &&
           core_note_arguments(c, arguments);
}

static void read_auxv(struct core *c)
{
    struct reader r = core_reader(c, c->auxiliary);
    if (c->auxiliary.len == 0)
        return;
    linux_note_auxv(&c->make, r, c->is_64 ? 8 : 4);
    for (;;) {
        uint64_t type = core_word(c, &r), value = core_word(c, &r);
        if (r.failed || type == AT_NULL)
            break;
        if (type == AT_PHDR)
            c->auxv.phdr = value;
        else if (type == AT_ENTRY)
            c->auxv.entry = value;
        else if (type == AT_SYSINFO_EHDR)
            c->auxv.vdso = value;
        else if (type == AT_EXECFN)
            c->auxv.execfn = value;
    }
}

bool core_read_process(struct core *c)
{
    read_auxv(c);
    return read_about(c) && dump_number(&c->make, "process.mapping.count", c->segment_count);
}

/* --- signal -------------------------------------------------------------------------------- */

#define SIGNALS_OF_FAULTS                                                                          \
    (1u << 4 | 1u << 5 | 1u << 7 | 1u << 8 | 1u << 11) /* ILL, TRAP, BUS, FPE, SEGV */
#define CODE_KERNEL 0x80                               /* the kernel does not say more */

struct siginfo {
    uint32_t signal, error, code;
    uint64_t address;   /* of a fault */
    uint32_t pid, user; /* of who sent it */
};

static bool read_siginfo(const struct core *c, struct siginfo *out)
{
    struct reader r = core_reader(c, c->signal);
    *out = (struct siginfo){ .signal = reader_u32(&r), .error = reader_u32(&r) };
    out->code = reader_u32(&r);
    if (c->machine == EM_MIPS) {
        uint32_t code = out->error;
        out->error = out->code;
        out->code = code;
    }
    if (c->is_64)
        reader_skip(&r, 4);
    struct reader sender = r;
    out->address = core_word(c, &r);
    out->pid = reader_u32(&sender);
    out->user = reader_u32(&sender);
    return !r.failed && !sender.failed;
}

static bool is_fault(const struct siginfo *s)
{
    return s->signal < 32 && SIGNALS_OF_FAULTS >> s->signal & 1 && (int32_t)s->code > 0;
}

static void note_siginfo(struct core *c, const struct siginfo *s)
{
    struct json_writer *w = dump_note(&c->make, "siginfo");
    json_object(w);
    json_key(w, STR("signal"));
    json_uint(w, s->signal);
    json_key(w, STR("code"));
    json_int(w, (int32_t)s->code);
    json_key(w, STR("errno"));
    json_uint(w, s->error);
    if (is_fault(s)) {
        dump_note_hex(w, "address", s->address);
    } else {
        json_key(w, STR("pid"));
        json_uint(w, s->pid);
        json_key(w, STR("uid"));
        json_uint(w, s->user);
    }
    json_object_end(w);
}

static char *put_permission(char *at, uint32_t flags, uint32_t bit, char letter)
{
    *at = flags & bit ? letter : '-';
    return at + 1;
}

/* As /proc/PID/maps has it. */
static bool note_mapping(struct core *c, uint64_t address)
{
    const struct core_segment *s = core_segment_at(c, address);
    char permissions[4], *at = permissions;
    struct str text;
    if (!s)
        return true;
    at = put_permission(at, s->flags, PF_R, 'r');
    at = put_permission(at, s->flags, PF_W, 'w');
    at = put_permission(at, s->flags, PF_X, 'x');
    *at = '\0';
    if (!arena_printf(c->arena, &text, "%llx-%llx %s", (unsigned long long)s->address,
                      (unsigned long long)(s->address + s->size), permissions))
        return false;
    json_str(dump_note(&c->make, "fault_mapping"), text);
    return true;
}

/* What a debugger makes of a process that goes on has no signal, or one that stopped it. */
bool core_read_signal(struct core *c)
{
    struct dump *d = c->dump;
    struct siginfo s = { 0 };
    if (c->signal.len > 0 && !read_siginfo(c, &s)) {
        dump_error(&c->make, "the note about the signal is cut off");
        s = (struct siginfo){ 0 };
    }
    if (c->signal_number == 0 && is_fault(&s))
        c->signal_number = s.signal;
    if (s.signal)
        note_siginfo(c, &s);
    if (c->signal_number == 0)
        return true;
    bool same = s.signal == c->signal_number;
    d->has_crash = true;
    d->has_address = same && is_fault(&s) && s.code != CODE_KERNEL;
    d->address = d->has_address ? s.address : 0;
    if (!linux_signal_text(c->signal_number, same ? s.code : 0, c->arena, &d->reason))
        return false;
    if (d->reason.len == 0 && !arena_printf(c->arena, &d->reason, "signal %u", c->signal_number))
        return false;
    return !d->has_address || note_mapping(c, d->address);
}
