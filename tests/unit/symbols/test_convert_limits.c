/* What the helper process may not do any more, once it has given it up: each is tried in a process
 * of its own. */
#include "symbols/convert_limits.h"

#include "unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t other; /* a process that is not to be harmed: the test's own */
static int a_pipe[2];

static long call_kill(void)
{
    return kill(other, 0);
}

static long call_tkill(void)
{
    return syscall(SYS_tkill, other, 0);
}

static long call_tgkill(void)
{
    return syscall(SYS_tgkill, other, other, 0);
}

static long call_sigqueue(void)
{
    siginfo_t what = { .si_code = SI_QUEUE };
    return syscall(SYS_rt_sigqueueinfo, other, 0, &what);
}

static long call_tgsigqueue(void)
{
    siginfo_t what = { .si_code = SI_QUEUE };
    return syscall(SYS_rt_tgsigqueueinfo, other, other, 0, &what);
}

static long call_pidfd_open(void)
{
    return syscall(SYS_pidfd_open, other, 0);
}

static long call_pidfd_signal(void)
{
    return syscall(SYS_pidfd_send_signal, a_pipe[0], 0, NULL, 0);
}

static long call_madvise(void)
{
    return syscall(SYS_process_madvise, a_pipe[0], NULL, 0, 0, 0);
}

static long call_limits_of_another(void)
{
    const struct rlimit none = { 0, 0 };
    return syscall(SYS_prlimit64, other, RLIMIT_CORE, &none, NULL);
}

static long call_priority(void)
{
    return setpriority(PRIO_PROCESS, (id_t)other, 19);
}

static long call_affinity(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    return sched_setaffinity(other, sizeof one, &one);
}

static long call_owner(void)
{
    return fcntl(a_pipe[0], F_SETOWN, other);
}

static long call_signal_of_owner(void)
{
    return fcntl(a_pipe[0], F_SETSIG, SIGUSR1);
}

static long call_owner_by_ioctl(void)
{
    return ioctl(a_pipe[0], FIOSETOWN, &other);
}

static long call_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long call_exec(void)
{
    char *const none[] = { NULL };
    return execve("/bin/true", none, none);
}

static long call_fork(void)
{
    return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static const struct {
    const char *name;
    long (*call)(void);
} refused[] = {
    { "kill", call_kill },
    { "tkill", call_tkill },
    { "tgkill", call_tgkill },
    { "rt_sigqueueinfo", call_sigqueue },
    { "rt_tgsigqueueinfo", call_tgsigqueue },
    { "pidfd_open", call_pidfd_open },
    { "pidfd_send_signal", call_pidfd_signal },
    { "process_madvise", call_madvise },
    { "prlimit64 of another", call_limits_of_another },
    { "setpriority", call_priority },
    { "sched_setaffinity", call_affinity },
    { "F_SETOWN", call_owner },
    { "F_SETSIG", call_signal_of_owner },
    { "FIOSETOWN", call_owner_by_ioctl },
    { "socket", call_socket },
    { "execve", call_exec },
    { "clone", call_fork },
};

static void limit_this(int scratch)
{
    struct err e = { 0 };
    const struct process_limits limits = process_limits();
    if (!process_limits_set(&limits, scratch, &e))
        _exit(100);
}

/* How a process ends that has given up what it can. */
static int status_of(void (*run)(size_t i), size_t i)
{
    int status, scratch = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(scratch >= 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const int caught[] = { SIGABRT, SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGFPE };
        for (size_t k = 0; k < sizeof caught / sizeof *caught; k++)
            (void)signal(caught[k], SIG_DFL); /* cmocka has handlers */
        limit_this(scratch);
        run(i);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(scratch);
    return status;
}

static void try_call(size_t i)
{
    errno = 0;
    _exit(refused[i].call() == -1 && errno == EPERM ? 0 : 1);
}

static void calls(void **state)
{
    (void)state;
    if (!process_limits_are_whole())
        skip();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int status = status_of(try_call, i);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("%s: status %d", refused[i].name, status);
    }
}

static void work(size_t i)
{
    struct rlimit mine;
    (void)i;
    void *p = malloc((size_t)16 << 20);
    bool ok = p && getrlimit(RLIMIT_NOFILE, &mine) == 0 && mine.rlim_cur > 0 &&
              fcntl(a_pipe[0], F_GETFL) >= 0 && write(a_pipe[1], "x", 1) == 1;
    free(p);
    _exit(ok ? 0 : 1);
}

/* What it needs it still can. */
static void the_rest(void **state)
{
    (void)state;
    int status = status_of(work, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void be_asked(size_t i)
{
    const int requests[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction now;
    (void)i;
    for (size_t k = 0; k < sizeof requests / sizeof *requests; k++)
        if (sigaction(requests[k], NULL, &now) != 0 || now.sa_handler != SIG_IGN)
            _exit(1);
}

/* Signals that are meant for the server do not end it. */
static void requests(void **state)
{
    (void)state;
    int status = status_of(be_asked, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void give_up(size_t i)
{
    (void)i;
    abort();
}

/* abort() ends it all the same, by a signal that is its own fault. */
static void aborts(void **state)
{
    (void)state;
    int status = status_of(give_up, 0);
    assert_true(WIFSIGNALED(status));
    assert_true(WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV ||
                WTERMSIG(status) == SIGTRAP || WTERMSIG(status) == SIGILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls),
        cmocka_unit_test(the_rest),
        cmocka_unit_test(requests),
        cmocka_unit_test(aborts),
    };
    other = getpid();
    if (pipe2(a_pipe, O_CLOEXEC) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
