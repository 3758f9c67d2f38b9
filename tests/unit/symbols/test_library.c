/* Which cache is for which module, and what happens to open ones; with caches made in memory. */
#include "symbols/convert_line.h"
#include "symbols/symcache_builder.h"

#include "unit/cmocka_all.h"

#include "library_place.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OPEN_MAX 2
#define ID_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB1"
#define NO_ID "000000000000000000000000000000000"

static int setup(void **state)
{
    *state = place_open(OPEN_MAX);
    return 0;
}

static int teardown(void **state)
{
    place_close(*state);
    return 0;
}

/* --- making them ---------------------------------------------------------------------------- */

/* Writes a cache with one function into a scratch folder, as a helper process would. */
static void write_image(const struct symbol_scratch *scratch, const char *file,
                        const char *function)
{
    struct err e = { 0 };
    struct symcache_builder *b = symcache_builder_new((size_t)64 << 20);
    const struct symcache_about about = { .kind = SYMCACHE_BREAKPAD,
                                          .cpu = CPU_AMD64,
                                          .os = STR("Linux"),
                                          .debug_file = STR("any"),
                                          .debug_id = STR(ID_A) };
    uint32_t name;
    int fd = openat(scratch->fd, file, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_non_null(b);
    assert_true(symcache_add_module(b, &about));
    assert_true(symcache_add_name(b, str_from_c(function), &name));
    assert_true(symcache_add_function(b, 0x1000, 0x100, 0, name));
    assert_true(symcache_write_file(b, fd, &e));
    close(fd);
    symcache_builder_free(b);
}

static void make_image(struct place *p, const char *function, uint8_t hash[32])
{
    struct err e = { 0 };
    struct symbol_scratch scratch;
    struct symbol_image image;
    assert_true(symbol_scratch_make(p->images, &scratch, &e));
    write_image(&scratch, "0", function);
    if (!symbol_images_keep(p->images, &scratch, 0, hash, &image, &e))
        fail_msg("%s", e.msg);
    assert_true(image.symcache && !image.mapcache);
    symbol_image_free(&image);
    symbol_scratch_remove(p->images, &scratch);
}

/* A cache whose only function has the name of the file in the case. */
struct made {
    const char *function; /* NULL: the row ends */
    const char *project, *debug_file, *debug_id, *code_file, *code_id;
    uint32_t parts;
    bool any_name;
};

static void add(struct place *p, const struct made *m, uint64_t object)
{
    struct err e = { 0 };
    struct library_file f = {
        .object = object,
        .project = str_from_c(m->project),
        .any_name = m->any_name,
        .parts = m->parts,
        .debug_file = str_from_c(m->debug_file),
        .debug_id = str_from_c(m->debug_id),
        .code_file = str_from_c(m->code_file),
        .code_id = str_from_c(m->code_id),
    };
    make_image(p, m->function, f.hash);
    assert_true(library_add(p->library, &f, &e));
}

/* The uploads 1 to last. */
static void remove_all(struct place *p, uint64_t last)
{
    for (uint64_t object = 1; object <= last; object++)
        library_remove(p->library, object);
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct str function_of(const struct symcache *c)
{
    struct symcache_frame frame;
    if (!c || symcache_find(c, 0x1010, &frame, 1) != 1)
        return STR("none");
    return frame.function;
}

static struct module_id module(const char *debug_file, const char *debug_id, const char *code_file,
                               const char *code_id)
{
    return (struct module_id){ str_from_c(debug_file), str_from_c(debug_id), str_from_c(code_file),
                               str_from_c(code_id) };
}

/* NULL: nothing is found. */
static void expect(struct place *p, const char *name, const char *project, struct module_id id,
                   const char *names, const char *unwind)
{
    struct library_project ctx = { p->library, str_from_c(project) };
    struct symbol_source source = library_source(&ctx);
    struct symbols_found found;
    bool ok = source.find(source.ctx, &id, &found);
    if (ok != library_has(p->library, ctx.project, &id))
        fail_msg("%s: library_has says otherwise", name);
    if (ok != (names != NULL))
        fail_msg("%s: %s", name, ok ? "found" : "not found");
    if (!ok)
        return;
    if (!str_eq(function_of(found.names), str_from_c(names)) ||
        !str_eq(function_of(found.unwind), str_from_c(unwind ? unwind : "none")))
        fail_msg("%s: names by %.*s, unwinding by %.*s", name, STR_ARG(function_of(found.names)),
                 STR_ARG(function_of(found.unwind)));
    source.release(source.ctx, &found);
    assert_null(found.names);
}

#define FULL (LIBRARY_FUNCTIONS | LIBRARY_LINES | LIBRARY_CFI)

/* --- tests --------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    struct made files[4];
    const char *ask[5]; /* project, debug file, debug id, code file, code id */
    const char *names, *unwind;
} cases[] = {
    { "the same",
      { { "f", "p", "app", ID_A, "app", "aa", FULL, false } },
      { "p", "app", ID_A, "app", "aa" },
      "f",
      "f" },
    { "another project",
      { { "f", "p", "app", ID_A, "app", "aa", FULL, false } },
      { "q", "app", ID_A, "app", "aa" },
      NULL,
      NULL },
    { "another id",
      { { "f", "p", "app", ID_A, "app", "aa", FULL, false } },
      { "p", "app", ID_B, "app", "aa" },
      NULL,
      NULL },
    { "another age",
      { { "f", "p", "app", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2", "", "", FULL, false } },
      { "p", "app", ID_A, "", "" },
      NULL,
      NULL },
    { "another name",
      { { "f", "p", "app", ID_A, "app", "aa", FULL, false } },
      { "p", "other", ID_A, "other", "aa" },
      NULL,
      NULL },
    { "another name of an ELF file",
      { { "f", "p", "app.debug", ID_A, "app.debug", "aa", FULL, true } },
      { "p", "app", ID_A, "app", "aa" },
      "f",
      "f" },
    { "path and case of names, case of ids",
      { { "f", "p", "C:\\build\\App.PDB", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0", "", "", FULL,
          false } },
      { "p", "/mnt/app.pdb", ID_A, "", "" },
      "f",
      "f" },
    { "an id of zeros",
      { { "f", "p", "app", NO_ID, "app", "0000", FULL, false } },
      { "p", "app", NO_ID, "app", "0000" },
      NULL,
      NULL },
    { "zeros with an age",
      { { "f", "p", "app", "000000000000000000000000000000007", "app", "", FULL, false } },
      { "p", "app", "000000000000000000000000000000007", "app", "" },
      NULL,
      NULL },
    { "no debug id: by code id",
      { { "f", "p", "app.pdb", ID_A, "app.exe", "5A1B2C3D1000", FULL, false } },
      { "p", "", "", "app.exe", "5a1b2c3d1000" },
      "f",
      "f" },
    { "no debug id: the code file must be the same",
      { { "f", "p", "app.pdb", ID_A, "app.exe", "5A1B2C3D1000", FULL, false } },
      { "p", "", "", "app.dll", "5a1b2c3d1000" },
      NULL,
      NULL },
    { "a debug id is not looked up as a code id",
      { { "f", "p", "app", "", "app", ID_A, FULL, false } },
      { "p", "app", ID_A, "app", "" },
      NULL,
      NULL },
    { "lines before functions before publics",
      { { "publics", "p", "app", ID_A, "", "", LIBRARY_PUBLICS, false },
        { "lines", "p", "app", ID_A, "", "", LIBRARY_FUNCTIONS | LIBRARY_LINES, false },
        { "functions", "p", "app", ID_A, "", "", LIBRARY_FUNCTIONS, false } },
      { "p", "app", ID_A, "", "" },
      "lines",
      NULL },
    { "names by one, unwinding by another",
      { { "dwarf", "p", "app.debug", ID_A, "", "", LIBRARY_FUNCTIONS | LIBRARY_LINES, true },
        { "stripped", "p", "app", ID_A, "", "", LIBRARY_PUBLICS | LIBRARY_CFI, true } },
      { "p", "app", ID_A, "", "" },
      "dwarf",
      "stripped" },
    { "who has both does both",
      { { "both", "p", "app", ID_A, "", "", FULL, false },
        { "stripped", "p", "app", ID_A, "", "", LIBRARY_PUBLICS | LIBRARY_CFI, false } },
      { "p", "app", ID_A, "", "" },
      "both",
      "both" },
    { "of equals the latest",
      { { "old", "p", "app", ID_A, "", "", FULL, false },
        { "new", "p", "app", ID_A, "", "", FULL, false } },
      { "p", "app", ID_A, "", "" },
      "new",
      "new" },
    { "of equals the one with the name",
      { { "named", "p", "app", ID_A, "", "", FULL, true },
        { "other", "p", "app.debug", ID_A, "", "", FULL, true } },
      { "p", "app", ID_A, "", "" },
      "named",
      "named" },
    { "nothing in it is something",
      { { "f", "p", "app", ID_A, "", "", 0, false } },
      { "p", "app", ID_A, "", "" },
      "f",
      NULL },
};

static void matching(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint64_t k = 0; k < 4 && cases[i].files[k].function; k++)
            add(p, &cases[i].files[k], k + 1);
        const char *const *ask = cases[i].ask;
        expect(p, cases[i].name, ask[0], module(ask[1], ask[2], ask[3], ask[4]), cases[i].names,
               cases[i].unwind);
        remove_all(p, 4);
        assert_int_equal(library_count(p->library), 0);
        expect(p, cases[i].name, ask[0], module(ask[1], ask[2], ask[3], ask[4]), NULL, NULL);
    }
}

static void long_texts(void **state)
{
    struct place *p = *state;
    char id[300], project[1000];
    memset(id, 'A', sizeof id - 1);
    memset(project, 'p', sizeof project - 1);
    id[sizeof id - 1] = project[sizeof project - 1] = '\0';
    const struct made with_id = { "f", "p", "app", id, "app", id, FULL, false };
    const struct made with_project = { "f", project, "app", ID_A, "app", "aa", FULL, false };
    add(p, &with_id, 1);
    add(p, &with_project, 2);
    expect(p, "a long id", "p", module("app", id, "app", id), NULL, NULL);
    expect(p, "a long project", project, module("app", ID_A, "", ""), NULL, NULL);
}

static void removing(void **state)
{
    struct place *p = *state;
    const struct made a = { "a", "p", "app", ID_A, "app", "aa", FULL, false };
    const struct made b = { "b", "p", "app", ID_A, "app", "aa", FULL, false };
    const struct module_id by_debug = module("app", ID_A, "", ""),
                           by_code = module("", "", "app", "AA");
    add(p, &a, 1);
    add(p, &b, 2);
    add(p, &a, 3);
    expect(p, "all", "p", by_debug, "a", "a");
    assert_int_equal(library_count(p->library), 2);
    library_remove(p->library, 3);
    expect(p, "without the last", "p", by_debug, "b", "b");
    expect(p, "without the last, by code", "p", by_code, "b", "b");
    library_remove(p->library, 1);
    expect(p, "without the first", "p", by_debug, "b", "b");
    library_remove(p->library, 7);
    add(p, &a, 1);
    expect(p, "converted again, as late as it was", "p", by_code, "b", "b");
    library_remove(p->library, 2);
    library_remove(p->library, 1);
    expect(p, "empty", "p", by_debug, NULL, NULL);
    expect(p, "empty, by code", "p", by_code, NULL, NULL);
}

/* A row as the store has it; no image is made. */
static struct library_file plain_file(uint64_t object, uint32_t content)
{
    struct library_file f = { .object = object,
                              .project = STR("p"),
                              .parts = FULL,
                              .debug_file = STR("app"),
                              .debug_id = STR(ID_A),
                              .code_file = STR("app"),
                              .code_id = STR("aa") };
    memcpy(f.hash, &content, sizeof content);
    return f;
}

static void add_plain(struct place *p, struct library_file f)
{
    struct err e = { 0 };
    assert_true(library_add(p->library, &f, &e));
}

/* One file in many uploads is one file, until the last of them goes; whatever differs is another.
 */
static void duplicates(void **state)
{
    struct place *p = *state;
    const struct module_id id = module("app", ID_A, "", "");
    for (uint64_t object = 1; object <= 1000; object++)
        add_plain(p, plain_file(object, 7));
    add_plain(p, plain_file(5, 7)); /* twice in one upload */
    assert_int_equal(library_count(p->library), 1);
    for (uint64_t object = 1; object < 1000; object++)
        library_remove(p->library, object % 2 ? object : 1000 - object);
    assert_int_equal(library_count(p->library), 1);
    assert_true(library_has(p->library, STR("p"), &id));
    library_remove(p->library, 1000);
    assert_int_equal(library_count(p->library), 0);
    assert_false(library_has(p->library, STR("p"), &id));

    struct library_file others[6];
    for (size_t i = 0; i < 6; i++)
        others[i] = plain_file(1, 7);
    others[0].project = STR("q");
    others[1].any_name = true;
    others[2].debug_file = STR("other");
    others[3].code_id = STR("bb");
    others[4].hash[31] = 1;
    for (size_t i = 0; i < 6; i++)
        add_plain(p, others[i]);
    assert_int_equal(library_count(p->library), 6);
    library_remove(p->library, 1);
    assert_int_equal(library_count(p->library), 0);
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* None of these looks at all files for each: that would take minutes. */
#define MANY 60000
static void many_of_one_id(void **state)
{
    struct place *p = *state;
    double before = cpu_seconds();
    for (uint32_t i = 0; i < MANY; i++)
        add_plain(p, plain_file(i + 1, i));
    for (uint32_t i = 0; i < MANY / 2; i++) /* the oldest first, as a new version does */
        library_remove(p->library, i + 1);
    assert_int_equal(library_count(p->library), MANY / 2);
    for (uint32_t i = 0; i < MANY / 2; i++)
        add_plain(p, plain_file(i + 1, i));
    remove_all(p, MANY);
    assert_int_equal(library_count(p->library), 0);
    add_plain(p, plain_file(1, 1));
    assert_int_equal(library_count(p->library), 1);
    if (cpu_seconds() - before > 3)
        fail_msg("%.1f s", cpu_seconds() - before);
}

/* Many are used one after the other; few stay open. Those that are lent out stay, too. */
static void few_stay_open(void **state)
{
    struct place *p = *state;
    struct library_project ctx = { p->library, STR("p") };
    struct symbol_source source = library_source(&ctx);
    struct symbols_found found[8];
    char id[8][40], function[8][16];
    size_t open;
    uint64_t bytes;
    for (unsigned i = 0; i < 8; i++) {
        snprintf(id[i], sizeof id[i], "%032X0", i + 1);
        snprintf(function[i], sizeof function[i], "f%u", i);
        const struct made m = { function[i], "p", "app", id[i], "", "", FULL, false };
        add(p, &m, i + 1);
    }
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 8; i++)
            expect(p, id[i], "p", module("app", id[i], "", ""), function[i], function[i]);
        library_measure(p->library, &open, &bytes);
        assert_int_equal(open, 2);
        assert_true(bytes > 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        const struct module_id m = module("app", id[i], "", "");
        assert_true(source.find(source.ctx, &m, &found[i]));
    }
    library_measure(p->library, &open, &bytes);
    assert_int_equal(open, 8);
    remove_all(p, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(str_eq(function_of(found[i].names), str_from_c(function[i])));
        source.release(source.ctx, &found[i]);
    }
    library_measure(p->library, &open, &bytes);
    assert_int_equal(open, 2);
}

static void path_of(const struct place *p, const uint8_t hash[32], char path[200])
{
    char hex[65];
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    snprintf(path, 200, "%s/symbols/%.2s/%s.symcache", p->dir, hex, hex);
}

static void damage(const char *path)
{
    int fd = open(path, O_RDWR);
    struct stat st;
    uint8_t byte;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    close(fd);
}

/* A cache that cannot be used is told of once; another one takes its place; made again, it is used.
 */
static void lost_ones(void **state)
{
    struct place *p = *state;
    const struct made good = { "good", "p", "app", ID_A, "", "", LIBRARY_PUBLICS, false };
    const struct made best = { "best", "p", "app", ID_A, "", "", FULL, false };
    const struct module_id id = module("app", ID_A, "", "");
    uint8_t hash[32];
    char path[200];
    make_image(p, "best", hash);
    path_of(p, hash, path);
    for (int removed = 0; removed < 2; removed++) {
        p->lost = 0;
        add(p, &good, 1);
        add(p, &best, 2);
        if (removed)
            assert_int_equal(unlink(path), 0);
        else
            damage(path);
        expect(p, "lost", "p", id, "good", NULL); /* library_has is asked afterwards */
        assert_int_equal(p->lost, 1);
        assert_true(p->lost_object == 2);
        expect(p, "lost still", "p", id, "good", NULL);
        assert_int_equal(p->lost, 1);
        assert_false(library_has_image(p->library, hash));
        library_remove(p->library, 2);
        add(p, &best, 2);
        assert_true(library_has_image(p->library, hash));
        expect(p, "made again", "p", id, "best", "best");
        assert_int_equal(p->lost, 1);
        /* As after a restart: nothing is known of what was open. */
        struct err e = { 0 };
        struct library_config config = place_config(p, OPEN_MAX);
        library_close(p->library);
        assert_true(library_open(&p->library, &config, p->images, &e));
    }
}

/* --- images --------------------------------------------------------------------------------------
 */

static bool keep(struct place *p, const struct symbol_scratch *scratch, struct err *e)
{
    struct symbol_image image = { .symcache = NULL };
    uint8_t hash[32];
    bool ok = symbol_images_keep(p->images, scratch, 0, hash, &image, e);
    symbol_image_free(&image);
    return ok;
}

static void *ask_once(void *arg)
{
    struct place *p = arg;
    const struct module_id id = module("app", ID_A, "", "");
    struct library_project ctx = { p->library, STR("p") };
    struct symbol_source source = library_source(&ctx);
    struct symbols_found found;
    if (!source.find(source.ctx, &id, &found))
        return NULL;
    bool good = str_eq(function_of(found.names), STR("good"));
    source.release(source.ctx, &found);
    return good ? arg : NULL;
}

/* Those who wait for a cache that turns out to be lost take another, as the one does who opened it.
 * What is opened is a pipe, so that it takes as long as we want. */
static void waiting_for_a_lost_one(void **state)
{
    struct place *p = *state;
    const struct made good = { "good", "p", "app", ID_A, "", "", LIBRARY_PUBLICS, false };
    const struct made best = { "best", "p", "app", ID_A, "", "", FULL, false };
    uint8_t hash[32];
    char path[200];
    pthread_t threads[4];
    make_image(p, "best", hash);
    path_of(p, hash, path);
    add(p, &good, 1);
    add(p, &best, 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_once, p), 0);
    (void)nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL); /* all but one wait */
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < 4; i++) {
        void *done = NULL;
        pthread_join(threads[i], &done);
        assert_ptr_equal(done, p);
    }
    assert_int_equal(p->lost, 1);
    assert_true(p->lost_object == 2);
}

