/* trace.c - see the header. Each member of a report, and of each frame, is looked at once and held
 * against a table of names that senders use.
 *
 * How a program died is told in many ways; trace_death.c brings them into one spelling. */
#include "report/trace.h"

#include "report/fingerprint.h"
#include "report/internal.h"
#include "report/trace_death.h"

/* --- frames: what their members say -------------------------------------------------------- */

enum frame_fact {
    FRAME_FUNCTION,
    FRAME_MODULE,
    FRAME_ADDRESS,
    FRAME_OFFSET,
    FRAME_BUILD,
    FRAME_FACTS
};

/* Of two that say the same, the one that stands first here counts. */
static const struct {
    struct str key;
    enum frame_fact fact;
} frame_keys[] = {
    { STR_INIT("function"), FRAME_FUNCTION },
    { STR_INIT("module"), FRAME_MODULE },  /* what the decoders write */
    { STR_INIT("dylib"), FRAME_MODULE },   /* PartyCrasher */
    { STR_INIT("library"), FRAME_MODULE }, /* Backtrace */
    { STR_INIT("object"), FRAME_MODULE },
    { STR_INIT("image"), FRAME_MODULE },   /* Apple */
    { STR_INIT("package"), FRAME_MODULE }, /* Sentry */
    { STR_INIT("address"), FRAME_ADDRESS },
    { STR_INIT("instruction_addr"), FRAME_ADDRESS }, /* Sentry */
    { STR_INIT("pc"), FRAME_ADDRESS },               /* Android */
    { STR_INIT("offset"), FRAME_OFFSET },
    { STR_INIT("module_offset"), FRAME_OFFSET }, /* Breakpad's stack walkers */
    { STR_INIT("debug_id"), FRAME_BUILD },
    { STR_INIT("debug_identifier"), FRAME_BUILD }, /* Backtrace */
    { STR_INIT("build_id"), FRAME_BUILD },         /* ELF */
};
#define FRAME_KEYS (sizeof frame_keys / sizeof *frame_keys)

/* Where a frame stands; 0: not known. */
struct place {
    uint64_t at;
    bool is_offset; /* in its module; else an address of the process */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20; /* lower case */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t count_digits(struct str s)
{
    size_t n = 0;
    while (n < s.len && is_digit(s.ptr[n]))
        n++;
    return n;
}

static bool read_digits(struct str s, unsigned base, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int digit = hex_value(s.ptr[i]);
        if (digit < 0 || (unsigned)digit >= base || __builtin_mul_overflow(n, base, &n) ||
            __builtin_add_overflow(n, (unsigned)digit, &n))
            return false;
    }
    *out = n;
    return s.len > 0;
}

/* Decimal; or hex, which 0x in front tells, or a letter, or a 0 in front. 0 when it is neither. */
static uint64_t read_address(struct str s)
{
    uint64_t n = 0;
    bool prefix = s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] | 0x20) == 'x';
    if (prefix)
        s = (struct str){ s.ptr + 2, s.len - 2 };
    bool hex = prefix || count_digits(s) < s.len || (s.len > 1 && s.ptr[0] == '0');
    return read_digits(s, hex ? 16 : 10, &n) ? n : 0;
}

/* Tools have many words for a function that they do not know. Most names are seen to be none of
 * them by their first letter. */
static bool read_function(struct str s, struct arena *a, struct str *out)
{
    struct str known = s;
    bool suspicious = s.len > 0 && (strchr("?<[(0 \t", s.ptr[0]) || str_is_word(s, "unknown") ||
                                    str_is_word(s, "null"));
    if (suspicious && !fingerprint_function(s, a, &known))
        return false;
    *out = known.len > 0 ? s : STR("");
    return true;
}

static size_t find_frame_key(struct str key)
{
    size_t i = 0;
    while (i < FRAME_KEYS && !str_eq(frame_keys[i].key, key))
        i++;
    return i;
}

