/* Fingerprints: names without noise, stacks without noise, and what is the same crash. */
#include "report/callstack.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define ARENA_BYTES (64u << 20)

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *want;
    } cases[] = {
        /* C, and what compilers, linkers and debuggers put around */
        { "g_main_loop_run", "g_main_loop_run" },
        { "  main  ", "main" },
        { "memcpy@@GLIBC_2.14", "memcpy" },
        { "free@plt", "free" },
        { "__GI_raise", "raise" },
        { "__GI___assert_fail", "__assert_fail" },
        { "parse.isra.0", "parse" },
        { "parse.part.3.constprop.1.cold", "parse" },
        { "parse.cold.1", "parse" },
        { "parse.llvm.8675309", "parse" },
        { "parse.1234", "parse" },
        { "parse [clone .isra.0] [clone .cold]", "parse" },
        { "parse(int) (.isra.0)", "parse" },
        { "main+0x1a", "main" },
        { "main + 123", "main" },
        { "do_fault+0x1a/0x50", "do_fault" },
        { "ntdll!RtlFreeHeap+0x3c", "RtlFreeHeap" },
        { "my-app.exe!wmain", "wmain" },
        /* C++ */
        { "_ZN3foo3barEi", "foo::bar" },
        { "__ZN3foo3barEi", "foo::bar" },
        { "_ZN3foo3barEi.cold", "foo::bar" },
        { "_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector::push_back" },
        { "_ZThn8_N3Foo3barEv", "Foo::bar" },
        { "_ZN12_GLOBAL__N_13fooEv", "{anonymous}::foo" },
        { "_ZlsRSoRK3Foo", "operator<<" },
        { "_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc", "std::operator<<" },
        { "_ZN3FooclEv", "Foo::operator()" },
        { "_ZN3FoocvSsEv", "Foo::operator std::string" },
        { "_ZZ3fooIiEvT_ENKUlvE_clEv", "foo::{lambda}::operator()" },
        { "_Z3fooB5cxx11v", "foo" },
        { "foo::bar(int, char const*)", "foo::bar" },
        { "void foo<int>(int)", "foo" },
        { "std::vector<int, std::allocator<int> > ns::make<int>(int) const", "ns::make" },
        { "std::vector<int>::push_back(int const&)", "std::vector::push_back" },
        { "std::map<int, std::pair<A, B<C>>>::at(int const&) const", "std::map::at" },
        { "bool operator< <int>(A<int> const&, A<int> const&)", "operator<" },
        { "bool ns::operator<(A const&, A const&)", "ns::operator<" },
        { "ns::operator>><char>(int)", "ns::operator>>" },
        { "A::operator->() const", "A::operator->" },
        { "A::operator()(int) const", "A::operator()" },
        { "A::operator()<int>(int)", "A::operator()" },
        { "A::operator<=>(A const&) const", "A::operator<=>" },
        { "operator new[](unsigned long)", "operator new[]" },
        { "A::operator unsigned long() const", "A::operator unsigned long" },
        { "A<int>::operator std::vector<int>() const", "A::operator std::vector" },
        { "operator\"\" _km(long double)", "operator\"\" _km" },
        { "A::~A()", "A::~A" },
        { "foo(int)::{lambda(int)#2}::operator()(int) const", "foo::{lambda}::operator()" },
        { "foo(int) const::{lambda()#1}::operator()() const", "foo::{lambda}::operator()" },
        { "foo()::$_0::operator()() const", "foo::{lambda}::operator()" },
        { "foo()::$_12::operator()() const", "foo::{lambda}::operator()" },
        { "foo()::'lambda0'(int)::operator()(int) const", "foo::{lambda}::operator()" },
        { "foo::<lambda(int)>::operator()", "foo::{lambda}::operator()" },
        { "foo::<lambda_f00dfeed>::operator()", "foo::{lambda}::operator()" },
        { "(anonymous namespace)::foo()", "{anonymous}::foo" },
        { "`anonymous namespace'::foo", "{anonymous}::foo" },
        { "`anonymous-namespace'::foo", "{anonymous}::foo" },
        { "ns::(anonymous namespace)::C::f(int)", "ns::{anonymous}::C::f" },
        { "decltype(auto) ns::visit<int>(int&&)", "ns::visit" },
        { "decltype ((a)+(b)) ns::add<int>(int)", "ns::add" },
        { "unsigned int const& foo<A>(A) [clone .isra.0]", "foo" },
        { "non-virtual thunk to A::f()", "A::f" },
        { "foo<(Color)1, (a > b)>::f()", "foo::f" },
        { "f(std::function<int (int)>)", "f" },
        { "?foo@Bar@@YAXH@Z", "?foo@Bar@@YAXH@Z" },
        { "??0Bar@@QEAA@XZ", "??0Bar@@QEAA@XZ" },
        /* Rust */
        { "_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write" },
        { "core::fmt::write::h0123456789abcdef", "core::fmt::write" },
        { "_ZN3foo3bar28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE", "foo::bar::{closure}" },
        { "foo::bar::{{closure}}", "foo::bar::{closure}" },
        { "_RNCNvC3foo3bar0", "foo::bar::{closure}" },
        { "_RINvNtC3std3mem8align_ofdE", "std::mem::align_of" },
        { "_RNvCs15kBYyAo9fc_7mycrate3foo", "mycrate::foo" },
        { "__RNvC7mycrate3foo", "mycrate::foo" },
        { "_RNvMs_NtCs4fqI2P2rA04_5alloc3vecINtB4_3VecjE4push", "<alloc::vec::Vec>::push" },
        { "_RNvXs_NtC5alloc3vecINtB4_3VecTjRhEENtNtC4core3ops4Drop4drop",
          "<alloc::vec::Vec as core::ops::Drop>::drop" },
        { "_RNvYNtC3foo3BarNtC4core5Clone5clone", "<foo::Bar as core::Clone>::clone" },
        { "_RNvMC3fooRSh3bar", "<&[u8]>::bar" },
        { "_RNvMC3fooFUKCjEu3bar", "<unsafe extern \"C\" fn>::bar" },
        { "_RNvMC3fooDNtC4core2FnEL_3bar", "<dyn core::Fn>::bar" },
        { "_RNSC3foo6vtables0_", "_RNSC3foo6vtables0_" },
        { "_RNSNvC3foo3bar6vtable", "foo::bar::{shim:vtable}" },
        { "_RINvC3foo3barKj7b_hTccEAhj4_EC3baz", "foo::bar" },
        { "_RNvC3foou3bar", "_RNvC3foou3bar" },
        { "_RNvC3foo99bar", "_RNvC3foo99bar" },
        { "_RNvB9_3foo", "_RNvB9_3foo" },
        { "_RINvC1a1bFGiGGGC1aGGYKMXjFC3foobarGGB1_", "_RINvC1a1bFGiGGGC1aGGYKMXjFC3foobarGGB1_" },
        { "foo::bar::<i32>", "foo::bar" },
        { "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop",
          "<alloc::vec::Vec as core::ops::drop::Drop>::drop" },
        { "core::fmt::num::<impl core::fmt::Display for u8>::fmt",
          "core::fmt::num::<impl core::fmt::Display for u8>::fmt" },
        { "<F as core::ops::FnOnce<(A, B)>>::call_once", "<F as core::ops::FnOnce>::call_once" },
        { "core::ptr::drop_in_place<alloc::vec::Vec<u8>>", "core::ptr::drop_in_place" },
        /* D */
        { "_D4test3fooFiZv", "test.foo" },
        { "_D3std5array17__T8AppenderTAyaZ8Appender3putMFAyaZv",
          "std.array.Appender.Appender.put" },
        { "_D3std5array__T8AppenderTAyaZQo3putMFAyaZv",
          "_D3std5array__T8AppenderTAyaZQo3putMFAyaZv" },
        { "_D9foo", "_D9foo" },
        { "_Dmain", "_Dmain" },
        /* JavaScript */
        { "async foo", "foo" },
        { "new Foo", "Foo" },
        { "Object.foo", "foo" },
        { "async Object.foo [as bar]", "foo" },
        { "Foo.bar [as baz]", "Foo.bar" },
        { "Object.<anonymous>", "<anonymous>" },
        { "anonymous", "<anonymous>" },
        { "Promise.all (index 0)", "Promise.all" },
        { "Array.map (<anonymous>)", "Array.map" },
        { "Server.<anonymous>", "Server.<anonymous>" },
        /* others */
        { "main.(*Server).Serve", "main.(*Server).Serve" },
        { "main.Map[go.shape.int]", "main.Map" },
        { "-[Foo bar:baz:]", "-[Foo bar:baz:]" },
        { "__46-[Foo bar]_block_invoke_2", "__46-[Foo bar]_block_invoke_" },
        { "com.acme.Foo$$Lambda$14/0x0000000800c03000.run", "com.acme.Foo$$Lambda.run" },
        { "com.acme.Foo$$Lambda/0x0000000800c03000.run", "com.acme.Foo$$Lambda.run" },
        { "com.acme.Foo.lambda$main$0", "com.acme.Foo.lambda$main" },
        { "com.acme.Foo.<init>", "com.acme.Foo.<init>" },
        { "jdk.internal.reflect.GeneratedMethodAccessor12.invoke",
          "jdk.internal.reflect.GeneratedMethodAccessor.invoke" },
        { "<module>", "<module>" },
        { "handle_0x7ffc12345678_now", "handle_0x7ffc12345678_now" },
        { "stub 0x7ffc12345678", "stub 0x" },
        /* no name at all */
        { "??", "" },
        { "<unknown>", "" },
        { "0x00007f12deadbeef", "" },
        { "", "" },
        /* what is none of these, or damaged, stays */
        { "_Zfoo", "_Zfoo" },
        { "a<b", "a<b" },
        { "a(b", "a(b" },
        { "a<b(c>", "a<b(c>" },
        { ")(", ")(" },
        { "operator", "operator" },
        { "<", "<" },
        { "(", "(" },
        { "{", "{" },
        { "'", "'" },
    };
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct str got;
        assert_true(fingerprint_function(str_from_c(cases[i].name), a, &got));
        if (!str_eq(got, str_from_c(cases[i].want))) {
            print_error("%s: got %.*s, want %s\n", cases[i].name, STR_ARG(got), cases[i].want);
            wrong++;
        }
        arena_free(a);
    }
    assert_int_equal(wrong, 0);
}

