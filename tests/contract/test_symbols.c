/* Symbol files, and the symbols that reports miss, in any store: what comes back, what replaces
 * what, and who misses what. */
#include "base/buf.h"
#include "tests/contract/place.h"

#include <string.h>

static struct stored_symbol_file make_file(struct place *p, unsigned n)
{
    struct stored_symbol_file f = {
        .kind = 1 + n % 3,
        .cpu = n % 5,
        .parts = n,
        .version = 1 + n % 2,
        .size = (uint64_t)n << 33,
        .has_cache = n % 4 != 3,
        .has_source = n % 6 != 5,
        .duplicate = n % 4 == 2,
        .converted_ms = 1000 + (int64_t)n,
    };
    memset(f.hash, f.has_cache ? (int)(n & 0x7f) + 1 : 0, sizeof f.hash);
    memset(f.source, f.has_source ? (int)(n & 0x7f) + 2 : 0, sizeof f.source);
    assert_true(arena_printf(p->arena, &f.entry, "folder/%u.sym", n));
    assert_true(arena_printf(p->arena, &f.debug_file, "lib%u.so", n));
    assert_true(arena_printf(p->arena, &f.debug_id, "%032X0", n));
    assert_true(arena_printf(p->arena, &f.code_file, "lib%u", n));
    assert_true(arena_printf(p->arena, &f.code_id, "%040x", n));
    assert_true(arena_printf(p->arena, &f.tag, "tag %u", n));
    if (!f.has_cache)
        assert_true(arena_printf(p->arena, &f.error, "damaged at %u", n));
    return f;
}

/* Upload n of symbols, with the files first, first + 1 ... */
static struct stored_upload make_symbols(struct place *p, uint64_t n, unsigned first, size_t count)
{
    struct stored_upload u = make_upload(p, n, 10);
    struct stored_symbol_file *files = arena_array(p->arena, count + 1, sizeof *files);
    assert_non_null(files);
    for (size_t i = 0; i < count; i++)
        files[i] = make_file(p, first + (unsigned)i);
    u.format = UPLOAD_SYMBOLS;
    u.state = UPLOAD_KEPT;
    u.report = STORE_NONE;
    u.project = STR("app");
    u.symbol_files = files;
    u.symbol_file_count = count;
    return u;
}

static void write_upload(struct place *p, const struct stored_upload *u)
{
    struct store_batch batch = { .uploads = u, .upload_count = 1 };
    OK(store_write(p->store, &batch, &e));
}

static void assert_file(const struct stored_symbol_file *got, const struct stored_symbol_file *want,
                        uint64_t object)
{
    assert_true(got->object == object);
    assert_str(got->project, STR("app"));
    assert_str(got->entry, want->entry);
    assert_int_equal(got->kind, want->kind);
    assert_int_equal(got->cpu, want->cpu);
    assert_int_equal(got->parts, want->parts);
    assert_int_equal(got->version, want->version);
    assert_str(got->debug_file, want->debug_file);
    assert_str(got->debug_id, want->debug_id);
    assert_str(got->code_file, want->code_file);
    assert_str(got->code_id, want->code_id);
    assert_true(got->size == want->size);
    assert_int_equal(got->has_cache, want->has_cache);
    assert_int_equal(got->has_source, want->has_source);
    assert_memory_equal(got->hash, want->hash, sizeof got->hash);
    assert_memory_equal(got->source, want->source, sizeof got->source);
    assert_int_equal(got->duplicate, want->duplicate);
    assert_str(got->tag, want->tag);
    assert_str(got->error, want->error);
    assert_true(got->converted_ms == want->converted_ms);
}

static void expect_files(struct place *p, const struct stored_upload *u)
{
    struct stored_symbol_file *got;
    size_t count;
    OK(store_symbols_of(p->store, u->object, p->arena, &got, &count, &e));
    assert_int_equal(count, u->symbol_file_count);
    for (size_t i = 0; i < count; i++)
        assert_file(&got[i], &u->symbol_files[i], u->object);
}

