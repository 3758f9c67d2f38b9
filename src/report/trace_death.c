/* trace_death.c - see the header. The tables are data with their sources; what is neither a signal
 * nor a code of Windows keeps its name, less the message and the address behind it. */
#include "report/trace_death.h"

#include <inttypes.h>

struct spelling {
    const char *as, *meant;
};

/* By number: signal(7) of Linux on x86 and ARM. */
static const char *const signals[] = {
    NULL,        "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
};
#define SIGNALS (sizeof signals / sizeof *signals)

static const struct spelling other_names[] = {
    /* signal(7): synonyms */
    { "SIGIOT", "SIGABRT" },
    { "SIGCLD", "SIGCHLD" },
    { "SIGPOLL", "SIGIO" },
    { "SIGUNUSED", "SIGSYS" },
    /* Backtrace: classifiers of its dumps */
    { "abort", "SIGABRT" },
    /* strsignal(3) of glibc, and of macOS where it differs */
    { "Illegal instruction", "SIGILL" },
    { "Trace/breakpoint trap", "SIGTRAP" },
    { "Trace/BPT trap", "SIGTRAP" },
    { "Aborted", "SIGABRT" },
    { "Abort trap", "SIGABRT" },
    { "Bus error", "SIGBUS" },
    { "Floating point exception", "SIGFPE" },
    { "Segmentation fault", "SIGSEGV" },
    { "Bad system call", "SIGSYS" },
};

#define WINDOWS_ERROR 0x80000000u /* lower codes are no errors */

/* winnt.h, ntstatus.h; the names are those that minidump tools print. */
static const struct {
    uint32_t code;
    const char *name;
} windows[] = {
    { 0x80000001, "EXCEPTION_GUARD_PAGE" },
    { 0x80000002, "EXCEPTION_DATATYPE_MISALIGNMENT" },
    { 0x80000003, "EXCEPTION_BREAKPOINT" },
    { 0x80000004, "EXCEPTION_SINGLE_STEP" },
    { 0xc0000005, "EXCEPTION_ACCESS_VIOLATION" },
    { 0xc0000006, "EXCEPTION_IN_PAGE_ERROR" },
    { 0xc0000008, "EXCEPTION_INVALID_HANDLE" },
    { 0xc000001d, "EXCEPTION_ILLEGAL_INSTRUCTION" },
    { 0xc0000025, "EXCEPTION_NONCONTINUABLE_EXCEPTION" },
    { 0xc0000026, "EXCEPTION_INVALID_DISPOSITION" },
    { 0xc000008c, "EXCEPTION_ARRAY_BOUNDS_EXCEEDED" },
    { 0xc000008d, "EXCEPTION_FLT_DENORMAL_OPERAND" },
    { 0xc000008e, "EXCEPTION_FLT_DIVIDE_BY_ZERO" },
    { 0xc000008f, "EXCEPTION_FLT_INEXACT_RESULT" },
    { 0xc0000090, "EXCEPTION_FLT_INVALID_OPERATION" },
    { 0xc0000091, "EXCEPTION_FLT_OVERFLOW" },
    { 0xc0000092, "EXCEPTION_FLT_STACK_CHECK" },
    { 0xc0000093, "EXCEPTION_FLT_UNDERFLOW" },
    { 0xc0000094, "EXCEPTION_INT_DIVIDE_BY_ZERO" },
    { 0xc0000095, "EXCEPTION_INT_OVERFLOW" },
    { 0xc0000096, "EXCEPTION_PRIV_INSTRUCTION" },
    { 0xc00000fd, "EXCEPTION_STACK_OVERFLOW" },
    { 0xc0000194, "EXCEPTION_POSSIBLE_DEADLOCK" },
    { 0xc0000374, "EXCEPTION_HEAP_CORRUPTION" },
    { 0xc0000409, "EXCEPTION_STACK_BUFFER_OVERRUN" },
};

static bool is_one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_is_word(s, *words))
            return true;
    return false;
}

static bool says_nothing(struct str s, enum trace_death_kind kind)
{
    static const char *const unknown[] = { "unknown", "none", "null", "true", "false", NULL };
    /* error.type of Backtrace's SDKs. */
    static const char *const caught[] = { "Exception",           "Message", "Unhandled exception",
                                          "Unhandled rejection", "Crash",   NULL };
    return is_one_of(s, unknown) || (kind == TRACE_DEATH_SORT && is_one_of(s, caught));
}

/* --- numbers ------------------------------------------------------------------------------- */

