/* Any bytes as a PLCrashReporter report, without symbols: read, and the whole way to a
 * report, which must be taken without an error. What passes our own check must be unpacked by
 * protobuf-c, too: only memory may be short. */
#include "base/utf8.h"
#include "decode/decode.h"
#include "decode/plcrash.h"
#include "report/crash_report.h"

#include <assert.h>

#define ARENA_BYTES ((size_t)512 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct str s)
{
    assert(s.len == 0 || utf8_valid_prefix(s) == s.len);
}

static void check_modules(const struct dump *d)
{
    for (size_t i = 0; i < d->module_count; i++) {
        const struct dump_module *m = &d->modules[i];
        assert(m->size > 0 && m->size - 1 <= UINT64_MAX - m->base);
        assert(i == 0 || d->modules[i - 1].base + (d->modules[i - 1].size - 1) < m->base);
        check_text(m->code_file);
    }
}

static void check_threads(const struct dump *d)
{
    for (size_t i = 0; i < d->thread_count; i++)
        for (size_t k = 0; k < d->threads[i].frame_count; k++) {
            const struct walk_frame *f = &d->threads[i].frames[k];
            check_text(f->function);
            assert(f->module == WALK_NO_MODULE || f->module < d->module_count);
        }
}

static void check_dump(const struct dump *d)
{
    check_modules(d);
    check_threads(d);
    check_text(d->os_version);
    check_text(d->reason);
    check_text(d->classifier);
    assert(d->crash_thread == DUMP_NO_THREAD || d->crash_thread < d->thread_count);
    assert(!d->has_main_thread || d->main_thread < d->thread_count);
    assert(d->main_module == SIZE_MAX || d->main_module < d->module_count);
    for (size_t i = 0; i < d->error_count; i++)
        check_text(d->errors[i]);
}

static void check_report(const struct crash *c, struct arena *a)
{
    const struct json_limits limits = { REPORT_DEPTH_MAX, 2 * (size_t)REPORT_TEXTS_MAX };
    const struct crash_names names = { STR_INIT("id"), STR_INIT("p"), 0 };
    const struct json *j;
    struct report r;
    struct str text;
    struct err e = { 0 };
    bool ok = crash_report_write(c, &names, a, &text, &e) && json_parse(&j, text, limits, a, &e) &&
              report_from_json(&r, j, text, a, &e);
    assert(ok || e.code == ERR_NOMEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct dump *d = a ? arena_alloc(a, sizeof *d) : NULL;
    struct crash c;
    struct err e = { 0 };
    if (d && plcrash_read((struct bytes){ data, size }, NULL, d, a, &e)) {
        check_dump(d);
        decode_nothing(&c, a);
        if (dump_crash(d, &c, a, &e))
            check_report(&c, a);
        else
            assert(e.code == ERR_NOMEM);
    } else if (d) {
        assert(e.code == ERR_INPUT || e.code == ERR_LIMIT); /* 512 MB are enough for these sizes */
        assert(e.msg[0] != '\0');
    }
    arena_free(a);
    return 0;
}
