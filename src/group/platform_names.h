/* platform_names.h - the tables of platform.c, which alone includes this: frames of systems and
 * languages, with the project and the files that each comes from.
 *
 * Names as fingerprint_function gives them (so __GI_raise is raise, and std::vector<int>::at(int)
 * is std::vector::at); with '*' at the end: all that begin so. What report/callstack_noise.c has is
 * not repeated here. A name goes in only when no program would take it for a function of its own:
 * names that the C standard or the system reserves, or whole namespaces. Where a system's frames
 * always come with their module (Windows, macOS), the module is enough.
 *
 * Order is for people. No entry may begin with another one that ends in '*'. */
#ifndef CRUMPLE_GROUP_PLATFORM_NAMES_H
#define CRUMPLE_GROUP_PLATFORM_NAMES_H

/* Bytes of an entry, its end too. Entries stand in the tables themselves: pointers to them would be
 * set by the dynamic linker at each start of the program. */
#define PLATFORM_NAME_BYTES 40

/* clang-format off */ /* several names to a line, by what they are about */

/* PLATFORM_SYSTEM, by name. */
static const char system_names[][PLATFORM_NAME_BYTES] = {
    /* --- memory ---------------------------------------------------------------------------- */
    /* C and POSIX */
    "malloc", "free", "cfree", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc",
    "posix_memalign", "valloc", "pvalloc", "malloc_usable_size", "malloc_trim", "free_sized",
    "free_aligned_sized",
    /* glibc: malloc/malloc.c, malloc/arena.c, malloc/hooks.c */
    "__malloc", "__calloc", "__free", "__realloc", "__memalign", "__posix_memalign", "_int_malloc",
    "_int_free*", "_int_realloc", "_int_memalign", "_mid_memalign", "sysmalloc*", "systrim*",
    "unlink_chunk*", "mremap_chunk", "tcache_*", "arena_get2*", "arena_get_retry", "ptmalloc_init*",
    "malloc_hook_ini", "realloc_hook_ini", "memalign_hook_ini", "mem2chunk_check",
    "checked_request2size", "alloc_perturb", "free_perturb", "__malloc_*", "__default_morecore",
    "__morecore",
    /* musl: src/malloc/mallocng, src/malloc/oldmalloc */
    "nontrivial_free", "__bin_chunk", "__expand_heap", "__simple_malloc",
    /* bionic: libc/bionic/malloc_common.cpp; LLVM: compiler-rt/lib/{scudo,gwp_asan} */
    "scudo::*", "scudo_*", "gwp_asan::*",
    /* jemalloc: src/jemalloc.c, src/arena.c, src/large.c; with the prefix of Android, Firefox and
     * of Rust's crate */
    "je_malloc*", "je_calloc*", "je_realloc*", "je_free*", "je_memalign", "je_posix_memalign",
    "je_aligned_alloc", "je_rallocx", "je_xallocx", "je_dallocx", "je_sdallocx", "je_arena_*",
    "je_tcache_*", "je_large_*", "je_huge_*", "je_extent*", "je_edata*", "je_base_*", "je_chunk_*",
    "je_pac_*", "je_pa_*", "je_te_*", "_rjem_*", "malloc_default", "free_default",
    "arena_malloc_hard", "arena_dalloc_bin*", "arena_ralloc*", "arena_tcache_fill_small",
    "arena_cache_bin_fill_small", "imalloc_body",
    /* gperftools: src/tcmalloc.cc, src/libc_override.h; google/tcmalloc: tcmalloc/tcmalloc.cc */
    "tcmalloc::*", "tc_malloc*", "tc_free*", "tc_new*", "tc_delete*", "tc_calloc", "tc_cfree",
    "tc_realloc", "tc_memalign", "tc_posix_memalign", "tc_valloc", "tc_pvalloc",
    "TCMallocInternal*",
    /* mimalloc: src/alloc.c, src/free.c, src/page.c, src/segment.c */
    "mi_malloc*", "mi_calloc*", "mi_zalloc*", "mi_realloc*", "mi_rezalloc*", "mi_recalloc*",
    "mi_free*", "mi_new*", "mi_strdup", "mi_heap_*", "mi_page_*", "mi_segment_*", "mi_usable_size",
    "_mi_*",
    /* Chromium: base/allocator/partition_allocator */
    "partition_alloc::*", "allocator_shim::*", "base::internal::Partition*",
    /* macOS: libmalloc's malloc.c, nano_malloc.c, nanov2_malloc.c, magazine_malloc.c, xzone */
    "malloc_zone_*", "_malloc_zone_*", "szone_*", "nanov2_*", "nano_malloc*", "nano_free*",
    "nano_calloc*", "nano_realloc*", "tiny_malloc_*", "tiny_free_list_*", "small_malloc_from_*",
    "small_free_list_*", "xzm_*", "default_zone_*", "malloc_default_zone",
    /* Windows: ntdll, KERNELBASE, combase, oleaut32 */
    "RtlAllocateHeap", "RtlReAllocateHeap", "RtlFreeHeap", "RtlSizeHeap", "RtlValidateHeap",
    "RtlCreateHeap", "RtlDestroyHeap", "RtlCompactHeap", "RtlWalkHeap", "RtlDebugAllocateHeap",
    "RtlDebugReAllocateHeap", "RtlDebugFreeHeap", "RtlDebugSizeHeap", "RtlpAllocateHeap*",
    "RtlpReAllocateHeap*", "RtlpFreeHeap*", "RtlpHp*", "RtlpLowFragHeap*", "RtlpCoalesce*",
    "RtlpFindAndCommitPages", "RtlpExtendHeap", "RtlpCheckHeapSignature", "RtlpCheckBusyBlockTail",
    "RtlpValidateHeap*", "HeapAlloc", "HeapReAlloc", "HeapFree", "HeapValidate", "LocalAlloc",
    "LocalReAlloc", "LocalFree", "GlobalAlloc", "GlobalReAlloc", "GlobalFree", "VirtualAlloc",
    "VirtualAllocEx", "VirtualFree", "CoTaskMemAlloc", "CoTaskMemRealloc", "CoTaskMemFree",
    "SysAllocString*", "SysReAllocString*", "SysFreeString",
    /* Windows: the Universal C Runtime's heap, minkernel/crts/ucrt/src/appcrt/heap */
    "_malloc_base", "_calloc_base", "_realloc_base", "_recalloc_base", "_free_base", "_msize_base",
    "_expand_base", "_malloc_dbg", "_calloc_dbg", "_realloc_dbg", "_recalloc_dbg", "_free_dbg*",
    "_msize", "_msize_dbg", "_recalloc", "_heap_alloc*", "heap_alloc_dbg*", "realloc_dbg_nolock",
    "free_dbg_nolock", "_nh_malloc*", "_aligned_malloc*", "_aligned_realloc*", "_aligned_free*",
    "_aligned_offset_malloc*", "_CrtIsValidHeapPointer", "_CrtCheckMemory", "_CrtDbg*", "_callnewh",
    "_query_new_handler",
    /* sanitizers: compiler-rt/lib/interception; the reports themselves are in callstack_noise.c */
    "__interceptor_malloc", "__interceptor_free", "__interceptor_calloc", "__interceptor_realloc",
    "__interceptor_str*", "__interceptor_mem*", "__interceptor_wcs*", "__interceptor_pthread_*",
    "___interceptor_*", "__asan_mem*", "__lsan::*",

    /* --- blocks of memory, strings, characters ---------------------------------------------- */
    /* C, POSIX and BSD */
    "memcpy", "memmove", "mempcpy", "memset", "memset_explicit", "memcmp", "memchr", "memrchr",
    "rawmemchr", "memmem", "memccpy", "memfrob", "bcopy", "bzero", "bcmp", "explicit_bzero",
    "strlen", "strnlen", "strcpy", "strncpy", "stpcpy", "stpncpy", "strlcpy", "strcat", "strncat",
    "strlcat", "strcmp", "strncmp", "strcasecmp", "strcasecmp_l", "strncasecmp", "strncasecmp_l",
    "strcoll", "strcoll_l", "strxfrm", "strxfrm_l", "strchr", "strchrnul", "strrchr", "strstr",
    "strnstr", "strcasestr", "strspn", "strcspn", "strpbrk", "strtok", "strtok_r", "strsep",
    "strdup", "strndup", "strverscmp", "strerror", "strerror_r", "strsignal", "wcslen", "wcsnlen",
    "wcscpy", "wcsncpy", "wcpcpy", "wcscat", "wcsncat", "wcscmp", "wcsncmp", "wcscasecmp",
    "wcscoll", "wcsxfrm", "wcschr", "wcsrchr", "wcsstr", "wcsspn", "wcscspn", "wcspbrk", "wcstok",
    "wcsdup", "wmemcpy", "wmemmove", "wmempcpy", "wmemset", "wmemcmp", "wmemchr", "mbstowcs",
    "wcstombs", "mbsrtowcs", "wcsrtombs", "mbrtowc", "wcrtomb", "mbtowc", "wctomb", "mbsnrtowcs",
    "wcsnrtombs",
    /* glibc: string/, wcsmbs/, debug/ (_chk) and sysdeps/.../multiarch
     * (__memcpy_avx_unaligned_erms,
     * __strlen_evex, __strcmp_sse42) */
    "__memcpy*", "__memmove*", "__mempcpy*", "__memset*", "__memcmp*", "__memchr*", "__memrchr*",
    "__rawmemchr*", "__memmem*", "__memccpy*", "__bcopy*", "__bzero*", "__bcmp*",
    "__explicit_bzero*", "__strlen*", "__strnlen*", "__strcpy*", "__strncpy*", "__stpcpy*",
    "__stpncpy*", "__strlcpy*", "__strcat*", "__strncat*", "__strlcat*", "__strcmp*", "__strncmp*",
    "__strcasecmp*", "__strncasecmp*", "__strcoll*", "__strxfrm*", "__strchr*", "__strrchr*",
    "__strstr*", "__strcasestr*", "__strspn*", "__strcspn*", "__strpbrk*", "__strtok*", "__strsep*",
    "__strdup*", "__strndup*", "__strverscmp", "__strerror*", "__wcslen*", "__wcsnlen*",
    "__wcscpy*", "__wcsncpy*", "__wcpcpy*", "__wcscat*", "__wcscmp*", "__wcsncmp*", "__wcscasecmp*",
    "__wcschr*", "__wcsrchr*", "__wcsstr*", "__wmemcpy*", "__wmemmove*", "__wmempcpy*",
    "__wmemset*", "__wmemcmp*", "__wmemchr*", "__mbsrtowcs*", "__mbrtowc", "__wcsrtombs*",
    "__wcrtomb*", "__mbstowcs_chk",
    /* glibc: elf/ifuncmain, sysdeps/x86/cacheinfo.h, sysdeps/x86/cpu-features.c; see also
     * is_resolver in platform.c */
    "elf_ifunc_invoke", "init_cacheinfo", "init_cpu_features*", "__init_cpu_features*",
    "__get_cpu_features", "intel_check_word*", "handle_intel",
    /* Intel's compiler: libirc */
    "__intel_fast_mem*", "_intel_fast_mem*", "__intel_avx_rep_mem*", "__intel_sse*",
    /* macOS: libplatform's src/string */
    "_platform_*",
    /* Windows: ntdll, KERNELBASE */
    "RtlCopyMemory*", "RtlMoveMemory", "RtlFillMemory*", "RtlZeroMemory", "RtlCompareMemory*",
    "lstrlenA", "lstrlenW", "lstrcpyA", "lstrcpyW", "lstrcpynA", "lstrcpynW", "lstrcatA",
    "lstrcatW", "lstrcmpA", "lstrcmpW", "lstrcmpiA", "lstrcmpiW", "MultiByteToWideChar",
    "WideCharToMultiByte",
    /* Windows: the Universal C Runtime's string functions */
    "strcpy_s", "strncpy_s", "strcat_s", "strncat_s", "strtok_s", "strnlen_s", "wcscpy_s",
    "wcsncpy_s", "wcscat_s", "wcsncat_s", "memcpy_s", "memmove_s", "_strdup", "_wcsdup",
    "_strdup_dbg", "_wcsdup_dbg", "_stricmp*", "_strnicmp*", "_wcsicmp*", "_wcsnicmp*",

    /* --- numbers, sorting, time, environment ------------------------------------------------- */
    /* C and POSIX; glibc: stdlib/strtol_l.c, stdlib/strtod_l.c, stdlib/msort.c, misc/tsearch.c */
    "atoi", "atol", "atoll", "atof", "strtol*", "strtoul*", "strtod*", "strtof*", "strtoimax",
    "strtoumax", "wcstol", "wcstoul", "wcstod", "__strtof*", "__strtol*", "__strtoul*", "__strtod*",
    "____strto*", "__wcsto*", "____wcsto*", "round_and_return", "str_to_mpn", "__mpn_*", "qsort",
    "qsort_r", "__qsort_r", "msort_with_tmp", "_quicksort", "bsearch", "tsearch", "__tsearch",
    "tfind", "tdelete", "twalk", "__twalk", "getenv", "secure_getenv", "setenv", "unsetenv",
    "putenv", "__add_to_environ", "strftime*", "strptime*", "__strftime*", "__strptime*", "mktime",
    "timegm", "localtime", "localtime_r", "gmtime", "gmtime_r", "asctime", "asctime_r", "ctime_r",
    "__tz_convert", "__tzfile_*", "tzset_internal", "__mktime_internal", "__asctime_r", "ntohl",
    "htonl", "random_r", "__random*", "setlocale", "newlocale", "freelocale", "__gconv*", "iconv",
    "iconv_open", "iconv_close", "__dcigettext", "_nl_*", "__ctype_*", "__errno_location",
    "__h_errno_location",

    /* --- files and formats ------------------------------------------------------------------- */
    /* C and POSIX */
    "printf", "fprintf", "sprintf", "snprintf", "dprintf", "asprintf", "vprintf", "vfprintf",
    "vsprintf", "vsnprintf", "vdprintf", "vasprintf", "wprintf", "fwprintf", "swprintf", "vwprintf",
    "vfwprintf", "vswprintf", "scanf", "fscanf", "sscanf", "vscanf", "vfscanf", "vsscanf",
    "swscanf", "fopen", "fopen64", "freopen", "fdopen", "fclose", "fflush", "fread", "fwrite",
    "fgetc", "fgets", "fputc", "fputs", "puts", "getc", "getchar", "putc", "putchar", "ungetc",
    "fseek", "fseeko", "ftell", "ftello", "getline", "getdelim", "setvbuf", "setbuf", "perror",
    "fread_unlocked", "fwrite_unlocked", "fputs_unlocked", "fgets_unlocked", "opendir", "readdir",
    "readdir64", "closedir", "realpath", "getaddrinfo", "freeaddrinfo", "getnameinfo",
    "gethostbyname*",
    /* glibc: libio/, stdio-common/, debug/ (_chk), resolv/, nss/ */
    "_IO_*", "__printf*", "__fprintf*", "__sprintf*", "__snprintf*", "__dprintf*", "__asprintf*",
    "__vprintf*", "__vfprintf*", "__vsprintf*", "__vsnprintf*", "__vdprintf*", "__vasprintf*",
    "__wprintf*", "__fwprintf*", "__swprintf*", "__vfwprintf*", "__vswprintf*", "__vfscanf*",
    "__vsscanf*", "__vfwscanf*", "___printf_chk", "___fprintf_chk", "___sprintf_chk",
    "___snprintf_chk", "___vprintf_chk", "___vfprintf_chk", "___vsprintf_chk", "___vsnprintf_chk",
    "__isoc99_*", "__isoc23_*", "printf_positional", "buffered_vfprintf", "locked_vfxprintf",
    "outstring_converted_wide_string", "Xprintf_buffer*", "_itoa_word", "_fitoa_word", "__overflow",
    "__underflow", "__uflow", "__wuflow", "__woverflow", "new_do_write", "__fopen*", "__fread*",
    "__fgets*", "__fputs*", "__getdelim", "__getline", "__fxprintf*", "__opendir*", "__readdir*",
    "__closedir", "__realpath*", "gaih_inet*", "__res_*", "__nss_*", "_nss_*", "__gethostby*",
    "__inet_*",
    /* musl: src/stdio */
    "printf_core", "wprintf_core", "__fwritex", "__towrite", "__toread", "__stdio_*",
    "__stdout_write",
    /* bionic and BSD: libc/stdio */
    "__sfvwrite", "__swsetup", "__sflush", "__srefill", "__swrite", "__sread", "__sfeof",
    "__svfscanf",
    /* Windows: the Universal C Runtime's stdio */
    "_snprintf*", "_vsnprintf*", "_snwprintf*", "_vsnwprintf*", "_vscprintf*", "_vsprintf*",
    "sprintf_s", "vsprintf_s", "_fsopen", "_wfopen", "_fread_nolock*", "_fwrite_nolock*",
    "_output_l", "_woutput_l", "__acrt_*", "__vcrt_*", "__crt_*",

    /* --- threads, system calls, jumps -------------------------------------------------------- */
    /* POSIX; glibc: nptl/, sysdeps/nptl, sysdeps/unix/sysv/linux; musl: src/thread */
    "pthread_*", "__pthread_*", "___pthread_*", "__nptl_*", "__lll_*", "__futex_*", "futex_wait*",
    "futex_wake", "futex_abstimed_wait*", "do_futex_wait*", "sem_wait", "sem_timedwait",
    "sem_trywait", "sem_post", "__new_sem_*", "__old_sem_*", "__timedwait*", "syscall",
    "__syscall*", "__internal_syscall_cancel", "__read", "__read_nocancel", "__read_chk", "__write",
    "__write_nocancel", "__open", "__open64", "__open_nocancel", "__open64_nocancel", "__openat*",
    "__close", "__close_nocancel", "__poll", "__poll_chk", "__ppoll", "__ppoll_chk", "__select",
    "__pselect", "__epoll_wait", "epoll_wait", "epoll_pwait", "__epoll_pwait", "__accept*",
    "__connect", "__recv*", "__send*", "__ioctl", "__fcntl*", "__nanosleep*", "nanosleep", "usleep",
    "__usleep", "__sleep", "clock_nanosleep", "__clock_nanosleep*", "clock_gettime",
    "__clock_gettime*", "__vdso_*", "__wait4*", "__waitpid", "waitpid", "sigsuspend",
    "__sigsuspend", "sigwaitinfo", "__sigwait*", "sigtimedwait", "__sigtimedwait", "killpg",
    "__kill", "__mmap*", "mmap64", "munmap", "__munmap", "mprotect", "__mprotect", "mremap",
    "__mremap", "madvise", "__madvise", "sbrk", "__sbrk", "__brk", "setjmp", "_setjmp", "__setjmp*",
    "__sigsetjmp*", "longjmp", "_longjmp", "siglongjmp", "__longjmp*", "____longjmp_chk",
    "__backtrace", "getcontext", "setcontext", "swapcontext", "makecontext", "__start_context",
    /* Windows: ntdll, KERNELBASE */
    "RtlEnterCriticalSection", "RtlLeaveCriticalSection", "RtlTryEnterCriticalSection",
    "RtlpEnterCriticalSection*", "RtlpWaitOn*", "RtlpWaitForCriticalSection",
    "RtlpUnWaitCriticalSection", "RtlAcquireSRWLock*", "RtlReleaseSRWLock*", "RtlRunOnce*",
    "RtlSleepConditionVariable*", "RtlWakeConditionVariable", "RtlWakeAllConditionVariable",
    "RtlCaptureContext*", "RtlVirtualUnwind*", "RtlLookupFunctionEntry", "RtlRestoreContext",
    "NtWaitFor*", "ZwWaitFor*", "NtDelayExecution", "ZwDelayExecution", "NtRemoveIoCompletion*",
    "ZwRemoveIoCompletion*", "NtDeviceIoControlFile", "NtReadFile", "NtWriteFile", "NtClose",
    "ZwClose", "NtContinue", "ZwContinue", "KiFastSystemCall*", "KiUserCallbackDispatch*",
    "KiUserApcDispatch*", "EnterCriticalSection", "LeaveCriticalSection", "DeleteCriticalSection",
    "WaitForSingleObject", "WaitForSingleObjectEx*", "WaitForMultipleObjects*", "SleepEx",
    "SleepConditionVariableCS", "SleepConditionVariableSRW", "GetQueuedCompletionStatus*",

    /* macOS: libsystem_kernel, libsystem_pthread */
    "mach_msg", "mach_msg_trap", "mach_msg2_trap", "mach_msg2_internal", "mach_msg_overwrite*",
    "__psynch_*", "__semwait_signal*", "__ulock_wait*", "__workq_kernreturn", "_pthread_*",
    "semaphore_wait_trap", "semaphore_timedwait_trap", "os_unfair_lock_*", "_os_unfair_lock_*",

    /* --- the loader, and what runs before and after main ------------------------------------- */
    /* glibc: elf/dl-*.c, elf/rtld.c, dlfcn/, csu/, stdlib/exit.c; gcc: libgcc/crtstuff.c */
    "_dl_*", "___dl_*", "__dl_*", "do_lookup_x", "do_lookup_unique*", "dl_open_worker*",
    "dl_iterate_phdr", "elf_machine_rel*", "elf_dynamic_do_*", "dlopen", "dlopen_doit",
    "dlopen_implementation", "__dlopen", "___dlopen", "dlmopen", "dlsym", "__dlsym", "___dlsym",
    "dlsym_doit", "dlvsym", "dlclose", "__dlclose", "dlclose_doit", "dlerror", "dladdr",
    "__tls_get_addr*", "___tls_get_addr*", "tls_get_addr_tail", "update_get_addr", "__libc_*",
    "___libc_*", "__run_exit_handlers", "__call_tls_dtors", "__do_global_*",
    /* musl: ldso/dynlink.c */
    "__dls2", "__dls2b", "__dls3", "do_init_fini", "libc_start_init",
    /* bionic: linker/linker_main.cpp, linker/dlfcn.cpp, libdl */
    "__linker_init*", "__loader_*", "soinfo::*",
    /* FreeBSD: libexec/rtld-elf */
    "_rtld_*",
    /* macOS: dyld */
    "dyld::*", "dyld3::*", "dyld4::*", "_dyld_*", "dyld_stub_binder*", "ImageLoader::*",
    "ImageLoaderMachO*",
    /* Windows: ntdll, KERNELBASE, the C runtime's vcstartup */
    "Ldrp*", "LdrLoadDll", "LdrUnloadDll", "LdrInitializeThunk", "LdrShutdownProcess",
    "LdrShutdownThread", "LdrGetProcedureAddress*", "LoadLibraryA", "LoadLibraryW",
    "LoadLibraryExA", "LoadLibraryExW", "FreeLibrary", "GetProcAddress", "_initterm", "_initterm_e",
    "__scrt_*", "_CRT_INIT", "_DllMainCRTStartup*", "dllmain_*",

    /* --- C++ ------------------------------------------------------------------------------- */
    /* The standard library, whose checks and containers fail on the caller's behalf: libstdc++,
     * libc++, Microsoft's STL; and Rust's std. */
    "std::*", "__gnu_cxx::*", "__gnu_debug::*", "__gnu_parallel::*", "__cxa_*", "__gxx_*",
    "__dynamic_cast", "__gthread_*", "operator new", "operator new[]", "operator delete",
    "operator delete[]", "__RTDynamicCast", "__RTtypeid", "_CxxCallCatchBlock",
    "__CxxCallCatchBlock", "__vec_*", "`eh vector *",
    /* OpenMP: libgomp, LLVM's openmp */
    "GOMP_*", "gomp_*", "__kmp_*", "__kmpc_*",

    /* --- Rust -------------------------------------------------------------------------------- */
    /* library/core/src and library/alloc/src; not all of core::, since programs in C++ have a
     * namespace of that name, too. `impl` blocks: see is_rust_impl in platform.c. */
    "core::alloc::*", "core::any::*", "core::array::*", "core::ascii::*", "core::bool::*",
    "core::borrow::*", "core::cell::*", "core::char::*", "core::clone::*", "core::cmp::*",
    "core::convert::*", "core::default::*", "core::ffi::*", "core::fmt::*", "core::future::*",
    "core::hash::*", "core::hint::*", "core::intrinsics::*", "core::iter::*", "core::mem::*",
    "core::num::*", "core::ops::*", "core::option::*", "core::panic::*", "core::pin::*",
    "core::ptr::*", "core::result::*", "core::slice::*", "core::str::*", "core::sync::atomic::*",
    "core::unicode::*", "alloc::alloc::*", "alloc::borrow::*", "alloc::boxed::*",
    "alloc::collections::*", "alloc::ffi::*", "alloc::fmt::*", "alloc::raw_vec::*", "alloc::rc::*",
    "alloc::slice::*", "alloc::str::*", "alloc::string::*", "alloc::sync::*", "alloc::task::*",
    "alloc::vec::*",
    /* crates that the standard library is made with; library/alloc/src/alloc.rs and
     * library/std/src/alloc.rs */
    "hashbrown::*", "std_detect::*", "compiler_builtins::*", "__rust_*", "__rustc::*", "__rdl_*",
    "__rg_*",

    /* --- Go ---------------------------------------------------------------------------------- */
    /* src/runtime: malloc.go, slice.go, string.go, map*.go, chan.go, select.go, iface.go, alg.go,
     * mem*.s, stack.go, proc.go, mgc*.go, mbarrier.go, cgocall.go, sema.go, asm_*.s; methods of its
     * types are runtime.(*mheap).alloc. Not all of runtime.: other languages have objects so named.
     */
    "runtime.(*", "runtime.malloc*", "runtime.newobject", "runtime.newarray", "runtime.makeslice*",
    "runtime.growslice*", "runtime.nextslicecap", "runtime.slicebytetostring*",
    "runtime.stringtoslice*", "runtime.concatstring*", "runtime.rawstring*", "runtime.rawbyteslice",
    "runtime.intstring", "runtime.cmpstring", "runtime.makemap*", "runtime.mapaccess*",
    "runtime.mapassign*", "runtime.mapdelete*", "runtime.mapclear*", "runtime.mapiter*",
    "runtime.makechan*", "runtime.chansend*", "runtime.chanrecv*", "runtime.closechan",
    "runtime.selectgo", "runtime.selectnb*", "runtime.convT*", "runtime.assertE2I*",
    "runtime.assertI2I*", "runtime.typeAssert", "runtime.interfaceSwitch", "runtime.getitab",
    "runtime.efaceeq", "runtime.ifaceeq", "runtime.nilinterequal", "runtime.interequal",
    "runtime.strequal", "runtime.memequal*", "runtime.memhash*", "runtime.strhash*",
    "runtime.typehash", "runtime.nilinterhash", "runtime.interhash", "runtime.memmove",
    "runtime.memclr*", "runtime.typedmemmove", "runtime.typedmemclr", "runtime.typedslicecopy",
    "runtime.reflectcall*", "runtime.duffcopy", "runtime.duffzero", "runtime.bulkBarrier*",
    "runtime.gcWriteBarrier*", "runtime.wbBuf*", "runtime.morestack*", "runtime.newstack",
    "runtime.copystack", "runtime.adjustframe", "runtime.gopark*", "runtime.goready*",
    "runtime.park_m", "runtime.mcall", "runtime.schedule", "runtime.findRunnable",
    "runtime.findrunnable", "runtime.stopm", "runtime.startm", "runtime.gosched*",
    "runtime.Gosched", "runtime.newproc*", "runtime.goexit0", "runtime.goexit1", "runtime.sysmon",
    "runtime.retake", "runtime.preemptone", "runtime.asyncPreempt*", "runtime.entersyscall*",
    "runtime.exitsyscall*", "runtime.deferproc*", "runtime.deferreturn", "runtime.rundefers",
    "runtime.runOpenDeferFrame", "runtime.deferCallSave", "runtime.recovery", "runtime.gorecover",
    "runtime.call16", "runtime.call32", "runtime.call64", "runtime.call128", "runtime.call256",
    "runtime.call512", "runtime.call1024", "runtime.debugCall*", "runtime.gcStart*",
    "runtime.gcBgMark*", "runtime.gcMark*", "runtime.gcDrain*", "runtime.gcAssist*",
    "runtime.gcSweep*", "runtime.gcmarknewobject", "runtime.scanobject", "runtime.scanblock",
    "runtime.scanstack", "runtime.scanframe*", "runtime.greyobject", "runtime.findObject",
    "runtime.badPointer", "runtime.markroot*", "runtime.shade", "runtime.bgsweep",
    "runtime.bgscavenge", "runtime.sweepone", "runtime.runfinq", "runtime.heapBits*",
    "runtime.heapSetType*", "runtime.cgocall*", "runtime.asmcgocall*", "runtime.futex*",
    "runtime.notesleep*", "runtime.notewakeup", "runtime.notetsleep*", "runtime.lock2",
    "runtime.unlock2", "runtime.semacquire*", "runtime.semasleep", "runtime.semawakeup",
    "runtime.semrelease*", "runtime.usleep", "runtime.netpoll*", "runtime.epollwait",
    "runtime.pcvalue", "runtime.funcspdelta", "runtime.gentraceback", "runtime.traceback*",
    "runtime.doInit*", "runtime.cgoCheck*", "runtime.checkptr*", "runtime.unsafeslice*",
    "runtime.unsafestring*", "runtime.sliceCopy", "runtime.slicecopy", "runtime.modulesinit",
    /* src/internal, src/sync, src/syscall, src/reflect: checks and locks */
    "internal/abi.*", "internal/bytealg.*", "internal/poll.*", "internal/reflectlite.*",
    "internal/runtime/*", "internal/sync.*", "sync/atomic.*", "sync.(*", "sync.runtime_*",
    "sync.fatal", "sync.throw", "syscall.Syscall*", "syscall.RawSyscall*", "reflect.flag.*",
    "reflect.Value.*", "reflect.(*", "reflect.typedmem*", "reflect.valueInterface",
    "reflect.unsafe_New*", "reflect.map*", "reflect.chan*", "_cgo_*", "crosscall2", "crosscall_*",
    "_cgoexp_*",

    /* --- Java, Kotlin, Android --------------------------------------------------------------- */
    /* OpenJDK: src/java.base; only the system's loader may define java.* */
    "java.*", "javax.*", "jdk.internal.*", "sun.misc.*", "sun.nio.*", "sun.net.*", "sun.security.*",
    "sun.util.*", "sun.invoke.*", "com.sun.proxy.*", "libcore.*", "dalvik.*",
    /* Kotlin: libraries/stdlib; kotlinx.coroutines */
    "kotlin.*", "kotlinx.coroutines.*", "kotlin::*",
    /* Scala: src/library */
    "scala.Predef*", "scala.collection.*", "scala.Option*", "scala.runtime.*", "scala.util.*",
    /* Android: frameworks/base/core/java; art/runtime */
    "android.os.Handler.*", "android.os.Looper.*", "android.os.MessageQueue.*",
    "android.os.Parcel.*", "android.os.Binder.*", "android.app.ActivityThread*",
    "com.android.internal.os.*", "art_quick_*", "art_jni_*", "art_invoke_*", "art_interpreter_*",
    "nterp_*", "mterp_*", "ExecuteMterpImpl*", "MterpInvoke*", "ExecuteSwitchImpl*",
    "ExecuteNterpImpl*", "NterpGetMethod*", "artQuickToInterpreterBridge",
    "artQuickGenericJniTrampoline", "artInterpreterToCompiledCodeBridge",
    "artQuickProxyInvokeHandler", "artInvokeInterfaceTrampoline*", "art::interpreter::*",
    "art::ArtMethod::Invoke*", "art::InvokeWithVarArgs*", "art::InvokeWithJValues*",
    "art::InvokeMethod*", "art::InvokeVirtualOrInterface*", "art::JNI::Call*", "art::CheckJNI::*",
    "art::ScopedCheck::*", "_JNIEnv::Call*", "_JNIEnv::NewObject",
    /* OpenJDK: src/hotspot/share/runtime/javaCalls.cpp */
    "JavaCalls::call*",

    /* --- Python ------------------------------------------------------------------------------ */
    /* Lib/importlib/_bootstrap.py */
    "_call_with_frames_removed", "_find_and_load", "_find_and_load_unlocked", "_load_unlocked",
    "_load_backward_compatible", "_gcd_import", "_handle_fromlist", "importlib.*",

    /* --- JavaScript -------------------------------------------------------------------------- */
    /* V8's builtins, src/builtins, as stacks have them: Array.forEach (<anonymous>) */
    "Array.forEach", "Array.map", "Array.filter", "Array.reduce", "Array.reduceRight", "Array.some",
    "Array.every", "Array.find", "Array.findIndex", "Array.findLast", "Array.flatMap", "Array.sort",
    "Array.from", "Array.splice", "Array.push", "Array.join", "Array.concat", "Array.includes",
    "Array.indexOf", "Map.forEach", "Set.forEach", "Promise", "Promise.then", "Promise.all",
    "Promise.any", "Promise.race", "Promise.allSettled", "Promise.allFulfilled", "JSON.parse",
    "JSON.stringify", "Reflect.apply", "Reflect.construct", "RegExp.exec", "RegExp.test",
    "RegExp.replace", "RegExp.[Symbol.replace]", "String.replace", "String.replaceAll",
    "String.match", "String.split", "String.repeat", "Array.prototype.*", "Promise.prototype.*",
    "Generator.next", "Generator.throw", "AsyncGenerator.next", "Proxy.apply",
    /* TypeScript's helpers for older engines: tslib */
    "__awaiter", "__generator", "__asyncGenerator", "__values", "__spreadArray",

    /* --- .NET -------------------------------------------------------------------------------- */
    /* dotnet/runtime: src/libraries/System.Private.CoreLib and System.Linq */
    "System.Array.*", "System.Collections.*", "System.Convert.*", "System.Enum.*", "System.Linq.*",
    "System.Number.*", "System.Runtime.*", "System.String.*", "System.Threading.*",
    "System.Reflection.*", "System.RuntimeMethodHandle.*", "System.Activator.*", "System.Span*",
    "System.Nullable*", "System.Delegate.*", "System.MulticastDelegate.*", "System.Text.*",

    /* --- Objective-C and Swift --------------------------------------------------------------- */
    /* objc4: runtime/; CoreFoundation's run loop; libdispatch; Swift: stdlib/public/runtime */
    "objc_msgSend*", "objc_release*", "objc_retain*", "objc_autorelease*", "objc_store*",
    "objc_loadWeak*", "objc_destroyWeak*", "objc_initWeak*", "objc_copyWeak*", "objc_setProperty*",
    "objc_getProperty*", "objc_destructInstance", "objc_class_*", "objc_object::*",
    "objc_enumerationMutation", "_objc_rootRelease*", "_objc_rootDealloc*", "_objc_rootRetain*",
    "lookUpImpOrForward", "_class_lookupMethodAndLoadCache3", "AutoreleasePoolPage::*",
    "__CFRunLoop*", "__CFRUNLOOP_IS_*", "CFRunLoopRunSpecific", "CFRunLoopRun",
    "CFRunLoopRunInMode", "_CFRelease", "CFRelease", "CFRetain", "_CFAutoreleasePool*",
    "_dispatch_*", "_swift_release*", "_swift_retain*", "swift_release*", "swift_retain*",
    "swift_allocObject", "swift_dealloc*", "swift_slow*", "swift_bridgeObject*",
    "swift_unknownObject*", "swift_dynamicCast*", "swift_beginAccess", "swift_isUniquely*",
    "swift_getGenericMetadata", "swift_arrayInit*", "swift_arrayDestroy", "swift_weak*",
    "swift_unowned*", "swift_cvw_*", "swift::runJob*", "swift_job_run*",
};

