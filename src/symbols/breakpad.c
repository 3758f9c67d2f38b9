/* breakpad.c - the records of a symbol file, line by line.
 *
 * Most of a large file are lines of functions, "address size line file": these have a way of their
 * own, which neither looks for the end of the line first nor calls anything. FILE and INLINE_ORIGIN
 * records may come behind those that name them, so a number not heard of yet is reserved. */
#include "symbols/breakpad.h"

#include "base/vec.h"
#include "symbols/breakpad_cfi.h"
#include "symbols/breakpad_fields.h"
#include "symbols/breakpad_ids.h"

#define DEPTHS_MAX SYMCACHE_FRAMES_MAX

struct origin {
    uint32_t name, file; /* file: of the old form, else SYMCACHE_NO_FILE */
    bool known;
};

struct breakpad {
    struct symcache_builder *b;
    struct cfi_reader *cfi;
    struct symcache_about about;
    bool has_module, in_function;
    struct id_map files, origin_ids; /* to numbers of the builder, to places in `origins` */
    VEC(struct origin) origins;
    VEC(bool) files_known;             /* by the builder's number */
    uint32_t origin_files[DEPTHS_MAX]; /* of the last INLINE record of each depth */
};

enum taken { TAKEN, BAD, FAILED };

static bool known_set(struct breakpad *p, uint32_t number, bool known)
{
    while (p->files_known.len <= number)
        if (!VEC_PUSH(&p->files_known, false))
            return false;
    p->files_known.at[number] = known;
    return true;
}

/* The builder's number of a file that a record names. */
static bool find_file(struct breakpad *p, uint64_t id, uint32_t *number)
{
    if (id_map_get(&p->files, id, number))
        return true;
    return symcache_reserve_file(p->b, number) && known_set(p, *number, false) &&
           id_map_set(&p->files, id, *number);
}

static bool find_origin(struct breakpad *p, uint64_t id, struct origin **out)
{
    struct origin o = { 0, SYMCACHE_NO_FILE, false };
    uint32_t place;
    if (!id_map_get(&p->origin_ids, id, &place)) {
        place = (uint32_t)p->origins.len;
        if (!symcache_reserve_name(p->b, &o.name) || !VEC_PUSH(&p->origins, o) ||
            !id_map_set(&p->origin_ids, id, place))
            return false;
    }
    *out = &p->origins.at[place];
    return true;
}

/* ---- one function for each kind of record; `rest` is what stands behind its name ---- */

static enum taken read_module(struct symcache_about *a, struct str rest)
{
    a->os = take_word(&rest);
    a->cpu = cpu_find(take_word(&rest));
    a->debug_id = take_word(&rest);
    a->debug_file = take_rest(&rest);
    a->kind = SYMCACHE_BREAKPAD;
    return a->debug_id.len > 0 ? TAKEN : BAD;
}

static enum taken read_info(struct symcache_about *a, struct str rest)
{
    if (str_eq(take_word(&rest), STR("CODE_ID"))) {
        a->code_id = take_word(&rest);
        a->code_file = take_rest(&rest);
    }
    return TAKEN;
}

static enum taken read_file(struct breakpad *p, struct str rest)
{
    uint64_t id;
    uint32_t number;
    if (!take_decimal(&rest, &id) || id == UINT64_MAX)
        return BAD;
    struct str path = take_rest(&rest);
    if (path.len == 0)
        return BAD;
    if (!id_map_get(&p->files, id, &number))
        return symcache_add_file(p->b, path, &number) && known_set(p, number, true) &&
                       id_map_set(&p->files, id, number)
                   ? TAKEN
                   : FAILED;
    if (p->files_known.at[number])
        return TAKEN; /* the first one counts */
    return symcache_set_file(p->b, number, path) && known_set(p, number, true) ? TAKEN : FAILED;
}

