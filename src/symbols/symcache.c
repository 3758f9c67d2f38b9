/* symcache.c - lookups in an image. */
#include "symbols/symcache.h"

bool symcache_open(struct symcache **out, struct bytes image, struct err *e)
{
    (void)out;
    (void)image;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
bool symcache_open_file(struct symcache **out, const char *path, struct err *e)
{
    (void)out;
    (void)path;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
void symcache_free(struct symcache *c)
{
    (void)c;
}
bool symcache_verify(const struct symcache *c, struct err *e)
{
    (void)c;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
void symcache_about(const struct symcache *c, struct symcache_about *out)
{
    (void)c;
    *out = (struct symcache_about){ 0 };
}
size_t symcache_find(const struct symcache *c, uint64_t address, struct symcache_frame *out,
                     size_t max)
{
    (void)c;
    (void)address;
    (void)out;
    (void)max;
    return 0;
}
bool symcache_cfi(const struct symcache *c, uint64_t address, struct bytes *program)
{
    (void)c;
    (void)address;
    (void)program;
    return false;
}
bool symcache_win(const struct symcache *c, uint64_t address, struct symcache_win *out)
{
    (void)c;
    (void)address;
    (void)out;
    return false;
}