/* Stacks. A frame is written "function", "module!function" or "module+offset"; "?" before it: the
 * unwinder guessed. */

#define FRAMES_MAX 400

struct stack {
    struct crash_frame frames[FRAMES_MAX];
    size_t count;
};

static struct crash_frame frame_of(struct str s)
{
    struct crash_frame f = { .guessed = s.ptr[0] == '?' };
    if (f.guessed)
        s = (struct str){ s.ptr + 1, s.len - 1 };
    const char *bang = memchr(s.ptr, '!', s.len), *plus = memchr(s.ptr, '+', s.len);
    const char *cut = bang ? bang : plus;
    if (cut)
        f.module = (struct str){ s.ptr, (size_t)(cut - s.ptr) };
    if (plus && !bang) {
        f.has_offset = true;
        f.offset = strtoull(plus + 1, NULL, 16);
    } else {
        f.function = bang ? (struct str){ bang + 1, s.len - f.module.len - 1 } : s;
    }
    return f;
}

/* Separated by '|'. */
static void read_stack(struct stack *out, const char *text)
{
    out->count = 0;
    while (*text) {
        size_t n = strcspn(text, "|");
        assert_true(out->count < FRAMES_MAX);
        out->frames[out->count++] = frame_of((struct str){ text, n });
        text += n + (text[n] == '|');
    }
}

