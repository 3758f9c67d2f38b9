/* rust_v0.c - a parser by recursive descent of RFC 2603, one function for each of its rules.
 *
 * Every rule may be read in silence: then nothing is written and references back are not followed,
 * so that generic arguments cost no more than their letters. */
#include "report/rust_v0.h"

struct v0 {
    struct str in; /* behind "_R": references back count from here */
    size_t pos;
    char *out;
    size_t len;
    unsigned depth, steps;
    bool silent;
    bool failed; /* never cleared; everything after it does nothing */
};

static void read_path(struct v0 *v);
static void read_type(struct v0 *v);

static char peek(const struct v0 *v)
{
    return v->pos < v->in.len && !v->failed ? v->in.ptr[v->pos] : '\0';
}

static char next(struct v0 *v)
{
    char c = peek(v);
    v->failed |= c == '\0';
    v->pos += !v->failed;
    return c;
}

static bool eat(struct v0 *v, char c)
{
    bool there = peek(v) == c;
    v->pos += there;
    return there;
}

static void put(struct v0 *v, struct str s)
{
    v->failed |= s.len > RUST_V0_TEXT_MAX - v->len;
    if (v->failed || v->silent)
        return;
    memcpy(v->out + v->len, s.ptr, s.len);
    v->len += s.len;
}

/* False when it would be too deep or too much; each enter has its leave all the same. */
static bool enter(struct v0 *v)
{
    v->failed |= ++v->depth > RUST_V0_DEPTH_MAX || ++v->steps > RUST_V0_STEPS_MAX;
    return !v->failed;
}

static void leave(struct v0 *v)
{
    v->depth--;
}

/* Base 62, ended by '_': "_" is 0, "0_" is 1. */
static uint64_t read_base62(struct v0 *v)
{
    uint64_t n = 0;
    if (eat(v, '_'))
        return 0;
    while (!v->failed && !eat(v, '_')) {
        char c = next(v);
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A') + 36
                                                : 62;
        v->failed |= digit == 62 || __builtin_mul_overflow(n, 62u, &n) ||
                     __builtin_add_overflow(n, digit, &n);
    }
    v->failed |= __builtin_add_overflow(n, 1u, &n);
    return n;
}

/* ["s" base62] */
static void read_disambiguator(struct v0 *v)
{
    if (eat(v, 's'))
        (void)read_base62(v);
}

/* Length and bytes; an underscore between them when the bytes begin with a digit or underscore. */
static struct str read_plain_identifier(struct v0 *v)
{
    size_t n = 0;
    v->failed |= peek(v) == 'u'; /* Punycode */
    if (!eat(v, '0')) {
        v->failed |= peek(v) < '1' || peek(v) > '9';
        while (peek(v) >= '0' && peek(v) <= '9' && n <= v->in.len)
            n = n * 10 + (size_t)(next(v) - '0');
    }
    (void)eat(v, '_');
    v->failed |= n > v->in.len - v->pos;
    if (v->failed)
        return STR("");
    struct str s = { v->in.ptr + v->pos, n };
    v->pos += n;
    return s;
}

static struct str read_identifier(struct v0 *v)
{
    read_disambiguator(v);
    return read_plain_identifier(v);
}

/* What stands at an earlier place, read by `rule` and written here. */
static void read_reference(struct v0 *v, size_t begin, void (*rule)(struct v0 *v))
{
    uint64_t target = read_base62(v);
    size_t back = v->pos;
    v->failed |= target >= begin;
    if (v->failed || v->silent)
        return;
    v->pos = (size_t)target;
    rule(v);
    v->pos = back;
}

static void read_silently(struct v0 *v, void (*rule)(struct v0 *v))
{
    bool before = v->silent;
    v->silent = true;
    rule(v);
    v->silent = before;
}

static void read_hex(struct v0 *v)
{
    (void)eat(v, 'n');
    while (!v->failed && !eat(v, '_'))
        (void)next(v);
}

static void read_const(struct v0 *v)
{
    if (enter(v)) {
        if (eat(v, 'B')) {
            (void)read_base62(v); /* never written, so not followed */
        } else if (!eat(v, 'p')) {
            read_type(v);
            read_hex(v);
        }
    }
    leave(v);
}

static void read_argument(struct v0 *v)
{
    if (eat(v, 'L'))
        (void)read_base62(v);
    else if (eat(v, 'K'))
        read_const(v);
    else
        read_type(v);
}

