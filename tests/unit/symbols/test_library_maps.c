/* Which source map is for which script, and which comes last: by a table, and against a model that
 * looks at all that was added. */
#include "sourcemap/sourcemap.h"

#include "unit/cmocka_all.h"

#include "library_place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IMAGES 8
#define ID_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define DASHED_A "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"

static uint8_t hashes[IMAGES][SYMBOL_IMAGE_HASH_BYTES]; /* of maps called "0", "1" ... */

static void make_image(struct place *p, unsigned number)
{
    static const char map[] = "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"AAAA\"}";
    struct err e = { 0 };
    char name[16];
    struct symbol_scratch scratch;
    struct symbol_image image;
    struct buf out;
    struct arena *a = arena_new((size_t)1 << 20);
    snprintf(name, sizeof name, "%u", number);
    const struct sourcemap_from from = { .name = str_from_c(name) };
    buf_init(&out, 1 << 20);
    assert_true(sourcemap_convert((struct bytes){ (const uint8_t *)map, sizeof map - 1 }, &from, a,
                                  &out, &e));
    assert_true(symbol_scratch_make(p->images, &scratch, &e));
    int fd = openat(scratch.fd, "0", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, out.ptr, out.len), out.len);
    close(fd);
    assert_true(symbol_images_keep(p->images, &scratch, 0, hashes[number], &image, &e));
    assert_true(image.mapcache && !image.symcache);
    symbol_image_free(&image);
    symbol_scratch_remove(p->images, &scratch);
    buf_done(&out);
    arena_free(a);
}

static int setup(void **state)
{
    struct place *p = place_open(3);
    for (unsigned i = 0; i < IMAGES; i++)
        make_image(p, i);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place_close(*state);
    return 0;
}

/* --- adding and asking ------------------------------------------------------------------------ */

struct made {
    const char *project, *name, *debug_id, *uuid; /* project NULL: the row ends */
};

static void add(struct place *p, const struct made *m, unsigned image, uint64_t object)
{
    struct err e = { 0 };
    struct library_file f = {
        .object = object,
        .project = str_from_c(m->project),
        .is_map = true,
        .parts = LIBRARY_MAPPINGS,
        .debug_file = str_from_c(m->name),
        .debug_id = str_from_c(m->debug_id),
        .code_file = STR(""),
        .code_id = str_from_c(m->uuid),
    };
    memcpy(f.hash, hashes[image], sizeof f.hash);
    assert_true(library_add(p->library, &f, &e));
}

static struct script_id script(const char *name, const char *debug_id, const char *uuid)
{
    return (struct script_id){ str_from_c(debug_id), str_from_c(uuid), str_from_c(name) };
}

/* The number of the image that is found; -1: none. */
static int find(struct place *p, const char *project, struct script_id id)
{
    struct library_project ctx = { p->library, str_from_c(project) };
    struct symbol_source source = library_source(&ctx);
    struct mapcache_about about;
    struct map_found found;
    bool ok = source.find_map(source.ctx, &id, &found);
    assert_int_equal(ok, library_has_map(p->library, ctx.project, &id));
    if (!ok)
        return -1;
    mapcache_about(found.map, &about);
    assert_int_equal(about.name.len, 1);
    int number = about.name.ptr[0] - '0';
    source.release_map(source.ctx, &found);
    assert_null(found.map);
    return number;
}

/* --- the table ---------------------------------------------------------------------------------
 */