static bool read_frame(struct trace_frame *f, struct place *place, const struct json *j,
                       struct str build, struct arena *a)
{
    struct str facts[FRAME_FACTS] = { { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 } };
    size_t from[FRAME_FACTS];
    for (size_t i = 0; i < FRAME_FACTS; i++)
        from[i] = FRAME_KEYS;
    for (const struct json *m = j->first; m; m = m->next) {
        size_t key = report_is_scalar(m) ? find_frame_key(m->key) : FRAME_KEYS;
        if (key == FRAME_KEYS || key >= from[frame_keys[key].fact] || report_scalar(m).len == 0)
            continue;
        from[frame_keys[key].fact] = key;
        facts[frame_keys[key].fact] = report_scalar(m);
    }
    place->at = read_address(facts[FRAME_ADDRESS]);
    place->is_offset = place->at == 0;
    if (place->is_offset)
        place->at = read_address(facts[FRAME_OFFSET]);
    *f = (struct trace_frame){
        .module = facts[FRAME_MODULE],
        .build = facts[FRAME_BUILD].len > 0 ? facts[FRAME_BUILD] : build,
        .site = (uint16_t)(place->at & TRACE_SITE_MASK),
        .has_site = place->at > 0,
    };
    return read_function(facts[FRAME_FUNCTION], a, &f->function);
}

/* --- frames: recursion and inlining -------------------------------------------------------- */

/* Frames, and where each stands. */
struct stack {
    struct trace_frame *frames;
    struct place *places;
    size_t count;
};

static bool same_module_function(const struct trace_frame *a, const struct trace_frame *b)
{
    return str_eq(a->function, b->function) && str_eq(a->module, b->module);
}

static bool same_site(const struct trace_frame *a, const struct trace_frame *b)
{
    return a->site == b->site && a->has_site == b->has_site;
}

static bool same_frame(const struct trace_frame *a, const struct trace_frame *b)
{
    return same_site(a, b) && same_module_function(a, b);
}

static bool is_inlined(const struct stack *s, size_t i)
{
    const struct trace_frame *f = &s->frames[i];
    const struct place *p = &s->places[i];
    if (i + 1 == s->count || p->at == 0 || p->at != p[1].at || p->is_offset != p[1].is_offset)
        return false;
    return !str_eq(f->function, f[1].function) && (!p->is_offset || str_eq(f->module, f[1].module));
}

/* Where the turns of this many functions end that begin at the topmost frame. Their sites may
 * differ: the topmost one is not that of a call, and a function may be called at many. But where
 * functions are not known, the sites are what there is. */
static size_t turns_end(const struct stack *s, size_t turn)
{
    size_t end = turn;
    while (end < s->count && same_module_function(&s->frames[end], &s->frames[end - turn]) &&
           (s->frames[end].function.len > 0 || same_site(&s->frames[end], &s->frames[end - turn])))
        end++;
    return end;
}

/* Functions in a turn, or 0 where the top of the stack is no overflow. */
static size_t overflow_turn(const struct stack *s, size_t *end)
{
    for (size_t turn = 1; turn <= TRACE_CYCLE_MAX; turn++) {
        *end = turns_end(s, turn);
        if (*end / turn >= TRACE_OVERFLOW_TURNS)
            return turn;
    }
    return 0;
}

/* Of turn `a` and turn `b`, which begin at these of the frames, whether `a` sorts first. */
static bool sorts_first(const struct trace_frame *f, const struct str *names, size_t turn, size_t a,
                        size_t b)
{
    int order = 0;
    for (size_t k = 0; k < turn && order == 0; k++) {
        size_t x = (a + k) % turn, y = (b + k) % turn;
        order = str_cmp(names[x], names[y]);
        if (order == 0)
            order = str_cmp(f[x].module, f[y].module);
        if (order == 0)
            order = (int)f[x].site - (int)f[y].site;
    }
    return order < 0;
}

