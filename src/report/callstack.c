/* callstack.c - frames to names: which of them count, what they are called, recursion folded.
 *
 * The walk goes from the innermost frame outwards and keeps a stack of names. What aborts, raises
 * and throws is left out at its beginning; whenever the last names repeat those before them, they
 * go, so that a recursion leaves one turn of itself; and it ends early, as soon as what is to be
 * hashed cannot change any more. In the end what starts threads and programs is taken off.
 *
 * What is hard here: all of this may leave nothing, or, where an unwinder guessed, be chance. So
 * there are up to three walks, each taking more than the one before. */
#include "report/callstack.h"

#include <stdlib.h>

/* While this many are there, a fold can still reach those that count. */
#define WALK_NAMES_MAX (CALLSTACK_NAMES_MAX + 2 * CALLSTACK_CYCLE_MAX + 16)
#define MEMO_FRAMES 8 /* a recursion's frames are named once */

/* Names as fingerprint_function gives them; with '*' at the end: all that begin so. Sorted by what
 * they are about, for people; looked through from the top, for only a few frames of a stack. */

/* Innermost: how a program ends itself once it has failed. */
static const char *const failing[] = {
    /* glibc: sysdeps/posix/raise.c, stdlib/abort.c, assert/assert.c, debug/ */
    "raise",
    "gsignal",
    "abort",
    "pthread_kill",
    "__pthread_kill",
    "__pthread_kill_implementation",
    "__pthread_kill_internal",
    "tgkill",
    "kill",
    "__kernel_vsyscall",
    "__assert_fail",
    "__assert_fail_base",
    "__assert_perror_fail",
    "__assert",
    "__assert_rtn",
    "__libc_message",
    "__libc_fatal",
    "__fortify_fail",
    "__fortify_fail_abort",
    "__chk_fail",
    "__stack_chk_fail",
    "__stack_chk_fail_local",
    "__libc_assert_fail",
    /* glibc: malloc/malloc.c, on the way to abort */
    "malloc_printerr",
    "malloc_consolidate",
    "munmap_chunk",
    /* other allocators: bionic's scudo, jemalloc, tcmalloc, macOS's libmalloc */
    "scudo::die",
    "scudo::report*",
    "__libc_fatal",
    "je_safety_check_fail",
    "malloc_vreport",
    "malloc_report",
    "malloc_zone_error",
    "_malloc_error_break",
    "szone_error",
    "free_list_checksum_botch",
    /* bionic: libc/bionic/ */
    "async_safe_fatal*",
    "__bionic_*",
    "art::Runtime::Abort",
    "art::Runtime::Aborter",
    "android::base::DefaultAborter",
    "android::base::LogMessage::~LogMessage",
    "__android_log_assert",
    "__android_log_call_aborter",
    /* signal trampolines: Linux, macOS, as GDB and others write them */
    "__restore_rt",
    "__kernel_rt_sigreturn",
    "__kernel_sigreturn",
    "_sigtramp",
    "<signal handler called>",
    "signal handler called",
    "__default_rt_sa_restorer",
    "__default_sa_restorer",
    "__sigaction",
    /* C++: libsupc++ and libc++abi */
    "std::terminate",
    "__cxxabiv1::*",
    "__gnu_cxx::__verbose_terminate_handler",
    "__cxa_throw",
    "__cxa_rethrow",
    "__cxa_bad_cast",
    "__cxa_bad_typeid",
    "__cxa_throw_bad_array_new_length",
    "__cxa_pure_virtual",
    "__cxa_call_unexpected",
    "__cxa_call_terminate",
    "__clang_call_terminate",
    "_Unwind_*",
    "std::unexpected",
    "std::rethrow_exception",
    "std::__throw_*",
    "std::__1::__throw_*",
    "std::__glibcxx_assert_fail",
    "std::__replacement_assert",
    "std::__terminate",
    "std::__1::__libcpp_verbose_abort",
    "abort_message",
    "__abort_message",
    "demangling_terminate_handler",
    "default_terminate_handler",
    /* Rust: library/std/src/panicking.rs, library/core/src/panicking.rs and callers */
    "rust_panic*",
    "rust_begin_unwind",
    "__rust_start_panic",
    "_rust_begin_unwind",
    "__rust_end_short_backtrace",
    "std::panicking::*",
    "core::panicking::*",
    "panic_abort::*",
    "std::sys_common::backtrace::*",
    "std::sys::backtrace::*",
    "std::backtrace*",
    "backtrace::*",
    "std::process::abort",
    "core::result::unwrap_failed",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::slice::index::slice_*",
    "core::str::slice_error_fail*",
    "core::cell::panic_*",
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::capacity_overflow",
    "std::alloc::rust_oom",
    "core::result::Result::unwrap*",
    "core::result::Result::expect*",
    "core::option::Option::unwrap*",
    "core::option::Option::expect*",
    /* Go: runtime/panic.go, runtime/signal_unix.go */
    "runtime.gopanic",
    "runtime.panic*",
    "runtime.goPanic*",
    "runtime.sigpanic*",
    "runtime.throw*",
    "runtime.fatal*",
    "runtime.dopanic*",
    "runtime.dieFromSignal",
    "runtime.crash",
    "runtime.raise",
    "runtime.sighandler",
    "runtime.sigtrampgo",
    "runtime.sigtramp",
    "runtime.sigreturn",
    "runtime.systemstack*",
    "runtime.Goexit",
    "panic",
    "runtime/debug.Stack",
    /* D: druntime */
    "_d_throw*",
    "_d_assert*",
    "_d_arraybounds*",
    "_d_unittest*",
    "_d_invariant",
    "core.exception.on*",
    /* macOS and iOS: libsystem, libobjc, Foundation, Swift's standard library */
    "__abort",
    "__abort_with_payload",
    "abort_with_payload_wrapper_internal",
    "abort_with_reason",
    "terminate_with_reason",
    "__exceptionPreprocess",
    "objc_exception_throw",
    "objc_exception_rethrow",
    "_objc_terminate*",
    "objc_terminate",
    "___forwarding___",
    "_CF_forwarding_prep_0",
    "__forwarding_prep_0___",
    "-[NSException raise]",
    "+[NSException raise:format:]",
    "+[NSException raise:format:arguments:]",
    "-[NSObject(NSObject) doesNotRecognizeSelector:]",
    "__assert_rtn",
    "-[NSAssertionHandler *",
    "swift_runtime_*",
    "_swift_runtime_*",
    "_assertionFailure",
    "_fatalErrorMessage",
    "Swift._assertionFailure",
    "Swift._fatalErrorMessage",
    "Swift.fatalError",
    /* Windows: ntdll, KERNELBASE, ucrt, vcruntime */
    "KiUserExceptionDispatcher",
    "KiUserExceptionDispatch",
    "KiRaiseUserExceptionDispatcher",
    "RtlDispatchException",
    "RtlRaiseException",
    "RtlRaiseStatus",
    "RaiseException",
    "_CxxThrowException",
    "RtlpExecuteHandlerForException",
    "RtlpExecuteHandlerForUnwind",
    "ExecuteHandler",
    "ExecuteHandler2",
    "RtlUnwind",
    "RtlUnwindEx",
    "UnhandledExceptionFilter",
    "RtlpUnhandledExceptionFilter*",
    "RtlUnhandledExceptionFilter*",
    "RtlReportCriticalFailure",
    "RtlpHeapHandleError",
    "RtlpLogHeapFailure",
    "RtlpReportHeapFailure",
    "RtlReportFatalFailure",
    "RtlFailFast*",
    "RtlpBreakPointHeap",
    "NtTerminateProcess",
    "ZwTerminateProcess",
    "NtRaiseHardError",
    "NtRaiseException",
    "ZwRaiseException",
    "DbgBreakPoint",
    "DebugBreak",
    "_invoke_watson",
    "_invalid_parameter*",
    "_purecall",
    "_wassert",
    "_assert",
    "common_assert_to_*",
    "__report_gsfailure",
    "__report_rangecheckfailure",
    "__fastfail",
    "__scrt_fastfail",
    "terminate",
    "_seh_filter_*",
    "__C_specific_handler",
    "_except_handler*",
    "__CxxFrameHandler*",
    "__InternalCxxFrameHandler*",
    "_CallSettingFrame*",
    "FatalExit",
    "__std_terminate",
    "__FrameUnwindHandler*",
    "std::_Xlen*",
    "std::_Xout_of_range",
    "std::_Throw_*",
    /* .NET and Java */
    "System.Environment.FailFast",
    "System.ThrowHelper.*",
    "java.lang.Throwable.fillInStackTrace",
    "java.lang.Throwable.<init>",
    "java.lang.Exception.<init>",
    "java.lang.RuntimeException.<init>",
    /* sanitizers */
    "__asan_report_*",
    "__asan::*",
    "__sanitizer::*",
    "__ubsan::*",
    "__ubsan_handle_*",
    "__tsan::*",
    "__msan::*",
    "__hwasan::*",
    "__interceptor_abort",
    "__sanitizer_*",
    /* libraries that fail on the program's behalf: GLib, Qt, Chromium, abseil, V8, Node, Python */
    "g_log",
    "g_logv",
    "g_abort",
    "_g_log_abort",
    "g_log_default_handler",
    "g_log_writer_default",
    "g_log_structured*",
    "g_assertion_message*",
    "g_return_if_fail_warning",
    "g_error",
    "qt_message_fatal*",
    "qt_message",
    "qt_assert*",
    "qFatal",
    "qAbort",
    "QMessageLogger::fatal",
    "qTerminate",
    "logging::LogMessage::*",
    "logging::CheckError::*",
    "base::debug::BreakDebugger*",
    "base::ImmediateCrash",
    "base::internal::OnNoMemory*",
    "google::LogMessage*",
    "google::DumpStackTraceAndExit",
    "V8_Fatal",
    "v8::base::OS::Abort",
    "v8::base::FatalOOM",
    "v8::Utils::ReportOOMFailure",
    "v8::internal::V8::FatalProcessOutOfMemory",
    "v8::internal::Heap::FatalProcessOutOfMemory",
    "node::Abort",
    "node::Assert",
    "node::OnFatalError",
    "node::OOMErrorHandler",
    "node::DumpNativeBacktrace",
    "Py_FatalError",
    "_Py_FatalErrorFunc",
    "fatal_error",
    "fatal_error_exit",
};