static const struct {
    const char *what;
    struct made maps[4]; /* image and upload are their place */
    const char *project, *name, *debug_id, *uuid;
    int want;
} cases[] = {
    { "by debug id", { { "p", "a.js", ID_A, "" } }, "p", "", ID_A, "", 0 },
    { "whatever its spelling", { { "p", "a.js", ID_A, "" } }, "p", "x.js", DASHED_A, "", 0 },
    { "by uuid", { { "p", "a.js", "", ID_A } }, "p", "x.js", "", DASHED_A, 0 },
    { "by name", { { "p", "a.js", ID_A, ID_B } }, "p", "a.js", "", "", 0 },
    { "a name in another case", { { "p", "a.js", "", "" } }, "p", "A.js", "", "", -1 },
    { "another project", { { "p", "a.js", ID_A, "" } }, "q", "a.js", ID_A, "", -1 },
    { "a debug id is no uuid", { { "p", "a.js", ID_A, "" } }, "p", "a.js", "", ID_A, -1 },
    { "the first id decides", { { "p", "a.js", ID_A, ID_B } }, "p", "a.js", ID_B, ID_B, -1 },
    { "the second, without the first", { { "p", "a.js", ID_A, ID_B } }, "p", "", "", ID_B, 0 },
    { "nothing is given", { { "p", "a.js", ID_A, ID_B } }, "p", "", "", "", -1 },
    { "a map without ids, by an id", { { "p", "a.js", "", "" } }, "p", "a.js", ID_A, "", -1 },
    { "the latest of a name",
      { { "p", "a.js", ID_A, "" }, { "p", "a.js", ID_B, "" }, { "p", "b.js", ID_B, "" } },
      "p",
      "a.js",
      "",
      "",
      1 },
    { "the latest of an id",
      { { "p", "a.js", ID_A, "" }, { "p", "b.js", ID_A, "" } },
      "p",
      "a.js",
      ID_A,
      "",
      1 },
};

static void matching(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned k = 0; k < 4 && cases[i].maps[k].project; k++)
            add(p, &cases[i].maps[k], k, k + 1);
        int got =
            find(p, cases[i].project, script(cases[i].name, cases[i].debug_id, cases[i].uuid));
        if (got != cases[i].want)
            fail_msg("%s: %d", cases[i].what, got);
        for (uint64_t object = 1; object <= 4; object++)
            library_remove(p->library, object);
        assert_int_equal(library_count(p->library), 0);
    }
}

/* Symbols and maps of the same ids and names are not in each other's way. */
static void beside_symbols(void **state)
{
    struct place *p = *state;
    const struct made m = { "p", "app", ID_A, ID_B };
    const struct module_id by_debug = { STR("app"), STR(ID_A), STR("app"), STR(ID_B) };
    const struct module_id by_code = { STR(""), STR(""), STR("app"), STR(ID_B) };
    struct library_project ctx = { p->library, STR("p") };
    struct symbol_source source = library_source(&ctx);
    struct symbols_found found;
    struct err e = { 0 };
    add(p, &m, 0, 1);
    assert_false(source.find(source.ctx, &by_debug, &found));
    assert_false(source.find(source.ctx, &by_code, &found));
    /* A row that calls a map's image symbols, in a store that is damaged. */
    struct library_file wrong = { .object = 2,
                                  .project = STR("p"),
                                  .debug_file = STR("app"),
                                  .debug_id = STR(ID_A),
                                  .code_file = STR(""),
                                  .code_id = STR("") };
    memcpy(wrong.hash, hashes[1], sizeof wrong.hash);
    assert_true(library_add(p->library, &wrong, &e));
    assert_false(source.find(source.ctx, &by_debug, &found));
    assert_int_equal(find(p, "p", script("app", "", "")), 0);
    assert_int_equal(p->lost, 0);
}

static void image_path(const struct place *p, unsigned number, char path[256])
{
    const uint8_t *hash = hashes[number];
    size_t used = (size_t)snprintf(path, 256, "%s/symbols/%02x/", p->dir, hash[0]);
    for (size_t i = 0; i < SYMBOL_IMAGE_HASH_BYTES; i++)
        used += (size_t)snprintf(path + used, 256 - used, "%02x", hash[i]);
    snprintf(path + used, 256 - used, ".symcache");
}

