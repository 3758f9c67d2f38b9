/* Rows that come from the file of a checkpoint, and from the store what changed behind it, are
 * those that come from the store alone, whatever happened in between; and a file that is damaged or
 * does not fit is not used. */
#include "unit/engine/edits.h"

#include "report/fingerprint.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 25
#define OBJECTS_MAX 600
#define FILE_NAME "columns.ckp"

struct life {
    struct place *p;
    size_t count; /* objects that ever came */
    unsigned seed, uuids;
};

static unsigned dice(struct life *l, unsigned sides)
{
    l->seed = l->seed * 1103515245u + 12345u;
    return (l->seed >> 16) % sides;
}

static void run(const char *format, const char *a, const char *b)
{
    char command[600];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(command, sizeof command, format, a, b);
#pragma GCC diagnostic pop
    assert_int_equal(system(command), 0);
}

static void run_sql(struct place *p, const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/crumple.db", p->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* --- what there is -------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The fingerprints and states of all issues of project p, sorted: their keys are given anew. */
static char *issues_text(struct place *p)
{
    struct columns *c = engine_columns(p->engine);
    const struct columns_view *v = columns_acquire(c);
    struct table t;
    char *lines[OBJECTS_MAX], *out = calloc(OBJECTS_MAX, 120);
    size_t count = 0;
    assert_non_null(out);
    if (columns_table(v, STR("p"), TABLE_ISSUES, &t)) {
        const struct column *names = table_column(&t, STR("fingerprint"));
        const struct column *states = table_column(&t, STR("state"));
        for (uint32_t row = 0; row < t.rows; row++) {
            struct text_room room, more;
            if (table_row(&t, table_key(&t, row)) != row)
                continue;
            struct str name = column_cell(&t, names, row, &room).s;
            struct str state = column_cell(&t, states, row, &more).s;
            assert_true(count < OBJECTS_MAX);
            lines[count] = malloc(120);
            snprintf(lines[count++], 120, "%.*s %.*s\n", STR_ARG(name), STR_ARG(state));
        }
    }
    columns_release(c, v);
    if (count > 0)
        qsort(lines, count, sizeof *lines, by_text);
    char *end = out;
    for (size_t i = 0; i < count; i++) {
        end += snprintf(end, 120, "%s", lines[i]);
        free(lines[i]);
    }
    return out;
}

static char *all_text(struct place *p, bool with_issues)
{
    char *a = rows_text(p, "p"), *b = rows_text(p, "q"), *c = issues_text(p);
    size_t room = strlen(a) + strlen(b) + strlen(c) + 10;
    char *out = malloc(room);
    assert_non_null(out);
    snprintf(out, room, "%s--\n%s--\n%s", a, b, with_issues ? c : "");
    free(a);
    free(b);
    free(c);
    return out;
}

/* What an engine finds that is started on a copy of the data, as after a kill; with the file or
 * without. A file may be written just then: the store may be older than the copied file, or newer.
 */
static char *text_of_copy(struct place *p, bool with_file, bool store_first)
{
    char sql[128];
    struct place copy = { .config = p->config };
    snprintf(copy.dir, sizeof copy.dir, "/tmp/crumple-copy-XXXXXX");
    assert_non_null(mkdtemp(copy.dir));
    copy.config.data_dir = copy.dir;
    snprintf(sql, sizeof sql, "VACUUM INTO '%s/crumple.db'", copy.dir);
    if (store_first)
        run_sql(p, sql);
    run("cd %s && cp -a $(ls | grep -v -e crumple.db -e tmp$) %s/", p->dir, copy.dir);
    if (!store_first)
        run_sql(p, sql);
    if (!with_file)
        run("rm -f %s/%s", copy.dir, FILE_NAME);
    place_open(&copy);
    char *text = all_text(&copy, true);
    place_close(&copy);
    run("rm -r %s%s", copy.dir, "");
    return text;
}

/* --- what happens --------------------------------------------------------------------------- */

static void come(struct life *l)
{
    for (unsigned n = 1 + dice(l, 20); n > 0 && l->count < OBJECTS_MAX; n--) {
        char function[32], uuid[64], body[500];
        snprintf(function, sizeof function, "f%u", dice(l, 12));
        snprintf(uuid, sizeof uuid, "00000000-0000-4000-8000-%012u", ++l->uuids);
        if (dice(l, 3) == 0) {
            snprintf(uuid, sizeof uuid, "r%u", l->uuids);
            snprintf(body, sizeof body,
                     "{\"database_id\":\"%s\",\"os\":\"o%u\",\"stacktrace\":"
                     "[{\"function\":\"alpha%u\"},{\"function\":\"main\"}]}",
                     uuid, dice(l, 5), dice(l, 9));
            post_ok(l->p, dice(l, 4) ? "p" : "q", "%s", body);
            l->count++;
        } else {
            (void)send_json(l->p, function, uuid, true);
            l->count++;
        }
    }
}

/* Some objects of project p. */
static size_t choose(struct life *l, uint64_t *out, size_t max)
{
    char *text = rows_text(l->p, "p");
    uint64_t all[OBJECTS_MAX];
    size_t there = 0;
    for (const char *line = text; *line && there < OBJECTS_MAX; line = strchr(line, '\n') + 1)
        all[there++] = strtoull(line, NULL, 16);
    free(text);
    size_t n = there == 0 ? 0 : 1 + dice(l, (unsigned)max);
    for (size_t i = 0; i < n; i++)
        out[i] = all[dice(l, (unsigned)there)];
    return n;
}

static void set(struct life *l)
{
    static const char *const names[] = { "colour", "shape", "build" };
    uint64_t chosen[30];
    char text[16];
    size_t n = choose(l, chosen, 30);
    snprintf(text, sizeof text, "v%u", dice(l, 5));
    if (n > 0)
        set_attribute(l->p, chosen, n, names[dice(l, 3)], ATTRIBUTE_STRING,
                      dice(l, 4) ? text : NULL);
}

static void take_away(struct life *l)
{
    uint64_t chosen[10];
    struct err e = { 0 };
    struct edit_sent *s = edit_new("p", EDIT_REMOVE);
    s->t.objects = chosen;
    s->t.object_count = choose(l, chosen, 10);
    s->t.removal = dice(l, 2) ? REMOVE_ALL : dice(l, 2) ? REMOVE_PHYSICAL : REMOVE_ROW;
    if (s->t.object_count > 0 && !edit_send(l->p, s, &e))
        fail_msg("%s", e.msg);
    edit_free(s);
}

/* Some fingerprints that objects are shown with. */
static void regroup(struct life *l, enum edit_kind kind)
{
    struct edit_sent *s = edit_new("p", kind);
    uint8_t(*list)[STORE_FINGERPRINT_BYTES] = arena_array(s->t.arena, 3, sizeof *list);
    char *text = issues_text(l->p);
    size_t issues = strlen(text) / 70, count = 0;
    struct err e = { 0 };
    for (size_t i = 0; i < 3 && issues > 0; i++) {
        const char *line = text;
        for (unsigned skip = dice(l, (unsigned)issues); skip > 0 && strchr(line, '\n')[1]; skip--)
            line = strchr(line, '\n') + 1;
        for (size_t k = 0; k < STORE_FINGERPRINT_BYTES; k++) {
            const char digits[3] = { line[2 * k], line[2 * k + 1], '\0' };
            list[count][k] = (uint8_t)strtoul(digits, NULL, 16);
        }
        count++;
    }
    static const struct edit_value resolved = { .name = STR_INIT("state"),
                                                .type = ATTRIBUTE_STRING,
                                                .text = STR_INIT("resolved") };
    s->t.fingerprints = (const uint8_t(*)[STORE_FINGERPRINT_BYTES])list;
    s->t.fingerprint_count = count;
    s->t.values = &resolved;
    s->t.value_count = kind == EDIT_ISSUES;
    if (count > 0)
        (void)!edit_send(l->p, s, &e); /* of removed objects: refused */
    free(text);
    edit_free(s);
}

static void again(struct life *l)
{
    uint64_t chosen[10];
    struct err e = { 0 };
    size_t n = choose(l, chosen, 10);
    if (n > 0)
        (void)!engine_reprocess(l->p->engine, chosen, n, &e);
    for (unsigned i = 0; engine_reprocessed(l->p->engine).waiting > 0; i++) {
        assert_true(i < 60000);
        usleep(1000);
    }
}

static void happen(struct life *l)
{
    struct err e = { 0 };
    switch (dice(l, 8)) {
    case 0:
    case 1:
        come(l);
        break;
    case 2:
    case 3:
        set(l);
        break;
    case 4:
        take_away(l);
        break;
    case 5:
        regroup(l, dice(l, 2) ? EDIT_MERGE : EDIT_UNMERGE);
        break;
    case 6:
        regroup(l, EDIT_ISSUES);
        break;
    default:
        again(l);
        break;
    }
    if (dice(l, 60) == 0)
        assert_true(engine_delete_all(l->p->engine, &e));
}

static void assert_same(const char *got, const char *want, unsigned seed)
{
    if (strcmp(got, want) != 0)
        print_message("seed %u\n", seed);
    assert_string_equal(got, want);
}

static void random_life(struct place *p, unsigned seed, size_t changes)
{
    struct life l = { .p = p, .seed = seed };
    p->config.checkpoint_changes = changes;
    place_open(p);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned steps = 1 + dice(&l, 8); steps > 0; steps--)
            happen(&l);
        char *now = all_text(p, false), *killed = text_of_copy(p, true, dice(&l, 2));
        char *anew = text_of_copy(p, false, true);
        assert_same(killed, anew, seed);
        assert_int_equal(strncmp(killed, now, strlen(now)), 0);
        if (dice(&l, 2)) {
            place_reopen(p);
            char *reopened = all_text(p, true);
            assert_same(reopened, anew, seed);
            free(reopened);
        }
        free(now);
        free(killed);
        free(anew);
    }
}

