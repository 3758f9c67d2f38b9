/* scopes: which functions a text has, and what they are called. Node.js judges the names. */
#include "sourcemap/scopes.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY ((size_t)64 << 20)

/* "1:10-1:20 name" for each function, a line each. */
static void tell(const struct scope *scopes, size_t count, char *out, size_t room)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && n < room; i++)
        n += (size_t)snprintf(out + n, room - n, "%s%u:%u-%u:%u %.*s", i > 0 ? "\n" : "",
                              scopes[i].line, scopes[i].column, scopes[i].end_line,
                              scopes[i].end_column, STR_ARG(scopes[i].name));
}

/* Names alone, with commas; "-" for one that has none. */
static void tell_names(const struct scope *scopes, size_t count, char *out, size_t room)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && n < room; i++)
        n += (size_t)snprintf(out + n, room - n, "%s%.*s", i > 0 ? "," : "",
                              STR_ARG(scopes[i].name.len > 0 ? scopes[i].name : STR("-")));
}

static struct scope *find(struct arena *a, struct str text, size_t *count)
{
    struct scope *scopes;
    struct err e = { 0 };
    assert_non_null(a);
    if (!scopes_find(text, a, &scopes, count, &e))
        fail_msg("%s", e.msg);
    return scopes;
}

