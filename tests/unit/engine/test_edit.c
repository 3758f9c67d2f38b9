/* Setting and clearing attributes: in rows, payloads, search and columns; after a restart, and
 * after the upload was processed again; refusals; many objects at once. */
#include "unit/engine/edits.h"

#include <sqlite3.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool has_value(struct place *p, uint32_t report, const char *field, const char *text)
{
    const struct engine_view *v = engine_view_acquire(p->engine);
    const struct lexicon *lx = collection_lexicon(v->collection);
    struct values other = collection_report(v->collection, report).other;
    bool found = false;
    for (uint32_t i = 0; i < other.count; i++) {
        const struct lexicon_value *value = lexicon_value(lx, other.at[i]);
        found |= str_eq(lexicon_field(lx, value->field)->name, str_from_c(field)) &&
                 str_eq(lexicon_value_text(value), str_from_c(text));
    }
    engine_view_release(p->engine, v);
    return found;
}

static void assert_payload(struct place *p, uint64_t object, const char *part, bool there)
{
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct str json;
    struct err e = { 0 };
    if (!engine_object_report(p->engine, object, STR("p"), a, &json, &e))
        fail_msg("%s", e.msg);
    if ((memmem(json.ptr, json.len, part, strlen(part)) != NULL) != there)
        fail_msg("%s %s in %.*s", there ? "no" : "there is", part, STR_ARG(json));
    arena_free(a);
}

static void process_again(struct place *p, uint64_t object)
{
    struct err e = { 0 };
    assert_true(engine_reprocess(p->engine, &object, 1, &e));
    while (engine_reprocessed(p->engine).waiting > 0)
        usleep(1000);
}

/* Of an upload. */
static void test_upload(void **state)
{
    struct place *p = *state;
    place_open(p);
    uint64_t object = send_json(p, "alpha", "", true);
    assert_int_equal(set_attribute(p, &object, 1, "team", ATTRIBUTE_STRING, "kernel"), 1);
    assert_int_equal(set_attribute(p, &object, 1, "n", ATTRIBUTE_UNSIGNED, "7"), 1);
    assert_int_equal(set_attribute(p, &object, 1, "zip", ATTRIBUTE_STRING, "01234"), 1);
    assert_int_equal(set_attribute(p, &object, 1, "digits", ATTRIBUTE_STRING, "5"), 1);
    assert_int_equal(set_attribute(p, &object, 1, "uname.sysname", ATTRIBUTE_STRING, NULL), 1);
    for (unsigned round = 0; round < 4; round++) {
        assert_cell(p, object, "team", "str:kernel");
        assert_cell(p, object, "n", "uint:7");
        assert_cell(p, object, "digits", "str:5");
        assert_cell(p, object, "uname.sysname", "-");
        assert_payload(p, object, "\"kernel\"", true);
        assert_payload(p, object, "Linux", false);
        if (round % 2 == 0)
            process_again(p, object);
        else
            place_reopen(p);
        const struct engine_view *v = engine_view_acquire(p->engine);
        uint32_t last = collection_count(v->collection) - 1;
        engine_view_release(p->engine, v);
        assert_true(has_value(p, last, "team", "kernel"));
        assert_false(has_value(p, last, "uname_sysname", "Linux"));
    }
    /* And back. */
    assert_int_equal(set_attribute(p, &object, 1, "uname.sysname", ATTRIBUTE_STRING, "Plan9"), 1);
    assert_int_equal(set_attribute(p, &object, 1, "team", ATTRIBUTE_STRING, NULL), 1);
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        assert_cell(p, object, "uname.sysname", "str:Plan9");
        assert_cell(p, object, "team", "-");
    }
}

