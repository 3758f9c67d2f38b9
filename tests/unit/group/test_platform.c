/* What is known of platforms and languages: names that must be known, and names of programs that
 * must not be taken for them. */
#include "group/platform.h"

#include "base/arena.h"
#include "report/fingerprint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define ARENA_BYTES (1u << 20)

/* Names as senders write them, so that this also holds what fingerprint_function makes of them. */
static struct str plain(const char *name, struct arena *a)
{
    struct str out;
    assert_true(fingerprint_function(str_from_c(name), a, &out));
    return out;
}

static void check_kind(const char *const *names, size_t count, enum platform_kind want)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        enum platform_kind kind = platform_frame(plain(names[i], a), STR(""));
        if (kind != want) {
            print_error("%s: %d, not %d\n", names[i], (int)kind, (int)want);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}
#define CHECK_KIND(names, want) check_kind(names, COUNT_OF(names), want)

static void test_memory(void **state)
{
    (void)state;
    static const char *const names[] = {
        /* C, glibc */
        "malloc", "__GI___libc_malloc", "__libc_malloc@@GLIBC_2.2.5", "___libc_malloc", "free@plt",
        "cfree", "__libc_free", "_int_malloc", "_int_free", "_int_free_merge_chunk", "_int_realloc",
        "_int_memalign", "sysmalloc", "unlink_chunk.isra.0", "unlink_chunk.constprop.0",
        "tcache_get", "tcache_thread_shutdown", "calloc", "realloc", "memalign", "posix_memalign",
        "aligned_alloc", "malloc_usable_size", "arena_get2.part.0", "mremap_chunk",
        /* musl, bionic, other allocators */
        "__libc_malloc_impl", "__malloc_donate", "__bin_chunk", "scudo_malloc",
        "scudo::Allocator<scudo::AndroidConfig, &(scudo_malloc_postinit)>::deallocate(void*)",
        "je_malloc", "je_arena_malloc_hard", "je_tcache_bin_flush_small", "_rjem_malloc",
        "tc_malloc", "tc_newarray", "tcmalloc::ThreadCache::ReleaseToCentralCache", "mi_malloc",
        "mi_free", "_mi_page_malloc", "mi_heap_malloc_zero_aligned_at",
        "partition_alloc::PartitionRoot::Free",
        /* C++ */
        "operator new(unsigned long)", "_Znwm", "_Znam", "operator new[](unsigned long)",
        "operator delete(void*)", "_ZdlPvm", "operator delete[](void*, unsigned long)",
        /* macOS */
        "malloc_zone_malloc", "malloc_zone_free", "szone_malloc_should_clear", "szone_free",
        "nanov2_allocate_from_block$VARIANT$mp", "nanov2_malloc$VARIANT$mp", "_malloc_zone_malloc",
        "tiny_malloc_should_clear", "tiny_free_list_add_ptr",
        /* Windows */
        "ntdll!RtlAllocateHeap+0x46", "RtlFreeHeap", "RtlpFreeHeapInternal", "RtlpHpFreeHeap",
        "RtlpLowFragHeapAllocFromContext", "HeapAlloc", "HeapFree", "ucrtbase!_free_base+0x1b",
        "_malloc_base", "_realloc_base", "_calloc_base", "_free_dbg", "_free_dbg_nolock",
        "_heap_alloc_dbg"
    };
    CHECK_KIND(names, PLATFORM_SYSTEM);
}

