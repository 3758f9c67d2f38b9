/* core_notes.c - the notes of a core file: one status for each thread, the one that crashed first,
 * and some about the whole process. */
#include "decode/core_parts.h"

#include <elf.h>
#include <stdlib.h>

static size_t pad(size_t n)
{
    return (4 - n % 4) % 4;
}

bool core_next_note(struct reader *r, struct core_note *out)
{
    if (r->failed || r->pos == r->in.len)
        return false;
    uint32_t name_size = reader_u32(r), size = reader_u32(r);
    out->type = reader_u32(r);
    const uint8_t *name = reader_take(r, name_size);
    reader_skip(r, pad(name_size));
    const uint8_t *content = reader_take(r, size);
    if (r->failed)
        return false;
    size_t len = name_size;
    while (len > 0 && name[len - 1] == 0)
        len--;
    out->name = (struct str){ (const char *)name, len };
    out->content = (struct bytes){ content, size };
    size_t left = r->in.len - r->pos; /* the last one need not be filled up */
    reader_skip(r, pad(size) < left ? pad(size) : left);
    return true;
}

static bool is_status(const struct core_note *n)
{
    return n->type == NT_PRSTATUS && str_eq(n->name, STR("CORE"));
}

/* The first of each kind counts: debuggers write some for each thread. */
static void keep_first(struct bytes *to, const struct core_note *n)
{
    if (to->len == 0)
        *to = n->content;
}

static void keep(struct core *c, const struct core_note *n)
{
    if (!str_eq(n->name, STR("CORE")))
        return;
    switch (n->type) {
    case NT_PRPSINFO:
        keep_first(&c->process, n);
        break;
    case NT_SIGINFO:
        keep_first(&c->signal, n);
        break;
    case NT_AUXV:
        keep_first(&c->auxiliary, n);
        break;
    case NT_FILE:
        keep_first(&c->files, n);
        break;
    default: /* registers that no unwinder asks for */
        break;
    }
}

/* Segments may overlap: no more bytes of notes are looked at than the file has. */
static void limit_notes(struct core *c)
{
    size_t left = c->file.len;
    for (size_t i = 0; i < c->note_segment_count; i++) {
        if (c->note_segments[i].len > left)
            c->note_segments[i].len = left;
        left -= c->note_segments[i].len;
    }
}

static size_t count_threads(struct core *c)
{
    size_t count = 0;
    struct core_note n;
    for (size_t i = 0; i < c->note_segment_count; i++) {
        struct reader r = core_reader(c, c->note_segments[i]);
        while (core_next_note(&r, &n))
            count += is_status(&n);
        if (r.failed)
            dump_error(&c->make, "the notes are cut off after %zu threads", count);
    }
    if (count > CRASH_THREADS_MAX) {
        dump_error(&c->make, "%zu threads, of which the first %d are read", count,
                   CRASH_THREADS_MAX);
        count = CRASH_THREADS_MAX;
    }
    return count;
}

static void add_thread(struct core *c, struct bytes status)
{
    struct dump *d = c->dump;
    uint32_t signal = core_read_thread(c, status, &d->threads[d->thread_count]);
    if (d->thread_count++ == 0)
        c->signal_number = signal;
}

static void read_segment(struct core *c, struct bytes notes, size_t room)
{
    struct reader r = core_reader(c, notes);
    struct core_note n;
    while (core_next_note(&r, &n)) {
        if (!is_status(&n))
            keep(c, &n);
        else if (c->dump->thread_count < room)
            add_thread(c, n.content);
    }
}

/* --- threads that are there several times -------------------------------------------------- */

struct numbered {
    uint64_t id;
    size_t at; /* among the threads */
};

static int by_id(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Which threads have the id of an earlier one. 0 is no id: cores of kernels have it for each
 * processor without work. */
static bool find_repeated(const struct core *c, bool *repeated)
{
    const struct dump *d = c->dump;
    struct numbered *order = arena_array(c->arena, d->thread_count + 1, sizeof *order);
    if (!order)
        return false;
    for (size_t i = 0; i < d->thread_count; i++)
        order[i] = (struct numbered){ d->threads[i].id, i };
    qsort(order, d->thread_count, sizeof *order, by_id);
    for (size_t i = 1; i < d->thread_count; i++)
        repeated[order[i].at] = order[i].id != 0 && order[i].id == order[i - 1].id;
    return true;
}

/* As when segments of notes overlap. The first of each stays. */
static bool drop_repeated(struct core *c)
{
    struct dump *d = c->dump;
    size_t count = d->thread_count, kept = 0;
    bool *repeated = arena_array(c->arena, count + 1, sizeof *repeated);
    if (!repeated)
        return false;
    memset(repeated, 0, count + 1);
    if (!find_repeated(c, repeated))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!repeated[i])
            d->threads[kept++] = d->threads[i];
    if (kept < count)
        dump_error(&c->make, "%zu threads have the id of an earlier one, and are left out",
                   count - kept);
    d->thread_count = kept;
    return true;
}

bool core_read_notes(struct core *c)
{
    limit_notes(c);
    size_t room = count_threads(c);
    c->dump->threads = arena_array(c->arena, room + 1, sizeof *c->dump->threads);
    if (!c->dump->threads)
        return false;
    for (size_t i = 0; i < c->note_segment_count; i++)
        read_segment(c, c->note_segments[i], room);
    if (!drop_repeated(c))
        return false;
    if (c->dump->thread_count == 0)
        dump_error(&c->make, "there is no thread in the core file");
    else
        c->dump->crash_thread = 0;
    return true;
}