/* Outermost: what starts threads and programs. */
static const char *const starting[] = {
    /* glibc, musl, bionic, macOS */
    "start_thread",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "libc_start_main_stage2",
    "generic_start_main",
    "_start",
    "start",
    "_start_c",
    "__start_thread",
    "__pthread_start",
    "_pthread_start",
    "_pthread_body",
    "thread_start",
    "start_wqthread",
    "_pthread_wqthread",
    "__libc_init",
    "_dl_start_user",
    "execute_native_thread_routine*",
    "__pthread_create",
    /* C++ */
    "std::thread::_State_impl::_M_run",
    "std::thread::_Invoker::*",
    "std::__1::__thread_proxy",
    "std::__thread_proxy",
    "std::__invoke*",
    "std::__1::__invoke*",
    "std::__1::__thread_execute",
    "std::thread::_Invoke",
    "std::_LaunchPad::*",
    /* Rust: library/std/src/rt.rs, thread/mod.rs */
    "std::rt::*",
    "std::panic::catch_unwind",
    "std::panicking::try*",
    "__rust_try*",
    "core::ops::function::FnOnce::call_once",
    "<alloc::boxed::Box as core::ops::function::*",
    "<core::panic::unwind_safe::AssertUnwindSafe as core::ops::function::*",
    "std::sys_common::backtrace::*",
    "std::sys::backtrace::*",
    "__rust_begin_short_backtrace",
    "std::thread::Builder::*",
    "std::sys::unix::thread::*",
    "std::sys::pal::*",
    "std::sys::windows::thread::*",
    /* Go */
    "runtime.goexit",
    "runtime.main",
    "runtime.mstart*",
    "runtime.rt0_go",
    /* Windows */
    "BaseThreadInitThunk",
    "RtlUserThreadStart",
    "_RtlUserThreadStart",
    "__RtlUserThreadStart",
    "RtlInitializeExceptionChain",
    "mainCRTStartup",
    "wmainCRTStartup",
    "WinMainCRTStartup",
    "wWinMainCRTStartup",
    "__tmainCRTStartup",
    "__scrt_common_main",
    "__scrt_common_main_seh",
    "invoke_main",
    "_threadstartex",
    "_callthreadstartex",
    "_beginthreadex",
    "thread_start",
    "TppWorkerThread",
    "TppWorkpExecuteCallback",
    "RtlpTpWorkCallback",
    /* Java, Android */
    "java.lang.Thread.run",
    "java.util.concurrent.ThreadPoolExecutor*",
    "java.util.concurrent.FutureTask.run",
    "java.lang.reflect.Method.invoke",
    "sun.reflect.*",
    "jdk.internal.reflect.*",
    "com.android.internal.os.ZygoteInit.main",
    "com.android.internal.os.RuntimeInit*",
    "dalvik.system.NativeStart.main",
    /* Node.js before its own modules were called node:..., and what tools call them without */
    "Module._compile",
    "Module._extensions..js",
    "Module.load",
    "Module._load",
    "Module.runMain",
    "executeUserEntryPoint",
    "startMainThreadExecution",
    "bootstrapNodeJSCore",
    "processTicksAndRejections",
    "process.processTicksAndRejections",
    "process._tickCallback",
    "listOnTimeout",
    "processTimers",
    "processImmediate",
    "runNextTicks",
    "internalTickCallback",
};