static void test_strings_and_files(void **state)
{
    (void)state;
    static const char *const names[] = {
        "memcpy", "memmove", "memset", "strlen", "strcmp", "bcopy", "strdup", "strtol", "atoi",
        "__memcpy_avx512_unaligned_erms", "__memmove_avx_unaligned_erms", "__memmove_ssse3_back",
        "__memset_avx2_unaligned_erms", "__strlen_evex", "__strlen_avx2", "__strcmp_sse42",
        "__strncpy_sse2_unaligned", "__rawmemchr_avx2", "__memcpy_chk", "__strcpy_chk",
        "__wcslen_sse2", "____strtol_l_internal", "____strtod_l_internal", "__strchrnul_evex",
        "_platform_memmove", "_platform_memmove$VARIANT$Haswell", "RtlMoveMemory", "lstrlenW",
        "strlen_ifunc", "memcpy_ifunc_selector", "strcmp_ifunc", "elf_ifunc_invoke",
        "init_cacheinfo", "__GI_strlen",
        /* stdio */
        "printf", "vfprintf", "__vfprintf_internal", "__vsnprintf_internal", "___snprintf_chk",
        "__printf_fp_l", "__printf_chk", "__fprintf_chk", "__vsprintf_chk", "_IO_vfprintf",
        "_IO_default_xsputn", "_IO_new_file_xsputn", "__GI__IO_fwrite", "buffered_vfprintf",
        "printf_positional", "Xprintf_buffer_write", "fopen", "__fopen_internal", "fclose",
        "fwrite", "fputs", "sscanf", "__isoc99_sscanf", "_vsnprintf_l", "printf_core", "__sfvwrite"
    };
    CHECK_KIND(names, PLATFORM_SYSTEM);
}

static void test_threads_and_loader(void **state)
{
    (void)state;
    static const char *const names[] = {
        "pthread_mutex_lock", "__pthread_mutex_lock", "___pthread_mutex_lock",
        "pthread_cond_wait@@GLIBC_2.3.2", "__pthread_cond_timedwait", "__lll_lock_wait",
        "__futex_abstimed_wait_common64", "__psynch_cvwait", "_pthread_cond_wait",
        "RtlEnterCriticalSection", "RtlpWaitOnCriticalSection", "NtWaitForSingleObject",
        "WaitForSingleObjectEx", "mach_msg_trap", "__poll", "epoll_wait", "__GI___poll",
        /* loader */
        "_dl_fixup", "_dl_runtime_resolve_xsavec", "_dl_lookup_symbol_x", "do_lookup_x", "_dl_open",
        "_dl_init", "_dl_catch_exception", "dl_open_worker", "dl_open_worker_begin", "dlopen",
        "dlopen_doit", "dlsym", "__tls_get_addr", "___tls_get_addr", "tls_get_addr_tail",
        "__libc_dlopen_mode", "__libc_csu_init", "__run_exit_handlers", "__cxa_finalize",
        "__call_tls_dtors", "_rtld_bind", "__dls3", "dyld::load", "dyld3::closure::loadTopImage",
        "dyld4::Loader::findAndRunAllInitializers(dyld4::RuntimeState&) const",
        "_dyld_fast_stub_entry", "ImageLoader::runInitializers", "LdrpCallInitRoutine",
        "LdrLoadDll", "LoadLibraryExW", "killpg", "longjmp", "syscall"
    };
    CHECK_KIND(names, PLATFORM_SYSTEM);
}

