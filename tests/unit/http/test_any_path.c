/* test_any_path.c - the route "**", raw paths and queries, who the client is, and files as answers.
 */
#include "wire.h"

#include <stdlib.h>
#include <unistd.h>

#define HOST "Host: a\r\n"

static unsigned begin(struct http_exchange *x, void *ctx, void **sink, struct err *e)
{
    (void)x, (void)ctx, (void)sink, (void)e;
    return 0;
}

static bool add(void *sink, struct bytes piece, struct err *e)
{
    (void)sink, (void)piece, (void)e;
    return true;
}

/* PATH|QUERY */
static void raw(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct str query = http_query(x), unread;
    assert_false(http_param(x, "format", &unread)); /* nobody reads it for a sink */
    buf_printf(http_out(x), "%.*s%s%.*s", STR_ARG(http_path(x)), query.len ? "|" : "",
               STR_ARG(query));
    http_answer(x, 200);
}

/* a|b */
static void loose(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct str a = STR("-"), b = STR("-");
    (void)http_param(x, "a", &a);
    (void)http_param(x, "b", &b);
    buf_printf(http_out(x), "%.*s|%.*s", STR_ARG(a), STR_ARG(b));
    http_answer(x, 200);
}

static void few(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    http_answer(x, 200);
}

static void client(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    buf_str(http_out(x), http_client(x));
    http_answer(x, 200);
}

/* Writes the status, too, so that one sees that it was this. */
static void write_error(struct buf *out, unsigned status, const struct err *e)
{
    buf_printf(out, "%u %s", status, e->msg);
}

static void fail_later(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct err e;
    err_set(&e, ERR_NOT_FOUND, 0, "no object");
    http_answer_err(x, &e);
}

static const struct http_sink nowhere = { .begin = begin, .add = add };
static const struct http_route routes[] = {
    { .methods = "POST",
      .pattern = "**",
      .handler = raw,
      .sink = &nowhere,
      .error_writer = write_error },
    HTTP_ROUTE("GET", ":project", client),
    HTTP_ROUTE("GET", "client", client),
    HTTP_ROUTE("GET", "file", wire_answer_file),
    { .methods = "GET", .pattern = "loose/path", .handler = loose, .loose = true },
    HTTP_ROUTE("GET", "few", few),
    { .methods = "POST", .pattern = "many", .handler = raw, .sink = &nowhere },
    { .methods = "GET", .pattern = "fails", .handler = fail_later, .error_writer = write_error },
};

static struct wire server;

static int set_up(void **state)
{
    (void)state;
    struct http_config c = wire_config();
    c.trusted_proxies = "127.0.0.0/8, 10.0.0.0/8, fd00::/8";
    wire_start_routes(&server, &c, routes, COUNT_OF(routes));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_stop(&server);
    return 0;
}

#define POST(target) "POST " target " HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"

