/* core_modules.c - what was loaded, from the note of mapped files or, when there is none, from what
 * the memory itself holds.
 *
 * What is hard: a file is mapped in pieces, one for each kind of access; one package (of Android)
 * can hold many libraries; and many mapped files are only read. A module begins where an ELF header
 * is, and is one when something of it may be executed. */
#include "decode/core_parts.h"

#include <elf.h>

struct module_list {
    struct numbered_module *all;
    size_t count;
    bool told; /* that there are more */
};

static bool is_full(struct core *c, struct module_list *list)
{
    if (list->count == DUMP_MODULES_MAX && !list->told) {
        dump_error(&c->make, "more than %d modules, of which the first are read", DUMP_MODULES_MAX);
        list->told = true;
    }
    return list->count == DUMP_MODULES_MAX;
}

static bool add_module(struct core *c, struct module_list *list, uint64_t base, uint64_t end,
                       struct str path, const struct core_image *image)
{
    const struct str gone = STR(" (deleted)");
    if (is_full(c, list))
        return true;
    if (path.len > gone.len &&
        str_eq((struct str){ path.ptr + path.len - gone.len, gone.len }, gone))
        path.len -= gone.len; /* replaced while it ran */
    struct numbered_module *m = &list->all[list->count];
    *m = (struct numbered_module){ .number = ++list->count }; /* the first is not the program */
    m->module = (struct dump_module){ .base = base,
                                      .size = end - base,
                                      .code_file = path,
                                      .code_id = image->code_id,
                                      .debug_file = image->soname.len > 0 ? image->soname : path,
                                      .debug_id = image->debug_id,
                                      .version = STR("") };
    return true;
}

/* --- mapped files -------------------------------------------------------------------------- */

/* Mappings of one file, one behind the other. */
struct mapped {
    bool used;
    uint64_t start, end;
    struct bytes path;
    bool executable; /* a piece of it is */
    bool
        unknown; /* the core says nothing of a piece: debuggers leave out what stands in the file */
    struct core_image image;
};

struct files {
    struct module_list *modules;
    struct mapped now;
    struct bytes last_data;   /* path of the last file that was no module */
    struct json_writer *list; /* of such files; NULL: none so far */
    size_t listed;
};

/* Libraries that somebody only reads are data. */
static bool is_module(const struct mapped *m)
{
    return m->executable || (m->unknown && m->image.type != 0);
}

static bool note_data(struct core *c, struct files *f)
{
    struct str path;
    struct bytes raw = f->now.path;
    if (f->listed == DUMP_NOTES_MAX ||
        (raw.len == f->last_data.len && memcmp(raw.ptr, f->last_data.ptr, raw.len) == 0))
        return true;
    f->last_data = raw;
    if (!dump_utf8(&c->make, raw, &path))
        return false;
    if (!f->list) {
        f->list = dump_note(&c->make, "mapped_files");
        json_list(f->list);
    }
    json_str(f->list, path);
    f->listed++;
    return true;
}

static bool finish(struct core *c, struct files *f)
{
    const struct mapped *now = &f->now;
    struct str path;
    if (!now->used)
        return true;
    if (!is_module(now))
        return note_data(c, f);
    return dump_utf8(&c->make, now->path, &path) &&
           add_module(c, f->modules, now->start, now->end, path, &now->image);
}

static bool is_same_path(struct bytes a, struct bytes b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Small files can have their first page mapped twice, as data and as code. */
static bool goes_on(const struct core *c, const struct mapped *now, uint64_t start, uint64_t offset,
                    struct bytes path)
{
    if (!now->used || !is_same_path(now->path, path) || start < now->end)
        return false;
    if (start - now->start < now->image.extent)
        return true;
    return !core_is_image(c, start) && (offset > 0 || start == now->end);
}

static bool add_mapping(struct core *c, struct files *f, uint64_t start, uint64_t end,
                        uint64_t offset, struct bytes path)
{
    struct mapped *now = &f->now;
    if (!goes_on(c, now, start, offset, path)) {
        if (!finish(c, f))
            return false;
        *now = (struct mapped){ .used = true, .start = start, .path = path };
        if (!core_read_image(c, start, &now->image))
            return false;
    }
    now->end = end;
    const struct core_segment *s = core_segment_at(c, start);
    now->executable = now->executable || (s && s->flags & PF_X);
    now->unknown = now->unknown || !s;
    return true;
}

/* The note: how many, the size of a page; where each begins and ends and its offset in pages; then
 * the paths, each with its NUL. */
static bool read_files(struct core *c, struct module_list *modules)
{
    struct files f = { .modules = modules };
    size_t word = c->is_64 ? 8 : 4, i = 0;
    struct reader r = core_reader(c, c->files);
    uint64_t count = core_word(c, &r), page = core_word(c, &r);
    struct bytes paths;
    if (r.failed || count > (c->files.len - r.pos) / (3 * word)) {
        dump_error(&c->make, "the note of mapped files is cut off");
        return true;
    }
    size_t paths_at = r.pos + (size_t)count * 3 * word;
    paths = (struct bytes){ c->files.ptr + paths_at, c->files.len - paths_at };
    for (; i < count; i++) {
        uint64_t start = core_word(c, &r), end = core_word(c, &r), offset = core_word(c, &r);
        const uint8_t *stop = paths.len ? memchr(paths.ptr, 0, paths.len) : NULL;
        if (!stop)
            break;
        size_t len = (size_t)(stop - paths.ptr);
        struct bytes path = { paths.ptr, len };
        paths = (struct bytes){ stop + 1, paths.len - len - 1 };
        if (is_full(c, modules))
            continue;
        if (start < end && !add_mapping(c, &f, start, end, page ? offset : 0, path))
            return false;
    }
    if (i < count)
        dump_error(&c->make, "of %llu mapped files %zu have a name", (unsigned long long)count, i);
    bool ok = finish(c, &f);
    if (f.list)
        json_list_end(f.list);
    return ok;
}

/* --- without that note --------------------------------------------------------------------- */

static const struct core_link *find_link(const struct core_link *links, size_t count, uint64_t bias)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (links[middle].bias < bias)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && links[low].bias == bias ? &links[low] : NULL;
}

