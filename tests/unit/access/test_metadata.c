/* Scopes and the metadata of tokens: what is taken, and the sentence for what is not. */
#include "access/access.h"
#include "base/buf.h"

#include "../cmocka_all.h"
#include <stdio.h>

#define BOTH (SCOPE_ERROR_POST | SCOPE_SYNC_POST)

static void test_scopes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t scopes; /* 0: refused */
        const char *again, *part;
    } cases[] = {
        { "error:post", SCOPE_ERROR_POST, "error:post", NULL },
        { "error:post sync:post", BOTH, "error:post sync:post", NULL },
        { "sync:post,error:post", BOTH, "error:post sync:post", NULL },
        { " ,\terror:post, ,sync:post ,", BOTH, "error:post sync:post", NULL },
        { "error:post error:post", SCOPE_ERROR_POST, "error:post", NULL },
        { "sync:post query:post object:get symbol:post error:post", 31,
          "error:post symbol:post object:get query:post sync:post", NULL },
        { "", 0, NULL, "at least one capability" },
        { " , ", 0, NULL, "at least one capability" },
        { "error:post post", 0, NULL, "no capability \"post\"; there are error:post," },
        { "Error:Post", 0, NULL, "no capability \"Error:Post\"" },
        { "error:post;sync:post", 0, NULL, "no capability \"error:post;sync:post\"" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 16);
        struct err e = { 0 };
        struct str again;
        uint32_t scopes = 0;
        bool ok = scopes_parse(str_from_c(cases[i].text), &scopes, &e);
        if (scopes != cases[i].scopes || ok != (scopes != 0))
            fail_msg("\"%s\": %u, %s", cases[i].text, scopes, e.msg);
        if (!ok && (e.code != ERR_INPUT || !strstr(e.msg, cases[i].part)))
            fail_msg("\"%s\": %s", cases[i].text, e.msg);
        if (ok && (!scopes_write(scopes, a, &again) || !str_eq(again, str_from_c(cases[i].again))))
            fail_msg("\"%s\": %.*s", cases[i].text, STR_ARG(again));
    }
}

static void test_every_set_of_scopes_comes_back(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 16);
    for (uint32_t scopes = 1; scopes < 32; scopes++) {
        struct err e = { 0 };
        struct str text;
        uint32_t again = 0;
        assert_true(scopes_write(scopes, a, &text));
        assert_true(scopes_parse(text, &again, &e));
        assert_int_equal(again, scopes);
    }
}

/* As a line to compare with: "cts [fingerprint,uname.sysname] {has_advanced_log=1} 60000". */
static struct str describe(const struct token *t, char *out, size_t room)
{
    struct buf b;
    buf_init(&b, room);
    buf_printf(&b, "%.*s [", STR_ARG(t->bucket.name));
    for (size_t i = 0; i < t->bucket.attribute_count; i++)
        buf_printf(&b, "%s%.*s", i ? "," : "", STR_ARG(t->bucket.attributes[i]));
    buf_printf(&b, "] {");
    for (size_t i = 0; i < t->bucket.set_count; i++)
        buf_printf(&b, "%s%.*s=%.*s", i ? "," : "", STR_ARG(t->bucket.set[i].attribute),
                   STR_ARG(t->bucket.set[i].value));
    buf_printf(&b, "} %lld, %llu/%zu/%llu", (long long)t->bucket_ttl_ms,
               (unsigned long long)t->limits.body_bytes, t->limits.parts,
               (unsigned long long)t->limits.attachment_bytes);
    assert_true(buf_ok(&b));
    memcpy(out, b.ptr, b.len);
    struct str text = { out, b.len };
    buf_done(&b);
    return text;
}

