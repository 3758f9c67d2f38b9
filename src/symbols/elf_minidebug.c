/* elf_minidebug.c - unpacks .gnu_debugdata. Its size is not known before: the room is doubled until
 * it fits. */
#include "symbols/elf_minidebug.h"

#include "base/dynlib.h"

#include <lzma.h>

DYNLIB_FUNCTION(lzma_stream_buffer_decode);

static bool load(void)
{
    static const struct dynlib_symbol symbols[] = { DYNLIB_SYMBOL(lzma_stream_buffer_decode) };
    struct err e;
    return dynlib_load("liblzma.so.5", symbols, 1, &e);
}

static lzma_ret unpack(struct bytes packed, uint8_t *out, size_t room, size_t *size)
{
    uint64_t memory = ELF_MINIDEBUG_MEMORY;
    size_t read = 0;
    *size = 0;
    return dl_lzma_stream_buffer_decode(&memory, 0, NULL, packed.ptr, &read, packed.len, out, size,
                                        room);
}

struct bytes elf_minidebug(const struct elf_image *m)
{
    const struct elf_section *s = elf_section_find(m, ".gnu_debugdata");
    if (!s || s->content.len == 0 || !load())
        return (struct bytes){ 0 };
    for (size_t room = (size_t)64 << 10; room <= ELF_MINIDEBUG_MAX; room *= 2) {
        size_t size;
        uint8_t *out = malloc(room);
        lzma_ret result = out ? unpack(s->content, out, room, &size) : LZMA_MEM_ERROR;
        if (result == LZMA_OK)
            return (struct bytes){ out, size };
        free(out);
        if (result != LZMA_BUF_ERROR)
            break;
    }
    return (struct bytes){ 0 };
}
