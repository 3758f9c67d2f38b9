/* minidump_reason.c - the exception in the words of Breakpad, letter for letter (a blank before the
 * slash and none behind it, for SIGSEGV): people search for these words, and compare.
 *
 * Names and numbers are those of the systems' own headers: ntstatus.h and winnt.h, signal.h,
 * mach/exception_types.h and mach/kern_return.h. */
#include "decode/minidump_parts.h"

#include <inttypes.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

struct code_name {
    uint32_t code;
    const char *name;
};

/* NULL: not in the table. */
static const char *find_name(const struct code_name *table, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].code == code)
            return table[i].name;
    return NULL;
}

/* "WORD / NAME", or with the number when it has no name. */
static bool set_pair(struct minidump *m, struct str *out, const char *word, const char *name,
                     uint32_t number)
{
    return name ? arena_printf(m->arena, out, "%s%s", word, name)
                : arena_printf(m->arena, out, "%s0x%08" PRIx32, word, number);
}

static bool set_numbers(struct minidump *m, struct str *out)
{
    return arena_printf(m->arena, out, "0x%08" PRIx32 " / 0x%08" PRIx32, m->exception.code,
                        m->exception.flags);
}

static bool set_name(struct minidump *m, struct str *out, const char *name)
{
    *out = str_from_c(name);
    return name || set_numbers(m, out);
}

/* --- Windows ------------------------------------------------------------------------------- */

#define WINDOWS_ACCESS_VIOLATION UINT32_C(0xc0000005)
#define WINDOWS_IN_PAGE_ERROR UINT32_C(0xc0000006)
#define WINDOWS_FAST_FAIL UINT32_C(0xc0000409)

static const struct code_name windows_exceptions[] = {
    { 0x40010005, "DBG_CONTROL_C" },
    { 0x80000001, "EXCEPTION_GUARD_PAGE" },
    { 0x80000002, "EXCEPTION_DATATYPE_MISALIGNMENT" },
    { 0x80000003, "EXCEPTION_BREAKPOINT" },
    { 0x80000004, "EXCEPTION_SINGLE_STEP" },
    { 0xc0000008, "EXCEPTION_INVALID_HANDLE" },
    { 0xc000001d, "EXCEPTION_ILLEGAL_INSTRUCTION" },
    { 0xc0000025, "EXCEPTION_NONCONTINUABLE_EXCEPTION" },
    { 0xc0000026, "EXCEPTION_INVALID_DISPOSITION" },
    { 0xc000008c, "EXCEPTION_BOUNDS_EXCEEDED" },
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
    { 0xc00000ff, "EXCEPTION_BAD_FUNCTION_TABLE" },
    { 0xc0000194, "EXCEPTION_POSSIBLE_DEADLOCK" },
    { 0xc0000374, "EXCEPTION_HEAP_CORRUPTION" },
    { WINDOWS_FAST_FAIL, "EXCEPTION_STACK_BUFFER_OVERRUN" },
    { 0xe0000008, "Out of Memory" },           /* thrown by Chromium */
    { 0xe06d7363, "Unhandled C++ Exception" }, /* "msc", thrown by Microsoft's compiler */
    { 0x0517a7ed, "Simulated Exception" },     /* thrown by Crashpad */
};