/* "<id> <name>", of old "<id> <file> <name>": a number behind the id is a file. */
static enum taken read_origin(struct breakpad *p, struct str rest)
{
    uint64_t id, file;
    uint32_t number = SYMCACHE_NO_FILE;
    struct origin *o;
    if (!take_decimal(&rest, &id) || id == UINT64_MAX)
        return BAD;
    struct str name = take_rest(&rest), after = name, word = take_word(&after);
    bool artificial = str_eq(word, STR("-1")); /* the old form of no file */
    if ((artificial || read_decimal(word, &file)) && after.len > 1) {
        name = take_rest(&after);
        if (!artificial && !find_file(p, file, &number))
            return FAILED;
    }
    if (name.len == 0)
        return BAD;
    if (!find_origin(p, id, &o))
        return FAILED;
    if (o->known)
        return TAKEN;
    o->known = true;
    o->file = number;
    return symcache_set_name(p->b, o->name, name) ? TAKEN : FAILED;
}

/* Whether the optional "m" is there: the symbol stands for many. */
static void skip_multiple(struct str *rest)
{
    struct str after = *rest;
    if (str_eq(take_word(&after), STR("m")))
        *rest = after;
}

static enum taken read_function(struct breakpad *p, struct str rest)
{
    uint64_t address, size, parameters;
    uint32_t name;
    p->in_function = false;
    skip_multiple(&rest);
    if (!take_hex(&rest, &address) || !take_hex(&rest, &size) || !take_hex(&rest, &parameters))
        return BAD;
    struct str text = take_rest(&rest);
    if (text.len == 0 || parameters > UINT32_MAX)
        return BAD;
    p->in_function = true;
    return symcache_add_name(p->b, text, &name) &&
                   symcache_add_function(p->b, address, size, (uint32_t)parameters, name)
               ? TAKEN
               : FAILED;
}

static enum taken read_public(struct breakpad *p, struct str rest)
{
    uint64_t address, parameters;
    uint32_t name;
    p->in_function = false;
    skip_multiple(&rest);
    if (!take_hex(&rest, &address) || !take_hex(&rest, &parameters))
        return BAD;
    struct str text = take_rest(&rest);
    if (text.len == 0 || parameters > UINT32_MAX)
        return BAD;
    if (address == 0)
        return TAKEN; /* some files of Windows have such, which mean nothing */
    return symcache_add_name(p->b, text, &name) &&
                   symcache_add_public(p->b, address, (uint32_t)parameters, name)
               ? TAKEN
               : FAILED;
}

static bool add_ranges(struct breakpad *p, struct str rest, uint32_t depth, uint32_t name,
                       uint32_t line, uint32_t file, bool *good)
{
    uint64_t address, size;
    for (struct str after = rest; take_word(&after).len > 0; after = rest) {
        *good = take_hex(&rest, &address) && take_hex(&rest, &size);
        if (!*good)
            return true;
        if (!symcache_add_inline(p->b, depth, address, size, name, line, file))
            return false;
    }
    return true;
}

static size_t count_words(struct str s)
{
    size_t n = 0;
    while (take_word(&s).len > 0)
        n++;
    return n;
}

/* "<depth> <call line> <call file> <origin> (<address> <size>)...", of old without the file: then
 * the call is made in the file of the function around it. */
static enum taken read_inline(struct breakpad *p, struct str rest)
{
    uint64_t depth, line, file_id = UINT64_MAX, origin_id;
    uint32_t file = SYMCACHE_NO_FILE;
    struct origin *o;
    bool has_file = count_words(rest) % 2 == 0, good = true;
    if (!p->in_function || !take_decimal(&rest, &depth) || !take_decimal(&rest, &line))
        return BAD;
    struct str file_word = has_file ? take_word(&rest) : STR("-1");
    bool no_file = str_eq(file_word, STR("-1"));
    if ((!no_file && !read_decimal(file_word, &file_id)) || !take_decimal(&rest, &origin_id) ||
        line > UINT32_MAX || origin_id == UINT64_MAX || (!no_file && file_id == UINT64_MAX))
        return BAD;
    if ((!no_file && !find_file(p, file_id, &file)) || !find_origin(p, origin_id, &o))
        return FAILED;
    if (!has_file && depth <= DEPTHS_MAX)
        file = depth == 0 ? SYMCACHE_FUNCTION_FILE : p->origin_files[depth - 1];
    if (depth < DEPTHS_MAX)
        p->origin_files[depth] = o->file;
    uint32_t depth32 = depth > UINT32_MAX ? UINT32_MAX : (uint32_t)depth;
    if (!add_ranges(p, rest, depth32, o->name, (uint32_t)line, file, &good))
        return FAILED;
    return good ? TAKEN : BAD;
}