/* PLATFORM_STARTS, by name. */
static const char starting_names[][PLATFORM_NAME_BYTES] = {
    /* Python: Lib/threading.py, Lib/runpy.py */
    "_bootstrap_inner", "_run_module_as_main", "threading.Thread._bootstrap*",
    /* libgomp: team.c */
    "gomp_thread_start",
    /* GLib: glib/gthread.c, glib/gthreadpool.c; Qt: src/corelib/thread */
    "g_thread_proxy", "g_thread_pool_thread_proxy", "QThreadPrivate::start",
    "QThreadPoolThread::run",
    /* macOS: libdispatch, libsystem_pthread */
    "_dispatch_worker_thread*", "_dispatch_workloop_worker_thread", "_dispatch_root_queue_*",
};

/* All of whose frames are PLATFORM_SYSTEM: names without their folder, in lower case. */
static const char system_modules[][PLATFORM_NAME_BYTES] = {
    /* glibc, also by the names that it had until 2.34; musl; bionic */
    "libc.so*", "libc-2.*", "libc.musl*", "libm.so*", "libm-2.*", "libmvec.so*", "libpthread.so*",
    "libpthread-2.*", "libdl.so*", "libdl-2.*", "librt.so*", "librt-2.*", "libresolv.so*",
    "libresolv-2.*", "libnsl.so*", "libnsl-2.*", "libnss_files*", "libnss_dns*", "libanl.so*",
    "libutil.so.1", "libutil-2.*", "ld-linux*", "ld-2.*", "ld.so*", "ld64.so*", "ld-musl*",
    "linux-vdso*", "linux-gate*", "[vdso]", "[vdso:*", "[vsyscall]", "linker64", "libdl_android.so",
    "libsigchain.so",
    /* FreeBSD, OpenBSD */
    "ld-elf*", "libthr.so*",
    /* C++, compilers' runtimes, sanitizers, allocators that replace malloc */
    "libstdc++.*", "libstdc++-*", "libc++.*", "libc++-*", "libc++_shared.so", "libc++abi*",
    "libcxxrt*", "libsupc++*", "libgcc_s*", "libunwind.*", "libunwind-*", "libatomic.*",
    "libwinpthread-*", "libgomp.*", "libgomp-*", "libomp.*", "libomp5.*", "libiomp5*",
    "libclang_rt.*", "clang_rt.*", "libasan.*", "libtsan.*", "libubsan.*", "liblsan.*",
    "libhwasan.*", "libjemalloc.*", "libtcmalloc*", "libmimalloc*", "mimalloc*", "libscudo*",
    "libgwp_asan*", "libgmalloc.*",
    /* Windows */
    "ntdll", "ntdll.*", "kernel32", "kernel32.*", "kernelbase", "kernelbase.*", "win32u",
    "win32u.*", "wow64*", "ucrtbase*", "msvcrt", "msvcrt.*", "msvcr70*", "msvcr71*", "msvcr80*",
    "msvcr90*", "msvcr100*", "msvcr110*", "msvcr120*", "vcruntime*", "msvcp*", "concrt140*",
    "api-ms-win-*", "verifier.dll", "vfbasics.dll", "vrfcore.dll",
    /* .NET */
    "clr.*", "coreclr", "coreclr.*", "libcoreclr.*", "clrjit.*", "libclrjit.*", "mscorwks*",
    "mscoree*", "mscorlib*", "system.private.corelib*",
    /* macOS and iOS */
    "libsystem_*", "libsystem.b.*", "libdyld.*", "dyld", "dyld_sim", "dyld_shared_cache*",
    "libdispatch.*", "libobjc.*", "libcompiler_rt.*", "libmacho.*", "libswiftcore.*",
    "libswift_concurrency.*", "libswiftdispatch.*",
    /* scripts that are part of Node.js and of Python */
    "node:*", "<frozen importlib*", "<frozen runpy>", "<frozen zipimport>",
};

