/* demangle.c - libiberty within bounds.
 *
 * What is hard here: a mangled name refers back to parts of itself, so that 100 bytes can stand for
 * terabytes of text. libiberty limits the depth of its recursion (that limit stays on), but not
 * what it writes. For C++ and Rust it hands the text over in pieces: once there are too many of
 * them, we jump out of it. That is safe where it holds no memory, which is everywhere but in Rust's
 * identifiers with letters beyond ASCII; and D's text comes only when it is whole. Of those two,
 * names that refer back often are not tried at all. */
#include "report/demangle.h"

#include <libiberty/demangle.h>

#include <setjmp.h>
#include <stdlib.h>

/* So many letters that might be references back: each can repeat what was before, and 16 of them
 * make at most 3^6 copies. */
#define REFERENCES_MAX 16

typedef int (*engine)(const char *mangled, int options, demangle_callbackref piece, void *opaque);

struct text {
    jmp_buf enough;
    bool may_jump;
    bool full;
    size_t len;
    char at[DEMANGLE_TEXT_MAX];
};

static void take_piece(const char *piece, size_t len, void *opaque)
{
    struct text *t = opaque;
    t->full |= len > sizeof t->at - t->len;
    if (t->full && t->may_jump)
        longjmp(t->enough, 1);
    if (t->full)
        return;
    memcpy(t->at + t->len, piece, len);
    t->len += len;
}

static bool run(engine fn, const char *mangled, struct text *t)
{
    t->len = 0;
    t->full = false;
    if (setjmp(t->enough))
        return false;
    return fn(mangled, DMGL_NO_OPTS, take_piece, t) && !t->full && t->len > 0;
}

static bool refers_back_often(struct str s, char letter)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == letter;
    return n > REFERENCES_MAX;
}

/* 'u' before a length: an identifier in Punycode. */
static bool has_punycode(struct str s)
{
    for (size_t i = 0; i + 1 < s.len; i++)
        if (s.ptr[i] == 'u' && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9')
            return true;
    return false;
}

static bool run_d(const char *mangled, struct arena *a, struct str *out)
{
    char *text = dlang_demangle(mangled, DMGL_NO_OPTS);
    bool ok = !text || strlen(text) > DEMANGLE_TEXT_MAX || arena_str(a, str_from_c(text), out);
    free(text);
    return ok;
}

static bool run_itanium(struct str name, struct arena *a, struct str *out)
{
    struct text t;
    bool old = name.ptr[1] == 'Z'; /* C++, or Rust as it was, in C++'s clothes */
    t.may_jump = old || !has_punycode(name);
    if (((t.may_jump || !refers_back_often(name, 'B')) &&
         run(rust_demangle_callback, name.ptr, &t)) ||
        (old && run(cplus_demangle_v3_callback, name.ptr, &t)))
        return arena_str(a, (struct str){ t.at, t.len }, out);
    return true;
}

bool demangle(struct str name, struct arena *a, struct str *out)
{
    struct str s = name, copy;
    *out = name;
    if (str_starts(s, STR("__Z")) || str_starts(s, STR("__R")))
        s = (struct str){ s.ptr + 1, s.len - 1 }; /* macOS puts one more before */
    bool d = str_starts(s, STR("_D"));
    if (s.len < 4 || s.len > DEMANGLE_NAME_MAX || memchr(s.ptr, '\0', s.len) ||
        !(d || str_starts(s, STR("_Z")) || str_starts(s, STR("_R"))))
        return true;
    if (!arena_str(a, s, &copy))
        return false;
    if (!d)
        return run_itanium(copy, a, out);
    return refers_back_often(copy, 'Q') || run_d(copy.ptr, a, out);
}