static void test_languages(void **state)
{
    (void)state;
    static const char *const names[] = {
        /* C++ */
        "std::vector<int, std::allocator<int> >::push_back(int const&)",
        "_ZNSt6vectorIiSaIiEE9push_backEOi", "std::__cxx11::basic_string<char>::_M_assign",
        "std::__1::__tree<int>::destroy", "std::function<void ()>::operator()() const",
        "__gnu_cxx::new_allocator<int>::deallocate(int*, unsigned long)",
        "__cxa_allocate_exception", "__dynamic_cast", "__gxx_personality_v0", "GOMP_parallel",
        "__kmp_fork_call",
        /* Rust */
        "alloc::alloc::alloc", "_ZN5alloc5alloc15exchange_malloc17h0123456789abcdefE",
        "core::ptr::drop_in_place<alloc::vec::Vec<u8>>", "alloc::vec::Vec<T>::push",
        "alloc::vec::Vec<T,A>::remove::assert_failed", "<alloc::vec::Vec<T>>::push",
        "alloc::raw_vec::RawVec<T,A>::reserve::do_reserve_and_handle",
        "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop",
        "<alloc::vec::Vec<T,A> as core::ops::index::Index<I>>::index",
        "<&T as core::fmt::Debug>::fmt", "<str as core::fmt::Display>::fmt",
        "<[T] as core::slice::cmp::SlicePartialEq<T>>::equal",
        "<T as core::convert::Into<U>>::into",
        "<usize as core::slice::index::SliceIndex<[T]>>::index",
        "<core::iter::adapters::map::Map<B, I> as core::iter::traits::iterator::Iterator>::next",
        "core::slice::<impl [T]>::copy_from_slice", "core::iter::traits::iterator::Iterator::fold",
        "core::str::converts::from_utf8", "std::collections::hash::map::HashMap<K,V,S>::insert",
        "hashbrown::raw::RawTable<T,A>::reserve_rehash", "__rust_alloc", "__rust_dealloc",
        "__rdl_realloc", "__rustc::__rust_alloc",
        /* Go */
        "runtime.mallocgc", "runtime.growslice", "runtime.mapassign_faststr", "runtime.mapaccess2",
        "runtime.newobject", "runtime.makeslice", "runtime.(*mcache).nextFree",
        "runtime.(*mheap).alloc.func1", "runtime.memmove", "runtime.chansend1", "runtime.gopark",
        "runtime.scanobject", "runtime.call32", "runtime.deferreturn", "runtime.cgocall",
        "sync.(*Mutex).Lock", "reflect.Value.call", "reflect.flag.mustBe",
        "internal/poll.(*FD).Read",
        /* Java and Android */
        "java.util.Objects.requireNonNull", "java.lang.Integer.parseInt",
        "java.lang.NumberFormatException.forInputString", "java.util.ArrayList.get",
        "jdk.internal.util.Preconditions.outOfBounds", "java.lang.String.substring",
        "kotlin.jvm.internal.Intrinsics.checkNotNull", "kotlinx.coroutines.DispatchedTask.run",
        "android.os.Handler.dispatchMessage", "android.app.ActivityThread.main",
        "art_quick_generic_jni_trampoline", "nterp_helper", "art::ArtMethod::Invoke",
        "_JNIEnv::CallVoidMethod",
        /* Python, JavaScript, .NET */
        "_call_with_frames_removed", "_find_and_load_unlocked", "Array.forEach",
        "Array.map (<anonymous>)", "new Promise (<anonymous>)", "async Promise.all (index 0)",
        "JSON.parse (<anonymous>)", "System.Collections.Generic.List`1.get_Item",
        "System.Threading.ExecutionContext.RunInternal",
        /* Objective-C, Swift */
        "objc_msgSend", "objc_release", "objc_retain", "CFRunLoopRunSpecific",
        "__CFRUNLOOP_IS_CALLING_OUT_TO_A_BLOCK__", "_dispatch_call_block_and_release",
        "swift_release", "swift_retain", "AutoreleasePoolPage::releaseUntil"
    };
    CHECK_KIND(names, PLATFORM_SYSTEM);
}

static void test_ends_and_starts(void **state)
{
    (void)state;
    static const char *const ends[] = { "raise",
                                        "__GI_raise",
                                        "abort",
                                        "__assert_fail",
                                        "__pthread_kill_implementation",
                                        "malloc_printerr",
                                        "scudo::die()",
                                        "__cxa_throw",
                                        "std::terminate()",
                                        "std::__throw_bad_alloc",
                                        "std::panicking::begin_panic",
                                        "core::panicking::panic_fmt",
                                        "core::option::unwrap_failed",
                                        "core::result::Result<T,E>::unwrap",
                                        "alloc::raw_vec::capacity_overflow",
                                        "runtime.gopanic",
                                        "runtime.panicIndex",
                                        "runtime.throw",
                                        "KiUserExceptionDispatch",
                                        "RaiseException",
                                        "_CxxThrowException",
                                        "objc_exception_throw",
                                        "java.lang.Throwable.<init>",
                                        "System.ThrowHelper.ThrowArgumentNull" };
    static const char *const starts[] = { "start_thread",
                                          "clone",
                                          "clone3",
                                          "__clone",
                                          "__libc_start_main",
                                          "__libc_start_call_main",
                                          "_start",
                                          "std::thread::_State_impl<int>::_M_run()",
                                          "_pthread_start",
                                          "start_wqthread",
                                          "std::rt::lang_start_internal",
                                          "std::sys::pal::unix::thread::Thread::new",
                                          "runtime.goexit",
                                          "runtime.main",
                                          "BaseThreadInitThunk",
                                          "RtlUserThreadStart",
                                          "__scrt_common_main_seh",
                                          "java.lang.Thread.run",
                                          "Module._compile",
                                          "processTicksAndRejections",
                                          "_bootstrap_inner",
                                          "_run_module_as_main",
                                          "g_thread_proxy",
                                          "gomp_thread_start",
                                          "_dispatch_worker_thread2" };
    CHECK_KIND(ends, PLATFORM_ENDS);
    CHECK_KIND(starts, PLATFORM_STARTS);
}