struct scan {
    uint32_t last;
    size_t count, stop_at;
};

static bool scan_one(void *ctx, const struct stored_symbol_file *f, struct err *e)
{
    struct scan *x = ctx;
    if (x->count == x->stop_at)
        return err_set(e, ERR_LIMIT, 0, "that is enough");
    assert_true(f->number > x->last);
    x->last = f->number;
    x->count++;
    return true;
}

static void files_come_back(void **state)
{
    struct place *p = *state;
    struct stored_upload one = make_symbols(p, 5, 0, 9), two = make_symbols(p, 9, 20, 3);
    write_upload(p, &one);
    write_upload(p, &two);
    place_reopen(p);
    expect_files(p, &one);
    expect_files(p, &two);
    struct scan x = { .stop_at = SIZE_MAX };
    OK(store_scan_symbol_files(p->store, scan_one, &x, &e));
    assert_int_equal(x.count, 12);
    x = (struct scan){ .stop_at = 3 };
    FAILS(store_scan_symbol_files(p->store, scan_one, &x, &e), ERR_LIMIT);
}

static void files_are_replaced(void **state)
{
    struct place *p = *state;
    struct stored_upload one = make_symbols(p, 5, 0, 9), other = make_symbols(p, 6, 40, 2);
    write_upload(p, &one);
    write_upload(p, &other);
    struct stored_upload again = make_symbols(p, 5, 100, 2);
    again.remade = true;
    write_upload(p, &again);
    expect_files(p, &again);
    expect_files(p, &other);
    again.symbol_file_count = 0;
    write_upload(p, &again);
    expect_files(p, &again);
}

static void files_in_lists(void **state)
{
    struct place *p = *state;
    struct stored_upload one = make_symbols(p, 5, 0, 12);
    struct stored_upload elsewhere = make_symbols(p, 6, 0, 4);
    struct stored_symbol_file *got;
    struct symbol_filter f = { .project = STR("app"), .limit = 4 };
    size_t count, seen = 0;
    elsewhere.project = STR("elsewhere");
    write_upload(p, &one);
    write_upload(p, &elsewhere);
    do { /* pages, newest first, of what has a cache and is no duplicate: n % 4 is 0 or 1 */
        OK(store_symbol_list(p->store, &f, p->arena, &got, &count, &e));
        for (size_t i = 0; i < count; i++, seen++) {
            unsigned want = 9 - (unsigned)(seen / 2) * 4 - (unsigned)(seen % 2);
            assert_file(&got[i], &one.symbol_files[want], 5);
            assert_true(got[i].received_ms == one.received_ms);
            f.before = got[i].number;
        }
    } while (count > 0);
    assert_int_equal(seen, 6);
    f = (struct symbol_filter){ .project = STR(""), .all = true, .limit = SIZE_MAX };
    OK(store_symbol_list(p->store, &f, p->arena, &got, &count, &e));
    assert_int_equal(count, 16);
    f.project = STR("no such");
    OK(store_symbol_list(p->store, &f, p->arena, &got, &count, &e));
    assert_int_equal(count, 0);

    struct symbol_counts n;
    OK(store_symbol_counts(p->store, 5, p->arena, &n, &e));
    assert_true(n.fresh == 6 && n.duplicate == 3 && n.invalid == 3);
    assert_str(n.tag, STR("tag 9")); /* one of them: uploads have one tag */
    OK(store_symbol_counts(p->store, 77, p->arena, &n, &e));
    assert_true(n.fresh == 0 && n.duplicate == 0 && n.invalid == 0);
}