/* Which frame behind the topmost one begins the turn that sorts first; 0: none, as all of a turn is
 * inlined into one function. Each tool spells names in its own way, so they are compared without
 * that. False: no memory. */
static bool find_first(const struct stack *s, size_t turn, struct arena *a, size_t *first)
{
    const struct trace_frame *behind = s->frames + 1;
    struct str names[TRACE_CYCLE_MAX];
    for (size_t i = 0; i < turn; i++)
        if (!fingerprint_function(behind[i].function, a, &names[i]))
            return false;
    *first = 0;
    for (size_t i = 0; i < turn; i++) {
        if (is_inlined(s, i)) /* the frame before; what is inlined stays with its function */
            continue;
        if (*first == 0 || sorts_first(behind, names, turn, i, *first - 1))
            *first = i + 1;
    }
    return true;
}

/* Of an overflow, takes away what chance decides: the frames above the turn that sorts first, and,
 * where nobody is left who called it, those of a turn that was cut short. A function that calls
 * itself is cut alike everywhere. False: no memory. */
static bool cut_overflow(struct stack *s, struct arena *a)
{
    size_t end, first, turn = overflow_turn(s, &end);
    if (turn <= 1)
        return true;
    if (!find_first(s, turn, a, &first))
        return false;
    if (first == 0)
        return true;
    if (end == s->count)
        s->count -= (end - first) % turn;
    s->frames += first;
    s->places += first;
    s->count -= first;
    return true;
}

/* Takes away the last frames when they are another turn of those before them. As this is done after
 * each frame, no two turns that are equal stand one behind the other; each frame is compared with a
 * fixed number of others. */
static void fold(struct stack *s)
{
    for (size_t turn = 1; turn <= TRACE_CYCLE_MAX && 2 * turn <= s->count; turn++) {
        size_t same = 0;
        while (same < turn &&
               same_frame(&s->frames[s->count - 1 - same], &s->frames[s->count - 1 - same - turn]))
            same++;
        if (same == turn) {
            s->count -= turn;
            return;
        }
    }
}

static void fold_all(struct stack *s)
{
    size_t count = s->count;
    s->count = 0;
    for (size_t i = 0; i < count; i++) {
        s->frames[s->count] = s->frames[i];
        s->places[s->count++] = s->places[i];
        fold(s);
    }
}

static bool read_stack(struct trace *out, const struct json *stacktrace, struct arena *a)
{
    struct stack s = { arena_array(a, stacktrace->count, sizeof *s.frames),
                       arena_array(a, stacktrace->count, sizeof *s.places), 0 };
    if (!s.frames || !s.places)
        return false;
    for (const struct json *j = stacktrace->first; j; j = j->next, s.count++) {
        if (!read_frame(&s.frames[s.count], &s.places[s.count], j, out->build, a))
            return false;
        s.frames[s.count].index = (uint32_t)s.count;
    }
    if (!cut_overflow(&s, a))
        return false;
    fold_all(&s);
    out->count = s.count < TRACE_FRAMES_MAX ? s.count : TRACE_FRAMES_MAX;
    for (size_t i = 0; i < out->count; i++)
        s.frames[i].inlined = is_inlined(&s, i);
    out->frames = s.frames;
    return true;
}

/* --- the report's own members -------------------------------------------------------------- */

enum report_fact { REPORT_PACKAGE, REPORT_NAME, REPORT_VERSION, REPORT_DEATH, REPORT_FACTS };

/* Of two that say the same, the one that stands first here counts; of a name in the report and in
 * one of its groups, the one in the report. */