/* Without a module, only the name can tell. */
static void test_programs_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "", "main", "start", "terminate", "thread_start", "free_list", "error", "exit_program",
        "mallocate", "my_malloc", "xmalloc", "xfree", "malloc_state_dump", "freelist_push",
        "stringcopy", "strcpy_safe", "str_len", "memory_check", "strlen2", "lookup", "check_match",
        "open", "read", "write", "close", "poll", "select", "connect", "send", "wait", "exit",
        "time", "index", "remove", "sort", "map", "init", "run", "dl_loader", "dyldinfo",
        "pthreads_init", "list_ifunc", "resolve_ifunc", "je_parse", "mi_parse", "arena_alloc",
        "heap_alloc", "small_alloc", "large_free", "_initialize",
        /* C++ */
        "main_loop::run", "stdx::vector::push", "mystd::list::push", "core::Engine::run",
        "core::net::Socket::read", "alloc::Pool::get", "runtime::Loader::load", "Foo::operator new",
        "ns::std::thing", "std",
        /* Rust */
        "mycrate::main", "mycrate::vec::Vec<T>::push", "corelib::fmt::write",
        "<mycrate::Buf as core::ops::drop::Drop>::drop", "<mycrate::Buf<T>>::push",
        "<alloc::vec::Vec<T> as mycrate::Encode>::encode", "<T as mycrate::Encode>::encode",
        "<&mycrate::Buf as core::fmt::Debug>::fmt", "mycrate::run::{{closure}}",
        /* Go, Java, JavaScript */
        "main.main", "main.(*Server).Serve", "runtime.invoke", "runtime.sendMessage", "runtime",
        "syncer.run", "myapp/runtime.growslice", "java", "javascript.run",
        "com.acme.java.lang.Foo.run", "com.acme.Objects.requireNonNull", "kotlinish.run",
        "ArrayList.forEach", "Array.acme", "MyPromise", "PromiseQueue.run", "forEach",
        "<anonymous>", "systemd.run", "SystemTray.show",
        /* Objective-C, Swift, Windows */
        "-[Foo bar:]", "swift_parser_run", "RtlLayout", "RtlTextView", "LdrText", "HeapInsert",
        "NtlmLogin"
    };
    CHECK_KIND(names, PLATFORM_NONE);
}