static void known_by_their_bytes(void **state)
{
    struct place *p = *state;
    struct stored_upload one = make_symbols(p, 8, 0, 5), big = make_symbols(p, 16, 0, 0);
    struct stored_symbol_file got;
    const struct stored_symbol_file *want = &one.symbol_files[4];
    uint64_t object;
    write_upload(p, &one);
    write_upload(p, &big); /* its body is a file */
    OK(store_symbol_known(p->store, STR("app"), want->source, want->version, p->arena, &got, &e));
    assert_file(&got, want, 8);
    FAILS(store_symbol_known(p->store, STR("app"), want->source, want->version + 1, p->arena, &got,
                             &e),
          ERR_NOT_FOUND);
    FAILS(
        store_symbol_known(p->store, STR("other"), want->source, want->version, p->arena, &got, &e),
        ERR_NOT_FOUND);
    OK(store_symbol_upload_find(p->store, STR("app"), big.body.hash, 100, &object, &e));
    assert_true(object == 16);
    OK(store_symbol_upload_find(p->store, STR("app"), big.body.hash, 16, &object, &e));
    assert_true(object == 0);
    OK(store_symbol_upload_find(p->store, STR("other"), big.body.hash, 100, &object, &e));
    assert_true(object == 0);
}

/* Upload n, which misses these modules. */
static struct stored_upload make_wanting(struct place *p, uint64_t n, const struct stored_module *m,
                                         size_t count)
{
    struct stored_upload u = make_upload(p, n, 10);
    u.project = STR("app");
    u.format = UPLOAD_MINIDUMP;
    u.state = UPLOAD_WAITING;
    u.report = STORE_NONE;
    u.missing = m;
    u.missing_count = count;
    return u;
}

static void assert_missing(const struct missing_module *got, const char *debug_file,
                           uint64_t reports, int64_t first_ms, int64_t last_ms)
{
    assert_str(got->project, STR("app"));
    assert_str(got->module.debug_file, str_from_c(debug_file));
    assert_true(got->reports == reports);
    assert_true(got->first_ms == first_ms && got->last_ms == last_ms);
}

static void what_is_missing(void **state)
{
    struct place *p = *state;
    const struct stored_module m[] = {
        { STR("app.pdb"), STR("AAAA1"), STR("app.exe"), STR("aa") },
        { STR("ntdll.pdb"), STR("BBBB1"), STR("ntdll.dll"), STR("bb") },
        { STR(""), STR(""), STR("old.dll"), STR("cc") },
    };
    struct missing_module *got;
    uint64_t *objects;
    size_t count;
    struct stored_upload one = make_wanting(p, 1, m, 2), two = make_wanting(p, 2, m + 1, 2);
    write_upload(p, &one);
    write_upload(p, &two);
    OK(store_missing_list(p->store, STR("app"), 0, 10, p->arena, &got, &count, &e));
    assert_int_equal(count, 3);
    assert_missing(&got[0], "ntdll.pdb", 2, one.received_ms, two.received_ms);
    assert_missing(&got[1], "", 1, two.received_ms, two.received_ms);
    assert_missing(&got[2], "app.pdb", 1, one.received_ms, one.received_ms);
    OK(store_missing_list(p->store, STR(""), 2, 10, p->arena, &got, &count, &e));
    assert_int_equal(count, 1);
    OK(store_missing_list(p->store, STR("other"), 0, 10, p->arena, &got, &count, &e));
    assert_int_equal(count, 0);

    OK(store_missing_objects(p->store, STR("app"), &m[1], 0, 10, p->arena, &objects, &count, &e));
    assert_true(count == 2 && objects[0] == 1 && objects[1] == 2);
    OK(store_missing_objects(p->store, STR("app"), &m[1], 1, 10, p->arena, &objects, &count, &e));
    assert_true(count == 1 && objects[0] == 2);
    OK(store_missing_objects(p->store, STR("app"), &m[2], 0, 10, p->arena, &objects, &count, &e));
    assert_true(count == 1 && objects[0] == 2);
    OK(store_missing_objects(p->store, STR("x"), &m[1], 0, 10, p->arena, &objects, &count, &e));
    assert_int_equal(count, 0);

    two.remade = true; /* made again, with one of them found */
    two.missing_count = 1;
    write_upload(p, &two);
    OK(store_missing_list(p->store, STR("app"), 0, 10, p->arena, &got, &count, &e));
    assert_int_equal(count, 2);
    assert_missing(&got[0], "ntdll.pdb", 2, one.received_ms, two.received_ms);
}

