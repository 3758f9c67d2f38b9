/* helper.c - see the header.
 *
 * posix_spawn does not copy the server's memory, as fork would. Descriptors: 0 and 1 are the
 * socket, 2 is the server's log, 3 the upload, 4 the scratch folder; there are no others. */
#include "engine/helper.h"

#include "base/metrics.h"
#include "symbols/convert_line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FREE 10 /* copies of descriptors, out of the way of 0 to 4 */
#define LOOK_MS 100   /* how often is_over is asked */
#define GRACE_MS 5000 /* to end by itself */
#define ENVIRONMENT_MAX 16

enum { AT_UPLOAD = 3, AT_SCRATCH = 4, AT_NOTHING = 5 };

/* --- start --------------------------------------------------------------------------------- */

/* Only what a program needs to run; what else stands in a server's environment may be secret. */
static void environment(char *out[ENVIRONMENT_MAX])
{
    static const char *const kept[] = { "PATH=",         "LD_LIBRARY_PATH=", "TZ=",
                                        "ASAN_OPTIONS=", "UBSAN_OPTIONS=",   "TSAN_OPTIONS=",
                                        "LSAN_OPTIONS=", "TMPDIR=" };
    static char utf8[] = "LC_ALL=C.UTF-8";
    size_t n = 0;
    out[n++] = utf8;
    for (char **v = environ; v && *v; v++)
        for (size_t i = 0; i < sizeof kept / sizeof *kept && n + 1 < ENVIRONMENT_MAX; i++)
            if (!strncmp(*v, kept[i], strlen(kept[i])))
                out[n++] = *v;
    out[n] = NULL;
}

struct descriptors {
    int theirs, upload, scratch; /* copies, to be closed afterwards; -1 */
};

static bool copy_descriptors(struct descriptors *d, int theirs, const struct helper_start *how)
{
    d->theirs = fcntl(theirs, F_DUPFD_CLOEXEC, FIRST_FREE);
    d->upload = fcntl(how->upload, F_DUPFD_CLOEXEC, FIRST_FREE);
    d->scratch = fcntl(how->scratch, F_DUPFD_CLOEXEC, FIRST_FREE);
    return d->theirs >= 0 && d->upload >= 0 && d->scratch >= 0;
}

static void close_descriptors(const struct descriptors *d)
{
    const int all[] = { d->theirs, d->upload, d->scratch };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] >= 0)
            close(all[i]);
}

static int place_descriptors(posix_spawn_file_actions_t *actions, const struct descriptors *d)
{
    int rc = posix_spawn_file_actions_adddup2(actions, d->theirs, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, d->theirs, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, d->upload, AT_UPLOAD);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, d->scratch, AT_SCRATCH);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, AT_NOTHING);
    return rc;
}

/* No signal is blocked or ignored, whatever is in the server; and it has a process group of its
 * own, so that Ctrl-C in the server's terminal is not for it. */
static int own_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                      POSIX_SPAWN_SETPGROUP);
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attributes, 0);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attributes, &none);
    return rc == 0 ? posix_spawnattr_setsigdefault(attributes, &all) : rc;
}

/* The arguments of posix_spawn are not const, for history's sake. */
static char *argument(const char *s)
{
    union {
        const char *in;
        char *out;
    } u = { .in = s };
    return u.out;
}