static const struct {
    struct str key;
    enum report_fact fact;
    enum trace_death_kind kind; /* of a death */
} report_keys[] = {
    /* Name and version in one: apport, and so PartyCrasher; ABRT. */
    { STR_INIT("Package"), REPORT_PACKAGE, 0 },
    { STR_INIT("package"), REPORT_PACKAGE, 0 },

    { STR_INIT("application"), REPORT_NAME, 0 }, /* Backtrace */
    { STR_INIT("package_name"), REPORT_NAME, 0 },
    { STR_INIT("PACKAGE_NAME"), REPORT_NAME, 0 },          /* ACRA */
    { STR_INIT("COREDUMP_PACKAGE_NAME"), REPORT_NAME, 0 }, /* systemd-coredump */
    { STR_INIT("ProductName"), REPORT_NAME, 0 },           /* Breakpad at Mozilla */
    { STR_INIT("_productName"), REPORT_NAME, 0 },          /* Electron */
    { STR_INIT("prod"), REPORT_NAME, 0 },                  /* Crashpad */
    { STR_INIT("name"), REPORT_NAME, 0 },

    { STR_INIT("application.version"), REPORT_VERSION, 0 }, /* Backtrace */
    { STR_INIT("package_version"), REPORT_VERSION, 0 },
    { STR_INIT("COREDUMP_PACKAGE_VERSION"), REPORT_VERSION, 0 }, /* systemd-coredump */
    { STR_INIT("BuildID"), REPORT_VERSION, 0 },                  /* Breakpad at Mozilla */
    { STR_INIT("APP_VERSION_NAME"), REPORT_VERSION, 0 },         /* ACRA */
    { STR_INIT("Version"), REPORT_VERSION, 0 },
    { STR_INIT("version"), REPORT_VERSION, 0 },
    { STR_INIT("_version"), REPORT_VERSION, 0 }, /* Electron */
    { STR_INIT("ver"), REPORT_VERSION, 0 },      /* Crashpad */
    { STR_INIT("release"), REPORT_VERSION, 0 },  /* Sentry */

    { STR_INIT("Signal"), REPORT_DEATH, TRACE_DEATH_SIGNAL },     /* apport, PartyCrasher */
    { STR_INIT("SignalName"), REPORT_DEATH, TRACE_DEATH_SIGNAL }, /* apport */
    { STR_INIT("signal"), REPORT_DEATH, TRACE_DEATH_SIGNAL },
    { STR_INIT("signal_name"), REPORT_DEATH, TRACE_DEATH_SIGNAL },
    { STR_INIT("COREDUMP_SIGNAL_NAME"), REPORT_DEATH, TRACE_DEATH_SIGNAL }, /* systemd-coredump */
    { STR_INIT("COREDUMP_SIGNAL"), REPORT_DEATH, TRACE_DEATH_SIGNAL },
    { STR_INIT("crash_reason"), REPORT_DEATH, TRACE_DEATH_REASON }, /* minidumps */
    { STR_INIT("crash.reason"), REPORT_DEATH, TRACE_DEATH_REASON },
    { STR_INIT("CrashReason"), REPORT_DEATH, TRACE_DEATH_REASON },
    { STR_INIT("exception.type"), REPORT_DEATH, TRACE_DEATH_TYPE },
    { STR_INIT("exception_type"), REPORT_DEATH, TRACE_DEATH_TYPE },
    { STR_INIT("ExceptionType"), REPORT_DEATH, TRACE_DEATH_TYPE },
    { STR_INIT("exception.name"), REPORT_DEATH, TRACE_DEATH_TYPE },
    { STR_INIT("exception"), REPORT_DEATH, TRACE_DEATH_TYPE },
    { STR_INIT("exception.code"), REPORT_DEATH, TRACE_DEATH_REASON }, /* Windows */
    { STR_INIT("exception_code"), REPORT_DEATH, TRACE_DEATH_REASON },
    { STR_INIT("ExceptionCode"), REPORT_DEATH, TRACE_DEATH_REASON },
    { STR_INIT("classifiers"), REPORT_DEATH, TRACE_DEATH_TYPE }, /* Backtrace: the error's class */
    { STR_INIT("error.name"), REPORT_DEATH, TRACE_DEATH_TYPE },
    { STR_INIT("errorClass"), REPORT_DEATH, TRACE_DEATH_TYPE }, /* Bugsnag */
    { STR_INIT("error.type"), REPORT_DEATH, TRACE_DEATH_SORT }, /* Backtrace: how it came in */
};
#define REPORT_KEYS (sizeof report_keys / sizeof *report_keys)

