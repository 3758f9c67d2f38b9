/* password.c - see the header.
 *
 * What is hard: a signal while the terminal does not echo must not leave it so. Signals are blocked
 * meanwhile and looked at beside the terminal; when one comes, the terminal is put right first and
 * the signal let through then. */
#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* Until the file ends or the room is full; -1 is an error of the system. */
static ssize_t read_some(int fd, char *out, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t n = read(fd, out + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* The line without its end. What stands behind it must be nothing. */
static bool take_line(struct password *p, const char *text, size_t len, struct err *e)
{
    const char *end = memchr(text, '\n', len);
    size_t line = end ? (size_t)(end - text) : len;
    if (end && line + 1 < len)
        return err_set(e, ERR_INPUT, 0, "the password must be one line, and there is a second");
    if (line > 0 && text[line - 1] == '\r')
        line--;
    p->len = line < sizeof p->text ? line : sizeof p->text;
    memcpy(p->text, text, p->len);
    return true;
}

static bool read_line(struct password *p, int fd, const char *what, struct err *e)
{
    char text[sizeof p->text + 2]; /* with the end of the line */
    ssize_t len = read_some(fd, text, sizeof text);
    bool ok = len >= 0 ? take_line(p, text, (size_t)len, e)
                       : err_set(e, ERR_IO, 0, "cannot read %.120s: %m", what);
    sodium_memzero(text, sizeof text);
    return ok;
}

bool password_read(struct password *p, const char *path, struct err *e)
{
    p->len = 0;
    if (!strcmp(path, "-"))
        return read_line(p, STDIN_FILENO, "standard input", e);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "cannot open %.120s: %m",
                       path);
    bool ok = read_line(p, fd, path, e);
    close(fd);
    return ok;
}

/* --- at a terminal ---------------------------------------------------------------------------- */

/* One line of the terminal; false when a signal came instead, or the terminal went away. */
static bool wait_for_line(int signals, struct password *p, struct err *e)
{
    struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                            { .fd = signals, .events = POLLIN } };
    char text[sizeof p->text + 2];
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    if (fds[1].revents)
        return err_set(e, ERR_IO, 0, "interrupted");
    ssize_t len = read(STDIN_FILENO, text, sizeof text); /* a terminal gives it line by line */
    bool ok = len > 0 ? take_line(p, text, (size_t)len, e)
                      : err_set(e, ERR_IO, 0, "the terminal gives no password");
    sodium_memzero(text, sizeof text);
    return ok;
}

static bool ask_both(int signals, struct password *p, struct err *e)
{
    struct password again;
    fputs("Password: ", stderr);
    if (!wait_for_line(signals, p, e))
        return false;
    fputs("\nThe same again: ", stderr);
    if (!wait_for_line(signals, &again, e))
        return false;
    bool same = p->len == again.len && sodium_memcmp(p->text, again.text, p->len) == 0;
    password_done(&again);
    return same || err_set(e, ERR_INPUT, 0, "the two passwords are not the same");
}

bool password_ask(struct password *p, struct err *e)
{
    struct termios before, silent;
    sigset_t set, old;
    p->len = 0;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return err_set(e, ERR_INPUT, 0,
                       "--password-file is missing, and standard input is no terminal to ask on");
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGTSTP);
    int signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (signals < 0)
        return err_set(e, ERR_IO, 0, "signalfd: %m");
    sigprocmask(SIG_BLOCK, &set, &old);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    bool ok = ask_both(signals, p, e);
    fputc('\n', stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    sigprocmask(SIG_SETMASK, &old, NULL); /* and one that came takes effect here */
    close(signals);
    return ok;
}

void password_done(struct password *p)
{
    sodium_memzero(p, sizeof *p);
}
