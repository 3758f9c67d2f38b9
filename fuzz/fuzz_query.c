/* Any bytes as the body of a query over a small table of all types: refused with a reason, or
 * answered with valid JSON. */
#include "base/metrics.h"
#include "columns/answer.h"

#include <assert.h>

#define ARENA_BYTES (256u << 20)
#define ANSWER_BYTES (64u << 20)
#define LONGEST_US 5000000 /* then a query may be refused */
#define ROWS 60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct columns *columns;

static struct cell text_cell(const char *s)
{
    return (struct cell){ .type = CELL_STRING, .s = str_from_c(s) };
}

static void put_row(uint64_t key)
{
    static const char *const hosts[] = { "alpha", "Beta", "\xc3\xa4pfel",
                                         "aaaaaaaaaaaaaaaaaaaaaaaab" };
    static const char *const prints[] = { "0a", "0b", "0c" };
    const struct named_cell cells[] = {
        { STR("hostname"), text_cell(hosts[key % 4]) },
        { STR("fingerprint"), text_cell(prints[key % 3]) },
        { STR("timestamp"), { .type = CELL_UINT, .u = 1700000000 + key * 100000 } },
        { STR("size"), { .type = CELL_UINT, .u = key % 7 ? key : UINT64_MAX - key } },
        { STR("delta"), { .type = CELL_INT, .i = key % 5 ? -(int64_t)key : INT64_MIN } },
        { STR("load"), { .type = CELL_DOUBLE, .d = key % 6 ? (double)key / 8 : 1e308 } },
        { STR("debug"), { .type = CELL_BOOL, .b = key % 2 } },
    };
    size_t skipped = key % 8, count = sizeof cells / sizeof *cells - (skipped > 6 ? 0 : skipped);
    struct err e;
    bool ok = columns_put(columns, STR("p"), TABLE_OBJECTS, key, cells, count, NULL, &e);
    assert(ok);
    const struct named_cell issue[] = { { STR("fingerprint"), text_cell(prints[key % 3]) },
                                        { STR("state"), text_cell("open") } };
    ok = key % 20 || columns_put(columns, STR("p"), TABLE_ISSUES, key, issue, 2, NULL, &e);
    assert(ok);
}

static void make_table(void)
{
    struct err e;
    const uint64_t gone[] = { 3, 17, 18 };
    bool ok = columns_new(&columns, COLUMNS_MAX_DEFAULT, &e);
    assert(ok);
    for (uint64_t key = 1; key <= ROWS; key++)
        put_row(key);
    ok = columns_remove(columns, STR("p"), TABLE_OBJECTS, gone, 3, &e);
    assert(ok);
    columns_publish(columns);
}

static void check_answer(const struct ask *q, const struct outcome *o, struct arena *a)
{
    const struct answer_about about = { STR_INIT("u"), STR_INIT("v"), STR_INIT("p"), 1, { 0 } };
    const struct json_limits limits = { 32, 20000000 };
    const struct json *parsed;
    struct json_writer w;
    struct buf out;
    struct err e;
    buf_init(&out, ANSWER_BYTES);
    json_writer_init(&w, &out);
    answer_write(&w, q, o, &about);
    if (buf_ok(&out) && buf_view(&out).len < 1 << 20) {
        bool valid = json_parse(&parsed, buf_view(&out), limits, a, &e) || e.code == ERR_NOMEM;
        assert(valid);
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct json_limits limits = { 16, 200000 };
    const struct json *body;
    struct ask q;
    struct outcome o;
    struct err e = { 0 };
    if (!columns)
        make_table();
    if (!a || !json_parse(&body, (struct str){ (const char *)data, size }, limits, a, &e) ||
        !ask_read(&q, body, a, &e))
        return 0;
    const struct run_limits until = { .until_us = metric_clock_us() + LONGEST_US };
    const struct columns_view *v = columns_acquire(columns);
    if (run_ask(&q, v, STR("p"), &until, a, &o, &e)) {
        assert(o.matched <= ROWS - 3 && o.newest == ROWS);
        check_answer(&q, &o, a);
    } else {
        assert(e.code == ERR_INPUT || e.code == ERR_LIMIT || e.code == ERR_NOMEM);
        assert(e.msg[0] != '\0');
    }
    columns_release(columns, v);
    return 0;
}