/* Modules whose frames at the outer end are the same: Node's own; and, where no function is known,
 * the system's. */
static const char *const starting_scripts[] = { "node:*", "internal/*" };
static const char *const starting_modules[] = {
    "libc.so*",      "libc-2.*",       "libpthread*", "ld-linux*",     "ld-2.*",
    "ld-musl*",      "linux-vdso*",    "ntdll.dll*",  "kernel32.dll*", "kernelbase.dll*",
    "ucrtbase.dll*", "libdyld.dylib*", "dyld*",       "libsystem_*",   "linker*",
};

static bool is_listed(struct str name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *entry = list[i];
        if (name.len == 0 || entry[0] != name.ptr[0])
            continue;
        size_t n = strlen(entry);
        if (entry[n - 1] == '*' ? str_starts(name, (struct str){ entry, n - 1 })
                                : str_eq(name, (struct str){ entry, n }))
            return true;
    }
    return false;
}
#define IS_LISTED(name, list) is_listed(name, list, sizeof(list) / sizeof *(list))

/* Names. */

static struct str base_name(struct str path)
{
    size_t n = path.len;
    while (n > 0 && path.ptr[n - 1] != '/' && path.ptr[n - 1] != '\\')
        n--;
    return (struct str){ path.ptr + n, path.len - n };
}

