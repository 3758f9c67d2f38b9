/* core_arguments.c - the command line.
 *
 * The note about the process has its first 79 bytes, joined by blanks. The whole lies where the
 * kernel put it when the program began, at the bottom of the first stack:
 *
 *     number of arguments, addresses of arguments, 0, addresses of variables, 0, auxiliary vector
 *
 * The vector is also a note, by which the place is found. */
#include "decode/core_parts.h"

#define VARIABLES_MAX 100000

/* The word before byte `at` of the stack; false: there is none. */
static bool word_before(const struct core *c, struct bytes stack, size_t *at, uint64_t *out)
{
    size_t word = c->is_64 ? 8 : 4;
    if (*at < word)
        return false;
    *at -= word;
    struct reader r = core_reader(c, (struct bytes){ stack.ptr + *at, word });
    *out = core_word(c, &r);
    return true;
}

/* Goes back over addresses up to the word that ends them, 0; false: there is none. */
static bool skip_variables(const struct core *c, struct bytes stack, size_t *at)
{
    uint64_t value;
    for (size_t i = 0; i <= VARIABLES_MAX && word_before(c, stack, at, &value); i++)
        if (value == 0)
            return true;
    return false;
}

/* Where the addresses of the arguments begin in the stack, and how many there are. */
static bool find_addresses(const struct core *c, struct bytes stack, size_t *begin, size_t *count)
{
    const uint8_t *vector = memmem(stack.ptr, stack.len, c->auxiliary.ptr, c->auxiliary.len);
    size_t at = vector ? (size_t)(vector - stack.ptr) : 0;
    uint64_t value;
    if (!word_before(c, stack, &at, &value) || value != 0 || !skip_variables(c, stack, &at))
        return false;
    for (*count = 0; *count <= DUMP_NOTES_MAX; (*count)++) {
        *begin = at;
        if (!word_before(c, stack, &at, &value))
            return false;
        if (value == *count) /* no address is as low */
            return true;
    }
    return false;
}

static bool note_addresses(struct core *c, struct reader *r, size_t count)
{
    struct json_writer *w = dump_note(&c->make, "Exec Arguments");
    json_list(w);
    for (size_t i = 0; i < count; i++) {
        struct str text;
        if (!core_text(c, core_word(c, r), &text))
            return false;
        json_str(w, text);
    }
    json_list_end(w);
    return true;
}

/* What stands between blanks. */
static bool note_joined(struct core *c, struct bytes raw)
{
    struct str rest;
    if (!dump_utf8(&c->make, raw, &rest))
        return false;
    if (rest.len == 0)
        return true;
    struct json_writer *w = dump_note(&c->make, "Exec Arguments");
    json_list(w);
    while (rest.len > 0) {
        const char *stop = memchr(rest.ptr, ' ', rest.len);
        size_t len = stop ? (size_t)(stop - rest.ptr) : rest.len, taken = stop ? len + 1 : len;
        if (len > 0)
            json_str(w, (struct str){ rest.ptr, len });
        rest = (struct str){ rest.ptr + taken, rest.len - taken };
    }
    json_list_end(w);
    return true;
}

bool core_note_arguments(struct core *c, struct bytes joined)
{
    const struct walk_region *stack = dump_region(c->regions, c->region_count, c->auxv.execfn);
    size_t begin, count;
    if (!stack || c->auxiliary.len == 0 || !find_addresses(c, stack->bytes, &begin, &count))
        return note_joined(c, joined);
    struct reader r =
        core_reader(c, (struct bytes){ stack->bytes.ptr + begin, stack->bytes.len - begin });
    return note_addresses(c, &r, count);
}
