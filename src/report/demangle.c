/* demangle.c - libiberty within bounds for C++, our own for the rest.
 *
 * What is hard here: a mangled name refers back to parts of itself, so that 100 bytes can stand for
 * terabytes of text. libiberty limits the depth of its recursion (that limit stays on), but not
 * what it writes. C++ comes in pieces: once there are too many of them, we jump out of it, which is
 * safe because it holds no memory then. What it has for Rust's new names and for D can be kept busy
 * for ever without a piece (lifetimes by the billion; types that are tried in two ways, each of
 * whose parts is tried in two ways), so those are read by rust_v0.c and, as far as it is simple, by
 * write_d. */
#include "report/demangle.h"

#include "report/rust_v0.h"

#include <libiberty/demangle.h>

#include <setjmp.h>

typedef int (*engine)(const char *mangled, int options, demangle_callbackref piece, void *opaque);

struct text {
    jmp_buf enough;
    size_t len;
    char at[DEMANGLE_TEXT_MAX];
};

static void take_piece(const char *piece, size_t len, void *opaque)
{
    struct text *t = opaque;
    if (len > sizeof t->at - t->len)
        longjmp(t->enough, 1);
    memcpy(t->at + t->len, piece, len);
    t->len += len;
}

static bool run(engine fn, const char *mangled, int options, struct text *t)
{
    t->len = 0;
    if (setjmp(t->enough))
        return false;
    return fn(mangled, options, take_piece, t) && t->len > 0;
}

/* C++; or Rust as it was before 2020, in C++'s clothes: _ZN...17h<hash>E, without references. */
static bool run_itanium(struct str name, int options, struct arena *a, struct str *out)
{
    struct text t;
    if (run(rust_demangle_callback, name.ptr, options, &t) ||
        run(cplus_demangle_v3_callback, name.ptr, options, &t))
        return arena_str(a, (struct str){ t.at, t.len }, out);
    return true;
}

static bool run_rust(struct str name, struct arena *a, struct str *out)
{
    char text[RUST_V0_TEXT_MAX];
    size_t len = rust_v0_write(name, text);
    return len == 0 || arena_str(a, (struct str){ text, len }, out);
}

/* D: "_D3std5stdio5writeFiZv" is std.stdio.write: lengths and names, then a type, which is left
 * out. A name that is an instance of a template begins with "__T" and the template's own name.
 * False for names that refer back, and for instances without a length, as compilers write them
 * since 2017: they stay mangled. */
static bool take_d_name(struct str *s, struct str *out)
{
    size_t n = 0, digits = 0;
    while (digits < s->len && s->ptr[digits] >= '0' && s->ptr[digits] <= '9' && n <= s->len)
        n = n * 10 + (size_t)(s->ptr[digits++] - '0');
    if (digits == 0 || n == 0 || n > s->len - digits)
        return false;
    *out = (struct str){ s->ptr + digits, n };
    *s = (struct str){ s->ptr + digits + n, s->len - digits - n };
    if (!str_starts(*out, STR("__T")) && !str_starts(*out, STR("__U")))
        return true;
    struct str instance = { out->ptr + 3, out->len - 3 };
    return take_d_name(&instance, out);
}

static size_t write_d(struct str name, char *text)
{
    struct str s = { name.ptr + 2, name.len - 2 }, part;
    size_t len = 0;
    while (s.len > 0 && s.ptr[0] >= '0' && s.ptr[0] <= '9') {
        if (!take_d_name(&s, &part))
            return 0;
        if (len > 0)
            text[len++] = '.';
        memcpy(text + len, part.ptr, part.len);
        len += part.len;
    }
    bool more = str_starts(s, STR("_")) || str_starts(s, STR("Q"));
    return more ? 0 : len;
}

static bool run_d(struct str name, struct arena *a, struct str *out)
{
    char text[DEMANGLE_NAME_MAX]; /* no longer than the name: a dot is less than a length */
    size_t len = write_d(name, text);
    return len == 0 || arena_str(a, (struct str){ text, len }, out);
}

static bool demangle_with(struct str name, int options, struct arena *a, struct str *out)
{
    struct str s = name, copy;
    *out = name;
    if (str_starts(s, STR("__Z")) || str_starts(s, STR("__R")))
        s = (struct str){ s.ptr + 1, s.len - 1 }; /* macOS puts one more before */
    bool itanium = str_starts(s, STR("_Z")), rust = str_starts(s, STR("_R"));
    if (s.len < 4 || s.len > DEMANGLE_NAME_MAX || memchr(s.ptr, '\0', s.len))
        return true;
    if (rust)
        return run_rust(s, a, out);
    if (str_starts(s, STR("_D")))
        return run_d(s, a, out);
    if (!itanium)
        return true;
    return arena_str(a, s, &copy) && run_itanium(copy, options, a, out);
}

bool demangle(struct str name, struct arena *a, struct str *out)
{
    return demangle_with(name, DMGL_NO_OPTS, a, out);
}

bool demangle_full(struct str name, struct arena *a, struct str *out)
{
    return demangle_with(name, DMGL_PARAMS | DMGL_ANSI, a, out);
}