/* By the first parameter: why the program ended itself. */
static const char *const fast_fails[] = {
    [1] = "FAST_FAIL_VTGUARD_CHECK_FAILURE",
    [2] = "FAST_FAIL_STACK_COOKIE_CHECK_FAILURE",
    [3] = "FAST_FAIL_CORRUPT_LIST_ENTRY",
    [4] = "FAST_FAIL_INCORRECT_STACK",
    [5] = "FAST_FAIL_INVALID_ARG",
    [6] = "FAST_FAIL_GS_COOKIE_INIT",
    [7] = "FAST_FAIL_FATAL_APP_EXIT",
    [8] = "FAST_FAIL_RANGE_CHECK_FAILURE",
    [9] = "FAST_FAIL_UNSAFE_REGISTRY_ACCESS",
    [10] = "FAST_FAIL_GUARD_ICALL_CHECK_FAILURE",
    [11] = "FAST_FAIL_GUARD_WRITE_CHECK_FAILURE",
    [12] = "FAST_FAIL_INVALID_FIBER_SWITCH",
    [13] = "FAST_FAIL_INVALID_SET_OF_CONTEXT",
    [14] = "FAST_FAIL_INVALID_REFERENCE_COUNT",
    [18] = "FAST_FAIL_INVALID_JUMP_BUFFER",
    [19] = "FAST_FAIL_MRDATA_MODIFIED",
    [20] = "FAST_FAIL_CERTIFICATION_FAILURE",
    [21] = "FAST_FAIL_INVALID_EXCEPTION_CHAIN",
    [22] = "FAST_FAIL_CRYPTO_LIBRARY",
    [23] = "FAST_FAIL_INVALID_CALL_IN_DLL_CALLOUT",
    [24] = "FAST_FAIL_INVALID_IMAGE_BASE",
    [25] = "FAST_FAIL_DLOAD_PROTECTION_FAILURE",
    [26] = "FAST_FAIL_UNSAFE_EXTENSION_CALL",
    [27] = "FAST_FAIL_DEPRECATED_SERVICE_INVOKED",
    [28] = "FAST_FAIL_INVALID_BUFFER_ACCESS",
    [29] = "FAST_FAIL_INVALID_BALANCED_TREE",
    [30] = "FAST_FAIL_INVALID_NEXT_THREAD",
    [31] = "FAST_FAIL_GUARD_ICALL_CHECK_SUPPRESSED",
    [32] = "FAST_FAIL_APCS_DISABLED",
    [33] = "FAST_FAIL_INVALID_IDLE_STATE",
    [34] = "FAST_FAIL_MRDATA_PROTECTION_FAILURE",
    [35] = "FAST_FAIL_UNEXPECTED_HEAP_EXCEPTION",
    [36] = "FAST_FAIL_INVALID_LOCK_STATE",
    [37] = "FAST_FAIL_GUARD_JUMPTABLE",
    [38] = "FAST_FAIL_INVALID_LONGJUMP_TARGET",
    [39] = "FAST_FAIL_INVALID_DISPATCH_CONTEXT",
    [40] = "FAST_FAIL_INVALID_THREAD",
    [41] = "FAST_FAIL_INVALID_SYSCALL_NUMBER",
    [42] = "FAST_FAIL_INVALID_FILE_OPERATION",
    [43] = "FAST_FAIL_LPAC_ACCESS_DENIED",
    [44] = "FAST_FAIL_GUARD_SS_FAILURE",
    [45] = "FAST_FAIL_LOADER_CONTINUITY_FAILURE",
    [46] = "FAST_FAIL_GUARD_EXPORT_SUPPRESSION_FAILURE",
    [47] = "FAST_FAIL_INVALID_CONTROL_STACK",
    [48] = "FAST_FAIL_SET_CONTEXT_DENIED",
    [49] = "FAST_FAIL_INVALID_IAT",
    [50] = "FAST_FAIL_HEAP_METADATA_CORRUPTION",
    [51] = "FAST_FAIL_PAYLOAD_RESTRICTION_VIOLATION",
    [52] = "FAST_FAIL_LOW_LABEL_ACCESS_DENIED",
    [53] = "FAST_FAIL_ENCLAVE_CALL_FAILURE",
    [54] = "FAST_FAIL_UNHANDLED_LSS_EXCEPTON",
    [55] = "FAST_FAIL_ADMINLESS_ACCESS_DENIED",
    [56] = "FAST_FAIL_UNEXPECTED_CALL",
    [57] = "FAST_FAIL_CONTROL_INVALID_RETURN_ADDRESS",
    [58] = "FAST_FAIL_UNEXPECTED_HOST_BEHAVIOR",
    [59] = "FAST_FAIL_FLAGS_CORRUPTION",
    [60] = "FAST_FAIL_VEH_CORRUPTION",
    [61] = "FAST_FAIL_ETW_CORRUPTION",
    [62] = "FAST_FAIL_RIO_ABORT",
    [63] = "FAST_FAIL_INVALID_PFN",
    [64] = "FAST_FAIL_GUARD_ICALL_CHECK_FAILURE_XFG",
    [65] = "FAST_FAIL_CAST_GUARD",
    [66] = "FAST_FAIL_HOST_VISIBILITY_CHANGE",
    [67] = "FAST_FAIL_KERNEL_CET_SHADOW_STACK_ASSIST",
    [68] = "FAST_FAIL_PATCH_CALLBACK_FAILED",
    [69] = "FAST_FAIL_NTDLL_PATCH_FAILED",
    [70] = "FAST_FAIL_INVALID_FLS_DATA",
};

/* minidump_status.h twice: numbers, in order, and names, one after another. */
static const uint32_t status_codes[] = {
#define STATUS(code, name) code,
#include "decode/minidump_status.h"
#undef STATUS
};
static const char status_names[] =
#define STATUS(code, name) name "\0"
#include "decode/minidump_status.h"
#undef STATUS
    ;

static const char *status_name(uint32_t code)
{
    size_t low = 0, high = COUNT(status_codes);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (status_codes[middle] < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == COUNT(status_codes) || status_codes[low] != code)
        return NULL;
    const char *name = status_names;
    for (size_t i = 0; i < low; i++)
        name += strlen(name) + 1;
    return name;
}

/* What the program tried to do; the address is where. */
static const char *access_kind(const struct minidump_exception *x)
{
    if (x->parameter_count == 0)
        return "";
    switch ((uint32_t)x->parameters[0]) {
    case 0:
        return "_READ";
    case 1:
        return "_WRITE";
    case 8:
        return "_EXEC";
    default:
        return "";
    }
}

