/* Receipts: what is made is read back, and nothing else is taken for it. */
#include "access/receipt.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#define ROUNDS 50

static const uint8_t secret[RECEIPT_SECRET_BYTES] = "one secret";
static const uint8_t other_secret[RECEIPT_SECRET_BYTES] = "another secret";

static uint64_t some_object(struct dice *d)
{
    uint64_t object = dice_bits(d) >> dice(d, 64);
    return object ? object : 1;
}

/* From the documentation of the service that these look like. */
static void test_plain_form(void **state)
{
    (void)state;
    static const struct {
        uint64_t object;
        const char *text;
    } cases[] = {
        { 0xce, "ce000000-0000-0000-0000-000000000000" },
        { 1, "01000000-0000-0000-0000-000000000000" },
        { 0x12345678, "78563412-0000-0000-0000-000000000000" },
        { 0x123456789abcdef0, "f0debc9a-0000-0000-0000-785634120000" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char plain[RXID_BYTES + 1], full[RXID_BYTES + 1];
        rxid_make_plain(cases[i].object, plain);
        assert_string_equal(plain, cases[i].text);
        rxid_make(secret, cases[i].object, full);
        assert_int_equal(strlen(full), RXID_BYTES);
        assert_memory_equal(full, plain, 9);
        assert_memory_equal(full + 18, plain + 18, RXID_BYTES - 18);
    }
}

static void test_objects(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t object; /* 0: refused */
    } cases[] = {
        { "7", 7 },
        { "ce", 0xce },
        { "CE", 0xce },
        { "007", 7 },
        { "ffffffffffffffff", UINT64_MAX },
        { "0", 0 },
        { "0000000000000000", 0 },
        { "", 0 },
        { "0x7", 0 },
        { " 7", 0 },
        { "7 ", 0 },
        { "-7", 0 },
        { "g", 0 },
        { "10000000000000000", 0 },
        { "ce000000-0000-0000-0000-000000000000", 0xce },
        { "CE000000-0000-0000-0000-000000000000", 0xce },
        { "ce000000-0000-0000-0000-010000000000", 0x1000000ce },
        { "00000000-0000-0000-0000-000000000000", 0 },
        { "ce000000-0000-0000-0000-00000000000", 0 },
        { "ce000000-0000-0000-0000-0000000000000", 0 },
        { "ce000000-0000-0000-0000-000000000001", 0 },
        { "ce000000-0000-0000-0000-000000000100", 0 },
        { "ce000000-0000-0000-0001-000000000000", 0 },
        { "ce000000-0000-0001-0000-000000000000", 0 },
        { "ce000000-0001-0000-0000-000000000000", 0 },
        { "ce000000 0000-0000-0000-000000000000", 0 },
        { "ce0000000-000-0000-0000-000000000000", 0 },
        { "ce00000g-0000-0000-0000-000000000000", 0 },
        { "ce000000000000000000000000000000", 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t object = 0;
        bool ok = object_parse(secret, str_from_c(cases[i].text), &object);
        if (ok != (cases[i].object != 0) || object != cases[i].object)
            fail_msg("\"%s\": %d, %llx", cases[i].text, ok, (unsigned long long)object);
    }
    uint64_t object;
    assert_false(object_parse(secret, (struct str){ "7\0", 2 }, &object));
}

static void test_rxids_come_back(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        uint64_t object = some_object(&d), got = 0;
        char text[RXID_BYTES + 1], bad[RXID_BYTES + 1];
        rxid_make(secret, object, text);
        assert_true(object_parse(secret, str_from_c(text), &got));
        assert_int_equal(got, object);
        assert_false(object_parse(other_secret, str_from_c(text), &got));
        /* Any other digit in any place makes it another's. */
        for (size_t i = 0; i < RXID_BYTES; i++) {
            memcpy(bad, text, sizeof bad);
            bad[i] = bad[i] == '-' ? '0' : bad[i] == '0' ? '1' : '0';
            if (object_parse(secret, str_from_c(bad), &got))
                fail_msg("%s is taken, which is not %s", bad, text);
        }
    }
}

static void test_bucket_tokens(void **state)
{
    (void)state;
    const int64_t now = 1795198459730, ttl = 60000;
    static const struct {
        const char *name;
        uint32_t api_token;
        int64_t later_ms;
        enum bucket_token_state want;
    } cases[] = {
        { "at once", 7, 0, BUCKET_TOKEN_GOOD },
        { "last moment", 7, 59999, BUCKET_TOKEN_GOOD },
        { "one more", 7, 60000, BUCKET_TOKEN_EXPIRED },
        { "much later", 7, INT64_MAX - 1795198459730, BUCKET_TOKEN_EXPIRED },
        { "the clock was set back a little", 7, -59999, BUCKET_TOKEN_GOOD },
        { "the clock was set back", 7, -60000, BUCKET_TOKEN_EXPIRED },
        { "before there were clocks", 7, INT64_MIN / 2, BUCKET_TOKEN_EXPIRED },
        { "another API token", 8, 0, BUCKET_TOKEN_FOREIGN },
        { "another API token, late", 8, 60000, BUCKET_TOKEN_FOREIGN },
    };
    char text[BUCKET_TOKEN_BYTES + 1];
    bucket_token_make(secret, 7, now, text);
    assert_int_equal(strlen(text), BUCKET_TOKEN_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (bucket_token_check(secret, cases[i].api_token, now + cases[i].later_ms, ttl,
                               str_from_c(text)) != cases[i].want)
            fail_msg("%s", cases[i].name);
    assert_int_equal(bucket_token_check(other_secret, 7, now, ttl, str_from_c(text)),
                     BUCKET_TOKEN_UNKNOWN);
    assert_int_equal(bucket_token_check(secret, 7, INT64_MIN, ttl, str_from_c(text)),
                     BUCKET_TOKEN_EXPIRED);
}

static void test_forged_bucket_tokens(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        char text[BUCKET_TOKEN_BYTES + 1];
        int64_t now = (int64_t)(dice_bits(&d) >> 1);
        uint32_t api_token = (uint32_t)dice_bits(&d);
        bucket_token_make(secret, api_token, now, text);
        assert_int_equal(bucket_token_check(secret, api_token, now, 1, str_from_c(text)),
                         BUCKET_TOKEN_GOOD);
        size_t at = dice(&d, BUCKET_TOKEN_BYTES);
        text[at] = text[at] == '0' ? '1' : '0';
        assert_int_equal(bucket_token_check(secret, api_token, now, 1, str_from_c(text)),
                         BUCKET_TOKEN_UNKNOWN);
    }
    static const char *const no_tokens[] = {
        "",
        "0",
        "x",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000000",
        "00000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000000g"
    };
    for (size_t i = 0; i < COUNT_OF(no_tokens); i++)
        assert_int_equal(bucket_token_check(secret, 0, 0, 60000, str_from_c(no_tokens[i])),
                         BUCKET_TOKEN_UNKNOWN);
}

/* The digits behind the object follow from the object and the secret. */
static void test_digits_differ(void **state)
{
    (void)state;
    char a[RXID_BYTES + 1], b[RXID_BYTES + 1];
    rxid_make(secret, 1, a);
    rxid_make(other_secret, 1, b);
    assert_memory_not_equal(a + 9, b + 9, 9);
    rxid_make(secret, 2, b);
    assert_memory_not_equal(a + 9, b + 9, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_form),           cmocka_unit_test(test_objects),
        cmocka_unit_test(test_rxids_come_back),      cmocka_unit_test(test_bucket_tokens),
        cmocka_unit_test(test_forged_bucket_tokens), cmocka_unit_test(test_digits_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
