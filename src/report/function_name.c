/* function_name.c - a function's name without what differs between builds of the same code.
 *
 * In three steps. What stands around a name goes first, since mangled names have it too: module!,
 * +0x1a, @@GLIBC_2.34, .constprop.0. Then it is demangled. What is left is text of C++, Rust, D,
 * Go, Java, JavaScript ... of which the sender did not say the language: one pass over it drops
 * what is in brackets behind a name (template arguments, parameters) and keeps brackets that are
 * themselves a name, such as <anonymous>, <T as Trait>, (*T).
 *
 * What is hard here: `operator<` and its kind, brackets that do not match (then they are letters
 * like any other, so that one pass stays one pass), and return types, which are known only by what
 * comes behind them. docs/fingerprint.md has the rules in words and examples. */
#include "report/demangle.h"
#include "report/fingerprint.h"

#include <ctype.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct str from(struct str s, size_t pos)
{
    return (struct str){ s.ptr + pos, s.len - pos };
}

static struct str upto(struct str s, size_t len)
{
    return (struct str){ s.ptr, len };
}

static bool ends(struct str s, struct str with)
{
    return s.len >= with.len && str_eq(from(s, s.len - with.len), with);
}

static struct str trim(struct str s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = from(s, 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static size_t count_digits(struct str s)
{
    size_t n = 0;
    while (n < s.len && is_digit(s.ptr[n]))
        n++;
    return n;
}

/* "0x" and hex digits; how long that is, or 0. */
static size_t count_hex(struct str s)
{
    size_t n = 2;
    if (s.len < 3 || s.ptr[0] != '0' || (s.ptr[1] != 'x' && s.ptr[1] != 'X'))
        return 0;
    while (n < s.len && isxdigit((unsigned char)s.ptr[n]))
        n++;
    return n > 2 ? n : 0;
}

static const char *find(struct str s, struct str what)
{
    return memmem(s.ptr, s.len, what.ptr, what.len);
}

/* What stands around a name. */

/* "ntdll!RtlAllocateHeap" */
static struct str without_module(struct str s)
{
    size_t n = 0;
    while (n < s.len && (is_word(s.ptr[n]) || s.ptr[n] == '.' || s.ptr[n] == '-' ||
                         s.ptr[n] == '+' || s.ptr[n] == ' '))
        n++;
    bool prefix = n > 0 && n + 1 < s.len && s.ptr[n] == '!' && s.ptr[n + 1] != '=' &&
                  !ends(upto(s, n), STR("operator"));
    return prefix ? trim(from(s, n + 1)) : s;
}

/* "g_free+0x1a", "g_free+0x1a/0x50", "main + 123" */
static struct str without_offset(struct str s)
{
    size_t plus = s.len;
    while (plus > 0 && s.ptr[plus - 1] != '+')
        plus--;
    if (plus < 2)
        return s;
    struct str number = trim(from(s, plus));
    size_t n = count_hex(number) ? count_hex(number) : count_digits(number);
    if (n > 0 && n < number.len && number.ptr[n] == '/')
        n += 1 + (count_hex(from(number, n + 1)) ? count_hex(from(number, n + 1))
                                                 : count_digits(from(number, n + 1)));
    struct str before = trim(upto(s, plus - 1));
    return n > 0 && n == number.len && !ends(before, STR("operator")) ? before : s;
}

/* "memcpy@@GLIBC_2.14", "free@plt", "_f@12"; not "@" in other places, such as Objective-C's. */
static struct str without_version(struct str s)
{
    const char *at = memchr(s.ptr, '@', s.len);
    size_t n = at ? (size_t)(at - s.ptr) : 0;
    if (n == 0 || !is_word(s.ptr[n - 1]))
        return s;
    for (size_t i = n; i < s.len; i++)
        if (!is_word(s.ptr[i]) && s.ptr[i] != '@' && s.ptr[i] != '.')
            return s;
    return upto(s, n);
}

/* "f [clone .isra.0]", "f [inlined]" */
static struct str without_note(struct str s)
{
    static const struct str notes[] = { STR_INIT(" [clone "), STR_INIT(" [inlined"),
                                        STR_INIT(" (.") };
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        const char *p = find(s, notes[i]);
        if (p && p > s.ptr && (s.ptr[s.len - 1] == ']' || s.ptr[s.len - 1] == ')'))
            return upto(s, (size_t)(p - s.ptr));
    }
    return s;
}

/* Words that gcc and LLVM put behind a name, most of them with a number. */
static const struct str compiler_words[] = {
    STR_INIT("isra"),         STR_INIT("part"),     STR_INIT("constprop"),  STR_INIT("cold"),
    STR_INIT("llvm"),         STR_INIT("lto_priv"), STR_INIT("localalias"), STR_INIT("clone"),
    STR_INIT("__uniq"),       STR_INIT("cfi"),      STR_INIT("cfi_jt"),     STR_INIT("resolver"),
    STR_INIT("specialized"),  STR_INIT("warm"),     STR_INIT("hot"),        STR_INIT("unlikely"),
    STR_INIT("content_priv"), STR_INIT("lto_tmp"),
};

static bool is_compiler_word(struct str s)
{
    bool number = s.len > 0 && count_digits(s) == s.len;
    for (size_t i = 0; i < sizeof compiler_words / sizeof *compiler_words && !number; i++)
        number = str_eq(s, compiler_words[i]);
    return number;
}

/* The last ".word" or ".123" of that kind. */
static struct str without_suffix(struct str s)
{
    size_t dot = s.len;
    while (dot > 0 && s.ptr[dot - 1] != '.' && is_word(s.ptr[dot - 1]))
        dot--;
    bool ours = dot >= 2 && dot < s.len && s.ptr[dot - 1] == '.' && is_compiler_word(from(s, dot));
    return ours ? upto(s, dot - 1) : s;
}

static struct str without_prefixes(struct str s)
{
    /* JavaScript's async frames and constructors, and objects that are everybody's; glibc's second
     * names for its own use; thunks, which are the function for the purpose. */
    static const struct str prefixes[] = {
        STR_INIT("async "),
        STR_INIT("new "),
        STR_INIT("Object."),
        STR_INIT("Function."),
        STR_INIT("__GI_"),
        STR_INIT("non-virtual thunk to "),
        STR_INIT("virtual thunk to "),
        STR_INIT("covariant return thunk to "),
        STR_INIT("[thunk]:"),
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (s.len > prefixes[i].len && str_starts(s, prefixes[i])) {
            s = trim(from(s, prefixes[i].len));
            i = SIZE_MAX; /* from the first again */
        }
    return s;
}

/* Rust's "core::fmt::write::h0123456789abcdef" */
static struct str without_hash(struct str s)
{
    struct str end = s.len > 19 ? from(s, s.len - 19) : STR("");
    size_t n = 3;
    if (!str_starts(end, STR("::h")))
        return s;
    while (n < end.len && isxdigit((unsigned char)end.ptr[n]))
        n++;
    return n == end.len ? upto(s, s.len - end.len) : s;
}

/* "Foo.bar [as baz]" */
static struct str without_alias(struct str s)
{
    const char *as = find(s, STR(" [as "));
    return as && as > s.ptr && s.ptr[s.len - 1] == ']' ? upto(s, (size_t)(as - s.ptr)) : s;
}

static struct str strip_around(struct str s)
{
    static struct str (*const steps[])(struct str) = {
        without_module,  without_note,   without_alias, without_offset,
        without_version, without_suffix, without_hash,  without_prefixes,
    };
    s = trim(s);
    for (size_t i = 0, len; i < sizeof steps / sizeof *steps; i++)
        do {
            len = s.len;
            s = trim(steps[i](s));
        } while (s.len < len);
    return s;
}

/* What is in a name. */

struct rewriter {
    struct str in;
    size_t pos;
    char *out; /* in.len * 3 + REWRITE_EXTRA bytes: "$_0" becomes "{lambda}" */
    size_t len;
    size_t kept;           /* brackets that belong to the name and are open */
    size_t after_space;    /* where in `out` the last word begins; a return type may stand before */
    size_t after_operator; /* where in `out` the last operator's symbol ends */
    bool dropped;          /* parameters or template arguments were there */
    bool unmatched;        /* a bracket that nothing closes: from there on brackets are letters */
};
#define REWRITE_EXTRA 16

static struct str rest(const struct rewriter *r)
{
    return from(r->in, r->pos);
}

static char before(const struct rewriter *r)
{
    return r->len > 0 ? r->out[r->len - 1] : '\0';
}

static void put(struct rewriter *r, struct str s)
{
    memcpy(r->out + r->len, s.ptr, s.len);
    r->len += s.len;
}

static void copy(struct rewriter *r, size_t n)
{
    put(r, upto(rest(r), n));
    r->pos += n;
}

/* How many bytes the group takes that begins here, with its brackets; 0 when nothing closes it. */
static size_t group_len(struct rewriter *r, char open, char close)
{
    struct str s = rest(r);
    size_t depth = 0, parens = 0;
    for (size_t i = 0; i < s.len && !r->unmatched; i++) {
        char c = s.ptr[i];
        if (open == '<' && (c == '(' || c == ')'))
            parens = c == '(' ? parens + 1 : parens > 0 ? parens - 1 : 0;
        else if (c == open && parens == 0)
            depth++;
        else if (c == close && parens == 0 && !(c == '>' && i > 0 && s.ptr[i - 1] == '-'))
            depth--;
        if (depth == 0 && i > 0)
            return i + 1;
    }
    r->unmatched = true;
    return 0;
}

/* The symbol of a C++ operator at the front of s: how long it is. */
static size_t operator_symbol(struct str s)
{
    static const struct str symbols[] = {
        STR_INIT("<=>"),  STR_INIT("<<="), STR_INIT(">>="), STR_INIT("->*"), STR_INIT("()"),
        STR_INIT("[]"),   STR_INIT("->"),  STR_INIT("<<"),  STR_INIT(">>"),  STR_INIT("<="),
        STR_INIT(">="),   STR_INIT("=="),  STR_INIT("!="),  STR_INIT("&&"),  STR_INIT("||"),
        STR_INIT("++"),   STR_INIT("--"),  STR_INIT("+="),  STR_INIT("-="),  STR_INIT("*="),
        STR_INIT("/="),   STR_INIT("%="),  STR_INIT("^="),  STR_INIT("&="),  STR_INIT("|="),
        STR_INIT("\"\""),
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (str_starts(s, symbols[i]))
            return symbols[i].len;
    return s.len > 0 && is_one_of(s.ptr[0], "+-*/%^&|~!=<>,") ? 1 : 0;
}

static bool at_word(const struct rewriter *r, struct str word)
{
    struct str s = rest(r);
    return str_starts(s, word) && !is_word(before(r)) &&
           (s.len == word.len || !is_word(s.ptr[word.len]));
}

/* Whether what is written ends as a name does, so that a bracket behind it is about that name. */
static bool after_name(const struct rewriter *r)
{
    return is_word(before(r)) || is_one_of(before(r), ">}])'") || r->after_operator == r->len;
}

/* `operator<<`, `operator new[]`, `operator std::string`, with what belongs to it. */
static bool take_operator(struct rewriter *r)
{
    const struct str word = STR("operator");
    if (!at_word(r, word))
        return false;
    copy(r, word.len);
    struct str s = trim(rest(r));
    size_t gap = (size_t)(s.ptr - rest(r).ptr), n = operator_symbol(s);
    if (str_starts(s, STR("\"\" "))) /* operator"" _km */
        n = 3;
    if (n > 0) {
        r->pos += gap;
        copy(r, n);
        r->after_operator = r->len;
        s = trim(rest(r));
        if (s.len > 0 && s.ptr[0] == '<') /* libiberty writes "operator<< <int>" */
            r->pos = r->in.len - s.len;
        return true;
    }
    /* new, delete, co_await, or a type, up to its parameters; spaces here end no return type. */
    while (r->pos < r->in.len && (is_word(*rest(r).ptr) || is_one_of(*rest(r).ptr, " :*&[]")))
        copy(r, 1);
    return true;
}

/* Names that stand in angle brackets also behind "::". */
static bool is_angle_name(struct str s)
{
    static const struct str names[] = {
        STR_INIT("<impl "),     STR_INIT("<lambda"),  STR_INIT("<unnamed"),
        STR_INIT("<anonymous"), STR_INIT("<init>"),   STR_INIT("<clinit>"),
        STR_INIT("<module>"),   STR_INIT("<locals>"), STR_INIT("<dyn "),
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_starts(s, names[i]))
            return true;
    return false;
}

static bool take_angle(struct rewriter *r)
{
    struct str s = rest(r);
    bool scoped = r->len >= 2 && r->out[r->len - 1] == ':' && r->out[r->len - 2] == ':';
    bool name = r->len == 0 || !after_name(r);
    if (scoped)
        name = is_angle_name(s);
    if (name && str_starts(s, STR("<lambda"))) {
        size_t n = group_len(r, '<', '>');
        put(r, n ? STR("{lambda}") : STR("<"));
        r->pos += n ? n : 1;
        return true;
    }
    if (name && !r->unmatched) {
        r->kept++;
        copy(r, 1);
        return true;
    }
    size_t n = group_len(r, '<', '>');
    if (n == 0)
        return false;
    if (scoped)
        r->len -= 2; /* Rust's foo::<T> */
    r->pos += n;
    r->dropped = true;
    return true;
}

static void skip_qualifiers(struct rewriter *r)
{
    static const struct str words[] = { STR_INIT("const"),    STR_INIT("volatile"),
                                        STR_INIT("restrict"), STR_INIT("noexcept"),
                                        STR_INIT("&&"),       STR_INIT("&") };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct str s = trim(rest(r));
        if (str_starts(s, words[i])) {
            r->pos = r->in.len - s.len + words[i].len;
            i = SIZE_MAX;
        }
    }
}

/* Behind a name: parameters. What comes behind them is the rest of the name only after "::". */
static bool take_parens(struct rewriter *r)
{
    struct str s = rest(r);
    if (str_starts(s, STR("(anonymous ")) || str_starts(s, STR("(anonymous)"))) {
        size_t n = group_len(r, '(', ')');
        put(r, n ? STR("{anonymous}") : STR("("));
        r->pos += n ? n : 1;
        return true;
    }
    bool of_type = ends((struct str){ r->out, r->len }, STR("decltype"));
    bool parameters = r->len > 0 && (after_name(r) || before(r) == ' ');
    size_t n = parameters ? group_len(r, '(', ')') : 0;
    if (n == 0)
        return false;
    bool spaced = before(r) == ' ';
    r->pos += n;
    if (of_type || spaced || r->kept > 0)
        return true;
    r->dropped = true;
    skip_qualifiers(r);
    if (!str_starts(rest(r), STR("::")) && !str_starts(rest(r), STR(".")))
        r->pos = r->in.len;
    return true;
}

/* {lambda(int)#1}, {{closure}}, {closure#2}: one pair of braces, and no number. */
static bool take_braces(struct rewriter *r)
{
    size_t n = group_len(r, '{', '}');
    if (n == 0)
        return false;
    struct str s = upto(rest(r), n);
    while (s.len >= 2 && s.ptr[0] == '{' && s.ptr[s.len - 1] == '}')
        s = (struct str){ s.ptr + 1, s.len - 2 };
    size_t word = 0;
    while (word < s.len && !is_one_of(s.ptr[word], "(#"))
        word++;
    put(r, STR("{"));
    put(r, upto(s, word));
    put(r, STR("}"));
    r->pos += n;
    return true;
}

/* Visual C++'s `anonymous namespace' and the numbers of its scopes, `2'; LLVM's 'lambda0'. */
static bool take_quotes(struct rewriter *r)
{
    struct str s = rest(r);
    const char *end = memchr(s.ptr + 1, '\'', s.len - 1);
    if (!end)
        return false;
    struct str word = { s.ptr + 1, (size_t)(end - s.ptr) - 1 };
    size_t n = word.len + 2;
    if (str_starts(word, STR("anonymous"))) {
        put(r, STR("{anonymous}"));
    } else if (str_starts(word, STR("lambda"))) {
        put(r, STR("{lambda}"));
    } else if (str_starts(word, STR("unnamed"))) {
        put(r, STR("{unnamed}"));
    } else if (word.len > 0 && count_digits(word) == word.len) {
        n += str_starts(from(s, n), STR("::")) ? 2 : 0;
    } else {
        return false;
    }
    r->pos += n;
    return true;
}

/* Numbers that compilers and virtual machines give: clang's lambda $_0, Java's proxies. */
static bool take_generated(struct rewriter *r)
{
    static const struct str words[] = {
        STR_INIT("$$Lambda"),
        STR_INIT("$Proxy"),
        STR_INIT("GeneratedMethodAccessor"),
        STR_INIT("GeneratedConstructorAccessor"),
        STR_INIT("_block_invoke_"),
    };
    struct str s = rest(r);
    if (str_starts(s, STR("$_")) && count_digits(from(s, 2)) > 0 && !is_word(before(r))) {
        put(r, STR("{lambda}"));
        r->pos += 2 + count_digits(from(s, 2));
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!str_starts(s, words[i]))
            continue;
        copy(r, words[i].len);
        if (i == 0 && r->pos < r->in.len && *rest(r).ptr == '$')
            r->pos++;
        r->pos += count_digits(rest(r));
        if (i == 0 && r->pos < r->in.len && *rest(r).ptr == '/')
            r->pos += 1 + count_hex(from(rest(r), 1));
        return true;
    }
    return false;
}

static bool take_bracket(struct rewriter *r)
{
    bool abi = str_starts(rest(r), STR("[abi:"));
    bool arguments = r->kept == 0 && is_word(before(r)); /* Go's Map[int] */
    size_t n = abi || arguments ? group_len(r, '[', ']') : 0;
    r->pos += n;
    return n > 0;
}

/* D's foo!(int) and foo!int, which only demangling gives. */
static bool take_instance(struct rewriter *r)
{
    struct str s = rest(r);
    if (!is_word(before(r)) || s.len < 2)
        return false;
    size_t n = 1;
    if (s.ptr[1] == '(') {
        r->pos++;
        n = group_len(r, '(', ')');
        r->pos--;
        n += n > 0;
    } else {
        while (n < s.len && is_word(s.ptr[n]))
            n++;
    }
    r->pos += n;
    return n > 1;
}

static bool take(struct rewriter *r)
{
    struct str s = rest(r);
    switch (s.ptr[0]) {
    case 'o':
        return take_operator(r);
    case '<':
        return take_angle(r);
    case '(':
        return take_parens(r);
    case '{':
        return take_braces(r);
    case '[':
        return take_bracket(r);
    case '`':
    case '\'':
        return take_quotes(r);
    case '!':
        return take_instance(r);
    case '$':
    case 'G':
    case '_':
        return take_generated(r);
    case '0':
        if (is_word(before(r)) || count_hex(s) < 6)
            return false;
        put(r, STR("0x"));
        r->pos += count_hex(s);
        return true;
    case '>':
        if (r->kept > 0 && before(r) != '-')
            r->kept--;
        return false;
    default:
        return false;
    }
}

static void rewrite(struct rewriter *r)
{
    while (r->pos < r->in.len) {
        if (take(r))
            continue;
        bool space = is_space(*rest(r).ptr);
        copy(r, 1);
        if (space && r->kept == 0)
            r->after_space = r->len;
    }
}

/* lambda$main$0 */
static struct str without_lambda_number(struct str s)
{
    size_t n = s.len;
    while (n > 0 && is_digit(s.ptr[n - 1]))
        n--;
    bool ours = n > 1 && n < s.len && s.ptr[n - 1] == '$' && find(s, STR("lambda$"));
    return ours ? upto(s, n - 1) : s;
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_word(s.ptr[i]) || s.ptr[i] == '$')
            return false;
    return true;
}

