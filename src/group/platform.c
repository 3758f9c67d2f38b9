/* platform.c - see the header. The tables are in platform_names.h, in an order for people; at their
 * first use they are put into one that a binary search can take.
 *
 * What is hard: a name that begins with an entry need not stand next to it, as `std::vector` and
 * `std::*` would with `std::a` between them. So no entry begins with another one that stands for
 * all that begin so; then the last entry that is not behind the name is the only one that can be
 * meant. */
#include "group/platform.h"

#include "group/platform_names.h"
#include "group/tokens.h"
#include "report/callstack_noise.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Tables. */

struct entry {
    struct str text;
    bool is_prefix;
};
struct table {
    struct entry *entries; /* sorted by bytes */
    size_t count;
};

/* The sorted form of a table of platform_names.h. */
#define TABLE(name)                                                                                \
    static struct entry name##_entries[COUNT_OF(name)];                                            \
    static const struct table name##_table = { name##_entries, COUNT_OF(name) };
TABLE(system_names)
TABLE(starting_names)
TABLE(common_names)
TABLE(trampoline_names)
TABLE(system_modules)

static int compare_entries(const void *a, const void *b)
{
    return str_cmp(((const struct entry *)a)->text, ((const struct entry *)b)->text);
}

static bool entry_covers(const struct entry *e, struct str name)
{
    return e->is_prefix ? str_starts(name, e->text) : str_eq(name, e->text);
}

static void table_sort(const struct table *t, const char (*names)[PLATFORM_NAME_BYTES])
{
    for (size_t i = 0; i < t->count; i++) {
        size_t len = strlen(names[i]);
        bool star = names[i][len - 1] == '*';
        t->entries[i] = (struct entry){ { names[i], len - star }, star };
    }
    qsort(t->entries, t->count, sizeof *t->entries, compare_entries);
    for (size_t i = 1; i < t->count; i++)
        assert(!entry_covers(&t->entries[i - 1], t->entries[i].text) &&
               !str_eq(t->entries[i - 1].text, t->entries[i].text));
}

static void sort_tables(void)
{
    table_sort(&system_names_table, system_names);
    table_sort(&starting_names_table, starting_names);
    table_sort(&common_names_table, common_names);
    table_sort(&trampoline_names_table, trampoline_names);
    table_sort(&system_modules_table, system_modules);
}

static bool table_has(const struct table *t, struct str name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t low = 0, high = t->count;
    pthread_once(&once, sort_tables);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(t->entries[middle].text, name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && entry_covers(&t->entries[low - 1], name);
}

/* Modules. */

#define MODULE_BYTES 64 /* longer than any in the table, so what is cut off tells nothing */

static bool module_is_listed(struct str module)
{
    char folded[MODULE_BYTES];
    size_t n = 0;
    for (; n < module.len && n < sizeof folded; n++) {
        char c = module.ptr[n];
        folded[n] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    return table_has(&system_modules_table, (struct str){ folded, n });
}

static bool module_is_system(struct str module)
{
    size_t name = module.len;
    while (name > 0 && module.ptr[name - 1] != '/' && module.ptr[name - 1] != '\\')
        name--;
    return module_is_listed(module) || /* node:internal/timers */
           (name > 0 && module_is_listed((struct str){ module.ptr + name, module.len - name }));
}

/* Names. */

static struct str from(struct str s, size_t pos)
{
    return (struct str){ s.ptr + pos, s.len - pos };
}

static bool ends_with(struct str s, struct str end)
{
    return s.len > end.len && str_eq(from(s, s.len - end.len), end);
}

/* glibc's choice of the variant for this processor: strlen_ifunc, memcpy_ifunc_selector. */
static bool is_resolver(struct str name)
{
    static const struct str endings[] = { STR_INIT("_ifunc"), STR_INIT("_ifunc_selector") };
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        if (ends_with(name, endings[i]))
            return table_has(&system_names_table,
                             (struct str){ name.ptr, name.len - endings[i].len });
    return false;
}

/* A type of Rust's own: `alloc::vec::Vec`, `&mut [u8]`, `T`. */
static bool is_rust_type(struct str type)
{
    static const struct str around[] = { STR_INIT("&"),       STR_INIT("mut "),  STR_INIT("["),
                                         STR_INIT("*const "), STR_INIT("*mut "), STR_INIT("dyn "),
                                         STR_INIT("(") };
    static const char *const simple[] = { "u8",  "u16", "u32", "u64",  "u128", "usize",
                                          "i8",  "i16", "i32", "i64",  "i128", "isize",
                                          "f32", "f64", "str", "bool", "char" };
    for (size_t i = 0; i < COUNT_OF(around); i++)
        if (str_starts(type, around[i])) {
            type = from(type, around[i].len);
            i = SIZE_MAX; /* from the first again */
        }
    while (type.len > 0 && strchr("])", type.ptr[type.len - 1]))
        type.len--;
    for (size_t i = 0; i < COUNT_OF(simple); i++)
        if (str_eq(type, str_from_c(simple[i])))
            return true;
    bool parameter = type.len <= 1 && (type.len == 0 || (*type.ptr >= 'A' && *type.ptr <= 'Z'));
    return parameter || table_has(&system_names_table, type);
}

/* Where the bracket ends that s begins with, or 0. */
static size_t bracket_end(struct str s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '<')
            depth++;
        else if (s.ptr[i] == '>' && !(i > 0 && s.ptr[i - 1] == '-') && --depth == 0)
            return i;
    }
    return 0;
}

