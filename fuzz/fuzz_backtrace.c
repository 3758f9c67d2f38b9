/* Any bytes as an upload of each format: what the door says, and for JSON the whole way to a
 * report, which must be taken without an error; then attributes are set on it, and it must still
 * be. */
#include "decode/decode.h"
#include "report/crash_report.h"

#include <assert.h>

#define ARENA_BYTES ((size_t)256 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_door(const uint8_t *data, size_t size)
{
    struct bytes first = { data, size < DECODE_MAGIC_BYTES ? size : DECODE_MAGIC_BYTES };
    for (int f = UPLOAD_JSON; f < UPLOAD_FORMATS; f++) {
        struct err e = { 0 };
        if (!decode_check_magic((enum upload_format)f, first, &e))
            assert(e.code != ERR_NONE && e.msg[0] != '\0'); /* a refusal always says why */
    }
}

static void check_report(struct str text, struct arena *a)
{
    const struct json_limits limits = { REPORT_DEPTH_MAX, 2 * (size_t)REPORT_TEXTS_MAX };
    const struct json *j;
    struct report r;
    struct err e = { 0 };
    bool ok = json_parse(&j, text, limits, a, &e) && report_from_json(&r, j, text, a, &e);
    assert(ok || e.code == ERR_NOMEM);
}

static void check_amended(struct str report, const struct attributes *from, struct arena *a)
{
    struct report_text *texts;
    size_t count = from->count < 8 ? from->count : 8, text_count;
    struct amended m;
    struct str json;
    struct err e = { 0 };
    bool ok = true;
    amended_init(&m, a);
    for (size_t i = 0; i < count && ok; i++)
        ok = i % 3 == 2 ? amended_clear(&m, from->at[i].name)
                        : amended_set(&m, from->at[i].name, from->at[i].type, from->at[i].text);
    if (!ok)
        return;
    ok = crash_report_amend(report, &m, a, &json, &texts, &text_count, &e);
    assert(ok || e.code == ERR_NOMEM);
    if (ok)
        check_report(json, a);
}

static void check_attributes(const struct attributes *from, struct arena *a)
{
    struct buf b;
    struct json_writer w;
    struct attributes back;
    struct err e = { 0 };
    buf_init(&b, ARENA_BYTES);
    json_writer_init(&w, &b);
    attributes_write(&w, from);
    attributes_init(&back, a);
    bool ok = attributes_read(&back, buf_view(&b), &e);
    assert(ok || e.code == ERR_NOMEM);
    assert(!ok || back.count == from->count);
    buf_done(&b);
}

static void check_json(struct str text, struct arena *a)
{
    const struct upload_field fields[] = {
        { STR("_mod_faulting_tid"), STR("1"), UPLOAD_FROM_QUERY },
        { STR("stacktrace"), STR("x"), UPLOAD_FROM_FORM },
    };
    const struct upload u = { .fields = fields, .field_count = 2, .body = { .size = text.len } };
    const struct crash_names names = { STR("id"), STR("P"), 1 };
    struct crash c;
    struct str uuid, json;
    struct err e = { 0 };
    bool taken = decode_check_json(text, a, &uuid, &e);
    bool read = decode_upload(UPLOAD_JSON, text, NULL, &c, a, &e);
    assert(taken == read || e.code == ERR_NOMEM);
    if (!taken || !read)
        return;
    assert(str_eq(uuid, c.uuid));
    assert(c.thread_count == 0 || c.main_thread < c.thread_count);
    if (!decode_merge(&c, &u, &e) || !crash_report_write(&c, &names, a, &json, &e)) {
        assert(e.code == ERR_NOMEM);
        return;
    }
    check_report(json, a);
    check_amended(json, &c.attributes, a);
    check_attributes(&c.attributes, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct str text;
    check_door(data, size);
    if (a && arena_str(a, (struct str){ (const char *)data, size }, &text))
        check_json(text, a);
    return 0;
}
