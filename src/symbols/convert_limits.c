/* convert_limits.c - see the header. The kernel offers: limits on what a process may use (rlimits),
 * Landlock for files (Linux 5.13), a seccomp filter for system calls.
 *
 * Under a sanitizer the limits on memory, files and calls are left out: it takes terabytes of
 * addresses, and at the end starts a process of its own, which reads /proc. */
#include "symbols/convert_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
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
    SYS_socket,      SYS_socketpair,      SYS_execve,           SYS_execveat,
    SYS_clone,       SYS_clone3,
#ifdef SYS_fork
    SYS_fork,        SYS_vfork,
#endif
    SYS_kill,        SYS_ptrace,          SYS_process_vm_readv, SYS_process_vm_writev,
    SYS_pidfd_open,  SYS_mount,           SYS_unshare,          SYS_setns,
    SYS_bpf,         SYS_perf_event_open, SYS_keyctl,           SYS_add_key,
    SYS_request_key, SYS_io_uring_setup,  SYS_userfaultfd,
};
#define REFUSED (sizeof refused / sizeof *refused)
#define X32_BIT 0x40000000u /* of system calls by another way into the kernel of x86-64 */

static bool limit_calls(void)
{
    struct sock_filter code[REFUSED + 6];
    size_t n = 0;
    const unsigned refuse = SECCOMP_RET_ERRNO | EPERM;
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 0,
                                             (unsigned char)(REFUSED + 3));
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT,
                                             (unsigned char)(REFUSED + 1), 0);
    for (size_t i = 0; i < REFUSED; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i],
                                                 (unsigned char)(REFUSED - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refuse);
    const struct sock_fprog program = { .len = (unsigned short)n, .filter = code };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 || errno == EINVAL;
}
#else
static bool limit_calls(void)
{
    return true;
}
#endif

bool process_limits_set(const struct process_limits *limits, int scratch, struct err *e)
{
    const struct sched_param batch = { 0 };
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    (void)sched_setscheduler(0, SCHED_BATCH, &batch);
    return (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || failed(e, "no new privileges")) &&
           (SANITIZED || limit_files(scratch, e)) &&
           (SANITIZED || limit_calls() || failed(e, "seccomp")) && set_limits(limits, e);
}