static int spawn(struct helper *h, const struct helper_start *how, const struct descriptors *d)
{
    char *const arguments[] = { argument("crumple"), argument("symbols"),
                                argument("convert"), argument("--upload"),
                                argument("3"),       argument("--scratch"),
                                argument("4"),       argument("--name"),
                                argument(how->name), NULL };
    char *variables[ENVIRONMENT_MAX];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    environment(variables);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = place_descriptors(&actions, d);
        if (rc == 0)
            rc = own_signals(&attributes);
        if (rc == 0)
            rc = posix_spawn(&h->pid, how->program, &actions, &attributes, arguments, variables);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

bool helper_start(struct helper *h, const struct helper_start *how, struct err *e)
{
    int ends[2];
    struct descriptors d;
    *h = (struct helper){ .fd = -1, .is_over = how->is_over, .ctx = how->ctx };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(e, ERR_BUSY, 0, "no socket for a helper process: %s", strerror(errno));
    int rc = copy_descriptors(&d, ends[1], how) ? spawn(h, how, &d) : errno;
    close_descriptors(&d);
    close(ends[1]);
    if (rc != 0) {
        close(ends[0]);
        h->pid = 0;
        return err_set(e, ERR_BUSY, 0, "cannot start a helper process: %s", strerror(rc));
    }
    h->fd = ends[0];
    h->deadline_us = metric_clock_us() + how->timeout_ms * 1000;
    buf_init(&h->in, CONVERT_LINE_MAX);
    return true;
}

/* --- talk ---------------------------------------------------------------------------------- */

/* Waits until there is something to read, a little while at a time. */
static enum helper_got wait_input(struct helper *h)
{
    for (;;) {
        struct pollfd p = { .fd = h->fd, .events = POLLIN };
        int n = poll(&p, 1, LOOK_MS);
        if (n > 0)
            return HELPER_LINE;
        if (h->is_over(h->ctx))
            return HELPER_OVER;
        if (metric_clock_us() > h->deadline_us || (n < 0 && errno != EINTR))
            return HELPER_ENDED;
    }
}

/* The bytes behind the last line move to the front. */
static void drop_line(struct helper *h)
{
    if (h->line_end == 0)
        return;
    h->in.len -= h->line_end;
    memmove(h->in.ptr, h->in.ptr + h->line_end, h->in.len);
    h->line_end = 0;
}

enum helper_got helper_next(struct helper *h, struct str *line)
{
    char piece[4096];
    drop_line(h);
    while (!h->deaf) {
        const char *end = h->in.len ? memchr(h->in.ptr, '\n', h->in.len) : NULL;
        if (end) {
            h->line_end = (size_t)(end - h->in.ptr) + 1;
            *line = (struct str){ h->in.ptr, h->line_end - 1 };
            return HELPER_LINE;
        }
        enum helper_got got = wait_input(h);
        if (got != HELPER_LINE)
            return got;
        ssize_t n = recv(h->fd, piece, sizeof piece, 0);
        if (n < 0 && errno == EINTR)
            continue;
        h->gone = n <= 0;
        if (h->gone)
            return HELPER_ENDED;
        buf_add(&h->in, piece, (size_t)n);
        if (!buf_ok(&h->in)) /* a line that is too long, or no memory */
            return HELPER_ENDED;
    }
    return HELPER_ENDED;
}

void helper_tell(struct helper *h, char c)
{
    ssize_t n;
    do
        n = send(h->fd, &c, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    h->deaf = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* --- end ----------------------------------------------------------------------------------- */

/* How it ended; after GRACE_MS it is killed. *by_us: that, or what came before (was_killed), was
 * its end. */
static int reap(struct helper *h, bool was_killed, bool *by_us)
{
    int status = 0;
    int64_t until_us = metric_clock_us() + GRACE_MS * 1000;
    *by_us = was_killed;
    for (;;) {
        pid_t pid = waitpid(h->pid, &status, *by_us ? 0 : WNOHANG);
        if (pid == h->pid || (pid < 0 && errno != EINTR))
            break;
        if (pid == 0 && metric_clock_us() > until_us) {
            *by_us = true;
            kill(h->pid, SIGKILL);
        } else if (pid == 0) {
            (void)poll(NULL, 0, 1);
        }
    }
    h->pid = 0;
    return status;
}

/* Signals that a process brings on itself. */
static bool is_own_fault(int signal)
{
    static const int faults[] = { SIGSEGV, SIGBUS,  SIGILL,  SIGFPE, SIGABRT,
                                  SIGSYS,  SIGTRAP, SIGXCPU, SIGXFSZ };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (signal == faults[i])
            return true;
    return false;
}

static enum helper_end died(struct err *e, int signal)
{
    bool fault = is_own_fault(signal);
    const char *why = !fault              ? "somebody ended it"
                      : signal == SIGXCPU ? "it takes more processor time than is allowed"
                      : signal == SIGXFSZ ? "it makes a larger file than is allowed"
                                          : "the file is damaged in a way that we do not bear";
    (void)err_set(e, fault ? ERR_INPUT : ERR_BUSY, 0,
                  "the process that read it ended with signal %d (%s): %s", signal,
                  strsignal(signal), why);
    return fault ? HELPER_FAILED : HELPER_KILLED;
}

enum helper_end helper_end(struct helper *h, bool kill_it, struct err *e)
{
    bool late = !h->gone && metric_clock_us() > h->deadline_us, by_us;
    /* What is ending by itself is waited for: how it ends is what counts. */
    kill_it = kill_it && !h->gone;
    if (kill_it) /* before the socket goes, which might end it, too */
        kill(h->pid, SIGKILL);
    close(h->fd);
    h->fd = -1;
    buf_done(&h->in);
    int status = reap(h, kill_it, &by_us);
    if (late && by_us)
        (void)err_set(e, ERR_LIMIT, 0, "reading it takes longer than is allowed");
    else if (by_us && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        (void)err_set(e, ERR_INPUT, 0, "the process that read it was ended: it %s",
                      h->deaf   ? "does not read what it is told"
                      : h->gone ? "said nothing more and did not end"
                                : "makes no sense");
    else if (WIFSIGNALED(status))
        return died(e, WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        (void)err_set(e, ERR_IO, 0, "the process that read it ended with the exit status %d",
                      WEXITSTATUS(status));
    else
        return HELPER_WELL;
    return !by_us && WEXITSTATUS(status) == 1 ? HELPER_LATER : HELPER_FAILED;
}