static void places(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "" },
        { "function f(a) { return a }", "1:10-1:27 f" },
        { "function f() {}\nfunction g() {\n}\n", "1:10-1:16 f\n2:10-3:2 g" },
        { "x(function (a) { b() })", "1:12-1:23 " },
        { "const f = a => a + 1;\nb", "1:11-1:21 f" },
        { "const f = (a, b) => [a, b], g = 1", "1:11-1:27 f" },
        { "const f = (a) => {\r\n}\r\n", "1:11-2:2 f" },
        { "class A {\n  b() {}\n}", "2:4-2:9 A.b" },
        { "a\xe2\x80\xa8 function f(){}", "2:11-2:16 f" },
        { "/* \xf0\x9f\x98\x80 \xc3\xa4 */ function f(){}", "1:21-1:26 f" },
        { "\xef\xbb\xbf"
          "function f(){}",
          "1:10-1:15 f" },
        { "function f() {", "1:10-1:15 f" },
        { "f(a => b", "1:3-1:9 " },
        { "const f = x =>\n  x +\n  1\nconst g = 2", "1:11-3:4 f" },
        { "(a) => 1; b ) => 1", "1:1-1:9 \n1:15-1:19 " },
        { "f = (a): B => 1", "1:5-1:16 f" },
        { "f = a => `${b}c`;", "1:5-1:17 f" },
        { "f = a => class {\n}\n", "1:5-2:2 f" },
        { "f = a => <b>{() => 1}</b>\n", "1:5-1:26 f\n1:14-1:21 " },
        { "a = b ? c => 1 : d => 2", "1:9-1:15 a\n1:18-1:24 a" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(MEMORY);
        size_t count;
        char got[1000];
        const struct scope *scopes = find(a, str_from_c(cases[i].text), &count);
        tell(scopes, count, got, sizeof got);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s:\n%s\nnot\n%s", cases[i].text, got, cases[i].want);
        arena_free(a);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        /* declarations and expressions */
        { "function f() {} async function g() {} function* h() {} async function *i() {}",
          "f,g,h,i" },
        { "a(function () {}, function b() {}, async () => {}, c => d)", "-,b,-,-" },
        { "export default function () {}", "default" },
        { "export default () => 1", "default" },
        { "export default async function f() {}", "f" },
        { "let f = function () {}, g = () => 1, h = 2, i = async k => k", "f,g,i" },
        { "f = f || function () {}; g ?\?= () => 1; h = (() => 1); i = a ? () => 1 : 2",
          "f,g,h,i" },
        { "const r = (function () {})(), q = (() => {})(), s = function () {}()", "-,-,-" },
        { "const f = wrap(() => 1), g = a => b => c", "-,g,-" },
        { "({ a = () => 1, b: c = () => 2 }) => 3; function f(d = () => 4) {}", "-,a,c,f,d" },
        { "const { a = () => 1 } = {}, [b = () => 2] = []", "a,b" },
        /* members */
        { "exports.f = function () {}; module.exports = () => 1; a.b.c = () => 2",
          "exports.f,module.exports,a.b.c" },
        { "A.prototype.b = function () {}; A.prototype['c'] = () => 1; a[1] = () => 1",
          "A.b,A.c,a.<computed>" },
        { "function Cart() { this.a = () => 1 } function cart() { this.a = () => 1 }",
          "Cart,Cart.a,cart,a" },
        { "a().b = () => 1; a?.b(c => 1)", "b,-" },
        /* object literals */
        { "o = { a() {}, b: function () {}, c: () => 1, async *d() {}, get e() {}, 'f': d => 1 }",
          "Object.a,Object.b,Object.c,Object.d,get e,Object.f" },
        { "o = { get() {}, set: a => 1, static() {}, async() {}, function() {}, class: () => 1 }",
          "Object.get,Object.set,Object.static,Object.async,Object.function,Object.class" },
        { "o = { 'a b'() {}, 1: () => 1, [a.b]() {}, ['c']: () => 1, ...d(() => 1) }",
          "a b,1,[a.b],Object.c,-" },
        { "return { a: x ? { b() {} } : { c: y } }", "Object.b" },
        /* classes */
        { "class A { constructor() {} a() {} static b() {} async *c() {} #d() {} get e() {} }",
          "new A,A.a,A.b,A.c,#d,get e" },
        { "class A { static constructor() {} static async 'x y'() {} static get b() {} 1() {} }",
          "A.constructor,x y,get b,1" },
        { "class A { a = () => 1; b = 2\n c = function () {}\n static d = e => 1\n f() {} }",
          "<instance_members_initializer>,A.a,<instance_members_initializer>,"
          "<instance_members_initializer>,A.c,<static_initializer>,A.d,A.f" },
        { "class A { static { b() } c() {} }", "<static_initializer>,A.c" },
        { "class A extends B(class { c() {} }) { static d() { return class E { f() {} } } }",
          "Object.c,A.d,E.f" },
        { "const K = class { m() {} constructor() {} }, L = class M { m() {} }", "K.m,new K,M.m" },
        { "exports.K = class { m() {} constructor() {} }", "exports.K.m,new exports.K" },
        { "export default class { m() {} }", "default.m" },
        { "x(class { m() {} constructor() {} static s() {} })",
          "Object.m,new <anonymous>,Function.s" },
        { "class A { m() { const f = () => { this.g = () => 1 } } }", "A.m,f,A.g" },
        { "class A { [Symbol.iterator]() {} ['b']() {} static [c] = 1 }",
          "[Symbol.iterator],A.b,<static_initializer>" },
        { "class A {\n a\n b\n static\n c() {} }", "A.c" },
        /* what looks like code, and is not */
        { "a = 'function f() {}'; b = \"\\\" function g() {}\"; c = `function h() {}`", "" },
        { "/* function f() {} */ // function g() {}\n/function h() {}/.test(a)", "" },
        { "#!/usr/bin/env node function f() {}\nfunction g() {}", "g" },
        { "a = `${function f() { return `}${() => 1}` }}`; function g() {}", "f,-,g" },
        { "if (a) /'/.test(b); c = d / e; function f() {} /'/; g = h++ / 2; i = j\n/k/l", "f" },
        { "a = /[/']/; b = /\\/'/u; function f() {} c = (d) / 2; '/'", "f" },
        { "return /'/; function f() {}", "f" },
        { "a.function = 1; a.class = 2; b = { if: 1, return() {} }", "Object.return" },
        { "a = b ? c : d; label: for (;;) { } switch (a) { case (b): { f(() => 1) } }", "-" },
        { "a\n++b\nfunction f() {}", "f" },
        { "a = b << (c) < d >> (e) >>> f; function g() {} a <<= 1", "g" },
        /* TypeScript */
        { "function f<T extends { a: string }>(a?: T, b: (x: number) => void): { c: T } {}", "f" },
        { "function f(a: string): void;\nfunction f(a: any): a is string {}", "f" },
        { "const f = (a: A): Promise<{ b: C }> => { d() }", "f" },
        { "const f: (a: A) => void = (a) => {}, g: B<C, D> = async () => {}", "f,g" },
        { "interface I { f(): void; g: () => void }\ntype F = () => { a: B };\nfunction h() {}",
          "h" },
        { "abstract class A<T> extends B<T> implements C<{ d: E }> { abstract m(): void;\n"
          "private readonly n?: string = 'x'; public async o<U>(this: V, p?: U): Promise<void> {} "
          "}",
          "<instance_members_initializer>,A.o" },
        { "@C({ a: () => 1 }) class A { @d() @e.f(g) m(@h i) {} @j n = 1 }",
          "Object.a,A.m,<instance_members_initializer>" },
        { "const a = b as { c: D }; e = <T,>(x: T) => x; f = g! / h; '/'", "e" },
        { "type = 5; interface\n= 6; enum E { A, B }; namespace N.M { function f() {} }", "f" },
        /* JSX */
        { "const A = () => <p a='\"' b={() => 1}>Don't {c(() => <br/>)} // {d}</p>; function f() "
          "{}",
          "A,-,-,f" },
        { "a = <><B.c d-e='f' {...g}/>it's</>; f = () => 1", "f" },
        /* damaged */
        { "}}} function f() {}", "f" },
        { "a(]) function f() { ) } ( function g() {}", "f,g" },
        { "{ ( } function f() {}", "f" },
        { "class", "" },
        { "class A { get", "" },
        { "=> {", "-" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(MEMORY);
        size_t count;
        char got[1000];
        const struct scope *scopes = find(a, str_from_c(cases[i].text), &count);
        tell_names(scopes, count, got, sizeof got);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s:\n%s\nnot\n%s", cases[i].text, got, cases[i].want);
        arena_free(a);
    }
}