static struct crash crash_of(const struct stack *s, struct crash_thread *t, struct arena *a)
{
    *t = (struct crash_thread){ .frames = s->frames, .frame_count = s->count };
    struct crash c = { .threads = t, .thread_count = 1 };
    attributes_init(&c.attributes, a);
    return c;
}

static void hash_stack(const struct stack *s, uint8_t out[FINGERPRINT_BYTES],
                       struct callstack *names, struct arena *a)
{
    struct crash_thread t;
    struct crash c = crash_of(s, &t, a);
    struct err e = { 0 };
    assert_true(fingerprint_crash(&c, STR("json"), a, out, names, &e));
}

static void test_stacks(void **state)
{
    (void)state;
    static const struct {
        const char *name, *stack, *want;
    } cases[] = {
        { "as it is", "f|g|main", "f|g|main" },
        { "names without noise", "f.isra.0|_ZN3foo3barEi|app!main+0x1a", "f|foo::bar|main" },
        { "how it failed", "__pthread_kill_implementation|raise|abort|__assert_fail|f|main",
          "f|main" },
        { "Rust's panic",
          "rust_panic|std::panicking::rust_panic_with_hook|rust_begin_unwind|"
          "core::panicking::panic_fmt|core::option::unwrap_failed|app::f|app::main",
          "app::f|app::main" },
        { "C++'s exception",
          "raise|abort|__gnu_cxx::__verbose_terminate_handler|"
          "__cxxabiv1::__terminate|std::terminate|__cxa_throw|f|main",
          "f|main" },
        { "Windows'",
          "KiUserExceptionDispatcher|RtlRaiseException|RaiseException|"
          "_CxxThrowException|f|main|__scrt_common_main_seh|BaseThreadInitThunk|"
          "RtlUserThreadStart",
          "f|main" },
        { "only at the top", "f|abort|g", "f|abort|g" },
        { "how it started", "f|worker|start_thread|clone", "f|worker" },
        { "main stays", "f|main|__libc_start_call_main|__libc_start_main|_start", "f|main" },
        { "started without symbols", "f|main|libc.so.6+29d8f|libc.so.6+29e3f|app+1234",
          "f|main|libc.so.6+0x29d8f|libc.so.6+0x29e3f|app+0x1234" },
        { "the system's at the end", "f|main|libc.so.6+29d8f|libc.so.6+29e3f", "f|main" },
        { "Node's own",
          "/srv/a.js!f|node:internal/modules/cjs/loader!Module._compile|"
          "node:internal/main/run_main_module!anonymous",
          "f" },
        { "nothing else", "raise|abort", "raise|abort" },
        { "nothing but the start", "start_thread|clone", "start_thread|clone" },
        { "without functions", "/usr/lib/libfoo.so.1.2.3+1a|C:\\x\\Foo.DLL+2B|app+3",
          "libfoo.so.1+0x1a|foo.dll+0x2b|app+0x3" },
        { "unknown functions", "libfoo.so!??|main", "libfoo.so|main" },
        { "neither function nor module", "??|f|??|main", "f|main" },
        { "functions need no module", "libfoo.so.1!f|C:\\Foo.dll!g", "f|g" },
        { "without names", "/srv/app/server.js!anonymous|file:///srv/x.mjs?v=1!<anonymous>|f",
          "server.js:<anonymous>|x.mjs:<anonymous>|f" },
        { "a recursion", "f|f|f|g|main", "f|g|main" },
        { "of two", "a|b|a|b|a|b|main", "a|b|main" },
        { "that ends halfway", "b|a|b|a|b|main", "b|a|b|main" },
        { "inside another", "a|a|b|a|a|b|main", "a|b|main" },
        { "of eight", "a|b|c|d|e|f|g|h|a|b|c|d|e|f|g|h|main", "a|b|c|d|e|f|g|h|main" },
        { "of nine", "a|b|c|d|e|f|g|h|i|a|b|c|d|e|f|g|h|i|main",
          "a|b|c|d|e|f|g|h|i|a|b|c|d|e|f|g|h|i|main" },
        { "guesses", "f|?g|h|?i|main", "f|h|main" },
        { "guesses are better than nothing", "f|?g|?h", "f|g|h" },
        { "guesses are better than a start", "abort|?f|?g|start_thread", "f|g" },
        { "the innermost 32",
          "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|y|z|A|B|C|D|E|F|G|H|I",
          "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|y|z|A|B|C|D|E|F" },
        { "no frames", "", "" },
    };
    size_t wrong = 0;
    static struct stack s;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct callstack names;
        struct buf got;
        read_stack(&s, cases[i].stack);
        buf_init(&got, 1 << 16);
        assert_true(callstack_make(s.frames, s.count, a, &names));
        for (size_t k = 0; k < names.count; k++)
            buf_printf(&got, "%s%.*s", k ? "|" : "", STR_ARG(names.names[k]));
        if (!str_eq(buf_view(&got), str_from_c(cases[i].want))) {
            print_error("%s: got %.*s, want %s\n", cases[i].name, STR_ARG(buf_view(&got)),
                        cases[i].want);
            wrong++;
        }
        buf_done(&got);
        arena_free(a);
    }
    assert_int_equal(wrong, 0);
}