static bool add_image(struct core *c, struct module_list *modules, const struct core_segment *s,
                      const struct core_link *links, size_t link_count)
{
    struct core_image image;
    struct str path = STR("");
    if (!core_read_image(c, s->address, &image))
        return false;
    if (image.type == 0)
        return true;
    const struct core_link *link = find_link(links, link_count, image.bias);
    uint64_t size = image.extent > s->size ? image.extent : s->size;
    if (link && !core_text(c, link->name_at, &path))
        return false;
    /* The linker gives the program no name. */
    if (path.len == 0 && c->auxv.phdr - s->address < size && !core_text(c, c->auxv.execfn, &path))
        return false;
    if (path.len == 0)
        path = image.soname;
    return size - 1 > UINT64_MAX - s->address ||
           add_module(c, modules, s->address, s->address + size, path, &image);
}

static bool read_images(struct core *c, struct module_list *modules)
{
    struct core_link *links;
    size_t link_count;
    if (!core_read_links(c, &links, &link_count))
        return false;
    for (size_t i = 0; i < c->segment_count && !is_full(c, modules); i++) {
        const struct core_segment *s = &c->segments[i];
        if (s->address != c->auxv.vdso && core_is_image(c, s->address) &&
            !add_image(c, modules, s, links, link_count))
            return false;
    }
    return true;
}

/* --- both ---------------------------------------------------------------------------------- */

/* The kernel's own library is in memory and in no file. */
static bool add_vdso(struct core *c, struct module_list *modules)
{
    struct core_image image;
    const struct core_segment *s = c->auxv.vdso ? core_segment_at(c, c->auxv.vdso) : NULL;
    if (!s)
        return true;
    if (!core_read_image(c, c->auxv.vdso, &image))
        return false;
    if (image.type == 0)
        return true;
    if (image.linux_version &&
        !arena_printf(c->arena, &c->dump->os_version, "%u.%u.%u", image.linux_version >> 16,
                      image.linux_version >> 8 & 0xff, image.linux_version & 0xff))
        return false;
    return add_module(c, modules, c->auxv.vdso, s->address + s->size, STR("[vdso]"), &image);
}

static bool holds(const struct dump_module *m, uint64_t address)
{
    return address && address - m->base < m->size;
}

/* The program is what the kernel found the segments of, or where it began. */
static void find_program(struct core *c)
{
    struct dump *d = c->dump;
    d->main_module = SIZE_MAX;
    for (size_t i = 0; i < d->module_count && d->main_module == SIZE_MAX; i++)
        if (holds(&d->modules[i], c->auxv.phdr ? c->auxv.phdr : c->auxv.entry))
            d->main_module = i;
}

static void find_system(struct core *c)
{
    struct dump *d = c->dump;
    for (size_t i = 0; i < d->module_count; i++) {
        struct str path = d->modules[i].code_file, name = dump_base_name(path);
        bool system = str_starts(path, STR("/system/")) || str_starts(path, STR("/apex/"));
        if (system && (str_eq(name, STR("linker")) || str_eq(name, STR("linker64")))) {
            d->os = WALK_OS_ANDROID;
            d->os_name = STR("Android");
        }
    }
}

/* So many modules at most as there are segments or mapped files. */
static size_t modules_max(const struct core *c)
{
    size_t files = c->files.len / (c->is_64 ? 24 : 12), most = files + c->segment_count + 1;
    return most < DUMP_MODULES_MAX ? most : DUMP_MODULES_MAX;
}

bool core_read_modules(struct core *c)
{
    struct module_list list = { .count = 0 };
    list.all = arena_array(c->arena, modules_max(c) + 1, sizeof *list.all);
    if (!list.all)
        return false;
    bool ok = c->files.len > 0 ? read_files(c, &list) : read_images(c, &list);
    if (!ok || !add_vdso(c, &list))
        return false;
    if (!dump_set_modules(&c->make, list.all, list.count))
        return false;
    find_program(c);
    find_system(c);
    return c->dump->main_module != SIZE_MAX || dump_attribute(&c->make, "application", c->program);
}