/* Of a report of the PartyCrasher API. */
static void test_report(void **state)
{
    struct place *p = *state;
    const uint64_t object = 1;
    place_open(p);
    post_ok(p, "p",
            "{\"database_id\":\"d\",\"os\":{\"name\":\"x\",\"kind\":\"y\"},\"tags\":[\"a\",\"b\"],"
            "\"stacktrace\":[{\"function\":\"f\"}]}");
    assert_int_equal(set_attribute(p, &object, 1, "os.name", ATTRIBUTE_STRING, "z"), 1);
    assert_int_equal(set_attribute(p, &object, 1, "tags", ATTRIBUTE_STRING, NULL), 1);
    assert_int_equal(set_attribute(p, &object, 1, "a:b", ATTRIBUTE_UNSIGNED, "5"), 1);
    assert_int_equal(set_attribute(p, &object, 1, "project", ATTRIBUTE_STRING, "mine"), 1);
    char *before = rows_text(p, "p");
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        char *now = rows_text(p, "p");
        assert_string_equal(now, before);
        free(now);
        assert_cell(p, object, "os.name", "str:z");
        assert_cell(p, object, "os.kind", "str:y");
        assert_cell(p, object, "tags", "-");
        assert_cell(p, object, "a:b", "uint:5");
        assert_cell(p, object, "a_b", "-");
        assert_cell(p, object, "project", "str:mine");
        assert_payload(p, object, "\"os\":{\"name\":\"z\",\"kind\":\"y\"}", true);
        assert_true(has_value(p, 0, "os.name", "z"));
        assert_true(has_value(p, 0, "a_b", "5"));
        assert_false(has_value(p, 0, "os.name", "x"));
        assert_false(has_value(p, 0, "tags", "a"));
    }
    free(before);
    /* The same post is still the same report. */
    struct sent *s = post(p, "p",
                          "{\"database_id\":\"d\",\"os\":{\"name\":\"x\",\"kind\":\"y\"},"
                          "\"tags\":[\"a\",\"b\"],\"stacktrace\":[{\"function\":\"f\"}]}");
    assert_true(s->job.ok && s->job.results[0].same);
    sent_free(s);
}

static void test_refused(void **state)
{
    static const struct {
        const char *name;
        size_t text_len;
        enum err_code want;
    } cases[] = {
        { "fingerprint", 1, ERR_INPUT },
        { "fingerprint;original", 1, ERR_INPUT },
        { "callstack", 1, ERR_INPUT },
        { "timestamp", 1, ERR_INPUT },
        { "object", 1, ERR_INPUT },
        { "object.size", 1, ERR_INPUT },
        { "_tx", 1, ERR_INPUT },
        { "_deleted", 1, ERR_INPUT },
        { "_mod_fingerprint", 1, ERR_INPUT },
        { "", 1, ERR_INPUT },
        { "not UTF-8 \xff", 1, ERR_INPUT },
        { "long", UPLOAD_VALUE_MAX + 1, ERR_LIMIT },
        { "longest", UPLOAD_VALUE_MAX, ERR_NONE },
    };
    struct place *p = *state;
    place_open(p);
    uint64_t object = send_json(p, "alpha", "", true);
    char *text = malloc(UPLOAD_VALUE_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', UPLOAD_VALUE_MAX + 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edit_sent *s = edit_new("p", EDIT_SET);
        const struct edit_value value = { .name = str_from_c(cases[i].name),
                                          .text = { text, cases[i].text_len } };
        struct err e = { 0 };
        s->t.objects = &object;
        s->t.object_count = s->t.value_count = 1;
        s->t.values = &value;
        bool ok = edit_send(p, s, &e);
        if (ok != (cases[i].want == ERR_NONE) || (!ok && e.code != cases[i].want))
            fail_msg("\"%s\": %s", cases[i].name, ok ? "was set" : e.msg);
        edit_free(s);
    }
    free(text);
}

/* A name that would be one column too many. */
static void test_limit(void **state)
{
    struct place *p = *state;
    p->config.columns_max = 12;
    place_open(p);
    uint64_t object = send_json(p, "alpha", "", true);
    struct err e = { 0 };
    unsigned made = 0;
    for (; made < 12; made++) {
        char name[16];
        snprintf(name, sizeof name, "new%u", made);
        struct edit_sent *s = edit_new("p", EDIT_SET);
        const struct edit_value value = { .name = str_from_c(name), .text = STR("x") };
        s->t.objects = &object;
        s->t.object_count = s->t.value_count = 1;
        s->t.values = &value;
        bool ok = edit_send(p, s, &e);
        edit_free(s);
        if (!ok)
            break;
        assert_cell(p, object, name, "str:x");
    }
    assert_true(made > 0 && made < 12);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.msg, "12"));
    assert_int_equal(set_attribute(p, &object, 1, "new0", ATTRIBUTE_STRING, "y"), 1);
}