/* Properties. */

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((dice_state >> 33) % sides);
}

/* The same function as different builds show it: C++ with and without demangling, with what
 * compilers put behind, with another address. */
static struct str disguise(unsigned function, struct arena *a)
{
    static const char *const forms[] = { "ns::work%u",
                                         "ns::work%u(int)",
                                         "ns::work%u(char const*, int) const",
                                         "ns::work%u<int>",
                                         "void ns::work%u<std::vector<int> >(int)",
                                         "ns::work%u [clone .constprop.3]",
                                         "ns::work%u.isra.7",
                                         "ns::work%u+0x1%u",
                                         "app!ns::work%u+0x%u",
                                         "_ZN2ns6work%uEi",
                                         "_ZN2ns6work%uEi.cold" };
    struct str s;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    assert_true(arena_printf(a, &s, forms[dice(COUNT_OF(forms))], function, dice(9)));
#pragma GCC diagnostic pop
    return s;
}

static struct crash_frame named(struct str function)
{
    return (struct crash_frame){ .function = function };
}

struct shape {
    unsigned before, cycle, after; /* functions, all different: of two digits, from 10 */
};

static void build(struct stack *out, struct shape shape, unsigned turns, struct arena *a)
{
    unsigned next = 10;
    out->count = 0;
    if (dice(2))
        out->frames[out->count++] = named(STR("raise"));
    if (dice(2))
        out->frames[out->count++] = named(STR("abort"));
    for (unsigned i = 0; i < shape.before; i++)
        out->frames[out->count++] = named(disguise(next++, a));
    for (unsigned t = 0; t < turns; t++)
        for (unsigned i = 0; i < shape.cycle; i++)
            out->frames[out->count++] = named(disguise(next + i, a));
    next += shape.cycle;
    for (unsigned i = 0; i < shape.after; i++)
        out->frames[out->count++] = named(disguise(next++, a));
    if (dice(2))
        out->frames[out->count++] = named(STR("start_thread"));
    for (size_t i = 0; i < out->count; i++) {
        out->frames[i].has_address = dice(2);
        out->frames[i].address = dice(1u << 30);
        out->frames[i].line = dice(100);
    }
}