static void test_modules(void **state)
{
    (void)state;
    static const char *const system[] = { "/lib/x86_64-linux-gnu/libc.so.6",
                                          "/usr/lib/libc.so",
                                          "libc-2.31.so",
                                          "libpthread-2.31.so",
                                          "libpthread.so.0",
                                          "/lib64/ld-linux-x86-64.so.2",
                                          "ld-2.19.so",
                                          "libm.so.6",
                                          "/lib/ld-musl-x86_64.so.1",
                                          "libc.musl-x86_64.so.1",
                                          "/system/bin/linker64",
                                          "/apex/com.android.runtime/lib64/bionic/libc.so",
                                          "linux-vdso.so.1",
                                          "linux-gate.so.1",
                                          "[vdso]",
                                          "[vdso:7ffd3c5e2000]",
                                          "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
                                          "libc++_shared.so",
                                          "libc++abi.1.dylib",
                                          "libc++.1.dylib",
                                          "libgcc_s.so.1",
                                          "C:\\Windows\\System32\\ntdll.dll",
                                          "ntdll",
                                          "NTDLL.DLL",
                                          "KERNELBASE.dll",
                                          "kernel32.dll",
                                          "KERNEL32",
                                          "ucrtbase.dll",
                                          "ucrtbased.dll",
                                          "VCRUNTIME140.dll",
                                          "vcruntime140_1.dll",
                                          "MSVCP140.dll",
                                          "msvcrt.dll",
                                          "MSVCR120.dll",
                                          "wow64cpu.dll",
                                          "libsystem_malloc.dylib",
                                          "/usr/lib/system/libsystem_kernel.dylib",
                                          "libdyld.dylib",
                                          "dyld",
                                          "libobjc.A.dylib",
                                          "libdispatch.dylib",
                                          "libswiftCore.dylib",
                                          "libasan.so.8",
                                          "libjemalloc.so.2",
                                          "node:internal/modules/cjs/loader",
                                          "<frozen importlib._bootstrap>" };
    static const char *const others[] = {
        "",
        "/usr/bin/app",
        "libcurl.so.4",
        "libcrypto.so.3",
        "libc_client.so",
        "libcap.so.2",
        "libpthreadpool.so",
        "libmagic.so.1",
        "libdlib.so",
        "librtmp.so.1",
        "ld",
        "ldap.so",
        "libc++filter.so",
        "/home/libc.so.6/app",
        "C:\\ntdll\\app.exe",
        "app.dll",
        "kernel32x.dll",
        "clang",
        "clr",
        "dyldinfo",
        "libdyldx.dylib",
        "CoreFoundation",
        "libart.so",
        "user32.dll",
        "msvcrunner.exe",
        "start",
        "a_name_of_a_module_that_is_longer_than_any_entry_in_the_table_of_systems.so",
        "node",
        "nodes/internal/a.js",
        "linker",
        "/usr/bin/linker"
    };
    for (size_t i = 0; i < COUNT_OF(system); i++) {
        struct str module = str_from_c(system[i]);
        if (platform_frame(STR(""), module) != PLATFORM_SYSTEM ||
            platform_frame(STR("whatever"), module) != PLATFORM_SYSTEM)
            fail_msg("%s is not of the system", system[i]);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct str module = str_from_c(others[i]);
        if (platform_frame(STR(""), module) != PLATFORM_NONE ||
            platform_frame(STR("whatever"), module) != PLATFORM_NONE)
            fail_msg("%s is of the system", others[i]);
    }
}

static void test_name_and_module(void **state)
{
    (void)state;
    static const struct {
        const char *name, *module;
        enum platform_kind want;
    } cases[] = {
        { "abort", "libc.so.6", PLATFORM_ENDS },
        { "abort", "app", PLATFORM_ENDS },
        { "clone", "libc.so.6", PLATFORM_STARTS },
        { "free", "app", PLATFORM_SYSTEM }, /* one's own free is one all the same */
        { "start", "libdyld.dylib", PLATFORM_STARTS },
        { "start", "app", PLATFORM_NONE },
        { "terminate", "ucrtbase.dll", PLATFORM_ENDS },
        { "terminate", "app.exe", PLATFORM_NONE },
        { "main", "app", PLATFORM_NONE },
        { "check_match", "/lib64/ld-linux-x86-64.so.2", PLATFORM_SYSTEM },
        { "error", "/lib/x86_64-linux-gnu/libc.so.6", PLATFORM_SYSTEM },
        { "error", "/usr/bin/app", PLATFORM_NONE },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum platform_kind kind =
            platform_frame(str_from_c(cases[i].name), str_from_c(cases[i].module));
        if (kind != cases[i].want)
            fail_msg("%s of %s: %d", cases[i].name, cases[i].module, (int)kind);
    }
}