static void lost_ones(void **state)
{
    struct place *p = *state;
    const struct made m = { "p", "a.js", "", "" };
    char path[256];
    image_path(p, 1, path);
    add(p, &m, 0, 1);
    add(p, &m, 1, 2);
    assert_int_equal(unlink(path), 0);
    const struct script_id id = script("a.js", "", "");
    assert_true(library_has_map(p->library, STR("p"), &id));
    struct library_project ctx = { p->library, STR("p") };
    struct symbol_source source = library_source(&ctx);
    struct map_found found;
    assert_true(source.find_map(source.ctx, &id, &found)); /* the one before */
    source.release_map(source.ctx, &found);
    assert_int_equal(p->lost, 1);
    assert_int_equal(find(p, "p", id), 0);
    assert_int_equal(p->lost, 1);
}

/* Two files of one cache in one heap, among others: all of its places change at once. */
static void lost_and_made_again(void **state)
{
    struct place *p = *state;
    char path[256];
    const struct made other = { "p", "a.js", "", "" };
    const struct made twice[] = { { "p", "a.js", "", ID_A }, { "p", "a.js", "", ID_B } };
    const struct script_id id = script("a.js", "", "");
    image_path(p, 1, path);
    add(p, &other, 0, 1);
    add(p, &other, 2, 2);
    add(p, &other, 3, 3);
    add(p, &twice[0], 1, 4);
    add(p, &twice[1], 1, 5);
    assert_int_equal(unlink(path), 0);
    struct library_project ctx = { p->library, STR("p") };
    struct symbol_source source = library_source(&ctx);
    struct map_found found;
    assert_true(source.find_map(source.ctx, &id, &found));
    source.release_map(source.ctx, &found);
    assert_int_equal(find(p, "p", id), 3);
    library_remove(p->library, 3);
    assert_int_equal(find(p, "p", id), 2);
    make_image(p, 1);
    library_remove(p->library, 4);
    add(p, &twice[0], 1, 4);
    assert_int_equal(find(p, "p", id), 1);
    library_remove(p->library, 5);
    assert_int_equal(find(p, "p", id), 1);
    library_remove(p->library, 4);
    assert_int_equal(find(p, "p", id), 2);
}

#define MANY 60000

/* Adds an upload of as many maps as there may be, or more, each with a cache of its own. */
static void add_many(struct place *p, uint64_t object, bool same)
{
    struct err e = { 0 };
    struct library_file f = { .object = object,
                              .project = STR("p"),
                              .is_map = true,
                              .debug_file = STR("a.js"),
                              .debug_id = STR(ID_A),
                              .code_file = STR(""),
                              .code_id = STR("") };
    for (uint32_t i = 0; i < MANY; i++) {
        memcpy(f.hash, &i, same ? 0 : sizeof i);
        assert_true(library_add(p->library, &f, &e));
    }
}

/* Uploads of thousands of maps of one script come, are made again and go while others wait. */
static void thousands_of_a_name(void **state)
{
    struct place *p = *state;
    clock_t begin = clock();
    for (int same = 0; same < 2; same++) {
        add_many(p, 1, same);
        add_many(p, 2, same);
        for (uint64_t object = 1; object <= 2; object++) {
            library_remove(p->library, object);
            add_many(p, object, same);
        }
        assert_int_equal(library_count(p->library), same ? 1 : MANY);
        library_remove(p->library, 2);
        library_remove(p->library, 1);
        assert_int_equal(library_count(p->library), 0);
    }
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (seconds > 5) /* it is a fraction of one; with a walk for each it was minutes */
        fail_msg("it took %.1f seconds", seconds);
}

/* --- the model ---------------------------------------------------------------------------------
 */

#define ROUNDS 20000
#define OBJECTS 12
#define USES_MAX 64

static const char *const names[] = { "a.js", "b.js", "" };
static const char *const ids[] = { ID_A, ID_B, "" };

struct use {
    struct made m;
    unsigned image;
    uint64_t object;
};
struct model {
    struct use uses[USES_MAX]; /* the latest last */
    size_t count;
};