/* Of a few names, which stand for other things in most programs, only a module of the system makes
 * frames of the platform: macOS's start, Windows' terminate, glibc's thread_start. */
static const char common_names[][PLATFORM_NAME_BYTES] = { "start", "thread_start", "terminate" };

/* Where the kernel called a signal handler, or Windows an exception handler, or Go's runtime. */
static const char trampoline_names[][PLATFORM_NAME_BYTES] = {
    /* GDB and those who write as it does; LLDB and others without the brackets */
    "<signal handler called>", "signal handler called", "<signal trampoline>",
    /* glibc and musl: sigaction's restorer, in each architecture's assembler; without its own
     * symbol it is taken for the function before it */
    "__restore_rt", "__restore", "__default_rt_sa_restorer", "__default_sa_restorer",
    "__default_rt_sa_restorer_v1", "__default_rt_sa_restorer_v2", "__default_sa_restorer_v1",
    "__default_sa_restorer_v2", "__sigaction",
    /* Linux: the vDSO */
    "__kernel_rt_sigreturn", "__kernel_sigreturn", "__vdso_rt_sigreturn", "__kernel_sigtramp_rt64",
    "__kernel_sigtramp32",
    /* macOS: libplatform; the BSDs and Solaris */
    "_sigtramp", "__sigtramp", "sigcode", "__sigtramp_siginfo_2", "__sighndlr",
    /* Windows: ntdll */
    "KiUserExceptionDispatcher", "KiUserExceptionDispatch",
    /* Go: src/runtime/sys_*.s, signal_unix.go */
    "runtime.sigtramp", "runtime.sigreturn", "runtime.sigreturn__sigaction", "runtime.cgoSigtramp",
    "runtime.sigpanic", "runtime.sigpanic0",
};
/* clang-format on */

#endif
