/* folder_unread.c - see the header. */
#include "symbols/folder_unread.h"

void folder_unread_add(struct folder_unread *u, const char *path, const struct err *why)
{
    struct unread_file f;
    struct str copy;
    if (!arena_str(u->arena, str_from_c(path), &copy) ||
        !arena_str(u->arena, str_from_c(why->msg), &f.why))
        return;
    f.path = copy.ptr;
    (void)VEC_PUSH(&u->files, f); /* or it is left out */
}

void folder_unread_done(struct folder_unread *u)
{
    VEC_FREE(&u->files);
}
