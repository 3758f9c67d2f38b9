/* core_link_map.c - the list that the dynamic linker keeps for debuggers: struct r_debug and struct
 * link_map of <link.h>. Asked for when a core has no note of mapped files (Linux before 3.7). */
#include "decode/core_parts.h"

#include <elf.h>
#include <stdlib.h>

#define ENTRIES_MAX 512 /* of a dynamic section */

/* A number at an address; false: the file does not have it. */
static bool word_at(const struct core *c, uint64_t address, uint64_t *out)
{
    struct reader r = core_reader(c, core_memory(c, address));
    *out = core_word(c, &r);
    return !r.failed;
}

/* The address of the linker's structure, which stands in the dynamic section of the program. */
static uint64_t find_debug(struct core *c)
{
    struct core_image image;
    const struct core_segment *program = core_segment_at(c, c->auxv.phdr);
    if (!program || !core_read_image(c, program->address, &image) || !image.dynamic)
        return 0;
    struct reader r = core_reader(c, core_memory(c, image.dynamic));
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        uint64_t tag = core_word(c, &r), value = core_word(c, &r);
        if (r.failed || tag == DT_NULL)
            break;
        if (tag == DT_DEBUG)
            return value;
    }
    return 0;
}

static int by_bias(const void *a, const void *b)
{
    const struct core_link *x = a, *y = b;
    return (x->bias > y->bias) - (x->bias < y->bias);
}

/* A loop in the list ends at the limit. */
bool core_read_links(struct core *c, struct core_link **out, size_t *count)
{
    uint64_t word = c->is_64 ? 8 : 4, at = 0, debug = c->auxv.phdr ? find_debug(c) : 0;
    *count = 0;
    *out = arena_array(c->arena, DUMP_MODULES_MAX, sizeof **out);
    if (!*out)
        return false;
    if (!debug || !word_at(c, debug + word, &at)) /* behind a number, which is filled up */
        return true;
    while (at && *count < DUMP_MODULES_MAX) {
        struct core_link link;
        uint64_t next;
        if (!word_at(c, at, &link.bias) || !word_at(c, at + word, &link.name_at) ||
            !word_at(c, at + 3 * word, &next))
            break;
        (*out)[(*count)++] = link;
        at = next;
    }
    qsort(*out, *count, sizeof **out, by_bias);
    return true;
}
