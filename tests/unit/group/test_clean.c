/* From traces to the functions that are compared: tables of traces, the names that they come to,
 * and what became of each frame. */
#include "group/clean.h"

#include "../cmocka_all.h"
#include "dice.h"
#include "frames.h"

#include <stdio.h>
#include <string.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define LEARNT_MAX 4
#define ROUNDS 3

struct memory {
    struct naming naming;
    struct frame_memory places;
    struct cleaned cleaned;
    struct arena *arena;
};

static void memory_init(struct memory *m)
{
    m->cleaned = (struct cleaned){ 0 };
    m->arena = arena_new(ARENA_BYTES);
    assert_non_null(m->arena);
    assert_true(naming_init(&m->naming) && frame_memory_init(&m->places));
}

static void memory_done(struct memory *m)
{
    naming_done(&m->naming);
    frame_memory_done(&m->places);
    cleaned_done(&m->cleaned);
    arena_free(m->arena);
}

/* "name|name|...": those with a '*' were recalled, or stand for a place. */
static void list_names(struct memory *m, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < m->cleaned.names.len; i++) {
        const struct cleaned_name *name = &m->cleaned.names.at[i];
        struct str text = naming_text(&m->naming, name->name);
        n += (size_t)snprintf(out + n, size - n, "%s%.*s%s", i ? "|" : "", STR_ARG(text),
                              name->recalled ? "*" : "");
        assert_true(n < size);
    }
}

/* A letter a frame. */
static void list_fates(const struct memory *m, char *out, size_t size)
{
    static const char letters[] = {
        [CLEAN_COMPARED] = 'c', [CLEAN_NAMED] = 'n',  [CLEAN_UNKNOWN] = '?', [CLEAN_HANDLER] = 'h',
        [CLEAN_ENDS] = 'e',     [CLEAN_STARTS] = 's', [CLEAN_SYSTEM] = 'y',  [CLEAN_REPEATS] = 'r'
    };
    assert_true(m->cleaned.fates.len < size);
    for (size_t i = 0; i < m->cleaned.fates.len; i++) {
        assert_true(m->cleaned.fates.at[i] < COUNT_OF(letters));
        out[i] = letters[m->cleaned.fates.at[i]];
    }
    out[m->cleaned.fates.len] = '\0';
}

/* Goes on, to show all rows that are wrong; main fails then. */
static int wrong_rows;

static void wrong(const char *name, const char *frames, const char *got, const char *want)
{
    print_error("%s: %s gives \"%s\", not \"%s\"\n", name, frames, got, want);
    wrong_rows++;
}

static void check(struct memory *m, const char *name, const char *frames, bool keep_platform,
                  const char *names, const char *fates)
{
    char got[16384];
    struct trace t = frames_parse(frames, "b1", m->arena);
    assert_true(clean_trace(&m->cleaned, &t, 0, &m->naming, &m->places, keep_platform));
    for (size_t i = 0; i < m->cleaned.names.len; i++)
        assert_true(m->cleaned.names.at[i].frame < t.count);
    list_names(m, got, sizeof got);
    if (strcmp(got, names) != 0)
        wrong(name, frames, got, names);
    list_fates(m, got, sizeof got);
    if (strcmp(got, fates) != 0)
        wrong(name, frames, got, fates);
}

static void learn(struct memory *m, const char *frames, const char *build)
{
    struct trace t = frames_parse(frames, build, m->arena);
    assert_true(clean_trace(&m->cleaned, &t, 0, &m->naming, &m->places, false));
    assert_true(clean_learn(&m->cleaned, &t, &m->places));
}