static void written_at_the_end(void **state)
{
    random_life(*state, 31, 1000000);
}

static void written_all_the_time(void **state)
{
    random_life(*state, 32, 1);
}

/* --- files that do not fit ------------------------------------------------------------------ */

/* One object, closed; what the store has of it was changed behind the engine's back, so that one
 * can see where the row is from. */
static uint64_t tampered(struct place *p)
{
    place_open(p);
    uint64_t object = send_json(p, "f", "", true);
    assert_int_equal(set_attribute(p, &object, 1, "from", ATTRIBUTE_STRING, "file"), 1);
    place_close(p);
    run_sql(p, "UPDATE uploads SET attributes = '{\"from\":\"store\"}'");
    return object;
}

static void expect_from(struct place *p, uint64_t object, const char *want)
{
    place_open(p);
    assert_cell(p, object, "from", want);
    place_close(p);
}

static void is_used(void **state)
{
    struct place *p = *state;
    uint64_t object = tampered(p);
    expect_from(p, object, "str:file");
    expect_from(p, object, "str:file");
    run_sql(p, "INSERT INTO row_log(object) SELECT object FROM uploads");
    expect_from(p, object, "str:store");
}

static void does_not_fit(void **state)
{
    static const struct {
        const char *name, *command, *sql;
    } cases[] = {
        { "gone", "rm %s/%s", NULL },
        { "empty", "truncate -s 0 %s/%s", NULL },
        { "cut", "truncate -s -9 %s/%s", NULL },
        { "longer", "printf 12345678 >> %s/%s", NULL },
        { "noise", "head -c 5000 /dev/urandom > %s/%s", NULL },
        { "a link", "mv %s/%s /tmp/crumple-linked && ln -s /tmp/crumple-linked %1$s/%2$s", NULL },
        { "one bit",
          "f=%s/%s; printf '\\377' | dd of=$f bs=1 seek=$(($(stat -c %%s $f) / 2)) conv=notrunc"
          " status=none",
          NULL },
        { "foreign token", NULL, "UPDATE row_checkpoint SET token = token + 1" },
        { "no checkpoint", NULL, "DELETE FROM row_checkpoint" },
        { "forgotten log", NULL, "UPDATE row_checkpoint SET number = number - 1" },
        { "older database", NULL, "UPDATE row_checkpoint SET number = number + 100" },
        { "other rows", NULL, "UPDATE row_checkpoint SET made_with = made_with + 1" },
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t object = tampered(p);
        if (cases[i].command)
            run(cases[i].command, p->dir, FILE_NAME);
        else
            run_sql(p, cases[i].sql);
        print_message("%s\n", cases[i].name);
        expect_from(p, object, "str:store");
        expect_from(p, object, "str:store"); /* and the next one is good */
        place_open(p);
        struct err e = { 0 };
        assert_true(engine_delete_all(p->engine, &e));
        place_close(p);
    }
    remove("/tmp/crumple-linked");
}

