/* text.c - see the header. */
#include "cli/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool text_read(struct text *t, const char *path, struct err *e)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!f)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "cannot open %.120s: %m",
                       path);
    size_t room = 0;
    ssize_t len = getdelim(&t->ptr, &room, '\0', f); /* JSON holds no NUL: this is the whole file */
    if (f != stdin)
        fclose(f);
    const char *end = len > 0 ? t->ptr + len : NULL;
    for (const char *at = t->ptr; end && at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct str line = { at, (size_t)((stop ? stop : end) - at) };
        if (line.len > 0 && !VEC_PUSH(&t->lines, line))
            return err_set(e, ERR_NOMEM, 0, "no memory");
        at += line.len + 1;
    }
    return t->lines.len > 0 || err_set(e, ERR_INPUT, 0, "%.120s is empty", path);
}

void text_free(struct text *t)
{
    VEC_FREE(&t->lines);
    free(t->ptr);
}
