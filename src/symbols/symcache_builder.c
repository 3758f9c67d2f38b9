/* symcache_builder.c - to come. */
#include "symbols/symcache_builder.h"

struct symcache_builder *symcache_builder_new(size_t memory_bytes)
{
    (void)memory_bytes;
    return NULL;
}
void symcache_builder_free(struct symcache_builder *b)
{
    (void)b;
}
bool symcache_add_module(struct symcache_builder *b, const struct symcache_about *module)
{
    (void)b;
    (void)module;
    return false;
}
bool symcache_add_file(struct symcache_builder *b, struct str path, uint32_t *number)
{
    (void)b;
    (void)path;
    (void)number;
    return false;
}
bool symcache_add_name(struct symcache_builder *b, struct str name, uint32_t *number)
{
    (void)b;
    (void)name;
    (void)number;
    return false;
}
bool symcache_add_function(struct symcache_builder *b, uint64_t address, uint64_t size,
                           uint32_t parameter_bytes, uint32_t name)
{
    (void)b;
    (void)address;
    (void)size;
    (void)parameter_bytes;
    (void)name;
    return false;
}
bool symcache_add_line(struct symcache_builder *b, uint64_t address, uint64_t size, uint32_t line,
                       uint32_t file)
{
    (void)b;
    (void)address;
    (void)size;
    (void)line;
    (void)file;
    return false;
}
bool symcache_add_inline(struct symcache_builder *b, uint32_t depth, uint64_t address,
                         uint64_t size, uint32_t name, uint32_t call_line, uint32_t call_file)
{
    (void)b;
    (void)depth;
    (void)address;
    (void)size;
    (void)name;
    (void)call_line;
    (void)call_file;
    return false;
}
bool symcache_add_public(struct symcache_builder *b, uint64_t address, uint32_t parameter_bytes,
                         uint32_t name)
{
    (void)b;
    (void)address;
    (void)parameter_bytes;
    (void)name;
    return false;
}
bool symcache_add_cfi(struct symcache_builder *b, uint64_t address, uint64_t size,
                      struct bytes program)
{
    (void)b;
    (void)address;
    (void)size;
    (void)program;
    return false;
}
bool symcache_add_win(struct symcache_builder *b, const struct symcache_win *w)
{
    (void)b;
    (void)w;
    return false;
}
bool symcache_write_file(struct symcache_builder *b, int fd, struct err *e)
{
    (void)b;
    (void)fd;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
bool symcache_write_buf(struct symcache_builder *b, struct buf *out, struct err *e)
{
    (void)b;
    (void)out;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