static void test_same_crash(void **state)
{
    (void)state;
    static struct stack one, two;
    for (unsigned round = 0; round < 3000; round++) {
        dice_state = round;
        struct arena *a = arena_new(ARENA_BYTES);
        struct shape shape = { dice(6), 1 + dice(CALLSTACK_CYCLE_MAX), dice(12) };
        uint8_t fp[2][FINGERPRINT_BYTES];
        struct callstack names[2];
        build(&one, shape, 1, a);
        build(&two, shape, 1 + dice(20), a);
        hash_stack(&one, fp[0], &names[0], a);
        hash_stack(&two, fp[1], &names[1], a);
        if (memcmp(fp[0], fp[1], sizeof fp[0]) != 0)
            fail_msg("round %u: another fingerprint, %zu and %zu names", round, names[0].count,
                     names[1].count);
        /* Another function somewhere within reach is another crash. */
        size_t at = dice((unsigned)names[0].count);
        if (names[0].count > 1 && at < CALLSTACK_NAMES_MAX) {
            for (size_t i = 0; i < names[0].count; i++)
                one.frames[i] = named(i == at ? STR("elsewhere") : names[0].names[i]);
            one.count = names[0].count;
            hash_stack(&one, fp[1], &names[1], a);
            if (memcmp(fp[0], fp[1], sizeof fp[0]) == 0)
                fail_msg("round %u: the same fingerprint for another function", round);
        }
        arena_free(a);
    }
}