static bool windows_access(struct minidump *m, const char *word, struct str *out, uint64_t *address)
{
    const struct minidump_exception *x = &m->exception;
    const char *kind = access_kind(x);
    if (x->parameter_count >= 2)
        *address = x->parameters[1];
    if (x->code == WINDOWS_ACCESS_VIOLATION || x->parameter_count < 3)
        return arena_printf(m->arena, out, "%s%s", word, kind);
    uint32_t status = (uint32_t)x->parameters[2]; /* why the page could not be had */
    const char *name = status_name(status);
    return name ? arena_printf(m->arena, out, "%s%s / %s", word, kind, name)
                : arena_printf(m->arena, out, "%s%s / 0x%08" PRIx32, word, kind, status);
}

static bool windows_reason(struct minidump *m, struct str *out, uint64_t *address)
{
    const struct minidump_exception *x = &m->exception;
    const char *name = find_name(windows_exceptions, COUNT(windows_exceptions), x->code);
    if (x->code == WINDOWS_ACCESS_VIOLATION)
        return windows_access(m, "EXCEPTION_ACCESS_VIOLATION", out, address);
    if (x->code == WINDOWS_IN_PAGE_ERROR)
        return windows_access(m, "EXCEPTION_IN_PAGE_ERROR", out, address);
    uint32_t why = (uint32_t)x->parameters[0]; /* a number of 32 bits, as the kinds of access */
    if (x->code == WINDOWS_FAST_FAIL && x->parameter_count > 0 && why < COUNT(fast_fails) &&
        fast_fails[why])
        name = fast_fails[why];
    return set_name(m, out, name);
}

/* --- Linux, Android ------------------------------------------------------------------------ */

static bool linux_reason(struct minidump *m, struct str *out)
{
    if (!linux_signal_text(m->exception.code, m->exception.flags, m->arena, out))
        return false;
    return out->len > 0 || set_numbers(m, out);
}

/* --- macOS, iOS ---------------------------------------------------------------------------- */

/* Breakpad knows ARM's codes for 32 bits and for its own number of ARM64. */
static enum mac_processor mac_processor(const struct minidump *m)
{
    switch (m->architecture) {
    case ARCHITECTURE_X86:
    case ARCHITECTURE_AMD64:
        return MAC_X86;
    case ARCHITECTURE_ARM:
    case ARCHITECTURE_ARM64_OLD:
        return MAC_ARM;
    case ARCHITECTURE_PPC:
        return MAC_PPC;
    default:
        return MAC_OTHER;
    }
}

static bool mac_reason(struct minidump *m, struct str *out)
{
    const struct minidump_exception *x = &m->exception;
    return mac_exception_text(mac_processor(m), x->code, x->flags, m->make.arena, out);
}

/* --- Fuchsia ------------------------------------------------------------------------------- */

static const struct code_name fuchsia_exceptions[] = {
    { 0x8, "GENERAL / " },
    { 0x108, "FATAL_PAGE_FAULT / " },
    { 0x208, "UNDEFINED_INSTRUCTION / " },
    { 0x308, "SW_BREAKPOINT / " },
    { 0x408, "HW_BREAKPOINT / " },
    { 0x508, "UNALIGNED_ACCESS / " },
    { 0x8008, "THREAD_STARTING / " },
    { 0x8108, "THREAD_EXITING / " },
    { 0x8208, "POLICY_ERROR / " },
    { 0x8308, "PROCESS_STARTING / " },
};

static bool fuchsia_reason(struct minidump *m, struct str *out)
{
    const char *word = find_name(fuchsia_exceptions, COUNT(fuchsia_exceptions), m->exception.code);
    return word ? set_pair(m, out, word, NULL, m->exception.flags) : set_numbers(m, out);
}

/* --- all ----------------------------------------------------------------------------------- */

static bool has_small_addresses(const struct minidump *m)
{
    switch (m->architecture) {
    case ARCHITECTURE_X86:
    case ARCHITECTURE_X86_ON_WIN64:
    case ARCHITECTURE_ARM:
    case ARCHITECTURE_MIPS:
    case ARCHITECTURE_PPC:
    case ARCHITECTURE_SHX:
        return true;
    default:
        return false;
    }
}

static bool reason_of_system(struct minidump *m, struct str *out, uint64_t *address)
{
    if (!m->has_system)
        return set_numbers(m, out);
    switch (m->platform) {
    case PLATFORM_WIN32_NT:
    case PLATFORM_WIN32_WINDOWS:
        return windows_reason(m, out, address);
    case PLATFORM_LINUX:
    case PLATFORM_ANDROID:
        return linux_reason(m, out);
    case PLATFORM_MAC:
    case PLATFORM_IOS:
        return mac_reason(m, out);
    case PLATFORM_FUCHSIA:
        return fuchsia_reason(m, out);
    default:
        return set_numbers(m, out);
    }
}

bool minidump_reason(struct minidump *m, struct str *reason, uint64_t *address)
{
    *address = m->exception.address;
    if (!reason_of_system(m, reason, address))
        return false;
    if (m->has_system && has_small_addresses(m))
        *address &= UINT32_MAX; /* writers extend the sign */
    return true;
}