/* Whatever a helper process leaves in its folder. */
static void what_is_no_image(void **state)
{
    struct place *p = *state;
    struct symbol_scratch scratch;
    struct err e = { 0 };
    assert_true(symbol_scratch_make(p->images, &scratch, &e));
    assert_false(keep(p, &scratch, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(mkdirat(scratch.fd, "0", 0700), 0);
    assert_false(keep(p, &scratch, &e));
    assert_int_equal(unlinkat(scratch.fd, "0", AT_REMOVEDIR), 0);
    assert_int_equal(mkfifoat(scratch.fd, "0", 0600), 0);
    assert_false(keep(p, &scratch, &e));
    assert_int_equal(unlinkat(scratch.fd, "0", 0), 0);
    write_image(&scratch, "other", "f");
    assert_int_equal(symlinkat("other", scratch.fd, "0"), 0);
    assert_false(keep(p, &scratch, &e));
    assert_int_equal(unlinkat(scratch.fd, "0", 0), 0);
    int fd = openat(scratch.fd, "0", O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "no cache at all", 15), 15);
    close(fd);
    assert_false(keep(p, &scratch, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(unlinkat(scratch.fd, "0", 0), 0);
    write_image(&scratch, "0", "f");
    assert_true(keep(p, &scratch, &e));
    symbol_scratch_remove(p->images, &scratch);
}

static bool is_in(const void *ctx, const uint8_t hash[32])
{
    return memcmp(ctx, hash, 32) == 0;
}

static void sweeping(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    uint8_t kept[32], gone[32];
    size_t removed;
    struct symbol_scratch left;
    make_image(p, "kept", kept);
    make_image(p, "gone", gone);
    assert_true(symbol_scratch_make(p->images, &left, &e));
    write_image(&left, "3", "left by a server that was killed");
    close(left.fd);
    library_close(p->library);
    p->library = NULL;
    symbol_images_close(p->images);
    assert_true(symbol_images_open(&p->images, p->dir, &e));
    assert_true(symbol_images_sweep(p->images, is_in, kept, &removed, &e));
    assert_int_equal(removed, 1);
    assert_true(symbol_images_has(p->images, kept));
    assert_false(symbol_images_has(p->images, gone));
    assert_true(symbol_scratch_make(p->images, &left, &e)); /* the same number again */
    symbol_scratch_remove(p->images, &left);
}

/* --- threads
 * --------------------------------------------------------------------------------------- */

#define THREADS 6
#define ROUNDS 400
#define MODULES 8

struct asker {
    struct place *place;
    unsigned seed;
    pthread_t thread;
};

static void *ask_often(void *arg)
{
    struct asker *a = arg;
    struct library_project ctx = { a->place->library, STR("p") };
    struct symbol_source source = library_source(&ctx);
    for (int i = 0; i < ROUNDS; i++) {
        char id[40], function[16];
        struct symbols_found found;
        a->seed = a->seed * 1103515245u + 12345u;
        unsigned n = a->seed >> 16 & (MODULES - 1);
        snprintf(id, sizeof id, "%032X0", n + 1);
        snprintf(function, sizeof function, "f%u", n);
        const struct module_id m = module("app", id, "", "");
        if (!source.find(source.ctx, &m, &found))
            continue; /* it is just being replaced */
        if (!str_eq(function_of(found.names), str_from_c(function)))
            abort();
        source.release(source.ctx, &found);
    }
    return NULL;
}

static void from_many_threads(void **state)
{
    struct place *p = *state;
    struct asker askers[THREADS];
    struct made made[MODULES];
    char id[MODULES][40], function[MODULES][16];
    for (unsigned i = 0; i < MODULES; i++) {
        snprintf(id[i], sizeof id[i], "%032X0", i + 1);
        snprintf(function[i], sizeof function[i], "f%u", i);
        made[i] = (struct made){ function[i], "p", "app", id[i], "", "", FULL, false };
        add(p, &made[i], i + 1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){ .place = p, .seed = i };
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_often, &askers[i]), 0);
    }
    for (unsigned round = 0; round < 40; round++) {
        library_remove(p->library, round % MODULES + 1);
        add(p, &made[round % MODULES], round % MODULES + 1);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(askers[i].thread, NULL);
    assert_int_equal(p->lost, 0);
}

/* --- small things
 * ------------------------------------------------------------------------------------ */

static void parts(void **state)
{
    (void)state;
    char text[LIBRARY_PARTS_TEXT_MAX];
    const struct symcache_about all = {
        .functions = 1, .lines = 1, .inlines = 1, .publics = 1, .cfi_rows = 1, .win_rows = 1
    };
    const struct symcache_about none = { .skipped = 3 };
    assert_true(str_eq(library_parts_text(library_parts(&all), text),
                       STR("functions,lines,inlines,publics,cfi,win")));
    assert_int_equal(library_parts_text(library_parts(&none), text).len, 0);
}

static void file_names(void **state)
{
    (void)state;
    assert_true(str_eq(library_file_name(STR("/a/b.so")), STR("b.so")));
    assert_true(str_eq(library_file_name(STR("C:\\x\\y.dll")), STR("y.dll")));
    assert_true(str_eq(library_file_name(STR("plain")), STR("plain")));
    assert_true(str_eq(library_file_name(STR("")), STR("")));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(matching),
        CASE(long_texts),
        CASE(removing),
        CASE(few_stay_open),
        CASE(duplicates),
        CASE(many_of_one_id),
        CASE(waiting_for_a_lost_one),
        CASE(lost_ones),
        CASE(what_is_no_image),
        CASE(sweeping),
        CASE(from_many_threads),
        cmocka_unit_test(parts),
        cmocka_unit_test(file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