/* Names that are normal stay as they are, so what was made of a stack gives the same once more. */
static void test_stable(void **state)
{
    (void)state;
    static const char *const functions[] = { "a", "b", "c" };
    static struct stack s;
    for (unsigned round = 0; round < 20000; round++) {
        dice_state = round;
        struct arena *a = arena_new(ARENA_BYTES);
        struct callstack names, again;
        s.count = 1 + dice(24);
        for (size_t i = 0; i < s.count; i++)
            s.frames[i] = named(str_from_c(functions[dice(3)]));
        assert_true(callstack_make(s.frames, s.count, a, &names));
        for (size_t i = 0; i < names.count; i++)
            s.frames[i] = named(names.names[i]);
        assert_true(callstack_make(s.frames, names.count, a, &again));
        assert_int_equal(names.count, again.count);
        arena_free(a);
    }
}

/* The frames as the PartyCrasher API has them. */
static void write_report(struct buf *out, const struct stack *s)
{
    struct json_writer w;
    char number[32];
    json_writer_init(&w, out);
    json_object(&w);
    json_member(&w, "database_id", STR("x"));
    json_key(&w, STR("stacktrace"));
    json_list(&w);
    for (size_t i = 0; i < s->count; i++) {
        const struct crash_frame *f = &s->frames[i];
        json_object(&w);
        if (f->function.len > 0)
            json_member(&w, "function", f->function);
        if (f->module.len > 0)
            json_member(&w, i % 2 ? "module" : "dylib", f->module);
        if (f->has_offset) {
            int n = snprintf(number, sizeof number, i % 3 ? "0x%llx" : "%llu",
                             (unsigned long long)f->offset);
            json_member(&w, "offset", (struct str){ number, (size_t)n });
        }
        if (f->guessed) {
            json_key(&w, STR("guessed"));
            json_bool(&w, true);
        }
        json_object_end(&w);
    }
    json_list_end(&w);
    json_object_end(&w);
}

static void hash_report(struct str text, uint8_t out[FINGERPRINT_BYTES], struct arena *a)
{
    const struct json *j;
    struct callstack stack;
    struct err e = { 0 };
    if (!json_parse(&j, text, (struct json_limits){ 64, 100000 }, a, &e) ||
        !fingerprint_report(j, a, out, &stack, &e))
        fail_msg("%.*s: %s", STR_ARG(text), e.msg);
}