static void where_names_stand(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line, column;
    } cases[] = {
        { "function f() {}", 1, 10 },           { "x(() => 1)", 0, 0 },
        { "const f = () => 1", 1, 7 },          { "a.b\n.c = function () {}", 2, 2 },
        { "class A { static b() {} }", 1, 18 }, { "o = { a: () => 1 }", 1, 7 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(MEMORY);
        size_t count;
        const struct scope *s = find(a, str_from_c(cases[i].text), &count);
        if (count != 1 || s->name_line != cases[i].line || s->name_column != cases[i].column)
            fail_msg("%s: %u:%u", cases[i].text, s->name_line, s->name_column);
        arena_free(a);
    }
}

/* Texts that nest deeper than is looked into, and others that must not take quadratic time. */
static void deep(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "(",    "{",   "`${",    "a=>",   "<a>",   "</", "/[", "?/*", "({a(",    "[[",
        "a<b,", "=>{", "class{", "a?b=>", "((a):", "/",  "'",  "${`", "static{", "=function(){"
    };
    enum { TIMES = 100000 };
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct arena *a = arena_new(MEMORY);
        size_t n = strlen(parts[i]), count;
        char *text = malloc(n * TIMES + 16);
        assert_non_null(text);
        for (size_t k = 0; k < TIMES; k++)
            memcpy(text + k * n, parts[i], n + 1);
        memcpy(text + n * TIMES, "</a>", 5);
        find(a, str_from_c(text), &count);
        free(text);
        arena_free(a);
    }
}

/* --- Node.js ------------------------------------------------------------------------------------
 */

#define JUDGED_MAX 200000

static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "r");
    char *text = malloc(JUDGED_MAX);
    assert_non_null(f);
    assert_non_null(text);
    *len = fread(text, 1, JUDGED_MAX, f);
    fclose(f);
    return text;
}

static struct str innermost(const struct scope *scopes, size_t count, unsigned line,
                            unsigned column)
{
    struct str name = STR("(outside)");
    for (size_t i = 0; i < count; i++) {
        const struct scope *s = &scopes[i];
        bool begun = s->line < line || (s->line == line && s->column <= column);
        bool ended = s->end_line < line || (s->end_line == line && s->end_column <= column);
        if (begun && !ended)
            name = s->name;
    }
    return name;
}

/* The program throws in all its functions, and tells where and in what V8 says that this was. */
static void as_v8_says(void **state)
{
    (void)state;
    if (system("node --version >/dev/null 2>&1") != 0)
        skip();
    size_t len, count, judged = 0;
    char *text = read_file(JUDGED, &len), line[512];
    struct arena *a = arena_new(MEMORY);
    const struct scope *scopes = find(a, (struct str){ text, len }, &count);
    FILE *node = popen("node " JUDGED, "r");
    assert_non_null(node);
    while (fgets(line, sizeof line, node)) {
        unsigned at_line, at_column;
        char *name = strchr(line, '\t');
        assert_int_equal(sscanf(line, "%u:%u", &at_line, &at_column), 2);
        assert_non_null(name);
        name[strcspn(name, "\n")] = '\0';
        struct str ours = innermost(scopes, count, at_line, at_column);
        if (!str_eq(ours, str_from_c(name + 1)))
            fail_msg("%u:%u: \"%.*s\", but V8 says \"%s\"", at_line, at_column, STR_ARG(ours),
                     name + 1);
        judged++;
    }
    assert_int_equal(pclose(node), 0);
    assert_true(judged > 50);
    arena_free(a);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places), cmocka_unit_test(names),      cmocka_unit_test(where_names_stand),
        cmocka_unit_test(deep),   cmocka_unit_test(as_v8_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