/* More attributes may be queried than before: rows that had to go without some are made anew. */
static void another_limit(void **state)
{
    struct place *p = *state;
    uint64_t object = tampered(p);
    p->config.columns_max++;
    expect_from(p, object, "str:store");
}

/* Deleted is deleted: the file goes, and an earlier one that comes back is refused. */
static void after_a_deletion(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    (void)tampered(p);
    run("cp %s/%s /tmp/crumple-kept.ckp", p->dir, FILE_NAME);
    place_open(p);
    assert_true(engine_delete_all(p->engine, &e));
    run("test ! -e %s/%s", p->dir, FILE_NAME);
    place_close(p);
    run("mv /tmp/crumple-kept.ckp %s/%s", p->dir, FILE_NAME);
    place_open(p);
    char *text = all_text(p, true);
    assert_string_equal(text, "--\n--\n");
    free(text);
}

/* A checkpoint that cannot be written is no harm. */
static void no_room(void **state)
{
    struct place *p = *state;
    p->config.checkpoint_changes = 0;
    run("mkdir -p %s/%s.tmp/x", p->dir, FILE_NAME);
    place_open(p);
    uint64_t object = send_json(p, "f", "", true);
    place_reopen(p);
    char *text = rows_text(p, "p");
    assert_true(object > 0 && text[0] != '\0');
    free(text);
    run("test ! -e %s/%s", p->dir, FILE_NAME);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(written_at_the_end), TEST(written_all_the_time), TEST(is_used), TEST(does_not_fit),
        TEST(another_limit),      TEST(after_a_deletion),     TEST(no_room),
    };
    return cmocka_run_group_tests_name("engine: checkpoints", tests, NULL, NULL);
}