static void test_both_apis(void **state)
{
    (void)state;
    static const char *const stacks[] = {
        "f|g|main",
        "abort|libfoo.so.1.2+1a|?g|main",
        "a.js!anonymous|f|a|a|b",
        "_ZN3foo3barEi|Foo.DLL+ffffffff|?x",
        "raise|abort",
    };
    static struct stack s;
    for (size_t i = 0; i < COUNT_OF(stacks); i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        uint8_t fp[2][FINGERPRINT_BYTES];
        struct callstack names;
        struct buf text;
        read_stack(&s, stacks[i]);
        buf_init(&text, 1 << 20);
        write_report(&text, &s);
        hash_stack(&s, fp[0], &names, a);
        hash_report(buf_view(&text), fp[1], a);
        if (memcmp(fp[0], fp[1], sizeof fp[0]) != 0)
            fail_msg("%s: another fingerprint", stacks[i]);
        buf_done(&text);
        arena_free(a);
    }
}

/* Without frames. */

static void hash_bare(const char *const *classifiers, size_t count, const char *message,
                      const char *modifier, const char *format, uint8_t out[FINGERPRINT_BYTES],
                      struct arena *a)
{
    struct str words[4];
    struct crash c = { .classifiers = words, .classifier_count = count };
    struct callstack names;
    struct err e = { 0 };
    attributes_init(&c.attributes, a);
    for (size_t i = 0; i < count; i++)
        words[i] = str_from_c(classifiers[i]);
    assert_true(!message || attributes_set(&c.attributes, STR("error.message"), ATTRIBUTE_STRING,
                                           str_from_c(message)));
    assert_true(!modifier ||
                attributes_set_text(&c.attributes, STR("_mod_fingerprint"), str_from_c(modifier)));
    assert_true(fingerprint_crash(&c, str_from_c(format), a, out, &names, &e));
    assert_int_equal(names.count, 0);
}

static void test_without_frames(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *classifier, *message, *format;
        const char *other_classifier, *other_message, *other_format;
        bool same;
    } cases[] = {
        { "numbers", "E", "file 12 not found", "json", "E", "file 7 not found", "json", true },
        { "addresses", "E", "bad read at 0x7ffc1234", "json", "E", "bad read at 0xdeadbeef12",
          "json", true },
        { "ids", "E", "job 3f2a9c01de is gone", "json", "E", "job 0a0b0c0d0e is gone", "json",
          true },
        { "messages", "E", "disk is full", "json", "E", "disk is slow", "json", false },
        { "classifiers", "E", "m", "json", "F", "m", "json", false },
        { "what is which", "E", "", "json", NULL, "E", "json", false },
        { "formats, with a message", "E", "m", "json", "E", "m", "minidump", true },
        { "formats, with nothing", NULL, NULL, "json", NULL, NULL, "minidump", false },
    };
    struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t fp[2][FINGERPRINT_BYTES];
        hash_bare(&cases[i].classifier, cases[i].classifier ? 1 : 0, cases[i].message, NULL,
                  cases[i].format, fp[0], a);
        hash_bare(&cases[i].other_classifier, cases[i].other_classifier ? 1 : 0,
                  cases[i].other_message, NULL, cases[i].other_format, fp[1], a);
        if ((memcmp(fp[0], fp[1], sizeof fp[0]) == 0) != cases[i].same)
            fail_msg("%s", cases[i].name);
    }
    arena_free(a);
}

static void test_given(void **state)
{
    (void)state;
    const char *hex = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    struct arena *a = arena_new(ARENA_BYTES);
    uint8_t fp[3][FINGERPRINT_BYTES];
    char text[65];
    hash_bare(NULL, 0, "m", hex, "json", fp[0], a);
    fingerprint_hex(fp[0], text);
    assert_int_equal(strncasecmp(text, hex, 65), 0);
    hash_bare(NULL, 0, "m", "my own group", "json", fp[0], a);
    hash_bare(NULL, 0, "n", "my own group", "minidump", fp[1], a);
    hash_bare(NULL, 0, "m", "another", "json", fp[2], a);
    assert_memory_equal(fp[0], fp[1], FINGERPRINT_BYTES);
    assert_memory_not_equal(fp[0], fp[2], FINGERPRINT_BYTES);

    struct crash c = { .has_fingerprint = true };
    struct callstack names;
    struct err e = { 0 };
    memset(c.fingerprint, 7, sizeof c.fingerprint);
    attributes_init(&c.attributes, a);
    assert_true(fingerprint_crash(&c, STR("json"), a, fp[0], &names, &e));
    assert_memory_equal(fp[0], c.fingerprint, FINGERPRINT_BYTES);
    arena_free(a);
}