static bool ends_with_word(struct str s, const char *word)
{
    size_t n = strlen(word);
    return s.len > n && strncasecmp(s.ptr + s.len - n, word, n) == 0;
}

static bool is_windows(struct str module)
{
    static const char *const endings[] = { ".dll", ".exe", ".sys", ".ocx", ".drv", ".cpl" };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with_word(module, endings[i]))
            return true;
    return false;
}

/* "libfoo.so.1.2.3" as "libfoo.so.1". */
static struct str without_minor(struct str module)
{
    const char *so = memmem(module.ptr, module.len, ".so.", 4);
    if (!so)
        return module;
    size_t n = (size_t)(so - module.ptr) + 4;
    while (n < module.len && module.ptr[n] >= '0' && module.ptr[n] <= '9')
        n++;
    return (struct str){ module.ptr, n };
}

/* A module without its folder and what changes with each of its builds; *out = "" for none. */
static bool module_name(struct str module, struct arena *a, struct str *out)
{
    const char *query = memchr(module.ptr, '?', module.len); /* of the URL of a script */
    struct str s =
        base_name((struct str){ module.ptr, query ? (size_t)(query - module.ptr) : module.len });
    *out = without_minor(s);
    if (!is_windows(s))
        return true;
    char *folded = arena_alloc(a, s.len);
    if (!folded)
        return false;
    for (size_t i = 0; i < s.len; i++)
        folded[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] + 32) : s.ptr[i];
    *out = (struct str){ folded, s.len };
    return true;
}

/* Of a frame that has no function, or one that has no name: the module says more. */
static bool name_by_module(const struct crash_frame *f, struct str function, struct arena *a,
                           struct str *out)
{
    struct str module;
    bool script = function.len > 0;
    if (!module_name(f->module.len > 0 || !script ? f->module : f->file, a, &module))
        return false;
    *out = function;
    if (module.len == 0)
        return true;
    if (script)
        return arena_printf(a, out, "%.*s:%.*s", STR_ARG(module), STR_ARG(function));
    *out = module;
    return !f->has_offset ||
           arena_printf(a, out, "%.*s+0x%llx", STR_ARG(module), (unsigned long long)f->offset);
}