/* What is cleaned without anything learnt. */
static const struct {
    const char *name, *frames, *names, *fates;
} plain[] = {
    { "no frames", "", "", "" },
    { "one", "f", "f", "c" },
    { "all are the program's", "f|g|main_loop", "f|g|main_loop", "ccc" },
    { "names as in fingerprints", "std::map<int, int>::at(int)|f.isra.0|f(int)@@V_1", "f", "ycr" },

    /* The platform. */
    { "how it ended", "raise|abort|__assert_fail|f|g", "f|g", "eeecc" },
    { "how it started", "f|g|main|__libc_start_main|_start", "f|g|main", "cccss" },
    { "a thread's start", "f|worker|start_thread|clone3", "f|worker", "ccss" },
    { "between the program's own", "f|qsort|compare_it|memcpy|g", "f|compare_it|g", "cycyc" },
    { "on top", "__memcpy_avx_unaligned_erms|f|g", "f|g", "ycc" },
    { "by module", "lookup{/usr/lib/libc.so.6}|f{/usr/bin/p}|g", "f|g", "ycc" },
    { "how it ended, with the module", "raise{/usr/lib/libc.so.6}|abort{libc.so.6}|f{p}", "f",
      "eec" },
    { "how it started, with the module", "f{p}|start_thread{libc.so.6}", "f", "cs" },
    { "a common word is the program's", "f|start|terminate", "f|start|terminate", "ccc" },
    { "a common word in a module of the system", "f|start{dyld}", "f", "cy" },
    { "another module", "lookup{libcurl.so.4}|f", "lookup|f", "cc" },
    { "a frame of the system without a name", "?{libc.so.6}+123|f", "f", "yc" },
    { "two, one inlined", "?{libc.so.6}+123^|?{libc.so.6}+123|f", "f", "y?c" },

    /* Signal handlers. */
    { "a handler", "on_crash|log_it|<signal handler called>|f|g", "f|g", "hhhcc" },
    { "a trampoline on top", "__restore_rt|f", "f", "hc" },
    { "what ended it below the handler", "on_crash|__restore_rt|raise|abort|f", "f", "hheec" },
    { "a handler without a name", "?{p}+1|_sigtramp|f", "f", "hhc" },
    { "a trampoline at the end", "f|g|__restore_rt", "f|g", "cce" },
    { "a trampoline too deep", "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|__restore_rt|z",
      "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|z", "ccccccccccccccccccccccccec" },
    { "all below the handler is the platform's", "on_crash|__restore_rt|raise|abort",
      "on_crash|__restore_rt|raise|abort", "cccc" },

    /* Nothing but the platform: then it is compared after all. */
    { "all of it the platform's", "raise|abort|__libc_start_main", "raise|abort|__libc_start_main",
      "ccc" },
    { "by module", "f{libc.so.6}|g{libc.so.6}", "f|g", "cc" },
    { "a place of the system", "?{/lib/libc.so.6}+1b|?{/lib/libc.so.6}+2c",
      "libc.so.6+0x01b*|libc.so.6+0x02c*", "nn" },

    /* Names that are not known. */
    { "nothing is known", "?", "", "?" },
    { "nothing is known of one", "f|?|g", "f|g", "c?c" },
    { "a place stands in", "?{/opt/p/libp.so}+1f|g", "libp.so+0x01f*|g", "nc" },
    { "a place on Windows", "?{C:\\p\\p.dll}+fff", "p.dll+0xfff*", "n" },
    { "a place without a module", "?+12|g", "+0x012*|g", "nc" },
    { "a module without a place", "?{libp.so}|g", "libp.so+0x000*|g", "nc" },
    { "places of several builds", "?{p}+1[b1]|?{p}+2[b2]|?{p}+3[]", "p+0x001*|p+0x002*|p+0x003*",
      "nnn" },

    /* Recursion. */
    { "one function", "f|f|f|f|g", "f|g", "crrrc" },
    { "two in turn", "a|b|a|b|a|b|g", "a|b|g", "ccrrrrc" },
    { "two in turn, cut", "b|a|b|a|b|g", "b|a|b|g", "ccrrcc" },
    { "eight in turn", "a|b|c|d|e|f|g|h|a|b|c|d|e|f|g|h|z", "a|b|c|d|e|f|g|h|z",
      "ccccccccrrrrrrrrc" },
    { "nine in turn", "a|b|c|d|e|f|g|h|i|a|b|c|d|e|f|g|h|i", "a|b|c|d|e|f|g|h|i|a|b|c|d|e|f|g|h|i",
      "cccccccccccccccccc" },
    { "with the platform between", "f|qsort|f|qsort|f|g", "f|g", "cyryrc" },
    { "within one another", "a|a|b|a|a|b|c", "a|b|c", "crcrrrc" },
    { "of places", "?{p}+1|?{p}+1|?{p}+1|g", "p+0x001*|g", "nrrc" },
    { "of equal names of several kinds", "f(int)|f.part.0|f|g", "f|g", "crrc" },
    { "a part of the turn at the end", "a|b|c|a|b|c|a|b|z", "a|b|c|a|b|z", "cccrrrccc" },

    /* Inlined functions. */
    { "inlined", "f{p}+10^|g{p}+10^|h{p}+10|main", "f|g|h|main", "cccc" },
    { "of the platform, inlined", "memcpy{p}+10^|h{p}+10|main", "h|main", "ycc" },
    { "a lost name among them", "?{p}+10^|h{p}+10|main", "h|main", "?cc" },
    { "the outer one lost", "f{p}+10^|?{p}+10|main", "f|main", "c?c" },
    { "equal names at one place", "f{p}+10^|f.cold{p}+10|main", "f|main", "c?c" },
};