/* A whole text that is a number: decimal, or hex behind 0x. */
static bool read_number(struct str s, uint64_t *out)
{
    bool hex = s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] | 0x20) == 'x';
    *out = 0;
    for (size_t i = hex ? 2 : 0; i < s.len; i++) {
        unsigned c = (unsigned char)s.ptr[i], letter = (c | 0x20) - 'a';
        unsigned digit = c - '0' < 10 ? c - '0' : hex && letter < 6 ? letter + 10 : 99;
        if (digit == 99 || *out > UINT32_MAX)
            return false;
        *out = *out * (hex ? 16 : 10) + digit;
    }
    return s.len > 0 && *out <= UINT32_MAX;
}

static bool name_number(uint64_t n, enum trace_death_kind kind, struct arena *a, struct str *out)
{
    *out = STR("");
    if (kind == TRACE_DEATH_SIGNAL && n < SIGNALS)
        *out = str_from_c(signals[n]);
    if (kind > TRACE_DEATH_REASON || n < WINDOWS_ERROR)
        return true;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        if (windows[i].code == n) {
            *out = str_from_c(windows[i].name);
            return true;
        }
    return arena_printf(a, out, "0x%08" PRIx64, n);
}

/* --- words --------------------------------------------------------------------------------- */

static struct str trim(struct str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t' || s.ptr[0] == '\n'))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && strchr(" \t\r\n.:", s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Whether a message, an address or a remark begins in front of what follows a blank. */
static bool begins_remark(struct str rest)
{
    return rest.len > 0 && (strchr("([{@/-'\"<0123456789", rest.ptr[0]) ||
                            str_starts(rest, STR("at ")) || str_starts(rest, STR("in ")));
}

/* "java.lang.IllegalStateException: it is late" without what follows the name. */
static struct str without_message(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        struct str rest = { s.ptr + i + 1, s.len - i - 1 };
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < ' ' || strchr(",;(", c) || (c == ' ' && begins_remark(rest)) ||
            (c == ':' && (rest.len == 0 || rest.ptr[0] == ' ')))
            return trim((struct str){ s.ptr, i });
    }
    return s;
}

/* With SIG in front of it, or without. NULL: none. */
static const char *find_signal(struct str s, bool with_sig)
{
    for (size_t i = 1; i < SIGNALS; i++)
        if (str_is_word(s, signals[i]) || (!with_sig && str_is_word(s, signals[i] + 3)))
            return signals[i];
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (str_is_word(s, other_names[i].as))
            return other_names[i].meant;
    return NULL;
}

static bool is_word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* "EXC_CRASH (SIGABRT)", "signal 11 (SIGSEGV), code 1 (SEGV_MAPERR)" */
static const char *find_signal_within(struct str s)
{
    if (s.len > TRACE_DEATH_MAX)
        s.len = TRACE_DEATH_MAX;
    for (size_t i = 0, end; i < s.len; i = end + 1) {
        for (end = i; end < s.len && is_word_char(s.ptr[end]);)
            end++;
        struct str word = { s.ptr + i, end - i };
        const char *found =
            word.len > 3 && strncasecmp(word.ptr, "SIG", 3) == 0 ? find_signal(word, true) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

/* STATUS_ACCESS_VIOLATION is EXCEPTION_ACCESS_VIOLATION. NULL: none. */
static const char *find_status(struct str s)
{
    const struct str status = STR("STATUS_");
    if (!str_starts(s, status))
        return NULL;
    s = (struct str){ s.ptr + status.len, s.len - status.len };
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        if (str_is_word(s, windows[i].name + strlen("EXCEPTION_")))
            return windows[i].name;
    return NULL;
}

bool trace_death(struct str text, enum trace_death_kind kind, struct arena *a, struct str *out)
{
    const struct str uncaught = STR("Uncaught "); /* of browsers */
    uint64_t n;
    struct str s = trim(text);
    if (str_starts(s, uncaught))
        s = (struct str){ s.ptr + uncaught.len, s.len - uncaught.len };
    struct str name = without_message(s);
    *out = STR("");
    if (name.len == 0 || name.len > TRACE_DEATH_MAX || says_nothing(name, kind))
        return true;
    if (read_number(name, &n))
        return name_number(n, kind, a, out);
    const char *known = find_signal(name, false);
    if (!known && kind <= TRACE_DEATH_REASON)
        known = find_signal_within(s);
    if (!known)
        known = find_status(name);
    *out = known ? str_from_c(known) : name;
    return true;
}
