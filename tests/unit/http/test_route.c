/* test_route.c - which route a path and a method find. */
#include "../cmocka_all.h"
#include "http/route.h"

static void handler(struct http_exchange *x, void *ctx)
{
    (void)x, (void)ctx;
}

static const struct http_route table[] = {
    HTTP_ROUTE("GET", "", handler),
    HTTP_ROUTE("GET", "reports", handler),
    HTTP_ROUTE("POST", "reports", handler),
    HTTP_ROUTE("POST", "reports/dry-run", handler),
    HTTP_ROUTE("GET", "reports/:id", handler),
    HTTP_ROUTE("GET DELETE", ":project/reports/:id", handler),
    HTTP_ROUTE("PUT", ":project/:thing/:id", handler),
};

#define NO_PATH -1
#define NO_METHOD -2

static const struct {
    const char *method, *path;
    int want; /* index into the table, or one of the above */
    const char *allow;
} cases[] = {
    { "GET", "/", 0, "GET, HEAD, OPTIONS" },
    { "HEAD", "/", 0, "GET, HEAD, OPTIONS" },
    { "GET", "/reports", 1, "GET, HEAD, POST, OPTIONS" },
    { "GET", "/reports/", 1, "GET, HEAD, POST, OPTIONS" },
    { "POST", "/reports", 2, "GET, HEAD, POST, OPTIONS" },
    { "DELETE", "/reports", NO_METHOD, "GET, HEAD, POST, OPTIONS" },
    { "get", "/reports", NO_METHOD, "GET, HEAD, POST, OPTIONS" },
    { "GE", "/reports", NO_METHOD, "GET, HEAD, POST, OPTIONS" },
    { "", "/reports", NO_METHOD, "GET, HEAD, POST, OPTIONS" },
    { "GET POST", "/reports", NO_METHOD, "GET, HEAD, POST, OPTIONS" },
    { "POST", "/reports/dry-run", 3, "GET, HEAD, POST, OPTIONS" },
    { "GET", "/reports/dry-run", 4, "GET, HEAD, POST, OPTIONS" },
    { "GET", "/%72eports/x", 4, "GET, HEAD, OPTIONS" },
    { "GET", "/Reports/x", NO_PATH, "" },
    { "GET", "/p/reports/x", 5, "GET, HEAD, DELETE, OPTIONS" },
    { "PUT", "/p/reports/x", NO_METHOD, "GET, HEAD, DELETE, OPTIONS" },
    { "PUT", "/p/things/x", 6, "PUT, OPTIONS" }, /* names alone: only when nothing else matches */
    { "GET", "/p/things/x", NO_METHOD, "PUT, OPTIONS" },
    { "GET", "//reports/x", NO_PATH, "" },
    { "GET", "/p/reports//", NO_PATH, "" },
    { "GET", "/a%2Freports%2Fx", NO_PATH, "" },
    { "GET", "/1/2/3/4/5/6/7/8/9", NO_PATH, "" },
};

static void test_find(void **state)
{
    (void)state;
    struct routes r;
    struct err e;
    assert_true(routes_init(&r, table, COUNT_OF(table), &e));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
        struct str segments[URL_SEGMENTS_MAX], allow;
        size_t count;
        bool path_known;
        assert_true(url_path(str_from_c(cases[i].path), a, segments, &count, &e));
        const struct route *found =
            routes_find(&r, segments, count, str_from_c(cases[i].method), &path_known);
        int got = found ? (int)(found->is - table) : path_known ? NO_METHOD : NO_PATH;
        if (got != cases[i].want)
            fail_msg("%s %s: %d, not %d", cases[i].method, cases[i].path, got, cases[i].want);
        assert_true(routes_allow(&r, segments, count, a, &allow));
        if (got != NO_PATH && !str_eq(allow, str_from_c(cases[i].allow)))
            fail_msg("%s: Allow is %.*s", cases[i].path, STR_ARG(allow));
    }
    routes_done(&r);
}

static void test_segments_by_name(void **state)
{
    (void)state;
    struct routes r;
    struct err e;
    const struct str segments[] = { STR("p"), STR("reports"), STR("7") };
    struct str s;
    assert_true(routes_init(&r, table, COUNT_OF(table), &e));
    assert_true(route_segment(&r.at[5], segments, "project", &s) && str_eq(s, STR("p")));
    assert_true(route_segment(&r.at[5], segments, "id", &s) && str_eq(s, STR("7")));
    assert_false(route_segment(&r.at[5], segments, "reports", &s));
    assert_false(route_segment(&r.at[5], segments, "i", &s));
    routes_done(&r);
}

