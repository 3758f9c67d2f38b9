/* write_all.c - see the header. */
#include "base/write_all.h"

#include <errno.h>
#include <unistd.h>

bool write_all(int fd, struct str bytes, const char *what, struct err *e)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, 0, "%s: %s",
                           what, strerror(errno));
        bytes = (struct str){ bytes.ptr + n, bytes.len - (size_t)n };
    }
    return true;
}
