/* convert_limits.c - see the header. The kernel offers: limits on what a process may use (rlimits),
 * Landlock for files (Linux 5.13), a seccomp filter for system calls.
 *
 * Under a sanitizer the limits on memory, files and calls are left out: it takes terabytes of
 * addresses, and at the end starts a process of its own, which reads /proc, to look for leaks. */
#include "symbols/convert_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define GB ((uint64_t)1 << 30)
#define NICE 10

struct process_limits process_limits(void)
{
    return (struct process_limits){
        .address_space_bytes = 24 * GB,
        .memory_bytes = 4 * GB,
        .file_bytes = 4 * GB + GB / 4,
        .cpu_seconds = 3600,
        .files = 64,
    };
}

static bool failed(struct err *e, const char *what)
{
    return err_set(e, ERR_IO, 0, "cannot limit the helper process (%s): %s", what, strerror(errno));
}

#define CPU_LAST_SECONDS                                                                           \
    5 /* between the signal that says what it is, and the one that ends all                        \
       */

static bool set_limit(int which, uint64_t value, struct err *e)
{
    const struct rlimit limit = { value, which == RLIMIT_CPU ? value + CPU_LAST_SECONDS : value };
    return setrlimit((__rlimit_resource_t)which, &limit) == 0 || failed(e, "setrlimit");
}

static bool set_limits(const struct process_limits *l, struct err *e)
{
    if (!SANITIZED && (!set_limit(RLIMIT_AS, l->address_space_bytes, e) ||
                       !set_limit(RLIMIT_DATA, l->memory_bytes, e)))
        return false;
    return set_limit(RLIMIT_CPU, l->cpu_seconds, e) && set_limit(RLIMIT_FSIZE, l->file_bytes, e) &&
           set_limit(RLIMIT_NOFILE, l->files, e) && set_limit(RLIMIT_CORE, 0, e);
}

/* --- files --------------------------------------------------------------------------------- */

#define READ_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define CHANGE_FILES                                                                               \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)
#define ALL_OF_FILES                                                                               \
    (READ_FILES | CHANGE_FILES | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |      \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static bool allow(int rules, int folder, uint64_t what)
{
    const struct landlock_path_beneath_attr rule = { .allowed_access = what, .parent_fd = folder };
    return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

/* Where libraries are, which are loaded later. */
static void allow_libraries(int rules)
{
    static const char *const folders[] = { "/usr",       "/lib",       "/lib64",
                                           "/nix/store", "/gnu/store", "/opt" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        int fd = open(folders[i], O_PATH | O_CLOEXEC);
        if (fd >= 0) {
            (void)allow(rules, fd, READ_FILES);
            close(fd);
        }
    }
    int cache = open("/etc/ld.so.cache", O_PATH | O_CLOEXEC);
    if (cache >= 0) {
        (void)allow(rules, cache, LANDLOCK_ACCESS_FS_READ_FILE);
        close(cache);
    }
}

/* A kernel without Landlock: no rules. */
static bool limit_files(int scratch, struct err *e)
{
    const struct landlock_ruleset_attr all = { .handled_access_fs = ALL_OF_FILES };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (rules < 0)
        return true;
    allow_libraries(rules);
    bool ok = allow(rules, scratch, READ_FILES | CHANGE_FILES) &&
              syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    if (!ok)
        (void)failed(e, "Landlock");
    close(rules);
    return ok;
}

/* --- system calls -------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef THIS_ARCH
static const unsigned refused[] = {
    /* the network, other programs, more processes */
    SYS_socket,
    SYS_socketpair,
    SYS_execve,
    SYS_execveat,
    SYS_clone,
    SYS_clone3,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    /* signals: abort() falls back on an instruction that ends it */
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_send_signal,
    /* other processes in other ways */
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_process_mrelease,
    SYS_kcmp,
    SYS_migrate_pages,
    SYS_move_pages,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_setpgid,
    SYS_sched_setaffinity,
    SYS_sched_setattr,
    SYS_sched_setparam,
    SYS_sched_setscheduler,
    /* the system */
    SYS_mount,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_io_uring_setup,
    SYS_userfaultfd,
};
#define REFUSED (sizeof refused / sizeof *refused)

/* Refused by the low half of an argument: when it is this, or (`unless`) when it is not. Whoever
 * owns a descriptor may have signals sent by it, of any number. */
static const struct {
    unsigned call, argument, value;
    bool unless;
} refused_with[] = {
    { SYS_fcntl, 1, F_SETOWN, false },  { SYS_fcntl, 1, F_SETOWN_EX, false },
    { SYS_fcntl, 1, F_SETSIG, false },  { SYS_ioctl, 1, FIOSETOWN, false },
    { SYS_ioctl, 1, SIOCSPGRP, false }, { SYS_prlimit64, 0, 0, true }, /* of itself alone */
};
#define REFUSED_WITH (sizeof refused_with / sizeof *refused_with)
#define RULE_STEPS 5        /* for one of those */
#define X32_BIT 0x40000000u /* of system calls by another way into the kernel of x86-64 */

#define LOAD(what)                                                                                 \
    (struct sock_filter)                                                                           \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, what))
#define IF_EQUAL(value, yes, no)                                                                   \
    (struct sock_filter)                                                                           \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, (unsigned char)(yes), (unsigned char)(no))
#define RETURN(what) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)

/* With the call's number loaded, before and after. Both architectures are little-endian. */
static size_t write_rule(struct sock_filter *code, size_t i)
{
    bool unless = refused_with[i].unless;
    size_t n = 0;
    code[n++] = IF_EQUAL(refused_with[i].call, 0, RULE_STEPS - 1);
    code[n++] = LOAD(args[refused_with[i].argument]);
    code[n++] = IF_EQUAL(refused_with[i].value, unless, !unless);
    code[n++] = RETURN(REFUSE);
    code[n++] = LOAD(nr);
    return n;
}

static bool limit_calls(void)
{
    struct sock_filter code[REFUSED + REFUSED_WITH * RULE_STEPS + 8];
    size_t n = 0;
    code[n++] = LOAD(arch);
    code[n++] = IF_EQUAL(THIS_ARCH, 1, 0);
    code[n++] = RETURN(REFUSE);
    code[n++] = LOAD(nr);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    code[n++] = RETURN(REFUSE);
    for (size_t i = 0; i < REFUSED_WITH; i++)
        n += write_rule(code + n, i);
    for (size_t i = 0; i < REFUSED; i++)
        code[n++] = IF_EQUAL(refused[i], REFUSED - i, 0);
    code[n++] = RETURN(SECCOMP_RET_ALLOW);
    code[n++] = RETURN(REFUSE);
    const struct sock_fprog program = { .len = (unsigned short)n, .filter = code };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 || errno == EINVAL;
}
#else
static bool limit_calls(void)
{
    return true;
}
#endif

bool process_limits_are_whole(void)
{
    return !SANITIZED;
}

/* What ends the server, from a terminal or from whoever runs services, is the server's to obey: it
 * ends its helpers. */
static void ignore_requests(void)
{
    const int requests[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        (void)signal(requests[i], SIG_IGN);
}

bool process_limits_set(const struct process_limits *limits, int scratch, struct err *e)
{
    const struct sched_param batch = { 0 };
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    ignore_requests();
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    (void)sched_setscheduler(0, SCHED_BATCH, &batch);
    return (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || failed(e, "no new privileges")) &&
           (SANITIZED || limit_files(scratch, e)) &&
           (SANITIZED || limit_calls() || failed(e, "seccomp")) && set_limits(limits, e);
}