/* "1app.pdb 2ntdll.pdb": all that a range holds, read in pages of this size. */
static struct str wants_of(struct place *p, struct missing_range range, size_t page)
{
    struct buf text;
    struct str out;
    struct missing_want *got, last;
    size_t count = page;
    buf_init(&text, 4096);
    for (bool first = true; count == page; first = false) {
        OK(store_missing_wants(p->store, &range, first ? NULL : &last, page, p->arena, &got, &count,
                               &e));
        for (size_t i = 0; i < count; i++)
            buf_printf(&text, "%s%u%.*s", text.len > 0 ? " " : "", (unsigned)got[i].object,
                       STR_ARG(got[i].module.debug_file));
        if (count > 0)
            last = got[count - 1];
    }
    assert_true(arena_str(p->arena, buf_view(&text), &out));
    buf_done(&text);
    return out;
}

static void who_wants_what(void **state)
{
    struct place *p = *state;
    const struct stored_module m[] = {
        { STR("b"), STR("AAAA1"), STR("b"), STR("11") },
        { STR("a"), STR("aaaa1"), STR("a"), STR("11") },
        { STR("c"), STR("BBBB1"), STR("c"), STR("22") },
        { STR("d"), STR(""), STR("d"), STR("ab") },
        { STR("e"), STR(""), STR("e"), STR("cd") },
        { STR("f"), STR(""), STR(""), STR("") },
        { STR("g"), STR(""), STR(""), STR("") },
    };
    static const struct {
        const char *name, *project, *debug_id, *code_id, *debug_file, *want;
    } cases[] = {
        { "all", "app", "", "", "", "2f 3f 2g 3g 2d 3d 2e 3e 1a 2a 3a 1b 2b 3b 1c 2c 3c" },
        { "a debug id, in any case", "app", "AaAa1", "", "", "1a 2a 3a 1b 2b 3b" },
        { "another", "app", "BBBB1", "", "", "1c 2c 3c" },
        { "one that nobody wants", "app", "BBBB", "", "", "" },
        { "behind all", "app", "C", "", "", "" },
        { "a code id", "app", "", "AB", "", "2d 3d" },
        { "a code id of those with a debug id", "app", "", "22", "", "" },
        { "another project", "other", "", "", "", "" },
        { "a file of those without ids", "app", "", "", "f", "2f 3f" },
        { "another of those", "app", "", "", "g", "2g 3g" },
        { "in another case", "app", "", "", "F", "" },
        { "a file of those with ids", "app", "", "", "e", "" },
    };
    for (uint64_t n = 1; n <= 3; n++) {
        struct stored_upload u = make_wanting(p, n, m, n == 1 ? 3 : 7);
        write_upload(p, &u);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t page = 1; page < 20; page += 3) {
            const struct missing_range range = { str_from_c(cases[i].project),
                                                 str_from_c(cases[i].debug_id),
                                                 str_from_c(cases[i].code_id),
                                                 str_from_c(cases[i].debug_file) };
            struct str got = wants_of(p, range, page);
            if (!str_eq(got, str_from_c(cases[i].want)))
                fail_msg("%s, pages of %zu: %.*s", cases[i].name, page, STR_ARG(got));
        }
    struct missing_module *list;
    size_t count;
    const struct stored_module same = { STR("a"), STR("AAAA1"), STR("a"), STR("11") };
    struct stored_upload other = make_wanting(p, 4, &same, 1);
    write_upload(p, &other);
    OK(store_missing_list(p->store, STR("app"), 0, 10, p->arena, &list, &count, &e));
    assert_int_equal(count, 7); /* an id in another case is none of its own */
}