static void test_trampolines(void **state)
{
    (void)state;
    static const char *const names[] = { "<signal handler called>",
                                         "signal handler called",
                                         "__restore_rt",
                                         "__restore",
                                         "_sigtramp",
                                         "__kernel_rt_sigreturn",
                                         "__kernel_sigreturn",
                                         "KiUserExceptionDispatcher",
                                         "ntdll!KiUserExceptionDispatch+0x2e",
                                         "runtime.sigpanic",
                                         "runtime.sigtramp",
                                         "__default_sa_restorer",
                                         "__GI___sigaction" };
    static const char *const others[] = { "",
                                          "main",
                                          "raise",
                                          "abort",
                                          "signal_handler",
                                          "sigaction_install",
                                          "handle_signal",
                                          "runtime.gopanic",
                                          "runtime.sighandler",
                                          "restore",
                                          "_sigtramp_like",
                                          "crash_handler",
                                          "RtlDispatchException",
                                          "<signal handler>" };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!platform_is_trampoline(plain(names[i], a)))
            fail_msg("%s is a trampoline", names[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (platform_is_trampoline(plain(others[i], a)))
            fail_msg("%s is no trampoline", others[i]);
}

static void test_memory_words(void **state)
{
    (void)state;
    static const char *const names[] = { "xmalloc",
                                         "g_malloc0",
                                         "emalloc_real",
                                         "ezalloc",
                                         "decalloc",
                                         "AllocateBuffer",
                                         "PoolFREE",
                                         "free_list",
                                         "unfree",
                                         "xstrdup",
                                         "StrDup",
                                         "dup_node",
                                         "duplicateRow",
                                         "newstate",
                                         "obj_new",
                                         "newObject",
                                         "delete_node",
                                         "DeleteItem",
                                         "vec_append",
                                         "appendChild",
                                         "pushback",
                                         "stack_push",
                                         "growaux_",
                                         "regrow",
                                         "copy_tree",
                                         "deepCopy",
                                         "memcopy",
                                         "buf_resize",
                                         "ResizeTable",
                                         "release_ref",
                                         "retain",
                                         "ReserveSpace",
                                         "buffer_reserved",
                                         "XMLCopyNode",
                                         "Foo::grow",
                                         "ns::Foo<int>::append(int)",
                                         "mycrate::Buf::grow::{{closure}}",
                                         "ns::copy(int)::{lambda()#1}::operator()() const",
                                         "main.(*Buf).grow",
                                         "-[Foo copyWithZone:]",
                                         "-[Foo(Bar) appendData:length:]",
                                         "com.acme.Buf.resize",
                                         "Foo.append",
                                         "Foo::operator new" };
    static const char *const others[] = { "",
                                          "main",
                                          "parse",
                                          "lookup",
                                          "newline",
                                          "skip_newlines",
                                          "latestNews",
                                          "newer_than",
                                          "freeze",
                                          "Freezer::run",
                                          "unfrozen",
                                          "locale_name",
                                          "preserve",
                                          "reservation",
                                          "releaser",
                                          "relevant",
                                          "renewal",
                                          "FreeList::find",
                                          "alloc::Pool::find",
                                          "free_list::iterator::next",
                                          "Copy.run",
                                          "coupon",
                                          "Dup::parse",
                                          "-[FreeList find:]",
                                          "ns::allocate::Iterator::next",
                                          "com.alloc.Foo.run" };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    int wrong = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!platform_is_memory_word(plain(names[i], a))) {
            print_error("%s has a word of memory handling\n", names[i]);
            wrong++;
        }
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (platform_is_memory_word(plain(others[i], a))) {
            print_error("%s has no word of memory handling\n", others[i]);
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_strings_and_files),
        cmocka_unit_test(test_threads_and_loader),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_ends_and_starts),
        cmocka_unit_test(test_programs_names),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_name_and_module),
        cmocka_unit_test(test_trampolines),
        cmocka_unit_test(test_memory_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