/* Behind those of its upload and of uploads before. */
static void model_add(struct model *m, struct use u)
{
    size_t at = m->count++;
    for (; at > 0 && m->uses[at - 1].object > u.object; at--)
        m->uses[at] = m->uses[at - 1];
    m->uses[at] = u;
}

static int model_find(const struct model *m, struct script_id id)
{
    int of_id = -1; /* the latest with the uuid, whatever its name */
    for (size_t i = m->count; i > 0; i--) {
        const struct made *is = &m->uses[i - 1].m;
        bool named = id.name.len > 0 && str_eq(id.name, str_from_c(is->name));
        bool by_uuid = id.debug_id.len == 0 && id.uuid.len > 0;
        bool found = id.debug_id.len > 0 ? str_eq(id.debug_id, str_from_c(is->debug_id))
                     : by_uuid           ? str_eq(id.uuid, str_from_c(is->uuid))
                                         : named;
        if (found && (!by_uuid || named))
            return (int)m->uses[i - 1].image;
        if (found && of_id < 0)
            of_id = (int)m->uses[i - 1].image;
    }
    return of_id;
}

static void model_remove(struct model *m, uint64_t object)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->uses[i].object != object)
            m->uses[kept++] = m->uses[i];
    m->count = kept;
}

static void as_the_model_says(void **state)
{
    struct place *p = *state;
    struct model model = { .count = 0 };
    srand(7);
    for (int round = 0; round < ROUNDS; round++) {
        const struct made m = { "p", names[rand() % 3], ids[rand() % 3], ids[rand() % 3] };
        const struct use u = { m, (unsigned)rand() % IMAGES, 1 + (uint64_t)(rand() % OBJECTS) };
        if (rand() % 4 == 0 || model.count == USES_MAX) {
            library_remove(p->library, u.object);
            model_remove(&model, u.object);
        } else {
            add(p, &m, u.image, u.object);
            model_add(&model, u);
        }
        const struct script_id id = script(names[rand() % 3], ids[rand() % 3], ids[rand() % 3]);
        int got = find(p, "p", id), want = model_find(&model, id);
        if (got != want)
            fail_msg("round %d: %d, not %d", round, got, want);
    }
    assert_int_equal(p->lost, 0);
}

/* --- names -------------------------------------------------------------------------------------
 */

static void script_names(void **state)
{
    (void)state;
    static const struct {
        const char *script, *name, *want;
    } rows[] = {
        { "app.js", "x.map", "app.js" },
        { "", "app.js.map", "app.js" },
        { "", "app.js", "app.js" },
        { "", "/dist/app.js.map", "app.js" },
        { "", DASHED_A "-app.js.map", "app.js" },
        { "", ID_A "-app.js.map", "app.js" },
        { "", ID_A "app.js.map", ID_A "app.js" },
        { "", "aaaa-app.js.map", "aaaa-app.js" },
        { "", "-app.js.map", "-app.js" },
        { "", ".map", ".map" },
        { "", "", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct mapcache_about about = { .script = str_from_c(rows[i].script),
                                              .name = str_from_c(rows[i].name) };
        struct str got = library_script_name(&about);
        if (!str_eq(got, str_from_c(rows[i].want)))
            fail_msg("%s: %.*s", rows[i].name, STR_ARG(got));
    }
    char text[LIBRARY_PARTS_TEXT_MAX];
    const struct mapcache_about all = {
        .mappings = 1, .sources = 1, .contents = 1, .names = 1, .functions = 1
    };
    assert_true(str_eq(library_parts_text(library_map_parts(&all), text),
                       STR("functions,mappings,names,texts")));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(matching),
        CASE(beside_symbols),
        CASE(lost_ones),
        CASE(lost_and_made_again),
        CASE(thousands_of_a_name),
        CASE(as_the_model_says),
        cmocka_unit_test(script_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