static enum taken read_line(struct breakpad *p, struct str rest)
{
    uint64_t address, size, line, file_id;
    uint32_t file;
    if (!p->in_function || !take_hex(&rest, &address) || !take_hex(&rest, &size) ||
        !take_decimal(&rest, &line) || !take_decimal(&rest, &file_id) || line > UINT32_MAX ||
        file_id == UINT64_MAX)
        return BAD;
    return find_file(p, file_id, &file) &&
                   symcache_add_line(p->b, address, size, (uint32_t)line, file)
               ? TAKEN
               : FAILED;
}

static enum taken read_stack(struct breakpad *p, struct str rest)
{
    struct str kind = take_word(&rest);
    enum cfi_taken t = str_eq(kind, STR("CFI"))   ? cfi_reader_cfi(p->cfi, rest)
                       : str_eq(kind, STR("WIN")) ? cfi_reader_win(p->cfi, rest)
                                                  : CFI_BAD;
    return t == CFI_TAKEN ? TAKEN : t == CFI_BAD ? BAD : FAILED;
}

static bool take_prefix(struct str *s, struct str prefix)
{
    if (!str_starts(*s, prefix))
        return false;
    *s = (struct str){ s->ptr + prefix.len, s->len - prefix.len };
    return true;
}

static enum taken read_record(struct breakpad *p, struct str line)
{
    if (take_prefix(&line, STR("STACK ")))
        return read_stack(p, line);
    if (take_prefix(&line, STR("INLINE ")))
        return read_inline(p, line);
    if (take_prefix(&line, STR("FUNC ")))
        return read_function(p, line);
    if (take_prefix(&line, STR("PUBLIC ")))
        return read_public(p, line);
    if (take_prefix(&line, STR("FILE ")))
        return read_file(p, line);
    if (take_prefix(&line, STR("INLINE_ORIGIN ")))
        return read_origin(p, line);
    if (take_prefix(&line, STR("INFO ")))
        return read_info(&p->about, line);
    if (take_prefix(&line, STR("MODULE "))) {
        if (p->has_module)
            return BAD;
        p->has_module = read_module(&p->about, line) == TAKEN;
        return p->has_module ? TAKEN : BAD;
    }
    return read_line(p, line);
}

/* ---- the file ---- */

#define LINE_PIECE ((size_t)256)

/* Up to the first \n or \r. Looks for both piece by piece: a file may have only one of them. */
static size_t line_length(struct str s)
{
    size_t n = 0;
    for (size_t piece; n < s.len; n += piece) {
        piece = s.len - n < LINE_PIECE ? s.len - n : LINE_PIECE;
        const char *end = memchr(s.ptr + n, '\n', piece);
        size_t to = end ? (size_t)(end - s.ptr) - n : piece;
        const char *cr = memchr(s.ptr + n, '\r', to);
        if (cr || end)
            return (size_t)((cr ? cr : end) - s.ptr);
    }
    return n;
}

/* The next line that is not empty, without its end; false at the end of the file. Lines end with
 * "\n", "\r\n" or "\r". */
static bool take_line(struct str *rest, struct str *line)
{
    while (rest->len > 0 && (rest->ptr[0] == '\n' || rest->ptr[0] == '\r'))
        *rest = (struct str){ rest->ptr + 1, rest->len - 1 };
    if (rest->len == 0)
        return false;
    size_t n = line_length(*rest);
    *line = (struct str){ rest->ptr, n };
    *rest = (struct str){ rest->ptr + n, rest->len - n };
    return true;
}

/* ---- the lines of functions, in a hurry ---- */

/* Value + 1 of a digit; 0: it is none. */
static const uint8_t digit_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};
#define HURRY_BYTES                                                                                \
    64 /* so many can be read when a line is begun: more than one in a hurry has                   \
        */