/* The bytes themselves: another machine, another run, another version must give these. */
static void test_bytes(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    static struct stack s;
    uint8_t fp[FINGERPRINT_BYTES];
    struct callstack names;
    char text[65];
    read_stack(&s, "f|g|main");
    hash_stack(&s, fp, &names, a);
    fingerprint_hex(fp, text);
    assert_string_equal(text, "f1f5b4439f2c43aea42c4195615eb168593ea85cbb8cdd2b1bb37f2e4d415adf");
    arena_free(a);
}

static void test_hostile_names(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *again, *end;
        size_t times;
    } cases[] = {
        { "_Z1f", "S_", "", 1000 },
        { "_Z1f", "P", "i", 1000 },
        { "_ZN", "1a", "E", 500 },
        { "_Z1fI", "S0_S0_", "E", 200 },
        { "_RNvC1a", "1b", "", 1000 },
        { "_RINvC1a1bT", "B3_B3_", "EE", 200 },
        { "_D1a", "QbQb", "", 500 },
        { "_D1aFH", "QcQc", "Zv", 200 },
        { "", "<", "", 4000 },
        { "", "(", "", 4000 },
        { "f", "()", "", 2000 },
        { "f", "<>", "", 2000 },
        { "", "f<", "", 2000 },
        { "", "{", "", 4000 },
        { "", "operator", "", 500 },
        { "", "operator<", "", 400 },
        { "", "'", "", 4000 },
        { "", "`1'", "", 1000 },
        { "", " ", "", 4000 },
        { "f", "[", "", 4000 },
        { "f", " [clone ", "]", 500 },
        { "f", ".1", "", 2000 },
        { "", "async ", "f", 600 },
        { "f", "!a", "", 2000 },
        { "$", "$_1", "", 1000 },
        { "f(", "(", "))", 3000 },
        { "<A as ", "<B as ", ">", 500 },
        { "f", "x", "", 100000 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct buf name;
        struct str got;
        buf_init(&name, 1 << 20);
        buf_printf(&name, "%s", cases[i].begin);
        for (size_t k = 0; k < cases[i].times; k++)
            buf_printf(&name, "%s", cases[i].again);
        buf_printf(&name, "%s", cases[i].end);
        assert_true(buf_ok(&name));
        assert_true(fingerprint_function(buf_view(&name), a, &got));
        buf_done(&name);
        arena_free(a);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    static struct stack s;
    read_stack(&s, "_ZN3foo3barEi|Foo.DLL+1|?x|a<b>()|anonymous|main");
    size_t refused = 0;
    for (size_t limit = 64; limit < 20000; limit += 64) {
        struct arena *a = arena_new(limit);
        struct crash_thread t;
        uint8_t fp[FINGERPRINT_BYTES];
        struct callstack names;
        struct err e = { 0 };
        if (!a)
            continue;
        struct crash c = crash_of(&s, &t, a);
        if (!fingerprint_crash(&c, STR("json"), a, fp, &names, &e)) {
            assert_int_equal(e.code, ERR_NOMEM);
            refused++;
        }
        arena_free(a);
    }
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_same_crash),    cmocka_unit_test(test_stable),
        cmocka_unit_test(test_both_apis),     cmocka_unit_test(test_without_frames),
        cmocka_unit_test(test_given),         cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
