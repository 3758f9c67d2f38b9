/* linux_words.c - signals and the auxiliary vector of Linux in words, for all formats of its dumps.
 *
 * Names and numbers are those of signal.h, siginfo.h and auxvec.h; signals are put as Breakpad
 * does, letter for letter (a blank before the slash and none behind it, for SIGSEGV). */
#include "decode/dump_parts.h"

#include <inttypes.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char *const signals[] = {
    NULL,        "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
};

static const struct signal_codes {
    uint32_t signal;
    const char *word;
    const char *codes[9]; /* from 1 */
} signal_codes[] = {
    { 4,
      "SIGILL / ",
      { NULL, "ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG",
        "ILL_COPROC", "ILL_BADSTK" } },
    { 7,
      "SIGBUS / ",
      { NULL, "BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO" } },
    { 8,
      "SIGFPE / ",
      { NULL, "FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES",
        "FPE_FLTINV", "FPE_FLTSUB" } },
    { 11, "SIGSEGV /", { NULL, "SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR" } },
};

bool linux_signal_text(uint32_t signal, uint32_t code, struct arena *a, struct str *out)
{
    for (size_t i = 0; i < COUNT(signal_codes); i++) {
        const struct signal_codes *s = &signal_codes[i];
        if (s->signal != signal)
            continue;
        if (code < COUNT(s->codes) && s->codes[code])
            return arena_printf(a, out, "%s%s", s->word, s->codes[code]);
        return arena_printf(a, out, "%s0x%08" PRIx32, s->word, code);
    }
    const char *name = signal < COUNT(signals) ? signals[signal] : NULL;
    *out = str_from_c(signal == LINUX_DUMP_REQUESTED ? "DUMP_REQUESTED" : name ? name : "");
    return true;
}

/* --- auxiliary vector ---------------------------------------------------------------------- */

static const struct {
    uint64_t type;
    const char *name;
} auxv_names[] = {
    { 3, "AT_PHDR" },      { 4, "AT_PHENT" },   { 5, "AT_PHNUM" },   { 6, "AT_PAGESZ" },
    { 7, "AT_BASE" },      { 8, "AT_FLAGS" },   { 9, "AT_ENTRY" },   { 11, "AT_UID" },
    { 12, "AT_EUID" },     { 13, "AT_GID" },    { 14, "AT_EGID" },   { 16, "AT_HWCAP" },
    { 17, "AT_CLKTCK" },   { 23, "AT_SECURE" }, { 26, "AT_HWCAP2" }, { 33, "AT_SYSINFO_EHDR" },
    { 15, "AT_PLATFORM" }, { 25, "AT_RANDOM" }, { 31, "AT_EXECFN" },
};

void linux_note_auxv(struct dump_maker *k, struct reader r, size_t word)
{
    struct json_writer *w = dump_note(k, "auxv");
    uint64_t seen = 0;
    json_object(w);
    for (;;) {
        uint64_t type = reader_number(&r, word), value = reader_number(&r, word);
        if (r.failed || type == 0)
            break;
        for (size_t i = 0; i < COUNT(auxv_names); i++)
            if (auxv_names[i].type == type && !(seen >> type & 1)) {
                dump_note_hex(w, auxv_names[i].name, value);
                seen |= UINT64_C(1) << type;
            }
    }
    json_object_end(w);
}