/* "I" path arguments "E": the arguments are what it is all about to leave out. */
static void read_generic(struct v0 *v)
{
    read_path(v);
    while (!v->failed && !eat(v, 'E'))
        read_silently(v, read_argument);
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* "N" namespace path identifier */
static void read_nested(struct v0 *v)
{
    char space = next(v);
    read_path(v);
    struct str name = read_identifier(v);
    if (is_lower(space)) {
        if (name.len > 0) {
            put(v, STR("::"));
            put(v, name);
        }
        return;
    }
    put(v, STR("::{"));
    put(v, space == 'C' ? STR("closure") : space == 'S' ? STR("shim") : (struct str){ &space, 1 });
    if (name.len > 0) {
        put(v, STR(":"));
        put(v, name);
    }
    put(v, STR("}"));
}

/* Where an impl stands does not show in its name. */
static void read_impl_path(struct v0 *v)
{
    read_disambiguator(v);
    read_path(v);
}

static void read_impl(struct v0 *v, bool has_place, bool has_trait)
{
    if (has_place)
        read_silently(v, read_impl_path);
    put(v, STR("<"));
    read_type(v);
    if (has_trait) {
        put(v, STR(" as "));
        read_path(v);
    }
    put(v, STR(">"));
}

static void read_path(struct v0 *v)
{
    size_t begin = v->pos;
    if (enter(v)) {
        switch (next(v)) {
        case 'C':
            put(v, read_identifier(v));
            break;
        case 'N':
            read_nested(v);
            break;
        case 'M':
            read_impl(v, true, false);
            break;
        case 'X':
            read_impl(v, true, true);
            break;
        case 'Y':
            read_impl(v, false, true);
            break;
        case 'I':
            read_generic(v);
            break;
        case 'B':
            read_reference(v, begin, read_path);
            break;
        default:
            v->failed = true;
        }
    }
    leave(v);
}

static struct str basic_type(char c)
{
    static const struct str names['z' - 'a' + 1] = {
        ['a' - 'a'] = STR_INIT("i8"),    ['b' - 'a'] = STR_INIT("bool"),
        ['c' - 'a'] = STR_INIT("char"),  ['d' - 'a'] = STR_INIT("f64"),
        ['e' - 'a'] = STR_INIT("str"),   ['f' - 'a'] = STR_INIT("f32"),
        ['h' - 'a'] = STR_INIT("u8"),    ['i' - 'a'] = STR_INIT("isize"),
        ['j' - 'a'] = STR_INIT("usize"), ['l' - 'a'] = STR_INIT("i32"),
        ['m' - 'a'] = STR_INIT("u32"),   ['n' - 'a'] = STR_INIT("i128"),
        ['o' - 'a'] = STR_INIT("u128"),  ['p' - 'a'] = STR_INIT("_"),
        ['s' - 'a'] = STR_INIT("i16"),   ['t' - 'a'] = STR_INIT("u16"),
        ['u' - 'a'] = STR_INIT("()"),    ['v' - 'a'] = STR_INIT("..."),
        ['x' - 'a'] = STR_INIT("i64"),   ['y' - 'a'] = STR_INIT("u64"),
        ['z' - 'a'] = STR_INIT("!"),
    };
    return is_lower(c) ? names[c - 'a'] : STR("");
}

/* Types up to "E". */
static void read_list(struct v0 *v)
{
    for (bool first = true; !v->failed && !eat(v, 'E'); first = false) {
        put(v, first ? STR("") : STR(", "));
        read_type(v);
    }
}

static void read_binder(struct v0 *v)
{
    if (eat(v, 'G'))
        (void)read_base62(v);
}

static void read_function(struct v0 *v)
{
    read_binder(v);
    if (eat(v, 'U'))
        put(v, STR("unsafe "));
    if (eat(v, 'K')) {
        put(v, STR("extern \""));
        put(v, eat(v, 'C') ? STR("C") : read_plain_identifier(v));
        put(v, STR("\" "));
    }
    put(v, STR("fn("));
    read_list(v);
    put(v, STR(")"));
    if (eat(v, 'u'))
        return;
    put(v, STR(" -> "));
    read_type(v);
}

/* Traits up to "E", each with the types of its associated names; then a lifetime. */
static void read_dyn(struct v0 *v)
{
    read_binder(v);
    put(v, STR("dyn "));
    for (bool first = true; !v->failed && !eat(v, 'E'); first = false) {
        put(v, first ? STR("") : STR(" + "));
        read_path(v);
        while (eat(v, 'p')) {
            (void)read_plain_identifier(v);
            read_silently(v, read_type);
        }
    }
    v->failed |= !eat(v, 'L');
    (void)read_base62(v);
}

static void read_pointer(struct v0 *v, struct str before)
{
    if (eat(v, 'L'))
        (void)read_base62(v);
    put(v, before);
    read_type(v);
}

static void read_array(struct v0 *v, bool has_length)
{
    put(v, STR("["));
    read_type(v);
    if (has_length)
        read_silently(v, read_const);
    put(v, STR("]"));
}

static void read_tuple(struct v0 *v)
{
    put(v, STR("("));
    read_list(v);
    put(v, STR(")"));
}

static void read_compound(struct v0 *v, size_t begin)
{
    switch (next(v)) {
    case 'A':
        read_array(v, true);
        break;
    case 'S':
        read_array(v, false);
        break;
    case 'T':
        read_tuple(v);
        break;
    case 'R':
        read_pointer(v, STR("&"));
        break;
    case 'Q':
        read_pointer(v, STR("&mut "));
        break;
    case 'P':
        read_pointer(v, STR("*const "));
        break;
    case 'O':
        read_pointer(v, STR("*mut "));
        break;
    case 'F':
        read_function(v);
        break;
    case 'D':
        read_dyn(v);
        break;
    case 'B':
        read_reference(v, begin, read_type);
        break;
    default:
        v->pos = begin;
        read_path(v);
    }
}

static void read_type(struct v0 *v)
{
    size_t begin = v->pos;
    struct str basic = basic_type(peek(v));
    if (enter(v)) {
        if (basic.len > 0) {
            v->pos++;
            put(v, basic);
        } else {
            read_compound(v, begin);
        }
    }
    leave(v);
}

size_t rust_v0_write(struct str name, char out[RUST_V0_TEXT_MAX])
{
    struct v0 v = { .in = { name.ptr + 2, name.len - 2 }, .out = out };
    read_path(&v);
    if (peek(&v) >= 'A' && peek(&v) <= 'Z')
        read_silently(&v, read_path); /* the crate that it was made for */
    return v.failed || v.pos < v.in.len ? 0 : v.len;
}