static void test_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        struct memory m;
        memory_init(&m);
        check(&m, plain[i].name, plain[i].frames, false, plain[i].names, plain[i].fates);
        memory_done(&m);
    }
}

/* The same table, one after another with one memory: nothing sticks. */
static void test_plain_again(void **state)
{
    (void)state;
    struct memory m;
    memory_init(&m);
    for (size_t i = 2 * COUNT_OF(plain); i-- > 0;) {
        size_t k = i % COUNT_OF(plain);
        check(&m, plain[k].name, plain[k].frames, false, plain[k].names, plain[k].fates);
    }
    memory_done(&m);
}

static void test_keep_platform(void **state)
{
    (void)state;
    struct memory m;
    memory_init(&m);
    check(&m, "kept", "on_crash|__restore_rt|raise|f|qsort{libc.so.6}|main|_start", true,
          "on_crash|__restore_rt|raise|f|qsort|main|_start", "ccccccc");
    check(&m, "folded all the same", "raise|raise|f", true, "raise|f", "crc");
    memory_done(&m);
}

/* What earlier reports of a build tell. Each learnt trace is of build b1, as the asked one, where
 * its frames do not say another. */
static void test_recalled(void **state)
{
    (void)state;
    static const struct {
        const char *name, *learnt[LEARNT_MAX], *frames, *names, *fates;
    } cases[] = {
        { "a lost name", { "f{p}+10|g{p}+20" }, "?{p}+10|g{p}+20", "f*|g", "nc" },
        { "all lost", { "f{p}+10|g{p}+20" }, "?{p}+10|?{p}+20", "f*|g*", "nn" },
        { "at another place", { "f{p}+10" }, "?{p}+11|g", "p+0x011*|g", "nc" },
        { "of another build", { "f{p}+10[b0]" }, "?{p}+10|g", "p+0x010*|g", "nc" },
        { "of another module", { "f{q}+10" }, "?{p}+10|g", "p+0x010*|g", "nc" },
        { "of the same module elsewhere", { "f{/a/p}+10" }, "?{/b/p}+10|g", "f*|g", "nc" },
        { "no module, but a build", { "f+10[b1]" }, "?+10[b1]|g", "f*|g", "nc" },
        { "no build", { "f{p}+10[]" }, "?{p}+10[]|g", "f*|g", "nc" }, /* the report's build */
        { "another name there", { "f{p}+10" }, "h{p}+10|g", "h|g", "cc" },
        { "contradicted", { "f{p}+10", "h{p}+10" }, "?{p}+10|g", "p+0x010*|g", "nc" },
        { "the platform's", { "memcpy{p}+10" }, "?{p}+10|g", "g", "yc" },
        { "how it ended", { "raise{p}+10" }, "?{p}+10|g", "g", "ec" },
        { "a recursion", { "f{p}+10" }, "?{p}+10|f{p}+18|f{p}+18|g", "f*|g", "nrrc" },

        { "inlined away", { "f{p}+10^|h{p}+10" }, "h{p}+10|g", "f*|h|g", "cc" },
        { "two inlined away", { "e{p}+10^|f{p}+10^|h{p}+10" }, "h{p}+10|g", "e*|f*|h|g", "cc" },
        { "the middle one is there",
          { "e{p}+10^|f{p}+10^|h{p}+10" },
          "f{p}+10|g",
          "e*|f|h*|g",
          "cc" },
        { "only the innermost is there",
          { "e{p}+10^|f{p}+10^|h{p}+10" },
          "e{p}+10|g",
          "e|f*|h*|g",
          "cc" },
        { "inlined, and the name is lost", { "f{p}+10^|h{p}+10" }, "?{p}+10|g", "f*|h*|g", "nc" },
        { "one of two is lost", { "f{p}+10^|h{p}+10" }, "?{p}+10^|h{p}+10|g", "f*|h|g", "?cc" },
        { "learnt bit by bit", { "h{p}+10", "f{p}+10^|h{p}+10" }, "h{p}+10", "f*|h", "c" },
        { "and the longer one stays", { "f{p}+10^|h{p}+10", "h{p}+10" }, "h{p}+10", "f*|h", "c" },
        { "the platform's, inlined away", { "memcpy{p}+10^|h{p}+10" }, "h{p}+10|g", "h|g", "cc" },
        { "inlined into the platform's",
          { "f{p}+10^|qsort{p}+10" },
          "qsort{p}+10|g",
          "f*|g",
          "yc" },
        { "contradicted chains",
          { "f{p}+10^|h{p}+10", "e{p}+10^|h{p}+10" },
          "h{p}+10|g",
          "h|g",
          "cc" },
        { "what is lost is not learnt",
          { "?{p}+10^|h{p}+10", "?{p}+10" },
          "?{p}+10|g",
          "p+0x010*|g",
          "nc" },
        { "recalled names repeat", { "a{p}+10^|b{p}+10" }, "b{p}+10|b{p}+10|g", "a*|b|g", "crc" },
        { "above a handler", { "f{p}+10" }, "?{p}+10|__restore_rt|g", "g", "hhc" },
        { "in a module of the system", { "f{libc.so.6}+10" }, "?{libc.so.6}+10|g", "g", "yc" },
        { "learnt from the platform's alone", { "f{libc.so.6}+10" }, "?{libc.so.6}+10", "f*", "n" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct memory m;
        memory_init(&m);
        for (size_t k = 0; k < LEARNT_MAX && cases[i].learnt[k]; k++)
            learn(&m, cases[i].learnt[k], "b1");
        check(&m, cases[i].name, cases[i].frames, false, cases[i].names, cases[i].fates);
        memory_done(&m);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    struct memory m;
    memory_init(&m);
    learn(&m, "f{p}+10", "b1");
    struct trace t = frames_parse("?{p}+10|g", "b1", m.arena);
    assert_true(clean_trace(&m.cleaned, &t, 0, &m.naming, NULL, false));
    char got[256];
    list_names(&m, got, sizeof got);
    assert_string_equal(got, "p+0x010*|g");
    assert_true(clean_trace(&m.cleaned, &t, 1, &m.naming, &m.places, false));
    list_names(&m, got, sizeof got);
    assert_string_equal(got, "p+0x010*|g"); /* another project has a memory of its own */
    memory_done(&m);
}

/* What is noted beside frames makes no difference: not before it is there, nor when it is, nor when
 * what it says was taken back, nor when it is another's. */
static void test_memos(void **state)
{
    (void)state;
    static const char frames[] = "f.part.0{p}|?{p}+10|g{libc.so.6}|?|h|g{libc.so.6}+20|f.part.0{p}";
    static const size_t kinds[] = { 0, 1, 2, 3, 4, 2, 0 };
    struct trace_memo memos[5] = { { 0 } };
    for (unsigned other = 0; other < 2; other++) {
        struct memory m;
        memory_init(&m);
        learn(&m, "k{p}+10", "b1"); /* in project 0 */
        struct naming_mark before = naming_mark(&m.naming);
        size_t owners = m.places.owner_keys.len;
        for (unsigned turn = 0; turn < 8; turn++) {
            struct trace_frame with[COUNT_OF(kinds)];
            struct trace t = frames_parse(frames, "b1", m.arena);
            assert_int_equal(t.count, COUNT_OF(kinds));
            memcpy(with, t.frames, sizeof with);
            for (size_t i = 0; i < t.count; i++)
                with[i].memo = &memos[kinds[i]];
            t.frames = with;
            if (turn == 5) {
                frame_memory_rewind_owners(&m.places, owners);
                naming_rewind(&m.naming, before);
                assert_true(naming_text_number(&m.naming, STR("another")) != NAMING_NONE);
            }
            char got[256];
            assert_true(clean_trace(&m.cleaned, &t, turn / 2 % 2, &m.naming, &m.places, false));
            list_names(&m, got, sizeof got);
            assert_string_equal(got, turn / 2 % 2 ? "f|p+0x010*|h|f" : "f|k*|h|f");
            list_fates(&m, got, sizeof got);
            assert_string_equal(got, "cny?cyc");
        }
        memory_done(&m);
    }
}

/* Cycles of 1 to CLEAN_CYCLE_MAX functions, many turns of them: the first stays. */
static void test_any_recursion(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++)
        for (unsigned cycle = 1; cycle <= CLEAN_CYCLE_MAX; cycle++)
            for (unsigned k = 0; k < 20; k++) {
                char frames[4096], names[256], fates[512];
                size_t n = 0, turns = 2 + dice(&d, 250 / cycle), f = 0;
                struct memory m;
                memory_init(&m);
                for (size_t i = 0; i < turns * cycle; i++) {
                    n += (size_t)snprintf(frames + n, sizeof frames - n, "f%zu|", i % cycle);
                    fates[f++] = i < cycle ? 'c' : 'r';
                }
                snprintf(frames + n, sizeof frames - n, "z");
                fates[f++] = 'c';
                fates[f] = '\0';
                n = 0;
                for (size_t i = 0; i < cycle; i++)
                    n += (size_t)snprintf(names + n, sizeof names - n, "f%zu|", i);
                snprintf(names + n, sizeof names - n, "z");
                check(&m, "cycle", frames, false, names, fates);
                memory_done(&m);
            }
}

/* No more names than CLEAN_NAMES_MAX; of a recursion, each turn does not count. */
static void test_names_max(void **state)
{
    (void)state;
    char frames[4096];
    size_t n = 0;
    struct memory m;
    memory_init(&m);
    for (unsigned i = 0; i < 100; i++)
        n += (size_t)snprintf(frames + n, sizeof frames - n, "r|");
    for (unsigned i = 0; i < 100; i++)
        n += (size_t)snprintf(frames + n, sizeof frames - n, "f%u|", i);
    struct trace t = frames_parse(frames, "b1", m.arena);
    assert_int_equal(t.count, 200);
    assert_true(clean_trace(&m.cleaned, &t, 0, &m.naming, &m.places, false));
    assert_int_equal(m.cleaned.names.len, CLEAN_NAMES_MAX);
    assert_true(
        str_eq(naming_text(&m.naming, m.cleaned.names.at[CLEAN_NAMES_MAX - 1].name), STR("f62")));
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(m.cleaned.fates.at[i],
                         i == 0 || (i >= 100 && i < 163) ? CLEAN_COMPARED : CLEAN_REPEATS);
    memory_done(&m);
}

/* A place with more functions than are remembered is not learnt, and no harm is done. */
static void test_long_chain(void **state)
{
    (void)state;
    for (unsigned length = FRAME_CHAIN_MAX; length <= FRAME_CHAIN_MAX + 1; length++) {
        char frames[1024];
        size_t n = 0;
        struct memory m;
        memory_init(&m);
        for (unsigned i = 0; i < length; i++)
            n += (size_t)snprintf(frames + n, sizeof frames - n, "%sf%u{p}+10%s", i ? "|" : "", i,
                                  i + 1 < length ? "^" : "");
        learn(&m, frames, "b1");
        struct trace t = frames_parse("?{p}+10", "b1", m.arena);
        assert_true(clean_trace(&m.cleaned, &t, 0, &m.naming, &m.places, false));
        assert_int_equal(m.cleaned.names.len, length <= FRAME_CHAIN_MAX ? length : 1);
        memory_done(&m);
    }
}

/* Any frames: what comes out keeps what the header says. */
static void test_random(void **state)
{
    (void)state;
    static const char *const pool[] = {
        "f", "g",    "h",      "i",        "raise", "malloc", "__restore_rt",
        "?", "main", "_start", "f.part.0", "qsort"
    };
    static const char *const modules[] = { "", "", "{p}", "{libp.so}", "{libc.so.6}" };
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct memory m;
        memory_init(&m);
        for (unsigned k = 0; k < 2000; k++) {
            char frames[8192] = "";
            size_t n = 0, count = dice_percent(&d, 5) ? 200 : dice(&d, 20);
            for (size_t i = 0; i < count; i++) {
                bool placed = dice_percent(&d, 60);
                n += (size_t)snprintf(frames + n, sizeof frames - n, "%s%s%s", i ? "|" : "",
                                      pool[dice(&d, COUNT_OF(pool))],
                                      modules[dice(&d, COUNT_OF(modules))]);
                if (placed)
                    n += (size_t)snprintf(frames + n, sizeof frames - n, "+%x%s", dice(&d, 30),
                                          dice_percent(&d, 20) ? "^" : "");
            }
            arena_reset(m.arena);
            struct trace t = frames_parse(frames, "b1", m.arena);
            bool keep = dice_percent(&d, 10);
            assert_true(clean_trace(&m.cleaned, &t, 0, &m.naming, &m.places, keep));
            assert_int_equal(m.cleaned.fates.len, t.count);
            assert_true(m.cleaned.names.len <= CLEAN_NAMES_MAX);
            for (size_t i = 0; i < m.cleaned.names.len; i++) {
                const struct cleaned_name *name = &m.cleaned.names.at[i];
                assert_true(name->frame < t.count);
                assert_true(i == 0 || name->name != name[-1].name);
            }
            for (size_t i = 0; i < t.count; i++)
                assert_true(!keep || m.cleaned.fates.at[i] <= CLEAN_UNKNOWN ||
                            m.cleaned.fates.at[i] == CLEAN_REPEATS);
            if (dice_percent(&d, 50))
                assert_true(clean_learn(&m.cleaned, &t, &m.places));
        }
        memory_done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),          cmocka_unit_test(test_plain_again),
        cmocka_unit_test(test_keep_platform),  cmocka_unit_test(test_recalled),
        cmocka_unit_test(test_without_memory), cmocka_unit_test(test_any_recursion),
        cmocka_unit_test(test_names_max),      cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_random),         cmocka_unit_test(test_memos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) + wrong_rows > 0;
}