static bool name_frame(const struct crash_frame *f, struct arena *a, struct str *out)
{
    if (!fingerprint_function(f->function, a, out))
        return false;
    bool has_name = out->len > 0 && !str_eq(*out, STR("<anonymous>"));
    return has_name || name_by_module(f, *out, a, out);
}

/* The walk. */

struct named {
    struct str name;
    const struct crash_frame *frame;
};

struct walk {
    struct arena *arena;
    bool with_guessed, with_failing;
    struct named names[WALK_NAMES_MAX];
    size_t count;
    struct named memo[MEMO_FRAMES]; /* the last frames that were named */
    size_t memo_next;
};

static bool same_code(const struct crash_frame *a, const struct crash_frame *b)
{
    return str_eq(a->function, b->function) && str_eq(a->module, b->module) &&
           str_eq(a->file, b->file) && a->has_offset == b->has_offset && a->offset == b->offset;
}

static bool name_or_remember(struct walk *w, const struct crash_frame *f, struct str *out)
{
    for (size_t i = 0; i < MEMO_FRAMES; i++)
        if (w->memo[i].frame && same_code(w->memo[i].frame, f)) {
            *out = w->memo[i].name;
            return true;
        }
    if (!name_frame(f, w->arena, out))
        return false;
    w->memo[w->memo_next++ % MEMO_FRAMES] = (struct named){ *out, f };
    return true;
}

static bool repeats(const struct walk *w, size_t cycle)
{
    if (w->count < 2 * cycle)
        return false;
    const struct named *last = &w->names[w->count - cycle], *before = last - cycle;
    for (size_t i = 0; i < cycle; i++)
        if (!str_eq(last[i].name, before[i].name))
            return false;
    return true;
}

static void fold(struct walk *w)
{
    for (size_t cycle = 1; cycle <= CALLSTACK_CYCLE_MAX; cycle++)
        if (repeats(w, cycle)) {
            w->count -= cycle;
            return;
        }
}

static bool is_start(const struct named *n)
{
    const struct crash_frame *f = n->frame;
    struct str script = f->module.len > 0 ? f->module : f->file;
    return IS_LISTED(n->name, starting) || IS_LISTED(script, starting_scripts) ||
           (f->function.len == 0 && IS_LISTED(n->name, starting_modules));
}

static void take_off_start(struct walk *w)
{
    size_t n = w->count;
    while (n > 0 && is_start(&w->names[n - 1]))
        n--;
    if (n > 0)
        w->count = n;
}

static bool walk(struct walk *w, const struct crash_frame *frames, size_t count)
{
    w->count = 0;
    for (size_t i = 0; i < count && w->count < WALK_NAMES_MAX; i++) {
        struct str name;
        if (frames[i].guessed && !w->with_guessed)
            continue;
        if (!name_or_remember(w, &frames[i], &name))
            return false;
        if (name.len == 0 || (w->count == 0 && !w->with_failing && IS_LISTED(name, failing)))
            continue;
        w->names[w->count++] = (struct named){ name, &frames[i] };
        fold(w);
    }
    take_off_start(w);
    if (w->count > CALLSTACK_NAMES_MAX)
        w->count = CALLSTACK_NAMES_MAX;
    return true;
}

static bool any_guessed(const struct crash_frame *frames, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (frames[i].guessed)
            return true;
    return false;
}

bool callstack_make(const struct crash_frame *frames, size_t count, struct arena *a,
                    struct callstack *out)
{
    struct walk w = { .arena = a };
    *out = (struct callstack){ 0 };
    if (!walk(&w, frames, count))
        return false;
    if (w.count < 2 && any_guessed(frames, count)) {
        w.with_guessed = true;
        if (!walk(&w, frames, count))
            return false;
    }
    if (w.count == 0) {
        w.with_failing = true;
        if (!walk(&w, frames, count))
            return false;
    }
    out->names = arena_array(a, w.count + 1, sizeof *out->names);
    if (!out->names)
        return false;
    for (size_t i = 0; i < w.count; i++)
        out->names[i] = w.names[i].name;
    out->count = w.count;
    return true;
}