static void ids_of_an_upload(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *debug_id, *code_id, *debug_file;
        uint32_t kind;
    } rows[] = {
        { "BB", "22", "b", 1 },     { "aa", "1a", "a", 2 },     { "AA", "1A", "a", 2 },
        { "", "33", "App.js", 10 }, { "CC", "", "app.js", 10 }, { "CC", "", "app.js", 11 },
        { "DD", "44", "d.js", 10 },
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    static const char want[] = "AA BB CC -1A -22 -33 @App.js @app.js";
    static const char *const ways[] = { "", "-", "@" };
    struct stored_symbol_file files[ROWS];
    struct stored_upload u = make_symbols(p, 5, 0, 0);
    for (unsigned i = 0; i < ROWS; i++) {
        files[i] = make_file(p, 0);
        files[i].debug_id = str_from_c(rows[i].debug_id);
        files[i].code_id = str_from_c(rows[i].code_id);
        files[i].debug_file = str_from_c(rows[i].debug_file);
        files[i].kind = rows[i].kind;
        files[i].has_cache = i + 1 < ROWS; /* the last cannot be used */
        files[i].error = files[i].has_cache ? STR("") : STR("broken");
    }
    u.symbol_files = files;
    u.symbol_file_count = ROWS;
    write_upload(p, &u);
    for (size_t page = 1; page < 10; page++) {
        char text[64] = "";
        struct symbol_id *got, last;
        size_t count = page, used = 0;
        for (bool first = true; count == page; first = false) {
            OK(store_symbol_ids(p->store, 5, first ? NULL : &last, page, p->arena, &got, &count,
                                &e));
            for (size_t i = 0; i < count; i++) {
                assert_str(got[i].project, STR("app"));
                used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%.*s",
                                         used ? " " : "", ways[got[i].way], STR_ARG(got[i].id));
            }
            if (count > 0)
                last = got[count - 1];
        }
        if (strcmp(text, want))
            fail_msg("pages of %zu: %s", page, text);
    }
}

static void summaries(void **state)
{
    struct place *p = *state;
    const struct stored_module m = { STR("a"), STR("AA1"), STR(""), STR("") };
    struct stored_upload one = make_symbols(p, 5, 0, 9), two = make_symbols(p, 6, 30, 1);
    struct stored_upload wants = make_wanting(p, 7, &m, 1);
    struct symbol_summary sum;
    OK(store_symbol_summary(p->store, STR("app"), &sum, &e));
    assert_true(sum.uploads.count == 0 && sum.files.count == 0 && sum.missing.count == 0);
    write_upload(p, &one);
    write_upload(p, &two); /* a duplicate */
    write_upload(p, &wants);
    OK(store_symbol_summary(p->store, STR("app"), &sum, &e));
    assert_true(sum.uploads.count == 2 && sum.uploads.first_ms == one.received_ms &&
                sum.uploads.last_ms == two.received_ms);
    assert_true(sum.files.count == 5 && sum.files.first_ms == 1000 && sum.files.last_ms == 1008);
    assert_true(sum.missing.count == 1 && sum.missing.first_ms == wants.received_ms &&
                sum.missing.last_ms == wants.received_ms);

    /* Symbols outlive reports. */
    OK(store_delete_all(p->store, 8, &e));
    OK(store_symbol_summary(p->store, STR("app"), &sum, &e));
    assert_true(sum.uploads.count == 2 && sum.files.count == 5 && sum.missing.count == 0);
    struct stored_upload got;
    OK(store_upload_read(p->store, 5, p->arena, &got, &e));
    FAILS(store_upload_read(p->store, 7, p->arena, &got, &e), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(files_come_back),      CASE(files_are_replaced), CASE(files_in_lists),
        CASE(known_by_their_bytes), CASE(what_is_missing),    CASE(summaries),
        CASE(who_wants_what),       CASE(ids_of_an_upload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