/* Mangled as libiberty does not know it (Visual C++, Swift), or a name that means all it says
 * (Objective-C). */
static bool is_verbatim(struct str s)
{
    static const struct str prefixes[] = { STR_INIT("$s"), STR_INIT("$S"), STR_INIT("_$s"),
                                           STR_INIT("-["), STR_INIT("+[") };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (str_starts(s, prefixes[i]))
            return true;
    return s.len > 1 && s.ptr[0] == '?' && memchr(s.ptr, '@', s.len);
}

static bool is_any(struct str s, const struct str *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(s, words[i]))
            return true;
    return false;
}

/* What tools write when they do not know the function. */
static bool is_unknown(struct str s)
{
    static const struct str words[] = {
        STR_INIT("?"),         STR_INIT("??"),        STR_INIT("???"),
        STR_INIT("unknown"),   STR_INIT("<unknown>"), STR_INIT("[unknown]"),
        STR_INIT("(unknown)"), STR_INIT("?? ()"),     STR_INIT("<unknown function>"),
        STR_INIT("null"),      STR_INIT("(null)"),    STR_INIT("<no symbol>"),
    };
    return count_hex(s) == s.len || is_any(s, words, sizeof words / sizeof *words);
}

/* JavaScript's and others' words for a function without a name. */
static bool is_anonymous(struct str s)
{
    static const struct str words[] = {
        STR_INIT("anonymous"),   STR_INIT("<anonymous>"),          STR_INIT("{anonymous}()"),
        STR_INIT("(anonymous)"), STR_INIT("(anonymous function)"), STR_INIT("anonymous function"),
    };
    return is_any(s, words, sizeof words / sizeof *words);
}