static void test_metadata_taken(void **state)
{
    (void)state;
    static const struct {
        const char *metadata, *want;
    } cases[] = {
        { "", " [] {} 60000, 0/0/0" },
        { "{}", " [] {} 60000, 0/0/0" },
        { "{\"note\":{\"buckets\":[1]},\"x\":null}", " [] {} 60000, 0/0/0" },
        { "{\"buckets\":{}}", " [] {} 60000, 0/0/0" },
        { "{\"buckets\":{\"cts\":{\"attributes\":[\"fingerprint\",\"uname.sysname\"], "
          "\"set\": { \"has_advanced_log\" : \"1\" }}}}",
          "cts [fingerprint,uname.sysname] {has_advanced_log=1} 60000, 0/0/0" },
        { "{\"buckets\":{\"b\":{\"attributes\":[\"a\"]}}}", "b [a] {} 60000, 0/0/0" },
        { "{\"buckets\":{\"b\":{\"ttl\":86400,\"attributes\":[\"a\"],\"set\":{}}}}",
          "b [a] {} 86400000, 0/0/0" },
        { "{\"buckets\":{\"b\":{\"attributes\":[\"a\"],\"ttl\":1,\"set\":{\"s\":\"\","
          "\"n\":-1.50e3,\"t\":true,\"f\":false}}}}",
          "b [a] {s=,n=-1.50e3,t=true,f=false} 1000, 0/0/0" },
        { "{\"limits\":{\"parts\":7,\"body_bytes\":1000,\"attachment_bytes\":1099511627776}}",
          " [] {} 60000, 1000/7/1099511627776" },
        { "{\"limits\":{}}", " [] {} 60000, 0/0/0" },
        { "{\"limits\":{\"parts\":1},\"buckets\":{\"\xc3\xa9\":{\"attributes\":[\"\xc3\xa9\"]}}}",
          "\xc3\xa9 [\xc3\xa9] {} 60000, 0/1/0" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        struct err e = { 0 };
        struct token t = { .number = 5 };
        char text[500];
        struct str metadata = str_from_c(cases[i].metadata);
        if (!token_read_metadata(&t, metadata, BOTH, a, &e))
            fail_msg("%s: %s", cases[i].metadata, e.msg);
        struct str got = describe(&t, text, sizeof text);
        if (!str_eq(got, str_from_c(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].metadata, STR_ARG(got));
        assert_true(str_eq(t.metadata, metadata));
        assert_int_equal(t.bucket.token, 5);
        assert_false(t.bucket.use);
    }
}

#define BUCKET(members) "{\"buckets\":{\"b\":{" members "}}}"
static void test_metadata_refused(void **state)
{
    (void)state;
    static const struct {
        const char *metadata;
        uint32_t scopes;
        const char *part;
    } cases[] = {
        { "{", BOTH, "metadata: line 1, column" },
        { "[]", BOTH, "must be a JSON object" },
        { "\"x\"", BOTH, "must be a JSON object" },
        { "{\"a\":1,\"a\":1}", BOTH, "metadata: line 1" },
        { "{\"x\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", BOTH, "metadata: " },
        { "{\"buckets\":[]}", BOTH, "\"buckets\" must be an object" },
        { "{\"buckets\":{\"a\":{},\"b\":{}}}", BOTH, "has 2 submission buckets" },
        { BUCKET("\"attributes\":[\"a\"]"), SCOPE_ERROR_POST, "error:post and sync:post" },
        { BUCKET("\"attributes\":[\"a\"]"), SCOPE_SYNC_POST, "error:post and sync:post" },
        { "{\"buckets\":{\"b\":1}}", BOTH, "submission bucket \"b\": it must be an object" },
        { "{\"buckets\":{\"\":{\"attributes\":[\"a\"]}}}", BOTH, "1 to 256 bytes" },
        { "{\"buckets\":{\"a\\nb\":{\"attributes\":[\"a\"]}}}", BOTH, "control character" },
        { BUCKET(""), BOTH, "bucket \"b\": \"attributes\" is missing" },
        { BUCKET("\"set\":{\"a\":1}"), BOTH, "\"attributes\" is missing" },
        { BUCKET("\"attributes\":[]"), BOTH, "list of 1 to 32 names" },
        { BUCKET("\"attributes\":\"a\""), BOTH, "list of 1 to 32 names" },
        { BUCKET("\"attributes\":[1]"), BOTH, "as strings" },
        { BUCKET("\"attributes\":[\"\"]"), BOTH, "1 to 256 bytes" },
        { BUCKET("\"attributes\":[\"a\\u0000\"]"), BOTH, "control character" },
        { BUCKET("\"attributes\":[\"a\",\"b\",\"a\"]"), BOTH, "has \"a\" twice" },
        { BUCKET("\"attribute\":[\"a\"]"), BOTH, "there is no \"attribute\" in a bucket" },
        { BUCKET("\"attributes\":[\"a\",\"b\"],\"set\":{\"c\":1,\"b\":1}"), BOTH,
          "\"set\" changes \"b\", which is counted" },
        { BUCKET("\"attributes\":[\"a\"],\"set\":[]"), BOTH, "\"set\" must be an object" },
        { BUCKET("\"attributes\":[\"a\"],\"set\":{\"x\":null}"), BOTH, "\"x\" must be a string" },
        { BUCKET("\"attributes\":[\"a\"],\"set\":{\"x\":{}}"), BOTH, "\"x\" must be a string" },
        { BUCKET("\"attributes\":[\"a\"],\"set\":{\"\":1}"), BOTH, "1 to 256 bytes" },
        { BUCKET("\"attributes\":[\"a\"],\"ttl\":0"), BOTH, "from 1 to 86400" },
        { BUCKET("\"attributes\":[\"a\"],\"ttl\":86401"), BOTH, "from 1 to 86400" },
        { BUCKET("\"attributes\":[\"a\"],\"ttl\":1.5"), BOTH, "from 1 to 86400" },
        { BUCKET("\"attributes\":[\"a\"],\"ttl\":-1"), BOTH, "from 1 to 86400" },
        { BUCKET("\"attributes\":[\"a\"],\"ttl\":\"60\""), BOTH, "from 1 to 86400" },
        { BUCKET("\"attributes\":[\"a\"],\"ttl\":99999999999999999999"), BOTH, "to 86400" },
        { "{\"limits\":5}", BOTH, "\"limits\" must be an object" },
        { "{\"limits\":{\"body\":5}}", BOTH, "\"limits\": there is no \"body\"" },
        { "{\"limits\":{\"parts\":0}}", BOTH, "\"limits\": \"parts\" must be a whole number" },
        { "{\"limits\":{\"body_bytes\":1099511627777}}", BOTH, "from 1 to 1099511627776" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        struct err e = { 0 };
        struct token t = { 0 };
        if (token_read_metadata(&t, str_from_c(cases[i].metadata), cases[i].scopes, a, &e))
            fail_msg("%s: taken", cases[i].metadata);
        if (e.code != ERR_INPUT || !strstr(e.msg, cases[i].part))
            fail_msg("%s: %s", cases[i].metadata, e.msg);
    }
}

/* Exactly as many as are allowed, and one more. */
static void test_metadata_limits(void **state)
{
    (void)state;
    static char text[TOKEN_METADATA_MAX + 100];
    for (int extra = 0; extra < 2; extra++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 22);
        struct err e = { 0 };
        struct token t = { 0 };
        size_t len = (size_t)snprintf(text, sizeof text, "{\"buckets\":{\"b\":{\"attributes\":[");
        for (int i = 0; i < TOKEN_BUCKET_ATTRIBUTES_MAX + extra; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s\"a%d\"", i ? "," : "", i);
        snprintf(text + len, sizeof text - len, "]}}}");
        assert_int_equal(token_read_metadata(&t, str_from_c(text), BOTH, a, &e), !extra);

        len = (size_t)snprintf(text, sizeof text, BUCKET("\"attributes\":[\"%0*d\"]"),
                               UPLOAD_NAME_MAX + extra, 0);
        assert_int_equal(token_read_metadata(&t, (struct str){ text, len }, BOTH, a, &e), !extra);

        len = (size_t)snprintf(text, sizeof text, "{\"x\":\"%0*d\"}",
                               TOKEN_METADATA_MAX - 8 + extra, 0);
        assert_int_equal(len, TOKEN_METADATA_MAX + extra);
        assert_int_equal(token_read_metadata(&t, (struct str){ text, len }, BOTH, a, &e), !extra);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_every_set_of_scopes_comes_back),
        cmocka_unit_test(test_metadata_taken),
        cmocka_unit_test(test_metadata_refused),
        cmocka_unit_test(test_metadata_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
