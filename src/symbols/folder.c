/* folder.c - to come. */
#include "symbols/folder.h"

bool symbol_folders_open(struct symbol_folders **out, const char *const *dirs, size_t count,
                         const char *cache_dir, struct err *e)
{
    (void)out;
    (void)dirs;
    (void)count;
    (void)cache_dir;
    return err_set(e, ERR_INPUT, 0, "not yet");
}
void symbol_folders_close(struct symbol_folders *f)
{
    (void)f;
}
struct symbol_source symbol_folders_source(struct symbol_folders *f)
{
    return (struct symbol_source){ .ctx = f };
}