/* A number of 1 to 8 digits and the character behind it; NULL: it is not so. */
static const uint8_t *hurry_number(const uint8_t *at, uint32_t base, char behind, uint32_t *out)
{
    const uint8_t *begin = at;
    uint32_t n = 0, digit;
    while ((digit = digit_values[*at]) != 0 && digit <= base && at - begin <= 8) {
        n = n * base + digit - 1;
        at++;
    }
    *out = n;
    bool good = at > begin && at - begin <= 8;
    return good && (*at == (uint8_t)behind || (*at == '\r' && behind == '\n')) ? at + 1 : NULL;
}

/* Lines as everybody writes them, one after the other, as far as they go. False: no memory, or a
 * limit. */
static bool hurry_lines(struct breakpad *p, struct str *rest)
{
    const uint8_t *at = (const uint8_t *)rest->ptr, *end = at + rest->len;
    bool ok = true;
    while (ok && end - at >= HURRY_BYTES && digit_values[*at] != 0) {
        uint32_t address, size, line, file_id, file;
        const uint8_t *next = hurry_number(at, 16, ' ', &address);
        next = next ? hurry_number(next, 16, ' ', &size) : NULL;
        next = next ? hurry_number(next, 10, ' ', &line) : NULL;
        next = next ? hurry_number(next, 10, '\n', &file_id) : NULL;
        if (!next)
            break;
        while (next < end && (*next == '\n' || *next == '\r'))
            next++;
        at = next;
        ok = find_file(p, file_id, &file) && symcache_add_line(p->b, address, size, line, file);
    }
    *rest = (struct str){ (const char *)at, (size_t)(end - at) };
    return ok;
}

static bool read_all(struct breakpad *p, struct str rest)
{
    struct str line;
    for (;;) {
        if (p->in_function && !hurry_lines(p, &rest))
            return false;
        if (!take_line(&rest, &line))
            return true;
        enum taken t = read_record(p, line);
        if (t == FAILED || (t == BAD && !symcache_skip(p->b)))
            return false;
    }
}

static bool name_origins(struct breakpad *p)
{
    for (size_t i = 0; i < p->origins.len; i++)
        if (!p->origins.at[i].known &&
            !symcache_set_name(p->b, p->origins.at[i].name, STR("<name omitted>")))
            return false;
    return true;
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "symbol file: no memory");
}

static bool read_text(struct breakpad *p, struct str text, struct err *e)
{
    if (!p->cfi || !id_map_init(&p->files) || !id_map_init(&p->origin_ids))
        return no_memory(e);
    bool ok = read_all(p, text) && name_origins(p);
    if (ok && !p->has_module)
        return err_set(e, ERR_INPUT, 0, "symbol file: it has no MODULE record");
    ok = ok && cfi_reader_end(p->cfi, p->about.cpu) && symcache_add_module(p->b, &p->about);
    if (!ok && !symcache_failed(p->b, e))
        return no_memory(e);
    return ok;
}

bool breakpad_read(struct bytes file, struct symcache_builder *b, struct err *e)
{
    struct breakpad p = { .b = b, .cfi = cfi_reader_new(b) };
    bool ok = read_text(&p, (struct str){ (const char *)file.ptr, file.len }, e);
    cfi_reader_free(p.cfi);
    id_map_done(&p.files);
    id_map_done(&p.origin_ids);
    VEC_FREE(&p.origins);
    VEC_FREE(&p.files_known);
    return ok;
}

bool breakpad_is(struct bytes first)
{
    return str_starts((struct str){ (const char *)first.ptr, first.len }, STR("MODULE "));
}

/* INFO records follow the MODULE record at once. */
bool breakpad_identify(struct bytes file, struct symcache_about *out, struct err *e)
{
    struct str rest = { (const char *)file.ptr, file.len }, line;
    struct symcache_about about = { 0 };
    if (!take_line(&rest, &line) || !take_prefix(&line, STR("MODULE ")) ||
        read_module(&about, line) != TAKEN)
        return err_set(e, ERR_INPUT, 0, "symbol file: it does not begin with a MODULE record");
    while (take_line(&rest, &line) && take_prefix(&line, STR("INFO ")))
        (void)read_info(&about, line);
    *out = about;
    return true;
}
