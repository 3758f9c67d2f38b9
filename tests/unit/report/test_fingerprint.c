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
        { "foo::bar::<i32>", "foo::bar" },
        { "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop",
          "<alloc::vec::Vec as core::ops::drop::Drop>::drop" },
        { "core::fmt::num::<impl core::fmt::Display for u8>::fmt",
          "core::fmt::num::<impl core::fmt::Display for u8>::fmt" },
        { "<F as core::ops::FnOnce<(A, B)>>::call_once", "<F as core::ops::FnOnce>::call_once" },
        { "core::ptr::drop_in_place<alloc::vec::Vec<u8>>", "core::ptr::drop_in_place" },
        /* D */
        { "_D3std5array__T8AppenderTAyaZQo3putMFAyaZv", "std.array.Appender.Appender.put" },
        { "_D4test3fooFiZv", "test.foo" },
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