static bool rewritten(struct str s, struct arena *a, struct str *out)
{
    struct rewriter r = { .in = s, .out = arena_alloc(a, s.len * 3 + REWRITE_EXTRA) };
    if (!r.out)
        return false;
    rewrite(&r);
    struct str text = { r.out, r.len };
    if (r.dropped && r.after_space < r.len)
        text = from(text, r.after_space);
    text = without_lambda_number(trim(text));
    *out = text.len > 0 ? text : s;
    return true;
}

/* Most names of C: nothing to take away, and seen at a glance. */
static bool is_plain_c(struct str s)
{
    return s.len > 0 && s.ptr[0] != '_' && !is_digit(s.ptr[0]) && is_plain(s);
}

bool fingerprint_function(struct str name, struct arena *a, struct str *out)
{
    struct str s = trim(name);
    *out = s;
    if (s.len == 0 || s.len > DEMANGLE_NAME_MAX)
        return true;
    if (!is_plain_c(s)) {
        s = without_offset(without_module(s));
        *out = s;
        if (is_verbatim(s))
            return true;
        s = strip_around(s);
    }
    if (is_unknown(s)) {
        *out = STR("");
        return true;
    }
    if (!demangle(s, a, &s))
        return false;
    s = without_prefixes(s);
    if (is_anonymous(s)) {
        *out = STR("<anonymous>");
        return true;
    }
    *out = s;
    return is_plain(s) || rewritten(s, a, out);
}