/* Over several portions; with ids that are not there, of another project, and twice. */
static void test_many(void **state)
{
    struct place *p = *state;
    enum { OBJECTS = 600 };
    uint64_t ids[OBJECTS + 4];
    place_open(p);
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (i % 3 == 0)
            post_ok(p, "p", "{\"database_id\":\"d%u\",\"team\":\"old\"}", i);
        else
            (void)send_json(p, "alpha", "", false);
    }
    post_ok(p, "other", "{\"database_id\":\"foreign\"}");
    for (unsigned i = 0; i < OBJECTS + 1; i++)
        ids[i] = i + 1; /* in the order of acceptance; the last is foreign */
    ids[OBJECTS + 1] = 0;
    ids[OBJECTS + 2] = UINT64_MAX;
    ids[OBJECTS + 3] = 77;
    (void)set_attribute(p, ids, OBJECTS + 4, "team", ATTRIBUTE_STRING, "new");
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        unsigned set = 0;
        char *all = rows_text(p, "p");
        for (const char *c = all; (c = strstr(c, " team=str:new")); c++)
            set++;
        assert_int_equal(set, OBJECTS);
        assert_null(strstr(all, "team=str:old"));
        free(all);
        char *foreign = rows_text(p, "other");
        assert_null(strstr(foreign, "team"));
        free(foreign);
    }
}

/* A portion ends by bytes, too: what was before the one that fails stays done. */
static void test_portions(void **state)
{
    enum { OBJECTS = 8, BAD = 5 };
    struct place *p = *state;
    uint64_t ids[OBJECTS];
    sqlite3 *db;
    char path[128];
    p->config.edit_bytes = 1;
    place_open(p);
    for (unsigned i = 0; i < OBJECTS; i++) {
        ids[i] = i + 1;
        if (i % 2 == 0)
            post_ok(p, "p", "{\"database_id\":\"d%u\",\"team\":\"old\"}", i);
        else
            (void)send_json(p, "alpha", "", true);
    }
    snprintf(path, sizeof path, "%s/crumple.db", p->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TRIGGER no BEFORE INSERT ON amendments WHEN NEW.object=5"
                                  " BEGIN SELECT RAISE(ABORT, 'no'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    struct edit_sent *s = edit_new("p", EDIT_SET);
    const struct edit_value value = { .name = STR("team"), .text = STR("x") };
    struct err e = { 0 };
    s->t.objects = ids;
    s->t.object_count = OBJECTS;
    s->t.value_count = 1;
    s->t.values = &value;
    assert_false(edit_send(p, s, &e));
    assert_int_equal(s->t.changed, BAD - 1);
    edit_free(s);
    assert_int_equal(sqlite3_exec(db, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    for (unsigned round = 0; round < 2; round++, place_reopen(p))
        for (unsigned i = 0; i < OBJECTS; i++)
            assert_int_equal(strcmp(cell_text_of(p, "p", ids[i], "team"), "str:x") == 0,
                             ids[i] < BAD);
    assert_int_equal(set_attribute(p, ids, OBJECTS, "team", ATTRIBUTE_STRING, "y"), OBJECTS);
    for (unsigned i = 0; i < OBJECTS; i++)
        assert_cell(p, ids[i], "team", "str:y");
    assert_true(has_value(p, 0, "team", "y"));
    assert_payload(p, ids[1], "\"y\"", true);
}

static void test_nothing(void **state)
{
    struct place *p = *state;
    place_open(p);
    const uint64_t none = 5;
    assert_int_equal(set_attribute(p, &none, 1, "a", ATTRIBUTE_STRING, "x"), 0);
    assert_int_equal(set_attribute(p, &none, 0, "a", ATTRIBUTE_STRING, "x"), 0);
}

/* A disk that takes no more: nothing changes, and the sender is told. */
static void test_failed(void **state)
{
    struct place *p = *state;
    place_open(p);
    uint64_t object = send_json(p, "alpha", "", true);
    char *before = rows_text(p, "p");
    sqlite3 *db;
    char path[128];
    snprintf(path, sizeof path, "%s/crumple.db", p->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TRIGGER no BEFORE INSERT ON amendments BEGIN"
                                  " SELECT RAISE(ABORT, 'no'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    struct edit_sent *s = edit_new("p", EDIT_SET);
    const struct edit_value value = { .name = STR("team"), .text = STR("x") };
    struct err e = { 0 };
    s->t.objects = &object;
    s->t.object_count = s->t.value_count = 1;
    s->t.values = &value;
    assert_false(edit_send(p, s, &e));
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(s->t.changed, 0);
    edit_free(s);
    char *after = rows_text(p, "p");
    assert_string_equal(after, before);
    assert_payload(p, object, "team", false);
    assert_int_equal(sqlite3_exec(db, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(set_attribute(p, &object, 1, "team", ATTRIBUTE_STRING, "x"), 1);
    free(before);
    free(after);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_upload), TEST(test_report),   TEST(test_refused), TEST(test_limit),
        TEST(test_many),   TEST(test_portions), TEST(test_nothing), TEST(test_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