static const struct {
    const char *request;
    unsigned status;
    const char *body;   /* NULL: any */
    const char *header; /* a line of the answer, or NULL */
} asks[] = {
    { POST("/u/t/json"), 200, "/u/t/json", NULL },
    { POST("/u/t/json/"), 200, "/u/t/json/", NULL },
    { POST("//post?format=json&token=t"), 200, "//post|format=json&token=t", NULL },
    { POST("/u/t/minidump&version=1.0"), 200, "/u/t/minidump&version=1.0", NULL },
    { POST("/a/b/c/d/e/f/g/h/i/j/k"), 200, "/a/b/c/d/e/f/g/h/i/j/k", NULL },
    { POST("/u/%74/j%20"), 200, "/u/%74/j%20", NULL },
    { POST("/u/%zz"), 200, "/u/%zz", NULL },
    { POST("/u/\xff"), 200, "/u/\xff", NULL },
    { POST("/"), 200, "/", NULL },
    { POST("http://b/x/y?c=1"), 200, "/x/y|c=1", NULL },
    { POST("/x/y?a=1?format=dump&b=+%2b&c&&=d&json"), 200, "/x/y|a=1?format=dump&b=+%2b&c&&=d&json",
      NULL },
    { POST("/x/y?a=%ff&b=%"), 200, "/x/y|a=%ff&b=%", NULL },
    { GET("/loose/path?a=1&b=+%2b"), 200, "1| +", NULL },
    { GET("//loose///path&a=1?b=2"), 200, "1|2", NULL },
    { GET("/loose/path/&a=1/2&b=%2f?b=3&a=4"), 200, "1/2|/", NULL },
    { GET("/loose/path&"), 200, "-|-", NULL },
    { GET("/loose/path&a=%zz"), 400, NULL, NULL },
    { "OPTIONS //loose//path HTTP/1.1\r\n" HOST "\r\n", 200, "", "Allow: GET, HEAD, OPTIONS" },
    { POST("x"), 400,
      "{\"error\":\"bad_url\",\"message\":\"the URL does not begin with a slash\"}\n", NULL },
    /* Paths that other routes have keep their 405; "**" has only its own methods. */
    { POST("/x"), 405, NULL, "Allow: GET, HEAD, OPTIONS" },
    { GET("/x/y"), 404, NULL, NULL },
    { GET("/%zz"), 400, NULL, NULL },
    { "DELETE /x/y HTTP/1.1\r\n" HOST "\r\n", 404, NULL, NULL },
    { "OPTIONS /x/y HTTP/1.1\r\n" HOST "\r\n", 200, "", "Allow: POST, OPTIONS" },
    { "OPTIONS /x//%zz HTTP/1.1\r\n" HOST "\r\n", 200, "",
      "Access-Control-Allow-Methods: POST, OPTIONS" },
    { "OPTIONS /x HTTP/1.1\r\n" HOST "\r\n", 200, "", "Allow: GET, HEAD, OPTIONS" },
    { "OPTIONS nothing HTTP/1.1\r\n" HOST "\r\n", 400, NULL, NULL },
    { GET("/fails"), 404, "404 no object", "Content-Type: application/json" },
    { GET("/fails?x=%0"), 400, "400 a % in the URL is not followed by two hexadecimal digits",
      NULL },
    { "GET /fails HTTP/1.1\r\n" HOST HOST "\r\n", 400, "400 a request needs one Host header",
      NULL },
    /* Files. */
    { GET("/file?bytes=4000"), 200, NULL, "Content-Length: 4000" },
    { GET("/file?bytes=4000"), 200, NULL, "Content-Disposition: attachment; filename=\"f\"" },
    { GET("/file?bytes=4000"), 200, NULL, "Content-Type: application/octet-stream" },
    { GET("/file?bytes=4000"), 200, NULL,
      "Access-Control-Expose-Headers: Content-Disposition, Link, Location, Retry-After" },
    { GET("/file?bytes=0"), 200, "", "Content-Length: 0" },
    { "HEAD /file?bytes=4000 HTTP/1.1\r\n" HOST "\r\n", 200, "", "Content-Length: 4000" },
    /* Who sends it, behind a proxy at 127.0.0.1. */
    { GET("/client"), 200, "127.0.0.1", NULL },
    { "GET /client HTTP/1.1\r\n" HOST "X-Forwarded-For: 1.2.3.4\r\n\r\n", 200, "1.2.3.4", NULL },
    { "GET /client HTTP/1.1\r\n" HOST "X-Forwarded-For: 6.6.6.6, 1.2.3.4 , 10.0.0.1\r\n\r\n", 200,
      "1.2.3.4", NULL },
    { "GET /client HTTP/1.1\r\n" HOST
      "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
      200, "1.2.3.4", NULL },
    { "GET /client HTTP/1.1\r\n" HOST "Forwarded: for=6.6.6.6, for=\"[2001:db8::1]:80\"\r\n\r\n",
      200, "2001:db8::1", NULL },
    { "GET /client HTTP/1.1\r\n" HOST "X-Forwarded-For: nobody\r\n\r\n", 200, "127.0.0.1", NULL },
};

static void test_asks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        struct answer a = wire_ask(&server, asks[i].request);
        if (a.status != asks[i].status || (asks[i].body && strcmp(a.body, asks[i].body) != 0) ||
            (asks[i].header && !answer_has(&a, asks[i].header)))
            fail_msg("%s\ngot: %s%s", asks[i].request, a.head, a.body ? a.body : "");
        answer_free(&a);
    }
}

static void test_many_params(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        size_t params;
        unsigned status;
    } cases[] = { { "GET /few?", 64, 200 },
                  { "GET /few?", 65, 400 },
                  { "GET /loose/path&", 64, 200 },
                  { "GET /loose/path&", 65, 400 },
                  { "POST /many?", 1025, 200 } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf b;
        buf_init(&b, 1 << 16);
        buf_str(&b, str_from_c(cases[i].start));
        for (size_t n = 0; n < cases[i].params; n++)
            buf_str(&b, STR("a=1&"));
        buf_str(&b, STR(" HTTP/1.1\r\n" HOST "\r\n"));
        buf_char(&b, '\0');
        struct answer a = wire_ask(&server, b.ptr);
        assert_int_equal(a.status, cases[i].status);
        answer_free(&a);
        buf_done(&b);
    }
}

/* Far more than a socket takes at once, read slowly; then one on the same connection. */
static void test_large_file(void **state)
{
    (void)state;
    int fd = wire_connect(&server);
    wire_text(fd, GET("/file?bytes=30000000") GET("/client"));
    sleep_ms(50);
    struct answer a = wire_answer(fd, false);
    assert_true(answer_is_file(&a, 30000000));
    answer_free(&a);
    a = wire_answer(fd, false);
    assert_string_equal(a.body, "127.0.0.1");
    answer_free(&a);
    close(fd);
}

/* Clients that do not wait for their file: it is closed all the same. */
static void test_file_to_nobody(void **state)
{
    (void)state;
    size_t before = wire_count_fds();
    for (int i = 0; i < 20; i++) {
        int fd = wire_connect(&server);
        wire_text(fd, GET("/file?bytes=30000000"));
        if (i % 2)
            sleep_ms(10);
        close(fd);
    }
    for (int i = 0; i < 2000 && wire_count_fds() != before; i++)
        sleep_ms(1);
    assert_int_equal(wire_count_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_to_nobody), /* before the server has any connection */
        cmocka_unit_test(test_asks),
        cmocka_unit_test(test_many_params),
        cmocka_unit_test(test_large_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