/* `<alloc::vec::Vec as core::ops::drop::Drop>::drop`, `<alloc::vec::Vec>::push`: Rust's when both
 * type and trait are. The program's own drop, or its own trait for a Vec, is not. */
static bool is_rust_impl(struct str name)
{
    size_t end = name.len > 0 && name.ptr[0] == '<' ? bracket_end(name) : 0;
    if (end < 2 || !str_starts(from(name, end), STR(">::")))
        return false;
    struct str type = { name.ptr + 1, end - 1 };
    const char *as = memmem(type.ptr, type.len, " as ", 4);
    if (!as)
        return is_rust_type(type);
    size_t n = (size_t)(as - type.ptr);
    struct str trait = from(type, n + 4);
    return table_has(&system_names_table, trait) && is_rust_type((struct str){ type.ptr, n });
}

enum platform_kind platform_frame(struct str name, struct str module)
{
    bool system = module.len > 0 && module_is_system(module);
    if (name.len == 0 || (!system && table_has(&common_names_table, name)))
        return system ? PLATFORM_SYSTEM : PLATFORM_NONE;
    if (noise_failing(name))
        return PLATFORM_ENDS;
    if (noise_starting(name, STR(""), true) || table_has(&starting_names_table, name))
        return PLATFORM_STARTS;
    system =
        system || table_has(&system_names_table, name) || is_resolver(name) || is_rust_impl(name);
    return system ? PLATFORM_SYSTEM : PLATFORM_NONE;
}

bool platform_is_trampoline(struct str name)
{
    return table_has(&trampoline_names_table, name);
}

/* Words of memory handling. */

/* Anywhere in the name, for programs put letters of their own around: xmalloc, emalloc_real,
 * StrDup, decalloc. */
static const struct str word_parts[] = { STR_INIT("alloc"), STR_INIT("free"), STR_INIT("dup") };
/* At an end of a token: newstate, growaux, vec_pushback, regrow. */
static const struct str word_ends[] = { STR_INIT("new"),   STR_INIT("delete"), STR_INIT("append"),
                                        STR_INIT("push"),  STR_INIT("grow"),   STR_INIT("copy"),
                                        STR_INIT("resize") };
/* Tokens. */
static const struct str whole_words[] = { STR_INIT("release"), STR_INIT("retain"),
                                          STR_INIT("reserve"), STR_INIT("reserved") };
/* Tokens that begin with the letters of such a word and are others. */
static const struct str other_words[] = { STR_INIT("newline"), STR_INIT("newlines"),
                                          STR_INIT("news"), STR_INIT("newest"), STR_INIT("newer") };

static bool same_letters(const char *a, struct str word)
{
    return strncasecmp(a, word.ptr, word.len) == 0;
}

static bool has_part(struct str name)
{
    for (size_t k = 0; k < COUNT_OF(word_parts); k++)
        for (size_t i = 0; i + word_parts[k].len <= name.len; i++) {
            size_t end = i + word_parts[k].len;
            bool freeze = k == 1 && end < name.len && (name.ptr[end] | 0x20) == 'z';
            if (!freeze && same_letters(name.ptr + i, word_parts[k]))
                return true;
        }
    return false;
}

static bool is_any(struct str token, const struct str *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (token.len == words[i].len && same_letters(token.ptr, words[i]))
            return true;
    return false;
}

static bool is_memory_token(struct str token)
{
    if (is_any(token, other_words, COUNT_OF(other_words)))
        return false;
    for (size_t i = 0; i < COUNT_OF(word_ends); i++)
        if (token.len >= word_ends[i].len &&
            (same_letters(token.ptr, word_ends[i]) ||
             same_letters(token.ptr + token.len - word_ends[i].len, word_ends[i])))
            return true;
    return is_any(token, whole_words, COUNT_OF(whole_words));
}

/* Without lambdas and closures, which are called what the function around them is. */
static struct str without_closures(struct str name)
{
    static const struct str endings[] = { STR_INIT("::{closure}"), STR_INIT("::{lambda}"),
                                          STR_INIT("::{lambda}::operator()"),
                                          STR_INIT("::<anonymous>"), STR_INIT(".<anonymous>") };
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        if (ends_with(name, endings[i])) {
            name.len -= endings[i].len;
            i = SIZE_MAX; /* from the first again */
        }
    return name;
}

/* What stands behind the last "::" or "."; of Objective-C's -[Buffer copyWithZone:], the method. */
static struct str last_component(struct str name)
{
    name = without_closures(name);
    const char *space = memchr(name.ptr, ' ', name.len);
    if (space && (str_starts(name, STR("-[")) || str_starts(name, STR("+["))))
        return from(name, (size_t)(space - name.ptr));
    size_t n = name.len;
    while (n > 0 && name.ptr[n - 1] != '.' && name.ptr[n - 1] != ':')
        n--;
    return from(name, n);
}

bool platform_is_memory_word(struct str name)
{
    struct str last = last_component(name), token;
    struct tokens tokens = tokens_of(last);
    if (has_part(last))
        return true;
    while (tokens_next(&tokens, &token))
        if (is_memory_token(token))
            return true;
    return false;
}