static const struct http_route with_loose[] = {
    HTTP_ROUTE("GET", ":project", handler),
    { .methods = "POST", .pattern = "post", .handler = handler, .loose = true },
    { .methods = "GET", .pattern = "api/get", .handler = handler, .loose = true },
    HTTP_ROUTE("POST", "**", handler),
};

static void test_loose(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        int want;
    } rows[] = {
        { "GET", "/api/get", 2 },
        { "GET", "//api///get//", 2 },
        { "GET", "/api/get&token=t/u//v", 2 },
        { "GET", "/api/get/&token=t", 2 },
        { "GET", "/api/get&/1/2/3/4/5/6/7/8/9", 2 },
        { "GET", "/api//get/////&", 2 },
        { "GET", "/api///////////get", NO_PATH },
        { "GET", "/api/get/x", NO_PATH },
        { "GET", "/api&/get", NO_PATH },
        { "GET", "/api/getx&", NO_PATH },
        { "GET", "/get", 0 },
        { "GET", "/post", NO_METHOD },
        { "POST", "/post&format=json", 1 },
        { "POST", "//post/", 1 },
        { "POST", "/pos&t", NO_METHOD },
        { "POST", "/post/x", 3 },
        { "POST", "/&post", NO_METHOD },
        { "POST", "/", 3 },
    };
    struct routes r;
    struct err e;
    assert_true(routes_init(&r, with_loose, COUNT_OF(with_loose), &e));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
        struct str segments[URL_SEGMENTS_MAX];
        size_t count;
        bool path_known;
        assert_true(url_path(str_from_c(rows[i].path), a, segments, &count, &e));
        const struct route *found =
            routes_find(&r, segments, count, str_from_c(rows[i].method), &path_known);
        int got = found ? (int)(found->is - with_loose) : path_known ? NO_METHOD : NO_PATH;
        if (got != rows[i].want)
            fail_msg("%s %s: %d, not %d", rows[i].method, rows[i].path, got, rows[i].want);
    }
    routes_done(&r);
}

static const struct http_route with_any[] = {
    HTTP_ROUTE("POST PUT", "**", handler), /* its place in the table does not matter */
    HTTP_ROUTE("GET", "reports", handler),
    HTTP_ROUTE("GET", ":project", handler),
    HTTP_ROUTE("GET", "", handler),
};

static void test_any_path(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        int want;
        const char *allow;
    } rows[] = {
        { "POST", "/a/b/c", 0, "POST, PUT, OPTIONS" },
        { "POST", "//a", 0, "POST, PUT, OPTIONS" },
        { "POST", "/1/2/3/4/5/6/7/8/9", 0, "POST, PUT, OPTIONS" },
        { "GET", "/a/b/c", NO_PATH, "POST, PUT, OPTIONS" },
        { "POST", "/reports", NO_METHOD, "GET, HEAD, OPTIONS" },
        { "POST", "/a", NO_METHOD, "GET, HEAD, OPTIONS" },
        { "POST", "/", NO_METHOD, "GET, HEAD, OPTIONS" },
        { "HEAD", "/**", 2, "GET, HEAD, OPTIONS" },
    };
    struct routes r;
    struct err e;
    assert_true(routes_init(&r, with_any, COUNT_OF(with_any), &e));
    assert_true(r.has_any_path);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
        struct str segments[URL_SEGMENTS_MAX], allow;
        size_t count;
        bool path_known;
        assert_true(url_path(str_from_c(rows[i].path), a, segments, &count, &e));
        const struct route *found =
            routes_find(&r, segments, count, str_from_c(rows[i].method), &path_known);
        int got = found ? (int)(found->is - with_any) : path_known ? NO_METHOD : NO_PATH;
        assert_true(routes_allow(&r, segments, count, a, &allow));
        if (got != rows[i].want || !str_eq(allow, str_from_c(rows[i].allow)))
            fail_msg("%s %s: %d, Allow: %.*s", rows[i].method, rows[i].path, got, STR_ARG(allow));
    }
    CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
    struct str allow;
    assert_true(routes_allow(&r, NULL, 0, a, &allow) && str_eq(allow, STR("POST, PUT, OPTIONS")));
    assert_ptr_equal(routes_find_any(&r, STR("PUT"))->is, &with_any[0]);
    assert_null(routes_find_any(&r, STR("GET")));
    routes_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_any_path),
        cmocka_unit_test(test_loose),
        cmocka_unit_test(test_segments_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
