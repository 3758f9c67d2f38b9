/* lines.c - reads a file in large pieces and cuts it at newlines. */
#include "cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)256 << 10) /* bytes read at a time, at least */

struct lines {
    int fd;
    bool ended;
    char *ptr;
    size_t cap;
    size_t begin, end; /* invariant: begin <= end <= cap; what is read and not yet given */
    uint64_t number, given, size;
};

bool lines_open(struct lines **out, const char *path, struct err *e)
{
    struct lines *l = calloc(1, sizeof *l);
    char *room = malloc(4 * PIECE);
    if (!l || !room) {
        free(l);
        free(room);
        return err_set(e, ERR_NOMEM, 0, "no memory to read %.120s", path);
    }
    l->ptr = room;
    l->cap = 4 * PIECE;
    l->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    struct stat st;
    if (l->fd < 0 || fstat(l->fd, &st) != 0) {
        int why = errno;
        lines_close(l);
        return err_set(e, why == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "cannot open %.120s: %s", path,
                       strerror(why));
    }
    l->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    *out = l;
    return true;
}

void lines_close(struct lines *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    free(l->ptr);
    free(l);
}

/* Room behind `end`: moves what is there to the front, or grows. */
static bool make_room(struct lines *l)
{
    if (l->begin > 0) {
        memmove(l->ptr, l->ptr + l->begin, l->end - l->begin);
        l->end -= l->begin;
        l->begin = 0;
    }
    if (l->cap - l->end >= PIECE)
        return true;
    char *p = realloc(l->ptr, l->cap * 2);
    if (!p)
        return false;
    l->ptr = p;
    l->cap *= 2;
    return true;
}

static bool read_piece(struct lines *l, struct err *e)
{
    if (l->cap - l->end < PIECE && !make_room(l))
        return err_set(e, ERR_NOMEM, 0, "no memory for a line of %zu bytes", l->end - l->begin);
    ssize_t n;
    do
        n = read(l->fd, l->ptr + l->end, l->cap - l->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set(e, ERR_IO, 0, "cannot read on: %s", strerror(errno));
    l->ended = n == 0;
    l->end += (size_t)n;
    return true;
}

static bool is_blank(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != ' ' && s.ptr[i] != '\t' && s.ptr[i] != '\r')
            return false;
    return true;
}

/* One line, blank or not. What passes LINES_LENGTH_MAX is let go piece by piece. */
static enum lines_outcome next_line(struct lines *l, struct str *line, struct err *e)
{
    size_t searched = 0;
    bool too_long = false;
    for (;;) {
        size_t have = l->end - l->begin;
        const char *from = l->ptr + l->begin;
        const char *newline =
            have > searched ? memchr(from + searched, '\n', have - searched) : NULL;
        if (newline || (l->ended && (have || too_long))) {
            size_t len = newline ? (size_t)(newline - from) : have;
            size_t taken = newline ? len + 1 : len;
            *line = (struct str){ from, len };
            l->begin += taken;
            l->given += taken;
            l->number++;
            return too_long || len > LINES_LENGTH_MAX ? LINES_TOO_LONG : LINES_LINE;
        }
        if (l->ended)
            return LINES_END;
        if (have > LINES_LENGTH_MAX) {
            too_long = true;
            l->given += have;
            l->begin = l->end = have = 0;
        }
        searched = have;
        if (!read_piece(l, e))
            return LINES_FAILED;
    }
}

enum lines_outcome lines_next(struct lines *l, struct str *line, struct err *e)
{
    for (;;) {
        enum lines_outcome o = next_line(l, line, e);
        if (o != LINES_LINE || !is_blank(*line))
            return o;
    }
}

uint64_t lines_number(const struct lines *l)
{
    return l->number;
}

uint64_t lines_read(const struct lines *l)
{
    return l->given;
}

uint64_t lines_size(const struct lines *l)
{
    return l->size;
}
