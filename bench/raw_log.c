/* raw_log.c - see the header. */
#include "bench/raw_log.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH_BYTES_MAX ((size_t)1 << 30)

struct raw_log {
    int fd;
    struct buf batch;
};

bool raw_log_open(struct raw_log **out, const char *path, struct err *e)
{
    struct raw_log *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    buf_init(&l->batch, BATCH_BYTES_MAX);
    l->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (l->fd < 0) {
        err_set(e, ERR_IO, 0, "cannot open %.120s: %s", path, strerror(errno));
        raw_log_close(l);
        return false;
    }
    *out = l;
    return true;
}

void raw_log_close(struct raw_log *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    buf_done(&l->batch);
    free(l);
}

bool raw_log_write(struct raw_log *l, const struct str *bodies, size_t count, struct err *e)
{
    buf_reset(&l->batch);
    for (size_t i = 0; i < count; i++)
        buf_str(&l->batch, bodies[i]);
    if (!buf_ok(&l->batch))
        return err_set(e, ERR_NOMEM, 0, "no memory");
    for (size_t done = 0; done < l->batch.len;) {
        ssize_t n = write(l->fd, l->batch.ptr + done, l->batch.len - done);
        if (n <= 0 && errno != EINTR)
            return err_set(e, ERR_IO, 0, "cannot write: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    if (fdatasync(l->fd) != 0)
        return err_set(e, ERR_IO, 0, "fdatasync: %s", strerror(errno));
    return true;
}
