/* dump_system.c - the system of a dump by the names of uname(1), which is how Backtrace asks for
 * it.
 *
 * Linux dumps have the words of uname in one text, in one of two forms:
 *     0.0.0 Linux 6.1.0-18-amd64 #1 SMP Debian 6.1.76-1 x86_64          (Breakpad)
 *     6.1.0 -18-amd64 #1 SMP Debian 6.1.76-1 x86_64                     (Crashpad) */
#include "decode/dump_parts.h"

static struct str skip(struct str s, size_t n)
{
    return (struct str){ s.ptr + n, s.len - n };
}

static struct str trim(struct str s)
{
    while (s.len > 0 && s.ptr[0] == ' ')
        s = skip(s, 1);
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

/* The first word; *s loses it and the blanks behind it. */
static struct str take_word(struct str *s)
{
    const char *stop = s->len ? memchr(s->ptr, ' ', s->len) : NULL;
    size_t len = stop ? (size_t)(stop - s->ptr) : s->len;
    struct str word = { s->ptr, len };
    *s = trim(skip(*s, len));
    return word;
}

static bool is_machine(struct str word)
{
    static const struct str names[] = { STR_INIT("x86_64"), STR_INIT("aarch64"), STR_INIT("i686"),
                                        STR_INIT("i586"),   STR_INIT("i486"),    STR_INIT("i386"),
                                        STR_INIT("armv") };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_starts(word, names[i]))
            return true;
    return false;
}

/* What stands before the machine is the version; *machine stays as it is when none is named. */
static struct str take_version(struct str rest, struct str *machine)
{
    struct str all = rest, version = rest;
    while (rest.len > 0) {
        struct str word = take_word(&rest);
        if (!is_machine(word))
            continue;
        *machine = word;
        version = (struct str){ all.ptr, (size_t)(word.ptr - all.ptr) };
    }
    return trim(version);
}

static bool split_linux(struct str text, struct dump_system *out, struct arena *a)
{
    struct str number = take_word(&text);
    if (str_starts(text, STR("Linux "))) {
        (void)take_word(&text);
        out->release = take_word(&text);
    } else if (str_starts(text, STR("-"))) {
        struct str more = take_word(&text);
        if (!arena_printf(a, &out->release, "%.*s%.*s", STR_ARG(number), STR_ARG(more)))
            return false;
    } else {
        out->release = number;
    }
    out->version = take_version(text, &out->machine);
    return true;
}

bool dump_system(const struct dump *d, struct dump_system *out, struct arena *a)
{
    struct str text = trim(d->os_version);
    *out = (struct dump_system){ .release = STR(""), .version = text, .machine = d->cpu_name };
    if (d->os == WALK_OS_LINUX || d->os == WALK_OS_ANDROID)
        return split_linux(text, out, a);
    out->release = take_word(&text);
    return true;
}