struct facts {
    struct str texts[REPORT_FACTS];
    size_t from[REPORT_FACTS]; /* the lower one counts: 2 * its key, + 1 when it is in a group */
    const struct json *stacktrace;
};

static size_t find_report_key(struct str key)
{
    size_t i = 0;
    while (i < REPORT_KEYS && !str_eq(report_keys[i].key, key))
        i++;
    return i;
}

/* Of a list, its first item. */
static bool read_fact(struct facts *f, const struct json *j, size_t key, bool grouped,
                      struct arena *a)
{
    enum report_fact fact = report_keys[key].fact;
    size_t from = 2 * key + grouped;
    if (j->type == JSON_LIST && j->first)
        j = j->first;
    if (from >= f->from[fact] || !report_is_scalar(j))
        return true;
    struct str text = report_scalar(j);
    if (fact == REPORT_DEATH && !trace_death(text, report_keys[key].kind, a, &text))
        return false;
    if (text.len > 0) {
        f->texts[fact] = text;
        f->from[fact] = from;
    }
    return true;
}

/* The groups that a decoder puts attributes in. */
static bool is_group(struct str key)
{
    return str_eq(key, STR("numbers")) || str_eq(key, STR("ids")) || str_eq(key, STR("more"));
}

static bool read_members(struct facts *f, const struct json *object, bool grouped, struct arena *a)
{
    for (const struct json *j = object->first; j; j = j->next) {
        size_t key = find_report_key(j->key);
        if (key < REPORT_KEYS) {
            if (!read_fact(f, j, key, grouped, a))
                return false;
        } else if (!grouped && j->type == JSON_OBJECT && is_group(j->key)) {
            if (!read_members(f, j, true, a))
                return false;
        } else if (!grouped && j->type == JSON_LIST && str_eq(j->key, STR("stacktrace"))) {
            f->stacktrace = j;
        }
    }
    return true;
}

static bool join(struct str name, struct str version, struct arena *a, struct str *out)
{
    char *p = arena_alloc(a, name.len + 1 + version.len);
    if (!p)
        return false;
    memcpy(p, name.ptr, name.len);
    p[name.len] = ' ';
    memcpy(p + name.len + 1, version.ptr, version.len);
    *out = (struct str){ p, name.len + 1 + version.len };
    return true;
}

/* "gedit 43.2-1". A name without a version tells no builds apart; but what is called a package has,
 * as a rule, its version in it. */
static bool make_build(const struct facts *f, struct arena *a, struct str *out)
{
    struct str package = f->texts[REPORT_PACKAGE], version = f->texts[REPORT_VERSION];
    *out = package.len > 0 ? package : version;
    if (version.len == 0 || (package.len > 0 && memchr(package.ptr, ' ', package.len)))
        return true;
    struct str name = package.len > 0 ? package : f->texts[REPORT_NAME];
    return name.len == 0 || join(name, version, a, out);
}

bool trace_collect(struct trace *out, const struct json *report, struct arena *a)
{
    struct facts f = { .stacktrace = NULL };
    for (size_t i = 0; i < REPORT_FACTS; i++) {
        f.texts[i] = STR("");
        f.from[i] = SIZE_MAX;
    }
    struct trace t = { 0 };
    if (!read_members(&f, report, false, a) || !make_build(&f, a, &t.build))
        return false;
    t.death = f.texts[REPORT_DEATH];
    if (f.stacktrace && f.stacktrace->count > 0 && !read_stack(&t, f.stacktrace, a))
        return false;
    *out = t;
    return true;
}
